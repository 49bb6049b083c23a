"""Rollbook: YAML runbooks that run, with a plan before, a journal behind and a report after."""

__version__ = "0.1.0"
