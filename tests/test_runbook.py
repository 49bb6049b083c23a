"""Runbooks: what is written becomes the model."""

from datetime import timedelta

import pytest
from runbook_texts import parse, step

from rollbook.runbook import Approval, Input, Requirement, TargetNeed

FULL = """lock: "course {{ inputs.course_id }}"
steps:
- phase: Look
  steps:
  - id: look
    name: Look at the site
    http.check: {url: /}
- id: make-it
  name: Make a file
  shell.run: {command: "touch {{ inputs.course_id }}", creates: /srv/x}
  tags: [slow]
  when: inputs.before is not none
  requires: ["inputs.course_id != 'x'", {that: run.reason, message: Say why.}]
  target: host
  retries: 3
  delay: 2s
  timeout: 1m30s
  until: outputs.stdout != ''
  fail_when: "'error' in outputs.stderr"
  on_failure: undo
  on_doubt: redo
  verify: [{http.check: {url: "/{{ outputs.stdout }}"}}]
  undo: [{id: rm, shell.run: {command: [rm, "{{ steps['make-it'].outputs.stdout }}"], effect: idempotent}}]
  approve: {names: [a, b], quorum: 2}
  downtime: begins
  no_log: true
  site: down
finally:
- id: last
  name: Tell how it ended
  when: run.status == 'failed'
  human.task: {text: "{{ steps.look.outputs.message }}"}
"""


def test_a_full_step_becomes_the_model() -> None:
    """Every keyword reaches its field."""
    runbook = parse(FULL)
    look, make = runbook.steps

    assert (look.phase, look.kind, look.place, look.path) == (
        "Look",
        "http.check",
        "book.yml:11",
        ("steps", 0, "steps", 0),
    )
    assert (make.id, make.phase, make.target, make.tags, make.retries) == ("make-it", "", "host", ("slow",), 3)
    assert (make.delay, make.timeout) == (timedelta(seconds=2), timedelta(seconds=90))
    assert make.requires == (Requirement("inputs.course_id != 'x'"), Requirement("run.reason", "Say why."))
    assert (make.when, make.on_failure, make.on_doubt) == ("inputs.before is not none", "undo", "redo")
    assert make.approve == Approval(("a", "b"), 2)
    assert [(inner.id, inner.kind) for inner in make.verify] == [("verify1", "http.check")]
    assert make.undo is not None
    assert [inner.id for inner in make.undo.steps] == ["rm"]
    assert (make.downtime, make.no_log, make.site) == ("begins", True, "down")
    assert runbook.finally_[0].when == "run.status == 'failed'"
    assert runbook.targets == {
        "site": TargetNeed("http"),
        "db": TargetNeed("sql", optional=True),
        "host": TargetNeed("ssh"),
    }
    assert runbook.inputs == {"course_id": Input("course_key"), "before": Input("datetime", optional=True)}


@pytest.mark.parametrize(
    ("written", "approval"),
    [("lead", Approval(("lead",))), ("[a, b]", Approval(("a", "b"))), ("{quorum: 2}", Approval((), 2))],
)
def test_approvals_have_three_forms(written: str, approval: Approval) -> None:
    """A name, a list of names, or names with a quorum."""
    (one,) = parse(step(f"human.task: {{text: x}}\n  approve: {written}")).steps

    assert one.approve == approval


def test_an_input_or_target_may_be_only_its_type() -> None:
    """`name: text` is short for `name: {type: text}`; a target may leave its kind open."""
    runbook = parse(
        step("human.task: {text: x}"), "runbook: book\ntitle: T\ninputs: {a: whole}\ntargets: {t: {help: h}}\n"
    )

    assert runbook.inputs == {"a": Input("whole")}
    assert runbook.targets == {"t": TargetNeed("", help="h")}


@pytest.mark.parametrize(
    "line",
    [
        "shell.run: {command: [a], effect: idempotent}\n  retries: 2",
        "shell.run: {command: [a], creates: /x}\n  retries: 2",
        "shell.run: {command: [a]}\n  effect: read\n  retries: 2",
        "shell.run: {command: [a]}\n  target: '{{ inputs.course_id }}'",
        "http.check: {url: '{{ item }}'}\n  loop: '{{ [inputs.course_id] }}'",
        "http.check: {url: /, status: '{{ vars.status }}'}",
        "http.check: {url: '{{ vars.a }} {{ env.name }} {{ run.id }}'}",
        "human.task: {text: x}\n  when: true",
    ],
)
def test_what_may_be_written(line: str) -> None:
    """What can only be known later is not refused now."""
    assert parse(step(line)).steps[0].id == "one"


@pytest.mark.parametrize("line", ["serial: 1", "serial: 25%", "serial: 100%", "max_failures: 0", "max_failures: 10%"])
def test_a_share_of_a_group_is_a_number_or_percent(line: str) -> None:
    """As many members at once, or as many failures, as a number or percentage says."""
    keyword, _, share = line.partition(": ")

    read = parse(step(f"shell.run: {{command: [x]}}\n  target: host\n  {line}"))

    assert str(getattr(read.steps[0], keyword)) == share
