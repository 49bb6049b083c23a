"""Kinds that work on SQL databases of any make, as far as each says."""
