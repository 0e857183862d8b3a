"""Derived, wrapped and keyed."""

from __future__ import annotations

import hmac

import pytest

from leadglass.errors import InputError, SealBrokenError
from leadglass.seal.keys import derive, keyed, region_key, unwrap, wrap

KEY, NONCE = bytes(range(32)), bytes(12)


def test_a_derived_key_is_hkdf_of_the_documented_info() -> None:
    extracted = hmac.digest(bytes(32), KEY, "sha256")
    expected = hmac.digest(extracted, b"leadglass/derive@v1\n\x05index" + b"site" + b"\x01", "sha256")
    assert derive(KEY, label="index", context=b"site") == expected


def test_a_label_and_a_context_do_not_run_into_each_other() -> None:
    assert derive(KEY, label="ab", context=b"c") != derive(KEY, label="a", context=b"bc")


@pytest.mark.parametrize("length", [1, 16, 33, 8160])
def test_any_length_can_be_derived(length: int) -> None:
    assert len(derive(KEY, label="x", length=length)) == length


@pytest.mark.parametrize("length", [-1, 0, 8161])
def test_a_length_that_hkdf_cannot_give_is_refused(length: int) -> None:
    with pytest.raises(InputError):
        derive(KEY, label="x", length=length)


def test_a_wrapped_key_comes_back() -> None:
    assert unwrap(wrap(b"k" * 32, kek=KEY, context=b"c", nonce=NONCE), kek=KEY, context=b"c") == b"k" * 32


def test_what_is_no_wrapped_key_is_refused() -> None:
    with pytest.raises(SealBrokenError, match="version 1"):
        unwrap(b"leadglass/wrap@v1\n" + bytes(27), kek=KEY, context=b"c")


@pytest.mark.parametrize("arguments", [{"kek": KEY[:31]}, {"nonce": NONCE[:11]}])
def test_a_key_or_nonce_of_another_length_is_refused(arguments: dict[str, bytes]) -> None:
    with pytest.raises(InputError):
        wrap(b"k", **{"kek": KEY, "nonce": NONCE, "context": b"c", **arguments})


def test_a_keyed_name_is_hmac_of_the_documented_bytes() -> None:
    assert (
        keyed(KEY, kind="name", value="王") == hmac.digest(KEY, b"leadglass/keyed@v1\n\x04name\xe7\x8e\x8b", "sha256").hex()
    )


def test_a_kind_and_a_value_do_not_run_into_each_other() -> None:
    assert keyed(KEY, kind="ab", value="c") != keyed(KEY, kind="a", value="bc")


def test_a_name_that_is_not_unicode_still_has_a_term_of_its_own() -> None:
    assert keyed(KEY, kind="name", value="\ud800") != keyed(KEY, kind="name", value="\ud801")


def test_a_label_too_long_to_frame_is_refused() -> None:
    with pytest.raises(InputError):
        keyed(KEY, kind="k" * 256, value="")


def test_the_id_of_a_region_key_does_not_depend_on_its_place_alone() -> None:
    one, other = region_key(KEY, context=b"heart"), region_key(bytes(32), context=b"heart")
    assert one.kek_id != other.kek_id
    assert len(one.kek_id) == 16


def test_the_id_of_a_region_key_is_no_part_of_the_key() -> None:
    key = region_key(KEY, context=b"heart")
    assert key.kek_id not in key.kek
