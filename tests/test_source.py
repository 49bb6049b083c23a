"""Reading YAML: what is accepted, what is refused, and what the operator is told."""

import json
import os
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml
from hypothesis import example, given, settings
from hypothesis import strategies as st

from rollbook.errors import SourceError
from rollbook.source import MAX_BYTES, Document, Mark, Problem, load_yaml, read_yaml, walk
from rollbook.source.document import UNREAD


def told(text: bytes | str) -> str:
    """Return what the operator is told about *text*."""
    with pytest.raises(SourceError) as caught:
        load_yaml(text, "f.yml")
    return str(caught.value)


def problems_of(text: str) -> tuple[Problem, ...]:
    """Give the problems of *text*."""
    with pytest.raises(SourceError) as caught:
        load_yaml(text, "f.yml")
    return caught.value.problems


def first_line(text: bytes | str) -> str:
    return told(text).partition("\n")[0]


@pytest.fixture(params=["CSafeLoader", "SafeLoader"])
def _loader(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Parse in C, and again in Python, as where libyaml is missing."""
    monkeypatch.setattr(walk, "_LOADER", getattr(yaml, request.param))


@pytest.mark.usefixtures("_loader")
class TestContent:
    """What scalars, lists and mappings mean."""

    @pytest.mark.parametrize(
        ("written", "meant"),
        [
            ("1", 1),
            ("-2", -2),
            ("+3", 3),
            ("0", 0),
            ("1.5", 1.5),
            (".5", 0.5),
            ("1.", 1.0),
            ("1e3", 1000.0),
            ("-1.5E-3", -0.0015),
            ("true", True),
            ("false", False),
            ("null", None),
            ("~", None),
            ("", None),
            ("text", "text"),
            ("-text", "-text"),
            ("1.2.3", "1.2.3"),
            ("10.0.0.1:80", "10.0.0.1:80"),
            ("8080:80", "8080:80"),
            ("5s", "5s"),
            ("1h30m", "1h30m"),
            ("yesterday", "yesterday"),
            ("2024-01", "2024-01"),
            ("'yes'", "yes"),
            ('"010"', "010"),
            ("!!str 010", "010"),
            ("'{{ x }}'", "{{ x }}"),
            ("a {{ x }}", "a {{ x }}"),
            ("a && b", "a && b"),
            ("[]", []),
            ("{}", {}),
            ("[1, [a]]", [1, ["a"]]),
            ("|\n  a\n  b\n", "a\nb\n"),
            (">-\n  yes\n", "yes"),
        ],
    )
    def test_a_value_means_what_yaml_1_2_says(self, written: str, meant: object) -> None:
        """What is accepted means the same in YAML 1.2's core schema."""
        content = load_yaml(f"key: {written}", "f.yml").content

        assert content == {"key": meant}
        assert type(content["key"]) is type(meant)

    @pytest.mark.parametrize("key", ["on", "yes", "n", "NO", "off", '"1"', "'<<'", "a b", "!!str 1"])
    def test_a_key_is_text(self, key: str) -> None:
        """A word that would be a trap as a value is plain text as a key."""
        assert list(load_yaml(f"{key}: 1", "f.yml").content) == [key.removeprefix("!!str ").strip("\"'")]

    def test_a_byte_order_mark_is_accepted(self) -> None:
        """A file saved by an editor that begins with a BOM reads as without it, with the same places."""
        document = load_yaml("\ufeffa: 1\nb: 2".encode(), "f.yml")

        assert document.content == {"a": 1, "b": 2}
        assert document.mark(("a",)) == Mark(1, 4)

    def test_windows_line_ends_are_accepted(self) -> None:
        """Lines may end with CR LF."""
        document = load_yaml("a: 1\r\nb:\r\n  - x\r\n", "f.yml")

        assert document.content == {"a": 1, "b": ["x"]}
        assert document.mark(("b", 0)) == Mark(3, 5)


TRAPS = {
    "yes": 'yes is read as text by some and as true by others: write true, or "yes"',
    "No": 'No is read as text by some and as false by others: write false, or "No"',
    "OFF": 'OFF is read as text by some and as false by others: write false, or "OFF"',
    "on": 'on is read as text by some and as true by others: write true, or "on"',
    "y": 'y is read as text by some and as true by others: write true, or "y"',
    "N": 'N is read as text by some and as false by others: write false, or "N"',
    "True": 'True is not true to every reader: write true, or "True" for the text',
    "NULL": 'NULL is not null to every reader: write null, or "NULL" for the text',
    "010": '010 begins with 0 and is read as octal by some: write 10 for the number, or "010" for the text',
    "-007": '-007 begins with 0 and is read as octal by some: write -7 for the number, or "-007" for the text',
    "0o17": '0o17 is read as a number in another base by some: write it in decimal, or "0o17"',
    "0x1F": '0x1F is read as a number in another base by some: write it in decimal, or "0x1F"',
    "0b1": '0b1 is read as a number in another base by some: write it in decimal, or "0b1"',
    "1_000": '1_000 is read as a number by some and as text by others: write 1000, or "1_000"',
    "12:30:00": '12:30:00 is read as a number in base 60 by some: quote it: "12:30:00"',
    "12:30": '12:30 is read as a number in base 60 by some: quote it: "12:30"',
    "2024-01-01": '2024-01-01 is read as a date by some and as text by others: quote it: "2024-01-01"',
    "2024-01-01 12:00": (
        '2024-01-01 12:00 is read as a date by some and as text by others: quote it: "2024-01-01 12:00"'
    ),
    "2024-01-01T12:00:00.5Z": (
        '2024-01-01T12:00:00.5Z is read as a date by some and as text by others: quote it: "2024-01-01T12:00:00.5Z"'
    ),
    ".inf": '.inf is not a number that can be worked with: write a finite number, or ".inf"',
    "-.INF": '-.INF is not a number that can be worked with: write a finite number, or "-.INF"',
    ".NaN": '.NaN is not a number that can be worked with: write a finite number, or ".NaN"',
    "1e999": "1e999 is too large a number to work with: quote it if it is text",
    "9" * 5000: f"{'9' * 20}… is too large a number to work with: quote it if it is text",
    "<<": "a merge key is not supported: write the keys out",
    "!!int 3": "tags (!name) are not supported: take it out, or quote a text that begins with !",
    "!!python/object:os.system x": "tags (!name) are not supported: take it out, or quote a text that begins with !",
    "! x": "tags (!name) are not supported: take it out, or quote a text that begins with !",
    "!!map [a]": "tags (!name) are not supported: take it out, or quote a text that begins with !",
    "&x y": "anchors (&name) are not supported: quote a text that begins with &x",
    "*x": "aliases (*name) are not supported: write the part again, or move it to an include",
    "{{ inputs.x }}": 'a value that begins with {{ must be quoted: write "{{ inputs.x }}"',
    '{{ x | default("y") }}': "a value that begins with {{ must be quoted: write '{{ x | default(\"y\") }}'",
    "{{ x }}/y": 'a value that begins with {{ must be quoted: write "{{ x }}/y"',
    "{{ x['a'] }}": "a value that begins with {{ must be quoted: write \"{{ x['a'] }}\"",
    "{% if x %}": 'a value that begins with {% must be quoted: write "{% if x %}"',
    "@x": "a text that begins with @ must be quoted",
    "`x`": "a text that begins with ` must be quoted",
    "%x": "a text that begins with % must be quoted",
}


@pytest.mark.usefixtures("_loader")
@pytest.mark.parametrize(("written", "message"), TRAPS.items())
def test_a_trap_is_refused_with_what_to_write(written: str, message: str) -> None:
    """What readers of YAML disagree on is refused at its place, once, with what to write instead."""
    lines = told(f"key: {written}\n").split("\n")

    assert lines[0] == f"f.yml:1:6: {message}"
    assert len(lines) == 3


KEY_TRAPS = {
    "1: a": ':1:1: a key must be text: quote it: "1"',
    "~: a": ':1:1: a key must be text: quote it: "~"',
    "true: a": ':1:1: a key must be text: quote it: "true"',
    "2024-01-01: a": ':1:1: a key must be text: quote it: "2024-01-01"',
    "<<: {a: 1}": ":1:1: merge keys (<<) are not supported: write the keys out",
    "? \n: a": ":1:2: a key is missing before the colon",
    "? [a]\n: b": ":1:3: a key must be text, not a list, a mapping or an alias",
    "? {a: 1}\n: b": ":1:3: a key must be text, not a mapping; an expression {{ … }} must be quoted",
    "{{ x }}: b": ':1:1: a value that begins with {{ must be quoted: write "{{ x }}"',
    "a: 1\nb: 2\na: 3": ':3:1: the key "a" is here a second time; the first is in line 1',
}


@pytest.mark.usefixtures("_loader")
@pytest.mark.parametrize(("text", "message"), KEY_TRAPS.items())
def test_a_key_that_is_no_text_or_twice_is_refused(text: str, message: str) -> None:
    """Keys are text and unique."""
    assert first_line(text) == f"f.yml{message}"


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


@pytest.mark.parametrize("line", ["- [{{ x }}, 1]", "- {{ x }}", "- a: {{ x }}"])
def test_an_unquoted_expression_is_found_anywhere(line: str) -> None:
    """An unquoted expression is told as such in lists too."""
    assert 'must be quoted: write "{{ x }}"' in told(f"steps:\n  {line}\n")


@pytest.mark.usefixtures("_loader")
class TestBombs:
    """Files made to hurt end with one clear error, soon."""

    @pytest.mark.parametrize(
        "text", ["a: " + "[" * 200_000, "- " * 100_000, "a: " + "{a: " * 100_000, "a: " + "{{" * 100_000]
    )
    def test_deep_nesting_is_refused(self, text: str) -> None:
        """Nesting is bounded, however it is written."""
        assert " nested more than 100 deep here" in first_line(text) or "must be" in first_line(text)

    def test_a_nesting_of_a_hundred_is_read(self) -> None:
        """The bound is where it is said to be."""
        assert load_yaml("a: " + "[" * 99 + "]" * 99, "f.yml").content
        assert "nested" in told("a: " + "[" * 100 + "]" * 100)

    def test_an_alias_bomb_never_expands(self) -> None:
        """A billion laughs are the one thing that is told, also to whoever would look further, and none is followed."""
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]

        with pytest.raises(SourceError) as caught:
            load_yaml("\n".join(lines), "f.yml", keep=True)

        (problem,) = caught.value.problems
        assert (problem.line, problem.column) == (4, 20)
        assert problem.message.startswith("the file repeats itself more than 20 times by aliases (*name)")

    def test_endless_problems_are_cut(self) -> None:
        """A file that is wrong in every line does not flood the terminal."""
        with pytest.raises(SourceError) as caught:
            load_yaml("a:\n" + "".join(f"- 0{number}\n" for number in range(10_000)), "f.yml")

        assert len(caught.value.problems) == 101
        assert str(caught.value.problems[-1]) == "f.yml: the file has more than 100 problems: these are the first"

    def test_the_same_mistake_is_told_a_few_times(self) -> None:
        """Of many problems with the same words the first ten are told, and how many more there are."""
        problems = problems_of("a:\n" + "- no\n" * 10_000)

        assert [problem.line for problem in problems] == [*range(2, 12)]
        assert [problem.message.endswith("(and 9990 more like this)") for problem in problems] == [False] * 9 + [True]


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


class TestFiles:
    """What can be wrong before the first line is read."""

    def test_a_file_is_read_with_its_name(self, tmp_path: Path) -> None:
        """Messages name the file as it was given."""
        path = tmp_path / "a.yml"
        path.write_text("a: no\n")

        with pytest.raises(SourceError) as caught:
            read_yaml(path)

        assert str(caught.value).startswith(f"{path}:1:4: no is read")

    def test_what_is_no_readable_file_gives_one_error(self, tmp_path: Path) -> None:
        """A missing file, a folder, a pipe and a loop of links are each told in words."""
        pipe = tmp_path / "pipe"
        os.mkfifo(pipe)
        loop = tmp_path / "loop"
        loop.symlink_to(loop)
        expected = {
            tmp_path / "missing.yml": "there is no such file",
            tmp_path: "this is a folder, not a file",
            pipe: "this is not a regular file",
            loop: "the file cannot be read: ",
            Path("a\0b"): "the file cannot be read: ",
        }

        for path, message in expected.items():
            with pytest.raises(SourceError) as caught:
                read_yaml(path)
            assert str(caught.value).startswith(f"{path}: {message}")

    @pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
    def test_a_file_without_rights_is_told(self, tmp_path: Path) -> None:
        """A file that this user may not read is told as such."""
        path = tmp_path / "a.yml"
        path.write_text("a: 1\n")
        path.chmod(0)

        with pytest.raises(SourceError, match="may not be read by this user"):
            read_yaml(path)

    def test_a_huge_file_is_not_read_into_memory(self, tmp_path: Path) -> None:
        """A file over the limit is refused after its first megabyte."""
        path = tmp_path / "huge.yml"
        with path.open("wb") as stream:
            stream.truncate(50_000_000_000)

        with pytest.raises(SourceError, match="larger than 1 MB"):
            read_yaml(path)

    def test_the_limit_is_inclusive(self) -> None:
        """A file of just the limit is read."""
        text = "a: 1\n#"

        assert load_yaml(text + "x" * (MAX_BYTES - len(text)), "f.yml").content == {"a": 1}
        assert "larger" in told(text + "x" * MAX_BYTES)

    def test_text_that_is_not_utf_8_is_told_with_its_byte(self) -> None:
        """The first bad byte is named by offset, value, line and column."""
        assert told("a: é\nb: ".encode() + "é".encode("latin-1")) == (
            "f.yml:2:4: the file is not UTF-8: byte 9 is 0xe9: save the file as UTF-8"
        )
        assert told("a: 1".encode("utf-16")) == "f.yml: the file is UTF-16: save it as UTF-8"


class TestPlaces:
    """Marks, excerpts and carets."""

    DOCUMENT = load_yaml("a: 1\nsteps:\n  - id: x\n    shell.run: {command: [b, c]}\n  -\n    id: z\nempty:\n", "f.yml")

    @pytest.mark.parametrize(
        ("path", "value", "key"),
        [
            ((), (1, 1), (1, 1)),
            (("a",), (1, 4), (1, 1)),
            (("steps",), (3, 3), (2, 1)),
            (("steps", 0), (3, 5), (3, 5)),
            (("steps", 0, "id"), (3, 9), (3, 5)),
            (("steps", 0, "shell.run", "command", 1), (4, 30), (4, 30)),
            (("steps", 1, "id"), (6, 9), (6, 5)),
            (("steps", 0, "retries"), (3, 5), (3, 5)),
            (("steps", 7, "id"), (3, 3), (2, 1)),
            (("steps", -1), (3, 3), (2, 1)),
            (("a", "b"), (1, 4), (1, 1)),
            (("nothing",), (1, 1), (1, 1)),
        ],
    )
    def test_a_path_leads_to_its_place(
        self, path: tuple[str | int, ...], value: tuple[int, int], key: tuple[int, int]
    ) -> None:
        """A value, its key, and for what is not there the nearest parent, have a line and column from 1."""
        assert self.DOCUMENT.mark(path) == value
        assert self.DOCUMENT.key_mark(path) == key

    def test_an_empty_value_is_in_the_line_of_its_key(self) -> None:
        """A key without a value is pointed at in its own line."""
        assert self.DOCUMENT.mark(("empty",)).line == 7

    def test_a_problem_shows_its_line_and_a_caret(self) -> None:
        """A problem prints as place, message, source line and caret."""
        assert (
            str(self.DOCUMENT.problem(("steps", 0, "id"), "bad id"))
            == "f.yml:3:9: bad id\n      - id: x\n            ^"
        )
        assert self.DOCUMENT.problem(("steps", 0, "id"), "bad key", at_key=True).column == 5

    def test_a_problem_without_a_line_prints_without_one(self) -> None:
        """A problem of the file as a whole names the file only."""
        assert str(Problem("f.yml", 0, 0, "is empty")) == "f.yml: is empty"

    @pytest.mark.parametrize(
        ("line", "excerpt"),
        [
            ("中文: no", "    中文: no\n          ^"),
            ("é: no", "    é: no\n       ^"),
            ("e\u0301: no", "    e\u0301: no\n       ^"),
            ("a:\tno", "    a:\tno\n      \t^"),
            ("😀: no", "    😀: no\n        ^"),
        ],
    )
    def test_the_caret_stands_below_its_character(self, line: str, excerpt: str) -> None:
        """Wide, combining and tab characters do not move the caret."""
        assert told(line).partition("\n")[2] == excerpt

    @pytest.mark.parametrize("length", [10, 49, 50, 51, 99, 100, 101, 500])
    @pytest.mark.parametrize("after", ["", "y" * 300])
    def test_a_long_line_is_cut_around_the_caret(self, length: int, after: str) -> None:
        """However long the line, the excerpt is short and the caret stands below the right character."""
        lines = told("'" + "x" * length + "': [no, '" + after + "']").split("\n")

        assert len(lines[1]) <= 4 + 102
        assert lines[1][lines[2].index("^") :].startswith("no")


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


@pytest.mark.parametrize(
    "line",
    [
        "x: {{" + " " * 300_000 + "x",
        "- " * 200_000 + "x: y: z",
        "x: " + "-\t" * 200_000 + "{{",
        "x" + " " * 300_000 + ": y: {{",
    ],
)
def test_a_long_line_is_explained_as_fast_as_it_is_read(line: str) -> None:
    """What is wrong with a line of hundreds of thousands of characters is told at once, not after hours."""
    assert first_line(f"a: 1\n{line}\n").startswith("f.yml:")
