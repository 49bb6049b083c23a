"""The stock runbooks, planned, run and undone on real stores."""

import gzip
import json
import shlex
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import ClassVar

import pytest
import sqlalchemy as sa
from bson import ObjectId, json_util
from bson import encode as bson_encode
from engine.workshop import Workshop, nobody

from rollbook.demo.sample import Sample
from rollbook.demo.tables import history
from rollbook.engine import Engine
from rollbook.engine.ports import Asker
from rollbook.errors import PlanDrift, RefusedError
from rollbook.openedx.pointers import Pointers
from rollbook.planner import Planner
from rollbook.run import Run
from rollbook.targets import TargetPool
from rollbook.targets.base import TargetSpec

pytestmark = pytest.mark.server

RUNBOOKS = Path(__file__).parents[3] / "runbooks"
ANSWERS = {
    "stop_editing": "all",
    "choice": "default",
    "pause_pruning_by_hand": "done",
    "prune_running_by_hand": "yes",
    "approval": "yes",
    "look": "yes",
    "resume_pruning_by_hand": "done",
    "tell_by_hand": "all",
}
UNDO = {**ANSWERS, "undo_ready": "all", "undo_told": "all"}
# What must come before what, whatever else stands between.
ORDER = [
    "key", "stop_editing", "freeze", "versions", "choice", "pause_pruning", "prune_running", "prune_plans", "complete",
    "snapshot", "export", "approval", "pointers", "reread", "publish", "outline", "refreshed", "smoke", "look", "unfreeze",
    "agree", "resume_pruning", "tell",
]  # fmt: skip


class Bench(Workshop):
    """A workshop that closes its connections when the test is over."""

    opened: ClassVar[list[TargetPool]] = []

    def planner(self, *args: object, **named: object) -> Planner:
        """Give a planner, and keep its pool in mind."""
        made = Workshop.planner(self, *args, **named)  # type: ignore[arg-type]  # passed on as they are
        assert isinstance(made.pool, TargetPool)
        self.opened.append(made.pool)
        return made


@pytest.fixture(autouse=True)
def _in_a_folder_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.chdir(tmp_path)
    yield
    while Bench.opened:
        Bench.opened.pop().close()


def workshop(sample: Sample, folder: Path, variables: Mapping[str, object] | None = None) -> Workshop:
    """Give the stock runbooks in an environment with the sample's stores and the imitated commands."""
    shown = {"ROLLBOOK_DEMO_LEDGER_URL": sample.sql_url, "ROLLBOOK_DEMO_MONGO_URL": sample.mongo_url}
    words = [
        "env",
        *(f"{name}={value}" for name, value in shown.items()),
        sys.executable,
        "-m",
        "rollbook.demo.publish",
    ]
    script = f'exec {shlex.join(words)} "$@" --database {sample.database}'
    manage = ["sh", "-c", script, "manage.py", "cms"]
    made = Bench(
        folder,
        {
            "ledger": TargetSpec("ledger", "sql", {"url": sample.sql_url}),
            "modulestore": TargetSpec("modulestore", "mongo", {"url": sample.mongo_url, "database": sample.database}),
            "cms": TargetSpec("cms", "command", {"on": "local", "prefix": ["env"]}),
        },
        variables={"manage_cms": manage, **(variables or {})},
    )
    for path in RUNBOOKS.glob("*.yml"):
        made.write(path.stem, path.read_text().partition("\n")[2])
    return made


def restore(made: Workshop, sample: Sample, **inputs: object) -> Run:
    """Run restore-course with every question answered."""
    return made.run(
        "restore-course", nobody(ANSWERS), inputs={"course_id": sample.course_id, **inputs}, answers=ANSWERS
    )


def pointers(sample: Sample, course_id: str = "") -> Pointers:
    """Read where the ledger points."""
    with sample.open() as studio:
        entry = studio.entry(course_id or sample.course_id)
    return Pointers(entry.draft_version, entry.published_version, entry.library_version)


def test_the_steps_stand_in_their_order(sqlite_sample: Sample, tmp_path: Path) -> None:
    """The plan keeps the order in which nothing can be lost, and makes the choice on the suggestion."""
    plan = workshop(sqlite_sample, tmp_path).planner("restore-course", {"course_id": sqlite_sample.course_id}).plan()

    ids = [step.id for step in plan.steps]
    assert [name for name in ids if name in ORDER] == ORDER
    steps = {step.id: step for step in plan.steps}
    assert (steps["choice"].verdict, steps["choice"].assumed) == ("ask", True)
    assert (steps["pointers"].verdict, steps["pointers"].undo) == ("update", "reverse")
    assert any("will NOT come back" in line for line in steps["difference"].details)
    assert {Path(name).name for name in sqlite_sample.replaced_assets} <= set(" ".join(steps["assets"].details).split())


def test_what_could_not_be_looked_at_is_told_at_once(sqlite_sample: Sample, tmp_path: Path) -> None:
    """An assertion that passes without having seen what it is for warns in the journal, and so on the screen."""
    made = workshop(sqlite_sample, tmp_path)
    arguments = f"{{course_id: '{sqlite_sample.course_id}', within: 0s}}"
    bound = "targets: {ledger: sql, modulestore: mongo}\n"
    made.write("looking", f"{bound}steps:\n  - {{id: fresh, name: Look., openedx.refreshed: {arguments}}}\n")
    with sqlite_sample.open() as studio, studio.engine.begin() as connection:
        for table in ("course_overviews_courseoverview", "learning_sequences_learningcontext"):
            connection.execute(sa.text(f"DROP TABLE {table}"))

    run = made.run("looking")

    assert run.status == "succeeded"
    assert ["nobody looked" in event.text for event in run.events if event.type == "warning"] == [True]


def test_what_was_published_comes_back_in_both_branches(sqlite_sample: Sample, tmp_path: Path) -> None:
    """Where pruning took the good draft, what learners saw is named and comes back, and no mix has to be allowed."""
    good = sqlite_sample.good_published
    with sqlite_sample.open() as studio:
        studio.database["modulestore.structures"].delete_one({"_id": ObjectId(sqlite_sample.good_draft)})
    made = workshop(sqlite_sample, tmp_path)
    versions = made.planner("restore-course", {"course_id": sqlite_sample.course_id}).plan().step("versions")
    both = Pointers(good, good)

    run = restore(made, sqlite_sample, version=str(both), allow_same=True)

    assert versions is not None
    assert f"--set version={both} --set allow_same=true" in " ".join(versions.details)
    assert run.status == "succeeded"
    assert pointers(sqlite_sample) == both


def test_a_course_is_restored_and_taken_back(sample: Sample, tmp_path: Path) -> None:
    """On every kind of ledger a run brings the course back, with one history row, and its undo takes it away again."""
    made = workshop(sample, tmp_path)
    before = pointers(sample)

    run = restore(made, sample)

    assert run.status == "succeeded"
    assert pointers(sample) == Pointers(sample.good_draft, sample.good_published)
    with sample.open() as studio, studio.engine.connect() as connection:
        reasons = [row.history_change_reason for row in connection.execute(history.select())]
    assert reasons.count(run.id) == 1
    written = {path.name for path in (tmp_path / ".rollbook" / "runs" / run.id).rglob("*") if path.is_file()}
    assert {"ledger.jsonl", "structures.jsonl", "draft.html", "published.json"} <= written

    back = made.undo(run, nobody(UNDO))

    assert back.status == "undone"
    assert pointers(sample) == before


def test_nothing_is_written_where_the_key_is_not_one(sqlite_sample: Sample, tmp_path: Path) -> None:
    """An Old Mongo key stops the plan at its first step, with what to do instead."""
    made = workshop(sqlite_sample, tmp_path)

    with pytest.raises(RefusedError, match=r"step key.*Old Mongo") as caught:
        made.planner("restore-course", {"course_id": sqlite_sample.old_mongo_id}).plan()

    assert "audit-old-mongo" in caught.value.advice


def test_a_pending_pruning_plan_stops_the_plan(sqlite_sample: Sample, tmp_path: Path) -> None:
    """A plan file in the named folder that would take the version refuses the run."""
    folder = tmp_path / "plans"
    folder.mkdir()
    plan = sqlite_sample.plan_prune(retain=0)
    (folder / "plan.json").write_text(json.dumps({"delete": list(plan.delete), "update_parents": []}))
    inputs = {"course_id": sqlite_sample.course_id, "prune_plan_folder": str(folder)}

    with pytest.raises(RefusedError, match="step prune_plans"):
        workshop(sqlite_sample, tmp_path).planner("restore-course", inputs).plan()


def test_a_save_after_the_plan_is_drift(sqlite_sample: Sample, tmp_path: Path) -> None:
    """Somebody who saves in Studio between plan and run stops the run before anything is written."""
    made = workshop(sqlite_sample, tmp_path)
    plan = made.planner("restore-course", {"course_id": sqlite_sample.course_id}, ANSWERS).plan()
    sqlite_sample.studio_edit()
    edited = pointers(sqlite_sample)

    try:
        status = made.run(
            "restore-course",
            nobody(ANSWERS),
            plan=plan,
            inputs={"course_id": sqlite_sample.course_id},
            answers=ANSWERS,
        ).status
    except PlanDrift:
        status = "refused"

    assert status != "succeeded"
    assert pointers(sqlite_sample) == edited


def test_commands_of_the_environment_take_the_place_of_people(sqlite_sample: Sample, tmp_path: Path) -> None:
    """Where the environment names commands, the course is frozen and pruning paused by them, and both given back."""
    log = tmp_path / "log"
    said = {
        "course_freeze_command": "freeze",
        "course_unfreeze_command": "unfreeze",
        "pruning_pause_command": "pause",
        "pruning_resume_command": "resume",
    }
    variables: dict[str, object] = {name: ["sh", "-c", f"echo {word} >> {log}"] for name, word in said.items()}
    made = workshop(sqlite_sample, tmp_path, variables | {"pruning_running_command": ["sh", "-c", "exit 1"]})
    made.targets = {**made.targets, "pruning": TargetSpec("pruning", "local")}

    run = restore(made, sqlite_sample)

    steps = {step.planned.id: step.status for step in run.steps}
    assert run.status == "succeeded"
    assert log.read_text().split() == ["freeze", "pause", "unfreeze", "resume"]
    assert steps["pause_pruning_by_hand"] == steps["prune_running_by_hand"] == "skipped"
    assert steps["resume_pruning_by_hand"] == steps["unfreeze_by_hand"] == "skipped"

    log.unlink()
    back = made.undo(run, nobody(UNDO))

    assert back.status == "undone"
    assert log.read_text().split() == ["pause", "freeze", "resume", "unfreeze"]
    order = [step.planned.id for step in back.steps if step.status not in ("skipped", "pending")]
    assert order.index("prune_running_before_undo") < order.index("pointers") < order.index("agree_after_undo")


def test_pruning_is_not_resumed_into_a_start_that_it_missed(sqlite_sample: Sample, tmp_path: Path) -> None:
    """Where the environment tells that pruning would begin at once, that is waited out before it is resumed, by an undo too."""
    late = tmp_path / "late"
    missed = f"echo missed >> {tmp_path / 'log'}; rm {late}"
    made, log = with_commands(sqlite_sample, tmp_path, pruning_missed_command=missed)
    late.touch()

    run = restore(made, sqlite_sample)

    assert run.status == "succeeded"
    assert log.read_text().split() == ["freeze", "pause", "unfreeze", "missed", "missed", "resume"]

    log.write_text("")
    back = made.undo(run, nobody(UNDO))

    assert back.status == "undone"
    assert log.read_text().split() == ["pause", "freeze", "missed", "resume", "unfreeze"]


def commands(log: Path, **other: list[str] | str) -> dict[str, object]:
    """Name commands that write a word to *log*, with *other* ones in the place of some."""
    said = {
        "course_freeze_command": "freeze",
        "course_unfreeze_command": "unfreeze",
        "pruning_pause_command": "pause",
        "pruning_resume_command": "resume",
    }
    made: dict[str, object] = {name: f"echo {word} >> {log}" for name, word in said.items()}
    return {**made, "pruning_running_command": "false && true", **other}


def with_commands(sample: Sample, folder: Path, **other: list[str] | str) -> tuple[Workshop, Path]:
    """Give a workshop whose environment names all commands, each as one line, and the file that they write to."""
    log = folder / "log"
    log.touch()
    made = workshop(sample, folder, commands(log, **other))
    made.targets = {**made.targets, "pruning": TargetSpec("pruning", "local")}
    return made, log


def abandon(made: Workshop, asker: Asker) -> Run:
    """Give the newest run up, as a process of its own would."""
    folder = made.runs.all()[-1]
    planner = made.planner("restore-course", folder.read().plan.inputs)
    return Engine(folder, planner, asker=asker, watcher=made.watcher).abandon("somebody else takes over")


def without(*steps: str) -> dict[str, str]:
    """Give the answers but those to *steps*."""
    return {step: text for step, text in ANSWERS.items() if step not in steps}


def test_a_plan_shows_what_may_be_given_back(sqlite_sample: Sample, tmp_path: Path) -> None:
    """While planning nobody knows what the run will have taken, so giving it back is possible, neither sure nor out."""
    made, _ = with_commands(sqlite_sample, tmp_path)

    plan = made.planner("restore-course", {"course_id": sqlite_sample.course_id}).plan()

    verdicts = {step.id: step.verdict for step in plan.steps}
    assert (verdicts["unfreeze"], verdicts["resume_pruning"]) == ("unknown", "unknown")


def test_a_run_that_paused_nothing_resumes_nothing(sqlite_sample: Sample, tmp_path: Path) -> None:
    """A run given up at its first question leaves pruning that a colleague paused, and a frozen course, as they are."""
    made, log = with_commands(sqlite_sample, tmp_path)
    answers = without("stop_editing")
    inputs = {"course_id": sqlite_sample.course_id}
    assert made.run("restore-course", nobody(answers), inputs=inputs, answers=answers).status == "waiting"

    run = abandon(made, nobody(answers))

    steps = {step.planned.id: step.status for step in run.steps}
    assert (run.status, log.read_text()) == ("abandoned", "")
    assert {steps[name] for name in ("unfreeze", "unfreeze_by_hand", "resume_pruning", "resume_pruning_by_hand")} == {
        "skipped"
    }


def test_a_run_given_up_half_way_gives_back_what_it_took(sqlite_sample: Sample, tmp_path: Path) -> None:
    """Abandoned after it froze the course and paused pruning, a run gives both back."""
    made, log = with_commands(sqlite_sample, tmp_path)
    answers = without("approval")
    inputs = {"course_id": sqlite_sample.course_id}
    assert made.run("restore-course", nobody(answers), inputs=inputs, answers=answers).status == "waiting"

    assert abandon(made, nobody(answers)).status == "abandoned"

    assert log.read_text().split() == ["freeze", "pause", "unfreeze", "resume"]


def test_a_pause_that_failed_is_asked_about(sqlite_sample: Sample, tmp_path: Path) -> None:
    """Where nobody knows whether pruning was paused by this run, a person is asked and no command resumes it."""
    log = tmp_path / "log"
    made, _ = with_commands(sqlite_sample, tmp_path, pruning_pause_command=f"echo pause >> {log}; exit 7")
    inputs = {"course_id": sqlite_sample.course_id}
    assert made.run("restore-course", nobody(ANSWERS), inputs=inputs, answers=ANSWERS).status == "failed"

    run = abandon(made, nobody(ANSWERS))

    steps = {step.planned.id: step.status for step in run.steps}
    assert log.read_text().split() == ["freeze", "pause", "unfreeze"]
    assert (steps["resume_pruning"], steps["resume_pruning_by_hand"]) == ("skipped", "ok")


def test_the_undo_of_a_run_that_failed_gives_back_what_it_took(sqlite_sample: Sample, tmp_path: Path) -> None:
    """A run that never came to its end is undone: what it had taken is given back after both stores went back."""
    made, log = with_commands(sqlite_sample, tmp_path)
    before, answers = pointers(sqlite_sample), without("look")
    inputs = {"course_id": sqlite_sample.course_id}
    waiting = made.run("restore-course", nobody(answers), inputs=inputs, answers=answers)
    assert (waiting.status, pointers(sqlite_sample)) == (
        "waiting",
        Pointers(sqlite_sample.good_draft, sqlite_sample.good_published),
    )

    back = made.undo(waiting, nobody(UNDO))

    assert (back.status, pointers(sqlite_sample)) == ("undone", before)
    said = log.read_text().split()
    assert said[:2] == ["freeze", "pause"]
    assert set(said[2:]) == {"resume", "unfreeze"}


def test_a_snapshot_of_before_a_save_is_not_taken_for_one_of_now(sqlite_sample: Sample, tmp_path: Path) -> None:
    """Planned again after somebody saved, a snapshot is to be written anew, beside the first."""
    made, _ = with_commands(sqlite_sample, tmp_path)
    answers = without("approval")
    inputs = {"course_id": sqlite_sample.course_id}
    run = made.run("restore-course", nobody(answers), inputs=inputs, answers=answers)
    planner = made.planner("restore-course", inputs, ANSWERS)
    planner.run_names |= {"folder": str(tmp_path / ".rollbook" / "runs" / run.id)}

    again = planner.plan()
    sqlite_sample.studio_edit()
    later = planner.plan()

    assert [again.step(name).verdict for name in ("snapshot", "export")] == ["noop", "noop"]  # type: ignore[union-attr]
    assert [later.step(name).verdict for name in ("snapshot", "export")] == ["create", "noop"]  # type: ignore[union-attr]


def dumped(sample: Sample, folder: Path, ending: str) -> dict[str, str]:
    """Dump structures and definitions as mongodump does (gzipped or not), or as mongoexport; give the inputs."""
    given = {}
    with sample.open() as studio:
        for name in ("structures", "definitions"):
            documents = list(studio.database[f"modulestore.{name}"].find())
            path = folder / f"{name}.{ending}"
            lines = "".join(json_util.dumps(one) + "\n" for one in documents).encode()
            raw = b"".join(map(bson_encode, documents))
            path.write_bytes({"bson": raw, "bson.gz": gzip.compress(raw), "json": lines}[ending])
            given[f"{name}_dump"] = str(path)
    return given


@pytest.mark.parametrize("ending", ["bson", "bson.gz", "json"])
def test_a_plan_tells_of_a_dump_what_it_tells_of_mongodb(sqlite_sample: Sample, tmp_path: Path, ending: str) -> None:
    """Suggestion, completeness, difference and writes are planned on a dump as if pruning had taken nothing."""
    made, inputs = workshop(sqlite_sample, tmp_path), {"course_id": sqlite_sample.course_id}
    there = {step.id: step for step in made.planner("restore-course", inputs, ANSWERS).plan().steps}
    files = dumped(sqlite_sample, tmp_path, ending)
    sqlite_sample.prune(retain=0)
    with sqlite_sample.open() as studio:
        studio.database["modulestore.definitions"].delete_many({"block_type": "problem"})

    plan = made.planner("restore-course", {**inputs, **files}, ANSWERS).plan()

    steps = {step.id: step for step in plan.steps}
    assert steps["bring_back"].verdict == "create"
    assert "complete with what is in the dump" in " ".join(steps["versions"].details)
    assert steps["versions"].outputs["suggested"] == there["versions"].outputs["suggested"]
    for name in ("complete", "difference"):
        assert steps[name].details == there[name].details
        assert steps[name].outputs == there[name].outputs
        assert steps[name].reason == "as step bring_back will leave it"
    assert (steps["pointers"].verdict, steps["pointers"].ops) == ("update", there["pointers"].ops)
    assert not [step.id for step in plan.steps if "known after step" in step.reason]


@pytest.mark.parametrize("ending", ["bson", "json"])
def test_what_pruning_took_comes_back_in_the_same_run(sqlite_sample: Sample, tmp_path: Path, ending: str) -> None:
    """With a dump, a version that pruning took is suggested, inserted again, and the course pointed at it as planned."""
    files = dumped(sqlite_sample, tmp_path, ending)
    sqlite_sample.prune(retain=0)

    run = restore(workshop(sqlite_sample, tmp_path), sqlite_sample, **files)

    assert run.status == "succeeded", [(step.address, step.error) for step in run.steps if step.error]
    assert pointers(sqlite_sample) == Pointers(sqlite_sample.good_draft, sqlite_sample.good_published)
    planned = {step.planned.id: step.planned.verdict for step in run.steps}
    assert (planned["complete"], planned["difference"], planned["pointers"]) == ("read", "read", "update")


def test_a_dump_that_lacks_something_is_refused_while_planning(sqlite_sample: Sample, tmp_path: Path) -> None:
    """A version that the dump does not make whole is told as what it is, and no plan is made on it."""
    files = dumped(sqlite_sample, tmp_path, "bson")
    good = Pointers(sqlite_sample.good_draft, sqlite_sample.good_published)
    sqlite_sample.prune(retain=0)
    with sqlite_sample.open() as studio:
        studio.database["modulestore.definitions"].delete_many({"block_type": "problem"})
    inputs = {"course_id": sqlite_sample.course_id, "structures_dump": files["structures_dump"], "version": str(good)}

    with pytest.raises(RefusedError, match="no dump of them is named"):
        workshop(sqlite_sample, tmp_path).planner("restore-course", inputs, ANSWERS).plan()


def test_a_library_is_restored_by_the_same_runbook(sqlite_sample: Sample, tmp_path: Path) -> None:
    """A V1 library goes through the same steps; what only courses have is skipped."""
    inputs = {"course_id": sqlite_sample.library_id, "version": f"library:{sqlite_sample.library_good}"}

    run = workshop(sqlite_sample, tmp_path).run("restore-course", nobody(ANSWERS), inputs=inputs, answers=ANSWERS)

    assert run.status == "succeeded"
    assert pointers(sqlite_sample, sqlite_sample.library_id) == Pointers(library=sqlite_sample.library_good)


def test_the_audit_writes_nothing(sqlite_sample: Sample, tmp_path: Path) -> None:
    """The audit of Old Mongo courses lists them and has no step that writes."""
    run = workshop(sqlite_sample, tmp_path).run("audit-old-mongo")

    assert run.status == "succeeded"
    assert [step.ops for step in run.steps] == [()]
    assert any(sqlite_sample.old_mongo_rerun_id in line for line in run.steps[0].details)


def test_the_undo_of_an_undo_is_the_restore_again(sqlite_sample: Sample, tmp_path: Path) -> None:
    """Frozen, paused, pointed, refreshed and given back as at first; nobody chooses anew, everybody confirms anew."""
    made, log = with_commands(sqlite_sample, tmp_path)
    inputs = {"course_id": sqlite_sample.course_id}
    run = made.run("restore-course", nobody(ANSWERS), inputs=inputs, answers=ANSWERS)
    restored = pointers(sqlite_sample)
    back = made.undo(run, nobody(UNDO))
    assert (run.status, back.status) == ("succeeded", "undone")
    log.write_text("")

    again = made.undo(back, nobody(without("choice")))

    assert again.status == "undone", [(step.address, step.error) for step in again.steps if step.error]
    assert pointers(sqlite_sample) == restored
    assert log.read_text().split() == ["freeze", "pause", "unfreeze", "resume"]
    statuses = {step.address: step.status for step in again.steps}
    assert statuses == {step.address: step.status for step in run.steps}
    with sqlite_sample.open() as studio, studio.engine.connect() as connection:
        reasons = [row.history_change_reason for row in connection.execute(history.select())]
    assert [reasons.count(one.id) for one in (run, back, again)] == [1, 1, 1]


def test_the_undo_of_an_undo_minds_what_pruning_took(sqlite_sample: Sample, tmp_path: Path) -> None:
    """Pruned since the undo, the version is refused; with the dump that the first run was given, it is brought back."""
    files = dumped(sqlite_sample, tmp_path, "bson")
    made = workshop(sqlite_sample, tmp_path)
    back = made.undo(restore(made, sqlite_sample, **files), nobody(UNDO))
    sqlite_sample.prune(retain=0)

    again = made.undo(back, nobody(without("choice")))

    assert again.status == "undone", [(step.address, step.error) for step in again.steps if step.error]
    assert pointers(sqlite_sample) == Pointers(sqlite_sample.good_draft, sqlite_sample.good_published)
    assert again.step("bring_back").status == "changed"


def test_the_undo_of_an_unfinished_restore_gives_back_once(sqlite_sample: Sample, tmp_path: Path) -> None:
    """What its undo gave back, the end of the run neither gives back again nor asks a person about."""
    made, log = with_commands(sqlite_sample, tmp_path)
    answers = without("approval")
    inputs = {"course_id": sqlite_sample.course_id}
    run = made.run("restore-course", nobody(answers), inputs=inputs, answers=answers)
    assert (run.status, log.read_text().split()) == ("waiting", ["freeze", "pause"])

    back = made.undo(run, nobody({**answers, **UNDO}))

    steps = {step.planned.id: step.status for step in back.steps}
    assert back.status == "undone", [(step.address, step.error) for step in back.steps if step.error]
    assert log.read_text().split() == ["freeze", "pause", "resume", "unfreeze"]
    assert {steps[name] for name in ("unfreeze", "unfreeze_by_hand", "resume_pruning", "resume_pruning_by_hand")} == {
        "skipped"
    }
