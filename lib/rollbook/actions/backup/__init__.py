"""Backups as they are kept, whatever they are of: moved between this machine and a store, and cleared away."""
