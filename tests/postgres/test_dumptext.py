"""The text of dumps: rows are found where they are, and nowhere else."""

import pytest

from rollbook.errors import TargetError
from rollbook.postgres.dumptext import blocks
from rollbook.postgres.names import Name

Found = list[tuple[str, tuple[str, ...], list[bytes] | None]]


def _found(text: str, encoding: str = "utf-8") -> Found:
    lines = text.encode(encoding).splitlines(keepends=True)
    return [(str(one.table), one.columns, None if one.rows is None else list(one.rows)) for one in blocks(lines)]


def test_rows_come_with_their_table_and_columns() -> None:
    """Names are read as they were quoted, and rows as they stand."""
    text = 'COPY public."we""ird" (id, "a, b") FROM stdin;\n1\tx\\ty\n2\t\\N\n\\.\nCOPY s.t (id) FROM stdin;\n\\.\n'

    assert _found(text) == [
        ('we"ird', ("id", "a, b"), [b"1\tx\\ty", b"2\t\\N"]),
        ("s.t", ("id",), []),
    ]


@pytest.mark.parametrize(
    "quoted",
    [
        "$$\n{}$$;\n",
        "$body$\n{}$body$;\n",
        "'\n{}';\n",
        '"\n{}";\n',
        "/* a /* b */\n{}*/\n",
        "E'it''s\n{}';\n",
        "E'it\\'s\n{}';\n",
    ],
)
def test_what_is_quoted_is_no_head(quoted: str) -> None:
    """A head of rows inside a body, a text, a name or a comment begins no rows."""
    before = quoted.format("COPY public.t (id) FROM stdin;\n")
    text = f"COMMENT {before}COPY public.u (id) FROM stdin;\n7\n\\.\n"

    assert _found(text) == [("u", ("id",), [b"7"])]


def test_comments_and_names_open_nothing() -> None:
    """A quote behind two dashes, and dollars inside a name, open nothing."""
    text = "-- it's\nALTER TABLE a$$b OWNER TO c;\nCOPY public.t (id) FROM stdin;\n1\n\\.\n"

    assert _found(text) == [("t", ("id",), [b"1"])]


def test_old_dumps_name_the_schema_before() -> None:
    """A table without a schema is in the one that the search path was set to last."""
    text = "SET search_path = shop, pg_catalog;\nCOPY t (id) FROM stdin;\n1\n\\.\n"

    assert _found(text) == [("shop.t", ("id",), [b"1"])]


def test_other_encodings_are_read() -> None:
    """Rows of a dump in another encoding come as UTF-8, as live's do."""
    text = "SET client_encoding = 'LATIN1';\nCOPY public.t (id) FROM stdin;\nå\n\\.\n"

    assert _found(text, "latin-1") == [("t", ("id",), ["å".encode()])]


def test_an_encoding_that_is_not_known_is_refused() -> None:
    """No rows are read in the wrong encoding."""
    with pytest.raises(TargetError, match="MULE_INTERNAL"):
        _found("SET client_encoding = 'MULE_INTERNAL';\nCOPY public.t (id) FROM stdin;\n\\.\n")


def test_inserts_are_told_once() -> None:
    """A table whose rows are INSERT statements is named, once, without rows."""
    text = "INSERT INTO public.t VALUES (1);\nINSERT INTO public.t VALUES (2);\n"

    assert _found(text) == [("t", (), None)]


def test_rows_that_break_off_are_told() -> None:
    """A dump that ends in the middle of rows is not taken for a whole one."""
    with pytest.raises(TargetError, match="breaks off in the middle of the rows of t"):
        _found("COPY public.t (id) FROM stdin;\n1\n")


def test_what_is_not_read_is_passed_over() -> None:
    """A block whose rows nobody wants does not hide the one after it."""
    lines = b"COPY public.t (id) FROM stdin;\n1\n\\.\nCOPY public.u (id) FROM stdin;\n\\.\n".splitlines(keepends=True)

    assert [one.table for one in blocks(lines)] == [Name("public", "t"), Name("public", "u")]
