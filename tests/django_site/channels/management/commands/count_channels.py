"""Counts channels, or fails when there are fewer than wanted."""

from argparse import ArgumentParser

from django.core.management.base import BaseCommand, CommandError

from channels.models import Channel


class Command(BaseCommand):
    """Count them."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--at-least", type=int, default=0)
        parser.add_argument("--add", default="")

    def handle(self, **options: object) -> None:
        if options["add"]:
            Channel.objects.create(name=options["add"])
        found = Channel.objects.count()
        if found < int(str(options["at_least"])):
            raise CommandError(f"only {found} channels")
        self.stdout.write(f"{found} channels")
