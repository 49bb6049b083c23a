"""Packages on hosts."""
