"""Laws of redaction: whatever a value looks like on its way out, it does not get out."""

import base64
import html
import json
import shlex
from collections.abc import Callable
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from rollbook.targets.redaction import Redactor
from rollbook.values import Secret

SECRET = Secret("env:TOKEN")
LABEL = "‹secret env:TOKEN›"
# Letters of the label would make "the value is gone" false by themselves.
values = st.text(st.characters(codec="utf-8", exclude_characters="‹secrtnv:TOKEN› "), min_size=6, max_size=60).filter(
    lambda text: text.strip() == text
)
paddings = st.binary(max_size=40)


def learn_values(redactor: Redactor, *values: str) -> None:
    for number, value in enumerate(values):
        redactor.add(Secret(f"env:TOKEN{number or ''}"), value)


def knowing(*values: str) -> Redactor:
    redactor = Redactor()
    learn_values(redactor, *values)
    return redactor


def escaped_as_go(value: str, *, ascii_only: bool) -> str:
    """Write JSON as Go, Rails and others do, which hide what HTML could take for its own."""
    hidden = {one: f"\\u{ord(one):04x}" for one in "<>&\u2028\u2029"}
    return "".join(hidden.get(one, one) for one in json.dumps(value, ensure_ascii=ascii_only))


def escaped_as_dotnet(value: str) -> str:
    """Write JSON as .NET does: all that is no letter or digit by its words of UTF-16, in capitals."""
    words = (one if one.isascii() and one.isalnum() else one.encode("utf-16-be") for one in value)
    return "".join(one if isinstance(one, str) else _words(one) for one in words)


def _words(encoded: bytes) -> str:
    return "".join(f"\\u{int.from_bytes(encoded[at : at + 2]):04X}" for at in range(0, len(encoded), 2))


def escaped_as_c(value: str) -> str:
    """Write a text of C, or of git: all that is no letter or digit by its bytes in octal."""
    plain = (one if one.isascii() and one.isalnum() else one.encode() for one in value)
    return "".join(one if isinstance(one, str) else "".join(f"\\{byte:03o}" for byte in one) for one in plain)


@pytest.mark.parametrize("form", [str, escaped_as_dotnet, escaped_as_c, shlex.quote])
@given(value=values, before=paddings, after=paddings, cuts=st.lists(st.integers(0, 200), max_size=12))
def test_a_value_split_across_chunks_is_found(
    form: Callable[[str], str], value: str, before: bytes, after: bytes, cuts: list[int]
) -> None:
    """However output is cut into chunks, the value never shows, escaped or not."""
    written = form(value).encode()
    content = before + written + after
    redactor = knowing(value)
    stream = redactor.stream()
    places = [0, *sorted(cut for cut in cuts if cut < len(content)), len(content)]

    shown = b"".join(stream.feed(content[start:end]) for start, end in pairwise(places))
    shown += stream.end()

    assert written not in shown
    assert LABEL.encode() in shown


def indented(content: bytes) -> bytes:
    """Write base64 as YAML and mails do: in lines that are indented."""
    return b"key: |\n    " + base64.encodebytes(content).replace(b"\n", b"\r\n    ")


def escaped(content: bytes) -> bytes:
    """Write base64 in lines within a text of JSON."""
    return json.dumps(json.dumps({"key": base64.encodebytes(content).decode()})).encode()


def as_php(content: bytes) -> bytes:
    """Write base64 in JSON as PHP does."""
    return json.dumps(base64.b64encode(content).decode()).replace("/", "\\/").encode()


def in_address(content: bytes) -> bytes:
    """Write base64 in the query of an address."""
    return quote(base64.b64encode(content), safe="").encode()


@example(value="000000000" + "\x80" * 13 + "\U00010000" * 2 + "\U0001d72c", before=bytes(11), after=b"", step=1)
@given(value=values, before=paddings, after=paddings, step=st.integers(1, 9))
def test_a_value_inside_base64_is_found(value: str, before: bytes, after: bytes, step: int) -> None:
    """The value does not show in base64 of a longer text, at any offset, standard or url-safe, in chunks."""
    for encode in (
        base64.b64encode,
        base64.urlsafe_b64encode,
        base64.encodebytes,
        indented,
        escaped,
        as_php,
        in_address,
    ):
        content = encode(before + value.encode() + after)
        stream = knowing(value).stream()

        parts = [stream.feed(content[at : at + step]) for at in range(0, len(content), step)]
        shown = b"".join((*parts, stream.end()))

        assert LABEL.encode() in shown


@given(value=values)
@pytest.mark.parametrize(
    "form",
    [
        str,
        json.dumps,
        lambda value: json.dumps(value, ensure_ascii=False),
        lambda value: quote(value, safe=""),
        quote,
        quote_plus,
        shlex.quote,
        html.escape,
        lambda value: value.encode().hex(),
        repr,
        ascii,
        lambda value: json.dumps(json.dumps({"token": value})),
        lambda value: json.dumps(json.dumps([value], ensure_ascii=False), ensure_ascii=False),
        lambda value: "'" + value.replace("'", "''") + "'",
        lambda value: '"' + value.replace('"', '""') + '"',
        lambda value: escaped_as_go(value, ascii_only=False),
        lambda value: escaped_as_go(value, ascii_only=True),
        lambda value: json.dumps({"in": escaped_as_go(value, ascii_only=False)}),
        lambda value: escaped_as_dotnet(value),
        lambda value: html.escape(value, quote=False),
        lambda value: html.escape(value).replace("&#x27;", "&#39;").replace("&quot;", "&#34;"),
        lambda value: html.escape(html.escape(value)),
        lambda value: value.encode("ascii", "xmlcharrefreplace").decode(),
        lambda value: repr(value.encode()),
        lambda value: str({"error": repr(value)}),
        lambda value: value.replace("\\", "\\\\").replace("'", "\\'").replace("\n", "\\n"),
        lambda value: quote(quote(value, safe=""), safe=""),
        lambda value: "".join(one if one.isascii() and one.isalnum() else f"\\{one}" for one in value),
        lambda value: json.dumps(shlex.quote(value)),
        lambda value: escaped_as_go(html.escape(value), ascii_only=False),
        lambda value: html.escape(json.dumps(value)),
        lambda value: quote(json.dumps(value), safe=""),
        lambda value: json.dumps(value).replace('"', '""'),
        lambda value: quote(html.escape(value), safe=""),
        lambda value: escaped_as_c(value),
    ],
)
def test_every_escaped_form_is_found(form: object, value: str) -> None:
    """JSON-, url-, shell-, HTML-, SQL- or CSV-escaped, in hex or in a Python message: the value is replaced."""
    assert callable(form)
    text = f"error near {form(value)}!"

    shown = knowing(value).text(text)

    assert LABEL in shown
    assert form(value) not in shown


@given(value=values)
def test_redaction_twice_is_redaction_once(value: str) -> None:
    """Text that was redacted already stays as it is, also when the label itself holds the value."""
    redactor = knowing(value, "secret")

    once = redactor.text(f"<{value}> secret")

    assert redactor.text(once) == once


def test_each_line_of_a_key_is_found() -> None:
    """Of a value of several lines each line is hidden, wherever it turns up alone."""
    redactor = knowing("-----BEGIN-----\nMIIEpAIBAAKC\nAQEA7bq8Xg==\n-----END-----\n")

    assert redactor.text("got AQEA7bq8Xg== here") == f"got {LABEL} here"


def test_keys_values_and_numbers_of_plain_content_are_redacted() -> None:
    """Plain content is redacted to any depth, in keys too, and as a number."""
    redactor = knowing("12345678")

    assert redactor.plain({"a": [{"12345678": ("x 12345678", 12345678, 7, None, True)}]}) == {
        "a": [{LABEL: (f"x {LABEL}", LABEL, 7, None, True)}]
    }


def test_nothing_known_costs_nothing() -> None:
    """Without values everything comes back as the same object, and no chunk is held back."""
    redactor = Redactor()
    text, content, chunk = "text" * 10, {"a": 1}, b"abc"

    assert redactor.text(text) is text
    assert redactor.plain(content) is content
    assert redactor.stream().feed(chunk) is chunk


def test_output_is_held_back_only_where_a_value_may_begin() -> None:
    """A chunk that cannot be the beginning of a value is shown at once."""
    stream = knowing("hunter2hunter2").stream()

    assert stream.feed(b"all is well\n") == b"all is well\n"
    assert stream.feed(b"the word is hunter2h") == b"the word is "
    assert stream.feed(b"appy") == b"hunter2happy"


def test_overlapping_values_are_both_hidden() -> None:
    """Where two values overlap in a text, nothing of either is left."""
    assert knowing("abcdefgh", "efghijkl").text("abcdefghijkl") == LABEL


def test_a_long_run_of_beginnings_is_not_held_for_ever() -> None:
    """Endless output that always may go on as a value is still let through in pieces."""
    stream = knowing("aaaaaa", "aaaaaaa").stream()

    shown = sum(len(stream.feed(b"a" * 65536)) for _ in range(8))

    assert shown > 0


@pytest.mark.parametrize("late", [False, True], ids=("names first", "names last"))
def test_a_value_within_a_name_that_stands_in_the_open_is_left(late: bool) -> None:
    """A database's password that is its name too hides nothing, and a plan without the name could not be carried out."""
    redactor = Redactor()
    learn = [
        lambda: learn_values(redactor, "postgres", "hunter2-hunter2"),
        lambda: redactor.leave(["db", "postgres_live"]),
    ]
    for step in learn if late else reversed(learn):
        step()

    told = redactor.text("postgres_live has hunter2-hunter2")

    assert told == "postgres_live has ‹secret env:TOKEN1›"
    assert redactor.open == (LABEL,)


def test_a_name_shorter_than_any_secret_leaves_none() -> None:
    """Only whole names count: two that stand side by side make no third."""
    redactor = knowing("forumdb")
    redactor.leave(["forum", "db", "forumx", "dbname"])

    assert redactor.text("forumdb") == LABEL
    assert redactor.open == ()
