"""`sql.snapshot_check`, and loading, refuse a snapshot that is not whole or is of something else; nothing is written."""

import gzip
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from rollbook.errors import ConflictError, RefusedError, RollbookError

from .conftest import BACKUP, Taken
from .snapshots import RUN, carry_out, load, save, use

pytestmark = pytest.mark.server

SITE = """
    CREATE TABLE users (id serial PRIMARY KEY, name text); INSERT INTO users (name) VALUES ('ann'), ('bob');
    CREATE TABLE posts (id integer PRIMARY KEY, author integer REFERENCES users, body text);
    INSERT INTO posts SELECT i, 1, repeat('x', i) FROM generate_series(1, 200) i;
    CREATE TABLE loose (a text); INSERT INTO loose VALUES ('a'), ('a');
"""


@pytest.fixture
def snapshot(taken: Taken, tmp_path: Path) -> Path:
    """Take a snapshot of a table, for the environment stage."""
    taken.both(SITE)
    return Path(save(taken, tmp_path / "kept", tables=["posts"], environment="stage"))


def _rows(folder: Path) -> Path:
    return folder / "rows" / "0001.gz"


def _flip(folder: Path) -> None:
    content = bytearray(_rows(folder).read_bytes())
    content[len(content) // 2] ^= 1
    _rows(folder).write_bytes(content)


def _cut(folder: Path) -> None:
    _rows(folder).write_bytes(_rows(folder).read_bytes()[:-3])


def _told(folder: Path, **told: object) -> None:
    path = folder / "manifest.json"
    path.write_text(json.dumps({**json.loads(path.read_text()), **told}))


def _without_a_row(folder: Path) -> None:
    """Take a row out, and have the manifest agree with the file."""
    import hashlib

    lines = gzip.decompress(_rows(folder).read_bytes()).splitlines(keepends=True)
    content = gzip.compress(b"".join(lines[1:]))
    _rows(folder).write_bytes(content)
    files = json.loads((folder / "manifest.json").read_text())["files"]
    for file in files:
        if file["path"] == "rows/0001.gz":
            file |= {"size": len(content), "sha256": hashlib.sha256(content).hexdigest()}
    _told(folder, files=files)


def checked(taken: Taken, snapshot: Path) -> None:
    """Read it back as a step does, which refuses a run."""
    action = use("sql.snapshot_check", snapshot=str(snapshot))
    if said := action.refusal(action.probe(taken.read)):
        raise RefusedError(said)


DAMAGES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a flipped byte": (_flip, "rows/0001.gz is not as it was written: its SHA-256 differs"),
    "a cut file": (_cut, "bytes were written|bytes, and"),
    "a missing file": (lambda folder: _rows(folder).unlink(), "rows/0001.gz is missing"),
    "a missing manifest": (lambda folder: (folder / "manifest.json").unlink(), "it is no snapshot, or not all of one"),
    "a newer format": (lambda folder: _told(folder, format=2), "its format is 2, and this version knows 1"),
    "no JSON": (lambda folder: (folder / "manifest.json").write_text("{"), "cannot be read"),
    "another database": (lambda folder: _told(folder, database="b"), "the database 'b', and this is 'taken_live'"),
    "another family": (lambda folder: _told(folder, server="mysql"), "it is of mysql, and this is postgresql"),
    "another server": (
        lambda folder: _told(folder, identity={"system_identifier": "12"}),
        "the server with system_identifier 12, and this one's is",
    ),
    "nothing there": (shutil.rmtree, "is not there"),
}


@pytest.mark.parametrize("name", DAMAGES)
def test_what_is_not_whole_or_of_something_else_is_refused(taken: Taken, snapshot: Path, name: str) -> None:
    """Each is named, checked or loaded, and no database is made."""
    damage, message = DAMAGES[name]
    damage(snapshot)

    with pytest.raises(RefusedError, match=message):
        checked(taken, snapshot)
    with pytest.raises(RefusedError, match=message):
        load(taken, str(snapshot))

    assert taken.rows("SELECT datname FROM pg_database WHERE datname LIKE '%rbsnap%'", "postgres") == []


def test_another_environment_is_refused_with_both(taken: Taken, snapshot: Path) -> None:
    """What was saved in stage is not loaded in prod."""
    action = use("sql.snapshot_check", snapshot=str(snapshot), environment="prod")

    said = action.refusal(action.probe(taken.read))

    assert "it is of the environment 'stage', and this is 'prod'" in said
    with pytest.raises(RefusedError, match="'stage', and this is 'prod'"):
        load(taken, str(snapshot), environment="prod")


def test_a_row_that_is_gone_from_file_and_manifest_is_found(taken: Taken, snapshot: Path) -> None:
    """Rows are counted and added up, whatever the manifest says of the file."""
    _without_a_row(snapshot)

    action = use("sql.snapshot_check", snapshot=str(snapshot))

    assert "has 199 rows of posts" in action.refusal(action.probe(taken.read))


def test_a_whole_one_tells_what_it_brings_back(taken: Taken, tmp_path: Path) -> None:
    """Its tables and columns are named as sql.recover takes them."""
    taken.both(SITE)
    path = save(taken, tmp_path, tables=["posts"], columns=["users.name"])

    outputs = carry_out(taken, use("sql.snapshot_check", snapshot=path))

    assert (outputs["tables"], outputs["columns"], outputs["rows"]) == (["posts"], ["users.name"], 202)


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"tables": ["gone"]}, "has none of these: gone"),
        ({"columns": ["users.gone"]}, "has none of these: users.gone"),
        ({"columns": ["loose.a"]}, "loose has no primary key"),
        ({"columns": ["elder.a"]}, "heir inherits from elder, and its columns go with those: back the database up"),
        ({"tables": ["heir"]}, "heir inherits from another table"),
    ],
)
def test_what_cannot_be_saved_is_refused(
    taken: Taken, tmp_path: Path, named: dict[str, list[str]], message: str
) -> None:
    """A name that fits nothing, or a column whose rows nothing tells apart, stops before anything is written."""
    taken.both(SITE)
    taken.execute("CREATE TABLE elder (id int PRIMARY KEY, a int); CREATE TABLE heir () INHERITS (elder)")

    with pytest.raises(RefusedError, match=message):
        save(taken, tmp_path / "kept", **named)

    assert not (tmp_path / "kept").exists()


@pytest.mark.parametrize(
    ("wanted", "rest", "tables", "columns", "left"),
    [
        (["posts"], False, ["posts"], [], "users.name"),
        (["users.*", "posts.body"], False, [], ["users.name", "posts.body"], "posts"),
        (["posts"], True, ["posts"], ["users.name"], ""),
        ([], False, [], [], "posts, users.name"),
    ],
)
def test_only_what_is_wanted_is_brought_back(
    taken: Taken,
    tmp_path: Path,
    wanted: list[str],
    rest: bool,
    tables: list[str],
    columns: list[str],
    left: str,
) -> None:
    """Of a snapshot that has more, what others destroyed stays in it and is named; code may have destroyed anything."""
    taken.both(SITE)
    path = save(taken, tmp_path / "kept", tables=["posts"], columns=["users.name"])
    action = use("sql.snapshot_check", snapshot=path, wanted=wanted, rest=rest)

    outputs, (_, *told) = carry_out(taken, action), action.details(taken.plan(action))

    assert (outputs["tables"], outputs["columns"]) == (tables, columns)
    assert told == ([f"stays in it, for it is not wanted: {left}"] if left else [])


def test_a_snapshot_that_lacks_what_is_wanted_is_refused(taken: Taken, tmp_path: Path) -> None:
    """One from before other migrations has nothing to give, which is known while everything is still as it is."""
    taken.both(SITE)
    path = save(taken, tmp_path / "kept", tables=["posts"])

    with pytest.raises(RefusedError, match=r"has no users\.name, loose: it cannot give that back"):
        carry_out(taken, use("sql.snapshot_check", snapshot=path, wanted=["posts", "users.name", "loose"]))


def test_what_was_not_there_then_is_not_waited_for(taken: Taken, tmp_path: Path) -> None:
    """A migration may drop what was never there (IF EXISTS): that is noted, told, and does not keep the rest away."""
    taken.both(SITE)
    path = save(taken, tmp_path / "kept", tables=["posts"], missing=["loose", "posts.mood"])
    action = use("sql.snapshot_check", snapshot=path, wanted=["posts", "loose", "posts.mood"])

    outputs = carry_out(taken, action)

    assert (outputs["tables"], outputs["columns"]) == (["posts"], [])
    told = "was not there when it was taken, and does not come back: loose, posts.mood"
    assert told in action.details(taken.plan(action))


def test_a_table_that_changed_since_the_plan_is_not_saved(taken: Taken, tmp_path: Path) -> None:
    """The plan is what is saved, or nothing is."""
    taken.both(SITE)
    change = taken.plan(use("sql.snapshot", into=str(tmp_path), tables=["posts"], run=RUN))
    taken.execute("ALTER TABLE posts ADD COLUMN new integer")

    with pytest.raises(ConflictError, match="no longer as they were"):
        taken.carry_out(*change.ops)

    assert not [path for path in tmp_path.iterdir() if not path.name.startswith(".")]


def test_another_runs_database_is_left_alone(taken: Taken, snapshot: Path) -> None:
    """What this run did not make is neither written over nor dropped."""
    with pytest.raises(RefusedError, match="did not make"):
        load(taken, str(snapshot), into=BACKUP)
    with pytest.raises(RefusedError, match="did not make it"):
        carry_out(taken, use("sql.drop_scratch", database=BACKUP, run=RUN))


def test_what_is_loaded_and_not_as_saved_is_an_error(taken: Taken, snapshot: Path) -> None:
    """A file that is exchanged between plan and load does not become a source."""
    change = taken.plan(use("sql.snapshot_load", snapshot=str(snapshot), run=RUN))
    _without_a_row(snapshot)

    with pytest.raises(RollbookError, match="199 rows of 200"):
        taken.carry_out(*change.ops)

    (database,) = [op.database for op in change.ops]
    assert taken.reader.scratch_state(database) == f"rollbook {RUN} unfinished of taken_live"
    taken.execute(f'DROP DATABASE "{database}"', "postgres")
