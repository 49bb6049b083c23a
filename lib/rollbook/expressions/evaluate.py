"""Rendering of templates and evaluation of conditions, over plain values."""

import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING, Final

from ..errors import ExpressionError
from ..values import Plain, Secret, Unknown, unknowns
from .budget import MAX_TEXT
from .shield import Shield, TouchedError, shield, shields
from .text import Raw, shell_text_of, text_of

if TYPE_CHECKING:
    from .sandbox import Expression

Path = tuple[str, ...]

# Most expressions are a path, or texts with paths in them; these need no jinja.
_PATH: Final = re.compile(r"[A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*", re.ASCII)
_SIMPLE: Final = re.compile(rf"\{{\{{ *({_PATH.pattern}) *\}}\}}", re.ASCII)
_BRACED: Final = re.compile(r"\{\{(.*)\}\}", re.DOTALL)
_TRUTH_WORDS: Final = frozenset(("true", "false", "yes", "no", "on", "off", "y", "n", "0", "1", "none", "null"))
_WORDS: Final = frozenset(
    ("true", "false", "none", "True", "False", "None", "not", "and", "or", "in", "is", "if", "else")
)
_ABSENT: Final = object()
_LONGEST_REASON: Final = 300


def render(template: Plain, names: Mapping[str, Plain], *, quote: bool = False) -> Plain:
    """
    Fill in every `{{ }}` of *template*, also inside lists and mappings (their keys stay).

    A text that is exactly one `{{ }}` becomes the value itself; otherwise values are written into
    the text, with *quote* each as shell words. A text with a value that is not known yet becomes an
    Unknown. Raises `ExpressionError`.
    """
    match template:
        case str():
            return _render_text(template, names, quote=quote) if "{{" in template else template
        case Mapping():
            return {key: render(part, names, quote=quote) for key, part in template.items()}
        case list() | tuple():
            return [render(part, names, quote=quote) for part in template]
    return template


def condition(expression: str, names: Mapping[str, Plain]) -> bool | Unknown:
    """
    Tell whether *expression* (with or without its braces) holds, or what it waits for.

    Raises `ExpressionError`, also for a text such as "no" that only looks like a truth value.
    """
    value = _evaluate(_unbraced(expression), names)
    if isinstance(value, Unknown):
        return value
    if isinstance(value, Secret):
        raise _secret_error(expression, value)
    if isinstance(value, str) and value.strip().lower() in _TRUTH_WORDS:
        raise ExpressionError(
            f"{{{{ {_unbraced(expression)} }}}} gives the text {value!r}, which is neither true nor false.",
            advice=f"Compare it with something: {_unbraced(expression)} == 'yes'.",
        )
    return bool(value)


def names_used(template: Plain, *, bare: bool = False) -> set[str]:
    """
    Name what *template* uses, as dotted paths: `inputs.course_id`, `steps.look.outputs.size`.

    With *bare*, *template* is a condition without braces. Raises `ExpressionError` for what is no expression.
    """
    return {".".join(path) for path in paths_used(template, bare=bare)}


def paths_used(template: Plain, *, bare: bool = False) -> set[Path]:
    """Give the paths of `names_used` as tuples, for keys that hold a dot."""
    match template:
        case str() if bare:
            return set(_expression_paths(_unbraced(template)))
        case str() if "{{" in template:
            parts = (_expression_paths(text) for is_expression, text in _split(template) if is_expression)
            return {path for paths in parts for path in paths}
        case Mapping():
            return {path for part in template.values() for path in paths_used(part)}
        case list() | tuple():
            return {path for part in template for path in paths_used(part)}
    return set()


@lru_cache(maxsize=4096)
def _split(template: str) -> tuple[tuple[bool, str], ...]:
    """Cut *template* into (is an expression, text) parts."""
    parts = _SIMPLE.split(template)
    if any("{{" in text for text in parts[::2]):
        from .sandbox import split_template

        return split_template(template)
    return tuple((bool(place % 2), text) for place, text in enumerate(parts) if text)


@lru_cache(maxsize=4096)
def _compiled(text: str) -> "Expression":
    from .sandbox import compile_expression

    return compile_expression(text)


def _expression_paths(text: str) -> frozenset[Path]:
    if _PATH.fullmatch(text) and text not in _WORDS:
        return frozenset((tuple(text.split(".")),))
    return _compiled(text).paths


def _unbraced(expression: str) -> str:
    text = expression.strip()
    braced = _BRACED.fullmatch(text)
    return braced[1].strip() if braced else text


def _render_text(template: str, names: Mapping[str, Plain], *, quote: bool) -> Plain:
    parts = _split(template)
    if len(parts) == 1 and not quote:
        (is_expression, text), *_ = parts
        return _evaluate(text, names) if is_expression else text
    written: list[str] = []
    for is_expression, text in parts:
        value = _evaluate(text, names, keep_raw=quote) if is_expression else text
        if (later := next(unknowns(value), None)) is not None:  # also where a part of it is
            return later
        written.append(_written(text, value, quote=quote) if is_expression else text)
    if sum(map(len, written)) > MAX_TEXT:
        raise ExpressionError(f"{_short(template)} gives a text of more than {MAX_TEXT} characters.")
    return "".join(written)


def _written(expression: str, value: Plain, *, quote: bool) -> str:
    try:
        for held in _held(value):
            if isinstance(held, Secret):
                raise _secret_error(expression, held)
        return shell_text_of(value) if quote else text_of(value)
    except RecursionError as error:
        raise _depth_error(expression) from error
    except (ValueError, TypeError) as error:
        raise ExpressionError(f"{{{{ {expression} }}}} cannot be written into a text: {error}.") from error


def _evaluate(text: str, names: Mapping[str, Plain], *, keep_raw: bool = False) -> Plain:
    if _PATH.fullmatch(text) and (found := _walk(tuple(text.split(".")), names)) is not _ABSENT:
        return found
    from .sandbox import Undefined, UndefinedError

    expression = _compiled(text)
    seen = _seen(text, expression.paths, names)
    try:
        value = expression.evaluate(seen)
        if isinstance(value, Undefined):
            bool(value)  # raises, naming what is undefined
        return _plain(value, keep_raw=keep_raw)
    except TouchedError as error:
        if isinstance(error.held, Secret):
            raise _secret_error(text, error.held) from error
        return error.held
    except UndefinedError as error:
        raise _undefined_error(text, expression.paths, names, str(error)) from error
    except RecursionError as error:
        raise _depth_error(text) from error
    except Exception as error:
        # An operation that Python refuses on a shield as such (`x in "text"`) is judged when the value is known.
        for held in _held(seen):
            if isinstance(held, Unknown):
                return held
        raise ExpressionError(f"{{{{ {_short(text)} }}}}: {_told(error)}.") from error


def _seen(text: str, paths: frozenset[Path], names: Mapping[str, Plain]) -> Plain:
    """Pick what an expression uses, shielded."""
    try:
        return _Selection.of(paths).pick(names)
    except RecursionError as error:
        raise _depth_error(text) from error


def _walk(path: Path, names: Plain) -> Plain:
    """Follow *path*; what is found, an Unknown on the way, or _ABSENT."""
    found = names
    for part in path:
        if isinstance(found, Unknown):
            return found
        if not isinstance(found, Mapping) or part not in found:
            return _ABSENT
        found = found[part]
    match found:
        case {"$unknown": str(source), **rest} if not rest:
            return Unknown(source)
    return found


class _Selection:
    """The parts of the names that an expression uses, so that the rest need not be looked through."""

    __slots__ = ("parts", "whole")

    def __init__(self, parts: "dict[str, _Selection]", *, whole: bool = False) -> None:
        self.parts = parts
        self.whole = whole

    @classmethod
    def of(cls, paths: frozenset[Path]) -> "_Selection":
        heads: dict[str, set[Path]] = {}
        for head, *rest in paths:
            heads.setdefault(head, set()).add(tuple(rest))
        parts = {
            head: cls({}, whole=True) if () in rests else cls.of(frozenset(rests)) for head, rests in heads.items()
        }
        return cls(parts)

    def pick(self, value: Plain) -> Plain:
        """Copy the used parts of *value*, shielded."""
        if self.whole or not isinstance(value, Mapping) or "$unknown" in value:
            return shield(value)
        return {key: part.pick(value[key]) for key, part in self.parts.items() if key in value}


def _plain(value: Plain, *, keep_raw: bool) -> Plain:
    """Turn an expression's result into plain content, with what its shields hold."""
    match value:
        case Shield():
            return value.held
        case Raw():
            return value if keep_raw else str(value)
        case Mapping():
            return {_key(key): _plain(part, keep_raw=False) for key, part in value.items()}
        case list() | tuple() | Iterator():
            return [_plain(part, keep_raw=False) for part in value]
        case str() | int() | float() | None | Unknown() | Secret():
            return value
    if type(value).__name__ == "StrictUndefined":
        bool(value)
    raise TypeError(f"it gives {type(value).__name__.replace('_', ' ')}, which is no plain value")


def _key(key: Plain) -> str:
    if isinstance(key, str):
        return str(key)
    raise TypeError(f"a key of a mapping must be text: write '{key}' in quotes, not {key!r}")


def _held(value: Plain) -> Iterator[Unknown | Secret]:
    for found in shields(shield(value)):
        yield found.held


def _secret_error(expression: str, secret: Secret) -> ExpressionError:
    return ExpressionError(
        f"{{{{ {_short(_unbraced(expression))} }}}} would work on the value of a secret ({secret.reference}).",
        advice="Hand the secret over whole, as a value of its own: for a command under `environment:`.",
    )


def _depth_error(text: str) -> ExpressionError:
    return ExpressionError(f"{{{{ {_short(text)} }}}}: a value in it is nested too deeply to work with.")


def _told(error: Exception) -> str:
    """Give an error's own words, cut, for some quote all that they were given."""
    words = str(error).rstrip(".") or type(error).__name__
    return words if len(words) <= _LONGEST_REASON else f"{words[:_LONGEST_REASON]}…"


def _undefined_error(text: str, paths: frozenset[Path], names: Mapping[str, Plain], told: str) -> ExpressionError:
    """Name the path that leads nowhere and the nearest that leads somewhere."""
    missing = [found for path in sorted(paths) if (found := _missing(path, names))]
    for path, known in missing:
        # steps.take-dump.x reads as a subtraction to the parser, which then misses steps.take.
        for key in known:
            if key.startswith(f"{path[-1]}-") and f".{key}" in text.replace(" ", ""):
                right = dotted((*path[:-1], key))
                return ExpressionError(
                    f"{{{{ {_short(text)} }}}}: {dotted(path)} is not defined; "
                    f"for {key!r} write {right}, since - subtracts."
                )
    for path, known in sorted(missing, key=lambda found: f"'{found[0][-1]}'" not in told):
        return ExpressionError(f"{{{{ {_short(text)} }}}}: {dotted(path)} is not defined; {_nearest(path, known)}")
    return ExpressionError(f"{{{{ {_short(text)} }}}}: {told.rstrip('.')}.")


def _missing(path: Path, names: Mapping[str, Plain]) -> tuple[Path, tuple[str, ...]] | None:
    """Give the beginning of *path* that leads nowhere, and the names there are in its place."""
    for depth, part in enumerate(path):
        above = _walk(path[:depth], names)
        if not isinstance(above, Mapping):
            return None
        if part not in above:
            return path[: depth + 1], tuple(map(str, above))
    return None


def _nearest(path: Path, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # only mistakes need it

    if found := get_close_matches(path[-1], known, n=1, cutoff=0.5):
        return f"did you mean {dotted((*path[:-1], found[0]))}?"
    if not known:
        return f"{dotted(path[:-1]) or 'the scope'} is empty."
    return f"there is {', '.join(sorted(known)[:10])}{' and more' if len(known) > 10 else ''}."


def dotted(path: Path) -> str:
    """Write *path* as an expression would."""
    written = path[0] if path else ""
    for part in path[1:]:
        written += f".{part}" if _PATH.fullmatch(part) else f'["{part}"]'
    return written


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:119]}…"
