"""Kinds that bring a search index back."""
