"""The kinds of target: where each is implemented, and what its settings are."""

from collections.abc import Mapping
from importlib import import_module
from typing import Any, Final, get_args

from ..errors import NotFoundError
from .surroundings import BaseTarget

KINDS: Final[Mapping[str, str]] = {
    "local": "local:LocalTarget",
    "ssh": "ssh:SshTarget",
    "apprise": "apprise:AppriseTarget",
    "command": "command:CommandTarget",
    "sql": "sql:SqlTarget",
    "postgres": "sql:SqlTarget",
    "mongo": "mongo:MongoTarget",
    "http": "http:HttpTarget",
    "smtp": "smtp:SmtpTarget",
}


def target_class(kind: str) -> type[BaseTarget[Any]]:
    """Load the class of a kind; raises `NotFoundError` with the kinds there are."""
    place = KINDS.get(kind)
    if place is None:
        raise NotFoundError(f"no kind of target is named {kind!r}", advice=f"Kinds: {', '.join(sorted(KINDS))}.")
    module, _, name = place.partition(":")
    loaded: type[BaseTarget[Any]] = getattr(import_module(f".{module}", __package__), name)
    return loaded


def settings_type(kind: str) -> type[Any]:
    """
    Give the frozen dataclass of a kind's settings; loads the kind's module but no driver.

    Raises `NotFoundError` with the kinds there are.
    """
    return settings_of(target_class(kind))


def settings_of(target: type[object]) -> type[Any]:
    """Give the settings that a target's class names as its parameter."""
    for base in getattr(target, "__orig_bases__", ()):
        for settings in get_args(base):
            if isinstance(settings, type):
                return settings
    raise TypeError(f"{target.__name__} names no settings")
