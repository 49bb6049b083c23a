"""Who the operator is: an account of the machine."""

import os

import pytest

from rollbook import accounts


def test_an_account_is_not_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    """USER and LOGNAME name nobody; only root may stand for somebody else, and that is shown."""
    monkeypatch.setenv("LOGNAME", "bob")
    monkeypatch.setenv("USER", "bob")
    monkeypatch.delenv("SUDO_USER", raising=False)

    assert accounts.operator().split("@")[0].split(" ")[-1] == accounts.account(os.getuid())
