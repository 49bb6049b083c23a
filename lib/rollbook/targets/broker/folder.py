"""Kombu's filesystem transport: a message is a file, and its name ends in the queue's."""

import os
import shutil
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from ...beside import sync_folder, write_beside
from ...errors import Unreachable
from ...queues import Message


class FolderTransport:
    """The messages in a folder of this machine; holds and marks are folders and files beside them."""

    def __init__(self, name: str, folder: str) -> None:
        self._name = name
        self._folder = Path(folder)

    def identity(self) -> Mapping[str, str]:
        """Give the folder."""
        if not self._folder.is_dir():
            raise Unreachable(
                f"{self._name}: there is no folder {self._folder}", advice="Correct folder: in the inventory."
            )
        return {"folder": str(self._folder)}

    def length(self, queue: str) -> int:
        """Count the files of a queue."""
        return len(self._files(self._folder, queue))

    def reserved(self, queue: str) -> int | None:  # noqa: ARG002  # a worker removes what it takes
        """Tell nothing: what a worker took is with the worker alone."""
        return None

    def messages(self, queue: str) -> Iterator[Message]:
        """Read the files of a queue."""
        return self._read(self._folder, queue)

    def is_held(self, queue: str, hold: str) -> bool:
        """Look for the hold's folder."""
        return self._hold(queue, hold).is_dir()

    def held(self, queue: str, hold: str) -> Iterator[Message]:
        """Read the files in a hold."""
        return self._read(self._hold(queue, hold), queue)

    def take(self, queue: str, hold: str) -> None:
        """Move the files into a folder, which takes the hold's name once all are in it."""
        filling = self._hold(queue, hold).with_suffix(".filling")
        filling.mkdir(exist_ok=True)
        for path in self._files(self._folder, queue):
            path.rename(filling / path.name)
        filling.rename(self._hold(queue, hold))
        sync_folder(self._folder)

    def settle(self, queue: str, hold: str, back: Iterable[Message]) -> None:
        """Move these files back, and remove the others with their folder."""
        place = self._hold(queue, hold)
        for message in back:
            (place / message.place).rename(self._folder / message.place)
        shutil.rmtree(place)
        sync_folder(self._folder)

    def give_back(self, queue: str, hold: str, messages: Iterable[Message]) -> None:
        """Write the files anew under their names, whose order is that of their age."""
        for message in messages:
            write_beside(self._folder / message.place, (os.fsencode(message.text),))
        write_beside(self._mark(queue, hold), ())

    def is_returned(self, queue: str, hold: str) -> bool:
        """Look for the mark."""
        return self._mark(queue, hold).exists()

    def forget(self, queue: str, hold: str) -> None:
        """Remove the mark."""
        self._mark(queue, hold).unlink(missing_ok=True)

    def close(self) -> None:
        """Close nothing."""

    def _hold(self, queue: str, hold: str) -> Path:
        return self._folder / f".{hold}.{queue}.held"

    def _mark(self, queue: str, hold: str) -> Path:
        return self._folder / f".{hold}.{queue}.returned"

    def _files(self, folder: Path, queue: str) -> list[Path]:
        self.identity()
        ending = f"{queue}.msg"
        found = (path for path in folder.iterdir() if path.name.partition(".")[2] == ending)
        return sorted((path for path in found if path.is_file()), reverse=True)

    def _read(self, folder: Path, queue: str) -> Iterator[Message]:
        for path in self._files(folder, queue):
            try:
                yield Message(path.name, os.fsdecode(path.read_bytes()))
            except FileNotFoundError:
                continue  # a worker took it meanwhile
