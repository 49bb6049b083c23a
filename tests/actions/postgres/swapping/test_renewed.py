"""Drift after the swap: what was true of the old live database alone is neither read nor made again."""

from pathlib import Path

import pytest
from databases import script

from rollbook.journal import replay

from .conftest import Site
from .desk import GoingBack

pytestmark = pytest.mark.server


def test_what_the_run_itself_changed_is_not_read_again(site: Site, tmp_path: Path) -> None:
    """The rows lost since the backup stay as they were counted; what the counts decide is done by them."""
    desk, there = GoingBack(tmp_path, site), tmp_path / "there"
    desk.write()
    book = tmp_path / "runbooks" / "go-back.yml"
    loss = f"  - {{id: loss, name: Count, postgres.data_loss: {{against: {site.names[1]}}}}}\n"
    last = (
        f'  - {{id: mark, name: Mark, file.present: {{path: {there}, content: "x"}}}}\n'
        '  - {id: note, name: See, when: "steps.loss.outputs.gone_tables", value.set: {values: {seen: true}}}\n'
    )
    book.write_text(book.read_text().replace("steps:\n", f"steps:\n{loss}") + last)

    stopped = desk.type(*desk.go(), "--until", "open")
    there.write_text("somebody else's")
    drifted = desk.type("resume", "last", "--yes")
    ended = desk.type("resume", "last", "--yes")

    assert (stopped[0], drifted[0], ended[0]) == (3, 4, 0), ended[1]
    records = replay(desk.runs.all()[-1].journal)
    over = [record["step"] for record in records if record.type == "step_finished"]
    assert over == ["loss", "first", "fence", "final", "swap", "open", "mark", "note"]
    assert there.read_text() == "x"
    assert script(site.url(), "SELECT count(*) FROM note") == [(20,)]
