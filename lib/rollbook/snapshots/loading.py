"""The op that loads a snapshot beside the live database."""

from collections.abc import Iterator
from typing import ClassVar, Final

from ..dataclass import dataclass
from ..mysql.names import literal, quote, within
from ..ops import Op
from ..postgres import names
from ..postgres.properties import Properties
from ..postgres.scratch import Mark, Role
from ..values import Secret
from .contents import Contents, Server
from .manifest import Sealed

MARK: Final = "_rollbook"  # the table whose comment marks a schema: schemas have none everywhere


@dataclass(frozen=True, slots=True)
class LoadSnapshot(Op):
    """
    Make *database* beside the live one out of the snapshot at *path*; it bears its final mark when it is complete.

    What an earlier attempt of this run left is dropped. Every table is read again and compared with what was saved.
    *properties* are the live database's, on PostgreSQL.
    """

    op: ClassVar[str] = "sql.load_snapshot"
    target: str
    server: Server
    path: str
    contents: Contents
    database: str
    live: str
    run: str
    sealed: Sealed = ""
    identity: Secret | None = None
    properties: Properties | None = None

    def render(self) -> tuple[str, ...]:
        """Give the statements."""
        return tuple(self._lines())

    def _lines(self) -> Iterator[str]:
        yield from self.making()
        yield from self.contents.prepare
        for one in self.contents.tables:
            yield from one.before
            if one.load:
                yield f"{one.load}  -- the {one.rows} rows of {self.path}/{one.file}"
            yield from one.after
        yield from self.contents.finish
        yield "the rows of each table again, compared with those of the files"
        yield self.marking("scratch")

    def making(self) -> tuple[str, ...]:
        """Give the statements that make the empty database and mark it as unfinished."""
        if self.properties is None:
            mark = f"CREATE TABLE {within(self.database, MARK)} (mark int)"
            return f"CREATE DATABASE {quote(self.database)}", mark, self.marking("unfinished")
        return self.properties.create(self.database), self.marking("unfinished")

    def marking(self, role: Role) -> str:
        """Give the statement that marks it."""
        mark = str(Mark(self.run, role, self.live))
        if self.properties is None:
            return f"ALTER TABLE {within(self.database, MARK)} COMMENT = {literal(mark)}"
        return f"COMMENT ON DATABASE {names.quote(self.database)} IS {names.literal(mark)}"
