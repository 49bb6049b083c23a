"""A final pass that does not stand any more when the swap comes: it is carried again, behind the fence, in the same run."""

from contextlib import nullcontext
from pathlib import Path

import psycopg
import pytest
from databases import script

from actions.conftest import use
from rollbook.errors import Overtaken
from rollbook.run import Run
from rollbook.targets.postgres import swapping
from rollbook.targets.postgres.carry import Sources
from rollbook.targets.postgres.carry import carry as carry_pass

from .conftest import Site
from .desk import GoingBack

pytestmark = pytest.mark.server


@pytest.fixture
def desk(site: Site, tmp_path: Path) -> GoingBack:
    """Give a run that stopped between its final pass and its swap."""
    made = GoingBack(tmp_path, site)
    made.write()
    code, said = made.type(*made.go(), "--until", "final")
    assert code == 3, said
    return made


def starts(run: Run) -> dict[str, int]:
    return {step.address: len(step.starts) for step in run.steps}


def titles(site: Site) -> set[str]:
    return {title for (title,) in script(site.url(), "SELECT title FROM book")}


def test_counters_that_began_anew_let_the_pass_come_again_at_once(desk: GoingBack) -> None:
    """Where nobody did anything, one resume carries the final pass again and swaps; it asks nobody."""
    desk.site.admin(f"SELECT pg_stat_reset() -- {desk.site.live}", database=desk.site.live)

    code, said = desk.type("resume", "last")

    run = desk.last()
    assert (code, run.status) == (0, "succeeded"), said
    assert starts(run) == {"first": 1, "fence": 1, "final": 2, "swap": 2, "open": 1}
    assert "final must come again before swap" in [event.text for event in run.events]
    assert {"edited", "new one", "t7"} <= titles(desk.site)


def test_what_was_written_past_the_fence_is_carried_by_a_resume(desk: GoingBack) -> None:
    """Who let the fence down is told that rows came; the next resume puts it up again and carries them."""
    site = desk.site
    site.admin(f"ALTER ROLE {site.app} LOGIN")
    script(site.url(user=site.app), "INSERT INTO book (shelf, title) VALUES (1, 'past the fence')")

    code, said = desk.type("resume", "last")
    failed, inside = desk.last(), psycopg.connect(site.url(user=site.app))
    again, said_again = desk.type("resume", "last", "--yes")

    assert code == 1, said
    assert "was written to since the final pass began: public.book" in said
    step = failed.step("swap")
    assert step is not None
    assert step.again == ("fence", "final")
    run = desk.last()
    assert (again, run.status) == (0, "succeeded"), said_again
    assert starts(run) == {"first": 1, "fence": 2, "final": 2, "swap": 2, "open": 1}
    assert "past the fence" in titles(site)
    with pytest.raises(psycopg.OperationalError):
        inside.execute("SELECT 1")
    code, said = desk.type("undo", "last", "--yes")
    assert code == 0, said
    psycopg.connect(site.url(user=site.app)).close()
    assert "past the fence" in titles(site)


def test_rows_without_a_key_that_came_past_the_fence_say_the_way_on(site: Site, tmp_path: Path) -> None:
    """They are carried once only: who reads so is told to go back in a new run, and the undo lets everybody in again."""
    for name in site.names:
        script(site.url(name), f"CREATE TABLE hit (page text); GRANT ALL ON hit TO {site.app}")
    script(site.url(user=site.app), "INSERT INTO hit VALUES ('before')")
    desk = GoingBack(tmp_path, site)
    desk.write()
    desk.type(*desk.go(), "--until", "final")
    site.admin(f"ALTER ROLE {site.app} LOGIN")
    script(site.url(user=site.app), "INSERT INTO hit VALUES ('past the fence')")
    desk.type("resume", "last")

    code, said = desk.type("resume", "last", "--yes")

    assert code == 1
    told = " ".join(said.split())
    assert "hit has no key, and live was written to after the final pass" in told
    assert "Undo this run, which lets everybody in again, and go back in a new one" in told
    undone, said = desk.type("undo", "last", "--yes")
    assert undone == 0, said
    assert script(site.url(user=site.app), "SELECT page FROM hit ORDER BY 1") == [("before",), ("past the fence",)]


def test_what_is_undone_instead_leaves_no_fence(desk: GoingBack) -> None:
    """A run whose pass was overtaken may be taken back as well, from wherever it stands."""
    site = desk.site
    site.admin(f"ALTER ROLE {site.app} LOGIN")
    script(site.url(user=site.app), "INSERT INTO book (shelf, title) VALUES (1, 'past the fence')")
    code, _ = desk.type("resume", "last")

    undone, said = desk.type("undo", "last", "--yes", "--answer", "undo/fence/sure=yes")

    assert (code, undone) == (1, 0), said
    assert site.admin(
        f"SELECT shobj_description(oid, 'pg_database') FROM pg_database WHERE datname = '{site.live}'"
    ) == [(None,)]
    psycopg.connect(site.url(user=site.app)).close()
    assert "past the fence" in titles(site)


@pytest.mark.parametrize("opened", [False, True])
def test_what_was_proved_stays_so_while_nobody_opens_the_databases(
    site: Site, monkeypatch: pytest.MonkeyPatch, opened: bool
) -> None:
    """Cut off between proof and names, counters lost: closed databases prove it still; else the pass comes again."""
    live, restored, base = site.names
    carry = use("postgres.carry", restored=restored, base=base, folder="unused", final=True, run="r1")
    machine, action = site.machine(), use("postgres.swap", incoming=restored, kept=f"{live}_kept", run="r1")
    carry_pass(Sources(*map(site.url, site.names)), final=False)
    machine.apply(carry)
    ops = action.ops(action.probe(machine.read), action.desired(action.probe(machine.read)))

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(swapping, "_rename", cut_off)
        patch.setattr(swapping, "open_on_failure", lambda *_: nullcontext())
        with pytest.raises(KeyboardInterrupt):
            machine.carry_out(*ops)
    site.admin("SELECT pg_stat_reset_shared('bgwriter')")
    if opened:
        for word in ("true", "false"):
            site.admin(*(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {word}" for name in site.names[:2]))
    with pytest.raises(Overtaken, match="nothing proves") if opened else nullcontext():
        site.machine().carry_out(*ops)

    if opened:
        script(site.url(), "INSERT INTO book (shelf, title) VALUES (1, 'late')")
        machine.apply(carry)
        site.machine().carry_out(*ops)
        assert "late" in titles(site)
    assert action.probe(site.machine().read).swapped
    assert script(site.url(), "SELECT to_regnamespace('rollbook')") == [(None,)]


def test_a_swap_that_was_cut_off_after_the_names_leaves_nothing(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Killed before the ledger is dropped, both the next attempt and the way back drop it."""
    machine, action = site.machine(), use("postgres.swap", incoming=site.names[1], kept=f"{site.live}_kept", run="r1")
    machine.apply(
        use("postgres.carry", restored=site.names[1], base=site.names[2], folder="unused", final=True, run="r1")
    )
    before = action.probe(machine.read)
    ops, left = action.ops(before, action.desired(before)), "SELECT to_regclass('rollbook.passes') IS NOT NULL"

    def cut_off(*_: object) -> None:
        raise KeyboardInterrupt

    for way_on in (ops, ()):
        with monkeypatch.context() as patch:
            patch.setattr(swapping, "forget_passes", cut_off)
            with pytest.raises(KeyboardInterrupt):
                machine.carry_out(*ops)
        assert script(site.url(), left) == [(True,)]
        machine.carry_out(*way_on)
        machine.carry_out(*action.ops(action.probe(machine.read), before))
        assert [script(site.url(name), left) for name in site.names[:2]] == [[(False,)]] * 2


def test_a_pass_that_was_overtaken_is_no_pass_any_more(site: Site) -> None:
    """A probe of the step does not take it for carried through, and another pass begins from what it left."""
    live, restored, base = site.names
    carry = use("postgres.carry", restored=restored, base=base, folder="unused", final=True, run="r1")
    machine = site.machine()
    machine.apply(carry)
    site.admin("INSERT INTO book (shelf, title) VALUES (1, 'late')", database=live)

    with pytest.raises(Overtaken) as caught:
        machine.apply(use("postgres.swap", incoming=restored, run="r1"))

    assert caught.value.things[1] == ("pass", f"{restored} True 1")
    assert not caught.value.blameless
    assert not carry.probe(machine.read).carried
    machine.apply(carry)
    machine.apply(use("postgres.swap", incoming=restored, run="r1"))
    assert "late" in titles(site)
