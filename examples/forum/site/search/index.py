"""Writing the search index, and asking it."""

from collections.abc import Iterable, Iterator
from itertools import islice

from django.apps import apps
from django.contrib.postgres.search import SearchQuery, SearchRank, SearchVector
from django.db import models, transaction
from django.db.models import F, QuerySet, Value

from forum.parts import SEARCHED

from .models import Entry

_BATCH = 100


def rows_of(kind: str) -> QuerySet[models.Model]:
    """Give every row of a searched kind, with the rows that its address and texts are made of."""
    return apps.get_model(SEARCHED[kind])._default_manager.select_related().order_by("pk")


def rebuild(kind: str) -> Iterator[tuple[int, int]]:
    """
    Make the entries of *kind* anew, and tell after each batch how many of how many are done.

    All in one transaction: until its end the old entries are found, and after a failure too.
    """
    rows, done = rows_of(kind), 0
    with transaction.atomic():
        Entry.objects.filter(kind=kind).delete()
        total, left = rows.count(), rows.iterator(chunk_size=_BATCH)
        while batch := list(islice(left, _BATCH)):
            write(kind, batch)
            done += len(batch)
            yield done, max(done, total)


def write(kind: str, rows: Iterable[models.Model]) -> None:
    """Write the entries of some rows, in place of those that they had."""
    made = [_entry(kind, row) for row in rows]
    Entry.objects.bulk_create(
        made, update_conflicts=True, unique_fields=("kind", "row_id"), update_fields=("url", "title", "text", "words")
    )


def find(words: str, kind: str = "") -> QuerySet[Entry]:
    """Give what holds all these words, the best first; of one kind, or of all."""
    query = SearchQuery(words, config="english")
    found = Entry.objects.filter(words=query).annotate(rank=SearchRank(F("words"), query)).order_by("-rank", "id")
    return found.filter(kind=kind) if kind else found


def _entry(kind: str, row: models.Model) -> Entry:
    title, text = row.search_texts()
    words = SearchVector(Value(title), weight="A", config="english") + SearchVector(
        Value(text), weight="B", config="english"
    )
    return Entry(kind=kind, row_id=row.pk, url=row.get_absolute_url(), title=title, text=text, words=words)
