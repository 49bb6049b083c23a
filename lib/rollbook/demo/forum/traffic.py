"""
People who use the forum while it is backed up, broken and brought back; with a log of what the site told them.

`python -m rollbook.demo.forum.traffic --url URL --log FILE` goes on until SIGTERM, which it heeds between two requests.
"""

import argparse
import datetime as dt
import json
import random
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FrameType
from urllib.parse import urlsplit

from rollbook.demo.forum.member import Answer, Member

SEEDED_PASSWORD = "read-and-write"  # noqa: S105  # of the accounts of a demonstration
_PASSWORD = "a-long-walk-home"  # noqa: S105
_PAUSE = 0.1  # seconds between two requests
_OLD_MEMBERS = ("member001", "member002", "member003", "member004")
_FEWEST, _MOST = 4, 8  # members who are logged in
_SLUGS = ("second-coffee", "rack-and-stack", "quiet-hours", "last-known-good", "page-two")


class Log:
    """
    The log: before each request what is to be written, and after it what became of that.

    A thing is named by its kind and the key by which it can be found again; no fields means that it is deleted.
    """

    def __init__(self, file: Path) -> None:
        self._file = file.open("a", buffering=1)

    def write(self, outcome: str, kind: str, key: object, fields: Mapping[str, object] | None, status: int = 0) -> None:
        """Append one line."""
        at = dt.datetime.now(dt.UTC).isoformat()
        line = {"at": at, "outcome": outcome, "kind": kind, "key": key, "fields": fields, "status": status}
        self._file.write(json.dumps(line) + "\n")


class Crowd:
    """Members who each do one thing after the other, as chance will have it."""

    def __init__(self, url: str, log: Log, chance: random.Random) -> None:
        self._address = urlsplit(url).netloc
        self._log = log
        self._chance = chance
        self._members: list[Member] = []
        self._registered = 0
        self._own_shows: dict[int, str] = {}
        self._shows: list[int] = []
        self._channels_there = True

    def arrive(self) -> None:
        """Log the old members in, and look what shows there are."""
        for name in _OLD_MEMBERS:
            member = Member(self._address, name)
            if member.submit("/login/", {"username": name, "password": SEEDED_PASSWORD}).outcome == "acknowledged":
                self._members.append(member)
        shows = Member(self._address, "").get("/api/v0/podcasts/").fields()["results"]
        self._shows = [show["id"] for show in shows] if isinstance(shows, list) else []

    def act(self) -> bool:
        """Do one thing; False where the site could not be reached."""
        doings: dict[Callable[[], Answer | None], int] = {
            self._register: 2 if len(self._members) < _MOST else 0,
            self._leave: 1 if len(self._members) > _FEWEST else 0,
            self._rename: 4,
            self._add_show: 2,
            self._edit_show: 8,
            self._drop_show: 2,
            self._add_episode: 6,
            self._comment: 8 if self._channels_there else 1,
        }
        doing = self._chance.choices(list(doings), list(doings.values()))[0]
        answer = doing()
        return answer is None or answer.status != 0

    def _register(self) -> Answer:
        self._registered += 1
        name = f"newcomer{int(time.time() * 1000)}x{self._registered}"
        fields = {"username": name, "password1": _PASSWORD, "password2": _PASSWORD}
        member = Member(self._address, name)
        answer = self._told("user", name, {"email": ""}, lambda: member.submit("/register/", fields))
        if answer.status == 302:
            self._members.append(member)
        return answer

    def _leave(self) -> Answer:
        member = self._one()
        answer = self._told("user", member.name, None, lambda: member.call("DELETE", "/api/v0/account/", {}))
        if answer.outcome != "refused":
            self._members.remove(member)
        return answer

    def _rename(self) -> Answer:
        member = self._one()
        fields = {"first_name": f"Call me {self._chance.randrange(1000)}", "email": f"{member.name}@mail.example"}
        return self._told("user", member.name, fields, lambda: member.call("PATCH", "/api/v0/account/", fields))

    def _add_show(self) -> Answer | None:
        free = sorted(set(_SLUGS) - set(self._own_shows.values()))
        if not free:
            return None
        fields = {"slug": self._chance.choice(free), "title": self._sentence("Show"), "about": "Made today."}
        answer = self._told("show", None, fields, lambda: self._one().call("POST", "/api/v0/podcasts/", fields))
        if answer.outcome == "acknowledged":
            self._own_shows[_number(answer)] = fields["slug"]
        return answer

    def _edit_show(self) -> Answer:
        show = self._chance.choice([*self._shows, *self._own_shows])
        fields = {"about": self._sentence("About")}
        return self._told("show", show, fields, lambda: self._one().call("PATCH", _show_path(show), fields))

    def _drop_show(self) -> Answer | None:
        if not self._own_shows:
            return None
        show = self._chance.choice(list(self._own_shows))
        answer = self._told("show", show, None, lambda: self._one().call("DELETE", _show_path(show), {}))
        if answer.outcome != "refused":
            del self._own_shows[show]
        return answer

    def _add_episode(self) -> Answer:
        show = self._chance.choice([*self._shows, *self._own_shows])
        fields = {"title": self._sentence("Episode"), "notes": self._sentence("Notes")}
        path = f"{_show_path(show)}episodes/"
        promised = {**fields, "show_id": show}
        return self._told("episode", None, promised, lambda: self._one().call("POST", path, fields))

    def _comment(self) -> Answer:
        fields = {"text": self._sentence("Comment")}
        path = f"/c/test_channel/{1 + 6 * self._chance.randrange(100)}/"
        answer = self._told("comment", None, fields, lambda: self._one().submit(path, fields))
        if answer.status:
            self._channels_there = answer.status != 404
        return answer

    def _told(self, kind: str, key: object, fields: Mapping[str, object] | None, ask: Callable[[], Answer]) -> Answer:
        """Ask the site for a write, with a line in the log before and after."""
        self._log.write("sent", kind, key, fields)
        answer = ask()
        if answer.outcome == "acknowledged" and key is None:
            key = _number(answer)
        self._log.write(answer.outcome, kind, key, fields, answer.status)
        return answer

    def _one(self) -> Member:
        return self._chance.choice(self._members)

    def _sentence(self, word: str) -> str:
        return f"{word} {self._chance.randrange(10**6)}"


def _show_path(show: int) -> str:
    return f"/api/v0/podcasts/{show}/"


def _number(answer: Answer) -> int:
    """Give the id of what was made: from the JSON, or from where a form led to (`…#comment-12`)."""
    return int(str(answer.fields()["id"] if answer.body.startswith("{") else answer.location.rpartition("-")[2]))


def main(argv: Sequence[str] | None = None) -> int:
    """Write until SIGTERM."""
    parser = argparse.ArgumentParser(prog="rollbook.demo.forum.traffic", description="Use the forum.")
    parser.add_argument("--url", required=True, help="where the forum answers")
    parser.add_argument("--log", required=True, type=Path, help="gets a line before and after each request")
    parser.add_argument("--seed", type=int, default=1, help="of the chances")
    options = parser.parse_args(argv)
    wanted = [True]

    def leave(_: int, __: FrameType | None) -> None:
        wanted.clear()

    signal.signal(signal.SIGTERM, leave)
    crowd = Crowd(options.url, Log(options.log), random.Random(options.seed))  # noqa: S311  # no secret comes of it
    crowd.arrive()
    while wanted:
        time.sleep(_PAUSE if crowd.act() else 5 * _PAUSE)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
