"""The sample's site shows what the ledger points at, and caches what the real one caches."""

import json
import os
import subprocess
import sys
import urllib.error
import urllib.parse
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from bson import ObjectId

from rollbook.demo import keys
from rollbook.demo.place import DemoPlace

pytestmark = pytest.mark.server


class Site:
    """The site of a demo place, read as JSON."""

    def __init__(self, place: DemoPlace) -> None:
        self.place = place
        self.url = place.environment()["ROLLBOOK_DEMO_SITE_URL"]

    def read(self, *path: str, wanted: str = "json") -> tuple[int, str]:
        quoted = "/".join(urllib.parse.quote(part) for part in path)
        try:
            with urllib.request.urlopen(f"{self.url}/{quoted}?format={wanted}") as answer:  # noqa: S310
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode()

    def get(self, *path: str) -> Any:
        return json.loads(self.read(*path)[1])

    def publish(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        argv = [sys.executable, "-m", "rollbook.demo.publish", *arguments]
        environment = {**os.environ, **self.place.environment()}
        return subprocess.run(argv, env=environment, capture_output=True, text=True, check=False)


@pytest.fixture
def site(mongo_url: str, tmp_path: Path) -> Iterator[Site]:
    with DemoPlace(tmp_path, environment={**os.environ, "ROLLBOOK_DEMO_MONGO_URL": mongo_url}) as place:
        yield Site(place)


def test_the_site_follows_the_ledger_and_the_cache_does_not(site: Site) -> None:
    """A revert shows in the course at once, and in the overview only after the refresh command."""
    sample = site.place.sample
    assert site.get("course", keys.COURSE)["published_version"] == sample.bad_published
    sample.admin_revert(sample.good_history_id)

    shown = site.get("course", keys.COURSE)
    stale = site.get("overview", keys.COURSE)
    done = site.publish("./manage.py", "cms", "simulate_publish", "--courses", keys.COURSE)
    fresh = site.get("overview", keys.COURSE)

    assert (shown["display_name"], shown["published_version"]) == ("Runbooks for Beginners", sample.good_published)
    assert sum(shown["blocks"].values()) == 60
    assert len(shown["chapters"]) == 4
    assert stale["display_name"] == "Sandbox (import test)"
    assert done.returncode == 0
    assert fresh["display_name"] == "Runbooks for Beginners"
    assert fresh["modified"] > stale["modified"]
    assert fresh["outline_published_version"] == sample.good_published


def test_a_pruned_course_is_gone_without_a_word(site: Site) -> None:
    """A course whose structure was pruned answers 404, and is missing from the list; simulate_publish says nothing."""
    sample = site.place.sample
    sample.admin_revert(sample.good_history_id)
    sample.prune(0)

    status, text = site.read("course", keys.COURSE)

    assert status == 404
    assert f"Structure: {sample.good_published}" in text
    assert keys.COURSE not in {found["course_id"] for found in site.get("")}
    assert site.publish("simulate_publish", "--courses", keys.COURSE).returncode == 0
    assert site.publish("update_course_outline", keys.COURSE).returncode == 1


def test_a_block_without_definition_is_an_error(site: Site) -> None:
    """A course with a missing definition answers 500."""
    with site.place.sample.open() as studio:
        structure = studio.database["modulestore.structures"].find_one(
            {"_id": ObjectId(site.place.sample.head_published)}
        )
        assert structure is not None
        definition = structure["blocks"][-1]["definition"]  # type: ignore[index]
        studio.database["modulestore.definitions"].delete_one({"_id": definition})

    assert site.read("course", keys.COURSE)[0] == 500


def test_what_is_shown_is_escaped(site: Site) -> None:
    """Markup in a path or a title arrives as text."""
    status, text = site.read("course", "<script>alert(1)</script>", wanted="html")
    assert status == 404
    assert "<script>" not in text

    with site.place.sample.open() as studio:
        studio.database["modulestore.structures"].update_one(
            {"_id": ObjectId(site.place.sample.head_published), "blocks.block_type": "course"},
            {"$set": {"blocks.$.fields.display_name": "<i>Course</i>"}},
        )
    for path in ((), ("course", keys.COURSE)):
        _, page = site.read(*path, wanted="html")
        assert "&lt;i&gt;Course" in page
        assert "<i>" not in page


def test_libraries_and_drafts_have_pages(site: Site) -> None:
    """A library shows its one branch, a course its draft beside the published one."""
    library = site.get("course", keys.LIBRARY)
    draft = site.get("course", keys.COURSE, "draft")

    assert library["library_version"] == site.place.sample.library_head
    assert library["blocks"] == {"library": 1, "problem": 1}
    assert draft["blocks"]["html"] == site.get("course", keys.COURSE)["blocks"]["html"] + 1
    assert site.get("courses", keys.COURSE, "about") == site.get("course", keys.COURSE)
    assert site.get("health") == {"status": "up"}
