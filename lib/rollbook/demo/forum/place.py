"""The place where the forum runs: its PostgreSQL, its site and its worker in one folder, as long as who opened it."""

import contextlib
import json
import secrets
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import psycopg

from rollbook.demo.errors import DemoError
from rollbook.demo.forum.environment import make_environment
from rollbook.demo.forum.folder import ForumFolder, write_closed
from rollbook.demo.forum.history import BAD, GOOD, check_out, git, write_history
from rollbook.demo.forum.roles import DATABASE, OPERATOR, OWNER, make_roles
from rollbook.demo.forum.services import Services, start_services
from rollbook.demo.keeping import Place
from rollbook.demo.postgres import PostgresFolder, PostgresServer
from rollbook.demo.postgres_programs import find_postgres
from rollbook.library import stock_folder

from ...dataclass import dataclass

_PATIENCE = 60.0  # seconds until the site reads rows
_PROOF = "/api/v0/podcasts/"
_SECRET_KEY = "secret key"  # noqa: S105  # its name, by which it is kept beside the passwords


@dataclass(frozen=True, slots=True)
class _Servers:
    postgres: PostgresServer
    services: Services


class ForumPlace(Place[_Servers]):
    """
    A context in which the forum is up, at the version that was deployed first; nothing else of the machine is touched.

    The forum is built anew on entering, unless *keep* is set and it is there: then it is as it was left. *tell* hears
    what is being done; *command* is the one that people type to have it built.
    """

    def __init__(
        self,
        folder: Path,
        *,
        keep: bool = False,
        tell: Callable[[str], None] = lambda _: None,
        command: str = "demo-rollback",
    ) -> None:
        super().__init__(folder.absolute())
        self._command = command
        self.folder = ForumFolder(folder.absolute())
        self._keep = keep
        self._tell = tell

    @property
    def url(self) -> str:
        """Where the site answers."""
        return self._running.services.url

    @property
    def address(self) -> str:
        """The same without its scheme: host and port."""
        return urlsplit(self.url).netloc

    @property
    def programs(self) -> Path:
        """The folder of PostgreSQL's programs."""
        return self._running.postgres.programs

    def database_url(self, role: str = OPERATOR) -> str:
        """Give the address of the forum's database for one of its two roles."""
        return self._running.postgres.url(role, self._passwords()[role], DATABASE)

    def environment(self) -> dict[str, str]:
        """Give the variables that the inventory `demo-forum` refers to."""
        return {"ROLLBOOK_FORUM_DATABASE_URL": self.database_url(), "ROLLBOOK_FORUM_SITE_URL": self.url}

    def client_environment(self) -> dict[str, str]:
        """Give the variables by which PostgreSQL's own programs reach the forum's database."""
        place = {"PGHOST": "127.0.0.1", "PGPORT": str(self._running.postgres.port), "PGDATABASE": DATABASE}
        return {**place, "PGUSER": OPERATOR, "PGPASSWORD": self._passwords()[OPERATOR]}

    def look(self) -> psycopg.Connection:
        """Connect to the forum's database as its owner, to look at rows."""
        return psycopg.connect(self.database_url(OWNER))

    def deploy(self) -> None:
        """Deploy what is on the main branch, as it is done each time: pull, migrate, restart."""
        git(self.folder.site, "pull", "--quiet", "--ff-only", "origin", "main")
        git(self.folder.site, "describe", "--tags", "--exact-match", "--match", BAD)
        self.folder.manage("migrate", "--no-input", "--verbosity", "0")
        self.folder.manage("collectstatic", "--no-input", "--verbosity", "0")
        self.folder.supervise("restart", "web", "celery_worker")
        self.wait_for_rows()

    def serve(self, tag: str) -> None:
        """Deploy the code of *tag* without migrating: check it out, and restart what runs."""
        git(self.folder.site, "reset", "--quiet", "--hard", tag)
        self.folder.supervise("restart", "web", "celery_worker")
        self.wait_for_rows()

    def lay_out_next(self, tag: str) -> None:
        """Have the code of *tag* beside what is served, in `next`."""
        check_out(self.folder.origin, self.folder.next, tag)

    def wait_for_rows(self) -> None:
        """Wait until the site answers with rows of its database. Raises `DemoError` with the end of its log."""
        until = time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            with (
                contextlib.suppress(OSError, ValueError),
                urllib.request.urlopen(self.url + _PROOF, timeout=5) as answer,  # noqa: S310  # of a site of our own
            ):
                if json.load(answer)["count"]:
                    return
            time.sleep(0.1)
        log = self.folder.web_log
        tail = "\n  ".join(log.read_text(errors="replace").splitlines()[-5:]) if log.exists() else ""
        raise DemoError(f"the forum did not come up:\n  {tail}", advice=f"See {log}.")

    def _start(self, stack: contextlib.ExitStack) -> None:
        kept = self._keep and self._built.exists()
        if self._keep and not kept:
            raise DemoError(f"there is no forum in {self.folder.path} yet.", advice=f"Run `{self._command}` first.")
        if not kept:
            self._built.unlink(missing_ok=True)
            self.folder.clear()
            self._fetch()
        postgres = self._start_postgres(stack, create=not kept)
        owner_url = postgres.url(OWNER, self._passwords()[OWNER], DATABASE)
        self.folder.write(owner_url, self._passwords()[_SECRET_KEY])
        if not kept:
            self._fill()
        services = start_services(self.folder)
        stack.callback(services.stop)
        self._servers = _Servers(postgres, services)
        pids = {"postgres": postgres.process.pid, "supervisord": services.process.pid}
        self._record.write(pids, {"site": services.url})
        self.wait_for_rows()
        self._built.touch()

    def _start_postgres(self, stack: contextlib.ExitStack, *, create: bool) -> PostgresServer:
        self._tell("Starting PostgreSQL")
        cluster = PostgresFolder(self.folder.path / "postgres", find_postgres())
        if create:
            cluster.create()
        self._link_programs(cluster.programs)
        server = cluster.start()
        stack.callback(server.stop)
        stack.callback(self._record.remove)
        self._record.write({"postgres": server.process.pid}, {})
        if create:
            passwords = {name: secrets.token_urlsafe(24) for name in (OWNER, OPERATOR, _SECRET_KEY)}
            write_closed(self._password_file, json.dumps(passwords), 0o600)
            make_roles(server.superuser_url, passwords)
        return server

    def _link_programs(self, programs: Path) -> None:
        """Let the inventory name PostgreSQL's programs, wherever they are."""
        link = self.folder.path / "postgresql"
        link.unlink(missing_ok=True)
        link.symlink_to(programs)

    def _fetch(self) -> None:
        """Have the code at its good version, and what it needs."""
        example = stock_folder() / "examples" / "forum"
        self._tell("Making the forum's git history, and its Python environment (fetched once)")
        write_history(example, self.folder.origin)
        check_out(self.folder.origin, self.folder.site, GOOD)
        make_environment(self.folder.venv, self.folder.site / "requirements.txt")

    def _fill(self) -> None:
        self._tell("Filling its database")
        for words in (("migrate", "--verbosity", "0"), ("seed",), ("recreate_index", "--all")):
            self.folder.manage(*words)
        self.folder.manage("collectstatic", "--no-input", "--verbosity", "0")

    @property
    def _built(self) -> Path:
        return self.folder.path / "built"

    @property
    def _password_file(self) -> Path:
        return self.folder.path / "passwords.json"

    def _passwords(self) -> dict[str, str]:
        passwords: dict[str, str] = json.loads(self._password_file.read_text())
        return passwords
