"""Sites and webhooks."""

import json
import re
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, ClassVar, Final, Literal
from urllib.parse import urljoin, urlsplit

from ..errors import TargetError, Unreachable
from ..ops import Execution, HttpCall, Op, OpResult
from ..values import Plain, Secret
from .base import HttpReader, HttpResponse, TargetSpec
from .probe import BaseProbe
from .settings import HttpSettings
from .surroundings import BaseTarget, Surroundings
from .tunnel import Tunnels

if TYPE_CHECKING:
    from urllib3 import PoolManager
    from urllib3.exceptions import HTTPError
    from urllib3.response import BaseHTTPResponse

LARGEST_BODY: Final = 1_000_000
_KEPT: Final = 1 << 16
_CHUNK: Final = 1 << 16
_ABSOLUTE: Final = re.compile(r"[A-Za-z][A-Za-z0-9+.-]*://")
_REDIRECTS: Final = frozenset({301, 302, 303, 307, 308})


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
        from urllib3 import PoolManager

        with self.guard:
            if self._pool is None:
                self._pool = PoolManager(num_pools=4, maxsize=4, **self._verified())
            return self._pool

    def _verified(self) -> dict[str, Plain]:
        return {"cert_reqs": "CERT_REQUIRED", "ca_certs": self.settings.ca, "retries": False}

    def _way(self, address: str, headers: Mapping[str, str]) -> "tuple[PoolManager, str, dict[str, str]]":
        """Give the connections to use, and the address and headers by way of `via:` where there is one."""
        from urllib3 import PoolManager

        parts = urlsplit(address)
        base = self.secrets.resolve(self.settings.base_url or address)
        if self.settings.via is None or _origin(base) != _origin(address):
            return self.pool, address, dict(headers)
        _, host, port = _origin(address)
        near, near_port = self._tunnels.reach(self.settings.via, host or "", port or 80)
        with self.guard:
            if self._tunnelled is None:
                options = self._verified()
                if parts.scheme == "https":
                    # The certificate is compared with the real host's name, not with this machine's.
                    options |= {"assert_hostname": host, "server_hostname": host}
                self._tunnelled = PoolManager(num_pools=4, maxsize=4, **options)
        where = parts._replace(netloc=f"{near}:{near_port}").geturl()
        return self._tunnelled, where, {"Host": parts.netloc.rpartition("@")[2], **headers}

    def address(self, url: str | Secret) -> str:
        """
        Make a whole address of a step's *url*, which stays on the host of base_url where there is one.

        Raises `TargetError` for another host, and for anything but http and https.
        """
        wanted, base = self.secrets.resolve(url), self.secrets.resolve(self.settings.base_url or "")
        if _ABSOLUTE.match(wanted) is None:
            if not base:
                raise self._refused(
                    url, "it is relative, and the target has no base_url", "Give base_url: https://host"
                )
            separator = "" if wanted.startswith(("/", "?")) or not wanted else "/"
            wanted = f"{base.rstrip('/')}{separator}{wanted}"
        if urlsplit(wanted).scheme not in ("http", "https") or not urlsplit(wanted).hostname:
            raise self._refused(url, "it is neither http nor https", "Write https://host/path.")
        if base and _origin(wanted) != _origin(base):
            raise self._refused(url, "it is on another host than the target's", "Add a target for that host.")
        return wanted

    def _refused(self, url: str | Secret, why: str, advice: str) -> TargetError:
        return TargetError(f"{self.name}: {self.safe(url)} cannot be asked: {why}", advice=advice)

    def own_headers(self, address: str, more: Mapping[str, str | Secret]) -> dict[str, str]:
        """Give the headers of a request: the target's where *address* is its host, and *more*."""
        base = self.secrets.resolve(self.settings.base_url or address)
        own = self.settings.headers if _origin(base) == _origin(address) else {}
        return {name: self.secrets.resolve(value) for name, value in {**own, **more}.items()}

    def ask(
        self, method: str, address: str, *, headers: Mapping[str, str], timeout: float, body: bytes | None = None
    ) -> HttpResponse:
        """Send one request, following no redirect; raises `Unreachable`. *timeout* is for all of it, in seconds."""
        from urllib3 import Timeout
        from urllib3.exceptions import HTTPError

        started = time.monotonic()
        pool, where, sent = self._way(address, headers)
        try:
            answer = pool.request(
                method, where, headers=sent, body=body, timeout=Timeout(total=timeout),
                redirect=False, retries=False, preload_content=False,
            )  # fmt: skip
            try:
                content = _body(answer, started + timeout)
            finally:
                # What was not read of a large body would be taken for the next answer.
                answer.close()
        except HTTPError as error:
            raise self._unreachable(method, address, error) from error
        charset = _charset(answer.headers.get("content-type", ""))
        shown = {name.lower(): self.redactor.text(value) for name, value in answer.headers.items()}
        text = self.redactor.text(content.decode(charset, errors="replace"))
        return HttpResponse(answer.status, shown, text, time.monotonic() - started)

    def _unreachable(self, method: str, address: str, error: "HTTPError") -> Unreachable:
        from urllib3 import exceptions

        place = self.safe(f"{method} {address}")
        text = " ".join(self.safe(error).split())
        match error:
            case exceptions.SSLError():
                return Unreachable(
                    f"{place}: the connection cannot be trusted: {text}",
                    advice="Is the certificate valid for this host? A private authority's goes into ca:.",
                )
            case exceptions.NewConnectionError() | exceptions.ConnectTimeoutError():
                return Unreachable(
                    f"{place}: nobody answers, nothing was sent: {text}",
                    advice="Is the site up, and can this machine reach it?",
                )
        doubt = "" if method in ("GET", "HEAD") else "; the request may have been taken or not"
        return Unreachable(f"{place}: no whole answer came{doubt}: {text}", advice="Look at the site's own log.")

    def execute(self, op: Op, execution: Execution) -> OpResult:
        """Send a request that writes."""
        if not isinstance(op, HttpCall):
            raise self.misplaced(op)
        address = self.address(op.url)
        headers, body = self._content(op, self.own_headers(address, op.headers))
        limits = [op.timeout] if execution.timeout is None else [op.timeout, execution.timeout]
        answer = self.ask(op.method, address, headers=headers, timeout=max(0.001, min(limits)), body=body)
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
        return headers, json.dumps(self._resolved(op.body), ensure_ascii=False).encode()

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


def _origin(address: str) -> tuple[str, str | None, int | None]:
    parts = urlsplit(address)
    return parts.scheme, parts.hostname, parts.port or {"http": 80, "https": 443}.get(parts.scheme)


def _body(answer: "BaseHTTPResponse", limit: float) -> bytes:
    from urllib3.exceptions import ReadTimeoutError

    content = bytearray()
    while len(content) < LARGEST_BODY:
        chunk = answer.read1(_CHUNK)
        if not chunk:
            break
        content += chunk
        if time.monotonic() > limit:
            raise ReadTimeoutError(None, answer.url, "the answer did not end in time")  # type: ignore[arg-type]  # no pool here
    return bytes(content[:LARGEST_BODY])


def _charset(content_type: str) -> str:
    import codecs

    for part in content_type.split(";")[1:]:
        name, _, value = part.strip().partition("=")
        if name.lower() == "charset":
            try:
                return codecs.lookup(value.strip("\"' ")).name
            except LookupError:
                break
    return "utf-8"


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
        self._ask("HEAD", address, headers=self._headers(address, {}), timeout=10.0)
        _, host, port = _origin(address)
        return {"host": self._safe(f"{host}:{port}")}

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

        Follows at most *redirects* redirects, none from https to http; the target's own headers go to its host only.
        """
        address = self._address(url)
        limit = time.monotonic() + timeout
        while True:
            left = max(0.001, limit - time.monotonic())
            answer = self._ask(method, address, headers=self._headers(address, headers or {}), timeout=left)
            following = _following(answer, address)
            if redirects <= 0 or following is None:
                return answer
            address, redirects = following, redirects - 1


def _following(answer: HttpResponse, address: str) -> str | None:
    """Give where an answer redirects to, None where it does not or where following would be unsafe."""
    if answer.status not in _REDIRECTS or "location" not in answer.headers:
        return None
    following = urljoin(address, answer.headers["location"])
    allowed = ("https",) if address.startswith("https:") else ("http", "https")
    return following if urlsplit(following).scheme in allowed else None
