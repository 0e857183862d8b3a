"""What happens to a copy before it is found: the attack set that judges tracing.

``ATTACKS[name](films, seed=..., others=...)`` makes the picture that is found out of the marked films that leaked (one, or
as many as the attack says) and of other films, which collages show beside it. A film is float32, rows x columns, 0 black to
1 white as displayed, at the depth in which it was released; a found picture is uint8 (grey or RGB), or uint16 where the file
itself was passed on. Attacks are pure: the same arguments make the same picture.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

import cv2
import numpy as np
from captures import (
    DIM,
    FAR,
    OBLIQUE,
    STRAIGHT,
    Phone,
    Picture,
    Random,
    as_picture,
    encoded,
    fitted,
    messenger,
    of_light_box,
    of_monitor,
    printed,
    resized,
    scanned,
    smooth,
)
from numpy.typing import NDArray

Film = NDArray[np.float32]


class Category(StrEnum):
    EVERYDAY = "everyday"
    """What people do to a picture without a thought of any mark."""
    CHAIN = "photo-chain"
    """Photographs, prints, messengers, several of them in turn."""
    REMOVAL = "removal"
    """Meant to take the mark away, or strong enough to be."""
    COLLUSION = "collusion"
    """Several recipients put their copies together."""
    NEARLY_GONE = "nearly-gone"
    """So little is left that a number is an honest answer, and a name a gift."""


@dataclass(frozen=True)
class Leak:
    """The marked films that leaked, and other films at hand."""

    films: tuple[Film, ...]
    others: tuple[Film, ...]
    random: Random

    @property
    def film(self) -> Film:
        return self.films[0]

    @property
    def grey(self) -> Picture:
        """The first film in its default window, 8 bit."""
        return grey(self.film)


Change = Callable[[Leak], NDArray[Any]]


@dataclass(frozen=True)
class Attack:
    """One kind of change: how many copies it takes, and whether they show the lungs alone."""

    category: Category
    change: Change
    copies: int = 1
    veiled: bool = False

    def __call__(self, films: Sequence[Film], *, seed: int, others: Sequence[Film] = ()) -> NDArray[Any]:
        """The picture that is found.

        Raises:
            ValueError: there are fewer films than the attack takes, or two differ in shape.
        """
        if len(films) < self.copies or len({film.shape for film in films}) != 1:
            raise ValueError(f"{self.copies} films of one shape are needed, not {[film.shape for film in films]}")
        leak = Leak(tuple(films[: self.copies]), tuple(others), np.random.default_rng(seed))
        return np.ascontiguousarray(self.change(leak))


def seed_of(*parts: object) -> int:
    """A seed that follows from names, the same in every process."""
    return zlib.crc32("|".join(map(str, parts)).encode())


def grey(film: Film) -> Picture:
    """A film as 8-bit picture."""
    return as_picture(film * 255)


def luma(picture: NDArray[Any]) -> NDArray[Any]:
    """A found picture in grey, as a reader hands it on."""
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY)) if picture.ndim == 3 else picture


# --- tone -------------------------------------------------------------------------------------------------------------


def windowed(film: Film, centre: float, width: float) -> Picture:
    return as_picture(255 * np.clip((film - (centre - width / 2)) / width, 0, 1))


def sigmoid(film: Film, slope: float = 6.0) -> Picture:
    return as_picture(255 / (1 + np.exp(-slope * (film - 0.5))))


def clahe(picture: Picture, clip: float, tiles: int = 8) -> Picture:
    return as_picture(cv2.createCLAHE(clipLimit=clip, tileGridSize=(tiles, tiles)).apply(picture))


def coloured(picture: Picture, scheme: int) -> Picture:
    return as_picture(cv2.cvtColor(cv2.applyColorMap(picture, scheme), cv2.COLOR_BGR2RGB))


def posterised(picture: Picture, bits: int) -> Picture:
    steps = 2**bits - 1
    return as_picture(np.rint(picture / 255 * steps) * (255 / steps))


def dithered(picture: Picture) -> Picture:
    """One bit a pixel by an ordered 8 x 8 screen (Bayer 1973)."""
    order = np.array([[0]])
    for _ in range(3):
        order = np.block([[4 * order, 4 * order + 2], [4 * order + 3, 4 * order + 1]])
    rows, columns = picture.shape
    screen = np.tile((order + 0.5) * 4, (rows // 8 + 1, columns // 8 + 1))[:rows, :columns]
    return as_picture(np.where(picture > screen, 255, 0))


# --- geometry ---------------------------------------------------------------------------------------------------------


def cropped(picture: Picture, share: float, random: Random) -> Picture:
    """A window of ``share`` of the area, somewhere in the film but not at its very edge."""
    rows, columns = picture.shape[:2]
    side = share**0.5
    tall, wide = round(rows * side), round(columns * side)
    top = round((rows - tall) * random.uniform(0.25, 0.75))
    left = round((columns - wide) * random.uniform(0.25, 0.75))
    return picture[top : top + tall, left : left + wide]


def turned(picture: Picture, degrees: float, *, keep: bool = True) -> Picture:
    """Turned about its middle on a black ground; ``keep`` makes room for the corners."""
    rows, columns = picture.shape[:2]
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 1.0)
    tall, wide = rows, columns
    if keep:
        c, s = abs(turn[0, 0]), abs(turn[0, 1])
        tall, wide = round(rows * c + columns * s), round(rows * s + columns * c)
        turn[:, 2] += ((wide - columns) / 2, (tall - rows) / 2)
    return as_picture(cv2.warpAffine(picture, turn, (wide, tall), flags=cv2.INTER_CUBIC))


def in_perspective(picture: Picture, random: Random, most: float = 0.08) -> Picture:
    rows, columns = picture.shape[:2]
    corners = np.array([[0, 0], [columns, 0], [columns, rows], [0, rows]], np.float32)
    moved = corners + random.uniform(0, most, (4, 2)) * np.array([[1, 1], [-1, 1], [-1, -1], [1, -1]]) * max(rows, columns)
    matrix = cv2.getPerspectiveTransform(corners, moved.astype(np.float32))
    return as_picture(cv2.warpPerspective(picture, matrix, (columns, rows), flags=cv2.INTER_CUBIC))


def bent(picture: Picture, down: NDArray[Any], across: NDArray[Any]) -> Picture:
    """Every pixel fetched from a place so many pixels further."""
    rows, columns = picture.shape[:2]
    y, x = np.mgrid[:rows, :columns].astype(np.float32)
    x, y = (x + across).astype(np.float32), (y + down).astype(np.float32)
    return as_picture(cv2.remap(picture, x, y, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT))


def bent_smoothly(picture: Picture, random: Random, share: float, cells: int = 5) -> Picture:
    """Bent by up to about ``share`` of the longer side, some ``cells`` bumps along it."""
    rows, columns = picture.shape[:2]
    fields = [smooth(random, rows, columns, cells) for _ in range(2)]
    down, across = (field * (share * max(rows, columns) / np.abs(field).max()) for field in fields)
    return bent(picture, down, across)


def waved(picture: Picture, share: float = 0.0015, waves: int = 12) -> Picture:
    rows, columns = picture.shape[:2]
    reach, turn = share * max(rows, columns), 2 * np.pi * waves / max(rows, columns)
    y, x = np.arange(rows)[:, None], np.arange(columns)[None, :]
    return bent(picture, reach * np.sin(turn * x + 0.3), reach * np.sin(turn * y))


def stirred(picture: Picture, random: Random) -> Picture:
    """A little perspective, bending and jitter all at once, then JPEG, as StirMark does (Petitcolas et al. 1998)."""
    rows, columns = picture.shape[:2]
    tilted = in_perspective(picture, random, 0.012)
    fine = [0.0008 * max(rows, columns) * smooth(random, rows, columns, 40) for _ in range(2)]
    return encoded(bent_smoothly(bent(tilted, *fine), random, 0.006, 4), 80)


def jittered(picture: Picture, random: Random) -> Picture:
    """Every row pushed sideways by up to two pixels, on its own."""
    rows, columns = picture.shape
    across = random.uniform(-2, 2, (rows, 1)) * max(rows, columns) / 2000
    return bent(picture, np.zeros((rows, 1)), np.broadcast_to(across, (rows, columns)))


# --- drawn on, covered, shown among others ----------------------------------------------------------------------------


def drawn_on(picture: Picture, random: Random, marks: int = 8) -> Picture:
    """Arrows, circles and words, as a teacher draws them."""
    canvas = picture.copy()
    rows, columns = canvas.shape[:2]
    thick = max(2, max(rows, columns) // 350)
    for number in range(marks):
        x, y = (int(v) for v in random.uniform(0.1, 0.9, 2) * (columns, rows))
        size = int(max(rows, columns) * random.uniform(0.03, 0.1))
        ink = int(random.choice([0, 255]))
        if number % 3 == 0:
            cv2.arrowedLine(canvas, (x, y), (x + size, y - size), ink, thick, tipLength=0.3)
        elif number % 3 == 1:
            cv2.ellipse(canvas, (x, y), (size, size * 2 // 3), 20, 0, 360, ink, thick)
        else:
            cv2.putText(canvas, f"node {number}?", (x, y), cv2.FONT_HERSHEY_SIMPLEX, thick / 2.5, ink, thick)
    return canvas


def boxed(picture: Picture, random: Random, *, boxes: int = 6, most: float = 0.25, mosaic: bool = False) -> Picture:
    """Parts covered, black or in a mosaic of their own greys."""
    canvas = picture.copy()
    rows, columns = canvas.shape
    for _ in range(boxes):
        tall, wide = (int(v) for v in random.uniform(0.08, most, 2) * (rows, columns))
        top, left = int(random.uniform(0, rows - tall)), int(random.uniform(0, columns - wide))
        part = canvas[top : top + tall, left : left + wide]
        if mosaic:
            tile = max(rows, columns) // 45
            small = cv2.resize(part, (max(wide // tile, 1), max(tall // tile, 1)), interpolation=cv2.INTER_AREA)
            part[...] = cv2.resize(small, (wide, tall), interpolation=cv2.INTER_NEAREST)
        else:
            part[...] = 0
    return canvas


def collage(leak: Leak, count: int) -> Picture:
    """The film in one place of a sheet of ``count`` films, the others are of other people."""
    longer = 1100
    films = [grey(film) for film in leak.others[: count - 1]]
    films += [as_picture(128 + 40 * smooth(leak.random, 900, 800, 9)) for _ in range(count - 1 - len(films))]
    films.insert(int(leak.random.integers(count)), leak.grey)
    wide = 2
    sheet = np.full((-(-count // wide) * (longer + 20), wide * (longer + 20)), 20, np.uint8)
    for place, film in enumerate(films):
        small = fitted(film, longer)
        top, left = (place // wide) * (longer + 20) + 10, (place % wide) * (longer + 20) + 10
        sheet[top : top + small.shape[0], left : left + small.shape[1]] = small
    return sheet


def workstation(leak: Leak, *, height: int = 1440, viewports: int = 1) -> Picture:
    """A screenshot of a viewer (RGB): tool bar, list of series, words in the corners, other films beside it."""
    width = height * 16 // 9
    screen = np.full((height, width, 3), 45, np.uint8)
    screen[:60] = (70, 75, 85)
    for button in range(24):
        cv2.rectangle(screen, (20 + 52 * button, 12), (58 + 52 * button, 48), (120, 130, 140 + 3 * button), 2)
    left, top = 260, 70
    for row in range((height - 90) // 200):
        films = leak.others or (leak.film,)
        tile = fitted(grey(films[row % len(films)]), 150)
        screen[90 + 200 * row : 90 + 200 * row + tile.shape[0], 20 : 20 + tile.shape[1]] = tile[..., None]
    room = (width - left - 10) // viewports
    for port in range(viewports):
        film = leak.grey if port == 0 or not leak.others else grey(leak.others[port % len(leak.others)])
        scale = min((height - top - 10) / film.shape[0], (room - 10) / film.shape[1])
        shown = resized(film, int(film.shape[0] * scale), int(film.shape[1] * scale))
        at = left + port * room + (room - shown.shape[1]) // 2
        screen[top : top + shown.shape[0], at : at + shown.shape[1]] = shown[..., None]
        for line, words in enumerate(("CHEST PA", "Se: 1  Im: 1/1", "W 4096 L 2048")):
            place = (left + port * room + 14, top + 30 + 28 * line)
            cv2.putText(screen, words, place, cv2.FONT_HERSHEY_SIMPLEX, 0.7, (230, 230, 120), 1, cv2.LINE_AA)
    return screen


def on_page(picture: Picture) -> Picture:
    """A page of a report at 150 dots an inch, the film a figure among lines of words."""
    page = np.full((1754, 1240), 255, np.uint8)
    figure = fitted(picture, 900)
    page[300 : 300 + figure.shape[0], 170 : 170 + figure.shape[1]] = figure
    lines = [*range(80, 280, 34), *range(320 + figure.shape[0], 1700, 34)]
    for number, line in enumerate(lines):
        words = "The heart is not enlarged; no consolidation. " + "x" * (number * 7 % 12)
        cv2.putText(page, words, (110, line), cv2.FONT_HERSHEY_COMPLEX, 0.75, 20, 1, cv2.LINE_AA)
    return page


def video_call(leak: Leak) -> Picture:
    """A frame of a shared screen at 720 lines and a low rate, a speaker in the corner."""
    frame = fitted(workstation(leak, height=1080), 1280)
    frame[-190:-10, -250:-10] = as_picture(110 + 30 * smooth(leak.random, 180, 240, 4))[..., None]
    return encoded(as_picture(cv2.GaussianBlur(frame, (0, 0), 0.7)), 38)


# --- removal ----------------------------------------------------------------------------------------------------------


def sharpened(picture: Picture, amount: float, sigma: float) -> Picture:
    values = picture.astype(np.float32)
    return as_picture(values + amount * (values - cv2.GaussianBlur(values, (0, 0), sigma)))


def noisy(picture: Picture, random: Random, sigma: float) -> Picture:
    return as_picture(picture + sigma * random.standard_normal(picture.shape, dtype=np.float32))


def patch_denoised(picture: Picture, strength: float = 7.0) -> Picture:
    """Non-local means (Buades et al. 2005), at 1400 pixels."""
    return as_picture(cv2.fastNlMeansDenoising(fitted(picture, min(1400, max(picture.shape))), None, strength, 5, 13))


def wavelet_shrunk(picture: Picture, threshold: float = 5.0, levels: int = 4) -> Picture:
    """Haar coefficients of four levels, softly set to zero (Donoho 1995)."""
    unit = 2**levels
    rows, columns = picture.shape
    padded = cv2.copyMakeBorder(picture, 0, -rows % unit, 0, -columns % unit, cv2.BORDER_REFLECT).astype(np.float32)
    return as_picture(_shrunk(padded, threshold, levels)[:rows, :columns])


def _shrunk(values: Film, threshold: float, levels: int) -> Film:
    if not levels:
        return values
    a, b, c, d = values[::2, ::2], values[::2, 1::2], values[1::2, ::2], values[1::2, 1::2]
    bands = [(a + b - c - d) / 2, (a - b + c - d) / 2, (a - b - c + d) / 2]
    across, down, both = (np.sign(band) * np.maximum(np.abs(band) - threshold, 0) for band in bands)
    mean = _shrunk((a + b + c + d) / 2, threshold, levels - 1)
    back = np.empty_like(values)
    back[::2, ::2], back[::2, 1::2] = (mean + across + down + both) / 2, (mean + across - down - both) / 2
    back[1::2, ::2], back[1::2, 1::2] = (mean - across + down - both) / 2, (mean - across - down + both) / 2
    return back


def band_stopped(picture: Picture, keep: float = 0.3, low: float = 16, high: float = 100) -> Picture:
    """Cycles per film width from ``low`` to ``high`` weakened to ``keep``: the mark's own band."""
    values = picture.astype(np.float32)
    longer = max(picture.shape)
    # A Gaussian of this width passes half the amplitude at so many cycles per film width.
    wide, narrow = (0.1874 * longer / cycles for cycles in (low, high))
    band = cv2.GaussianBlur(values, (0, 0), narrow) - cv2.GaussianBlur(values, (0, 0), wide)
    return as_picture(values - (1 - keep) * band)


def band_noisy(picture: Picture, random: Random, sigma: float = 4.0) -> Picture:
    """Noise in the mark's own band."""
    rows, columns = picture.shape
    return as_picture(picture + sigma * (smooth(random, rows, columns, 200) + smooth(random, rows, columns, 100)))


def down_up(picture: Picture, longer: int) -> Picture:
    return resized(fitted(picture, longer), *picture.shape[:2])


def residue_subtracted(picture: Picture) -> Picture:
    """What a 3 x 3 Wiener filter calls noise taken away twice over (Langelaar et al. 1998)."""
    values = picture.astype(np.float32)
    mean = cv2.blur(values, (3, 3))
    variance = np.maximum(cv2.blur(values * values, (3, 3)) - mean * mean, 0)
    noise = float(np.median(variance))
    clean = mean + np.maximum(variance - noise, 0) / np.maximum(variance, 1e-3) * (values - mean)
    return as_picture(values - 2 * (values - clean))


def gained(picture: Picture, random: Random, spread: float = 0.12) -> Picture:
    """Brightness changed from place to place."""
    rows, columns = picture.shape
    return as_picture(picture * (1 + spread * smooth(random, rows, columns, 10)))


def marked_again(leak: Leak, *, marks: int = 1) -> Picture:
    """Our own mark on top, under keys that are on no record."""
    # Only this attack needs the product, and the others shall run without it.
    from leadglass.mark import spread
    from leadglass.model.frame import Frame
    from leadglass.model.release import Strength

    frame = Frame(np.rint(leak.film * 4095).astype(np.uint16), "MONOCHROME2", 12)
    for _ in range(marks):
        frame = spread.add(frame, spread.pattern(frame, key=leak.random.bytes(32), strength=Strength.STANDARD))
    return grey(frame.samples.astype(np.float32) / 4095)


def everything(leak: Leak) -> Picture:
    """A determined person: bent, filtered, shrunk, sharpened, noise on top, JPEG."""
    picture = bent_smoothly(leak.grey, leak.random, 0.004)
    picture = fitted(as_picture(cv2.medianBlur(picture, 5)), 1100)
    return encoded(noisy(sharpened(picture, 1.0, 1.5), leak.random, 4), 60)


# --- collusion --------------------------------------------------------------------------------------------------------


def averaged(films: Sequence[Film]) -> Film:
    return np.mean(films, axis=0, dtype=np.float32)


def middle(films: Sequence[Film]) -> Film:
    return np.median(films, axis=0).astype(np.float32)


def between(films: Sequence[Film]) -> Film:
    """Half way between the smallest and the largest (Stone 1996)."""
    return (np.min(films, axis=0) + np.max(films, axis=0)) / 2


def smallest_or_largest(films: Sequence[Film], random: Random) -> Film:
    """The smallest or the largest, a coin for each pixel."""
    coin = random.random(films[0].shape) < 0.5
    return np.where(coin, np.min(films, axis=0), np.max(films, axis=0))


def patchwork(films: Sequence[Film], random: Random, tiles: int = 14) -> Film:
    """Each tile from another copy."""
    rows, columns = films[0].shape
    whose = random.integers(len(films), size=(tiles, tiles)).astype(np.uint8)
    owner = cv2.resize(whose, (columns, rows), interpolation=cv2.INTER_NEAREST)
    return np.choose(owner, films).astype(np.float32)


def extrapolated(films: Sequence[Film]) -> Film:
    """Away from the second copy, through the first."""
    return np.clip(2 * films[0] - films[1], 0, 1)


# --- the set ----------------------------------------------------------------------------------------------------------

_EVERYDAY: Mapping[str, Change] = {
    "file-12-bit": lambda leak: np.rint(leak.film * 65535).astype(np.uint16),
    "png": lambda leak: leak.grey,
    "window-wide": lambda leak: windowed(leak.film, 0.5, 1.6),
    "window-half": lambda leak: windowed(leak.film, 0.45, 0.5),
    "window-quarter": lambda leak: windowed(leak.film, 0.4, 0.25),
    "gamma-0.5": lambda leak: grey(leak.film ** np.float32(0.5)),
    "gamma-2": lambda leak: grey(leak.film ** np.float32(2)),
    "sigmoid": lambda leak: sigmoid(leak.film),
    "equalised": lambda leak: as_picture(cv2.equalizeHist(leak.grey)),
    "inverted": lambda leak: grey(1 - leak.film),
    "colours-bone": lambda leak: coloured(leak.grey, cv2.COLORMAP_BONE),
    "colours-hot": lambda leak: coloured(leak.grey, cv2.COLORMAP_HOT),
    "5-bit": lambda leak: posterised(leak.grey, 5),
    "4-bit": lambda leak: posterised(leak.grey, 4),
    "jpeg-90": lambda leak: encoded(leak.grey, 90),
    "jpeg-50": lambda leak: encoded(leak.grey, 50),
    "jpeg-25": lambda leak: encoded(leak.grey, 25),
    "jpeg-10": lambda leak: encoded(leak.grey, 10),
    "webp-80": lambda leak: encoded(leak.grey, 80, ".webp"),
    "webp-30": lambda leak: encoded(leak.grey, 30, ".webp"),
    "half-size": lambda leak: fitted(leak.grey, max(leak.film.shape) // 2),
    "side-1024": lambda leak: fitted(leak.grey, 1024),
    "side-512": lambda leak: fitted(leak.grey, 512),
    "side-256": lambda leak: fitted(leak.grey, 256),
    "side-128": lambda leak: fitted(leak.grey, 128),
    "stretched": lambda leak: resized(leak.grey, round(leak.film.shape[0] * 0.45), round(leak.film.shape[1] * 0.7)),
    "enlarged": lambda leak: fitted(leak.grey, round(max(leak.film.shape) * 1.4)),
    "crop-50": lambda leak: cropped(leak.grey, 0.5, leak.random),
    "crop-25": lambda leak: cropped(leak.grey, 0.25, leak.random),
    "crop-10": lambda leak: cropped(leak.grey, 0.1, leak.random),
    "crop-4": lambda leak: cropped(leak.grey, 0.04, leak.random),
    "turned-2": lambda leak: turned(leak.grey, 2, keep=False),
    "turned-7": lambda leak: turned(leak.grey, -7),
    "turned-15": lambda leak: turned(leak.grey, 15),
    "turned-90": lambda leak: np.rot90(leak.grey),
    "turned-180": lambda leak: np.rot90(leak.grey, 2),
    "mirrored": lambda leak: leak.grey[:, ::-1],
    "mirrored-inverted": lambda leak: 255 - leak.grey[:, ::-1],
    "perspective": lambda leak: in_perspective(leak.grey, leak.random),
    "drawn-on": lambda leak: drawn_on(leak.grey, leak.random),
    "black-boxes": lambda leak: boxed(leak.grey, leak.random),
    "mosaic-boxes": lambda leak: boxed(leak.grey, leak.random, mosaic=True),
    "much-covered": lambda leak: boxed(leak.grey, leak.random, boxes=9, most=0.4),
    "collage-2": lambda leak: collage(leak, 2),
    "collage-4": lambda leak: collage(leak, 4),
    "screenshot": workstation,
    "screenshot-of-three": lambda leak: workstation(leak, viewports=3),
    "page-of-a-report": lambda leak: encoded(on_page(leak.grey), 85),
    "slightly-blurred": lambda leak: as_picture(cv2.GaussianBlur(leak.grey, (0, 0), 1.2)),
    "unsharp": lambda leak: sharpened(leak.grey, 1.0, 2.0),
    "noise": lambda leak: noisy(leak.grey, leak.random, 4),
}

_CHAINS: Mapping[str, Change] = {
    "print-scan": lambda leak: printed(leak.grey, leak.random),
    "print-scan-coarse": lambda leak: printed(leak.grey, leak.random, pitch=5.0),
    "film-scan": lambda leak: scanned(sigmoid(leak.film, 5.0), leak.random),
    "photo-of-print": lambda leak: of_light_box(printed(leak.grey, leak.random), leak.random, Phone(glare=0.03)),
    "monitor": lambda leak: of_monitor(leak.grey, leak.random),
    "monitor-3-megapixel": lambda leak: of_monitor(leak.grey, leak.random, height=1536),
    "monitor-oblique": lambda leak: of_monitor(leak.grey, leak.random, OBLIQUE),
    "monitor-dim": lambda leak: of_monitor(leak.grey, leak.random, DIM),
    "monitor-moire": lambda leak: of_monitor(leak.grey, leak.random, Phone(grid=0.6, blur=0.6)),
    "monitor-close": lambda leak: cropped(of_monitor(leak.grey, leak.random), 0.3, leak.random),
    "monitor-messenger": lambda leak: messenger(of_monitor(leak.grey, leak.random)),
    "monitor-messenger-twice": lambda leak: messenger(of_monitor(leak.grey, leak.random, OBLIQUE), times=2),
    "monitor-window": lambda leak: of_monitor(windowed(leak.film, 0.5, 0.6), leak.random),
    "light-box": lambda leak: of_light_box(leak.grey, leak.random),
    "light-box-oblique": lambda leak: of_light_box(leak.grey, leak.random, OBLIQUE),
    "light-box-messenger": lambda leak: messenger(of_light_box(leak.grey, leak.random)),
    "messenger": lambda leak: messenger(leak.grey),
    "messenger-thrice": lambda leak: messenger(messenger(leak.grey, quality=80), longer=1080, quality=60, times=2),
    "cropped-messenger": lambda leak: messenger(fitted(cropped(leak.grey, 0.5, leak.random), 1080), quality=65, times=2),
    "screenshot-messenger": lambda leak: messenger(workstation(leak, height=1080)),
    "screenshot-again": lambda leak: messenger(
        resized(encoded(workstation(leak, height=1080), 75), 820, 1460), quality=75, longer=1460
    ),
    "video-call": video_call,
    "mirrored-turned-drawn": lambda leak: messenger(
        drawn_on(turned(leak.grey[:, ::-1].copy(), 4), leak.random), longer=1000, quality=55
    ),
    "clahe-messenger": lambda leak: messenger(clahe(leak.grey, 2), longer=1080, quality=65),
    "inverted-crop-jpeg": lambda leak: encoded(fitted(255 - cropped(leak.grey, 0.3, leak.random), 700), 40),
}

_VEILED: Mapping[str, tuple[Category, Change]] = {
    "veiled-png": (Category.EVERYDAY, lambda leak: leak.grey),
    "veiled-jpeg-50": (Category.EVERYDAY, lambda leak: encoded(leak.grey, 50)),
    "veiled-monitor": (Category.CHAIN, lambda leak: of_monitor(leak.grey, leak.random)),
    "veiled-messenger": (Category.CHAIN, lambda leak: messenger(leak.grey)),
}

_REMOVAL: Mapping[str, Change] = {
    "clahe-2": lambda leak: clahe(leak.grey, 2),
    "clahe-4": lambda leak: clahe(leak.grey, 4),
    "clahe-4-fine": lambda leak: clahe(leak.grey, 4, 16),
    "unsharp-strong": lambda leak: sharpened(leak.grey, 2.5, 3),
    "blurred": lambda leak: as_picture(cv2.GaussianBlur(leak.grey, (0, 0), 3)),
    "median-3": lambda leak: as_picture(cv2.medianBlur(leak.grey, 3)),
    "median-5": lambda leak: as_picture(cv2.medianBlur(leak.grey, 5)),
    "median-7": lambda leak: as_picture(cv2.medianBlur(leak.grey, 7)),
    "bilateral": lambda leak: as_picture(cv2.bilateralFilter(leak.grey, 9, 25, 4)),
    "non-local-means": lambda leak: patch_denoised(leak.grey),
    "wavelet-shrunk": lambda leak: wavelet_shrunk(leak.grey),
    "noise-strong": lambda leak: noisy(leak.grey, leak.random, 12),
    "band-noise": lambda leak: band_noisy(leak.grey, leak.random),
    "band-stop": lambda leak: band_stopped(leak.grey),
    "down-up": lambda leak: down_up(leak.grey, 360),
    "bent-slightly": lambda leak: bent_smoothly(leak.grey, leak.random, 0.003),
    "bent-strongly": lambda leak: bent_smoothly(leak.grey, leak.random, 0.027),
    "waved": lambda leak: waved(leak.grey),
    "stirmark": lambda leak: stirred(leak.grey, leak.random),
    "row-jitter": lambda leak: jittered(leak.grey, leak.random),
    "gain-map": lambda leak: gained(leak.grey, leak.random),
    "marked-again": marked_again,
    "marked-four-times": lambda leak: marked_again(leak, marks=4),
    "residue-subtracted": lambda leak: residue_subtracted(leak.grey),
    "bent-median-jpeg": lambda leak: encoded(
        as_picture(cv2.medianBlur(bent_smoothly(leak.grey, leak.random, 0.005), 3)), 60
    ),
    "everything": everything,
}

_COLLUSION: Mapping[str, tuple[int, Change]] = {
    "average-2": (2, lambda leak: grey(averaged(leak.films))),
    "average-4": (4, lambda leak: grey(averaged(leak.films))),
    "average-8": (8, lambda leak: grey(averaged(leak.films))),
    "median-3-copies": (3, lambda leak: grey(middle(leak.films))),
    "median-5-copies": (5, lambda leak: grey(middle(leak.films))),
    "min-max-4": (4, lambda leak: grey(between(leak.films))),
    "min-max-8": (8, lambda leak: grey(between(leak.films))),
    "min-or-max-4": (4, lambda leak: grey(smallest_or_largest(leak.films, leak.random))),
    "patchwork-4": (4, lambda leak: grey(patchwork(leak.films, leak.random))),
    "patchwork-8": (8, lambda leak: grey(patchwork(leak.films, leak.random))),
    "average-4-jpeg-50": (4, lambda leak: encoded(grey(averaged(leak.films)), 50)),
    "average-4-messenger": (4, lambda leak: messenger(grey(averaged(leak.films)))),
    "average-8-jpeg-50": (8, lambda leak: encoded(grey(averaged(leak.films)), 50)),
    "average-8-messenger": (8, lambda leak: messenger(grey(averaged(leak.films)))),
    "average-2-monitor": (2, lambda leak: of_monitor(grey(averaged(leak.films)), leak.random)),
    "average-4-monitor": (4, lambda leak: of_monitor(grey(averaged(leak.films)), leak.random)),
}

_NEARLY_GONE: Mapping[str, Change] = {
    "side-96": lambda leak: encoded(fitted(leak.grey, 96), 80),
    "side-64": lambda leak: encoded(fitted(leak.grey, 64), 80),
    "crop-2": lambda leak: cropped(leak.grey, 0.02, leak.random),
    "crop-4-jpeg-30": lambda leak: encoded(fitted(cropped(leak.grey, 0.04, leak.random), 300), 30),
    "one-bit": lambda leak: dithered(fitted(leak.grey, 900)),
    "2-bit": lambda leak: posterised(leak.grey, 2),
    "monitor-far-dim": lambda leak: of_monitor(leak.grey, leak.random, FAR),
    "monitor-thumbnail": lambda leak: encoded(fitted(of_monitor(leak.grey, leak.random), 320), 60),
    "light-box-far-dim": lambda leak: of_light_box(leak.grey, leak.random, FAR),
    "long-chain": lambda leak: messenger(
        clahe(luma(messenger(255 - of_monitor(leak.grey, leak.random, OBLIQUE))), 3), longer=900, quality=50, times=2
    ),
    "jpeg-3": lambda leak: encoded(fitted(leak.grey, 800), 3),
}

ATTACKS: Mapping[str, Attack] = {
    **{name: Attack(Category.EVERYDAY, change) for name, change in _EVERYDAY.items()},
    **{name: Attack(Category.CHAIN, change) for name, change in _CHAINS.items()},
    **{name: Attack(category, change, veiled=True) for name, (category, change) in _VEILED.items()},
    **{name: Attack(Category.REMOVAL, change) for name, change in _REMOVAL.items()},
    **{name: Attack(Category.COLLUSION, change, copies) for name, (copies, change) in _COLLUSION.items()},
    # The second copy is subtracted: it is never accused.
    "extrapolated": Attack(Category.COLLUSION, lambda leak: grey(extrapolated(leak.films)), copies=2),
    **{name: Attack(Category.NEARLY_GONE, change) for name, change in _NEARLY_GONE.items()},
}

__all__ = ["ATTACKS", "DIM", "FAR", "OBLIQUE", "STRAIGHT", "Attack", "Category", "Film", "Leak", "grey", "luma", "seed_of"]
