"""The site as Django knows it, and its rows moved by dumpdata and loaddata."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from shlex import join
from typing import Protocol

from rounds import Contender, Sample, python
from site_rows import Site
from table import seconds, table

SAMPLES = (2_000, 10_000)

_MANAGE = """
import os, sys
from django.conf import settings
from django.core.management import execute_from_command_line
settings.configure(
    INSTALLED_APPS=["forum"], USE_TZ=True, DEFAULT_AUTO_FIELD="django.db.models.BigAutoField",
    DATABASES={"default": {
        "ENGINE": f"django.db.backends.{os.environ['FORUM_ENGINE']}", "USER": os.environ["FORUM_USER"],
        "HOST": "127.0.0.1", "PORT": os.environ["FORUM_PORT"], "NAME": os.environ["FORUM_NAME"]}},
)
if os.environ["FORUM_ENGINE"] == "mysql":
    import pymysql
    pymysql.version_info = (2, 2, 7, "final", 0)  # as the driver that Django asks for
    pymysql.install_as_MySQLdb()
execute_from_command_line(sys.argv)
"""
_MODELS = """
from django.db import models


class User(models.Model):
    username = models.CharField(max_length=150, unique=True)
    email = models.EmailField()
    password = models.CharField(max_length=128)
    is_active = models.BooleanField()
    joined = models.DateTimeField()


class Post(models.Model):
    author = models.ForeignKey(User, models.CASCADE)
    title = models.CharField(max_length=200)
    slug = models.CharField(max_length=80, unique=True)
    body = models.TextField()
    score = models.IntegerField()
    created = models.DateTimeField(db_index=True)


class Comment(models.Model):
    post = models.ForeignKey(Post, models.CASCADE)
    author = models.ForeignKey(User, models.CASCADE)
    body = models.TextField()
    created = models.DateTimeField()
"""


class Peer(Protocol):
    """A server that Django reaches."""

    def surroundings(self, database: str) -> str:
        """Give the variables by which Django reaches a database."""

    def run(self, database: str, *statements: str) -> object:
        """Run statements, each by itself."""


def moved(folder: Path, server: Peer, site: Site, source: str, into: str) -> Mapping[str, Contender]:
    """Give a contender for each of `SAMPLES`: so many rows of *source*, by their keys, into *into*."""
    _write_project(folder)
    return {
        _named(count): Contender(
            ("sh", "-e", str(_script(folder, server, site.ids(count), count, (source, into)))),
            lambda: _forget(server, site, into),
        )
        for count in SAMPLES
    }


def scaled(samples: Mapping[str, Sample], rows: int) -> float:
    """Give the seconds for *rows* rows, along the line through both samples: starting Django is paid once."""
    few, many = (samples[_named(count)].seconds for count in SAMPLES)
    return many + (rows - SAMPLES[1]) * (many - few) / (SAMPLES[1] - SAMPLES[0])


def compared(samples: Mapping[str, Sample], rows: int, heading: str) -> str:
    """Give the table of all contenders, against dumpdata and loaddata of as many rows."""
    theirs = scaled(samples, rows)
    found = [
        [
            name,
            seconds(one.seconds),
            f"{theirs / one.seconds:.0f}" if "rollbook" in name else "–",
            f"{one.peak_mib:.0f}",
        ]
        for name, one in samples.items()
    ]
    found.append([f"dumpdata, loaddata of {rows}, scaled", seconds(theirs), "1", "–"])
    return table([f"{heading}, whole process", "wall seconds", "times faster", "peak MiB"], found)


def _named(count: int) -> str:
    return f"dumpdata, loaddata of {count}"


def _forget(server: Peer, site: Site, into: str) -> None:
    server.run(into, *site.forget())


def _write_project(folder: Path) -> None:
    package = folder / "django" / "forum"
    package.mkdir(parents=True, exist_ok=True)
    (package / "__init__.py").touch()
    (package / "models.py").write_text(_MODELS)
    (package.parent / "manage.py").write_text(_MANAGE)


def _script(folder: Path, server: Peer, ids: Mapping[str, Sequence[int]], count: int, ends: tuple[str, str]) -> Path:
    """Write the commands to a file: as one word of a command line they would be too long."""
    place = folder / "django"

    def manage(database: str, *words: str) -> str:
        return f"{server.surroundings(database)} {join(python(str(place / 'manage.py'), *words))}"

    files = [str(place / f"{model}-{count}.json") for model in ids]
    dumps = (
        manage(ends[0], "dumpdata", f"forum.{model}", "--pks", ",".join(map(str, keys)), "--output", file)
        for file, (model, keys) in zip(files, ids.items(), strict=True)
    )
    path = place / f"move-{count}.sh"
    path.write_text("\n".join([*dumps, manage(ends[1], "loaddata", *files), ""]))
    return path
