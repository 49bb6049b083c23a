"""Kinds that ask sites over HTTP."""
