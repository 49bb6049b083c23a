"""Channels and their posts."""

from django.db import models


class Channel(models.Model):
    """A channel."""

    name = models.CharField(max_length=50)


class Post(models.Model):
    """A post in a channel."""

    channel = models.ForeignKey(Channel, models.CASCADE)
    text = models.TextField()
    score = models.IntegerField(default=0)
