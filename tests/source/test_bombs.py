"""Files made to hurt, or only very long, end with a clear error, soon."""

import pytest

from rollbook.errors import SourceError
from rollbook.source import load_yaml

from .telling import first_line, problems_of, told


@pytest.mark.usefixtures("_loader")
class TestBombs:
    """Files made to hurt end with one clear error, soon."""

    @pytest.mark.parametrize(
        "text", ["a: " + "[" * 200_000, "- " * 100_000, "a: " + "{a: " * 100_000, "a: " + "{{" * 100_000]
    )
    def test_deep_nesting_is_refused(self, text: str) -> None:
        """Nesting is bounded, however it is written."""
        assert " nested more than 100 deep here" in first_line(text) or "must be" in first_line(text)

    def test_a_nesting_of_a_hundred_is_read(self) -> None:
        """The bound is where it is said to be."""
        assert load_yaml("a: " + "[" * 99 + "]" * 99, "f.yml").content
        assert "nested" in told("a: " + "[" * 100 + "]" * 100)

    def test_an_alias_bomb_never_expands(self) -> None:
        """A billion laughs are the one thing that is told, also to whoever would look further, and none is followed."""
        lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
        lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, 10)]

        with pytest.raises(SourceError) as caught:
            load_yaml("\n".join(lines), "f.yml", keep=True)

        (problem,) = caught.value.problems
        assert (problem.line, problem.column) == (4, 20)
        assert problem.message.startswith("the file repeats itself more than 20 times by aliases (*name)")

    def test_endless_problems_are_cut(self) -> None:
        """A file that is wrong in every line does not flood the terminal."""
        with pytest.raises(SourceError) as caught:
            load_yaml("a:\n" + "".join(f"- 0{number}\n" for number in range(10_000)), "f.yml")

        assert len(caught.value.problems) == 101
        assert str(caught.value.problems[-1]) == "f.yml: the file has more than 100 problems: these are the first"

    def test_the_same_mistake_is_told_a_few_times(self) -> None:
        """Of many problems with the same words the first ten are told, and how many more there are."""
        problems = problems_of("a:\n" + "- no\n" * 10_000)

        assert [problem.line for problem in problems] == [*range(2, 12)]
        assert [problem.message.endswith("(and 9990 more like this)") for problem in problems] == [False] * 9 + [True]


@pytest.mark.parametrize(
    "line",
    [
        "x: {{" + " " * 300_000 + "x",
        "- " * 200_000 + "x: y: z",
        "x: " + "-\t" * 200_000 + "{{",
        "x" + " " * 300_000 + ": y: {{",
    ],
)
def test_a_long_line_is_explained_as_fast_as_it_is_read(line: str) -> None:
    """What is wrong with a line of hundreds of thousands of characters is told at once, not after hours."""
    assert first_line(f"a: 1\n{line}\n").startswith("f.yml:")
