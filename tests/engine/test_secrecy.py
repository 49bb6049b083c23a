"""What a secret that stands in a plan by its value would do to whoever resumes or undoes the run."""

import os
from dataclasses import replace

import pytest

from rollbook.engine import Engine
from rollbook.errors import PreflightError, RefusedError
from rollbook.planner import plan_undo
from rollbook.planner.secrecy import hide_used
from rollbook.targets import Redactor, SecretStore
from rollbook.targets.base import TargetSpec
from rollbook.values import Secret

from .workshop import Workshop, nobody, write_step

VALUE = "edxapp-like"
USE = '  - id: use\n    name: Use it.\n    shell.run: {command: ["true"], environment: {P: {secret: "%s"}}}\n    undo: {leave: x}\n'


@pytest.fixture
def hiding(workshop: Workshop) -> Workshop:
    """Give a workshop whose environment has a secret in SAME_WORD."""
    workshop.environ = {**os.environ, "SAME_WORD": VALUE}
    return workshop


@pytest.mark.parametrize(
    ("text", "inputs", "answers", "place"),
    [
        ("steps:\n" + USE % "env:SAME_WORD" + write_step("a", VALUE), {}, {}, "the step a holds"),
        (
            "inputs: {word: {type: text}}\nsteps:\n" + USE % "env:SAME_WORD" + write_step("a", "{{ inputs.word }}"),
            {"word": f"name is {VALUE}"},
            {},
            "the input word",
        ),
        (
            "steps:\n" + USE % "env:SAME_WORD" + "  - id: q\n    name: Ask.\n    human.input: {text: Say}\n",
            {},
            {"q": VALUE},
            "the answer to q",
        ),
        ("steps:\n" + USE % "env:SAME_WORD" + f"finally:\n{write_step('a', VALUE)}", {}, {}, "the text of"),
    ],
    ids=("step", "input", "answer", "text"),
)
def test_a_plan_that_holds_a_value_is_refused(
    hiding: Workshop, text: str, inputs: dict[str, object], answers: dict[str, str], place: str
) -> None:
    """A journal tells the plan without the value, so a resume would write, and an undo look for, something else."""
    hiding.write("s", text)

    with pytest.raises(RefusedError, match=place) as refused:
        hiding.planner("s", inputs, answers).plan()

    assert "‹secret env:SAME_WORD›" in str(refused.value)
    assert VALUE not in str(refused.value)


def test_a_value_that_is_known_before_the_first_write_only_is_found_then(hiding: Workshop) -> None:
    """What a command prints as a secret is looked up in the preflight, which refuses the plan that holds it."""
    hiding.write("s", "steps:\n" + USE % "command:printf edxapp-%s like" + write_step("a", VALUE))
    planner = hiding.planner("s")
    plan = planner.plan()

    with pytest.raises(PreflightError, match="step a holds the value of"):
        Engine(hiding.new_folder(), planner, asker=nobody(), watcher=hiding.watcher).run(plan)

    assert not (hiding.folder / "a.txt").exists()


def test_a_comment_may_hold_the_word(hiding: Workshop) -> None:
    """Nothing of a comment is carried out, so it may be told without."""
    hiding.write("s", f"# for {VALUE}\nsteps:\n" + USE % "env:SAME_WORD")

    assert hiding.run("s").status == "succeeded"


def test_an_answer_that_holds_a_value_is_not_taken(hiding: Workshop) -> None:
    """A resume would go on with another answer than was given; it is asked again, and the value is nowhere."""
    hiding.write("s", "steps:\n" + USE % "env:SAME_WORD" + "  - id: q\n    name: Ask.\n    human.input: {text: Say}\n")

    waits = hiding.run("s", nobody({"q": f"it is {VALUE}"}))
    ended = hiding.resume(nobody({"q": "another"}))

    assert (waits.status, ended.status) == ("waiting", "succeeded")
    assert any(
        "holds the value of ‹secret env:SAME_WORD›" in record.get("text", "") for record in hiding.watcher.records
    )
    assert VALUE.encode() not in hiding.runs.all()[-1].journal.read_bytes()


def test_the_reason_for_giving_up_is_told_without_values(hiding: Workshop) -> None:
    """Secrets that only a step names are hidden as well when a run is given up."""
    hiding.write("s", "steps:\n" + USE % "env:SAME_WORD" + "  - id: q\n    name: Ask.\n    human.input: {text: Say}\n")
    hiding.run("s")
    folder = hiding.runs.all()[-1]

    Engine(folder, hiding.planner("s"), asker=nobody(), watcher=hiding.watcher).abandon(f"{VALUE} leaked")

    assert VALUE.encode() not in folder.journal.read_bytes()
    assert folder.read().ended_because == "‹secret env:SAME_WORD› leaked"


@pytest.mark.parametrize("value", ["checkout", "succeeded", "file.present", "content", "step_started", "outputs"])
def test_a_password_that_is_a_name_changes_nothing(workshop: Workshop, value: str) -> None:
    """What stands in the open is told as it is: the run ends, its journal is read, and its undo finds what it wrote."""
    workshop.environ = {**os.environ, "SAME_WORD": value}
    workshop.targets = {"checkout": TargetSpec("checkout", "command", {"prefix": ["env"]})}
    step = write_step("a", f"of {value}").replace("{path", "{target: checkout, path")
    workshop.write("s", "targets: {checkout: {}}\nsteps:\n" + USE % "env:SAME_WORD" + step)

    ended = workshop.run("s")
    written = (workshop.folder / "a.txt").read_text()
    undone = workshop.undo(ended)

    assert [ended.status, undone.status, written] == ["succeeded", "undone", f"of {value}"]
    assert not (workshop.folder / "a.txt").exists()


@pytest.mark.parametrize("target", ["local", "host"])
def test_what_holds_a_value_is_not_replaced(hiding: Workshop, target: str) -> None:
    """The way back would lead to the placeholder, for the journal must not hold where it led to."""
    hiding.targets = {"host": TargetSpec("host", "command", {"prefix": ["env"]})}
    make = """  - id: make
    name: Make a link.
    shell.run: {command: [sh, -c, 'ln -s "$P" link; echo link'], environment: {P: {secret: "env:SAME_WORD"}}}
    undo: {leave: x}
  - id: lead
    name: Lead it elsewhere.
    file.symlink: {path: "{{ steps.make.outputs.stdout | trim }}", to: elsewhere, dangling: true, target: %s}
"""
    hiding.write("s", "targets: {host: {}}\nsteps:\n" + make % target)

    ended = hiding.run("s")

    assert ended.status == "failed"
    assert "lead finds, or would write, holds the value of ‹secret env:SAME_WORD›" in ended.steps[1].error
    assert str((hiding.folder / "link").readlink()) == VALUE


@pytest.mark.parametrize("write", ["file.present: {path: new.env, content: %s}", "shell.run: {command: [touch, %s]}"])
@pytest.mark.parametrize("part", ["", ".split()[0]", ".split()[1]", " | upper"])
def test_a_placeholder_is_written_nowhere(hiding: Workshop, write: str, part: str) -> None:
    """An output comes without values: what is made of it would hold the placeholder, or a part, where the value is meant."""
    (hiding.folder / "old.env").write_text(f"PASSWORD={VALUE}")
    read = "  - id: read\n    name: Read.\n    shell.run: {command: [cat, old.env], effect: read}\n"
    made = write % f'"{{{{ steps.read.outputs.stdout{part} }}}}"'
    hiding.write("s", "steps:\n" + USE % "env:SAME_WORD" + read + f"  - id: made\n    name: Write.\n    {made}\n")

    ended = hiding.run("s")

    assert ended.status == "failed"
    assert "holds the value of ‹secret env:SAME_WORD›" in ended.steps[2].error
    assert sorted(path.name for path in hiding.folder.iterdir() if path.is_file()) == ["old.env"]


@pytest.mark.parametrize(
    "reference", ["env:ADDRESS", "command:printf postgresql://ops:hunter2-hunter2@db.example/shop"]
)
def test_a_password_within_an_address_is_hidden_where_nobody_connects(workshop: Workshop, reference: str) -> None:
    """A run is given up, and its reason told, also while its database is down."""
    workshop.environ = {**os.environ, "ADDRESS": "postgresql://ops:hunter2-hunter2@db.example/shop"}
    workshop.targets = {"shop": TargetSpec("shop", "postgres", {"url": Secret(reference)})}
    ask = "  - id: q\n    name: Ask.\n    human.input: {text: Say}\n"
    look = '  - id: look\n    name: Look.\n    when: steps.q.outputs.value == "on"\n    postgres.query: {query: SELECT 1, server: shop}\n'
    workshop.write("s", "targets: {shop: {}}\nsteps:\n" + ask + look)
    planner = workshop.planner("s")
    planned = replace(planner.plan(), steps=tuple(replace(step, targets=("shop",)) for step in planner.plan().steps))

    missing = hide_used(planned, planner.pool)

    assert missing == ()
    assert (
        planner.pool.redactor.text("hunter2-hunter2 leaked from shop") == f"‹password in {reference}› leaked from shop"
    )


@pytest.mark.parametrize(
    "address",
    [
        "postgresql://db.example/shop?user=ops&password=hunter2-hunter2",
        "redis://:other-word@a.example/0,redis://:hunter2-hunter2@b.example/0",
        "sentinel://a.example:1;sentinel://ops:hunter2-hunter2@b.example:2",
        "host=db.example password=hunter2-hunter2 dbname=shop",
        "host=db.example password='hunter2\\-hunter2'",
        "Server=db.example;Pwd=hunter2-hunter2;Database=shop",
        '{"database": {"user": "ops", "password": "hunter2-hunter2"}}',
        '{"passwords": ["other-word", "hunter2-hunter2"]}',
    ],
)
def test_a_password_is_found_wherever_it_stands_in_addresses(workshop: Workshop, address: str) -> None:
    """It may be in the query, in any of a list, in a connection string and in JSON."""
    workshop.environ = {**os.environ, "ADDRESS": address}
    redactor = workshop_redactor(workshop, "ADDRESS")

    assert redactor.text("hunter2-hunter2 leaked") == "‹password in env:ADDRESS› leaked"


def test_what_is_not_to_be_had_any_more_is_told(hiding: Workshop) -> None:
    """Whoever writes a note hears which values could not be taken out of it."""
    hiding.write("s", "steps:\n" + USE % "env:SAME_WORD")
    plan = hiding.planner("s").plan()
    hiding.environ = {}

    (missing,) = hide_used(plan, hiding.planner("s").pool)

    assert "SAME_WORD is not set" in missing


def test_a_secret_that_is_the_account_of_another_stays_hidden(workshop: Workshop) -> None:
    """Names of a secret address do not stand in the open: a token may be its user or its path."""
    token = "ghp-abcdef0123456789"
    addresses = {"USER": f"https://{token}@git.example/r", "PATH_": f"https://app:x-password@hooks.example/{token}"}
    workshop.environ = {**os.environ, "TOKEN": token, **addresses}
    redactor = workshop_redactor(workshop, "TOKEN", *addresses)

    assert redactor.text(f"{token}, x-password") == "‹secret env:TOKEN›, ‹password in env:PATH_›"
    assert redactor.open == ()


def test_texts_that_only_look_like_placeholders_are_written(hiding: Workshop) -> None:
    """Quotation marks that a placeholder has too, around words of its end, are a text like any other."""
    hiding.write("s", "steps:\n" + USE % "env:SAME_WORD" + write_step("a", "Press ‹Enter word›, and keep the secret"))

    assert hiding.run("s").status == "succeeded"


def workshop_redactor(workshop: Workshop, *names: str) -> Redactor:
    redactor = Redactor()
    store = SecretStore(workshop.environ, redactor)
    for name in names:
        store.value(Secret(f"env:{name}"))
    return redactor


def test_an_undo_hides_what_its_run_used(hiding: Workshop) -> None:
    """It may have fewer steps, and tells what files and people say of the others."""
    hiding.write("s", "steps:\n" + USE % "env:SAME_WORD" + write_step("a", "x"))
    ended = hiding.run("s")
    planner = hiding.planner("s")
    plan = plan_undo(ended, planner, hiding.runs, to="use")

    folder = hiding.new_folder()
    Engine(folder, planner, asker=nobody(), watcher=hiding.watcher).run(plan, reason=f"{VALUE} leaked")

    assert VALUE.encode() not in folder.journal.read_bytes()
    assert folder.read().reason == "‹secret env:SAME_WORD› leaked"


def test_a_secret_that_cannot_be_looked_up_refuses_the_run(workshop: Workshop) -> None:
    """Secrets are looked up before the first write, and hidden from then on, in the reason too."""
    step = '  - id: s\n    name: Use it.\n    shell.run: {command: ["true"], environment: {P: {secret: "env:NOT_SET_HERE"}}}\n    undo: {leave: x}\n'
    workshop.write("s", "steps:\n" + write_step("a", "x") + step)

    with pytest.raises(PreflightError, match="NOT_SET_HERE"):
        workshop.run("s")

    assert not (workshop.folder / "a.txt").exists()
