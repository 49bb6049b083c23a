"""A member of the forum at a browser: cookies, forms and JSON, and what became of each request."""

import http.client
import json
import urllib.parse
from collections.abc import Mapping
from http.cookies import SimpleCookie
from typing import Literal

from ...dataclass import dataclass

Outcome = Literal["acknowledged", "refused", "unknown"]

_TIMEOUT = 20.0
_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, slots=True)
class Answer:
    """
    What became of a request.

    It is *unknown* where the site may have done it without saying so: the connection broke, or the answer was 500.
    """

    outcome: Outcome
    status: int = 0
    body: str = ""
    location: str = ""

    def fields(self) -> dict[str, object]:
        """Read the answer as a JSON object."""
        found: dict[str, object] = json.loads(self.body)
        return found


class Member:
    """One account's browser on the site at *address* (`host:port`)."""

    def __init__(self, address: str, name: str) -> None:
        self.address = address
        self.name = name
        self._cookies: dict[str, str] = {}

    def get(self, path: str) -> Answer:
        """Read a page."""
        return self._ask("GET", path, "", "")

    def submit(self, path: str, fields: Mapping[str, str]) -> Answer:
        """Send a form; its page is read first where there is no token against forgery yet."""
        if "csrftoken" not in self._cookies:
            self.get(path)
        return self._ask("POST", path, urllib.parse.urlencode(fields), _FORM)

    def call(self, method: str, path: str, fields: Mapping[str, str]) -> Answer:
        """Send JSON."""
        return self._ask(method, path, json.dumps(dict(fields)), "application/json")

    def _ask(self, method: str, path: str, body: str, kind: str) -> Answer:
        connection = http.client.HTTPConnection(self.address, timeout=_TIMEOUT)
        try:
            try:
                connection.connect()
            except OSError:
                return Answer("refused")
            try:
                connection.request(method, path, body.encode() or None, self._headers(kind))
                answer = connection.getresponse()
                text = answer.read().decode(errors="replace")
            except (OSError, http.client.HTTPException):
                return Answer("unknown")
        finally:
            connection.close()
        self._keep_cookies(answer.headers.get_all("Set-Cookie") or [])
        return Answer(_outcome(answer.status), answer.status, text, answer.headers.get("Location", ""))

    def _headers(self, kind: str) -> dict[str, str]:
        cookies = "; ".join(f"{name}={value}" for name, value in self._cookies.items())
        found = {"Cookie": cookies, "X-CSRFToken": self._cookies.get("csrftoken", ""), "Content-Type": kind}
        return {name: value for name, value in found.items() if value}

    def _keep_cookies(self, lines: list[str]) -> None:
        for line in lines:
            self._cookies.update((name, morsel.value) for name, morsel in SimpleCookie(line).items())


def _outcome(status: int) -> Outcome:
    if status < 400:
        return "acknowledged"
    # 503 is the maintenance page, which stands before anything that writes.
    return "unknown" if status >= 500 and status != 503 else "refused"
