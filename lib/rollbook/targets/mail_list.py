"""Mails to everybody in a list, hidden from each other, so many at a time that a crash repeats few of them."""

import csv
import os
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import Interrupted, TargetError
from ..ops import Execution, Mail, OpResult

if TYPE_CHECKING:
    from .smtp import SmtpTarget

COLUMN: Final = "email"
_AT_ONCE: Final = 50  # recipients of one mail; servers take about a hundred
_NOTED: Final = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW


def send_listed(target: "SmtpTarget", op: Mail, execution: Execution) -> OpResult:
    """
    Send *op* to whoever its list names; who has it is noted beside the list, and left out when it is sent again.

    No address comes out: neither in what it gives nor in its errors. Raises `TargetError`, `Unreachable` or
    `Interrupted`.
    """
    path = Path(op.listed)
    listed = tuple(dict.fromkeys(_addresses(path)))
    usable = [one for one in listed if target.is_address(one)]
    noted = path.with_name(f"{path.name}.sent")
    have = set(_noted(noted))
    left = [one for one in usable if one not in have]
    if not left and not have:
        raise TargetError(f"{target.name}: {path} lists nobody who can be written to", advice="Look at the list.")
    message = target.message(op, "undisclosed-recipients:;")
    mailed = 0
    for at in range(0, len(left), _AT_ONCE):
        if execution.stopping():
            raise Interrupted(f"stopped after {mailed} of {len(left)}; a resume writes to the others")
        some = left[at : at + _AT_ONCE]
        taken = _send(target, some, message)
        _note(noted, taken)
        mailed += len(taken)
        execution.progress(at + len(some), len(left), "items")
    if not mailed and not have:
        raise TargetError(
            f"{target.name}: {target.place} refused every one of {len(left)} recipients in {path}",
            advice="Ask the server's owner why; nothing was sent.",
        )
    refused = len(listed) - len(usable) + len(left) - mailed
    return OpResult(outputs={"mailed": mailed, "refused": [f"{refused} of {len(listed)} in {path}"] if refused else []})


def _send(target: "SmtpTarget", some: Sequence[str], message: bytes) -> list[str]:
    """Send one mail, and give those for whom the server took it."""
    from smtplib import SMTPRecipientsRefused

    with target.session() as session:
        try:
            refused = session.sendmail(target.settings.sender, list(some), message)
        except SMTPRecipientsRefused:
            return []
    return [one for one in some if one not in refused]


def _addresses(path: Path) -> list[str]:
    try:
        with path.open(newline="") as lines:
            rows = csv.DictReader(lines)
            if COLUMN not in (rows.fieldnames or ()):
                raise TargetError(f"{path} has no column {COLUMN!r}", advice="Give a CSV file with a head.")
            return [row[COLUMN].strip() for row in rows if row[COLUMN]]
    except OSError as error:
        raise TargetError(f"cannot read {path}: {error.strerror or error}", advice="Look at the path.") from error


def _noted(path: Path) -> list[str]:
    with suppress(FileNotFoundError):
        return path.read_text().splitlines()
    return []


def _note(path: Path, taken: Sequence[str]) -> None:
    descriptor = os.open(path, _NOTED, 0o600)
    with os.fdopen(descriptor, "w") as file:
        file.writelines(f"{one}\n" for one in taken)
        file.flush()
        os.fsync(file.fileno())
