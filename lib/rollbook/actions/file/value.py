"""`config.value`: one value in a configuration file."""

import hashlib
from collections.abc import Mapping
from dataclasses import field, replace
from typing import ClassVar, Final

from ...action import Action, Change, Readers, Ref, Subject, Undo, evidence
from ...configuration.editing import FORMATS, format_of, put, read
from ...configuration.place import Format, Scalar, Shared
from ...dataclass import dataclass
from ...errors import TargetError
from ...ops import FileEdit, Op
from ...targets.base import HostReader
from ...values import Plain
from .state import FileState, check_path, keeping, read_state, replacing, told, way_back

_HARMLESS: Final = frozenset({"", "true", "false", "yes", "no", "on", "off", "none", "null", "debug", "info"})


@dataclass(frozen=True, slots=True)
class ConfigState(FileState):
    """The file, what it says at the key as it may be shown, and the file's hash with the value put in."""

    value: str = evidence(default="")
    wanted_sha256: str = evidence(default="")


@dataclass(frozen=True, slots=True)
class ConfigValue(Action[ConfigState]):
    """
    Set one value in a configuration file, and see that it is read back; every other byte is kept.

    The format is told by the file's name (`.env`, `.ini`, `.cfg`, `.toml`, `.json`, `.yaml`), or given. The key is a
    variable, `section.option`, or a path of names and list indexes joined by dots; a name that holds a dot is written
    in double quotes. A key that is missing is put in. Mode and owner stay. What stood there is shown where it is a
    number or a plain word such as `true`, else by a hash, for it may be a password; a password is none of the values
    to set here, since it would stand in the plan. The file as it was is kept beside, hidden, for the undo.
    """

    kind: ClassVar[str] = "config.value"
    example: ClassVar[Mapping[str, Plain]] = {"path": "/srv/app/.env", "key": "LOG_LEVEL", "value": "DEBUG"}
    by_hand: ClassVar[str] = "`cp -p <path> <path>.kept`, edit `<key>` in `<path>`, and `diff <path>.kept <path>`"

    path: str
    key: str
    value: Scalar
    format: Format | None = field(default=None, metadata={"help": "else by the file's name"})
    target: Ref[HostReader] = Ref("local")
    keep: bool = field(default=True, metadata={"help": "keep a copy of the file as it was, for the undo"})

    def __post_init__(self) -> None:
        check_path(self.path)
        if self.format is None and format_of(self.path) is None:
            raise ValueError(f"format: expected one of {', '.join(FORMATS)}, for the name of {self.path} does not tell")
        if not self.key:
            raise ValueError("key: expected the name of the value")

    @property
    def _format(self) -> Format:
        return self.format or format_of(self.path) or "env"

    def subjects(self) -> frozenset[Subject]:
        """Name the file, and the value in it, which another value's step does not know."""
        whole = Subject(self.target.name, "file", self.path)
        return frozenset({whole, Subject(self.target.name, "file", f"{self.path} {self.key} {self.value!r}")})

    def probe(self, read: Readers) -> ConfigState:
        """Read the file, the value, and what the file would be."""
        host = read[self.target]
        found = read_state(host, self.path, owned=True)
        content = host.read_file(self.path) if found.exists else None
        if content is None:
            raise TargetError(
                f"{self.path} on {host.name} is not there, so no value can be set in it.",
                advice="A file that is not there is made by file.present.",
            )
        text, wanted = self._edited(host.name, content)
        return ConfigState(
            exists=True,
            sha256=found.sha256,
            mode=found.mode,
            size=found.size,
            kept=found.kept,
            owner=found.owner,
            whose=found.whose,
            value=text,
            wanted_sha256=hashlib.sha256(wanted).hexdigest(),
        )

    def _edited(self, host: str, content: bytes) -> tuple[str, bytes]:
        try:
            text = content.decode()
            there, found = read(text, self._format, self.key)
            return _shown(there, found, self.value), put(text, self._format, self.key, self.value).encode()
        except ValueError as error:
            raise TargetError(
                f"{self.key} of {self.path} on {host} cannot be set: {error}.",
                advice=error.now
                if isinstance(error, Shared)
                else "format: names another format; a file that is written otherwise is edited by shell.run.",
            ) from error

    def desired(self, before: ConfigState) -> ConfigState:
        """Want the value."""
        digest = before.wanted_sha256
        kept = before.kept if digest == before.sha256 else keeping(before, keep=self.keep)
        return replace(before, sha256=digest, kept=kept, value=_shown(True, self.value, self.value), size=None)

    def ops(self, old: ConfigState, new: ConfigState) -> tuple[Op, ...]:
        """Keep the file as it is, then put the value in."""
        own = new.sha256 == old.wanted_sha256
        write = FileEdit(self.target.name, self.path, self._format, self.key, self.value) if own else None
        return replacing(self.target.name, self.path, old, new, write)

    def undo(self, change: Change[ConfigState]) -> Undo[ConfigState]:
        """Bring the file back as it was."""
        return way_back(self.path, change, keep=self.keep)

    def details(self, change: Change[ConfigState]) -> tuple[str, ...]:
        """Show the value before and after, and say where the file is kept."""
        if not change.ops:
            return (f"{self.key}: {change.before.value}",)
        return (f"{self.key}: {change.before.value} → {change.after.value}", *told(self.path, change))


def _shown(there: bool, found: Scalar, wanted: Scalar) -> str:  # in the order in which it is looked at
    if not there:
        return "not there"
    text = str(found)
    harmless = not isinstance(found, str) or text.lower() in _HARMLESS or text.isdigit()
    if harmless or text == str(wanted):
        return text
    return f"a text with SHA-256 {hashlib.sha256(text.encode()).hexdigest()[:12]}…"
