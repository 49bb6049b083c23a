"""The report as HTML."""

import re
from html.parser import HTMLParser
from zoneinfo import ZoneInfo

import pytest
from hypothesis import HealthCheck, given, settings

from rollbook.report.html import html_pieces, to_html
from rollbook.report.model import report_of
from rollbook.run import Run

from .accounts import Story, plan_of, restore_plan, restored, step, undo_of
from .hostile import EVIL, run_with, texts

VOID = {"meta", "br", "link", "img", "input", "hr"}


class Page(HTMLParser):
    """The tags of a page, with a check that each is closed in its turn."""

    def __init__(self, page: str) -> None:
        super().__init__(convert_charrefs=True)
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        """Give all text on one line."""
        return " ".join(" ".join(self.words).split())


def cases() -> dict[str, Run]:
    """Give a run of every kind."""
    plan = restore_plan()
    begun = Story(plan).step("key", 1).begin("pruning")
    killed = Story(plan).step("key", 1).begin("pruning").tell("run_resumed", 99, operator="c@d").end("pruning", 1)
    failed = Story(plan).begin("pointers").tell("downtime_began", 0, by="pointers")
    many = Story(plan_of([step(f"s{i}", f"Step {i}", targets=(f"web-{i % 7}",), verdict="run") for i in range(500)]))
    for i in range(500):
        many.step(f"s{i}", 0.4, "changed" if i % 5 == 0 else "ok")
    return {
        "success": restored().finish(),
        "cut off": begun.run(),
        "resumed": killed.finish(),
        "failed, down": failed.tell("step_failed", 1, step="pointers", error="no").finish("failed"),
        "waiting": Story(plan).tell("waiting", 1, step="editors").run(),
        "stopped": Story(plan).step("key", 1).tell("interrupted", 1, text="Ctrl-C").run(),
        "abandoned": Story(plan).step("key", 1).finish("abandoned"),
        "undone": restored().finish("undone"),
        "empty": Story(plan_of(())).finish(),
        "many": many.finish(),
    }


CASES = cases()


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_run_gives_a_whole_page(name: str) -> None:
    """A run of any kind gives a page whose tags are closed, with one h1, a title and every section."""
    page = Page(to_html(report_of(CASES[name], local_zone=ZoneInfo("Asia/Tokyo"))))

    assert page.tags.count("h1") == 1
    for title in (
        "Summary",
        "Timeline",
        "Root cause",
        "What was changed",
        "Undo",
        "Lessons",
        "Action items",
        "Evidence",
    ):
        assert title in page.text
    assert "JST" in page.text


@pytest.mark.parametrize("name", CASES)
def test_page_needs_nothing_from_elsewhere(name: str) -> None:
    """A page holds no script, no handler and no address but its own anchors, and forbids them by policy."""
    html = to_html(report_of(CASES[name]))
    page = Page(html)

    assert not {"script", "iframe", "object", "embed", "img", "link", "base", "form"} & set(page.tags)
    assert not [name for _, name, _ in page.attributes if name.startswith("on") or name in ("src", "srcset")]
    assert all(value.startswith("#") for _, name, value in page.attributes if "href" in name)
    assert re.findall(r"url\((?!#)|@import", html) == []
    assert ("meta", "content", "default-src 'none'; style-src 'unsafe-inline'") in page.attributes


@pytest.mark.parametrize("name", CASES)
def test_anchors_lead_somewhere(name: str) -> None:
    """Every id is there once, and every anchor has its id."""
    page = Page(to_html(report_of(CASES[name])))
    ids = [value for _, name, value in page.attributes if name == "id"]

    assert len(ids) == len(set(ids))
    links = {value[1:] for _, name, value in page.attributes if name == "href"}
    labels = {part for _, name, value in page.attributes if name == "aria-labelledby" for part in value.split()}
    assert links | labels <= set(ids)


SHAPE = Page(to_html(report_of(run_with("")))).tags


def held(text: str) -> None:
    """Check that *text* changes nothing but text."""
    page = Page(to_html(report_of(run_with(text))))

    assert page.tags == SHAPE
    assert not [value for _, name, value in page.attributes if name.startswith("on")]


@pytest.mark.parametrize("text", EVIL)
def test_known_tricks_stay_text(text: str) -> None:
    """A text that tries to be markup leaves the page's tags as they are."""
    held(text)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(text=texts)
def test_any_text_stays_text(text: str) -> None:
    """Whatever stands in any field, the page has the same tags in the same order."""
    held(text)


def test_hidden_characters_are_shown() -> None:
    """Direction marks and control characters are printed by name instead of taking effect."""
    html = to_html(report_of(run_with("\u202egnp.exe\x1b[31m\x00")))

    assert not set(html) & set("\u202e\x1b\x00")
    assert "‹U+202E›gnp.exe␛[31m␀" in html


def test_status_is_told_in_words_and_marks() -> None:
    """No status is told by colour alone: each mark stands beside its words."""
    text = Page(to_html(report_of(CASES["failed, down"]))).text

    assert "✕ Failed, can be resumed" in text
    assert "✕ STILL OPEN" in text
    assert "Downtime is still open" in text


def test_tables_have_captions_and_scopes() -> None:
    """Each table has a caption, each column's head its scope."""
    page = Page(to_html(report_of(CASES["success"])))

    assert page.tags.count("table") == page.tags.count("caption")
    heads = [name for tag, name, _ in page.attributes if tag == "th" and name == "scope"]
    assert len(heads) == page.tags.count("th")


def test_undo_run_is_on_the_same_page() -> None:
    """A report with its undo tells both runs, and has the evidence of both journals."""
    run = CASES["success"]
    undo = undo_of(run).step("pointers", 0.4, "changed").step("pruning", 1, "changed").finish()

    text = Page(to_html(report_of(run, undo=undo))).text

    assert "Succeeded, then undone" in text
    assert run.head in text
    assert undo.head in text


def test_very_many_changes_come_in_bundles() -> None:
    """Of very many changes a browser draws the first hundred, and each one is in the page."""
    story = Story(plan_of([step(f"s{i}", f"Step {i}", verdict="run") for i in range(250)]))
    for i in range(250):
        story.step(f"s{i}", 0.4, "changed")

    html = to_html(report_of(story.finish()))

    assert "<details open><summary>Changes 1 to 100: steps 1 to 100</summary>" in html
    assert "<details><summary>Changes 201 to 250: steps 201 to 250</summary>" in html
    assert [f'<h3 id="step-{i}">' in html for i in range(1, 251)] == [True] * 250


def test_pieces_are_the_page() -> None:
    """What is written piece by piece is the page, and no piece is a large part of it."""
    report = report_of(CASES["many"])
    pieces = tuple(html_pieces(report))

    assert "".join(pieces) == to_html(report)
    assert max(map(len, pieces)) < len(to_html(report)) / 10
