"""DER elements, and BER with open lengths made definite."""

from __future__ import annotations

import pytest

from leadglass.errors import MalformedError
from leadglass.seal.der import Reader, bit_string, definite, element, integer, set_of


@pytest.mark.parametrize(
    ("value", "der"),
    [(0, "020100"), (127, "02017f"), (128, "02020080"), (255, "020200ff"), (256, "02020100"), (600_000, "02030927c0")],
)
def test_integers_have_their_shortest_form(value: int, der: str) -> None:
    assert integer(value).hex() == der


@pytest.mark.parametrize("value", [0, 1, 127, 128, 65535])
def test_small_integers_come_back(value: int) -> None:
    assert Reader(integer(value)).take_small() == value


@pytest.mark.parametrize("der", ["0200", "02020001", "0201ff", "0203010000", "040101"])
def test_other_small_integers_are_refused(der: str) -> None:
    with pytest.raises(MalformedError):
        Reader(bytes.fromhex(der)).take_small()


def test_bits_are_whole_bytes() -> None:
    assert Reader(bit_string(b"ab")).take_bits() == b"ab"
    with pytest.raises(MalformedError, match="whole bytes"):
        Reader(bytes.fromhex("03020780")).take_bits()


def test_a_set_is_in_the_order_of_its_encodings() -> None:
    assert set_of(b"\x30\x00", b"\x02\x01\x05", b"\x04\x00") == bytes.fromhex("3107020105" + "0400" + "3000")


def test_what_has_a_length_is_left_alone() -> None:
    der = element(0x30, integer(5))
    assert definite(der) is der


@pytest.mark.parametrize(
    ("ber", "der"),
    [
        ("30800000", "3000"),
        ("3080020105" + "0000", "3003020105"),
        ("3080" + "30800201050000" + "0000", "30053003020105"),
        ("3080" + "3003020105" + "0000", "30053003020105"),
        ("3080" + "0281 01 05" + "0000", "3003020105"),
        ("3080" + "2480 0401 61 0402 6263 0000" + "0000", "30050403616263"),
        ("3080" + "2407 0401 61 0402 6263" + "0000", "30050403616263"),
        ("3080" + "a080 0401 61 0402 6263 0000" + "0000", "3009a007040161040262 63"),
        ("3080" + "3080 0000" + "0400" + "0000", "30043000 0400"),
        ("3080 0000 00", "3000"),
    ],
)
def test_open_lengths_are_closed(ber: str, der: str) -> None:
    assert definite(bytes.fromhex(ber)) == bytes.fromhex(der)


@pytest.mark.parametrize(
    "ber",
    [
        "3080",
        "308000",
        "30800000ff",
        "3080000000 00",
        "3080 0280 01 0000",
        "3080 0405 00 0000",
        "3080 3004 020105 0000",
        "0480 0000",
    ],
)
def test_broken_ber_is_refused(ber: str) -> None:
    with pytest.raises(MalformedError, match="CMS"):
        definite(bytes.fromhex(ber))


def test_deep_nesting_is_refused() -> None:
    assert definite(b"\x30\x80" * 30 + b"\0\0" * 30)
    with pytest.raises(MalformedError, match="deep"):
        definite(b"\x30\x80" * 10_000)


def test_more_parts_than_any_envelope_has_are_refused() -> None:
    with pytest.raises(MalformedError, match="too many"):
        definite(b"\x30\x80" + b"\x05\x00" * (1 << 20) + b"\0\0")


def test_pieces_that_are_no_strings_are_refused() -> None:
    with pytest.raises(MalformedError):
        definite(bytes.fromhex("3080 2480 020105 0000 0000"))
