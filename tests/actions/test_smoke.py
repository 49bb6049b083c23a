"""Several pages asked at once."""

import pytest
from engine.workshop import Workshop

from rollbook.errors import SchemaError
from rollbook.targets.base import HttpResponse, TargetSpec
from rollbook.testing import FakeReaders, FakeSite

from .conftest import use
from .slow_site import SlowSite

GOOD = HttpResponse(200, {}, '{"hits": 3}', 0.02)
BAD = HttpResponse(502, {}, "Bad gateway", 0.01)


def _check(name: str, url: str, **wanted: object) -> dict[str, object]:
    return {"name": name, "url": url, **wanted}


def test_one_failure_fails_and_every_result_is_told() -> None:
    """What passed and what failed stands in the message and in what was seen, in the order of the checks."""
    read = FakeReaders({"site": FakeSite(pages={"/": GOOD, "/search": GOOD, "/api": BAD})})
    checks = [_check("Home", "/"), _check("API", "/api"), _check("Search", "/search", json={"hits": 0})]

    outcome = use("http.smoke", checks=checks, timeout="0s").probe(read)

    assert not outcome.passed
    head, home, api, search = outcome.message.splitlines()
    assert head == "1 of 3 checks passed, FAILED: API, Search"
    assert home.startswith("ok     Home")
    assert api.startswith("FAILED API")
    assert "status 502, wanted 200" in api
    assert "hits is 3, wanted 0" in search
    assert [result["passed"] for result in outcome.seen["checks"].values()] == [True, False, False]


def test_they_are_asked_at_the_same_time(slow_site: SlowSite) -> None:
    """While one page is slow, the others are asked already."""
    checks = [_check(f"page {number}", f"/{number}") for number in range(5)]

    outcome = use("http.smoke", checks=checks, timeout="5s").probe(slow_site.read)

    assert outcome.passed
    assert slow_site.most_at_once == 5


def test_names_are_needed_and_differ() -> None:
    """A check without a name, or with that of another, is refused."""
    for checks in ([], [_check("", "/")], [_check("a", "/"), _check("a", "/b")]):
        with pytest.raises(SchemaError, match=r"at least one|the name|twice: a"):
            use("http.smoke", checks=checks)


def test_a_failed_step_keeps_every_result(slow_site: SlowSite, tmp_path: object) -> None:
    """The journal and the report of a failed run hold what each page said."""
    workshop = Workshop(tmp_path, targets={"site": TargetSpec("site", "http", {"base_url": slow_site.url})})  # type: ignore[arg-type]  # a path
    checks = "[{name: Home, url: /}, {name: Gone, url: /missing}]"
    workshop.write(
        "smoke",
        f"targets: {{site: {{}}}}\nsteps:\n  - id: s\n    name: Smoke\n    http.smoke: {{checks: {checks}, timeout: 0s}}\n",
    )

    run = workshop.run("smoke")

    assert run.status == "failed"
    assert "ok     Home" in run.steps[0].error
    assert run.steps[0].outputs["seen"]["checks"]["Gone"]["status"] == 404


def test_the_same_checks_before_and_after_are_compared() -> None:
    """A look beforehand stops nothing; afterwards each check says how it was, and one that failed still fails the step."""
    pages = {"/a": [BAD, GOOD], "/b": [GOOD], "/c": [GOOD, BAD], "/d": [BAD]}
    read = FakeReaders({"site": FakeSite(pages=pages)})
    checks = [_check(name.upper(), f"/{name}") for name in "abcd"]
    looking = use("http.smoke", checks=checks, timeout="0s", only_look=True)

    before = looking.probe(read)
    given = looking.outputs(before, ())["seen"]["checks"]
    asked = [*checks, _check("E", "/b")]
    after = use("http.smoke", checks=asked, timeout="0s", before=given).probe(read)

    assert (before.passed, after.passed) == (True, False)
    head, *lines = after.message.splitlines()
    assert head == "3 of 5 checks passed, 2 before, FAILED: C, D"
    assert [line.rpartition("; ")[2] for line in lines] == [
        "FAILED before",
        "as before",
        "it was well before",
        "FAILED before, too",
        "not asked before",
    ]
