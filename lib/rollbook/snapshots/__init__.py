"""Snapshots of what migrations will destroy, as values: what is chosen, what is saved, and the ops around it."""
