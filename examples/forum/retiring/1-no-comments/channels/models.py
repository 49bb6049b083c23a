"""Channels, and what is posted there."""

from django.conf import settings
from django.db import models
from django.urls import reverse


class Channel(models.Model):
    """A place for posts about one subject."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=120)
    about = models.TextField(blank=True)
    created_on = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Give the address of its page."""
        return reverse("channels:channel", args=[self.slug])


class Post(models.Model):
    """Something posted; *comment_count* is kept by the worker."""

    channel = models.ForeignKey(Channel, models.CASCADE, related_name="posts")
    author = models.ForeignKey(settings.AUTH_USER_MODEL, models.SET_NULL, null=True, related_name="posts")
    title = models.CharField(max_length=200)
    text = models.TextField()
    comment_count = models.PositiveIntegerField(default=0)
    created_on = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Give the address of its page."""
        return reverse("channels:post", args=[self.channel.slug, self.pk])

    def search_texts(self) -> tuple[str, str]:
        """Give what it is found by: a title and a text."""
        return self.title, self.text
