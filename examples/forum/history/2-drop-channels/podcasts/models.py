"""Shows and their episodes."""

from django.db import models
from django.urls import reverse


class Show(models.Model):
    """A podcast."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    about = models.TextField(blank=True)
    created_on = models.DateTimeField(auto_now_add=True)

    def __str__(self) -> str:
        return self.title

    def get_absolute_url(self) -> str:
        """Give the address of its page."""
        return reverse("podcasts:show", args=[self.slug])

    def search_texts(self) -> tuple[str, str]:
        """Give what it is found by: a title and a text."""
        return self.title, self.about


class Episode(models.Model):
    """One episode."""

    show = models.ForeignKey(Show, models.CASCADE, related_name="episodes")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    notes = models.TextField(blank=True)
    created_on = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("number", "id")
        constraints = (models.UniqueConstraint(fields=("show", "number"), name="podcasts_episode_once"),)

    def __str__(self) -> str:
        return f"{self.number}. {self.title}"

    def get_absolute_url(self) -> str:
        """Give the address of its place on the page of its show."""
        return f"{self.show.get_absolute_url()}#episode-{self.pk}"

    def search_texts(self) -> tuple[str, str]:
        """Give what it is found by: a title and a text."""
        return self.title, self.notes
