"""Message brokers: what waits in their queues, by the transports that Celery uses."""

from .target import BrokerTarget

__all__ = ["BrokerTarget"]
