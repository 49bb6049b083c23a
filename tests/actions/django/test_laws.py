"""Every kind of this system keeps the laws, on a fake site."""

from functools import partial

import pytest

from rollbook.testing import Case, Law, law_id, laws_of
from rollbook.values import Plain

from .fake_site import FORTH, world

FITS = {"tables": [], "columns": [], "required": [], "models": 4}
LACKS = {"tables": ["channels_post"], "columns": ["a.b"], "required": [], "models": 4}

DOOMED = {
    "pending": ["one.0004"],
    "operations": [
        {"app": "one", "migration": "0004", "operation": "DeleteModel", "location": "/site/one/0004.py:7",
         "deeds": [{"deed": "drop_table", "table": "one_thing"}]},
        {"app": "one", "migration": "0004", "operation": "RunSQL", "location": "",
         "deeds": [{"deed": "sql", "text": "UPDATE a SET b = 1; DO $$ x $$", "parameters": False}]},
        {"app": "one", "migration": "0004", "operation": "AlterField", "location": "",
         "deeds": [{"deed": "alter_column", "table": "a", "column": "c", "old": "varchar(9)", "new": "varchar(3)",
                    "was_null": True, "null": False}]},
    ],
    "vendor": "postgresql",
    "places": {},
    "database": "site",
}  # fmt: skip
HALF = {
    "pending": ["one.0004"],
    "operations": [
        {"app": "one", "migration": "0004", "operation": "DeleteModel", "location": "",
         "deeds": [{"deed": "drop_table", "table": "one_thing"}], "forwards": ["DROP TABLE one_thing"],
         "behind": [{"sql": "CREATE INDEX i", "table": "one_thing", "name": "i"}],
         "backwards": ["CREATE TABLE one_thing"]},
        {"app": "one", "migration": "0004", "operation": "AddField", "location": "",
         "deeds": [{"deed": "add_column", "table": "a", "column": "b"}], "forwards": ["ALTER TABLE a"],
         "behind": [], "backwards": [], "irreversible": True},
    ],
    "ends": {"one.0004": {"forwards": [{"sql": "ALTER TABLE a ADD KEY", "table": "a", "name": "k"}], "backwards": []}},
    "catalog": {"a": {"columns": {"x": True}, "names": ["PRIMARY"]}},
    "vendor": "mysql",
    "database": "site",
}  # fmt: skip
NONE_DOOMED = {"pending": [], "operations": [], "vendor": "mysql", "places": {}, "database": "site"}


def _case(name: str, kind: str, arguments: dict[str, Plain], applied: int = 0, **given: Plain) -> Case:
    return Case(f"{kind}: {name}", kind, arguments, partial(world, FORTH[:applied], **given))


CASES = [
    _case("all", "django.migrate", {}),
    _case("the rest", "django.migrate", {}, 2),
    _case("nothing left", "django.migrate", {}, 5),
    _case("forwards, all of it reversible", "django.migrate", {"app": "one", "to": "0003"}, 1),
    _case("backwards", "django.migrate", {"app": "one", "to": "0001"}, 4),
    _case("to the beginning", "django.migrate", {"app": "one", "to": "zero"}, 4),
    _case("pending", "django.showmigrations", {}, 3),
    _case("none pending", "django.showmigrations", {"app": "one"}, 5),
    _case("some doomed", "django.pending", {}, answers=DOOMED),
    _case("none pending", "django.pending", {"app": "one", "to": "0004"}, answers=NONE_DOOMED),
    _case("files alone", "django.pending", {"files": ["/site/a.sql"], "dialect": "mysql"}, files=("/site/a.sql",)),
    _case("half", "django.half_applied", {}, answers=HALF),
    _case("none begun", "django.half_applied", {"app": "one"}, answers={**NONE_DOOMED, "ends": {}, "catalog": {}}),
    _case("fits", "django.fits", {}, answers=FITS),
    _case("lacks", "django.fits", {"allow": ["a.*"]}, answers=LACKS),
    _case(
        "used", "django.uses", {"tables": ["one_thing"]}, answers={"tables": ["one_thing"], "columns": [], "models": 4}
    ),
    _case("nothing asked", "django.uses", {}),
    _case("well", "django.check", {"deploy": True, "databases": True, "tags": ["models"]}),
    _case("no way to tell", "django.manage", {"run": ["work"]}),
    _case("unless, not so", "django.manage", {"run": ["work"], "unless": ["look"]}),
    _case("unless, so", "django.manage", {"run": ["work"], "unless": ["look"]}, files=("/site/done",)),
    _case("creates", "django.manage", {"run": ["work"], "creates": "/site/done"}),
]


@pytest.mark.parametrize(("case", "law"), laws_of(CASES), ids=law_id)
def test_laws(case: Case, law: Law) -> None:
    """A kind keeps each law."""
    law(case)
