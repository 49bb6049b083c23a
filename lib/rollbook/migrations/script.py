"""The scripts that are sent into a Django site."""

import json
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Final

from ..mysql import holders as mysql
from ..postgres import holders as postgres
from ..values import Plain

_FOLDER: Final = Path(__file__).parent
_OF_THESE: Final = re.compile(r"^from \.\w+ import .*\n", re.MULTILINE)
_QUERIES: Final[Mapping[str, Plain]] = {
    "postgresql": {"of_session": postgres.OF_SESSION, "cancel": postgres.CANCEL, "end": postgres.END},
    "mysql": {
        "of_tables": list(mysql.OF_TABLES),
        "of_rows": mysql.OF_ROWS,
        "asleep": mysql.ASLEEP,
        "state": mysql.STATE,
        "sessions": mysql.SESSIONS,
        "unknown": sorted(mysql.UNKNOWN),
        "cancel": mysql.CANCEL,
        "end": mysql.END,
    },
}


def inside() -> str:
    """Give the one that tells what migrations do as one text, with what makes it answer."""
    return f"{placing()}\n{_joined('teller.py', 'writing.py', 'inside.py')}\nmain(given, answer)\n"


def placing() -> str:
    """Give what tells in which schema a table lies, to stand before a script that asks."""
    return (_FOLDER / "placing.py").read_text(encoding="utf-8")


def patient(given: Mapping[str, Plain]) -> str:
    """Give the one that migrates, with what it is given."""
    told = json.dumps({**given, "queries": _QUERIES})
    return f"{_joined('watching.py', 'patient.py')}\nimport json\nmain(json.loads({told!r}))\n"


def _joined(*names: str) -> str:
    """Give modules as one text: each imports, of this package, of those before it only, and what `placing` gave."""
    return "\n".join(_OF_THESE.sub("", (_FOLDER / name).read_text(encoding="utf-8")) for name in names)
