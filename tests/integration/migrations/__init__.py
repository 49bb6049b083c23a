"""Destructive migrations in several environments on a real server, with what protects and recovers them."""
