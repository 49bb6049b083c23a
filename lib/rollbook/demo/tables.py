"""
The SQL tables of Open edX that the sample needs, as its migrations make them on MySQL, PostgreSQL and SQLite.

Only the ledger and its history are complete; the others have the columns that a reader of courses may look at.
"""

import datetime as dt

import sqlalchemy as sa
from sqlalchemy.dialects import mysql

metadata = sa.MetaData()


class UtcTime(sa.types.TypeDecorator[dt.datetime]):
    """A time kept in UTC with microseconds: `datetime(6)`, `timestamptz` or text; always aware in Python."""

    impl = sa.DateTime
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> sa.types.TypeEngine[dt.datetime]:
        """Choose the column's type."""
        if dialect.name in {"mysql", "mariadb"}:
            return dialect.type_descriptor(mysql.DATETIME(fsp=6))
        return dialect.type_descriptor(sa.DateTime(timezone=dialect.name == "postgresql"))

    def process_bind_param(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        """Hand the database UTC, without its zone where the column has none."""
        if value is None:
            return None
        utc = value.astimezone(dt.UTC)
        return utc if dialect.name == "postgresql" else utc.replace(tzinfo=None)

    def process_result_value(self, value: dt.datetime | None, dialect: sa.Dialect) -> dt.datetime | None:
        """Give an aware time back."""
        if value is None:
            return None
        return value.astimezone(dt.UTC) if dialect.name == "postgresql" else value.replace(tzinfo=dt.UTC)


def _course_key() -> sa.types.TypeEngine[str]:
    """Compare course ids byte by byte on MySQL too, where text is compared without case otherwise."""
    binary = mysql.VARCHAR(255, charset="utf8", collation="utf8_bin")
    return sa.String(255).with_variant(binary, "mysql", "mariadb")


def _long_text() -> sa.types.TypeEngine[str]:
    return sa.Text().with_variant(mysql.LONGTEXT(), "mysql", "mariadb")


def _index_columns(*, unique: bool) -> list[sa.schema.SchemaItem]:
    """List the columns that ledger and history have in common; a history repeats ids, so nothing is unique in it."""
    return [
        sa.Column("objectid", sa.String(24), nullable=False, unique=unique, index=not unique),
        sa.Column("course_id", _course_key(), nullable=False, unique=unique, index=not unique),
        sa.Column("org", sa.String(255), nullable=False, index=True),
        sa.Column("draft_version", sa.String(24), nullable=False),
        sa.Column("published_version", sa.String(24), nullable=False),
        sa.Column("library_version", sa.String(24), nullable=False),
        sa.Column("wiki_slug", sa.String(255), nullable=False, index=True),
        sa.Column("base_store", sa.String(20), nullable=False),
        sa.Column("edited_by_id", sa.Integer),
        sa.Column("edited_on", UtcTime, nullable=False),
        sa.Column("last_update", UtcTime, nullable=False),
    ]


def _table(name: str, *columns: sa.schema.SchemaItem) -> sa.Table:
    return sa.Table(name, metadata, *columns, sqlite_autoincrement=True, mysql_engine="InnoDB", mariadb_engine="InnoDB")


users = _table(
    "auth_user",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("password", sa.String(128), nullable=False),
    sa.Column("last_login", UtcTime),
    sa.Column("is_superuser", sa.Boolean, nullable=False),
    sa.Column("username", sa.String(150), nullable=False, unique=True),
    sa.Column("first_name", sa.String(150), nullable=False),
    sa.Column("last_name", sa.String(150), nullable=False),
    sa.Column("email", sa.String(254), nullable=False, unique=True),
    sa.Column("is_staff", sa.Boolean, nullable=False),
    sa.Column("is_active", sa.Boolean, nullable=False),
    sa.Column("date_joined", UtcTime, nullable=False),
)

ledger = _table(
    "split_modulestore_django_splitmodulestorecourseindex",
    sa.Column("id", sa.Integer, primary_key=True),
    *_index_columns(unique=True),
)
# The real migration makes this one twice: by the field, and by a MODIFY … UNIQUE that sets the collation.
sa.Index("splitmodulestorecourseindex_course_id_2", ledger.c.course_id, unique=True)

history = _table(
    "split_modulestore_django_historicalsplitmodulestorecourseindex",
    sa.Column("id", sa.Integer, nullable=False, index=True),
    *_index_columns(unique=False),
    sa.Column("history_id", sa.Integer, primary_key=True, autoincrement=True),
    sa.Column("history_date", UtcTime, nullable=False),
    sa.Column("history_change_reason", sa.String(100)),
    sa.Column("history_type", sa.String(1), nullable=False),
    sa.Column("history_user_id", sa.Integer, sa.ForeignKey(users.c.id, name="historicalsplit_history_user_id_fk")),
)

migrations = _table(
    "django_migrations",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("app", sa.String(255), nullable=False),
    sa.Column("name", sa.String(255), nullable=False),
    sa.Column("applied", UtcTime, nullable=False),
)

overviews = _table(
    "course_overviews_courseoverview",
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("modified", UtcTime, nullable=False),
    sa.Column("version", sa.Integer, nullable=False),
    sa.Column("id", sa.String(255), primary_key=True),
    sa.Column("org", _long_text(), nullable=False),
    sa.Column("display_name", _long_text()),
    sa.Column("start", UtcTime),
)

outlines = _table(
    "learning_sequences_learningcontext",
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("context_key", sa.String(255), nullable=False, unique=True),
    sa.Column("title", sa.String(255), nullable=False),
    sa.Column("published_at", UtcTime, nullable=False),
    sa.Column("published_version", sa.String(255), nullable=False),
    sa.Column("created", UtcTime, nullable=False),
    sa.Column("modified", UtcTime, nullable=False),
)

MIGRATIONS = (
    ("split_modulestore_django", "0001_initial"),
    ("split_modulestore_django", "0002_data_migration"),
    ("split_modulestore_django", "0003_alter_historicalsplitmodulestorecourseindex_options"),
)


def create_tables(engine: sa.Engine, *, now: dt.datetime) -> None:
    """Make the tables that are missing; those that exist are taken as they are."""
    metadata.create_all(engine)
    with engine.begin() as connection:
        known = {(row.app, row.name) for row in connection.execute(sa.select(migrations.c.app, migrations.c.name))}
        missing = [{"app": app, "name": name, "applied": now} for app, name in MIGRATIONS if (app, name) not in known]
        if missing:
            connection.execute(migrations.insert(), missing)
