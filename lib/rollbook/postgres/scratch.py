"""Names and marks of the databases that a run makes beside the live one."""

import re
from typing import Final, Literal, Self, get_args

from ..dataclass import dataclass
from ..values import RUN_ID

Role = Literal["restored", "scratch", "base", "kept", "unfinished", "undecided"]

_TAGS: Final = {"base": "rbbase", "kept": "rbkept"}
_LONGEST: Final = 63  # bytes of a name
_RUN: Final = 27  # letters of a run's id
_BUILT: Final = "_rbnew_"
_MARK: Final = re.compile(r"rollbook (\S+) (\w+) of ([^\n]+)(?:\n.*)?", re.DOTALL)  # more may be noted below


def scratch_name(live: str, role: Role, run: str, tag: str = "") -> str:
    """
    Name the database that *run* makes of *live* for *role*; it bears the run's id, so names sort by time.

    *tag* tells those of one role apart. A run's id that is not known yet stands in it as it prints. A long name of the
    live database is cut.
    """
    tag = f"_{tag or _TAGS.get(role, 'rb')}_"
    room = _LONGEST - _RUN - len(tag)
    return live.encode()[:room].decode(errors="ignore") + tag + run


def workshop_name(name: str, run: str) -> str:
    """
    Give the name under which the database *name* is built: one that bears the run's id, whatever the final one is.

    Between CREATE DATABASE and its mark a crash leaves a database that only its name tells to be the run's.
    """
    if run in name or str(RUN_ID) in name:
        return name
    return f"{name.encode()[: _LONGEST - _RUN - len(_BUILT)].decode(errors='ignore')}{_BUILT}{run}"


@dataclass(frozen=True, slots=True)
class Mark:
    """What the comment on a database says of it: which run made it, for what, beside which live one."""

    run: str
    role: Role
    live: str

    def __str__(self) -> str:
        return f"rollbook {self.run} {self.role} of {self.live}"

    @classmethod
    def parse(cls, comment: str | None) -> Self | None:
        """Read a comment; None for one that is no mark."""
        found = _MARK.fullmatch(comment or "")
        if found is None:
            return None
        for role in get_args(Role):
            if role == found[2]:
                return cls(found[1], role, found[3])
        return None


def subject_names(database: str) -> tuple[str, ...]:
    """
    Give the names by which the steps that make a database know it as their subject.

    While a run is only planned, the name of what it will make has a gap for its id: it may be any of them.
    """
    if str(RUN_ID) not in database:
        return (database,)
    return tuple(f"{role} of {RUN_ID}" for role in ("restored", "scratch", "base"))
