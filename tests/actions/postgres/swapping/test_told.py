"""What the report of going back says, which no plan could know: rows per table, conflicts, what stays behind."""

from pathlib import Path

import pytest
from databases import script

from .conftest import Site
from .desk import GoingBack

pytestmark = pytest.mark.server


def test_the_report_has_the_rows_of_the_final_pass_and_what_did_not_fit(site: Site, tmp_path: Path) -> None:
    """What the last pass carried stands at its step, table by table, with its conflicts and where they are listed."""
    script(site.url(user=site.app), "UPDATE book SET title = 'users' WHERE id = 3", "DELETE FROM book WHERE shelf = 5")
    site.admin("CREATE PUBLICATION of_books FOR TABLE book", database=site.live)
    desk = GoingBack(tmp_path, site, carrying=", conflicts: keep_live", others=", conflicts: keep_live")
    desk.write()
    script(site.url(user=site.app), "INSERT INTO shelf (name) VALUES ('late one'), ('late two')")

    code, said = desk.type(*desk.go())

    assert code == 0, said[-2000:]
    run, report = desk.last(), (desk.runs.all()[-1].path / "report.md").read_text().replace("\\", "")
    final = run.step("final")
    assert final is not None
    told = final.outputs["tables"]
    section = report[report.index("Carry what came since\n") : report.index("Swap\n\n`swap`")]
    for table, one in told.items():
        counts = f"{one['inserted']} new, {one['updated']} changed, {one['deleted']} deleted rows"
        assert f"- {table}: {counts}" in section
    assert set(told) >= {"book", "shelf"}
    for kind, count in final.outputs["kinds"].items():
        assert f"conflict: {count} times {kind}" in section
    assert final.outputs["conflicts"]
    assert final.outputs["conflicts_file"] in section
    assert "not carried over: publication of_books" in report[report.index("Swap\n\n`swap`") :]
