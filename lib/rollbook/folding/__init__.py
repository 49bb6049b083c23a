"""Folding: records of a journal → the run that they tell of."""

from .whole import fold

__all__ = ["fold"]
