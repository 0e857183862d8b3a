"""Laws of de-identification, for files that hypothesis makes up."""

from __future__ import annotations

import io
import random
import string
from collections.abc import Sequence

import hostile as h
import hypothesis.strategies as st
import pydicom
import pytest
from hypothesis import given, settings
from pydicom.datadict import DicomDictionary
from pydicom.uid import RLELossless

from leadglass.deid.clean import clean
from leadglass.deid.profile import basic_profile
from leadglass.deid.pseudonym import PseudonymKeys
from leadglass.deid.terms import search_terms
from leadglass.dicom.frames import constant_rle
from leadglass.dicom.instance import Clean, HeaderPlan, Treated, compose, scan
from leadglass.dicom.plan import run
from leadglass.dicom.source import BytesSource
from leadglass.errors import InputError

KEYS = PseudonymKeys(bytes(range(32)))

SCANNED = frozenset(
    {
        0x00080016,
        0x00080018,
        0x0020000D,
        0x0020000E,
        0x00100010,
        *range(0x00280002, 0x00280012),
        *range(0x00280100, 0x00280104),
    }
)
"""Without these there is no image, or they are in the film already."""

SECRET_TEXT = st.text(alphabet=string.ascii_letters + "王小东赵田郎홍길", min_size=6, max_size=14).map(
    lambda text: f"Q{text}q"
)
SECRET_UIDS = st.integers(10**6, 10**12).map(lambda number: f"1.2.826.{number}.7")

IDENTIFYING_TEXT = {
    0x00080080: "LO",
    0x00080081: "ST",
    0x00080090: "PN",
    0x00081010: "SH",
    0x00081030: "LO",
    0x0008103E: "LO",
    0x00081050: "PN",
    0x00082111: "ST",
    0x00090010: "LO",
    0x00091011: "UT",
    0x00100010: "PN",
    0x00100020: "LO",
    0x00101000: "LO",
    0x00101040: "LO",
    0x00104000: "LT",
    0x00142006: "PN",
    0x00181030: "LO",
    0x00204000: "LT",
    0x00321032: "PN",
    0x0040A160: "UT",
    0x00700006: "ST",
    0x60000022: "LO",
}
IDENTIFYING_UIDS = (0x00080018, 0x0020000D, 0x0020000E, 0x00200052, 0x00081167, 0x00200242, 0x0018991E, 0x00083012)
HARMLESS = {
    0x00080008: ("CS", st.sampled_from(["ORIGINAL\\PRIMARY", "DERIVED\\PRIMARY"])),
    0x00180015: ("CS", st.sampled_from(["CHEST", "HAND", "SPINE"])),
    0x00180060: ("DS", st.floats(40, 150).map(lambda kvp: f"{kvp:.3f}")),
    0x00181152: ("IS", st.integers(0, 500).map(str)),
    0x00185101: ("CS", st.sampled_from(["PA", "AP", "LL"])),
    0x00200013: ("IS", st.integers(1, 999).map(str)),
    0x00200062: ("CS", st.sampled_from(["L", "R", "U"])),
    0x00281050: ("DS", st.integers(0, 4096).map(str)),
    0x00281054: ("LO", st.sampled_from(["US", "HU"])),
    0x20500020: ("CS", st.sampled_from(["IDENTITY", "INVERSE"])),
}
SEQUENCES = (0x00082218, 0x00400275, 0x00081140, 0x0040A730, 0x00321064, 0x00091020, 0x52009229)


class Planted:
    """A made-up file and what was put in it."""

    def __init__(self, data: bytes, secrets: Sequence[bytes], kept: dict[int, str]) -> None:
        self.data = data
        self.secrets = secrets
        self.kept = kept

    def __repr__(self) -> str:
        return f"{len(self.data)} bytes, secrets {self.secrets}, kept {self.kept}"


@st.composite
def planted(draw: st.DrawFn) -> Planted:
    syntax = draw(st.sampled_from([h.EXPLICIT, h.IMPLICIT]))
    implicit = syntax == h.IMPLICIT
    charset, codec = draw(st.sampled_from([("ISO_IR 192", "utf-8"), ("GB18030", "gb18030")]))
    secrets: list[bytes] = []

    def secret_elements(depth: int) -> list[bytes]:
        found: list[bytes] = []
        tags = draw(st.lists(st.sampled_from(sorted(IDENTIFYING_TEXT)), max_size=4, unique=True))
        for tag in tags:
            text = draw(SECRET_TEXT)
            secrets.extend(text.encode(each, "ignore") for each in ("utf-8", "utf-16-le", "gb18030"))
            vr = IDENTIFYING_TEXT[tag]
            stated = draw(st.sampled_from([vr, vr, "UN"])) if not implicit else vr
            found.append(h.element(tag, stated, text.encode(codec), implicit=implicit))
        for tag in draw(st.lists(st.sampled_from(IDENTIFYING_UIDS), max_size=2, unique=True)):
            uid = draw(SECRET_UIDS)
            secrets.append(uid.encode())
            found.append(h.element(tag, "UI", uid, implicit=implicit))
        if depth < 3:
            for tag in draw(st.lists(st.sampled_from(SEQUENCES), max_size=2, unique=True)):
                items = [secret_elements(depth + 1) for _ in range(draw(st.integers(0, 2)))]
                undefined = draw(st.booleans())
                found.append(h.sequence(tag, items, implicit=implicit, undefined=undefined))
        return sorted(found, key=h.tag_of)

    elements = [h.element(0x00080005, "CS", charset, implicit=implicit), *secret_elements(0)]
    kept: dict[int, str] = {}
    for tag in draw(st.lists(st.sampled_from(sorted(HARMLESS)), unique=True)):
        vr, values = HARMLESS[tag]
        kept[tag] = draw(values)
        elements.append(h.element(tag, vr, kept[tag], implicit=implicit))
    return Planted(h.film(elements, syntax=syntax), secrets, kept)


def plan(data: bytes) -> HeaderPlan:
    return clean(scan(BytesSource(data)), profile=basic_profile(), keys=KEYS)


def composed(data: bytes) -> Clean:
    header = plan(data)
    return compose(header, Treated(RLELossless, constant_rle(header.received.layout, 0)))


def cleaned(data: bytes) -> bytes:
    return b"".join(composed(data).chunks())


@given(planted())
def test_no_removed_value_is_in_the_clean_bytes(film: Planted) -> None:
    out = cleaned(film.data)
    assert [secret for secret in film.secrets if secret in out] == []
    removed = [value for value in plan(film.data).removed_values() if len(value) > 5]
    # A private sequence in Implicit VR is a UN like any other, and with nothing in it only an item header.
    assert [value for value in removed if value in out and not value.startswith(b"\xfe\xff\x00\xe0")] == []


@given(planted())
def test_what_the_profile_keeps_stays(film: Planted) -> None:
    out = pydicom.dcmread(io.BytesIO(cleaned(film.data)))
    before = pydicom.dcmread(io.BytesIO(film.data))
    assert {tag: out[tag].value for tag in film.kept} == {tag: before[tag].value for tag in film.kept}


@given(planted())
def test_a_plan_and_its_inverse_undo_each_other(film: Planted) -> None:
    made = composed(film.data)
    out = BytesSource(b"".join(made.chunks()))
    assert b"".join(run(made.inverse, (out, scan(BytesSource(film.data)).pixels))) == film.data


@given(planted())
def test_what_is_clean_can_be_read(film: Planted) -> None:
    out = cleaned(film.data)
    assert str(pydicom.dcmread(io.BytesIO(out)))
    assert scan(BytesSource(out)).transfer_syntax == RLELossless


@given(planted())
def test_cleaning_twice_finds_no_new_name(film: Planted) -> None:
    again = search_terms(scan(BytesSource(cleaned(film.data))))
    assert {kind for kind, _ in again} <= {"name", "patient_id"}


@given(st.lists(st.text(min_size=1), min_size=1, unique=True), st.randoms(use_true_random=False))
def test_pseudonyms_are_equal_in_any_order(values: list[str], order: random.Random) -> None:
    kinds = [KEYS.uid, KEYS.patient_id, KEYS.accession, KEYS.name]
    first = {(value, kind.__name__): kind(value) for value in values for kind in kinds}
    shuffled = order.sample(values, len(values))
    keys = PseudonymKeys(bytes(range(32)))
    again = {
        (v, kind.__name__): kind(v) for v in shuffled for kind in (keys.name, keys.accession, keys.patient_id, keys.uid)
    }
    assert first == again


@settings(max_examples=200)
@given(planted(), st.integers(0, 10**6), st.binary(min_size=1, max_size=8), st.booleans())
def test_a_damaged_file_is_refused_or_comes_back_bit_for_bit(film: Planted, at: int, damage: bytes, insert: bool) -> None:
    at %= len(film.data)
    data = film.data[:at] + damage + film.data[at + (0 if insert else len(damage)) :]
    try:
        made = composed(data)
    except InputError:
        return
    out = BytesSource(b"".join(made.chunks()))
    assert b"".join(run(made.inverse, (out, scan(BytesSource(data)).pixels))) == data
    scan(out)


STRANGE_VRS = ("UN", "OB", "OW", "LO", "UT", "FD", "FL", "US", "UL", "AT", "CS", "DS", "UI")


def _stated_otherwise(tag: int) -> list[bytes]:
    """A name as the value of an attribute of the standard, under VRs that are hardly ever its own."""
    return [h.element(tag, vr, b"SECRETNAME" + b" " * 6) for vr in STRANGE_VRS]


def _items_where_none_belong(tag: int) -> list[bytes]:
    """A person's name inside an attribute of the standard, as long as any whole number of values."""
    value = b"SECRETNAME".ljust(16)
    person, hidden = h.element(0x00081050, "PN", value), h.element(0x00081050, "PN", value, implicit=True)
    return [
        h.sequence(tag, [[hidden]], undefined=True, vr="UN"),
        h.sequence(tag, [[hidden]], vr="UN"),
        h.sequence(tag, [[person]]),
        h.sequence(tag, [[person]], undefined=True),
        *(h.head(tag, vr, 0xFFFFFFFF) + h.fragments(value) for vr in ("OB", "OW")),
    ]


def _left(data: bytes) -> bool:
    """Whether the name is in what becomes of a film; what is refused leaves nothing."""
    try:
        return b"SECRETNAME" in cleaned(data)
    except InputError:
        return False


STANDARD_TAGS = [tag for tag in DicomDictionary if tag >> 16 not in (0, 2, 0xFFFE, 0x7FE0) and tag not in SCANNED]
NAMED = h.element(0x00100010, "PN", "SECRETNAME^X")


@given(tag=st.sampled_from(STANDARD_TAGS))
@settings(max_examples=150, deadline=None)
def test_a_name_known_of_the_patient_survives_under_no_other_vr(tag: int) -> None:
    forms = _stated_otherwise(tag)
    assert [form[:8] for form in forms if _left(h.film([form, NAMED]))] == []


@given(tag=st.sampled_from(STANDARD_TAGS))
@settings(max_examples=150, deadline=None)
def test_a_person_in_items_where_none_belong_is_not_kept(tag: int) -> None:
    forms = _items_where_none_belong(tag)
    assert [form[:8] for form in forms if _left(h.film([form]))] == []


@given(tag=st.sampled_from(STANDARD_TAGS), undefined=st.booleans())
@settings(max_examples=50, deadline=None)
def test_what_is_odd_is_no_better_inside_a_sequence(tag: int, undefined: bool) -> None:
    forms = [*_stated_otherwise(tag), *_items_where_none_belong(tag)]
    kept = 0x00082218
    assert [form[:8] for form in forms if _left(h.film([h.sequence(kept, [[form]], undefined=undefined), NAMED]))] == []


@given(tag=st.sampled_from(STANDARD_TAGS), undefined=st.booleans())
@settings(max_examples=100, deadline=None)
def test_no_name_survives_in_implicit_vr(tag: int, undefined: bool) -> None:
    value = b"SECRETNAME".ljust(16)
    hidden = h.sequence(tag, [[h.element(0x00081050, "PN", value, implicit=True)]], implicit=True, undefined=undefined)
    named = h.element(0x00100010, "PN", "SECRETNAME^X", implicit=True)
    forms = [h.element(tag, "UN", value, implicit=True), hidden]
    assert [form[:8] for form in forms if _left(h.film([form, named], syntax=h.IMPLICIT))] == []


@pytest.mark.parametrize("modality", ["WANG^XIAOMING", "SECRETNAME", "\x1b[31m"])
def test_a_modality_that_is_no_term_is_neither_told_nor_kept(modality: str) -> None:
    data = h.film([h.element(0x00080060, "CS", modality)])
    assert scan(BytesSource(data)).modality is None
    out = cleaned(data)
    assert modality.encode() not in out
    assert scan(BytesSource(out)).modality == "OT"
