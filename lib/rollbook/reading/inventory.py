"""From a document to an `Inventory`, with every problem of the file at once."""

import re
from collections.abc import Collection, Mapping
from dataclasses import field
from typing import Final

from ..dataclass import dataclass
from ..inventory import Inventory
from ..schema import DocumentProblems, convert
from ..source import Document
from ..source.document import Path
from ..targets import KINDS, settings_type
from ..targets.base import TargetSpec
from ..values import Plain, Secret
from .names import check_kind, nearest_of
from .references import texts

Groups = dict[str, tuple[str, ...]]

_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_URL_WITH_LOGIN: Final = r"[a-zA-Z][\w+.-]*://[^/\s:@]*:[^/\s@]+@"
_HOSTS: Final = ("local", "ssh", "command")
_NEIGHBOURS: Final[Mapping[str, tuple[str, ...]]] = {"via": ("ssh",), "jump": ("ssh",), "on": _HOSTS}


@dataclass(frozen=True, slots=True)
class InventoryForm:
    """One environment: its targets, variables and protections."""

    environment: str = field(metadata={"help": "its name: that of the file"})
    protected: bool = field(default=False, metadata={"help": "ask for its name to be typed, and for a reason"})
    vars: Mapping[str, Plain] = field(default_factory=dict, metadata={"help": "values for expressions: vars.NAME"})
    targets: Mapping[str, Plain] = field(default_factory=dict, metadata={"help": "what runbooks act on, by name"})
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict, metadata={"help": "targets of one kind"})


@dataclass(frozen=True, slots=True)
class TargetForm:
    """What every target may have beside the settings of its kind."""

    kind: str = field(metadata={"help": "local, ssh, command, sql, postgres, mongo, http or smtp"})
    expect: Mapping[str, str] = field(
        default_factory=dict, metadata={"help": "the identity it must have, such as server_uuid"}
    )
    reader: Mapping[str, Plain] | None = field(
        default=None, metadata={"help": "settings of an account that only reads"}
    )
    settings: Mapping[str, Plain] = field(default_factory=dict, metadata={"rest": ""})


def parse_inventory(document: Document) -> Inventory:
    """
    Make an inventory of *document*; the target `local` is always there.

    Raises `SourceError` or `SchemaError` with every problem of the file, in its order.
    """
    problems = DocumentProblems(document)
    content = document.content
    form = convert(InventoryForm, content, problems)
    name = content.get("environment")
    if isinstance(name, str) and not _NAME.fullmatch(name):
        problems.add(
            ("environment",), f"an environment's name is made of small letters, digits, - and _; found {name!r}"
        )
    specs = _targets(content.get("targets"), problems)
    variables = _with_secrets(content.get("vars"), ("vars",), problems)
    targets = content.get("targets")
    known = {*specs, *(targets if isinstance(targets, dict) else ())}
    groups = _groups(content.get("groups"), specs, known, problems)
    _check_neighbours(specs, known, problems)
    _check_texts(document, problems)
    if problems or form is None:
        raise problems.error()
    return Inventory(
        environment=form.environment,
        targets=specs,
        groups=groups,
        variables=variables or {},
        protected=form.protected,
        file=document.file,
    )


def _targets(content: Plain, problems: DocumentProblems) -> dict[str, TargetSpec]:
    specs = {"local": TargetSpec("local", "local")}
    for name, written in content.items() if isinstance(content, dict) else ():
        path = ("targets", name)
        if not _NAME.fullmatch(name):
            problems.add(
                path, f"a target's name is made of small letters, digits, - and _; found {name!r}", at_key=True
            )
        if isinstance(written, str):
            problems.add(path, f"expected the target's settings, found the text {written!r}; write {{kind: {written}}}")
            continue
        form = convert(TargetForm, written, problems, path)
        if form is None or not check_kind(form.kind, KINDS, (*path, "kind"), problems):
            continue
        if name == "local" and form.kind != "local":
            problems.add((*path, "kind"), f"local is this machine; give the {form.kind} target another name")
        specs[name] = _spec(name, form, path, problems)
    return specs


def _spec(name: str, form: TargetForm, path: Path, problems: DocumentProblems) -> TargetSpec:
    settings = settings_type(form.kind)
    convert(settings, dict(form.settings), problems, path)
    if form.reader is not None:
        convert(settings, {**form.settings, **form.reader}, problems, (*path, "reader"))
    return TargetSpec(
        name=name,
        kind=form.kind,
        settings=_with_secrets(form.settings, path, None),
        expect=dict(form.expect),
        reader=None if form.reader is None else _with_secrets(form.reader, path, None),
    )


def _with_secrets(value: Plain, path: Path, problems: DocumentProblems | None) -> Plain:
    """Put a `Secret` in place of each `{secret: …}`; with *problems*, tell of those that are none."""
    match value:
        case {"secret": _}:
            try:
                return Secret.__convert__(value)
            except ValueError as error:
                if problems is not None:
                    problems.add(path, str(error))
                return value
        case Mapping():
            return {key: _with_secrets(part, (*path, key), problems) for key, part in value.items()}
        case list() | tuple():
            return [_with_secrets(part, (*path, number), problems) for number, part in enumerate(value)]
    return value


def _groups(
    content: Plain, specs: Mapping[str, TargetSpec], known: Collection[str], problems: DocumentProblems
) -> Groups:
    """Give the groups as far as they are readable; *known* are all targets, also those that do not fit."""
    groups: Groups = {}
    for name, members in content.items() if isinstance(content, dict) else ():
        path = ("groups", name)
        if name in known:
            problems.add(path, f"{name!r} is a target already; a group needs a name of its own", at_key=True)
        if not isinstance(members, list):
            continue
        if not members:
            problems.add(path, "expected at least one target")
        groups[name] = tuple(member for member in members if isinstance(member, str))
        _check_members(members, path, known, problems)
        kinds = sorted({specs[member].kind for member in groups[name] if member in specs})
        if len(kinds) > 1:
            problems.add(path, f"the targets of a group are of one kind; these are of kind {' and '.join(kinds)}")
    return groups


def _check_members(members: list[Plain], path: Path, known: Collection[str], problems: DocumentProblems) -> None:
    for number, member in enumerate(members):
        if not isinstance(member, str):
            continue
        if member not in known:
            problems.add((*path, number), f"there is no target {member!r}{nearest_of(member, known)}")
        elif members.index(member) != number:
            problems.add((*path, number), f"{member!r} is in this group already")


def _check_neighbours(specs: Mapping[str, TargetSpec], known: Collection[str], problems: DocumentProblems) -> None:
    """Check the targets that others are reached through."""
    for spec in specs.values():
        for key, kinds in _NEIGHBOURS.items():
            other = spec.settings.get(key)
            if not isinstance(other, str):
                continue
            path = ("targets", spec.name, key)
            if other not in known:
                problems.add(path, f"there is no target {other!r}{nearest_of(other, known)}")
            elif other in specs and specs[other].kind not in kinds:
                found = specs[other].kind
                problems.add(path, f"{key}: needs a target of kind {' or '.join(kinds)}; {other!r} is of kind {found}")
            elif _leads_back(spec.name, other, key, specs):
                problems.add(path, f"{spec.name!r} would be reached through itself")


def _leads_back(start: str, name: str, key: str, specs: Mapping[str, TargetSpec]) -> bool:
    seen: set[str] = set()
    while name not in seen and name in specs:
        if name == start:
            return True
        seen.add(name)
        name = str(specs[name].settings.get(key, ""))
    return False


def _check_texts(document: Document, problems: DocumentProblems) -> None:
    """Find expressions, which are not evaluated here, and passwords; the latter are told without their line."""
    for path, text in texts(document.content, ()):
        if "{{" in text:
            problems.add(path, "expressions are not evaluated in an inventory; write the value")
        if re.search(_URL_WITH_LOGIN, text):
            message = 'a password is written in this address: give the whole address as {secret: "env:NAME"}'
            problems.add(path, message, hidden=True)
