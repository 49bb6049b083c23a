"""A command that prints more than is kept of it."""

from rollbook.command import STDOUT_LIMIT

from .workshop import Workshop

STEP = """\
steps:
  - id: s
    name: Print.
    shell.run: {{command: [python3, -c, "{code}"]{more}}}
    effect: read
    {judge}
"""
LINES = "import sys; [print('well', file=sys.{0}) for _ in range({1})]"


def printing(workshop: Workshop, code: str, judge: str, more: str = "") -> tuple[str, str, dict[str, object]]:
    """Run a step that prints by *code*; give how it ended, its error and its outputs."""
    workshop.write("r", STEP.format(code=code, judge=judge, more=more))
    step = workshop.run("r").steps[0]
    return step.status, step.error, step.outputs or {}


def test_a_line_far_into_the_output_is_seen(workshop: Workshop) -> None:
    """`fail_when` judges all of it, of both streams, also where later steps and the journal get its beginning only."""
    for stream in ("stdout", "stderr"):
        around = LINES.format(stream, 30_000)
        code = f"{around}; print('ERROR: it broke', file=sys.{stream}); {around}"

        failed = printing(workshop, code, f"fail_when: \"'ERROR' in outputs.{stream}\"")
        fine = printing(workshop, code, f"fail_when: \"'ERRORS' in outputs.{stream}\"")

        assert (failed[0], "fail_when" in failed[1]) == ("failed", True)
        assert fine[0] == "changed"
        assert len(str(fine[2][stream])) <= STDOUT_LIMIT


def test_a_long_document_is_parsed_whole(workshop: Workshop) -> None:
    """One of more than 64 KiB is read as it was printed; one too large for a journal is refused, and says so."""
    code = "import json; print(json.dumps(list(range({}))))"

    whole = printing(workshop, code.format(30_000), "parse: json")
    large = printing(workshop, code.format(300_000), "parse: json")

    assert whole[0] == "changed"
    assert whole[2]["value"] == list(range(30_000))
    assert whole[2]["truncated"] is True
    assert (large[0], "journalled" in large[1]) == ("failed", True)


def test_output_beyond_what_is_judged_is_no_success(workshop: Workshop) -> None:
    """What the judge did not see may be the error."""
    code = "import sys; sys.stdout.write('well ' * 7_000_000 + 'ERROR')"

    status, error, _ = printing(workshop, code, "fail_when: \"'ERROR' in outputs.stdout\"")
    unjudged, _, outputs = printing(workshop, code, "timeout: 1m")
    elsewhere, _, _ = printing(workshop, code.replace("stdout", "stderr"), "fail_when: \"'ERROR' in outputs.stdout\"")
    by_code, _, _ = printing(workshop, code, "fail_when: outputs.exited != 0")

    assert (status, "would not see all" in error) == ("failed", True)
    assert (unjudged, outputs["truncated"], "cut" in outputs) == ("changed", True, False)
    assert (elsewhere, by_code) == ("changed", "changed")
