"""Laws of what is done to pixels, for frames that hypothesis makes up."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given, settings
from hypothesis.extra.numpy import arrays

from leadglass.deid.fill import remove
from leadglass.deid.places import Box
from leadglass.deid.views import reading_shape, views
from leadglass.model.frame import Frame

KINDS = ("u1", "i1", "u2", "i2", "u4", "i4")


@st.composite
def frames(draw: st.DrawFn) -> Frame:
    kind = draw(st.sampled_from(KINDS))
    photometric = draw(st.sampled_from(["MONOCHROME1", "MONOCHROME2", "PALETTE COLOR", "RGB", "YBR_FULL"]))
    planes = (3,) if photometric in {"RGB", "YBR_FULL"} else ()
    shape = (draw(st.integers(1, 40)), draw(st.integers(1, 40)), *planes)
    if planes:
        kind = "u1"
    samples = draw(arrays(kind, shape, elements=st.integers(np.iinfo(kind).min, np.iinfo(kind).max), fill=st.just(7)))
    return Frame(samples, photometric, 8 * samples.dtype.itemsize)


numbers = st.integers(-5, 45)
boxes = st.lists(st.builds(Box, numbers, numbers, numbers, numbers), max_size=4)


@given(frames(), boxes)
def test_no_sample_outside_the_boxes_changes(frame: Frame, places: list[Box]) -> None:
    before = frame.samples.copy()
    result = remove(frame, places)
    outside = np.ones(frame.samples.shape[:2], bool)
    for box in places:
        outside[max(box.top, 0) : max(box.bottom, 0), max(box.left, 0) : max(box.right, 0)] = False
    assert np.array_equal(result.samples[outside], before[outside])
    assert np.array_equal(frame.samples, before)


@given(frames(), boxes, st.data())
def test_what_fills_a_box_tells_nothing_of_what_was_in_it(frame: Frame, places: list[Box], data: st.DataObject) -> None:
    changed = frame.samples.copy()
    for box in places:
        part = changed[max(box.top, 0) : max(box.bottom, 0), max(box.left, 0) : max(box.right, 0)]
        part[...] = data.draw(st.integers(0, 100))
    assert remove(frame, places).same_as(remove(frame.with_samples(changed), places))


@given(frames(), boxes)
def test_a_fill_stays_in_the_range_of_what_surrounds_it(frame: Frame, places: list[Box]) -> None:
    result = remove(frame, places)
    assert result.samples.dtype == frame.samples.dtype
    changed = result.samples != frame.samples
    if not changed.all():
        kept = frame.samples
        assert (result.samples >= min(kept.min(), 0)).all()
        assert (result.samples <= max(kept.max(), 0)).all()


@given(frames())
@settings(max_examples=15)
def test_every_frame_has_views_of_its_reading_shape(frame: Frame) -> None:
    pictures, greys = views(frame)
    assert all(picture.dtype == np.uint8 and picture.shape == (*reading_shape(frame), 3) for picture in pictures)
    assert all(grey.dtype == np.uint8 and grey.shape == reading_shape(frame) for grey in greys)


@given(st.integers(0, 3), st.integers(1, 60000))
@settings(max_examples=15)
def test_a_mark_one_level_above_a_flat_ground_is_seen_in_some_view(turns: int, ground: int) -> None:
    samples = np.full((96, 128), ground, np.uint16)
    samples[40:52, 60] = ground + 1
    _, greys = views(Frame(np.ascontiguousarray(np.rot90(samples, turns)), "MONOCHROME2", 16))
    assert max(int(np.ptp(grey)) for grey in greys) >= 40


def test_a_huge_frame_is_shown_at_reading_size() -> None:
    samples = np.zeros((9000, 7000), np.uint8)
    samples[4500:4600, 3500:3520] = 200
    frame = Frame(samples, "MONOCHROME2", 8)
    _, (contrast, *_) = views(frame)
    assert contrast.shape == reading_shape(frame)
    row, column = np.unravel_index(int(contrast.argmax()), contrast.shape)
    assert abs(row / contrast.shape[0] - 4550 / 9000) < 0.01
    assert abs(column / contrast.shape[1] - 3510 / 7000) < 0.01
