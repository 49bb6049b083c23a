"""Conflicts that people settle while the run stands: asked, waited for, and gone on with in the same run."""

import json
import os
import pty
import select
import signal
import time
from pathlib import Path
from typing import Self

import pytest
from databases import script

from rollbook.report import report_of

from .conftest import Site
from .desk import GoingBack

pytestmark = pytest.mark.server
_SECONDS = 90.0  # on a machine that does other things


def contested(site: Site, folder: Path, how: str) -> GoingBack:
    """Give a desk whose final pass meets conflicts."""
    made = GoingBack(folder, site, carrying=f", conflicts: {how}")
    made.write()
    script(site.url(user=site.app), "UPDATE book SET title = 'mine' WHERE id IN (3, 53)")
    return made


@pytest.fixture
def desk(site: Site, tmp_path: Path) -> GoingBack:
    return contested(site, tmp_path, "ask")


def titles(site: Site) -> list[str]:
    return [title for (title,) in script(site.url(), "SELECT title FROM book WHERE id IN (3, 53) ORDER BY id")]


def starts(desk: GoingBack) -> dict[str, int]:
    return {step.address: len(step.starts) for step in desk.last().steps}


def require_all_there(site: Site) -> None:
    """See that nothing was carried twice and nothing is missing."""
    assert script(site.url(), "SELECT count(*) FROM book WHERE title LIKE 'new %'") == [(2,)]
    assert script(site.url(), "SELECT count(*) FROM book") == [(201,)]
    assert script(site.url(), "SELECT to_regnamespace('rollbook')") == [(None,)]


def test_it_waits_and_goes_on_with_an_answer(desk: GoingBack) -> None:
    """Without a terminal the run waits behind its fence; the answer is taken by the same run, and told with its giver."""
    code, said = desk.type(*desk.go())
    waiting = desk.last()
    again, more = desk.type("resume", "last", "--answer", "final=keep_live")

    assert (code, waiting.status, waiting.waiting_for) == (3, "waiting", "final"), said
    assert "edited_by_both book  2 conflicts" in said
    assert "mine" not in said
    assert f"resume {waiting.id} --answer final=ANSWER" in said
    assert (again, desk.last().id, titles(desk.site)) == (0, waiting.id, ["mine", "mine"]), more
    assert starts(desk) == {"first": 1, "fence": 1, "final": 2, "swap": 1, "open": 1}
    require_all_there(desk.site)
    (answer,) = report_of(desk.last()).answers
    assert (answer.answer, answer.how, answer.by != "") == ("edited_by_both book: live", "option", True)
    assert "mine" not in desk.runs.all()[-1].journal.read_text()


def test_it_goes_on_with_the_file_of_decisions(desk: GoingBack) -> None:
    """Whoever decides in the file resumes without an answer; while it says nothing, the run goes on waiting."""
    desk.type(*desk.go())
    still, _ = desk.type("resume", "last", "--answer", "final=file")
    path = desk.runs.all()[-1].path / "carry" / "decisions.csv"
    path.write_text(path.read_text().replace("edited_by_both,book,", "edited_by_both,book,backup"))

    code, said = desk.type("resume", "last")

    assert still == 3
    assert (code, titles(desk.site)) == (0, ["t3", "t53"]), said
    require_all_there(desk.site)


def test_what_was_stopped_goes_on_in_the_same_run(site: Site, tmp_path: Path) -> None:
    """With `stop` it fails with the list, and asks nobody; an answer lets a resume of the same run go on."""
    desk = contested(site, tmp_path, "stop")
    code, said = desk.type(*desk.go())
    failed = desk.last()

    ended, more = desk.type("resume", "last", "--answer", "final=edited_by_both book=live")

    assert (code, failed.status) == (1, "failed"), said
    assert f"resume {failed.id} --answer final=ANSWER" in said
    assert "2 conflicts are not settled: edited_by_both in book" in said
    assert (ended, desk.last().id, titles(site)) == (0, failed.id, ["mine", "mine"]), more
    require_all_there(site)


class Terminal:
    """A command typed into a terminal, and what it shows."""

    def __init__(self, desk: GoingBack, *words: str) -> None:
        self.shown = ""
        self._end, inner = pty.openpty()
        self.process = desk.start(*words, terminal=inner)
        os.close(inner)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()
        os.close(self._end)

    def until(self, text: str) -> None:
        end = time.monotonic() + _SECONDS
        while text not in self.shown:
            assert time.monotonic() < end, self.shown
            assert self._read(), self.shown

    def type(self, line: str) -> None:
        os.write(self._end, f"{line}\n".encode())

    def ended(self) -> int:
        """Read on until the command has ended; gives its exit code."""
        while self._read():
            pass
        return self.process.wait()

    def _read(self) -> bool:
        if not select.select([self._end], [], [], 0.2)[0]:
            return True
        try:
            self.shown += os.read(self._end, 65536).decode(errors="replace")
        except OSError:  # it has ended
            return False
        return True


def test_in_a_terminal_both_sides_are_shown_and_one_is_chosen(desk: GoingBack) -> None:
    """A few conflicts are shown with both sides, which no journal has; the run goes on with what is typed."""
    with Terminal(desk, *desk.go()) as terminal:
        terminal.until("later.")
        shown = terminal.shown
        terminal.type("book=backup")
        code = terminal.ended()

    assert "edited_by_both in book, key 3 (title)" in shown
    assert "title: mine" in shown
    assert "title: t3" in shown
    assert (code, titles(desk.site), desk.last().answers[0].how) == (0, ["t3", "t53"], "terminal")
    require_all_there(desk.site)


def test_killed_while_it_asks_and_right_after_the_answer(desk: GoingBack) -> None:
    """Both times a resume goes on in the same run: it waits for the answer, then it has it."""
    with Terminal(desk, *desk.go()) as terminal:
        terminal.until("later.")
    waiting = desk.last()
    journal = desk.runs.all()[-1].journal
    process = desk.start("resume", "last", "--answer", "final=live")
    while process.poll() is None and '"answered"' not in journal.read_text():
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.communicate()

    code, said = desk.type("resume", "last", "--yes")

    assert (waiting.status, waiting.waiting_for) == ("waiting", "final")
    assert process.returncode == -signal.SIGKILL
    assert (code, titles(desk.site)) == (0, ["mine", "mine"]), said
    assert [json.dumps(one.value) for one in desk.last().answers] == ['{"edited_by_both book": "live"}']
    require_all_there(desk.site)
