"""Formats of which each line holds one setting: env, ini and toml."""

import re
import shlex
from collections.abc import Iterator
from typing import Any, Final

from .place import Place, Scalar, Unfit, end_of_line, names_of, on_a_line_of_its_own

_ENV: Final = re.compile(r"^[ \t]*(?:export[ \t]+)?([A-Za-z_]\w*)=", re.MULTILINE)
_SECTION: Final = re.compile(r"^[ \t]*\[([^\[\]\r\n]+)\][ \t]*(?:[#;][^\r\n]*)?\r?$", re.MULTILINE)
_OPTION: Final = re.compile(r"^([^\s#;\[=:][^=:\r\n]*?)[ \t]*[=:][ \t]*", re.MULTILINE)
_TOML_KEY: Final = re.compile(r"^[ \t]*([\w.\"' \t-]+?)[ \t]*=[ \t]*", re.MULTILINE)
_TOML_VALUE: Final = re.compile(
    r"""(?:"(?:[^"\\\r\n]|\\.)*"(?!") | '[^'\r\n]*'(?!') | [^\s#,\[\]{}"']+(?:[ ]\d[\d:.]*\S*)?)
    (?=[ \t]*(?:\#[^\r\n]*)?\r?$)""",
    re.MULTILINE | re.VERBOSE,
)
_BARE: Final = re.compile(r"[\w@%+:,./-]*")


def env_place(text: str, key: str) -> Place:
    """Find a variable: the last of its name counts."""
    found = [match for match in _ENV.finditer(text) if match[1] == key]
    if not found:
        if not _ENV.match(f"{key}="):
            raise Unfit(f"{key!r} is no name of a variable")
        return on_a_line_of_its_own(text, len(text), f"{key}=")
    start = found[-1].end()
    return Place(start, _env_end(text, start))


def _env_end(text: str, start: int) -> int:
    line = text[start : end_of_line(text, start)]
    quote = line[:1]
    if quote in ("'", '"'):
        closing = re.match(r"'[^']*'" if quote == "'" else r'"(?:[^"\\]|\\.)*"', line)
        if closing is None:
            raise Unfit("the value goes on over several lines, which is not edited")
        return start + closing.end()
    return start + len(re.split(r"[ \t]+#", line, maxsplit=1)[0].rstrip())


def env_raw(value: Scalar) -> str:
    """Write a value for a shell; numbers and plain words stand bare."""
    text = _plain(value)
    if "\n" in text:
        raise Unfit("a value of several lines does not fit into a line")
    return text if _BARE.fullmatch(text) else '"' + re.sub(r'(["\\$`])', r"\\\1", text) + '"'


def env_value(raw: str) -> Scalar:
    """Read a value as a shell does."""
    try:
        words = shlex.split(raw)
    except ValueError as error:
        raise Unfit(f"the value cannot be read: {error}") from None
    return re.sub(r"\\([$`])", r"\1", " ".join(words))


def _plain(value: Scalar) -> str:
    if value is None:
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def _sections(text: str) -> Iterator[tuple[str, int, int]]:
    """Give name, beginning and end of each section; the first, without a name, is what stands before any."""
    heads = list(_SECTION.finditer(text))
    ends = [*(head.start() for head in heads), len(text)]
    yield "", 0, ends[0]
    for head, end in zip(heads, ends[1:], strict=True):
        yield head[1].strip(), min(head.end() + 1, len(text)), end


def ini_place(text: str, key: str) -> Place:
    """Find an option of a section."""
    *sections, option = names_of(key)
    wanted = ".".join(sections)
    known = [(begin, end) for name, begin, end in _sections(text) if name == wanted]
    for begin, end in known:
        for match in _OPTION.finditer(text, begin, end):
            if match[1].lower() == option.lower():
                stop = end_of_line(text, match.end())
                following = text[stop:].lstrip("\r\n")[:1] if text[stop : stop + 3].count("\n") == 1 else ""
                if following in (" ", "\t"):
                    raise Unfit("the value goes on over several lines, which is not edited")
                return Place(match.end(), max(match.end(), stop))
    if not known:
        return on_a_line_of_its_own(text, len(text), f"[{wanted}]\n{option} = ")
    return _in_section(text, *known[-1], f"{option} = ")


def _in_section(text: str, begin: int, end: int, head: str) -> Place:
    """Give a place after the last line of a section that holds something."""
    if end >= len(text) and not text[begin:end].endswith("\n\n"):
        return on_a_line_of_its_own(text, len(text), head)
    filled = begin + len(text[begin:end].rstrip())
    if filled <= begin:
        return Place(begin, begin, False, head, "\n")
    return on_a_line_of_its_own(text, end_of_line(text, filled - 1), head)


def ini_raw(value: Scalar) -> str:
    """Write a value into one line, as it is."""
    text = _plain(value)
    if "\n" in text or text != text.strip():
        raise Unfit("a value of several lines, or with blanks at its ends, does not fit into a line")
    return text


def ini_value(raw: str) -> Scalar:
    """Read a value as it is."""
    return raw.strip()


def toml_place(text: str, key: str) -> Place:
    """Find a key of a table; what is written over several lines is not edited."""
    names = names_of(key)
    table, last = ".".join(names[:-1]), names[-1]
    known = [(begin, end) for name, begin, end in _sections(text) if _unquoted(name) == names[:-1]]
    for begin, end in known:
        for match in _TOML_KEY.finditer(text, begin, end):
            if _unquoted(match[1]) == (last,):
                value = _TOML_VALUE.match(text, match.end())
                if value is None:
                    raise Unfit("the value is none of one line, which is not edited")
                return Place(value.start(), value.end())
    if toml_value(text, key, there=False) is not None:
        raise Unfit("the value is written in another table's way, which is not edited")
    name = last if re.fullmatch(r"[\w-]+", last) else f'"{last}"'
    if known:
        return _in_section(text, *known[-1], f"{name} = ")
    return on_a_line_of_its_own(text, len(text), f"[{table}]\n{name} = ")


def _unquoted(name: str) -> tuple[str, ...]:
    return tuple(part.strip().strip("\"'") for part in re.findall(r"\"[^\"]*\"|'[^']*'|[^.]+", name)) if name else ()


def toml_raw(value: Scalar) -> str:
    """Write a value as TOML does."""
    if value is None:
        raise Unfit("TOML has no null")
    if isinstance(value, str):
        import json

        return json.dumps(value, ensure_ascii=False).replace("\x7f", "\\u007f")
    return _plain(value)


def toml_value(text: str, key: str, *, there: bool = True) -> Scalar:
    """Read a value with Python's own parser; None, where it need not be *there*, for none."""
    import tomllib

    try:
        found: Any = tomllib.loads(text)
        for name in names_of(key):
            found = found[name]
    except tomllib.TOMLDecodeError as error:
        raise Unfit(f"the file is not TOML: {error}") from None
    except (KeyError, TypeError):
        if there:
            raise Unfit("the value is not there") from None
        return None
    return found if isinstance(found, str | int | float | bool) else str(found)
