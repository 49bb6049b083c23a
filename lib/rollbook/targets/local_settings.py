"""What an inventory says about this machine; by itself, for every run needs it and many need no other target."""

from dataclasses import field

from ..dataclass import dataclass


@dataclass(frozen=True, slots=True)
class LocalSettings:
    """The settings of `kind: local`."""

    directory: str | None = field(
        default=None, metadata={"help": "folder in which commands run, unless a step names one"}
    )
