"""The sandbox that expressions run in; imports jinja2, so it is itself imported when first needed."""

from collections.abc import Callable, Mapping
from typing import Final

from jinja2 import StrictUndefined, TemplateSyntaxError, Undefined, UndefinedError, nodes
from jinja2.environment import TemplateExpression
from jinja2.exceptions import SecurityError
from jinja2.parser import Parser
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment

from ..dataclass import dataclass
from ..errors import ExpressionError
from ..values import Plain
from .budget import MAX_BITS, MAX_TEXT, TooMuchError, check_number, made, renew, spend, weigh
from .filters import all_filters, all_tests
from .shield import Shield, touch

MAX_RANGE: Final = 10_000
MAX_EXPRESSION: Final = 10_000

Path = tuple[str, ...]

_RETURN: Final = "\ufdd0"  # a code point that stands for no character
_TEXT_METHODS: Final = frozenset(("startswith", "endswith", "split", "strip", "removeprefix", "removesuffix"))
_GLOBALS: Final = frozenset(("range",))
_TEMPLATE_NAMES: Final = frozenset(("self", "super"))  # jinja's own objects

__all__ = ["Expression", "Path", "Undefined", "UndefinedError", "compile_expression", "split_template"]


class _Environment(ImmutableSandboxedEnvironment):
    """Attributes are keys of mappings, and a few methods of texts; operations have limits."""

    intercepted_binops = frozenset(("+", "-", "*", "/", "//", "**", "%"))

    def getattr(self, obj: Plain, attribute: str) -> Plain:
        """Look up `obj.attribute`: a key, never a method of a mapping."""
        _refuse_undefined(obj)
        touch_only(obj)
        if isinstance(obj, Mapping) and attribute in obj:
            return obj[attribute]
        if isinstance(obj, str) and attribute in _TEXT_METHODS:
            return getattr(obj, attribute)
        return self.undefined(obj=obj, name=attribute)

    def getitem(self, obj: Plain, argument: Plain) -> Plain:
        """Look up `obj[argument]`: a key, or the place of an item."""
        _refuse_undefined(obj)
        touch_only(obj)
        touch_only(argument)
        if isinstance(obj, Mapping):
            return obj[argument] if argument in obj else self.undefined(obj=obj, name=argument)
        if isinstance(obj, list | tuple | str) and isinstance(argument, int) and -len(obj) <= argument < len(obj):
            return obj[argument]
        return self.undefined(obj=obj, name=argument)

    def call(self, context: Context, called: Plain, /, *arguments: Plain, **named: Plain) -> Plain:
        """Call a method of a text, or range."""
        touch(*arguments, *named.values())
        return made(super().call(context, called, *arguments, **named))

    def call_binop(self, context: Context, operator: str, left: Plain, right: Plain) -> Plain:
        """Compute unless the result would be huge."""
        for part in (left, right):
            _refuse_undefined(part)
        for part in (left, right):
            touch_only(part)
        if operator == "%" and isinstance(left, str):
            raise SecurityError("texts are not formatted with %: put the {{ }} where the value belongs")
        if operator == "**" and abs(right) * max(int(abs(left)).bit_length(), 1) > MAX_BITS:
            raise TooMuchError("the number would be too large")
        for many, count in ((left, right), (right, left)):
            if isinstance(many, str | list | tuple):
                _spend_on(operator, many, count)
        result = super().call_binop(context, operator, left, right)
        check_number(result)
        return result


def _spend_on(operator: str, many: Plain, other: Plain) -> None:
    """Spend what it costs to join *many* to another of its kind, or to repeat it."""
    if operator == "+":
        spend(weigh(many))
    elif operator == "*" and isinstance(other, int) and other > 0:
        if len(many) * other > MAX_TEXT:
            raise TooMuchError(f"the value would be longer than {MAX_TEXT}")
        spend(weigh(many) * other)


def touch_only(value: Plain) -> None:
    """Raise TouchedError if *value* itself is shielded."""
    if isinstance(value, Shield):
        touch(value)


def _refuse_undefined(value: Plain) -> None:
    if isinstance(value, Undefined):
        bool(value)


def _range(*bounds: int) -> list[int]:
    numbers = range(*bounds)
    if len(numbers) > MAX_RANGE:
        raise SecurityError(f"range is limited to {MAX_RANGE} numbers")
    return list(numbers)


def _make_environment() -> _Environment:
    # Control characters cannot stand in a YAML file, so blocks and comments cannot be written.
    environment = _Environment(
        block_start_string="\x01{%",
        block_end_string="%}\x01",
        comment_start_string="\x01{#",
        comment_end_string="#}\x01",
        undefined=StrictUndefined,
        autoescape=False,  # values go to systems and Markdown, not into a page
        keep_trailing_newline=True,
        cache_size=0,
        optimized=False,  # else values are computed while compiling
    )
    environment.filters.clear()
    environment.filters.update(all_filters())
    environment.tests.clear()
    environment.tests.update(all_tests())
    environment.globals = {"range": _range}
    return environment


_ENVIRONMENT: Final = _make_environment()


@dataclass(frozen=True, slots=True)
class Expression:
    """An expression ready to be evaluated, and the *paths* of the names it uses."""

    text: str
    paths: frozenset[Path]
    evaluate: Callable[[Mapping[str, Plain]], Plain]


def split_template(template: str) -> tuple[tuple[bool, str], ...]:
    """Cut a template into (is an expression, text) parts; raises ExpressionError."""
    parts: list[tuple[bool, str]] = []
    expression: list[str] | None = None
    try:
        # The lexer would turn carriage returns into line feeds.
        for _, sort, part in _ENVIRONMENT.lexer.tokeniter(template.replace("\r", _RETURN), None):
            text = part.replace(_RETURN, "\r")
            if sort == "variable_begin":
                expression = []
            elif sort == "variable_end":
                parts.append((True, "".join(expression or ()).strip()))
                expression = None
            elif expression is not None:
                expression.append(text)
            else:
                parts.append((False, text))
    except TemplateSyntaxError as error:
        raise _syntax_error(template, error) from error
    if expression is not None:
        raise ExpressionError(f"{_short(template)}: a {{{{ is opened and never closed with }}}}.")
    return tuple(parts)


def compile_expression(text: str) -> Expression:
    """Compile an expression without its braces; raises ExpressionError."""
    if len(text) > MAX_EXPRESSION:
        raise ExpressionError(f"{{{{ {_short(text)} }}}}: an expression has at most {MAX_EXPRESSION} characters.")
    try:
        tree = _parsed(text)
        paths = frozenset(_paths(tree))
        body = [nodes.Assign(nodes.Name("result", "store"), _without_concat(tree), lineno=1)]
        template = _ENVIRONMENT.from_string(nodes.Template(body, lineno=1))
    except TemplateSyntaxError as error:
        raise _syntax_error(f"{{{{ {text} }}}}", error) from error
    except (RecursionError, MemoryError, SyntaxError) as error:
        raise ExpressionError(f"{{{{ {_short(text)} }}}}: this is nested too deeply.") from error
    except ValueError as error:  # Python's, for a number of thousands of digits
        raise ExpressionError(f"{{{{ {_short(text)} }}}}: {error}.") from error
    run = TemplateExpression(template, undefined_to_none=False)

    def evaluate(names: Mapping[str, Plain]) -> Plain:
        renew()
        return run(names)

    return Expression(text, paths, evaluate)


def _parsed(text: str) -> nodes.Expr:
    parser = Parser(_ENVIRONMENT, text, state="variable")
    tree = parser.parse_expression()
    if not parser.stream.eos:
        found = parser.stream.current.value
        raise ExpressionError(f"{{{{ {_short(text)} }}}}: {found!r} does not fit in here.")
    if any(name.name in _TEMPLATE_NAMES for name in (tree, *tree.find_all(nodes.Name)) if isinstance(name, nodes.Name)):
        raise ExpressionError(f"{{{{ {_short(text)} }}}}: self and super are not defined.")
    tree.set_environment(_ENVIRONMENT)
    return tree


def _without_concat(tree: nodes.Node) -> nodes.Node:
    """Let `a ~ b` be `[a, b] | join`, which has limits."""
    if isinstance(tree, nodes.Concat):
        parts = nodes.List([_without_concat(part) for part in tree.nodes], lineno=tree.lineno)
        return nodes.Filter(parts, "join", [], [], None, None, lineno=tree.lineno, environment=_ENVIRONMENT)
    for name, value in tree.iter_fields():
        if isinstance(value, nodes.Node):
            setattr(tree, name, _without_concat(value))
        elif isinstance(value, list):
            setattr(tree, name, [_without_concat(part) if isinstance(part, nodes.Node) else part for part in value])
    return tree


def _paths(tree: nodes.Node) -> "list[Path]":
    """Collect the dotted paths of names in *tree*, each as far as it is written out."""
    path = _path(tree)
    if path:
        return [path] if path[0] not in _GLOBALS else []
    if isinstance(tree, nodes.Call) and isinstance(tree.node, nodes.Getattr):
        # A method belongs to the call, not to the path of the value.
        rest = [child for child in tree.iter_child_nodes() if child is not tree.node]
        return [found for child in (tree.node.node, *rest) for found in _paths(child)]
    return [found for child in tree.iter_child_nodes() for found in _paths(child)]


def _path(tree: nodes.Node) -> Path:
    match tree:
        case nodes.Name():
            return (tree.name,)
        case nodes.Getattr():
            above = _path(tree.node)
            return (*above, tree.attr) if above else ()
        case nodes.Getitem(arg=nodes.Const(value=str(key))):
            above = _path(tree.node)
            return (*above, key) if above else ()
    return ()


def _syntax_error(text: str, error: TemplateSyntaxError) -> ExpressionError:
    message = str(error.message or "").rstrip(".")
    advice = ""
    if "{{." in text or "{{ ." in text:
        advice = "A {{ }} meant for another program is written as {{ '{{.Name}}' }}."
    if message.startswith("No filter named"):
        advice = f"The filters are: {', '.join(sorted(_ENVIRONMENT.filters))}."
    return ExpressionError(f"{_short(text)}: {message}.", advice=advice)


def _short(text: str) -> str:
    return text if len(text) <= 120 else f"{text[:119]}…"
