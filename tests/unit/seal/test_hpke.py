"""Records for one person."""

from __future__ import annotations

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from leadglass.errors import InputError, SealBrokenError
from leadglass.seal.hpke import FORMAT, MAX_RECORD, open_for, seal_for, sealed_for
from leadglass.seal.public import PublicKey, new_person_key, read_private

KEY, OTHER = new_person_key(seed=bytes(range(96))), new_person_key(seed=bytes(96))
CONTEXT = b'{"expires":"2026-11-24T19:00:00Z","recipient":"dr.demo"}'


@pytest.mark.parametrize("size", [0, 1, 32, 100_000])
def test_what_was_sealed_comes_back(size: int) -> None:
    record = bytes(n % 251 for n in range(size))
    sealed = seal_for(record, to=KEY.public, context=CONTEXT)
    assert open_for(sealed, key=KEY, context=CONTEXT) == record
    assert len(sealed) == len(FORMAT) + 20 + 1120 + size + 16


def test_a_record_names_its_suite_and_its_key() -> None:
    sealed = seal_for(b"key", to=KEY.public, context=CONTEXT)
    assert sealed.startswith(b"leadglass/hpke@v1 MLKEM768-X25519 HKDF-SHA256 AES-256-GCM\n")
    assert sealed_for(sealed) == KEY.key_id


def test_no_two_records_are_alike() -> None:
    assert seal_for(b"key", to=KEY.public, context=b"") != seal_for(b"key", to=KEY.public, context=b"")


def test_another_key_and_another_context_do_not_open_it() -> None:
    sealed = seal_for(b"key", to=KEY.public, context=CONTEXT)
    with pytest.raises(SealBrokenError, match="another key"):
        open_for(sealed, key=OTHER, context=CONTEXT)
    with pytest.raises(SealBrokenError, match="context"):
        open_for(sealed, key=KEY, context=CONTEXT.replace(b"19:00", b"20:00"))


def test_both_halves_of_the_key_are_needed() -> None:
    seed = bytearray(range(96))
    seed[95] ^= 1
    same_first_half = new_person_key(seed=bytes(seed))
    assert same_first_half.key_id == KEY.key_id
    with pytest.raises(SealBrokenError):
        open_for(seal_for(b"key", to=KEY.public, context=b""), key=same_first_half, context=b"")


@pytest.mark.parametrize(
    "bad", [b"", FORMAT, b"leadglass/hpke@v2 \n" + bytes(2000), FORMAT + bytes(1155), FORMAT + bytes(1 << 21)]
)
def test_what_is_no_record_is_refused(bad: bytes) -> None:
    with pytest.raises(SealBrokenError, match="no record"):
        open_for(bad, key=KEY, context=b"")


def test_a_key_of_another_kind_is_refused() -> None:
    curve = ec.derive_private_key(5, ec.SECP256R1()).private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    key = read_private(curve)
    with pytest.raises(InputError, match="EC P-256"):
        seal_for(b"key", to=key.public, context=b"")
    with pytest.raises(InputError, match="EC P-256"):
        open_for(seal_for(b"key", to=KEY.public, context=b""), key=key, context=b"")


def test_half_of_a_pair_is_refused() -> None:
    half = PublicKey(KEY.kind, KEY.public.spki, loaded=KEY.public.loaded)
    with pytest.raises(InputError):
        seal_for(b"key", to=half, context=b"")


def test_a_long_record_is_refused() -> None:
    with pytest.raises(InputError, match="at most"):
        seal_for(bytes(MAX_RECORD + 1), to=KEY.public, context=b"")
