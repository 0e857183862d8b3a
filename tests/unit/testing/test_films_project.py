"""Projection: a bead and a block are enough to know the geometry."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadglass.testing.films.project import Detector, Pose, project, resampled, taps

SPACING = (2.0, 1.0, 1.0)
DETECTOR = Detector(120, 120, 1.0)


def bead(z: int, y: int, x: int) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """One bright voxel in a volume of 50 x 100 x 100."""
    volume = np.zeros((50, 100, 100), np.float32)
    volume[z, y, x] = 1
    return volume


def place(picture: np.ndarray[tuple[int, ...], np.dtype[np.float32]]) -> tuple[float, float]:
    """Where the bead's shadow is, in millimetres below and to the right of the middle."""
    down, right = (np.arange(n) - (n - 1) / 2 for n in picture.shape)
    return float((picture.sum(1) * down).sum() / picture.sum()), float((picture.sum(0) * right).sum() / picture.sum())


@pytest.mark.parametrize("view", ["PA", "AP"])
def test_the_patients_left_is_at_the_right_and_the_head_is_up(view: str) -> None:
    down, right = place(project(bead(40, 50, 80), SPACING, Pose(view, 1800), DETECTOR))  # type: ignore[arg-type]  # a str from the parameters
    assert down < -20
    assert right > 20


def test_a_lateral_view_has_the_front_at_the_left() -> None:
    down, right = place(project(bead(10, 10, 50), SPACING, Pose("LL", 1800), DETECTOR))
    assert down > 20
    assert right < -30


def test_the_heart_is_larger_from_behind_the_ribs() -> None:
    """What lies in front is far from the detector in an AP view, and so it is magnified more."""
    anterior = bead(25, 5, 90)
    _, pa = place(project(anterior, SPACING, Pose("PA", 1000), DETECTOR))
    _, ap = place(project(anterior, SPACING, Pose("AP", 1000), DETECTOR))
    assert ap > pa * 1.05


def test_a_block_casts_its_thickness() -> None:
    block = np.ones((50, 80, 100), np.float32)
    picture = project(block, SPACING, Pose("PA", 1800), DETECTOR)
    np.testing.assert_allclose(picture[50:70, 50:70], 80, rtol=1e-4)


def test_a_mask_at_half_resolution_falls_on_its_organ() -> None:
    organ = np.zeros((50, 100, 100), np.float32)
    organ[20:30, 60:80, 60:90] = 1
    pose = Pose("AP", 1000, yaw=3, pitch=2, habitus=(1.1, 0.9, 1.0), breath=5)
    fine = project(organ, SPACING, pose, DETECTOR)
    coarse = project(organ[:, ::2, ::2], (2.0, 2.0, 2.0), pose, DETECTOR)
    assert place(coarse) == pytest.approx(place(fine), abs=0.3)


def test_breathing_out_lifts_what_is_low_and_leaves_the_apex() -> None:
    low, high = bead(5, 50, 50), bead(48, 50, 50)
    tall = (6.0, 1.0, 1.0)
    film = Detector(320, 60, 1.0)
    still, out = Pose("PA", 1800), Pose("PA", 1800, breath=15)
    assert place(project(low, tall, out, film))[0] < place(project(low, tall, still, film))[0] - 8
    assert place(project(high, tall, out, film)) == pytest.approx(place(project(high, tall, still, film)), abs=0.1)


@settings(deadline=None, max_examples=30)
@given(samples=st.integers(4, 30), seed=st.integers(0, 100))
def test_resampling_at_the_samples_changes_nothing(samples: int, seed: int) -> None:
    picture = np.random.default_rng(seed).random((samples, 5), dtype=np.float32)
    again = resampled(picture, taps(np.arange(samples, dtype=np.float64), samples), axis=0)
    np.testing.assert_allclose(again, picture, atol=1e-6)


def test_outside_the_samples_there_is_nothing() -> None:
    picture = np.ones((5, 5), np.float32)
    assert not resampled(picture, taps(np.array([-3.0, -0.5, 4.5, 9.0]), 5), axis=1).any()
