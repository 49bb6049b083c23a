"""Answers that are given with the command, on which later steps are planned."""

import re

from .workshop import Workshop, nobody

BOOK = """\
steps:
  - {{id: q, name: Ask., human.choose: {{text: Which?, from: [a, b]}}}}
  - id: note
    name: Write it down.
    file.present:
      path: "{folder}/who.txt"
      content: "{{{{ steps.q.outputs.by }}}} at {{{{ steps.q.outputs.at }}}}: {{{{ steps.q.outputs.value }}}}"
"""


def test_all_that_a_question_gives_may_stand_in_a_text(workshop: Workshop) -> None:
    """Of the answer the value is known, and the rest once it is given: the text is then, too."""
    workshop.write(
        "r", BOOK.format(folder=workshop.folder).replace("{{ steps.q.outputs.by }}", "{{ steps.q.outputs }}")
    )
    given = {"q": "b"}

    run = workshop.run("r", nobody(given), answers=given)

    assert run.status == "succeeded"
    assert '"value": "b"' in (workshop.folder / "who.txt").read_text()


def test_by_whom_and_when_it_was_given_is_known_once_it_is(workshop: Workshop) -> None:
    """A step that says who decided, and when, is planned once that is known, and carried out."""
    workshop.write("r", BOOK.format(folder=workshop.folder))
    given = {"q": "b"}

    plan = workshop.planner("r", answers=given).plan()
    run = workshop.run("r", nobody(given), answers=given)

    assert plan.step("note").verdict == "unknown"
    assert run.status == "succeeded"
    assert re.fullmatch(r"\S+ at \d{4}-\d\d-\d\dT\S+Z: b", (workshop.folder / "who.txt").read_text())
