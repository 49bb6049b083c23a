"""Laws of smtp targets, against a small server on loopback."""

import socketserver
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from typing import Any

import pytest

from rollbook.errors import TargetError, Unreachable
from rollbook.ops import Mail
from rollbook.targets import TargetPool

PASSWORD = "hunter2hunter2"


class MailServer(socketserver.StreamRequestHandler):
    """Takes mails; refuses recipients of refused.example."""

    received: list[tuple[list[str], bytes]]

    def say(self, line: str) -> None:
        self.wfile.write(line.encode() + b"\r\n")

    def handle(self) -> None:
        self.say("220 here")
        recipients: list[str] = []
        for line in iter(self.rfile.readline, b""):
            command, _, rest = line.decode().strip().partition(" ")
            match command.upper():
                case "EHLO":
                    self.say("250-here\r\n250 AUTH PLAIN")
                case "AUTH":
                    self.say(f"535 no {PASSWORD}")
                case "RCPT" if "refused.example" in rest:
                    self.say("550 unknown")
                case "RCPT":
                    recipients.append(rest[len("TO:") :])
                    self.say("250 ok")
                case "DATA":
                    self.say("354 go on")
                    lines = list(iter(self.rfile.readline, b".\r\n"))
                    self.received.append((recipients, b"".join(lines)))
                    self.say("250 taken")
                case "QUIT":
                    self.say("221 bye")
                    return
                case _:
                    self.say("250 ok")


@pytest.fixture
def server() -> Iterator[Any]:
    handler = type("OwnMailServer", (MailServer,), {"received": []})
    server = socketserver.ThreadingTCPServer(("127.0.0.1", 0), handler)
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02})
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


def settings(server: Any, **more: Any) -> tuple[str, dict[str, Any]]:
    place = {"host": "127.0.0.1", "port": server.server_address[1], "tls": "none", "sender": "ops@example.org"}
    return "smtp", {**place, **more}


@pytest.fixture
def pool(server: Any, make_pool: Callable[..., TargetPool]) -> TargetPool:
    return make_pool({"PASS": PASSWORD}, mail=settings(server))


def test_a_mail_arrives_as_written(pool: TargetPool, server: Any, execution: Any) -> None:
    """Subject and text arrive, in whatever script, marked as sent by a program."""
    text = "Der Kurs ist zurück.\n.\n→ fertig\n"

    result = pool.execute(Mail("mail", ("a@example.org", "b@refused.example"), "Kurs zurück ✓", text), execution)

    (recipients, content), *rest = server.RequestHandlerClass.received
    message: Any = message_from_bytes(content, policy=policy.default)
    assert not rest
    assert recipients == ["<a@example.org>"]
    assert message["subject"] == "Kurs zurück ✓"
    assert message["auto-submitted"] == "auto-generated"
    assert "zurück" in message.get_content()
    assert result.outputs == {"refused": ["b@refused.example"]}


@pytest.mark.parametrize(
    ("to", "subject"),
    [
        (("a@example.org\r\nBcc: x@example.org",), "s"),
        (("a@example.org",), "s\nBcc: x@example.org"),
        (("not an address",), "s"),
        (("a@example.org, b@example.org",), "s"),
        ((), "s"),
        (("all@refused.example",), "s"),
    ],
)
def test_what_would_add_a_header_or_reach_nobody_is_refused(
    pool: TargetPool, server: Any, execution: Any, to: tuple[str, ...], subject: str
) -> None:
    """A line break in an address or subject, no recipient, or none that is taken: nothing is sent."""
    with pytest.raises(TargetError):
        pool.execute(Mail("mail", to, subject, "text"), execution)

    assert not server.RequestHandlerClass.received


def test_a_refused_account_is_told_without_its_password(server: Any, make_pool: Any) -> None:
    """A server that repeats the password in its answer does not make us repeat it."""
    account = settings(server, user="ops", password={"secret": "env:PASS"})

    finding = make_pool({"PASS": PASSWORD}, mail=account).target("mail").check()[0]

    assert finding.severity == "missing"
    assert "refused the account" in finding.message
    assert PASSWORD not in finding.message


def test_a_server_without_starttls_gets_no_mail(server: Any, make_pool: Any, execution: Any) -> None:
    """Where STARTTLS is wanted and not offered, nothing is sent in the clear."""
    pool = make_pool(mail=settings(server, tls="starttls"))

    with pytest.raises(TargetError, match="STARTTLS"):
        pool.execute(Mail("mail", ("a@example.org",), "s", "t"), execution)

    assert not server.RequestHandlerClass.received


def test_nobody_there_is_unreachable(make_pool: Any, execution: Any) -> None:
    """No server at the address is unreachable; one that answers is in order."""
    pool = make_pool(mail=("smtp", {"host": "127.0.0.1", "port": 1, "tls": "none", "sender": "a@example.org"}))

    with pytest.raises(Unreachable):
        pool.execute(Mail("mail", ("a@example.org",), "s", "t"), execution)


def test_a_server_that_answers_is_in_order(pool: TargetPool) -> None:
    """Greeting and account are tried in a check."""
    assert {finding.severity for finding in pool.target("mail").check()} == {"ok"}
