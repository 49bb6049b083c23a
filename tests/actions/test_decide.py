"""Deciding by a table: which cell applies, to the second, and what going against it takes."""

from datetime import UTC, datetime, timedelta

import pytest

from rollbook.action import Change
from rollbook.errors import SchemaError
from rollbook.testing import FakeReaders

from .conftest import use

TABLE = [
    {"below": "2h", "critical": "rollback", "major": "rollback", "minor": "fix-forward", "risk": "minimal"},
    {"below": "24h", "critical": "rollback", "major": "rollback", "minor": "fix-forward", "risk": "low"},
    {"below": "48h", "critical": "rollback", "major": "fix-forward", "minor": "fix-forward", "risk": "moderate"},
    {"critical": "fix-forward", "major": "fix-forward", "minor": "fix-forward", "risk": "high"},
]
WANTED = {
    "critical": ["rollback", "rollback", "rollback", "fix-forward"],
    "major": ["rollback", "rollback", "fix-forward", "fix-forward"],
    "minor": ["fix-forward"] * 4,
}
READ = FakeReaders({})
SECOND = timedelta(seconds=1)


def test_a_migration_is_shown_for_each_environment() -> None:
    """Where it is applied, what is gone, what is at risk and what has it saved, each environment on its line."""
    action = use(
        "decide.migration",
        migration="board.0002",
        pending={"stage": {"pending": ["board.0002"]}, "prod": {"pending": ["other.0001"]}, "edge": None},
        at_risk={"stage": {"tables": {"note": 3000}, "columns": {"page.rank": 0}}, "prod": {"missing": ["note"]}},
        snapshots={"prod": {"newest": "/kept/prod_r1"}},
        backups={"stage": {"newest": "/backups/shop_r2"}, "prod": {"newest": "/backups/shop_r3"}},
    )

    state = action.probe(READ)

    given = action.outputs(state, ())
    assert (given["pending"], given["applied"]) == (["stage"], ["prod"])
    lines = [" ".join(line.split()) for line in given["table"].splitlines()]
    assert lines[1:] == [
        "stage pending there 3,000 note shop_r2",
        "prod applied gone: note - prod_r1",
        "edge not known not looked for - nothing yet",
    ]


def deployed(age: timedelta) -> str:
    """Give the time of a deploy that is of this *age* to the readers' clock."""
    return (datetime.fromisoformat(READ.now()) - age).astimezone(UTC).isoformat()


@pytest.mark.parametrize("severity", WANTED)
@pytest.mark.parametrize(
    ("age", "row"),
    [
        (timedelta(0), 0),
        (timedelta(hours=2) - SECOND, 0),
        (timedelta(hours=2), 1),
        (timedelta(hours=24) - SECOND, 1),
        (timedelta(hours=24), 2),
        (timedelta(hours=48) - SECOND, 2),
        (timedelta(hours=48), 3),
        (timedelta(days=400), 3),
    ],
)
def test_rows_are_half_open(age: timedelta, row: int, severity: str) -> None:
    """What is just as old as a bound is past it, whether the time or the age is given."""
    by_time = use("decide.matrix", deployed_at=deployed(age), severity=severity, table=TABLE)
    by_age = use("decide.matrix", age=age.total_seconds(), severity=severity, table=TABLE)

    for matrix in (by_time, by_age):
        found = matrix.probe(READ)
        assert (found.decision, found.advised, found.against) == (WANTED[severity][row], WANTED[severity][row], False)
        assert matrix.refusal(found) is None


def test_what_people_were_shown_is_what_counts() -> None:
    """Where the deploy has grown past a bound since, the table is held to what it said then, and both are told."""
    given = {"age": "25h", "severity": "major", "table": TABLE, "advised": "rollback"}
    agreeing, against = use("decide.matrix", **given, override="rollback"), use("decide.matrix", **given)

    found = agreeing.probe(READ)

    assert (found.decision, found.advised, found.against, agreeing.refusal(found)) == (
        "rollback",
        "rollback",
        False,
        None,
    )
    assert "it said rollback when it was shown" in agreeing.details(Change(found, found))[-1]
    assert against.probe(READ).decision == "rollback"
    other = use("decide.matrix", **given, override="fix-forward")
    assert other.refusal(other.probe(READ)) == "The table says rollback: to fix-forward instead needs a reason."


def test_a_deploy_to_come_is_refused() -> None:
    """A time ahead of the clock is a wrong zone or a wrong clock, and decides nothing."""
    matrix = use("decide.matrix", deployed_at=deployed(-2 * timedelta(hours=1)), severity="minor", table=TABLE)

    reason = matrix.refusal(matrix.probe(READ))

    assert "is 2 h ahead of this machine's clock" in reason


def test_going_against_the_table_needs_a_reason() -> None:
    """Another decision than the table's is refused without a reason, and told with one."""
    given = {"age": "3h", "severity": "major", "table": TABLE, "override": "fix-forward"}
    without, blank = use("decide.matrix", **given), use("decide.matrix", **given, reason="  ")
    told = use("decide.matrix", **given, reason="The fix is ready.")

    found = told.probe(READ)

    for matrix in (without, blank):
        assert matrix.refusal(matrix.probe(READ)) == "The table says rollback: to fix-forward instead needs a reason."
    assert told.refusal(found) is None
    assert (found.decision, found.advised, found.against) == ("fix-forward", "rollback", True)
    assert told.details(Change(found, found))[-1] == "AGAINST THE TABLE: fix-forward, because The fix is ready."


def test_agreeing_with_the_table_needs_none() -> None:
    """An override that says what the table says is none."""
    matrix = use("decide.matrix", age="3h", severity="major", table=TABLE, override="rollback")

    found = matrix.probe(READ)

    assert (found.decision, found.against, matrix.refusal(found)) == ("rollback", False, None)


def test_the_cell_that_applies_is_marked() -> None:
    """People see the whole table, and where in it they are."""
    matrix = use("decide.matrix", deployed_at=deployed(timedelta(hours=25)), severity="critical", table=TABLE)
    found = matrix.probe(READ)

    lines = matrix.details(Change(found, found))

    assert lines[1:] == (
        "age           critical     major        minor        at risk",
        "0 to 2 h      rollback     rollback     fix-forward  minimal",
        "2 h to 24 h   rollback     rollback     fix-forward  low",
        "24 h to 48 h  [rollback]   fix-forward  fix-forward  moderate",
        "from 48 h     fix-forward  fix-forward  fix-forward  high",
    )
    assert lines[0].endswith("1 d 1 h ago; severity critical: rollback")


def test_cures_stand_beside_each_other() -> None:
    """What each way out costs is one line; what nobody knows is said so."""
    cures = [
        {"cure": "put back", "time": 240, "disk": 1_500_000_000, "downtime": "none", "loss": "nothing known"},
        {"cure": "go back", "time": "20 min", "downtime": 65.4},
    ]
    matrix = use("decide.matrix", age="90m", severity="critical", table=TABLE, cures=cures)
    found = matrix.probe(READ)

    lines = matrix.details(Change(found, found))

    assert lines[-3:] == (
        "cure      time    disk       downtime   what could be lost",
        "put back  4 min   1.4 GiB    none       nothing known",
        "go back   20 min  not known  1 min 5 s  not known",
    )


@pytest.mark.parametrize(
    ("changed", "wanted"),
    [
        ({"table": []}, "at least one row"),
        ({"table": TABLE[:-1]}, "the last row is for all that is older"),
        ({"table": [TABLE[1], TABLE[0], TABLE[3]]}, "more than that of the row before"),
        ({"table": [TABLE[3], TABLE[3]]}, "more than that of the row before"),
        ({"table": [TABLE[0], {"critical": "rollback"}]}, "row 2 is for critical, and the first for critical, major"),
        ({"table": [{"risk": "none"}]}, "a decision for each severity"),
        ({"severity": "bad"}, "severity: expected one of critical, major, minor; found 'bad'"),
        ({"override": "pray"}, "override: expected one of rollback, fix-forward; found 'pray'"),
        ({"advised": "pray"}, "advised: expected one of rollback, fix-forward; found 'pray'"),
        ({"age": None}, "one of deployed_at and age"),
        ({"deployed_at": "2024-05-01T12:30:00Z"}, "one of deployed_at and age"),
        ({"age": None, "deployed_at": "2024-05-01T12:30:00"}, "without a zone nobody knows"),
    ],
)
def test_what_does_not_fit_is_refused(changed: dict[str, object], wanted: str) -> None:
    """A table with gaps, an unknown severity or decision, a time without its zone: each is refused with the reason."""
    given = {"age": "3h", "severity": "major", "table": TABLE} | changed

    with pytest.raises(SchemaError) as caught:
        use("decide.matrix", **{name: value for name, value in given.items() if value is not None})

    assert wanted in str(caught.value)
