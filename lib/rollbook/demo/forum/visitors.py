"""The traffic as a process of its own, and how much of it the site has acknowledged so far."""

import subprocess
import sys
import time
from pathlib import Path
from types import TracebackType
from typing import Self

from rollbook.demo.errors import DemoError
from rollbook.demo.process import spawn, stop

_PATIENCE = 90.0  # seconds in which visitors must get as much done as is waited for


class Visitors:
    """A context in which people use the forum at *url*; *log* is begun anew, and stays."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self.log = log
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        self.log.write_text("")
        argv = [sys.executable, "-m", "rollbook.demo.forum.traffic", "--url", self.url, "--log", str(self.log)]
        self._process = spawn(argv, log=self.log.with_suffix(".out"))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.leave()

    def leave(self) -> None:
        """Let them finish what they are doing, and go; may be called twice."""
        if self._process is not None:
            stop(self._process, grace=30)

    def acknowledged(self) -> int:
        """Count what the site has acknowledged so far."""
        return self.log.read_text().count('"outcome": "acknowledged"')

    def wait_for(self, more: int) -> None:
        """Wait until the site has acknowledged that many more writes. Raises `DemoError` where it does not."""
        wanted, until = self.acknowledged() + more, time.monotonic() + _PATIENCE
        while self.acknowledged() < wanted:
            ended = self._process is None or self._process.poll() is not None
            if ended or time.monotonic() > until:
                raise DemoError(
                    f"the forum acknowledged {self.acknowledged()} writes, and {wanted} were waited for.",
                    advice=f"See {self.log} and {self.log.with_suffix('.out')}.",
                )
            time.sleep(0.1)
