"""Shows and their episodes."""

from django.db import models
from django.urls import reverse


class Show(models.Model):
    """A podcast; *contact* is how its makers are reached."""

    slug = models.SlugField(max_length=60, unique=True)
    title = models.CharField(max_length=200)
    about = models.TextField(blank=True)
    contact = models.EmailField(blank=True, null=True)
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
    """One episode; an importer that ran twice has left some of them twice."""

    show = models.ForeignKey(Show, models.CASCADE, related_name="episodes")
    number = models.PositiveIntegerField()
    title = models.CharField(max_length=200)
    notes = models.TextField(blank=True)
    created_on = models.DateTimeField(auto_now_add=True)

    class Meta:
        ordering = ("number", "id")

    def __str__(self) -> str:
        return f"{self.number}. {self.title}"

    def get_absolute_url(self) -> str:
        """Give the address of its place on the page of its show."""
        return f"{self.show.get_absolute_url()}#episode-{self.pk}"

    def search_texts(self) -> tuple[str, str]:
        """Give what it is found by: a title and a text."""
        return self.title, self.notes
