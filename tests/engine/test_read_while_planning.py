"""What is known while planning: what commands of `plan: true` give, looked at again in their turn, and what is not."""

import subprocess
from contextlib import suppress

import pytest

from rollbook.targets.base import TargetSpec
from rollbook.testing.crash import CrashError, crashing

from .workshop import Workshop, nobody, types, write_step


def test_what_is_read_while_planning_is_parsed_and_judged_too(workshop: Workshop) -> None:
    """With `plan: true` a later step is planned on the parsed output, and `fail_when` and `until` see it at its turn."""
    command = "    shell.run: {command: [echo, '{\"errors\": 2}'], effect: read, plan: true}\n    parse: json\n"
    step = "  - id: s\n    name: Print.\n" + command
    workshop.write("ok", "steps:\n" + step + write_step("note", "{{ steps.s.outputs.value.errors }} errors"))
    for word, expression in (("fail_when", "outputs.value.errors > 0"), ("until", "outputs.value.errors == 0")):
        workshop.write(word.replace("_", "-"), f"steps:\n{step}    {word}: {expression}\n")

    planned = workshop.planner("ok").plan()
    ended = [workshop.run(name) for name in ("ok", "fail-when", "until")]

    assert planned.steps[1].verdict == "create"
    assert [run.status for run in ended] == ["succeeded", "failed", "failed"]
    assert (workshop.folder / "note.txt").read_text() == "2 errors"
    assert ["fail_when" in ended[1].steps[0].error, "until" in ended[2].steps[0].error] == [True, True]


def test_what_is_not_as_wanted_yet_while_planning_is_known_in_its_turn(workshop: Workshop) -> None:
    """With `until`, what a step gives before that holds is in no plan: later steps are planned when it does."""
    (workshop.folder / "state").write_text("waiting")
    read = (
        "    shell.run: {command: [cat, state], effect: read, plan: true}\n    until: \"outputs.stdout == 'ready'\"\n"
    )
    workshop.write(
        "u", f"steps:\n  - id: s\n    name: Read.\n{read}" + write_step("note", "{{ steps.s.outputs.stdout }}")
    )
    plan = workshop.planner("u").plan()
    (workshop.folder / "state").write_text("ready")

    ended = workshop.run("u", plan=plan)

    assert [step.verdict for step in plan.steps] == ["read", "unknown"]
    assert "what it gives is not known yet: until: outputs.stdout == 'ready'" in plan.steps[0].details
    assert ended.status == "succeeded"
    assert (workshop.folder / "note.txt").read_text() == "ready"


def read_otherwise(workshop: Workshop, told: str = "steps.s.outputs.value") -> None:
    """Leave a run that waits for an answer before a step whose command gives something else since it was planned on."""
    (workshop.folder / "count").write_text("3")
    ask = "  - id: q\n    name: Ask.\n    human.confirm: {text: Sure?}\n"
    read = "  - id: s\n    name: Read.\n    shell.run: {command: [cat, count], effect: read, plan: true}\n    parse: json\n"
    few = write_step("few", "x", "    when: steps.s.outputs.value < 5\n")
    workshop.write("d", "steps:\n" + ask + read + write_step("note", f"{{{{ {told} }}}} is it") + few)
    workshop.run("d")
    (workshop.folder / "count").write_text("7")


@pytest.mark.parametrize(
    "told", ["steps['s'].outputs.value", "steps[ 's' ].outputs.value", "steps['S' | lower].outputs.value"]
)
def test_however_it_is_referred_to(workshop: Workshop, told: str) -> None:
    """Quoted, spaced or computed: who goes by it is told by the expressions, not by how they are written."""
    read_otherwise(workshop, told)

    workshop.resume(nobody({"q": "yes"}))

    assert (workshop.folder / "note.txt").read_text() == "7 is it"


@pytest.mark.parametrize("agrees", [True, False])
def test_what_is_read_otherwise_in_its_turn_is_planned_on_anew(workshop: Workshop, agrees: bool) -> None:
    """What was read while planning may be old by its turn: later steps go by what it is then, and are agreed to anew."""
    read_otherwise(workshop)

    ended = workshop.resume(nobody({"q": "yes"}, agrees=agrees))

    assert ended.status == ("succeeded" if agrees else "waiting")
    assert (workshop.folder / "note.txt").exists() == agrees
    assert not (workshop.folder / "few.txt").exists()


@pytest.mark.parametrize("at", range(1, 16))
def test_what_is_read_otherwise_is_planned_on_anew_after_a_crash(workshop: Workshop, at: int) -> None:
    """Also where the process is killed between the reading and the planning: nothing is written by the old plan."""
    read_otherwise(workshop)
    asker = nobody({"q": "yes"})
    with crashing(at) as points, suppress(CrashError):
        workshop.resume(asker)

    ended = workshop.resume(asker) if points.crashed and workshop.runs.all()[-1].read().resumable else None

    assert ended is None or ended.status == "succeeded"
    assert (workshop.folder / "note.txt").read_text() == "7 is it"
    assert not (workshop.folder / "few.txt").exists()


def test_what_a_group_reads_otherwise_is_planned_on_anew(workshop: Workshop) -> None:
    """One member that gives something else is enough."""
    workshop.targets = {name: TargetSpec(name, "command", {"prefix": ["env"]}) for name in ("one", "two")}
    workshop.groups = {"fleet": ("one", "two")}
    (workshop.folder / "count").write_text("3")
    ask = "  - id: q\n    name: Ask.\n    human.confirm: {text: Sure?}\n"
    read = "  - id: s\n    name: Read.\n    target: fleet\n    shell.run: {command: [cat, count], effect: read, plan: true}\n"
    note = write_step("note", "{{ steps.s.outputs.members.two.stdout }} is it")
    workshop.write("d", "targets: {fleet: {}}\nsteps:\n" + ask + read + note)
    workshop.run("d")
    (workshop.folder / "count").write_text("7")

    ended = workshop.resume(nobody({"q": "yes"}))

    assert ended.status == "succeeded"
    assert (workshop.folder / "note.txt").read_text() == "7 is it"


def test_what_nobody_goes_by_is_no_reason_to_look_again(workshop: Workshop) -> None:
    """What an earlier step took away for a later one to put back is no drift because a time of day was read between."""
    (workshop.folder / "page").write_text("y")
    gone = "  - id: gone\n    name: Take it away.\n    shell.run: {command: [rm, page]}\n    undo: {leave: x}\n"
    read = "  - id: s\n    name: Read.\n    shell.run: {command: [date, '+%s%N'], effect: read, plan: true}\n"
    back = gone.replace("gone", "back").replace("[rm, page]", '"printf y > page"')
    workshop.write(
        "v", "# as steps.s tells\nsteps:\n" + gone + read + back + write_step("page", "x").replace("page.txt", "page")
    )

    ended = workshop.run("v")

    assert ended.status == "succeeded"
    assert (workshop.folder / "page").read_text() == "x"


def test_what_is_read_otherwise_and_leads_to_the_same_is_no_news(workshop: Workshop) -> None:
    """A time of day that no later step uses plans nothing anew."""
    read = "  - id: s\n    name: Read.\n    shell.run: {command: [date, '+%s%N'], effect: read, plan: true}\n"
    workshop.write("t", "steps:\n" + read + write_step("note", "x"))

    ended = workshop.run("t")

    assert ended.status == "succeeded"
    assert "replanned" not in types(workshop)


def test_what_only_the_step_will_know_is_named_after_it(workshop: Workshop) -> None:
    """A plan says after which step it goes on, also where the action could not tell."""
    git = ["git", "-c", "user.name=ada", "-c", "user.email=ada@example.org", "-C", str(workshop.folder)]
    for words in (["init", "-q"], ["add", "."], ["commit", "-qm", "good", "--allow-empty"]):
        subprocess.run([*git, *words], check=True)
    (workshop.folder / "bad").touch()
    for words in (["add", "bad"], ["commit", "-qm", "bad"]):
        subprocess.run([*git, *words], check=True)
    back = f"  - id: back\n    name: Take it back.\n    git.revert: {{repository: {workshop.folder}, deploy: HEAD}}\n"
    workshop.write("g", f"targets: {{}}\nsteps:\n{back}" + write_step("note", "{{ steps.back.outputs.commit }}"))

    plan = workshop.planner("g").plan()

    assert plan.steps[1].reason == "an argument is ‹known after step back›"
