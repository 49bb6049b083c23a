"""The demo of a bad deploy: a forum in use loses tables while people go on writing; and the way back."""

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
from ..values import Plain
from .command import FAILED, OK
from .demonstration import carry_out, serve_until_ctrl_c, told_afterwards, undo_last
from .hints import typed
from .screen import screen, write
from .workspace import Wanted

_RUNBOOK: Final = "rollback-deploy"
_ENVIRONMENT: Final = "demo-forum"
_AFTERWARDS: Final = 15  # writes that are waited for when the forum is back


def demonstrate(folder: Path) -> int:
    """Build the forum, let people use it, break it, go back, and hold the result to what people were told."""
    told = told_afterwards(forum(folder), "forum", "Database and code", "demo-rollback")
    with told as place, Visitors(place.url, log_of(place)) as visitors:
        write(f"The forum answers at {place.url}, and people use it. It is backed up, used, and deployed anew …")
        story = break_forum(place, visitors)
        write()
        write(screen().paint(f"The deploy of {story.deployed:%H:%M:%S} UTC broke the forum.", "bold"))
        show_pages(statuses(place))
        show_missing(story.missing(place))
        write("People go on writing all the time. This is the way back.")
        write()
        code = carry_out(Wanted(_RUNBOOK, _ENVIRONMENT, inputs=_inputs(story)))
        if code == OK:
            visitors.wait_for(_AFTERWARDS)
        visitors.leave()
        return code or _judge(place, visitors, story)


def take_back(folder: Path) -> int:
    """Undo the last run of the demo, on the servers and data that it left."""
    with forum(folder, keep=True) as place:
        code = undo_last(_RUNBOOK, _ENVIRONMENT, typed("demo-rollback"))
        write()
        write("The channels are gone again, with what was written there. Of all else:")
        show_account(_story(place).settle(place, log_of(place)))
        return code


def stay_up(folder: Path) -> int:
    """Keep the servers up as the last demo left them until Ctrl-C, and say how other terminals reach them."""
    with forum(folder, keep=True) as place:
        story = _story(place)
        inputs = tuple(f"{name}={value}" for name, value in _inputs(story).items())
        serve_until_ctrl_c(
            f"The forum is up at {place.url}.",
            place.environment(),
            typed("doctor", env=_ENVIRONMENT),
            typed("plan", _RUNBOOK, env=_ENVIRONMENT, set_=inputs),
            programs=str(place.folder.bin),
        )
    return OK


def _story(place: ForumPlace) -> Story:
    return Story.read(place.folder.path / "story.json")


def log_of(place: ForumPlace) -> Path:
    """Name the file in which the forum's visitors note what they were told."""
    return place.folder.path / "visitors.jsonl"


def _inputs(story: Story) -> Mapping[str, Plain]:
    """Give what an operator would know; that the logs are watched for seconds is the demo's impatience."""
    return {"deploy": story.commit, "deployed_at": story.deploy_began.isoformat(), "watch_for": "5s"}


@contextmanager
def forum(folder: Path, *, keep: bool = False, command: str = "demo-rollback") -> Iterator[ForumPlace]:
    """Have the forum up in *folder*, and its address and programs in this process's environment."""

    def tell(doing: str) -> None:
        write(screen().paint(f"{doing} …", "dim"))

    with ForumPlace(folder, keep=keep, tell=tell, command=command) as place:
        os.environ.update(place.environment())
        os.environ["PATH"] = f"{place.folder.bin}{os.pathsep}{os.environ.get('PATH', '')}"  # for its supervisorctl
        yield place


def show_pages(pages: Mapping[str, str]) -> None:
    """Tell how pages answer."""
    write("What visitors see (a check of /healthz alone would have said that all is well):")
    for page, answer in pages.items():
        write(f"  {answer:<14} {page}")


def show_missing(gone: Mapping[str, int]) -> None:
    """Tell how much of what was noted is missing, thing by thing."""
    write("What is gone from the database, or not as it was:")
    for name, count in gone.items():
        write(f"  {count:<14} {name}")


def _judge(place: ForumPlace, visitors: Visitors, story: Story) -> int:
    """Hold the forum to what it told its visitors, and to what it was before; this knows nothing of the run."""
    missing, account = story.missing(place), story.settle(place, visitors.log)
    write()
    write(screen().paint("The forum afterwards, by an account of its visitors' own:", "bold"))
    show_pages(statuses(place))
    show_missing(missing)
    show_account(account)
    return FAILED if account.broken or any(missing.values()) else OK


def show_account(account: Account) -> None:
    """Tell how what visitors were told was kept."""
    kept = ", ".join(f"{count} {kind}s" for kind, count in sorted(account.kept.items()))
    write(f"What visitors were told is stored, and is: {kept}.")
    for kind, count in Counter(promise.kind for promise in account.broken).items():
        write(f"What they were told is stored, and is NOT: {count} {kind}s.")
    if account.lost:
        write(f"In no copy at all, for they came between the backup and the deploy: {len(account.lost)} comments.")
