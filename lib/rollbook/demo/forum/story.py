"""What happens to the forum before anybody calls for Rollbook: it is used, backed up, used, broken, and used."""

import datetime as dt
import json
import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from rollbook.demo.errors import DemoError
from rollbook.demo.forum import taken
from rollbook.demo.forum.acknowledged import Account, promises, settle
from rollbook.demo.forum.history import git
from rollbook.demo.forum.member import Member
from rollbook.demo.forum.place import ForumPlace
from rollbook.demo.forum.traffic import SEEDED_PASSWORD
from rollbook.demo.forum.visitors import Visitors
from rollbook.demo.keeping import write_whole

from ...dataclass import dataclass

PAGES = ("/", "/c/test_channel/", "/search/?q=test", "/api/v0/channels/", "/api/v0/podcasts/")
"""The pages of a smoke check; each reads rows."""

_TIMES = ("backup_began", "deploy_began", "deployed")
_BEFORE, _BETWEEN, _AFTER = 25, 15, 25  # writes that are waited for before backup, deploy and going back


@dataclass(frozen=True, slots=True)
class Story:
    """What happened when, where the backup is, which commit broke the forum, and what that took."""

    backup: Path
    commit: str
    backup_began: dt.datetime
    deploy_began: dt.datetime
    deployed: dt.datetime
    taken: taken.Taken

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read what `keep` wrote."""
        found = json.loads(file.read_text())
        began, deploying, deployed = (dt.datetime.fromisoformat(found[name]) for name in _TIMES)
        return cls(Path(found["backup"]), found["commit"], began, deploying, deployed, found["taken"])

    def keep(self, file: Path) -> None:
        """Write it, for another process that looks at the forum later."""
        times = {name: getattr(self, name).isoformat() for name in _TIMES}
        write_whole(
            file, json.dumps({"backup": str(self.backup), "commit": self.commit, "taken": dict(self.taken), **times})
        )

    def settle(self, place: ForumPlace, log: Path) -> Account:
        """Compare what visitors were told with what is there."""
        with place.look() as connection:
            return settle(connection, promises(log), gap=(self.backup_began, self.deployed))

    def missing(self, place: ForumPlace) -> dict[str, int]:
        """Count what the deploy took and is not there."""
        with place.look() as connection:
            return taken.missing(connection, self.taken)


def break_forum(place: ForumPlace, visitors: Visitors) -> Story:
    """Have the forum used, backed up, used, broken by its second deploy, and used again."""
    with place.look() as connection:
        noted = taken.note(connection)
    visitors.wait_for(_BEFORE)
    began = dt.datetime.now(dt.UTC)
    backup = back_up(place, began)
    visitors.wait_for(_BETWEEN)
    deploying = dt.datetime.now(dt.UTC)
    place.deploy()
    merge = git(place.folder.site, "rev-list", "--merges", "--max-count=1", "HEAD")
    story = Story(backup, merge, began, deploying, dt.datetime.now(dt.UTC), noted)
    story.keep(place.folder.path / "story.json")
    visitors.wait_for(_AFTER)
    return story


def back_up(place: ForumPlace, now: dt.datetime) -> Path:
    """Dump the database as a nightly job would, and give the file. Raises `DemoError`."""
    file = place.folder.backups / f"forum-{now:%Y%m%dT%H%M%SZ}.dump"
    argv = [str(place.programs / "pg_dump"), "-Fc", "-f", str(file)]
    environment = {**os.environ, **place.client_environment()}
    done = subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise DemoError(f"pg_dump failed (exit {done.returncode}): {done.stderr.strip()[-500:]}")
    return file


def statuses(place: ForumPlace) -> Mapping[str, str]:
    """Tell how each page answers, and whether somebody can log in."""
    visitor = Member(place.address, "member005")
    found = {page: str(visitor.get(page).status) for page in (*PAGES, "/healthz")}
    posts = visitor.get("/api/v0/search/?q=test&type=post")
    found["/api/v0/search/?q=test&type=post"] = f"{posts.status}, {posts.fields().get('count')} found"
    login = visitor.submit("/login/", {"username": visitor.name, "password": SEEDED_PASSWORD})
    found["/login/ with a right password"] = str(login.status)
    return found
