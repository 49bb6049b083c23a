"""The kinds of target: where each is implemented, and what its settings are."""

from collections.abc import Mapping
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from ..errors import NotFoundError

if TYPE_CHECKING:
    from .surroundings import BaseTarget

KINDS: Final[Mapping[str, str]] = {
    "local": "local:LocalTarget",
    "ssh": "ssh:SshTarget",
    "apprise": "apprise:AppriseTarget",
    "command": "command:CommandTarget",
    "sql": "sql:SqlTarget",
    "postgres": "postgres.target:PostgresTarget",
    "pgbouncer": "pgbouncer:PgbouncerTarget",
    "mongo": "mongo:MongoTarget",
    "http": "http:HttpTarget",
    "s3": "s3:S3Target",
    "smtp": "smtp:SmtpTarget",
    "broker": "broker:BrokerTarget",
}

_SETTINGS: Final[Mapping[str, str]] = {
    "local": "local_settings:LocalSettings",
    "ssh": "settings:SshSettings",
    "apprise": "apprise:AppriseSettings",
    "command": "settings:CommandSettings",
    "sql": "settings:SqlSettings",
    "postgres": "settings:PostgresSettings",
    "pgbouncer": "settings:PgbouncerSettings",
    "mongo": "settings:MongoSettings",
    "http": "settings:HttpSettings",
    "s3": "settings:S3Settings",
    "smtp": "settings:SmtpSettings",
    "broker": "settings:BrokerSettings",
}


def target_class(kind: str) -> "type[BaseTarget[Any]]":
    """Load the class of a kind; raises `NotFoundError` with the kinds there are."""
    loaded: type[BaseTarget[Any]] = _loaded(KINDS, kind)
    return loaded


def settings_type(kind: str) -> type[Any]:
    """
    Give the frozen dataclass of a kind's settings, loading little else and no driver.

    Raises `NotFoundError` with the kinds there are.
    """
    found: type[Any] = _loaded(_SETTINGS, kind)
    return found


def _loaded(places: Mapping[str, str], kind: str) -> Any:  # noqa: ANN401  # what it is, the callers know
    place = places.get(kind)
    if place is None:
        raise NotFoundError(f"no kind of target is named {kind!r}", advice=f"Kinds: {', '.join(sorted(KINDS))}.")
    module, _, name = place.partition(":")
    return getattr(import_module(f".{module}", __package__), name)
