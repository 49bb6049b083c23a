"""What to tell about YAML that does not parse; loaded only when that happens."""

import re
from typing import Any, Final

from .document import Mark, Problem, problem_at, source_lines
from .scalars import quoted
from .walk import MAX_DEPTH

# No part gives back what it took, so the time is in proportion to the line.
_TEMPLATE_VALUE: Final = re.compile(r"""\s*+(?:-\s++)*+(?:[^\s:#"'{][^:#"'{]*+:\s++)?+(\{[{%].*+)""", re.DOTALL)
_STARTS: Final = {
    "\t": "a tab is used for indentation: use spaces",
    "@": "a text that begins with @ must be quoted",
    "`": "a text that begins with ` must be quoted",
    "%": "a text that begins with % must be quoted",
}

# The parser's words in its C and its Python form -> ours. The first that matches counts.
_ADVICE: Final = (
    ("maximum nesting depth", f"lists and mappings are nested more than {MAX_DEPTH} deep here"),  # libyaml's own bound
    ("tab character that violates indentation", "a tab is used for indentation: use spaces"),
    ("cannot start any token", ""),
    ("quoted scalar.*(end of stream|document indicator)", "the quote that is opened here is never closed"),
    (
        "unknown escape character",
        "a backslash in \"double quotes\" must be doubled (\\\\), or use 'single quotes'",
    ),
    ("escape code|hex.?decimal number", "an escape in double quotes stands for no character"),
    ("simple key.*could not find expected ':'", "this line is neither `key: value` nor `- item`"),
    ("flow sequence", "the list opened with [ is not closed with ], or a comma is missing"),
    ("flow mapping", "the mapping opened with { is not closed with }, or a comma is missing"),
    ("scanning an alias", "a text that begins with * must be quoted"),
    ("scanning an anchor", "a text that begins with & must be quoted"),
    ("scanning a tag|tag handle", "a text that begins with ! must be quoted"),
    ("block scalar", "nothing may follow | or > in its line"),
    ("sequence entries are not allowed", "a list begins in a line of its own, below its key"),
    ("node content", "a text that begins with this character must be quoted"),
    ("mapping keys are not allowed", "a text that begins with ? must be quoted"),
    ("directive|incompatible YAML", "lines that begin with % are not supported: take the line out"),
    ("document start", "nothing may follow the end of the document"),
    ("'-' indicator|block collection", "an item of this list must begin with `- `, in the same column as the others"),
    ("block mapping", "this does not fit in here: a key must be in the same column as its neighbours"),
)


def describe_syntax_error(
    file: str,
    text: str,
    error: Any,  # noqa: ANN401  # yaml.MarkedYAMLError, not imported for its type alone
    last: Any,  # noqa: ANN401  # the parser's last event
) -> Problem:
    """Turn the parser's *error* into a problem; *last* is the last event before it."""
    mark = getattr(error, "problem_mark", None)
    if mark is None:
        return Problem(file, 0, 0, f"the file is not YAML: {error}")
    words = f"{error.context or ''} {error.problem or ''}"
    place = Mark(mark.line + 1, mark.column + 1)
    for find in (_template, _after_quote, _second_colon, _table):
        if found := find(text, error, last, place, words):
            return problem_at(file, text, *found)
    return problem_at(file, text, place, f"this is not YAML: {words.strip()}")


# Advice about something that began before the parser gave up.
_OPENED: Final = ("the quote", "the list", "the mapping", "this line")

Found = tuple[Mark, str] | None


def _template(text: str, error: Any, _last: Any, place: Mark, _words: str) -> Found:  # noqa: ANN401
    """Find a value that begins with an unquoted expression in the lines that the parser speaks of."""
    numbers = [place.line] + ([error.context_mark.line + 1] if error.context_mark else [])
    lines = source_lines(text)
    for number in numbers:
        line = lines[number - 1] if number <= len(lines) else ""
        if value := _TEMPLATE_VALUE.match(line.rstrip()):
            advice = f"a value that begins with {value[1][:2]} must be quoted: write {quoted(value[1])}"
            return Mark(number, value.start(1) + 1), advice
    return None


def _after_quote(_text: str, _error: Any, last: Any, place: Mark, words: str) -> Found:  # noqa: ANN401
    """Blame a quoted text that ends just where the parser gives up."""
    if "block mapping" not in words or getattr(last, "style", None) not in ("'", '"'):
        return None
    start, end = last.start_mark, last.end_mark
    if end.line + 1 != place.line:
        return None
    if start.line == end.line:
        return place, "nothing may follow a closing quote: put the whole value in quotes"
    begin = Mark(start.line + 1, start.column + 1)
    return begin, f"the quote that is opened here is not closed before line {place.line}"


def _second_colon(text: str, _error: Any, _last: Any, place: Mark, words: str) -> Found:  # noqa: ANN401
    if "mapping values are not allowed" not in words:
        return None
    before = source_lines(text)[place.line - 1][: place.column - 1]
    if ": " in before:
        return place, 'a second ": " in one value: quote the value'
    return place, "a key is indented below a value: put it in the column of its neighbours"


def _table(text: str, error: Any, _last: Any, place: Mark, words: str) -> Found:  # noqa: ANN401
    for pattern, advice in _ADVICE:
        if re.search(pattern, words):
            opened = error.context_mark if advice.startswith(_OPENED) else None
            where = Mark(opened.line + 1, opened.column + 1) if opened else place
            return where, advice or _bad_start(text, place)
    return None


def _bad_start(text: str, place: Mark) -> str:
    line = source_lines(text)[place.line - 1]
    char = line[place.column - 1 : place.column]
    return _STARTS.get(char, f"a text that begins with {char} must be quoted")
