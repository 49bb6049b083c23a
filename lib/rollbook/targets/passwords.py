"""The passwords in a secret that holds more: an address or several, a connection string, JSON."""

import json
import re
from collections.abc import Iterator
from typing import Final

from ..values import Plain

_NAME: Final = re.compile("pass|pwd|secret|token", re.IGNORECASE)
_BETWEEN: Final = re.compile(r"[\s,;]+(?=[\w+.-]+://)")
# host=db password='x' of libpq, Server=db;Pwd=x of others; a backslash within quotation marks takes the next as it is.
_SETTING: Final = re.compile(r"""([\w.-]+)\s*=\s*(?:'((?:[^'\\]|\\.|'')*)'|"((?:[^"\\]|\\.)*)"|([^\s;,&'"]+))""")


def passwords_in(text: str) -> Iterator[str]:
    """Yield the passwords that *text* holds; a password that also names the account in its address is left out."""
    if "://" in text:
        for address in _BETWEEN.split(text):
            yield from _in_address(address)
    elif text.lstrip().startswith(("{", "[")):
        try:
            yield from _in_json(json.loads(text))
        except (ValueError, RecursionError):  # no JSON after all
            return
    else:
        yield from _in_settings(text)


def _in_address(address: str) -> Iterator[str]:
    from urllib.parse import parse_qsl, unquote, urlsplit

    try:
        parts = urlsplit(address)
    except ValueError:  # no address after all
        return
    # Where it is the account's name too, whoever connects by it learns which of its names stand in the open.
    names = (unquote(parts.username or ""), unquote(parts.path.strip("/")))
    password = unquote(parts.password or "")
    if password not in names:
        yield password
    yield from (given for name, given in parse_qsl(parts.query) if _NAME.search(name) and given not in names)


def _in_settings(text: str) -> Iterator[str]:
    for name, *forms in _SETTING.findall(text):
        given = next(filter(None, forms), "")
        if given and _NAME.search(name):
            yield given
            yield re.sub(r"\\(.)", r"\1", given).replace("''", "'")


def _in_json(content: Plain, name: str = "") -> Iterator[str]:
    match content:
        case dict():
            for key, part in content.items():
                yield from _in_json(part, str(key))
        case list():
            for part in content:
                yield from _in_json(part, name)
        case str() if _NAME.search(name):
            yield content
