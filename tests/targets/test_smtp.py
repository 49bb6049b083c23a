"""Laws of smtp targets, against a small server on loopback."""

import re
import socketserver
import stat
import threading
from collections.abc import Callable, Iterator
from email import message_from_bytes, policy
from pathlib import Path
from typing import Any

import pytest

from rollbook.errors import SchemaError, TargetError, Unreachable
from rollbook.ops import Mail
from rollbook.schema import build
from rollbook.targets import TargetPool
from rollbook.targets.settings import SmtpSettings

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


def listing(folder: Path, *addresses: str) -> Path:
    """Write a list of recipients."""
    path = folder / "users.csv"
    path.write_text("".join(f"{line}\n" for line in ("email,user", *(f'"{one}",1' for one in addresses))))
    return path


def listed(path: Path) -> Mail:
    return Mail("mail", (), "About what you wrote", "Please look.", str(path), "ada@desk")


def test_a_list_is_mailed_in_parts_whose_recipients_are_hidden(
    pool: TargetPool, server: Any, execution: Any, tmp_path: Path
) -> None:
    """Each address has one mail, none sees another, and those refused or no address at all are only counted."""
    addresses = [f"m{number}@example.org" for number in range(70)]
    path = listing(tmp_path, *addresses, "m1@example.org", "no address", "late@refused.example")

    result = pool.execute(listed(path), execution)

    received = server.RequestHandlerClass.received
    assert [len(recipients) for recipients, _ in received] == [50, 20]
    assert sorted(one for recipients, _ in received for one in recipients) == sorted(f"<{one}>" for one in addresses)
    assert not any(re.search(rb"\bm\d+@", content) for _, content in received)
    assert result.outputs == {"mailed": 70, "refused": [f"2 of 72 in {path}"]}


def test_a_list_that_was_begun_goes_on_with_the_others(
    pool: TargetPool, server: Any, execution: Any, tmp_path: Path
) -> None:
    """Who has the mail is noted beside the list, for its owner only, and is not written to again."""
    path = listing(tmp_path, "a@example.org", "b@example.org")
    pool.execute(listed(path), execution)
    listing(tmp_path, "a@example.org", "b@example.org", "c@example.org")

    again, nothing = pool.execute(listed(path), execution), pool.execute(listed(path), execution)

    noted = tmp_path / "users.csv.sent"
    assert [recipients for recipients, _ in server.RequestHandlerClass.received][1:] == [["<c@example.org>"]]
    assert (again.outputs["mailed"], nothing.outputs["mailed"]) == (1, 0)
    assert (noted.read_text().count("\n"), stat.S_IMODE(noted.stat().st_mode)) == (3, 0o600)


@pytest.mark.parametrize("addresses", [(), ("nobody",), ("a@refused.example", "b@refused.example")])
def test_a_list_that_reaches_nobody_is_an_error_without_an_address(
    pool: TargetPool, execution: Any, tmp_path: Path, addresses: tuple[str, ...]
) -> None:
    """An empty list, one without addresses, and one that the server refuses whole, are told by their path."""
    path = listing(tmp_path, *addresses)

    with pytest.raises(TargetError, match=r"users\.csv") as caught:
        pool.execute(listed(path), execution)

    assert "refused.example" not in f"{caught.value}{caught.value.advice}"


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


@pytest.mark.parametrize("sender", ["Ops <ops@example.org>", "ops", "a@example.org, b@example.org"])
def test_a_sender_that_is_no_address_is_told_when_the_inventory_is_read(server: Any, sender: str) -> None:
    """Not at three in the morning, when the first mail is to be sent."""
    with pytest.raises(SchemaError, match="expected an address"):
        build(SmtpSettings, settings(server, sender=sender)[1])


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
