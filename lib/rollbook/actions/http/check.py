"""`http.check`: a page answers as it should."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import field
from datetime import timedelta
from typing import ClassVar, TypeVar

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...errors import Unreachable
from ...matching import check_pattern, search
from ...parse import read_json
from ...targets.base import HttpReader, HttpResponse
from ...values import Plain
from .json_path import MissingPathError, find_path, parse_path

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class HttpCheck(Assertion):
    """
    Ask a page until it answers as it should, `consecutive` times in a row, at most until `timeout`.

    What a 200 alone cannot prove, `contains`, `lacks`, `matches` and `json` can: a site whose
    database is gone may still serve its front page. Redirects are not followed unless `redirects`
    says how many.
    """

    kind: ClassVar[str] = "http.check"
    example: ClassVar[Mapping[str, Plain]] = {
        "url": "/heartbeat",
        "status": 200,
        "json": {"modulestore.status": True},
        "latency": "2s",
        "consecutive": 3,
        "timeout": "1m",
    }

    url: str
    target: Ref[HttpReader] = Ref("site")
    headers: Mapping[str, str] = field(default_factory=dict)
    status: int | tuple[int, ...] = 200
    contains: str | tuple[str, ...] = field(default=(), metadata={"help": "texts that must be in the body"})
    lacks: str | tuple[str, ...] = field(default=(), metadata={"help": "texts that must not be in the body"})
    matches: str | None = field(default=None, metadata={"help": "a regular expression for the body"})
    json: Mapping[str, Plain] = field(default_factory=dict, metadata={"help": "path: value that must be there"})
    latency: timedelta | None = field(default=None, metadata={"help": "the longest an answer may take"})
    consecutive: int = field(default=1, metadata={"help": "how many good answers in a row are wanted"})
    redirects: int = 0
    timeout: timedelta = field(default=timedelta(seconds=30), metadata={"help": "when to give up; 0 looks once"})
    every: timedelta = timedelta(seconds=1)

    def __post_init__(self) -> None:
        if not self.url:
            raise ValueError("url: expected an address, or a path below the target's")
        if not _tuple(self.status):
            raise ValueError("status: expected at least one")
        if self.consecutive < 1 or self.redirects < 0:
            raise ValueError("consecutive: expected 1 or more, and redirects 0 or more")
        if self.every < timedelta(0) or self.timeout < timedelta(0):
            raise ValueError("timeout and every: expected no less than 0 s")
        if self.matches is not None:
            check_pattern(self.matches)
        for path in self.json:
            parse_path(path)

    def subjects(self) -> frozenset[Subject]:
        """Name the page."""
        return frozenset({Subject(self.target.name, "page", self.url)})

    def describe(self) -> str:
        """Say what is asked and what is wanted."""
        parts = [f"GET {self.url}", f"status {' or '.join(map(str, _tuple(self.status)))}"]
        parts += [f"contains {text!r}" for text in _tuple(self.contains)]
        parts += [f"lacks {text!r}" for text in _tuple(self.lacks)]
        parts += [f"matches {self.matches!r}"] * (self.matches is not None)
        parts += [f"{path} is {json.dumps(value, ensure_ascii=False)}" for path, value in self.json.items()]
        parts += [f"within {self.latency.total_seconds():g} s"] if self.latency else []
        parts += [f"{self.consecutive} times in a row"] * (self.consecutive > 1)
        return ", ".join(parts)

    def probe(self, read: Readers) -> Outcome:
        """Ask until there were enough good answers in a row, or time is up."""
        started = read.monotonic()
        good = asked = 0
        while True:
            left = self.timeout.total_seconds() - (read.monotonic() - started)
            misfits, seen = self._ask(read[self.target], left)
            asked += 1
            good = 0 if misfits else good + 1
            waited = read.monotonic() - started
            told = {**seen, "asked": asked, "waited": round(waited, 3)}
            if good >= self.consecutive:
                return Outcome(True, f"{self.url}: {_summary(told)}", told)
            left = self.timeout.total_seconds() - waited
            if left <= 0 and not (self.timeout == timedelta(0) and good):
                why = "; ".join(misfits) or f"only {good} good answers in a row, {self.consecutive} wanted"
                return Outcome(False, f"{self.url} after {asked} tries in {waited:.1f} s: {why}", told)
            read.pause(self.every.total_seconds() if left <= 0 else min(self.every.total_seconds(), left))

    def _ask(self, site: HttpReader, left: float) -> tuple[tuple[str, ...], Mapping[str, Plain]]:
        # A slow answer is to be told as such, so the request may take longer than `latency`.
        seconds = max(1.0, min(left, 10.0)) if self.timeout else 10.0
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
        yield from (f"the body does not contain {text!r}" for text in _tuple(self.contains) if text not in answer.body)
        yield from (f"the body contains {text!r}" for text in _tuple(self.lacks) if text in answer.body)
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


def _tuple(value: T | tuple[T, ...]) -> tuple[T, ...]:
    return value if isinstance(value, tuple) else (value,)


def _differs(found: Plain, wanted: Plain) -> bool:
    # 1 and true are equal to Python, and not to anybody who reads JSON.
    return isinstance(found, bool) != isinstance(wanted, bool) or json.loads(json.dumps(wanted)) != found


def _summary(told: Mapping[str, Plain]) -> str:
    return f"status {told['status']} in {told['seconds']} s, {told['asked']} asked"
