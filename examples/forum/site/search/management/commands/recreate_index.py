"""`manage.py recreate_index --all` or `recreate_index post comment`."""

import argparse

from django.core.management.base import BaseCommand, CommandError

from forum.parts import SEARCHED
from search.index import rebuild
from search.models import Entry


class Command(BaseCommand):
    """Make the search index anew, and tell how far it is: `posts 100/1000`."""

    help = "Make the search index anew."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take kinds, or --all."""
        parser.add_argument("kinds", nargs="*", metavar="KIND", help=f"of {', '.join(SEARCHED)}")
        parser.add_argument("--all", action="store_true", help="every kind, and nothing left of others")

    def handle(self, *, kinds: list[str], all: bool, **_: object) -> None:  # noqa: A002  # the option's name
        """Do it, one kind after the other."""
        if unknown := set(kinds) - SEARCHED.keys():
            raise CommandError(f"Nothing of the kind {', '.join(sorted(unknown))} is searched.")
        if not kinds and not all:
            raise CommandError("Name the kinds, or say --all.")
        if all:
            Entry.objects.exclude(kind__in=SEARCHED).delete()
        for kind in SEARCHED if all else kinds:
            for done, total in rebuild(kind):
                self.stdout.write(f"{kind}s {done}/{total}")
                self.stdout.flush()
        self.stdout.write(f"done: {Entry.objects.count()} entries")
