"""How far the model's answer is to be believed.

Two measures that cost no second pass: how much of the lungs the model is unsure about, and how far the lungs' shape is from
those of training films (Mahalanobis distance). A third is the model's own word on how the film lies. Each is held against a
limit that good validation films stay below; the limits and the shapes they are measured by belong to one model file and
are shipped beside it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.anatomy.prepare import Picture, Placed
from leadglass.errors import ConfigError
from leadglass.model.region import Mask

FORMAT = "leadglass/outline-limits@v1"

RIGHT, LEFT, HEART, RIBS = range(4)
"""The model's channels."""

_UPRIGHT, _MIRRORED, _OTHER = 0, 4, 8
_LYING: Mapping[int, str] = {2: "upside down"}
_UNSURE = (0.1, 0.9)
"""Chances between which a pixel is unsure."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What the model says about one film.

    ``chances`` has shape (4, SIDE, SIDE), each pixel's chance to be right lung, left lung, heart and rib. ``pose`` has shape
    (9,): the chances that the film is upright, turned counter-clockwise by 90, 180 or 270 degrees, mirrored and so turned,
    or no whole frontal chest at all.
    """

    chances: Picture
    pose: NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Limits:
    """What an answer is held against; ``mean`` has shape (n,) and ``precision`` (n, n) for the n numbers of a shape."""

    sha256: str
    unsure: float
    distance: float
    strange: float
    mean: NDArray[np.float64]
    precision: NDArray[np.float64]

    @staticmethod
    def read(data: bytes) -> Limits:
        """The limits in a file ``leadglass/outline-limits@v1``.

        Raises:
            ConfigError: it is of another format.
        """
        held = json.loads(data)
        if held.get("format") != FORMAT:
            raise ConfigError("the outline model's limits are of another format", hint="install leadglass anew")
        mean, precision = (np.array(held["shape"][name], np.float64) for name in ("mean", "precision"))
        limits = held["limits"]
        return Limits(held["sha256"], limits["unsure"], limits["distance"], limits["strange"], mean, precision)


@cache
def limits() -> Limits:
    """The limits that belong to the shipped model."""
    return Limits.read(files(__package__).joinpath("model", "outlines.json").read_bytes())


def measures(answer: Answer, right: Mask, left: Mask, placed: Placed, against: Limits) -> dict[str, float]:
    """Each measure as a share of its limit: 0 is sure, from 1 on the outlines are void.

    ``right`` and ``left`` are the lungs in the square, of at least one pixel each.
    """
    away = shape(right, left, placed) - against.mean
    return {
        "unsure": unsure(answer) / against.unsure,
        "distance": float(np.sqrt(away @ against.precision @ away)) / against.distance,
        "strange": (1 - float(answer.pose[_UPRIGHT])) / against.strange,
    }


def unsure(answer: Answer) -> float:
    """The unsure pixels of both lungs as a share of the pixels that are lung."""
    lungs = answer.chances[: LEFT + 1]
    between = (lungs > _UNSURE[0]) & (lungs < _UNSURE[1])
    return float(between.sum()) / max(1.0, float((lungs > 0.5).sum()))


def shape(right: Mask, left: Mask, placed: Placed) -> NDArray[np.float64]:
    """Sixteen numbers that say what a pair of lungs looks like, none of them in pixels."""
    boxes = [_box(mask) for mask in (right, left)]
    tops, bottoms, firsts, lasts = (np.array(each, np.float64) for each in zip(*boxes, strict=True))
    height, width = bottoms.max() - tops.min(), lasts.max() - firsts.min()
    numbers: list[float] = [
        np.log(height / width),
        np.log(width / placed.width),
        np.log(height / placed.height),
        (firsts[1] - lasts[0]) / width,
        (tops[1] - tops[0]) / height,
        (bottoms[1] - bottoms[0]) / height,
    ]
    for mask, top, bottom, first, last in zip((right, left), tops, bottoms, firsts, lasts, strict=True):
        rows, columns = np.nonzero(mask)
        numbers += [
            rows.size / ((bottom - top) * (last - first)),
            (bottom - top) / height,
            (last - first) / width,
            (float(rows.mean()) - top) / (bottom - top),
            (float(columns.mean()) - first) / (last - first),
        ]
    return np.array(numbers, np.float64)


def doubt(found: Mapping[str, float], pose: NDArray[np.float32]) -> str:
    """Why outlines with these measures are void, for a person to read."""
    worst = max(found, key=found.__getitem__)
    if worst == "unsure":
        return "the model is unsure about too much of the lungs"
    if worst == "distance":
        return "the lungs' shape is unlike that of any film the model has learned from"
    likely = int(pose[1:].argmax()) + 1
    if likely == _OTHER:
        return "the film does not look like a whole PA or AP chest film"
    if likely == _MIRRORED:
        return "the film may be mirrored: its sides need a person's eye"
    lying = _LYING.get(likely, "turned")
    return f"the film seems to be {'mirrored and turned' if likely > _MIRRORED else lying}"


def _box(mask: Mask) -> tuple[int, int, int, int]:
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    return int(rows[0]), int(rows[-1]) + 1, int(columns[0]), int(columns[-1]) + 1


def plain(held: Limits, *, model: str, data: Mapping[str, Any]) -> dict[str, Any]:
    """``held`` as ``read`` takes it, with whatever else is worth saying about the model."""
    return {
        "format": FORMAT,
        "model": model,
        "sha256": held.sha256,
        "limits": {"unsure": held.unsure, "distance": held.distance, "strange": held.strange},
        "shape": {"mean": held.mean.tolist(), "precision": held.precision.tolist()},
        **data,
    }
