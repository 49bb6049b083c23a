"""The laws bite: a kind that breaks one is found out, each by the law that it breaks."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any, ClassVar

import pytest

from rollbook.action import Action, Change, Readers, Ref, Refuse, Undo
from rollbook.errors import AnswerNeeded
from rollbook.ops import Carriers, Execution, FileRemove, FileWrite, Op, OpResult
from rollbook.targets.base import HostReader
from rollbook.testing import LAWS, Case, FakeFile, FakeHost, FakeWorld, LawBrokenError
from rollbook.testing.laws import what_asks_has_kept_nothing
from rollbook.values import Plain

PATHS = ("/a", "/b")


@dataclass(frozen=True, slots=True)
class Pair:
    """Two files."""

    first: str | None
    second: str | None


@dataclass(frozen=True, slots=True)
class PairPresent(Action[Pair]):
    """Have two files with one text; keeps every law."""

    kind: ClassVar[str] = "pair.present"
    example: ClassVar[dict[str, Plain]] = {"text": "x"}

    text: str
    target: Ref[HostReader] = Ref("local")  # a Ref is frozen

    def probe(self, read: Readers) -> Pair:
        found = [read[self.target].read_file(path) for path in PATHS]
        return Pair(*(None if content is None else content.decode() for content in found))

    def desired(self, before: Pair) -> Pair:  # always the same
        return Pair(self.text, self.text)

    def ops(self, old: Pair, new: Pair) -> tuple[Op, ...]:
        sides = zip(PATHS, (old.first, old.second), (new.first, new.second), strict=True)
        name = self.target.name
        return tuple(
            FileRemove(name, path) if text is None else FileWrite(name, path, text)
            for path, there, text in sides
            if there != text
        )


class Printed(FileWrite):
    """An op that prints nothing."""

    op = "test.printed"

    def render(self) -> tuple[str, ...]:
        return ()


@dataclass(frozen=True, slots=True)
class Asked(FileWrite):
    """An op that has to be told whether it may."""

    op: ClassVar[str] = "test.asked"

    def carry_out(self, carriers: Carriers, execution: Execution) -> OpResult:
        if execution.answers:
            return super(Asked, self).carry_out(carriers, execution)
        raise AnswerNeeded("It may not.", kind="human.confirm", arguments={"text": f"Write {self.path}?"})


@dataclass(frozen=True, slots=True)
class AskedLate(Asked):
    """One that asks when it is done."""

    op: ClassVar[str] = "test.asked_late"

    def carry_out(self, carriers: Carriers, execution: Execution) -> OpResult:
        FileWrite.carry_out(self, carriers, execution)
        return Asked.carry_out(self, carriers, execution)


def _asking(kind: type[FileWrite]) -> type[PairPresent]:
    def ops(self: PairPresent, old: Pair, new: Pair) -> tuple[Op, ...]:
        return tuple(
            kind(op.target, op.path, op.content) if isinstance(op, FileWrite) and op.path == PATHS[0] else op
            for op in PairPresent.ops(self, old, new)
        )

    return _broken(ops=ops)


def _broken(**methods: Callable[..., Any]) -> type[PairPresent]:
    return type("Broken", (PairPresent,), {"__doc__": "Broken.", "__slots__": (), **methods})


def _writing_probe(self: PairPresent, read: Readers) -> Pair:
    read[self.target].files["/looked"] = FakeFile()  # type: ignore[attr-defined]  # the fake alone has them
    return PairPresent.probe(self, read)


def _always(self: PairPresent, old: Pair, new: Pair) -> tuple[Op, ...]:
    return tuple(FileWrite(self.target.name, path, new.first or "") for path in PATHS)


def _half(self: PairPresent, old: Pair, new: Pair) -> tuple[Op, ...]:
    return PairPresent.ops(self, old, new)[:1]


def _from_the_start(self: PairPresent, old: Pair, new: Pair) -> tuple[Op, ...]:
    return () if old == new else _always(self, old, new)


def _no_way_back(self: PairPresent, old: Pair, new: Pair) -> tuple[Op, ...]:
    return PairPresent.ops(self, old, new) if new.first == self.text else ()


def _wordless(self: PairPresent, change: Change[Pair]) -> Undo[Pair]:
    return Refuse(" ")


def _silent(self: PairPresent, old: Pair, new: Pair) -> tuple[Op, ...]:
    return tuple(
        Printed(op.target, op.path, op.content) for op in PairPresent.ops(self, old, new) if isinstance(op, FileWrite)
    )


def _chatty(self: PairPresent, after: Pair, results: Sequence[OpResult]) -> dict[str, Plain]:
    return {"surprise": 1}


BROKEN = {
    "planning_is_pure_and_only_reads": _broken(probe=_writing_probe),
    "planning_from_after_is_empty": _broken(ops=_always),
    "carrying_out_the_ops_gives_after": _broken(ops=_half),
    "a_rest_is_planned_from_where_a_crash_left_it": _broken(ops=_from_the_start),
    "reverse_restores": _broken(ops=_no_way_back),
    "every_op_is_shown": _broken(ops=_silent),
    "the_example_of_the_docs_fits": _broken(example={"txt": "x"}),
    "outputs_are_as_announced": _broken(outputs=_chatty, output_names=("first",)),
}


def _other(cls: type[Action[Any]], hidden: tuple[str, ...] = ()) -> Case:
    def world() -> FakeWorld:
        return FakeWorld(FakeHost(files={"/a": b"old"}))

    return Case("pair", cls, {"text": "new"}, world, hidden)


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_good_kind_keeps_every_law(law: Callable[[Case], None]) -> None:
    """A kind that does it right is left alone."""
    law(_other(PairPresent))


@pytest.mark.parametrize("law", LAWS, ids=lambda law: law.__name__)
def test_a_kind_that_asks_keeps_every_law(law: Callable[[Case], None]) -> None:
    """Asking at work is no exception to any of them."""
    law(replace(_other(_asking(Asked)), answers=(True,)))


@pytest.mark.parametrize("kind", [AskedLate, FileWrite])
def test_what_asks_too_late_or_never_is_found_out(kind: type[FileWrite]) -> None:
    """What was written before the question would be written twice; answers that nobody asks for hide a mistake."""
    with pytest.raises(LawBrokenError, match=r"wrote something and asked then|asked nothing"):
        what_asks_has_kept_nothing(replace(_other(_asking(kind)), answers=(True,)))


@pytest.mark.parametrize("name", BROKEN)
def test_a_broken_kind_is_found_out(name: str) -> None:
    """The law that is broken says so."""
    law = next(law for law in LAWS if law.__name__ == name)

    with pytest.raises(LawBrokenError):
        law(_other(BROKEN[name]))


def test_a_refusal_without_a_reason_is_found_out() -> None:
    """An operator who cannot undo must be told why."""
    law = next(law for law in LAWS if law.__name__ == "reverse_restores")

    with pytest.raises(LawBrokenError, match="needs a reason"):
        law(_other(_broken(undo=_wordless)))


def test_a_leak_is_found_out() -> None:
    """A file's old content in the state is a leak."""
    law = next(law for law in LAWS if law.__name__ == "nothing_hidden_comes_out")

    with pytest.raises(LawBrokenError, match="'old' comes out"):
        law(_other(PairPresent, hidden=("old",)))
