"""The forum is a site: each page of a smoke check reads rows, people log in, the worker works, the search is rebuilt."""

import re
import time
from pathlib import Path

import pytest

from rollbook.demo.forum.member import Member
from rollbook.demo.forum.place import ForumPlace
from rollbook.demo.forum.roles import OPERATOR, OWNER
from rollbook.demo.forum.story import PAGES
from rollbook.demo.forum.traffic import SEEDED_PASSWORD

pytestmark = pytest.mark.server


@pytest.fixture
def member(forum: ForumPlace) -> Member:
    """Log somebody in."""
    found = Member(forum.address, "member007")
    assert found.submit("/login/", {"username": found.name, "password": SEEDED_PASSWORD}).status == 302
    return found


def test_pages_read_rows_and_healthz_does_not(forum: ForumPlace) -> None:
    """Without the tables that they read, the pages of a smoke check fail, and /healthz is as well as ever."""
    visitor = Member(forum.address, "")
    assert {page: visitor.get(page).status for page in PAGES} == dict.fromkeys(PAGES, 200)
    tables = ("siteconfig", "channels_channel", "search_entry", "podcasts_show")
    with forum.look() as connection:
        for table in tables:
            connection.execute(f"ALTER TABLE {table} RENAME TO away_{table}")

    found = {page: visitor.get(page).status for page in (*PAGES, "/healthz")}

    with forum.look() as connection:
        for table in tables:
            connection.execute(f"ALTER TABLE away_{table} RENAME TO {table}")
    assert found == {**dict.fromkeys(PAGES, 500), "/healthz": 200}


def test_a_comment_is_found_when_the_worker_has_seen_it(forum: ForumPlace, member: Member) -> None:
    """Members comment; the worker indexes the comment and counts it."""
    path = "/c/test_channel/1/"
    assert Member(forum.address, "").submit(path, {"text": "anonymous"}).outcome == "refused"
    assert member.submit(path, {"text": "An unmistakable remark"}).status == 302
    until = time.monotonic() + 30
    while member.get("/api/v0/search/?q=unmistakable&type=comment").fields()["count"] == 0:
        assert time.monotonic() < until, "the worker did not index the comment"
        time.sleep(0.2)

    assert "An unmistakable remark" in member.get(path).body


def test_podcasts_are_written_by_members_only(forum: ForumPlace, member: Member) -> None:
    """Shows are added, changed and deleted through JSON; a slug that is taken is refused."""
    show = {"slug": "made-here", "title": "Made here"}
    assert Member(forum.address, "").call("POST", "/api/v0/podcasts/", show).status == 403

    made = member.call("POST", "/api/v0/podcasts/", show)
    again = member.call("POST", "/api/v0/podcasts/", show)
    path = f"/api/v0/podcasts/{made.fields()['id']}/"
    changed = member.call("PATCH", path, {"about": "New."})
    deleted = member.call("DELETE", path, {})

    assert (made.status, again.status, changed.status, deleted.status) == (201, 400, 200, 200)
    assert changed.fields()["about"] == "New."


def test_rebuilding_the_index_tells_how_far_it_is(forum: ForumPlace) -> None:
    """`recreate_index` prints `posts 100/1000` and so on to the end, and everything is found afterwards."""
    with forum.look() as connection:
        connection.execute("DELETE FROM search_entry")

    shown = forum.folder.manage("recreate_index", "--all").splitlines()

    posts = [re.fullmatch(r"posts (\d+)/(\d+)", line) for line in shown if line.startswith("posts")]
    assert [match.groups() for match in posts if match] == [(str(n), "1000") for n in range(100, 1001, 100)]
    for kind in ("post", "comment", "podcast", "episode"):
        assert Member(forum.address, "").get(f"/api/v0/search/?q=test&type={kind}").fields()["count"], kind


def test_a_file_closes_the_site(forum: ForumPlace) -> None:
    """While the maintenance file is there every page answers 503, and no longer."""
    visitor, file = Member(forum.address, ""), forum.folder.path / "maintenance"

    file.touch()
    closed = {page: visitor.get(page).status for page in PAGES}
    file.unlink()

    assert closed == dict.fromkeys(PAGES, 503)
    assert visitor.get("/").status == 200


def test_nobody_is_a_superuser(forum: ForumPlace) -> None:
    """Neither the site's role nor Rollbook's is; the site's owns its database."""
    with forum.look() as connection:
        rights = dict(connection.execute("SELECT rolname, rolsuper FROM pg_roles WHERE rolcanlogin").fetchall())
        owner = connection.execute("SELECT datdba::regrole::text FROM pg_database WHERE datname = 'forum'").fetchone()

    assert (rights[OWNER], rights[OPERATOR]) == (False, False)
    assert owner == (OWNER,)


def test_secrets_are_for_their_owner_only(forum: ForumPlace) -> None:
    """No file that holds a password may be read by others, and the folder cannot be entered by them."""
    password = forum.database_url().split(":")[2].split("@")[0]
    holding = [path for path in forum.folder.path.iterdir() if path.is_file() and password in _text(path)]

    assert holding
    assert {path.stat().st_mode & 0o077 for path in holding} == {0}


def _text(path: Path) -> str:
    return path.read_text(errors="replace")
