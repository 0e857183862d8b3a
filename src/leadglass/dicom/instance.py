"""The states of an instance: Identified as received, Clean as stored, Rendition as made for one recipient.

The state of the data is its type. ``scan`` gives an ``Identified``; ``compose`` is the only way to a ``Clean``; a
``Rendition`` is composed for one recipient from what is clean. All three know pixels by reference.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import InitVar, dataclass, fields
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

from leadglass.dicom.frames import PixelLayout, check_layout, native_length
from leadglass.dicom.header import (
    ENCAPSULATED,
    EXPLICIT_VR_LITTLE_ENDIAN,
    NATIVE,
    PIXEL_DATA,
    RLE_LOSSLESS,
    UNCOMPRESSED,
    UNDEFINED,
    Element,
    Header,
    Swapped,
    dictionary_vr,
    encode_element,
    encode_header,
    explicit,
    explicit_vr,
    keyword,
    tag_text,
    walk,
)
from leadglass.dicom.plan import Copy, Insert, Op, Plan, PlanSource, invert, merged, run
from leadglass.dicom.sealed import ENCRYPTED_ATTRIBUTES
from leadglass.dicom.source import Source
from leadglass.dicom.uids import is_uid, uid_text
from leadglass.errors import InputError, MalformedError, UnsupportedPixelsError

IMPLEMENTATION_CLASS_UID: Final = "2.25.138499431146914090725263727654021770663"
IMPLEMENTATION_VERSION_NAME: Final = "LEADGLASS"
"""Without a number: which release of leadglass wrote a file is in its De-identification Method and in the log."""

SOP_CLASS_UID: Final = 0x00080016
SOP_INSTANCE_UID: Final = 0x00080018

_PIXEL_ELEMENTS: Final = frozenset({0x7FE00008, 0x7FE00009, PIXEL_DATA})

_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES, _ROWS, _COLUMNS = (
    0x00280002,
    0x00280004,
    0x00280006,
    0x00280008,
    0x00280010,
    0x00280011,
)
_ALLOCATED, _STORED, _HIGH_BIT, _REPRESENTATION = 0x00280100, 0x00280101, 0x00280102, 0x00280103
_IMAGE_PIXEL: Final = frozenset(
    {_SAMPLES, _PHOTOMETRIC, _PLANAR, _FRAMES, _ROWS, _COLUMNS, _ALLOCATED, _STORED, _HIGH_BIT, _REPRESENTATION}
)
_SAMPLES_OF: Final = {
    "MONOCHROME1": 1,
    "MONOCHROME2": 1,
    "PALETTE COLOR": 1,
    "RGB": 3,
    "YBR_FULL": 3,
    "YBR_FULL_422": 3,
    "YBR_RCT": 3,
    "YBR_ICT": 3,
}
PHOTOMETRICS: Final = frozenset(_SAMPLES_OF)
"""Terms of Photometric Interpretation (PS3.3 C.7.6.3.1.2) whose pixels make the round trip."""

_DECODED_PHOTOMETRIC: Final = {"YBR_RCT": "RGB", "YBR_ICT": "RGB", "YBR_FULL_422": "YBR_FULL"}
"""What the samples are once their code stream is decoded: a file in another syntax has to say that (PS3.5 section 8.2)."""

_MODALITIES: Final = """
    ANN AR ASMT AU BDUS BI BMD CD CF CFM CP CR CS CT CTPROTOCOL DD DF DG DM DMS DOC DS DX EC ECG EEG EMG EOG EPS ES FA FID
    FS GM HC HD IO IOL IVOCT IVUS KER KO LEN LP LS M3D MA MG MR MS NEARL NM OAM OCT OP OPM OPR OPT OPTBSV OPTENF OPV OSS OT
    PA PLAN POS PR PT PX REG RESP RF RG RTDOSE RTIMAGE RTINTENT RTPLAN RTRAD RTRECORD RTSEGANN RTSTRUCT RWV SD SEG SM SMR SR
    SRF ST STAIN TEXTUREMAP TG US VA VF XA XAPROTOCOL XC
"""
MODALITIES: Final = frozenset(_MODALITIES.split())
"""Defined terms of Modality (0008,0060), retired ones included (PS3.3 C.7.3.1.1.1)."""

_VIEW_POSITIONS: Final = """
    AP PA LL RL RLD LLD RLO LLO LAO RAO LPO RPO LAT LATERAL L R ML LM MLO LMO CC FB SIO SU ISO XCC XCCL XCCM AX AXIAL OBL
    OBLIQUE APAX PAAX DECUB SUPINE ERECT
"""
VIEW_POSITIONS: Final = frozenset(_VIEW_POSITIONS.split())
"""Terms of View Position (0018,5101) in the standard (PS3.3 C.8.1.1, C.8.11.1) and in common use."""

_IDENTITY: Final = (
    0x00080020,  # Study Date
    0x00080030,  # Study Time
    0x00080050,  # Accession Number
    0x00080080,  # Institution Name
    0x00080090,  # Referring Physician's Name
    0x00100010,  # Patient's Name
    0x00100020,  # Patient ID
    0x00100021,  # Issuer of Patient ID
    0x00100030,  # Patient's Birth Date
    0x00100032,  # Patient's Birth Time
    0x00100040,  # Patient's Sex
    0x00101001,  # Other Patient Names
    0x00101010,  # Patient's Age
    0x00101020,  # Patient's Size
    0x00101030,  # Patient's Weight
    0x00102160,  # Ethnic Group
    0x00104000,  # Patient Comments
    0x00200010,  # Study ID
)


@dataclass(frozen=True, eq=False)
class Received:
    """An object as received, image or not: it may name a patient. The header is in memory, pixels are where they were.

    ``pixel`` is the element of the pixel value, if there is one. The UIDs are text without padding, empty where the file
    has none; ``modality`` and ``view_position`` are None where they are no term that the standard or common use defines;
    ``charset`` holds the values of Specific Character Set. ``signed`` is Pixel Representation, which rules ``US or SS``.
    """

    header: Header
    pixel: Element | None
    sop_class: str
    sop_instance_uid: str
    study_uid: str
    series_uid: str
    modality: str | None
    view_position: str | None
    charset: tuple[str, ...]
    signed: bool

    @property
    def source(self) -> Source:
        return self.header.source

    @property
    def transfer_syntax(self) -> str:
        return self.header.transfer_syntax

    @property
    def encapsulated(self) -> bool:
        return self.transfer_syntax not in UNCOMPRESSED

    @cached_property
    def top(self) -> Mapping[int, Element]:
        """Top-level elements by tag; of a tag that stands twice, the last."""
        return {element.tag: element for element in self.header.elements}

    def value(self, tag: int) -> bytes | None:
        """The value of a top-level element as encoded; None where there is no such element."""
        element = self.top.get(tag)
        return None if element is None else self.header.value(element)

    def text(self, tag: int) -> str:
        """The first value of a top-level element, without padding; empty where there is none."""
        return (_text(self.header, self.top, tag) or "").split("\\", 1)[0].strip()


@dataclass(frozen=True, eq=False)
class Identified(Received):
    """An image as received.

    ``pixel_value`` is (offset, length) in ``header.source``: of native pixels the samples without what follows them, of
    encapsulated ones offset table, fragments and sequence delimiter.
    """

    pixel: Element
    pixel_value: tuple[int, int]
    layout: PixelLayout

    @property
    def pixels(self) -> Source:
        """The pixel value as a source of its own, little endian."""
        offset, length = self.pixel_value
        if self.header.big and not self.encapsulated:
            unit = _swap_unit(self.pixel, self.layout.bits_allocated)
            if unit:
                # Of an odd number of bytes the last one stands where the pad byte does once words are turned.
                whole = min(length + length % unit, self.pixel.length)
                return Swapped(self.source, offset=offset, length=whole, unit=unit)
        return PlanSource(Plan((Copy(offset, length),)), (self.source,))


def _swap_unit(pixel: Element, bits_allocated: int) -> int:
    """Bytes that change places in a big endian pixel value: those of a sample, and of an OW two at least (PS3.5 7.3)."""
    return 0 if pixel.vr == "OB" else max(2, bits_allocated // 8)


@dataclass(frozen=True)
class Finding:
    """One attribute that was acted on, and why; never its value.

    ``path`` names it from the top, such as ``(0040,0275)[0].(0008,0050)``.
    """

    path: str
    keyword: str
    action: str
    why: str


class Note(NamedTuple):
    """A finding in short: ``where`` is the path above the attribute, or names what is no attribute.

    ``told`` names, piece by piece, the kinds of what was taken out of a text.
    """

    where: str
    tag: int | None
    action: str
    why: str
    told: tuple[str, ...] = ()

    @property
    def finding(self) -> Finding:
        if self.tag is None:
            return Finding(self.where, "", self.action, self.why)
        return Finding(f"{self.where}{tag_text(self.tag)}", keyword(self.tag), self.action, self.why)


@dataclass(frozen=True, eq=False)
class HeaderPlan:
    """What becomes of a received header: for each top-level element but the pixel element the ops that write it.

    ``elements`` are in ascending order of tag, in Explicit VR Little Endian; neighbours that are copied as they are stand
    as one under the tag of the first. ``sop_instance_uid`` is the new one. ``removed`` spans (offset, length) of the
    received values that must not come back.
    """

    received: Received
    sop_instance_uid: str
    elements: tuple[tuple[int, tuple[Op, ...]], ...]
    notes: tuple[Note, ...]
    removed: tuple[tuple[int, int], ...]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """Each attribute that was acted on, and why."""
        return tuple(note.finding for note in self.notes)

    def removed_values(self) -> Iterator[bytes]:
        """The received values that must not come back, for whoever looks for them in an output."""
        for offset, length in self.removed:
            yield self.received.header.read(offset, length)


@dataclass(frozen=True)
class Treated:
    """Pixels after treatment: the pixel element's value in ``transfer_syntax``.

    An encapsulated value has offset table, fragments and sequence delimiter. ``photometric`` says what the samples are
    now, where decoding changed that in another way than PS3.5 section 8.2 has it.
    """

    transfer_syntax: str
    value: bytes
    photometric: str | None = None


_COMPOSED: Final = object()


@dataclass(frozen=True, eq=False)
class Composed:
    """A file as a plan over its sources; nothing of it is in memory before it is read."""

    plan: Plan
    sources: tuple[Source, ...]
    sop_instance_uid: str

    @property
    def size(self) -> int:
        """Number of bytes of the file."""
        return self.plan.size

    @property
    def source(self) -> Source:
        """The file, to be read anywhere."""
        return PlanSource(self.plan, self.sources)

    def chunks(self) -> Iterator[bytes]:
        """The file's bytes, in order."""
        return run(self.plan, self.sources)


@dataclass(frozen=True, eq=False)
class Clean(Composed):
    """An instance whose header and pixels have been treated. ``compose`` alone makes one.

    ``inverse`` makes the received file again from this file (source 0) and another (source 1). That is ``stream`` where
    there is one, the received pixel value of an encapsulated file or the whole of a file that nobody can write again just
    as its writer did, and else the native pixels as they were received.
    """

    inverse: Plan
    stream: Source | None
    composed: InitVar[object]

    def __post_init__(self, composed: object) -> None:
        if composed is not _COMPOSED:
            raise TypeError("a Clean comes out of compose() and nowhere else")


@dataclass(frozen=True, eq=False)
class Rendition(Composed):
    """A file made for one recipient."""


def scan(source: Source) -> Identified:
    """Read the header of an image; its pixel value is left where it is.

    Raises:
        NotDicomError: this is no DICOM file.
        UnsupportedPixelsError: pixels that cannot make the round trip.
        MalformedError: the file is truncated, breaks the encoding, or its Image Pixel attributes contradict each other.
        InputError: no image, or a header beyond the bounds of ``header``.
    """
    header = walk(source)
    if header.stated not in UNCOMPRESSED and header.stated not in ENCAPSULATED:
        raise UnsupportedPixelsError(
            f"transfer syntax {header.stated} is not supported",
            hint="store it again as Explicit VR Little Endian, JPEG Lossless, JPEG-LS, JPEG 2000 or RLE Lossless",
        )
    return image(received(header))


def received(header: Header) -> Received:
    """What a walk found, as an object; what it lacks is empty."""
    top = {element.tag: element for element in header.elements}
    meta = {element.tag: element for element in header.meta}
    representation = top.get(_REPRESENTATION)
    return Received(
        header=header,
        pixel=next((each for each in reversed(header.elements) if each.tag in _PIXEL_ELEMENTS), None),
        # A DICOMDIR says what it is in its File Meta Information alone.
        sop_class=_loose_uid(header, top, SOP_CLASS_UID) or _loose_uid(header, meta, 0x00020002),
        sop_instance_uid=_loose_uid(header, top, SOP_INSTANCE_UID) or _loose_uid(header, meta, 0x00020003),
        study_uid=_loose_uid(header, top, 0x0020000D),
        series_uid=_loose_uid(header, top, 0x0020000E),
        modality=_term(_text(header, top, 0x00080060), MODALITIES),
        view_position=_term(_text(header, top, 0x00185101), VIEW_POSITIONS),
        charset=_charset(header, top),
        signed=representation is not None and header.value(representation)[:1] == b"\1",
    )


def image(object_: Received) -> Identified:
    """The same object as an image whose pixels can be decoded, and written again.

    Raises:
        UnsupportedPixelsError: pixels that cannot make the round trip.
        MalformedError: its Image Pixel attributes contradict each other, or a UID is missing.
        InputError: no image.
    """
    header, top = object_.header, object_.top
    pixel = _pixel_element(object_)
    _check_once(header)
    _check_vrs(top)
    layout = _layout(header, top)
    _class_uid(header, top)
    for tag in (SOP_INSTANCE_UID, 0x0020000D, 0x0020000E):
        _uid(header, top, tag)
    facts = {each.name: getattr(object_, each.name) for each in fields(Received)}
    return Identified(**facts | {"pixel": pixel, "pixel_value": _pixel_value(header, pixel, layout), "layout": layout})


def is_image_pixel(tag: int) -> bool:
    """Whether the tag is of the pixel value or of what says how its samples are laid out (PS3.3 C.7.6.3)."""
    return tag in _IMAGE_PIXEL or tag in _PIXEL_ELEMENTS


def pixel_spacing(object_: Received) -> tuple[float, float] | None:
    """Millimetres a pixel (row, column): Pixel Spacing, else Imager Pixel Spacing (PS3.3 10.7.1.3), else None."""
    for tag in (0x00280030, 0x00181164):
        try:
            row, column = (float(part) for part in (object_.value(tag) or b"").split(b"\\"))
        except ValueError:
            continue
        if 0 < row < 100 and 0 < column < 100:
            return row, column
    return None


def _pixel_element(object_: Received) -> Element:
    if object_.pixel is None:
        raise InputError("the file has no pixel data (7FE0,0010)", hint="only images are taken in")
    if object_.pixel.tag != PIXEL_DATA:
        raise UnsupportedPixelsError(f"{tag_text(object_.pixel.tag)} holds floating point pixels, which are not supported")
    return object_.pixel


def _check_once(header: Header) -> None:
    seen: set[int] = set()
    for element in header.elements:
        if element.tag in seen and (element.tag in _IMAGE_PIXEL or element.tag in (PIXEL_DATA, SOP_INSTANCE_UID)):
            raise MalformedError(f"{tag_text(element.tag)} stands twice, at offset {element.offset}")
        seen.add(element.tag)


def _check_vrs(top: Mapping[int, Element]) -> None:
    """What an image cannot be read without is encoded as the standard has it."""
    for tag in (SOP_CLASS_UID, SOP_INSTANCE_UID, 0x0020000D, 0x0020000E, *_IMAGE_PIXEL):
        known = dictionary_vr(tag)
        if tag in top and top[tag].vr not in (known, *known.split(" or ")):
            raise MalformedError(f"{tag_text(tag)} is encoded as {top[tag].vr}, not as {known}")


def _number(header: Header, top: Mapping[int, Element], tag: int, default: int | None = None) -> int:
    element = top.get(tag)
    if element is None or not element.length:
        if default is None:
            raise MalformedError(f"{tag_text(tag)} is missing, and an image cannot be read without it")
        return default
    value = header.value(element)
    if tag == _FRAMES:
        text = value.split(b"\0", 1)[0].strip()
        if not re.fullmatch(rb"\+?[0-9]{1,10}", text):
            raise MalformedError(f"{tag_text(tag)} IS of length {element.length} is no number")
        return int(text)
    if element.length != 2:
        raise MalformedError(f"{tag_text(tag)} {element.vr} has length {element.length} instead of 2")
    return int.from_bytes(value, "little")


def _layout(header: Header, top: Mapping[int, Element]) -> PixelLayout:
    photometric = _text(header, top, _PHOTOMETRIC)
    if photometric is None:
        raise MalformedError(f"{tag_text(_PHOTOMETRIC)} is missing, and an image cannot be read without it")
    representation = _number(header, top, _REPRESENTATION)
    layout = PixelLayout(
        # Big endian pixels are read through a source that turns them.
        transfer_syntax=EXPLICIT_VR_LITTLE_ENDIAN if header.transfer_syntax in UNCOMPRESSED else header.transfer_syntax,
        rows=_number(header, top, _ROWS),
        columns=_number(header, top, _COLUMNS),
        frames=_number(header, top, _FRAMES, 1),
        samples_per_pixel=_number(header, top, _SAMPLES),
        planar=_number(header, top, _PLANAR, 0),
        bits_allocated=_number(header, top, _ALLOCATED),
        bits_stored=_number(header, top, _STORED),
        high_bit=_number(header, top, _HIGH_BIT),
        signed=representation == 1,
        photometric=photometric,
    )
    if representation > 1:
        raise MalformedError(f"{tag_text(_REPRESENTATION)} is neither 0 nor 1")
    check_layout(layout)
    _check_photometric(layout)
    return layout


def _check_photometric(layout: PixelLayout) -> None:
    if layout.photometric not in PHOTOMETRICS:
        raise UnsupportedPixelsError(
            f"{tag_text(_PHOTOMETRIC)} is none of the supported ones", hint=f"supported: {', '.join(sorted(PHOTOMETRICS))}"
        )
    if layout.photometric == "YBR_FULL_422" and layout.transfer_syntax in UNCOMPRESSED:
        raise UnsupportedPixelsError("native YBR_FULL_422 pixels are not supported")
    if layout.samples_per_pixel != _SAMPLES_OF[layout.photometric]:
        raise MalformedError(f"{tag_text(_SAMPLES)} contradicts {tag_text(_PHOTOMETRIC)}")


def _pixel_value(header: Header, pixel: Element, layout: PixelLayout) -> tuple[int, int]:
    encapsulated = header.read(pixel.value - 4, 4) == UNDEFINED.to_bytes(4, "little")
    if encapsulated != (header.transfer_syntax not in UNCOMPRESSED):
        raise MalformedError("(7FE0,0010) is encapsulated where its transfer syntax is native, or the other way round")
    length = native_length(layout)
    if not encapsulated and pixel.length < length:
        raise MalformedError(f"(7FE0,0010) has length {pixel.length}, and its image needs {length}")
    return pixel.value, pixel.length if encapsulated else length


def _term(text: str | None, defined: Collection[str]) -> str | None:
    """A defined term; anything else may be somebody's name, and is nobody's business."""
    return text if text in defined else None


def _text(header: Header, top: Mapping[int, Element], tag: int) -> str | None:
    element = top.get(tag)
    if element is None:
        return None
    return header.value(element).split(b"\0", 1)[0].strip().decode("ascii", "replace") or None


def _charset(header: Header, top: Mapping[int, Element]) -> tuple[str, ...]:
    text = _text(header, top, 0x00080005)
    return tuple(part.strip() for part in text.split("\\")) if text else ()


def _loose_uid(header: Header, top: Mapping[int, Element], tag: int) -> str:
    element = top.get(tag)
    return uid_text(header.value(element)) if element is not None and element.length <= 256 else ""


def _uid(header: Header, top: Mapping[int, Element], tag: int) -> str:
    element = top.get(tag)
    text = uid_text(header.value(element)) if element is not None else ""
    if element is None or not text:
        raise MalformedError(f"{tag_text(tag)} is missing")
    if element.length > 256:
        raise MalformedError(f"{tag_text(tag)} UI has length {element.length}")
    return text


def _class_uid(header: Header, top: Mapping[int, Element]) -> str:
    text = _uid(header, top, SOP_CLASS_UID)
    if not is_uid(text):
        raise MalformedError(f"{tag_text(SOP_CLASS_UID)} is no UID")
    return text


def compose(header: HeaderPlan, pixels: Treated) -> Clean:
    """The clean file, in Explicit VR headers, from a treated header and treated pixels; and how to undo it.

    What describes the old encoding follows the new one: Photometric Interpretation of decoded samples, Planar
    Configuration (an RLE code stream is by plane), and the rest of group 7FE0 goes.

    Raises:
        UnsupportedPixelsError: a pixel value that a file in this transfer syntax cannot hold.
    """
    received = header.received
    if not isinstance(received, Identified):
        raise TypeError("a Clean is made of an image")
    layout = received.layout
    settled: dict[int, tuple[Op, ...]] = dict(header.elements)
    photometric = pixels.photometric or layout.photometric
    if pixels.transfer_syntax != received.transfer_syntax:
        photometric = pixels.photometric or _DECODED_PHOTOMETRIC.get(photometric, photometric)
        if pixels.transfer_syntax == RLE_LOSSLESS and layout.samples_per_pixel > 1:
            settled[_PLANAR] = (Insert(encode_element(_PLANAR, "US", b"\1\0")),)
    if photometric != layout.photometric:
        settled[_PHOTOMETRIC] = (Insert(encode_element(_PHOTOMETRIC, "CS", photometric.encode())),)
    plan = _file(
        settled,
        pixel=_pixel_ops(pixels.transfer_syntax, pixels.value, layout.bits_allocated),
        transfer_syntax=pixels.transfer_syntax,
        sop_class=received.sop_class,
        sop_instance_uid=header.sop_instance_uid,
    )
    inverse, stream = _inverse(plan, received)
    return Clean(plan, (received.source,), header.sop_instance_uid, inverse, stream, _COMPOSED)


def _inverse(plan: Plan, received: Identified) -> tuple[Plan, Source | None]:
    """What makes the received file again, and what it needs of it beside the clean file and native samples."""
    file = received.header.received
    if received.header.big or received.source is not file:
        # Of a deflated file no byte stands in the clean one, and of a big endian one hardly any: it is kept as it is.
        return Plan((Copy(0, file.size, 1),)), file
    inverse = invert(plan, received=file, pixel_value=received.pixel_value)
    return inverse, received.pixels if received.encapsulated else None


def _pixel_ops(transfer_syntax: str, value: bytes, bits_allocated: int) -> tuple[Op, ...]:
    if transfer_syntax not in NATIVE:
        return Insert(encode_header(PIXEL_DATA, "OB", UNDEFINED)), Insert(value)
    padded = len(value) + len(value) % 2
    if padded >= UNDEFINED:
        raise UnsupportedPixelsError("native pixels of 4 GiB or more do not fit one element")
    vr = "OB" if bits_allocated == 8 else "OW"
    return Insert(encode_header(PIXEL_DATA, vr, padded)), Insert(value), Insert(bytes(padded - len(value)))


def _file(
    elements: Mapping[int, Sequence[Op]],
    *,
    pixel: Sequence[Op],
    transfer_syntax: str,
    sop_class: str,
    sop_instance_uid: str,
) -> Plan:
    ops: list[Op] = [Insert(file_beginning(transfer_syntax, sop_class=sop_class, sop_instance_uid=sop_instance_uid))]
    written: dict[int, Sequence[Op]] = {tag: each for tag, each in elements.items() if tag >> 16 != PIXEL_DATA >> 16}
    written[PIXEL_DATA] = pixel
    for tag in sorted(written):
        ops += written[tag]
    return Plan(merged(ops))


def file_beginning(transfer_syntax: str, *, sop_class: str, sop_instance_uid: str) -> bytes:
    """Preamble, prefix and File Meta Information (PS3.10 section 7.1): nothing of the received ones stays."""
    uid = sop_instance_uid.encode()
    before, after = _around_the_uid(transfer_syntax, sop_class, len(uid))
    return before + uid + after


@lru_cache(maxsize=64)
def _around_the_uid(transfer_syntax: str, sop_class: str, length: int) -> tuple[bytes, bytes]:
    """What stands before and after a Media Storage SOP Instance UID of ``length`` characters."""
    element = encode_element(0x00020003, "UI", bytes(length))
    before = encode_element(0x00020001, "OB", b"\0\1") + encode_element(0x00020002, "UI", sop_class.encode())
    after = b"".join(
        (
            encode_element(0x00020010, "UI", transfer_syntax.encode()),
            encode_element(0x00020012, "UI", IMPLEMENTATION_CLASS_UID.encode()),
            encode_element(0x00020013, "SH", IMPLEMENTATION_VERSION_NAME.encode()),
        )
    )
    size = len(before) + len(element) + len(after)
    group_length = encode_element(0x00020000, "UL", size.to_bytes(4, "little"))
    return bytes(128) + b"DICM" + group_length + before + element[:8], element[8 + length :] + after


def compose_rendition(
    clean: Source,
    *,
    frames: bytes,
    layout: PixelLayout,
    sop_instance_uid: str,
    set_elements: Mapping[int, tuple[str, bytes]],
    remove: Collection[int],
    sealed: bytes | None,
) -> Rendition:
    """A file for one recipient, Explicit VR Little Endian and native, from a clean file or from a released one.

    ``frames`` are native little endian pixels as ``layout`` says, which also rules the Image Pixel attributes.
    ``set_elements`` are top-level elements (VR, value) that replace or join those of the file; ``remove`` names elements
    to leave out. ``sealed`` is the complete encoded Encrypted Attributes Sequence (0400,0500); that of ``clean`` never
    goes over.

    Raises:
        InputError: ``clean`` cannot be read, see ``scan``.
        MalformedError: ``frames`` has not the size that ``layout`` asks for.
        UnsupportedPixelsError: 4 GiB of pixels or more.
        ValueError: an element to set belongs to no data set, such as one of the File Meta Information.
    """
    for tag in set_elements:
        if tag >> 16 < 8:
            raise ValueError(f"{tag_text(tag)} is no attribute of a data set")
    base = scan(clean)
    check_layout(layout)
    _check_photometric(layout)
    length = native_length(layout)
    if len(frames) != length:
        raise MalformedError(f"the frames have {len(frames)} bytes, and the layout asks for {length}")
    elements: dict[int, Sequence[Op]] = {
        tag: explicit(base.header, element, signed=base.signed)
        for tag, element in base.top.items()
        if tag not in remove and tag != ENCRYPTED_ATTRIBUTES
    }
    encoded = {**_image_pixel(layout), **set_elements, SOP_INSTANCE_UID: ("UI", sop_instance_uid.encode())}
    for tag, (vr, value) in encoded.items():
        written = explicit_vr(vr, len(value), signed=layout.signed)
        elements[tag] = (Insert(encode_element(tag, written, value)),)
    if layout.samples_per_pixel == 1:
        elements.pop(_PLANAR, None)
    if layout.frames == 1 and _FRAMES not in base.top:
        elements.pop(_FRAMES, None)
    if sealed is not None:
        elements[ENCRYPTED_ATTRIBUTES] = (Insert(sealed),)
    plan = _file(
        elements,
        pixel=_pixel_ops(EXPLICIT_VR_LITTLE_ENDIAN, frames, layout.bits_allocated),
        transfer_syntax=EXPLICIT_VR_LITTLE_ENDIAN,
        sop_class=base.sop_class,
        sop_instance_uid=sop_instance_uid,
    )
    return Rendition(plan, (clean,), sop_instance_uid)


def _image_pixel(layout: PixelLayout) -> dict[int, tuple[str, bytes]]:
    numbers = {
        _SAMPLES: layout.samples_per_pixel,
        _PLANAR: layout.planar,
        _ROWS: layout.rows,
        _COLUMNS: layout.columns,
        _ALLOCATED: layout.bits_allocated,
        _STORED: layout.bits_stored,
        _HIGH_BIT: layout.high_bit,
        _REPRESENTATION: int(layout.signed),
    }
    values: dict[int, tuple[str, bytes]] = {tag: ("US", number.to_bytes(2, "little")) for tag, number in numbers.items()}
    values[_PHOTOMETRIC] = ("CS", layout.photometric.encode())
    values[_FRAMES] = ("IS", str(layout.frames).encode())
    return values


def identity_elements(received: Source) -> dict[int, tuple[str, bytes]]:
    """The elements (VR, value) that say who the patient of a received file is, for a recipient who may know.

    The values are as received, valid under the file's Specific Character Set, which a clean file keeps.

    Raises:
        InputError: the file cannot be read, see ``scan``.
    """
    whole = scan(received)
    return {
        tag: (element.vr, whole.header.value(element))
        for tag, element in _chosen(whole.top, _IDENTITY)
        if element.items is None and element.length
    }


def _chosen(top: Mapping[int, Element], tags: Iterable[int]) -> Iterator[tuple[int, Element]]:
    for tag in tags:
        if tag in top:
            yield tag, top[tag]
