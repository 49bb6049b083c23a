"""A question as people read it: the same where it is asked, where it waits and where it is answered from elsewhere."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

from ..action import Choice, Prompt
from ..plan import shown
from ..report.wording import visible
from .planfoot import approval
from .screen import Screen
from .words import one_line

_HOW: Final[Mapping[str, str]] = {
    "confirm": "yes or no",
    "approve": "yes or no",
    "choose": "a number or a label",
    "input": "your answer",
    "checklist": "all, none, or the numbers of those that hold",
    "task": "done, or failed if it could not be done",
}
_FEW: Final = 3
_IN_FORCE: Final = "NOW"
_CELLS: Final = " | "
_INSTANT: Final = re.compile(r"(\d{4}-\d\d-\d\d)[T ](\d\d:\d\d)(:\d\d(\.\d+)?)?(Z|\+00:00)?")
_SHORT_IDS: Final = re.compile(r"\w+ (…\w+)( · )?")


def head_lines(symbol: str, address: str, name: str, screen: Screen) -> Iterator[str]:
    """Yield which step it is about."""
    plain = f"{symbol} {visible(address)}"
    first, *rest = screen.wrap(visible(name), first=f"{plain}  ", rest="    ")
    painted = f"{screen.paint(symbol, 'magenta', 'bold')} {screen.paint(visible(address), 'bold')}"
    yield f"{painted}{first[len(plain) :]}"
    yield from rest


def question_lines(prompt: Prompt, screen: Screen, *, whole: bool = True) -> Iterator[str]:
    """Yield what is asked; choices with all that is known of them, or (not *whole*) many of them on a line each."""
    for line in prompt.text.splitlines():
        yield from screen.wrap(visible(line), first="  ", rest="  ")
    for line in prompt.seen:
        yield from screen.wrap(visible(line), first="    ", rest="      ")
    box = "" if _is_for_each(prompt) else "[ ] "
    for number, item in enumerate(prompt.items, 1):
        yield from screen.wrap(visible(item), first=f"  {number:>3}. {box}", rest=" " * (7 + len(box)))
    if _is_for_each(prompt):
        yield "  for each of these:"
        for choice in prompt.choices:  # without numbers: those are of what it is chosen for
            yield from screen.wrap(visible(_told(choice)), first="    - ", rest=" " * 6)
    else:
        yield from _choice_lines(prompt, screen, brief=not whole and is_long(prompt, screen))
    if prompt.has_default and not prompt.choices:
        yield f"    default: {visible(shown(prompt.default))}"
    if prompt.names:
        yield from screen.wrap(visible(f"asked of {approval(prompt.names, prompt.quorum)}"), first="  ", rest="  ")


def _choice_lines(prompt: Prompt, screen: Screen, *, brief: bool) -> Iterator[str]:
    for number, choice in enumerate(prompt.choices, 1):
        lead, default = f"  {number:>3}. ", is_default(choice, prompt)
        if brief:
            lead = f"{'>' if default else ' ':>3} {number:>2}. "
            yield lead + _brief(choice, screen.width - len(lead))
        else:
            mark = "  (default)" if default else ""
            yield from screen.wrap(visible(f"{_told(choice)}{mark}"), first=lead, rest=" " * 7)


def _is_for_each(prompt: Prompt) -> bool:
    return prompt.kind == "choose" and bool(prompt.items)


def how(prompt: Prompt) -> str:
    """Say how a question is answered."""
    if _is_for_each(prompt):
        return "one choice for all, or NUMBER=CHOICE, … and others=CHOICE; words do for numbers, too"
    return _HOW[prompt.kind]


def is_long(prompt: Prompt, screen: Screen) -> bool:
    """Tell whether the choices are too many to be read with all that is known of them."""
    room = screen.width - len("  (default)") - 7
    return len(prompt.choices) > _FEW and any(len(_told(choice)) > room for choice in prompt.choices)


def is_default(choice: Choice, prompt: Prompt) -> bool:
    """Tell whether a choice is the one that an empty answer takes."""
    return prompt.has_default and choice.value == prompt.default


def default_lead(prompt: Prompt) -> str:
    """Give what stands before the cursor: the default that Enter takes, by number and name, where there is one."""
    if not prompt.has_default:
        return ""
    for number, choice in enumerate(prompt.choices, 1):
        if is_default(choice, prompt):
            return f"[{number}. {one_line(visible(_cells(choice)[0]), 40)}] "
    return f"[{one_line(visible(shown(prompt.default)), 40)}] "


def _told(choice: Choice) -> str:
    return f"{choice.label}; {choice.detail}" if choice.detail else choice.label


def _brief(choice: Choice, room: int) -> str:
    """Put the cells of a label on one line, as many as there is room for: when, who, what it is called, short ids."""
    cells = _cells(choice)
    ordered = sorted(range(len(cells)), key=lambda index: (_rank(index, cells[index]), index))
    text = ""
    for cell in (visible(cells[index]) for index in ordered):
        longer = f"{text}{_CELLS}{cell}" if text else cell
        if len(longer) > room:
            break
        text = longer
    return text or _cut(visible(cells[0]), room)


def _rank(index: int, cell: str) -> int:
    if index < 2 or cell == _IN_FORCE:  # when and who come first as they are, then whether that is so already
        return 0
    return 1 if cell.startswith(('"', "“")) else 2 if "…" in cell else 3


def _cells(choice: Choice) -> list[str]:
    cells = " ".join(choice.label.split()).split(_CELLS)
    return [_SHORT_IDS.sub(r"\1 ", _INSTANT.sub(r"\1 \2", cell)).strip() for cell in cells]


def _cut(text: str, room: int) -> str:
    return text if len(text) <= room else f"{text[: room - 1].rpartition(' ')[0] or text[: room - 2]} …"
