"""Command lines as an operator would type them."""

import shlex

from .command import program


def typed(command: str, *words: str, **options: str | tuple[str, ...] | bool) -> str:
    """Write a command line as the operator would type it; empty options are left out."""
    parts = [program(), command, *(shlex.quote(word) for word in words)]
    for name, value in options.items():
        option = option_of(name)
        if value is True:
            parts.append(option)
        elif isinstance(value, tuple):
            parts += [part for one in value for part in (option, shlex.quote(one))]
        elif value:
            parts += [option, shlex.quote(str(value))]
    return " ".join(parts)


def option_of(name: str) -> str:
    """Give the option of a parameter: `dry_run` is --dry-run, and `set_` (a word of Python) is --set."""
    return f"--{name.rstrip('_').replace('_', '-')}"
