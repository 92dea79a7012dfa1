"""Certificates and keys as people paste them, and what a connection makes of them."""

from __future__ import annotations

import os
import ssl
from enum import StrEnum
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from cryptography import x509
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, load_pem_private_key

_MODE: Final = 0o600
_CERTIFICATE: Final = "-----BEGIN CERTIFICATE-----"


class Pem(StrEnum):
    """What is wrong with a pasted text."""

    AUTHORITY = "authority_unreadable"
    CERTIFICATE = "certificate_unreadable"
    KEY = "key_unreadable"
    KEY_LOCKED = "key_locked"
    """A password lies on it."""
    KEY_OF_ANOTHER = "key_of_another"
    """It is not the certificate's."""


class PemError(ValueError):
    """A text is not what it should be."""

    def __init__(self, pem: Pem) -> None:
        super().__init__(pem.value)
        self.pem = pem


def check_authority(text: str) -> str:
    """Give certificates of authorities in their plain form; raises `PemError`."""
    return _certificates(text, Pem.AUTHORITY)


def client_pem(certificate: str, key: str) -> str:
    """Give a client's certificate with those that it rests on, and its key, as one file; raises `PemError`."""
    chain = _certificates(certificate, Pem.CERTIFICATE)
    try:
        private = load_pem_private_key(key.encode(), password=None)
    except TypeError as err:
        raise PemError(Pem.KEY_LOCKED) from err
    except ValueError as err:
        raise PemError(Pem.KEY) from err
    if x509.load_pem_x509_certificate(chain.encode()).public_key() != private.public_key():
        raise PemError(Pem.KEY_OF_ANOTHER)
    return private.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode() + chain


def certificate_of(client: str) -> str:
    """Give the certificates of what `client_pem` gave."""
    return _certificates(client, Pem.CERTIFICATE)


def key_of(client: str) -> str:
    """Give the key of what `client_pem` gave."""
    return client[: client.index(_CERTIFICATE)]


def context_of(authority: str | None, client: str | None) -> ssl.SSLContext:
    """Build what a connection is encrypted with; reads and writes files.

    `authority` None: those that the system trusts. `client`: as `client_pem` gives it. Names and dates are checked
    always. Raises `PemError`.
    """
    try:
        context = ssl.create_default_context(cadata=authority)
    except ssl.SSLError as err:
        raise PemError(Pem.AUTHORITY) from err
    if client is not None:
        with TemporaryDirectory() as folder:  # OpenSSL takes them from a file only
            file = Path(folder) / "client.pem"
            write_secret(file, client)
            try:
                context.load_cert_chain(file)
            except ssl.SSLError as err:
                raise PemError(Pem.CERTIFICATE) from err
    return context


def write_secret(file: Path, text: str) -> None:
    """Write a file that only this user can read, whole or not at all."""
    fresh = file.with_suffix(".new")
    with os.fdopen(os.open(fresh, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, _MODE), "w", encoding="ascii") as stream:
        stream.write(text)
        stream.flush()
        os.fsync(stream.fileno())
    fresh.replace(file)


def _certificates(text: str, what: Pem) -> str:
    try:
        found = x509.load_pem_x509_certificates(text.encode())
    except ValueError as err:
        raise PemError(what) from err
    return "".join(one.public_bytes(Encoding.PEM).decode() for one in found)
