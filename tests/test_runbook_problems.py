"""Every problem of a runbook is told at its place."""

import pytest
from runbook_texts import HEAD, parse, problems, step

from rollbook.errors import SchemaError, SourceError
from rollbook.reading.runbook import parse_runbook
from rollbook.source import load_yaml


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
        (
            "shell.run: {command: [a], effect: read}\n  effect: once",
            "11:3: effect is once here and read under shell.run: keep the one that is meant",
        ),
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


def test_an_effect_may_stand_beside_a_command_that_is_planned() -> None:
    """What needs an effect finds it at either place; the same at both is no contradiction."""
    beside, both = (
        parse(step(text)).steps[0]
        for text in (
            "shell.run: {command: [a], plan: true}\n  effect: read",
            "shell.run: {command: [a], plan: true, effect: read}\n  effect: read",
        )
    )

    assert (beside.effect, both.effect, both.arguments["effect"]) == ("read", "read", "read")
    assert beside.arguments == {"command": ["a"], "plan": True}
    assert problems(step("shell.run: {command: [a], plan: true}\n  effect: once")) != []


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
