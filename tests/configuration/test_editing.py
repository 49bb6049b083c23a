"""A value in the text of a configuration file, and nothing else, is changed."""

import json

import pytest
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from rollbook.configuration.editing import format_of, put, read
from rollbook.configuration.place import Format, Scalar, Shared, Unfit

INI = "; top\n[server]\nport = 80\nHost: a  # kept with the value\n\n[other]\nx=1\n"
TOML = '# top\ntitle = "t"  # told\n\n[tool.poetry]\nname = \'n\'\nversion = "1.0" # here\nday = 2024-05-01\n\n[last]\nlist = [\n 1,\n]\n'
JSON = '{\n  "debug": false,\n  "deep": {"list": [1, {"a": "x"}], "empty": {}}\n}\n'
YAML = "# top\ndebug: no   # YAML 1.1\ndeep:\n  list:\n    - 1\n    - a: 'x'\n  text: |\n    block\nlast: end\n"
ENV = "# top\nexport A=1\nB='two words' # told\nC=\"a\\$b\"\nA=2\nEMPTY=\n"

CHANGES: list[tuple[Format, str, str, Scalar, str, str]] = [
    ("env", ENV, "A", "3", "A=2", "A=3"),
    ("env", ENV, "B", "it's", "'two words'", '"it\'s"'),
    ("env", ENV, "C", "x", '"a\\$b"', "x"),
    ("env", ENV, "EMPTY", True, "EMPTY=", "EMPTY=true"),
    ("ini", INI, "server.port", 8080, "port = 80", "port = 8080"),
    ("ini", INI, "server.host", "b", "a  # kept with the value", "b"),
    ("ini", INI, "other.x", "", "x=1", "x="),
    ("toml", TOML, "title", 'u"', '"t"', '"u\\""'),
    ("toml", TOML, "tool.poetry.name", "m", "'n'", '"m"'),
    ("toml", TOML, "tool.poetry.version", "2.0", '"1.0"', '"2.0"'),
    ("toml", TOML, "tool.poetry.day", 3, "2024-05-01", "3"),
    ("json", JSON, "debug", True, "false", "true"),
    ("json", JSON, "deep.list.1.a", None, '"x"', "null"),
    ("yaml", YAML, "debug", True, "debug: no", "debug: true"),
    ("yaml", YAML, "deep.list.1.a", "y: #", "'x'", '"y: #"'),
    ("yaml", YAML, "deep.list.0", 2.5, "- 1", "- 2.5"),
    ("yaml", YAML, "last", None, "end", "null"),
]


@pytest.mark.parametrize("ending", ["\n", "\r\n"])
@pytest.mark.parametrize(("form", "text", "key", "value", "was", "becomes"), CHANGES)
def test_every_other_byte_is_kept(
    form: Format, text: str, key: str, value: Scalar, was: str, becomes: str, ending: str
) -> None:
    """Only the value is another one afterwards, with comments, quotes of others and line ends as they were."""
    before = text.replace("\n", ending)

    after = put(before, form, key, value)

    head, _, tail = before.rpartition(was) if key == "A" else before.partition(was)
    assert after == f"{head}{becomes}{tail}"
    assert put(after, form, key, value) == after


@pytest.mark.parametrize(
    ("form", "text", "key", "value", "after"),
    [
        ("env", "A=1", "B", "x y", 'A=1\nB="x y"\n'),
        ("env", "", "B", 1, "B=1\n"),
        ("ini", INI, "server.new", "n", INI.replace("the value\n", "the value\nnew = n\n")),
        ("ini", "[a]\n", "a.b", "c", "[a]\nb = c\n"),
        ("ini", "", "a.b", "c", "[a]\nb = c\n"),
        ("toml", TOML, "tool.poetry.new", 1, TOML.replace("05-01\n", "05-01\nnew = 1\n")),
        ("toml", TOML, "fresh.new", False, f"{TOML}[fresh]\nnew = false\n"),
        ("toml", 'a = 1\n\n[t]\nb = 2\n', "c", 3, 'a = 1\nc = 3\n\n[t]\nb = 2\n'),
        ("json", JSON, "new", 1, JSON.replace("{}}\n}", '{}},\n  "new": 1\n}')),
        ("json", JSON, "deep.empty.new", "n", JSON.replace("{}", '{"new": "n"}')),
        ("yaml", YAML, "new", "n", f'{YAML}new: "n"\n'),
        ("yaml", "a:\n  b: 1\n# told\nc: 2\n", "a.d", 3, "a:\n  b: 1\n  d: 3\n# told\nc: 2\n"),
    ],
)  # fmt: skip
def test_what_is_not_there_is_put_in(form: Format, text: str, key: str, value: Scalar, after: str) -> None:
    """A key that is missing gets a line of its own where it belongs."""
    assert read(text, form, key) == (False, None)
    assert put(text, form, key, value) == after


@pytest.mark.parametrize(
    ("form", "text", "key"),
    [
        ("env", "A=1\nB=2\n", "NEW"),
        ("env", "A=1\nB=2", "NEW"),
        ("ini", INI, "server.new"),
        ("ini", INI, "fresh.new"),
        ("toml", TOML, "tool.poetry.new"),
        ("toml", TOML, "fresh.new"),
        ("json", JSON, "new"),
        ("yaml", YAML, "new"),
        ("yaml", YAML, "deep.new"),
    ],
)
def test_a_line_put_in_ends_as_the_others(form: Format, text: str, key: str) -> None:
    """A file whose lines end with CRLF has no other line end after a key was put in."""
    after = put(text.replace("\n", "\r\n"), form, key, "n")

    assert after == put(text, form, key, "n").replace("\n", "\r\n")


ALIASES = "default: &d\n  level: info\n  tags: [a]\nweb: *d\nlist:\n  - &l {x: 1}\n  - *l\nnames: &n a\nother: *n\n"


@pytest.mark.parametrize(
    ("key", "alias", "place", "instead"),
    [
        ("web.level", "web", r"default \(line 1\)", "default.level"),
        ("web.new", "web", r"default \(line 1\)", "default.new"),
        ("web.tags.0", "web", r"default \(line 1\)", "default.tags.0"),
        ("list.1.x", "list.1", r"list.0 \(line 6\)", "list.0.x"),
        ("other", "other", r"names \(line 8\)", "names"),
    ],
)
def test_nothing_is_written_through_an_alias(key: str, alias: str, place: str, instead: str) -> None:
    """Writing through an alias of YAML would change every place that uses it; it is refused, with what it stands for."""
    with pytest.raises(Shared, match=f"^{alias} is an alias of {place}") as caught:
        put(ALIASES, "yaml", key, "debug")

    assert caught.value.now.startswith(f"Set {instead} if that is meant; else write {alias} out")


def test_a_value_that_an_alias_has_already_needs_no_writing() -> None:
    """What is read through an alias is read, and left alone where it is the value wanted."""
    assert read(ALIASES, "yaml", "web.level") == (True, "info")
    assert put(ALIASES, "yaml", "web.level", "info") == ALIASES


@pytest.mark.parametrize(
    ("key", "was", "becomes"),
    [
        ("default.level", "info", '"debug"'),
        ("list.0.x", "1", '"debug"'),
        ("default.tags.0", "[a]", '["debug"]'),
        ("names", "&n a", '&n "debug"'),
    ],
)
def test_what_an_alias_stands_for_can_be_written(key: str, was: str, becomes: str) -> None:
    """At the place where a value with an anchor is written it is written, as people would."""
    assert put(ALIASES, "yaml", key, "debug") == ALIASES.replace(was, becomes)


def test_a_merged_key_gets_a_line_of_its_own() -> None:
    """A key that only a merge brings in is put in beside the merge, which leaves the others alone."""
    text = "default: &d\n  level: info\nweb:\n  <<: *d\n  b: 2\n"

    after = put(text, "yaml", "web.level", "debug")

    assert yaml.safe_load(after) == {"default": {"level": "info"}, "web": {"level": "debug", "b": 2}}


@pytest.mark.parametrize(
    ("form", "text", "key", "message"),
    [
        ("env", "A='b\nc'\n", "A", "several lines"),
        ("env", "", "not a name", "no name"),
        ("ini", "[a]\nb = c\n  d\n", "a.b", "several lines"),
        ("toml", TOML, "last.list", "none of one line"),
        ("toml", "a.b = 1\n", "a.b", "another table's way"),
        ("toml", "a = \n", "b", "not TOML"),
        ("json", JSON, "deep", "no single one"),
        ("json", JSON, "no.such", "there is no no"),
        ("json", "{", "a", "not JSON"),
        ("yaml", YAML, "deep.text", "one line"),
        ("yaml", "{a: 1}", "b", "block"),
        ("yaml", "a: [", "a", "not YAML"),
        ("json", JSON, "a..b", "joined by dots"),
    ],
)
def test_what_cannot_be_edited_is_told(form: Format, text: str, key: str, message: str) -> None:
    """What is written in a way that is not edited is refused, and so is what is not of its format."""
    with pytest.raises(ValueError, match=message):
        put(text, form, key, "x")


@pytest.mark.parametrize(("form", "value"), [("env", "a\nb"), ("ini", " a"), ("toml", None)])
def test_what_cannot_be_written_is_told(form: Format, value: Scalar) -> None:
    """A value that the format does not have is refused."""
    with pytest.raises(Unfit):
        put("", form, "a" if form == "env" else "a.b", value)


def test_a_format_is_told_by_the_name() -> None:
    """Endings tell the format; other names do not."""
    found = [format_of(path) for path in ("/a/.env", "/a/.env.production", "x.yml", "y.json", "z.conf")]

    assert found == ["env", "env", "yaml", "json", None]


@settings(max_examples=200)
@given(
    st.dictionaries(st.sampled_from("abcd"), st.text() | st.integers() | st.booleans() | st.none(), min_size=1),
    st.sampled_from("abcd"),
    st.text() | st.integers() | st.booleans() | st.none(),
    st.integers(0, 3),
)
def test_json_reads_as_it_was_put(content: dict[str, object], key: str, value: Scalar, indent: int) -> None:
    """Whatever the document and the value, the document then reads as it did with that value put in."""
    text = json.dumps(content, indent=indent or None)

    after = put(text, "json", key, value)

    assert json.loads(after) == {**content, key: value}


@settings(max_examples=200)
@given(st.text(st.characters(codec="utf-8", exclude_categories=("Cc", "Cs", "Zl", "Zp"))))
def test_texts_read_as_they_were_put(value: str) -> None:
    """Whatever the text, a file of each format gives it back, or it was refused."""
    for form, before, key in (("env", "A=1\n", "A"), ("toml", TOML, "title"), ("yaml", YAML, "last")):
        try:
            after = put(before, form, key, value)  # type: ignore[arg-type]  # each is a format
        except Unfit:
            continue
        assert read(after, form, key) == (True, value)  # type: ignore[arg-type]  # as above
        assert after.splitlines()[0] == before.splitlines()[0] or form == "env"


def test_yaml_keeps_the_rest_as_data() -> None:
    """Everything else of a YAML file reads as before."""
    after = yaml.safe_load(put(YAML, "yaml", "deep.list.1.a", "y"))

    wanted = yaml.safe_load(YAML)
    wanted["deep"]["list"][1]["a"] = "y"
    assert after == wanted
