"""The demo of a destructive migration: a forum's comments are saved, dropped, missed, and put back row by row."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..demo.forum import retirement
from ..demo.forum.place import ForumPlace
from ..demo.forum.story import statuses
from ..demo.forum.visitors import Visitors
from ..values import Plain
from .command import FAILED, OK
from .demonstration import carry_out, serve_until_ctrl_c, told_afterwards, undo_last
from .forum_demonstration import forum, log_of, show_account, show_missing, show_pages
from .hints import typed
from .screen import screen, write
from .workspace import Wanted

_PROTECT: Final = "protect-migration"
_RECOVER: Final = "recover-migration-data"
_ENVIRONMENT: Final = "demo-migration"
_COMMAND: Final = "demo-migration"
_AFTERWARDS: Final = 10  # writes that are waited for when everything is back
_PROTECTING: Final[Mapping[str, Plain]] = {"app": retirement.APP}
_RECOVERING: Final[Mapping[str, Plain]] = {"app": retirement.APP, "to": retirement.BEFORE}


def demonstrate(folder: Path) -> int:
    """Build the forum, protect, migrate, find the trouble, go back, recover, and hold the result to what was there."""
    told = told_afterwards(_place(folder), "forum", "Database and code", _COMMAND)
    with told as place, Visitors(place.url, log_of(place)) as visitors:
        write(
            f"The forum answers at {place.url}, and people comment. Code that does without comments is deployed first …"
        )
        retirement.deploy_code(place, visitors)
        _headline("Its migration comes next. Before that:")
        code = carry_out(Wanted(_PROTECT, _ENVIRONMENT, inputs=_PROTECTING))
        return code or _migrate_and_recover(place, visitors)


def _migrate_and_recover(place: ForumPlace, visitors: Visitors) -> int:
    retirement.migrate(place, visitors)
    _headline("The migration is applied. A query that everybody had forgotten still reads what it dropped:")
    show_pages(statuses(place))
    show_missing(retirement.missing(place))
    _headline("So the migration is taken back, and what it destroyed is put back:")
    code = carry_out(Wanted(_RECOVER, _ENVIRONMENT, inputs=_RECOVERING))
    if code == OK:
        visitors.wait_for(_AFTERWARDS)
    visitors.leave()
    return code or _judge(place, visitors)


def take_back(folder: Path) -> int:
    """Undo the last recovery of the demo, on the servers and data that it left."""
    with _place(folder, keep=True) as place:
        code = undo_last(_RECOVER, _ENVIRONMENT, typed(_COMMAND))
        write()
        write("What had come back is out again, and its migration is applied as before. What is missing now:")
        show_missing(retirement.missing(place))
        return code


def stay_up(folder: Path) -> int:
    """Keep the servers up as the last demo left them until Ctrl-C, and say how other terminals reach them."""
    with _place(folder, keep=True) as place:
        inputs = tuple(f"{name}={value}" for name, value in _RECOVERING.items())
        serve_until_ctrl_c(
            f"The forum is up at {place.url}.",
            place.environment(),
            typed("doctor", env=_ENVIRONMENT),
            typed("plan", _RECOVER, env=_ENVIRONMENT, set_=inputs),
            programs=str(place.folder.bin),
        )
    return OK


@contextmanager
def _place(folder: Path, *, keep: bool = False) -> Iterator[ForumPlace]:
    with forum(folder, keep=keep, command=_COMMAND) as place:
        yield place


def _headline(text: str) -> None:
    write()
    write(screen().paint(text, "bold"))
    write()


def _judge(place: ForumPlace, visitors: Visitors) -> int:
    """Hold the forum to what was there before, and to what it told its visitors; this knows nothing of the runs."""
    missing, account = retirement.missing(place), retirement.settled(place, visitors.log)
    _headline("The forum afterwards, held against what was there before the migration, by an account of its own:")
    show_pages(statuses(place))
    show_missing(missing)
    show_account(account)
    return FAILED if account.broken or any(missing.values()) else OK
