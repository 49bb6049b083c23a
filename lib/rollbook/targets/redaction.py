"""Takes secret values out of whatever leaves a target: text, plain values, and output as it streams."""

import base64
import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from threading import Lock
from typing import Final

from ..dataclass import dataclass
from ..values import Plain, Secret
from .spellings import Written

SHORTEST: Final = 6
# As it is, or escaped, with the indentation of the next line; at the end of a text an escape may be cut off.
_BREAKS: Final = rb"(?:(?:[\r\n]|\\+[rn])[ \t]*)*"
_ESCAPED: Final = re.compile(rb"\\+[rn]")
_BROKEN: Final = re.compile(rb"(?:(?:[\r\n]|\\+(?:[rn]|\Z))[ \t]*)+")
_INDENTED: Final = 4  # times as long as it is may base64 be with its line breaks
_LONGEST_HOLD: Final = 1 << 18


@dataclass(frozen=True, slots=True)
class _Known:
    """One secret: its label, how its value and each of its lines may be written, and in base64."""

    label: bytes
    written: tuple[Written, ...]
    wrapped: tuple[Written, ...]  # which programs break into lines

    def find(self, content: bytes, squeezed: bytes) -> Iterator[tuple[int, int]]:
        """Give where something of it stands in *content*, which is *squeezed* without blanks."""
        for one in self.written:
            yield from one.find(content)
        for one in self.wrapped:
            if one.anchor in squeezed:
                yield from (match.span() for match in _broken(one.anchor).finditer(content))


@lru_cache(maxsize=4096)
def _broken(form: bytes) -> re.Pattern[bytes]:
    return re.compile(_BREAKS.join(re.escape(bytes((byte,))) for byte in form))


def _base64_forms(value: bytes) -> Iterator[bytes]:
    for offset, start in ((0, 0), (1, 2), (2, 3)):
        # Only these characters depend on the value alone, whatever stands before and after it.
        end = (offset + len(value)) * 8 // 6
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(bytes(offset) + value)[start:end]


def _long_enough(forms: Iterable[bytes]) -> tuple[bytes, ...]:
    return tuple(sorted({form for form in forms if len(form) >= SHORTEST}, key=len, reverse=True))


def _known(label: str, value: str) -> _Known:
    raw = value.encode("utf-8", "surrogateescape")
    texts = dict.fromkeys((value, *map(str.strip, value.splitlines())))
    base64s = _long_enough(_base64_forms(raw))
    # Base64 stands in JSON and addresses, too, where its own / + and = are escaped.
    others = (raw.hex(), raw.hex().upper(), *map(bytes.decode, base64s))
    written = tuple(Written.of(text) for text in (*texts, *others) if len(text) >= SHORTEST)
    return _Known(label.encode(), written, tuple(Written.of_units((one,)) for one in base64s))


class Redactor:
    """
    Replaces every value it was told by `‹secret env:NAME›`.

    Finds a value raw, each of its lines, escaped as programs do (`spellings`), in hex, and in base64
    wherever it stands in a longer text, line breaks included. Costs nothing while no value is known.
    A value that is within a name which everybody reads is left: hiding it would only make that name unreadable.
    Safe to use from several threads.
    """

    def __init__(self) -> None:
        self._known: tuple[_Known, ...] = ()
        self._values: dict[tuple[str, str], None] = {}  # in the order in which they were learned
        self._names = ""
        self._labels = re.compile(rb"(?!)")
        self._reach = 1
        self._lock = Lock()

    def add(self, secret: Secret | str, value: str) -> None:
        """
        Learn that *value* is what *secret* refers to, or what a text such as `password of db` names.

        Values under six characters are left. May be called again.
        """
        if len(value) < SHORTEST:
            return
        with self._lock:
            label = str(secret) if isinstance(secret, Secret) else f"‹{secret}›"
            if (label, value) in self._values:
                return
            self._values[label, value] = None
            if value not in self._names:
                self._hide((*self._known, _known(label, value)))

    def leave(self, names: Iterable[str]) -> None:
        """Learn names that stand in the open, such as a database's and an account's. May be called again."""
        with self._lock:
            fresh = "".join(
                f"{name}\n" for name in dict.fromkeys(names) if len(name) >= SHORTEST and name not in self._names
            )
            self._names += fresh
            if any(value in fresh for _, value in self._values):
                self._hide(tuple(_known(label, value) for label, value in self._values if value not in self._names))

    @property
    def open(self) -> tuple[str, ...]:
        """Name the secrets whose values are left, sorted."""
        return tuple(sorted({label for label, value in self._values if value in self._names}))

    @property
    def empty(self) -> bool:
        """Tell whether no value is known yet."""
        return not self._known

    def text(self, text: str) -> str:
        """Return *text* without secret values; the same object when there was none."""
        if not self._known:
            return text
        raw = text.encode("utf-8", "surrogateescape")
        spans = self._spans(raw)
        return _replaced(raw, spans).decode("utf-8", "surrogateescape") if spans else text

    def content(self, content: bytes) -> bytes:
        """Return *content* without secret values."""
        return _replaced(content, self._spans(content)) if self._known else content

    def labels(self, content: bytes) -> tuple[str, ...]:
        """Name the secrets whose values *content* holds."""
        return tuple(dict.fromkeys(label.decode() for _, _, label in self._spans(content)))

    def told(self, content: bytes) -> tuple[str, ...]:
        """Name the secrets that *content* tells already, if only in part: their values were taken out of it before."""
        lower = content.lower()
        told = (one.label for one in self._known if any(part in lower for part in _parts(one.label.lower())))
        return tuple(dict.fromkeys(label.decode() for label in told))

    def plain(self, value: Plain) -> Plain:
        """Return JSON *value* with every text in it redacted, keys too."""
        return self._plain(value) if self._known else value

    def _hide(self, known: tuple[_Known, ...]) -> None:
        self._reach = max((_INDENTED * one.longest for each in known for one in each.wrapped), default=1)
        self._labels = re.compile(b"|".join(re.escape(one.label) for one in known) or rb"(?!)")
        self._known = known

    def stream(self) -> "Stream":
        """Start redacting output that comes in chunks."""
        return Stream(self)

    def _plain(self, value: Plain) -> Plain:
        match value:
            case str():
                return self.text(value)
            case bytes():
                return self.content(value)
            case bool() | None:
                return value
            case int() | float():
                shown = str(value)
                found = self.text(shown)
                return value if found is shown else found
            case dict():
                return {self._plain(key): self._plain(part) for key, part in value.items()}
            case list():
                return [self._plain(part) for part in value]
            case tuple():
                return tuple(self._plain(part) for part in value)
        return value

    def _spans(self, content: bytes) -> list[tuple[int, int, bytes]]:
        """Find what to replace, in order, overlaps merged; labels that stand there already are left."""
        squeezed = _squeezed(content)
        found = [(*span, known.label) for known in self._known for span in known.find(content, squeezed)]
        if not found:
            return []
        labels = [match.span() for match in self._labels.finditer(content)]
        found = [one for one in found if not any(start <= one[0] and one[1] <= end for start, end in labels)]
        found.sort(key=lambda one: (one[0], -one[1]))
        merged: list[tuple[int, int, bytes]] = []
        for start, end, label in found:
            if merged and start < merged[-1][1]:
                before = merged[-1]
                merged[-1] = (before[0], max(before[1], end), before[2])
            else:
                merged.append((start, end, label))
        return merged

    def _settled(self, content: bytes) -> int:
        """Say how much of *content* no later chunk can turn into part of a value."""
        held = 0
        end = content[-self._reach :]
        unbroken = _BROKEN.sub(b"", end)
        for known in self._known:
            held = max(held, *(one.begun(content) for one in known.written))
            kept = max((one.begun(unbroken) for one in known.wrapped), default=0)
            held = max(held, _with_breaks(end, kept))
        return len(content) - held


def _parts(label: bytes) -> tuple[bytes, bytes]:
    """Give its beginning and its end, either of which is left of it where a text was cut at its space."""
    first, _, rest = label.partition(b" ")
    return first, rest


def _squeezed(content: bytes) -> bytes:
    """Take line breaks and more out, at once: what is not in here is not in *content*, however it is broken."""
    return _ESCAPED.sub(b"", content).translate(None, b"\r\n\t \\")


def _with_breaks(content: bytes, kept: int) -> int:
    """Count the bytes at the end of *content* that hold *kept* bytes besides line breaks."""
    end = len(content)
    for found in reversed(tuple(_BROKEN.finditer(content)) if kept else ()):
        if kept <= end - found.end():
            break
        kept -= end - found.end()
        end = found.start()
    return len(content) - (end - kept)


def _replaced(content: bytes, spans: Iterable[tuple[int, int, bytes]]) -> bytes:
    parts: list[bytes] = []
    at = 0
    for start, end, label in spans:
        parts += (content[at:start], label)
        at = end
    parts.append(content[at:])
    return b"".join(parts)


class Stream:
    """
    Redacts one stream of bytes, values split across chunks included.

    Holds back only an end that may be the beginning of a value. Not for several threads at once.
    """

    __slots__ = ("_held", "_redactor")

    def __init__(self, redactor: Redactor) -> None:
        self._redactor = redactor
        self._held = b""

    def feed(self, chunk: bytes) -> bytes:
        """Take a chunk; return what may be shown now."""
        if self._redactor.empty:
            return chunk
        content = self._held + chunk
        spans = self._redactor._spans(content)  # noqa: SLF001  # two halves of one thing
        cut = self._redactor._settled(content)  # noqa: SLF001
        for start, end, _ in reversed(spans):
            if start < cut < end:
                cut = start
        if len(content) - cut > _LONGEST_HOLD:
            cut = len(content)
        self._held = content[cut:]
        return _replaced(content[:cut], (span for span in spans if span[1] <= cut))

    def end(self) -> bytes:
        """Return what was held back, redacted; the stream may be used again."""
        held, self._held = self._held, b""
        return self._redactor.content(held)
