"""A table is made again in parts, in an order that suits its rows."""

from rollbook.mysql.definition import Definition
from rollbook.mysql.parting import rows_first


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


def test_a_table_takes_its_rows_before_its_indexes_and_these_before_foreign_keys() -> None:
    """What a snapshot loads into has keys that refuse rows; the rest comes when the rows, and then the tables, are there."""
    create = (
        "CREATE TABLE `t``s` (\n"
        "  `id` bigint(20) NOT NULL AUTO_INCREMENT,\n"
        "  `post` int(11) NOT NULL CHECK (`post` <> ' FOREIGN KEY '),\n"
        "  PRIMARY KEY (`id`),\n"
        "  UNIQUE KEY `u` (`post`,`id`),\n"
        "  KEY `post` (`post`),\n"
        "  CONSTRAINT `FOREIGN` CHECK (`post` > 0),\n"
        "  CONSTRAINT `tied` FOREIGN KEY (`post`) REFERENCES `posts` (`id`) ON DELETE CASCADE\n"
        ") ENGINE=InnoDB AUTO_INCREMENT=7 COMMENT='FOREIGN KEY'\n PARTITION BY KEY (`id`)"
    )

    made, indexes, keys = rows_first("t`s", create)

    assert made == create.replace(",\n  KEY `post` (`post`)", "").replace(
        ",\n  CONSTRAINT `tied` FOREIGN KEY (`post`) REFERENCES `posts` (`id`) ON DELETE CASCADE", ""
    )
    assert indexes == ("ALTER TABLE `t``s` ADD KEY `post` (`post`)",)
    assert keys == (
        "ALTER TABLE `t``s` ADD CONSTRAINT `tied` FOREIGN KEY (`post`) REFERENCES `posts` (`id`) ON DELETE CASCADE",
    )


def test_a_table_without_indexes_is_made_at_once() -> None:
    """Nothing is sent afterwards where there is nothing to make."""
    create = "CREATE TABLE `t` (\n  `a` text DEFAULT NULL\n) ENGINE=InnoDB"

    assert rows_first("t", create) == (create, (), ())
