"""YAML's aliases: a value written once and used in several places, where writing at one would change all."""

from typing import TYPE_CHECKING

from .place import Shared

if TYPE_CHECKING:
    import yaml


def is_alias(parent: "yaml.Node", name: str, child: "yaml.Node") -> bool:
    """Tell whether *child*, at *name* of *parent*, is an alias: what it stands for was written before that place."""
    import yaml

    written = [parent.start_mark.index]
    if isinstance(parent, yaml.MappingNode):
        written += [key.start_mark.index for key, _ in parent.value if getattr(key, "value", None) == name][:1]
    elif isinstance(parent, yaml.SequenceNode):
        written += [one.end_mark.index - 1 for one in parent.value[: int(name)]]
    return bool(child.start_mark.index <= max(written))


def alias_of(root: "yaml.Node", node: "yaml.Node", path: str, rest: str) -> Shared:
    """Say that *path* is an alias of *node*, and where to set the value instead, which is *rest* below it."""
    place, line = written_at(root, node), node.start_mark.line + 1
    return Shared(
        f"{path} is an alias of {place} (line {line}), so all that use it would be changed",
        f"Set {place}{rest and '.'}{rest} if that is meant; else write {path} out in the file first.",
    )


def written_at(root: "yaml.Node", node: "yaml.Node") -> str:
    """Give the path at which *node* is written, which is the first that leads to it."""
    import yaml

    seen, left = set[int](), [("", root)]
    while left:
        path, found = left.pop()
        if found is node:
            return path or "the whole file"
        if id(found) in seen:
            continue
        seen.add(id(found))
        if isinstance(found, yaml.MappingNode):
            parts = [(str(key.value), value) for key, value in found.value]
        else:
            parts = (
                [(str(at), value) for at, value in enumerate(found.value)]
                if isinstance(found, yaml.SequenceNode)
                else []
            )
        left += [(f"{path}.{_name(name)}" if path else _name(name), value) for name, value in reversed(parts)]
    return "another place"


def _name(name: str) -> str:
    return f'"{name}"' if "." in name else name
