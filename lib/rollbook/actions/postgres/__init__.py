"""Kinds that back up, compare, restore and swap PostgreSQL databases."""
