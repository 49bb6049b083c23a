"""Texts of runbooks with one step, and what is told of them."""

import pytest

from rollbook.errors import SchemaError
from rollbook.reading.runbook import parse_runbook
from rollbook.runbook import Runbook
from rollbook.source import load_yaml

HEAD = """runbook: book
title: Do something
inputs:
  course_id: {type: course_key}
  before: {type: datetime, optional: true}
targets: {site: http, db: {kind: sql, optional: true}, host: ssh}
"""


def parse(body: str, head: str = HEAD) -> Runbook:
    return parse_runbook(load_yaml(head + body, "book.yml"))


def problems(body: str, head: str = HEAD) -> list[str]:
    with pytest.raises(SchemaError) as caught:
        parse(body, head)
    return [str(problem).splitlines()[0].removeprefix("book.yml:") for problem in caught.value.problems]


def step(text: str) -> str:
    return f"steps:\n- id: one\n  name: Do one thing\n  {text}\n"
