"""The kinds that need no server keep the laws, in each state that they may find."""

import hashlib
from collections.abc import Mapping
from functools import partial
from typing import Any

import pytest

from rollbook.targets.base import CommandResult, HttpResponse
from rollbook.testing import (
    Case,
    FakeDatabase,
    FakeFile,
    FakeHost,
    FakeSite,
    FakeTarget,
    FakeWorld,
    Law,
    law_id,
    laws_of,
)

HIDDEN = "password=hunter22"
PATH = "/etc/app.conf"
OTHER = f"{HIDDEN}\n".encode()
TOUCH = ("touch", "/done")


class ScriptingHost(FakeHost):
    """A host whose scripts make links, and unpack `new` and a line's end out of any archive."""

    def run(self, argv: tuple[str, ...], **settings: Any) -> CommandResult:
        """Do what a script is to do, or run a program."""
        if argv[:2] == ("sh", "-c") and "tar -xOf" in argv[2]:
            if len(argv) > 8:
                self.files[argv[8]] = FakeFile(b"new\n", argv[9])
            return CommandResult(0, f"{hashlib.sha256(b'new' + bytes([10])).hexdigest()}  -\n")
        if argv[:2] == ("sh", "-c") and "ln -s" in argv[2]:
            self.files[argv[4]] = FakeFile(argv[5].encode(), kind="link")
            return CommandResult(0, "")
        return super().run(argv, **settings)


def _host(files: Mapping[str, FakeFile | bytes]) -> FakeWorld:
    def touch(host: FakeHost) -> CommandResult:
        host.files["/done"] = FakeFile()
        return CommandResult(0, "touched\n")

    def look(host: FakeHost) -> CommandResult:
        return CommandResult(0 if "/done" in host.files else 1, "")

    def read_link(host: FakeHost) -> CommandResult:
        return CommandResult(0, f"{host.files[PATH].content.decode()}\n")

    return FakeWorld(
        ScriptingHost(
            files=files,
            programs={
                TOUCH: touch,
                ("look",): look,
                ("uptime",): CommandResult(0, "3 days\n"),
                ("readlink", "--", PATH): read_link,
            },
        ),
        FakeSite(pages={"/heartbeat": HttpResponse(200, {}, '{"ok": true}', 0.01)}),
        FakeDatabase(answers={"SELECT 1": [{"one": 1}]}),
        FakeTarget("mail", "smtp"),
        FakeTarget("phone", "apprise"),
    )


def _case(
    name: str, kind: str, arguments: dict[str, object], files: Mapping[str, FakeFile | bytes] | None = None
) -> Case:
    return Case(f"{kind}: {name}", kind, arguments, partial(_host, files or {}), hidden=(HIDDEN,))


WRITE = {"path": PATH, "content": "new\n"}
COPY = {"source": "/etc/new.conf", "path": PATH}
SOURCE = {"/etc/new.conf": b"new\n"}
MEMBER = {"archive": "/backups/etc.tar.gz", "member": "etc/app.conf", "path": PATH}
VALUE = {"path": "/etc/.env", "key": "LEVEL", "value": "DEBUG"}
LINK = {"path": PATH, "to": "/etc/new.conf"}
KEPT = {"/etc/.app.conf.0123456789abcdef.kept": b"older"}

TABLE = [{"below": "2h", "bad": "back", "risk": "low"}, {"bad": "forward", "risk": "high"}]
CURES = [{"cure": "put back", "time": 240, "disk": 5000, "downtime": "none"}, {"cure": "go back", "loss": "a row"}]

CASES = [
    _case("nothing there", "file.present", WRITE),
    _case("other content", "file.present", WRITE, {PATH: OTHER}),
    _case("other content and an older copy", "file.present", WRITE, {PATH: OTHER, **KEPT}),
    _case("same content", "file.present", WRITE, {PATH: b"new\n"}),
    _case("other mode", "file.present", WRITE | {"mode": "0600"}, {PATH: b"new\n"}),
    _case("other mode and content", "file.present", WRITE | {"mode": "600"}, {PATH: FakeFile(OTHER, "0640")}),
    _case("not kept", "file.present", WRITE | {"keep": False}, {PATH: OTHER}),
    _case("binary content", "file.present", WRITE, {PATH: b"\xff\x00"}),
    _case("nothing there", "file.absent", {"path": PATH}),
    _case("there", "file.absent", {"path": PATH}, {PATH: FakeFile(OTHER, "0600")}),
    _case("not kept", "file.absent", {"path": PATH, "keep": False}, {PATH: OTHER}),
    _case("nothing there", "file.copy", COPY, SOURCE),
    _case("other content", "file.copy", COPY, {**SOURCE, PATH: FakeFile(OTHER, "0600")}),
    _case("same content", "file.copy", COPY, {**SOURCE, PATH: b"new\n"}),
    _case("other mode", "file.copy", COPY | {"mode": "0600"}, {**SOURCE, PATH: b"new\n"}),
    _case("other owner", "file.copy", COPY | {"owner": "app:app"}, {**SOURCE, PATH: b"new\n"}),
    _case("other owner and content", "file.copy", COPY | {"owner": "app:app"}, {**SOURCE, PATH: OTHER}),
    _case("holds", "file.contains", {"path": PATH, "text": "password"}, {PATH: OTHER}),
    _case("holds not", "file.contains", {"path": PATH, "pattern": "^word"}, {PATH: OTHER}),
    _case("nothing there", "archive.unpack", MEMBER),
    _case("other content", "archive.unpack", MEMBER, {PATH: FakeFile(OTHER, "0600")}),
    _case("same content", "archive.unpack", MEMBER, {PATH: b"new\n"}),
    _case("not kept", "archive.unpack", MEMBER | {"keep": False, "mode": "0600"}, {PATH: OTHER}),
    _case("there already", "config.value", VALUE, {"/etc/.env": b"A=1\nLEVEL=DEBUG\n"}),
    _case(
        "another",
        "config.value",
        VALUE,
        {"/etc/.env": FakeFile(b"LEVEL='" + OTHER.strip() + b"'\n", "0600", owner="app:app")},
    ),
    _case("missing", "config.value", VALUE, {"/etc/.env": OTHER}),
    _case("not kept", "config.value", VALUE | {"keep": False}, {"/etc/.env": b"LEVEL=INFO\n"}),
    _case("nothing there", "file.symlink", LINK),
    _case("leads elsewhere", "file.symlink", LINK, {PATH: FakeFile(b"/etc/old.conf", kind="link")}),
    _case("leads there", "file.symlink", LINK, {PATH: FakeFile(b"/etc/new.conf", kind="link")}),
    _case("no way to tell", "shell.run", {"command": list(TOUCH)}),
    _case("creates, not there", "shell.run", {"command": list(TOUCH), "creates": "/done"}),
    _case("creates, there", "shell.run", {"command": list(TOUCH), "creates": "/done"}, {"/done": b""}),
    _case("unless, not so", "shell.run", {"command": list(TOUCH), "unless": ["look"]}),
    _case("unless, so", "shell.run", {"command": list(TOUCH), "unless": ["look"]}, {"/done": b""}),
    _case("while planning", "shell.run", {"command": ["uptime"], "effect": "read", "plan": True}),
    _case(
        "with a secret",
        "shell.run",
        {"command": list(TOUCH), "environment": {"TOKEN": {"secret": "env:TOKEN"}, "MODE": "fast"}},
    ),
    _case(
        "plain",
        "search.rebuild",
        {"command": list(TOUCH), "queries": [{"name": "post", "url": "/heartbeat", "json": "ok"}]},
    ),
    _case("one", "value.set", {"value": 3}),
    _case("several", "value.set", {"values": {"window": "2h", "rows": [1, 2]}}),
    _case("holds", "assert.that", {"that": True}),
    _case("several", "assert.that", {"all": [{"that": True}, {"that": False, "message": "no backup"}]}),
    _case("a file", "wait.for", {"file": "/done", "timeout": "3s"}),
    _case("a command", "wait.for", {"command": ["look"], "gone": True}),
    _case("a page", "wait.for", {"http": {"url": "/heartbeat"}, "target": "site"}),
    _case("idle", "wait.for", {"command": ["look"], "gone": True, "idle": "2s"}),
    _case("a query", "wait.for", {"sql": {"query": "SELECT 1", "equals": 1}, "target": "database"}),
    _case("a query", "monitor.watch", {"sql": {"query": "SELECT 1"}, "target": "database", "below": 2, "for": "2s"}),
    _case("good", "http.check", {"url": "/heartbeat", "json": {"ok": True}, "consecutive": 2}),
    _case("bad", "http.check", {"url": "/nowhere", "timeout": "2s"}),
    _case("one", "http.smoke", {"checks": [{"name": "Home", "url": "/heartbeat", "json": {"ok": True}}]}),
    _case("one bad", "http.smoke", {"checks": [{"name": "Gone", "url": "/nowhere"}], "timeout": "0s"}),
    _case(
        "webhook",
        "notify.send",
        {"target": "site", "text": "done", "subject": "Restored", "url": {"secret": "env:HOOK"}},
    ),
    _case("mail", "notify.send", {"target": "mail", "text": "done", "to": ["team@example.org"]}),
    _case("apprise", "notify.send", {"target": "phone", "text": "done", "required": True}),
    _case(
        "two environments",
        "decide.migration",
        {
            "migration": "board.0002",
            "pending": {"stage": {"pending": ["board.0002"]}, "prod": {"pending": []}},
            "at_risk": {"stage": {"tables": {"note": 3}, "columns": {"page.rank": 0}}, "prod": {"missing": ["note"]}},
            "snapshots": {"prod": {"newest": "/kept/prod_r1"}},
        },
    ),
    _case("young", "decide.matrix", {"age": "30m", "severity": "bad", "table": TABLE}),
    _case(
        "overridden",
        "decide.matrix",
        {
            "age": "3h",
            "severity": "bad",
            "table": TABLE,
            "override": "back",
            "reason": "It cannot wait.",
            "cures": CURES,
        },
    ),
    _case("plain", "human.confirm", {"text": "Is it right?"}),
    _case("quorum", "human.approve", {"text": "Go?", "names": ["alice", "bob"], "quorum": 2}),
    _case(
        "both forms", "human.choose", {"from": ["a", {"value": "b", "label": "B", "detail": "newer"}], "default": "b"}
    ),
    _case("time", "human.input", {"text": "When?", "type": "datetime", "default": "2024-05-01T12:00:00Z"}),
    _case("pattern", "human.input", {"text": "Which?", "type": "pattern", "pattern": "[A-Z]+"}),
    _case("items", "human.checklist", {"items": ["one", "two"]}),
    _case("plain", "human.task", {"text": "Pull the plug."}),
]


@pytest.mark.parametrize(("case", "law"), laws_of(CASES), ids=law_id)
def test_laws(case: Case, law: Law) -> None:
    """A kind keeps each law."""
    law(case)
