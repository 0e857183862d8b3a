"""What lies between a film on a monitor, on paper or on a light box and the picture that somebody took of it.

Everything is simulated: pixel grids, lenses, a Bayer sensor and what a phone makes of it, halftones and scanners. A grey
picture goes in (uint8, rows x columns), a picture comes out (uint8, grey or RGB). What is random is drawn from the generator
given, so that the same seed makes the same picture.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

Random = np.random.Generator
Picture = NDArray[np.uint8]
Light = NDArray[np.float32]

GAMMA = 2.2
"""Of a monitor, and of the picture a phone writes."""

_GREENISH = (0.52, 1.0, 0.62)
"""What a sensor's red, green and blue see of white light before white balance."""


@dataclass(frozen=True)
class Phone:
    """How a phone is held, and how good it is.

    ``width`` is the longer side of the sensor in pixels; ``fill`` the share of it that the picture taken covers; ``tilt``
    how far each corner strays, as a share of the picture; ``turn`` degrees at most; ``blur`` the lens in sensor pixels
    (standard deviation); ``full_well`` electrons at white; ``grid`` the contrast of the monitor's pixel grid as the lens
    hands it on; ``glare`` the brightest reflection as a share of white; ``exposure`` what white becomes.
    """

    width: int = 2600
    fill: float = 0.92
    tilt: float = 0.02
    turn: float = 1.5
    blur: float = 0.9
    full_well: float = 5000
    grid: float = 0.25
    glare: float = 0.08
    exposure: float = 0.9
    quality: int = 88


STRAIGHT = Phone()
OBLIQUE = Phone(tilt=0.09, turn=6, blur=1.1, glare=0.15, fill=0.85)
DIM = Phone(exposure=0.35, full_well=1200, blur=1.4, glare=0.05)
FAR = Phone(width=2000, fill=0.3, exposure=0.4, full_well=1200, blur=1.2)


def encoded(picture: Picture, quality: int, kind: str = ".jpg") -> Picture:
    """The picture after lossy coding, JPEG or WebP (``.webp``)."""
    option = cv2.IMWRITE_JPEG_QUALITY if kind == ".jpg" else cv2.IMWRITE_WEBP_QUALITY
    coloured = picture.ndim == 3  # the coder calls blue first what is red first here
    fine, data = cv2.imencode(kind, picture[..., ::-1] if coloured else picture, [option, quality])
    if not fine:
        raise ValueError(f"no {kind} of a picture of {picture.shape}")
    back = cv2.imdecode(data, cv2.IMREAD_COLOR if coloured else cv2.IMREAD_GRAYSCALE)
    return as_picture(cv2.cvtColor(back, cv2.COLOR_BGR2RGB) if coloured else back)


def as_picture(values: Any) -> Picture:
    """Values of 0 to 255 as bytes, rounded and clipped."""
    array = np.asarray(values)
    return array if array.dtype == np.uint8 else np.clip(np.rint(array), 0, 255).astype(np.uint8)


def fitted(picture: Picture, longer: int) -> Picture:
    """The picture at a longer side of ``longer`` pixels, by area where it shrinks."""
    scale = longer / max(picture.shape[:2])
    return resized(picture, round(picture.shape[0] * scale), round(picture.shape[1] * scale))


def resized(picture: Picture, rows: int, columns: int) -> Picture:
    shrinks = rows < picture.shape[0]
    size = (max(columns, 1), max(rows, 1))
    return as_picture(cv2.resize(picture, size, interpolation=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC))


def smooth(random: Random, rows: int, columns: int, cells: int) -> Light:
    """A smooth field of standard normal values, some ``cells`` bumps along the longer side."""
    longer = max(rows, columns)
    coarse = random.standard_normal((max(2, round(cells * rows / longer)), max(2, round(cells * columns / longer))))
    field: Light = cv2.resize(coarse.astype(np.float32), (columns, rows), interpolation=cv2.INTER_CUBIC)
    return field


def on_monitor(picture: Picture, height: int = 1080, *, portrait: bool = False) -> Picture:
    """The picture as large as a monitor of 16:9 shows it, black around."""
    rows, columns = (round(height * 16 / 9), height) if portrait else (height, round(height * 16 / 9))
    scale = min(rows / picture.shape[0], columns / picture.shape[1])
    shown = resized(picture, round(picture.shape[0] * scale), round(picture.shape[1] * scale))
    wide = min(columns, shown.shape[1] + rows // 5)  # people photograph the film and not the empty monitor beside it
    screen = np.full((rows, wide), 8, np.uint8)
    top, left = (rows - shown.shape[0]) // 2, (wide - shown.shape[1]) // 2
    screen[top : top + shown.shape[0], left : left + shown.shape[1]] = shown
    return screen


def of_monitor(picture: Picture, random: Random, phone: Phone = STRAIGHT, *, height: int = 1080) -> Picture:
    """A phone photo of a monitor that shows the picture (RGB)."""
    screen = on_monitor(picture, height)
    light = (screen.astype(np.float32) / 255) ** np.float32(GAMMA)
    return _photo(light, random, phone, grid=phone.grid, around=0.02)


def of_light_box(picture: Picture, random: Random, phone: Phone = STRAIGHT) -> Picture:
    """A phone photo of a printed film on a light box (RGB): no grid, uneven light, steep density, bright surround."""
    film = fitted(picture, min(2000, max(picture.shape[:2])))
    density = 0.15 + 2.4 * (1 - film.astype(np.float32) / 255)
    light = np.power(np.float32(10), -density.astype(np.float32)) / np.float32(10**-0.15)
    margin = max(film.shape) // 12
    light = cv2.copyMakeBorder(light, margin, margin, margin, margin, cv2.BORDER_CONSTANT, value=1.0)
    light *= 1 + 0.12 * smooth(random, light.shape[0], light.shape[1], 3)
    return _photo(np.maximum(light, 0), random, phone, grid=0.0, around=0.25)


def printed(picture: Picture, random: Random, *, pitch: float = 3.2) -> Picture:
    """The picture printed by a laser printer, a halftone of ``pitch`` pixels a dot at 45 degrees, and scanned (grey)."""
    sheet = fitted(picture, 2400).astype(np.float32) / 255
    paper = cv2.copyMakeBorder(sheet, 120, 160, 90, 90, cv2.BORDER_CONSTANT, value=1.0)
    rows, columns = paper.shape
    down, across = np.arange(rows, dtype=np.float32)[:, None], np.arange(columns, dtype=np.float32)[None, :]
    turn = np.float32(np.pi * np.sqrt(2) / pitch)
    screen = 0.5 + 0.25 * (np.cos(turn * (down + across)) + np.cos(turn * (down - across)))
    # A dot has soft edges: ink spreads, so that the threshold is a slope and not a step.
    dots = np.clip((paper * 1.1 - screen) * 4 + 0.5, 0, 1).astype(np.float32)
    dots = 0.08 + 0.86 * dots + 0.02 * random.standard_normal(paper.shape, dtype=np.float32)
    return scanned(as_picture(255 * cv2.GaussianBlur(dots, (0, 0), 0.8)), random, longer=1750)


def scanned(picture: Picture, random: Random, *, longer: int = 2000) -> Picture:
    """The sheet laid a little askew on a scanner: turned, unevenly lit, with lines of its sensor, JPEG."""
    sheet = fitted(picture, longer)
    rows, columns = sheet.shape
    turn = cv2.getRotationMatrix2D((columns / 2, rows / 2), float(random.uniform(-1.2, 1.2)), 0.985)
    laid = cv2.warpAffine(sheet, turn, (columns, rows), flags=cv2.INTER_CUBIC, borderValue=250).astype(np.float32)
    laid *= 1 + 0.006 * random.standard_normal((1, columns), dtype=np.float32)
    laid *= 1 + 0.004 * random.standard_normal((rows, 1), dtype=np.float32)
    laid += 1.5 * random.standard_normal(laid.shape, dtype=np.float32)
    laid += 3 * smooth(random, rows, columns, 4)
    return encoded(as_picture(cv2.GaussianBlur(laid, (0, 0), 0.6)), 85)


def messenger(picture: Picture, *, longer: int = 1280, quality: int = 70, times: int = 1) -> Picture:
    """What a messenger hands on: shrunk to ``longer``, JPEG, as often as it is forwarded."""
    for _ in range(times):
        picture = fitted(picture, longer) if max(picture.shape[:2]) > longer else picture
        picture = encoded(picture, quality)
    return picture


def _photo(light: Light, random: Random, phone: Phone, *, grid: float, around: float) -> Picture:
    seen = _through_lens(light, random, phone, grid=grid, around=around)
    return _developed(_sensed(seen, random, phone), phone)


def _through_lens(light: Light, random: Random, phone: Phone, *, grid: float, around: float) -> Light:
    """Light on the sensor (rows, columns, RGB), 1 at white."""
    rows, columns = light.shape
    tall, wide = (phone.width, phone.width * 3 // 4) if rows > columns else (phone.width * 3 // 4, phone.width)
    back = np.linalg.inv(_pose(rows, columns, tall, wide, random, phone))
    v, u = np.arange(tall, dtype=np.float32)[:, None], np.arange(wide, dtype=np.float32)[None, :]
    b = back.astype(np.float32)
    depth = b[2, 0] * u + b[2, 1] * v + b[2, 2]
    x = (b[0, 0] * u + b[0, 1] * v + b[0, 2]) / depth
    y = (b[1, 0] * u + b[1, 1] * v + b[1, 2]) / depth
    seen = cv2.remap(light, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=around)
    planes = [seen] * 3
    if grid:
        # Each colour lights a third of every monitor pixel; sampling that periodic light is what makes moire.
        turn = np.float32(2 * np.pi)
        lines = seen * (1 + grid * np.cos(turn * y))
        planes = [lines * (1 + grid * np.cos(turn * (x + np.float32(shift)))) for shift in (-1 / 3, 0, 1 / 3)]
    light_seen = cv2.GaussianBlur(np.dstack(planes), (0, 0), phone.blur)
    far = ((u / wide - 0.5) ** 2 + (v / tall - 0.5) ** 2)[..., None]
    light_seen *= 1 - 0.5 * far
    return light_seen + _glare(random, tall, wide, phone.glare)[..., None]


def _pose(rows: int, columns: int, tall: int, wide: int, random: Random, phone: Phone) -> NDArray[np.float64]:
    """The homography from picture to sensor."""
    scale = phone.fill * min(tall / rows, wide / columns)
    angle = np.deg2rad(random.uniform(-phone.turn, phone.turn))
    corners = (np.array([[-1, -1], [1, -1], [1, 1], [-1, 1]]) * (columns / 2, rows / 2)) * scale
    corners = corners @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    corners += random.uniform(-phone.tilt, phone.tilt, (4, 2)) * scale * max(rows, columns)
    corners += np.array([wide / 2, tall / 2]) + random.uniform(-0.02, 0.02, 2) * wide
    source = np.array([[0, 0], [columns - 1, 0], [columns - 1, rows - 1], [0, rows - 1]], np.float32)
    return np.asarray(cv2.getPerspectiveTransform(source, corners.astype(np.float32)), np.float64)


def _glare(random: Random, rows: int, columns: int, peak: float) -> Light:
    """Reflections of a lamp and of a window."""
    v, u = np.linspace(0, 1, 48)[:, None], np.linspace(0, 1, 64)[None, :]
    lamp = np.exp(-((u - random.uniform()) ** 2 + (v - random.uniform()) ** 2) / 0.02)
    window = np.clip(1 - np.abs(u - v * random.uniform(-0.5, 0.5) - random.uniform()) / 0.2, 0, 1) * 0.4
    field: Light = cv2.resize((peak * (lamp + window)).astype(np.float32), (columns, rows), interpolation=cv2.INTER_LINEAR)
    return field


def _sensed(seen: Light, random: Random, phone: Phone) -> Picture:
    """What a Bayer sensor counts of it, put together again to RGB (12 bit in 16)."""
    rows, columns = seen.shape[:2]
    mosaic = np.empty((rows, columns), np.float32)
    for channel, (top, left) in ((0, (0, 0)), (1, (0, 1)), (1, (1, 0)), (2, (1, 1))):
        mosaic[top::2, left::2] = seen[top::2, left::2, channel] * _GREENISH[channel]
    electrons = np.clip(mosaic * phone.exposure, 0, 1) * phone.full_well
    electrons += np.sqrt(electrons + 9) * random.standard_normal(electrons.shape, dtype=np.float32)
    raw = np.clip(electrons * (4095 / phone.full_well), 0, 4095).astype(np.uint16)
    return np.asarray(cv2.cvtColor(raw, cv2.COLOR_BayerRGGB2RGB))


def _developed(raw: Any, phone: Phone) -> Picture:
    """White balance, exposure, curve, noise reduction, sharpening and JPEG, as a phone does unasked."""
    balanced = raw.astype(np.float32) / (4095 * np.array(_GREENISH, np.float32))
    # A phone brightens what is dark, and its noise with it.
    brightened = np.clip(balanced * min(1 / phone.exposure, 2.0), 0, 1)
    curve = 255 * (np.linspace(0, 1, 4096) ** (1 / GAMMA))
    picture = as_picture(curve.astype(np.float32)[(brightened * 4095).astype(np.uint16)])
    luma, red, blue = cv2.split(cv2.cvtColor(picture, cv2.COLOR_RGB2YCrCb))
    calm = cv2.bilateralFilter(luma, 5, 14, 1.6).astype(np.float32)
    sharp = as_picture(calm + 0.7 * (calm - cv2.GaussianBlur(calm, (0, 0), 1.4)))
    merged = cv2.merge([sharp, cv2.GaussianBlur(red, (0, 0), 2.5), cv2.GaussianBlur(blue, (0, 0), 2.5)])
    return encoded(as_picture(cv2.cvtColor(merged, cv2.COLOR_YCrCb2RGB)), phone.quality)
