"""A server that goes away is told as that, and never as one that refused what it was given."""

import contextlib
import socket
import threading
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing

import pytest
import sqlalchemy as sa

from rollbook.errors import TargetError, Unreachable
from rollbook.targets.postgres.session import connect
from rollbook.targets.postgres.wording import asked, connected, worded

pytestmark = pytest.mark.server

LAST = b"COPY 3\0"
_TOLD = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection due to administrator command\0\0"
FATAL = b"E" + (len(_TOLD) + 4).to_bytes(4) + _TOLD
THREE = b"COPY (SELECT generate_series(1, 3)) TO STDOUT"


def back(far: socket.socket, near: socket.socket) -> None:
    """Send on what the server says, until it says that three rows are copied: then it ends the session, and is gone."""
    said = b""
    with contextlib.suppress(OSError), near, far:
        while LAST not in said and (chunk := far.recv(65536)):
            said = said[-len(LAST) :] + chunk
            near.sendall(chunk if LAST not in said else chunk[: chunk.index(LAST) + len(LAST)] + FATAL)
        near.shutdown(socket.SHUT_RDWR)


def forth(near: socket.socket, far: socket.socket) -> None:
    """Send on what the client says."""
    with contextlib.suppress(OSError):
        while chunk := near.recv(65536):
            far.sendall(chunk)


@pytest.fixture
def dying(postgres_url: str) -> Iterator[str]:
    """Give the address of a server that goes away as soon as it has copied three rows, before it is ready again."""
    url = sa.make_url(postgres_url)

    def listen(listener: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while True:
                near, _ = listener.accept()
                far = socket.create_connection(("127.0.0.1", url.port or 0))
                for way in ((forth, (near, far)), (back, (far, near))):
                    threading.Thread(target=way[0], args=way[1], daemon=True).start()

    with socket.create_server(("127.0.0.1", 0)) as listener:
        threading.Thread(target=listen, args=(listener,), daemon=True).start()
        through = url.set(port=listener.getsockname()[1], query={"sslmode": "disable", "gssencmode": "disable"})
        yield through.render_as_string(hide_password=False)
        with contextlib.suppress(OSError):
            listener.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (worded(), "PostgreSQL ended the pass: "),
        (asked("comparing users"), "PostgreSQL went away while comparing users: "),
        (connected("the dump"), "PostgreSQL went away during the dump: "),
    ],
)
def test_a_server_that_goes_away_at_the_end_of_rows_is_told_as_that(
    dying: str, words: AbstractContextManager[None], told: str
) -> None:
    """The driver then has two results, the rows' end and the server's last word, and complains of how COPY was used."""
    with (
        pytest.raises(Unreachable) as caught,
        words,
        closing(connect(dying)) as connection,
        connection.cursor().copy(THREE) as rows,
    ):
        list(rows)

    assert caught.value.message.startswith(told)
    assert "mix COPY" not in caught.value.message


def test_what_a_server_refuses_stays_a_refusal(postgres_url: str) -> None:
    """Only a lost connection is one; a query that is wrong is told with what the server says of it."""
    refused = pytest.raises(TargetError, match=r"refused .*nowhere")
    with refused as caught, worded(), closing(connect(postgres_url)) as connection:
        connection.execute("SELECT * FROM nowhere")

    assert not isinstance(caught.value, Unreachable)
