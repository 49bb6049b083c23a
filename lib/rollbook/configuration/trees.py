"""Formats that hold a tree: json and yaml."""

import json
import re
from collections.abc import Callable, Iterator
from dataclasses import replace
from json.decoder import JSONDecodeError
from typing import TYPE_CHECKING, Any, Final

from .aliases import alias_of, is_alias
from .place import Place, Scalar, Unfit, names_of

if TYPE_CHECKING:
    import yaml

_BLANK: Final = " \t\r\n"
_DECODER: Final = json.JSONDecoder()
_ANCHOR: Final = re.compile(r"&\S+[ \t]+")


def json_place(text: str, key: str) -> Place:
    """Find a value by its path; a last name that an object does not have is put in after its last."""
    names = names_of(key)
    _parsed(text)
    at = _skip(text, 0)
    for index, name in enumerate(names):
        parts = list(_parts(text, at))
        found = next((begin for known, begin, _ in parts if known == name), None)
        if found is not None:
            at = found
            continue
        if text[at] != "{" or index + 1 < len(names):
            raise Unfit(f"there is no {'.'.join(names[: index + 1])}")
        return _new_member(text, at, parts, name)
    if text[at] in "{[":
        raise Unfit("the value is no single one, which is not edited")
    return Place(at, _end(text, at))


def _end(text: str, at: int) -> int:
    return int(_DECODER.raw_decode(text, at)[1])


def _skip(text: str, at: int) -> int:
    while text[at] in _BLANK:
        at += 1
    return at


def _parts(text: str, at: int) -> Iterator[tuple[str, int, int]]:
    """Give name, beginning and end of each part of the object or list at *at*; of anything else none."""
    opened = text[at]
    if opened not in "{[":
        return
    at, number = _skip(text, at + 1), 0
    while text[at] not in "}]":
        name = str(number)
        if opened == "{":
            name, at = _DECODER.raw_decode(text, at)
            at = _skip(text, _skip(text, at) + 1)
        end = _end(text, at)
        yield name, at, end
        at = _skip(text, end)
        at = _skip(text, at + 1) if text[at] == "," else at
        number += 1


def _new_member(text: str, at: int, parts: list[tuple[str, int, int]], name: str) -> Place:
    head = f"{json.dumps(name, ensure_ascii=False)}: "
    if not parts:
        return Place(at + 1, at + 1, False, head)
    last = parts[-1][2]
    opening = text[at + 1 : text.index('"', at + 1)]
    return Place(last, last, False, f",{opening or ' '}{head}")


def json_raw(value: Scalar) -> str:
    """Write a value as JSON."""
    return json.dumps(value, ensure_ascii=False)


def _walk(found: Any, key: str) -> Scalar:  # noqa: ANN401  # what a parser gives
    for name in names_of(key):
        if isinstance(found, list) and name.isdigit() and int(name) < len(found):
            found = found[int(name)]
        elif isinstance(found, dict) and name in found:
            found = found[name]
        else:
            raise Unfit(f"there is no {key}")
    return found if found is None or isinstance(found, str | int | float | bool) else str(found)


def json_value(text: str, key: str) -> Scalar:
    """Read a value with Python's own parser."""
    return _walk(_parsed(text), key)


def _parsed(text: str) -> Any:  # noqa: ANN401  # what a parser gives
    try:
        return json.loads(text)
    except (JSONDecodeError, RecursionError) as error:
        raise Unfit(f"the file is not JSON: {error}") from None


def yaml_place(text: str, key: str) -> Place:
    """
    Find a scalar by its path; a last name that a block mapping does not have is put in after its last.

    Through an alias the place is shared: it is there to be read, and not to be written.
    """
    import yaml

    root = node = _yaml(text, yaml.compose)
    names, shared = names_of(key), None
    for index, name in enumerate(names):
        found = _child(node, name)
        if found is not None:
            if shared is None and is_alias(node, name, found):
                shared = alias_of(root, found, ".".join(names[: index + 1]), ".".join(names[index + 1 :]))
            node = found
            continue
        if not isinstance(node, yaml.MappingNode) or node.flow_style or index + 1 < len(names) or not node.value:
            raise Unfit(f"there is no {'.'.join(names[: index + 1])} in a mapping written as a block")
        return replace(_new_line(text, node, name), shared=shared)
    if not isinstance(node, yaml.ScalarNode) or node.style in ("|", ">"):
        raise Unfit("the value is no single one in one line, which is not edited")
    start, end = node.start_mark.index, node.end_mark.index
    anchor = _ANCHOR.match(text, start, end)
    start = anchor.end() if anchor else start
    return Place(start, end, before=" " if text[start - 1 : start] == ":" else "", shared=shared)


def _yaml(text: str, parse: Callable[..., Any]) -> Any:  # noqa: ANN401  # what a parser gives
    import yaml

    try:
        return parse(text, Loader=yaml.SafeLoader)
    except (yaml.YAMLError, RecursionError) as error:
        raise Unfit(f"the file is not YAML of one document: {str(error).splitlines()[0]}") from None


def _child(node: "yaml.Node | None", name: str) -> "yaml.Node | None":
    import yaml

    if isinstance(node, yaml.MappingNode):
        return next((value for key, value in node.value if getattr(key, "value", None) == name), None)
    if isinstance(node, yaml.SequenceNode) and name.isdigit() and int(name) < len(node.value):
        found: yaml.Node = node.value[int(name)]
        return found
    return None


def _new_line(text: str, node: "yaml.MappingNode", name: str) -> Place:
    key, value = node.value[-1]
    at = max(key.end_mark.index, value.end_mark.index)
    at -= len(text[:at]) - len(text[:at].rstrip())
    stop = text.find("\n", at)
    head = f"{' ' * node.start_mark.column}{_yaml_key(name)}: "
    if stop < 0:
        return Place(len(text), len(text), False, f"\n{head}", "\n")
    return Place(stop + 1, stop + 1, False, head, "\n")


def _yaml_key(name: str) -> str:
    return name if name.replace("_", "a").replace("-", "a").isalnum() else json.dumps(name, ensure_ascii=False)


def yaml_raw(value: Scalar) -> str:
    """Write a value as YAML does: a text in double quotes, which every version of YAML reads alike."""
    return json.dumps(value, ensure_ascii=False)


def yaml_value(text: str, key: str) -> Scalar:
    """Read a value as YAML's safe types."""
    import yaml

    return _walk(_yaml(text, yaml.load), key)
