"""The library: the nearest file wins, includes are read with it, and what a journal holds can be read again."""

from pathlib import Path

import pytest

from rollbook.errors import NotFoundError, SchemaError, SourceError
from rollbook.library import Library, runbook_from_sources, stock_folder


def write(folder: Path, name: str, *steps: str, title: str = "Do it") -> Path:
    path = folder / "runbooks" / f"{name}.yml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f"runbook: {name}\ntitle: {title}\nsteps:\n" + "".join(f"- {step}\n" for step in steps))
    return path


TASK = "{id: a, name: Do a thing, human.task: {text: x}}"


def include(name: str, step_id: str = "inner") -> str:
    return f"{{id: {step_id}, name: Do the rest, include: {name}}}"


def test_the_first_folder_that_has_a_file_wins(tmp_path: Path) -> None:
    """An operator's own runbook hides one of the same name behind it; all names are listed once."""
    write(tmp_path / "own", "one", TASK, title="Own")
    write(tmp_path / "stock", "one", TASK, title="Stock")
    write(tmp_path / "stock", "two", TASK)
    library = Library(tmp_path / "own", tmp_path / "stock", stock=False)

    assert library.runbook_names() == ("one", "two")
    assert library.runbook("one").title == "Own"
    assert library.files() == (tmp_path / "own/runbooks/one.yml", tmp_path / "stock/runbooks/two.yml")


def test_the_stock_is_behind_the_working_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without folders, the working folder comes first and what Rollbook brings after it."""
    write(tmp_path, "restore-course", TASK, title="Own")
    monkeypatch.chdir(tmp_path)

    assert Library().runbook("restore-course").title == "Own"
    assert "demo" in Library().environments()
    assert (stock_folder() / "runbooks" / "restore-course.yml").is_file()


def test_includes_are_read_with_their_texts(tmp_path: Path) -> None:
    """A runbook carries every runbook and text that it includes, its own first, each once."""
    write(tmp_path, "outer", include("middle", "one"), include("inner", "two"))
    write(tmp_path, "middle", include("inner"))
    write(tmp_path, "inner", TASK)

    runbook = Library(tmp_path, stock=False).runbook("outer")

    assert list(runbook.sources) == ["outer.yml", "middle.yml", "inner.yml"]
    assert set(runbook.includes) == {"middle", "inner"}
    assert runbook.includes["middle"].includes["inner"].steps[0].id == "a"


def test_a_runbook_is_rebuilt_from_its_texts(tmp_path: Path) -> None:
    """What a plan or journal holds gives the same runbook, wherever the files are by then."""
    write(tmp_path, "outer", include("inner"))
    write(tmp_path, "inner", TASK)
    runbook = Library(tmp_path, stock=False).runbook("outer")

    again = runbook_from_sources(runbook.sources)

    assert [step.id for step in again.steps] == [step.id for step in runbook.steps]
    assert again.sources == runbook.sources
    assert again.includes["inner"].steps[0].arguments == {"text": "x"}
    assert Library.parse(runbook.sources).name == "outer"


def test_sources_without_an_include_are_told() -> None:
    """A text that is missing among the sources is named."""
    text = f"runbook: outer\ntitle: T\nsteps:\n- {include('inner')}\n"

    with pytest.raises(SchemaError, match="There is no runbook 'inner' among the sources"):
        runbook_from_sources({"outer.yml": text})


def test_a_circle_of_includes_is_refused_with_its_way(tmp_path: Path) -> None:
    """A runbook that includes itself, also by way of others, is told where and how."""
    write(tmp_path, "a", include("b"))
    write(tmp_path, "b", include("c"))
    write(tmp_path, "c", include("a"))

    with pytest.raises(SchemaError, match=r"c\.yml:4:\d+: The runbook 'a' would include itself: a → b → c → a"):
        Library(tmp_path, stock=False).runbook("a")


def test_what_is_not_there_is_told_with_the_nearest(tmp_path: Path) -> None:
    """A misspelt name gives the nearest ones; where nothing is near, what there is and where it was looked for."""
    write(tmp_path, "restore-course", TASK)
    library = Library(tmp_path, stock=False)

    with pytest.raises(NotFoundError, match=r"Did you mean restore-course\?"):
        library.runbook("restore-curse")
    with pytest.raises(NotFoundError, match=r"There is restore-course\. Looked in"):
        library.runbook("xyz")
    with pytest.raises(NotFoundError, match="There is none at all"):
        library.inventory("prod")


@pytest.mark.parametrize("name", ["../secrets", "/etc/passwd", ".hidden", ""])
def test_a_name_is_no_path(tmp_path: Path, name: str) -> None:
    """A name leads nowhere but into the folders of the library."""
    write(tmp_path, "one", TASK)

    with pytest.raises(NotFoundError):
        Library(tmp_path, stock=False).runbook(name)


def test_a_runbook_may_be_a_file(tmp_path: Path) -> None:
    """A path that ends in .yml is read as it is; includes are found beside it, then in the library."""
    path = write(tmp_path / "elsewhere", "mine", include("beside", "one"), include("known", "two"))
    write(tmp_path / "elsewhere", "beside", TASK)
    write(tmp_path / "home", "known", TASK)

    runbook = Library(tmp_path / "home", stock=False).runbook(str(path))

    assert (runbook.name, list(runbook.includes)) == ("mine", ["beside", "known"])


def test_a_file_is_named_as_its_runbook(tmp_path: Path) -> None:
    """A copied file whose name was not changed inside is refused."""
    path = write(tmp_path, "one", TASK)
    path.rename(path.with_name("two.yml"))

    with pytest.raises(SchemaError, match=r"two\.yml:1:10: the file is named 'two'"):
        Library(tmp_path, stock=False).runbook("two")


def test_a_broken_include_is_told_with_its_own_place(tmp_path: Path) -> None:
    """Problems of an included file are those of that file."""
    write(tmp_path, "outer", include("inner"))
    write(tmp_path, "inner", "{id: a, name: Do a thing, human.tsk: {text: x}}")

    with pytest.raises(SchemaError, match=r"inner\.yml:4:\d+: There is no action 'human.tsk'"):
        Library(tmp_path, stock=False).runbook("outer")


def test_a_file_that_is_no_yaml_is_told(tmp_path: Path) -> None:
    """What cannot be read at all raises its own error."""
    write(tmp_path, "one", TASK).write_text("a: [")

    with pytest.raises(SourceError):
        Library(tmp_path, stock=False).runbook("one")


@pytest.mark.parametrize("name", ["restore-course", "audit-old-mongo"])
def test_the_stock_runbooks_are_right(name: str) -> None:
    """The runbooks that come with Rollbook can be read."""
    assert Library(stock_folder(), stock=False).runbook(name).name == name


def test_a_cover_has_what_a_list_needs_and_no_steps(tmp_path: Path) -> None:
    """A cover has name, title, inputs and its own text; what is wrong inside a step is left to whoever plans it."""
    path = write(tmp_path, "one", "{id: a, name: Do a thing, no.such: {}}", title="Mine")
    path.write_text(path.read_text() + "inputs: {course: course_key}\n")
    library = Library(tmp_path, stock=False)

    cover = library.cover("one")

    assert (cover.name, cover.title, cover.inputs["course"].type, cover.steps) == ("one", "Mine", "course_key", ())
    assert list(cover.sources) == ["one.yml"]
    with pytest.raises(SchemaError, match=r"no\.such"):
        library.runbook("one")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("runbook: one\ntitle: a: b\n", "quote the value"),
        ("runbook: one\ntitle: Do it\nsteps: []\n", "at least one step"),
        ("runbook: one\ntitle: Do it\nsteps: [{}]\nowners: x\n", "owners"),
        ("runbook: other\ntitle: Do it\nsteps: [{}]\n", "the file is named"),
    ],
)
def test_a_cover_of_a_broken_file_is_refused(tmp_path: Path, text: str, found: str) -> None:
    """What is no YAML, or is wrong above the steps, cannot pass for a runbook in a list."""
    write(tmp_path, "one", TASK).write_text(text)

    with pytest.raises((SourceError, SchemaError)) as refused:
        Library(tmp_path, stock=False).cover("one")

    assert any(found in str(problem) for problem in refused.value.problems)
