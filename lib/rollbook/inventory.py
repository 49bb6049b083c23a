"""The Inventory: one environment's named targets, variables and protections, as a frozen model."""

from collections.abc import Mapping
from dataclasses import field

from .dataclass import dataclass
from .targets.base import TargetSpec
from .values import Plain


@dataclass(frozen=True, slots=True)
class Inventory:
    """
    An environment. *groups* name lists of targets of one kind.

    A *protected* one asks for its name to be typed and for a reason, and takes no approval from the command line.
    """

    environment: str
    targets: Mapping[str, TargetSpec] = field(default_factory=dict)
    groups: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    variables: Mapping[str, Plain] = field(default_factory=dict)
    protected: bool = False
    file: str = ""
