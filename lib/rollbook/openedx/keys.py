"""Which course run or library is meant, and why others cannot be restored."""

import re
from typing import Final, Literal, Self
from urllib.parse import unquote

from rollbook.errors import RefusedError

from ..dataclass import dataclass

BranchName = Literal["draft-branch", "published-branch", "library"]

_PART: Final = r"[\w\-~.:]+"  # what Open edX allows in org, course, run and library codes
_COURSE: Final = re.compile(rf"course-v1:(?P<org>{_PART})\+(?P<course>{_PART})\+(?P<run>{_PART})\Z")
_LIBRARY: Final = re.compile(rf"library-v1:(?P<org>{_PART})\+(?P<course>{_PART})\Z")
_CCX: Final = re.compile(r"ccx-v1:(?P<course>.+?)\+ccx@\d+\Z")
_KEY_IN_TEXT: Final = re.compile(rf"(?:course|library)-v1:{_PART}(?:\+{_PART}){{1,2}}")
_LONGEST: Final = 255  # the ledger's column

_OLD_MONGO_ADVICE: Final = (
    "restore it from a MongoDB backup, from an OLX export, or from a re-run taken while the release still read "
    "Old Mongo courses; the runbook audit-old-mongo lists such courses and their re-runs"
)
WRITE_IT_AS: Final = "write it as course-v1:ORG+COURSE+RUN, or library-v1:ORG+LIB for a library"


@dataclass(frozen=True, slots=True)
class Branch:
    """A line of versions of one course: its name in MongoDB, its ledger column, its word for people."""

    name: BranchName
    column: str
    word: str


DRAFT: Final = Branch("draft-branch", "draft_version", "draft")
PUBLISHED: Final = Branch("published-branch", "published_version", "published")
LIBRARY: Final = Branch("library", "library_version", "library")
BRANCHES: Final = (DRAFT, PUBLISHED, LIBRARY)


@dataclass(frozen=True, slots=True)
class CourseKey:
    """A course run or a content library whose versions the split modulestore keeps."""

    org: str
    course: str
    run: str  # "library" for a library, as active_versions stores it
    is_library: bool = False

    @classmethod
    def parse(cls, text: str) -> Self:
        """
        Read a key.

        Raises RefusedError for anything that has no versions in the split modulestore, each kind of key with what
        to do instead.
        """
        if len(text) > _LONGEST:
            raise RefusedError(
                f"a course key has at most {_LONGEST} characters; this one has {len(text)}", advice=WRITE_IT_AS
            )
        if found := _COURSE.match(text):
            return cls(found["org"], found["course"], found["run"])
        if found := _LIBRARY.match(text):
            return cls(found["org"], found["course"], "library", is_library=True)
        raise _refusal(text)

    @property
    def branches(self) -> tuple[Branch, ...]:
        """Say which branches a course, or a library, has."""
        return (LIBRARY,) if self.is_library else (DRAFT, PUBLISHED)

    def __str__(self) -> str:
        if self.is_library:
            return f"library-v1:{self.org}+{self.course}"
        return f"course-v1:{self.org}+{self.course}+{self.run}"


def is_old_mongo(text: str) -> bool:
    """Tell whether *text* has the form ORG/COURSE/RUN of the Old Mongo modulestore."""
    parts = text.split("/")
    return len(parts) == 3 and all(re.fullmatch(_PART, part) for part in parts)


def _refusal(text: str) -> RefusedError:
    """Give the most helpful refusal for a key that is not one of ours."""
    for matches, explain in _KINDS:
        if matches(text):
            message, advice = explain(text)
            return RefusedError(f"{text!r}: {message}", advice=advice)
    return RefusedError(f"{text!r} is not a course key", advice=WRITE_IT_AS)


def _old_mongo(_text: str) -> tuple[str, str]:
    return (
        "this is an Old Mongo course (ORG/COURSE/RUN): no version history, no ledger row, so nothing to go back to",
        _OLD_MONGO_ADVICE,
    )


def _ccx(text: str) -> tuple[str, str]:
    found = _CCX.match(text)
    course = f"course-v1:{found['course']}" if found else "the course that it was made from"
    return (
        "a CCX has no content of its own: it shows the content of its course",
        f"restore {course} instead; its CCX children follow",
    )


def _library_v2(_text: str) -> tuple[str, str]:
    return (
        "a V2 library: it is not stored in the split modulestore and has neither ledger row nor structures",
        "restore it from a backup or export of its own store; V1 libraries are written library-v1:ORG+LIB",
    )


def _bound(text: str) -> tuple[str, str]:
    plain = re.split(r"\+(?:branch|version)@", text, maxsplit=1)[0]
    return (
        "names a branch or a version; the ledger knows courses without either",
        f"give {plain} and choose the version in the run",
    )


def _inside(text: str) -> tuple[str, str]:
    course = text.partition(":")[2].partition("+type@")[0]
    return ("names a block or a file inside a course", f"give course-v1:{course}")


def _url(text: str) -> tuple[str, str]:
    found = _KEY_IN_TEXT.search(unquote(text))
    return ("an address, not a course key", f"give {found.group()}" if found else WRITE_IT_AS)


def _encoded(text: str) -> tuple[str, str]:
    return ("a key in its form for addresses", f"give {unquote(text)}")


def _spaced(text: str) -> tuple[str, str]:
    meant = "+".join(text.split())
    return ("holds white space; a + in an address reads as a space", f"did you mean {meant}?")


def _cased(text: str) -> tuple[str, str]:
    prefix, _, rest = text.partition(":")
    return ("the prefix of a key is written in lower case", f"did you mean {prefix.lower()}:{rest}?")


def _incomplete(text: str) -> tuple[str, str]:
    if text.startswith("library-v1:"):
        return ("not a complete library key", "write it as library-v1:ORG+LIB, of letters, digits and - ~ . : _")
    return (
        "not a complete course key",
        "write it as course-v1:ORG+COURSE+RUN, each part of letters, digits and - ~ . : _",
    )


_PREFIXES: Final = ("course-v1", "library-v1")

# The order matters: the first kind that fits explains the key.
_KINDS: Final = (
    (lambda text: not text.strip(), lambda _text: ("is empty", WRITE_IT_AS)),
    (lambda text: "://" in text and not text.startswith("i4x://"), _url),
    (lambda text: text.startswith(("i4x://", "/c4x/", "c4x://")), _old_mongo),
    (is_old_mongo, _old_mongo),
    (lambda text: text.startswith(("ccx-v1:", "ccx-block-v1:")), _ccx),
    (lambda text: text.startswith(("lib:", "lb:", "lib-collection:", "lct:")), _library_v2),
    (lambda text: "+branch@" in text or "+version@" in text, _bound),
    (lambda text: text.startswith(("block-v1:", "asset-v1:")), _inside),
    (lambda text: "%3a" in text.lower() or "%2b" in text.lower(), _encoded),
    (lambda text: len(text.split()) != 1 or text != text.strip(), _spaced),
    (lambda text: text.partition(":")[0].lower() in _PREFIXES and text.partition(":")[0] not in _PREFIXES, _cased),
    (lambda text: text.partition(":")[0] in _PREFIXES, _incomplete),
)
