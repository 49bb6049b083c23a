"""Whatever the text, it is read with a place for every part, or refused in words."""

import json
from collections.abc import Iterator

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rollbook.errors import SourceError
from rollbook.source import Document, Problem, load_yaml, walk


def json_values() -> st.SearchStrategy[object]:
    """Anything JSON can say that a YAML file may hold."""
    # In YAML these break lines, or may not be in a file at all.
    text = st.text(
        st.characters(exclude_characters="\x7f\x85\u2028\u2029\ufeff", exclude_categories=("Cs", "Cn", "Cc"))
    )
    scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | text
    return st.recursive(scalars, lambda part: st.lists(part) | st.dictionaries(text, part), max_leaves=20)


def paths(content: object, path: tuple[str | int, ...] = ()) -> Iterator[tuple[tuple[str | int, ...], object]]:
    """Yield each part of *content* with its path."""
    yield path, content
    if isinstance(content, dict | list):
        for key, part in content.items() if isinstance(content, dict) else enumerate(content):
            yield from paths(part, (*path, key))


@given(st.dictionaries(st.text("abc-é", min_size=1), json_values()))
def test_json_reads_as_itself(content: dict[str, object]) -> None:
    """A JSON object is YAML and means the same, whatever it holds."""
    document = load_yaml(json.dumps(content, ensure_ascii=False), "f.json")

    assert document.content == content


@given(st.dictionaries(st.text("abc", min_size=1), json_values()), st.sampled_from([None, 2]))
def test_every_part_has_its_place(content: dict[str, object], indent: int | None) -> None:
    """At the mark of each scalar stands that scalar."""
    text = json.dumps(content, ensure_ascii=False, indent=indent)
    document = load_yaml(text, "f.json")
    lines = text.split("\n")

    for path, part in paths(content):
        mark = document.mark(path)
        start = (
            json.dumps(part, ensure_ascii=False)[:1]
            if isinstance(part, dict | list)
            else json.dumps(part, ensure_ascii=False)
        )
        assert lines[mark.line - 1][mark.column - 1 :].startswith(start)


# Pieces that YAML is made of, so that random texts reach every corner of the reader.
PIECES = (
    *(
        "a",
        "b",
        " ",
        "  ",
        "\n",
        "\n  ",
        "\n- ",
        "- ",
        ": ",
        ":",
        "? ",
        ", ",
        "[",
        "]",
        "{",
        "}",
        "{{ x }}",
        "{%",
        '"',
        "'",
    ),
    *(
        "&x ",
        "*x",
        "!!str ",
        "!x",
        "|\n ",
        ">",
        "#",
        "---\n",
        "...\n",
        "%YAML 1.1\n",
        "%TAG ! !\n",
        "\t",
        "\\",
        "\r\n",
        "\x85",
    ),
    *(
        "no",
        "010",
        "1:30",
        "2024-01-01",
        "<<",
        "~",
        "1e9",
        "@",
        "`",
        "\0",
        "\x1b",
        "é",
        "中",
        "\ufeff",
        "\u2028",
        "\ud800",
        "!<%ff>",
    ),
)


@settings(max_examples=300)
@given(st.lists(st.sampled_from(PIECES)).map("".join) | st.text())
@example('a: "\\UFFFFFFFF"')
@example('a: "\\ud800"')
@example("%YAML 9999999999999999999999.1\n---\na: 1")
@example("a: 1\n? b")
@example("{{ x }}: {{ y }}")
@example("{{{{")
def test_any_text_is_read_or_refused_in_words(text: str) -> None:
    """Whatever the text, there is content or a SourceError whose problems lie within the text, from either parser."""
    for loader in (yaml.CSafeLoader, yaml.SafeLoader):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(walk, "_LOADER", loader)
            try:
                document = load_yaml(text, "f.yml")
            except SourceError as error:
                check_problems(error, text)
            else:
                check_document(document)


def check_problems(error: SourceError, text: str) -> None:
    assert error.problems
    for problem in error.problems:
        assert isinstance(problem, Problem)
        assert problem.message
        assert 0 <= problem.line <= len(text) + 1
        assert str(problem).count("\n") in (0, 2)


def check_document(document: Document) -> None:
    for path, _ in paths(document.content):
        assert document.mark(path) >= (1, 1)
        assert document.key_mark(path) >= (1, 1)


@given(st.binary())
@example(b"\xff\xfe")
@example(b"\xef\xbb\xbf")
@example(b"a: \xc3")
def test_any_bytes_are_read_or_refused_in_words(content: bytes) -> None:
    """Whatever the bytes, they become plain content whose every part has a place, or errors that name the file."""
    try:
        document = load_yaml(content, "f.yml")
    except SourceError as error:
        assert error.message.startswith("f.yml")
        return

    assert all(document.mark(path) >= (1, 1) for path, _ in paths(document.content))
