"""The files of one series differ in a few attributes: what was treated once is not treated again.

A ``Template`` is a treated header taken apart at the elements that differ from file to file. Another header that is equal
everywhere else takes the rest from it, and only those elements are treated anew, by the same code. The output is the same,
byte for byte, as that of treating the whole, which a law of the tests holds; what is not sure to be so does not match.
"""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Final, NamedTuple

from leadglass.deid.clean import AS_IS, Treatment, Work
from leadglass.deid.findings import count
from leadglass.deid.gate import CONTEXT
from leadglass.deid.known import tells
from leadglass.deid.profile import Rule
from leadglass.dicom.header import TEXT_VRS, Element, Header, HeldValues, element_at
from leadglass.dicom.instance import HeaderPlan
from leadglass.dicom.kept import PixelValue
from leadglass.dicom.plan import Copy, Op, Plan, run
from leadglass.dicom.uids import uid_text
from leadglass.errors import MalformedError

_new: Final = tuple.__new__
"""Makes an Element in a third of the time."""
_MAX_SLOTS: Final = 48
"""Elements that differ; a series in which more do is not worth a template."""
_MAX_HEADER: Final = 1 << 18
"""Bytes of a header that is remembered."""
_MAX_UID: Final = 64
"""Characters of a UID (PS3.5 9.1); what is longer is not always taken for one."""

_SOP_INSTANCE_UID: Final = 0x00080018
_META: Final = frozenset({0x00020000, 0x00020003})
"""File Meta Information that follows the SOP Instance UID, and of which nothing goes over."""
_CONTEXT: Final = frozenset(
    {0x00080005, 0x00080008, 0x00080016, 0x00080060, 0x00080102, 0x00180015, 0x00100020, 0x0020000D, 0x0020000E}
    | {0x00120062, 0x00120063, 0x00120064, 0x00280301, 0x00280303}
    | {*range(0x00280002, 0x00280012), *range(0x00280100, 0x00280104)}
    | CONTEXT
)
"""Attributes by which others are treated, or pixels, or that are written anew: where they differ it is another series."""


class Match(NamedTuple):
    """A header treated by a template.

    ``written`` is the data set up to the pixel element; ``offset`` where the pixel value begins in the file.
    ``sop_instance_uid`` is the received one. ``varied`` are the elements that were treated anew; ``texts`` and ``binary`` is
    what they became, of those whose value anybody chose but us.
    """

    written: bytes
    offset: int
    sop_instance_uid: str
    found: Counter[str]
    held: HeldValues
    varied: tuple[Element, ...]
    texts: bytes
    binary: bytes
    work: Work


class _Piece(NamedTuple):
    """What is equal in all files, up to a slot: the bytes received, and what they were written as.

    ``slot`` is the number of the element behind them, -1 behind the last; of a ``short`` one tag and VR are part of what is
    equal. ``treated`` is how it is treated, None in the File Meta Information; ``tells`` says that it may tell facts.
    """

    received: bytes
    written: bytes
    slot: int
    short: bool
    tells: bool
    treated: tuple[Treatment | None, Rule] | None


@dataclass(eq=False)
class Template:
    """A treated header, and what is known of how others of its series differ from it.

    ``elements`` are those of the File Meta Information and of the data set up to the pixel element; ``places`` says where
    in ``written`` the output of each stands, ``found`` what was found in each, by category.
    """

    work: Work
    header: Header
    pixel: Element
    pixels: PixelValue
    sop_instance_uid: str
    elements: tuple[Element, ...]
    written: bytes
    places: tuple[tuple[int, int], ...]
    found: tuple[Counter[str], ...]
    others: Counter[str]
    slots: tuple[int, ...] = ()
    """Tags of the elements that differ in this series, as far as is known."""
    _slots: list[int] = field(default_factory=list)
    _pieces: list[_Piece] = field(default_factory=list)
    _constant: Counter[str] = field(default_factory=Counter)

    def __post_init__(self) -> None:
        self._place = self.work.place()
        self._cut()

    @property
    def constant(self) -> bytes:
        """What all files of the series are written as, without what differs."""
        return b"\n".join(piece.written for piece in self._pieces)

    def _cut(self) -> None:
        """Take the header apart at its slots."""
        self.slots = tuple(self.elements[slot].tag for slot in self._slots)
        head, position, made = self.header.head, 0, 0
        self._pieces = []
        for slot in self._slots:
            element, (start, stop) = self.elements[slot], self.places[slot]
            short = element.verbatim and element.value - element.offset == 8 and element.items is None
            # Tag and VR of a short element are part of what is equal.
            equal = element.offset + 6 if short else element.offset
            treated = None if element.tag >> 16 == 2 else self.work.treatment(element.tag, element.vr)
            self._pieces.append(_Piece(head[position:equal], self.written[made:start], slot, short, tells(element), treated))
            position, made = element.end, stop
        self._pieces.append(_Piece(head[position:], self.written[made:], -1, False, False, None))
        self._constant = self.others.copy()
        for number, found in enumerate(self.found):
            if found and number not in self._slots:
                self._constant.update(found)

    def match(self, held: memoryview, size: int) -> Match | None:
        """The header of another file of ``size`` bytes that begins with ``held``; None where it is not like this one."""
        data = bytes(held[: len(self.header.head) + 4096])
        while True:
            found = self._match(data, size)
            if found is None or isinstance(found, Match):
                return found
            if len(self._slots) + len(found) > _MAX_SLOTS:
                return None
            self._slots = sorted({*self._slots, *found})
            self._cut()

    def _match(self, data: bytes, size: int) -> Match | list[int] | None:
        """The treated header, or the numbers of elements that differ and are no slots yet."""
        position = 0
        varied: list[Element] = []
        for constant, _, slot, short, _, _ in self._pieces:
            if not data.startswith(constant, position):
                return self._differing(data, position, slot)
            position += len(constant)
            if slot < 0:
                break
            old = self.elements[slot]
            if short:
                value = position + 2
                stop = value + int.from_bytes(data[position:value], "little")
                element = _new(Element, (old.tag, old.vr, position - 6, value, stop - value, stop, None, True, 0))
            else:
                try:
                    element = element_at(data, position, like=self.header)
                except MalformedError:
                    return None
                if (
                    element[:2] != old[:2]
                    or element.verbatim != old.verbatim
                    or (element.items is None) != (old.items is None)
                ):
                    return None
            varied.append(element)
            position = element.end
        if position > len(data) or position + self.pixel.length != size:
            return None
        return self._made(data, position, varied)

    def _differing(self, data: bytes, position: int, slot: int) -> list[int] | None:
        """The elements of the piece at ``position`` that differ, up to one of another length; None if one may not differ."""
        first = self._slots.index(slot) if slot >= 0 else len(self._slots)
        begin = self._slots[first - 1] + 1 if first else 0
        origin = self.elements[begin - 1].end if begin else 0
        head, shift, found = self.header.head, position - origin, []
        for number in range(begin, slot if slot >= 0 else len(self.elements)):
            element = self.elements[number]
            if data[element.offset + shift : element.end + shift] == head[element.offset : element.end]:
                continue
            if element.tag not in _META if element.tag >> 16 == 2 else _is_context(element):
                return None
            found.append(number)
            header = element.value - element.offset
            there, here = element.offset + shift, element.offset
            closed = element.end > element.value + element.length
            if closed or data[there : there + header] != head[here : here + header]:
                break
        return found or None

    def _made(self, data: bytes, offset: int, varied: Sequence[Element]) -> Match | None:
        header = HeldValues(data)
        work, place = self.work.beside(header), self._place
        out: list[bytes] = []
        texts: list[bytes] = []
        binary: list[bytes] = []
        uid = self.sop_instance_uid
        for piece, element in zip(self._pieces, varied, strict=False):
            out.append(piece.written)
            made = b""
            if piece.treated is not None:
                treatment, rule = piece.treated
                if treatment is None or (piece.tells and not work.knows_no_more(element)):
                    return None
                ops = treatment(work, place, element, rule)
                if ops is AS_IS and element.verbatim and not element.length % 2 and element.items is None:
                    made = data[element.offset : element.end]
                elif ops is not None:
                    made = rendered(work.written(element) if ops is AS_IS else ops, data)
                if element.tag == _SOP_INSTANCE_UID:
                    uid = uid_text(header.value(element))
                    if not 0 < element.length <= _MAX_UID or not uid:
                        return None
            if made:
                out.append(made)
                if element.vr != "UI":
                    (texts if element.vr in TEXT_VRS else binary).append(made[8:])
        out.append(self._pieces[-1].written)
        found = self._constant.copy()
        found.update(count(work.notes))
        said, measured = b"\n".join(texts), b"\n".join(binary)
        return Match(b"".join(out), offset, uid, found, header, tuple(varied), said, measured, work)


def _is_context(element: Element) -> bool:
    """Whether other elements are treated by this one, so that it has to be the same."""
    # A sequence, or a date and time, may differ and tell the same.
    return element.tag in _CONTEXT or (tells(element) and element.items is None and element.vr != "DT")


def rendered(ops: Sequence[Op], data: bytes) -> bytes:
    """What the ops of one element of the header ``data`` make."""
    return b"".join([data[op.offset : op.offset + op.length] if isinstance(op, Copy) else op.data for op in ops])


def template(work: Work, plan: HeaderPlan, pixels: PixelValue | None, *, slots: Collection[int] = ()) -> Template | None:
    """The template that a treated header makes; None for what is not like the slices of a series.

    ``work`` is what made ``plan``; ``slots`` are tags that differed in the series before.
    """
    received, header = plan.received, plan.received.header
    tags = [each.tag for each in header.elements]
    if (
        pixels is None
        or not pixels.same
        or received.encapsulated
        or header.source is not header.received
        or len(header.head) > _MAX_HEADER
        or header.tail_offset != header.source.size
        or tags != sorted(set(tags))
        or not received.sop_instance_uid
        or received.sop_instance_uid != uid_text(received.value(_SOP_INSTANCE_UID) or b"")
        or any(action.tag is None for action in plan.notes)
    ):
        return None
    elements = (*header.meta, *header.elements[:-1])
    written = b"".join(run(Plan(tuple(op for _, ops in plan.elements for op in ops)), (header.source,)))
    found: list[Counter[str]] = [Counter() for _ in elements]
    numbers = {element.tag: number for number, element in enumerate(elements)}
    others: Counter[str] = Counter()
    for note in plan.notes:
        top = int(note.where[1:5] + note.where[6:10], 16) if note.where else note.tag
        number = numbers.get(top) if top is not None else None
        (others if number is None else found[number]).update(count((note,)))
    return Template(
        work=work,
        header=header,
        pixel=header.elements[-1],
        pixels=pixels,
        sop_instance_uid=received.sop_instance_uid,
        elements=elements,
        written=written,
        places=_places(elements, plan),
        found=tuple(found),
        others=others,
        _slots=[number for number, element in enumerate(elements) if element.tag in slots],
    )


def _places(elements: Sequence[Element], plan: HeaderPlan) -> tuple[tuple[int, int], ...]:
    """Where the output of each element stands: of one of which nothing stays, where it would."""
    tags, starts, position = [], [], 0
    for tag, ops in plan.elements:
        tags.append(tag)
        starts.append(position)
        position += sum(op.size for op in ops)
    starts.append(position)
    places: list[tuple[int, int]] = []
    for element in elements:
        if element.tag >> 16 == 2:
            places.append((0, 0))
            continue
        number = bisect_right(tags, element.tag) - 1
        run_ = plan.elements[number][1] if number >= 0 else ()
        whole = run_[0] if len(run_) == 1 else None
        if isinstance(whole, Copy) and whole.offset <= element.offset < whole.offset + whole.length:
            start = starts[number] + element.offset - whole.offset
            places.append((start, start + element.end - element.offset))
        elif number >= 0 and tags[number] == element.tag:
            places.append((starts[number], starts[number + 1]))
        else:
            places.append((starts[number + 1], starts[number + 1]))
    return tuple(places)
