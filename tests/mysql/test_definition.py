"""A table is made again in parts, in an order that suits its rows."""

from rollbook.mysql.definition import Definition


def test_indexes_are_made_once_the_rows_are_there_but_the_one_that_counts() -> None:
    """Plain ones come after the rows; keys that refuse rows, and that of an AUTO_INCREMENT column, are there before."""
    body = (
        "`place` int(11) NOT NULL",
        "`id` bigint(20) NOT NULL AUTO_INCREMENT",
        "`KEY id` text",
        "PRIMARY KEY (`place`,`id`)",
        "UNIQUE KEY `u` (`KEY id`(9))",
        "KEY `id` (`id`)",
        "KEY `place` (`place`) COMMENT 'of a place'",
        "FULLTEXT KEY `f` (`KEY id`)",
    )
    made = Definition("t", body, "ENGINE=InnoDB", ("place", "id", "KEY id"), ("place", "id"), (), (), "")

    created, finished = made.create("w", "loading"), made.finish("w", "whole")

    assert [line in created for line in body] == [True, True, True, True, True, True, False, True]
    assert finished == "ALTER TABLE `w` ADD KEY `place` (`place`) COMMENT 'of a place', COMMENT = 'whole'"
