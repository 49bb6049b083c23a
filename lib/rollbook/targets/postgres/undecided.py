"""What is asked where rows do not fit and nobody has settled who wins, and how that is answered."""

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Final

from ...errors import AnswerNeeded
from ...postgres.carrying import DECISIONS, CarryPass
from ...postgres.conflict import Conflict, Side
from ...postgres.passes import Exported
from ...postgres.swapping import Swap, SwapBack
from ...values import Plain

_FILE: Final = "file"
_SHOWN: Final = 5
_CELLS: Final = 4
_LONG: Final = 40


def answered(answers: Sequence[Plain]) -> Mapping[str, Side]:
    """Read by "kind table" what people answered, the latest of it; what they left to the file is not in it."""
    found: dict[str, Side] = {}
    for answer in answers:
        for name, side in answer.items() if isinstance(answer, dict) else ():
            found.pop(name, None)
            if side in ("live", "backup"):
                found[name] = side
    return found


def unsettled(op: CarryPass | Swap | SwapBack, found: Sequence[Conflict], files: Iterable[Exported]) -> AnswerNeeded:
    """Make the error that names the conflicts, asks who wins, and says where both sides are and where to decide."""
    counts = Counter(f"{one.kind} {one.table}" for one in found)
    kinds = [name.replace(" ", " in ", 1) for name in counts]
    shown = "; ".join(kinds[:10]) + (f" and {len(kinds) - 10} more" if len(kinds) > 10 else "")
    listed = next((one.path for one in files if one.what == "conflicts"), op.folder)
    decisions = f"{op.folder}/{DECISIONS}"
    return AnswerNeeded(
        f"{len(found)} conflicts are not settled: {shown}. Nothing of this pass was kept.",
        kind="human.choose",
        arguments={
            "text": f"Who wins where the users' rows do not fit? Both sides are in {listed}, decisions in {decisions}",
            "each": [{"value": name, "detail": f"{count} {_rows(count)}"} for name, count in counts.items()],
            "from": _choices(decisions),
        },
        seen=tuple(_seen(found)),
        fails=op.conflicts == "stop",
        advice=(
            f"Both sides are in {listed}. Write live or backup into {decisions}, then resume; or resume with"
            " --answer STEP=live, =backup, or one for each."
        ),
    )


def _choices(decisions: str) -> list[dict[str, str]]:
    return [
        {"value": "live", "label": "keep_live", "detail": "what users have in the live database"},
        {"value": "backup", "label": "keep_backup", "detail": "what the backup has"},
        {"value": _FILE, "label": _FILE, "detail": f"as {decisions} says: write live or backup there first"},
    ]


def _rows(count: int) -> str:
    return "conflict" if count == 1 else "conflicts"


def _seen(found: Sequence[Conflict]) -> Iterator[str]:
    """Give a few conflicts with both sides, of as many kinds and tables as there is room for."""
    firsts: dict[tuple[str, object], Conflict] = {}
    for one in found:
        firsts.setdefault((one.kind, one.table), one)
    others = (one for one in found if firsts[one.kind, one.table] is not one)
    for one, _ in zip((*firsts.values(), *others), range(_SHOWN), strict=False):
        about = f" ({one.about})" if one.about else ""
        yield f"{one.kind} in {one.table}, key {', '.join(one.key)}{about}"
        names = _unlike(one)
        for label, side in (("live", one.live), ("backup", one.backup)):
            yield f"  {label:<7} {_cells(side, names)}"


def _unlike(one: Conflict) -> list[str]:
    """Name the columns in which both sides differ; where one side has no row, those of the other."""
    live, backup = one.live or {}, one.backup or {}
    names = list(dict.fromkeys((*live, *backup)))
    unlike = [name for name in names if live.get(name) != backup.get(name)] if live and backup else names
    about = [name for name in one.about.split(", ") if name in names]
    return about or unlike


def _cells(side: Mapping[str, str | None] | None, names: Sequence[str]) -> str:
    if side is None:
        return "no row"
    shown = (f"{name}: {_cell(side[name])}" for name in names[:_CELLS] if name in side)
    more = f", and {len(names) - _CELLS} more columns" if len(names) > _CELLS else ""
    return ", ".join(shown) + more


def _cell(text: str | None) -> str:
    if text is None:
        return "NULL"
    flat = " ".join(text.split())
    return flat if len(flat) <= _LONG else f"{flat[: _LONG - 1]}…"
