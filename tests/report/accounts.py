"""Journals written by hand, for the reports that are told of them."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta

from rollbook.folding import fold
from rollbook.journal import Record, RecordType
from rollbook.plan import Plan, PlannedStep
from rollbook.run import Run
from rollbook.schema import encode
from rollbook.values import Plain

BEGAN = datetime(2026, 11, 21, 9, 2, 0, tzinfo=UTC)
COURSE = "course-v1:DemoOrg+RB101+2024_T1"
SHA = hashlib.sha256(b"x").hexdigest()


@dataclass
class Story:
    """A journal in the making; every call appends a record, *after* seconds after the one before."""

    plan: Plan
    id: str = "20261121-090200-restore-course-7f3a"
    operator: str = "anna@ops-laptop"
    reason: str = "CR-1234: a mistaken import replaced the course"
    at: datetime = BEGAN
    records: list[Record] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.tell(
            "run_started",
            run=self.id,
            plan=encode(self.plan),
            digest=self.plan.digest,
            operator=self.operator,
            reason=self.reason,
            version="0.1.0",
        )

    def tell(self, kind: RecordType, after: float = 0.0, /, **content: Plain) -> "Story":
        """Append a record."""
        self.at += timedelta(seconds=after)
        number = len(self.records) + 1
        at = self.at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
        digest = hashlib.sha256(f"{number}{at}{kind}".encode()).hexdigest()
        self.records.append(Record(number, at, kind, content, digest))
        return self

    def begin(self, address: str, after: float = 0.01, /, **content: Plain) -> "Story":
        """Start a step as it was planned."""
        planned = self.plan.step(address)
        assert planned is not None
        told = {
            "before": planned.before,
            "after": planned.after,
            "ops": list(planned.ops),
            "shown": list(planned.shown),
            "details": list(planned.details),
        }
        return self.tell("step_started", after, step=address, **{**told, **content})

    def end(self, address: str, after: float = 0.05, status: str = "ok", /, **content: Plain) -> "Story":
        """Finish a step."""
        return self.tell("step_finished", after, step=address, status=status, **content)

    def step(self, address: str, seconds: float, status: str = "ok", **content: Plain) -> "Story":
        """Start and finish a step."""
        return self.begin(address).end(address, seconds, status, **content)

    def ask(self, address: str, seconds: float, value: Plain, by: str = "bo@studio", how: str = "terminal") -> "Story":
        """Ask a question and have it answered after *seconds*."""
        self.tell("waiting", 0.01, step=address)
        self.tell("answered", seconds, step=address, value=value, by=by, how=how)
        return self.end(address, 0.004, after={"value": value, "by": by})

    def reply(self, address: str, seconds: float, value: Plain, by: str = "anna@ops-laptop") -> "Story":
        """Have a question answered at the terminal, as the engine journals it: no record when it is asked."""
        self.tell("answered", seconds, step=address, value=value, by=by, how="terminal", approval=False)
        return self.end(address, 0.004, outputs={"value": value, "by": by}, by=by)

    def finish(self, status: str = "succeeded", after: float = 0.02, /, **content: Plain) -> Run:
        """End the run, and fold it."""
        return self.tell("run_finished", after, status=status, **content).run()

    def run(self) -> Run:
        """Fold what was told so far."""
        return fold(self.records)


def step(id: str, name: str = "", kind: str = "shell.run", verdict: str = "read", **rest: object) -> PlannedStep:  # noqa: A002
    """Plan a step in short."""
    return PlannedStep(id, id, name, kind, verdict, **rest)  # type: ignore[arg-type]  # the tests' short form


def plan_of(steps: Sequence[PlannedStep], **rest: object) -> Plan:
    """Plan a restore with these steps."""
    plan = Plan(
        "restore-course",
        "Restore a course run to an earlier version",
        "prod",
        tuple(steps),
        owner="learner-support",
        protected=True,
        inputs={"course_id": COURSE, "retain": 10},
        sources={"runbooks/restore-course.yml": "runbook: restore-course\n"},
        identities={"ledger": {"server_uuid": "3f1c"}, "modulestore": {"set": "rs0"}},
        lock=f"course {COURSE}",
        lock_scope="ledger",
        made_at="2026-11-21T09:01:30.000Z",
        made_by="anna@ops-laptop",
    )
    return replace(plan, **rest)  # type: ignore[arg-type]  # the tests' short form


OLD, NEW = "66f1a0c0ffee0000000000d1", "66e0b1c0ffee0000000000a7"
SQL = (
    "UPDATE split_modulestore_django_splitmodulestorecourseindex SET draft_version = :draft, last_update = :now"
    " WHERE course_id = :course AND last_update = :seen  -- must touch 1 row\n    with draft=66e0b1c0, course=course-v1"
)
MONGO = f'db.getCollection("modulestore.active_versions").update_one({{_id: ObjectId("{OLD}")}}, {{$set: …}})'


def restore_plan(**rest: object) -> Plan:
    """Plan the restore of a course in eleven steps."""
    return plan_of(
        (
            step("key", "Accept the course key", "openedx.course_key", phase="Find the version"),
            step("editors", "Ask the authors to stop editing", "human.task", "ask", prompt={"text": "Are all out?"}),
            step(
                "versions",
                "List the versions that the ledger remembers",
                "openedx.versions",
                phase="Find the version",
                targets=("ledger", "modulestore"),
                details=("2026-11-20 16:04  anna  import   112 blocks", "2026-11-21 08:40  bo    edit       3 blocks"),
            ),
            step(
                "choice",
                "Choose the version to go back to",
                "human.choose",
                "ask",
                prompt={
                    "text": "Which version is the good one?",
                    "choices": [{"value": NEW, "label": "20 Nov 16:04, before the import (112 blocks)"}],
                },
                assumed=True,
            ),
            step("pruning", "Pause the pruning of old versions", "shell.run", "run", targets=("jobs",), undo="reverse",
                 shown=("kubectl patch cronjob prune -p '{\"spec\":{\"suspend\":true}}'",), ops=({"op": "command"},)),
            step("snapshot", "Keep what is there now in a checksummed file", "openedx.snapshot", "create",
                 targets=("ledger", "modulestore"), undo="leave", undo_reason="a snapshot that was taken stays",
                 ops=({"op": "sql.export"},), shown=("SELECT * FROM …\n    to snapshot/ledger.jsonl",),
                 before={"exists": False}, after={"exists": True, "sha256": SHA, "size": 48211}),
            step("approve", "Approve the change", "human.approve", "ask", prompt={"text": "Put the course back?"},
                 approvers=("bo", "carol"), quorum=1, phase="Put it back"),
            step("pointers", "Point the ledger and the modulestore at that version", "openedx.course_version", "update",
                 targets=("ledger", "modulestore"), undo="reverse", downtime="begins", phase="Put it back",
                 before={"draft": OLD, "published": "66f1a0c0ffee0000000000d2", "org": "DemoOrg"},
                 after={"draft": NEW, "published": "66e0b1c0ffee0000000000a8", "org": "DemoOrg"},
                 ops=({"op": "sql"}, {"op": "mongo.write"}), shown=("BEGIN", SQL, "COMMIT", MONGO),
                 details=("+ 98 blocks come back (41 problem, 30 html, 27 vertical)", "- 12 blocks of the import go")),
            step("refresh", "Publish the course again", "shell.run", "run", targets=("cms",), phase="Put it back",
                 shown=(f"tutor local run cms ./manage.py cms simulate_publish --courses {COURSE}",),
                 ops=({"op": "command"},), undo="leave", undo_reason="publishing again harms nothing"),
            step("smoke", "Look at the course as a learner does", "http.check", targets=("site",), downtime="ends"),
            step("mail", "Tell the course team", "notify.send", "run", targets=("smtp",), phase="Put it back",
                 undo="leave", undo_reason="a mail that was sent stays sent", ops=({"op": "mail"},)),
            step("resume-pruning", "Let pruning run again", "shell.run", "run", targets=("jobs",), section="finally",
                 undo="leave", undo_reason="it is as it was before", ops=({"op": "command"},),
                 shown=("kubectl patch cronjob prune -p '{\"spec\":{\"suspend\":false}}'",)),
        ),
        **rest,
    )  # fmt: skip


def output(tail: str, size: int = 0) -> Plain:
    """Record the output of a command."""
    return {"path": "output/refresh.log", "size": size or len(tail), "sha256": SHA, "tail": tail}


def restored(*, notes: bool = True) -> Story:
    """Tell a restore that went well after one retry, up to its end."""
    story = Story(restore_plan())
    story.tell("lock_taken", 0.004, name=f"course {COURSE}")
    story.step("key", 0.003).ask("editors", 340, "done", by="anna@ops-laptop")
    story.step("versions", 1.9).ask("choice", 1260, NEW, by="anna@ops-laptop")
    story.step("pruning", 0.8, "changed", output=output("cronjob.batch/prune patched\n"))
    files = [{"path": "snapshot/ledger.jsonl", "size": 48211, "sha256": SHA}]
    story.step("snapshot", 2.4, "changed", files=files)
    story.ask("approve", 1500, "yes", by="bo@studio", how="inbox")
    story.begin("pointers").tell("downtime_began", 0, by="pointers")
    story.tell("op_finished", 0.021, step="pointers", index=0).tell("op_finished", 0.03, step="pointers", index=1)
    story.end("pointers", 0.06, "changed")
    story.begin("refresh").tell("attempt", 31.0, step="refresh", attempt=2, error="exit 1: broker not reachable")
    story.begin("refresh", 5.0, attempt=2)
    story.end("refresh", 44.2, "changed", output=output("INFO simulate_publish: 1 course\nINFO done in 43.8 s\n"))
    story.step("smoke", 3.6).tell("downtime_ended", 0, by="smoke")
    story.tell("step_skipped", 0.001, step="mail", reason="when: the environment has no smtp target")
    story.step("resume-pruning", 0.7, "changed")
    if notes:
        story.tell("note", 1, section="root-cause", by="anna@ops-laptop", text="The export of RB102 was imported here.")
        story.tell("note", 1, section="actions", by="bo@studio", text="Ask for the course key before an import.")
    return story


def undo_of(run: Run, after_hours: float = 26.0) -> Story:
    """Tell how *run* was taken back, up to the undo's end."""
    assert run.ended_at is not None
    steps = (
        step("pointers", "Point back: ledger and modulestore", "openedx.course_version", "update",
             targets=("ledger", "modulestore"), undo_of="pointers", undo="reverse", ops=({"op": "sql"},),
             before={"draft": NEW}, after={"draft": OLD}, shown=("BEGIN", SQL, "COMMIT")),
        step("pruning", "Let pruning run again", "shell.run", "run", targets=("jobs",), undo_of="pruning",
             ops=({"op": "command"},)),
    )  # fmt: skip
    plan = plan_of(steps, undo_of=run.id, title="Undo of a restore")
    at = run.ended_at + timedelta(hours=after_hours)
    return Story(plan, id="20261122-114500-undo-9c1d", operator="carol@ops", reason="wrong version chosen", at=at)
