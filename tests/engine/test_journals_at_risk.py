"""Journals that others can write, or that are removed while the run goes on."""

import re
import tempfile
from pathlib import Path

import pytest

from rollbook.engine import Engine
from rollbook.errors import JournalError
from rollbook.journal import replay

from .workshop import Workshop, newest, nobody, write_step


def test_a_journal_that_others_can_write_is_not_carried_out(workshop: Workshop) -> None:
    """What a journal says is carried out, so nobody else may be able to say it."""
    workshop.write("q", "steps:\n  - id: b\n    name: Ask.\n    human.input: {text: Say}\n")
    workshop.run("q")
    newest(workshop).journal.chmod(0o666)

    with pytest.raises(JournalError, match="others could have changed"):
        workshop.resume(nobody({"b": "x"}))


@pytest.mark.parametrize("what", [".rollbook", ".rollbook/runs/*/journal.jsonl", ".rollbook/runs/*"])
def test_a_journal_that_is_removed_in_the_middle_is_copied_and_stops_the_run(
    workshop: Workshop, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    """What it held until then is saved elsewhere, the error says where, and the copy carries the run on."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path_factory.mktemp("elsewhere")))
    workshop.write(
        "r",
        "steps:\n  - id: a\n    name: Remove.\n    effect: read\n"
        f'    shell.run: {{command: "rm -r {workshop.folder}/{what}; echo a"}}\n' + write_step("c", "x"),
    )
    folder = workshop.new_folder()
    planner = workshop.planner("r")
    engine = Engine(folder, planner, asker=nobody(), watcher=workshop.watcher)

    with pytest.raises(JournalError, match="was removed while the run went on") as caught:
        engine.run(planner.plan(), reason="a test")

    assert not (workshop.folder / "c.txt").exists()
    copy = Path(re.findall(r"A copy is in (\S+),", caught.value.advice)[0])
    assert [record.type for record in replay(copy)] == ["run_started", "step_started"]
    assert copy.stat().st_mode & 0o777 == 0o600
