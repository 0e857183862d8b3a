"""What a header knows of the patient, and the coarse guard that is made of it."""

from __future__ import annotations

import hostile as h
import hypothesis.strategies as st
import pytest
from hypothesis import given

from leadglass.deid.known import Fact, Knowledge, charset_of, facts, item_charset, knowledge, tells
from leadglass.dicom.header import Element, Header, walk
from leadglass.dicom.instance import received
from leadglass.dicom.source import BytesSource

NOBODY: frozenset[str] = frozenset()


def header_of(*elements: bytes, charset: str = "") -> Header:
    stated = [h.element(0x00080005, "CS", charset)] if charset else []
    return walk(BytesSource(h.film([*stated, *elements])))


def facts_of(*elements: bytes, charset: str = "", without: frozenset[str] = NOBODY) -> list[Fact]:
    header = header_of(*elements, charset=charset)
    return facts(header, header.elements, received(header).charset, without=without)


def known(*elements: bytes, charset: str = "") -> Knowledge:
    return knowledge(facts_of(*elements, charset=charset))


# --- what is collected ------------------------------------------------------------------------------------------------

TELLING = [
    (0x00100010, "PN", "Doe^Jane", "names"),
    (0x00080090, "PN", "Roe^Richard", "names"),
    (0x0040A123, "PN", "Roe^Richard", "names"),
    (0x00100020, "LO", "K4711223", "ids"),
    (0x00080050, "SH", "A4711", "ids"),
    (0x00100030, "DA", "19310405", "dates"),
    (0x0040A121, "DA", "20240131", "dates"),
    (0x0008002A, "DT", "20240131101500", "dates"),
    (0x00181000, "LO", "SN4711", "serials"),
    (0x00102154, "SH", "13712345678", "phones"),
    (0x00101040, "LO", "5 Elm Street", "addresses"),
    (0x00080080, "LO", "General", "institutions"),
]


@pytest.mark.parametrize(("tag", "vr", "value", "kind"), TELLING)
@pytest.mark.parametrize("depth", [0, 1, 3])
def test_what_identifies_is_known_at_any_depth(tag: int, vr: str, value: str, kind: str, depth: int) -> None:
    element = h.element(tag, vr, value)
    for _ in range(depth):
        element = h.sequence(0x00400275, [[], [element]])
    (fact,) = facts_of(element)
    assert (fact.kind, value.encode().startswith(fact.value.strip())) == (kind, True)


@pytest.mark.parametrize(
    ("tag", "vr", "value"),
    [(0x00080060, "CS", "DX"), (0x00080030, "TM", "101500"), (0x0008103E, "LO", "Doe^Jane"), (0x00180015, "CS", "CHEST")],
)
def test_what_does_not_identify_by_itself_is_not_known(tag: int, vr: str, value: str) -> None:
    assert facts_of(h.element(tag, vr, value)) == []


def test_a_name_in_a_un_is_known_by_the_dictionary() -> None:
    assert [fact.kind for fact in facts_of(h.element(0x00100010, "UN", "Doe^Jane"))] == ["names"]


def test_kinds_that_are_to_stay_visible_are_not_known() -> None:
    elements = [h.element(tag, vr, value) for tag, vr, value, _ in TELLING[3:8:2]]
    assert [fact.kind for fact in facts_of(*elements, without=frozenset({"dates"}))] == ["ids"]


def test_the_time_of_a_date_tells_nothing() -> None:
    one, other = (facts_of(h.element(0x0008002A, "DT", f"20240131{time}")) for time in ("101500", "235959.5"))
    assert one == other


@pytest.mark.parametrize(("tag", "vr", "value", "kind"), TELLING)
def test_an_attribute_that_gave_a_fact_tells(tag: int, vr: str, value: str, kind: str) -> None:
    header = header_of(h.element(tag, vr, value))
    assert kind
    assert [each.tag for each in header.elements if tells(each)] == [tag]


@given(st.sampled_from(TELLING), st.booleans())
def test_what_tells_no_fact_gives_none(one: tuple[int, str, str, str], nested: bool) -> None:
    tag, vr, value, _ = one
    element = h.element(tag, vr, value)
    header = header_of(h.sequence(0x00400275, [[element]]) if nested else element)
    for each in header.elements:
        assert tells(each) or not facts(header, (each,), (), without=NOBODY)


# --- the guard --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [b"Doe", b"doe", b"DOE", b"for Jane", b"doe_jane", b"(Doe)", b"\0\1Doe\2", b"K4711223", b"ID:k4711223.", b"19310405"],
)
def test_a_text_that_mentions_the_patient_is_told(text: bytes) -> None:
    patient = [(0x00100010, "PN", "Doe^Jane"), (0x00100020, "LO", "K4711223"), (0x00100030, "DA", "19310405")]
    assert known(*(h.element(*each) for each in patient)).mentions(text)


@pytest.mark.parametrize(
    "text", [b"", b"Do", b"Doer", b"does not", b"janet", b"XK4711223", b"4711223", b"chest PA", b"\0" * 9]
)
def test_words_that_hold_a_name_among_other_letters_are_no_mention(text: bytes) -> None:
    assert not known(h.element(0x00100010, "PN", "Doe^Jane"), h.element(0x00100020, "LO", "K4711223")).mentions(text)


@pytest.mark.parametrize("part", ["M", "Li", ""])
def test_parts_too_short_to_mean_anybody_are_not_looked_for(part: str) -> None:
    assert not known(h.element(0x00100010, "PN", f"{part}^{part}")).mentions(b"M Li in all places")


@pytest.mark.parametrize("codec", ["utf_8", "gb18030"])
@pytest.mark.parametrize("stated", ["ISO_IR 192", "GB18030"])
@pytest.mark.parametrize("written", ["欧阳小东", "患者：欧阳小东。", "小东", "欧阳"])
def test_a_chinese_name_is_found_in_both_encodings_whichever_it_was_in(codec: str, stated: str, written: str) -> None:
    name = "欧阳^小东".encode("utf_8" if stated == "ISO_IR 192" else "gb18030")
    assert known(h.element(0x00100010, "PN", name), charset=stated).mentions(written.encode(codec))


@pytest.mark.parametrize(
    ("stated", "codec"), [("", "utf_8"), ("", "gb18030"), ("ISO_IR 192", "gb18030"), ("ISO_IR 100", "utf_8")]
)
def test_a_name_under_a_wrong_character_set_is_found_as_it_stands(stated: str, codec: str) -> None:
    name = "欧阳^小东".encode(codec)
    assert known(h.element(0x00100010, "PN", name), charset=stated).mentions(b"x" + "欧阳".encode(codec))


def test_a_name_in_an_item_with_a_character_set_of_its_own_is_read_by_it() -> None:
    item = [h.element(0x00080005, "CS", "GB18030"), h.element(0x00100010, "PN", "欧阳^小东".encode("gb18030"))]
    found = known(h.sequence(0x00400275, [item]), charset="ISO_IR 192")
    assert (found.texts["names"], found.mentions("欧阳小东".encode())) == (("欧阳^小东",), True)


def test_more_names_than_any_honest_file_has_make_every_text_a_mention() -> None:
    names = "\\".join(
        f"{chr(0x4E00 + number)}{chr(0x5E00 + number)}^{chr(0x6E00 + number)}{chr(0x7E00 + number)}" for number in range(600)
    )
    assert known(h.element(0x0040A123, "UN", names.encode()), charset="ISO_IR 192").mentions(b"chest")


def test_equal_facts_are_one_knowledge() -> None:
    elements = [h.element(0x00100010, "PN", "Doe^Jane"), h.element(0x00100020, "LO", "K4711223")]
    assert known(*elements) is known(*elements)
    assert known(*elements) is not known(elements[0])


WORD = st.text(alphabet="abcdefghijklmnopqrstuvwxyz", min_size=3, max_size=8)


@given(WORD, WORD, st.sampled_from(["{}", "{} {}", "x {}, y", "{}^{}", "<{}>"]))
def test_whoever_is_known_is_found_as_a_word(family: str, given_name: str, form: str) -> None:
    found = known(h.element(0x00100010, "PN", f"{family}^{given_name}"))
    for text in (form.format(family, given_name), form.format(given_name, family)):
        assert found.mentions(text.encode())
        assert found.mentions(text.upper().encode())


@given(st.binary(max_size=40), st.binary(max_size=20))
def test_any_bytes_as_a_name_and_as_a_text_are_judged(name: bytes, text: bytes) -> None:
    for stated in ("", "ISO_IR 192", "GB18030", "ISO 2022 IR 87", "none"):
        found = knowledge(facts_of(h.element(0x00100010, "PN", name), charset=stated))
        assert found.mentions(text) in (True, False)


# --- character sets ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("value", "terms"),
    [
        (b"", ()),
        (b"\0", ()),
        (b"ISO_IR 192", ("ISO_IR 192",)),
        (b"ISO_IR 100 ", ("ISO_IR 100",)),
        (b"\\ISO 2022 IR 87", ("", "ISO 2022 IR 87")),
        (b"GB18030\0rest", ("GB18030",)),
        (b"\xff\xfe", ("\ufffd\ufffd",)),
    ],
)
def test_terms_of_a_character_set_are_read(value: bytes, terms: tuple[str, ...]) -> None:
    assert charset_of(value) == terms


@pytest.mark.parametrize(("own", "terms"), [("GB18030", ("GB18030",)), ("", ()), (None, ("ISO_IR 192",))])
def test_an_item_has_its_own_character_set_or_that_above(own: str | None, terms: tuple[str, ...]) -> None:
    stated = [h.element(0x00080005, "CS", own)] if own is not None else []
    header = header_of(h.sequence(0x00400275, [[*stated, h.element(0x00100020, "LO", "1")]]))
    (sequence,) = (each for each in header.elements if each.tag == 0x00400275)
    assert sequence.items is not None
    elements: tuple[Element, ...] = sequence.items[0].elements
    assert item_charset(header, elements, ("ISO_IR 192",)) == terms


def test_a_long_name_is_found_inside_of_a_longer_word() -> None:
    known = knowledge([Fact("names", True, b"Puzakaz^Li", ())])
    assert known.mentions(b"marks by Puzakazp")
    assert not known.mentions(b"limit")
