"""`runs --purge`: people's data in the folders of old runs goes, and nothing that anybody may still need."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from engine.workshop import Workshop

from rollbook.cli.purge import Leftover, delete, leftovers, purge_lines
from rollbook.cli.records import runs
from rollbook.errors import LockHeld, UsageError
from rollbook.journal import Journal
from rollbook.run import Run

LATER = timedelta(days=1)


def saying(folder: str) -> str:
    """Give the steps of a run that leaves two things in its folder."""
    return (
        "steps:\n"
        "  - id: made\n    name: Write what people wrote.\n"
        "    file.present: {path: '" + folder + "/export.csv', content: ann}\n"
        "    undo: {leave: it is deleted in its time}\n"
        "  - id: marked\n    name: Mark the place.\n"
        "    file.present: {path: '" + folder + "/place/note', content: bob}\n"
    )


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    """Give a folder in which runs are carried out."""
    monkeypatch.chdir(tmp_path)
    made = Workshop(tmp_path, {})
    yield made
    for pool in made.pools:
        pool.close()


def found(workshop: Workshop, age: timedelta = timedelta(0)) -> dict[str, str]:
    """Give what is found by its name, with the reason why it stays."""
    return {one.path.name: one.held for one in _all(workshop, age)}


def _all(workshop: Workshop, age: timedelta = timedelta(0)) -> list[Leftover]:
    return list(leftovers(workshop.runs, age, datetime.now(UTC) + timedelta(seconds=5)))


def _run(workshop: Workshop) -> Run:
    workshop.write("say", saying("{{ run.folder }}"))
    return workshop.run("say")


def test_what_nobody_needs_goes_and_the_record_stays(workshop: Workshop) -> None:
    """Data goes with a note in the journal; what an undo would send something about stays."""
    run = _run(workshop)
    folder = workshop.runs.find(run.id)

    before = found(workshop)
    delete([one for one in _all(workshop) if not one.held])

    assert before == {"export.csv": "", "place": "its undo needs it"}
    assert found(workshop) == {"place": "its undo needs it"}
    told = folder.read()
    assert told.status == "succeeded"
    assert [note.text for note in told.notes] == ["People's data of this run was deleted: export.csv"]


def test_a_young_run_keeps_all(workshop: Workshop) -> None:
    """Only what is older than asked for is found."""
    _run(workshop)

    assert found(workshop, LATER) == {}


def test_once_undone_a_run_needs_nothing_but_for_its_undo(workshop: Workshop) -> None:
    """The undo of the undo would write the place again, so that is all that stays."""
    run = _run(workshop)
    undone = workshop.undo(run)
    (workshop.runs.find(run.id).path / "place" / "left").write_text("bob")

    assert undone.status == "undone"
    assert found(workshop) == {"export.csv": "", "place": f"the undo of run {undone.id} needs it"}


def test_a_run_that_is_not_over_keeps_all(workshop: Workshop) -> None:
    """It may be resumed, and its undo may want anything."""
    workshop.write(
        "say", saying("{{ run.folder }}") + "  - id: stop\n    name: Fail.\n    shell.run: {command: 'false'}\n"
    )
    run = workshop.run("say")

    assert run.status == "failed"
    assert set(found(workshop).values()) == {"the run is not over (failed)"}


def test_what_another_run_that_is_not_over_speaks_of_stays(workshop: Workshop) -> None:
    """A recovery under way reads the snapshot of the run before."""
    run = _run(workshop)
    path = workshop.runs.find(run.id).path.resolve() / "export.csv"
    workshop.write("look", f"steps:\n  - id: look\n    name: Look.\n    shell.run: {{command: 'cat {path}; false'}}\n")
    other = workshop.run("look")

    assert found(workshop)["export.csv"] == f"run {other.id} is not over (failed)"


def test_a_run_that_is_carried_out_is_not_touched(workshop: Workshop) -> None:
    """Whoever holds the journal holds the folder."""
    run = _run(workshop)
    old = [one for one in _all(workshop) if not one.held]

    with Journal(workshop.runs.find(run.id).journal), pytest.raises(LockHeld):
        delete(old)

    assert found(workshop)["export.csv"] == ""


def test_a_link_is_removed_and_not_followed(workshop: Workshop, tmp_path: Path) -> None:
    """What lies elsewhere is not in a run's folder."""
    run = _run(workshop)
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "file").write_text("kept")
    (workshop.runs.find(run.id).path / "link").symlink_to(elsewhere)

    delete([one for one in _all(workshop) if not one.held])

    assert (elsewhere / "file").read_text() == "kept"
    assert set(found(workshop)) == {"place"}


def test_it_says_what_it_would_take(workshop: Workshop) -> None:
    """Each with its size, and why the rest stays."""
    _run(workshop)

    lines = list(purge_lines(_all(workshop), "90d"))

    assert lines[0].endswith("export.csv")
    assert "stays: its undo needs it" in lines[1]
    assert lines[2] == "1 file or folder of 1 run, 0.0 MB."


def test_the_command_lists_first_and_deletes_when_told_to(
    workshop: Workshop, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without --yes nothing is deleted, and what to type is said; twice deletes nothing more."""
    run = _run(workshop)
    path = workshop.runs.find(run.id).path / "export.csv"

    listed = [runs.body(purge="0s"), capsys.readouterr().out, path.exists()]
    deleted = [runs.body(purge="0s", yes=True), capsys.readouterr().out, path.exists()]
    again = [runs.body(purge="0s", yes=True), capsys.readouterr().out]

    assert listed[0] == deleted[0] == again[0] == 0
    assert "Nothing was deleted. To delete it:" in str(listed[1])
    assert (listed[2], deleted[2]) == (True, False)
    assert str(deleted[1]).endswith("Deleted.\n")
    assert "may go." in str(again[1])


def test_an_age_that_is_none_is_refused(workshop: Workshop) -> None:
    """A typing error must not delete everything."""
    with pytest.raises(UsageError, match="--purge 90 days"):
        runs.body(purge="90 days")
    with pytest.raises(UsageError, match="--purge"):
        runs.body(yes=True)
