"""Films as other hospitals would have made them: turned, tinted, collimated, with tubes and letters, or no chest at all.

Everything is drawn from one seeded generator. A picture comes out as the model's caller prepares it (``leadglass.anatomy``).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from films import Bytes, Film
from numpy.typing import NDArray

from leadglass.anatomy.prepare import SIDE, even

UPRIGHT, MIRRORED, OTHER = 0, 4, 8
STRANGE = 0.11
"""Share of pictures that are no whole frontal chest."""
WHOLE = 0.75
"""A film that shows less than this of its lungs is not a whole chest; between here and ``NEARLY`` it is not used."""
NEARLY = 0.92

Picture = NDArray[np.float32]
Random = np.random.Generator


@dataclass(frozen=True, eq=False)
class Example:
    """Picture (192, 192), 0 to 1; bit field of the same shape; weight of each channel; pose, 0 to 8."""

    picture: Picture
    bits: Bytes
    weights: NDArray[np.float32]
    pose: int


NOTHING = np.zeros((SIDE, SIDE), np.uint8)
UNSEEN = np.zeros(4, np.float32)


def example(films: list[Film], film: Film, random: Random, *, turned: float, mirrored: float) -> Example:
    """One example from ``film``; what is no chest may borrow from other ``films``.

    A film is turned or mirrored with the chance ``turned``, and of these so many are ``mirrored`` and not turned. A film
    without outlines has nothing else to teach: every second one is.
    """
    kind, strangers = random.random(), STRANGE if film.weights.any() else 0.0
    if kind < strangers:
        return strange(films, film, random)
    picture, bits = placed(film, random)
    if random.random() < 0.3:
        picture = tubes(picture, random)
    pose = UPRIGHT
    if kind < strangers + (turned if strangers else 0.5):
        pose = MIRRORED if random.random() < mirrored else int(random.integers(1, 8))
        picture = posed(picture, pose)
    picture = finished(picture, random)
    if pose == UPRIGHT:
        return Example(picture, bits, film.weights, pose)
    return Example(picture, NOTHING, UNSEEN, pose)


def posed(picture: Picture, pose: int) -> Picture:
    """The picture mirrored first, where its pose says so, then turned."""
    turned = picture[:, ::-1] if pose >= MIRRORED else picture
    return np.ascontiguousarray(np.rot90(turned, pose % 4))


def placed(film: Film, random: Random) -> tuple[Picture, Bytes]:
    """The film in the square under a random affine map, tones 0 to 1, and its bit field."""
    rows, columns = film.picture.shape
    angle = math.radians(random.normal(0, 6) if random.random() > 0.07 else random.uniform(-30, 30))
    scale = SIDE / max(rows, columns) * math.exp(random.normal(0, 0.12))
    turn = np.array([[math.cos(angle), -math.sin(angle)], [math.sin(angle), math.cos(angle)]])
    shear = np.eye(2) + np.array([[random.normal(0, 0.05), random.normal(0, 0.05)], [random.normal(0, 0.05), 0]])
    matrix = turn @ shear * scale
    shift = SIDE / 2 - matrix @ (columns / 2, rows / 2) + random.normal(0, 0.05 * SIDE, 2)
    affine = np.column_stack([matrix, shift])
    fill = random.random()
    border = cv2.BORDER_REPLICATE if fill < 0.15 else cv2.BORDER_CONSTANT
    grey = float(film.picture.mean()) if fill < 0.7 else 0.0 if fill < 0.9 else float(random.integers(256))
    picture: Any = cv2.warpAffine(
        film.picture, affine, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=border, borderValue=grey
    )
    bits: Any = cv2.warpAffine(film.bits, affine, (SIDE, SIDE), flags=cv2.INTER_NEAREST)
    return picture.astype(np.float32) / 255, bits


def finished(picture: Picture, random: Random) -> Picture:
    """Tone, sharpness, noise, collimation, letters; then as the model's caller prepares it."""
    picture = toned(picture, random)
    if random.random() < 0.3:
        picture = softened(picture, random)
    if random.random() < 0.3:
        picture = picture + random.normal(0, random.uniform(0.01, 0.08), picture.shape).astype(np.float32)
    if random.random() < 0.15:
        picture = erased(picture, random)
    if random.random() < 0.2:
        picture = collimated(picture, random)
    if random.random() < 0.3:
        picture = lettered(picture, random)
    if random.random() < 0.12:
        picture = 1 - picture
    return even(picture)


def toned(picture: Picture, random: Random) -> Picture:
    """Another exposure and look-up table: gamma, an S-shaped curve, local contrast, a slope across the film."""
    picture = np.clip(picture, 0, 1) ** np.float32(math.exp(random.normal(0, 0.35)))
    if random.random() < 0.25:
        steep = random.uniform(3, 9)
        picture = 1 / (1 + np.exp(-steep * (picture - np.float32(random.uniform(0.35, 0.65)))))
    if random.random() < 0.2:
        clahe = cv2.createCLAHE(random.uniform(1, 4), (int(random.integers(2, 8)),) * 2)
        local: Any = clahe.apply((picture * 255).astype(np.uint8))
        picture = local.astype(np.float32) / 255
    if random.random() < 0.4:
        low, high = random.uniform(-0.05, 0.2), random.uniform(0.75, 1.05)
        picture = np.clip((picture - low) / (high - low), 0, 1)
    if random.random() < 0.3:
        across = np.linspace(-0.5, 0.5, SIDE, dtype=np.float32)
        slope = random.normal(0, 0.25, 2).astype(np.float32)
        picture = picture + slope[0] * across[None] + slope[1] * across[:, None]
    return picture.astype(np.float32)


def softened(picture: Picture, random: Random) -> Picture:
    """Blurred, taken at fewer pixels, or sharpened."""
    kind = random.random()
    if kind < 0.4:
        return np.asarray(cv2.GaussianBlur(picture, (0, 0), random.uniform(0.5, 2.0)), np.float32)
    if kind < 0.7:
        fewer = int(random.integers(56, 150))
        small = cv2.resize(picture, (fewer, fewer), interpolation=cv2.INTER_AREA)
        return np.asarray(cv2.resize(small, (SIDE, SIDE), interpolation=cv2.INTER_LINEAR), np.float32)
    soft = np.asarray(cv2.GaussianBlur(picture, (0, 0), random.uniform(1, 6)), np.float32)
    return picture + np.float32(random.uniform(0.3, 1.5)) * (picture - soft)


def erased(picture: Picture, random: Random) -> Picture:
    """A block of one grey: a device, a shield, or what a veil left."""
    picture = picture.copy()
    height, width = random.integers(12, 60, 2)
    top, left = random.integers(0, SIDE - height), random.integers(0, SIDE - width)
    picture[top : top + height, left : left + width] = random.random()
    return picture


def collimated(picture: Picture, random: Random) -> Picture:
    """Bars along the sides, black, white or grey, sometimes askew."""
    top, bottom, left, right = (int(abs(random.normal(0, 0.07)) * SIDE) if random.random() < 0.7 else 0 for _ in range(4))
    corners = np.array([(left, top), (SIDE - right, top), (SIDE - right, SIDE - bottom), (left, SIDE - bottom)], np.float32)
    corners += random.normal(0, 2, (4, 2)).astype(np.float32)
    inside = np.zeros((SIDE, SIDE), np.uint8)
    cv2.fillConvexPoly(inside, corners.astype(np.int32), 1)
    grey = np.float32(random.choice([0.0, 1.0, random.random()]))
    return np.where(inside > 0, picture, grey)


def tubes(picture: Picture, random: Random) -> Picture:
    """Bright Bezier curves with a darker core, as lines, tubes and leads."""
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(int(random.integers(1, 4))):
        points = random.uniform(-0.1, 1.1, (4, 2)) * SIDE
        along = np.linspace(0, 1, 40)[:, None]
        curve = (
            (1 - along) ** 3 * points[0]
            + 3 * along * (1 - along) ** 2 * points[1]
            + 3 * along**2 * (1 - along) * points[2]
            + along**3 * points[3]
        )
        cv2.polylines(drawn, [curve.astype(np.int32)], False, int(random.integers(60, 200)), int(random.integers(1, 4)))
    return np.clip(picture + drawn.astype(np.float32) / 255 * np.float32(random.uniform(0.3, 1.2)), 0, 1.2)


def lettered(picture: Picture, random: Random) -> Picture:
    """Letters, or a filled box, somewhere."""
    drawn = np.zeros((SIDE, SIDE), np.uint8)
    for _ in range(int(random.integers(1, 4))):
        at = (int(random.integers(0, SIDE - 20)), int(random.integers(10, SIDE)))
        if random.random() < 0.75:
            letters = "".join(random.choice(list("RLAPSUPINE0123456789 :/"), int(random.integers(1, 12))))
            cv2.putText(
                drawn, letters, at, cv2.FONT_HERSHEY_SIMPLEX, random.uniform(0.25, 0.8), 255, int(random.integers(1, 3))
            )
        else:
            far = (at[0] + int(random.integers(6, 60)), at[1] - int(random.integers(4, 20)))
            cv2.rectangle(drawn, at, far, 255, -1)
    return np.where(drawn > 127, np.float32(random.choice([0.0, 1.0, 1.2])), picture)


def strange(films: list[Film], film: Film, random: Random) -> Example:
    """What is no whole frontal chest: part of a film, films in pieces, textures, scenes, pages."""
    kind = random.random()
    if kind < 0.45:
        part = cut(film, random)
        picture, _ = placed(part, random)
        shown = float((part.bits & 3 > 0).sum()) / max(1.0, float((film.bits & 3 > 0).sum()))
        if shown > NEARLY:
            picture = tiled([part.picture], random)
        elif shown > WHOLE:
            picture = scene(random)
    elif kind < 0.6:
        picture = tiled([film.picture, films[int(random.integers(len(films)))].picture], random)
    elif kind < 0.75:
        picture = cloud(random)
    else:
        picture = scene(random)
    picture = posed(picture, int(random.integers(8)))
    return Example(finished(picture.astype(np.float32), random), NOTHING, UNSEEN, OTHER)


def cut(film: Film, random: Random) -> Film:
    """A half, a quarter or a window of a film."""
    rows, columns = film.picture.shape
    kind, share = random.random(), random.uniform(0.35, 0.6)
    top, bottom, left, right = 0.0, 1.0, 0.0, 1.0
    if kind < 0.7:
        side = int(random.integers(4))
        top, bottom = (0, share) if side == 0 else (1 - share, 1) if side == 1 else (top, bottom)
        left, right = (0, share) if side == 2 else (1 - share, 1) if side == 3 else (left, right)
    else:
        top, left = random.uniform(0, 1 - share, 2)
        bottom, right = top + share, left + share
    window = (slice(int(top * rows), int(bottom * rows)), slice(int(left * columns), int(right * columns)))
    return Film(film.path, film.source, film.view, film.adult, film.picture[window], film.bits[window], film.weights)


def tiled(pictures: list[Bytes], random: Random) -> Picture:
    """Pieces of films in another order."""
    count = int(random.integers(2, 5))
    edge = -(-SIDE // count)
    whole = np.zeros((edge * count, edge * count), np.uint8)
    squares = [cv2.resize(each, (edge * count, edge * count), interpolation=cv2.INTER_AREA) for each in pictures]
    order = random.permutation(count * count)
    for place, piece in enumerate(order):
        source = np.asarray(squares[int(random.integers(len(squares)))])
        row, column = divmod(int(piece), count)
        tile = source[row * edge : (row + 1) * edge, column * edge : (column + 1) * edge]
        row, column = divmod(place, count)
        whole[row * edge : (row + 1) * edge, column * edge : (column + 1) * edge] = tile
    return whole[:SIDE, :SIDE].astype(np.float32) / 255


def cloud(random: Random) -> Picture:
    """Noise whose power falls with frequency, from white to smooth."""
    spectrum = np.fft.rfft2(random.normal(size=(SIDE, SIDE)))
    across, down = np.fft.rfftfreq(SIDE)[None], np.fft.fftfreq(SIDE)[:, None]
    falling = np.maximum(np.hypot(across, down), 1 / SIDE) ** random.uniform(0, 2.5)
    noise = np.fft.irfft2(spectrum / falling, (SIDE, SIDE))
    low, high = np.percentile(noise, (1, 99))
    return np.clip((noise - low) / (high - low), 0, 1).astype(np.float32)


def scene(random: Random) -> Picture:
    """A photograph's stand-in: shaded shapes before a background, or a bone-like bar, or a page of letters."""
    picture = cloud(random) * random.uniform(0, 0.5) + random.uniform(0, 0.5)
    for _ in range(int(random.integers(1, 14))):
        shape = np.zeros((SIDE, SIDE), np.uint8)
        kind = random.random()
        centre = tuple(int(v) for v in random.integers(0, SIDE, 2))
        if kind < 0.4:
            axes = tuple(int(v) for v in random.integers(4, 90, 2))
            cv2.ellipse(shape, centre, axes, random.uniform(0, 180), 0, 360, 255, -1)
        elif kind < 0.7:
            cv2.fillPoly(shape, [random.integers(0, SIDE, (int(random.integers(3, 7)), 2)).astype(np.int32)], 255)
        elif kind < 0.9:
            far = tuple(int(v) for v in random.integers(0, SIDE, 2))
            cv2.line(shape, centre, far, 255, int(random.integers(1, 40)))
        else:
            for row in range(14, SIDE, int(random.integers(9, 20))):
                cv2.putText(shape, "lorem ipsum 0123456 dolor", (4, row), cv2.FONT_HERSHEY_SIMPLEX, 0.35, 255, 1)
        soft: Any = cv2.GaussianBlur(shape, (0, 0), random.uniform(0.3, 6))
        alpha = soft.astype(np.float32) / 255 * random.uniform(0.3, 1)
        picture = picture * (1 - alpha) + alpha * (random.random() + random.uniform(0, 0.3) * (cloud(random) - 0.5))
    return np.asarray(picture, np.float32)
