"""What saving a table or a column on MariaDB and bringing it back costs beside dumpdata and loaddata."""

from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

import fixtures
import pymysql
from rounds import measure
from server import served
from site_rows import Site
from snapshotting import contenders
from workspace import write_databases

_ROUNDS = 3
# As Django lays them out there; times are datetime(6), keys of the same names.
_TABLES = (
    """CREATE TABLE forum_user (
        id bigint AUTO_INCREMENT PRIMARY KEY, username varchar(150) NOT NULL UNIQUE, email varchar(254) NOT NULL,
        password varchar(128) NOT NULL, is_active bool NOT NULL, joined datetime(6) NOT NULL)""",
    """CREATE TABLE forum_post (
        id bigint AUTO_INCREMENT PRIMARY KEY, author_id bigint NOT NULL, title varchar(200) NOT NULL,
        slug varchar(80) NOT NULL UNIQUE, body longtext NOT NULL, score integer NOT NULL, created datetime(6) NOT NULL,
        KEY created (created), CONSTRAINT author FOREIGN KEY (author_id) REFERENCES forum_user (id))""",
    """CREATE TABLE forum_comment (
        id bigint AUTO_INCREMENT PRIMARY KEY, post_id bigint NOT NULL, author_id bigint NOT NULL,
        body longtext NOT NULL, created datetime(6) NOT NULL,
        CONSTRAINT post FOREIGN KEY (post_id) REFERENCES forum_post (id),
        CONSTRAINT writer FOREIGN KEY (author_id) REFERENCES forum_user (id))""",
)
# How many, after how many, with how many posts each; the first of each kind belong together.
_ROWS = (
    """INSERT INTO forum_user SELECT {users} + seq, CONCAT('user', {users} + seq), 'user@example.org',
        CONCAT('pbkdf2_sha256$', md5(seq), md5(seq + 1)), true, '2024-01-01' + INTERVAL seq SECOND
        FROM seq_1_to_{more}""",
    """INSERT INTO forum_post SELECT 5 * {users} + seq, {users} + (seq + {each} - 1) DIV {each}, 'Title',
        CONCAT('post-', 5 * {users} + seq), repeat(md5(seq), 16), seq % 100, '2024-01-01' + INTERVAL seq SECOND
        FROM seq_1_to_{posts}""",
    """INSERT INTO forum_comment SELECT 25 * {users} + seq, 5 * {users} + (seq + 4) DIV 5,
        {users} + (seq + 5 * {each} - 1) DIV (5 * {each}), repeat(md5(seq), 4), '2024-01-01' + INTERVAL seq SECOND
        FROM seq_1_to_{comments}""",
)


@dataclass(frozen=True, slots=True)
class MariadbServer:
    """Where it answers; *address* wants the name of a schema at its end."""

    address: str
    port: int

    kind = "sql"

    def url(self, database: str) -> str:
        """Give the address of a schema."""
        return f"{self.address}{database}"

    def surroundings(self, database: str) -> str:
        """Give the variables by which Django reaches a schema."""
        return f"FORUM_ENGINE=mysql FORUM_USER=root FORUM_PORT={self.port} FORUM_NAME={database}"

    def run(self, database: str, *statements: str) -> None:
        """Run statements, each by itself."""
        with closing(
            pymysql.connect(host="127.0.0.1", port=self.port, user="root", database=database, autocommit=True)
        ) as connection:
            for statement in statements:
                connection.cursor().execute(statement)

    def copy(self, template: str, name: str) -> None:
        """Make the schema *name* anew with what *template* has."""
        self.run("mysql", f"DROP DATABASE IF EXISTS {name}", f"CREATE DATABASE {name} CHARACTER SET utf8mb4")
        fill = (f"INSERT INTO forum_{one} SELECT * FROM {template}.forum_{one}" for one in ("user", "post", "comment"))
        self.run(name, *_TABLES, *fill)

    def build(self, site: Site) -> None:
        """Make `site_backup`, and `site_live` with the rows that users wrote since."""
        self.run("mysql", "CREATE DATABASE site_backup CHARACTER SET utf8mb4")
        self.run("site_backup", *_TABLES, *_rows(0, site.users, 5))
        self.copy("site_backup", "site_live")
        self.run("site_live", *_rows(site.users, site.written // 20, 3))


def _rows(users: int, more: int, each: int) -> Iterator[str]:
    for statement in _ROWS:
        yield statement.format(users=users, more=more, each=each, posts=more * each, comments=more * each * 5)


def answer(folder: Path, *, quick: bool = False) -> Iterator[str]:
    """Yield the table."""
    site = Site(4_000, 14_000) if quick else Site(40_000, 14_000)
    rows = site.users * 25
    with _started() as server:
        server.build(site)
        yield f"MariaDB, {rows} rows, or cells of a column, saved, lost and brought back"
        server.copy("site_backup", "site_loaded")
        write_databases(folder, "sql", table=server.url("now_table"), column=server.url("now_column"))
        everyone = {**fixtures.moved(folder, server, site, "site_live", "site_loaded"), **contenders(folder, server)}
        samples = measure(everyone, folder, 1 if quick else _ROUNDS, warm=False)
    yield fixtures.compared(samples, rows, "snapshot")


@contextmanager
def _started() -> Iterator[MariadbServer]:
    with served("start_mariadb", "innodb-buffer-pool-size=512M") as url:
        yield MariadbServer(url, int(url.rstrip("/").rpartition(":")[2]))
