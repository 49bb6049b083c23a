"""The account of what the forum must hold is right about requests that succeeded, failed, or were never answered."""

import json
from pathlib import Path
from typing import Any

import pytest

from rollbook.demo.forum.acknowledged import Promise, promises

Fields = dict[str, Any] | None


def line(outcome: str, kind: str, key: object, fields: Fields) -> str:
    written = {"at": "2026-11-25T10:00:00+00:00", "outcome": outcome, "kind": kind, "key": key, "fields": fields}
    return json.dumps(written) + "\n"


def told(log: Path, outcome: str, kind: str, key: object, fields: Fields) -> None:
    """Write what was sent, and what became of it."""
    with log.open("a") as file:
        file.write(line("sent", kind, None if outcome == "made" else key, fields))
        if outcome != "unanswered":
            file.write(line("acknowledged" if outcome == "made" else outcome, kind, key, fields))


def only(log: Path) -> Promise:
    (found,) = promises(log)
    return found


@pytest.fixture
def log(tmp_path: Path) -> Path:
    """Begin with a show that was made."""
    path = tmp_path / "log"
    told(path, "made", "show", 7, {"slug": "a", "about": "old"})
    return path


def test_what_was_acknowledged_must_be_there(log: Path) -> None:
    """Later fields win over earlier ones, and those that were not changed stay promised."""
    told(log, "acknowledged", "show", 7, {"about": "new"})

    promise = only(log)

    assert promise.kept({"id": 7, "slug": "a", "about": "new", "title": "any"})
    assert not promise.kept({"id": 7, "slug": "a", "about": "old"})
    assert not promise.kept({"id": 7, "slug": "b", "about": "new"})
    assert not promise.kept(None)


def test_what_was_refused_changes_nothing(log: Path) -> None:
    """A refused change leaves the promise as it was, and a refused deletion too."""
    told(log, "refused", "show", 7, {"about": "new"})
    told(log, "refused", "show", 7, None)

    promise = only(log)

    assert promise.kept({"slug": "a", "about": "old"})
    assert not promise.kept({"slug": "a", "about": "new"})
    assert not promise.kept(None)


@pytest.mark.parametrize("outcome", ["unknown", "unanswered"])
def test_what_had_no_answer_may_be_either(log: Path, outcome: str) -> None:
    """After a request without an answer both states are right, and no third."""
    told(log, outcome, "show", 7, {"about": "new"})

    promise = only(log)

    assert promise.kept({"slug": "a", "about": "old"})
    assert promise.kept({"slug": "a", "about": "new"})
    assert not promise.kept({"slug": "a", "about": "other"})
    assert not promise.kept(None)


def test_an_answer_ends_the_doubt(log: Path) -> None:
    """What is acknowledged after an unanswered request is all that is right."""
    told(log, "unknown", "show", 7, {"about": "new"})
    told(log, "acknowledged", "show", 7, {"about": "newest"})

    promise = only(log)

    assert promise.kept({"slug": "a", "about": "newest"})
    assert not promise.kept({"slug": "a", "about": "new"})


def test_what_was_deleted_must_not_come_back(log: Path) -> None:
    """A deleted show is gone, and promises nothing about its episodes any more."""
    told(log, "made", "episode", 1, {"title": "One", "show_id": 7})
    told(log, "made", "episode", 2, {"title": "One", "show_id": 8})
    told(log, "acknowledged", "show", 7, None)

    show, episode = promises(log)

    assert show.kept(None)
    assert not show.kept({"slug": "a", "about": "old"})
    assert episode.key == 2


def test_a_number_that_is_given_again_does_not_keep_the_first_promise(log: Path) -> None:
    """Where a table went back, new rows get numbers of rows that are lost; both are accounted for."""
    told(log, "made", "comment", 5, {"text": "lost"})
    told(log, "made", "comment", 5, {"text": "later"})

    kept = [promise.kept({"text": "later"}) for promise in promises(log) if promise.kind == "comment"]

    assert sorted(kept) == [False, True]


def test_a_torn_line_is_passed_over(log: Path) -> None:
    """What a killed writer left unfinished at the end counts for nothing."""
    with log.open("a") as file:
        file.write(line("acknowledged", "show", 7, None).rstrip("\n")[:-3])

    assert only(log).kept({"slug": "a", "about": "old"})
