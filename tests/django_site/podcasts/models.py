"""Podcasts, each of a channel."""

from channels.models import Channel
from django.db import models


class Podcast(models.Model):
    """A podcast."""

    channel = models.ForeignKey(Channel, models.CASCADE)
    tags = models.ManyToManyField(Channel, related_name="tagged")
