"""Hosts that are reached through a shell tell what is not there from what their account may not look at."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from rollbook.errors import TargetError
from rollbook.targets import TargetPool
from rollbook.targets.base import HostReader

# Root may read everything; without these it is an account like others.
_HUMBLE = ["setpriv", "--bounding-set", "-dac_override,-dac_read_search"] if os.geteuid() == 0 else ["env"]


@pytest.fixture
def there(make_pool: Callable[..., TargetPool]) -> HostReader:
    """Give a host whose account may not go everywhere."""
    reader = make_pool({}, there=("command", {"prefix": _HUMBLE})).reader("there")
    assert isinstance(reader, HostReader)
    return reader


@pytest.fixture
def shut(tmp_path: Path) -> Iterator[Path]:
    """Give a folder that nobody may enter, with a file in it."""
    folder = tmp_path / "shut"
    (folder / "in").mkdir(parents=True)
    (folder / "conf").write_text("old")
    folder.chmod(0)
    yield folder
    folder.chmod(0o700)


LOOKS: list[Callable[[HostReader, str], object]] = [
    lambda host, path: host.stat(path),
    lambda host, path: host.read_file(path),
    lambda host, path: host.sha256(path),
    lambda host, path: host.list_folder(path) or None,
]


@pytest.mark.parametrize("look", LOOKS, ids=["stat", "read", "sha256", "list"])
@pytest.mark.parametrize("name", ["conf", "in", "none"])
def test_what_nobody_is_let_to_is_not_absent(
    there: HostReader, shut: Path, look: Callable[[HostReader, str], object], name: str
) -> None:
    """A file that is taken for absent would be made anew over what is there."""
    with pytest.raises(TargetError, match="ermission denied"):
        look(there, str(shut / name))


@pytest.mark.parametrize("look", LOOKS, ids=["stat", "read", "sha256", "list"])
@pytest.mark.parametrize("name", ["none", "none/none", "file/none"])
def test_what_is_not_there_is_absent(
    there: HostReader, tmp_path: Path, look: Callable[[HostReader, str], object], name: str
) -> None:
    """Also in a folder that is not there, or under a file, and whatever language the account speaks."""
    (tmp_path / "file").touch()

    assert look(there, str(tmp_path / name)) is None


@pytest.mark.parametrize("mode", [0o300, 0o600], ids=["not listed", "not entered"])
def test_a_folder_that_may_not_be_listed_is_not_empty(there: HostReader, tmp_path: Path, mode: int) -> None:
    """Its names are not known then, and no folder without any."""
    folder = tmp_path / "shut"
    folder.mkdir()
    (folder / "conf").touch()
    folder.chmod(mode)

    with pytest.raises(TargetError, match="ermission denied"):
        there.list_folder(str(folder))
    folder.chmod(0o700)


def test_a_link_that_leads_nowhere_is_there_and_holds_nothing(there: HostReader, tmp_path: Path) -> None:
    """The link itself is seen, and behind it there is nothing to read."""
    (tmp_path / "link").symlink_to("none")
    found = there.stat(str(tmp_path / "link"))

    assert found is not None
    assert found.kind == "link"
    assert there.read_file(str(tmp_path / "link")) is None
    assert there.sha256(str(tmp_path / "link")) is None
