"""The undo of an undo, where steps go by how others ended: the same branches come again, and no others."""

from .workshop import Workshop

SAY = '    shell.run: {{command: "echo +{0} >> log"}}\n    undo: {{steps: [{{id: un{0}, name: Unsay., shell.run: {{command: "echo -{0} >> log"}}}}]}}\n'


def say(name: str, when: str = "", more: str = "") -> str:
    """Give a step that says its name, and whose undo takes that back."""
    condition = f'    when: "{when}"\n' if when else ""
    return f"  - id: {name}\n    name: Say {name}.\n{condition}{more}{SAY.format(name)}"


def there_and_back(workshop: Workshop) -> tuple[list[str], list[str], list[str]]:
    """Run it, take it back, and take that back; give what each said."""
    run = workshop.run("r")
    first = workshop.said(forget=True)
    back = workshop.undo(run)
    second = workshop.said(forget=True)
    again = workshop.undo(back)
    assert (run.status, back.status, again.status) == ("succeeded", "undone", "undone")
    return first, second, workshop.said(forget=True)


def test_a_step_that_stands_is_seen_as_it_ended(workshop: Workshop) -> None:
    """One that failed and was passed over is still seen as failed, so that its repair comes again and nothing else."""
    attempt = (
        "  - {id: try, name: Try., shell.run: {command: 'false'}, on_failure: continue, undo: {leave: it stays}}\n"
    )
    steps = (
        attempt
        + say("repair", "steps.try.status == 'failed'")
        + say("go", "steps.try.status == 'changed'")
        + say("other", "steps.repair.status == 'skipped'")
    )
    workshop.write("r", "steps:\n" + steps)

    assert there_and_back(workshop) == (["+repair"], ["-repair"], ["+repair"])


def test_a_loop_that_failed_in_part_is_seen_so_again(workshop: Workshop) -> None:
    """Its items that stand count as they ended."""
    each = (
        "  - {id: each, name: Do each., loop: [a, b], shell.run: {command: 'test {{ item }} = a'},\n"
        "     on_failure: continue, undo: {leave: it stays}}\n"
    )
    workshop.write(
        "r",
        "steps:\n" + each + say("bad", "steps.each.status == 'failed'") + say("good", "steps.each.status != 'failed'"),
    )

    assert there_and_back(workshop) == (["+bad"], ["-bad"], ["+bad"])


def test_what_was_told_late_comes_again_in_its_place(workshop: Workshop) -> None:
    """An include, and a loop, that hang on how a step before them ends are no less part of the procedure."""
    workshop.write("inner", "steps:\n" + say("in"))
    words = (
        "  - {id: words, name: Get words., shell.run: {command: \"printf 'x\\\\ny\\\\n'\"}, effect: idempotent, parse: lines,\n"
        "     undo: {leave: nothing changed}}\n"
    )
    include = "  - {id: inc, name: Do it., include: inner, when: \"steps.words.status == 'changed'\"}\n"
    loop = say("each", more='    loop: "{{ steps.words.outputs.value }}"\n')
    last = say("last", "steps.inc.status == 'ok'")
    workshop.write("r", "steps:\n" + words + include + loop + last)

    first, second, third = there_and_back(workshop)

    assert first == third == ["+in", "+each", "+each", "+last"]
    assert second == ["-last", "-each", "-each", "-in"]


def test_a_step_left_in_doubt_and_passed_over_is_seen_as_failed(workshop: Workshop) -> None:
    """It began, so nobody may take it for one that took no part."""
    fails = "  - {id: c, name: Count., shell.run: {command: 'false'}, undo: {leave: it stays}}\n"
    workshop.write("r", "steps:\n" + fails + say("d", "steps.c.status == 'failed'"))
    workshop.run("r")

    run = workshop.resume(skip={"c": "no time"})

    assert run.status == "succeeded"
    assert workshop.said(forget=True) == ["+d"]
