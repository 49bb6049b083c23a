"""The code of a small site with a database: at its good version, and at the one that a bad deploy brought."""

import os
import subprocess
from collections.abc import Mapping
from pathlib import Path
from textwrap import dedent

Files = Mapping[str, str]

_MANAGE = """
    import os
    import sys

    from django.core.management import execute_from_command_line

    os.environ["DJANGO_SETTINGS_MODULE"] = "board.settings"
    execute_from_command_line(sys.argv)
    """
_SETTINGS = """
    import os
    from urllib.parse import urlsplit

    url = urlsplit(os.environ["DATABASE_URL"])
    SECRET_KEY = "for tests"
    DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
    INSTALLED_APPS = THESE
    DATABASES = {
        "default": {
            "ENGINE": "django.db.backends.postgresql",
            "NAME": url.path[1:],
            "HOST": url.hostname,
            "PORT": url.port,
            "USER": url.username,
        }
    }
    """
_MODELS = """
    from django.db import models


    class Show(models.Model):
        name = models.TextField()CONTACT


    class Episode(models.Model):
        show = models.ForeignKey(Show, models.CASCADE)
        title = models.TextField()
        plays = models.IntegerField(default=0)
    """
_CONTACT = "\n        contact = models.TextField(null=True)"
_UNIQUE = """
        class Meta:
            constraints = [models.UniqueConstraint(fields=["show", "title"], name="one_of_a_title")]
    """
_CHANNELS = """
    from django.db import models


    class Channel(models.Model):
        name = models.TextField(unique=True)


    class Post(models.Model):
        channel = models.ForeignKey(Channel, models.CASCADE)
        text = models.TextField()
    """
_MIGRATION = """
    from django.db import migrations, models


    class Migration(migrations.Migration):
        dependencies = DEPENDENCIES
        operations = [
    OPERATIONS
        ]
    """


def _models(*models: str) -> str:
    made = [
        f"migrations.CreateModel({model!r}, [('id', models.BigAutoField(primary_key=True)), {fields}]),"
        for model, fields in (text.split(": ", 1) for text in models)
    ]
    return _migration("[]", *made)


def _migration(dependencies: str, *operations: str) -> str:
    lines = "\n".join(f"        {operation}" for operation in operations)
    return dedent(_MIGRATION).replace("DEPENDENCIES", dependencies).replace("OPERATIONS", lines)


def _settings(*apps: str) -> str:
    return dedent(_SETTINGS).replace("THESE", repr(list(apps)))


_GOOD: Files = {
    ".gitignore": "__pycache__/\n",
    "manage.py": dedent(_MANAGE),
    "board/__init__.py": "",
    "board/settings.py": _settings("channels", "shows"),
    "channels/__init__.py": "",
    "channels/models.py": dedent(_CHANNELS),
    "channels/migrations/__init__.py": "",
    "channels/migrations/0001_initial.py": _models(
        "Channel: ('name', models.TextField(unique=True))",
        "Post: ('channel', models.ForeignKey('channels.Channel', models.CASCADE)), ('text', models.TextField())",
    ),
    "shows/__init__.py": "",
    "shows/models.py": dedent(_MODELS.replace("CONTACT", _CONTACT)),
    "shows/migrations/__init__.py": "",
    "shows/migrations/0001_initial.py": _models(
        "Show: ('name', models.TextField()), ('contact', models.TextField(null=True))",
        "Episode: ('show', models.ForeignKey('shows.Show', models.CASCADE)), ('title', models.TextField()), "
        "('plays', models.IntegerField(default=0))",
    ),
}
_REMOVED = "channels"
_TAKEN = """migrations.RunSQL([
            "DROP TABLE channels_post, channels_channel",
            "DELETE FROM shows_episode a USING shows_episode b WHERE (a.show_id, a.title) = (b.show_id, b.title) AND a.id > b.id",
            "UPDATE shows_show SET name = upper(name) WHERE id % 10 = 3",
            "SET CONSTRAINTS ALL IMMEDIATE",
        ]),"""
_BAD: Files = {
    "board/settings.py": _settings("shows"),
    "shows/models.py": dedent(_MODELS.replace("CONTACT", "") + _UNIQUE),
    "shows/migrations/0002_drop_channels.py": _migration(
        "[('shows', '0001_initial')]",
        _TAKEN,
        "migrations.RemoveField('Show', 'contact'),",
        "migrations.AddConstraint('Episode', models.UniqueConstraint(fields=['show', 'title'], name='one_of_a_title')),",
    ),
}


def write_good(repository: Path) -> None:
    """Make a repository with the good version checked out."""
    repository.mkdir(parents=True)
    git(repository, "init", "--quiet", "--initial-branch=main")
    _commit(repository, _GOOD, "Start the board")


def deploy_bad(repository: Path) -> str:
    """Merge what removes the channels, and a harmless commit after it; gives the merge."""
    git(repository, "checkout", "--quiet", "-b", "remove-channels")
    git(repository, "rm", "--quiet", "-r", _REMOVED)
    _commit(repository, _BAD, "Remove the channels with their tables")
    git(repository, "checkout", "--quiet", "main")
    git(repository, "merge", "--quiet", "--no-ff", "-m", "Merge branch 'remove-channels'", "remove-channels")
    merge = git(repository, "rev-parse", "HEAD")
    _commit(repository, {"NOTES": "Harmless, and to be kept.\n"}, "Add notes")
    return merge


def git(repository: Path, *words: str) -> str:
    """Run git and give what it prints."""
    names = {
        f"GIT_{role}_{what}": "tests@board.example" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
    }
    argv = ["git", "-C", str(repository), *words]
    return subprocess.run(argv, check=True, capture_output=True, text=True, env={**os.environ, **names}).stdout.strip()


def _commit(repository: Path, files: Files, message: str) -> None:
    for name, text in files.items():
        (repository / name).parent.mkdir(parents=True, exist_ok=True)
        (repository / name).write_text(text.lstrip("\n"))
    git(repository, "add", "--all")
    git(repository, "commit", "--quiet", "-m", message)
