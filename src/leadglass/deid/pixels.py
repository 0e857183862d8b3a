"""Text in the pixels: which frames are due for a look, what of the text stays, and how the rest goes (PS3.15 E.3.1).

Burned In Annotation is not believed: film scanners, consoles and paper labels write what no header knows of. A frame is
read like this.

1. Views of it are made: the display window; local contrast; a local high-pass, once in proportion and once for what is
   faint; what lies outside the window, spread over all grey levels. Several make one colour picture, since a recogniser
   sees three planes for the price of one.
2. A ``TextDetector`` says where text seems to stand, and what each place says.
3. Lines are split at gaps. Side markers and technique words stay (``allowed``), and of a lead marker with initials the
   letter. All else goes: its place is filled with what surrounds it, in stored values, and no other pixel changes.
4. The changed places are read again, in views of the result. What can still be read, or is doubtful, or large, is for a
   person to look at.

No recognised text leaves this module; findings are counted by category.
"""

from __future__ import annotations

import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from itertools import pairwise
from typing import NamedTuple, Protocol

import numpy as np

from leadglass.deid.fill import filled as without
from leadglass.deid.fill import remove
from leadglass.deid.places import (
    Box,
    Corners,
    area,
    around,
    clipped,
    crop,
    draw,
    grown,
    holds,
    hull,
    is_in_the_middle,
    is_same,
    is_upright,
    is_within,
    letters,
    part_of,
    parted,
    runs_of,
    size,
    tight,
    upright,
    wider,
)
from leadglass.deid.views import Picture, reading_shape, views
from leadglass.dicom.frames import display
from leadglass.errors import UnavailableError
from leadglass.model.frame import Frame
from leadglass.model.region import Mask

__all__ = [
    "ALLOWED",
    "Box",
    "Due",
    "Located",
    "Look",
    "Reading",
    "Recognised",
    "TextDetector",
    "Verdict",
    "combined",
    "due",
    "photographic",
    "read",
    "read_all",
    "remove",
]


class Located(NamedTuple):
    corners: Corners
    score: float


class Recognised(NamedTuple):
    text: str
    score: float


class TextDetector(Protocol):
    """Finds and recognises text in 8-bit pictures, whatever it says.

    Both raise UnavailableError where no answer can be had.
    """

    def locate(self, pictures: Sequence[Picture]) -> tuple[tuple[Located, ...], ...]:
        """Where lines of text seem to stand on each picture, with scores from 0 to 1."""
        ...

    def recognise(self, pictures: Sequence[Picture]) -> tuple[Recognised, ...]:
        """What each picture says, which shows one line upright or upside down, with a score from 0 to 1."""
        ...


class Look(StrEnum):
    READ = "read"
    SKIP = "skip"
    QUARANTINE = "quarantine"


@dataclass(frozen=True)
class Due:
    """What the frames of an instance are due for, and why."""

    look: Look
    why: str


class Verdict(StrEnum):
    CLEAN = "clean"
    """Nothing was found that has to go."""
    REMOVED = "removed"
    """Text was found and filled, and nothing can be read there any more."""
    REVIEW = "review"
    """A person has to look; what was found for certain is filled all the same."""


@dataclass(frozen=True)
class Reading:
    """What was found in the pixels of one frame or object, without a word of it.

    ``boxes`` are the filled places. ``found`` counts what was removed, by category: ``known`` (the header says it too),
    ``number`` (six digits or more), ``date``, ``name`` (letters or characters that could be one), ``other``. ``kept``
    counts side markers and technique words, ``changed`` the pixels that were filled. ``why`` is a sentence for the person
    who reviews.
    """

    verdict: Verdict
    why: str
    boxes: tuple[Box, ...] = ()
    found: Mapping[str, int] = field(default_factory=dict)
    kept: int = 0
    changed: int = 0


ALLOWED = frozenset(
    [
        "L",
        "R",
        "左",
        "右",
        "PA",
        "AP",
        "LAT",
        "LATERAL",
        "LL",
        "RL",
        "OBL",
        "OBLIQUE",
        "RAO",
        "LAO",
        "RPO",
        "LPO",
        "LLD",
        "RLD",
        "DECUB",
        "DECUBITUS",
        "ERECT",
        "UPRIGHT",
        "STANDING",
        "SITTING",
        "SUPINE",
        "PRONE",
        "SEMIERECT",
        "PORTABLE",
        "MOBILE",
        "BEDSIDE",
        "INSP",
        "EXP",
        "INSPIRATION",
        "EXPIRATION",
        "CC",
        "MLO",
        "ML",
        "LM",
        "LCC",
        "RCC",
        "LMLO",
        "RMLO",
        "CHEST",
        "立位",
        "卧位",
        "坐位",
        "仰卧",
        "俯卧",
        "仰卧位",
        "俯卧位",
        "侧位",
        "正位",
        "后前位",
        "前后位",
        "左侧位",
        "右侧位",
        "斜位",
        "床旁",
        "床边",
        "站立位",
        "吸气",
        "呼气",
        "吸气相",
        "呼气相",
    ]
)
"""Side markers and words of technique; a site may give its own. Compared in capitals, without circles and punctuation."""

_SECTIONS = frozenset({"CT", "MR", "PT"})
"""Their original sections come from the scanner with nothing written on them."""

_PHOTOGRAPHS = frozenset({"DMS", "ES", "GM", "OP", "SM", "XC"})
"""Visible light (PS3.3 C.7.3.1.1.1): dermoscopy, endoscopy, microscopy, the eye, cameras."""

_FILMS = frozenset({"CR", "DX", "MG", "RF", "RG", "XA", "IO", "PX"})
"""Projections by X-rays, which have no colour."""

_SECONDARY_CAPTURE = "1.2.840.10008.5.1.4.1.1.7"
_VISIBLE_LIGHT = "1.2.840.10008.5.1.4.1.1.77.1"

_HEAD = (
    *(
        "HEAD",
        "SKULL",
        "BRAIN",
        "FACE",
        "FACIAL",
        "ORBIT",
        "SINUS",
        "NASAL",
        "MAXILLA",
        "MANDIBLE",
        "JAW",
        "DENTAL",
        "CRANI",
    ),
    *("CEREBR", "PITUIT", "TMJ", "TEMPORAL", "IAC", "NEURO", "头", "颅", "脑", "面部", "颌", "眼眶", "鼻窦", "垂体", "颞"),
)
"""What names of body parts and protocols say of volumes that show a face."""


def due(
    *,
    modality: str | None,
    sop_class: str | None,
    image_type: Sequence[str],
    burned_in: str | None,
    samples_per_pixel: int,
    photometric: str,
    body_part: str | None,
    mode: str,
    descriptions: Iterable[str] = (),
) -> Due:
    """What the frames of an instance are due for, by what its header says.

    ``mode`` is ``auto``, ``all`` or ``off``. With ``off`` nothing is due, and whoever asked for that answers for the pixels.
    Else visible light is for quarantine, and so are volumes of a head, from which a face can be made; ``body_part`` and
    ``descriptions`` (of study, series and protocol) tell these. With ``auto`` every frame is due for reading, whatever
    Burned In Annotation says, but original sections of CT, MR and PET in grey; of these, those where it says YES. What is
    not known is read. Films that turn out to be photographs are told by ``photographic``.

    Raises:
        ValueError: there is no such mode.
    """
    if mode not in {"auto", "all", "off"}:
        raise ValueError(f"no mode of reading pixels is called {mode!r}")
    if mode == "off":
        return Due(Look.SKIP, "nobody asked for the pixels to be read")
    kind, uid = (modality or "").strip().upper(), (sop_class or "").strip()
    if kind in _PHOTOGRAPHS or uid.startswith(_VISIBLE_LIGHT):
        return Due(Look.QUARANTINE, "visible light may show a face")
    told = " ".join([body_part or "", *descriptions]).upper()
    if kind in _SECTIONS and any(word in told for word in _HEAD):
        return Due(Look.QUARANTINE, "a face can be made from a volume of the head")
    if mode == "all":
        return Due(Look.READ, "every file's pixels are read")
    if (burned_in or "").strip().upper() == "YES":
        return Due(Look.READ, "(0028,0301) Burned In Annotation says there is text")
    types = [value.strip().upper() for value in image_type]
    grey = samples_per_pixel == 1 and photometric.strip().upper().startswith("MONOCHROME")
    original = types[:2] == ["ORIGINAL", "PRIMARY"] and not {"LOCALIZER", "SECONDARY", "SCREEN SAVE"} & set(types)
    if kind in _SECTIONS and grey and original and not uid.startswith(_SECONDARY_CAPTURE):
        return Due(Look.SKIP, "an original section, on which nothing is written")
    return Due(Look.READ, "text may be burned in")


def photographic(frame: Frame, *, modality: str | None) -> bool:
    """Whether a frame is a photograph rather than an image of its modality, by the share of pixels that have a colour.

    Films have none; captured screens and what is not known have some on graphics, photographs nearly everywhere. Ultrasound
    and what else has colour by nature is none.
    """
    if frame.samples.ndim == 2:
        return False
    step = max(1, max(frame.rows, frame.columns) // 512)
    shown = display(frame.with_samples(frame.samples[::step, ::step]))
    coloured = float((np.ptp(shown.astype(np.int16), axis=2) > _COLOURED).mean())
    kind = (modality or "").strip().upper()
    if kind in _FILMS:
        return coloured > 0.005
    return kind in {"SC", "OT", ""} and coloured > 0.3


_COLOURED = 25
"""By how much the largest of red, green and blue exceeds the smallest, of 255, where there is a colour to be seen."""


_READS = 3
"""How often a frame is read at most: what the last time still finds is for a person."""

_SURE = 0.8
"""Score from which a recognised side marker or technique word is believed."""

_MOST = 400
"""Places on one frame that are recognised; more is a page, and goes unread."""

_SHORT = 2.2
"""Width over height below which a place may hold a lead marker: one letter, upright, turned or mirrored, and initials."""


@dataclass(frozen=True, eq=False)
class _Line:
    """One place on the views, what it says, and what becomes of it.

    ``fate`` is ``keep``, ``remove`` or ``doubt``.
    """

    corners: Corners
    read: Recognised
    fate: str
    letters: Corners | None = None
    """Of a kept line, what is not to be touched."""
    places: tuple[Corners, ...] = ()
    """Of a removed line, what is to be filled."""


@dataclass(frozen=True, eq=False)
class _Found:
    """All that came out of reading one frame: the filled pixels, their places, and the sorts of text."""

    mask: Mask
    boxes: tuple[Box, ...]
    found: Mapping[str, int]
    kept: int
    doubts: int
    unsettled: bool


def read(
    frame: Frame, detector: TextDetector, *, allowed: Iterable[str] = ALLOWED, known: Iterable[str] = ()
) -> tuple[Reading, Frame]:
    """What stands in the pixels of ``frame``, and the frame without what has to go.

    ``known`` are values of the header; they only sort what was found. Give it ``significant`` samples. Where the detector
    fails the reading is for review and the frame as it was.
    """
    (answer,) = read_all([frame], detector, allowed=allowed, known=known)
    return answer


def read_all(
    frames: Iterable[Frame], detector: TextDetector, *, allowed: Iterable[str] = ALLOWED, known: Iterable[str] = ()
) -> Iterator[tuple[Reading, Frame]]:
    """``read`` for the frames of one object, in order; ``combined`` joins the readings.

    A frame like the one before it is not read again, and what was filled there is filled here where it still stands.
    """
    words, values = frozenset(map(_plain, allowed)), tuple(value for value in map(_plain, known) if len(value) > 1)
    before: Frame | None = None
    found = _nothing((0, 0))
    for frame in frames:
        if before is None or not before.same_as(frame):
            standing = _nothing(frame.samples.shape) if before is None else _standing(found, before, frame)
            try:
                found = _found(frame, detector, words, values, standing=standing)
            except UnavailableError as error:
                before = None
                yield Reading(Verdict.REVIEW, f"the pixels were not read: {error.message}"), frame
                continue
        before = frame
        yield _reading(found), without(frame, found.mask, found.boxes)


def combined(readings: Iterable[Reading]) -> Reading:
    """The readings of an object's frames as one: the worst verdict and the first reason for it, counts and pixels summed."""
    together = tuple(readings)
    for verdict in (Verdict.REVIEW, Verdict.REMOVED, Verdict.CLEAN):
        worst = [reading for reading in together if reading.verdict is verdict]
        if worst:
            break
    else:
        return Reading(Verdict.CLEAN, "there is no frame")
    return Reading(
        verdict,
        worst[0].why,
        boxes=tuple(dict.fromkeys(box for reading in together for box in reading.boxes)),
        found=sum((Counter(reading.found) for reading in together), start=Counter[str]()),
        kept=sum(reading.kept for reading in together),
        changed=sum(reading.changed for reading in together),
    )


def _nothing(shape: tuple[int, ...]) -> _Found:
    return _Found(np.zeros(shape[:2], dtype=np.bool_), (), {}, kept=0, doubts=0, unsettled=False)


def _standing(found: _Found, before: Frame, frame: Frame) -> _Found:
    """What was found in the frame before, as far as it stands in this one unchanged."""
    standing = _nothing(frame.samples.shape)
    if before.samples.shape != frame.samples.shape:
        return standing
    equal = before.samples == frame.samples
    equal = equal if equal.ndim == 2 else equal.all(axis=2)
    places = [(box, (slice(box.top, box.bottom), slice(box.left, box.right))) for box in found.boxes]
    places = [(box, part) for box, part in places if equal[part][found.mask[part]].mean() > 0.9]
    for _, part in places:
        standing.mask[part] |= found.mask[part]
    return replace(standing, boxes=tuple(box for box, _ in places))


def _reading(found: _Found) -> Reading:
    changed = int(found.mask.sum())
    rows, columns = found.mask.shape
    middle = found.mask[rows // 6 : rows - rows // 6, columns // 6 : columns - columns // 6]
    if found.unsettled:
        verdict, why = Verdict.REVIEW, "something could still be read after text was removed"
    elif found.doubts:
        verdict, why = Verdict.REVIEW, "something in the middle of the picture may be text"
    elif changed > 0.03 * found.mask.size:
        verdict, why = Verdict.REVIEW, "more than 3 % of the picture was text"
    elif middle.size and middle.sum() > 0.01 * middle.size:
        verdict, why = Verdict.REVIEW, "more than 1 % of the middle of the picture was text"
    elif changed:
        verdict, why = Verdict.REMOVED, "text was removed, and nothing could be read there any more"
    else:
        verdict, why = Verdict.CLEAN, "no text was found but what may stay"
    return Reading(verdict, why, found.boxes, found.found, found.kept, changed)


def _found(frame: Frame, detector: TextDetector, words: frozenset[str], known: Sequence[str], *, standing: _Found) -> _Found:
    mask, boxes = standing.mask.copy(), list(standing.boxes)
    scale = np.array([frame.columns, frame.rows]) / np.array(reading_shape(frame))[::-1]
    removed: list[Corners] = []
    kept: list[_Line] = []
    sorts = Counter[str]()
    doubts = 0
    shown = without(frame, mask, boxes)
    for turn in range(_READS):
        lines = _lines(shown, detector, words, settled=kept, filled=mask)
        if turn:
            tallest = max(min(size(corners)) for corners in removed)
            lines = [line for line in lines if _remains(line, tallest) and not _patched(line.corners * scale, mask)]
        else:
            doubts = sum(line.fate == "doubt" for line in lines)
        gone = [line for line in lines if line.fate == "remove"]
        kept += [line for line in lines if line.fate == "keep"]
        if not gone:
            break
        sorts.update(_category(line.read.text, known) for line in gone)
        removed += [corners for line in gone for corners in line.places or (line.corners,)]
        kept = [line for line in kept if not any(holds(other.corners, line.corners.mean(axis=0)) for other in gone)]
        for corners in removed:
            draw(mask, corners * scale, True)
        for line in kept:
            if line.letters is not None:
                draw(mask, line.letters * scale, False)
        for line in gone:
            # What was taken for a marker may be a part of a line: the line's own place goes, all but its rim.
            rim = -0.15 * min(size(line.corners))
            draw(mask, grown(line.corners, right=rim, down=rim) * scale, True)
        boxes = [*standing.boxes, *(around(corners * scale, mask.shape) for corners in removed)]
        shown = without(frame, mask, boxes)
    return _Found(mask, tuple(boxes), sorts, len(kept), doubts, unsettled=bool(gone))


def _remains(line: _Line, tallest: float) -> bool:
    """Whether a line found near what was filled may be left of it: legible, and no taller than what was removed.

    Anatomy seen through a small hole looks like a letter more often than on the whole picture.
    """
    return line.read.score >= _SURE and bool(_plain(line.read.text)) and min(size(line.corners)) <= 1.5 * tallest


def _patched(corners: Corners, filled: Mask) -> bool:
    """Whether a place is mostly what was filled: the corner of a patch may look like a letter."""
    box = around(corners, filled.shape)
    part = filled[box.top : box.bottom, box.left : box.right]
    return bool(part.size and part.mean() > 0.5)


def _lines(
    frame: Frame, detector: TextDetector, words: frozenset[str], *, settled: Sequence[_Line], filled: Mask
) -> list[_Line]:
    """What stands on a frame: all of it, or near what was ``filled``; without what was ``settled`` to stay."""
    if min(frame.rows, frame.columns) < 8 or not np.ptp(frame.samples):
        return []
    pictures, greys = views(frame)
    located = _located(pictures, detector, filled)
    located = [corners for corners in located if not any(_settled(corners, line.corners) for line in settled)]
    groups = _grouped(located)
    if len(groups) > _MOST:
        return [_Line(corners, Recognised("", 0.0), "remove") for corners in located]
    texts = detector.recognise([crop(greys[0], group[0])[0] for group in groups])
    lines: list[_Line] = []
    for group, read in zip(groups, texts, strict=True):
        judged = _judged(group[0], read, greys, detector, words)
        if [line.fate for line in judged] == ["remove"]:
            exact = tight(hull(group), greys) if all(map(is_upright, group)) else None
            judged = [replace(judged[0], places=tuple(map(wider, group)) if exact is None else (exact,))]
        lines += judged
    kept = [line for line in lines if line.fate == "keep"]
    # The stem of a marker may be found for itself in another picture.
    return [line for line in lines if line.fate == "keep" or not any(is_within(line.corners, one.corners) for one in kept)]


def _located(pictures: Sequence[Picture], detector: TextDetector, filled: Mask) -> list[Corners]:
    """The places on all pictures; where something was filled, on the parts of them around that."""
    shape = pictures[0].shape[:2]
    parts = _surrounds(filled, shape) if filled.any() else [Box(0, 0, *shape)]
    shown = [picture[box.top : box.bottom, box.left : box.right] for picture in pictures for box in parts]
    answers = detector.locate([np.ascontiguousarray(picture) for picture in shown])
    offsets = [np.array([box.left, box.top], dtype=np.float64) for _ in pictures for box in parts]
    places = [place.corners + offset for answer, offset in zip(answers, offsets, strict=True) for place in answer]
    return [upright(corners, shape) if is_upright(corners) else corners for corners in places]


_AROUND = 64
"""Pixels around what was filled that are read again."""


def _surrounds(filled: Mask, shape: tuple[int, ...]) -> list[Box]:
    """Boxes that hold what was filled and something around it, none of which overlap; on a picture of ``shape``."""
    step = 16
    rows, columns = -(-shape[0] // step), -(-shape[1] // step)
    down, right = np.nonzero(filled)
    coarse = np.zeros((rows, columns), dtype=np.bool_)
    coarse[down * rows // filled.shape[0], right * columns // filled.shape[1]] = True
    reach = _AROUND // step
    boxes: list[Box] = []
    for row, column in zip(*(axis.tolist() for axis in np.nonzero(coarse)), strict=True):
        boxes = _joined(boxes, Box(row - reach, column - reach, row + 1 + reach, column + 1 + reach))
    boxes = [Box(box.top * step, box.left * step, box.bottom * step, box.right * step) for box in boxes]
    return [clipped(box, shape) for box in boxes]


def _joined(boxes: Sequence[Box], new: Box) -> list[Box]:
    """The boxes and a new one, those that overlap made one, until none do."""
    apart: list[Box] = []
    for box in boxes:
        if box.top < new.bottom and new.top < box.bottom and box.left < new.right and new.left < box.right:
            new = Box(min(box.top, new.top), min(box.left, new.left), max(box.bottom, new.bottom), max(box.right, new.right))
        else:
            apart.append(box)
    return [*apart, new] if len(apart) == len(boxes) else _joined(apart, new)


def _settled(corners: Corners, kept: Corners) -> bool:
    """Whether a place shows what was kept before: it is the same, or a little more around it."""
    width, height = size(corners)
    lone = max(width, height) < _SHORT * min(width, height) and area(corners) < 4 * area(kept)
    return is_same(corners, kept) or (lone and holds(corners, kept.mean(axis=0)))


def _grouped(places: Sequence[Corners]) -> list[list[Corners]]:
    """Places that are one, as the several pictures show it, together."""
    groups: list[list[Corners]] = []
    for corners in places:
        group = next((group for group in groups if is_same(group[0], corners)), None)
        if group is None:
            groups.append([corners])
        else:
            group.append(corners)
    return groups


def _judged(
    corners: Corners, read: Recognised, greys: Sequence[Picture], detector: TextDetector, words: frozenset[str]
) -> list[_Line]:
    """One place as the lines it holds, each with its fate."""
    width, height = size(corners)
    short = width < _SHORT * height and height < 2 * _SHORT * width
    if _stays(read, words, short=short):
        return [_Line(corners, read, "keep", letters(corners, greys))]
    if short or _plain(read.text)[:1] in _SIDES or _plain(read.text)[-1:] in _SIDES:
        pieces = _pieces(corners, read, greys, detector, words)
        if pieces:
            return pieces
    best = read
    if short and (read.score < _SURE or len(_plain(read.text)) < 2):
        if min(width, height) > _LARGEST * max(greys[0].shape):
            return [_Line(corners, best, "doubt")]
        for seen in detector.recognise(_otherwise(corners, greys)):
            if _stays(seen, words, short=True):
                return [_Line(corners, seen, "keep", letters(corners, greys))]
            best = max(best, seen, key=lambda one: one.score)
    if short and (best.score < _SURE or not _plain(best.text)) and is_in_the_middle(corners, greys[0].shape):
        return [_Line(corners, best, "doubt")]
    return [_Line(corners, best, "remove")]


_LARGEST = 0.12
"""Share of the picture's longer side above which one letter is none: a pacemaker, a necklace."""


def _otherwise(corners: Corners, greys: Sequence[Picture]) -> list[Picture]:
    """A short place in other views, turned, mirrored, and without what may be a circle around a letter."""
    contrast, window, detail = (crop(grey, corners)[0] for grey in greys[:3])
    inner = grown(corners, right=-size(corners)[0] / 4, down=-size(corners)[1] / 4)
    inside = [crop(grey, inner)[0] for grey in greys[:2]]
    turned = [np.rot90(picture, turns) for picture in (contrast, window) for turns in (1, 3)]
    mirrored = [picture[:, ::-1] for picture in (contrast, window, *inside)]
    return [np.ascontiguousarray(picture) for picture in (window, detail, *inside, *mirrored, *turned)]


_SIDES = frozenset({"L", "R", "左", "右"})

_BARS = frozenset({"1", "I", "|", "①", "一"})
"""What a small L, or one in a circle, is taken for; one alone tells nothing of anybody."""


def _stays(read: Recognised, words: frozenset[str], *, short: bool) -> bool:
    plain = _plain(read.text)
    markers = bool(plain) and set(plain) <= _SIDES & words
    return read.score >= _SURE and (
        _may_stay(read.text, words) or (short and (markers or (read.text in _BARS and "L" in words)))
    )


class _Cut(NamedTuple):
    """A part of a crop, in its rows and columns, and how many rows its ink takes."""

    top: int
    bottom: int
    left: int
    right: int
    height: int


def _pieces(
    corners: Corners, read: Recognised, greys: Sequence[Picture], detector: TextDetector, words: frozenset[str]
) -> list[_Line]:
    """A place cut at its gaps, if a side marker stands at one end of it; else nothing.

    Beside a few letters the marker is told by its size, as initials on a lead letter are small: the R of a short name is
    none. In a longer line it is told by the gap that sets it apart.
    """
    shown, turned = crop(greys[1], corners)
    few = len(_plain(read.text)) <= 4
    cuts = _cuts(shown, few=few)
    if len(cuts) < 2:
        return []
    parts = [part_of(corners, cut[:4], shown.shape, turned=turned) for cut in cuts]
    seen = detector.recognise([crop(grey, part)[0] for part in parts for grey in greys[:2]])
    pairs = list(zip(seen[::2], seen[1::2], strict=True))
    sides = [any(one.score >= _SURE and _plain(one.text) in _SIDES & words for one in pair) for pair in pairs]
    if few:
        tallest = [max(other.height for other in cuts if other is not cut) for cut in cuts]
        sides = [side and cut.height >= 1.3 * other for side, cut, other in zip(sides, cuts, tallest, strict=True)]
    if not any(sides):
        return []
    best = [max(pair, key=lambda one: one.score) for pair in pairs]
    return [
        _Line(part, one, "keep", letters(part, greys)) if side else _Line(part, one, "remove")
        for part, one, side in zip(parts, best, sides, strict=True)
    ]


def _cuts(shown: Picture, *, few: bool) -> list[_Cut]:
    """A line cut where a side marker could begin or end: at every gap of a ``few`` letters, else at wide ones.

    Lines below each other are parts; of a line beside it, what stands first, last and between.
    """
    ink, _ = parted(shown)
    height, width = shown.shape
    rows = runs_of(ink, axis=0, gap=2) if width < _SHORT * height else [(0, height)]
    cuts = []
    for top, bottom in rows:
        letter = _inked(ink[top:bottom])
        runs = runs_of(ink[top:bottom], axis=1, gap=2 if few else max(2, round(0.7 * letter)))
        middles = [(end + start) // 2 for (_, end), (start, _) in pairwise(runs)]
        edges = sorted({0, *middles[:1], *middles[-1:], width})
        cuts += [_Cut(top, bottom, left, right, _inked(ink[top:bottom, left:right])) for left, right in pairwise(edges)]
    return cuts


def _inked(ink: Mask) -> int:
    """From the first row with ink to the last."""
    rows = np.flatnonzero(ink.any(axis=1))
    return int(rows[-1] - rows[0]) + 1 if rows.size else 0


# What is said, and what of it may stay.


def _plain(text: str) -> str:
    """Letters, digits and characters alone, in capitals, out of their circles and full widths."""
    return "".join(character for character in unicodedata.normalize("NFKC", text).upper() if character.isalnum())


def _may_stay(text: str, words: frozenset[str]) -> bool:
    """Whether ``text`` is made of allowed words alone; Chinese ones may stand without a space."""
    spaced = "".join(c if c.isalnum() else " " for c in unicodedata.normalize("NFKC", text).upper())
    parts = spaced.split()
    return _plain(text) in words or (
        bool(parts) and all(part in words or (not part.isascii() and _spelt(part, words)) for part in parts)
    )


def _spelt(text: str, words: frozenset[str]) -> bool:
    """Whether ``text`` is a row of ``words``, or one character of one, as a line may come in parts."""
    if len(text) == 1 and any(text in word for word in words):
        return True
    reached = {0}
    for start in range(len(text)):
        if start in reached:
            reached |= {start + len(word) for word in words if word and text.startswith(word, start)}
    return len(text) in reached


def _category(text: str, known: Sequence[str]) -> str:
    plain = _plain(text)
    if any(value in plain or (len(plain) > 3 and plain in value) for value in known):
        return "known"
    digits = sum(character.isdigit() for character in plain)
    if digits >= 6:
        return "number"
    if digits <= 1 and len(plain) >= 2:
        return "name-like"
    return "other"
