import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.errors import RefusedError
from rollbook.openedx.keys import CourseKey

PARTS = st.from_regex(r"[\w\-~.:]{1,30}", fullmatch=True)


@given(org=PARTS, course=PARTS, run=PARTS)
def test_a_course_key_is_read_and_written_back(org: str, course: str, run: str) -> None:
    """A key of a course is the same text after it was read."""
    text = f"course-v1:{org}+{course}+{run}"

    key = CourseKey.parse(text)

    assert (key.org, key.course, key.run, str(key)) == (org, course, run, text)
    assert [branch.column for branch in key.branches] == ["draft_version", "published_version"]


def test_a_library_has_one_branch_and_the_run_library() -> None:
    """A V1 library is stored with the run "library" and has the library branch only."""
    key = CourseKey.parse("library-v1:Org+Lib1")

    assert (key.run, key.is_library, str(key)) == ("library", True, "library-v1:Org+Lib1")
    assert [branch.name for branch in key.branches] == ["library"]


@pytest.mark.parametrize(
    ("text", "message", "advice"),
    [
        ("edX/Demo/2012", "Old Mongo", "audit-old-mongo"),
        ("i4x://edX/Demo/course/2012", "Old Mongo", "OLX export"),
        ("ccx-v1:O+C+R+ccx@12", "CCX", "course-v1:O+C+R instead"),
        ("lib:Org:Lib", "V2 library", "library-v1:ORG+LIB"),
        ("course-v1:O+C+R+branch@draft-branch", "branch", "give course-v1:O+C+R and"),
        ("course-v1:O+C+R+version@519665f6223ebd6980884f2b", "version", "give course-v1:O+C+R and"),
        ("block-v1:O+C+R+type@html+block@intro", "inside a course", "give course-v1:O+C+R"),
        ("https://studio.example.org/course/course-v1:O+C+R?x=1", "an address", "give course-v1:O+C+R"),
        ("https://lms.example.org/courses/course-v1%3AO%2BC%2BR/about", "an address", "give course-v1:O+C+R"),
        ("course-v1%3AO%2BC%2BR", "form for addresses", "give course-v1:O+C+R"),
        ("course-v1:O C R", "white space", "course-v1:O+C+R"),
        ("course-v1:O+C+R\n", "white space", "course-v1:O+C+R"),
        ("Course-v1:O+C+R", "lower case", "course-v1:O+C+R"),
        ("course-v1:O+C", "not a complete course key", "ORG+COURSE+RUN"),
        ("library-v1:O+L+R", "not a complete library key", "ORG+LIB"),
        ("", "empty", "course-v1:ORG+COURSE+RUN"),
        ("O+C+R", "is not a course key", "course-v1:ORG+COURSE+RUN"),
        ("course-v1:O+C+" + "R" * 250, "at most 255", "course-v1:"),
    ],
)
def test_other_keys_are_refused_with_what_to_do_instead(text: str, message: str, advice: str) -> None:
    """A key without versions in the split modulestore is refused, each kind with its own way out."""
    with pytest.raises(RefusedError) as caught:
        CourseKey.parse(text)

    assert message in caught.value.message
    assert advice in caught.value.advice


@given(st.text(max_size=300))
def test_any_text_is_a_key_or_a_refusal(text: str) -> None:
    """No text whatever ends in another error, and what is accepted reads back as itself."""
    try:
        key = CourseKey.parse(text)
    except RefusedError:
        return
    assert str(key) == text
