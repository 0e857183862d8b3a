"""The hostile set: files as odd as hospitals make them, with a list of all that was planted in them.

Every file is about one oddity and is named after it. ``hostile_set(seed)`` gives the same files for the same seed; another
seed gives other people, numbers, dates and UIDs in the same places. ``python hostile_set.py FOLDER [SEED]`` writes the files
and ``manifest.json`` beside the folder.
"""

from __future__ import annotations

import base64
import json
import struct
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from planting import (
    BIG_ENDIAN,
    CHINESE,
    DEFLATED,
    EXPLICIT,
    IMPLICIT,
    JAPANESE,
    JAPANESE_SUPPLEMENT,
    KOREAN,
    LATIN_1,
    UTF_8,
    Draft,
    Encode,
    Imagination,
    Part,
    Person,
    Sample,
    digest,
    fragments,
    imagine,
    manifest,
    path_text,
    plainly,
    raw,
)

CR, DX, CT, MR, US = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("1", "1.1", "2", "4", "6.1"))
US_MULTI, SC, MG, PT = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("3.1", "7", "1.2", "128"))
ENHANCED_CT, ENHANCED_MR, SEG, PARAMETRIC = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("2.1", "4.1", "66.4", "30"))
GSPS, PDF, CDA = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("11.1", "104.1", "104.2"))
SR_BASIC, SR_ENHANCED, SR_COMPREHENSIVE, KO = (f"1.2.840.10008.5.1.4.1.1.88.{end}" for end in ("11", "22", "33", "59"))
ECG, RTDOSE, RTSTRUCT, RTPLAN = (f"1.2.840.10008.5.1.4.1.1.{end}" for end in ("9.1.1", "481.2", "481.3", "481.5"))
HANGING, DICOMDIR = "1.2.840.10008.5.1.4.38.1", "1.2.840.10008.1.3.10"
JPEG_BASELINE, JPEG_LOSSLESS, JPEG_LS = (f"1.2.840.10008.1.2.4.{end}" for end in ("50", "70", "80"))
JPEG_2000, RLE = "1.2.840.10008.1.2.4.90", "1.2.840.10008.1.2.5"

Make = Callable[["World"], Iterator[Sample]]
_MAKERS: list[Make] = []


class World:
    """What all files of one seed share: the imagination, and one patient who turns up in several of them."""

    def __init__(self, seed: int | str) -> None:
        self.made = Imagination(seed)
        self.shared = imagine(self.made)
        self.series = self.made.uid()
        self.slices = [self.made.uid() for _ in range(3)]
        self.plan = self.made.uid()
        self.structures = self.made.uid()


def hostile_set(seed: int | str = 1) -> list[Sample]:
    """All files of the set, in the order of their names."""
    world = World(seed)
    samples = [sample for make in _MAKERS for sample in make(world)]
    return sorted(samples, key=lambda sample: sample.name)


def made(make: Callable[[World], Iterator[Sample]]) -> Callable[[World], Iterator[Sample]]:
    _MAKERS.append(make)
    return make


# --- what most files have ---------------------------------------------------------------------------------------------


def identity(d: Part, who: Person) -> None:
    """The patient, the visit and the people around, all of them listed in PS3.15 Table E.1-1."""
    d.plant(0x00100010, "PN", who.name)
    d.plant(0x00100020, "LO", who.patient_id)
    d.plant(0x00100030, "DA", who.birth_date)
    d.put(0x00100040, "CS", "F")
    d.plant(0x00101040, "LO", who.address)
    d.plant(0x00102154, "SH", who.phone)
    d.plant(0x00080050, "SH", who.accession)
    d.plant(0x00080020, "DA", who.study_date)
    d.plant(0x00080030, "TM", who.study_time)
    d.plant(0x00080080, "LO", who.hospital)
    d.plant(0x00080090, "PN", who.physician)
    d.draft.patient = who.patient_id


def begin(
    world: World, name: str, sop_class: str, modality: str, *, who: Person | None = None, series: str | None = None,
    instance: str | None = None, **how: Any,
) -> tuple[Draft, Person]:  # fmt: skip
    """A file with SOP Common, Patient, Study, Series and Equipment; nothing that makes it an image."""
    made = world.made
    who = who or imagine(made)
    d = Draft(name, **how)
    d.sop_class, d.sop_instance = sop_class, instance or made.uid()
    d.standard_uid(0x00080016, sop_class)
    d.uid(0x00080018, d.sop_instance)
    d.keep(0x00080060, "CS", modality)
    d.keep(0x00080070, "LO", "SIEMENS")
    d.keep(0x00081090, "LO", "Ysio Max")
    d.plant(0x00081010, "SH", made.word() + "1")
    d.plant(0x00181000, "LO", made.number())
    d.uid(0x0020000D, who.study_uid)
    d.uid(0x0020000E, series or made.uid())
    d.plant(0x00200010, "SH", made.number())
    d.keep(0x00200011, "IS", 3)
    d.keep(0x00200013, "IS", 17)
    identity(d, who)
    return d, who


def gradient(rows: int, columns: int, *, top: int, dtype: str = "<u2", frames: int = 1, samples: int = 1) -> NDArray[Any]:
    """Smooth pixels, shaped (frames, rows, columns, samples), from 0 to ``top``."""
    y, x = np.mgrid[0:rows, 0:columns]
    plane = (y * 7 + x * 13) % (top + 1)
    stack = [(plane + frame * 5 + colour * 11) % (top + 1) for frame in range(frames) for colour in range(samples)]
    return np.stack(stack, axis=-1).reshape(rows, columns, frames, samples).transpose(2, 0, 1, 3).astype(dtype)


def describe(
    d: Part, shape: tuple[int, int], *, allocated: int, stored: int, samples: int = 1, signed: int = 0,
    photometric: str = "MONOCHROME2", planar: int | None = None, frames: int | None = None, high: int | None = None,
) -> None:  # fmt: skip
    """The Image Pixel module."""
    d.keep(0x00280002, "US", samples)
    d.keep(0x00280004, "CS", photometric)
    if planar is not None:
        d.keep(0x00280006, "US", planar)
    if frames is not None:
        d.keep(0x00280008, "IS", frames)
    d.keep(0x00280010, "US", shape[0])
    d.keep(0x00280011, "US", shape[1])
    d.keep(0x00280100, "US", allocated)
    d.keep(0x00280101, "US", stored)
    d.keep(0x00280102, "US", stored - 1 if high is None else high)
    d.keep(0x00280103, "US", signed)


def native(d: Draft, samples: NDArray[Any], *, stored: int, unused: NDArray[Any] | None = None, tail: bytes = b"") -> None:
    """Pixel Data, native; ``unused`` is put above the stored bits and ``tail`` behind the last sample."""
    d.pixels = digest(samples, bits_stored=stored)
    if unused is not None:
        samples = samples | (unused.reshape(samples.shape).astype(samples.dtype) << stored)
    wide = samples.dtype.itemsize > 1
    data = samples.astype(samples.dtype.newbyteorder(">" if d.big else "<")).tobytes() + tail
    d.put(0x7FE00010, "OW" if wide or d.implicit else "OB", data)


def radiograph(d: Draft, *, view: str = "PA", stored: int = 12, size: tuple[int, int] = (24, 20)) -> None:
    """A small chest film with the technique that a study needs."""
    technique(d, view=view)
    describe(d, size, allocated=16, stored=stored)
    native(d, gradient(*size, top=(1 << stored) - 1), stored=stored)


def technique(d: Part, *, view: str = "PA") -> None:
    d.keep(0x00080008, "CS", "ORIGINAL\\PRIMARY")
    d.keep(0x00180015, "CS", "CHEST")
    d.keep(0x00180060, "DS", "121.4")
    d.keep(0x00181150, "IS", 7)
    d.keep(0x00181152, "IS", 3)
    d.keep(0x00181160, "SH", "NONE")
    d.keep(0x00181164, "DS", "0.143\\0.143")
    d.keep(0x00181411, "DS", "361.25")
    d.keep(0x00185101, "CS", view)
    d.keep(0x00200020, "CS", "L\\F")
    d.keep(0x00281050, "DS", "2047.5")
    d.keep(0x00281051, "DS", "4095")
    d.keep(0x20500020, "CS", "IDENTITY")
    d.code(0x00082218, "51185008", "SCT", "Chest")


def film(world: World, name: str, **how: Any) -> tuple[Draft, Person]:
    """A DX film to which one oddity is added."""
    d, who = begin(world, name, how.pop("sop_class", DX), how.pop("modality", "DX"), **how)
    radiograph(d)
    return d, who


# --- ordinary objects -------------------------------------------------------------------------------------------------


@made
def ordinary_films(w: World) -> Iterator[Sample]:
    """What every radiograph says of the patient, and all the listed attributes that stand beside."""
    d, who = film(w, "cr_ordinary.dcm", sop_class=CR, modality="CR", who=w.shared)
    m = w.made
    for tag, vr, value in (
        (0x00080012, "DA", m.day()), (0x00080013, "TM", m.clock()), (0x00080021, "DA", m.day()),
        (0x00080022, "DA", m.day()), (0x00080023, "DA", m.day()), (0x00080031, "TM", m.clock()),
        (0x00080032, "TM", m.clock()), (0x00080033, "TM", m.clock()), (0x00080081, "ST", m.address()),
        (0x00080092, "ST", m.address()), (0x00080094, "SH", m.phone()), (0x00081030, "LO", f"Chest {m.word()}"),
        (0x0008103E, "LO", f"pa {m.word()}"), (0x00081040, "LO", f"Ward {m.word()}"), (0x00081048, "PN", m.name()),
        (0x00081050, "PN", m.name()), (0x00081060, "PN", m.name()), (0x00081070, "PN", m.name()),
        (0x00081080, "LO", f"Pneumonia, says {m.word()}"), (0x00100021, "LO", m.word()), (0x00100032, "TM", m.clock()),
        (0x00101000, "LO", f"{m.number()}\\{m.number()}"), (0x00101001, "PN", m.name()), (0x00101005, "PN", m.name()),
        (0x00101010, "AS", "061Y"), (0x00101030, "DS", "73.4182"), (0x00101020, "DS", "1.6947"),
        (0x00101060, "PN", m.name()), (0x00101090, "LO", m.number()), (0x00102160, "SH", m.word()),
        (0x00102180, "SH", f"smith at {m.word()}"), (0x001021B0, "LT", f"Seen by {m.name()} on {m.day()}"),
        (0x001021F0, "LO", m.word()), (0x00102297, "PN", m.name()), (0x00181004, "LO", m.number()),
        (0x00181030, "LO", f"Thorax {m.word()}"), (0x00181200, "DA", m.day()), (0x0018700A, "SH", m.number()),
        (0x00321032, "PN", m.name()), (0x00321060, "LO", f"Chest for {m.word()}"), (0x00380010, "LO", m.number()),
        (0x00380300, "LO", f"Bed {m.digits(6)}"), (0x00400002, "DA", m.day()), (0x00400241, "AE", m.word()),
        (0x00400244, "DA", m.day()), (0x00400253, "SH", m.number()), (0x00402016, "LO", m.number()),
    ):  # fmt: skip
        d.plant(tag, vr, value)
    d.plant(0x00204000, "LT", f"{who.given} {who.family}, tel {m.phone()}, lives at {m.address()}")
    yield d.sample()

    d, who = film(w, "dx_same_study.dcm", who=w.shared)
    yield d.sample()

    d, who = begin(w, "mg_breast.dcm", MG, "MG")
    technique(d, view="MLO")
    d.keep(0x001811A0, "DS", "53")
    d.keep(0x00181510, "DS", "45.5")
    d.keep(0x00200062, "CS", "R")
    d.plant(0x00181400, "LO", f"Premium view {w.made.word()}")
    describe(d, (30, 22), allocated=16, stored=14)
    native(d, gradient(30, 22, top=(1 << 14) - 1), stored=14)
    yield d.sample()


@made
def a_ct_series(w: World) -> Iterator[Sample]:
    """Slices that refer to each other; their private block is what a scanner writes."""
    for number, instance in enumerate(w.slices):
        d, who = begin(w, f"ct_slice_{number}.dcm", CT, "CT", who=w.shared, series=w.series, instance=instance)
        m = w.made
        d.keep(0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL")
        d.keep(0x00180050, "DS", "1.25")
        d.keep(0x00180060, "DS", "120")
        d.keep(0x00181100, "DS", "361")
        d.keep(0x00181151, "IS", 213)
        d.keep(0x00181210, "SH", "B60f")
        d.keep(0x00185100, "CS", "HFS")
        d.keep(0x00200032, "DS", f"-180.5\\-180.5\\{-100 - number * 1.25}")
        d.keep(0x00200037, "DS", "1\\0\\0\\0\\1\\0")
        d.uid(0x00200052, who.frame_of_reference)
        d.keep(0x00201041, "DS", str(-100 - number * 1.25))
        d.keep(0x00280030, "DS", "0.703125\\0.703125")
        d.keep(0x00281052, "DS", "-1024")
        d.keep(0x00281053, "DS", "1")
        d.keep(0x00281054, "LO", "HU")
        d.plant(0x0008103E, "LO", f"LUNG {m.word()}")
        for item, other in zip(d.items(0x00081140, 2), (each for each in w.slices if each != instance), strict=True):
            item.standard_uid(0x00081150, CT)
            item.uid(0x00081155, other)
        block = d.block(0x0029, "SIEMENS CSA HEADER")
        d.plant(block | 0x10, "OB", b"SV10\4\3\2\1" + f"PatientName={who.name};{m.number()}".encode(), who.name, who.family)
        d.plant(block | 0x08, "CS", "IMAGE NUM 4")
        d.plant(block | 0x09, "LO", m.day())
        describe(d, (16, 16), allocated=16, stored=16, signed=1)
        native(d, gradient(16, 16, top=3000, dtype="<i2") - np.int16(1024), stored=16)
        yield d.sample()


@made
def private_attributes(w: World) -> Iterator[Sample]:
    """Private blocks of all kinds, also where none belongs and inside items."""
    d, _ = film(w, "private_everywhere.dcm")
    m = w.made
    block = d.block(0x0009, "GEMS_IDEN_01")
    d.plant(block | 0x01, "LO", m.name())
    d.plant(block | 0x27, "SL", [19_751_203])
    d.plant(block | 0xE3, "UI", m.uid())
    block = d.block(0x0011, f"ACME {m.word()} PRIVATE", plant=True)
    d.plant(block | 0x02, "UN", m.number().encode())
    d.plant(block | 0x03, "UT", f"report of {m.name()}")
    (inner,) = d.items(block | 0x10)
    inner.plant(0x00100010, "PN", m.name())
    deeper = inner.item(inner.block(0x0013, "NESTED") | 0x01)
    deeper.plant(0x00080050, "SH", m.number())
    deeper.plant(0x0015_1001, "LO", m.word())
    d.plant(0x0019_10AA, "LO", m.name(), kind="no creator")
    d.block(0x0021, "LAST BLOCK", number=0xFF)
    d.plant(0x0021_FF01, "LO", m.name())
    d.plant(0x0023_0001, "LO", m.number(), kind="odd group below block 10")
    d.plant(0x0001_0010, "LO", m.word(), kind="group 0001")
    d.plant(0x5001_1001, "LO", m.name(), kind="odd curve group")
    d.plant(0x7FE1_1001, "OB", m.name().encode())
    (request,) = d.items(0x00400440)
    request.plant(request.block(0x0033, "DEEP PRIVATE") | 0x01, "PN", m.name())
    code = request.item(0x00080220)
    code.keep(0x00080100, "SH", "A-01")
    code.plant(code.block(0x0041, m.word(), plant=True) | 0x01, "DA", m.day())
    yield d.sample()


# --- structure --------------------------------------------------------------------------------------------------------


@made
def deep_sequences(w: World) -> Iterator[Sample]:
    """Listed attributes three deep, in sequences that are listed, that are not, and that nobody has heard of."""
    for name, undefined in (("nested_three_deep.dcm", False), ("undefined_lengths.dcm", True)):
        d, _ = film(w, name)
        m = w.made
        (series,) = d.items(0x00081115, undefined=undefined)
        series.uid(0x0020000E, m.uid())
        series.plant(0x0008103E, "LO", m.word())
        (one,) = series.items(0x00081199, undefined=undefined)
        one.standard_uid(0x00081150, CR)
        one.uid(0x00081155, d.sop_instance)
        one.plant(0x00080020, "DA", m.day())
        (third,) = one.items(0x00400440, undefined=undefined)
        third.plant(0x00100010, "PN", m.name())
        third.plant(0x00101000, "LO", m.number())
        third.keep(0x00400301, "US", 17)
        (request,) = d.items(0x00400275, undefined=undefined)
        request.plant(0x00400007, "LO", m.word())
        request.plant(0x00401001, "SH", m.number())
        request.plant(0x00321060, "LO", f"Thorax of {m.word()}")
        (mask,) = d.items(0x00286100, undefined=undefined)
        mask.keep(0x00286101, "CS", "AVG_SUB")
        mask.plant(0x00081070, "PN", m.name())
        (empty,) = d.items(0x00540410, undefined=undefined)
        empty.code(0x00540412, "10206005", "SCT", "left lateral")
        empty.plant(0x00402008, "PN", m.name())
        yield d.sample()


@made
def unknown_vr(w: World) -> Iterator[Sample]:
    """UN with known tags, as old gateways make them, and CP-246: UN of undefined length holds implicit items."""
    d, who = begin(w, "un_known_tags.dcm", DX, "DX")
    radiograph(d)
    m = w.made
    d.plant(0x00081048, "UN", m.name().encode())
    d.plant(0x00101000, "UN", m.number().encode())
    d.plant(0x00400244, "UN", m.day().encode())
    d.plant(0x00204000, "UN", f"{who.family} again".encode(), who.family)
    d.uid(0x00080014, m.uid(), vr="UN")
    (item,) = d.items(0x00081111, vr="UN", implicit=True)
    item.uid(0x00081155, m.uid())
    item.plant(0x00080050, "SH", m.number())
    (unlisted,) = d.items(0x00081250, vr="UN", implicit=True)
    unlisted.plant(0x00100010, "PN", m.name())
    yield d.sample()

    d, who = film(w, "un_cp246.dcm")
    (item,) = d.items(0x00400440, vr="UN", undefined=True, implicit=True)
    item.plant(0x00100010, "PN", m.name())
    (deeper,) = item.items(0x00400441, undefined=True)
    deeper.plant(0x00081070, "PN", m.name())
    (private,) = d.items(d.block(0x0051, "MAKER") | 0x05, vr="UN", undefined=True, implicit=True)
    private.plant(0x00100020, "LO", m.number())
    yield d.sample()

    d, who = film(w, "unknown_tags.dcm")
    d.plant(0x00100099, "LO", m.name(), grade="strict", kind="no such tag")
    d.plant(0x00080F01, "UN", m.number().encode(), grade="strict", kind="no such tag")
    d.plant(0x66660010, "LT", m.address(), grade="strict", kind="no such group")
    d.plant(0x00060010, "LO", m.name(), grade="strict", kind="no such group")
    yield d.sample()


@made
def odd_lengths(w: World) -> Iterator[Sample]:
    """Values of odd length, and what writers leave behind the end of a value."""
    d, _ = film(w, "odd_lengths.dcm")
    m = w.made
    for tag, vr, value in ((0x00081048, "PN", m.name()), (0x00102180, "SH", m.word()), (0x00321033, "LO", m.word())):
        data = value.encode()
        data += b"x" * (len(data) % 2 == 0)
        d.append(tag, raw(tag, vr, data))
        d.claim(path_text((tag,)), value, kind="odd length")
    d.append(0x00180010, raw(0x00180010, "LO", b"Omnipaque"))
    yield d.sample()

    d, _ = film(w, "after_nul.dcm")
    for tag, vr, value in (
        (0x00080068, "CS", b"FOR PRESENTATION"),
        (0x00181020, "LO", b"VB22H"),
        (0x00181261, "LO", b"X-90"),
        (0x00200062, "CS", b"L"),
        (0x00281055, "LO", b"NORMAL"),
        (0x00089206, "CS", b"VOLUME"),
        (0x00283003, "LO", b"IDENTITY"),
    ):
        hidden = m.name()
        data = value + b"\0" + hidden.encode()
        data += b"\0" * (len(data) % 2)
        d.append(tag, raw(tag, vr, data))
        d.claim(path_text((tag,)) + " after NUL", hidden, grade="strict", kind="after NUL")
    hidden = m.word()
    uid = m.uid()
    data = uid.encode() + b"\0" + hidden.encode()
    d.append(0x00200200, raw(0x00200200, "UI", data + b"\0" * (len(data) % 2)))
    d.claim("(0020,0200) after NUL", hidden, uid, kind="after NUL")
    d.append(0x00185100, raw(0x00185100, "CS", b"HFS" + b" " * 30 + m.name().encode()[:1] + b"      "))
    yield d.sample()


@made
def encodings(w: World) -> Iterator[Sample]:
    """Deflated, big endian, implicit with group lengths."""
    d, _ = film(w, "deflated.dcm", syntax=DEFLATED)
    d.plant(0x00204000, "LT", f"deflated {w.made.name()}")
    deflate = zlib.compressobj(9, zlib.DEFLATED, -15)
    yield d.sample(deflate=lambda body: _padded(deflate.compress(body) + deflate.flush()))

    d, _ = film(w, "big_endian.dcm", syntax=BIG_ENDIAN)
    (item,) = d.items(0x00400440)
    item.plant(0x00100010, "PN", w.made.name())
    item.keep(0x00400302, "US", 258)
    d.keep(0x00189073, "FD", 0.25)
    yield d.sample()

    d, _ = begin(w, "implicit_group_lengths.dcm", CR, "CR", syntax=IMPLICIT)
    radiograph(d)
    m = w.made
    (item,) = d.items(0x00400275)
    item.plant(0x00400009, "SH", m.number())
    d.plant(d.block(0x0029, "IMPLICIT CREATOR") | 0x01, "UN", m.name().encode())
    for group in (0x0008, 0x0010, 0x0018, 0x0020, 0x0028, 0x0029):
        inside = b"".join(each() for tag, each in d._elements if tag >> 16 == group)
        d.put(group << 16, "UL", len(inside))
    yield d.sample()

    d, _ = film(w, "group_length_lies.dcm")
    d.put(0x00080000, "UL", 7)
    hidden = w.made.word()
    d.append(0x00100000, raw(0x00100000, "LO", hidden.ljust(len(hidden) + len(hidden) % 2).encode()))
    d.claim("(0010,0000)", hidden, kind="text in a group length")
    yield d.sample()


def _padded(data: bytes) -> bytes:
    return data + b"\0" * (len(data) % 2)


@made
def beginnings(w: World) -> Iterator[Sample]:
    """Preamble, File Meta Information, and files without the one or the other."""
    d, _ = film(w, "preamble_tiff.dcm")
    m = w.made
    hidden = m.name()
    d.preamble = (b"II*\0\x08\0\0\0\1\0\x3b\1\x02\0\x20\0\0\0\x1a\0\0\0" + hidden.encode()).ljust(128, b"\0")
    d.claim("preamble", hidden, kind="preamble")
    yield d.sample()

    d, _ = film(w, "meta_titles.dcm")
    for tag, vr in ((0x00020013, "SH"), (0x00020016, "AE"), (0x00020017, "AE"), (0x00020018, "AE")):
        hidden = m.word() + "_CT1"
        d.meta_extra.append(raw(tag, vr, _padded(hidden.encode()).replace(b"\0", b" ")))
        d.claim(path_text((tag,)), hidden, kind="file meta")
    for tag in (0x00020012, 0x00020100):
        uid = m.uid()
        d.meta_extra.append(raw(tag, "UI", _padded(uid.encode())))
        d.claim(path_text((tag,)), uid, kind="file meta")
    for tag in (0x00020026, 0x00020027, 0x00020028):
        url = f"dicom://{m.word()}.example:11112"
        d.meta_extra.append(raw(tag, "UR", _padded(url.encode()).replace(b"\0", b" ")))
        d.claim(path_text((tag,)), url, kind="file meta")
    hidden = m.name()
    d.meta_extra.append(raw(0x00020102, "OB", _padded(hidden.encode())))
    d.claim("(0002,0102)", hidden, kind="file meta")
    yield d.sample()

    d, _ = film(w, "no_preamble.dcm")
    d.meta = b""
    yield d.sample()

    d, _ = begin(w, "no_preamble_implicit.dcm", CR, "CR", syntax=IMPLICIT)
    radiograph(d)
    d.meta = b""
    yield d.sample()

    d, _ = film(w, "meta_without_preamble.dcm")
    d.meta = d.file_meta()
    yield d.sample()

    d, _ = film(w, "meta_partial.dcm")
    body = raw(0x00020010, "UI", _padded(EXPLICIT.encode()))
    d.meta = bytes(128) + b"DICM" + body
    yield d.sample()

    d, _ = film(w, "meta_length_wrong.dcm")
    meta = d.file_meta()
    d.meta = bytes(128) + b"DICM" + meta[:8] + struct.pack("<L", 4) + meta[12:]
    yield d.sample()

    d, _ = film(w, "meta_other_instance.dcm")
    other = m.uid()
    d.sop_instance = other
    d.claim("(0002,0003)", other, kind="file meta")
    yield d.sample()


@made
def endings(w: World) -> Iterator[Sample]:
    """Padding elements, and bytes behind the data set."""
    m = w.made
    d, _ = film(w, "padding.dcm")
    d.plant(0xFFFCFFFC, "OB", m.name().encode())
    (item,) = d.items(0x00400440)
    item.plant(0xFFFCFFFC, "OB", m.number().encode())
    yield d.sample()

    d, _ = film(w, "bytes_after.dcm")
    hidden = m.name()
    d.after = b"\0\0" + hidden.encode() + b"\r\nexported by " + m.word().encode()
    d.claim("after the data set", hidden)
    yield d.sample()

    d, _ = film(w, "zeros_after.dcm")
    d.after = bytes(2048)
    yield d.sample()

    d, _ = film(w, "elements_after_pixels.dcm")
    hidden = m.name()
    number = m.number()
    d.after = raw(0xFFFCFFFC, "OB", bytes(8)) + raw(0x00100010, "PN", _padded(hidden.encode()))
    d.after += raw(0x00101000, "LO", _padded(number.encode()))
    d.claim("behind the padding", hidden, number, kind="element after the end")
    yield d.sample()


@made
def orders(w: World) -> Iterator[Sample]:
    """Duplicates and disorder."""
    m = w.made
    d, _ = film(w, "duplicates.dcm")
    d.plant(0x00100010, "PN", m.name(), kind="second of two")
    d.plant(0x00081030, "LO", m.word())
    d.plant(0x00081030, "LO", m.word(), kind="second of two")
    d.plant(0x00204000, "LT", m.name())
    d.plant(0x00204000, "LT", m.name(), kind="second of two")
    yield d.sample()

    d, who = begin(w, "wrong_order.dcm", DX, "DX", in_order=False)
    radiograph(d)
    d.plant(0x00081070, "PN", m.name())
    d.plant(0x00100032, "TM", m.clock())
    d.plant(0x00080081, "ST", m.address(), kind="after the pixels")
    (item,) = d.items(0x00400440)
    item.plant(0x00400009, "SH", m.number())
    item.plant(0x00080050, "SH", m.number())
    yield d.sample()

    d, who = film(w, "multi_valued.dcm")
    d.plant(0x00101001, "PN", f"{m.name()}\\{m.name()}\\{m.name()}")
    d.plant(0x00102154, "SH", f"{m.phone()}\\{m.phone()}")
    d.plant(0x00080022, "DA", f"{m.day()}\\{m.day()}")
    d.uid(0x00080058, m.uid(), m.uid(), m.uid())
    d.keep(0x00181152, "IS", 3)
    d.plant(0x00181020, "LO", f"VB22H\\{who.family}\\1.0", who.family, grade="strict")
    yield d.sample()

    d, who = film(w, "very_long.dcm")
    words = [m.name() for _ in range(20)]
    d.plant(0x00204000, "LT", " ".join(words) + " and so on" * 2000, words[0], words[-1])
    d.plant(0x00081030, "LO", f"{words[3]} " + "x" * 5000, words[3])
    d.plant(0x0040A160, "UT", "z" * 70_000 + words[7], words[7], grade="strict")
    d.plant(0x00101001, "PN", "^".join([words[5], *["q" * 100] * 3]), words[5], kind="a very long name")
    yield d.sample()


# --- text -------------------------------------------------------------------------------------------------------------


@made
def free_text(w: World) -> Iterator[Sample]:
    """Prose in every listed attribute that holds prose."""
    d, _ = film(w, "free_text.dcm")
    m = w.made
    tags = (
        (0x00082111, "ST"), (0x00084000, "LT"), (0x00102000, "LO"), (0x00102110, "LO"), (0x00104000, "LT"),
        (0x00120051, "ST"), (0x00180010, "LO"), (0x00184000, "LT"), (0x00189424, "LT"), (0x0018A003, "ST"),
        (0x00203406, "LO"), (0x00209158, "LT"), (0x00284000, "LT"), (0x00321030, "LO"), (0x00321066, "UT"),
        (0x00321070, "LO"), (0x00324000, "LT"), (0x00380040, "LO"), (0x00380050, "LO"), (0x00380062, "LO"),
        (0x00380500, "LO"), (0x00384000, "LT"), (0x00400254, "LO"), (0x00400280, "ST"), (0x00400310, "ST"),
        (0x00401002, "LO"), (0x00401400, "LT"), (0x00402001, "LO"), (0x00402400, "LT"), (0x00403001, "LO"),
        (0x00880906, "ST"), (0x2030_0020, "LO"), (0x40000010, "LT"), (0x40004000, "LT"), (0x4008010B, "ST"),
        (0x40080300, "ST"),
    )  # fmt: skip
    for tag, vr in tags:
        told = m.random.choice((m.name, m.phone, m.number, m.day, m.address))()
        d.plant(tag, vr, f"Pat. {told} known", told)
    yield d.sample()

    d, who = film(w, "free_text_unlisted.dcm")
    # The header knows every one of these; nothing else does.
    for tag, vr, value, needle in (
        (0x0040A160, "UT", f"Findings of {who.given} {who.family}: clear lungs", who.family),
        (0x00700006, "ST", f"see {who.patient_id}", who.patient_id),
        (0x00281055, "LO", f"WINDOW {who.family.upper()}", who.family.upper()),
        (0x00283003, "LO", f"{who.family} LUT", who.family),
        (0x00420010, "ST", f"Report {who.family}", who.family),
        (0x00181251, "SH", who.accession, who.accession),
        (0x00187005, "CS", who.family.upper(), who.family.upper()),
        (0x00720004, "LO", f"layout of Dr. {m.word()}", ""),
        (0x00700081, "LO", f"for {who.family}", who.family),
        (0x00080115, "ST", f"Scheme of {who.hospital}", who.hospital),
        (0x00181020, "LO", f"syngo {who.hospital}", who.hospital),
        (0x00185104, "LO", f"{who.family} arm up", who.family),
    ):  # fmt: skip
        if needle:
            d.plant(tag, vr, value, needle, grade="strict", kind="unlisted text")
        else:
            d.plant(tag, vr, value, value.split()[-1], grade="strict", kind="unlisted text")
    yield d.sample()

    # Of these nobody else in the file speaks: only their form, or the word before them, says what they are.
    d, _ = film(w, "strangers.dcm")
    doctor, patient, email = m.word(), m.word(), f"{m.word().lower()}@{m.word().lower()}.example"
    person, phone, number, day, hospital = m.name(), m.phone(), m.digits(8), m.day(2001, 2024), m.hospital()
    site = f"{m.word().lower()}.example"
    dashed = f"{day[:4]}-{day[4:6]}-{day[6:]}"
    for tag, vr, value, needle in (
        (0x0040A160, "UT", f"discussed with Dr. {doctor} on the ward", doctor),
        (0x00700006, "ST", f"Patient: {patient}", patient),
        (0x00181020, "LO", f"VB22 {email}", email),
        (0x00281055, "LO", person, person),
        (0x00283003, "LO", f"tel. {phone}", phone),
        (0x00700081, "LO", f"MRN: {number}", number),
        (0x00720004, "LO", f"made on {dashed}", dashed),
        (0x00185104, "LO", hospital, hospital),
        (0x00080115, "ST", f"https://{site}/who", site),
    ):
        d.plant(tag, vr, value, needle, grade="strict", kind="a stranger")
    yield d.sample()


@made
def odd_places(w: World) -> Iterator[Sample]:
    """Identifiers where none belongs: in numbers, code strings, codes, device attributes and AE titles."""
    d, who = begin(w, "odd_places.dcm", DX, "DX")
    radiograph(d)
    m = w.made
    digits = m.digits(9)
    d.plant(0x00101000, "LO", digits)
    d.plant(0x00200012, "IS", digits, grade="strict", kind="id in an integer string")
    d.plant(0x00181405, "IS", who.patient_id[1:], grade="strict", kind="id in an integer string")
    d.plant(0x00181110, "DS", who.study_date, grade="strict", kind="date in a decimal string")
    d.plant(0x00180022, "CS", who.family.upper()[:16], grade="strict", kind="name in a code string")
    d.plant(0x00189004, "CS", "RESEARCH\\" + who.accession, who.accession, grade="strict", kind="id in a code string")
    d.plant(0x00080054, "AE", m.word())
    d.plant(0x00080055, "AE", m.word())
    d.plant(0x00400001, "AE", f"{m.word()}_AE")
    d.plant(0x21000140, "AE", m.word())
    d.plant(0x00181250, "SH", who.family[:16], grade="strict", kind="name of a coil")
    d.plant(0x00181261, "LO", f"{who.hospital} meter", who.hospital, grade="strict", kind="device")
    d.plant(0x00181008, "LO", m.number())
    d.plant(0x00181005, "LO", m.number())
    d.plant(0x00181007, "LO", m.number())
    d.plant(0x00189367, "UC", m.number())
    d.plant(0x00189371, "UC", m.number())
    d.plant(0x00203401, "CS", m.word().upper())
    d.plant(0x00321021, "AE", m.word())
    code = d.item(0x00081032)
    code.put(0x00080100, "SH", "CHEST2")
    code.put(0x00080102, "SH", "99LOCAL")
    code.plant(0x00080104, "LO", f"Chest for {who.given} {who.family}", who.family, grade="strict", kind="code meaning")
    code = d.item(0x00540220)
    code.plant(0x00080100, "SH", who.patient_id, grade="strict", kind="code value")
    code.put(0x00080102, "SH", "99LOCAL")
    code.put(0x00080104, "LO", "Local")
    code = d.item(0x00081084)
    code.plant(0x00080104, "LO", m.word())
    code.put(0x00080100, "SH", "X1")
    code.put(0x00080102, "SH", "99LOCAL")
    (person,) = d.items(0x00081049)
    (who_code,) = person.items(0x00401101)
    who_code.plant(0x00080100, "SH", m.number())
    who_code.plant(0x00080104, "LO", m.name())
    who_code.put(0x00080102, "SH", "99STAFF")
    person.plant(0x00080080, "LO", m.hospital())
    person.plant(0x00401103, "LO", m.phone())
    person.plant(0x00401102, "ST", m.address())
    (operator,) = d.items(0x00081072)
    (who_code,) = operator.items(0x00401101)
    who_code.plant(0x00080100, "SH", m.number())
    who_code.plant(0x00080104, "LO", m.name())
    who_code.put(0x00080102, "SH", "99STAFF")
    d.plant(0x00120010, "LO", m.word())
    d.plant(0x00120040, "LO", m.number())
    yield d.sample()

    d, who = film(w, "clinical_trial.dcm")
    for tag, vr, value in (
        (0x00120010, "LO", m.word()), (0x00120020, "LO", m.number()), (0x00120021, "LO", m.word()),
        (0x00120030, "LO", m.number()), (0x00120031, "LO", m.hospital()), (0x00120040, "LO", m.number()),
        (0x00120042, "LO", m.number()), (0x00120050, "LO", m.number()), (0x00120060, "LO", m.hospital()),
        (0x00120081, "LO", m.word()), (0x00120082, "LO", m.number()), (0x00120086, "DA", m.day()),
    ):  # fmt: skip
        d.plant(tag, vr, value)
    yield d.sample()

    d, who = film(w, "file name tells " + w.made.word() + ".dcm")
    d.claim("file name", d.name.split()[-1].removesuffix(".dcm"), kind="file name")
    yield d.sample()


@made
def dates(w: World) -> Iterator[Sample]:
    """Dates, times and ages in every VR and notation, listed or not."""
    d, _ = film(w, "dates_everywhere.dcm")
    m = w.made
    listed = (
        0x00080015, 0x0008002A, 0x00181078, 0x00181202, 0x00181203, 0x00189074, 0x00189151, 0x00189516, 0x00189517,
        0x00189701, 0x0018A002, 0x00404005, 0x00404050, 0x0040A032, 0x0040A13A, 0x0044000B,
    )  # fmt: skip
    for number, tag in enumerate(listed):
        day = m.day()
        said = (f"{day}{m.clock()}", f"{day}{m.clock()}+0800", day, f"{day}1215")[number % 4]
        d.plant(tag, "DT", said, day, kind="DT")
    for tag in (
        0x00080024,
        0x00080025,
        0x00181012,
        0x001021D0,
        0x0018700C,
        0x00203403,
        0x00321000,
        0x00380020,
        0x00400250,
        0x21000040,
    ):
        d.plant(tag, "DA", m.day())
    for tag in (0x00080034, 0x00080035, 0x00181014, 0x0018700E, 0x00203405, 0x00321001, 0x00380021, 0x00400251, 0x21000050):
        d.plant(tag, "TM", m.clock())
    for tag, vr, value in (
        (0x00080201, "SH", "+0837"),
        (0x00100033, "LO", f"H{m.digits(7)}"),
        (0x00100034, "LO", f"H{m.digits(7)}"),
    ):
        d.plant(tag, vr, value, grade="must" if tag == 0x00080201 else "strict", kind="date or time")
    day = m.day()
    d.plant(0x00189919, "DT", day + "1310", day, kind="DT")
    # ACR-NEMA notation, a range, and text that is no date at all in a date's place.
    d.plant(0x00080021, "DA", "1987.03.19", "1987.03.19")
    d.plant(0x00080022, "DA", f"{m.day()}-{m.day()}")
    d.plant(0x00080023, "DA", m.word()[:8], kind="no date")
    d.plant(0x00080031, "TM", "09:41:27.15", "09:41:27")
    d.plant(0x00101010, "AS", "043W", kind="AS")
    (item,) = d.items(0x00400440)
    item.plant(0x0040A121, "DA", m.day())
    item.plant(0x0040A122, "TM", m.clock())
    item.plant(0x0040A120, "DT", m.day() + "080000", kind="DT")
    yield d.sample()

    d, _ = film(w, "dates_unlisted.dcm")
    for tag, vr in _UNLISTED_DATES:
        day = m.day()
        value = {"DA": day, "DT": day + "1045", "TM": m.clock()}[vr]
        d.plant(tag, vr, value, value[:8] if vr == "DT" else value, grade="strict", kind=f"unlisted {vr}")
    yield d.sample()


_UNLISTED_DATES = (
    (0x00080404, "DT"), (0x00080416, "DT"), (0x0008041F, "DT"), (0x00140102, "DA"), (0x00140103, "TM"), (0x00141020, "DA"),
    (0x00143076, "DA"), (0x00143077, "TM"), (0x00144076, "DA"), (0x00144078, "DA"), (0x0014407A, "DA"), (0x40101025, "DT"),
)  # fmt: skip
"""Attributes with a VR that dates people, and no row in Table E.1-1 (2024b)."""


@made
def uids(w: World) -> Iterator[Sample]:
    """Every place where a UID may stand, with the standard's own between them."""
    d, who = film(w, "uid_references.dcm", who=w.shared)
    m = w.made
    for tag in (0x00080014, 0x00080017, 0x00083010, 0x00181002, 0x0018100B, 0x00200052, 0x00200200, 0x00209161, 0x00281199):
        d.uid(tag, m.uid())
    for tag in (0x00081167, 0x00083012, 0x0018991E, 0x00200242, 0x00209312, 0x00209313):
        d.uid(tag, m.uid(), grade="strict")
    (source,) = d.items(0x00082112)
    source.standard_uid(0x00081150, CT)
    source.uid(0x00081155, w.slices[0])
    code = source.item(0x0040A170)
    code.put(0x00080100, "SH", "121322")
    code.put(0x00080102, "SH", "DCM")
    code.put(0x00080104, "LO", "Source image for image processing operation")
    code.standard_uid(0x0008010C, "1.2.840.10008.2.16.4")
    code.standard_uid(0x00080117, "1.2.840.10008.6.1.496")
    (study,) = d.items(0x00081110)
    study.standard_uid(0x00081150, "1.2.840.10008.3.1.2.3.1")
    study.uid(0x00081155, who.study_uid)
    (evidence,) = d.items(0x0040A375)
    evidence.uid(0x0020000D, who.study_uid)
    (series,) = evidence.items(0x00081115)
    series.uid(0x0020000E, w.series)
    images = series.items(0x00081199, 3)
    for image, old in zip(images, w.slices, strict=True):
        image.standard_uid(0x00081150, CT)
        image.uid(0x00081155, old)
    d.plant(0x00204000, "LT", f"compare {w.slices[1]}", w.slices[1], kind="UID in text")
    d.plant(0x0040A160, "UT", f"see {w.slices[2]}", w.slices[2], grade="strict", kind="UID in text")
    d.plant(d.block(0x0077, "UIDS") | 0x01, "UI", m.uid())
    d.uid(0x00080019, "1.2.840.10008.99.1." + m.digits(5))
    yield d.sample()

    d, _ = film(w, "uid_standard.dcm")
    for tag, value in (
        (0x00200052, "1.2.840.10008.1.4.1.1"),
        (0x00281199, "1.2.840.10008.1.5.1"),
        (0x00083002, "1.2.840.10008.1.2.4.70"),
        (0x00080062, CT),
    ):
        d.standard_uid(tag, value)
    yield d.sample()


@made
def character_sets(w: World) -> Iterator[Sample]:
    """The same sorts of names in the character sets of the world, also where the file says another one than it uses."""
    m = w.made
    chinese = m.chinese()
    cases: list[tuple[str, str, Encode, str]] = [
        ("charset_utf8", "ISO_IR 192", UTF_8, f"{m.name()}={chinese}={m.chinese()}"),
        ("charset_utf8_accents", "ISO_IR 192", UTF_8, f"Žďár{m.word()}^Łuçía{m.word()}"),
        ("charset_ir87", "\\ISO 2022 IR 87", JAPANESE, "Yamakawa^Tarouko=山川^多郎子=やまかわ^たろうこ"),
        ("charset_ir159", "\\ISO 2022 IR 87\\ISO 2022 IR 159", JAPANESE_SUPPLEMENT, "Okuyamata^Hiro=丂丄^丒丟=おくやま"),
        ("charset_ir149", "\\ISO 2022 IR 149", KOREAN, "Hongkim^Gildongo=洪金^吉洞=홍김^길동오"),
        ("charset_ir58", "\\ISO 2022 IR 58", CHINESE, "Zhangwei^Xiaodonga=张伟^小东"),
        ("charset_ir13", "ISO_IR 13", plainly("shift_jis"), "ﾔﾏﾓﾄｵ^ﾀﾛｳｺ=山本^多朗子=ﾔﾏﾓﾄｵ^ﾀﾛｳｺ"),
        ("charset_gb18030", "GB18030", plainly("gb18030"), f"{m.name()}={m.chinese()}"),
        ("charset_gbk", "GBK", plainly("gbk"), f"{m.name()}={m.chinese()}"),
        ("charset_cyrillic", "ISO_IR 144", plainly("iso8859_5"), "Люксембургова^Пётржих"),
        ("charset_greek", "ISO_IR 126", plainly("iso8859_7"), "Διονυσιος^Παπαδοπουλου"),
        ("charset_arabic", "ISO_IR 127", plainly("iso8859_6"), "قباني^لنزارية"),
        ("charset_wrong_latin1", "ISO_IR 100", plainly("gbk"), f"{m.name()}={m.chinese()}"),
        ("charset_missing_utf8", "", UTF_8, f"{m.name()}={m.chinese()}"),
        ("charset_wrong_utf8", "ISO_IR 192", plainly("gb18030"), f"{m.name()}={m.chinese()}"),
        ("charset_unknown", "ISO_IR 999", UTF_8, f"{m.name()}={m.chinese()}"),
    ]  # fmt: skip
    for name, said, encode, person in cases:
        writable = encode(person)  # fails here, where the set is made, if the repertoire has not the characters
        assert writable
        who = imagine(m, name=person)
        d, who = begin(w, f"{name}.dcm", DX, "DX", who=who, charset=said, encode=encode)
        radiograph(d)
        groups = person.split("=")
        ideographic = groups[1] if len(groups) > 1 else groups[0]
        joined = ideographic.replace("^", "")
        d.plant(0x00204000, "LT", f"{joined} x", joined)
        d.plant(0x00081070, "PN", person.replace("^", "^ "))
        d.plant(0x0040A160, "UT", f"CT {joined}", joined, grade="strict", kind="unlisted text")
        (item,) = d.items(0x00400440)
        item.plant(0x00400006, "PN", person)
        yield d.sample()

    d, who = begin(w, "charset_nested.dcm", DX, "DX", charset="ISO_IR 100", encode=LATIN_1)
    radiograph(d)
    for tag, said, encode, person in (
        (0x00400440, "GB18030", plainly("gb18030"), m.chinese()),
        (0x00081250, "\\ISO 2022 IR 87", JAPANESE, "佐々木^大介子"),
        (0x00286100, "ISO_IR 192", UTF_8, "김철수^민수호"),
    ):
        (item,) = d.items(tag, encode=encode)
        item.put(0x00080005, "CS", said.encode())
        item.plant(0x00100010, "PN", person)
        item.plant(0x00081030, "LO", person.replace("^", ""))
        (deeper,) = item.items(0x00400441)
        deeper.plant(0x00081070, "PN", person)
    yield d.sample()


@made
def pinyin(w: World) -> Iterator[Sample]:
    """A Chinese name that comes back in Latin letters, in other orders, and in digits of another width."""
    who = imagine(w.made, name="OUYANG^XIAODONG=欧阳^晓冬")
    d, who = begin(w, "pinyin.dcm", DX, "DX", who=who, charset="ISO_IR 192", encode=UTF_8)
    radiograph(d)
    d.plant(0x00181030, "LO", "Chest Ouyang Xiaodong", "Ouyang", "Xiaodong")
    day = f"{who.study_date[:4]}-{who.study_date[4:6]}-{who.study_date[6:]}"
    wide = who.patient_id.translate({ord(c): ord(c) + 0xFEE0 for c in "0123456789HKMRZ"})
    for tag, vr, value, needle in (
        (0x00281055, "LO", "ouyangxiaodong", "ouyangxiaodong"),
        (0x00283003, "LO", "Xiaodong OUYANG", "Xiaodong"),
        (0x00181020, "LO", f"欧阳晓冬 {who.patient_id}", "欧阳晓冬"),
        (0x0040A160, "UT", f"检查日期 {day}", day),
        (0x00700006, "ST", f"号 {wide}", wide),
        (0x00080115, "ST", "Xiao-dong Ouyang", "Ouyang"),
        (0x00181251, "SH", "晓冬", "晓冬"),
        (0x00700081, "LO", "O.Y. Xiao Dong", "Xiao Dong"),
    ):
        d.plant(tag, vr, value, needle, grade="strict", kind="name in another notation")
    yield d.sample()


@made
def long_vrs(w: World) -> Iterator[Sample]:
    """The VRs that older readers do not know."""
    d, _ = film(w, "long_vrs.dcm")
    m = w.made
    d.plant(0x00189367, "UC", m.number())
    d.plant(0x00080120, "UR", f"https://{m.word()}.example/patient?id={m.number()}", grade="strict", kind="unlisted UR")
    d.plant(0x00081190, "UR", f"https://{m.word()}.example/wado", grade="strict", kind="unlisted UR")
    d.plant(0x00321066, "UT", f"because of {m.name()}")
    block = d.block(0x0099, "LONG")
    d.plant(block | 1, "UV", [int("19" + m.digits(10))])
    d.plant(block | 2, "SV", [-int("19" + m.digits(10))])
    d.plant(block | 3, "OV", m.name().encode().ljust(24, b"\0"), kind="OV")
    d.plant(block | 4, "OL", m.name().encode().ljust(24, b"\0"), kind="OL")
    d.plant(block | 5, "OD", m.name().encode().ljust(24, b"\0"), kind="OD")
    d.keep(0x00189073, "FD", 0.5)
    yield d.sample()


# --- overlays, curves, icons and what else hides in bits -----------------------------------------------------------------


def bits_of(data: bytes) -> NDArray[np.uint8]:
    return np.unpackbits(np.frombuffer(data, np.uint8), bitorder="little")


@made
def planes(w: World) -> Iterator[Sample]:
    """Overlays and curves with labels, descriptions and data that spell a name."""
    m = w.made
    d, _ = film(w, "overlays.dcm")
    for group in (0x6000, 0x6002, 0x601E):
        d.put(group << 16 | 0x0010, "US", 24)
        d.put(group << 16 | 0x0011, "US", 20)
        d.plant(group << 16 | 0x0022, "LO", f"drawn by {m.name()}", grade="strict", kind="overlay")
        d.put(group << 16 | 0x0040, "CS", "G")
        d.put(group << 16 | 0x0050, "SS", [1, 1])
        d.put(group << 16 | 0x0100, "US", 1)
        d.put(group << 16 | 0x0102, "US", 0)
        d.plant(group << 16 | 0x1500, "LO", m.name(), grade="strict", kind="overlay")
        hidden = m.name().encode().ljust(60, b"\0")
        d.plant(group << 16 | 0x3000, "OW", hidden, hidden.rstrip(b"\0"), kind="overlay data")
        d.plant(group << 16 | 0x4000, "LT", m.number())
    swapped = m.word().encode().ljust(60, b"\0")
    d.put(0x6004_3000, "OW", bytes(np.frombuffer(swapped, "<u2").byteswap().tobytes()))
    d.claim("(6004,3000) byte-swapped", swapped.rstrip(b"\0"), kind="overlay data")
    yield d.sample()

    d, _ = film(w, "curves.dcm")
    for group in (0x5000, 0x5002):
        d.put(group << 16 | 0x0005, "US", 2)
        d.put(group << 16 | 0x0010, "US", 8)
        d.put(group << 16 | 0x0020, "CS", "HIST")
        d.plant(group << 16 | 0x0022, "LO", m.name())
        d.plant(group << 16 | 0x2500, "LO", m.number())
        d.plant(group << 16 | 0x3000, "OB", m.name().encode())
    yield d.sample()

    d, _ = begin(w, "overlay_in_pixels.dcm", DX, "DX")
    technique(d)
    describe(d, (24, 20), allocated=16, stored=12)
    d.put(0x6000_0010, "US", 24)
    d.put(0x6000_0011, "US", 20)
    d.put(0x6000_0100, "US", 16)
    d.put(0x6000_0102, "US", 12)
    hidden = m.name().encode()
    plane = bits_of(hidden.ljust(60, b"\0"))
    native(d, gradient(24, 20, top=4095), stored=12, unused=plane)
    d.claim("bit 12 of the pixels", hidden, kind="overlay in unused bits")
    yield d.sample()

    d, _ = begin(w, "unused_high_bits.dcm", CR, "CR")
    technique(d)
    describe(d, (24, 20), allocated=16, stored=12)
    hidden = m.name().encode()
    nibbles = np.frombuffer(hidden.ljust(240, b"\0"), np.uint8)
    native(d, gradient(24, 20, top=4095), stored=12, unused=np.stack((nibbles & 15, nibbles >> 4), axis=-1).reshape(-1))
    d.claim("bits 12 to 15 of the pixels", hidden, kind="unused bits")
    yield d.sample()

    d, _ = begin(w, "pixel_tail.dcm", CR, "CR")
    technique(d)
    describe(d, (24, 20), allocated=16, stored=12)
    hidden = m.name()
    native(d, gradient(24, 20, top=4095), stored=12, tail=_padded(b"tail: " + hidden.encode()))
    d.claim("behind the last pixel", hidden, kind="pixel tail")
    yield d.sample()

    d, _ = film(w, "icon.dcm")
    (icon,) = d.items(0x00880200)
    icon.put(0x00280002, "US", 1)
    icon.put(0x00280004, "CS", "MONOCHROME2")
    icon.put(0x00280010, "US", 8)
    icon.put(0x00280011, "US", 8)
    icon.put(0x00280100, "US", 8)
    icon.put(0x00280101, "US", 8)
    icon.put(0x00280102, "US", 7)
    icon.put(0x00280103, "US", 0)
    hidden = m.name().encode().ljust(64, b"\0")
    icon.plant(0x7FE00010, "OB", hidden, hidden.rstrip(b"\0"), kind="icon pixels")
    icon.plant(0x6000_3000, "OW", m.word().encode().ljust(8, b"\0"), kind="overlay in an icon")
    icon.plant(0x6000_0022, "LO", m.name())
    (unlisted,) = d.items(0x00081140)
    unlisted.standard_uid(0x00081150, DX)
    unlisted.uid(0x00081155, m.uid())
    (nested,) = unlisted.items(0x00880200)
    nested.plant(0x7FE00010, "OB", m.name().encode(), kind="icon pixels")
    yield d.sample()


@made
def history(w: World) -> Iterator[Sample]:
    """What was before: modified and original attributes, signatures, encrypted attributes."""
    m = w.made
    d, _ = film(w, "history.dcm")
    (original,) = d.items(0x04000561)
    original.plant(0x04000562, "DT", m.day() + "101500", kind="DT")
    original.plant(0x04000563, "LO", m.word())
    original.plant(0x04000564, "LO", m.hospital())
    original.put(0x04000565, "CS", "COERCE")
    (before,) = original.items(0x04000550)
    before.plant(0x00100010, "PN", m.name())
    before.plant(0x00100020, "LO", m.number())
    (odd,) = original.items(0x04000551)
    odd.plant(0x04000552, "OB", m.name().encode())
    (contribution,) = d.items(0x0018A001)
    contribution.plant(0x00080080, "LO", m.hospital())
    contribution.plant(0x00081010, "SH", m.word())
    contribution.plant(0x0018A002, "DT", m.day() + "0830", kind="DT")
    contribution.plant(0x0018A003, "ST", f"by {m.name()}")
    contribution.plant(0x00081070, "PN", m.name())
    yield d.sample()

    d, _ = film(w, "signatures.dcm")
    (parameters,) = d.items(0x4FFE0001)
    parameters.put(0x04000005, "US", 1)
    parameters.put(0x04000015, "CS", "SHA256")
    (signature,) = d.items(0xFFFAFFFA)
    signature.put(0x04000005, "US", 1)
    signature.plant(0x04000100, "UI", m.uid())
    signature.plant(0x04000105, "DT", m.day() + "1130", kind="DT")
    signature.plant(0x04000115, "OB", b"0\x82CN=" + m.name().encode())
    signature.plant(0x04000120, "OB", m.name().encode(), kind="signature")
    (encrypted,) = d.items(0x04000500)
    encrypted.put(0x04000510, "UI", "1.2.840.10008.1.2.1")
    encrypted.plant(
        0x04000520, "OB", b"not encrypted at all: " + m.name().encode(), grade="strict", kind="encrypted content"
    )
    yield d.sample()

    d, _ = film(w, "patient_sequences.dcm")
    (patient,) = d.items(0x00081120)
    patient.standard_uid(0x00081150, "1.2.840.10008.3.1.2.1.1")
    patient.plant(0x00081155, "UI", m.uid())
    (other,) = d.items(0x00101002)
    other.plant(0x00100020, "LO", m.number())
    other.plant(0x00100021, "LO", m.word())
    (issuer,) = d.items(0x00100024)
    issuer.plant(0x00400032, "UT", f"1.2.3.{m.digits(8)}", grade="strict", kind="issuer")
    (photo,) = d.items(0x00101100)
    photo.plant(0x00081155, "UI", m.uid())
    (admission,) = d.items(0x00380014)
    admission.plant(0x00400031, "UT", m.hospital(), kind="issuer")
    (insurance,) = d.items(0x00100050)
    insurance.plant(0x00080104, "LO", m.word())
    (institution,) = d.items(0x00080082)
    institution.plant(0x00080100, "SH", m.number())
    institution.plant(0x00080104, "LO", m.hospital())
    (performers,) = d.items(0x00404035)
    performers.plant(0x00404037, "PN", m.name())
    performers.plant(0x00404036, "LO", m.hospital())
    yield d.sample()


# --- code streams -----------------------------------------------------------------------------------------------------


def marker(code: int, payload: bytes) -> bytes:
    """A marker segment of the JPEG family."""
    return struct.pack(">BBH", 0xFF, code, len(payload) + 2) + payload


def encapsulate(d: Draft, frames: list[bytes], *, offsets: bytes = b"", pieces: int = 1) -> None:
    parts: list[bytes] = []
    for frame in frames:
        size = -(-len(frame) // pieces)
        size += size % 2
        parts += [frame[at : at + size] for at in range(0, len(frame), size)]
    d.append(0x7FE00010, fragments(parts, offsets=offsets))


@made
def code_streams(w: World) -> Iterator[Sample]:
    """Comments and metadata inside compressed pixels."""
    m = w.made
    grey8, grey16 = gradient(32, 40, top=255, dtype="u1"), gradient(32, 40, top=4095)

    def compressed(name: str, syntax: str, stored: int, pixels: NDArray[Any], **how: Any) -> Draft:
        d, _ = begin(w, name, CR, "CR", syntax=syntax)
        technique(d)
        describe(d, (32, 40), allocated=8 if stored == 8 else 16, stored=stored, **how)
        d.pixels = digest(pixels, bits_stored=stored)
        return d

    exif = b"Exif\0\0MM\0*\0\0\0\x08\0\1\x01\x3b\0\2\0\0\0\x14\0\0\0\x1a\0\0\0\0"
    stream = imagecodecs.jpeg8_encode(grey8[0, :, :, 0], level=90)
    hidden = [m.name() for _ in range(5)]
    tail = m.name()
    dressed = (
        stream[:2]
        + marker(0xE1, exif + hidden[0].encode())
        + marker(0xED, b"Photoshop 3.0\0" + hidden[1].encode())
        + marker(0xFE, hidden[2].encode())
        + marker(0xE2, b"ICC_PROFILE\0\1\1" + hidden[3].encode())
        + stream[2:-2]
        + stream[-2:]
    )
    dressed += (b"\0" if len(dressed) % 2 else b"") + tail.encode()
    d = compressed("jpeg_segments.dcm", JPEG_BASELINE, 8, imagecodecs.jpeg8_decode(stream)[None, :, :, None])
    encapsulate(d, [dressed])
    for said, value in zip(("APP1 Exif", "APP13", "COM", "APP2"), hidden, strict=False):
        d.claim(f"JPEG {said}", value, kind="code stream")
    d.claim("JPEG behind EOI", tail, kind="code stream")
    yield d.sample()

    late = m.name()
    at = stream.index(b"\xff\xda")
    d = compressed("jpeg_late_comment_fragments.dcm", JPEG_BASELINE, 8, imagecodecs.jpeg8_decode(stream)[None, :, :, None])
    encapsulate(d, [stream[:at] + marker(0xFE, late.encode() * 3) + stream[at:]], pieces=3, offsets=struct.pack("<L", 0))
    d.claim("JPEG COM before SOS, in fragments", late, kind="code stream")
    yield d.sample()

    lossless = imagecodecs.ljpeg_encode(grey16[0, :, :, 0], bitspersample=16)
    hidden_lossless = m.name()
    d = compressed("jpeg_lossless_comment.dcm", JPEG_LOSSLESS, 12, grey16)
    encapsulate(d, [lossless[:2] + marker(0xFE, hidden_lossless.encode()) + lossless[2:]])
    d.claim("JPEG Lossless COM", hidden_lossless, kind="code stream")
    yield d.sample()

    ls = imagecodecs.jpegls_encode(grey16[0, :, :, 0])
    com, app = m.name(), m.name()
    d = compressed("jpegls_comment.dcm", JPEG_LS, 16, grey16)
    encapsulate(d, [ls[:2] + marker(0xFE, com.encode()) + marker(0xE8, b"note" + app.encode()) + ls[2:]])
    d.claim("JPEG-LS COM", com, kind="code stream")
    d.claim("JPEG-LS APP8", app, kind="code stream")
    yield d.sample()

    j2k = imagecodecs.jpeg2k_encode(grey16[0, :, :, 0], codecformat="j2k", reversible=True, level=0)
    com, behind = m.name(), m.name()
    sot = j2k.index(b"\xff\x90")
    d = compressed("jpeg2000_comment.dcm", JPEG_2000, 16, grey16)
    encapsulate(d, [j2k[:sot] + marker(0x64, b"\0\1" + com.encode()) + j2k[sot:] + behind.encode()])
    d.claim("JPEG 2000 COM", com, kind="code stream")
    d.claim("JPEG 2000 behind EOC", behind, kind="code stream")
    yield d.sample()

    tile = m.name()
    segment = marker(0x64, b"\0\1" + tile.encode())
    psot = int.from_bytes(j2k[sot + 6 : sot + 10], "big")
    longer = j2k[: sot + 6] + struct.pack(">L", psot + len(segment) if psot else 0) + j2k[sot + 10 : sot + 12]
    d = compressed("jpeg2000_tile_comment.dcm", JPEG_2000, 16, grey16)
    encapsulate(d, [longer + segment + j2k[sot + 12 :]])
    d.claim("JPEG 2000 COM of a tile part", tile, kind="code stream")
    yield d.sample()

    frames = gradient(32, 40, top=255, dtype="u1", frames=3)
    streams = [imagecodecs.jpegls_encode(frame[:, :, 0]) for frame in frames]
    names = [m.name() for _ in streams]
    dressed_streams = [s[:2] + marker(0xFE, n.encode()) + s[2:] for s, n in zip(streams, names, strict=True)]
    padded = [_padded(s) for s in dressed_streams]
    starts = [sum(len(p) + 8 for p in padded[:k]) for k in range(3)]
    d, _ = begin(w, "jpegls_frames_comments.dcm", US_MULTI, "US", syntax=JPEG_LS)
    technique(d)
    describe(d, (32, 40), allocated=8, stored=8, frames=3)
    d.pixels = digest(frames, bits_stored=8)
    encapsulate(d, dressed_streams, offsets=struct.pack("<3L", *starts))
    d.claim("JPEG-LS COM of every frame", *names, kind="code stream")
    yield d.sample()

    colour = gradient(32, 40, top=255, dtype="u1", samples=3)
    stream = imagecodecs.jpeg8_encode(colour[0], level=90, colorspace="RGB", outcolorspace="YCBCR", subsampling="444")
    com = m.name()
    d, _ = begin(w, "jpeg_colour_comment.dcm", US, "US", syntax=JPEG_BASELINE)
    technique(d)
    describe(d, (32, 40), allocated=8, stored=8, samples=3, photometric="YBR_FULL", planar=0)
    d.pixels = digest(imagecodecs.jpeg8_decode(stream)[None], bits_stored=8)
    encapsulate(d, [stream[:2] + marker(0xFE, com.encode()) + stream[2:]])
    d.claim("JPEG COM, colour", com, kind="code stream")
    yield d.sample()

    rows, columns = 32, 40
    hidden_rle = m.word()
    body = _rle_segment(grey16[0, :, :, 0] >> 8), _rle_segment(grey16[0, :, :, 0] & 255)
    header = struct.pack("<15L", 2, 64, 64 + len(body[0]), *[0] * 12)
    header = struct.pack("<L", 2) + struct.pack("<2L", 64, 64 + len(body[0])) + hidden_rle.encode().ljust(52, b"\0")
    d = compressed("rle_header.dcm", RLE, 12, grey16)
    encapsulate(d, [header + body[0] + body[1]])
    assert (rows, columns) == grey16.shape[1:3]
    d.claim("unused offsets of an RLE header", hidden_rle, kind="code stream")
    yield d.sample()

    text = m.word()[:8]
    d = compressed("offset_table_text.dcm", JPEG_LS, 16, grey16)
    encapsulate(d, [ls], offsets=text.ljust(8, "q").encode())
    d.claim("Basic Offset Table", text, kind="code stream")
    yield d.sample()


def _rle_segment(plane: NDArray[Any]) -> bytes:
    """Literal runs of at most 128 bytes (PS3.5 G.3.1), row by row."""
    out = b""
    for row in plane.astype(np.uint8):
        data = row.tobytes()
        for at in range(0, len(data), 128):
            part = data[at : at + 128]
            out += bytes((len(part) - 1,)) + part
    return _padded(out)


@made
def pixel_forms(w: World) -> Iterator[Sample]:
    """Odd sizes, planes, bits and floats: the pixels must survive all of them."""
    d, _ = begin(w, "us_rgb_planar_odd.dcm", US, "US")
    technique(d)
    describe(d, (5, 7), allocated=8, stored=8, samples=3, photometric="RGB", planar=1)
    pixels = gradient(5, 7, top=255, dtype="u1", samples=3)
    d.pixels = digest(pixels, bits_stored=8)
    d.put(0x7FE00010, "OB", np.ascontiguousarray(pixels.transpose(0, 3, 1, 2)).tobytes())
    (region,) = d.items(0x00186011)
    region.keep(0x00186018, "UL", 0)
    region.keep(0x0018602C, "FD", 0.0125)
    region.plant(0x00081070, "PN", w.made.name())
    yield d.sample()

    d, _ = begin(w, "us_8bit_odd_length.dcm", US, "US")
    technique(d)
    describe(d, (3, 5), allocated=8, stored=8)
    native(d, gradient(3, 5, top=255, dtype="u1"), stored=8)
    yield d.sample()

    d, _ = begin(w, "us_frames.dcm", US_MULTI, "US")
    technique(d)
    describe(d, (9, 7), allocated=8, stored=8, frames=5)
    d.keep(0x00181063, "DS", "33.3333")
    native(d, gradient(9, 7, top=255, dtype="u1", frames=5), stored=8)
    yield d.sample()

    d, _ = begin(w, "sc_scan_of_paper.dcm", SC, "OT")
    d.keep(0x00080064, "CS", "WSD")
    d.plant(0x00181012, "DA", w.made.day())
    d.plant(0x00181014, "TM", w.made.clock())
    d.plant(0x00181016, "LO", w.made.hospital(), grade="strict", kind="device")
    describe(d, (12, 10), allocated=8, stored=8, photometric="MONOCHROME1")
    native(d, gradient(12, 10, top=255, dtype="u1"), stored=8)
    yield d.sample()

    d, who = begin(w, "mr_12_of_16_signed.dcm", MR, "MR")
    d.keep(0x00180080, "DS", "2000.5")
    d.keep(0x00180081, "DS", "30.25")
    d.keep(0x00180087, "DS", "1.494")
    d.keep(0x00180020, "CS", "SE\\IR")
    d.keep(0x00180024, "SH", "*tse2d1_16")
    d.uid(0x00200052, who.frame_of_reference)
    describe(d, (10, 14), allocated=16, stored=16, signed=1)
    native(d, gradient(10, 14, top=4000, dtype="<i2") - np.int16(2000), stored=16)
    yield d.sample()

    d, _ = begin(w, "pt_32bit.dcm", PT, "PT")
    d.keep(0x00541001, "CS", "BQML")
    d.keep(0x00541321, "DS", "1.00123")
    (dose,) = d.items(0x00540016)
    dose.plant(0x00181072, "TM", w.made.clock())
    dose.plant(0x00181078, "DT", w.made.day() + "0700", kind="DT")
    dose.keep(0x00181074, "DS", "370000000")
    dose.keep(0x00181075, "DS", "6586.2")
    dose.code(0x00540300, "77004003", "SCT", "^18^Fluorine")
    describe(d, (6, 6), allocated=32, stored=32)
    native(d, gradient(6, 6, top=70_000, dtype="<u4"), stored=32)
    yield d.sample()

    d, _ = begin(w, "seg_one_bit.dcm", SEG, "SEG")
    m = w.made
    d.keep(0x00080008, "CS", "DERIVED\\PRIMARY")
    d.keep(0x00620001, "CS", "BINARY")
    d.plant(0x00700084, "PN", m.name())
    d.keep(0x00700080, "CS", "SEGMENTATION")
    (segment,) = d.items(0x00620002)
    segment.keep(0x00620004, "US", 1)
    segment.keep(0x00620005, "LO", "Lung")
    segment.keep(0x00620008, "CS", "AUTOMATIC")
    segment.code(0x0062000F, "39607008", "SCT", "Lung")
    segment.uid(0x00620021, m.uid())
    bits = (gradient(7, 9, top=1, dtype="u1", frames=3) & 1).reshape(-1)
    d.pixels = digest(bits.reshape(3, 7, 9), bits_stored=1)
    describe(d, (7, 9), allocated=1, stored=1, frames=3)
    d.put(0x7FE00010, "OB", np.packbits(bits, bitorder="little").tobytes())
    (shared,) = d.items(0x52009229)
    (derivation,) = shared.items(0x00089124)
    (source,) = derivation.items(0x00082112)
    source.standard_uid(0x00081150, CT)
    source.uid(0x00081155, w.slices[0])
    yield d.sample()

    for name, tag, vr, kind in (
        ("parametric_float.dcm", 0x7FE00008, "OF", "<f4"),
        ("parametric_double.dcm", 0x7FE00009, "OD", "<f8"),
    ):
        d, _ = begin(w, name, PARAMETRIC, "MR")
        d.keep(0x00280002, "US", 1)
        d.keep(0x00280004, "CS", "MONOCHROME2")
        d.keep(0x00280008, "IS", 2)
        d.keep(0x00280010, "US", 4)
        d.keep(0x00280011, "US", 6)
        d.keep(0x00280100, "US", int(kind[-1]) * 8)
        floats = gradient(4, 6, top=1000, dtype=kind, frames=2) / 7
        d.pixels = digest(floats.astype(kind))
        d.put(tag, vr, floats.astype(kind).tobytes())
        yield d.sample()


# --- other objects ----------------------------------------------------------------------------------------------------


@made
def reports(w: World) -> Iterator[Sample]:
    """Structured reports, key objects and presentation states."""
    m = w.made
    for name, sop_class in (
        ("sr_basic.dcm", SR_BASIC),
        ("sr_enhanced.dcm", SR_ENHANCED),
        ("sr_comprehensive.dcm", SR_COMPREHENSIVE),
    ):
        d, who = begin(w, name, sop_class, "SR", who=w.shared)
        d.keep(0x0040A040, "CS", "CONTAINER")
        d.keep(0x0040A050, "CS", "SEPARATE")
        d.keep(0x0040A491, "CS", "COMPLETE")
        d.keep(0x0040A493, "CS", "VERIFIED")
        d.plant(0x00080023, "DA", m.day())
        d.plant(0x00080033, "TM", m.clock())
        title = d.item(0x0040A043)
        title.keep(0x00080100, "SH", "18747-6")
        title.keep(0x00080102, "SH", "LN")
        title.put(0x00080104, "LO", "CT Report")
        (observer,) = d.items(0x0040A073)
        observer.plant(0x0040A027, "LO", m.hospital())
        observer.plant(0x0040A030, "DT", m.day() + "141500", kind="DT")
        observer.plant(0x0040A075, "PN", m.name())
        (observer_code,) = observer.items(0x0040A088)
        observer_code.plant(0x00080100, "SH", m.number())
        (author,) = d.items(0x0040A078)
        author.plant(0x0040A123, "PN", m.name())
        (request,) = d.items(0x0040A370)
        request.plant(0x00080050, "SH", m.number())
        request.plant(0x00321060, "LO", m.word())
        request.uid(0x0020000D, who.study_uid)
        (evidence,) = d.items(0x0040A375)
        evidence.uid(0x0020000D, who.study_uid)
        (series,) = evidence.items(0x00081115)
        series.uid(0x0020000E, w.series)
        (image,) = series.items(0x00081199)
        image.standard_uid(0x00081150, CT)
        image.uid(0x00081155, w.slices[0])
        content = d.items(0x0040A730, 8, undefined=sop_class == SR_ENHANCED)
        kinds = ("PNAME", "TEXT", "DATE", "TIME", "DATETIME", "UIDREF", "NUM", "CONTAINER")
        for part, kind in zip(content, kinds, strict=True):
            part.put(0x0040A010, "CS", "CONTAINS")
            part.put(0x0040A040, "CS", kind)
            part.code(0x0040A043, "121071", "DCM", "Finding", kept=False)
        content[0].plant(0x0040A123, "PN", m.name())
        content[1].plant(0x0040A160, "UT", f"{who.given} {who.family}, seen by Dr. {m.word()}, clear", who.family)
        content[2].plant(0x0040A121, "DA", m.day())
        content[3].plant(0x0040A122, "TM", m.clock())
        content[4].plant(0x0040A120, "DT", m.day() + "0900", kind="DT")
        content[5].plant(0x0040A124, "UI", m.uid())
        (number,) = content[6].items(0x0040A300)
        number.put(0x0040A30A, "DS", "12.5")
        number.code(0x004008EA, "mm", "UCUM", "millimeter", kept=False)
        for deeper, value in zip(content[7].items(0x0040A730, 2), (m.name(), m.address()), strict=True):
            deeper.put(0x0040A040, "CS", "TEXT")
            deeper.plant(0x0040A160, "UT", f"lives {value}", value)
            (referenced,) = deeper.items(0x00081199)
            referenced.put(0x00081150, "UI", CT)
            referenced.plant(0x00081155, "UI", w.slices[1])
        yield d.sample()

    d, who = begin(w, "ko_key_object.dcm", KO, "KO", who=w.shared)
    d.keep(0x0040A040, "CS", "CONTAINER")
    (evidence,) = d.items(0x0040A375)
    evidence.uid(0x0020000D, who.study_uid)
    (series,) = evidence.items(0x00081115)
    series.uid(0x0020000E, w.series)
    for image, old in zip(series.items(0x00081199, 3), w.slices, strict=True):
        image.standard_uid(0x00081150, CT)
        image.uid(0x00081155, old)
    (content,) = d.items(0x0040A730)
    content.put(0x0040A040, "CS", "TEXT")
    content.plant(0x0040A160, "UT", f"for teaching: {m.name()}")
    yield d.sample()

    d, who = begin(w, "gsps.dcm", GSPS, "PR", who=w.shared)
    d.keep(0x00700080, "CS", "PRESSTATE")
    d.plant(0x00700081, "LO", f"marks by {who.family}", who.family, grade="strict", kind="unlisted text")
    d.plant(0x00700082, "DA", m.day())
    d.plant(0x00700083, "TM", m.clock())
    d.plant(0x00700084, "PN", m.name())
    (series,) = d.items(0x00081115)
    series.uid(0x0020000E, w.series)
    (image,) = series.items(0x00081140)
    image.standard_uid(0x00081150, CT)
    image.uid(0x00081155, w.slices[2])
    (annotation,) = d.items(0x00700001)
    annotation.put(0x00700002, "CS", "LAYER1")
    (text,) = annotation.items(0x00700008)
    text.put(0x00700003, "CS", "PIXEL")
    text.plant(0x00700006, "ST", f"mass, told {m.name()}")
    (layer,) = d.items(0x00700060)
    layer.keep(0x00700002, "CS", "LAYER1")
    layer.keep(0x00700062, "IS", 1)
    layer.plant(0x00700068, "LO", f"layer of {who.family}", who.family, grade="strict", kind="unlisted text")
    (area,) = d.items(0x0070005A)
    area.keep(0x00700052, "SL", [1, 1])
    area.keep(0x00700053, "SL", [16, 16])
    area.keep(0x00700100, "CS", "SCALE TO FIT")
    (voi,) = d.items(0x00283110)
    voi.keep(0x00281050, "DS", "-600")
    voi.keep(0x00281051, "DS", "1500")
    d.keep(0x20500020, "CS", "IDENTITY")
    yield d.sample()


@made
def waveforms(w: World) -> Iterator[Sample]:
    """An electrocardiogram: the curve is the content and stays, what is written beside it goes."""
    d, who = begin(w, "ecg_waveform.dcm", ECG, "ECG")
    m = w.made
    d.plant(0x0008002A, "DT", m.day() + "1201", kind="DT")
    (wave,) = d.items(0x54000100)
    wave.keep(0x003A0004, "CS", "ORIGINAL")
    wave.keep(0x003A0005, "US", 1)
    wave.keep(0x003A0010, "UL", 6)
    wave.keep(0x003A001A, "DS", "500")
    wave.plant(0x003A0020, "SH", who.family[:16], grade="strict", kind="unlisted text")
    (channel,) = wave.items(0x003A0200)
    channel.plant(0x003A0203, "SH", who.patient_id, grade="strict", kind="unlisted text")
    channel.code(0x003A0208, "2:1", "MDC", "Lead I")
    channel.keep(0x003A0210, "DS", "1.25")
    channel.keep(0x003A021A, "US", 16)
    wave.keep(0x54001004, "US", 16)
    wave.keep(0x54001006, "CS", "SS")
    wave.keep(0x54001010, "OW", struct.pack("<6h", 1, -2, 300, -400, 5, 6))
    (note,) = d.items(0x0040B020)
    note.plant(0x00700006, "ST", f"rhythm of {who.given} {who.family}", who.family, grade="strict", kind="unlisted text")
    yield d.sample()


@made
def radiotherapy(w: World) -> Iterator[Sample]:
    m = w.made
    d, who = begin(w, "rtstruct.dcm", RTSTRUCT, "RTSTRUCT", who=w.shared, instance=w.structures)
    d.plant(0x30060002, "SH", m.word())
    d.plant(0x30060004, "LO", m.name())
    d.plant(0x30060006, "ST", m.name())
    d.plant(0x30060008, "DA", m.day())
    d.plant(0x30060009, "TM", m.clock())
    (frame,) = d.items(0x30060010)
    frame.uid(0x00200052, who.frame_of_reference)
    (study,) = frame.items(0x30060012)
    study.standard_uid(0x00081150, "1.2.840.10008.3.1.2.3.1")
    study.uid(0x00081155, who.study_uid)
    (series,) = study.items(0x30060014)
    series.uid(0x0020000E, w.series)
    for image, old in zip(series.items(0x30060016, 3), w.slices, strict=True):
        image.standard_uid(0x00081150, CT)
        image.uid(0x00081155, old)
    (roi,) = d.items(0x30060020)
    roi.keep(0x30060022, "IS", 1)
    roi.uid(0x30060024, who.frame_of_reference)
    roi.plant(0x30060026, "LO", f"GTV {who.family}", who.family)
    roi.plant(0x30060028, "ST", m.name())
    roi.keep(0x30060036, "CS", "MANUAL")
    (contour,) = d.items(0x30060039)
    contour.keep(0x3006002A, "IS", "255\\0\\0")
    (line,) = contour.items(0x30060040)
    line.keep(0x30060042, "CS", "CLOSED_PLANAR")
    line.keep(0x30060046, "IS", 3)
    line.keep(0x30060050, "DS", "-10.5\\20.25\\-100\\11\\20\\-100\\3\\-7.75\\-100")
    contour.keep(0x30060084, "IS", 1)
    (observed,) = d.items(0x30060080)
    observed.keep(0x30060082, "IS", 1)
    observed.keep(0x30060084, "IS", 1)
    observed.plant(0x30060085, "SH", m.word())
    observed.keep(0x300600A4, "CS", "GTV")
    observed.plant(0x300600A6, "PN", m.name())
    yield d.sample()

    d, who = begin(w, "rtplan.dcm", RTPLAN, "RTPLAN", who=w.shared, instance=w.plan)
    d.plant(0x300A0002, "SH", m.word())
    d.plant(0x300A0003, "LO", m.name())
    d.plant(0x300A0004, "ST", m.name())
    d.plant(0x300A0006, "DA", m.day())
    d.plant(0x300A0007, "TM", m.clock())
    d.keep(0x300A000C, "CS", "PATIENT")
    (reference,) = d.items(0x300C0060)
    reference.standard_uid(0x00081150, RTSTRUCT)
    reference.uid(0x00081155, w.structures)
    (beam,) = d.items(0x300A00B0)
    beam.plant(0x300A00B2, "SH", m.word())
    beam.keep(0x300A00B4, "DS", "1000")
    beam.keep(0x300A00C0, "IS", 1)
    beam.plant(0x300A00C2, "LO", f"AP {who.family}", who.family, grade="strict", kind="unlisted text")
    beam.plant(0x300A00C3, "ST", m.name())
    beam.keep(0x300A00CE, "CS", "TREATMENT")
    (point,) = beam.items(0x300A0111)
    point.keep(0x300A0114, "DS", "6")
    point.keep(0x300A011E, "DS", "180.5")
    (approval,) = d.items(0x300A0070)
    approval.keep(0x300A0071, "IS", 1)
    approval.plant(0x300A0072, "LO", m.word())
    d.plant(0x300E0004, "DA", m.day())
    d.plant(0x300E0008, "PN", m.name())
    yield d.sample()

    d, who = begin(w, "rtdose.dcm", RTDOSE, "RTDOSE", who=w.shared)
    d.keep(0x30040002, "CS", "GY")
    d.keep(0x30040004, "CS", "PHYSICAL")
    d.keep(0x3004000A, "CS", "PLAN")
    d.plant(0x30040006, "LO", f"dose for {who.family}", who.family, grade="strict", kind="unlisted text")
    d.keep(0x3004000C, "DS", "0\\2.5")
    d.keep(0x3004000E, "DS", "0.00012345")
    (plan,) = d.items(0x300C0002)
    plan.standard_uid(0x00081150, RTPLAN)
    plan.uid(0x00081155, w.plan)
    describe(d, (8, 6), allocated=32, stored=32, frames=2)
    native(d, gradient(8, 6, top=100_000, dtype="<u4", frames=2), stored=32)
    yield d.sample()


@made
def enhanced(w: World) -> Iterator[Sample]:
    """Functional groups: dates, ids and references per frame, thousands of times in real files."""
    for name, sop_class, modality in (("enhanced_ct.dcm", ENHANCED_CT, "CT"), ("enhanced_mr.dcm", ENHANCED_MR, "MR")):
        d, who = begin(w, name, sop_class, modality)
        m = w.made
        d.keep(0x00080008, "CS", "ORIGINAL\\PRIMARY\\VOLUME\\NONE")
        d.plant(0x0008002A, "DT", m.day() + m.clock())
        d.uid(0x00200052, who.frame_of_reference)
        dimension = m.uid()
        (organization,) = d.items(0x00209221)
        organization.uid(0x00209164, dimension)
        (index,) = d.items(0x00209222)
        index.uid(0x00209164, dimension)
        index.keep(0x00209165, "AT", [0x00209056])
        index.keep(0x00209421, "LO", "Stack ID")
        (shared,) = d.items(0x52009229)
        (measures,) = shared.items(0x00289110)
        measures.keep(0x00180050, "DS", "0.75")
        measures.keep(0x00280030, "DS", "0.5\\0.5")
        (referenced,) = shared.items(0x00081140)
        referenced.standard_uid(0x00081150, CT)
        referenced.uid(0x00081155, m.uid())
        per_frame = d.items(0x52009230, 3)
        for number, group in enumerate(per_frame):
            (content,) = group.items(0x00209111)
            content.plant(0x00189074, "DT", m.day() + m.clock())
            content.plant(0x00189151, "DT", m.day() + m.clock())
            content.plant(0x00209158, "LT", m.name())
            content.keep(0x00209056, "SH", "1")
            content.keep(0x00209057, "UL", number + 1)
            content.keep(0x00209157, "UL", [1, number + 1])
            (position,) = group.items(0x00209113)
            position.keep(0x00200032, "DS", f"-12.5\\4\\{number * 0.75}")
            block = group.block(0x0021, "SIEMENS MR SDI 02")
            group.plant(block | 0x59, "LO", m.name())
        describe(d, (6, 8), allocated=16, stored=12, frames=3)
        native(d, gradient(6, 8, top=4095, frames=3), stored=12)
        yield d.sample()


@made
def documents(w: World) -> Iterator[Sample]:
    """Encapsulated documents may be refused: nobody reads them here."""
    m = w.made
    hidden = m.name()
    content = zlib.compress(f"BT (Report on {hidden}) Tj ET".encode())
    pdf = b"%%PDF-1.4\n1 0 obj <</Length %d /Filter /FlateDecode>> stream\n" % len(content) + content + b"\nendstream\n%EOF"
    d, who = begin(w, "pdf.dcm", PDF, "DOC")
    d.plant(0x00420010, "ST", f"Report {who.family}", who.family, grade="strict", kind="unlisted text")
    d.put(0x00420012, "LO", "application/pdf")
    d.put(0x00420011, "OB", pdf)
    d.claim("(0042,0011)", hidden, kind="document")
    d.may_refuse = "an encapsulated document that nobody reads"
    yield d.sample()

    hidden = m.name()
    d, who = begin(w, "cda.dcm", CDA, "DOC")
    d.put(0x00420012, "LO", "text/XML")
    d.put(0x00420011, "OB", f"<ClinicalDocument><patient><name>{hidden}</name></patient></ClinicalDocument>".encode())
    d.claim("(0042,0011)", hidden, kind="document")
    d.may_refuse = "an encapsulated document that nobody reads"
    yield d.sample()

    hidden = m.name()
    d, who = film(w, "document_in_film.dcm")
    d.put(0x00420011, "OB", base64.b64encode(f"data {hidden} 0123456789".encode()))
    d.claim("(0042,0011)", base64.b64encode(f"data {hidden} 0123456789".encode()), hidden, kind="document")
    yield d.sample()


@made
def others(w: World) -> Iterator[Sample]:
    """A hanging protocol, and a directory of a disc."""
    m = w.made
    d = Draft("hanging_protocol.dcm")
    d.sop_class, d.sop_instance = HANGING, m.uid()
    d.standard_uid(0x00080016, HANGING)
    d.uid(0x00080018, d.sop_instance)
    d.plant(0x00720002, "SH", f"for Dr. {m.word()}"[:16], grade="strict", kind="unlisted text")
    d.keep(0x00720006, "CS", "SITE")
    d.plant(0x00720008, "LO", m.hospital(), grade="strict", kind="creator")
    d.plant(0x0072000A, "DT", m.day() + "1000", kind="DT")
    (definition,) = d.items(0x0072000C)
    definition.keep(0x00080060, "CS", "CT")
    (selector,) = d.items(0x00720020)
    (image,) = selector.items(0x00720022)
    image.keep(0x00720024, "CS", "MATCH")
    image.plant(0x0072006A, "PN", m.name())
    image.plant(0x00720066, "LO", m.number())
    d.patient = None
    yield d.sample()

    d = Draft("DICOMDIR")
    d.sop_class, d.sop_instance = DICOMDIR, m.uid()
    d.claim("(0002,0003)", d.sop_instance, kind="file meta")
    d.plant(0x00041130, "CS", m.word().upper(), grade="strict", kind="file-set")
    d.put(0x00041200, "UL", 0)
    d.put(0x00041202, "UL", 0)
    d.put(0x00041212, "US", 0)
    records = d.items(0x00041220, 4)
    for record, kind in zip(records, ("PATIENT", "STUDY", "SERIES", "IMAGE"), strict=True):
        record.put(0x00041400, "UL", 0)
        record.put(0x00041410, "US", 0xFFFF)
        record.put(0x00041420, "UL", 0)
        record.keep(0x00041430, "CS", kind)
    patient, study, series, image = records
    patient.plant(0x00100010, "PN", w.shared.name)
    patient.plant(0x00100020, "LO", w.shared.patient_id)
    study.plant(0x00080020, "DA", w.shared.study_date)
    study.plant(0x00080030, "TM", w.shared.study_time)
    study.plant(0x00080050, "SH", w.shared.accession)
    study.plant(0x00081030, "LO", m.word())
    study.uid(0x0020000D, w.shared.study_uid)
    study.plant(0x00200010, "SH", m.number())
    series.keep(0x00080060, "CS", "CT")
    series.uid(0x0020000E, w.series)
    series.plant(0x00080080, "LO", m.hospital())
    image.plant(0x00041500, "CS", f"DICOM\\{w.shared.family.upper()}\\IMG1", w.shared.family, grade="strict", kind="file id")
    image.standard_uid(0x00041510, CT)
    image.uid(0x00041511, w.slices[0])
    image.standard_uid(0x00041512, EXPLICIT)
    image.keep(0x00200013, "IS", 17)
    d.marked = False
    yield d.sample()


def write(folder: Path, samples: list[Sample]) -> None:
    """The files into ``folder``, and what is planted in them into a file beside it."""
    folder.mkdir(parents=True, exist_ok=True)
    for sample in samples:
        (folder / sample.name).write_bytes(sample.data)
    said = json.dumps(manifest(samples), ensure_ascii=False, indent=1)
    folder.with_name(folder.name + ".manifest.json").write_text(said, encoding="utf-8")


if __name__ == "__main__":
    write(Path(sys.argv[1]), hostile_set(sys.argv[2] if len(sys.argv) > 2 else 1))
