"""What is wanted of one page, and asking it until it is so."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import timedelta
from html import unescape
from typing import TypeVar

from ...action import Outcome, Readers
from ...dataclass import dataclass
from ...errors import Unreachable
from ...json_path import MissingPathError, find_path, parse_path
from ...matching import check_pattern, search
from ...parse import read_json
from ...targets.base import HttpReader, HttpResponse
from ...values import Plain

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Page:
    """An address, and everything that its answer must be."""

    url: str
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | tuple[int, ...] = 200
    contains: str | tuple[str, ...] = ()
    lacks: str | tuple[str, ...] = ()
    matches: str | None = None
    json: Mapping[str, Plain] = field(default_factory=dict)
    latency: timedelta | None = None
    redirects: int = 0

    def check(self) -> None:
        """Raise ValueError for what no answer could be."""
        if not self.url:
            raise ValueError("url: expected an address, or a path below the target's")
        if not _tuple(self.status):
            raise ValueError("status: expected at least one")
        if self.redirects < 0:
            raise ValueError("redirects: expected 0 or more")
        if self.matches is not None:
            check_pattern(self.matches)
        for path in self.json:
            parse_path(path)

    def describe(self) -> str:
        """Say what is asked and what is wanted."""
        parts = [f"GET {self.url}", f"status {' or '.join(map(str, _tuple(self.status)))}"]
        parts += [f"contains {text!r}" for text in _tuple(self.contains)]
        parts += [f"lacks {text!r}" for text in _tuple(self.lacks)]
        parts += [f"matches {self.matches!r}"] * (self.matches is not None)
        parts += [f"{path} is {json.dumps(value, ensure_ascii=False)}" for path, value in self.json.items()]
        parts += [f"within {self.latency.total_seconds():g} s"] if self.latency else []
        return ", ".join(parts)

    def ask(self, site: HttpReader, seconds: float) -> tuple[tuple[str, ...], Mapping[str, Plain]]:
        """Ask once; give what does not fit, and what was seen."""
        # A slow answer is to be told as such, so the request may take longer than `latency`.
        try:
            answer = site.get(self.url, headers=self.headers, timeout=seconds, redirects=self.redirects)
        except Unreachable as error:
            return (error.message,), {"status": None, "seconds": None}
        return tuple(self._misfits(answer)), {"status": answer.status, "seconds": round(answer.seconds, 3)}

    def _misfits(self, answer: HttpResponse) -> Iterator[str]:
        if answer.status not in _tuple(self.status):
            yield f"status {answer.status}, wanted {' or '.join(map(str, _tuple(self.status)))}"
        if self.latency is not None and answer.seconds > self.latency.total_seconds():
            yield f"took {answer.seconds:.2f} s, wanted at most {self.latency.total_seconds():g} s"
        bodies = _as_read(answer)
        yield from (
            f"the body does not contain {text!r}"
            for text in _tuple(self.contains)
            if not any(text in body for body in bodies)
        )
        yield from (
            f"the body contains {text!r}" for text in _tuple(self.lacks) if any(text in body for body in bodies)
        )
        if self.matches is not None and search(self.matches, answer.body) is None:
            yield f"the body does not match {self.matches!r}"
        if self.json:
            yield from self._json_misfits(answer.body)

    def _json_misfits(self, body: str) -> Iterator[str]:
        try:
            document = read_json(body)
        except ValueError as error:
            yield f"the body is not JSON ({error})"
            return
        for path, wanted in self.json.items():
            try:
                found = find_path(document, path)
            except MissingPathError as error:
                yield str(error)
                continue
            if _differs(found, wanted):
                yield f"{path} is {json.dumps(found, ensure_ascii=False)[:200]}, wanted {json.dumps(wanted)}"


@dataclass(frozen=True, slots=True)
class Patience:
    """How many good answers in a row are wanted, until when, and how often it is asked."""

    consecutive: int
    timeout: timedelta
    every: timedelta

    def check(self) -> None:
        """Raise ValueError for what cannot be."""
        if self.consecutive < 1:
            raise ValueError("consecutive: expected 1 or more")
        if self.every < timedelta(0) or self.timeout < timedelta(0):
            raise ValueError("timeout and every: expected no less than 0 s")


def settle(page: Page, patience: Patience, read: Readers, site: HttpReader) -> Outcome:
    """Ask *page* until there were enough good answers in a row, or time is up."""
    started = read.monotonic()
    limit, every = patience.timeout.total_seconds(), patience.every.total_seconds()
    good = asked = 0
    while True:
        left = limit - (read.monotonic() - started)
        misfits, seen = page.ask(site, max(1.0, min(left, 10.0)) if limit else 10.0)
        asked += 1
        good = 0 if misfits else good + 1
        waited = read.monotonic() - started
        told = {**seen, "asked": asked, "waited": round(waited, 3)}
        if good >= patience.consecutive:
            return Outcome(True, f"{page.url}: {_summary(told)}", told)
        left = limit - waited
        if left <= 0 and not (limit == 0 and good):
            why = "; ".join(misfits) or f"only {good} good answers in a row, {patience.consecutive} wanted"
            return Outcome(False, f"{page.url} after {asked} tries in {waited:.1f} s: {why}", told)
        read.pause(every if left <= 0 else min(every, left))


def _tuple(value: T | tuple[T, ...]) -> tuple[T, ...]:
    return value if isinstance(value, tuple) else (value,)


def _differs(found: Plain, wanted: Plain) -> bool:
    # 1 and true are equal to Python, and not to anybody who reads JSON.
    return isinstance(found, bool) != isinstance(wanted, bool) or json.loads(json.dumps(wanted)) != found


def _summary(told: Mapping[str, Plain]) -> str:
    return f"status {told['status']} in {told['seconds']} s, {told['asked']} asked"


def _as_read(answer: HttpResponse) -> tuple[str, ...]:
    """Give the body as it came and, of a page in HTML, as people read it: `R &amp; D` is R & D to them."""
    if "html" not in answer.headers.get("content-type", ""):
        return (answer.body,)
    return answer.body, unescape(answer.body)
