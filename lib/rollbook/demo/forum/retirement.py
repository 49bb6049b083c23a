"""What happens to the forum whose comments are retired: the code first, then a migration that should have waited."""

import datetime as dt
import json
from pathlib import Path

from rollbook.demo.forum import taken
from rollbook.demo.forum.acknowledged import Account, promises, settle
from rollbook.demo.forum.history import DROPPED, WITHOUT
from rollbook.demo.forum.place import ForumPlace
from rollbook.demo.forum.visitors import Visitors
from rollbook.demo.keeping import write_whole

APP, BEFORE = "channels", "0001"
"""The app whose migration is destructive, and the migration that it goes back to."""

_WRITES = 15  # that are waited for before and after each deploy
_NOTED = "noted.json"


def deploy_code(place: ForumPlace, visitors: Visitors) -> None:
    """Let people comment, deploy the code that does without comments, and have the next code ready beside it."""
    visitors.wait_for(_WRITES)
    place.serve(WITHOUT)
    place.lay_out_next(DROPPED)


def migrate(place: ForumPlace, visitors: Visitors) -> None:
    """Note what is there, run the migration that drops it, and let people go on."""
    with place.look() as connection:
        noted = taken.note(connection, taken.MIGRATION)
    write_whole(place.folder.path / _NOTED, json.dumps(noted))
    place.folder.manage("migrate", APP, "--no-input", "--verbosity", "0", code="run-next")
    visitors.wait_for(_WRITES)


def missing(place: ForumPlace) -> dict[str, int]:
    """Count what was noted and is not there as it was."""
    noted = json.loads((place.folder.path / _NOTED).read_text())
    with place.look() as connection:
        return taken.missing(connection, taken.without_those_who_left(connection, noted), taken.MIGRATION)


def settled(place: ForumPlace, log: Path) -> Account:
    """Compare what visitors were told with what is there; nothing of it may be lost."""
    never = dt.datetime.min.replace(tzinfo=dt.UTC)
    with place.look() as connection:
        return settle(connection, promises(log), gap=(never, never))
