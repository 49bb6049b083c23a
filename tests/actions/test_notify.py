"""Messages: the channel's kind decides how, and only a required one can stop the run."""

import sys
import types

import pytest

from rollbook.action import Leave
from rollbook.errors import Dispensable, RefusedError, SchemaError, TargetError, Unreachable
from rollbook.ops import ChatMessage, Execution, HttpCall, Mail, Op, OpResult
from rollbook.targets import Redactor, SecretStore
from rollbook.targets.apprise import AppriseTarget
from rollbook.targets.base import TargetSpec
from rollbook.targets.surroundings import Surroundings
from rollbook.testing import FakeExecution, FakeSite, FakeTarget, FakeWorld

from .conftest import use


def _world() -> FakeWorld:
    return FakeWorld(FakeSite("hook"), FakeTarget("mail", "smtp"), FakeTarget("phone", "apprise"))


def _send(world: FakeWorld, **arguments: object) -> dict[str, object]:
    action = use("notify.send", text="All is well.", subject="Restored", **arguments)
    before = action.probe(world.read)
    after = action.desired(before)
    return dict(action.outputs(after, world.carry_out(*action.ops(before, after))))


@pytest.mark.parametrize(
    ("target", "extra", "sent"),
    [
        ("hook", {"url": "/in"}, HttpCall("hook", "POST", "/in", body={"text": "Restored\nAll is well."})),
        ("hook", {"body": {"msg": 1}}, HttpCall("hook", "POST", "", body={"msg": 1})),
        ("mail", {"to": ["a@example.org"]}, Mail("mail", ("a@example.org",), "Restored", "All is well.")),
        ("phone", {}, ChatMessage("phone", "Restored", "All is well.")),
    ],
)
def test_the_channel_decides_how_it_is_sent(target: str, extra: dict[str, object], sent: Op) -> None:
    """One step serves environments with different channels."""
    world = _world()

    outputs = _send(world, target=target, **extra)

    assert world.targets[target].executed == [sent]
    assert outputs == {"sent": True, "warning": ""}


def test_a_list_is_mailed_where_somebody_approved_it() -> None:
    """The mail names the list and who approved it, and no recipient."""
    world = _world()

    _send(world, target="mail", recipients="run/users.csv", approved_by="ada@desk")

    assert world.targets["mail"].executed == [Mail("mail", (), "Restored", "All is well.", "run/users.csv", "ada@desk")]


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"recipients": "users.csv"}, "unless somebody approved it"),
        ({"recipients": "users.csv", "approved_by": " "}, "unless somebody approved it"),
        ({"recipients": "users.csv", "approved_by": "ada", "to": ["a@example.org"]}, "either these or to"),
    ],
)
def test_users_are_not_mailed_without_an_approval(given: dict[str, object], told: str) -> None:
    """A list of people is no recipient of a step that nobody was asked about."""
    with pytest.raises(SchemaError, match=told):
        use("notify.send", text="x", target="mail", **given)


def test_a_list_needs_a_channel_that_mails() -> None:
    """A webhook is no mail: the plan refuses it."""
    action = use("notify.send", text="x", target="hook", recipients="users.csv", approved_by="ada")

    with pytest.raises(RefusedError, match="is no mail"):
        action.probe(_world().read)


def test_a_message_that_fails_is_dispensable() -> None:
    """The run goes on; the step tells that nobody was told."""
    world = _world()
    world.targets["hook"].reachable = True
    action = use("notify.send", text="x", target="hook")
    before = action.probe(world.read)
    world.targets["hook"].reachable = False

    with pytest.raises(Dispensable, match="not sent: hook does not answer") as caught:
        world.carry_out(*action.ops(before, action.desired(before)))

    assert caught.value.outputs == {"sent": False, "warning": "not sent: hook does not answer"}


class _Mailbox(FakeTarget):
    """A mail server that knows not every recipient."""

    def _do(self, op: Op, execution: Execution) -> OpResult:
        return OpResult(outputs={"refused": ["b@example.org"]})


def test_recipients_that_were_refused_are_told() -> None:
    """A mail that reached only some is sent, with a warning that names the others."""
    outputs = _send(FakeWorld(_Mailbox("mail", "smtp")), target="mail", to=["a@example.org", "b@example.org"])

    assert outputs == {"sent": True, "warning": "refused for b@example.org"}


def test_a_required_message_that_fails_stops_the_run() -> None:
    """Where people must know, the step fails."""
    world = _world()
    world.targets["hook"].reachable = False

    with pytest.raises(Unreachable):
        _send(world, target="hook", required=True)


def test_a_mail_needs_recipients_before_the_run() -> None:
    """A mail to nobody is found while planning."""
    with pytest.raises(RefusedError, match="no recipients"):
        _send(_world(), target="mail")


def test_the_plan_shows_the_message_and_not_the_secret() -> None:
    """What will be sent is shown; a secret address as its reference; and that a failure is no failure."""
    action = use("notify.send", text="x", url={"secret": "env:HOOK"}, target="hook")
    before = action.probe(_world().read)

    (op,) = action.ops(before, action.desired(before))

    assert op.render() == (
        "through hook:",
        "POST ‹secret env:HOOK›",
        '{text: "x"}',
        "(the run goes on if this fails)",
    )


def test_a_message_stays_sent() -> None:
    """An undo leaves it, and a resume may send it again without asking."""
    action = use("notify.send", text="x", target="phone")
    change = types.SimpleNamespace()

    assert isinstance(action.undo(change), Leave)
    assert action.effect() == "idempotent"


@pytest.mark.parametrize("arguments", [{"text": " "}, {"text": "x", "subject": "a\nBcc: b"}])
def test_a_message_without_text_or_with_headers_in_its_subject_is_refused(arguments: dict[str, object]) -> None:
    """Nothing to say, or a subject of two lines, is refused."""
    with pytest.raises(SchemaError):
        use("notify.send", **arguments)


def _phone(url: str) -> AppriseTarget:
    redactor = Redactor()
    spec = TargetSpec("phone", "apprise", {"url": {"secret": "env:PHONE"}})
    from rollbook.schema import build
    from rollbook.targets.kinds import settings_type

    surroundings = Surroundings(SecretStore({"PHONE": url}, redactor), redactor, others=None)  # type: ignore[arg-type]  # it needs none
    return AppriseTarget(spec, build(settings_type("apprise"), spec.settings), surroundings)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # of Apprise's own imports
def test_apprise_is_asked_for_what_it_is_given(capfd: pytest.CaptureFixture[str]) -> None:
    """An address that Apprise does not know, or cannot reach, is told without the address."""
    pytest.importorskip("apprise")
    message = ChatMessage("phone", "t", "x")

    with pytest.raises(TargetError, match=r"secret env:PHONE.*no address") as unknown:
        _phone("nosuchservice://password123").execute(message, FakeExecution())
    with pytest.raises(Unreachable, match="could not deliver"):
        _phone("json://127.0.0.1:9/hook-password").execute(message, FakeExecution())

    assert "password" not in str(unknown.value) + "".join(capfd.readouterr())


def test_without_apprise_the_way_to_install_it_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """The extra is named, in preflight and at the step."""
    monkeypatch.setitem(sys.modules, "apprise", None)
    monkeypatch.setattr("rollbook.targets.apprise.find_spec", lambda name: None)  # noqa: ARG005
    target = _phone("json://127.0.0.1:9/")

    with pytest.raises(TargetError, match="pip install"):
        target.execute(ChatMessage("phone", "", "x"), FakeExecution())
    assert [finding.severity for finding in target.findings()] == ["missing"]
