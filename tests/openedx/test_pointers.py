import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.errors import RefusedError
from rollbook.openedx.keys import CourseKey
from rollbook.openedx.pointers import Pointers, check_fit, missing_from

from .documents import version

COURSE = CourseKey.parse("course-v1:O+C+R")
LIBRARY = CourseKey.parse("library-v1:O+L")
IDS = st.one_of(st.just(""), st.from_regex(r"[0-9a-f]{24}", fullmatch=True))


@given(st.builds(Pointers, IDS, IDS, IDS).filter(lambda pointers: bool(pointers.present)))
def test_pointers_are_read_back_from_their_text(pointers: Pointers) -> None:
    """The text that people pass around says all of the pointers."""
    assert Pointers.parse(str(pointers)) == pointers


@pytest.mark.parametrize("text", ["", "draft:", "draft:12", "other:" + version(1), "draft:" + "g" * 24, version(1)])
def test_other_text_is_refused(text: str) -> None:
    """Text that names no version of a branch is refused, never guessed at."""
    with pytest.raises(RefusedError):
        Pointers.parse(text)


def test_absent_branches_of_a_document_are_empty() -> None:
    """A branch that active_versions does not have, or has as null, is an empty pointer."""
    assert Pointers.of_versions({"draft-branch": version(1), "published-branch": None}) == Pointers(version(1))


def test_a_course_needs_a_draft_and_may_be_unpublished() -> None:
    """Without a draft Studio cannot open a course; without a published version it just was never published."""
    check_fit(Pointers(draft=version(1)), COURSE)
    check_fit(Pointers(library=version(1)), LIBRARY)

    for pointers, key in [
        (Pointers(published=version(1)), COURSE),
        (Pointers(library=version(1)), COURSE),
        (Pointers(draft=version(1)), LIBRARY),
    ]:
        with pytest.raises(RefusedError):
            check_fit(pointers, key)


def test_draft_and_published_as_one_are_refused_unless_allowed() -> None:
    """One version for both branches is refused, and let through where the operator says so."""
    same = Pointers(version(1), version(1))

    with pytest.raises(RefusedError, match="allow_same"):
        check_fit(same, COURSE)
    check_fit(same, COURSE, allow_same=True)


def test_missing_versions_are_given_in_order_and_once() -> None:
    """What is missing is told once each, in the order asked."""
    assert missing_from(["c", "a", "b", "a"], ["b"]) == ("c", "a")
