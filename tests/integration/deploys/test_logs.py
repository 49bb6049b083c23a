"""What the logs of a site say while its deploy is taken back, and what of that is told."""

import pytest

from .desk import Desk

pytestmark = [pytest.mark.server, pytest.mark.timeout(600)]

# The web server is up while the worker still starts, and visitors who come in between get the maintenance page.
_STARTING = """\
if [ "$1 $2" = "start worker" ]; then
  echo "ERROR django.request Service Unavailable: /shows/" >> ../web.log
  echo "ERROR worker: knows no task of that name" >> ../web.log
fi
"""


def test_the_maintenance_page_is_no_error(desk: Desk) -> None:
    """Lines of the maintenance page are held against nobody; an error at the start is told, and none after it."""
    control = desk.board.folder / "bin" / "supervisorctl"
    control.write_text(control.read_text().replace('case "$1" in', f'{_STARTING}case "$1" in', 1))

    code, said = desk.type(*desk.going_back())
    told = {step.address: step for step in desk.last().steps}

    assert code == 0, said[-4000:]
    assert told["logs"].status == "ok"
    assert told["starting"].status != "ok"
    assert "1 lines found since the mark" in said
    assert "knows no task of that name" in said
    assert "Service Unavailable: /shows/" not in said


def test_logs_that_nobody_may_read_keep_no_site_down(desk: Desk) -> None:
    """The plan tells of them; in its turn nothing waits for them, and the run says what was not looked at."""
    log = desk.board.folder / "error.log"
    log.symlink_to(log)  # which nobody, root included, can follow
    inventory = desk.folder / "inventory" / "board.yml"
    inventory.write_text(inventory.read_text().replace(f"[{desk.board.folder}/web.log]", f"[{log}]"))

    _, planned = desk.type("plan", *desk.going_back()[1:-1])
    code, said = desk.type(*desk.going_back())
    told = {step.address: step for step in desk.last().steps}

    assert "CANNOT BE LOOKED AT" in planned
    assert code == 0, said[-4000:]
    assert all("cannot be read" in told[step].error for step in ("mark", "opened", "watch"))
    assert all("status != 'failed' does not hold" in told[step].reason for step in ("starting", "logs"))
    assert told["start"].status == "changed"
