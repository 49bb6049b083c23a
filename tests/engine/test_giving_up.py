"""A run that is given up is over only once its end is done."""

from pathlib import Path

import pytest

from rollbook.cli.ending import going_on, sentence
from rollbook.engine import Engine
from rollbook.errors import Unreachable
from rollbook.targets.base import TargetSpec

from .workshop import Workshop, newest, nobody, write_step


def test_a_run_being_abandoned_goes_on_being_abandoned(workshop: Workshop) -> None:
    """A question among its finally steps makes the end wait; a resume ends the run and carries out no other step."""
    workshop.write(
        "ab",
        "steps:\n  - id: q\n    name: Ask.\n    human.input: {text: Say}\n"
        + write_step("danger", "x")
        + "finally:\n  - id: told\n    name: Tell.\n    human.task: {text: Tell people}\n",
    )
    workshop.run("ab")

    waiting = Engine(newest(workshop), workshop.planner("ab"), asker=nobody(), watcher=workshop.watcher).abandon("no")
    assert (waiting.status, waiting.abandoning) == ("waiting", "no")
    assert "at step told (Tell.)" in sentence(waiting)
    assert "--answer told=done" in dict(going_on(waiting))["answer"]
    run = workshop.resume(nobody({"told": "done", "q": "go"}))

    assert (run.status, run.ended_because) == ("abandoned", "no")
    assert not (workshop.folder / "danger.txt").exists()


@pytest.mark.parametrize("mended", [True, False])
def test_a_run_is_given_up_only_once_its_end_is_done(workshop: Workshop, mended: bool) -> None:
    """What fails among its finally steps can be done by a resume, or left with a reason; until then it is not over."""
    last = "finally:\n  - id: back\n    name: Give it back.\n    shell.run: {command: test -e mended && echo x > back.txt}\n"
    workshop.write("ab", "steps:\n  - id: q\n    name: Ask.\n    human.input: {text: Say}\n" + last)
    workshop.run("ab")
    back = workshop.folder / "back.txt"

    planner = workshop.planner("ab")
    failed = Engine(newest(workshop), planner, asker=nobody(), watcher=workshop.watcher).abandon("no")
    assert (failed.status, failed.abandoning, failed.resumable) == ("failed", "no", True)
    assert "what had to be done at the end failed: back" in failed.ended_because
    assert any("--skip back --reason WHY" in text for _, text in going_on(failed))
    if mended:
        (workshop.folder / "mended").touch()
        run = workshop.resume()
    else:
        run = workshop.engine(failed).resume(skip={"back": "its host is gone for good"})

    assert (run.status, run.ended_because, back.exists()) == ("abandoned", "no", mended)


def test_a_run_is_given_up_though_its_server_is_gone(workshop: Workshop, tmp_path: Path) -> None:
    """A site that was taken down keeps no run open: its lock is gone without, and what its end needs of it is left."""
    (tmp_path / "ledger.sqlite").touch()
    workshop.targets = {"ledger": TargetSpec("ledger", "sql", {"url": f"sqlite:///{tmp_path}/ledger.sqlite"})}
    ask = "  - {id: q, name: Ask., human.input: {text: Say}}\n"
    back = "finally:\n  - {id: back, name: Give it back., shell.run: {command: test -e mended}}\n" + write_step(
        "end", "x"
    )
    workshop.write("ab", f"lock: all of it\ntargets: {{ledger: {{kind: sql}}}}\nsteps:\n{ask}{back}")
    run = workshop.run("ab")
    workshop.targets = {"ledger": TargetSpec("ledger", "sql", {"url": "postgresql://a@127.0.0.1:1/gone"})}

    with pytest.raises(Unreachable):
        workshop.resume(nobody({"q": "go"}))
    failed = workshop.engine(run).abandon("the site was taken down")
    over = workshop.engine(failed).resume(skip={"back": "its host is gone"})

    assert (failed.status, failed.abandoning) == ("failed", "the site was taken down")
    assert next(event.text for event in failed.events if event.type == "warning").startswith(
        "the lock 'all of it' is not held"
    )
    assert (over.status, (workshop.folder / "end.txt").exists()) == ("abandoned", True)


def test_what_a_run_that_is_given_up_prints_at_its_end_is_redacted(workshop: Workshop) -> None:
    """Its targets are not looked at any more, its secrets are looked up all the same: by `abandon` and by `resume`."""
    (workshop.folder / "sec").write_text("Sup3rS3cretValue99")
    token = f'{{TOK: {{secret: "command:cat {workshop.folder}/sec"}}}}'
    workshop.write(
        "gb",
        "steps:\n  - id: s\n    name: Keep it.\n"
        f"    shell.run: {{command: 'printf %s \"$TOK\" > kept', environment: {token}}}\n    undo: {{leave: x}}\n"
        "  - {id: q, name: Ask., human.input: {text: Say}}\n"
        "finally:\n  - {id: f, name: Show it., shell.run: {command: test -e gate && cat kept}}\n",
    )
    run = workshop.run("gb")
    failed = workshop.engine(run).abandon("why")
    (workshop.folder / "gate").touch()

    over = workshop.engine(failed).resume()

    folder = workshop.runs.find(run.id).path
    written = b"".join(path.read_bytes() for path in folder.rglob("*") if path.is_file())
    assert (failed.status, over.status) == ("failed", "abandoned")
    assert "‹secret command:" in written.decode()
    assert b"Sup3rS3cretValue99" not in written
