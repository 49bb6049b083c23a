"""Sites and webhooks."""

import importlib
import json
import re
import time
from collections.abc import Callable, Mapping
from threading import Lock
from typing import TYPE_CHECKING, ClassVar, Final, Literal

from ..errors import Interrupted, TargetError, Unreachable
from ..ops import Execution, HttpCall, Op, OpResult
from ..values import Plain, Secret
from .base import HttpReader, HttpResponse, TargetSpec
from .http_address import Address, Origin, is_absolute, read_address
from .http_answer import Answer
from .probe import BaseProbe
from .process import never
from .settings import HttpSettings
from .surroundings import BaseTarget, Surroundings
from .tls import advice_for, authorities
from .tunnel import Tunnels

if TYPE_CHECKING:
    from urllib3 import PoolManager
    from urllib3.exceptions import HTTPError

_KEPT: Final = 1 << 16
_HEADER_NAME: Final = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")
_HEADER_VALUE: Final = re.compile(r"[\t\x20-\x7e\xa0-\xff]*")
_CONNECTION: Final = re.compile(r"\w*Connection(Pool)?\(host=[^)]*\): ")  # how urllib3 begins what it says of one
_LOADING: Final = Lock()
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


def _load() -> None:
    """Load the driver in one thread: its modules import each other in a circle, in which two threads get stuck."""
    with _LOADING:
        importlib.import_module(".http_exchange", __package__)


class HttpTarget(BaseTarget[HttpSettings]):
    """A site, able to take requests that write."""

    kind_name: ClassVar[str] = "http"

    def __init__(self, spec: TargetSpec, settings: HttpSettings, surroundings: Surroundings) -> None:
        super().__init__(spec, settings, surroundings)
        self._pool: PoolManager | None = None
        self._reader = HttpProbe(self)
        self._tunnels = Tunnels(self.name, surroundings.others)
        self._tunnelled: PoolManager | None = None

    def reader(self) -> "HttpProbe":
        """Give the side that only asks."""
        return self._reader

    @property
    def pool(self) -> "PoolManager":
        """The connections; opened when first used."""
        from .http_exchange import make_pool

        with self.guard:
            if self._pool is None:
                self._pool = make_pool(authorities(self.name, self.settings.ca))
            return self._pool

    def _way(self, address: Address, headers: Mapping[str, str]) -> "tuple[PoolManager, str, int, dict[str, str]]":
        """Give the connections, host, port and headers to use, by way of `via:` where there is one."""
        from .http_exchange import make_pool

        if self.settings.via is None or self._base(address) != address.origin:
            return self.pool, address.host, address.port, dict(headers)
        near, near_port = self._tunnels.reach(self.settings.via, address.bare_host, address.port)
        with self.guard:
            if self._tunnelled is None:
                # The certificate is compared with the real host's name, not with this machine's.
                secure = address.scheme == "https"
                trusted = authorities(self.name, self.settings.ca)
                self._tunnelled = make_pool(trusted, address.bare_host if secure else None)
        return self._tunnelled, near, near_port, {"Host": address.place, **headers}

    def _base(self, address: Address) -> Origin:
        """Give where base_url is; without one every address is its own."""
        base = self.secrets.resolve(self.settings.base_url or "")
        return self._read("base_url", base).origin if base else address.origin

    def _read(self, shown: str | Secret, text: str) -> Address:
        try:
            return read_address(text)
        except ValueError as error:
            raise self._refused(shown, str(error), "Write https://host/path.") from None

    def address(self, url: str | Secret) -> Address:
        """
        Make a whole address of a step's *url*, which stays on the host of base_url where there is one.

        Raises `TargetError` for another host, and for what is no address of http or https.
        """
        _load()
        wanted, base = self.secrets.resolve(url), self.secrets.resolve(self.settings.base_url or "")
        if not is_absolute(wanted):
            if not base:
                raise self._refused(
                    url, "it is relative, and the target has no base_url", "Give base_url: https://host"
                )
            separator = "" if wanted.startswith(("/", "?")) or not wanted else "/"
            wanted = f"{base.rstrip('/')}{separator}{wanted}"
        found = self._read(url, wanted)
        if self._base(found) != found.origin:
            raise self._refused(url, "it is on another host than the target's", "Add a target for that host.")
        return found

    def _refused(self, url: str | Secret, why: str, advice: str) -> TargetError:
        return TargetError(f"{self.name}: {self.safe(url)} cannot be asked: {why}", advice=advice)

    def own_headers(self, more: Mapping[str, str | Secret]) -> dict[str, str]:
        """Give the headers of a request to the target's host: its own and *more*. Raises `TargetError`."""
        found = {name: self.secrets.resolve(value) for name, value in {**self.settings.headers, **more}.items()}
        for name, value in found.items():
            if _HEADER_NAME.fullmatch(name) is None or _HEADER_VALUE.fullmatch(value) is None:
                raise TargetError(
                    f"{self.name}: the header {self.safe(repr(name))} cannot be sent: it holds a character "
                    "that a header cannot have",
                    advice="Line ends, control characters and letters beyond latin-1 do not go into a header.",
                )
        return found

    def ask(
        self,
        method: str,
        address: Address,
        *,
        headers: Mapping[str, str],
        timeout: float,
        body: bytes | None = None,
        stopping: Callable[[], bool] = never,
    ) -> tuple[HttpResponse, str | None]:
        """
        Send one request, following no redirect; give the answer, and where it redirects to, not redacted.

        *timeout* is for all of it, in seconds. Raises `Unreachable`, or `Interrupted` when *stopping* says so.
        """
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        from .http_exchange import within

        pool, host, port, sent = self._way(address, headers)
        started = time.monotonic()

        def send() -> Answer:
            connections = pool.connection_from_host(host, port=port, scheme=address.scheme)
            answer = connections.urlopen(
                method, address.request, headers=sent, body=body, timeout=Timeout(total=timeout),
                redirect=False, retries=False, assert_same_host=False, preload_content=False,
            )  # fmt: skip
            return Answer.read(answer)

        try:
            answer = within(timeout, send, stopping)
        except HTTPError as error:
            raise self._unreachable(method, address, error) from error
        if answer is None:
            raise self._ended(method, address, timeout, stopped=stopping())
        shown = {name: self.redactor.text(value) for name, value in answer.headers.items()}
        text = self.redactor.text(answer.text)
        response = HttpResponse(answer.status, shown, text, time.monotonic() - started)
        return response, answer.headers.get("location") if answer.status in _REDIRECTS else None

    def _ended(self, method: str, address: Address, timeout: float, *, stopped: bool) -> Interrupted | Unreachable:
        place = self.safe(f"{method} {address}")
        if stopped:
            return Interrupted(f"{place} was stopped: the run was asked to stop{_doubt(method)}")
        return Unreachable(
            f"{place}: no whole answer came within {timeout:g} s{_doubt(method)}", advice="Look at the site's own log."
        )

    def _unreachable(self, method: str, address: Address, error: "HTTPError") -> Unreachable:
        from urllib3 import exceptions

        place = self.safe(f"{method} {address}")
        text = _CONNECTION.sub("", " ".join(self.safe(error).split()))
        match error:
            case exceptions.SSLError():
                return Unreachable(
                    f"{place}: the connection cannot be trusted: {text}",
                    advice=advice_for(text),
                )
            case exceptions.NewConnectionError() | exceptions.ConnectTimeoutError():
                return Unreachable(
                    f"{place}: nobody answers, nothing was sent: {text}",
                    advice="Is the site up, and can this machine reach it?",
                )
        return Unreachable(
            f"{place}: no whole answer came{_doubt(method)}: {text}", advice="Look at the site's own log."
        )

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Send a request that writes."""
        if not isinstance(op, HttpCall):
            raise self.misplaced(op)
        address = self.address(op.url)
        headers, body = self._content(op, self.own_headers(op.headers))
        limits = [op.timeout] if execution.timeout is None else [op.timeout, execution.timeout]
        seconds = max(0.001, min(limits))
        answer, _ = self.ask(
            op.method, address, headers=headers, timeout=seconds, body=body, stopping=execution.stopping
        )
        if answer.status not in op.ok:
            wanted = " or ".join(map(str, op.ok))
            raise TargetError(
                f"{self.safe(f'{op.method} {op.url}')} on {self.name} answered {answer.status}, not {wanted}",
                advice=f"It said: {answer.body[:500].strip()}" if answer.body.strip() else "It said nothing more.",
            )
        outputs = {"status": answer.status, "seconds": round(answer.seconds, 3), "body": answer.body[:_KEPT]}
        return OpResult(outputs=outputs)

    def _content(self, op: HttpCall, headers: dict[str, str]) -> tuple[dict[str, str], bytes | None]:
        if op.body is None:
            return headers, None
        if isinstance(op.body, str):
            return headers, op.body.encode()
        if "content-type" not in {name.lower() for name in headers}:
            headers["Content-Type"] = "application/json"
        try:
            return headers, json.dumps(self._resolved(op.body), ensure_ascii=False).encode()
        except (RecursionError, ValueError) as error:  # nested in hundreds of levels; half of a character
            why = "it is nested too deeply" if isinstance(error, RecursionError) else "it holds no text of Unicode"
            raise TargetError(
                f"the body for {self.safe(f'{op.method} {op.url}')} on {self.name} cannot be written as JSON: {why}",
                advice="Nothing was sent. Correct the step's body:.",
            ) from None

    def _resolved(self, value: Plain) -> Plain:
        match value:
            case Secret():
                return self.secrets.value(value)
            case {"secret": str(reference), **rest} if not rest and reference.startswith(("env:", "file:", "command:")):
                return self.secrets.value(Secret(reference))
            case dict():
                return {key: self._resolved(part) for key, part in value.items()}
            case list() | tuple():
                return [self._resolved(part) for part in value]
        return value

    def close(self) -> None:
        """Close every connection."""
        with self.guard:
            for pool in (self._pool, self._tunnelled):
                if pool is not None:
                    pool.clear()
            self._pool = self._tunnelled = None
            self._tunnels.close()


def _doubt(method: str) -> str:
    return "" if method in ("GET", "HEAD") else "; the request may have been taken or not"


class HttpProbe(BaseProbe, HttpReader):
    """The asking side of a site: GET and HEAD."""

    kinds: ClassVar[tuple[str, ...]] = ("http",)

    def __init__(self, target: HttpTarget) -> None:
        super().__init__(target)
        self._base = target.settings.base_url
        self._address = target.address
        self._headers = target.own_headers
        self._ask = target.ask
        self._safe = target.safe

    def identity(self) -> Mapping[str, str]:
        """Give the host and port, once it answered anything; nothing for a target without base_url."""
        if self._base is None:
            return {}
        address = self._address("")
        self._ask("HEAD", address, headers=self._headers({}), timeout=10.0)
        return {"host": self._safe(f"{address.bare_host}:{address.port}")}

    def get(
        self,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        timeout: float = 10.0,
        redirects: int = 0,
        method: Literal["GET", "HEAD"] = "GET",
    ) -> HttpResponse:
        """
        Ask *url*, relative to the target's or absolute on its host. Raises `Unreachable` when nothing answers.

        Follows at most *redirects* redirects, none from https to http; headers, the target's own and
        *headers*, go to its host only.
        """
        address = self._address(url)
        own, origin = self._headers(headers or {}), address.origin
        limit = time.monotonic() + timeout
        while True:
            left = max(0.001, limit - time.monotonic())
            sent = own if address.origin == origin else {}
            answer, location = self._ask(method, address, headers=sent, timeout=left)
            following = self._following(address, location) if redirects > 0 and location is not None else None
            if following is None:
                return answer
            address, redirects = following, redirects - 1

    def _following(self, address: Address, location: str) -> Address | None:
        """Read where a redirect leads; None where following would leave https."""
        try:
            following = address.following(location)
        except ValueError as error:
            raise Unreachable(
                f"{self._safe(address)} redirects to {self._safe(location)[:200]!r}, which cannot be asked: {error}",
                advice="The site's answer is at fault: look at its Location header.",
            ) from None
        return None if (address.scheme, following.scheme) == ("https", "http") else following
