"""Certificates as people paste them: read, or refused with what is wrong."""

import ssl
import stat
from pathlib import Path

import pytest

from iiot_engine.links.tls import (
    Pem,
    PemError,
    certificate_of,
    check_authority,
    client_pem,
    context_of,
    key_of,
    write_secret,
)
from tests.authority import Authority

PLANT = Authority()


def refused(work: object, *arguments: object) -> Pem:
    with pytest.raises(PemError) as caught:
        work(*arguments)  # type: ignore[operator]
    return caught.value.pem


def test_a_certificate_and_its_key_become_one_text_and_come_apart_again() -> None:
    papers = PLANT.papers("hub")
    client = client_pem(f"\n  {papers.certificate}\n", papers.key)
    assert (certificate_of(client), key_of(client)) == (papers.certificate, papers.key)


def test_an_authority_is_kept_without_what_stands_around_it() -> None:
    assert check_authority(f"subject: CN = Plant\n{PLANT.pem}\n\n") == PLANT.pem


def test_what_is_wrong_is_told() -> None:
    papers, other = PLANT.papers(), PLANT.papers()
    locked = PLANT.papers(password="x")
    assert refused(check_authority, "hello") is Pem.AUTHORITY
    assert refused(client_pem, "", papers.key) is Pem.CERTIFICATE
    assert refused(client_pem, papers.certificate, "") is Pem.KEY
    assert refused(client_pem, papers.certificate, other.key) is Pem.KEY_OF_ANOTHER
    assert refused(client_pem, locked.certificate, locked.key) is Pem.KEY_LOCKED


def test_a_context_checks_who_answers_and_shows_who_asks() -> None:
    papers = PLANT.papers("hub")
    context = context_of(PLANT.pem, client_pem(papers.certificate, papers.key))
    assert (context.verify_mode, context.check_hostname) == (ssl.CERT_REQUIRED, True)
    assert [dict(part[0] for part in found["subject"]) for found in context.get_ca_certs()] == [
        {"commonName": "Plant authority"}
    ]
    assert context_of(None, None).get_ca_certs() is not None


def test_what_was_spoilt_on_the_disk_is_told() -> None:
    assert refused(context_of, "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n", None) is Pem.AUTHORITY
    assert refused(context_of, None, "-----BEGIN CERTIFICATE-----") is Pem.CERTIFICATE


def test_a_secret_is_for_this_user_alone(tmp_path: Path) -> None:
    file = tmp_path / "client.pem"
    write_secret(file, "x")
    write_secret(file, "y")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("y", 0o600)
    assert [one.name for one in tmp_path.iterdir()] == ["client.pem"]
