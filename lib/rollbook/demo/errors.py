"""What can go wrong with the demo's own servers, told to the person who started it."""

from rollbook.errors import RollbookError


class DemoError(RollbookError):
    """The demo cannot start or go on; the message says what is missing and the advice what to do."""
