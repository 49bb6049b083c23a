"""Build the sample site: a course that a mistaken import destroyed, and what stands around it."""

import datetime as dt
import random

import sqlalchemy as sa

from rollbook.demo import keys
from rollbook.demo.assets import make_indexes, save_asset
from rollbook.demo.blocks import Edit, Ids, Key
from rollbook.demo.course import SMALLEST, CourseRun, create_course, import_over, rerun, write_course
from rollbook.demo.errors import DemoError
from rollbook.demo.forget import forget_sample
from rollbook.demo.library import write_library
from rollbook.demo.live import Sample, open_studio
from rollbook.demo.old_mongo import write_old_course
from rollbook.demo.publish import refresh
from rollbook.demo.studio import Studio
from rollbook.demo.tables import create_tables, history, users

from ..dataclass import dataclass

__all__ = ["Sample", "build_sample"]

_TITLE = "Runbooks for Beginners"


@dataclass(frozen=True, slots=True)
class _Clock:
    """Makes edits at times before *now*."""

    now: dt.datetime
    ids: Ids

    def before(self, user: int, *, days: float = 0, minutes: float = 0) -> Edit:
        # Real times are not round; a fixed odd part keeps two builds of one moment alike.
        when = self.now - dt.timedelta(days=days, minutes=minutes, microseconds=271_828 + int(days * 1000))
        return Edit(user, when, self.ids)


@dataclass(frozen=True, slots=True)
class _Damaged:
    """The main course's versions that a restore is about."""

    good: tuple[str, str]
    shared: str
    bad: tuple[str, str]
    head: tuple[str, str]
    damage_at: dt.datetime


def build_sample(
    sql_url: str, mongo_url: str, database: str = "edxapp", *, now: dt.datetime, blocks: int = 60
) -> Sample:
    """
    Write the sample into two stores, as it stood at *now*; twice replaces what the first time wrote and nothing else.

    *blocks* is the size of the good course. All times lie before *now*; ObjectIds tell the same times.
    """
    if blocks < SMALLEST:
        raise DemoError(f"a sample course needs at least {SMALLEST} blocks, not {blocks}.")
    with open_studio(sql_url, mongo_url, database) as studio:
        create_tables(studio.engine, now=now)
        active = studio.database["modulestore.active_versions"]
        active.create_index([("org", 1), ("course", 1), ("run", 1)], unique=True)
        make_indexes(studio.database)
        forget_sample(studio)
        author, importer, admin = (
            _user(studio, name, now) for name in ("course_author", "second_author", "demo_admin")
        )
        clock = _Clock(now, Ids(int(now.timestamp())))
        _write_old(studio, clock, author)
        migrated = _write_migrated(studio, clock, author, importer)
        library = _write_library(studio, clock, author)
        damaged = _write_damaged(studio, clock, author, importer, blocks)
        return Sample(
            sql_url=sql_url,
            mongo_url=mongo_url,
            database=database,
            author_id=author,
            importer_id=importer,
            admin_id=admin,
            damage_at=damaged.damage_at,
            good_draft=damaged.good[0],
            good_published=damaged.good[1],
            good_history_id=_history_id(studio, damaged.good),
            shared_published=damaged.shared,
            bad_draft=damaged.bad[0],
            bad_published=damaged.bad[1],
            bad_history_id=_history_id(studio, damaged.bad),
            head_draft=damaged.head[0],
            head_published=damaged.head[1],
            migrated_good_draft=migrated[0],
            migrated_good_published=migrated[1],
            library_good=library[0],
            library_head=library[1],
        )


def _user(studio: Studio, name: str, now: dt.datetime) -> int:
    """Find or make an account that nobody can log in with."""
    found = sa.select(users.c.id).where(users.c.username == name)
    fields = {"username": name, "email": f"{name}@example.org", "password": "!", "first_name": "", "last_name": ""}
    with studio.engine.begin() as connection:
        if connection.execute(found).scalar() is None:
            rights = {"is_superuser": name == "demo_admin", "is_staff": True, "is_active": True}
            connection.execute(users.insert().values(**fields, **rights, date_joined=now - dt.timedelta(days=5300)))
        return int(connection.execute(found).scalar_one())


def _write_damaged(studio: Studio, clock: _Clock, author: int, importer: int, blocks: int) -> _Damaged:
    """Write the main course: about ten good operations, the import, and two edits of somebody in a hurry."""
    run = create_course(studio, keys.COURSE, _TITLE, clock.before(author, days=120))
    _upload(studio, clock, author)
    write_course(run, [clock.before(author, days=day) for day in (118, 117, 110, 96, 71, 60)], blocks)
    shared = str(run.published.id)
    rerun(run, keys.RERUN, clock.before(author, days=45))
    refresh(studio, keys.RERUN, clock.before(author, days=45).when)
    _rewrite(run, clock.before(author, days=6.2), "<p>Reading 1, revised: write the time down first.</p>")
    run.publish(clock.before(author, days=6.1), run.units()[:3])
    refresh(studio, keys.COURSE, run.published.edit.when)
    good = _pair(run)

    mistake = clock.before(importer, minutes=180)
    import_over(run, mistake, "Sandbox (import test)")
    for name in keys.REPLACED_ASSETS:
        save_asset(studio.database, keys.COURSE, name, b"from the sandbox\n" * 40, mistake.when, clock.ids)
    refresh(studio, keys.COURSE, mistake.when + dt.timedelta(seconds=30))
    bad = _pair(run)

    _rewrite(run, clock.before(author, minutes=131), "<p>Where is our course? Please do not change anything.</p>")
    run.begin(clock.before(author, minutes=104), "draft-branch")
    unit = next(key for key in run.draft.reachable() if key[0] == "vertical")
    run.draft.add(unit, "html", {"display_name": "PLEASE READ"}, {"data": "<p>We are looking into it.</p>"})
    run.commit("draft-branch")
    return _Damaged(good, shared, bad, _pair(run), mistake.when)


def _write_migrated(studio: Studio, clock: _Clock, author: int, importer: int) -> tuple[str, str]:
    """Write a course as the ledger's data migration left it: with versions, and without a single history row."""
    run = create_course(studio, keys.MIGRATED, "Runbooks, the pilot", clock.before(author, days=2300))
    write_course(run, [clock.before(author, days=day) for day in (2290, 2280, 2270, 2260, 2250, 2240)], 20)
    good = _pair(run)
    import_over(run, clock.before(importer, days=2100), "Sandbox (import test)")
    with studio.engine.begin() as connection:
        connection.execute(history.delete().where(history.c.course_id == keys.MIGRATED))
    refresh(studio, keys.MIGRATED, run.entry.last_update)
    return good


def _write_library(studio: Studio, clock: _Clock, author: int) -> tuple[str, str]:
    edits = [clock.before(author, days=day) for day in (200, 190, 150, 90, 1)]
    good, head = write_library(studio, keys.LIBRARY, "Question bank", edits)
    return str(good), str(head)


def _write_old(studio: Studio, clock: _Clock, author: int) -> None:
    """Write two courses from before the split modulestore, and the re-run that one of them got."""
    write_old_course(studio.database, keys.OLD_MONGO, "Old but loved", clock.before(author, days=4900).when)
    write_old_course(studio.database, keys.OLD_MONGO_ALONE, "Nobody moved this", clock.before(author, days=5200).when)
    run = create_course(studio, keys.OLD_RERUN, "Old but loved", clock.before(author, days=900))
    write_course(run, [clock.before(author, days=day) for day in range(890, 884, -1)], SMALLEST)
    refresh(studio, keys.OLD_RERUN, run.entry.last_update)


def _upload(studio: Studio, clock: _Clock, author: int) -> None:
    """Upload the course's files; one is large enough to need two chunks."""
    uploaded = clock.before(author, days=100).when
    pages = random.Random(101)  # noqa: S311  (filling, not secrets)
    for name in (*keys.KEPT_ASSETS, *keys.REPLACED_ASSETS):
        size = 300_000 if name == "week1_notes.pdf" else 4_000
        save_asset(studio.database, keys.COURSE, name, pages.randbytes(size), uploaded, clock.ids)


def _rewrite(run: CourseRun, edit: Edit, text: str) -> None:
    """Change the first reading of the draft."""
    run.begin(edit, "draft-branch")
    first: Key = next(key for key in run.draft.reachable() if key[0] == "html")
    run.draft.set_content(first, {"data": text})
    run.commit("draft-branch")


def _pair(run: CourseRun) -> tuple[str, str]:
    return run.entry.draft_version, run.entry.published_version


def _history_id(studio: Studio, pair: tuple[str, str]) -> int:
    """Find the history row that moved the main course to *pair*."""
    at_pair = (history.c.draft_version == pair[0]) & (history.c.published_version == pair[1])
    with studio.engine.connect() as connection:
        return int(connection.execute(sa.select(history.c.history_id).where(at_pair)).scalar_one())
