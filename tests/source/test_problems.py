"""Reading broken YAML: each problem is told once, in words, at its place, together with the others."""

import pytest

from rollbook.errors import SourceError
from rollbook.source import load_yaml
from rollbook.source.document import UNREAD

from .telling import first_line, problems_of, told

SYNTAX = {
    "a:\n\tb: 1\n": ":2:1: a tab is used for indentation: use spaces",
    "a:\n  b: 1\n\tc: 2\n": ":3:1: a tab is used for indentation: use spaces",
    'a: "foo\nb: 1\n': ":1:4: the quote that is opened here is never closed",
    'a: "foo\nb: "bar"\nc: 1\n': ":1:4: the quote that is opened here is not closed before line 2",
    'a: "foo" bar\n': ":1:10: nothing may follow a closing quote: put the whole value in quotes",
    "a: b: c\n": ':1:5: a second ": " in one value: quote the value',
    "a: 1\n  b: 2\n": ":2:4: a key is indented below a value: put it in the column of its neighbours",
    "a: 1\nfoo bar\nb: 2\n": ":2:1: this line is neither `key: value` nor `- item`",
    "a:\n    b: 1\n  c: 2\n": ":3:3: this does not fit in here: a key must be in the same column as its neighbours",
    "a:\n  - b\n  c: d\n": ":3:3: an item of this list must begin with `- `, in the same column as the others",
    "a: [1, 2\nb: 3\n": ":1:4: the list opened with [ is not closed with ], or a comma is missing",
    "a: {b: 2\nc: {": ":1:4: the mapping opened with { is not closed with }, or a comma is missing",
    "a: - b\n": ":1:4: a list begins in a line of its own, below its key",
    "a: *.py\n": ":1:5: a text that begins with * must be quoted",
    "a: & b\n": ":1:5: a text that begins with & must be quoted",
    'a: "\\xZZ"\n': ":1:7: an escape in double quotes stands for no character",
    "a: !foo!bar x\n": ":1:4: a text that begins with ! must be quoted",
    "a: }\n": ":1:4: a text that begins with this character must be quoted",
    "a: |x\n  b\n": ":1:5: nothing may follow | or > in its line",
    "%YAML 3.0\n---\na: 1\n": ":1:1: lines that begin with % are not supported: take the line out",
    "a: 1\n---\nb: 2\n": ":2:1: a second document begins here: one file holds one document",
    "a: 1\n...\nfoo\n": ":3:1: nothing may follow the end of the document",
    "- a\n": ":1:1: the file must be a mapping (`key: value` lines) at its top; here is a list",
    "foo\n": ":1:1: the file must be a mapping (`key: value` lines) at its top; here is a single value",
    "---\n": ":2:1: the file must be a mapping (`key: value` lines) at its top; it is empty",
    "": ": the file is empty",
    "\n \n": ": the file is empty",
    "# only this\n": ": the file holds nothing but comments",
    "a: \0": ":1:4: the file holds a NUL byte: is it a text file?",
    "a: é\x1b[31m": ":1:5: the file holds the control character U+001B: take it out",
    "a: 1\n\ufeffb: 2": ":2:1: the file holds the control character U+FEFF: take it out",
}


@pytest.mark.usefixtures("_loader")
@pytest.mark.parametrize(("text", "message"), SYNTAX.items())
def test_a_broken_file_gives_one_clear_problem(text: str, message: str) -> None:
    """Whatever is wrong with a file as a whole is told once, in words, where it began."""
    with pytest.raises(SourceError) as caught:
        load_yaml(text, "f.yml")

    assert str(caught.value).partition("\n")[0] == f"f.yml{message}"
    assert len(caught.value.problems) == 1


def test_a_bad_escape_says_how_to_write_a_backslash() -> None:
    r"""A `"\d"` is refused with the two ways to write it."""
    assert first_line('a: "\\d"') == (
        "f.yml:1:5: a backslash in \"double quotes\" must be doubled (\\\\), or use 'single quotes'"
    )


def test_all_problems_are_told_at_once() -> None:
    """Every problem of a file is told in one go, with its line and a caret, up to the point where parsing ends."""
    text = "a: yes\nb: {{ x }}\nc:\n  - 010\n  - b: 1\n    b: 2\nd: @\n"

    assert told(text) == (
        'f.yml:1:4: yes is read as text by some and as true by others: write true, or "yes"\n'
        "    a: yes\n"
        "       ^\n"
        'f.yml:2:4: a value that begins with {{ must be quoted: write "{{ x }}"\n'
        "    b: {{ x }}\n"
        "       ^\n"
        'f.yml:4:5: 010 begins with 0 and is read as octal by some: write 10 for the number, or "010" for the text\n'
        "      - 010\n"
        "        ^\n"
        'f.yml:6:5: the key "b" is here a second time; the first is in line 5\n'
        "        b: 2\n"
        "        ^\n"
        "f.yml:7:4: a text that begins with @ must be quoted\n"
        "    d: @\n"
        "       ^"
    )


class TestKeptProblems:
    """With `keep`, what is wrong with the source is told together with what is wrong with the content."""

    @pytest.mark.parametrize(
        ("written", "content"),
        [
            ("a: 1\na: 2", {"a": 1}),
            ("a: no\nb: 2", {"a": UNREAD, "b": 2}),
            ("a: [no, 1]", {"a": [UNREAD, 1]}),
            ("a: &x 1\nb: *x", {"a": 1, "b": UNREAD}),
            ("a: !x 1\nb: 2", {"a": UNREAD, "b": 2}),
            ("a: {{ x }}\nb: 2", {"a": UNREAD, "b": 2}),
            ("1: 1\nb: 2", {"b": 2}),
        ],
    )
    def test_what_can_be_used_is_kept(self, written: str, content: object) -> None:
        """A document with problems holds what was read, and UNREAD where nothing was."""
        document = load_yaml(written, "f.yml", keep=True)

        assert document.content == content
        assert document.problems == problems_of(written)
        assert document.problems

    @pytest.mark.parametrize("written", ["a: 1\na: [", "[no]", "no", "", "a: " + "[" * 101])
    def test_what_leaves_nothing_is_an_error_still(self, written: str) -> None:
        """A text that is no YAML, or no mapping, is refused at once."""
        with pytest.raises(SourceError):
            load_yaml(written, "f.yml", keep=True)
