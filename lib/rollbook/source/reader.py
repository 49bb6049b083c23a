"""The rim of reading: files and bytes in, text that is worth parsing out."""

import codecs
import re
from pathlib import Path as FilePath
from typing import Final

from ..errors import SourceError
from .document import Document, Mark, Problem, source_lines

MAX_BYTES: Final = 1_000_000

_CONTROL: Final = r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f]"
_FORBIDDEN_ASCII: Final = re.compile(_CONTROL)
_FORBIDDEN: Final = _CONTROL[:-1] + r"\ud800-\udfff\ufeff\ufffe\uffff]"  # compiled only for a text beyond ASCII


def read_yaml(path: FilePath, *, keep: bool = False) -> Document:
    """Read the YAML file at *path*, as `load_yaml` does; raises SourceError."""
    file = str(path)
    try:
        if path.exists() and not path.is_file():
            raise _refusal(file, "this is a folder, not a file" if path.is_dir() else "this is not a regular file")
        with path.open("rb") as stream:
            content = stream.read(MAX_BYTES + 1)
    except FileNotFoundError:
        raise _refusal(file, "there is no such file") from None
    except PermissionError:
        raise _refusal(
            file, "the file may not be read by this user: check the rights of the file and its folders"
        ) from None
    except (OSError, ValueError) as error:
        raise _refusal(file, f"the file cannot be read: {error}") from error
    return load_yaml(content, file, keep=keep)


def load_yaml(text: bytes | str, file: str, *, keep: bool = False) -> Document:
    """
    Read YAML *text*; *file* is its name in messages. Raises SourceError with every problem of it.

    With *keep*, problems that leave something to check are kept in the document instead, for whoever
    checks it to raise with all the others.
    """
    if len(text) > MAX_BYTES:
        raise _refusal(
            file, f"the file is larger than {MAX_BYTES // 1_000_000} MB, which is no runbook: is it the right file?"
        )
    decoded = _decode(text, file) if isinstance(text, bytes) else text
    decoded = decoded.removeprefix("\ufeff")
    forbidden = _FORBIDDEN_ASCII.search(decoded) if decoded.isascii() else re.search(_FORBIDDEN, decoded)
    if forbidden:
        raise SourceError([_forbidden_character(file, decoded, forbidden.start())])
    from .walk import read_events  # the yaml library is loaded when there is YAML to read

    document = read_events(decoded, file)
    if document.problems and not keep:
        raise SourceError(document.problems)
    return document


def _refusal(file: str, message: str) -> SourceError:
    return SourceError([Problem(file, 0, 0, message)])


def _decode(content: bytes, file: str) -> str:
    if content.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        raise _refusal(file, "the file is UTF-16: save it as UTF-8")
    try:
        return content.decode()
    except UnicodeDecodeError as error:
        before = content[: error.start].decode()
        mark = _mark_at(before, len(before))
        message = f"the file is not UTF-8: byte {error.start} is 0x{content[error.start]:02x}: save the file as UTF-8"
        raise SourceError([Problem(file, mark.line, mark.column, message)]) from None


def _mark_at(text: str, index: int) -> Mark:
    lines = source_lines(text[:index])
    return Mark(len(lines), len(lines[-1]) + 1)


def _forbidden_character(file: str, text: str, index: int) -> Problem:
    char = text[index]
    name = "a NUL byte: is it a text file?" if char == "\0" else f"the control character U+{ord(char):04X}: take it out"
    mark = _mark_at(text, index)
    # No excerpt: the line would send the character to the terminal.
    return Problem(file, mark.line, mark.column, f"the file holds {name}")
