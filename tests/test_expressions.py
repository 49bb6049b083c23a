"""Expressions: values in, values out; strict about what is not defined, patient with what is not known."""

import shlex
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rollbook.errors import ExpressionError
from rollbook.expressions import FILTER_NAMES, condition, in_shell_quotes, names_used, render
from rollbook.values import RUN_ID, Plain, Secret, Unknown

CHOICE = Unknown("steps.choice.outputs.value")
TOKEN = Secret("env:TOKEN")
NAMES: dict[str, Plain] = {
    "inputs": {"course_id": "course-v1:A+B+C", "count": 3, "none": None, "many": [1, 2], "word": "no", "yes": True},
    "steps": {
        "choice": {"outputs": {"value": CHOICE, "items": "it", "values": [1, CHOICE], "keys": {"a": 1}}},
        "take-dump": {"outputs": {"size": 7}},
    },
    "vars": {"token": TOKEN, "nested": {"token": TOKEN}},
    "run": {"id": RUN_ID},
}

plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=10,
)


@pytest.mark.parametrize(
    ("template", "value"),
    [
        ("no braces {% at all %} ${#x}", "no braces {% at all %} ${#x}"),
        ("{{ inputs.course_id }}", "course-v1:A+B+C"),
        ("{{ inputs.count }}", 3),
        ("{{ inputs.count + 1 }}", 4),
        ("{{inputs.count}} of {{ inputs.many | length }}", "3 of 2"),
        ("{{ inputs.many }}", [1, 2]),
        ("many: {{ inputs.many }}", "many: [1, 2]"),
        ("{{ inputs.yes }}, said so", "true, said so"),
        ("{{ inputs.none }}", None),
        ("{{ inputs.none | default('x') }}", "x"),
        ("{{ inputs.nothing | default('x') }}", "x"),
        ("{{ steps.choice.outputs.items }}", "it"),
        ("{{ steps.choice.outputs.keys.a }}", 1),
        ("{{ steps['take-dump'].outputs.size }}", 7),
        ("{{ inputs.course_id.split('+')[1] }}", "B"),
        ("{{ '{{.Names}}' }} {{ inputs.count }}", "{{.Names}} 3"),
        ("{{ inputs.many | map('string') | join(', ') }}", "1, 2"),
        ("{{ [3, 1, 2] | sort }}", [1, 2, 3]),
        ("{{ range(3) }}", [0, 1, 2]),
        ("{{ true }}", True),
        ("{{ '2024-05-01T12:00:00+02:00' | datetime }}", "2024-05-01T10:00:00Z"),
        ("{{ '2024-05-01T12:00:00Z' | datetime('%d.%m.%Y') }}", "01.05.2024"),
        ("{{ '1h30m' | duration }}", 5400),
        ("{{ '/srv/a/b.sql' | basename }}", "b.sql"),
        ("{{ '/srv/a/b.sql' | dirname }}", "/srv/a"),
        ("{{ ' 12 ' | int + 1 }}", 13),
        ("{{ 'x' | int(0) }}", 0),
        ("{{ {'a': inputs.count} | tojson }}", '{"a": 3}'),
    ],
)
def test_a_template_gives_its_value(template: str, value: Plain) -> None:
    """One expression alone keeps its type; inside a text it is written as YAML or JSON would."""
    assert render(template, NAMES) == value


def test_rendering_goes_deep() -> None:
    """Lists and mappings are rendered inside; keys and other values stay."""
    template = {"{{ key }}": ["{{ inputs.count }}", 5, None, {"a": "b{{ inputs.count }}"}]}

    assert render(template, NAMES) == {"{{ key }}": [3, 5, None, {"a": "b3"}]}


@pytest.mark.parametrize(
    ("template", "words"),
    [
        ("{{ inputs.cours_id }}", "inputs.cours_id is not defined; did you mean inputs.course_id?"),
        ("{{ inputs.cours_id.x | default(1) }}", "inputs.cours_id is not defined"),
        ("{{ input.course_id }}", "input is not defined; did you mean inputs?"),
        ("{{ steps.take-dump.outputs.size }}", "for 'take-dump' write steps[\"take-dump\"]"),
        ("a {{ inputs.none }}", "it is empty"),
        ("{{ inputs.count", "never closed"),
        ("{{ inputs.count inputs.count }}", "does not fit in here"),
        ("{{ inputs.count | frob }}", "No filter named 'frob'"),
        ("{{ inputs.course_id | int }}", "is not a whole number"),
        ("{{ '2024-05-01T12:00:00' | datetime }}", "has no zone"),
        ("docker ps --format {{.Names}}", "{{ '{{.Name}}' }}"),
    ],
)
def test_what_cannot_be_evaluated_is_told(template: str, words: str) -> None:
    """An error names the expression, what is wrong, and the nearest name."""
    with pytest.raises(ExpressionError) as caught:
        render(template, NAMES)

    assert words in str(caught.value)


@pytest.mark.parametrize(
    "template",
    [
        "{{ ''.__class__ }}",
        "{{ inputs.__class__ }}",
        "{{ inputs.many.append(1) }}",
        "{{ inputs.pop('count') }}",
        "{{ inputs.course_id.format(1) }}",
        "{{ range.__globals__ }}",
        "{{ lipsum() }}",
        "{{ self }}",
        "{{ 'x' * 100000000 }}",
        "{{ [0] * 100000000 }}",
        "{{ 9 ** 99999999 }}",
        "{{ '%999999999d' % 1 }}",
        "{{ range(10 ** 9) }}",
        "{{ ('x' * 1000000) | replace('x', 'y' * 1000) }}",
        "{{ 'x' * 1000000 }}{{ 'x' * 1000000 }}",
        "{{ inputs.many | map(attribute='__class__') | list }}",
    ],
)
def test_the_sandbox_holds(template: str) -> None:
    """An expression reaches no attribute of Python, changes nothing and cannot fill the memory."""
    with pytest.raises(ExpressionError):
        render(template, NAMES)


@pytest.mark.parametrize(
    "template",
    [
        "{{ steps.choice.outputs.value }}",
        "to {{ steps.choice.outputs.value }}",
        "{{ steps.choice.outputs.value + 1 }}",
        "{{ 1 + steps.choice.outputs.value }}",
        "{{ 'a' ~ steps.choice.outputs.value }}",
        "{{ steps.choice.outputs.value.deeper['x'] }}",
        "{{ steps.choice.outputs.value | default('x') }}",
        "{{ steps.choice.outputs.value | upper }}",
        "{{ steps.choice.outputs.value is none }}",
        "{{ steps.choice.outputs.value == 1 }}",
        "{{ steps.choice.outputs.value in 'abc' }}",
        "{{ 'a' in steps.choice.outputs.value }}",
        "{{ 1 if steps.choice.outputs.value else 2 }}",
        "{{ inputs.many[steps.choice.outputs.value] }}",
        "{{ inputs.course_id.startswith(steps.choice.outputs.value) }}",
        "{{ steps.choice.outputs.values | join(',') }}",
        "{{ steps.choice.outputs.values | sort }}",
        "{{ steps.choice.outputs.values | sum }}",
        "{{ steps.choice.outputs.values | map('upper') | list }}",
        "{{ steps.choice.outputs.values | select('equalto', 1) | list }}",
        "{{ range(steps.choice.outputs.value) }}",
        "{{ -steps.choice.outputs.value }}",
    ],
)
def test_what_is_not_known_makes_the_value_unknown(template: str) -> None:
    """Any use of an unknown gives the unknown, whole; never its name as text."""
    assert render(template, NAMES) == CHOICE


def test_an_unknown_inside_a_value_stays_where_it_is() -> None:
    """A list or mapping that holds an unknown is handed on with it."""
    assert render("{{ steps.choice.outputs['values'] }}", NAMES) == [1, CHOICE]
    assert render("{{ [steps.choice.outputs.value, 2] }}", NAMES) == [CHOICE, 2]
    assert render("{{ steps.choice.outputs.value }}", {"steps": {"choice": {"outputs": Unknown("s")}}}) == Unknown("s")
    assert render("{{ a.b }}", {"a": {"b": {"$unknown": "s"}}}) == Unknown("s")


def test_an_unknown_that_does_not_matter_is_no_obstacle() -> None:
    """What is decided before an unknown is looked at is known."""
    assert render("{{ 1 if true else steps.choice.outputs.value }}", NAMES) == 1
    assert condition("false and steps.choice.outputs.value", NAMES) is False


def test_undefined_is_told_although_something_is_unknown() -> None:
    """A misspelt name is an error at once, not when the rest is known."""
    with pytest.raises(ExpressionError, match=r"inputs\.cont is not defined"):
        render("{{ inputs.cont + steps.choice.outputs.value }}", NAMES)


@pytest.mark.parametrize("template", ["{{ vars.token }}", "{{ vars.nested.token }}"])
def test_a_secret_is_handed_on_whole(template: str) -> None:
    """An expression that is only a secret gives the secret."""
    assert render(template, NAMES) == TOKEN


@pytest.mark.parametrize(
    "template",
    [
        "x {{ vars.token }}",
        "{{ vars.token ~ 'x' }}",
        "{{ vars.token | upper }}",
        "{{ vars.token == 'x' }}",
        "x{{ vars }}",
    ],
)
def test_a_secret_is_never_worked_into_a_text(template: str) -> None:
    """Anything else done with a secret is an error that says how to pass it."""
    with pytest.raises(ExpressionError, match="environment"):
        render(template, NAMES)
    with pytest.raises(ExpressionError, match="environment"):
        render("echo {{ vars.token }}", NAMES, quote=True)


@given(st.text())
def test_a_quoted_value_is_one_word(value: str) -> None:
    """With *quote* a shell sees exactly the value, whatever it holds."""
    line = render("echo {{ it }} end", {"it": value}, quote=True)

    assert shlex.split(line) == ["echo", value, "end"]


@given(st.lists(st.text()))
def test_a_quoted_list_is_as_many_words(values: list[str]) -> None:
    """With *quote* each item of a list is a word of its own."""
    assert shlex.split(render("echo {{ it }}", {"it": values}, quote=True)) == ["echo", *values]


def test_raw_keeps_quotes_off() -> None:
    """Only what ends in `| raw` goes into a command as it is, and only there."""
    names = {"it": "a b; c"}

    assert render("{{ it | raw }} {{ it }}", names, quote=True) == "a b; c 'a b; c'"
    assert render("{{ it }}", names, quote=True) == "'a b; c'"
    assert render("{{ it | raw ~ 'x' }}", names, quote=True) == "'a b; cx'"
    assert render("{{ it | quote }}", names) == "'a b; c'"


@given(plain)
def test_a_value_passes_unchanged(value: Plain) -> None:
    """A path or an expression that is one value gives an equal value of the same type."""
    for template in ("{{ a.b }}", "{{ (a.b) }}"):
        found = render(template, {"a": {"b": value}})

        assert found == value
        assert type(found) is type(value)


@given(st.text(alphabet=st.sampled_from("a {}%#\r\n\"'"), max_size=80))
def test_text_around_expressions_stays(text: str) -> None:
    """What stands outside of `{{ }}` is not touched, line ends neither."""
    if "{{" not in text and not text.endswith("{"):
        assert render(text + "{{ a }} {{ a + 1 }}" + text, {"a": 1}) == f"{text}1 2{text}"


@pytest.mark.parametrize(
    ("expression", "holds"),
    [
        ("inputs.count > 2", True),
        ("{{ inputs.count == 2 }}", False),
        ("inputs.none", False),
        ("inputs.many", True),
        ("not inputs.nothing | default(false)", True),
        ("true", True),
        ("steps.choice.outputs.value > 1", CHOICE),
        ("steps.choice.outputs.value is defined", True),
        ("steps.later is not defined", True),
        ("inputs.course_id is defined and inputs.course_id.startswith('course')", True),
    ],
)
def test_a_condition_holds_or_not_or_waits(expression: str, holds: bool | Unknown) -> None:
    """A condition gives a bool, or what it waits for."""
    assert condition(expression, NAMES) == holds


@pytest.mark.parametrize("expression", ["inputs.word", "'false'", "vars.token"])
def test_a_text_that_looks_like_a_truth_value_is_refused(expression: str) -> None:
    """`"no"` is a text that is not empty, so it would hold: nobody means that."""
    with pytest.raises(ExpressionError):
        condition(expression, NAMES)


def test_names_used_are_dotted_paths() -> None:
    """Every path is named as far as it is written out; methods, filters and words are no part of it."""
    template = {
        "a": "{{ inputs.course_id.split('+')[0] }} {{ steps.versions.outputs.candidates[0].id }}",
        "b": ["{{ steps['a-b'].outputs.x | default(vars.y) }}", "{{ range(inputs.n) }}", "plain", 3, "{{ true }}"],
    }

    assert names_used(template) == {
        "inputs.course_id",
        "inputs.n",
        "steps.a-b.outputs.x",
        "steps.versions.outputs.candidates",
        "vars.y",
    }
    assert names_used("inputs.a and not run.b", bare=True) == {"inputs.a", "run.b"}


@pytest.mark.parametrize("name", FILTER_NAMES)
def test_no_filter_looks_into_an_unknown(name: str) -> None:
    """Every filter hands an unknown on."""
    extra = {
        "replace": "('a', 'b')",
        "map": "('upper')",
        "selectattr": "('a')",
        "rejectattr": "('a')",
        "groupby": "('a')",
    }

    assert render(f"{{{{ u | {name}{extra.get(name, '')} }}}}", {"u": CHOICE}) == CHOICE


def test_simple_expressions_need_no_jinja() -> None:
    """A start with paths only does not pay for the template engine."""
    program = (
        "import sys; from rollbook.expressions import render, condition, names_used;"
        "names = {'a': {'b': [1]}};"
        "assert render('x {{ a.b }}', names) == 'x [1]' and condition('a.b', names) and names_used('{{ a.b }}');"
        "sys.exit('jinja2' in sys.modules)"
    )

    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


@pytest.mark.parametrize(
    ("expression", "reason"),
    [
        ("'a' * 10**9", "longer than"),
        ("10**9 * 'a'", "longer than"),
        ("[1] * 10**9", "longer than"),
        ("(1, 2) * 10**8", "longer than"),
        ("[[[1] * 1000] * 1000] * 1000", "more than"),
        ("['x' * 1000000] * 1000000", "more than"),
        ("('b' * 900000) + ('b' * 900000) + ('b' * 900000)", "more than"),
        ("('b' * 900000) ~ ('b' * 900000)", "longer than"),
        ("range(10**9) | list", "range is limited"),
        ("range(9999) | map('string') | map('replace', '1', 'a' * 90000) | list", "more than|longer than"),
        ("range(9999) | map('string') | join('x' * 900)", "longer than"),
        ("([[1] * 100000] * 3000) | sum(start=[])", "more than"),
        ("10**10**100000", "too large"),
        ("10**3000 * 10**3000", "too large"),
        ("1e308 * 10", "gives inf"),
        ("'nan' | float", "gives nan"),
        ("5 | round(-10**9)", "at most 300"),
        ("[1] | tojson(10**9)", "indented by"),
        ("('1' * 200000) | duration", "is not a duration"),
        ("('9' * 900000) | int", "is not a whole number"),
        ("'x' | replace('', 'y' * 10**7)", "longer than"),
        ("'2020-01-01T00:00:00Z' | datetime('%9999999Y')", "form of a time"),
        ("('[' * 100000) | fromjson", "nested more than 100 deep"),
        ("deep | string", "too deeply"),
        ("deep | tojson", "too deeply"),
        ("(" * 3000 + "1" + ")" * 3000, "too deeply"),
        ("[" * 3000 + "1" + "]" * 3000, "too deeply"),
        ("-" * 3000 + "1", "too deeply"),
        ("1+" * 30000 + "1", "at most 10000 characters"),
    ],
)
def test_nothing_huge_is_made(expression: str, reason: str) -> None:
    """An expression that would fill the memory, or go on for hours, is one error and made of few words."""
    nested: list[Plain] = []
    for _ in range(5000):
        nested = [nested]
    with pytest.raises(ExpressionError, match=reason) as caught:
        render(f"a{{{{ {expression} }}}}", {"deep": nested})
    assert len(str(caught.value)) < 600


@pytest.mark.parametrize(
    "expression",
    [
        "self",
        "self._TemplateReference__context",
        "super()",
        "cycler",
        "lipsum.__globals__",
        "namespace()",
        "'{0.__class__}'.format('x')",
        "'%s' % 'x'",
        "'a'.ljust(9)",
        "''.__class__.__mro__",
        "''['__class__']",
        "'x'.startswith.__globals__",
        "range.__globals__",
        "['x'] | map(attribute='__class__') | list",
        "['x'] | groupby('__class__')",
        "'x' | attr('__class__')",
        "[].append(1)",
    ],
)
def test_nothing_behind_a_value_is_reached(expression: str) -> None:
    """What makes values what they are in Python is out of reach."""
    with pytest.raises(ExpressionError):
        render(f"{{{{ {expression} }}}}", {})


def test_lists_are_added_up_and_texts_put_together() -> None:
    """The limits leave sums of lists and joined texts as they were."""
    names: dict[str, Plain] = {"parts": [{"ids": [1, 2]}, {"ids": [3]}], "n": 3}
    assert render("{{ parts | sum(attribute='ids', start=[]) }}", names) == [1, 2, 3]
    assert render("{{ [1, 2, 3] | sum }}", names) == 6
    assert render("{{ 'a' ~ n ~ true }}", names) == "a3true"
    assert names["parts"] == [{"ids": [1, 2]}, {"ids": [3]}]
    assert render("{{ range(10000) | list | length * 100 }}", names) == 1_000_000


@pytest.mark.parametrize(
    ("command", "unsafe"),
    [
        ("echo {{ x }}", ""),
        ("echo '{{ x }}'", "{{ x }}"),
        ('echo "{{ x }}"', "{{ x }}"),
        ("grep 'foo$' {{ x }}", ""),
        ("echo $'it\\'s {{ x }}'", "{{ x }}"),
        ("echo '{{ x | quote }}' '{{ y }}'", "{{ y }}"),
        ("echo '{{ x | raw }}' {{ y }}", ""),
        ("# don't\necho '{{ x }}'", "{{ x }}"),
        ("# don't\necho {{ x }}", ""),
        ("true # {{ x }}", "{{ x }}"),
        ("echo a#'{{ x }}'", "{{ x }}"),
        ("cat <<E\n{{ x }}\nE", "{{ x }}"),
    ],
)
def test_a_value_inside_the_quotes_of_a_shell_text_is_found(command: str, unsafe: str) -> None:
    """Quoting as one word protects a bare word only, whatever comments and other values stand before it."""
    assert in_shell_quotes(command) == unsafe
