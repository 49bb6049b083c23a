"""What becomes of a table as a whole when rows are carried over; Django's own tables have rules of their own."""

from collections.abc import Mapping
from typing import Final, Literal

from ..dataclass import dataclass
from .conflict import Side
from .names import Name

Rule = Literal[
    "merge",  # its rows are merged, conflicts are settled as for every table
    "keep_live",  # merged, and live wins whatever does not fit
    "keep_backup",  # merged, and the backup wins whatever does not fit
    "leave",  # it stays as in the backup
    "referenced",  # as in the backup, and live's rows that carried rows point at are brought in
]

DJANGO: Final[Mapping[str, Rule]] = {
    "django_migrations": "leave",  # says which migrations the schema has: the schema is the backup's
    "django_content_type": "referenced",  # says which models the code has: the code is that of the backup
    "auth_permission": "referenced",
    "django_session": "keep_live",  # nobody is logged out who need not be
    "django_admin_log": "merge",  # the users' doings; what it points at is mapped
}


@dataclass(frozen=True, slots=True)
class Rules:
    """The rules by table, as `table` in the schema public or `schema.table`; any other table is merged."""

    tables: Mapping[str, Rule]

    def of(self, table: Name) -> Rule:
        """Give a table's rule."""
        return self.tables.get(str(table), "merge")

    def winner(self, table: Name) -> Side | None:
        """Say who wins all conflicts of a table, where a rule says so."""
        match self.of(table):
            case "keep_live":
                return "live"
            case "keep_backup":
                return "backup"
        return None


def rules_with(own: Mapping[str, Rule]) -> Rules:
    """Give Django's rules, with those of the runbook on top."""
    return Rules({**DJANGO, **own})
