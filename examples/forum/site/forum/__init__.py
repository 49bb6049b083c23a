"""The forum: podcasts and the channels in which people talk about them."""

from .worker import application

__all__ = ("application",)
