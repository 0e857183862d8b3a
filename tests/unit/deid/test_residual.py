"""What counts as identifying, how it may be written, and what is no alarm."""

from __future__ import annotations

import struct
import zlib

import imagecodecs
import numpy as np
import pytest

from leadglass.deid.identifiers import Identifiers, Kind, identifiers, identifiers_of
from leadglass.deid.residual import Part, Patterns, patterns, residual, search
from leadglass.dicom.header import Header, encode_element, walk
from leadglass.dicom.source import BytesSource
from leadglass.errors import MalformedError

PREFIX = bytes(128) + b"DICM"


def element(tag: int, vr: str, value: bytes | str) -> bytes:
    return encode_element(tag, vr, value.encode() if isinstance(value, str) else value)


def header(*elements: bytes, charset: str = "ISO_IR 192", syntax: str = "1.2.840.10008.1.2.1") -> Header:
    meta = element(0x00020010, "UI", syntax)
    ordered = sorted((element(0x00080005, "CS", charset), *elements), key=lambda each: struct.unpack("<HH", each[:4]))
    return walk(BytesSource(PREFIX + element(0x00020000, "UL", struct.pack("<L", len(meta))) + meta + b"".join(ordered)))


def named(name: str | bytes, charset: str = "ISO_IR 192") -> Patterns:
    return patterns(identifiers(header(element(0x00100010, "PN", name), charset=charset), (charset,)))


def with_id(number: str, tag: int = 0x00100020) -> Patterns:
    return patterns(identifiers(header(element(tag, "LO", number))))


def hit(known: Patterns, data: bytes | str, *, deep: bool = False) -> bool:
    return bool(search(known, [Part(data.encode() if isinstance(data, str) else data, "there", deep=deep)]))


@pytest.mark.parametrize(
    "text",
    [
        "Okonkwo^Chidinma",
        "CHIDINMA OKONKWO",
        "seen: okonkwo, chidinma",
        "okonkwo_chidinma_PA",
        "OkonkwoChidinma",
        "C. Okonkwo",
        "chidinma2024",
        "OKONKWO01",
    ],
)
def test_a_name_in_many_orders_is_found(text: str) -> None:
    assert hit(named("Okonkwo^Chidinma"), text)


@pytest.mark.parametrize("text", ["WANG LI", "wang^li", "LI, WANG", "wangli", "Li Wang 1"])
def test_short_names_are_found_together(text: str) -> None:
    assert hit(named("Wang^Li"), text)


@pytest.mark.parametrize("text", ["medulli", "lichen", "swangle", "li", "wangensteen"])
def test_parts_of_other_words_are_no_names(text: str) -> None:
    assert not hit(named("Wang^Li"), text)


@pytest.mark.parametrize("name", ["Anonymous", "Unknown^Physician", "TEST^PATIENT", "Chest", "Li", "QA^Phantom"])
def test_names_of_nobody_are_counted(name: str) -> None:
    found = identifiers(header(element(0x00100010, "PN", name)))
    assert not found.found
    assert found.counted == {Kind.NAME: 1}


@pytest.mark.parametrize("name", ["Head^Otto", "White^Bo"])
def test_a_name_that_is_a_common_word_is_looked_for_in_full_only(name: str) -> None:
    known = named(name)
    assert hit(known, name.replace("^", " "))
    assert not hit(known, name.split("^")[0])


HAN = "王^小东"


@pytest.mark.parametrize("codec", ["utf-8", "gb18030", "big5", "utf-16-le", "utf-16-be", "euc_jp", "shift_jis"])
@pytest.mark.parametrize("between", ["", "^", " ", "　"])
def test_a_chinese_name_is_found_in_every_encoding(codec: str, between: str) -> None:
    name = "張^偉明"
    assert hit(named(f"Zhang^Weiming={name}"), name.replace("^", between).encode(codec, "ignore"), deep=True)


def test_a_chinese_given_name_is_found_alone() -> None:
    assert hit(named(f"Wang^Xiaodong={HAN}"), "患者小东")


@pytest.mark.parametrize(
    ("charset", "value"),
    [
        ("GB18030", HAN.encode("gb18030")),
        ("ISO_IR 100", HAN.encode("utf-8")),
        ("", HAN.encode("gb18030")),
        ("\\ISO 2022 IR 58", b"Wang^XiaoDong=\x1b$)A" + "王".encode("gb2312") + b"^\x1b$)A" + "小东".encode("gb2312")),
    ],
)
def test_a_name_is_read_whatever_its_character_set_says(charset: str, value: bytes) -> None:
    assert hit(named(value, charset), "检查：王小东")


def test_japanese_with_escape_sequences_is_read() -> None:
    value = b"Yamada^Tarou=\x1b$B;3ED\x1b(B^\x1b$BB@O:\x1b(B"
    known = named(value, "\\ISO 2022 IR 87")
    assert hit(known, "山田太郎")
    assert hit(known, "山田".encode("shift_jis"))
    assert hit(known, b"\x1b$B;3ED\x1b(B")


@pytest.mark.parametrize("text", ["Müller", "MÜLLER", "Mueller", "muller", "Müller".encode("latin-1")])
def test_accents_come_and_go(text: str | bytes) -> None:
    assert hit(named("Müller^Jörg"), text)


@pytest.mark.parametrize(
    "text", ["MRN00482913", "id=00482913;", "CR_00482913_1", "482913", "４８２９１３", "００４８２９１３"]
)
def test_a_number_is_found_with_and_without_its_zeros(text: str) -> None:
    assert hit(with_id("00482913"), text)


@pytest.mark.parametrize("text", ["2.25.329800482913552", "1004829137", "0.482913"])
def test_a_number_inside_another_is_chance(text: str) -> None:
    assert not hit(with_id("482913"), text)


@pytest.mark.parametrize("number", ["1", "1024", "12345", "AB1", "000000"])
def test_short_ids_are_counted(number: str) -> None:
    found = identifiers(header(element(0x00100020, "LO", number)))
    assert not found.found
    assert found.counted[Kind.ID] == 1


@pytest.mark.parametrize("text", ["mrn-004829", "MRN004829", "x/MRN-004829/y"])
def test_ids_of_letters_and_digits_are_found(text: str) -> None:
    assert hit(with_id("MRN-004829"), text)


DAY = patterns(identifiers(header(element(0x00080020, "DA", "20240131"))))


@pytest.mark.parametrize(
    "text",
    [
        "20240131",
        "20240131101530.123",
        "IM20240131_2",
        "2024-01-31",
        "2024/1/31",
        "2024.01.31",
        "31.01.2024",
        "01/31/2024",
        "31-JAN-2024",
        "Jan 31st, 2024",
        "31 January 2024",
        "2024年1月31日",
        "2024年01月31日".encode("gb18030"),
    ],
)
def test_a_date_is_found_in_many_notations(text: str | bytes) -> None:
    assert hit(DAY, text)


@pytest.mark.parametrize(
    "text", ["2.25.1202401311", "1.2.840.20240131.5", "920240131", "202401319999", "2024-01-30", "2024-013-1"]
)
def test_digits_that_are_no_such_date_are_none(text: str) -> None:
    assert not hit(DAY, text)


@pytest.mark.parametrize("day", ["19000101", "00000000", "20241331", "2024", ""])
def test_days_that_mean_nothing_are_not_looked_for(day: str) -> None:
    assert not identifiers(header(element(0x00080020, "DA", day))).found


@pytest.mark.parametrize(
    ("tag", "uid", "known"),
    [
        (0x00080018, "1.2.840.113619.2.55.3.1", True),
        (0x00080018, "2.25.329800735698586629295641978511506172918", True),
        (0x00081150, "1.3.12.2.1107.5.9.1", False),
        (0x00200052, "1.2.840.10008.1.4.1.1", False),
        (0x00080018, "1.2.3", False),
    ],
)
def test_uids_are_known_unless_they_say_of_which_class_something_is(tag: int, uid: str, known: bool) -> None:
    assert bool(identifiers(header(element(tag, "UI", uid))).found) is known


def test_institutions_and_stations_are_found_whole() -> None:
    known = patterns(
        identifiers(
            header(
                element(0x00080080, "LO", "Mercy General Hospital"),
                element(0x00081010, "SH", "RADX07"),
                element(0x00400241, "AE", "NORTHWING_CR"),
                element(0x00081040, "LO", "Radiology"),
            )
        )
    )
    assert hit(known, "at MERCY GENERAL HOSPITAL, ward 3")
    assert hit(known, "radx07")
    assert hit(known, "from northwing cr")
    assert not hit(known, "General Hospital, Radiology, CR")


def test_names_in_private_values_are_known() -> None:
    known = patterns(
        identifiers(header(element(0x00290010, "LO", "ACME 1"), element(0x00291010, "OB", b"\1\2Okonkwo^Ada\0\7")))
    )
    assert hit(known, "Okonkwo")


def test_names_where_none_belong_are_known() -> None:
    assert hit(patterns(identifiers(header(element(0x00181030, "LO", "for Okonkwo^Ada")))), "okonkwo")


def test_elements_can_be_looked_at_one_by_one() -> None:
    received = header(element(0x00100010, "PN", "Okonkwo^Ada"), element(0x00100020, "LO", "4829137"))
    last = [each for each in received.elements if each.tag == 0x00100020]
    assert [kind for kind, _, _ in identifiers_of(last, received).found] == [Kind.ID]


def known_person() -> Identifiers:
    return identifiers(
        header(
            element(0x00080020, "DA", "20240131"),
            element(0x00100010, "PN", "Okonkwo^Chidinma"),
            element(0x00100030, "DA", "19610704"),
            element(0x00080080, "LO", "Okonkwo Memorial Hospital"),
        )
    )


def test_what_an_institution_may_keep_is_no_alarm() -> None:
    known = patterns(known_person(), exempt=[Kind.INSTITUTION])
    assert not hit(known, "Okonkwo Memorial Hospital")
    assert hit(known, "Chidinma Okonkwo")


def test_birth_dates_are_no_dates_that_were_to_be_kept() -> None:
    known = patterns(known_person(), exempt=[Kind.DATE, Kind.TIME])
    assert not hit(known, "20240131")
    assert hit(known, "19610704")


def test_a_name_in_a_text_that_stays_is_still_a_name() -> None:
    found = identifiers(header(element(0x00204000, "LT", "seen by Okonkwo^Ada"), element(0x00100010, "PN", "Okonkwo^Ada")))
    assert hit(patterns(found, exempt=[Kind.TEXT]), "Okonkwo")


def test_a_shifted_date_that_is_an_old_one_is_no_alarm() -> None:
    known = patterns(known_person(), own=[b"19610704", b"2.25.20240131"])
    assert not hit(known, "19610704")
    assert hit(known, "20240131")


def test_a_leak_says_where_and_never_what() -> None:
    inner = element(0x00400007, "LO", "Chest of Okonkwo")
    item = struct.pack("<HHL", 0xFFFE, 0xE000, len(inner)) + inner
    written = header(element(0x00400275, "SQ", item))
    (leak,) = residual(written, named("Okonkwo^Chidinma"))
    assert leak == (Kind.NAME, "(0040,0275)[0].(0040,0007)", 9, "as is")


def test_what_somebody_vouches_for_is_not_read() -> None:
    written = header(element(0x00420011, "OB", b"%PDF Okonkwo"))
    known = named("Okonkwo^Chidinma")
    assert residual(written, known)
    assert not residual(written, known, vouched=[0x00420011])


def test_short_words_among_bytes_are_chance() -> None:
    known = named("Novak^Jiri")
    noise = bytes(range(128, 256)) * 4
    assert not hit(known, noise + b"novak" + noise, deep=True)
    assert hit(known, noise + b"novak jiri" + noise, deep=True)


def test_native_samples_are_not_read_and_what_surrounds_them_is() -> None:
    pixels = b"OKONKWO!" * 4
    written = header(element(0x00100020, "LO", "X"), element(0x7FE00010, "OW", pixels + b" Okonkwo"))
    known = named("Okonkwo^Chidinma")
    start = written.elements[-1].value
    assert not residual(written, known)
    (leak,) = residual(written, known, samples=(start, len(pixels)))
    assert leak.where == "(7FE0,0010) behind its samples"


def compressed(*frames: bytes, table: bytes = b"") -> Header:
    def item(data: bytes) -> bytes:
        return struct.pack("<HHL", 0xFFFE, 0xE000, len(data) + len(data) % 2) + data + bytes(len(data) % 2)

    value = item(table) + b"".join(item(frame) for frame in frames) + struct.pack("<HHL", 0xFFFE, 0xE0DD, 0)
    pixels = struct.pack("<HH2sHL", 0x7FE0, 0x0010, b"OB", 0, 0xFFFFFFFF) + value
    frames_ = element(0x00280008, "IS", str(len(frames)))
    return header(frames_, pixels, syntax="1.2.840.10008.1.2.4.50")


JPEG = bytes(imagecodecs.jpeg8_encode((np.add.outer(np.arange(64), np.arange(64)) * 7 % 251).astype(np.uint8)))
COMMENT = b"\xff\xfe\x00\x13Okonkwo^Chidinm"


@pytest.mark.parametrize(
    ("frame", "table"),
    [
        (JPEG[:2] + COMMENT + b"aX" + JPEG[2:], b""),
        (JPEG[:-2] + COMMENT + b"aX" + JPEG[-2:], b""),
        (JPEG[:-2] + b"Okonkwo^Chidinma" + JPEG[-2:], b""),
        (JPEG + b"Okonkwo^Chidinma", b""),
        (JPEG, b"Okonkwo^Chidinma"),
    ],
)
def test_names_in_code_streams_are_found(frame: bytes, table: bytes) -> None:
    known = named("Okonkwo^Chidinma")
    assert residual(compressed(JPEG, frame, table=table), known)
    assert not residual(compressed(JPEG, JPEG), known)


def test_a_code_stream_that_cannot_be_read_proves_nothing() -> None:
    with pytest.raises(MalformedError):
        residual(compressed(JPEG[:-2]), named("Okonkwo^Chidinma"))


def test_a_value_longer_than_a_batch_is_read_to_its_end() -> None:
    value = bytes(3 << 20) + b"Okonkwo^Chidinma"
    (leak, *_) = residual(header(element(0x00420011, "OB", value)), named("Okonkwo^Chidinma"))
    assert leak.where == "(0042,0011)"


def test_what_inflates_without_end_costs_a_bounded_look() -> None:
    bomb = zlib.compress(bytes(1 << 26)) * 3
    assert not hit(named("Okonkwo^Chidinma"), bomb, deep=True)
