"""A content library as it gets written: one branch, and components right under the root."""

from collections.abc import Sequence

from bson import ObjectId

from rollbook.demo.blocks import Edit, Key, Structure
from rollbook.demo.course import leaf
from rollbook.demo.studio import Entry, Studio

_ROOT: Key = ("library", "library")


def write_library(studio: Studio, library_id: str, title: str, edits: Sequence[Edit]) -> tuple[ObjectId, ObjectId]:
    """
    Write a library with one operation for each of *edits*, the last of which deletes all but one component.

    Returns the last good version and the present one.
    """
    version = Structure.create(edits[0], _ROOT)
    version.put(_ROOT, {"display_name": title}, {})
    studio.store([version])
    entry = studio.create(library_id, {"library": version.id}, edits[0])
    for batch, edit in enumerate(edits[1:-1]):
        version = version.successor(edit)
        for number in range(1 + 4 * batch, 5 + 4 * batch):
            version.add(_ROOT, "problem", *leaf("problem", number))
        entry = _save(studio, entry, version)
    good = version.id
    version = version.successor(edits[-1])
    kept = version.children(_ROOT)[:1]
    version.blocks = {key: version.blocks[key] for key in (_ROOT, *kept)}
    version.set_children(_ROOT, kept)
    _save(studio, entry, version)
    return good, version.id


def _save(studio: Studio, entry: Entry, version: Structure) -> Entry:
    studio.store([version])
    saved = studio.update_ledger(entry, {"library": version.id}, version.edit.when, user=version.edit.user)
    if saved is None:
        raise AssertionError(f"somebody else writes {entry.course_id} while the sample is built")
    studio.update_mongo(saved)
    return saved
