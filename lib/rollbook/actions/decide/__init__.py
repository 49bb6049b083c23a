"""Kinds of action that help to decide."""
