"""Every kind of this system keeps the laws, on real stores."""

import os
import re
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, fields
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from bson import encode as bson_encode

from rollbook.demo.sample import Sample, build_sample
from rollbook.demo.tables import history, ledger
from rollbook.openedx.pointers import Pointers
from rollbook.ops import Op, OpResult
from rollbook.registry import BUILTINS, action_type
from rollbook.testing import LAWS, Case, FakeWorld, Law, law_id

from .site import Site, open_site

pytestmark = pytest.mark.server


@dataclass(frozen=True, slots=True)
class Use:
    """One use of a kind on the sample; `{good}`, `{head}` and `{folder}` in its arguments are filled in."""

    name: str
    kind: str
    arguments: Mapping[str, Any]
    happened: Callable[[Site], object] = lambda _site: None

    def filled(self, value: Any, known: Mapping[str, str]) -> Any:
        """Fill in what is known of the sample."""
        return value.format(**known) if isinstance(value, str) else value


def _revert(site: Site) -> None:
    site.sample.admin_revert(site.sample.good_history_id)


def _prune(site: Site) -> None:
    site.sample.prune(retain=0)


COURSE = {"course_id": "{course}"}
GOOD = {"version": "{good}"}
SITE = {**COURSE, **GOOD}
USES = [
    Use("to a good version", "openedx.course_version", SITE),
    Use("at it already", "openedx.course_version", {**COURSE, "version": "{head}"}),
    Use("after a half-way revert", "openedx.course_version", {**SITE, "trust": "ledger"}, _revert),
    Use("the other way round", "openedx.course_version", {**COURSE, "version": "{head}", "trust": "ledger"}, _revert),
    Use("plain", "openedx.course_key", COURSE),
    Use("plain", "openedx.versions", COURSE),
    Use("after pruning", "openedx.versions", COURSE, _prune),
    Use("whole", "openedx.completeness", SITE),
    Use("pruned", "openedx.completeness", SITE, _prune),
    Use("plain", "openedx.difference", SITE),
    Use("pruned", "openedx.difference", SITE, _prune),
    Use("none", "openedx.prune_plans", GOOD),
    Use("plain", "openedx.assets", {**COURSE, "since": "2020-01-01T00:00:00Z"}),
    Use("plain", "openedx.snapshot", {**SITE, "folder": "{folder}/snapshot"}),
    Use("plain", "openedx.export", {**SITE, "folder": "{folder}/export"}),
    Use("nothing gone", "openedx.structures_restore", {**GOOD, "structures": "{dump}"}),
    Use("pruned", "openedx.structures_restore", {**GOOD, "structures": "{dump}"}, _prune),
    Use("plain", "openedx.stores_agree", COURSE),
    Use("plain", "openedx.refreshed", {**COURSE, "within": "0s"}),
    Use("plain", "openedx.old_mongo", {}),
]


class RealWorld(FakeWorld):
    """The laws' world, made of real stores and a folder."""

    def __init__(self, site: Site, folder: Path) -> None:
        super().__init__()
        self.site = site
        self.folder = folder
        self.read = site.read  # type: ignore[assignment]  # has what the laws use

    def carry_out(self, *ops: Op) -> tuple[OpResult, ...]:
        """Carry out *ops* with what a run knows."""
        return tuple(self.site.carry_out(ops))

    def contents(self) -> object:
        """Give what the laws compare."""
        with self.site.sample.open() as studio, studio.engine.connect() as connection:
            rows = [connection.execute(table.select()).all() for table in (ledger, history)]
            active = list(studio.database["modulestore.active_versions"].find().sort("_id"))
            counts = [
                studio.database[f"modulestore.{name}"].count_documents({}) for name in ("structures", "definitions")
            ]
        return rows, active, counts, sorted(self.folder.rglob("*"))


@dataclass(frozen=True, slots=True)
class Stores:
    """A sample that can be put back as it was, which is faster than building it anew."""

    sample: Sample
    ledger: Path
    pristine: bytes
    documents: Mapping[str, list[dict[str, object]]]
    dump: Path

    def reset(self) -> None:
        """Put both stores back."""
        self.ledger.write_bytes(self.pristine)
        with self.sample.open() as studio:
            for name, found in self.documents.items():
                studio.database[name].delete_many({})
                studio.database[name].insert_many(found)


@pytest.fixture(scope="module")
def stores(mongo_url: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stores]:
    """Build the sample once."""
    folder = tmp_path_factory.mktemp("laws")
    ledger_file, name = folder / "ledger.sqlite", f"laws_{os.getpid()}"
    sample = build_sample(f"sqlite:///{ledger_file}", mongo_url, name, now=datetime.now(UTC))
    with sample.open() as studio:
        names = [f"modulestore.{part}" for part in ("active_versions", "structures", "definitions")]
        documents = {name: list(studio.database[name].find()) for name in names}
        (folder / "structures.bson").write_bytes(b"".join(map(bson_encode, documents["modulestore.structures"])))
        yield Stores(sample, ledger_file, ledger_file.read_bytes(), documents, folder / "structures.bson")
        studio.database.client.drop_database(name)


@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize("use", USES, ids=lambda use: f"{use.kind}: {use.name}")
def test_laws(use: Use, law: Law, stores: Stores, tmp_path: Path) -> None:
    """A kind keeps each law."""
    sample, folder = stores.sample, tmp_path / "written"
    known = {
        "course": sample.course_id,
        "good": str(Pointers(sample.good_draft, sample.good_published)),
        "head": str(Pointers(sample.head_draft, sample.head_published)),
        "folder": str(folder),
        "dump": str(stores.dump),
    }
    with ExitStack() as opened:

        def world() -> FakeWorld:
            stores.reset()
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir()
            site = opened.enter_context(open_site(sample))
            use.happened(site)
            return RealWorld(site, folder)

        law(Case(use.name, use.kind, {name: use.filled(value, known) for name, value in use.arguments.items()}, world))


def test_every_kind_can_be_done_by_hand() -> None:
    """Each kind of this system says how a person does it, with placeholders that are its own arguments."""
    for kind in (kind for kind in BUILTINS if kind.startswith("openedx.")):
        action = action_type(kind)
        placeholders = set(re.findall(r"<([a-z_]+)>", action.by_hand))
        assert action.by_hand.strip(), kind
        assert placeholders <= {part.name for part in fields(action)}, kind
