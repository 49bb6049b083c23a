"""Addresses of sites: read once, by the library that sends them, so that what is checked is what is asked."""

import re
from typing import Final
from urllib.parse import urljoin

from ..dataclass import dataclass

_PORTS: Final = {"http": 80, "https": 443}
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
# Readers of addresses differ on each of these, and a request must not go where another reader would not see it go.
_UNSAFE: Final = re.compile(r"[\\\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")

Origin = tuple[str, str, int]


@dataclass(frozen=True, slots=True)
class Address:
    """An http or https address; *host* has brackets for IPv6, *request* is path and query, *text* what was read."""

    scheme: str
    host: str
    port: int
    request: str
    place: str
    text: str

    @property
    def origin(self) -> Origin:
        """Scheme, host and port: what two addresses of one site have in common."""
        return self.scheme, self.host, self.port

    @property
    def bare_host(self) -> str:
        """The host without brackets."""
        return self.host.strip("[]")

    def __str__(self) -> str:
        # Secrets are known as they were written, which is not always how they are sent.
        return self.text

    def following(self, location: str) -> "Address":
        """Read where a redirect from here leads; raises ValueError saying what is wrong with *location*."""
        _refuse_unsafe(location)
        try:
            joined = urljoin(f"{self.scheme}://{self.place}{self.request}", location)
        except ValueError:
            raise ValueError("it is no address") from None
        return read_address(joined)


def is_absolute(text: str) -> bool:
    """Tell whether *text* begins with a scheme."""
    return _ABSOLUTE.match(text) is not None


def read_address(text: str) -> Address:
    """Read an absolute address; raises ValueError saying what is wrong, without telling *text*."""
    from urllib3.exceptions import LocationParseError
    from urllib3.util import parse_url

    _refuse_unsafe(text)
    try:
        parts = parse_url(text)
    except (LocationParseError, ValueError):
        raise ValueError("its host or port is none") from None
    if parts.scheme not in _PORTS or not parts.host:
        raise ValueError("it is neither http nor https")
    if parts.auth is not None:
        raise ValueError("it holds a user or password: send those in headers: as Authorization")
    place = parts.host if parts.port is None else f"{parts.host}:{parts.port}"
    return Address(parts.scheme, parts.host, parts.port or _PORTS[parts.scheme], parts.request_uri, place, text)


def _refuse_unsafe(text: str) -> None:
    if found := _UNSAFE.search(text):
        what = "a backslash" if found[0] == "\\" else f"the control character {found[0]!r}"
        raise ValueError(f"it holds {what}: write %{ord(found[0]):02X} where that is meant")
