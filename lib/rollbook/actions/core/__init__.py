"""Kinds that need no system of their own: values, assertions, waiting."""
