"""HTML that cannot be mistaken for text: every value is escaped unless it was made here."""

from collections.abc import Callable, Iterable, Iterator
from functools import cache, lru_cache
from typing import Final, LiteralString

from .wording import visible


class Html(str):
    """
    Markup. Made of literals, of `form` and of `joined` only: what comes from outside is never called this.

    Two of them added, or one in an f-string, are a `str` again, and would be escaped.
    """

    __slots__ = ()


Form = Callable[..., Html]
NOTHING: Final = Html("")
OPEN: Final = Html(" open")


@lru_cache(maxsize=256)  # names, kinds and states come again at every step
def escape(text: str) -> str:
    """Write *text* so that it means itself in an element and in a quoted attribute, and hides nothing."""
    text = visible(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    return text.replace('"', "&#34;").replace("'", "&#39;")


def html(value: object) -> Html:
    """Give *value* as markup: escaped, if it is none yet; a float, which is a place, with one digit."""
    if type(value) is Html:
        return value
    return Html(f"{value:.1f}") if type(value) is float else Html(escape(str(value)))


def form(text: LiteralString) -> Form:
    """Give a function that puts values into the `{}` of *text*, each as `html` gives it."""

    def filled(*values: object) -> Html:
        return Html(text.format(*map(html, values)))

    return filled


def joined(parts: Iterable[Html]) -> Html:
    """Put markup together."""
    return Html("".join(parts))


_HEAD: Final = form('<th scope="col">{}</th>')
_NUMBER_HEAD: Final = form('<th scope="col" class="number">{}</th>')
_TABLE: Final = form("<table{}><caption>{}</caption>\n<thead><tr>{}</tr></thead>\n<tbody>\n")
_STATES: Final = Html(' class="states"')


@cache
def _heads(heads: tuple[str, ...]) -> Html:
    return joined(_NUMBER_HEAD(head[1:]) if head.startswith("#") else _HEAD(head) for head in heads)


def table(caption: object, heads: tuple[str, ...], rows: Iterable[Html], *, states: bool = False) -> Iterator[Html]:
    """Yield a table row by row; a head that begins with # is one of numbers; *states*: a look for before and after."""
    yield _TABLE(_STATES if states else NOTHING, caption, _heads(heads))
    yield from rows
    yield Html("</tbody></table>\n")


_FOLD: Final = form("<details{}><summary>{}</summary>\n")


def folded(label: str, parts: Iterable[Html], *, open_: bool = False) -> Iterator[Html]:
    """Yield *parts* behind a label that opens them."""
    yield _FOLD(OPEN if open_ else NOTHING, label)
    yield from parts
    yield Html("</details>\n")
