import json
from datetime import UTC, datetime
from html.parser import HTMLParser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.openedx.export import Line, content_text, html_chunks, json_chunks, lines, markdown_chunks
from rollbook.openedx.extended_json import ExtendedJsonError, read_lines
from rollbook.openedx.structure import outline

from .documents import chapters, structure

TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
LINES = st.lists(st.builds(Line, st.integers(0, 40), TEXTS, TEXTS, TEXTS, TEXTS), max_size=6)


class Tags(HTMLParser):
    """Collects the tags of a page."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen.append(tag)


@given(TEXTS, LINES)
def test_a_page_has_only_its_own_markup(title: str, written: list[Line]) -> None:
    """Whatever a course holds, the page has the same tags as one that holds plain letters."""
    tags = Tags()
    tags.feed("".join(html_chunks(title, {title: title}, written)))

    plain = Tags()
    plain.feed(
        "".join(html_chunks("t", {"t": "t"}, [Line(0, "t", "t", "t", "t" * bool(line.text)) for line in written]))
    )
    assert tags.seen == plain.seen


@given(TEXTS, LINES)
def test_the_outline_is_json(title: str, written: list[Line]) -> None:
    """The JSON form reads back as what was written."""
    found = json.loads("".join(json_chunks(title, {}, written)))

    assert found["title"] == title
    assert [block["name"] for block in found["blocks"]] == [line.name for line in written]


@given(LINES)
def test_markdown_has_one_item_a_block(written: list[Line]) -> None:
    """No name, type or text breaks out of its item or its fence."""
    chunks = "".join(
        markdown_chunks("title", {}, [Line(line.depth, line.type, line.id, line.name) for line in written])
    )

    assert sum(part.lstrip().startswith("- **") for part in chunks.splitlines()) == len(written)


def test_a_fence_is_longer_than_any_in_the_text() -> None:
    """A text that holds a fence stays inside its own."""
    chunks = "".join(markdown_chunks("t", {}, [Line(0, "html", "a", "A", "before\n```\nafter\n````")]))

    assert chunks.count("`````") == 2


def test_a_version_is_written_in_the_order_of_the_course() -> None:
    """Blocks are written as learners meet them, with the contents known for their definitions."""
    found = outline(structure(chapters("first", "second")))

    written = list(lines(found, {"definition of second": "text"}))

    assert [(line.depth, line.id, line.text) for line in written] == [
        (0, "course", ""),
        (1, "first", ""),
        (1, "second", "text"),
    ]


def test_the_content_of_a_definition_is_its_text_or_its_fields() -> None:
    """Text is given as it is, other content as JSON, nothing as nothing."""
    assert content_text({"fields": {"data": "<p>a</p>"}}) == "<p>a</p>"
    assert json.loads(content_text({"fields": {"items": [1]}})) == {"items": [1]}
    assert content_text({"fields": {}}) == content_text({}) == ""


def test_extended_json_is_read_without_a_driver() -> None:
    """Ids, dates and numbers of both forms of Extended JSON come as plain values."""
    relaxed = '{"_id": {"$oid": "519665f6223ebd6980884f2b"}, "on": {"$date": "2024-05-01T12:00:00Z"}, "n": 1}'
    canonical = (
        '{"_id": {"$oid": "519665f6223ebd6980884f2b"}, "on": {"$date": {"$numberLong": "1714564800000"}}, '
        '"n": {"$numberInt": "1"}}'
    )

    documents = list(read_lines("dump.json", [relaxed, "", canonical]))

    expected = {"_id": "519665f6223ebd6980884f2b", "on": datetime(2024, 5, 1, 12, tzinfo=UTC), "n": 1}
    assert documents == [expected, expected]


def test_a_time_beyond_the_known_years_stays_a_number() -> None:
    """A date that Python has no name for does not keep the rest of a document from being read."""
    (found,) = read_lines("dump.json", ['{"_id": 1, "due": {"$date": {"$numberLong": "10000000000000000"}}}'])

    assert found == {"_id": 1, "due": 10**16}


@pytest.mark.parametrize("line", ["[]", "{", "\0"])
def test_a_line_that_is_no_document_is_named(line: str) -> None:
    """A dump that is damaged is told with file and line."""
    with pytest.raises(ExtendedJsonError, match=r"dump\.json:2"):
        list(read_lines("dump.json", ["{}", line]))
