"""The provisioning text: one form for the hub, the command line and the QR code on a sheet."""

import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from iiot_engine.errors import KeyFormError
from iiot_engine.wire import signing
from iiot_engine.wire.provision import Credential, Place, qr_text, read_qr_text

KEY = bytes(range(32))
PRESS = Credential(device_id="press-07", kid=2, key=KEY)
PLACE = Place(prefix="iiot", host="192.0.2.1", port=8883, tls=True)
TEXT = (
    '{"boot":7,"broker":{"host":"192.0.2.1","port":8883,"tls":true},"id":"press-07",'
    f'"key":"{KEY.hex()}","kid":2,"prefix":"iiot"}}'
)


def test_it_is_canonical_json() -> None:
    assert qr_text(PRESS, PLACE, 7) == TEXT


@given(
    st.builds(
        Credential,
        device_id=st.from_regex(r"[A-Za-z0-9_-]{1,64}", fullmatch=True).filter(lambda found: found != "hub"),
        kid=st.integers(1, 2**32 - 1),
        key=st.binary(min_size=32, max_size=32),
    )
)
def test_what_was_written_is_read(credential: Credential) -> None:
    assert read_qr_text(qr_text(credential, PLACE)) == credential


def test_a_person_may_have_laid_it_out_and_a_login_may_stand_in_it() -> None:
    text = TEXT.replace(",", ",\n  ").replace('"tls":true', '"tls":true, "user":"press", "password":"x"')
    assert read_qr_text(f"\n{text}\n") == PRESS


@pytest.mark.parametrize(
    "text",
    [
        "",
        "[]",
        "{}",
        "\udcff",
        "[" * 100_000,
        KEY.hex(),
        TEXT.replace('"id"', '"ident"'),
        TEXT.replace('"press-07"', '"hub"'),
        TEXT.replace('"press-07"', "7"),
        TEXT.replace('"kid":2', '"kid":true'),
        TEXT.replace('"kid":2', '"kid":0'),
        TEXT.replace('"kid":2', f'"kid":{2**32}'),
        TEXT.replace(KEY.hex(), KEY.hex()[2:]),
        TEXT.replace(f'"{KEY.hex()}"', "0"),
        TEXT.replace('"kid":2', '"kid":2,"kid":3'),
    ],
)
def test_what_is_no_such_text_is_refused_without_a_word_of_it(text: str) -> None:
    with pytest.raises(KeyFormError) as refused:
        read_qr_text(text)
    assert KEY.hex()[:16] not in str(refused.value)


def test_a_key_is_in_no_words_of_its_own() -> None:
    assert KEY.hex() not in repr(PRESS)
    assert repr(KEY) not in repr(PRESS)
    assert PRESS.fingerprint.count("-") == 3


def test_a_login_stands_in_it_only_where_the_hub_keeps_them() -> None:
    told = json.loads(qr_text(PRESS, replace(PLACE, has_own_login=True), 7))
    password = signing.derive_broker_password(PRESS.key, PRESS.device_id, PRESS.kid)
    assert told["broker"] == {
        "host": "192.0.2.1",
        "port": 8883,
        "tls": True,
        "user": PRESS.device_id,
        "password": password,
    }
    assert read_qr_text(json.dumps(told)) == PRESS
