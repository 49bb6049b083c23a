"""What a site answered: its body up to a size, as text."""

import codecs
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from ..dataclass import dataclass

if TYPE_CHECKING:
    from urllib3.response import BaseHTTPResponse

LARGEST_BODY: Final = 1_000_000
_CHUNK: Final = 1 << 16
# Encodings of Python that no site means, and that take a square of the body's length.
_ODD: Final = frozenset({"idna", "punycode", "undefined", "unicode_escape", "raw_unicode_escape"})


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer as it came; header names are in lower case."""

    status: int
    headers: Mapping[str, str]
    content: bytes

    @classmethod
    def read(cls, answer: "BaseHTTPResponse") -> "Answer":
        """Read an answer, at most 1 MB of its body, and close it."""
        try:
            content = bytearray()
            while len(content) < LARGEST_BODY and (chunk := answer.read1(_CHUNK)):
                content += chunk
        finally:
            # What was not read of a large body would be taken for the next answer.
            answer.close()
        headers = {name.lower(): value for name, value in answer.headers.items()}
        return cls(answer.status, headers, bytes(content[:LARGEST_BODY]))

    @property
    def text(self) -> str:
        """The body in the encoding that it is said to have; else as UTF-8 where it is that, else as latin-1."""
        try:
            name = codecs.lookup(_charset(self.headers.get("content-type", ""))).name
            if name not in _ODD:
                return self.content.decode(name, errors="replace")
        except (LookupError, ValueError):  # unknown, or no encoding of text, such as rot13
            pass
        try:
            return self.content.decode()
        except UnicodeDecodeError:
            return self.content.decode("latin-1")


def _charset(content_type: str) -> str:
    for part in content_type.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "charset":
            return value.strip("\"' ")
    return "utf-8"
