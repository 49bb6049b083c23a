"""Kinds that find, take back and publish versions of code in a git repository."""
