"""DICOM files that know what was planted in them: a writer, made-up people, and the list that a judge reads.

A ``Draft`` is one file on its way. Whoever adds an attribute says at once what should become of it: ``plant`` it (nothing of
it may be in the output), ``keep`` it (it must come out as it is), ``uid`` (mapped, the same everywhere, or a standard one
that stays), or merely ``put`` it there. Bytes are written by hand (PS3.5 section 7), because half of what the world sends is
what a library refuses to write. Independent of the code under test.
"""

from __future__ import annotations

import hashlib
import random
import re
import struct
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

IMPLICIT, EXPLICIT = "1.2.840.10008.1.2", "1.2.840.10008.1.2.1"
DEFLATED, BIG_ENDIAN = "1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.2"
UNDEFINED = 0xFFFFFFFF

Path = tuple[int, ...]
"""Tag, or tag, item number, tag, item number, ..., tag."""

Encode = Callable[[str], bytes]

_LONG = frozenset({"OB", "OD", "OF", "OL", "OV", "OW", "SQ", "SV", "UC", "UN", "UR", "UT", "UV"})
_NUMBERS = {
    "US": "H", "SS": "h", "UL": "L", "SL": "l", "UV": "Q", "SV": "q", "FL": "f", "FD": "d", "OD": "d", "OF": "f", "OL": "L",
    "OV": "Q",
}  # fmt: skip
_ZERO_PADDED = frozenset({"UI", "OB", "UN"})


# --- what the judge reads ---------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Planted:
    """Something that may not come out. ``needles`` are the bytes that give it away, each as it is stored and as text.

    ``grade`` is ``must`` (a row of PS3.15 Table E.1-1 at any depth, a private attribute, or a part of the file that is no
    attribute) or ``strict`` (it identifies, and no row lists it).
    """

    where: str
    needles: tuple[tuple[bytes, str | None], ...]
    grade: str
    kind: str


@dataclass(frozen=True)
class Kept:
    """A value that harms nobody and must be read from the output as ``value``."""

    path: Path
    value: str


@dataclass(frozen=True)
class Reference:
    """A UID: ``mapped`` to one new UID wherever it stands, or (a standard one) left as it is."""

    path: Path
    old: str
    mapped: bool


@dataclass(frozen=True)
class Sample:
    """One file of a set and everything that is to be said of what a de-identifier makes of it.

    ``pixels`` digests the significant bits of all samples (``digest``), ``patient`` is the Patient ID as planted, and
    ``may_refuse`` says why a refusal is right. ``marked``: the output must say that it was de-identified.
    """

    name: str
    data: bytes = field(repr=False)
    planted: tuple[Planted, ...]
    kept: tuple[Kept, ...]
    references: tuple[Reference, ...]
    patient: str | None
    pixels: str | None
    may_refuse: str | None = None
    marked: bool = True


def tag_text(tag: int) -> str:
    return f"({tag >> 16:04X},{tag & 0xFFFF:04X})"


def path_text(path: Path) -> str:
    """``(0040,0275)[0].(0040,0007)``."""
    text = tag_text(path[0])
    for number, tag in zip(path[1::2], path[2::2], strict=True):
        text += f"[{number}].{tag_text(tag)}"
    return text


def path_from(text: str) -> Path | None:
    """The path that ``path_text`` wrote; ``None`` for a place that is no attribute."""
    if not re.fullmatch(r"(?:\([0-9A-F]{4},[0-9A-F]{4}\)\[\d+\]\.)*\([0-9A-F]{4},[0-9A-F]{4}\)", text):
        return None
    found = re.findall(r"\(([0-9A-F]{4}),([0-9A-F]{4})\)|\[(\d+)\]", text)
    return tuple(int(number) if number else int(group + element, 16) for group, element, number in found)


def digest(samples: NDArray[Any], *, bits_stored: int | None = None, high_bit: int | None = None) -> str:
    """SHA-256 of the shape and of the significant bits of all samples; floats count whole."""
    if samples.dtype.kind == "f":
        plain = samples.astype("<f8")
    else:
        bits = bits_stored or samples.dtype.itemsize * 8
        low = (bits - 1 if high_bit is None else high_bit) + 1 - bits
        plain = ((samples.astype("<i8") >> low) & ((1 << bits) - 1)).astype("<i8")
    shape = [size for size in samples.shape if size != 1]
    return hashlib.sha256(repr(shape).encode() + np.ascontiguousarray(plain).tobytes()).hexdigest()


# --- people who do not exist ------------------------------------------------------------------------------------------

_SURNAMES = "赵钱孙周吴郑冯陈褚卫蒋沈韩杨朱秦尤许何吕施孔曹严华金魏陶姜戚谢邹喻柏窦章苏潘葛范彭郎鲁韦昌马苗凤花方"
_GIVEN = "俊峰雨桐欣怡浩宇梓涵子轩诗琪嘉懿煜城懿轩烨伟苑博伟泽熠彤鸿煊博涛烨霖烨华煜祺智宸正豪昊然明杰立诚立轩立辉"


class Imagination:
    """Names, numbers and places that nobody has, no two of them alike, the same for the same seed."""

    def __init__(self, seed: int | str) -> None:
        self.random = random.Random(f"leadglass sets {seed}")  # noqa: S311 - made-up people need no secrecy
        self._used: set[str] = set()

    def _once(self, make: Callable[[], str]) -> str:
        while (made := make()) in self._used:
            pass
        self._used.add(made)
        return made

    def word(self) -> str:
        """A word of eight letters or so that stands in no dictionary and in no DICOM term."""
        pick = self.random.choice
        return self._once(
            lambda: (
                pick("BDGKPTVZ") + pick("aeiou") + "".join(pick("bdgkpvxz") + pick("aeiou") for _ in range(2)) + pick("qxzk")
            )
        )

    def name(self) -> str:
        return f"{self.word()}^{self.word()}"

    def chinese(self) -> str:
        """Family and given name, three characters: ``王^小东``."""
        pick = self.random.choice
        return self._once(lambda: f"{pick(_SURNAMES)}^{pick(_GIVEN)}{pick(_GIVEN)}")

    def digits(self, count: int) -> str:
        return self._once(lambda: str(self.random.randrange(10 ** (count - 1), 10**count)))

    def number(self) -> str:
        """An identifier as hospitals give them out."""
        return self.random.choice("HKMRZ") + self.digits(8)

    def day(self, first: int = 1931, last: int = 2024) -> str:
        r = self.random
        return self._once(lambda: f"{r.randint(first, last)}{r.randint(1, 12):02}{r.randint(1, 28):02}")

    def clock(self) -> str:
        r = self.random
        return self._once(
            lambda: f"{r.randint(0, 23):02}{r.randint(0, 59):02}{r.randint(0, 59):02}.{r.randint(1, 999999):06}"
        )

    def phone(self) -> str:
        return self._once(lambda: f"1{self.random.choice('35789')}{self.random.randrange(10**9):09}")

    def address(self) -> str:
        return f"{self.random.randint(3, 980)} {self.word()} Street, {self.word()} {self.digits(5)}"

    def hospital(self) -> str:
        return f"{self.word()} {self.random.choice(('Hospital', 'Medical Center', 'Clinic', 'Infirmary'))}"

    def uid(self) -> str:
        root = self.random.choice(("1.2.840.113619.2.55.3", "1.3.12.2.1107.5.2", "1.2.276.0.7230010.3.1.4", "2.25"))
        return f"{root}.{self.digits(12)}.{self.digits(6)}" if root != "2.25" else f"2.25.{self.digits(38)}"


@dataclass(frozen=True)
class Person:
    """A patient with what a header says of him. ``chinese`` and ``pinyin`` belong together where they are there."""

    name: str
    patient_id: str
    birth_date: str
    accession: str
    phone: str
    address: str
    hospital: str
    physician: str
    study_date: str
    study_time: str
    study_uid: str
    frame_of_reference: str
    family: str
    given: str


def imagine(made: Imagination, *, name: str | None = None) -> Person:
    name = name or made.name()
    family, _, given = name.split("=")[0].partition("^")
    return Person(
        name=name,
        patient_id=made.number(),
        birth_date=made.day(1931, 1999),
        accession=made.number(),
        phone=made.phone(),
        address=made.address(),
        hospital=made.hospital(),
        physician=made.name(),
        study_date=made.day(2010, 2024),
        study_time=made.clock(),
        study_uid=made.uid(),
        frame_of_reference=made.uid(),
        family=family,
        given=given,
    )


# --- character sets (PS3.3 C.12.1.1.2, PS3.5 6.1) ---------------------------------------------------------------------


def plainly(codec: str) -> Encode:
    return lambda text: text.encode(codec)


def escaped(codec: str, escape: bytes) -> Encode:
    """Code extensions: the escape before each part that is not ASCII, and ASCII again before each delimiter."""

    def encode(text: str) -> bytes:
        out, part = b"", ""
        for character in [*text, ""]:
            if character in ("^", "=", "\\", ""):
                coded = part.encode(codec)
                out += (escape if escape and not part.isascii() else b"") + coded + character.encode()
                part = ""
            else:
                part += character
        return out

    return encode


LATIN_1 = plainly("latin_1")
UTF_8 = plainly("utf_8")
JAPANESE = escaped("iso2022_jp", b"")
JAPANESE_SUPPLEMENT = escaped("iso2022_jp_2", b"")
KOREAN = escaped("euc_kr", b"\x1b$)C")
CHINESE = escaped("gb2312", b"\x1b$)A")


# --- the writer -------------------------------------------------------------------------------------------------------


def head(tag: int, vr: str, length: int, *, implicit: bool = False, big: bool = False) -> bytes:
    order = ">" if big else "<"
    if implicit or tag >> 16 == 0xFFFE:
        return struct.pack(order + "HHL", tag >> 16, tag & 0xFFFF, length)
    if vr in _LONG:
        return struct.pack(order + "HH2sHL", tag >> 16, tag & 0xFFFF, vr.encode(), 0, length)
    return struct.pack(order + "HH2sH", tag >> 16, tag & 0xFFFF, vr.encode(), length)


def raw(tag: int, vr: str, value: bytes, *, implicit: bool = False, big: bool = False) -> bytes:
    """An element with the value as it is, odd lengths included."""
    return head(tag, vr, len(value), implicit=implicit, big=big) + value


def fragments(parts: Iterable[bytes], *, offsets: bytes = b"") -> bytes:
    """Pixel Data, encapsulated (PS3.5 A.4)."""
    body = b"".join(raw(0xFFFEE000, "", part + b"\0" * (len(part) % 2)) for part in (offsets, *parts))
    return head(0x7FE00010, "OB", UNDEFINED) + body + raw(0xFFFEE0DD, "", b"")


Value = str | bytes | int | float | Sequence[int] | Sequence[float]


class Part:
    """One data set or item that is being written."""

    def __init__(self, draft: Draft, above: Path, *, implicit: bool, encode: Encode, in_order: bool = True) -> None:
        self.draft = draft
        self.above = above
        self.implicit = implicit
        self.encode = encode
        self.in_order = in_order
        self._elements: list[tuple[int, Callable[[], bytes]]] = []
        self._blocks: dict[int, int] = {}

    def bytes_of(self, vr: str, value: Value) -> bytes:
        if isinstance(value, bytes):
            return value
        if isinstance(value, str):
            return self.encode(value)
        numbers = [value] if isinstance(value, (int, float)) else list(value)
        if vr == "AT":
            return b"".join(struct.pack(self.draft.order + "HH", int(n) >> 16, int(n) & 0xFFFF) for n in numbers)
        if vr in ("IS", "DS"):
            return "\\".join(map(str, numbers)).encode()
        return struct.pack(f"{self.draft.order}{len(numbers)}{_NUMBERS[vr]}", *numbers)

    def append(self, tag: int, encoded: bytes | Callable[[], bytes]) -> None:
        """Bytes that stand where ``tag`` belongs, whatever they are."""
        self._elements.append((tag, encoded if callable(encoded) else lambda: encoded))

    def put(self, tag: int, vr: str, value: Value) -> bytes:
        """An attribute of which nothing is claimed; gives its value as it is stored."""
        data = self.bytes_of(vr, value)
        padding = b"" if len(data) % 2 == 0 else b"\0" if vr in _ZERO_PADDED else b" "
        self.append(tag, raw(tag, vr, data + padding, implicit=self.implicit, big=self.draft.big))
        return data

    def keep(self, tag: int, vr: str, value: Value) -> None:
        data = self.put(tag, vr, value)
        self.draft.kept.append(Kept((*self.above, tag), said(vr, value, data)))

    def plant(
        self, tag: int, vr: str, value: Value, *needles: str | bytes, grade: str = "must", kind: str | None = None
    ) -> None:
        """Nothing of ``value`` may come out: the whole of it, a name's parts, or the ``needles`` where they are given."""
        data = self.put(tag, vr, value)
        if not needles:
            if vr == "PN" and isinstance(value, str):
                needles = tuple(parts_of_name(value))
            elif isinstance(value, str):
                needles = tuple(each for each in value.split("\\") if each)
            else:
                needles = (data,)
        self.claim(path_text((*self.above, tag)), *needles, grade=grade, kind=kind or vr)

    def claim(self, where: str, *needles: str | bytes, grade: str = "must", kind: str = "file") -> None:
        """Say of bytes that were written by other means that they may not come out."""
        stored = tuple((self.encode(each), each) if isinstance(each, str) else (each, None) for each in needles)
        self.draft.planted.append(Planted(where, stored, grade, kind))

    def uid(self, tag: int, *values: str, grade: str = "must", vr: str = "UI") -> None:
        """UIDs of somebody's own, mapped wherever they stand, and gone as they were."""
        self.put(tag, vr, "\\".join(values))
        path = (*self.above, tag)
        for value in values:
            self.draft.references.append(Reference(path, value, mapped=True))
            self.claim(path_text(path), value, grade=grade, kind="UI")

    def standard_uid(self, tag: int, value: str) -> None:
        self.put(tag, "UI", value)
        self.draft.references.append(Reference((*self.above, tag), value, mapped=False))

    def items(
        self, tag: int, count: int = 1, *, undefined: bool = False, vr: str = "SQ", implicit: bool | None = None,
        encode: Encode | None = None,
    ) -> list[Part]:  # fmt: skip
        """A sequence; its items are filled afterwards. ``vr`` UN with ``undefined`` is the form of CP-246."""
        within = self.implicit if implicit is None else implicit
        parts = [
            Part(self.draft, (*self.above, tag, number), implicit=within, encode=encode or self.encode)
            for number in range(count)
        ]
        big = self.draft.big

        def encoded() -> bytes:
            body = b""
            for part in parts:
                inner = part.encoded()
                if undefined:
                    body += head(0xFFFEE000, "", UNDEFINED, big=big) + inner + head(0xFFFEE00D, "", 0, big=big)
                else:
                    body += head(0xFFFEE000, "", len(inner), big=big) + inner
            if not undefined:
                return raw(tag, vr, body, implicit=self.implicit, big=big)
            opening = head(tag, vr, UNDEFINED, implicit=self.implicit, big=big)
            return opening + body + head(0xFFFEE0DD, "", 0, big=big)

        self.append(tag, encoded)
        return parts

    def item(self, tag: int, **how: Any) -> Part:
        return self.items(tag, **how)[0]

    def code(self, tag: int, value: str, scheme: str, meaning: str, *, kept: bool = True) -> Part:
        """A sequence of one coded concept."""
        item = self.item(tag)
        write: Callable[[int, str, str], object] = item.keep if kept else item.put
        write(0x00080100, "SH", value)
        write(0x00080102, "SH", scheme)
        write(0x00080104, "LO", meaning)
        return item

    def block(self, group: int, creator: str, *, number: int | None = None, plant: bool = False) -> int:
        """Reserve a private block; gives the tag of its element 00."""
        number = number or self._blocks.get(group, 0x0F) + 1
        self._blocks[group] = number
        tag = group << 16 | number
        if plant:
            self.plant(tag, "LO", creator, kind="private creator")
        else:
            self.put(tag, "LO", creator)
        return group << 16 | number << 8

    def encoded(self) -> bytes:
        elements = sorted(self._elements, key=lambda each: each[0]) if self.in_order else self._elements
        return b"".join(each() for _, each in elements)


class Draft(Part):
    """One file that is being written."""

    def __init__(
        self, name: str, *, syntax: str = EXPLICIT, charset: str = "", encode: Encode = LATIN_1, in_order: bool = True
    ) -> None:
        self.name = name
        self.syntax = syntax
        self.big = syntax == BIG_ENDIAN
        self.order = ">" if self.big else "<"
        self.planted: list[Planted] = []
        self.kept: list[Kept] = []
        self.references: list[Reference] = []
        self.patient: str | None = None
        self.pixels: str | None = None
        self.may_refuse: str | None = None
        self.marked = True
        self.preamble = bytes(128)
        self.after = b""
        self.meta: bytes | None = None
        self.meta_extra: list[bytes] = []
        self.sop_class = ""
        self.sop_instance = ""
        super().__init__(self, (), implicit=syntax == IMPLICIT, encode=encode, in_order=in_order)
        if charset:
            self.put(0x00080005, "CS", charset)

    def file_meta(self) -> bytes:
        elements = [
            raw(0x00020001, "OB", b"\0\1"),
            raw(0x00020002, "UI", _even(self.sop_class)),
            raw(0x00020003, "UI", _even(self.sop_instance)),
            raw(0x00020010, "UI", _even(self.syntax)),
            *self.meta_extra,
        ]
        body = b"".join(sorted(elements, key=lambda each: each[:2] + each[2:4]))
        return raw(0x00020000, "UL", struct.pack("<L", len(body))) + body

    def sample(self, *, deflate: Callable[[bytes], bytes] | None = None) -> Sample:
        body = self.encoded()
        beginning = self.preamble + b"DICM" + self.file_meta() if self.meta is None else self.meta
        return Sample(
            name=self.name,
            data=beginning + (deflate(body) if deflate else body) + self.after,
            planted=tuple(self.planted),
            kept=tuple(self.kept),
            references=tuple(self.references),
            patient=self.patient,
            pixels=self.pixels,
            may_refuse=self.may_refuse,
            marked=self.marked,
        )


def _even(text: str) -> bytes:
    return text.encode() + b"\0" * (len(text) % 2)


def said(vr: str, value: Value, data: bytes) -> str:
    """A value as the judge reads it back: text, numbers parted by backslashes, other bytes in hexadecimal."""
    if isinstance(value, str):
        return value
    if isinstance(value, bytes):
        return data.hex()
    numbers = [value] if isinstance(value, (int, float)) else list(value)
    if vr in ("OD", "OF", "OL", "OV"):
        return data.hex()
    return "\\".join(str(float(each)) if vr in ("FL", "FD") else str(each) for each in numbers)


def parts_of_name(name: str) -> list[str]:
    """The whole of a person's name, its groups, and those components that are long enough to mean somebody."""
    found = [name]
    for each in name.split("\\"):
        for group in each.split("="):
            found.append(group)
            found += [part for part in group.split("^") if len(part) >= (4 if part.isascii() else 2)]
    return [each for each in dict.fromkeys(found) if len(each) >= (4 if each.isascii() else 2)]


def manifest(samples: Iterable[Sample]) -> list[Mapping[str, Any]]:
    """All that was planted and kept, as JSON values."""
    return [
        {
            "file": sample.name,
            "may_refuse": sample.may_refuse,
            "pixels": sample.pixels,
            "planted": [
                {
                    "where": each.where,
                    "grade": each.grade,
                    "kind": each.kind,
                    "values": [text if text is not None else stored.hex() for stored, text in each.needles],
                }
                for each in sample.planted
            ],
            "kept": [{"where": path_text(each.path), "value": each.value} for each in sample.kept],
            "uids": [
                {"where": path_text(each.path), "value": each.old, "mapped": each.mapped} for each in sample.references
            ],
        }
        for sample in samples
    ]
