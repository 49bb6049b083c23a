"""Turns what MongoDB complains about into what an operator can do."""

from typing import TYPE_CHECKING, Final

from ..errors import ConflictError, RollbookError, TargetError, Unreachable

if TYPE_CHECKING:
    from pymongo.errors import PyMongoError

_MEANINGS: Final = (
    ({18}, "the account was refused", "Look at the user, the password's secret and authSource in the url."),
    ({50, 262}, "it ran past its time limit", "Is an index missing, or the server overloaded?"),
    ({121}, "the collection's validator refuses the document", "Nothing was written. Look at its rules."),
    ({14031}, "its disk is full", "Make room on the server first."),
)


def explain(name: str, doing: str, error: "PyMongoError", *, writing: bool = False) -> RollbookError:
    """Make the error for what target *name* said while *doing* something; `Unreachable` when it went away."""
    from pymongo import errors

    # Without the driver's description of its own timeouts and of every server, and the server's whole answer.
    text = " ".join(str(error).split())
    for noise in (" (configured timeouts", ", Timeout:", ", full error:"):
        text = text.partition(noise)[0]
    text = text[:500]
    match error:
        case errors.ServerSelectionTimeoutError():
            return Unreachable(
                f"{name} does not answer ({doing}): {text}" + ("; nothing was written" if writing else ""),
                advice="Is mongod up, is there a primary, and can this machine reach it?",
            )
        case errors.DuplicateKeyError():
            return ConflictError(
                f"{name}: a document with this key is there already, nothing was written ({doing}): {text}",
                advice="Somebody else wrote it, or an earlier attempt did. Look at it, then plan again.",
            )
        case errors.ConnectionFailure() | errors.WriteConcernError() | errors.WTimeoutError():
            return _lost(name, doing, text, writing=writing)
        case errors.BulkWriteError(details={"writeConcernErrors": [_, *_]}):
            return _lost(name, doing, text, writing=writing)
        case errors.OperationFailure(code=13 | 8000):
            return _lacking(name, doing, text, writing=writing)
        case errors.OperationFailure(code=int(code)):
            for codes, says, advice in _MEANINGS:
                if code in codes:
                    return TargetError(f"{name}: {says} ({doing}): {text}", advice=advice)
    return TargetError(f"{name} refused ({doing}): {text}", advice="Look at the server's message.")


def _lacking(name: str, doing: str, text: str, *, writing: bool) -> TargetError:
    if "requires authentication" in text:
        return TargetError(
            f"{name}: the server asks for an account, and none is named ({doing}): {text}",
            advice="Give the target user: and password:, and authSource in the url where the account is not in admin.",
        )
    # What follows the brace is the command with its session, its clock and all.
    return TargetError(
        f"{name}: the account lacks a right ({doing}): {text.partition(' { ')[0]}",
        advice=f"Have the role {'readWrite' if writing else 'read'} on this database granted to the account, "
        "or name another.",
    )


def _lost(name: str, doing: str, text: str, *, writing: bool) -> Unreachable:
    if not writing:
        return Unreachable(f"{name} went away ({doing}): {text}", advice="Try again once it answers.")
    return Unreachable(
        f"{name} went away during a write, which may have been made or not ({doing}): {text}",
        advice="Resume: the step is probed first, and done again only where nothing was written.",
    )
