"""A certificate authority of the tests' own, and servers' certificates, good and bad."""

import datetime as dt
import ipaddress
import ssl
from dataclasses import dataclass
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

_DAY = dt.timedelta(days=1)
Names = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Certified:
    """The files of a server's certificate and key."""

    certificate: Path
    key: Path

    def context(self) -> ssl.SSLContext:
        """Give the context of a server that shows it."""
        made = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        made.load_cert_chain(self.certificate, self.key)
        return made


_SIGNS = x509.KeyUsage(
    digital_signature=False,
    content_commitment=False,
    key_encipherment=False,
    data_encipherment=False,
    key_agreement=False,
    key_cert_sign=True,
    crl_sign=True,
    encipher_only=False,
    decipher_only=False,
)


class Authority:
    """Signs certificates; its own lies at *path*."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _name("Authority of the tests")
        made = _builder(self._name, self._name, self._key, self._key, days=30)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        made = made.add_extension(_SIGNS, critical=True)
        self.path = folder / "authority.pem"
        self.path.write_bytes(_pem(made.sign(self._key, hashes.SHA256())))

    def certify(self, *names: str, days: int = 30) -> Certified:
        """Make a certificate for *names*, addresses among them; one that has expired where *days* is negative."""
        return self._make(names, days, self._name, self._key)

    def self_signed(self, *names: str) -> Certified:
        """Make a certificate that nobody signed but itself."""
        return self._make(names, 30, None, None)

    def _make(
        self, names: Names, days: int, issuer: x509.Name | None, signing: ec.EllipticCurvePrivateKey | None
    ) -> Certified:
        key = ec.generate_private_key(ec.SECP256R1())
        subject = _name(names[0])
        made = _builder(subject, issuer or subject, key, signing or key, days=days)
        made = made.add_extension(x509.SubjectAlternativeName([_alternative(name) for name in names]), critical=False)
        stem = f"{len(list(self._folder.iterdir()))}"
        found = Certified(self._folder / f"{stem}.pem", self._folder / f"{stem}.key")
        found.certificate.write_bytes(_pem(made.sign(signing or key, hashes.SHA256())))
        found.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
            )
        )
        return found


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _alternative(name: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ipaddress.ip_address(name))
    except ValueError:
        return x509.DNSName(name)


def _builder(
    subject: x509.Name,
    issuer: x509.Name,
    key: ec.EllipticCurvePrivateKey,
    signing: ec.EllipticCurvePrivateKey,
    *,
    days: int,
) -> x509.CertificateBuilder:
    now = dt.datetime.now(dt.UTC)
    made = x509.CertificateBuilder().subject_name(subject).issuer_name(issuer).public_key(key.public_key())
    made = made.serial_number(x509.random_serial_number())
    # From Python 3.13 on a certificate must say whose key it holds and whose signed it.
    made = made.add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
    signer = x509.AuthorityKeyIdentifier.from_issuer_public_key(signing.public_key())
    made = made.add_extension(signer, critical=False)
    return made.not_valid_before(now - 60 * _DAY).not_valid_after(now + days * _DAY)


def _pem(made: x509.Certificate) -> bytes:
    return made.public_bytes(serialization.Encoding.PEM)
