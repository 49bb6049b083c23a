"""The search index: one table of PostgreSQL, made anew by `recreate_index`."""

from django.contrib.postgres.indexes import GinIndex
from django.contrib.postgres.search import SearchVectorField
from django.db import models


class Entry(models.Model):
    """What is found: a copy of a row's texts, as words; *kind* is a name of `forum.parts.SEARCHED`."""

    kind = models.CharField(max_length=20)
    row_id = models.BigIntegerField()
    url = models.CharField(max_length=300)
    title = models.CharField(max_length=200)
    text = models.TextField()
    words = SearchVectorField()

    class Meta:
        verbose_name_plural = "entries"
        indexes = (GinIndex(fields=["words"], name="search_entry_words"),)
        constraints = (models.UniqueConstraint(fields=("kind", "row_id"), name="search_entry_row"),)

    def __str__(self) -> str:
        return f"{self.kind}: {self.title}"
