"""The answers that were given with a command, for questions that a plan will ask."""

from collections.abc import Collection, Iterable, Iterator, Mapping

from ..action import Question
from ..errors import RefusedError, UsageError
from ..plan import answer_to
from ..runbook import Runbook
from ..values import Plain
from .scope import Use


def own_ids(runbook: Runbook) -> frozenset[str]:
    """Name the steps that *runbook* has itself, and no include or stage of it."""
    return frozenset(step.id for step in (*runbook.steps, *runbook.finally_))


def planned_answer(use: Use, question: Question, answers: Mapping[str, str], own: Collection[str]) -> Plain | None:
    """
    Give the value that a question is planned on: from *answers*, as `answer_to` does, or its default. None: not known.

    Raises `RefusedError` for one that it does not take, and for one that stops the run.
    """
    prompt = question.prompt()
    text = answer_to(use.address, use.step.id, answers, own)
    if text is None or (use.scope.environment.inventory.protected and prompt.kind == "approve"):
        return prompt.default if prompt.has_default else None
    if text == "default":
        if not prompt.has_default:
            raise RefusedError(f"--answer {use.address}=default: the question has no default.")
        return prompt.default
    try:
        value = question.accept(text)
    except ValueError as error:
        raise RefusedError(f"--answer {use.address}={text}: {error}") from error
    reason = question.refused(value)
    if reason:
        raise RefusedError(f"--answer {use.address}={text} stops the run: {reason}")
    return value


def check_answers(runbook: Runbook, answers: Iterable[str]) -> None:
    """Raise `UsageError` for an answer to a step that *runbook* does not have; *answers* are their names."""
    ids = set(_ids_of(runbook))
    for name in answers:
        last = name.removesuffix("/sure").rsplit("/", 1)[-1].split("[")[0].split("@")[0].removesuffix("-sure")
        if last not in ids and not name.startswith("undo/"):
            raise _unknown(name, runbook, ids)


def _unknown(name: str, runbook: Runbook, ids: Iterable[str]) -> UsageError:
    from difflib import get_close_matches  # only mistakes need it

    near = get_close_matches(name, sorted(ids), n=1)
    return UsageError(
        f"--answer {name}=…: {runbook.name} has no step {name!r}.",
        advice=f"Did you mean {near[0]}?" if near else "`show` lists the steps.",
    )


def _ids_of(runbook: Runbook) -> Iterator[str]:
    """Yield the id of every step, of the included runbooks too."""
    yield from (step.id for step in (*runbook.steps, *runbook.finally_))
    yield from (step.stage.gate.id for step in runbook.steps if step.stage is not None and step.stage.gate is not None)
    for included in runbook.includes.values():
        yield from _ids_of(included)
