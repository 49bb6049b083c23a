"""Django's own tables keep their rules when rows are carried over."""

from pathlib import Path
from typing import Any

import pytest
from databases import script

from rollbook.postgres.names import Name
from rollbook.postgres.rules import rules_with
from rollbook.targets.postgres.carry import Errand, Sources, carry
from rollbook.targets.postgres.exporting import Exports

pytestmark = pytest.mark.server
_DJANGO = """
    CREATE TABLE django_migrations (id serial PRIMARY KEY, app text NOT NULL, name text NOT NULL);
    CREATE TABLE django_content_type (id serial PRIMARY KEY, app_label text NOT NULL, model text NOT NULL, UNIQUE (app_label, model));
    CREATE TABLE auth_permission (id serial PRIMARY KEY, name text NOT NULL, content_type_id int NOT NULL REFERENCES django_content_type,
        codename text NOT NULL, UNIQUE (content_type_id, codename));
    CREATE TABLE auth_user (id serial PRIMARY KEY, name text);
    CREATE TABLE auth_user_user_permissions (id serial PRIMARY KEY, user_id int NOT NULL REFERENCES auth_user,
        permission_id int NOT NULL REFERENCES auth_permission, UNIQUE (user_id, permission_id));
    CREATE TABLE django_session (session_key text PRIMARY KEY, session_data text NOT NULL);
    CREATE TABLE django_admin_log (id serial PRIMARY KEY, what text, content_type_id int REFERENCES django_content_type);
    INSERT INTO django_migrations (app, name) VALUES ('blog', '0001');
    INSERT INTO django_content_type (app_label, model) VALUES ('blog', 'post'), ('channels', 'channel'), ('auth', 'user');
    INSERT INTO auth_permission (name, content_type_id, codename) VALUES ('p', 1, 'add_post'), ('c', 2, 'add_channel');
    INSERT INTO auth_user (name) VALUES ('ada'), ('bob');
    INSERT INTO django_session VALUES ('k1', 'old'), ('k2', 'old')"""
_MIGRATED = """
    INSERT INTO django_migrations (app, name) VALUES ('channels', '0002_delete');
    DELETE FROM auth_permission WHERE content_type_id = 2; DELETE FROM django_content_type WHERE id = 2"""
# Each side numbers what its migration makes by itself.
_THERE = "INSERT INTO django_content_type VALUES ({0}, 'news', 'article'); INSERT INTO auth_permission VALUES ({0}, 'n', {0}, 'add_article')"


def site(trio: Any, *users: str) -> Sources:
    for url in (trio.live, trio.base, trio.restored):
        script(url, _DJANGO)
    for url, number in ((trio.live, 12), (trio.base, 11)):
        script(url, _MIGRATED, _THERE.format(number))
    script(trio.live, *users)
    return Sources(trio.live, trio.restored, trio.base)


def both_passes(sources: Sources, **given: Any) -> Any:
    carry(sources, final=False, **given)
    return carry(sources, final=True, **given)


def test_what_the_schema_says_stays_and_what_users_point_at_comes(trio: Any) -> None:
    """Migrations are the backup's; of content types and permissions only what carried rows point at is brought in."""
    sources = site(
        trio,
        "INSERT INTO django_content_type VALUES (13, 'other', 'thing')",
        "INSERT INTO auth_user_user_permissions (user_id, permission_id) VALUES (1, 12)",
        "INSERT INTO django_admin_log (what, content_type_id) VALUES ('made', 12), ('user', 3)",
    )

    done = both_passes(sources)

    assert done.conflicts == 0
    assert script(trio.restored, "SELECT app, name FROM django_migrations") == [("blog", "0001")]
    types = script(trio.restored, "SELECT id, app_label, model FROM django_content_type ORDER BY 1")
    assert types == [(1, "blog", "post"), (2, "channels", "channel"), (3, "auth", "user"), (12, "news", "article")]
    assert script(trio.restored, "SELECT codename FROM auth_permission ORDER BY id") == [
        ("add_post",),
        ("add_channel",),
        ("add_article",),
    ]
    assert script(trio.restored, "SELECT user_id, permission_id FROM auth_user_user_permissions") == [(1, 12)]
    assert script(trio.restored, "SELECT what, content_type_id FROM django_admin_log ORDER BY 1") == [
        ("made", 12),
        ("user", 3),
    ]


def test_ids_that_clash_are_mapped_by_what_they_mean(trio: Any) -> None:
    """An id that names another row in the backup, or a row that the backup knows by another id, is translated."""
    sources = site(
        trio,
        # The removed model comes back under a new id, and an id of the backup's is used for something else.
        "INSERT INTO django_content_type VALUES (20, 'channels', 'channel'), (2, 'tags', 'tag')",
        "INSERT INTO auth_permission VALUES (21, 'c', 20, 'add_channel')",
        "INSERT INTO auth_user_user_permissions (user_id, permission_id) VALUES (2, 21)",
        "INSERT INTO django_admin_log (what, content_type_id) VALUES ('channel', 20), ('tag', 2)",
    )

    done = both_passes(sources)

    assert done.conflicts == 0
    named = "SELECT l.what, t.app_label FROM django_admin_log l JOIN django_content_type t ON t.id = l.content_type_id ORDER BY 1"
    assert script(trio.restored, named) == [("channel", "channels"), ("tag", "tags")]
    allowed = (
        "SELECT p.id, p.codename FROM auth_user_user_permissions u JOIN auth_permission p ON p.id = u.permission_id"
    )
    assert script(trio.restored, allowed) == [(2, "add_channel")]
    assert script(trio.restored, "SELECT id FROM django_content_type WHERE app_label = 'channels'") == [(2,)]


def test_what_no_row_points_at_any_more_is_gone_again(trio: Any) -> None:
    """A row that the first pass brought in for somebody leaves with them in the second."""
    sources = site(trio, "INSERT INTO auth_user_user_permissions (user_id, permission_id) VALUES (1, 12)")

    carry(sources, final=False)
    script(trio.live, "DELETE FROM auth_user_user_permissions")
    carry(sources, final=True)

    assert script(trio.restored, "SELECT count(*) FROM django_content_type WHERE app_label = 'news'") == [(0,)]
    assert script(trio.restored, "SELECT count(*) FROM auth_permission") == [(2,)]


def test_sessions_are_the_users(trio: Any) -> None:
    """Sessions are live's, also where the policy lets the backup win."""
    sources = site(
        trio,
        "UPDATE django_session SET session_data = 'new' WHERE session_key = 'k1'",
        "INSERT INTO django_session VALUES ('k3', 'x')",
    )
    script(trio.base, "UPDATE django_session SET session_data = 'migrated' WHERE session_key = 'k1'")

    both_passes(sources)

    found = script(trio.restored, "SELECT session_key, session_data FROM django_session ORDER BY 1")
    assert found == [("k1", "new"), ("k2", "old"), ("k3", "x")]


def test_a_runbook_may_rule_otherwise(trio: Any) -> None:
    """A rule of the runbook goes before Django's."""
    sources = site(trio, "INSERT INTO auth_user (name) VALUES ('new')", "DELETE FROM django_session")

    both_passes(sources, rules=rules_with({"auth_user": "leave", "django_session": "leave"}))

    assert script(trio.restored, "SELECT count(*) FROM auth_user") == [(2,)]
    assert script(trio.restored, "SELECT count(*) FROM django_session") == [(2,)]


def test_a_pass_tells_and_exports(trio: Any, tmp_path: Path) -> None:
    """Counts per table, files with their checksums, and tables that only live has come with the pass."""
    sources = site(
        trio,
        "CREATE TABLE extra (id int PRIMARY KEY, t text)",
        "INSERT INTO extra VALUES (1, 'a,b')",
        "DELETE FROM auth_user WHERE id = 2",
    )
    exports = Exports(tmp_path / "out")

    done = carry(sources, final=True, errand=Errand(exports=exports))

    assert done.only_live == (Name("public", "extra"),)
    assert done.told.differing["auth_user"].deleted == 1
    (made,) = done.told.exported
    path = Path(made.path)
    assert (made.rows, path.read_text(), path.stat().st_mode & 0o777) == (1, 'id,t\n1,"a,b"\n', 0o600)


def test_a_model_that_the_migration_renamed_is_the_one_of_before(trio: Any) -> None:
    """Rows that point at its content type point at the backup's, under its old name, and no type of the new one comes."""
    for url in (trio.live, trio.base, trio.restored):
        script(url, _DJANGO)
    for url in (trio.live, trio.base):
        script(url, "UPDATE django_content_type SET model = 'room' WHERE id = 2")
    script(
        trio.live,
        "INSERT INTO django_admin_log (what, content_type_id) VALUES ('made', 2)",
        "INSERT INTO auth_user_user_permissions (user_id, permission_id) VALUES (1, 2)",
    )

    both_passes(Sources(trio.live, trio.restored, trio.base))

    types = script(trio.restored, "SELECT id, app_label, model FROM django_content_type ORDER BY 1")
    assert types == [(1, "blog", "post"), (2, "channels", "channel"), (3, "auth", "user")]
    assert script(trio.restored, "SELECT what, content_type_id FROM django_admin_log") == [("made", 2)]
    assert script(trio.restored, "SELECT user_id, permission_id FROM auth_user_user_permissions") == [(1, 2)]
