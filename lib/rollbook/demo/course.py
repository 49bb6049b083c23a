"""Course runs as they get written: one Studio operation after the other, each saved as Studio saves it."""

import datetime as dt
import itertools
from collections.abc import Iterable, Mapping, Sequence

from bson import ObjectId

from rollbook.demo.blocks import Edit, Key, Structure
from rollbook.demo.studio import Branch, Entry, Studio

from ..dataclass import dataclass

ROOT: Key = ("course", "course")
SMALLEST = 12  # blocks: one chapter, two sequentials, four verticals, four leaves and the course itself

_CHAPTERS = ("Before it happens", "The first ten minutes", "Finding the cause", "Putting it back", "Telling people")
_SEQUENTIALS = ("What you will learn", "Worked example", "Practice", "Checklist")
_VERTICALS = ("Reading", "Watch and answer")


@dataclass(slots=True)
class CourseRun:
    """A course run as its authors have it before them: the ledger's row and the heads of both branches."""

    studio: Studio
    entry: Entry
    draft: Structure
    published: Structure

    def begin(self, edit: Edit, *branches: Branch) -> None:
        """Start the next version of *branches*; `commit` saves them."""
        if "draft-branch" in branches:
            self.draft = self.draft.successor(edit)
        if "published-branch" in branches:
            self.published = self.published.successor(edit)

    def commit(self, *branches: Branch, by_task: bool = False) -> Entry:
        """Save the heads of *branches* as one operation: structures, then ledger and history, then MongoDB."""
        heads: Mapping[Branch, Structure] = {"draft-branch": self.draft, "published-branch": self.published}
        changed = {branch: heads[branch] for branch in branches}
        edit = changed[branches[0]].edit
        self.studio.store(changed.values())
        versions = {branch: structure.id for branch, structure in changed.items()}
        saved = self.studio.update_ledger(self.entry, versions, edit.when, user=None if by_task else edit.user)
        if saved is None:
            raise AssertionError(f"somebody else writes {self.entry.course_id} while the sample is built")
        self.entry = saved
        self.studio.update_mongo(saved)
        return saved

    def publish(self, edit: Edit, keys: Iterable[Key]) -> Entry:
        """Publish units: the ledger's published pointer moves, the draft's stays."""
        self.begin(edit, "published-branch")
        self.published.publish_units(self.draft, keys)
        return self.commit("published-branch")

    def units(self) -> tuple[Key, ...]:
        """List what can still be published, in the order of the course: verticals and what is in them."""
        direct = ("course", "chapter", "sequential")
        return tuple(key for key in self.draft.reachable() if key[0] not in direct)


BOTH: tuple[Branch, Branch] = ("draft-branch", "published-branch")


def create_course(studio: Studio, course_id: str, title: str, edit: Edit) -> CourseRun:
    """Create a course run with a root block in both branches, which are chains of their own from here on."""
    kinds = ("courseware", "discussion", "progress")
    fields = {
        "display_name": title,
        "start": edit.when.replace(hour=9, minute=0, second=0, microsecond=0) + dt.timedelta(days=30),
        "tabs": [{"type": kind, "name": kind.capitalize()} for kind in kinds],
        "course_image": "course_image.png",
    }
    draft, published = Structure.create(edit, ROOT), Structure.create(edit, ROOT)
    draft.put(ROOT, fields, {"grading_policy": {"GRADE_CUTOFFS": {"Pass": 0.5}}})
    published.publish(draft, [ROOT])
    studio.store([draft, published])
    versions: dict[Branch, ObjectId] = {"draft-branch": draft.id, "published-branch": published.id}
    return CourseRun(studio, studio.create(course_id, versions, edit), draft, published)


def write_course(run: CourseRun, edits: Sequence[Edit], blocks: int) -> None:
    """
    Fill a new course with *blocks* blocks in six operations, one for each of *edits*.

    Chapters and sequentials go to both branches at once; units stay drafts until the last operation publishes them.
    """
    chapters = min(max(1, blocks // 15), 24)
    sequentials = max(2 * chapters, blocks // 25)
    verticals = max(2 * sequentials, blocks // 6)
    leaves = blocks - 1 - chapters - sequentials - verticals
    html = (leaves + 2) // 3

    weeks = [f"Week {week}: {_CHAPTERS[(week - 1) % len(_CHAPTERS)]}" for week in range(1, chapters + 1)]
    added = _add(run, edits[0], [ROOT], "chapter", weeks, chapters)
    added = _add(run, edits[1], added, "sequential", _SEQUENTIALS, sequentials)
    units = _add(run, edits[2], added, "vertical", _VERTICALS, verticals)
    _add(run, edits[3], units, "html", ("Reading",), html)
    run.begin(edits[4], "draft-branch")
    _add_leaves(run.draft, units, "problem", (leaves - html + 1) // 2)
    _add_leaves(run.draft, units, "video", (leaves - html) // 2)
    run.commit("draft-branch")
    run.publish(edits[5], run.units())


def _add(
    run: CourseRun, edit: Edit, parents: Sequence[Key], kind: str, names: Sequence[str], count: int
) -> tuple[Key, ...]:
    """Add *count* blocks spread over *parents*, in the branches that Studio moves for this kind of block."""
    branches: tuple[Branch, ...] = BOTH if kind in {"chapter", "sequential"} else ("draft-branch",)
    run.begin(edit, *branches)
    if kind == "html":
        _add_leaves(run.draft, parents, kind, count)
        added: tuple[Key, ...] = ()
    else:
        spread = sorted(range(count), key=lambda number: number % len(parents))
        titled = zip(spread, itertools.cycle(names), strict=False)
        added = tuple(run.draft.add(parents[n % len(parents)], kind, {"display_name": name}, {}) for n, name in titled)
    if len(branches) > 1:
        run.published.publish(run.draft, [*parents, *added])
    run.commit(*branches)
    return added


def _add_leaves(draft: Structure, units: Sequence[Key], kind: str, count: int) -> None:
    for number in range(1, count + 1):
        draft.add(units[(number - 1) % len(units)], kind, *leaf(kind, number))


def leaf(kind: str, number: int) -> tuple[dict[str, object], dict[str, object]]:
    """Give the settings and the content of a leaf block."""
    match kind:
        case "html":
            text = f"<p>Reading {number}: what to write down first, and whom to call.</p>"
            return {"display_name": f"Reading {number}"}, {"data": text}
        case "problem":
            answer = f'<numericalresponse answer="{number}"><label>How many?</label></numericalresponse>'
            body = f"<problem>{answer}</problem>"
            return {"display_name": f"Question {number}", "max_attempts": 3}, {"data": body}
        case _:
            return {"display_name": f"Video {number}", "html5_sources": [], "sub": "", "edx_video_id": ""}, {"data": ""}


def rerun(source: CourseRun, course_id: str, edit: Edit) -> Entry:
    """
    Make a new run of a course as the platform clones one.

    The new run's published branch *is* the source's structure, and its draft goes on from the source's draft.
    """
    draft = source.draft.successor(edit)
    draft.set_fields(ROOT, start=edit.when + dt.timedelta(days=60))
    source.studio.store([draft])
    versions: dict[Branch, ObjectId] = {"draft-branch": draft.id, "published-branch": source.published.id}
    return source.studio.create(course_id, versions, edit)


def import_over(run: CourseRun, edit: Edit, title: str) -> Entry:
    """
    Import a small foreign course into *run*, as one operation of a task.

    The draft keeps the old blocks, which nothing leads to any more; the published branch loses them.
    """
    run.begin(edit, *BOTH)
    draft, published = run.draft, run.published
    draft.set_children(ROOT, ())
    draft.set_fields(ROOT, display_name=title, course_image="course_image.png")
    draft.set_content(ROOT, {"grading_policy": {"GRADE_CUTOFFS": {"Pass": 0.9}}})
    chapter = draft.add(ROOT, "chapter", {"display_name": "Section"}, {})
    for number in (1, 2):
        sequential = draft.add(chapter, "sequential", {"display_name": f"Subsection {number}"}, {})
        unit = draft.add(sequential, "vertical", {"display_name": "Unit"}, {})
        draft.add(unit, "html", {"display_name": "Text"}, {"data": "<p>Trying out the editor.</p>"})
        draft.add(unit, "problem", *leaf("problem", number))
    published.blocks = {ROOT: published.blocks[ROOT]}
    published.publish(draft, draft.reachable())
    return run.commit(*BOTH, by_task=True)
