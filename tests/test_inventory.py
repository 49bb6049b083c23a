"""Inventories: strictly read, secrets by reference only, `local` always there."""

from pathlib import Path

import pytest

from rollbook.errors import SchemaError
from rollbook.inventory import Inventory
from rollbook.library import inventory_file
from rollbook.reading.inventory import parse_inventory
from rollbook.reading.schemas import inventory_schema
from rollbook.source import load_yaml
from rollbook.targets import KINDS
from rollbook.targets.base import TargetSpec
from rollbook.values import Secret

STOCK = Path(__file__).parents[1] / "inventory"


def parse(text: str) -> Inventory:
    return parse_inventory(load_yaml(text, "home.yml"))


def problems(text: str) -> list[str]:
    with pytest.raises(SchemaError) as caught:
        parse(text)
    return [str(problem) for problem in caught.value.problems]


def test_a_full_inventory_becomes_the_model() -> None:
    """Kinds, settings, identities, readers, groups and secrets reach their fields."""
    inventory = parse(
        """environment: home
protected: true
vars: {mail: a@example.org, token: {secret: "env:TOKEN"}, deep: [{secret: "file:/x"}]}
targets:
  db:
    kind: sql
    url: {secret: "env:DB"}
    expect: {server_uuid: abc}
    reader: {url: {secret: "env:DB_READER"}}
    via: a
  a: {kind: ssh, host: a.example.org}
  b: {kind: ssh, host: b.example.org, jump: a}
  cms: {kind: command, on: a, prefix: [docker, exec, cms]}
groups: {both: [a, b]}
"""
    )

    assert (inventory.environment, inventory.protected, inventory.file) == ("home", True, "home.yml")
    assert inventory.variables == {"mail": "a@example.org", "token": Secret("env:TOKEN"), "deep": [Secret("file:/x")]}
    assert inventory.groups == {"both": ("a", "b")}
    assert inventory.targets["local"] == TargetSpec("local", "local")
    assert inventory.targets["db"] == TargetSpec(
        "db",
        "sql",
        settings={"url": Secret("env:DB"), "via": "a"},
        expect={"server_uuid": "abc"},
        reader={"url": Secret("env:DB_READER")},
    )


def test_local_is_always_there() -> None:
    """An inventory of only its name has this machine; it may give it settings, but no other kind."""
    assert parse("environment: home\n").targets == {"local": TargetSpec("local", "local")}
    settings = parse("environment: home\ntargets: {local: {kind: local, directory: /srv}}\n").targets["local"].settings
    assert settings == {"directory": "/srv"}
    assert "local is this machine" in problems("environment: home\ntargets: {local: {kind: ssh, host: a}}\n")[0]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("{a: {kind: sqll}}", "there is no kind of target 'sqll'; did you mean 'sql'?"),
        ("{a: {host: x}}", 'missing key "kind"'),
        ("{a: sql}", "expected the target's settings, found the text 'sql'; write {kind: sql}"),
        ("{a: [sql]}", "expected a mapping"),
        ("{a: {kind: sql, ulr: sqlite:///x}}", 'unknown key "ulr"; did you mean "url"?'),
        ("{a: {kind: sql, port: '1'}}", "expected a whole number"),
        ("{a: {kind: sql, password: hunter22}}", "a secret is given by reference, never by value"),
        ("{a: {kind: sql, url: {secret: TOKEN}}}", "a secret reference such as"),
        ("{a: {kind: sql, reader: {ulr: x}}}", 'unknown key "ulr"; did you mean "url"?'),
        ("{a: {kind: sql, expect: {server_id: 5}}}", "expected text, found the number 5"),
        ("{a: {kind: sql, via: b}}", "there is no target 'b'; there is a, local"),
        ("{a: {kind: sql, via: local}}", "via: needs a target of kind ssh; 'local' is of kind local"),
        ("{a: {kind: command, prefix: [x], on: a}}", "'a' would be reached through itself"),
        ("{a: {kind: command, prefix: [x], on: '{{ env.name }}'}}", "expressions are not evaluated in an inventory"),
        ("{A: {kind: local}}", "a target's name is made of small letters"),
    ],
)
def test_a_problem_of_a_target_is_told(text: str, problem: str) -> None:
    """What does not fit a target is told in words that say what would."""
    found = problems(f"environment: home\ntargets: {text}\n")

    assert any(problem in one for one in found), found


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("groups: {g: [a, c]}", "there is no target 'c'"),
        ("groups: {g: [a, a]}", "'a' is in this group already"),
        ("groups: {g: []}", "expected at least one target"),
        ("groups: {a: [b]}", "'a' is a target already"),
        ("groups: {g: [a, b]}", "these are of kind http and sql"),
        ("vars: {x: {secret: nothing}}", "expected a secret reference"),
        ("vars: {x: '{{ a }}'}", "expressions are not evaluated"),
        ("protected: soon", "expected true or false"),
        ("protectd: true", 'unknown key "protectd"; did you mean "protected"?'),
    ],
)
def test_a_problem_of_an_environment_is_told(text: str, problem: str) -> None:
    """Groups, variables and protections are checked too."""
    targets = "targets: {a: {kind: sql, url: 'sqlite:////x'}, b: {kind: http, base_url: 'http://x'}}"
    found = problems(f"environment: home\n{targets}\n{text}\n")

    assert any(problem in one for one in found), found


def test_a_password_in_an_address_is_refused_and_not_shown() -> None:
    """An address with a password is told by place only, wherever it stands."""
    found = problems(
        """environment: home
vars: {a: "amqp://u:hunter22@h/"}
targets:
  db: {kind: sql, url: "mysql://u:hunter22@h/x"}
"""
    )

    assert [one.partition(": ")[0] for one in found] == ["home.yml:2:11", "home.yml:4:24"]
    assert "hunter22" not in "".join(found)


def test_an_address_without_a_password_is_no_secret() -> None:
    """A user name or a port alone is not a password."""
    inventory = parse(
        'environment: home\ntargets: {a: {kind: http, base_url: "http://h:80/a@b"}, b: {kind: sql, url: "mysql://u@h:3306/x"}}\n'
    )

    assert set(inventory.targets) == {"local", "a", "b"}


def test_all_problems_come_at_once_in_order() -> None:
    """One reading tells everything, in the order of the file."""
    found = problems(
        "environment: Home\nfoo: 1\ntargets:\n  a: {kind: x}\n  b: {kind: sql, prt: 1}\ngroups: {g: [z]}\n"
    )

    assert [one.partition(": ")[0] for one in found] == [
        "home.yml:1:14",
        "home.yml:2:1",
        "home.yml:4:13",
        "home.yml:5:18",
        "home.yml:6:14",
    ]


@pytest.mark.parametrize("name", ["demo", "demo-forum", "stage", "edge", "prod"])
def test_the_stock_inventories_are_right(name: str) -> None:
    """The examples that come with Rollbook can be read; production is protected and knows its systems."""
    inventory = inventory_file(STOCK / f"{name}.yml")

    assert inventory.environment == name
    assert inventory.protected == (name == "prod")
    systems = {"db", "app"} if name == "demo-forum" else {"ledger", "modulestore", "cms"}
    assert {"site", *systems} <= inventory.targets.keys()


def test_a_file_is_named_as_its_environment(tmp_path: Path) -> None:
    """A copied file whose name was not changed inside is refused."""
    path = tmp_path / "stage.yml"
    path.write_text("environment: prod\n")

    with pytest.raises(SchemaError, match="the file is named 'stage'"):
        inventory_file(path)


def test_the_schema_knows_every_kind() -> None:
    """The JSON Schema has an alternative for each kind, with its settings and what all share."""
    schema = inventory_schema()
    alternatives = schema["properties"]["targets"]["additionalProperties"]["oneOf"]

    assert {one["$ref"] for one in alternatives} == {f"#/$defs/target_{kind}" for kind in KINDS}
    assert {"kind", "expect", "reader", "url", "via"} <= schema["$defs"]["target_sql"]["properties"].keys()
