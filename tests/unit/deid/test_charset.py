"""Text under its Specific Character Set, under a wrong one, and under none."""

from __future__ import annotations

import hypothesis.strategies as st
import planting as p
import pydicom.charset
import pytest
from hypothesis import given

from leadglass.deid.charset import CODECS, are_defined, decode_text, encode_text, read_text, readings

SINGLE = {
    "": "Doe^Jane",
    "ISO_IR 6": "Doe^Jane",
    "ISO_IR 13": "ﾔﾏﾀﾞ^ﾀﾛｳ",
    "ISO_IR 100": "Müller^Jörg",
    "ISO_IR 101": "Dvořák^Antonín",
    "ISO_IR 109": "Ĉapek^Ĝoĵo",
    "ISO_IR 110": "Bērziņš^Jānis",
    "ISO_IR 126": "Διονυσιος",
    "ISO_IR 127": "قباني^لنزار",
    "ISO_IR 138": "שרון^דבורה",
    "ISO_IR 144": "Люкceмбypг",
    "ISO_IR 148": "Çavuşoğlu^Şule",
    "ISO_IR 166": "นามสกุล",
    "ISO_IR 192": "Wang^XiaoDong=王^小东=",
    "ISO_IR 203": "Šœ^Žan€",
    "GB18030": "Wang^XiaoDong=王^小东=",
    "GBK": "王^小东",
}


@pytest.mark.parametrize("term", SINGLE)
def test_text_makes_the_round_trip(term: str) -> None:
    encoded = encode_text(SINGLE[term], (term,))
    assert encoded is not None
    assert decode_text(encoded, (term,)) == SINGLE[term]


# pydicom does not know Latin-9 yet.
@pytest.mark.parametrize("term", sorted(set(SINGLE) - {"ISO_IR 6", "ISO_IR 203", ""}))
def test_text_is_read_as_pydicom_reads_it(term: str) -> None:
    encoded = encode_text(SINGLE[term], (term,))
    assert encoded is not None
    encodings = pydicom.charset.convert_encodings([term])
    assert read_text(encoded, (term,)) == pydicom.charset.decode_bytes(encoded, encodings, {0x1B})


EXTENDED = [
    (("", "ISO 2022 IR 87"), p.JAPANESE, "Yamada^Tarou=山田^太郎=やまだ^たろう"),
    (("ISO 2022 IR 6", "ISO 2022 IR 87"), p.JAPANESE, "山田^太郎"),
    (("", "ISO 2022 IR 87", "ISO 2022 IR 159"), p.JAPANESE_SUPPLEMENT, "丂^丄"),
    (("", "ISO 2022 IR 149"), p.KOREAN, "Hong^Gildong=洪^吉洞=홍^길동"),
    (("", "ISO 2022 IR 58"), p.CHINESE, "Zhang^XiaoDong=张^小东="),
]


@pytest.mark.parametrize(("charset", "encode", "text"), EXTENDED)
def test_code_extensions_are_followed(charset: tuple[str, ...], encode: p.Encode, text: str) -> None:
    assert decode_text(encode(text), charset) == text


@pytest.mark.parametrize(("charset", "encode", "text"), EXTENDED)
def test_code_extensions_are_read_where_nobody_stated_them(charset: tuple[str, ...], encode: p.Encode, text: str) -> None:
    assert charset
    assert read_text(encode(text), ()) == text


@pytest.mark.parametrize(
    ("value", "stated", "text"),
    [
        ("王^小东".encode(), ("ISO_IR 6",), "王^小东"),
        ("王^小东".encode(), (), "王^小东"),
        ("王^小东".encode("gb18030"), (), "王^小东"),
        ("王^小东".encode("gb18030"), ("ISO_IR 192",), "王^小东"),
        ("Müller".encode("latin_1"), ("ISO_IR 192",), "Müller"),
        ("Müller".encode(), ("ISO_IR 999",), "Müller"),
        ("Müller".encode(), ("Doe",), "Müller"),
    ],
)
def test_under_a_wrong_character_set_one_of_the_readings_is_right(value: bytes, stated: tuple[str, ...], text: str) -> None:
    assert text in set(readings(value, stated))


def test_ascii_has_one_reading_under_any_character_set() -> None:
    assert {tuple(readings(b"Doe^Jane ", (term,))) for term in [*CODECS, "none"]} == {("Doe^Jane",)}


def test_what_follows_a_nul_is_no_text() -> None:
    assert read_text(b" Doe \0Roe", ()) == "Doe"


@given(st.binary(max_size=40), st.lists(st.sampled_from([*CODECS, "none", "ISO 2022 IR 999"]), max_size=3))
def test_any_bytes_under_any_character_set_have_a_reading(value: bytes, charset: list[str]) -> None:
    found = list(readings(value, charset))
    assert found
    assert read_text(value, charset) == found[0]
    assert "\0" not in found[0]


@given(st.text(max_size=20), st.sampled_from(sorted(CODECS)))
def test_what_is_written_is_read_again(text: str, term: str) -> None:
    encoded = encode_text(text, (term,))
    if encoded is not None and b"\x1b" not in encoded:
        assert decode_text(encoded, (term,)) == text


@pytest.mark.parametrize("term", ["", "ISO_IR 100", "ISO 2022 IR 87", "ISO 2022 IR 159", "none"])
def test_what_a_character_set_cannot_hold_is_not_written(term: str) -> None:
    assert encode_text("王", (term,)) is None


@pytest.mark.parametrize(
    ("charset", "defined"),
    [((), True), (("ISO_IR 100",), True), (("", "ISO 2022 IR 87"), True), (("Doe^Jane",), False), (("", "Zqxw"), False)],
)
def test_defined_terms_are_told_from_others(charset: tuple[str, ...], defined: bool) -> None:
    assert are_defined(charset) is defined
