"""One version of a course written out so that its team can read it without any tool."""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from html import escape
from typing import Final

from rollbook.openedx.difference import Difference
from rollbook.openedx.structure import Block, Outline

from ..dataclass import dataclass

_STYLE: Final = """
body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1a1a1a;background:#fff}
h1{margin-bottom:.2rem}dl{display:grid;grid-template-columns:max-content 1fr;gap:.2rem 1rem}dt{color:#555}dd{margin:0}
p.block{margin:.3rem 0 .3rem calc(var(--depth)*1.4rem)}small{color:#555}
pre{white-space:pre-wrap;overflow-wrap:anywhere;background:#f4f4f4;padding:.6rem;margin:.3rem 0 .8rem
calc(var(--depth)*1.4rem)}
@media print{pre{break-inside:avoid}}
""".strip()
_MARKDOWN: Final = re.compile(r"([\\`*_{}\[\]()#+\-.!|<>&~])")
_UNNAMED: Final = "(no name)"
_DEEPEST: Final = 12  # indentation stops here; a course has five levels


@dataclass(frozen=True, slots=True)
class Line:
    """One reachable block as it is written out; *text* is its content, where it has some of its own."""

    depth: int
    type: str
    id: str
    name: str
    text: str = ""

    @classmethod
    def of(cls, depth: int, block: Block, text: str = "") -> "Line":
        """Take a block from `Outline.walk`."""
        return cls(depth, block.key.type, block.key.id, block.name, text)


def lines(outline: Outline, texts: Mapping[object, str] | None = None) -> Iterator[Line]:
    """Yield the lines of a version in the order of the course; *texts* are contents by definition."""
    known = texts or {}
    for depth, block in outline.walk():
        yield Line.of(depth, block, known.get(block.definition, ""))


def content_text(definition: Mapping[str, object]) -> str:
    """Give what a person wrote in a definition: its data where that is text, else its fields as JSON."""
    fields = definition.get("fields")
    if not isinstance(fields, Mapping) or not fields:
        return ""
    text = fields.get("data")
    if isinstance(text, str):
        return text
    return json.dumps(dict(fields), indent=1, sort_keys=True, ensure_ascii=False, default=str)


def html_chunks(title: str, facts: Mapping[str, str], written: Iterable[Line]) -> Iterator[str]:
    """Write one self-contained page, chunk by chunk; nothing of the course is taken for markup."""
    yield '<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
    yield '<meta name="viewport" content="width=device-width">\n'
    yield "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">\n"
    yield f"<title>{_html(title)}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n<h1>{_html(title)}</h1>\n<dl>\n"
    for name, value in facts.items():
        yield f"<dt>{_html(name)}</dt><dd>{_html(value)}</dd>\n"
    yield "</dl>\n"
    for line in written:
        depth = min(line.depth, _DEEPEST)
        yield f'<p class="block" style="--depth:{depth}"><strong>{_html(line.name or _UNNAMED)}</strong> '
        yield f"<small>{_html(line.type)} {_html(line.id)}</small></p>\n"
        if line.text:
            yield f'<pre style="--depth:{depth}">{_html(line.text)}</pre>\n'
    yield "</body>\n</html>\n"


def markdown_chunks(title: str, facts: Mapping[str, str], written: Iterable[Line]) -> Iterator[str]:
    """Write the same as Markdown, chunk by chunk."""
    yield f"# {_markdown(title)}\n\n"
    for name, value in facts.items():
        yield f"- {_markdown(name)}: {_markdown(value)}\n"
    yield "\n"
    for line in written:
        indent = "  " * min(line.depth, _DEEPEST)
        yield f"{indent}- **{_markdown(line.name or _UNNAMED)}** ({_markdown(line.type)} {_markdown(line.id)})\n"
        if line.text:
            yield from _fenced(line.text, indent + "  ")


def json_chunks(title: str, facts: Mapping[str, str], written: Iterable[Line]) -> Iterator[str]:
    """Write the outline as JSON, one block a line."""
    yield f'{{"title": {json.dumps(title)},\n"facts": {json.dumps(dict(facts))},\n"blocks": ['
    comma = "\n"
    for line in written:
        found = {"depth": line.depth, "type": line.type, "id": line.id, "name": line.name, "text": line.text}
        yield comma + json.dumps(found)
        comma = ",\n"
    yield "\n]}\n"


def difference_lines(word: str, found: Difference) -> Iterator[str]:
    """Tell a difference in lines for a plan: counts first, then the blocks by name."""
    yield f"{word}: {found}"
    for sign, listed in (("+", found.added), ("-", found.removed), ("~", found.changed)):
        yield from (f"  {sign} {block}" for block in listed.sample)
        if listed.total > len(listed.sample):
            yield f"  {sign} and {listed.total - len(listed.sample)} more"


def _fenced(text: str, indent: str) -> Iterator[str]:
    """Fence a text with more backticks than it holds anywhere."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    yield f"\n{indent}{fence}text\n"
    yield from (f"{indent}{part}\n" for part in text.splitlines())
    yield f"{indent}{fence}\n\n"


def _html(text: str) -> str:
    return escape("".join(char if char.isprintable() or char in "\n\t" else "�" for char in text))


def _markdown(text: str) -> str:
    flat = " ".join("".join(char if char.isprintable() else " " for char in text).split())
    return _MARKDOWN.sub(r"\\\1", flat)
