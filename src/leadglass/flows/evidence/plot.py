"""The statistic as a plot: what innocent keys score, where naming begins, and what the releases of the film score."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape

import numpy as np
from numpy.typing import NDArray

from leadglass.flows.evidence.exhibit import Exhibit
from leadglass.flows.evidence.texts import Language, say

_WIDTH, _HEIGHT = 960, 340
_LEFT, _RIGHT, _TOP, _BASE = 56, 930, 74, 276
_LOWEST = -5.0
_BIN = 0.25
_LABELLED = 8
"""Named releases with a label of their own; more would lie over each other, and stand in the table."""


@dataclass(frozen=True)
class Axis:
    """z to places on paper: even up to ``bend``, and behind a break, where there is one, by the logarithm up to ``end``."""

    bend: float
    end: float
    broken: bool

    @property
    def _split(self) -> float:
        return _LEFT + (_RIGHT - _LEFT) * (0.66 if self.broken else 1.0)

    def __call__(self, z: float) -> float:
        if z <= self.bend or not self.broken:
            return _LEFT + (self._split - _LEFT) * (max(z, _LOWEST) - _LOWEST) / (self.bend - _LOWEST)
        part = math.log(z / self.bend) / math.log(self.end / self.bend)
        return self._split + 22 + (_RIGHT - self._split - 34) * min(part, 1.0)

    def ticks(self) -> Iterator[int]:
        yield from range(math.ceil(_LOWEST), math.floor(self.bend) + 1)
        if self.broken:
            beyond = [n for n in (10, 15, 20, 30, 50, 70, 100, 150, 200, 300, 500, 1000) if self.bend * 1.12 < n <= self.end]
            yield from beyond if len(beyond) <= 5 else beyond[:: math.ceil(len(beyond) / 5)]


def axis(highest: float, threshold: float) -> Axis:
    """The axis that shows ``threshold`` and ``highest``."""
    bend = math.ceil(threshold) + 1.0
    if highest <= bend:
        return Axis(bend, bend, broken=False)
    return Axis(bend, max(highest * 1.25, bend * 1.5), broken=True)


def plot(exhibit: Exhibit, language: Language) -> str:
    """The plot as an SVG element; empty where no release was tried and no innocent key."""
    if exhibit.accusation is None or not (exhibit.releases or exhibit.innocents.size):
        return ""
    threshold = exhibit.accusation.threshold
    place = axis(max((each.z for each in exhibit.releases), default=0.0), threshold)
    label = say("plot_label", language)
    drawn = (
        *_scale(place, language),
        *_histogram(exhibit.innocents, place),
        *_threshold(threshold, place, language),
        *_others(exhibit, place),
        *_named(exhibit, place),
    )
    return (
        f'<svg class="plot" viewBox="0 0 {_WIDTH} {_HEIGHT}" role="img" aria-label="{escape(label)}">{"".join(drawn)}</svg>'
    )


def _scale(place: Axis, language: Language) -> Iterator[str]:
    stop = place(place.bend) if place.broken else _RIGHT
    yield f'<path class="axis" d="M{_LEFT} {_BASE}H{stop:.1f}"/>'
    if place.broken:
        yield f'<path class="axis" d="M{stop + 22:.1f} {_BASE}H{_RIGHT}"/>'
        for x in (stop + 4, stop + 14):
            yield f'<path class="axis" d="M{x - 4:.1f} {_BASE + 9}L{x + 4:.1f} {_BASE - 9}"/>'
    for z in place.ticks():
        yield f'<path class="axis" d="M{place(z):.1f} {_BASE}v5"/>'
        yield f'<text x="{place(z):.1f}" y="{_BASE + 20}" text-anchor="middle">{_signed(z)}</text>'
    name = escape(say("plot_axis", language))
    yield f'<text x="{(_LEFT + stop) / 2:.1f}" y="{_BASE + 44}" text-anchor="middle">{name}</text>'


def _histogram(innocents: NDArray[np.float64], place: Axis) -> Iterator[str]:
    """Bars for what innocent keys scored, and the normal curve that they follow."""
    if not innocents.size:
        return
    edges = np.arange(_LOWEST, place.bend + _BIN / 2, _BIN)
    counts, _ = np.histogram(np.clip(innocents, _LOWEST, place.bend - 1e-9), edges)
    expected = innocents.size * _BIN / math.sqrt(2 * math.pi)
    unit = (_BASE - _TOP) / max(float(counts.max()), expected) / 1.05
    for left, count in zip(edges, counts, strict=False):
        if count:
            x, width, height = place(left), place(left + _BIN) - place(left) - 1, max(count * unit, 1.5)
            yield f'<rect class="bar" x="{x:.1f}" y="{_BASE - height:.1f}" width="{width:.1f}" height="{height:.1f}"/>'
    z = np.linspace(_LOWEST, min(5.0, place.bend), 121)
    points = " ".join(f"{place(x):.1f},{_BASE - expected * unit * math.exp(-x * x / 2):.1f}" for x in z)
    yield f'<polyline class="curve" points="{points}"/>'


def _threshold(threshold: float, place: Axis, language: Language) -> Iterator[str]:
    x = place(threshold)
    yield f'<path class="bar-to-pass" d="M{x:.1f} {_BASE}V{_TOP - 26}"/>'
    text = escape(say("plot_threshold", language, z=f"{threshold:.2f}"))
    yield f'<text class="to-pass" x="{x - 7:.1f}" y="{_TOP - 30}" text-anchor="end">{text}</text>'


def _others(exhibit: Exhibit, place: Axis) -> Iterator[str]:
    """Releases that are not named: a mark each under the bars; below the scale an arrow."""
    named = set(exhibit.accusation.named) if exhibit.accusation else set()
    for each in (release for number, release in enumerate(exhibit.releases) if number not in named):
        x = place(each.z)
        if each.z < _LOWEST:
            yield f'<path class="other" d="M{x - 2:.1f} {_BASE - 8}l-9 4.5l9 4.5z"/>'
            yield f'<text x="{x + 3:.1f}" y="{_BASE - 14}">{_signed(round(each.z))}</text>'
        else:
            yield f'<path class="other" d="M{x:.1f} {_BASE - 1}l-4 -9h8z"/>'


def _named(exhibit: Exhibit, place: Axis) -> Iterator[str]:
    """Named releases: a stem and a head each, with recipient and z beside the strongest."""
    named = exhibit.named
    levels = _levels([place(each.z) for each in named[:_LABELLED]])
    for number, each in enumerate(named):
        x = place(each.z)
        top = _TOP - 44 + 22 * levels[number] if number < _LABELLED else _BASE - 40
        yield f'<path class="stem" d="M{x:.1f} {_BASE}V{top + 6:.1f}"/>'
        yield f'<circle class="head" cx="{x:.1f}" cy="{top:.1f}" r="5"/>'
        if number < _LABELLED:
            text = escape(f"{_short(each.recipient)}  {each.z:.1f}")
            end, dx = ("end", -10) if x > _WIDTH * 0.6 else ("start", 10)
            yield f'<text class="name" x="{x + dx:.1f}" y="{top + 4.5:.1f}" text-anchor="{end}">{text}</text>'


def _levels(places: Sequence[float]) -> list[int]:
    """A line for each label, so that none lies over another: from the right, one lower each time."""
    order = sorted(range(len(places)), key=lambda number: -places[number])
    levels = [0] * len(places)
    for level, number in enumerate(order):
        levels[number] = level
    return levels


def _short(text: str) -> str:
    return text if len(text) <= 24 else text[:23] + "…"


def _signed(z: int) -> str:
    return f"−{-z}" if z < 0 else str(z)
