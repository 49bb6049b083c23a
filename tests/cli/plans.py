"""Plans made by hand, as the planner would make them."""

from rollbook.plan import Plan, PlannedStep

VERSIONS = PlannedStep(
    address="versions",
    id="versions",
    name="List the versions that the ledger remembers",
    kind="openedx.versions",
    verdict="read",
    targets=("ledger", "modulestore"),
    phase="Find out",
    before={"suggested": "65ab01/65ab02", "candidates": []},
    after={"suggested": "65ab01/65ab02", "candidates": []},
    details=(
        "2024-02-01 09:12  ada    65ab01/65ab02  41 blocks   exists, published, shared with 1 other run",
        "2024-02-02 17:40  bob    65ab03/65ab04   3 blocks   the import that did the damage",
    ),
    estimate=0.4,
)
CHOICE = PlannedStep(
    address="choice",
    id="choice",
    name="Choose the version to go back to",
    kind="human.choose",
    verdict="ask",
    phase="Find out",
    prompt={
        "kind": "choose",
        "text": "Which version shall the course go back to?",
        "choices": [
            {"value": "65ab01/65ab02", "label": "65ab01/65ab02", "detail": "2024-02-01 by ada, 41 blocks"},
            {"value": "65ab03/65ab04", "label": "65ab03/65ab04", "detail": "2024-02-02 by bob, 3 blocks"},
        ],
        "default": "65ab01/65ab02",
        "has_default": True,
        "items": [],
        "names": [],
        "quorum": 1,
    },
    outputs={"value": "65ab01/65ab02"},
    assumed=True,
)
POINTERS = PlannedStep(
    address="pointers",
    id="pointers",
    name="Point the ledger and the modulestore at that version",
    kind="openedx.course_version",
    verdict="update",
    phase="Put it back",
    targets=("ledger", "modulestore"),
    before={"draft": "65ab03aa00000000000000aa", "published": "65ab04aa00000000000000aa", "edited": 3},
    after={"draft": "65ab01aa00000000000000aa", "published": "65ab02aa00000000000000aa", "edited": 3},
    compared=("draft", "published"),
    ops=({"op": "sql"},),
    shown=(
        "BEGIN",
        (
            "UPDATE split_modulestore_django_splitmodulestorecourseindex SET draft_version = :draft, "
            "published_version = :published WHERE course_id = :course AND last_update = :seen  -- must touch 1 row\n"
            "    with draft=65ab01aa00000000000000aa, published=65ab02aa00000000000000aa"
        ),
        "COMMIT",
    ),
    details=("draft: 38 blocks come back, 2 go", "  + chapter “Week 1”"),
    undo="reverse",
    approvers=("ada", "grace"),
    quorum=1,
    downtime="begins",
    estimate=2.2,
)
MAIL = PlannedStep(
    address="tell",
    id="tell",
    name="Tell the course team",
    kind="notify.send",
    verdict="run",
    phase="Put it back",
    targets=("mail",),
    shown=("mail to team@example.org: the course is back",),
    undo="leave",
    undo_reason="a mail that was sent stays sent",
    effect="once",
)
REFRESH = PlannedStep(
    address="refresh",
    id="refresh",
    name="Refresh the site",
    kind="shell.run",
    verdict="skip",
    phase="Put it back",
    reason="the environment has no target cms",
)
SMOKE = PlannedStep(
    address="smoke",
    id="smoke",
    name="Ask the site for the course's page",
    kind="http.check",
    verdict="read",
    phase="Put it back",
    reason="looked at in its turn",
    details=("GET /courses/course-v1:DemoOrg+RB101+2024_T1/about answers 200",),
    targets=("site",),
    downtime="ends",
)
GIVE_BACK = PlannedStep(
    address="thaw",
    id="thaw",
    name="Give the course back to its editors",
    kind="file.absent",
    verdict="delete",
    section="finally",
    targets=("here",),
    before={"exists": True, "path": "/srv/frozen", "size": 12},
    after={"exists": False, "path": "/srv/frozen", "size": None},
    shown=("remove /srv/frozen",),
    undo="refuse",
    undo_reason="the file's content was not kept",
)


def restore_plan(**changes: object) -> Plan:
    """Give a plan with a step of every sort."""
    values: dict[str, object] = {
        "runbook": "restore-course",
        "title": "Restore a course run to an earlier version",
        "environment": "demo",
        "steps": (VERSIONS, CHOICE, POINTERS, MAIL, REFRESH, SMOKE, GIVE_BACK),
        "owner": "learner-support",
        "inputs": {"course_id": "course-v1:DemoOrg+RB101+2024_T1", "before": None},
        "lock": "course course-v1:DemoOrg+RB101+2024_T1",
        "lock_scope": "this machine only",
        "identities": {"modulestore": {"set": "rs0"}},
        "made_at": "2026-01-02T03:04:05.678Z",
        "made_by": "grace@laptop",
    }
    return Plan(**{**values, **changes})  # type: ignore[arg-type]  # tests change one field at a time
