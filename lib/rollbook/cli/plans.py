"""Commands that make plans and carry them out: `plan`, `run-runbook`, `run-playbook`."""

from pathlib import Path
from typing import TYPE_CHECKING, Final, Literal

from ..errors import UsageError
from .command import CHANGES, OK, Command, command
from .options import check_out, pairs
from .screen import screen, write

if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..plan import Plan
    from .agreement import Agreement
    from .unfinished import Unfinished
    from .workspace import Wanted, Workplace

_WORDS = {
    "name": "The runbook's name.",
    "env": "The environment; may be left out where there is only one, or a demo.",
    "set_": "An input as name=value; may be repeated.",
    "answer": "A question's answer as step=value (or step=default); may be repeated.",
    "until": "Stop after this step.",
    "json": "Print JSON for machines; a run only with --dry-run.",
}
_RUN_WORDS = {
    **_WORDS,
    "dry_run": "Only print the plan: exit 0 when nothing would be written, 2 otherwise.",
    "plan_": "Carry out this saved plan; refused when anything it rests on differs now.",
    "yes": "Agree to the plan beforehand; answers no question.",
    "reason": "Why this is done, for the report; required in a protected environment.",
    "confirm_environment": "A protected environment's name, instead of typing it; may be repeated.",
}
_ENDINGS: Final = """
    Exits 0 succeeded, 1 failed (also when it was undone for that), 3 waiting,
    paused or in doubt, 4 refused or not as planned, 64 misused, 70 a defect,
    130 interrupted.

    --dry-run --json prints {digest, plan} as `plan --json` does.
    """


@command(
    "plan",
    help={
        **_WORDS,
        "name": "The name of a runbook or playbook.",
        "out": "Save the plan to this file, for `run-runbook --plan` or `run-playbook --plan`.",
    },
    iterable=("set_", "answer"),
)
def plan(  # the command's options
    name: str,
    *,
    env: str = "",
    set_: tuple[str, ...] = (),
    answer: tuple[str, ...] = (),
    until: str = "",
    out: str = "",
    json: bool = False,
) -> int:
    """
    Show what a runbook would do, or a playbook; writes nothing.

    Everything is read from the real systems, and every command and statement
    is shown as it would be sent.

    --json prints {digest, plan}, as --out saves it: plan.steps is a list of
    {address, name, kind, verdict, targets, before, after, shown, details,
    undo, approvers, quorum, prompt, ...}; verdict is one of read, noop,
    create, update, delete, run, ask, unknown, skip.
    """
    from ..library import Library
    from .planning import next_lines, wanted
    from .workspace import open_workplace

    library = Library()
    want = wanted(library, "", name, env, pairs("set", set_), pairs("answer", answer), until)
    if out:
        check_out(Path(out))
    with open_workplace(want, library) as place:
        made = place.planner.plan()
        if out:
            from ..plan import save

            save(made, Path(out))
        _print(made, want, place, json=json, others=_unfinished(made))
        if not json:
            next_lines(want, made, screen(), out=out)
    return OK


def _run_command(sort: Literal["runbook", "playbook"], about: str) -> Command:
    """Make the command that carries out a book of this *sort*; *about* is what its help begins with."""

    def run(  # the command's options
        name: str,
        *,
        env: str = "",
        set_: tuple[str, ...] = (),
        answer: tuple[str, ...] = (),
        plan_: str = "",
        until: str = "",
        dry_run: bool = False,
        yes: bool = False,
        reason: str = "",
        confirm_environment: tuple[str, ...] = (),
        json: bool = False,
    ) -> int:
        from ..library import Library
        from .agreement import Agreement
        from .planning import check_saved, read_saved, wanted
        from .workspace import open_workplace

        if json and not dry_run:
            raise UsageError(
                "--json goes with --dry-run; a run's report is there as JSON too: report RUN --format json."
            )
        sets, answers = pairs("set", set_), pairs("answer", answer)
        saved = read_saved(Path(plan_), name, env, sets, answers, until) if plan_ else None
        library = Library()
        want = wanted(library, sort, name, env, sets, answers, until, saved=saved)
        with open_workplace(want, library) as place:
            made = place.planner.plan()
            if saved is not None:
                check_saved(saved, made, Path(plan_))
            others = _unfinished(made)
            _print(made, want, place, json=json, others=others)
            if dry_run:
                return CHANGES if made.writes else OK
            # What was saved holds what was made just now, field by field: the plan that was shown is carried out.
            return _carry_out(made, place, Agreement(yes, confirm_environment, reason), others)

    run.__doc__ = about + _ENDINGS
    words = {**_RUN_WORDS, "name": f"The {sort}'s name."}
    return command(f"run-{sort}", help=words, iterable=("set_", "answer", "confirm_environment"))(run)


def _unfinished(made: "Plan") -> "tuple[Unfinished, ...]":
    from .unfinished import unfinished

    return tuple(unfinished(made))


def _print(made: "Plan", want: "Wanted", place: "Workplace", *, json: bool, others: "Sequence[Unfinished]") -> None:
    from .planning import say_environment, show_plan
    from .unfinished import unfinished_lines

    if json:
        _print_json(made)
        return
    here = screen()
    say_environment(want, here)
    show_plan(made, here, place.sites)
    for line in unfinished_lines(others, here):
        write(line)


def _carry_out(made: "Plan", place: "Workplace", agreement: "Agreement", others: "Sequence[Unfinished]") -> int:
    from .agreement import check_beforehand

    check_beforehand(made, agreement, answers=screen().answers)
    from .carry import carry_new
    from .unfinished import require_ended_commands

    require_ended_commands(others, place.planner.pool)

    return carry_new(made, place, agreement)


def _print_json(made: "Plan") -> None:
    from ..report.wording import json_text
    from ..schema import encode

    write(json_text({"digest": made.digest, "plan": encode(made)}))


run_runbook: Final = _run_command(
    "runbook",
    """
    Plan a runbook, show it, and carry it out when agreed.
""",
)
run_playbook: Final = _run_command(
    "playbook",
    """
    Plan a playbook, show it, and carry it out when agreed.

    What it decides is read and asked first. Stages that are not known yet are
    shown as possible, and planned and agreed to when they are reached.
""",
)
