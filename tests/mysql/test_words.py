"""What SHOW CREATE TABLE writes is taken apart where the server meant it to be."""

import pytest

from rollbook.mysql.words import lines, names, options, words

CREATE = """CREATE TABLE `t` (
  `a,b` varchar(20) NOT NULL DEFAULT 'it''s, (',
  `c` enum('x)','y') DEFAULT NULL COMMENT 'q\\nr DEFAULT 5',
  PRIMARY KEY (`a,b`),
  CONSTRAINT `k` CHECK (`c` <> ')')
) ENGINE=InnoDB COMMENT='two\\nlines'
 PARTITION BY KEY (`a,b`)"""


def test_each_part_is_one_line() -> None:
    """Columns, keys and constraints come whole, without the comma after them."""
    found = lines(CREATE)

    assert [line.split(" ")[0] for line in found] == ["`a,b`", "`c`", "PRIMARY", "CONSTRAINT"]
    assert found[0].endswith("'it''s, ('")


def test_options_are_what_follows() -> None:
    """Engine, comment and partitions are the table's options."""
    assert options(CREATE) == "ENGINE=InnoDB COMMENT='two\\nlines'\n PARTITION BY KEY (`a,b`)"


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("int(11) NOT NULL", ("int(11)", "NOT", "NULL")),
        ("decimal(10, 2) DEFAULT (1 + (2))", ("decimal(10, 2)", "DEFAULT", "(1 + (2))")),
        ("varchar(3) DEFAULT 'a ''b\\' c'", ("varchar(3)", "DEFAULT", "'a ''b\\' c'")),
        ("char(1) DEFAULT _utf8mb4'a b' COMMENT ')'", ("char(1)", "DEFAULT", "_utf8mb4'a b'", "COMMENT", "')'")),
        ("datetime(6) DEFAULT current_timestamp(6)", ("datetime(6)", "DEFAULT", "current_timestamp(6)")),
    ],
)
def test_words_keep_quotes_and_parentheses_together(text: str, parts: tuple[str, ...]) -> None:
    """Blanks within quotes or parentheses part nothing."""
    assert words(text) == parts


def test_names_are_unquoted() -> None:
    """A doubled quote within a name is one."""
    assert names("KEY `a``b` (`c`(3),`d`)") == ("a`b", "c", "d")
