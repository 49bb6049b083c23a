"""What the worker does for the search."""

from celery import shared_task

from forum.parts import SEARCHED

from .index import rows_of, write


@shared_task
def index_one(label: str, pk: int) -> None:
    """Index one row by the label of its model; a row that is gone by now has nothing to be found by."""
    kind = next(kind for kind, model in SEARCHED.items() if model == label)
    write(kind, rows_of(kind).filter(pk=pk))
