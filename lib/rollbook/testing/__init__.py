"""
For the authors of actions: targets without a network, and the laws that every action keeps.

A test of a kind is a few cases and one parametrized function:

    CASES = [Case("absent", "file.absent", {"path": "/etc/motd"}, world=lambda: FakeWorld(FakeHost("local")))]

    @pytest.mark.parametrize(("case", "law"), laws_of(CASES), ids=law_id)
    def test_laws(case: Case, law: Law) -> None:
        law(case)
"""

from .fakes import FakeDatabase, FakeExecution, FakeFile, FakeHost, FakeReaders, FakeSite, FakeTarget, FakeWorld
from .laws import LAWS, Case, Law, LawBrokenError, law_id, laws_of

__all__ = [
    "LAWS",
    "Case",
    "FakeDatabase",
    "FakeExecution",
    "FakeFile",
    "FakeHost",
    "FakeReaders",
    "FakeSite",
    "FakeTarget",
    "FakeWorld",
    "Law",
    "LawBrokenError",
    "law_id",
    "laws_of",
]
