"""A classical lung outline for PA and AP chest films: a mean shape, fitted.

Lungs are dark, and their pair has one shape: two domes beside a bright spine, with a diaphragm below. So a mean outline is
placed where the film agrees with it best.

1. The film shrinks to about 88 pixels along its longer side, dense tissue bright, each neighbourhood brought to the same
   mean and contrast: exposure and a breast's shadow then weigh little.
2. The mean shape, a box with two lungs in it, is tried at every place and some eighty sizes by normalised cross-correlation
   (Fourier transforms, half resolution). The part in front of the heart counts little there, because it is bright.
3. Top, sides, both diaphragms and a tilt move step by step, as long as correlation and the contrast across the border grow.
4. The fit is believed only if it correlates as a whole and in each of its parts, and the lungs are darker than what lies
   between and below them.

The outline has the mean shape's detail and no more: smooth, and blind to a collapsed lung. The heart is a zone by geometry,
not an outline. Text is not looked for: what is found by brightness alone is found too seldom to promise anything.

The mean shape was read off lung masks of V7 Labs (CC BY 4.0) on films of adults and of children from one year.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.anatomy.outline import Outlines, abstain, judge
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, RegionKind

Picture = NDArray[np.float64]

_VIEWS = frozenset({"PA", "AP"})
_MODALITIES = frozenset({"DX", "CR", "RG"})
"""Digital and computed radiography, and digitised film (PS3.3 C.7.3.1.1.1)."""

_LEAST_SIDE = 96
"""Pixels; a smaller film does not show enough to be sure."""
_FINE = 88
"""Longer side, in pixels, of the picture that the shape is fitted to."""

_DRAWN = 400
"""Longer side, in pixels, of the picture that masks are drawn on before they grow to the film's size."""

_LEAST_LEAD = 0.08
"""By how much a film has to beat its negative, in the score of a placed box."""

_MARGIN = 0.04
"""Added around the heart zone, as a share of the chest's width."""

_LIMITS: Mapping[str, tuple[float, float]] = {
    "film": (0.54, 0.75),
    "right side": (0.50, 0.75),
    "left side": (0.40, 0.70),
    "upper part": (0.42, 0.75),
    "middle part": (0.48, 0.75),
    "lower part": (0.40, 0.70),
    "space beside the right lung": (0.80, 1.60),
    "space beside the left lung": (0.70, 1.50),
    "space below the lungs": (0.80, 1.50),
}
"""What is looked at in a fit: where belief begins and where it is full.

Six correlations, then how much brighter the spine and what lies below the lungs are, in standard deviations of the film. The
first numbers let nine of ten well-fitted films pass and hardly an inverted, turned, upside-down or vertically halved one.
"""

# Height in the box from the top; borders as shares of its width from the image's left: right lung lateral and medial, left
# lung medial and lateral. Behind the heart the lung goes on, as radiologists draw it.
_SHAPE = np.array(
    [
        (0.00, 0.360, 0.360, 0.660, 0.660),
        (0.03, 0.300, 0.400, 0.600, 0.700),
        (0.09, 0.215, 0.425, 0.585, 0.775),
        (0.16, 0.165, 0.425, 0.565, 0.815),
        (0.28, 0.115, 0.420, 0.565, 0.885),
        (0.41, 0.070, 0.415, 0.565, 0.930),
        (0.53, 0.045, 0.415, 0.570, 0.955),
        (0.66, 0.030, 0.400, 0.580, 0.965),
        (0.78, 0.020, 0.395, 0.583, 0.980),
        (0.82, 0.015, 0.270, 0.583, 0.985),
        (0.85, 0.010, 0.130, 0.585, 0.985),
        (0.88, 0.005, 0.080, 0.800, 0.990),
        (0.91, 0.000, 0.060, 0.910, 0.995),
        (1.00, 0.000, 0.010, 0.985, 1.000),
    ]
)


@dataclass(frozen=True)
class _Fit:
    """Where the box lies, in pixels of some picture; the diaphragms differ, and ``tilt`` is the tangent of its turn."""

    top: float
    bottom_right: float
    bottom_left: float
    first: float
    last: float
    tilt: float = 0.0

    @property
    def bottom(self) -> float:
        return (self.bottom_right + self.bottom_left) / 2

    @property
    def height(self) -> float:
        return self.bottom - self.top

    @property
    def width(self) -> float:
        return self.last - self.first

    def moved(self, names: tuple[str, ...], by: float) -> _Fit:
        return replace(self, **{name: getattr(self, name) + by for name in names})

    def scaled(self, factor: float) -> _Fit:
        lengths = {field.name: getattr(self, field.name) * factor for field in fields(self) if field.name != "tilt"}
        return replace(self, **lengths)


def outlines(frame: Frame, *, view: str | None, modality: str | None) -> Outlines:
    """Right lung, left lung and heart zone of a PA or AP chest film, or an abstention.

    ``view`` is View Position (0018,5101) and ``modality`` Modality (0008,0060); null where the header does not say, and then
    the picture alone decides. Masks have the film's own shape and may overlap: lungs go on behind the heart. The confidence
    follows the weakest of the checks that a fit has to pass; it is not a probability.
    """
    refusal = _refusal(frame, view, modality)
    if refusal is not None:
        return abstain(refusal)
    dense, step = _shrunk(frame)
    if not dense.std() > 0:
        return abstain("the film is of one grey")
    even = _evened(dense)
    placed, lead = _placed(_halved(even))
    if lead <= _LEAST_LEAD:
        return abstain("the film's negative would look as much like a chest")
    fit = _refined(even, placed.scaled(2))
    belief = _belief(dense, even, fit)
    weakest = min(belief, key=belief.__getitem__)
    if belief[weakest] <= 0:
        return abstain(f"the {weakest} does not look like that of a PA or AP chest film")
    masks = _drawn(fit.scaled(step), rows=frame.rows, columns=frame.columns)
    return judge(Outlines(masks, min(1.0, belief[weakest]), ""))


def _refusal(frame: Frame, view: str | None, modality: str | None) -> str | None:
    """Why no outline is even tried."""
    if modality and modality not in _MODALITIES:
        return "not a radiograph"
    if view and view not in _VIEWS:
        return "not a PA or AP view"
    if frame.photometric not in ("MONOCHROME1", "MONOCHROME2") or frame.samples.ndim != 2:
        return "not a grey-scale film"
    if min(frame.rows, frame.columns) < _LEAST_SIDE or not 0.56 <= frame.rows / frame.columns <= 1.8:
        return "the film is too small, too wide or too narrow"
    return None


def _shrunk(frame: Frame) -> tuple[Picture, int]:
    """The film in small, dense tissue bright, 0 to 1 between its 2nd and 98th percentile; and the step between pixels."""
    step = -(-max(frame.rows, frame.columns) // _FINE)
    stride = max(1, step // 6)
    step = -(-step // stride) * stride
    values = _values(frame.samples[stride // 2 :: stride, stride // 2 :: stride], frame)
    small = _block_means(values, step // stride)
    small = -small if frame.inverted else small
    low, high = np.percentile(small, [2, 98])
    return np.clip((small - low) / max(high - low, 1e-9), 0, 1), step


def _values(samples: NDArray[Any], frame: Frame) -> Picture:
    """Sample values without what lies above bits stored."""
    lowest = -(1 << frame.bits_stored - 1) if frame.signed else 0
    return ((samples.astype(np.int64) - lowest) & ((1 << frame.bits_stored) - 1)).astype(np.float64)


def _block_means(picture: Picture, size: int) -> Picture:
    """Means of whole blocks; what does not fill a block at the far edges is left out."""
    rows, columns = picture.shape[0] // size, picture.shape[1] // size
    means: Picture = picture[: rows * size, : columns * size].reshape(rows, size, columns, size).mean(axis=(1, 3))
    return means


def _halved(picture: Picture) -> Picture:
    return _block_means(picture, 2)


def _blurred(picture: Picture, reach: int) -> Picture:
    """Means over squares of ``2 * reach + 1`` pixels; the picture's border goes on beyond it."""
    for axis in (0, 1):
        widths = [(reach + 1, reach) if a == axis else (0, 0) for a in (0, 1)]
        sums = np.pad(picture, widths, mode="edge").cumsum(axis=axis)
        length = picture.shape[axis]
        across = 2 * reach + 1
        picture = (sums.take(range(across, across + length), axis) - sums.take(range(length), axis)) / across
    return picture


def _evened(picture: Picture) -> Picture:
    """Local mean 0 and about the same local contrast everywhere."""
    reach = round(0.2 * max(picture.shape))
    apart = picture - _blurred(_blurred(picture, reach), reach)
    return apart / np.sqrt(_blurred(_blurred(apart * apart, reach), reach) + 0.01)


def _heart(across: Picture, down: Picture) -> Picture:
    """How much heart there is in front, 0 to 1, at places in the box: more of it on the patient's left."""
    reach = np.where(across < 0.555, 0.20, 0.27)
    return np.clip(1.6 - 1.6 * (((across - 0.555) / reach) ** 2 + ((down - 0.72) / 0.27) ** 2), 0, 1)


def _lungs(shape: tuple[int, int], fit: _Fit) -> tuple[Picture, Picture, Picture, Picture]:
    """Right lung and left lung (0 to 1 with a soft border), and each pixel's place across and down the box."""
    columns = np.arange(shape[1])[np.newaxis] + 0.5
    rows = np.arange(shape[0])[:, np.newaxis] + 0.5
    down = rows - fit.tilt * (columns - (fit.first + fit.last) / 2)
    across = (columns + fit.tilt * (rows - (fit.top + fit.bottom) / 2) - fit.first) / fit.width
    lungs = []
    for bottom, lateral, medial in ((fit.bottom_right, 1, 2), (fit.bottom_left, 3, 4)):
        height = bottom - fit.top
        share = (down - fit.top) / height
        start, stop = (np.interp(share, _SHAPE[:, 0], _SHAPE[:, border]) for border in (lateral, medial))
        sideways = np.clip(np.minimum(across - start, stop - across) * fit.width + 0.5, 0, 1)
        upright = np.clip(np.minimum(share, 1 - share) * height + 0.5, 0, 1)
        lungs.append(sideways * upright)
    return lungs[0], lungs[1], across, (down - fit.top) / fit.height


def _dark(lungs: Picture, across: Picture, down: Picture) -> Picture:
    """How dark the film should be: the lungs, less so behind the heart."""
    return lungs * (1 - 0.8 * _heart(across, down))


def _placed(even: Picture) -> tuple[_Fit, float]:
    """The best place and size of the upright box, and by how much it beats the best one on the film's negative.

    The score is correlation times a power of the area, so that small boxes do not win.
    """
    rows, columns = even.shape
    padded = tuple(1 << int(np.ceil(np.log2(1.3 * side))) for side in even.shape)

    def transform(picture: Picture) -> NDArray[np.complex128]:
        return np.fft.rfft2(picture, padded)

    film, squares, inside = transform(even), transform(even * even), transform(np.ones_like(even))
    best, negative, found = -np.inf, -np.inf, _Fit(0, rows, rows, 0, columns)
    for width in {round(share * columns) for share in np.linspace(0.5, 1.0, 9)}:
        for height in {round(share * rows) for share in np.linspace(0.4, 0.96, 10)}:
            if not 0.6 < height / width < 1.6:
                continue
            above, below, beside = max(1, round(0.06 * height)), max(2, round(0.12 * height)), max(1, round(0.08 * width))
            box = _Fit(above, above + height, above + height, beside, beside + width)
            right, left, across, down = _lungs((above + height + below, width + 2 * beside), box)
            shape = _dark(right + left, across, down)
            window, dark, dark_squares = (transform(p).conj() for p in (np.ones_like(shape), shape, shape * shape))
            count = np.maximum(np.fft.irfft2(inside * window, padded), 1)
            mean, mean_square, product, dark_mean, dark_square = (
                np.fft.irfft2(spectrum, padded) / count
                for spectrum in (film * window, squares * window, film * dark, inside * dark, inside * dark_squares)
            )
            spread = np.maximum(mean_square - mean**2, 1e-5) * np.maximum(dark_square - dark_mean**2, 1e-4)
            score = (mean * dark_mean - product) / np.sqrt(spread) * (height * width / even.size) ** 0.3
            # Shifts wrap around: the last few rows and columns stand for windows that begin outside the film.
            top, first = (_shifts(side, beyond) for side, beyond in zip(padded, (above, beside), strict=True))
            top, first = top + above, first + beside
            allowed = ((top >= -1) & (top + height <= rows + 1))[:, np.newaxis] & (
                (first >= -1) & (first + width <= columns + 1)
            )
            negative = max(negative, -float(score.min(where=allowed, initial=np.inf)))
            score[~allowed] = -np.inf
            row, column = np.unravel_index(int(score.argmax()), score.shape)
            if score[row, column] > best:
                best = float(score[row, column])
                y, x = float(top[row]), float(first[column])
                found = _Fit(y, y + height, y + height, x, x + width)
    return found, best - negative


def _shifts(side: int, beyond: int) -> NDArray[np.int64]:
    """What each index of a circular correlation of length ``side`` means as a shift, where some go below zero."""
    index = np.arange(side)
    return np.where(index >= side - beyond - 2, index - side, index)


def _window(across: Picture, down: Picture) -> Mask:
    """The box and a little around it: chest wall, apices, and more below the diaphragm."""
    near: Mask = (across > -0.06) & (across < 1.06) & (down > -0.05) & (down < 1.10)
    return near


def _agreement(even: NDArray[np.float64], dark: NDArray[np.float64]) -> float:
    """Correlation of darkness with the shape, from -1 to 1; -1 where there is too little to compare."""
    if even.size < 50:
        return -1.0
    even, dark = even - even.mean(), dark - dark.mean()
    return -float(even @ dark) / float(np.sqrt((even @ even) * (dark @ dark) + 1e-9))


def _worth(even: Picture, fit: _Fit, origin: _Fit) -> float:
    """What refinement makes grow: correlation, contrast across the border, and a price for leaving a plain chest's shape."""
    if not 0.55 < fit.height / fit.width < 1.7 or fit.width <= 0:
        return -np.inf
    right, left, across, down = _lungs(_shape(even), fit)
    lungs, near = right + left, _window(across, down)
    dark = _dark(lungs, across, down)
    agreement: float = _agreement(even[near], dark[near]) * (fit.height * fit.width / even.size) ** 0.4
    change = _blurred(lungs, max(1, round(0.035 * fit.width))) - lungs
    outer = np.maximum(change, 0) * near
    inner = np.maximum(-change, 0) * (near & (dark >= 0.6 * lungs))
    if not outer.any() or not inner.any():
        return -np.inf
    contrast = float((outer * even).sum() / outer.sum() - (inner * even).sum() / inner.sum())
    price = ((fit.bottom_right - fit.bottom_left) / origin.height / 0.10) ** 2 + (fit.tilt / 0.10) ** 2
    return agreement + 0.6 * contrast - 0.02 * price


def _refined(even: Picture, origin: _Fit) -> _Fit:
    """The fit after every border was moved for as long as that made it better, in smaller and smaller steps."""
    fit, worth = origin, _worth(even, origin, origin)
    moves: tuple[tuple[tuple[str, ...], float], ...] = (
        (("top",), origin.height),
        (("bottom_right", "bottom_left"), origin.height),
        (("first",), origin.width),
        (("last",), origin.width),
        (("top", "bottom_right", "bottom_left"), origin.height),
        (("first", "last"), origin.width),
        (("tilt",), 1.5),
        (("bottom_right",), origin.height),
        (("bottom_left",), origin.height),
    )
    for step in (0.05, 0.03, 0.015):
        for names, length in moves:
            for way in (1, -1):
                tried, better = 0, True
                while better and tried < 3:
                    candidate = fit.moved(names, way * step * length)
                    candidate_worth = _worth(even, candidate, origin)
                    better, tried = candidate_worth > worth + 1e-5, tried + 1
                    if better:
                        fit, worth = candidate, candidate_worth
                if tried > 1:
                    break
    return fit


def _belief(dense: Picture, even: Picture, fit: _Fit) -> dict[str, float]:
    """How far each of ``_LIMITS`` is passed: 0 is just not, 1 like a good film. Parts outside the film are left out."""
    right, left, across, down = _lungs(_shape(even), fit)
    shape, near = _dark(right + left, across, down), _window(across, down)
    parts = {
        "film": near,
        "right side": near & (across < 0.5),
        "left side": near & (across >= 0.5),
        "upper part": near & (down < 0.4),
        "middle part": near & (down >= 0.4) & (down < 0.8),
        "lower part": near & (down >= 0.6),
    }
    seen = {name: _agreement(even[part], shape[part]) for name, part in parts.items()}
    clear = _heart(across, down) <= 0.3
    in_right, in_left = (right > 0.9) & clear, (left > 0.9) & clear
    spine = (across > 0.45) & (across < 0.54) & (down > 0.1) & (down < 0.9)
    abdomen = (across > 0.1) & (across < 0.9) & (down > 1.0) & (down < 1.12)
    liver = (across > 0.15) & (across < 0.5) & (down > 0.93) & (down < 1.1)
    seen["space beside the right lung"] = _brighter(dense, spine, in_right)
    seen["space beside the left lung"] = _brighter(dense, spine, in_left)
    seen["space below the lungs"] = _brighter(dense, abdomen | liver, (in_right | in_left) & (down > 0.5))
    return {
        name: (seen[name] - least) / (sure - least) for name, (least, sure) in _LIMITS.items() if not np.isnan(seen[name])
    }


def _brighter(dense: Picture, one: Mask, other: Mask) -> float:
    """How much brighter the one is, in standard deviations of the film; not a number where one of them is hardly seen."""
    if min(one.sum(), other.sum()) <= 3:
        return float("nan")
    return float(np.median(dense[one]) - np.median(dense[other])) / float(dense.std())


def _shape(picture: Picture) -> tuple[int, int]:
    return picture.shape[0], picture.shape[1]


def _drawn(fit: _Fit, *, rows: int, columns: int) -> dict[RegionKind, Mask]:
    """The masks of a fit that is in pixels of the film.

    Correlation likes the darkest part best: the border that people draw lies a little further out, by what was measured.
    """
    out = replace(
        fit, top=fit.top - 0.015 * fit.height, first=fit.first - 0.018 * fit.width, last=fit.last + 0.024 * fit.width
    )
    step = -(-max(rows, columns) // _DRAWN)
    shape = (-(-rows // step), -(-columns // step))
    right, left, across, down = _lungs(shape, out.scaled(1 / step))
    drawn = {
        RegionKind.HEART: _zone(across, down, margin=_MARGIN),
        RegionKind.LUNG_RIGHT: right > 0.5,
        RegionKind.LUNG_LEFT: left > 0.5,
    }
    return {kind: mask.repeat(step, axis=0)[:rows].repeat(step, axis=1)[:, :columns] for kind, mask in drawn.items()}


def _zone(across: Picture, down: Picture, *, margin: float) -> Mask:
    """The heart zone: between the lungs over the lower three fifths of their height, further out on the patient's left.

    ``margin`` is a share of the chest's width, added all around.
    """
    reach = np.where(across < 0.5, 0.16, 0.30) + margin
    zone: Mask = np.abs((across - 0.5) / reach) ** 2.5 + np.abs((down - 0.68) / (0.29 + margin)) ** 2.5 < 1
    return zone
