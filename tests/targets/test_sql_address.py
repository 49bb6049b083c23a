"""Laws of the addresses of SQL databases; none of them needs a server."""

from collections.abc import Callable
from typing import Any, cast

import pytest

from rollbook.errors import TargetError
from rollbook.targets import TargetPool
from rollbook.targets.base import SqlReader


@pytest.mark.parametrize(
    "address",
    [
        {"url": "mysql://u:s3cr3t-word@h:notaport/d"},
        {"url": "mysql://u:s3cr3t-word@h:/d"},
        {"url": "mysql://u:s3cr3t-word@[::1/d"},
        {"url": "postgresql://u:s3cr3t-word@[::1/d"},
        {"url": "postgresql://u:s3cr3t-word@h:99999999/d"},
        {"url": "mysql://u:s3cr3t-word@a..b/d"},
        {"url": "mysql://u:s3cr3t-word@a\0b/d"},
        {"url": f"postgresql://u:s3cr3t-word@{'a' * 70}.b/d"},
        {"url": "postgresql+none://u:s3cr3t-word@h/d"},
        {"url": "postgresql+asyncpg://u:s3cr3t-word@h/d"},
        {"driver": "mysql", "host": "[::1", "database": "d"},
        {"url": "mysql://u:s3cr3t-word@h/d?none=1"},
        {"url": "mysql://u:s3cr3t-word@h/d?connect_timeout=long"},
        {"driver": "mysql", "host": "h", "port": 0, "database": "d"},
    ],
)
def test_what_is_no_address_is_told(make_pool: Callable[..., TargetPool], address: dict[str, Any]) -> None:
    """A host, port or driver that is none is told by a check and by a query, with advice and without the password."""
    pool = make_pool(db=("sql", address))

    (finding,) = pool.target("db").check()
    with pytest.raises(TargetError) as caught:
        list(cast("SqlReader", pool.reader("db")).rows("SELECT 1"))

    assert finding.severity == "missing"
    assert caught.value.advice
    assert "s3cr3t" not in f"{finding} {caught.value}"


@pytest.mark.parametrize("host", ["127.0.0.1", "[::1]", "localhost", "/nowhere"])
def test_what_is_an_address_is_asked(make_pool: Callable[..., TargetPool], host: str) -> None:
    """Names, numbers and the folder of a socket are hosts; nobody answers at these."""
    settings = {"driver": "postgresql", "host": host.strip("[]"), "port": 1, "database": "d", "connect_timeout": 2}
    for given in (settings, *([{"url": f"postgresql://{host}:1/d"}] * (host != "/nowhere"))):
        (finding,) = make_pool(db=("sql", given)).target("db").check()

        assert finding.subject == "reachable"
