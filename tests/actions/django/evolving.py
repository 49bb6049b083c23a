"""A Django project whose apps are nothing but migrations, written by a test, on a database of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from ..conftest import Machine, use

SETTINGS = """\
import os
SECRET_KEY = "for tests"
INSTALLED_APPS = ["django.contrib.contenttypes", {apps}]
ENGINE = os.environ["SITE_ENGINE"]
if ENGINE == "mysql":
    import pymysql
    pymysql.version_info = (2, 2, 7, "final", 0)  # as the driver that Django asks for
    pymysql.install_as_MySQLdb()
OPTIONS = {{"charset": "utf8mb4"}} if ENGINE == "mysql" else {{}}
DATABASES = {{
    "default": {{
        "ENGINE": f"django.db.backends.{{ENGINE}}",
        "NAME": os.environ["SITE_NAME"],
        "HOST": os.environ.get("SITE_HOST", ""),
        "PORT": os.environ.get("SITE_PORT", ""),
        "USER": os.environ.get("SITE_USER", ""),
        "OPTIONS": OPTIONS,
    }}
}}
DEFAULT_AUTO_FIELD = "django.db.models.AutoField"
USE_TZ = True
{more}
"""
MANAGE = """\
import os, sys
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "settings")
from django.core.management import execute_from_command_line
execute_from_command_line(sys.argv)
"""
MIGRATION = """\
from django.db import migrations, models
import django.db.models.deletion
{code}

class Migration(migrations.Migration):
    dependencies = [{needs}]
    operations = [
{operations}
    ]
"""


@dataclass(frozen=True)
class Evolving:
    """The project in *folder*; *environment* leads its code to the database."""

    folder: Path
    environment: Mapping[str, str]
    machine: Machine
    python: str = sys.executable

    def write(self, *apps: str, more: str = "") -> None:
        """Write manage.py and settings for these apps."""
        self.folder.mkdir(parents=True, exist_ok=True)
        (self.folder / "manage.py").write_text(MANAGE)
        named = ", ".join(f'"{app}"' for app in apps)
        (self.folder / "settings.py").write_text(SETTINGS.format(apps=named, more=more))
        for app in apps:
            (self.folder / app / "migrations").mkdir(parents=True, exist_ok=True)
            for path in (self.folder / app, self.folder / app / "migrations"):
                (path / "__init__.py").touch()

    def migration(self, app: str, name: str, operations: str, *, needs: str = "", code: str = "") -> Path:
        """Write a migration that comes after the app's last one."""
        folder = self.folder / app / "migrations"
        earlier = sorted(path.stem for path in folder.glob("0*.py"))
        after = f'("{app}", "{earlier[-1]}"), ' if earlier else ""
        path = folder / f"{name}.py"
        lines = "\n".join(f"        {line}" for line in operations.strip().splitlines())
        path.write_text(MIGRATION.format(code=code, needs=after + needs, operations=lines))
        return path

    def migrate(self, *words: str, fails: bool = False) -> str:
        """Migrate, and give what was said."""
        done = subprocess.run(
            [self.python, "manage.py", "migrate", *words],
            cwd=self.folder,
            env={**os.environ, **self.environment},
            capture_output=True,
            text=True,
            check=False,
        )
        assert (done.returncode != 0) == fails, done.stdout + done.stderr
        return done.stdout + done.stderr

    def use(self, kind: str, **arguments: Any) -> Any:
        """Build an action on it."""
        given = {"directory": str(self.folder), "python": self.python, "environment": dict(self.environment)}
        return use(kind, **{**given, "target": "local", **arguments})

    def pending(self, **arguments: Any) -> Mapping[str, Any]:
        """Give the outputs of `django.pending`."""
        return self.machine.outputs(self.use("django.pending", **arguments))


def environment_of(url: str) -> dict[str, str]:
    """Give what leads the project to the database at an address."""
    parts = urlsplit(url)
    if parts.scheme.startswith("sqlite"):
        return {"SITE_ENGINE": "sqlite3", "SITE_NAME": parts.path.removeprefix("/")}
    return {
        "SITE_ENGINE": "mysql" if "mysql" in parts.scheme else "postgresql",
        "SITE_NAME": parts.path.lstrip("/"),
        "SITE_HOST": "127.0.0.1",
        "SITE_PORT": str(parts.port),
        "SITE_USER": str(parts.username),
    }
