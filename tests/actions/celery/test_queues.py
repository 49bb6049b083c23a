"""Queues looked into, purged and filled again, on both kinds of broker."""

import json
from pathlib import Path

import pytest
import redis
from celery import Celery
from engine.workshop import Workshop

from rollbook.errors import SchemaError, TargetError, Unreachable
from rollbook.queues import task_of
from rollbook.targets.base import TargetSpec
from rollbook.testing import LAWS, Case, FakeWorld, Law, law_id

from ..conftest import Machine, use
from ..real_world import RealWorld
from .conftest import Broker, wait_until

pytestmark = pytest.mark.server


def _purge(folder: Path, **arguments: object) -> object:
    return use("celery.purge", queue="celery", folder=str(folder / "out"), hold="run-1", **arguments)


def test_what_waits_is_counted_by_task(broker: Broker, desk: Machine) -> None:
    """Length and names of tasks are given for each queue, and an empty queue is one."""
    broker.send("keep.note", "channels.count", "channels.count")
    broker.send("channels.index", queue="search")

    outputs = desk.outputs(use("celery.queue", queues=["celery", "search", "none"]))

    assert outputs["lengths"] == {"celery": 3, "search": 1, "none": 0}
    assert outputs["tasks"]["celery"] == {"keep.note": 1, "channels.count": 2}
    assert outputs["total"] == 4


def test_messages_of_the_removed_code_go_and_the_others_stay(broker: Broker, desk: Machine, tmp_path: Path) -> None:
    """Only the named tasks are taken out, into a file; the rest waits in its order, and a worker does it."""
    broker.send("keep.note", "channels.count", "keep.note", "channels.index", "keep.note")
    action = _purge(tmp_path, tasks=["channels.*"])

    change = desk.apply(action)

    assert change.before.tasks == {"channels.count": 1, "channels.index": 1}
    lines = (tmp_path / "out/celery.jsonl").read_text().splitlines()
    assert {task_of(json.loads(line)["text"]) for line in lines} == {"channels.count", "channels.index"}
    assert (tmp_path / "out/celery.jsonl").stat().st_mode & 0o777 == 0o600
    with broker.working() as done:
        wait_until(lambda: done.exists() and len(done.read_text().splitlines()) == 3)
    assert done.read_text().splitlines() == ["keep.note 0", "keep.note 2", "keep.note 4"]


def test_what_was_purged_is_put_back_and_done(broker: Broker, desk: Machine, tmp_path: Path) -> None:
    """After the undo a real worker does every message once, the older ones first."""
    broker.send("keep.note", "keep.note")
    action = _purge(tmp_path)
    change = desk.apply(action)
    assert desk.outputs(use("celery.queue"))["total"] == 0
    if broker.name == "redis":  # file names of the other kind begin with the time, which alone makes the order
        broker.send("keep.note")

    desk.undo(action, change)

    wanted = ["keep.note 0", "keep.note 1", *(["keep.note 0"] if broker.name == "redis" else [])]
    with broker.working() as done:
        wait_until(lambda: done.exists() and len(done.read_text().splitlines()) >= len(wanted))
        wait_until(lambda: desk.outputs(use("celery.queue"))["total"] == 0)
    assert done.read_text().splitlines() == wanted
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("law", LAWS, ids=law_id)
@pytest.mark.parametrize(
    ("kind", "arguments", "sent"),
    [
        ("celery.queue", {}, ("a.b", "c.d")),
        ("celery.purge", {"queue": "celery"}, ("a.b", "c.d")),
        ("celery.purge", {"queue": "celery", "tasks": ["a.*"]}, ("a.b", "c.d", "a.c")),
        ("celery.purge", {"queue": "celery", "tasks": ["x.*"]}, ("a.b",)),
        ("celery.purge", {"queue": "celery"}, ()),
    ],
    ids=["queue", "all", "some", "none of them", "empty"],
)
def test_laws(
    kind: str,
    arguments: dict[str, object],
    sent: tuple[str, ...],
    law: Law,
    broker: Broker,
    desk: Machine,
    tmp_path: Path,
) -> None:
    """A kind keeps each law on each broker, also the one about a crash between any two writes."""
    if kind == "celery.purge":
        arguments = {**arguments, "folder": str(tmp_path / "out"), "hold": "run-1"}

    class World(RealWorld):
        def contents(self) -> object:
            waiting = broker.machine().read["broker"].tasks("celery", most=100)
            return super().contents(), waiting

    def world() -> FakeWorld:
        for name in ("out", "waiting"):
            for path in (tmp_path / name).rglob("*"):
                if path.is_file():
                    path.unlink()
        for path in (tmp_path / "waiting").glob(".*"):
            path.rmdir()
        if broker.name == "redis":
            redis.Redis.from_url(broker.settings["url"]).flushall()
        broker.send(*sent)
        return World(desk, tmp_path)

    law(Case(kind, kind, arguments, world))


def test_priorities_keep_their_place(redis_url: str, tmp_path: Path) -> None:
    """Messages of every priority are counted, purged, and put back into the list that they came from."""
    client = redis.Redis.from_url(redis_url)
    for key in ("celery", "celery\x06\x163", "celery\x06\x169"):
        client.lpush(key, json.dumps({"headers": {"task": "a.b"}, "body": ""}), b"\xff no message")
    desk = Broker("redis", {"url": redis_url}, None, tmp_path).machine()  # type: ignore[arg-type]  # nothing is sent
    before = {key: client.lrange(key, 0, -1) for key in client.scan_iter()}
    action = _purge(tmp_path)

    change = desk.apply(action)
    assert change.before.tasks == {"a.b": 3, "?": 3}
    assert list(client.scan_iter()) == []
    desk.undo(action, change)

    assert {key: client.lrange(key, 0, -1) for key in client.scan_iter()} == before
    desk.pool.close()


def test_priorities_are_counted_where_celery_was_told_to_put_them(redis_url: str, tmp_path: Path) -> None:
    """With the separator and steps of Celery's own manual messages lie in other lists: all are counted, and purged."""
    app = Celery("tests", broker=redis_url)
    app.conf.broker_transport_options = {"priority_steps": list(range(10)), "sep": ":"}
    settings = {"url": redis_url, "separator": ":", "priorities": list(range(10))}
    desk = Broker("redis", settings, app, tmp_path).machine()
    for priority in (0, 4, 9):
        app.send_task("a.b", priority=priority)

    counted = desk.outputs(use("celery.queue"))
    desk.apply(_purge(tmp_path))

    assert (counted["total"], counted["tasks"]) == (3, {"celery": {"a.b": 3}})
    assert desk.outputs(use("celery.queue"))["total"] == 0
    desk.pool.close()
    app.close()


def test_lists_that_are_not_told_of_are_no_empty_queue(redis_url: str, tmp_path: Path) -> None:
    """Messages of a priority in lists of another name fail the look, which would count too few; a queue's own do not."""
    plain, told = Celery("tests", broker=redis_url), Celery("tests", broker=f"{redis_url}?told")
    told.conf.broker_transport_options = {"priority_steps": list(range(10)), "sep": ":"}
    desk = Broker("redis", {"url": redis_url}, plain, tmp_path).machine()
    plain.send_task("a.b", queue="celery:2")
    assert desk.outputs(use("celery.queue"))["total"] == 0
    told.send_task("a.b", priority=4)

    with pytest.raises(TargetError, match="wait in 'celery:4' as well") as caught:
        desk.outputs(use("celery.queue"))

    assert "separator:" in (caught.value.advice or "")
    desk.pool.close()
    plain.close()
    told.close()


def test_a_queue_is_waited_for_until_it_is_drained(broker: Broker, desk: Machine) -> None:
    """While messages wait it is not gone; once a worker did them it is."""
    broker.send("keep.note", "keep.note")
    wait = {"queue": {"name": "celery"}, "target": "broker", "gone": True, "every": "100ms"}

    waiting = use("wait.for", **wait, timeout="300ms").probe(desk.read)
    with broker.working():
        drained = use("wait.for", **wait, idle="300ms", timeout="30s").probe(desk.read)

    assert not waiting.passed
    assert "2 waiting, 0 with workers" in waiting.message
    assert drained.passed


def test_what_workers_hold_counts_until_it_is_done(redis_url: str, tmp_path: Path) -> None:
    """Redis keeps what a worker took aside, and gives it back when the worker dies: such a queue is not drained."""
    message = json.dumps([{"headers": {"task": "a.b"}}, "", "celery"])
    redis.Redis.from_url(redis_url).hset(
        "unacked", mapping={"1": message, "2": message.replace("celery", "other"), "3": "?"}
    )
    desk = Broker("redis", {"url": redis_url}, None, tmp_path).machine()  # type: ignore[arg-type]  # nothing is sent

    assert desk.outputs(use("celery.queue"))["reserved"] == {"celery": 1}
    wait = use("wait.for", queue={"name": "celery"}, target="broker", gone=True, timeout="0s")
    assert not wait.probe(desk.read).passed
    desk.pool.close()


def test_a_run_that_purges_is_undone_by_the_engine(broker: Broker, tmp_path: Path) -> None:
    """In a runbook the hold bears the run's id, and the undo brings every message back."""
    broker.send("keep.note", "channels.count")
    workshop = Workshop(tmp_path, targets={"broker": TargetSpec("broker", "broker", broker.settings)})
    step = '{queue: celery, tasks: ["channels.*"], folder: "{{ run.folder }}/queues"}'
    workshop.write(
        "purge", f"targets: {{broker: {{}}}}\nsteps:\n  - id: p\n    name: Purge\n    celery.purge: {step}\n"
    )
    desk = broker.machine()

    run = workshop.run("purge")
    assert run.status == "succeeded", run.steps[0].error
    assert desk.outputs(use("celery.queue"))["tasks"]["celery"] == {"keep.note": 1}
    undone = workshop.undo(run)

    assert undone.status == "undone", undone.steps[0].error
    assert desk.outputs(use("celery.queue"))["tasks"]["celery"] == {"keep.note": 1, "channels.count": 1}
    desk.pool.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [({"url": "redis://127.0.0.1:1/0"}, "does not answer"), ({"folder": "/nowhere"}, "there is no folder")],
)
def test_a_broker_that_is_not_there_is_told(settings: dict[str, str], words: str, tmp_path: Path) -> None:
    """Neither a silent server nor a missing folder is an empty queue."""
    desk = Broker("none", settings, None, tmp_path).machine()  # type: ignore[arg-type]  # nothing is sent

    with pytest.raises(Unreachable, match=words):
        desk.outputs(use("celery.queue"))
    assert [finding.severity for finding in desk.pool.target("broker").check()] == ["missing"]
    desk.pool.close()


def test_names_that_lead_elsewhere_are_refused() -> None:
    """A queue's name is part of file names: it may not climb out of the folder."""
    for name in ("../x", "", ".hidden", "a\0b"):
        with pytest.raises(SchemaError, match="the name of a queue"):
            use("celery.purge", queue=name, folder="/tmp/x")
