"""The address of a SQL database, out of its settings."""

import re
from dataclasses import replace
from typing import TYPE_CHECKING, Final, Literal

from ..errors import TargetError
from .secrets import SecretStore
from .settings import SqlSettings

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

Family = Literal["mysql", "postgresql", "sqlite"]

_ODD_IN_HOST: Final = re.compile(r"[\x00-\x20\x7f\[\]\\@?#]")
PORTS: Final = {"mysql": 3306, "postgresql": 5432}
_DRIVERS = {
    "mysql": "mysql+pymysql",
    "mariadb": "mysql+pymysql",
    "mysql+mysqldb": "mysql+pymysql",
    "postgres": "postgresql+psycopg",
    "postgresql": "postgresql+psycopg",
    "sqlite": "sqlite",
}


def address(name: str, settings: SqlSettings, secrets: SecretStore) -> "URL":
    """
    Make the address of target *name*, with its password; drivers that are not installed here are replaced.

    Raises `TargetError` when the settings make none, never telling the url itself.
    """
    from sqlalchemy.engine import URL, make_url
    from sqlalchemy.exc import ArgumentError

    if settings.url is None:
        url = URL.create(settings.driver or "", host=settings.host, port=settings.port, database=settings.database)
    else:
        try:
            url = make_url(secrets.resolve(settings.url))
        except (ArgumentError, ValueError):  # the latter for a port that is no number
            raise _no_address(name, "its url is none") from None
    if settings.user is not None:
        url = url.set(username=settings.user)
    if settings.password is not None:
        url = url.set(password=secrets.value(settings.password))
    _check_place(name, url)
    driver = _DRIVERS.get(url.drivername, url.drivername)
    if driver.partition("+")[0] not in ("mysql", "postgresql", "sqlite"):
        raise _no_address(name, f"{url.drivername!r} is no family of databases that is known here")
    if not url.database or url.database == ":memory:":
        raise _no_address(name, "it names no database")
    return url.set(drivername=driver)


def _check_place(name: str, url: "URL") -> None:
    if url.port is not None and not 0 < url.port < 1 << 16:
        raise _no_address(name, "its port is none")
    host = url.host or ""
    try:
        odd = _ODD_IN_HOST.search(host) or host.startswith("/") or not host.encode("idna")
    except UnicodeError:  # a part between dots that is empty or too long
        odd = True
    if odd and host and not (host.startswith("/") and url.get_backend_name() == "postgresql"):
        raise _no_address(name, "its host is none")


def _no_address(name: str, why: str) -> TargetError:
    return TargetError(
        f"target {name!r} has no usable address: {why}",
        advice="Give url: mysql://user@host/name (or postgresql://, sqlite:////path), or driver:, host:, database:.",
    )


def family(url: "URL") -> Family:
    """Give the family of the database that *url* leads to."""
    match url.get_backend_name():
        case "mysql" | "postgresql" | "sqlite" as found:
            return found
    raise ValueError(url.get_backend_name())


def through(url: "URL", host: str, port: int) -> "URL":
    """Give *url* by way of *host* and *port*; PostgreSQL still compares certificates with the real host's name."""
    if url.get_backend_name() == "postgresql":
        return url.set(port=port).update_query_dict({"hostaddr": host})
    return url.set(host=host, port=port)


def for_reader(settings: SqlSettings, account: SqlSettings) -> SqlSettings:
    """Give the settings for probes: *account* alone where it has an address, else the target's with its account."""
    if account.url is not None or account.host is not None or account.database is not None:
        return account
    return replace(settings, user=account.user or settings.user, password=account.password)
