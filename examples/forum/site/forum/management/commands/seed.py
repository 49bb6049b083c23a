"""`manage.py seed`: fill an empty database with a site that looks as if it had been used."""

import argparse
import datetime as dt
import random
from itertools import pairwise
from typing import Any

from django.contrib.auth.hashers import make_password
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand
from django.db import transaction
from django.utils import timezone

from channels.models import Channel, Comment, Post
from podcasts.models import Episode, Show
from siteconfig.models import Setting

PASSWORD = "read-and-write"  # noqa: S105  # of every account of a demonstration
_CHANNELS = {
    "test_channel": "Test channel",
    "questions": "Questions",
    "show-notes": "Show notes",
    "microphones": "Microphones",
    "editing": "Editing",
    "meetups": "Meetups",
}
_SHOWS = ("On Call", "Night Shift", "The Long Migration", "Two Phase", "Blameless", "Cold Start", "Uptime", "Read Only")
_SUBJECTS = ("microphones", "a test of the new feed", "cutting silence", "interviews", "a quiet room", "chapters")
_VERBS = ("Who knows more about", "What I learned about", "A question about", "Three notes on", "Please test")
_ANSWERS = ("Thank you, that helped.", "I had the same.", "Here it works.", "Can you test it again?", "Good point.")


class Command(BaseCommand):
    """Fill the database; the same rows each time, but for their dates."""

    help = "Fill an empty database with rows of a site that has been used."

    def add_arguments(self, parser: argparse.ArgumentParser) -> None:
        """Take sizes."""
        parser.add_argument("--users", type=int, default=40)
        parser.add_argument("--posts", type=int, default=1000)

    @transaction.atomic
    def handle(self, *, users: int, posts: int, **_: object) -> None:
        """Write everything in one transaction."""
        chance = random.Random(4)  # noqa: S311  # the same site each time
        members = _members(users)
        channels = _channels(members)
        _posts(chance, members, channels, posts)
        _podcasts(chance)
        _settings(channels)
        self.stdout.write(f"{users} users, {posts} posts, {Comment.objects.count()} comments, {len(_SHOWS)} shows")


def _members(count: int) -> list[User]:
    password = make_password(PASSWORD)
    User.objects.create_superuser("admin", "admin@forum.example", PASSWORD)
    return User.objects.bulk_create(
        User(username=f"member{number:03}", email=f"member{number:03}@forum.example", password=password)
        for number in range(1, count + 1)
    )


def _channels(members: list[User]) -> list[Channel]:
    return Channel.objects.bulk_create(
        Channel(slug=slug, title=title, about=f"All about {title.lower()}.", owner=members[number % len(members)])
        for number, (slug, title) in enumerate(_CHANNELS.items())
    )


def _posts(chance: random.Random, members: list[User], channels: list[Channel], count: int) -> None:
    made = Post.objects.bulk_create(
        Post(
            channel=channels[number % len(channels)],
            author=chance.choice(members),
            title=f"{chance.choice(_VERBS)} {(subject := chance.choice(_SUBJECTS))}",
            text=f"I have been thinking about {subject} for a while. What do you do, and what would you not do again?",
            comment_count=number % 4,
        )
        for number in range(count)
    )
    comments = Comment.objects.bulk_create(
        Comment(post=post, author=chance.choice(members), text=chance.choice(_ANSWERS))
        for post in made
        for _ in range(post.comment_count)
    )
    for before, after in pairwise(comments):
        after.parent = before if before.post_id == after.post_id else None
    Comment.objects.bulk_update(comments, ("parent",), batch_size=500)
    _spread(Post, made, "created_on", dt.timedelta(minutes=40))
    _spread(Comment, comments, "created_on", dt.timedelta(minutes=25))


def _podcasts(chance: random.Random) -> None:
    shows = Show.objects.bulk_create(
        Show(
            slug=title.lower().replace(" ", "-"),
            title=title,
            about=f"{title}: people who keep things running talk about {chance.choice(_SUBJECTS)}.",
            contact=f"{title.lower().replace(' ', '.')}@podcasts.example",
        )
        for title in _SHOWS
    )
    episodes = [
        Episode(show=show, number=number, title=f"{chance.choice(_VERBS)} {chance.choice(_SUBJECTS)}", notes=notes)
        for show in shows
        for number in range(1, 26)
        for notes in (f"Recorded in one take. Test number {number}.",)
    ]
    twice = [
        Episode(show=episode.show, number=episode.number, title=episode.title, notes="Imported once more.")
        for episode in episodes[::10]
    ]
    made = Episode.objects.bulk_create([*episodes, *twice])
    _spread(Show, shows, "created_on", dt.timedelta(days=9))
    _spread(Episode, made, "created_on", dt.timedelta(hours=8))


def _settings(channels: list[Channel]) -> None:
    ids = {channel.slug: channel.pk for channel in channels}
    values = {
        "site.title": "Airwaves",
        "site.motto": "Podcasts, and the people who talk about them.",
        "channels.front_page": ids["questions"],
        "channels.welcome": ids["test_channel"],
        "channels.moderated": ids["meetups"],
        "podcasts.feed_length": 50,
    }
    Setting.objects.bulk_create(Setting(name=name, value=str(value)) for name, value in values.items())


def _spread(model: Any, rows: list[Any], field: str, apart: dt.timedelta) -> None:  # noqa: ANN401  # any model
    """Let the last of the rows be an hour old, and each one before it that much older."""
    last = timezone.now() - dt.timedelta(hours=1)
    for place, row in enumerate(reversed(rows)):
        setattr(row, field, last - place * apart)
    model.objects.bulk_update(rows, (field,), batch_size=500)
