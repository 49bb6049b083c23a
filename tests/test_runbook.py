"""Runbooks: what is written becomes the model, and every problem of a file is told at its place."""

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

import rollbook
from rollbook.errors import SchemaError, SourceError, UsageError
from rollbook.reading.runbook import parse_runbook
from rollbook.reading.schemas import inventory_schema, playbook_schema, runbook_schema
from rollbook.runbook import Approval, Input, Requirement, Runbook, TargetNeed, convert_input, convert_inputs
from rollbook.schema import build
from rollbook.source import load_yaml
from rollbook.values import Plain, Secret, Unknown

HEAD = """runbook: book
title: Do something
inputs:
  course_id: {type: course_key}
  before: {type: datetime, optional: true}
targets: {site: http, db: {kind: sql, optional: true}, host: ssh}
"""


def parse(body: str, head: str = HEAD) -> Runbook:
    return parse_runbook(load_yaml(head + body, "book.yml"))


def problems(body: str, head: str = HEAD) -> list[str]:
    with pytest.raises(SchemaError) as caught:
        parse(body, head)
    return [str(problem).splitlines()[0].removeprefix("book.yml:") for problem in caught.value.problems]


def step(text: str) -> str:
    return f"steps:\n- id: one\n  name: Do one thing\n  {text}\n"


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
    ("line", "problem"),
    [
        ("http.check: {ulr: /}", '10:16: unknown key "ulr"; did you mean "url"?'),
        ("htp.check: {url: /}", "10:3: There is no action 'htp.check'. Did you mean http.check"),
        ("check: {url: /}", "10:3: a step needs an action; did you mean 'http.check'?"),
        ("tags: [a]", "8:3: a step needs an action, a key with a dot such as shell.run, or include"),
        ("http.check: {url: /}\n  human.task: {text: a}", "11:3: a step has one action"),
        ("http.check: {url: /}\n  retris: 3", '11:3: unknown key "retris"; did you mean "retries"?'),
        ("http.check: {url: /}\n  retries: many", "11:12: expected a whole number"),
        ("http.check: {url: /}\n  timeout: 5 minutes", "11:12: expected a duration"),
        ("http.check: {url: /, status: '200'}", "10:32: expected a whole number or a list"),
        (
            "http.check: {url: '{{ inputs.curse_id }}'}",
            "10:21: there is no input 'curse_id'; did you mean 'course_id'?",
        ),
        ("http.check: {url: '{{ nputs.course_id }}'}", "10:21: nputs is not defined; did you mean 'inputs'?"),
        ("http.check: {url: '{{ item }}'}", "10:21: item is defined only in a step with loop:"),
        ("http.check: {url: '{{ outputs.x }}'}", "10:21: outputs is defined only in until"),
        (
            "http.check: {url: '{{ steps.one.outputs.x }}'}",
            "10:21: the step 'one' is this one: only until, fail_when and verify see its outputs",
        ),
        (
            "shell.run: {command: [a]}\n  until: steps.one.outputs.exit_code == 0",
            "11:10: the step 'one' is this one: write outputs.exit_code",
        ),
        ("http.check: {url: '{{ inputs.course_id'}", "10:21: {{ inputs.course_id: a {{ is opened"),
        ("http.check: {url: /}\n  when: inputs.course_id ==", "11:9: {{ inputs.course_id == }}: unexpected"),
        ("http.check: {url: /}\n  when: inputs.curse_id", "11:9: there is no input 'curse_id'"),
        ("http.check: {url: /}\n  requires: [inputs.x]", "11:14: there is no input 'x'"),
        ("http.check: {url: /}\n  requires: [{that: inputs.x}]", "11:21: there is no input 'x'"),
        ("http.check: {url: /, target: db}", "10:24: http.check needs a target of kind http; 'db' is of kind sql"),
        ("http.check: {url: /, target: page}", "10:24: the target 'page' (http) is not declared under targets:"),
        (
            "http.check: {url: /}\n  target: local",
            "11:3: http.check needs a target of kind http; 'local' is of kind local",
        ),
        ("human.task: {text: x}\n  target: host", "11:3: human.task acts on no target"),
        ("human.task: {text: x}\n  environment: {A: b}", "11:3: environment means nothing to human.task"),
        ("human.task: {text: x}\n  become: true", "11:3: become means nothing to human.task"),
        ("human.task: {text: x}\n  inputs: {a: b}", "11:3: inputs are given to an include only"),
        ("human.task: {text: x}\n  undo: {leave: a, refuse: b}", "11:9: expected exactly one of steps, leave"),
        ("human.task: {text: x}\n  approve: {names: [a], quorum: 2}", "11:12: quorum: 2 cannot be reached"),
        ("human.task: {text: x}\n  verify: [{human.task: {text: x}}]", "11:12: verify takes assertions only"),
        (
            "human.task: {text: x}\n  undo: [{id: u, name: U., loop: [1, 2], human.task: {text: '{{ item }}'}}]",
            "11:28: an undo step has no loop",
        ),
        (
            (
                "human.task: {text: x}\n  undo: [{id: u, name: U., human.task: {text: x}}, "
                "{id: w, name: W., human.task: {text: '{{ steps.u.outputs.value }}'}}]"
            ),
            "11:89: there is no step 'u'",
        ),
        ("human.task: {text: x}\n  undo: [{id: u, name: U., include: other}]", "11:28: an undo step takes one action"),
        (
            "human.task: {text: x}\n  undo: [{id: u, name: U., human.task: {text: x}}]",
            "11:3: human.task changes nothing, so an undo",
        ),
        ("http.check: {url: /}\n  undo: {refuse: it was looked at}", "11:3: http.check changes nothing"),
        (
            "wait.for: {seconds: 1}\n  undo: {steps: [{id: u, name: U., human.task: {text: x}}]}",
            "11:3: wait.for changes nothing",
        ),
        ("shell.run: {command: [a]}\n  retries: 2", "11:3: this command may run only once"),
        ("shell.run: [a]", "10:14: expected the arguments of shell.run as a mapping"),
        ("shell.run: {command: [a]}\n  parse: {regex: '(a'}", "8:3: parse: '(a' is not a regular expression: missing"),
        ("shell.run: {command: [a]}\n  parse: {regex: 'a{99999999999}'}", "8:3: parse: 'a{99999999999}' is not a reg"),
        (f"shell.run: {{command: [a]}}\n  parse: {{regex: '{'(' * 4000}{')' * 4000}'}}", "8:3: parse: '((((((((("),
        ("include: other", "10:12: There is no runbook 'other'."),
        ("include: other\n  retries: 2", "11:3: retries means nothing to an include"),
    ],
)
def test_a_problem_of_a_step_is_told_at_its_place(line: str, problem: str) -> None:
    """What does not fit a step is told where it stands, with what was probably meant."""
    assert any(found.startswith(problem) for found in problems(step(line))), problems(step(line))


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


def test_outputs_of_earlier_steps_are_known() -> None:
    """A misspelt output or id is told with the nearest; a step later in the file with its line."""
    found = problems(
        """steps:
- {id: pick-it, name: Pick one, human.choose: {from: [a, b]}}
- id: use
  name: Use it now
  human.task:
    text: >-
      {{ steps['pick-it'].outputs.valeu }} {{ steps.pick.outputs.value }} {{ steps.uze.outputs.x }}
  until: "{{ steps.pick-it.outputs.value }}"
- {id: many, name: Do it often, loop: [1], shell.run: {command: [a, "{{ item }}"]}}
- {id: end, name: End it here, human.task: {text: "{{ steps.many.outputs.stdout }} {{ steps.use.output.value }}"}}
"""
    )

    assert {line.partition(": ")[2] for line in found} >= {
        "the step 'pick-it' has no output 'valeu'; did you mean 'value'?",
        "there is no step 'pick'; did you mean 'pick-it'?",
        "there is no step 'uze'; did you mean 'use'?",
        'a step id with a dash is written steps["pick-it"], since - subtracts',
        "the step 'many' has no output 'stdout'; there is items, members",
        "a step has outputs and status, not 'output': write steps.use.outputs.value",
    }


def test_all_problems_of_a_file_come_at_once() -> None:
    """One reading tells everything, in the order of the file, each with its line and a caret."""
    with pytest.raises(SchemaError) as caught:
        parse(
            """runbook: Book
ownr: me
inputs: {N: text, d: {type: whole, default: x}, p: {type: text, pattern: "("}, c: {choices: [1]}}
targets: {site: htp}
lock: "{{ inputs.x }}"
steps:
- {id: One, name: x y, human.task: {text: x}}
- {id: two, human.task: {text: x}}
- {name: x y, human.task: {text: x}}
- {id: two, name: x y, human.task: {text: x}}
- text
- phase: p
  steps: [{phase: q, steps: []}]
- phase: p
finally: []
""",
            head="",
        )

    assert [str(problem).splitlines()[0] for problem in caught.value.problems] == [
        'book.yml:1:1: missing key "title"',
        "book.yml:1:10: a runbook's name is made of small letters, digits and -; found 'Book'",
        'book.yml:2:1: unknown key "ownr"; did you mean "owner"?',
        "book.yml:3:10: an input's name is made of small letters, digits and _; found 'N'",
        'book.yml:3:45: d: expected a whole number, found "x"',
        "book.yml:3:74: '(' is not a regular expression: missing ), unterminated subpattern at character 1",
        "book.yml:3:94: c: expected text, found 1",
        "book.yml:4:17: there is no kind of target 'htp'; did you mean 'http'?",
        "book.yml:5:7: there is no input 'x'; there is N, c, d, p",
        "book.yml:7:8: a step id is a small letter, then small letters, digits, - and _; found 'One'",
        'book.yml:8:3: missing key "name": a sentence that says what the step does',
        'book.yml:9:3: missing key "id"',
        "book.yml:10:8: the step id 'two' is taken by the step in line 8",
        "book.yml:11:3: expected a step: a mapping with id, name and an action",
        "book.yml:13:12: a phase cannot hold another phase",
        'book.yml:14:3: missing key "steps"',
    ]
    assert str(caught.value.problems[2]).splitlines()[1:] == ["    ownr: me", "    ^"]


def test_what_is_wrong_with_the_source_hides_nothing() -> None:
    """A key twice, a word of YAML 1.1 and an alias come together with what is wrong with the content."""
    body = """ownr: me
ownr: you
steps:
- {id: one, name: Do one thing, human.task: {text: no}, retries: two}
- {id: two, name: *x, human.task: {text: {{ inputs.x }}}, downtime: off}
- no
- {id: three, name: Do a third, human.tsk: {text: x}}
"""
    with pytest.raises(SourceError) as caught:
        parse_runbook(load_yaml(HEAD + body, "book.yml", keep=True))

    found = [(problem.line - 6, problem.message) for problem in caught.value.problems]
    for (line, message), (wanted_line, beginning) in zip(
        found,
        [
            (1, 'unknown key "ownr"'),
            (2, 'the key "ownr" is here a second time'),
            (4, "no is read as text"),
            (4, 'expected a whole number, found the text "two"'),
            (5, "aliases (*name) are not supported"),
            (5, "a value that begins with {{ must be quoted"),
            (5, "off is read as text"),
            (6, "no is read as text"),
            (7, "There is no action 'human.tsk'"),
        ],
        strict=True,
    ):
        assert line == wanted_line
        assert message.startswith(beginning)


@pytest.mark.parametrize("line", ["serial: 1", "serial: 25%", "serial: 100%", "max_failures: 0", "max_failures: 10%"])
def test_a_share_of_a_group_is_a_number_or_percent(line: str) -> None:
    """As many members at once, or as many failures, as a number or percentage says."""
    keyword, _, share = line.partition(": ")

    read = parse(step(f"shell.run: {{command: [x]}}\n  target: host\n  {line}"))

    assert str(getattr(read.steps[0], keyword)) == share


@pytest.mark.parametrize(
    "line",
    ["serial: abc", "serial: 0", "serial: -1", "serial: 0%", "serial: 101%", "serial: '%'", "serial: 2.5%",
     "max_failures: 300%", "max_failures: -1", "max_failures: some"],
)  # fmt: skip
def test_a_share_that_means_nothing_is_told(line: str) -> None:
    """What would fail in the middle of a run is told when the runbook is read."""
    name = line.partition(":")[0]
    (problem,) = problems(step(f"shell.run: {{command: [x]}}\n  target: host\n  {line}"))
    assert f"{name}: expected a number from" in problem


def test_an_include_gives_no_outputs() -> None:
    """What the steps of an included runbook find is not seen outside of it."""
    inner = parse(step("human.task: {text: x}"), head="runbook: inner\ntitle: Inner\n")
    body = """runbook: outer
title: Outer
steps:
- {id: inside, name: Do what is inside, include: inner}
- {id: after, name: Do more, when: "steps.inside.status == 'ok'", human.task: {text: "{{ steps.inside.outputs.x }}"}}
"""
    with pytest.raises(SchemaError, match="an include gives no outputs, and the steps inside 'inner'") as caught:
        parse_runbook(load_yaml(body, "outer.yml"), lambda _: inner)
    assert len(caught.value.problems) == 1


def test_inputs_are_checked_where_they_are_declared() -> None:
    """Defaults, choices and patterns must fit their own types."""
    head = (
        "runbook: book\ntitle: T\ninputs:\n  d: {type: whole, default: x}\n  p: {pattern: '('}\n  c: {choices: [1]}\n"
    )
    found = problems(step("human.task: {text: x}"), head + "  t: {type: datetime, default: '2024-05-01T12:00:00'}\n")

    assert [line.partition(": ")[2].partition(",")[0] for line in found] == [
        "d: expected a whole number",
        "'(' is not a regular expression: missing )",
        "c: expected text",
        (
            't: expected a date and time with its zone such as "2024-05-01T12:30:00Z"; without a zone nobody knows which '
            'instant is meant: write "2024-05-01T12:00:00Z" for UTC'
        ),
    ]


@pytest.mark.parametrize(
    ("wanted", "given", "value"),
    [
        (Input("text"), "a b", "a b"),
        (Input("whole"), " 12 ", 12),
        (Input("whole"), 12, 12),
        (Input("number"), "1.5", 1.5),
        (Input("number"), "2", 2),
        (Input("bool"), "Yes", True),
        (Input("bool"), False, False),
        (Input("datetime"), "2024-05-01T12:00:00+02:00", "2024-05-01T10:00:00Z"),
        (Input("datetime"), "2024-05-01 12:00:00.5Z", "2024-05-01T12:00:00.500000Z"),
        (Input("duration"), "90m", "1h30m"),
        (Input("duration"), 90, "1m30s"),
        (Input("list"), "a, b", ["a", "b"]),
        (Input("list"), '["a", 1]', ["a", 1]),
        (Input("list"), "", []),
        (Input("course_key"), " course-v1:A+B+C ", "course-v1:A+B+C"),
        (Input("course_key"), "ORG/COURSE/RUN", "ORG/COURSE/RUN"),
        (Input("path"), "/srv/x", "/srv/x"),
        (Input("text", secret=True), "env:TOKEN", Secret("env:TOKEN")),
        (Input("text", secret=True), {"secret": "file:/x"}, Secret("file:/x")),
        (Input("text", choices=("a", "b")), "a", "a"),
        (Input("text", pattern="[a-z]+"), "abc", "abc"),
        (Input("whole"), Unknown("steps.a.outputs.b"), Unknown("steps.a.outputs.b")),
    ],
)
def test_what_is_given_is_converted(wanted: Input, given: Plain, value: Plain) -> None:
    """Text from a command line and plain values become the input's type; what is not known yet passes."""
    found = convert_input(wanted, given, "it")

    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("wanted", "given", "words"),
    [
        (Input("text"), 5, "it: expected text, found 5"),
        (Input("whole"), "1.5", "it: expected a whole number"),
        (Input("whole"), True, "it: expected a whole number"),
        (Input("number"), "nan", "it: expected a number"),
        (Input("bool"), "maybe", "it: expected true or false"),
        (Input("bool"), 1, "it: expected true or false"),
        (Input("datetime"), "2024-05-01T12:00:00", "without a zone"),
        (Input("datetime"), "yesterday", "it: expected a date and time"),
        (Input("duration"), "soon", "it: expected a duration"),
        (Input("list"), "[a", "as JSON it is broken"),
        (Input("list"), 5, "it: expected a list"),
        (Input("course_key"), "nonsense", "it: expected a course key"),
        (Input("path"), " ", "it: expected a path"),
        (Input("text", choices=("a", "b")), "c", 'expected one of "a", "b"; found "c"'),
        (Input("text", pattern="[a-z]+"), "A", "of the form [a-z]+"),
        (Input("text", secret=True), "hunter22", "by reference"),
    ],
)
def test_what_does_not_fit_is_told(wanted: Input, given: Plain, words: str) -> None:
    """The error names the input and what was expected; a secret typed by mistake is not repeated."""
    with pytest.raises(ValueError, match=r"^it: ") as caught:
        convert_input(wanted, given, "it")

    assert words in str(caught.value)
    assert "hunter22" not in str(caught.value)


def test_all_inputs_are_told_at_once() -> None:
    """Missing, unknown and unfit inputs come in one error, with help and the nearest names."""
    runbook = parse(
        step("human.task: {text: x}"), "runbook: book\ntitle: T\ninputs:\n  course_id: {help: the course}\n  n: whole\n"
    )

    with pytest.raises(UsageError) as caught:
        convert_inputs(runbook, {"curse_id": "x", "n": "many"})

    assert str(caught.value).splitlines() == [
        "The inputs of book do not fit:",
        "  curse_id is no input; did you mean course_id?",
        "  course_id is missing (text: the course)",
        '  n: expected a whole number, found "many" (whole)',
        "  Give inputs with --set name=value.",
    ]


def test_inputs_not_given_have_their_default() -> None:
    """Every declared input has a value: given, default or None; converting twice changes nothing."""
    head = (
        "runbook: book\ntitle: T\ninputs: {a: {default: x}, b: {optional: true}, c: {type: duration, default: 90s}}\n"
    )
    runbook = parse(step("human.task: {text: x}"), head)

    values = convert_inputs(runbook, {})

    assert values == {"a": "x", "b": None, "c": "1m30s"}
    assert convert_inputs(runbook, values) == values


def test_an_included_runbook_must_be_given_its_inputs() -> None:
    """Inputs of an include are checked where it stands; expressions are taken on trust."""
    inner = parse(
        step("human.task: {text: x}"), "runbook: inner\ntitle: T\ninputs: {n: whole, m: {type: text, optional: true}}\n"
    )
    good = load_yaml(HEAD + step("include: inner\n  inputs: {n: '{{ vars.n }}'}"), "book.yml")
    bad = load_yaml(HEAD + step("include: inner\n  inputs: {n: x, o: 1}"), "book.yml")

    assert parse_runbook(good, lambda _: inner).steps[0].include == "inner"
    with pytest.raises(SchemaError, match=r"book\.yml:11:11: The inputs of inner do not fit:\n  o is no input"):
        parse_runbook(bad, lambda _: inner)


def test_the_schema_knows_every_action() -> None:
    """The JSON Schema lists each action with its arguments, and refers only to what it defines."""
    schema = runbook_schema()
    references: list[str] = []

    def collect(part: Plain) -> None:
        match part:
            case dict():
                references.extend([part["$ref"]] if isinstance(part.get("$ref"), str) else [])
                for inner in part.values():
                    collect(inner)
            case list():
                for inner in part:
                    collect(inner)

    collect(schema)

    assert {"http.check", "shell.run", "include"} <= schema["$defs"]["step"]["properties"].keys()
    assert {name.removeprefix("#/$defs/") for name in references} <= schema["$defs"].keys()
    assert build(dict[str, object], schema)


@pytest.mark.parametrize(
    ("name", "make"),
    [("runbook", runbook_schema), ("playbook", playbook_schema), ("inventory", inventory_schema)],
)
def test_the_schema_files_are_current(name: str, make: Callable[[], dict[str, Plain]]) -> None:
    """Editors read what `rollbook schema` prints; when this fails, print it into lib/rollbook/schemas/ again."""
    path = Path(rollbook.__file__).parent / "schemas" / f"{name}.json"

    assert json.loads(path.read_text()) == make()
