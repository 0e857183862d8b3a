"""Chest films with text burned into their pixels, and for each what is written where: the set that judges ``deid.pixels``.

Backgrounds are real films where a folder of them is given (``manifest.csv`` names picture, mask and tier), else drawn ones.
Text is drawn with Pillow in whatever fonts the system has; each character's glyph is kept as a mask, so that whether it is
gone can be judged without reading it again. The same seed and the same fonts make the same films.
"""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from leadglass.model.frame import Frame

Random = np.random.Generator
Grey = NDArray[np.float64]
Mask = NDArray[np.bool_]

_VISIBLE = 0.04
"""Difference of ink and ground, as a share of the window, from which a character can be seen."""

LUNGS = 3
"""The bits of a mask file that mean lung."""

_LATIN_FONTS = (
    "DejaVuSans.ttf",
    "DejaVuSans-Bold.ttf",
    "DejaVuSansMono.ttf",
    "NimbusSans-Regular.otf",
    "LiberationSans-Regular.ttf",
)
_CJK_FONTS = (
    "NotoSansCJK-Regular.ttc",
    "NotoSansCJK-Bold.ttc",
    "NotoSerifCJK-Regular.ttc",
    "wqy-microhei.ttc",
    "wqy-zenhei.ttc",
)

_SURNAMES = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕欧阳"
_GIVEN = "伟芳娜秀英敏静丽强磊军洋勇艳杰娟涛明超兰霞平刚桂文辉玲建华红梅琳浩宇轩子涵欣怡思远嘉"
_FAMILY = (
    "SMITH",
    "Johnson",
    "O'Neill",
    "GARCIA",
    "Müller",
    "Kowalski",
    "WANG",
    "Li",
    "Nguyen",
    "Okonkwo",
    "Tanaka",
    "BROWN",
)
_FIRST = ("John", "MARY", "Robert", "Xiaoming", "Aisha", "Hans", "Ingrid", "Wei", "Luis", "Yuki", "ANNA", "Grace")
_HOSPITALS_ZH = (
    "第一人民医院",
    "协和医院放射科",
    "北京大学附属医院",
    "华西医院",
    "市中心医院影像科",
    "中山医院",
    "儿童医院",
)
_HOSPITALS = ("St. Mary Hospital", "GENERAL HOSPITAL", "Charité Berlin", "County Medical Center", "Mercy Clinic Radiology")


@dataclass(frozen=True)
class Written:
    """One piece of text on a film. ``glyphs`` holds, per character, its offset (top, left) and its mask."""

    text: str
    kind: str
    """``name``, ``id``, ``date``, ``place``, ``initials``: identifying; ``marker``, ``technique``: to be kept."""
    style: str
    glyphs: tuple[tuple[int, int, Mask], ...]

    @property
    def identifying(self) -> bool:
        return self.kind not in {"marker", "technique"}

    @property
    def chinese(self) -> bool:
        return any(character >= "\u2e80" for character in self.text)


@dataclass(frozen=True)
class BurnedFilm:
    frame: Frame
    written: tuple[Written, ...]
    lungs: Mask | None
    window: tuple[float, float] | None
    """Centre and width in stored values, as the header would say."""


def burned_films(count: int, *, seed: int, folder: Path | None = None) -> Iterator[BurnedFilm]:
    """``count`` films, each with fresh text; film n depends on ``seed`` and n alone."""
    backgrounds = _backgrounds(folder) if folder is not None else []
    for number in range(count):
        random = np.random.default_rng((seed, number))
        if backgrounds:
            grey, lungs = _real(backgrounds[int(random.integers(len(backgrounds)))], random)
        else:
            grey, lungs = drawn_chest(random)
        yield _burned(grey, lungs, random)


def fonts_there() -> bool:
    """Whether a Latin and a Chinese font were found."""
    return bool(_fonts(_LATIN_FONTS)) and bool(_fonts(_CJK_FONTS))


def drawn_chest(random: Random, *, rows: int | None = None, columns: int | None = None) -> tuple[Grey, Mask]:
    """A crude chest from 0 (black) to 1, and its lungs: enough anatomy to write on, at once and without any file."""
    rows = rows or int(random.integers(1024, 1500))
    columns = columns or int(random.integers(1024, 1500))
    y, x = np.mgrid[0:rows, 0:columns]
    y, x = y / rows, x / columns
    lungs = np.zeros((rows, columns))
    for centre in (0.3, 0.7):
        lungs = np.maximum(lungs, np.clip(1.3 - ((x - centre) / 0.17) ** 2 - ((y - 0.47) / 0.33) ** 2, 0, 1))
    body = np.clip(1.35 - ((x - 0.5) / 0.5) ** 4 - ((y - 0.6) / 0.62) ** 6, 0, 1)
    spine = np.exp(-(((x - 0.5) / 0.06) ** 2))
    ribs = 0.06 * np.sin(2 * np.pi * (y * 11 + 2.2 * (x - 0.5) ** 2)) * lungs
    grey = body * (0.62 + 0.22 * spine - 0.4 * lungs * (1 - spine)) + ribs * body
    grey += random.normal(0, 0.012, grey.shape)
    return np.clip(grey, 0, 1), lungs > 0.4


def _backgrounds(folder: Path) -> list[tuple[Path, Path | None]]:
    """Films of at least 400 pixels that may be shown, and their masks."""
    with (folder / "manifest.csv").open(encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["tier"] == "A" and not row["duplicate_of"]]
    wanted = ("fullres/", "hannover512/", "hannover_seg512/", "kermany512/")
    return [
        (folder / row["path"], folder / row["mask"] if row["mask"] else None)
        for row in rows
        if row["path"].startswith(wanted)
    ]


def _real(source: tuple[Path, Path | None], random: Random) -> tuple[Grey, Mask | None]:
    """A real film at 1024 to 1760 pixels along its longer side, with the noise that scaling takes away put back."""
    picture = imagecodecs.imread(source[0])
    picture = picture if picture.ndim == 2 else picture[..., 0]
    picture = picture.astype(np.float64) / np.iinfo(picture.dtype).max
    scale = int(random.integers(1024, 1761)) / max(picture.shape)
    size = (round(picture.shape[1] * scale), round(picture.shape[0] * scale))
    grey = np.asarray(Image.fromarray(picture.astype(np.float32)).resize(size, Image.Resampling.BICUBIC), dtype=np.float64)
    grey = np.clip(grey + random.normal(0, 0.004, grey.shape), 0, 1)
    if source[1] is None:
        return grey, None
    mask = Image.fromarray(imagecodecs.imread(source[1])).resize(size, Image.Resampling.NEAREST)
    return grey, (np.asarray(mask) & LUNGS) > 0


@cache
def _fonts(names: tuple[str, ...]) -> tuple[str, ...]:
    roots = (Path("/usr/share/fonts"), Path("/usr/local/share/fonts"), Path.home() / ".fonts")
    there = {path.name: str(path) for root in roots if root.is_dir() for path in sorted(root.rglob("*.[to]t[fc]"))}
    return tuple(there[name] for name in names if name in there)


@cache
def _font(path: str, size: int) -> ImageFont.FreeTypeFont:
    return ImageFont.truetype(path, size)


def _pick(random: Random, choices: Sequence[str]) -> str:
    return choices[int(random.integers(len(choices)))]


def _digits(random: Random, count: int) -> str:
    return "".join(str(digit) for digit in random.integers(0, 10, count))


def identifying_text(random: Random, *, chinese: bool, kind: str | None = None) -> tuple[str, str]:
    """A text and its kind, as consoles, film scanners and paper labels write them."""
    kind = kind or _pick(random, ("name", "name", "id", "id", "date", "place"))
    year, month, day = int(random.integers(1930, 2026)), int(random.integers(1, 13)), int(random.integers(1, 29))
    if kind == "name":
        if chinese:
            name = _pick(random, _SURNAMES) + "".join(_pick(random, _GIVEN) for _ in range(int(random.integers(1, 3))))
            return _pick(random, ("{}", "姓名:{}", "姓名：{} 男 45岁", "{} 女", "患者 {}")).format(name), kind
        first, family = _pick(random, _FIRST), _pick(random, _FAMILY)
        return _pick(random, ("{1}, {0}", "{0} {1}", "{1}^{0}", "Name: {1} {0}", "{1}")).format(first, family), kind
    if kind == "id":
        number = _digits(random, int(random.integers(6, 13)))
        pattern = (
            ("住院号:{}", "病历号 {}", "检查号：{}", "ID号{}", "{}")
            if chinese
            else ("ID: {}", "MRN {}", "ACC{}", "{}", "PID:{}")
        )
        return _pick(random, pattern).format(number), kind
    if kind == "date":
        if chinese:
            return _pick(random, ("{0}年{1}月{2}日", "检查日期:{0}-{1:02}-{2:02}", "出生 {0}.{1:02}.{2:02}")).format(
                year, month, day
            ), kind
        months = ("JAN", "FEB", "MAR", "APR", "MAY", "JUN", "JUL", "AUG", "SEP", "OCT", "NOV", "DEC")
        pattern = ("{0}-{1:02}-{2:02}", "{2:02}/{1:02}/{0}", "DOB {2:02} {3} {0}", "{0}{1:02}{2:02}", "{2}.{1}.{0} 08:41")
        return _pick(random, pattern).format(year, month, day, months[month - 1]), kind
    return _pick(random, _HOSPITALS_ZH if chinese else _HOSPITALS), kind


class _Film:
    """A grey picture that is being written on."""

    def __init__(self, grey: Grey, random: Random) -> None:
        self.grey, self.random = grey, random
        self.taken = np.zeros(grey.shape, dtype=np.bool_)
        self.written: list[Written] = []

    def place(self, height: int, width: int, *, where: str) -> tuple[int, int] | None:
        """A free place for a box of this size: a corner or edge (``edge``), anywhere, or in the ``middle``."""
        rows, columns = self.grey.shape
        pad = 14
        if height + 2 * pad > rows or width + 2 * pad > columns:
            return None
        for _ in range(60):
            if where == "edge":
                top = int(self.random.choice([self.random.integers(4, 40), rows - height - self.random.integers(4, 40)]))
                left = int(self.random.choice([self.random.integers(4, 60), columns - width - self.random.integers(4, 60)]))
            elif where == "middle":
                top = int(self.random.uniform(0.25, 0.7) * (rows - height))
                left = int(self.random.uniform(0.1, 0.9) * (columns - width))
            else:
                top, left = (
                    int(self.random.integers(4, rows - height - 4)),
                    int(self.random.integers(4, columns - width - 4)),
                )
            top, left = min(max(top, 2), rows - height - 2), min(max(left, 2), columns - width - 2)
            area = self.taken[max(top - pad, 0) : top + height + pad, max(left - pad, 0) : left + width + pad]
            under = self.grey[top : top + height, left : left + width]
            if not area.any() and (where != "edge" or np.percentile(under, 99) - np.median(under) < 0.35):
                return top, left
        return None

    def write(
        self,
        text: str,
        *,
        kind: str,
        style: str,
        size: int,
        where: str,
        contrast: float = 1.0,
        turns: int = 0,
        mirrored: bool = False,
        strip: float | None = None,
        ink: float | None = None,
        at: tuple[int, int] | None = None,
        circled: bool = False,
        bold: bool = False,
    ) -> tuple[int, int, int, int] | None:
        """Draw one line; True where there was room. ``strip`` paints the ground first, ``ink`` is the text's own grey."""
        chinese = any(character >= "\u2e80" for character in text)
        fonts = _fonts(_CJK_FONTS if chinese else _LATIN_FONTS)
        path = fonts[int(self.random.integers(len(fonts)))] if not bold else fonts[min(1, len(fonts) - 1)]
        cover, characters = _line(text, _font(path, size))
        if circled:
            cover, characters = _circled(cover, characters)
        if mirrored:
            cover, characters = cover[:, ::-1], [mask[:, ::-1] for mask in characters]
        cover, characters = np.rot90(cover, turns), [np.rot90(mask, turns) for mask in characters]
        height, width = cover.shape
        place = at or self.place(height, width, where=where)
        if place is None or place[0] + height > self.grey.shape[0] or place[1] + width > self.grey.shape[1]:
            return None
        top, left = place
        area = self.grey[top : top + height, left : left + width]
        if strip is not None:
            edge = 6
            self.grey[max(top - edge, 0) : top + height + edge, max(left - edge, 0) : left + width + edge] = strip
        ground = float(np.median(area))
        before = area.copy()
        if ink is None and style == "low":
            # A little brighter or darker than whatever is there, so that each character stays just readable.
            contrast = max(contrast, 3 * float(np.abs(np.diff(area, axis=1)).mean()))
            area += cover * (contrast if ground < 0.5 else -contrast)
        else:
            area += cover * ((ink if ink is not None else ground + (contrast if ground < 0.5 else -contrast)) - area)
        self.taken[top : top + height, left : left + width] = True
        glyphs = []
        for mask in characters:
            down, right = np.nonzero(mask)
            # Ink of the ground's own grey shows no character, so there is none to be removed.
            if down.size and np.abs(area - before)[mask].mean() > _VISIBLE:
                first, start = int(down.min()), int(right.min())
                glyphs.append((top + first, left + start, mask[first : down.max() + 1, start : right.max() + 1].copy()))
        if glyphs:
            self.written.append(Written(text, kind, style, tuple(glyphs)))
        return top, left, height, width


def _line(text: str, font: ImageFont.FreeTypeFont) -> tuple[Grey, list[Mask]]:
    """How much ink each pixel of a line has, from 0 to 1, and each character's own pixels (where ink is over a third)."""
    left, top, right, bottom = font.getbbox(text)
    size = (int(right - left) + 4, int(bottom - top) + 4)

    def drawn(part: str, x: float) -> Grey:
        picture = Image.new("L", size)
        ImageDraw.Draw(picture).text((2 - left + x, 2 - top), part, fill=255, font=font)
        return np.asarray(picture, dtype=np.float64) / 255

    characters = [drawn(character, font.getlength(text[:n])) > 0.33 for n, character in enumerate(text) if character.strip()]
    return drawn(text, 0), characters


def _circled(cover: Grey, characters: list[Mask]) -> tuple[Grey, list[Mask]]:
    side = int(1.7 * max(cover.shape))
    y, x = np.mgrid[0:side, 0:side] - (side - 1) / 2
    ring = np.clip(1.5 - np.abs(np.hypot(y, x) - 0.46 * side) / max(1.0, side / 30), 0, 1)
    top, left = (side - cover.shape[0]) // 2, (side - cover.shape[1]) // 2
    margins = ((top, side - top - cover.shape[0]), (left, side - left - cover.shape[1]))
    return np.maximum(ring, np.pad(cover, margins)), [np.pad(mask, margins) for mask in characters]


def _burned(grey: Grey, lungs: Mask | None, random: Random) -> BurnedFilm:
    film = _Film(grey.copy(), random)
    scale = max(grey.shape) / 1024
    hidden = _write_all(film, scale)
    bits = int(random.choice([8, 12, 12, 16]))
    if hidden:
        bits = int(random.choice([12, 16]))
    return _stored(film, lungs, bits=bits, random=random, hidden=hidden)


def _write_all(film: _Film, scale: float) -> bool:
    """Two to four kinds of text and a side marker; True where some of it lies outside the display window."""
    random = film.random
    marker = _pick(random, ("L", "R") * 6 + ("左", "右") * 3 + ("l", "r"))
    size = int(random.integers(26, 64) * scale)
    initials = marker in {"L", "R"} and random.random() < 0.25
    ink = float(random.uniform(0.85, 1.0))
    placed = film.write(
        marker, kind="marker", style="marker", size=size, where="edge", ink=ink, bold=True,
        circled=not initials and random.random() < 0.25, mirrored=marker in {"L", "R"} and random.random() < 0.1,
    )  # fmt: skip
    if initials and placed is not None:
        top, left, height, width = placed
        letters = "".join(_pick(random, "BCDEFGHKMNSTVW") for _ in range(2))
        below = random.random() < 0.5
        gap = 2 + size // 8
        at = (top + height + gap, left) if below else (top + height // 2, left + width + gap)
        film.write(
            letters,
            kind="initials",
            style="initials",
            size=max(int(15 * scale), size // 3),
            where="edge",
            ink=ink,
            at=at,
            bold=True,
        )
    if random.random() < 0.3:
        word = _pick(random, ("PORTABLE", "AP", "PA", "ERECT", "SUPINE", "AP ERECT", "立位", "仰卧", "床旁", "后前位"))
        film.write(
            word, kind="technique", style="technique", size=int(random.integers(16, 28) * scale), where="edge", ink=0.95
        )
    styles = random.choice(
        ["plain", "plain", "banner", "low", "tiny", "turned", "mirrored", "lung", "hidden", "hidden"], size=3, replace=True
    )
    for style in dict.fromkeys(str(style) for style in styles):
        _write_style(film, style, scale)
    return any(item.style.startswith("hidden") for item in film.written)


def _write_style(film: _Film, style: str, scale: float) -> None:
    random = film.random
    chinese = bool(random.random() < 0.5)
    size = int(random.integers(13, 25) * scale)
    if style == "plain":
        _block(film, chinese=chinese, size=size, lines=int(random.integers(1, 4)), style=style)
    elif style == "banner":
        _banner(film, chinese=chinese, size=int(random.integers(13, 20) * scale))
    elif style == "low":
        text, kind = identifying_text(random, chinese=chinese)
        film.write(text, kind=kind, style=style, size=max(size, 18), where="any", contrast=float(random.uniform(0.08, 0.16)))
    elif style == "tiny":
        text, kind = identifying_text(random, chinese=chinese)
        film.write(
            text,
            kind=kind,
            style=style,
            size=int(random.integers(11, 14) * max(1.0, scale * 0.85)) + 2 * chinese,
            where="edge",
            contrast=0.6,
        )
    elif style == "turned":
        text, kind = identifying_text(random, chinese=chinese)
        film.write(text, kind=kind, style=style, size=size, where="edge", turns=int(random.choice([1, 3])), contrast=0.7)
    elif style == "mirrored":
        text, kind = identifying_text(random, chinese=chinese)
        film.write(text, kind=kind, style=style, size=size, where="edge", mirrored=True, contrast=0.7)
    elif style == "lung":
        text, kind = identifying_text(random, chinese=chinese)
        film.write(
            text,
            kind=kind,
            style=style,
            size=max(13, int(0.8 * size)),
            where="middle",
            contrast=float(random.uniform(0.3, 0.8)),
        )
    else:
        text, kind = identifying_text(random, chinese=chinese)
        bright = random.random() < 0.6
        ground, ink = (1.42, 1.5) if bright else (-0.42, -0.5)
        film.write(
            text, kind=kind, style=f"hidden {'above' if bright else 'below'}", size=size, where="any", strip=ground, ink=ink
        )


def _block(film: _Film, *, chinese: bool, size: int, lines: int, style: str) -> None:
    """Lines below each other, as a console writes them into a corner."""
    at: tuple[int, int] | None = None
    contrast = float(film.random.uniform(0.45, 1.0))
    for _ in range(lines):
        text, kind = identifying_text(film.random, chinese=chinese)
        placed = film.write(text, kind=kind, style=style, size=size, where="edge", contrast=contrast, at=at)
        if placed is None:
            return
        at = (placed[0] + int(1.35 * size), placed[1])
        if at[0] + 2 * size > film.grey.shape[0]:
            return


def _banner(film: _Film, *, chinese: bool, size: int) -> None:
    """A strip along the top or bottom edge, black or white, with a line or two in it."""
    random = film.random
    rows, columns = film.grey.shape
    white, lines = bool(random.random() < 0.4), int(random.integers(1, 3))
    height = int((1.5 * lines + 0.5) * size)
    top = 0 if random.random() < 0.5 else rows - height
    if film.taken[top : top + height].any():
        return
    film.grey[top : top + height] = 1.0 if white else 0.0
    for number in range(lines):
        left = 10
        while True:
            text, kind = identifying_text(random, chinese=chinese)
            at = (top + int((1.5 * number + 0.4) * size), left)
            placed = film.write(text, kind=kind, style="banner", size=size, where="edge", at=at, ink=0.0 if white else 0.95)
            if placed is None:
                break
            left += placed[3] + 2 * size
            if left > 0.6 * columns:
                break


def _stored(film: _Film, lungs: Mask | None, *, bits: int, random: Random, hidden: bool) -> BurnedFilm:
    """The film in stored values: the window is where 0 to 1 lies, hidden text lies beyond it."""
    top = 2**bits - 1
    low, high = (0.3 * top, 0.65 * top) if hidden else (0.0, float(top))
    values = np.clip(np.rint(low + film.grey * (high - low)), 0, top)
    if not hidden:
        values = np.clip(np.rint(np.clip(film.grey, 0, 1) * top), 0, top)
    inverted = bool(random.random() < 0.3)
    signed = bits > 8 and bool(random.random() < 0.15)
    values = top - values if inverted else values
    middle = (low + high) / 2
    centre = (top - middle if inverted else middle) - (2 ** (bits - 1) if signed else 0)
    samples = values.astype(np.uint8 if bits == 8 else np.uint16)
    if bits == 8 and random.random() < 0.3:
        samples = imagecodecs.jpeg8_decode(imagecodecs.jpeg8_encode(samples, level=int(random.integers(85, 96))))
    if signed:
        samples = (values - 2 ** (bits - 1)).astype(np.int16)
    samples.flags.writeable = False
    photometric = "MONOCHROME1" if inverted else "MONOCHROME2"
    return BurnedFilm(Frame(samples, photometric, bits), tuple(film.written), lungs, (centre + 0.5, high - low + 1))


def standing(film: BurnedFilm, result: Frame, item: Written) -> list[float]:
    """For each character of ``item`` the share of its glyph that still stands in ``result`` as it was burned in."""
    unchanged = film.frame.samples == result.samples
    shares = []
    for top, left, mask in item.glyphs:
        part = unchanged[top : top + mask.shape[0], left : left + mask.shape[1]]
        shares.append(float(part[mask].mean()))
    return shares


def correlations(result: Frame, item: Written) -> list[float]:
    """For each character of ``item`` how its glyph correlates with what ``result`` shows in its place, from 0 to 1."""
    found = []
    for top, left, mask in item.glyphs:
        rows, columns = mask.shape
        above, before = min(2, top), min(2, left)
        part = result.samples[top - above : top + rows + 2, left - before : left + columns + 2].astype(np.float64)
        glyph = np.zeros(part.shape)
        glyph[above : above + rows, before : before + columns] = mask
        flat = part.std() == 0 or glyph.std() == 0
        found.append(0.0 if flat else abs(float(np.corrcoef(glyph.ravel(), part.ravel())[0, 1])))
    return found


def gone(film: BurnedFilm, result: Frame, item: Written) -> bool:
    """Whether not one character of ``item`` can be made out any more.

    A character stands where more than a tenth of its glyph is unchanged and its place still looks like it: a fill may meet
    the ink's own value by chance, but not in the shape of a letter.
    """
    pairs = zip(standing(film, result, item), correlations(result, item), strict=True)
    return not any(share > 0.1 and alike > 0.3 for share, alike in pairs)


def kept(film: BurnedFilm, result: Frame, item: Written) -> bool:
    """Whether every glyph of ``item`` stands as it was, by all but a twentieth."""
    return min(standing(film, result, item), default=0.0) >= 0.95


def written_area(film: BurnedFilm) -> Mask:
    """The boxes around the identifying strings, with a quarter of each one's height on all sides."""
    area = np.zeros(film.frame.samples.shape[:2], dtype=np.bool_)
    for item in film.written:
        if item.identifying and item.glyphs:
            top, left = (min(glyph[axis] for glyph in item.glyphs) for axis in (0, 1))
            bottom, right = (max(glyph[axis] + glyph[2].shape[axis] for glyph in item.glyphs) for axis in (0, 1))
            margin = min(bottom - top, right - left) // 4
            area[max(top - margin, 0) : bottom + margin, max(left - margin, 0) : right + margin] = True
    return area
