"""What `doctor` says of an environment's secrets."""

import pytest

from rollbook.cli.checkup import checkup
from rollbook.inventory import Inventory
from rollbook.targets.base import TargetSpec
from rollbook.values import Secret


@pytest.mark.parametrize(("value", "told"), [("checkout", True), ("hunter2-hunter2", False)])
def test_a_password_that_is_a_name_is_warned_of(monkeypatch: pytest.MonkeyPatch, value: str, told: bool) -> None:
    """Whoever could think that it is hidden hears that it is not, without hearing it."""
    monkeypatch.setenv("OUT_PASSWORD", value)
    settings = {"host": "127.0.0.1", "sender": "a@example.org", "port": 1, "user": "out"}
    target = TargetSpec("checkout", "smtp", {**settings, "password": Secret("env:OUT_PASSWORD")})

    findings = checkup(Inventory("bench", {"checkout": target}))

    secrecy = [finding.message for finding in findings if finding.subject == "secrecy"]
    assert [message.partition(" is,")[0] for message in secrecy] == ["the secret env:OUT_PASSWORD"] * told
