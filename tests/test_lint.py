"""Lint: each rule finds what it is for, once, at its place, and nothing else in its bad file."""

import json
from pathlib import Path

import pytest

from rollbook.library import Library
from rollbook.lint import RULES, UNREADABLE, Finding, lint_file
from rollbook.lint.order import unapproved
from rollbook.values import Plain

BAD = Path(__file__).parent / "lint"
CODES = (UNREADABLE, *(rule.code for rule in RULES))


def found_in(path: Path) -> tuple[Finding, ...]:
    return lint_file(path, Library(path.parent, stock=False))


def write(folder: Path, name: str, text: str) -> Path:
    path = folder / f"{name}.yml"
    path.write_text(text)
    return path


def runbook(body: str) -> str:
    return f"runbook: book\ntitle: Do it\nowner: ops\nsummary: For a test.\n{body}"


@pytest.mark.parametrize("code", CODES)
def test_every_rule_finds_its_bad_file(code: str) -> None:
    """The bad file of a rule breaks that rule and no other."""
    found = found_in(BAD / f"{code.lower()}.yml")

    assert {finding.code for finding in found} == {code}, "\n".join(map(str, found))


def test_codes_are_numbered_without_gaps() -> None:
    """A code is given once; none is skipped, so a removed one would be seen."""
    assert [f"RB{number:03}" for number in range(1, len(RULES) + 1)] == [rule.code for rule in RULES]


def test_a_clean_runbook_has_no_findings(tmp_path: Path) -> None:
    """A runbook that keeps to the rules is silent."""
    path = write(
        tmp_path,
        "book",
        runbook(
            """
inputs: {name: {type: text, help: "which one"}}
targets: {site: http}
lock: "site {{ inputs.name }}"
steps:
  - id: agree
    name: Ask whether it may begin
    human.confirm: {text: "Begin with {{ inputs.name }}?"}
  - id: put
    name: Put the file in place
    shell.run: {command: [touch, "{{ inputs.name }}"], creates: /srv/x}
    undo: {refuse: the old file is not kept by this system}
  - id: seen
    name: See that the site answers
    http.check: {url: /}
"""
        ),
    )

    assert found_in(path) == ()


def test_a_finding_prints_its_place_and_code(tmp_path: Path) -> None:
    """A finding is one line of place, code, severity and words, then the source line with a caret."""
    path = write(
        tmp_path, "book", runbook("inputs: {name: text}\nsteps:\n- {id: a, name: Ask it now, human.task: {text: x}}\n")
    )

    (found,) = found_in(path)

    assert str(found).splitlines() == [
        f"{path}:5:10: RB010 warning: the input name is used nowhere",
        "    inputs: {name: text}",
        "             ^",
    ]


@pytest.mark.parametrize("text", ["AKIAABCDEFGHIJKLMNOP", "-----BEGIN RSA PRIVATE KEY-----", "redis://u:hunter22@h/0"])
def test_the_line_of_a_secret_is_not_shown(tmp_path: Path, text: str) -> None:
    """What looks like a secret is reported by place only, in runbooks and inventories."""
    body = f"steps:\n- {{id: a, name: Ask it now, human.task: {{text: {json.dumps(text)}}}}}\n"
    path = write(tmp_path, "book", runbook(body))

    found = found_in(path)

    assert [finding.code for finding in found] == ["RB015"]
    assert text not in "".join(map(str, found))


@pytest.mark.parametrize("value", ['{secret: "env:TOKEN"}', '"{{ vars.token }}"', '""'])
def test_a_secret_by_reference_is_no_finding(tmp_path: Path, value: str) -> None:
    """References, expressions and empty texts may stand where a secret belongs."""
    body = f"""steps:
- id: a
  name: List the files
  shell.run: {{command: [ls], effect: read, environment: {{API_TOKEN: {value}}}}}
  undo: {{leave: it only looks}}
"""

    assert [finding.code for finding in found_in(write(tmp_path, "book", runbook(body)))] == []


def test_an_inventory_is_linted_too(tmp_path: Path) -> None:
    """A literal password in a variable of an inventory is found."""
    path = write(tmp_path, "home", "environment: home\nvars: {mail_password: hunter22}\n")

    (found,) = found_in(path)

    assert (found.code, found.problem.line) == ("RB015", 2)
    assert "hunter22" not in str(found)


def test_an_approval_before_makes_an_irreversible_step_good(tmp_path: Path) -> None:
    """Its own `approve:` is as good as a question before it."""
    body = """lock: one
steps:
- id: drop
  name: Take it away for good
  approve: [lead]
  shell.run: {command: [rm, x], effect: idempotent}
  undo: {refuse: the file is gone for good}
  verify: [{assert.that: {that: true}}]
"""

    assert found_in(write(tmp_path, "book", runbook(body))) == ()


@pytest.mark.parametrize(
    ("close", "open_", "codes"),
    [
        ("downtime: begins\n  site: down", None, ()),
        ("downtime: begins", None, ("RB012",)),
        ("downtime: begins\n  site: down", "site: up", ("RB012",)),
        (None, "downtime: ends\n  site: up", ()),
        (None, "downtime: ends", ("RB012",)),
    ],
)
def test_a_runbook_may_close_the_site_and_another_open_it(
    tmp_path: Path, close: str | None, open_: str | None, codes: tuple[str, ...]
) -> None:
    """What is left down on purpose says so at its last change, and what only opens it says that it is up."""
    flag = "service.maintenance: {flag: /srv/closed, active: %s}\n  verify: [{assert.that: {that: true}}]\n"
    steps = [(name, active, keys) for name, active, keys in (("c", "true", close), ("o", "false", open_)) if keys]
    body = "lock: one\nsteps:\n" + "".join(
        f"- id: {name}\n  name: Do it\n  {flag % active}  {keys}\n" for name, active, keys in steps
    )

    assert tuple(one.code for one in found_in(write(tmp_path, "book", runbook(body)))) == codes


def test_every_problem_of_an_unreadable_file_is_a_finding(tmp_path: Path) -> None:
    """YAML that cannot be read, and a file that is not there, are findings and no exceptions."""
    broken = write(tmp_path, "book", "runbook: book\nruns: [\n")

    assert [finding.code for finding in found_in(broken)] == [UNREADABLE]
    assert [finding.code for finding in found_in(tmp_path / "absent.yml")] == [UNREADABLE]


def test_rules_are_documented() -> None:
    """Each rule's function says what it finds."""
    functions: list[Plain] = [rule.function for rule in RULES]

    assert all(function.__doc__ for function in functions)
    assert unapproved in functions


def test_an_unreadable_source_hides_nothing(tmp_path: Path) -> None:
    """A word of YAML 1.1 is told together with what is wrong with the content, of a runbook and of an inventory."""
    book = tmp_path / "book.yml"
    book.write_text("runbook: book\ntitle: no\nsteps:\n- {id: a, name: Do a thing, human.tsk: {text: x}}\n")
    place = tmp_path / "place.yml"
    place.write_text("environment: place\nprotected: yes\ntargets: {db: {kind: sqll}}\n")

    for path, lines in ((book, [2, 4]), (place, [2, 3])):
        found = lint_file(path, Library(tmp_path, stock=False))
        assert [finding.code for finding in found] == ["RB000", "RB000"]
        assert [finding.problem.line for finding in found] == lines
