"""Kinds that look after what waits for Celery's workers."""
