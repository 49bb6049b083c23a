"""The tasks that `invoke` finds here: the same commands as `rollbook`."""

from rollbook.cli import namespace as namespace
