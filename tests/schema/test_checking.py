"""Content of a file, told with its places, and content that still has expressions."""

from typing import Any, Literal

import pytest

from rollbook.schema import DocumentProblems, PlainProblems, check, convert
from rollbook.source import load_yaml
from rollbook.values import Unknown

from .samples import Step


class TestDocuments:
    """Problems with places in a file."""

    def test_problems_are_told_with_their_lines(self) -> None:
        """Every problem names file, line and column, in the order of the file, with advice about quotes."""
        document = load_yaml(
            'id: 5\nretry: {tiems: "3", times: "3"}\nsteps:\n  - id: a\n    ratio: \'1.5\'\n  - mode: fsat\n',
            "f.yml",
        )
        problems = DocumentProblems(document)

        assert convert(Step, document.content, problems) is None
        assert "\n".join(map(str, problems.problems)) == (
            "f.yml:1:5: expected text, found the number 5: put it in quotes\n"
            "    id: 5\n"
            "        ^\n"
            'f.yml:2:9: unknown key "tiems"; "times" is here already\n'
            '    retry: {tiems: "3", times: "3"}\n'
            "            ^\n"
            'f.yml:2:28: expected a whole number, found the text "3": leave the quotes out\n'
            '    retry: {tiems: "3", times: "3"}\n'
            "                               ^\n"
            'f.yml:5:12: expected a number, found the text "1.5": leave the quotes out\n'
            "        ratio: '1.5'\n"
            "               ^\n"
            'f.yml:6:5: missing key "id"\n'
            "      - mode: fsat\n"
            "        ^\n"
            'f.yml:6:11: expected one of "fast" or "slow", found the text "fsat"; did you mean "fast"?\n'
            "      - mode: fsat\n"
            "              ^"
        )

    @pytest.mark.parametrize(
        ("cls", "written", "advised"),
        [
            (bool, "'true'", True),
            (int | None, "'null'", True),
            (int, "'3.5'", False),
            (int, "'x'", False),
            (Literal[1], "'1'", True),
            (str | bool, "3", True),
            (str, "[3]", False),
        ],
    )
    def test_quotes_are_named_where_they_are_the_reason(self, cls: Any, written: str, advised: bool) -> None:
        """Advice about quotes is given where following it would help."""
        document = load_yaml(f"key: {written}", "f.yml")
        problems = DocumentProblems(document)

        convert(cls, document.content["key"], problems, ("key",))

        assert problems
        assert ("quotes" in problems.problems[0].message) is advised


class TestChecks:
    """What is accepted before expressions are rendered."""

    def test_an_expression_is_accepted_anywhere(self) -> None:
        """A text with an expression stands for any value; what is beside it is checked."""
        content = {
            "id": "a-{{ x }}",
            "retry": {"times": "{{ x }}", "delay": "{{ x }}s"},
            "mode": "{{ x }}",
            "tags": ["{{ x }}", "b"],
            "pair": "{{ x }}",
            "target": {"kind": "ssh", "host": "{{ x }}", "password": {"secret": "env:{{ x }}"}},
            "steps": [{"id": "{{ x }}", "size": Unknown("run.id")}, "{{ x }}"],
            "a.b": {"c": "{{ x }}"},
        }
        problems = PlainProblems()

        assert check(Step, content, problems)
        assert not problems

    @pytest.mark.parametrize(
        ("content", "path"),
        [
            ({"retry": {"times": "x"}}, "$.retry.times"),
            ({"retry": {"times": -1}}, "$.retry"),
            ({"target": {"kind": "{{ x }}", "hots": 1}}, "$.target.hots"),
            ({"target": {"kind": "ssh", "host": "{{ x }}", "port": "22"}}, "$.target.port"),
            ({"{{ x }}": 1}, '$["{{ x }}"]'),
            ({"steps": ["{{ x }}", 1]}, "$.steps[1]"),
        ],
    )
    def test_the_rest_is_checked_as_ever(self, content: dict[str, object], path: str) -> None:
        """An expression hides nothing but its own value."""
        problems = PlainProblems()

        assert not check(Step, {"id": "{{ x }}", **content}, problems)
        assert path in [str(problem).partition(": ")[0] for problem in problems.problems]
