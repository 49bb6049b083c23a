"""From the command line to a plan, and a plan on the screen with what may be typed next."""

from collections.abc import Mapping
from pathlib import Path
from typing import Literal

from ..errors import PlanDrift, UsageError
from ..library import Library
from ..plan import Plan, differences, load
from ..report.wording import visible
from ..values import Plain
from .boundary import Site
from .hints import typed
from .planview import plan_lines
from .screen import Screen, write
from .workspace import Wanted, choose_environment


def wanted(  # the command's options
    library: Library,
    sort: Literal["", "runbook", "playbook"],
    name: str,
    environment: str,
    inputs: Mapping[str, str],
    answers: Mapping[str, str],
    until: str,
    *,
    saved: Plan | None = None,
) -> Wanted:
    """Put together what the options and a saved plan say. Raises `UsageError`."""
    if saved is not None:
        given: Mapping[str, Plain] = dict(saved.inputs or {})
        return Wanted(name, saved.environment, "as the plan says", given, saved.answers, saved.until, sort)
    if environment:
        return Wanted(name, environment, "", inputs, answers, until, sort)
    chosen, why = choose_environment(library)
    return Wanted(name, chosen, why, inputs, answers, until, sort)


def read_saved(
    path: Path,
    name: str,
    environment: str,
    inputs: Mapping[str, str],
    answers: Mapping[str, str],
    until: str,
) -> Plan:
    """Read a saved plan. Raises `RefusedError` for a file that is none, `UsageError` for options that contradict it."""
    plan = load(path)
    if plan.runbook != name:
        raise UsageError(f"{path} is a plan of {plan.runbook}, not of {name}.", advice="Name what the plan is of.")
    if environment and environment != plan.environment:
        raise UsageError(f"{path} is a plan for {plan.environment}, not for {environment}.", advice="Leave --env out.")
    if inputs or answers or until:
        raise UsageError(
            "--set, --answer and --until do not go with --plan: the plan holds them.",
            advice="Plan again with other inputs and --out, or leave them out.",
        )
    return plan


def check_saved(saved: Plan, found: Plan, path: Path) -> None:
    """Refuse a saved plan that no longer holds, naming every difference. Raises `PlanDrift`."""
    differing = differences(saved, found)
    if differing:
        raise PlanDrift(
            f"{path} no longer holds; nothing was started. What differs:",
            differences=differing,
            advice="Plan again with --out, read what is new, and run that.",
        )


def say_environment(want: Wanted, screen: Screen) -> None:
    """Say which environment is used, where nobody named it."""
    if want.chosen:
        write(screen.paint(f"Environment: {want.environment} ({want.chosen})", "dim"))
        write()


def show_plan(plan: Plan, screen: Screen, sites: Mapping[str, Site]) -> None:
    """Print the plan."""
    write("\n".join(plan_lines(plan, screen, sites=sites)))


def next_lines(want: Wanted, plan: Plan, screen: Screen, *, out: str = "") -> None:
    """Print what may be typed after a plan that was only looked at."""
    options: dict[str, str | tuple[str, ...] | bool] = {"env": want.environment}
    if out:
        options["plan"] = out
        options.pop("env")
    else:
        options["set"] = tuple(f"{name}={value}" for name, value in want.inputs.items())
        options["answer"] = tuple(f"{name}={value}" for name, value in want.answers.items())
        options["until"] = want.until
    if plan.guarded:
        options["reason"] = "WHY"
    write()
    write(screen.paint("Next", "bold"))
    if out:
        write(f"  saved as   {out}, digest {plan.digest[:12]}")
    write(visible(f"  carry out  {typed('run-playbook' if plan.playbook else 'run-runbook', want.runbook, **options)}"))
    write(visible(f"  by hand    {typed('show', want.runbook)}"))
