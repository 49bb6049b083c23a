"""`http.check`: a page answers as it should."""

from collections.abc import Mapping
from dataclasses import field
from datetime import timedelta
from typing import ClassVar

from ...action import Assertion, Outcome, Readers, Ref, Subject
from ...dataclass import dataclass
from ...targets.base import HttpReader
from ...values import Plain
from .page import Page, Patience, settle


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
        self._page.check()
        self._patience.check()

    @property
    def _page(self) -> Page:
        return Page(
            self.url,
            self.headers,
            self.status,
            self.contains,
            self.lacks,
            self.matches,
            self.json,
            self.latency,
            self.redirects,
        )

    @property
    def _patience(self) -> Patience:
        return Patience(self.consecutive, self.timeout, self.every)

    def subjects(self) -> frozenset[Subject]:
        """Name the page."""
        return frozenset({Subject(self.target.name, "page", self.url)})

    def describe(self) -> str:
        """Say what is asked and what is wanted."""
        row = f", {self.consecutive} times in a row" if self.consecutive > 1 else ""
        return f"{self._page.describe()}{row}"

    def probe(self, read: Readers) -> Outcome:
        """Ask until there were enough good answers in a row, or time is up."""
        return settle(self._page, self._patience, read, read[self.target])
