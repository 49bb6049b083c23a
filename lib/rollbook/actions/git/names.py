"""Names of branches and files as git takes and prints them."""

import re
from typing import Final

from ...values import RUN_ID

_BAD_REF: Final = re.compile(r"[\x00-\x20\x7f~^:?*\[\\]|\.\.|@\{|//|/\.|\.lock(/|$)|\.$|/$|^[/.-]|/-|^@$")
_HEAD: Final = re.compile(r"^(HEAD|@)(?=$|[~^])")
_SHIFTING: Final = re.compile(r"@\{|:/|\^\{/")
_ESCAPE: Final = re.compile(rb"\\([0-7]{3}|.)")
_ANY: Final = re.compile(r"\\(?:[0-7]{3}|.)|[*[]")
_GLOB: Final = re.compile(r"[*?[\\]")
_LETTERS: Final = {b"a": 7, b"b": 8, b"t": 9, b"n": 10, b"v": 11, b"f": 12, b"r": 13}


def check_branch(name: str) -> None:
    """Raise ValueError where git would not take *name* for a branch, or take it for an option."""
    plain = name.replace(str(RUN_ID), "run")
    if not plain or plain.startswith("-") or _BAD_REF.search(plain):
        raise ValueError(f"{name!r} cannot be the name of a branch")


def check_revision(name: str) -> None:
    """Raise ValueError where *name* cannot name a commit."""
    if not name or name.startswith("-") or any(ord(letter) < ord(" ") for letter in name):
        raise ValueError(f"{name!r} cannot name a commit: expected a hash, a branch or a tag")


def check_lasting(name: str) -> None:
    """Raise ValueError where *name* cannot name a commit, or names another one once something is committed or moved."""
    check_revision(name)
    if _SHIFTING.search(name):
        raise ValueError(f"{name!r} is another commit once something is committed: give its hash (git rev-parse)")


def from_head(name: str, head: str) -> str:
    """Give *name* with *head* in the place of HEAD, from which it is told."""
    return _HEAD.sub(head, name)


def short_branch(on: str) -> str:
    """Give the name that people use for a branch."""
    return on.removeprefix("refs/heads/")


def shown_path(name: str) -> str:
    """Give a path as it is, where it is UTF-8 and one line; else as git quotes it."""
    if not (name.startswith('"') and name.endswith('"')):
        return name
    try:
        text = _ESCAPE.sub(_escaped, name[1:-1].encode()).decode()
    except UnicodeDecodeError:
        return name
    return text if text.isprintable() else name


def pathspec(name: str, *, inside: bool = True) -> str:
    """
    Give what has git look for a path that it printed; of one that cannot be shown, any byte where it is odd.

    Unless *inside*, it looks for a folder as such, not for what lies in it; other names that begin so may be found too.
    """
    plain, end = shown_path(name), "" if inside else "*/"
    odd = plain == name and name.startswith('"')
    if inside and not odd:
        return f":(top,literal){plain}"
    return ":(top,glob)" + (_ANY.sub("?", name[1:-1]) if odd else _GLOB.sub(r"\\\g<0>", plain)) + end


def _escaped(found: re.Match[bytes]) -> bytes:
    code = found[1]
    return bytes([int(code, 8)]) if code.isdigit() else bytes([_LETTERS[code]]) if code in _LETTERS else code
