"""The second demo: a forum in use, broken by a deploy that dropped tables while people went on writing."""

import os
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from ..demo.forum.acknowledged import Account
from ..demo.forum.place import ForumPlace
from ..demo.forum.story import Story, break_forum, statuses
from ..demo.forum.visitors import Visitors
from .command import OK
from .demonstration import serve_until_ctrl_c
from .hints import typed
from .screen import screen, write

_ENVIRONMENT: Final = "demo-forum"


def demonstrate(folder: Path) -> int:
    """Build the forum, let people use it, break it, and say what is gone and what was written since the backup."""
    with _shown_place(folder) as place, Visitors(place.url, place.folder.path / "visitors.jsonl") as visitors:
        write(f"The forum answers at {place.url}, and people use it. It is backed up, used, and deployed anew …")
        story = break_forum(place, visitors)
        write()
        write(screen().paint(f"The deploy of {story.deployed:%H:%M:%S} UTC broke the forum.", "bold"))
        _show_damage(statuses(place), story.missing(place))
        visitors.leave()
        _show_account(story.settle(place, visitors.log), story)
    return OK


def stay_up(folder: Path) -> int:
    """Keep the servers up as the last demo left them until Ctrl-C, and say how other terminals reach them."""
    with _place(folder, keep=True) as place:
        serve_until_ctrl_c(f"The forum is up at {place.url}.", place.environment(), typed("doctor", env=_ENVIRONMENT))
    return OK


@contextmanager
def _shown_place(folder: Path) -> Iterator[ForumPlace]:
    """Say, however the demo ends, that its servers are down, and how to have them up again."""
    began = False
    try:
        with _place(folder) as place:
            began = True
            yield place
    finally:
        if began:
            write()
            write("The forum's servers are stopped now. Its database and its code are kept as they are.")
            write(f"  servers up     {typed('demo-rollback', stay=True)}    then all else works in another terminal")


@contextmanager
def _place(folder: Path, *, keep: bool = False) -> Iterator[ForumPlace]:
    def tell(doing: str) -> None:
        write(screen().paint(f"{doing} …", "dim"))

    with ForumPlace(folder, keep=keep, tell=tell) as place:
        os.environ.update(place.environment())
        yield place


def _show_damage(pages: Mapping[str, str], gone: Mapping[str, int]) -> None:
    write("What visitors see (a check of /healthz alone would have said that all is well):")
    for page, answer in pages.items():
        write(f"  {answer:<14} {page}")
    write("What is gone from the database, or not as it was:")
    for name, count in gone.items():
        write(f"  {count:<14} {name}")


def _show_account(account: Account, story: Story) -> None:
    kinds = Counter(promise.kind for promise in account.broken)
    kept = ", ".join(f"{count} {kind}s" for kind, count in sorted(account.kept.items()))
    write(f"What visitors were told is stored, and is: {kept}.")
    if kinds:
        write(f"What they were told is stored, and is not: {', '.join(f'{n} {kind}s' for kind, n in kinds.items())}.")
    if account.lost:
        write(f"In no copy at all, for they came between the backup and the deploy: {len(account.lost)} comments.")
    write(f"The backup is {story.backup}, begun at {story.backup_began:%H:%M:%S} UTC.")
