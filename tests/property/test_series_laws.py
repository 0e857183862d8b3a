"""Laws of a series: a file treated after its like becomes, byte for byte, what it becomes alone."""

from __future__ import annotations

import struct
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import hostile as h
import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from leadglass.adapters.copies import ReadAhead, room
from leadglass.assemble.desk import Names, Outcome, PixelMode, State, Treatment
from leadglass.assemble.treating import Desk, Treated
from leadglass.deid.series import Match, Template
from leadglass.errors import InputError

CT = "1.2.840.10008.5.1.4.1.1.2"
PLAIN = Treatment(key=bytes(range(32)), pixels=PixelMode.OFF)

Value = bytes | list[list[tuple[int, str, bytes]]]
"""A value as encoded, or the items of a sequence."""


class CountingDesk(Desk):
    """A desk that counts the files that it treats like another one."""

    def __init__(self, treatment: Treatment) -> None:
        super().__init__(treatment)
        self.like_before = 0

    def _like_before(self, before: Template, match: Match, source: ReadAhead) -> Treated:
        self.like_before += 1
        return super()._like_before(before, match, source)


# --- files of a series ------------------------------------------------------------------------------------------------

WORDS = ("Doe", "Jane", "Roe", "Zhang", "张小明", "K4711223", "20240131", "CHEST", "AXIAL", "Dr", "liver", "12:30")
"""Names, numbers and dates that some of the files know, among words that nobody minds."""

TEXT = st.lists(st.sampled_from(WORDS), max_size=4).map(lambda words: " ".join(words).encode())
NAME = st.sampled_from([b"Doe^Jane", b"Roe^Jane", b"Zhang^Xiaoming=" + "张^小明".encode(), b"", b"Dr"])
UID = st.one_of(
    st.integers(1, 99).map(lambda number: f"1.2.826.0.1.{number}.4711223344".encode()),
    st.sampled_from([b"1.2.3", b"", b"1.2.840.10008.5.1.4.1.1.2", b"Doe^Jane", b"1.2.3\\1.2.4", b"1." * 150 + b"1"]),
)
DATE = st.sampled_from([b"20240131", b"20240201", b"19000101", b"", b"2024.01.31", b"Doe^Jane"])
TIME = st.sampled_from([b"101500", b"101501.123456", b"10", b"", b"Doe", b"235959.999999"])
DATE_TIME = st.tuples(DATE, TIME).map(b"".join)
NUMBER = st.sampled_from([b"1", b"-10.5", b"4711223", b"20240131", b"", b"1\\2\\3", b"0.0001", b"twelve", b"1e3 "])
CODE = st.sampled_from([b"AXIAL", b"DOE", b"", b"ORIGINAL\\PRIMARY", b"Doe^Jane", b"ZHANG"])
BINARY = st.sampled_from(
    [b"\1\0", b"\2\0", bytes(8), b"Doe^Jane", b"\0\1\2\3\4\5\6\7", b"\xfe\xff\x00\xe0\0\0\0\0", b"abc", b""]
)
BLOB = st.sampled_from([b"", b"Doe^Jane 4711223 ", bytes(40), b"\1" * 7, "张小明".encode("utf-16-le"), b"x" * 300])
ITEM = st.lists(
    st.one_of(
        st.tuples(st.just(0x00080100), st.just("SH"), st.sampled_from([b"T-D3000", b"Doe"])),
        st.tuples(st.just(0x00080104), st.just("LO"), TEXT),
        st.tuples(st.just(0x00081155), st.just("UI"), UID),
        st.tuples(st.just(0x00100010), st.just("PN"), NAME),
        st.tuples(st.just(0x00100020), st.just("LO"), st.sampled_from([b"K4711223", b"X1"])),
        st.tuples(st.just(0x00400004), st.just("DA"), DATE),
        st.tuples(st.just(0x0040A160), st.just("UT"), TEXT),
    ),
    max_size=3,
    unique_by=lambda each: each[0],
)
ITEMS = st.lists(ITEM, max_size=2)

ATTRIBUTES: Mapping[int, tuple[str, st.SearchStrategy[Any]]] = {
    0x00080000: ("UL", BINARY),
    0x00080005: ("CS", st.sampled_from([b"ISO_IR 192", b"ISO_IR 100", b"", b"GB18030"])),
    0x00080008: ("CS", CODE),
    0x00080012: ("DA", DATE),
    0x00080013: ("TM", TIME),
    0x00080018: ("UI", UID),
    0x00080020: ("DA", DATE),
    0x0008002A: ("DT", DATE_TIME),
    0x00080030: ("TM", TIME),
    0x00080032: ("TM", TIME),
    0x00080050: ("SH", TEXT),
    0x00080080: ("LO", TEXT),
    0x00080090: ("PN", NAME),
    0x00080102: ("SH", st.sampled_from([b"DCM", b"99LOCAL"])),
    0x00080104: ("LO", TEXT),
    0x00081010: ("SH", TEXT),
    0x00081030: ("LO", TEXT),
    0x0008103E: ("LO", TEXT),
    0x00081110: ("SQ", ITEMS),
    0x00081140: ("SQ", ITEMS),
    0x00082112: ("SQ", ITEMS),
    0x00082218: ("SQ", ITEMS),
    0x00090010: ("LO", st.sampled_from([b"ACME", b"Doe^Jane"])),
    0x00091001: ("UN", BLOB),
    0x00091002: ("OB", BLOB),
    0x00091003: ("SQ", ITEMS),
    0x00100010: ("PN", NAME),
    0x00100020: ("LO", st.sampled_from([b"K4711223", b"K4711224", b""])),
    0x00100030: ("DA", DATE),
    0x00101010: ("AS", st.sampled_from([b"042Y", b"099Y", b"Doe", b""])),
    0x00104000: ("LT", TEXT),
    0x00180015: ("CS", CODE),
    0x00180050: ("DS", NUMBER),
    0x00181020: ("LO", TEXT),
    0x00181030: ("LO", TEXT),
    0x00181150: ("IS", NUMBER),
    0x00189074: ("DT", DATE_TIME),
    0x00189327: ("FD", BINARY),
    0x00191001: ("UN", BLOB),
    0x00200012: ("IS", NUMBER),
    0x00200013: ("IS", NUMBER),
    0x00200032: ("DS", NUMBER),
    0x00200052: ("UI", UID),
    0x00204000: ("LT", TEXT),
    0x00280106: ("US", BINARY),
    0x00281050: ("DS", NUMBER),
    0x00281055: ("LO", TEXT),
    0x00281199: ("UI", UID),
    0x00283010: ("SQ", ITEMS),
    0x00321032: ("PN", NAME),
    0x00400244: ("DA", DATE),
    0x00400275: ("SQ", ITEMS),
    0x0040A123: ("PN", NAME),
    0x0040A160: ("UT", TEXT),
    0x00420011: ("OB", BLOB),
    0x20500020: ("CS", CODE),
    0x300A00C2: ("LO", TEXT),
    0x60000010: ("US", BINARY),
    0x60003000: ("OW", BLOB),
    0x7FE00001: ("OV", BINARY),
}

Fields = dict[int, tuple[str, Value]]


def image(*, rows: int = 4) -> Fields:
    return {
        0x00080016: ("UI", CT.encode()),
        0x00080018: ("UI", b"1.2.3.4.5.6789"),
        0x00080060: ("CS", b"CT"),
        0x00100010: ("PN", b"Doe^Jane"),
        0x00100020: ("LO", b"K4711223"),
        0x0020000D: ("UI", b"1.2.3.4"),
        0x0020000E: ("UI", b"1.2.3.4.1"),
        0x00280002: ("US", b"\1\0"),
        0x00280004: ("CS", b"MONOCHROME2"),
        0x00280010: ("US", struct.pack("<H", rows)),
        0x00280011: ("US", b"\4\0"),
        0x00280100: ("US", b"\x10\0"),
        0x00280101: ("US", b"\x0c\0"),
        0x00280102: ("US", b"\x0b\0"),
        0x00280103: ("US", b"\0\0"),
    }


def encoded(fields: Fields, *, implicit: bool, undefined: bool, odd: bool, unknown: Sequence[int] = ()) -> bytes:
    """A data set up to its pixels. ``odd``: values are not padded. ``unknown``: attributes that are written as UN."""

    def one(tag: int, vr: str, value: Value) -> bytes:
        if isinstance(value, list):
            items = [[one(*each) for each in sorted(item)] for item in value]
            return h.sequence(tag, items, implicit=implicit, undefined=undefined)
        vr = "UN" if tag in unknown else vr
        if odd and len(value) % 2:
            return h.head(tag, vr, len(value), implicit=implicit) + value
        return h.element(tag, vr, value, implicit=implicit)

    return b"".join(one(tag, *field) for tag, field in sorted(fields.items()))


Series = list[bytes]


@st.composite
def series(draw: st.DrawFn) -> Series:
    """Files that differ in some attributes, and a few that differ in more, or belong to another series."""
    implicit, undefined, odd = draw(st.booleans()), draw(st.booleans()), draw(st.integers(0, 3)) == 3
    syntax = h.IMPLICIT if implicit else h.EXPLICIT
    base = image()
    for tag in draw(st.lists(st.sampled_from(sorted(ATTRIBUTES)), max_size=16, unique=True)):
        vr, values = ATTRIBUTES[tag]
        base[tag] = (vr, draw(values))
    differing = draw(st.lists(st.sampled_from(sorted(set(ATTRIBUTES) & set(base))), max_size=5, unique=True))
    unknown = draw(st.lists(st.sampled_from(sorted(base)), max_size=1))
    one_uid = draw(st.booleans())
    files: Series = []
    for number in range(draw(st.integers(3, 6))):
        fields, after = dict(base), b""
        if not one_uid and 0x00080018 not in differing:
            fields[0x00080018] = ("UI", f"1.2.3.4.5.{number}".encode())
        for tag in differing:
            vr, values = ATTRIBUTES[tag]
            fields[tag] = (vr, draw(values))
        stated = fields[0x00080018][1]
        pixels = bytes([number, 0xF0 * draw(st.integers(0, 4) if number else st.just(0)) // 4]) * 16
        odder = draw(st.sampled_from([*[""] * 8, "patient", "series", "more", "less", "rows", "tail", "meta", "longer"]))
        if odder == "patient":
            fields[0x00100020] = ("LO", b"K9999999")
        elif odder == "series":
            fields[0x0020000E] = ("UI", b"1.2.3.4.2")
        elif odder == "more":
            tag = draw(st.sampled_from(sorted(ATTRIBUTES)))
            fields[tag] = (ATTRIBUTES[tag][0], draw(ATTRIBUTES[tag][1]))
        elif odder == "less":
            del fields[draw(st.sampled_from(sorted(fields)))]
        elif odder == "rows":
            fields[0x00280010], pixels = ("US", b"\2\0"), pixels[:16]
        elif odder == "tail":
            after = draw(st.sampled_from([b"Doe^Jane", b"\0\0", h.element(0xFFFCFFFC, "OB", b"ab", implicit=implicit)]))
        elif odder == "longer":
            pixels += b"Doe^Jane"
        meta_uid = f"1.2.3.{number}" if odder == "meta" or not isinstance(stated, bytes) else stated[:60].decode()
        files.append(
            h.meta(syntax, uid=meta_uid)
            + encoded(fields, implicit=implicit, undefined=undefined, odd=odd, unknown=unknown)
            + h.element(0x7FE00010, "OW", pixels, implicit=implicit)
            + after
        )
    return files


TREATMENTS = st.builds(
    Treatment,
    key=st.just(PLAIN.key),
    pixels=st.just(PixelMode.OFF),
    options=st.sampled_from(
        [
            (),
            (),
            ("clean-descriptors",),
            ("retain-modified-dates", "clean-descriptors"),
            ("retain-full-dates", "retain-device-identity"),
            ("retain-uids", "retain-institution-identity", "clean-graphics"),
            ("retain-safe-private", "retain-patient-characteristics", "clean-structured-content"),
        ]
    ),
    names=st.sampled_from([Names.UID, Names.KEEP]),
    digests=st.booleans(),
)


# --- what is compared -------------------------------------------------------------------------------------------------


@contextmanager
def folder_of(files: Sequence[bytes]) -> Iterator[Path]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for number, data in enumerate(files):
            (folder / str(number)).write_bytes(data)
        yield folder


def treated(desk: Desk, folder: Path, number: int, out: Path) -> tuple[Outcome | str, bytes | None]:
    """What becomes of one file of ``folder``: an outcome, or the sentence of an error, and the bytes written."""
    try:
        with ReadAhead(folder / str(number), room()) as source:
            outcome = desk.treat(source, out, PurePosixPath("a", str(number)))
    except InputError as error:
        return f"{type(error).__name__}: {error}", None
    return outcome, (out / outcome.output).read_bytes() if outcome.output else None


def alone(folder: Path, number: int, treatment: Treatment) -> tuple[Outcome | str, bytes | None]:
    return treated(Desk(treatment), folder, number, folder / f"alone{number}")


def test_a_series_remembered_is_a_series_treated_cold() -> None:
    like_before: list[int] = []

    @settings(max_examples=50)
    @given(series(), TREATMENTS, st.randoms(use_true_random=False))
    def law(files: Series, treatment: Treatment, random: Any) -> None:
        with folder_of(files) as folder:
            cold = [alone(folder, number, treatment) for number in range(len(files))]
            desk = CountingDesk(treatment)
            order = [*range(len(files)), *random.sample(range(len(files)), len(files))]
            for place, number in enumerate(order):
                assert treated(desk, folder, number, folder / f"warm{place}") == cold[number]
        like_before.append(desk.like_before)

    law()
    # A law about files that are remembered has to be tried on some.
    assert sum(count > 0 for count in like_before) > len(like_before) // 4


def film(fields: Mapping[int, tuple[str, Value]], *, number: int = 1, meta_uid: str = "1.2.3") -> bytes:
    """One file of a series in which nothing but the pixels differs, unless ``fields`` does."""
    pixels = h.element(0x7FE00010, "OW", bytes([number, 0]) * 16)
    return h.meta(h.EXPLICIT, uid=meta_uid) + encoded(image() | fields, implicit=False, undefined=False, odd=False) + pixels


def check_like_alone(files: Sequence[bytes], treatment: Treatment) -> int:
    """Every file becomes what it becomes alone; gives how many were treated like another one."""
    with folder_of(files) as folder:
        desk = CountingDesk(treatment)
        for number in range(len(files)):
            assert treated(desk, folder, number, folder / f"warm{number}") == alone(folder, number, treatment)
    return desk.like_before


DIFFERING: Mapping[str, tuple[int, str, Sequence[Value]]] = {
    "instance UID": (0x00080018, "UI", [b"1.2.3.4.5.1", b"1.2.3.4.5.2", b"1.2.3.4.5.33"]),
    "number": (0x00200013, "IS", [b"1", b"2", b"10"]),
    "time": (0x00080032, "TM", [b"101500", b"101500.5", b""]),
    "position": (0x00200032, "DS", [b"1\\2\\3", b"-1.5\\2\\3", b"0\\0\\0"]),
    "date and time": (0x0008002A, "DT", [b"20240131101500", b"20240131101501", b"202401311015"]),
    "text": (0x00204000, "LT", [b"a", b"for Doe^Jane", b"no more"]),
    "references": (0x00081140, "SQ", [[[(0x00081155, "UI", b"1.2.3.4")]], [[(0x00081155, "UI", b"1.2.3.5")]], []]),
    "private": (0x00091001, "OB", [b"Doe^Jane", b"Roe^Jane", bytes(100)]),
    "binary": (0x00189327, "FD", [bytes(8), bytes(7) + b"\1", bytes(16)]),
}


@pytest.mark.parametrize("what", DIFFERING)
def test_files_that_differ_in_one_attribute_are_treated_like_each_other(what: str) -> None:
    tag, vr, values = DIFFERING[what]
    files = [film({tag: (vr, values[number % len(values)])}, number=number) for number in range(7)]
    assert check_like_alone(files, PLAIN) >= 4


SIBLINGS = {
    "a UID that is empty": [{0x00080018: ("UI", uid)} for uid in (b"1.2.3.4", b"1.2.3.4", b"", b"1.2.3.5")],
    "a UID that is none": [{0x00080018: ("UI", uid)} for uid in (b"1.2.3.4", b"1.2.3.4", b"1" * 300, b"1.2.3.5")],
    "a UID in the file meta alone": [{0x00080018: ("UI", b"")}] * 4,
    "the meaning of a code": [
        {0x00080102: ("SH", b"99LOCAL"), 0x00080104: ("LO", meaning)} for meaning in (b"one", b"two", b"three", b"four")
    ],
    "the scheme of a code": [
        {0x00080102: ("SH", scheme), 0x00080104: ("LO", b"liver")} for scheme in (b"DCM", b"DCM", b"99LOCAL", b"99LIVER")
    ],
    "the patient": [{0x00100020: ("LO", patient)} for patient in (b"K1", b"K1", b"K2", b"K3")],
    "the patient's name": [
        {0x00100010: ("PN", name), 0x0008103E: ("LO", b"Doe to Roe")} for name in (b"Doe", b"Doe", b"Roe", b"Poe")
    ],
    "a date": [
        {0x00080020: ("DA", day), 0x00204000: ("LT", b"20240131")} for day in (b"20240131", b"20240131", b"20240201")
    ],
    "the character set": [
        {0x00080005: ("CS", term), 0x0008103E: ("LO", "胸部".encode("gb18030"))}
        for term in (b"GB18030", b"GB18030", b"ISO_IR 192")
    ],
}


@pytest.mark.parametrize("what", SIBLINGS)
@pytest.mark.parametrize("options", [(), ("clean-descriptors",), ("retain-modified-dates",)])
def test_what_hangs_on_another_attribute_follows_it(what: str, options: tuple[str, ...]) -> None:
    files = [film(fields, number=number, meta_uid=f"1.2.{number}") for number, fields in enumerate(SIBLINGS[what])]
    check_like_alone(files, replace(PLAIN, options=options))


HEADS: Mapping[str, tuple[int, str, Sequence[bytes]]] = {
    "body part": (0x00180015, "CS", [b"CHEST", b"CHEST", b"HEAD", b"CHEST"]),
    "modality": (0x00080060, "CS", [b"CT", b"CT", b"XC", b"CT"]),
    "series description": (0x0008103E, "LO", [b"CHEST", b"CHEST", b"HEAD CT", b"CHEST"]),
    "class": (0x00080016, "UI", [CT.encode(), CT.encode(), b"1.2.840.10008.5.1.4.1.1.77.1.4", CT.encode()]),
}


@pytest.mark.parametrize("what", HEADS)
def test_what_keeps_pixels_from_going_out_is_asked_of_every_file(what: str) -> None:
    tag, vr, values = HEADS[what]
    kind = ("CS", b"ORIGINAL\\PRIMARY\\AXIAL")
    files = [film({0x00080008: kind, tag: (vr, value)}, number=number) for number, value in enumerate(values)]
    with folder_of(files) as folder:
        desk = CountingDesk(replace(PLAIN, pixels=PixelMode.AUTO))
        outcomes = [treated(desk, folder, number, folder / "out")[0] for number in (0, 1, 1, 2, 3)]
    assert [outcome.state if isinstance(outcome, Outcome) else outcome for outcome in outcomes] == [
        *[State.DONE] * 3,
        State.QUARANTINED,
        State.DONE,
    ]
    assert desk.like_before >= 1
