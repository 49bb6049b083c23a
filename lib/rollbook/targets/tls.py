"""Which certificates of servers are believed, and what to do about one that is not."""

from pathlib import Path
from typing import TYPE_CHECKING, Final

from ..errors import TargetError

if TYPE_CHECKING:
    from ssl import SSLContext

_ADVICE: Final = {
    "WRONG_VERSION_NUMBER": "The server does not speak TLS at this port, or not from the first byte on.",
    "expired": "Have the server's certificate renewed; it is not believed until then.",
    "not yet valid": "Look at the clocks of both machines; else the certificate is for later.",
    "self-signed": "If this is the server's own certificate or its authority's, and you have it from somebody whom "
    "you trust, name its file in ca:.",
    "issuer": "If its authority is a private one, name the file with the authority's certificate in ca:.",
    "match": "The certificate is for another host: give the name that it is for, or have a right one made.",
    "not valid for": "The certificate is for another host: give the name that it is for, or have a right one made.",
}


def authorities(name: str, ca: str | None) -> str | None:
    """Give the path of the file *ca* of target *name*. Raises `TargetError` where it cannot be used."""
    if ca is None:
        return None
    make_context(name, ca)
    return str(Path(ca).expanduser())


def make_context(name: str, ca: str | None) -> "SSLContext":
    """
    Make the context for connections of target *name*: it believes what *ca* signed, else the system's authorities.

    Raises `TargetError` where the file cannot be used.
    """
    import ssl

    path = None if ca is None else Path(ca).expanduser()
    try:
        return ssl.create_default_context(cafile=path)
    except ssl.SSLError:  # which is an OSError too
        why = "holds no certificate in PEM form"
    except OSError as error:
        why = f"cannot be read: {error.strerror}"
    raise TargetError(
        f"{name}: its ca: {path} {why}",
        advice="Name the file with the certificate of the authority (-----BEGIN CERTIFICATE-----), not its key.",
    )


def advice_for(text: str) -> str:
    """Give what to do about an error of TLS, by its *text*."""
    for words, advice in _ADVICE.items():
        if words in text:
            return advice
    return "Is the certificate valid for this host, and do both sides speak TLS there?"
