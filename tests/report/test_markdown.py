"""The report as Markdown, and the escaping under it."""

from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from rollbook.report.escaping import block, cell, code, item, quote, row, table, text
from rollbook.report.markdown import to_markdown
from rollbook.report.model import report_of
from rollbook.report.wording import visible

from .accounts import restored, undo_of
from .hostile import EVIL, run_with, texts
from .test_html import CASES

READER = MarkdownIt("commonmark").enable(["table", "strikethrough"])
PLAIN = {"text", "text_special", "softbreak", "hardbreak"}
INLINE = PLAIN | {"code_inline", "strong_open", "strong_close", "em_open", "em_close"}


def inlines(tokens: list[Token]) -> Iterator[Token]:
    """Give the inline tokens."""
    for token in tokens:
        yield from token.children or ()


def words(markdown: str) -> str:
    """Read *markdown* and give its text."""
    return "".join("\n" if "break" in part.type else part.content for part in inlines(READER.parse(markdown)))


def shape(markdown: str) -> list[str]:
    """Give the blocks of *markdown*; the notes' own paragraphs do not count."""
    return [token.type for token in READER.parse(markdown) if "paragraph" not in token.type and token.type != "inline"]


@pytest.mark.parametrize("name", CASES)
def test_every_kind_of_run_is_told(name: str) -> None:
    """A run of any kind gives a report with every section, and tables whose rows have all their cells."""
    markdown = to_markdown(report_of(CASES[name]))

    for title in ("Summary", "Impact, measured", "Root cause", "What was changed", "Undo", "Lessons", "Timeline"):
        assert f"\n## {title}\n" in markdown
    assert "\n\n\n" not in markdown
    assert markdown.endswith("\n")


SHAPE = shape(to_markdown(report_of(run_with(""))))


def held(value: str) -> None:
    """Check that *value* in every field changes nothing but text."""
    markdown = to_markdown(report_of(run_with(value)))

    assert shape(markdown) == SHAPE
    assert {token.type for token in inlines(READER.parse(markdown))} <= INLINE


@pytest.mark.parametrize("value", EVIL)
def test_known_tricks_stay_text(value: str) -> None:
    """A text that tries to be markup leaves headings, tables, lists and fences as they are."""
    held(value)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(value=texts)
def test_any_text_stays_text(value: str) -> None:
    """Whatever stands in any field, the report keeps its blocks, and holds no link, picture or HTML."""
    held(value)


def flat(value: str) -> str:
    """Give *value* as a reader sees it on one line."""
    return " ".join(visible(value).split())


@given(value=texts)
def test_text_reads_back(value: str) -> None:
    """A text in a paragraph, and in a list, reads as it was written."""
    assert words(f"**x** {text(value)}") == f"x {flat(value)}".rstrip()
    assert words(f"- {item(value)}") == flat(value)


@given(value=st.one_of(texts, st.text(alphabet="`a b", max_size=12)))
def test_code_reads_back(value: str) -> None:
    """Code reads as it was written, however many backticks it holds."""
    tokens = list(inlines(READER.parse(f"x {code(value)} y")))

    assert [token.type for token in tokens] == ["text", "code_inline", "text"]
    assert tokens[1].content.strip() == flat(value)


@given(value=st.one_of(texts, st.text(alphabet="|\\`a", max_size=12)))
def test_cells_stay_in_their_column(value: str) -> None:
    """A cell, as text or as code, reads as it was written and moves no other cell."""
    markdown = "\n".join([*table("a", "b", "c"), row(text(value), cell(value), "end")])

    tokens = READER.parse(markdown)

    found = [token for token in tokens if token.type == "inline"]
    assert len(found) == 6
    read = ["".join(part.content for part in token.children or ()) for token in found[3:]]
    assert read == [flat(value), flat(value), "end"]


@given(value=st.one_of(texts, st.text(alphabet="`~\n a", max_size=20)))
def test_blocks_cannot_be_left(value: str) -> None:
    """A fenced block holds all of its text and nothing follows it."""
    tokens = READER.parse(block(value))

    assert [token.type for token in tokens] == ["fence"]
    assert tokens[0].content.rstrip("\n") == visible(value).rstrip("\n")


@given(value=texts)
def test_quotes_hold_only_words(value: str) -> None:
    """A note of many lines is one quote that holds paragraphs of words and nothing else."""
    tokens = READER.parse(quote(value))

    kinds = {token.type for token in tokens}
    assert kinds <= {"blockquote_open", "blockquote_close", "paragraph_open", "paragraph_close", "inline"}
    assert {token.type for token in inlines(tokens)} <= PLAIN
    assert [t.type for t in tokens].count("blockquote_open") == 1


def test_reads_well_as_plain_text() -> None:
    """Names with underscores, arrows and operators' addresses are printed as they are."""
    assert text("course_id -> anna@ops R&D (x)") == "course_id -> anna@ops R&D (x)"


def test_undo_is_told() -> None:
    """Both runs are in the same report."""
    run = restored().finish()
    undo = undo_of(run).step("pointers", 0.4, "changed").step("pruning", 1, "changed").finish()

    markdown = to_markdown(report_of(run, undo=undo))

    assert "**Succeeded, then undone**" in markdown
    assert f"taken back by run `{undo.id}`" in markdown
    assert undo.head in markdown
