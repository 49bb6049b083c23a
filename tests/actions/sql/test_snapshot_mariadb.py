"""Snapshots of MariaDB: saved in one read, loaded into a schema beside the live one, bit for bit."""

import shutil
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import Any

import pymysql
import pytest
import sqlalchemy as sa

from rollbook.action import Change
from rollbook.errors import RefusedError, RollbookError
from rollbook.ops import Op, OpResult
from rollbook.planner.readers import LiveReaders
from rollbook.planner.step import decode_op, encode_op
from rollbook.targets import Redactor, SecretStore, TargetPool
from rollbook.targets.base import TargetSpec
from rollbook.testing import LAWS, Case, FakeExecution, FakeWorld, Law, law_id
from rollbook.values import Plain

from .snapshots import RUN, use
from .test_snapshot_killed import killed

pytestmark = pytest.mark.server

SITE = [
    (
        "CREATE TABLE users (id int AUTO_INCREMENT PRIMARY KEY, name varchar(40) NOT NULL DEFAULT 'x', nick varchar(20), "
        "score int unsigned NOT NULL DEFAULT 7, twice int GENERATED ALWAYS AS (score * 2) STORED, team int, "
        "UNIQUE KEY users_nick (nick, team), KEY users_name (name), CONSTRAINT positive CHECK (score > 0))"
    ),
    "INSERT INTO users (name, nick, score, team) VALUES ('ann', 'a', 1, 1), ('bob', NULL, 2, 1), ('cyd', '', 3, NULL)",
    (
        "CREATE TABLE posts (id bigint AUTO_INCREMENT PRIMARY KEY, author int NOT NULL, body longtext, "
        "CONSTRAINT posts_author FOREIGN KEY (author) REFERENCES users (id) ON DELETE CASCADE) COMMENT 'what people write'"
    ),
    "INSERT INTO posts (author, body) SELECT 1 + seq % 3, REPEAT('y', seq % 50) FROM seq_1_to_3000",
    "ALTER TABLE posts AUTO_INCREMENT = 9000",
    "CREATE TABLE pins (id int PRIMARY KEY, post bigint, CONSTRAINT pins_post FOREIGN KEY (post) REFERENCES posts (id))",
    "INSERT INTO pins VALUES (1, 5)",
    "CREATE TABLE loose (a text)",
    "INSERT INTO loose VALUES ('same'), ('same'), (NULL), ('')",
    "CREATE TABLE django_migrations (id int AUTO_INCREMENT PRIMARY KEY, app varchar(255) NOT NULL)",
    "INSERT INTO django_migrations (app) VALUES ('users')",
    "CREATE TRIGGER posted BEFORE INSERT ON posts FOR EACH ROW SET NEW.body = CONCAT(NEW.body, '!')",
]
TYPES = [
    (
        "CREATE TABLE every (id int PRIMARY KEY, ti tinyint unsigned, si smallint, mi mediumint, bi bigint unsigned, de decimal(65,30), "
        "fl float, flm float(7,2), do double, dom double(20,5), bt bit(64), bo boolean, da date, t6 time(6), dt datetime(6), "
        "ts timestamp(6) NULL, ye year, ch char(5), vc varchar(20), l1 varchar(10) CHARACTER SET latin1, "
        "u16 varchar(10) CHARACTER SET utf16, u32 varchar(10) CHARACTER SET utf32, bc varchar(10) COLLATE utf8mb4_bin, "
        "bn binary(4), vb varbinary(20), lt longtext, lb longblob, en enum('1','0','x',''), st set('a','b','c'), js json, uu uuid, "
        "i6 inet6, g geometry, po point, vi varchar(10) GENERATED ALWAYS AS (CONCAT(ti, '!')) VIRTUAL)"
    ),
    "SET sql_mode = 'ALLOW_INVALID_DATES,NO_AUTO_VALUE_ON_ZERO'",
    (
        "INSERT INTO every (id, ti, si, mi, bi, de, fl, flm, do, dom, bt, bo, da, t6, dt, ts, ye, ch, vc, l1, u16, u32, bc, bn, vb, lt, "
        "lb, en, st, js, uu, i6, g, po) VALUES "
        "(1, 255, -32768, -8388608, 18446744073709551615, -99999999999999999999999999999999999.999999999999999999999999999999, "
        "3.4028234e38, 99999.99, 1.7976931348623157e308, 123456.78901, b'1111111111111111111111111111111111111111111111111111111111111111', "
        "1, '9999-12-31', '838:59:59.000000', '9999-12-31 23:59:59.999999', '2038-01-19 03:14:07.999999', 2155, 'é😀', '\\\\N', 'é', 'a😀', "
        "'😀', 'A ', x'00', x'00ff5c270a', 'line\nline\r\ttab''\"\\\\', x'000102ff', 'x', 'a,c', '{\"b\": 1,  \"a\": \"😀\"}', "
        "'ffffffff-ffff-ffff-ffff-ffffffffffff', '::1', ST_GeomFromText('LINESTRING(0 0,1 1.5)', 4326), POINT(0.1, -2)), "
        "(2, 0, 32767, 8388607, 0, 0.000000000000000000000000000001, 0.1, -0.01, 5e-324, -0.00001, 0, 0, '0000-00-00', '-838:59:59.000001', "
        "'0000-00-00 00:00:00', '0000-00-00 00:00:00', 0, '', '', '', '', '', '', '', '', '', '', '', '', '[]', NULL, NULL, NULL, NULL), "
        "(0, 1, 0, 0, 1, 1, CAST('-0' AS double), 1.1754944e-38, CAST('-0' AS double), 1, 1, NULL, '2024-02-31', '00:00:00.000001', "
        "'2024-02-29 23:59:59.000001', '1970-01-01 00:00:01', 1901, 'a  ', 'a  ', 'ÿ', ' ', ' ', 'a', 'a\\0', 'a\\0', 'NULL', '', '1', 'b', "
        "'null', '00000000-0000-0000-0000-000000000000', '::ffff:1.2.3.4', ST_GeomFromText('GEOMETRYCOLLECTION(POINT(1 1))'), NULL), "
        "(-5, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, "
        "NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL)"
    ),
    "INSERT INTO every (id, en) VALUES (7, 'no such value')",
]


@dataclass(frozen=True, slots=True)
class Shop:
    """A schema that is the target `db`."""

    url: str
    pool: TargetPool

    @property
    def name(self) -> str:
        return sa.make_url(self.url).database or ""

    @property
    def read(self) -> LiveReaders:
        return LiveReaders(self.pool, lambda: datetime.now(UTC), threading.Event())

    def rows(self, *statements: str, schema: str = "") -> list[tuple[Any, ...]]:
        url = sa.make_url(self.url)
        with (
            pymysql.connect(
                host=url.host,
                port=url.port or 3306,
                user="root",
                database=schema or url.database,
                charset="utf8mb4",
                autocommit=True,
            ) as connection,
            connection.cursor() as cursor,
        ):
            cursor.execute("SET time_zone = '+00:00'")
            for statement in statements:
                cursor.execute(statement)
            return list(cursor.fetchall())

    def carry_out(self, action: Any) -> Mapping[str, Plain]:
        before = action.probe(self.read)
        after = action.desired(before)
        ops = tuple(decode_op(encode_op(op)) for op in action.ops(before, after))
        assert ops == action.ops(before, after)
        results: list[OpResult] = [self.pool.execute(op, FakeExecution()) for op in ops]
        given: Mapping[str, Plain] = action.outputs(action.probe(self.read), results)
        return given

    def schemas(self) -> list[str]:
        found = self.rows("SELECT table_schema FROM information_schema.tables WHERE table_name = '_rollbook'")
        return sorted(name for (name,) in found)

    def save(self, folder: Path, **arguments: Any) -> str:
        return str(self.carry_out(use("sql.snapshot", into=str(folder), **{"run": RUN, **arguments}))["path"])

    def load(self, path: str, **arguments: Any) -> str:
        return str(self.carry_out(use("sql.snapshot_load", snapshot=path, **{"run": RUN, **arguments}))["database"])


@pytest.fixture
def shop(mariadb_url: str) -> Iterator[Shop]:
    """Give an empty schema."""
    redactor = Redactor()
    specs = {"local": TargetSpec("local", "local"), "db": TargetSpec("db", "sql", {"url": mariadb_url})}
    found = Shop(mariadb_url, TargetPool(specs, SecretStore({}, redactor), redactor))
    yield found
    for name in found.schemas():
        found.rows(f"DROP DATABASE `{name}`")
    found.pool.close()


def _same(shop: Shop, table: str, schema: str) -> bool:
    mine, theirs = f"`{shop.name}`.`{table}`", f"`{schema}`.`{table}`"
    ((_, one), (_, other)) = shop.rows(f"CHECKSUM TABLE {mine}, {theirs} EXTENDED")
    made = [shop.rows(f"SHOW CREATE TABLE {name}")[0][1] for name in (mine, theirs)]
    return one == other and one is not None and made[0] == made[1]


def _told(shop: Shop, table: str) -> tuple[object, ...]:
    """Give how a table is made, and the sum of its rows."""
    return shop.rows(f"SHOW CREATE TABLE `{table}`")[0][1], shop.rows(f"CHECKSUM TABLE `{table}` EXTENDED")[0][1]


def test_whole_tables_are_loaded_as_they_were(shop: Shop, tmp_path: Path) -> None:
    """Rows, keys, checks, counters, comments, foreign keys and triggers; what Django knows is beside them."""
    shop.rows(*SITE)

    database = shop.load(shop.save(tmp_path, tables=["posts", "pins", "loose"]))

    assert all(_same(shop, name, database) for name in ("posts", "pins", "loose", "django_migrations"))
    ((trigger, body),) = shop.rows(
        f"SELECT trigger_name, action_statement FROM information_schema.triggers WHERE trigger_schema = '{database}'"
    )
    assert (trigger, body) == ("posted", "SET NEW.body = CONCAT(NEW.body, '!')")


def test_every_type_is_loaded_bit_for_bit(shop: Shop, tmp_path: Path) -> None:
    """Whatever a type can hold at its ends, and what a lax server let in, is the same afterwards."""
    shop.rows(*TYPES)

    database = shop.load(shop.save(tmp_path, tables=["every"]))

    assert _same(shop, "every", database)
    texts = "SELECT CONCAT_WS('|', id, fl * 1e0, do * 1e0, bt + 0, en + 0, HEX(u16), HEX(lb), ts, g IS NULL) FROM every ORDER BY id"
    assert shop.rows(texts) == shop.rows(texts, schema=database)


def test_what_a_migration_takes_comes_back(shop: Shop, tmp_path: Path) -> None:
    """Tables and columns come back by sql.recover just as they were, at their places, CREATE TABLE by CREATE TABLE."""
    shop.rows(*SITE, *TYPES)
    everywhere = ["posts", "pins", "loose", "users", "every"]
    before = {name: _told(shop, name) for name in everywhere}
    query = (
        "SELECT column_name FROM information_schema.columns WHERE table_name = 'every' AND table_schema = DATABASE()"
    )
    columns = [
        name for (name,) in shop.rows(f"{query} AND column_name NOT IN ('id', 'ti', 'vi') ORDER BY ordinal_position")
    ]
    lost = ", ".join(f"DROP COLUMN `{name}`" for name in columns)

    path = shop.save(
        tmp_path,
        tables=["posts", "pins", "loose"],
        columns=["users.nick", "users.twice", "users.score", *(f"every.{name}" for name in columns)],
    )
    shop.rows(
        "DROP TABLE pins, posts, loose",
        "ALTER TABLE users DROP CONSTRAINT positive, DROP KEY users_nick, DROP COLUMN twice, DROP COLUMN score, DROP COLUMN nick",
        f"ALTER TABLE every {lost}",
    )
    database = shop.load(path)
    shop.carry_out(use("sql.recover", source=database, folder=str(tmp_path / "recovered"), run=RUN))
    shop.carry_out(use("sql.drop_scratch", database=database, run=RUN))

    assert {name: _told(shop, name) for name in everywhere} == before
    assert shop.schemas() == []


def test_columns_are_saved_with_what_they_hang_on(shop: Shop, tmp_path: Path) -> None:
    """A part of a table has its key, what the columns' indexes and checks are over, and what stands before each."""
    shop.rows(*SITE)

    database = shop.load(shop.save(tmp_path, columns=["users.nick", "users.twice", "users.score"]))

    made = shop.rows("SHOW CREATE TABLE users", schema=database)[0][1]
    assert "rollbook part of a table" in made
    assert all(
        word in made for word in ("PRIMARY KEY", "users_nick", "positive", "`twice` int(11) GENERATED ALWAYS AS")
    )
    assert made.index("`name`") < made.index("`nick`")
    query = "SELECT id, name, nick, score, twice, team FROM users ORDER BY id"
    assert shop.rows(query, schema=database) == shop.rows(query)


def test_what_will_keep_columns_from_coming_back_is_told_before_they_go(shop: Shop, tmp_path: Path) -> None:
    """A trigger that filling would fire has to go by then; one of a table that comes back whole does not."""
    shop.rows(
        "CREATE TABLE a (id int PRIMARY KEY, x int)",
        "CREATE TABLE b (id int PRIMARY KEY)",
        "CREATE TRIGGER noted BEFORE UPDATE ON a FOR EACH ROW SET NEW.id = NEW.id",
        "CREATE TRIGGER other BEFORE UPDATE ON b FOR EACH ROW SET NEW.id = NEW.id",
    )
    action = use("sql.snapshot", into=str(tmp_path), tables=["b"], columns=["a.x"], run=RUN)
    before = action.probe(shop.read)
    after = action.desired(before)

    *_, told = action.details(Change(before, after, action.ops(before, after)))

    assert told.startswith(
        "putting columns back would fire triggers, which MySQL and MariaDB cannot keep quiet: noted (on a);"
    )


def test_foreign_keys_of_tables_that_stay_have_a_stand_in(shop: Shop, tmp_path: Path) -> None:
    """What points at a doomed table is known, though its rows are not saved."""
    shop.rows(*SITE)

    database = shop.load(shop.save(tmp_path, tables=["posts"]))

    made = shop.rows("SHOW CREATE TABLE pins", schema=database)[0][1]
    assert "rollbook stand-in for a table" in made
    assert "CONSTRAINT `pins_post` FOREIGN KEY (`post`) REFERENCES `posts` (`id`)" in made
    assert shop.rows("SELECT * FROM pins", schema=database) == []


@pytest.mark.parametrize(
    ("named", "message"),
    [
        ({"tables": ["gone"]}, "has none of these: gone"),
        ({"columns": ["loose.a"]}, "loose has no primary key"),
        ({"tables": ["old"]}, "old is of the engine MyISAM"),
        ({"tables": ["kept"]}, "kept keeps its rows' history"),
    ],
)
def test_what_cannot_be_saved_is_refused(shop: Shop, tmp_path: Path, named: Any, message: str) -> None:
    """It is said before anything is written."""
    shop.rows(*SITE, "CREATE TABLE old (id int PRIMARY KEY) ENGINE=MyISAM")
    shop.rows("CREATE TABLE kept (id int PRIMARY KEY) WITH SYSTEM VERSIONING")

    with pytest.raises(RefusedError, match=message):
        shop.save(tmp_path / "kept", **named)

    assert not (tmp_path / "kept").exists()


def test_a_flipped_byte_is_refused(shop: Shop, tmp_path: Path) -> None:
    """Nothing is made of a damaged snapshot."""
    shop.rows(*SITE)
    path = shop.save(tmp_path, tables=["posts"])
    file = Path(path) / "rows" / "0002.gz"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)

    with pytest.raises(RefusedError, match=r"rows/0002.gz is not as it was written"):
        shop.load(path)

    assert shop.schemas() == []


def test_a_half_is_dropped_and_made_again(shop: Shop, tmp_path: Path) -> None:
    """What a killed attempt of the run left does not count; another's schema is left alone."""
    shop.rows(*SITE)
    path = shop.save(tmp_path, tables=["posts"])
    action = use("sql.snapshot_load", snapshot=path, run=RUN)
    (op,) = action.ops(action.probe(shop.read), action.desired(action.probe(shop.read)))
    for statement in (*op.making(), f"CREATE TABLE `{op.database}`.half (id int)"):
        shop.rows(statement)
    shop.rows("CREATE DATABASE IF NOT EXISTS others")

    database = shop.load(path)

    assert _same(shop, "posts", database)
    with pytest.raises(RefusedError, match="did not make"):
        shop.load(path, into="others")
    shop.carry_out(use("sql.drop_scratch", database=database, run=RUN))
    assert shop.schemas() == []
    with pytest.raises(RollbookError, match="did not make"):
        shop.carry_out(use("sql.drop_scratch", database="others", run=RUN))
    shop.rows("DROP DATABASE others")


@pytest.mark.parametrize("seed", range(3))
def test_a_killed_one_is_begun_again(shop: Shop, tmp_path: Path, seed: int) -> None:
    """SIGKILL at random moments leaves nothing that counts, and the next attempt comes to the same."""
    random = Random(seed)
    shop.rows(*SITE, "INSERT INTO posts (author, body) SELECT 1, REPEAT('z', seq % 200) FROM seq_1_to_40000")
    saving = use("sql.snapshot", into=str(tmp_path), tables=["posts"], run=RUN)

    def kill(action: Any, longest: float) -> None:
        before = action.probe(shop.read)
        for op in action.ops(before, action.desired(before)):
            killed(op, shop.url, "sql", random, longest=longest)

    kill(saving, 0.7)
    path = str(shop.carry_out(saving)["path"])
    loading = use("sql.snapshot_load", snapshot=path, run=RUN)
    kill(loading, 1.5)
    database = str(shop.carry_out(loading)["database"])

    assert [entry.name for entry in tmp_path.iterdir()] == [Path(path).name]
    assert _same(shop, "posts", database)


class SnapshotWorld(FakeWorld):
    """The laws' world: a live schema, a snapshot of it, and one that is loaded."""

    def __init__(self, shop: Shop, folder: Path) -> None:
        super().__init__()
        self._shop, self._folder = shop, folder
        self.read = shop.read  # type: ignore[assignment]  # readers of the real targets
        for name in shop.schemas():
            shop.rows(f"DROP DATABASE `{name}`")
        shutil.rmtree(folder / "made", ignore_errors=True)
        shop.load(str(folder / "given"), run="given", into="given_loaded")

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        """Carry *ops* out on the real server."""
        return tuple(op.carry_out(self._shop.pool, self.execution) for op in ops)

    def contents(self) -> object:
        """Give what the laws compare."""
        return sorted(map(str, self._folder.rglob("*"))), self._shop.schemas()


CASES: list[tuple[str, dict[str, Any]]] = [
    ("sql.snapshot", {"into": "FOLDER/made", "tables": ["posts"], "columns": ["users.nick"], "run": RUN}),
    ("sql.snapshot_check", {"snapshot": "FOLDER/given"}),
    ("sql.snapshot_load", {"snapshot": "FOLDER/given", "run": RUN}),
    ("sql.drop_scratch", {"database": "given_loaded", "run": "given"}),
]


@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize(("kind", "arguments"), CASES, ids=lambda value: str(value)[:20])
def test_laws(kind: str, arguments: dict[str, Any], law: Law, shop: Shop, tmp_path: Path) -> None:
    """A kind keeps each law on MariaDB too."""
    shop.rows(*SITE)
    Path(shop.save(tmp_path, tables=["posts"], run="given")).rename(tmp_path / "given")
    given = {
        name: value.replace("FOLDER", str(tmp_path)) if isinstance(value, str) else value
        for name, value in arguments.items()
    }

    law(Case(kind, kind, given, lambda: SnapshotWorld(shop, tmp_path)))
