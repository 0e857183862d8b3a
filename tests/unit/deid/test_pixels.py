from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadglass.deid.pixels import (
    Box,
    Located,
    Look,
    Reading,
    Recognised,
    Verdict,
    combined,
    due,
    photographic,
    read,
    read_all,
)
from leadglass.deid.views import Picture
from leadglass.errors import UnavailableError
from leadglass.model.frame import Frame

ROWS, COLUMNS = 1024, 448
"""Frames as long as this are read at their own size, so that places on pictures are places on frames."""


class Scripted:
    """A detector that finds what stands in ``lines``, (box, text), wherever a crop of that box is not flat."""

    def __init__(self, *lines: tuple[Box, str], score: float = 0.99) -> None:
        self.lines, self.score, self.asked = lines, score, 0

    def locate(self, pictures: Sequence[Picture]) -> tuple[tuple[Located, ...], ...]:
        self.asked += 1
        whole = [picture.shape[:2] == (ROWS, COLUMNS) for picture in pictures]
        return tuple(tuple(self._places(picture)) if full else () for picture, full in zip(pictures, whole, strict=True))

    def _places(self, picture: Picture) -> list[Located]:
        return [
            Located(np.array([[b.left, b.top], [b.right, b.top], [b.right, b.bottom], [b.left, b.bottom]], float), 0.9)
            for b, _ in self.lines
            if np.ptp(picture[b.top : b.bottom, b.left : b.right]) > 0
        ]

    def recognise(self, pictures: Sequence[Picture]) -> tuple[Recognised, ...]:
        by_shape = {(b.bottom - b.top, b.right - b.left): text for b, text in self.lines}
        return tuple(Recognised(by_shape.get(picture.shape[:2], ""), self.score) for picture in pictures)


class Dead(Scripted):
    def _places(self, picture: Picture) -> list[Located]:
        raise UnavailableError(f"the text recogniser ended on {picture.shape}")


def film(*boxes: Box, kind: str = "u2", photometric: str = "MONOCHROME2") -> Frame:
    """A sloping ground with bright bars in the boxes, which stand for letters."""
    samples = np.linspace(40, 90, COLUMNS)[None, :].repeat(ROWS, axis=0).astype(kind)
    if photometric == "RGB":
        samples = np.stack([samples, samples // 2, samples + 9], axis=-1)
    for box in boxes:
        middle = slice(box.top + 6, box.bottom - 6), slice(box.left + 6, box.right - 6, 3)
        samples[middle] = 120
    samples.flags.writeable = False
    return Frame(samples, photometric, 8 * samples.dtype.itemsize)


NAME = Box(100, 100, 130, 400)
MARKER = Box(500, 40, 561, 100)


def header(**changed: object) -> dict[str, object]:
    plain: dict[str, object] = {
        "modality": "CT",
        "sop_class": "1.2.840.10008.5.1.4.1.1.2",
        "image_type": ("ORIGINAL", "PRIMARY", "AXIAL"),
        "burned_in": None,
        "samples_per_pixel": 1,
        "photometric": "MONOCHROME2",
        "body_part": "CHEST",
        "mode": "auto",
    }
    return plain | changed


@pytest.mark.parametrize(
    ("changed", "look"),
    [
        ({}, Look.SKIP),
        ({"modality": "MR", "image_type": ("ORIGINAL", "PRIMARY", "M", "SE")}, Look.SKIP),
        ({"burned_in": "YES"}, Look.READ),
        ({"image_type": ("DERIVED", "PRIMARY", "AXIAL")}, Look.READ),
        ({"image_type": ("ORIGINAL", "PRIMARY", "LOCALIZER")}, Look.READ),
        ({"image_type": ("ORIGINAL", "PRIMARY", "AXIAL", "SCREEN SAVE")}, Look.READ),
        ({"image_type": ()}, Look.READ),
        ({"samples_per_pixel": 3, "photometric": "RGB"}, Look.READ),
        ({"photometric": "PALETTE COLOR"}, Look.READ),
        ({"sop_class": "1.2.840.10008.5.1.4.1.1.7"}, Look.READ),
        ({"mode": "all"}, Look.READ),
        ({"mode": "off", "modality": "DX"}, Look.SKIP),
        ({"modality": "DX", "burned_in": "NO"}, Look.READ),
        ({"modality": "US", "burned_in": "NO", "samples_per_pixel": 3, "photometric": "RGB"}, Look.READ),
        ({"modality": None}, Look.READ),
        ({"modality": "ZZ"}, Look.READ),
        ({"body_part": "HEAD"}, Look.QUARANTINE),
        ({"body_part": None, "descriptions": ("CT Brain w/o contrast",)}, Look.QUARANTINE),
        ({"body_part": "", "descriptions": ("头颅平扫",), "mode": "all"}, Look.QUARANTINE),
        ({"modality": "DX", "body_part": "SKULL"}, Look.READ),
        ({"modality": "XC"}, Look.QUARANTINE),
        ({"modality": None, "sop_class": "1.2.840.10008.5.1.4.1.1.77.1.4"}, Look.QUARANTINE),
    ],
)
def test_what_frames_are_due_for(changed: dict[str, object], look: Look) -> None:
    assert due(**header(**changed)).look is look  # type: ignore[arg-type]  # a table of keywords


def test_an_unknown_mode_is_an_error() -> None:
    with pytest.raises(ValueError, match="mode"):
        due(**header(mode="most"))  # type: ignore[arg-type]  # a table of keywords


def coloured(share: float) -> Frame:
    samples = np.full((100, 100, 3), 90, np.uint8)
    samples[: round(100 * share)] = (200, 120, 60)
    return Frame(samples, "RGB", 8)


@pytest.mark.parametrize(
    ("share", "modality", "expected"),
    [(0.02, "DX", True), (0.0, "DX", False), (0.1, "SC", False), (0.6, "SC", True), (0.6, None, True), (0.6, "US", False)],
)
def test_colour_tells_a_photograph(share: float, modality: str | None, expected: bool) -> None:
    assert photographic(coloured(share), modality=modality) is expected


def test_a_grey_frame_is_no_photograph() -> None:
    assert not photographic(film(), modality="DX")


def test_a_name_goes() -> None:
    frame = film(NAME)
    reading, result = read(frame, Scripted((NAME, "王伟 WANG")))
    assert reading.verdict is Verdict.REMOVED
    assert result.samples[NAME.top : NAME.bottom, NAME.left : NAME.right].max() <= 90


def test_a_flat_frame_is_not_looked_at() -> None:
    detector = Scripted()
    reading, result = read(Frame(np.zeros((64, 64), np.uint8), "MONOCHROME2", 8), detector)
    assert (reading.verdict, detector.asked) == (Verdict.CLEAN, 0)
    assert not result.samples.any()


@pytest.mark.parametrize(
    "text", ["L", "r", "左", "(R)", "RR", "Ⓡ", "Ｌ", "PORTABLE", "AP ERECT", "仰卧位", "床旁 仰卧", "A-P"]
)
def test_side_markers_and_words_of_technique_stay(text: str) -> None:
    frame = film(MARKER)
    reading, result = read(frame, Scripted((MARKER, text)))
    assert (reading.verdict, reading.kept) == (Verdict.CLEAN, 1)
    assert result.same_as(frame)


@pytest.mark.parametrize("text", ["LI", "Müller", "Li^Wei", "R 张", "PORTABLE 12345678", "李", "AP SMITH", "左宗棠"])
def test_a_word_more_than_allowed_goes(text: str) -> None:
    _, result = read(film(NAME), Scripted((NAME, text)))
    assert result.samples[NAME.top : NAME.bottom, NAME.left : NAME.right].max() <= 90


def test_a_site_lists_its_own_words() -> None:
    frame = film(NAME)
    reading, _ = read(frame, Scripted((NAME, "Bettaufnahme")), allowed=("Bettaufnahme",))
    assert reading.verdict is Verdict.CLEAN


def test_a_reading_counts_by_category_and_says_no_word() -> None:
    number, other = Box(300, 100, 331, 300), Box(700, 200, 732, 340)
    lines = ((NAME, "WANG WEI"), (number, "ID 20931177"), (other, "12:30"))
    reading, _ = read(film(NAME, number, other), Scripted(*lines), known=("Wang^Wei",))
    assert reading.found == {"known": 1, "number": 1, "other": 1}
    assert not any(word in repr(reading) for word in ("WANG", "20931177", "12:30"))


def test_something_large_is_for_review() -> None:
    banner = Box(0, 0, 60, COLUMNS)
    reading, result = read(film(banner), Scripted((banner, "MERCY HOSPITAL")))
    assert reading.verdict is Verdict.REVIEW
    assert result.samples[:60].max() <= 90


def test_a_dim_shape_in_the_middle_is_left_for_review() -> None:
    shape = Box(500, 200, 540, 240)
    frame = film(shape)
    reading, result = read(frame, Scripted((shape, "品"), score=0.4))
    assert reading.verdict is Verdict.REVIEW
    assert result.same_as(frame)


def test_a_dead_detector_leaves_the_frame_for_review() -> None:
    frame = film(NAME)
    reading, result = read(frame, Dead())
    assert (reading.verdict, reading.boxes) == (Verdict.REVIEW, ())
    assert result is frame


@pytest.mark.parametrize(
    ("kind", "photometric"),
    [
        ("u1", "MONOCHROME1"),
        ("i2", "MONOCHROME2"),
        ("u2", "MONOCHROME1"),
        ("u4", "MONOCHROME2"),
        ("u1", "RGB"),
        ("u1", "PALETTE COLOR"),
    ],
)
def test_text_goes_from_every_kind_of_frame(kind: str, photometric: str) -> None:
    frame = film(NAME, kind=kind, photometric=photometric)
    reading, result = read(frame, Scripted((NAME, "王伟 WANG")))
    inside = result.samples[NAME.top : NAME.bottom, NAME.left : NAME.right]
    assert reading.verdict is Verdict.REMOVED
    assert inside.max() <= 99
    assert result.samples.dtype == frame.samples.dtype


def test_an_identical_frame_is_not_read_again() -> None:
    detector = Scripted((NAME, "WANG"))
    answers = list(read_all([film(NAME), film(NAME), film(NAME)], detector))
    once = Scripted((NAME, "WANG"))
    read(film(NAME), once)
    assert detector.asked == once.asked
    assert all(result.same_as(answers[0][1]) for _, result in answers)


def test_what_was_found_in_a_frame_goes_from_the_next_where_it_still_stands() -> None:
    class Forgetful(Scripted):
        def _places(self, picture: Picture) -> list[Located]:
            return super()._places(picture) if self.asked == 1 else []

    moved = film(NAME, MARKER)
    (_, _), (reading, result) = read_all([film(NAME), moved], Forgetful((NAME, "WANG")))
    assert reading.verdict is Verdict.REMOVED
    assert result.samples[NAME.top : NAME.bottom, NAME.left : NAME.right].max() <= 90


def test_frames_are_read_as_they_come() -> None:
    def endless() -> object:
        while True:
            yield film()

    assert next(read_all(endless(), Scripted()))[0].verdict is Verdict.CLEAN  # type: ignore[arg-type]  # a generator of frames


@given(st.lists(st.sampled_from(list(Verdict)), min_size=1, max_size=6))
def test_an_object_is_as_doubtful_as_its_worst_frame(verdicts: list[Verdict]) -> None:
    order = [Verdict.CLEAN, Verdict.REMOVED, Verdict.REVIEW]
    whole = combined([Reading(verdict, "", changed=1, found={"other": 2}) for verdict in verdicts])
    assert whole.verdict is max(verdicts, key=order.index)
    assert (whole.changed, whole.found["other"]) == (len(verdicts), 2 * len(verdicts))


def test_of_a_marker_with_initials_the_letter_stays() -> None:
    letter, initials, place = Box(500, 40, 550, 80), Box(525, 90, 545, 130), Box(490, 30, 560, 140)
    frame = film()
    samples = frame.samples.copy()
    for box in (letter, initials):
        samples[box.top : box.bottom, box.left : box.right] = 4000

    class ByHeight(Scripted):
        def recognise(self, pictures: Sequence[Picture]) -> tuple[Recognised, ...]:
            """Ink in two parts is the whole of it; a tall part is the letter, a low one the initials."""
            inks = [picture > 200 for picture in pictures]
            parts = [np.count_nonzero(np.diff(ink.any(axis=0).astype(int), prepend=0) == 1) for ink in inks]
            heights = [ink.any(axis=1).mean() for ink in inks]
            texts = ["RBK" if n > 1 else "R" if tall > 0.6 else "BK" for n, tall in zip(parts, heights, strict=True)]
            return tuple(Recognised(text, 0.99) for text in texts)

    reading, result = read(frame.with_samples(samples), ByHeight((place, "")))
    assert reading.kept == 1
    assert (result.samples[letter.top : letter.bottom, letter.left : letter.right] == 4000).all()
    assert (result.samples[initials.top : initials.bottom, initials.left : initials.right] < 4000).all()


def test_the_r_that_ends_a_name_is_no_marker() -> None:
    letters = [Box(500, left, 526, left + 14) for left in (40, 64, 88)]
    frame = film()
    samples = frame.samples.copy()
    for box in letters:
        samples[box.top : box.bottom, box.left : box.right] = 4000

    class Short(Scripted):
        def recognise(self, pictures: Sequence[Picture]) -> tuple[Recognised, ...]:
            """The whole is a short name; every part by itself is taken for an R."""
            wide = [picture.shape[1] > 1.5 * picture.shape[0] for picture in pictures]
            return tuple(Recognised("Orr" if whole else "r", 0.99) for whole in wide)

    reading, result = read(frame.with_samples(samples), Short((Box(490, 32, 536, 112), "")))
    assert reading.kept == 0
    assert result.samples.max() <= 90
