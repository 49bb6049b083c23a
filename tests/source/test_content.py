"""Reading YAML: what scalars, lists, mappings and keys mean, and what is refused because readers disagree."""

import pytest

from rollbook.source import Mark, load_yaml

from .telling import first_line, told


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


@pytest.mark.parametrize("line", ["- [{{ x }}, 1]", "- {{ x }}", "- a: {{ x }}"])
def test_an_unquoted_expression_is_found_anywhere(line: str) -> None:
    """An unquoted expression is told as such in lists too."""
    assert 'must be quoted: write "{{ x }}"' in told(f"steps:\n  {line}\n")
