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
# The run's id, or the gap for it, in the name of what it made; before it what is told apart of one run.
_MADE: Final = re.compile(rf"(?:_rbsnap_([a-z]+)_)?(\d{{8}}T\d{{6}}\.\d{{3}}Z-[0-9a-f]{{6}}|{RUN_ID})")
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


def scratch_subject(role: Role, run: str, label: str = "") -> str:
    """Name what *run* makes for *role* as a step's subject: what it will be called is not known before it is made."""
    return f"{role} of {run}" + (f" for {label}" if label else "")


def subject_names(database: str) -> tuple[str, ...]:
    """
    Give the names by which the steps that make a database know it as their subject.

    It may be of any role: its name tells the run alone, whose id has a gap in it while the run is only planned.
    """
    found = _MADE.search(database)
    if found is None:
        return (database,)
    roles: tuple[Role, ...] = ("restored", "scratch", "base")
    return (database, *(scratch_subject(role, found[2], found[1] or "") for role in roles))
