"""The walk over the parser's events: plain content, places and problems in one pass; loads the yaml library."""

from collections.abc import Callable
from typing import Any, Final

import yaml
from yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    MappingEndEvent,
    MappingStartEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
)

from ..errors import SourceError
from ..values import Plain
from .document import UNREAD, Document, Node, Place, Problem, mark_of, place_of, problem_at
from .gathering import Gathering
from .scalars import Trap, quoted, resolve

MAX_DEPTH: Final = 100
MAX_PROBLEMS: Final = 100

Event = Any  # the yaml library's events have no types for what is read here

# The composer of the yaml library is not used: it recurses in C without a limit, and it loses where an alias stood.
_LOADER: Final[Any] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_TAGS: Final = {
    ScalarEvent: "tag:yaml.org,2002:str",
    MappingStartEvent: "tag:yaml.org,2002:map",
    SequenceStartEvent: "tag:yaml.org,2002:seq",
}
_ALIASES: Final = "aliases"
_MOST_ALIASES: Final = 20
_SWITCH_KEYS: Final = frozenset(("y", "n", "yes", "no", "on", "off"))


def read_events(text: str, file: str) -> Document:
    """
    Read YAML *text* without forbidden characters, keeping the problems that leave something to check.

    Raises SourceError with every problem of a text that leaves nothing.
    """
    loader = _LOADER(text)
    walk = _Walk(text, file, loader.get_event)
    content: Plain = None
    root: Node = 0
    try:
        content, root = walk.document()
    except _EnoughError:
        pass
    except yaml.YAMLError as error:
        from .syntax import describe_syntax_error

        problem = describe_syntax_error(file, text, error, walk.last)
        # The parser may have stumbled over what was noted already.
        walk.found.drop(problem.line, problem.column)
        walk.found.add(problem)
    except (OverflowError, ValueError):
        # The parser in Python lets these through for an escape such as "\UFFFFFFFF".
        walk.found.add(Problem(file, 0, 0, "an escape in double quotes stands for no character"))
    finally:
        loader.dispose()
    problems = walk.found.problems()
    if not isinstance(content, dict):
        raise SourceError(problems)
    return Document(content, file, text, root, problems)


class _EnoughError(Exception):
    """Ends the walk early; the problem is already noted."""


class _Walk:
    """One pass over the events of one file."""

    def __init__(self, text: str, file: str, next_event: Callable[[], Event]) -> None:
        self.text = text
        self.file = file
        self.next = next_event
        self.found = Gathering()
        self.aliases = 0
        self.good_keys: dict[str, str] = {}  # one object for a key, however often it stands in the file
        self.last: Event = None  # the last scalar or end, which a syntax error may be blamed on

    def document(self) -> tuple[Plain, Node]:
        """Read all events; return the content of the one document."""
        self.next()  # the stream's start
        if type(self.next()) is StreamEndEvent:
            self._note_file("the file holds nothing but comments" if self.text.strip() else "the file is empty")
            raise _EnoughError
        event = self.next()
        content, node = self.value(event, 1)
        if not isinstance(content, dict) and not self.found:
            found = "it is empty" if content is None else f"here is {_sort(content)}"
            self._note(event, f"the file must be a mapping (`key: value` lines) at its top; {found}")
        self.next()  # the document's end
        event = self.next()
        if type(event) is DocumentStartEvent:
            self._note(event, "a second document begins here: one file holds one document")
        return content, node

    def value(self, event: Event, depth: int) -> tuple[Plain, Node]:
        """Read the value that begins with *event*."""
        kind = type(event)
        place = place_of(event.start_mark)
        if kind is ScalarEvent:
            self.last = event
            if event.tag is not None or event.anchor is not None:
                return self._marked(event), place
            if event.style:
                return event.value, place
            found = resolve(event.value)
            if type(found) is Trap:
                self._note(event, found.message)
                return UNREAD, place
            return found, place
        if kind is AliasEvent:
            return self._alias(event), place
        if depth > MAX_DEPTH:
            raise self._too_deep(event)
        if event.tag is not None or event.anchor is not None:
            self._check_properties(event)
        return self._mapping(event, depth) if kind is MappingStartEvent else self._sequence(event, depth)

    def _alias(self, event: Event) -> Plain:
        """Tell an alias. Raises SourceError when there are so many that nothing else about the file matters."""
        self.aliases += 1
        if self.aliases > _MOST_ALIASES:
            message = f"the file repeats itself more than {_MOST_ALIASES} times by aliases (*name), which is no runbook"
            place = mark_of(place_of(event.start_mark))
            raise SourceError([problem_at(self.file, self.text, place, f"{message}: is it the right file?")])
        message = "aliases (*name) are not supported: write the part again, or move it to an include"
        self._note(event, message, alike=_ALIASES)
        return UNREAD

    def _marked(self, event: Event) -> Plain:
        """Read a scalar with an anchor or a tag, which is told; what else is wrong with it can wait."""
        self._check_properties(event)
        if event.tag is not None:
            return event.value if event.tag == _TAGS[ScalarEvent] else UNREAD
        found = event.value if event.style else resolve(event.value)
        return UNREAD if type(found) is Trap else found

    def _sequence(self, start: Event, depth: int) -> tuple[Plain, Node]:
        items: list[Plain] = []
        nodes: list[Node] = []
        while type(event := self.next()) is not SequenceEndEvent:
            item, node = self.value(event, depth + 1)
            items.append(item)
            nodes.append(node)
        self.last = event
        return items, (place_of(start.start_mark), nodes)

    def _mapping(self, start: Event, depth: int) -> tuple[Plain, Node]:
        content: dict[str, Plain] = {}
        readable = True
        nodes: dict[str, tuple[Place, Node]] = {}
        while type(event := self.next()) is not MappingEndEvent:
            # `key: {{ x }}` was meant as something else than a mapping.
            readable = readable and (type(event) is ScalarEvent or not start.flow_style)
            key = self._key(start, event)
            value, node = self.value(self.next(), depth + 1)
            if key is None:
                continue
            if key in nodes:
                line = mark_of(nodes[key][0]).line
                self._note(event, f"the key {quoted(key)} is here a second time; the first is in line {line}")
                continue
            content[key] = value
            nodes[key] = (place_of(event.start_mark), node)
        self.last = event
        return content if readable else UNREAD, (place_of(start.start_mark), nodes)

    def _key(self, start: Event, event: Event) -> str | None:
        """Read a key; None if it is not one, which is then noted."""
        if type(event) is not ScalarEvent:
            self._complex_key(start, event)
            return None
        self.last = event
        key: str = self.good_keys.get(event.value, event.value)
        if event.tag is not None or event.anchor is not None:
            self._check_properties(event)
            return key
        # As a key, `on` can be nothing but text.
        if event.style or key in self.good_keys or key.lower() in _SWITCH_KEYS:
            return key
        found = resolve(key)
        if type(found) is str:
            self.good_keys[key] = key
            return key
        self._note(event, _bad_key(key))
        return None

    def _complex_key(self, start: Event, event: Event) -> None:
        """Note a list, mapping or alias in place of a key, and skip it."""
        begin = event.start_mark.index
        end = self._skip(event)
        if not self.text.startswith("{", begin):
            self._note(event, "a key must be text, not a list, a mapping or an alias")
            return
        # `key: {{ x }}` is a mapping within a mapping to a parser, `{{ x }}: value` a mapping as a key.
        if self.text.startswith("{{", begin - 1) and begin - 1 == start.start_mark.index:
            begin -= 1
        closing = self.text.find("}}", begin)
        whole = self.text[begin : max(closing + 2, end)]
        if whole.startswith("{{") and "\n" not in whole:
            message = f"a value that begins with {{{{ must be quoted: write {quoted(whole)}"
        else:
            message = "a key must be text, not a mapping; an expression {{ … }} must be quoted"
        self._note(start if whole.startswith("{{") else event, message)

    def _skip(self, event: Event) -> int:
        """Read on to the end of what begins with *event*; return the index where it ends."""
        open_parts = 0
        while open_parts <= MAX_DEPTH:
            kind = type(event)
            if kind is MappingStartEvent or kind is SequenceStartEvent:
                open_parts += 1
            elif kind is MappingEndEvent or kind is SequenceEndEvent:
                open_parts -= 1
            if not open_parts:
                return int(event.end_mark.index)
            event = self.next()
        raise self._too_deep(event)

    def _too_deep(self, event: Event) -> _EnoughError:
        self._note(event, f"lists and mappings are nested more than {MAX_DEPTH} deep here")
        return _EnoughError()

    def _check_properties(self, event: Event) -> None:
        if event.anchor is not None:
            message = f"anchors (&name) are not supported: quote a text that begins with &{event.anchor}"
            self._note(event, message, alike=_ALIASES)
        elif event.tag != _TAGS[type(event)]:
            self._note(event, "tags (!name) are not supported: take it out, or quote a text that begins with !")

    def _note(self, event: Event, message: str, *, alike: str = "") -> None:
        problem = problem_at(self.file, self.text, mark_of(place_of(event.start_mark)), message)
        # Whoever uses one alias uses many: the first says it all.
        kept = self.found.add(problem, alike=alike, most=1) if alike else self.found.add(problem)
        if kept and len(self.found) >= MAX_PROBLEMS:
            self._note_file(f"the file has more than {MAX_PROBLEMS} problems: these are the first")
            raise _EnoughError

    def _note_file(self, message: str) -> None:
        self.found.add(Problem(self.file, 0, 0, message))


def _bad_key(key: str) -> str:
    if key == "<<":
        return "merge keys (<<) are not supported: write the keys out"
    return f"a key must be text: quote it: {quoted(key)}" if key else "a key is missing before the colon"


def _sort(content: Plain) -> str:
    return "a list" if isinstance(content, list) else "a single value"
