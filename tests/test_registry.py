"""From names to kinds: lazily, without surprises, and for other packages too."""

import importlib
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rollbook import registry
from rollbook.action import Action
from rollbook.errors import NotFoundError, RefusedError
from rollbook.registry import BUILTINS, action_type, kinds
from rollbook.schema import build, json_schema

CONTRIBUTING = Path(__file__).parents[1] / "CONTRIBUTING.md"
Install = Callable[..., None]


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Install]:
    """Install a package of one module that offers kinds, as pip would leave it."""
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)

    def make(package: str, code: str, **offered: str) -> None:
        (tmp_path / f"{package}.py").write_text(code)
        metadata = tmp_path / f"{package}-1.0.dist-info"
        metadata.mkdir()
        (metadata / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
        lines = [f"{kind} = {place}" for kind, place in offered.items()]
        (metadata / "entry_points.txt").write_text("\n".join(["[rollbook.actions]", *lines, ""]))
        registry.forget()

    yield make
    monkeypatch.undo()
    for name in set(sys.modules) - before:
        if not name.startswith("rollbook."):
            del sys.modules[name]
    registry.forget()


KIND = """
from dataclasses import dataclass
from typing import ClassVar
from rollbook.action import Fact

@dataclass(frozen=True)
class Found:
    name: str

@dataclass(frozen=True, slots=True)
class Sample(Fact[Found]):
    kind: ClassVar[str] = "sample.fact"
"""


@pytest.mark.parametrize("kind", sorted(BUILTINS))
def test_every_built_in_kind_loads(kind: str) -> None:
    """The table names classes that exist, each with its kind, docs, an example and a schema."""
    cls = action_type(kind)

    assert issubclass(cls, Action)
    assert cls.kind == kind
    assert cls.__doc__
    assert cls.example
    assert json_schema(cls)


def test_importing_the_registry_loads_no_action() -> None:
    """A start pays only for the kinds that it uses."""
    code = (
        "import sys, rollbook.registry as r; r.kinds(); r.action_type('value.set');"
        "print([m for m in sys.modules if m.startswith('rollbook.actions.') and m.count('.') > 2])"
    )
    folder = str(Path(registry.__file__).parents[1])

    done = subprocess.run(
        [sys.executable, "-c", f"import sys; sys.path.insert(0, {folder!r}); {code}"],
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.strip() == "['rollbook.actions.core.value_set']"


@pytest.mark.parametrize(
    ("kind", "nearest"), [("http.chek", "http.check"), ("file.presnt", "file.present"), ("command.run", "shell.run")]
)
def test_an_unknown_kind_is_told_with_the_nearest(kind: str, nearest: str) -> None:
    """A slip of the finger is answered with what was meant."""
    with pytest.raises(NotFoundError) as caught:
        action_type(kind)

    assert nearest in caught.value.advice


def test_a_package_brings_a_kind(install: Install) -> None:
    """A kind of an installed package is found by the same door."""
    install("sample_kinds", KIND, **{"sample.fact": "sample_kinds:Sample"})

    assert "sample.fact" in kinds()
    assert build(action_type("sample.fact"), {}).kind == "sample.fact"


def test_a_package_cannot_take_a_built_in_name(install: Install) -> None:
    """The names clash loudly, with the package's name; the built-in kind stays what it is."""
    install("evil_kinds", KIND, **{"shell.run": "evil_kinds:Sample"})

    with pytest.raises(RefusedError, match=r"rollbook itself and by the package evil_kinds 1\.0"):
        kinds()
    assert action_type("shell.run").__module__ == "rollbook.actions.shell.run"


def test_two_packages_cannot_offer_the_same(install: Install) -> None:
    """Which of two kinds a runbook means is never left to chance."""
    install("first_kinds", KIND, **{"sample.fact": "first_kinds:Sample"})
    install("second_kinds", KIND, **{"sample.fact": "second_kinds:Sample"})

    with pytest.raises(RefusedError, match="offered twice"):
        action_type("sample.fact")


@pytest.mark.parametrize(
    ("place", "message"),
    [
        ("broken_kinds:Missing", "cannot be loaded"),
        ("no_such_module:Sample", "cannot be loaded"),
        ("broken_kinds:Found", "is not an action"),
        ("broken_kinds:Sample", "says its kind is 'sample.fact'"),
    ],
)
def test_a_broken_package_is_told(install: Install, place: str, message: str) -> None:
    """The error names the package, so that its authors can be told."""
    install("broken_kinds", KIND, **{"other.kind": place})

    with pytest.raises(RefusedError, match=message) as caught:
        action_type("other.kind")

    assert "broken_kinds 1.0" in str(caught.value)


def _blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", CONTRIBUTING.read_text(), re.DOTALL)


def test_the_example_of_contributing_works(install: Install) -> None:
    """The package that CONTRIBUTING.md shows is found, keeps the laws, and its step validates."""
    import tomllib

    import yaml

    code, test_code = _blocks("python")
    offered = tomllib.loads(_blocks("toml")[0])["project"]["entry-points"]["rollbook.actions"]
    install("rollbook_motd", code, **offered)
    importlib.invalidate_caches()
    namespace: dict[str, object] = {}

    exec(compile(test_code, "CONTRIBUTING.md", "exec"), namespace)  # noqa: S102  # the text under test
    cases = namespace["CASES"]
    assert isinstance(cases, list)
    from rollbook.testing import laws_of

    for case, law in laws_of(cases):
        law(case)
    (step,) = yaml.safe_load(_blocks("yaml")[0])
    action = build(action_type("motd.line"), step["motd.line"])
    assert action.target_names() == ("web",)
