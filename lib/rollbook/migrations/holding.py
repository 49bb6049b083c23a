"""Says who holds what a change waited for in vain, and what to do about it."""

from collections.abc import Mapping

from ..errors import TargetError


def held(what: str, holders: Mapping[int, str], end: str) -> TargetError:
    """Make the error of *what* stayed locked; *holders* are sentences by session, *end* is what ends one of these."""
    told = "; ".join(holders.values()) or "they are gone now, or this account may not see them"
    ends = "; ".join(end.format(one) for one in holders if one)
    return TargetError(
        f"{what} stayed locked by others: {told}",
        advice=f"Wait for those sessions, or end them{f' ({ends})' if ends else ''}; then resume.",
    )
