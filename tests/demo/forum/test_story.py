"""The forum is broken as it is told, and the two accounts of it tell the truth."""

from pathlib import Path

import pytest

from rollbook.demo.forum.place import ForumPlace
from rollbook.demo.forum.story import PAGES, Story, break_forum, statuses
from rollbook.demo.forum.visitors import Visitors
from rollbook.demo.process import command_line

pytestmark = pytest.mark.server


def test_the_deploy_breaks_the_forum_and_nothing_else_does(forum_folder: Path) -> None:
    """Channels, contacts and duplicates are gone; what users wrote is there; a restart changes nothing of it."""
    log = forum_folder / "visitors.jsonl"
    with ForumPlace(forum_folder) as place, Visitors(place.url, log) as visitors:
        story = break_forum(place, visitors)
        pages = statuses(place)
        visitors.leave()
        account = story.settle(place, log)
        pids = [place.folder.supervise("pid", name).strip() for name in ("web", "celery_worker")]

    assert {page: pages[page] for page in (*PAGES, "/healthz")} == {
        "/": "200",
        "/c/test_channel/": "404",
        "/search/?q=test": "200",
        "/api/v0/channels/": "404",
        "/api/v0/podcasts/": "200",
        "/healthz": "200",
    }
    assert pages["/login/ with a right password"] == "500"
    assert account.kept.keys() == {"user", "show", "episode"}
    unkept = (*account.broken, *account.lost)
    assert {promise.kind for promise in unkept} == {"comment"}, [one for one in unkept if one.kind != "comment"]
    assert story.backup.stat().st_size > 10_000
    assert not any(command_line(int(pid)) for pid in pids)

    with ForumPlace(forum_folder, keep=True) as place:
        again = Story.read(forum_folder / "story.json")
        assert again.missing(place) == {
            "channels": 6,
            "posts": 1000,
            "comments": 1500,
            "settings": 4,
            "contacts of shows": 8,
            "episodes": 20,
        }
        assert story.settle(place, log) == account
    assert not (forum_folder / "servers.json").exists()
