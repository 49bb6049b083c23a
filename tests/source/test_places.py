"""Places in a file: marks, excerpts and carets."""

import pytest

from rollbook.source import Problem, load_yaml

from .telling import told


class TestPlaces:
    """Marks, excerpts and carets."""

    DOCUMENT = load_yaml("a: 1\nsteps:\n  - id: x\n    shell.run: {command: [b, c]}\n  -\n    id: z\nempty:\n", "f.yml")

    @pytest.mark.parametrize(
        ("path", "value", "key"),
        [
            ((), (1, 1), (1, 1)),
            (("a",), (1, 4), (1, 1)),
            (("steps",), (3, 3), (2, 1)),
            (("steps", 0), (3, 5), (3, 5)),
            (("steps", 0, "id"), (3, 9), (3, 5)),
            (("steps", 0, "shell.run", "command", 1), (4, 30), (4, 30)),
            (("steps", 1, "id"), (6, 9), (6, 5)),
            (("steps", 0, "retries"), (3, 5), (3, 5)),
            (("steps", 7, "id"), (3, 3), (2, 1)),
            (("steps", -1), (3, 3), (2, 1)),
            (("a", "b"), (1, 4), (1, 1)),
            (("nothing",), (1, 1), (1, 1)),
        ],
    )
    def test_a_path_leads_to_its_place(
        self, path: tuple[str | int, ...], value: tuple[int, int], key: tuple[int, int]
    ) -> None:
        """A value, its key, and for what is not there the nearest parent, have a line and column from 1."""
        assert self.DOCUMENT.mark(path) == value
        assert self.DOCUMENT.key_mark(path) == key

    def test_an_empty_value_is_in_the_line_of_its_key(self) -> None:
        """A key without a value is pointed at in its own line."""
        assert self.DOCUMENT.mark(("empty",)).line == 7

    def test_a_problem_shows_its_line_and_a_caret(self) -> None:
        """A problem prints as place, message, source line and caret."""
        assert (
            str(self.DOCUMENT.problem(("steps", 0, "id"), "bad id"))
            == "f.yml:3:9: bad id\n      - id: x\n            ^"
        )
        assert self.DOCUMENT.problem(("steps", 0, "id"), "bad key", at_key=True).column == 5

    def test_a_problem_without_a_line_prints_without_one(self) -> None:
        """A problem of the file as a whole names the file only."""
        assert str(Problem("f.yml", 0, 0, "is empty")) == "f.yml: is empty"

    @pytest.mark.parametrize(
        ("line", "excerpt"),
        [
            ("中文: no", "    中文: no\n          ^"),
            ("é: no", "    é: no\n       ^"),
            ("e\u0301: no", "    e\u0301: no\n       ^"),
            ("a:\tno", "    a:\tno\n      \t^"),
            ("😀: no", "    😀: no\n        ^"),
        ],
    )
    def test_the_caret_stands_below_its_character(self, line: str, excerpt: str) -> None:
        """Wide, combining and tab characters do not move the caret."""
        assert told(line).partition("\n")[2] == excerpt

    @pytest.mark.parametrize("length", [10, 49, 50, 51, 99, 100, 101, 500])
    @pytest.mark.parametrize("after", ["", "y" * 300])
    def test_a_long_line_is_cut_around_the_caret(self, length: int, after: str) -> None:
        """However long the line, the excerpt is short and the caret stands below the right character."""
        lines = told("'" + "x" * length + "': [no, '" + after + "']").split("\n")

        assert len(lines[1]) <= 4 + 102
        assert lines[1][lines[2].index("^") :].startswith("no")
