"""The laws that every kind of action keeps, each a function of a case."""

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from typing import Any, Final, TypeAlias

from ..action import Action, Change, Question, Reverse, compared_fields
from ..dataclass import dataclass
from ..errors import AnswerNeeded, SchemaError
from ..ops import Op
from ..registry import action_type
from ..schema import DocumentProblems, build, check, convert, encode
from ..source import load_yaml
from ..values import Plain
from .fakes import FakeWorld

_STRANGE_KEY: Final = "no_such_argument"


class LawBrokenError(AssertionError):
    """A law does not hold; the message says which part."""


@dataclass(frozen=True, slots=True)
class Case:
    """
    One use of a kind in a world as it may be found.

    *kind* is a registered name, or a class. *world* makes the same world each time. No text of
    *hidden* may come out in states, ops or anything printed. *answers* are given to what it asks at work.
    """

    name: str
    kind: str | type[Action[Any]]
    arguments: Mapping[str, Plain]
    world: Callable[[], FakeWorld] = field(default=FakeWorld)
    hidden: tuple[str, ...] = ()
    answers: tuple[Plain, ...] = ()

    @property
    def cls(self) -> type[Action[Any]]:
        """The class of the kind."""
        return action_type(self.kind) if isinstance(self.kind, str) else self.kind

    def fresh(self) -> FakeWorld:
        """Make the world, in which what is asked has its answers."""
        world = self.world()
        if self.answers:
            world.execution.answers = self.answers
        return world

    def action(self) -> Action[Any]:
        """Build the action from its arguments, as the planner does."""
        return build(self.cls, dict(self.arguments))


Law: TypeAlias = Callable[[Case], None]


def _require(holds: bool, message: str) -> None:  # what is required comes first
    if not holds:
        raise LawBrokenError(message)


def _change(action: Action[Any], world: FakeWorld) -> Change[Any]:
    before = action.probe(world.read)
    after = action.desired(before)
    return Change(before, after, tuple(action.ops(before, after)))


def _compared(action: Action[Any], state: Any) -> Plain:  # noqa: ANN401  # a state of any kind
    encoded = encode(state)
    return {name: encoded[name] for name in compared_fields(type(action).state)}


def _can_tell(action: Action[Any], world: FakeWorld) -> bool:
    """Tell whether a probe can find out what became of the ops (a command without `creates` cannot)."""
    return action.family in ("state", "artefact") or getattr(action.probe(world.read), "done", None) is not None


def planning_is_pure_and_only_reads(case: Case) -> None:
    """Planning writes nothing, and twice gives the same."""
    action, world = case.action(), case.fresh()
    contents = world.contents()

    first = _change(action, world)
    world.read.seconds = 0.0
    second = _change(action, world)

    _require(world.contents() == contents, "planning wrote something")
    _require(_compared(action, first.after) == _compared(action, second.after), f"planned {first}, then {second}")
    _require(
        first.ops == second.ops == tuple(action.ops(first.before, first.after)), "ops() gave other ops the second time"
    )


def planning_from_after_is_empty(case: Case) -> None:
    """Where all is as wanted, there is nothing to do."""
    action, world = case.action(), case.fresh()
    after = _change(action, world).after

    _require(action.ops(after, after) == (), f"ops from the wanted state to itself: {action.ops(after, after)}")
    again = action.desired(after)
    _require(action.ops(after, again) == (), f"planned again from its own result: {action.ops(after, again)}")


def carrying_out_the_ops_gives_after(case: Case) -> None:
    """Find the planned state once the planned ops are carried out."""
    action, world = case.action(), case.fresh()
    if not _can_tell(action, world):
        return
    change = _change(action, world)

    world.carry_out(*change.ops)
    found = action.probe(world.read)

    wanted = _compared(action, change.after)
    _require(_compared(action, found) == wanted, f"wanted {wanted}, found {_compared(action, found)}")


def a_rest_is_planned_from_where_a_crash_left_it(case: Case) -> None:
    """After any number of ops, `ops(found, after)` is the rest of them."""
    action = case.action()
    if not _can_tell(action, case.fresh()):
        return
    count = len(_change(action, case.fresh()).ops)
    for done in range(count + 1):
        world = case.fresh()
        change = _change(action, world)
        world.carry_out(*change.ops[:done])
        rest = tuple(action.ops(action.probe(world.read), change.after))
        _require(rest == change.ops[done:], f"after {done} of {count} ops, the rest is {rest}, not {change.ops[done:]}")


def reverse_restores(case: Case) -> None:
    """Find all as it was before once it is undone, also when the undo was cut off and resumed."""
    action, world = case.action(), case.fresh()
    change = _change(action, world)
    undo = action.undo(change)
    if not isinstance(undo, Reverse):
        _require(bool(undo.reason.strip()), "an undo that leaves or refuses needs a reason")
        return
    count = len(action.ops(change.after, undo.goal))
    for done in range(count + 1):
        world = case.fresh()
        world.carry_out(*_change(action, world).ops)
        back = tuple(action.ops(action.probe_for(world.read, undo.goal), undo.goal))
        world.carry_out(*back[:done])
        world.carry_out(*action.ops(action.probe_for(world.read, undo.goal), undo.goal))
        states = action.probe_after(world.read, undo.goal), undo.goal
        found, wanted = (_compared(action, state) for state in states)
        _require(found == wanted, f"undone with a cut after {done} ops: wanted {wanted}, found {found}")


def all_survives_json(case: Case) -> None:
    """Arguments, states and ops come back from JSON as they went in."""
    action, world = case.action(), case.fresh()
    change = _change(action, world)

    _round_trip(case.cls, action)
    for state in (change.before, change.after):
        _round_trip(action.state, state)
    for op in change.ops:
        _require(Op.kinds.get(op.op) is type(op), f"{op.op!r} is not the name of {type(op).__name__}")
        _round_trip(type(op), op)


def _round_trip(cls: type[Any], value: object) -> None:
    text = json.dumps(encode(value))
    back = build(cls, json.loads(text))
    _require(back == value, f"{value} came back from JSON as {back}")


def nothing_hidden_comes_out(case: Case) -> None:
    """No state, op, line or decision holds a text that is to stay hidden."""
    action, world = case.action(), case.fresh()
    change = _change(action, world)
    lines = [line for op in change.ops for line in op.render()]
    told = [encode(change.before), encode(change.after), [encode(op) for op in change.ops], encode(action)]
    results = world.carry_out(*change.ops)
    text = json.dumps([*told, lines, action.details(change), encode(dict(action.outputs(change.after, results)))])
    text += str(action.undo(change)) + repr(action) + repr(change)

    for hidden in case.hidden:
        _require(hidden not in text, f"{hidden!r} comes out")


def every_op_is_shown(case: Case) -> None:
    """Each op prints what it will send."""
    action, world = case.action(), case.fresh()

    for op in _change(action, world).ops:
        _require(any(line.strip() for line in op.render()), f"{op} prints nothing")


def unknown_arguments_are_refused(case: Case) -> None:
    """Refuse an argument that the kind does not have, with its line."""
    arguments = {**encode(case.action()), _STRANGE_KEY: 1}
    document = load_yaml(json.dumps(arguments, indent=1), "case.yml")
    problems = DocumentProblems(document)

    convert(case.cls, document.content, problems)

    line = json.dumps(arguments, indent=1).splitlines().index(f' "{_STRANGE_KEY}": 1') + 1
    found = [problem for problem in problems.problems if _STRANGE_KEY in problem.message]
    _require(
        [problem.line for problem in found] == [line], f"wanted one problem in line {line}, found {problems.problems}"
    )
    try:
        build(case.cls, arguments)
    except SchemaError:
        return
    raise LawBrokenError(f"{_STRANGE_KEY} was accepted")


def the_example_of_the_docs_fits(case: Case) -> None:
    """Accept the example in the documentation; there must be one."""
    cls = case.cls
    problems = DocumentProblems(load_yaml("{}", "example.yml"))
    _require(bool(cls.example), f"{cls.__name__} has no example")
    _require(check(cls, dict(cls.example), problems), f"the example does not fit: {problems.problems}")
    _require(
        bool((cls.__doc__ or "").strip()), f"{cls.__name__} has no docstring, which is its page in the documentation"
    )


def outputs_are_as_announced(case: Case) -> None:
    """Where a kind announces its outputs by name, it gives these and no others."""
    action, world = case.action(), case.fresh()
    change = _change(action, world)
    results = world.carry_out(*change.ops)
    outputs = action.outputs(change.after, results)

    json.dumps(encode(dict(outputs)))
    if action.output_names is not None:
        _require(set(outputs) <= set(action.output_names), f"gave {set(outputs)}, announced {action.output_names}")


def what_asks_has_kept_nothing(case: Case) -> None:
    """Where a case has answers, an op asks for them with nothing done, and the rest is planned from there."""
    if not case.answers:
        return
    action, world = case.action(), case.world()
    change = _change(action, world)
    for done, op in enumerate(change.ops):
        contents = world.contents()
        try:
            world.carry_out(op)
        except AnswerNeeded as needed:
            _require(world.contents() == contents, f"{op} wrote something and asked then")
            question = build(action_type(needed.kind), needed.arguments)
            _require(isinstance(question, Question), f"{needed.kind} asks nothing")
            rest = tuple(action.ops(action.probe(world.read), change.after))
            _require(rest == change.ops[done:], f"having asked, the rest is {rest}, not {change.ops[done:]}")
            return
    raise LawBrokenError("it has answers, and asked nothing")


LAWS: Final[tuple[Law, ...]] = (
    planning_is_pure_and_only_reads,
    planning_from_after_is_empty,
    carrying_out_the_ops_gives_after,
    a_rest_is_planned_from_where_a_crash_left_it,
    reverse_restores,
    all_survives_json,
    nothing_hidden_comes_out,
    every_op_is_shown,
    unknown_arguments_are_refused,
    the_example_of_the_docs_fits,
    outputs_are_as_announced,
    what_asks_has_kept_nothing,
)


def laws_of(cases: Iterable[Case]) -> list[tuple[Case, Law]]:
    """Pair every case with every law, for pytest's `parametrize`."""
    return [(case, law) for case in cases for law in LAWS]


def law_id(value: object) -> str:
    """Name a case or a law in pytest's output."""
    return value.name if isinstance(value, Case) else getattr(value, "__name__", str(value))
