"""An authority of a plant: certificates for its brokers and clients."""

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from typing import Final, NamedTuple

from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    KeySerializationEncryption,
    NoEncryption,
    PrivateFormat,
)
from cryptography.x509.oid import NameOID

from testbed.ports import LOOPBACK

DAY: Final = timedelta(days=1)


class Papers(NamedTuple):
    """A certificate and its key, PEM."""

    certificate: str
    key: str


def pem_of(key: ec.EllipticCurvePrivateKey, password: str | None = None) -> str:
    """Write a key."""
    lock: KeySerializationEncryption = (
        NoEncryption() if password is None else BestAvailableEncryption(password.encode())
    )
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, lock).decode()


class Authority:
    """It signs."""

    def __init__(self, name: str = "Plant authority") -> None:
        self._key: Final = ec.generate_private_key(ec.SECP256R1())
        self._name: Final = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._begin(self._name, self._key, -DAY, 10 * DAY)
        builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        usage = x509.KeyUsage(*[bit in (0, 5, 6) for bit in range(9)])
        self._certificate: Final = builder.add_extension(usage, critical=True).sign(self._key, hashes.SHA256())
        self.pem: Final = self._certificate.public_bytes(Encoding.PEM).decode()

    def papers(
        self,
        name: str = "broker",
        hosts: Sequence[str] = (LOOPBACK,),
        *,
        begin: timedelta = -DAY,
        end: timedelta = DAY,
        password: str | None = None,
    ) -> Papers:
        """Sign for a broker on `hosts`, or for a client."""
        key = ec.generate_private_key(ec.SECP256R1())
        subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
        builder = self._begin(subject, key, begin, end)
        names: list[x509.GeneralName] = [
            x509.IPAddress(ip_address(host)) if host[0].isdigit() else x509.DNSName(host) for host in hosts
        ]
        builder = builder.add_extension(x509.SubjectAlternativeName(names), critical=False)
        issuer = x509.AuthorityKeyIdentifier.from_issuer_public_key(self._key.public_key())
        certificate = builder.add_extension(issuer, critical=False).sign(self._key, hashes.SHA256())
        return Papers(certificate.public_bytes(Encoding.PEM).decode(), pem_of(key, password))

    def _begin(
        self, subject: x509.Name, key: ec.EllipticCurvePrivateKey, begin: timedelta, end: timedelta
    ) -> x509.CertificateBuilder:
        now = datetime.now(UTC)
        return (
            x509.CertificateBuilder()
            .subject_name(subject)
            .issuer_name(self._name)
            .public_key(key.public_key())
            .serial_number(x509.random_serial_number())
            .not_valid_before(now + begin)
            .not_valid_after(now + end)
            .add_extension(x509.SubjectKeyIdentifier.from_public_key(key.public_key()), critical=False)
        )
