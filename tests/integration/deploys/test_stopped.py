"""Writers are stopped first, as where data is being corrupted: whatever is decided then lets everybody in again."""

import psycopg
import pytest

from .code import git
from .desk import Desk
from .site import LIVE
from .test_deciding import ANSWERS

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

DECIDED = {
    **ANSWERS,
    "corrupting": "yes",
    "choice": "default",
    "ready": "all",
    "forward/owner": "Ada",
    "why": "The fix is there.",
}
FIXING = {f"forward/{name}": answer for name, answer in (("fix", "all"), ("out", "done"), ("well", "all"))}


def deciding(desk: Desk, deploy: str, **answers: str) -> tuple[str, ...]:
    """Give the words that decide about a deploy of just now, and carry it out."""
    given = {"deploy": deploy, "deployed_at": desk.board.pattern.deployed_at.isoformat()}
    options = [f"--set={name}={value}" for name, value in given.items()]
    answered = [f"--answer={name}={value}" for name, value in {**DECIDED, **FIXING, **answers}.items()]
    return ("run-playbook", "bad-deploy", "--env", "board", *options, *answered, "--yes")


@pytest.fixture
def code_only(desk: Desk) -> Desk:
    """Deploy a commit that harms the code alone; the pages of what an earlier one took are no checks, nor logs watched."""
    site, inventory = desk.board.folder / "site", desk.folder / "inventory" / "board.yml"
    (site / "BAD").write_text("bad\n")
    git(site, "add", "BAD")
    git(site, "-c", "user.name=Ada", "-c", "user.email=ada@example.com", "commit", "-q", "-m", "Break it")
    left_out = ("  logs:", "    - {name: Posts")
    lines = [line for line in inventory.read_text().splitlines() if not line.startswith(left_out)]
    inventory.write_text("\n".join(lines))
    return desk


def require_open(desk: Desk) -> None:
    """See that visitors are let in, by services that run, and that these may log in."""
    psycopg.connect(desk.board.pattern.url(user="forum")).close()
    assert desk.board.up
    assert desk.board.page("/shows_show/")[0] == 200


@pytest.mark.parametrize(
    ("answers", "stage"),
    [({"fault": "code"}, "code"), ({"fault": "code", "choice": "fix-forward"}, "forward")],
    ids=["code", "forward"],
)
def test_what_is_decided_while_writers_are_stopped_lets_everybody_in_again(
    code_only: Desk, answers: dict[str, str], stage: str
) -> None:
    """The site's account may log in before its code is looked at or its fix migrates, and the downtime is all of it."""
    code, said = code_only.type(*deciding(code_only, "HEAD", **answers))

    assert code == 0, said[-4000:]
    require_open(code_only)
    run = code_only.last()
    (stretch,) = run.downtimes
    ended = {"code": "code/smoke", "forward": "forward/maintenance_off"}[stage]
    assert (stretch.began_by, stretch.ended_by) == ("stop/maintenance", ended)
    assert ((code_only.board.folder / "site" / "BAD").exists()) is (stage == "forward")


def test_what_is_put_back_while_writers_are_stopped_lets_everybody_in_again(desk: Desk) -> None:
    """After `stop-writers`, run by itself, the database is brought back and opened; the undo closes it again."""
    stopped, _ = desk.type("run-runbook", "stop-writers", "--env", "board", "--yes")
    down = desk.last().downtimes

    code, said = desk.type(*desk.bringing_back("put_back"))

    assert (stopped, [stretch.ended_at for stretch in down]) == (0, [None])
    assert code == 0, said[-4000:]
    require_open(desk)
    undone, said = desk.type("undo", "last", "--yes")
    assert undone == 0, said[-4000:]
    assert not desk.board.up
    with pytest.raises(psycopg.OperationalError, match="not permitted to log in"):
        psycopg.connect(desk.board.pattern.url(LIVE, user="forum"))


def test_a_downtime_that_others_began_is_measured_from_where_it_is_met(desk: Desk) -> None:
    """Where the site is down already when going back stops it, the downtime counts from then on, and not as none."""
    desk.type("run-runbook", "stop-writers", "--env", "board", "--yes")

    code, said = desk.type(*desk.going_back())

    assert code == 0, said[-4000:]
    (stretch,) = desk.last().downtimes
    assert (stretch.began_by, stretch.ended_by) == ("maintenance", "smoke")
