"""For whom a snapshot is sealed, and the command lines that seal and open it."""

from .manifest import Sealed

_AGE = ("age1", "ssh-ed25519 ", "ssh-rsa ")


def sealed_with(recipient: str) -> Sealed:
    """Tell the program by its recipient: age's begin with age1 or are ssh keys, gpg's are fingerprints or addresses."""
    if not recipient:
        return ""
    return "age" if recipient.startswith(_AGE) else "gpg"


def sealed_by(recipient: str) -> tuple[str, ...]:
    """Give the command that seals its input."""
    if sealed_with(recipient) == "age":
        return ("age", "--encrypt", "--recipient", recipient)
    # Whoever names the key in a reviewed runbook vouches for it; it need not be signed here too.
    argv = ("gpg", "--batch", "--quiet", "--no-tty", "--trust-model", "always", "--compress-algo", "none")
    return (*argv, "--encrypt", "--recipient", recipient)


def opened_by(sealed: Sealed, descriptor: int | None) -> tuple[str, ...]:
    """Give the command that opens its input, with the secret that it reads from *descriptor*."""
    if sealed == "age":
        return ("age", "--decrypt", "--identity", f"/proc/self/fd/{descriptor}")
    secret = () if descriptor is None else ("--pinentry-mode", "loopback", "--passphrase-fd", str(descriptor))
    return ("gpg", "--batch", "--quiet", "--no-tty", *secret, "--decrypt")
