"""What a text recogniser reads under a cover: names and numbers are painted on films, covered in each style, looked for.

Run ``python training/reid/text.py PACK [--films N]``; it needs the extra ``ocr``. Characters count as read where the middle
of their line lies in the covered cells, right or wrong. Before the cover, those that agree with what was painted are
counted: that is how much could have been found.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from difflib import SequenceMatcher
from hashlib import sha256
from importlib import import_module
from pathlib import Path
from typing import Any

import cv2
import imagecodecs
import numpy as np
from numpy.typing import NDArray

from leadglass.model.access import CoverStyle
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, RegionKind
from leadglass.veil import STYLES, cover, partition

SIDE = 1400
"""Longer side of a film in pixels: letters are as high as on films of digital units."""

SEED = 6
SURNAMES = ("MUELLER", "SCHMIDT", "NAKAMURA", "OKONKWO", "GARCIA", "LINDQVIST", "HAYES", "PETROV")
NAMES = ("ANNA", "JOHN", "LI", "MARIE", "OLE", "PRIYA", "TOMAS", "WEI")
FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_PLAIN)

Bytes = NDArray[np.uint8]


@dataclass(frozen=True, eq=False)
class Painted:
    """A film with text, what it says, and where, a mask of the film's shape."""

    picture: Bytes
    lines: tuple[str, ...]
    where: Mask


def painted(film: Bytes, random: np.random.Generator) -> Painted:
    """A name, a number with a birth date, and a time in one corner of ``film``, 14 to 34 pixels high."""
    scale = SIDE / max(film.shape)
    size = (round(film.shape[1] * scale), round(film.shape[0] * scale))
    picture = np.asarray(cv2.resize(film, size, interpolation=cv2.INTER_CUBIC), np.uint8)
    lines = _lines(random)
    font, height = FONTS[int(random.integers(len(FONTS)))], int(random.integers(14, 35))
    size_of = cv2.getFontScaleFromHeight(font, height, 2)
    widest = max(cv2.getTextSize(line, font, size_of, 2)[0][0] for line in lines)
    step = round(height * 1.7)
    left = 24 if random.integers(2) else picture.shape[1] - widest - 24
    top = 24 if random.integers(2) else picture.shape[0] - step * len(lines) - 24
    where = np.zeros(picture.shape, dtype=np.bool_)
    for number, line in enumerate(lines):
        base = top + step * number + height
        cv2.putText(picture, line, (left, base), font, size_of, 235, 2, cv2.LINE_AA)
        where[base - height - 4 : base + height // 2, left - 4 : left + widest + 4] = True
    return Painted(picture, lines, where)


def shown(film: Painted, style: CoverStyle) -> tuple[Bytes, Mask]:
    """The film with its text covered on the grid, and the covered cells."""
    rows, columns = film.picture.shape
    parts = partition({RegionKind.TEXT: film.where}, rows=rows, columns=columns, grid=-(-max(rows, columns) // 32))
    seed = sha256("".join(film.lines).encode()).digest()
    frame = Frame(film.picture, "MONOCHROME2", 8)
    samples = cover(frame, parts, {RegionKind.TEXT}, seed=seed, style=STYLES[style]).samples
    return samples.astype(np.uint8), parts.mask({RegionKind.TEXT})


def read(recogniser: Any, picture: Bytes, where: Mask) -> list[str]:
    """The lines that are read with their middle in ``where``."""
    answer = recogniser(np.repeat(picture[..., np.newaxis], 3, axis=2))
    if answer.boxes is None:
        return []
    middles = np.asarray(answer.boxes).mean(axis=1).round().astype(int)
    return [text for text, (x, y) in zip(answer.txts, middles, strict=True) if where[y, x]]


def agreeing(lines: Sequence[str], said: Sequence[str]) -> int:
    """Letters and digits of ``lines`` that were read in their order."""
    blocks = SequenceMatcher(None, _plain(lines), _plain(said), autojunk=False).get_matching_blocks()
    return sum(block.size for block in blocks)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--films", type=int, default=24)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    recogniser = import_module("rapidocr").RapidOCR(
        params={
            "Global.log_level": "critical",
            "EngineConfig.onnxruntime.intra_op_num_threads": 1,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )
    random = np.random.default_rng(SEED)
    total, clear = 0, 0
    under = dict.fromkeys(CoverStyle, 0)
    for film in _films(arguments.pack, arguments.films):
        each = painted(film, random)
        total += len(_plain(each.lines))
        clear += agreeing(each.lines, read(recogniser, each.picture, each.where))
        for style in CoverStyle:
            under[style] += len(_plain(read(recogniser, *shown(each, style))))
    sys.stdout.write(f"{arguments.films} films, {total} characters painted, {clear} of them read before the cover\n")
    for style, count in under.items():
        sys.stdout.write(f"{style}: {count} characters read in the covered cells\n")


def _lines(random: np.random.Generator) -> tuple[str, ...]:
    surname, name = (pool[int(random.integers(len(pool)))] for pool in (SURNAMES, NAMES))
    number = int(random.integers(10**7, 10**8))
    year, month, day = random.integers((1930, 1, 1), (2012, 13, 29))
    return (
        f"{surname}, {name}",
        f"ID {number}",
        f"{day:02d}.{month:02d}.{year} {'MF'[int(random.integers(2))]}",
        f"{random.integers(24):02d}:{random.integers(60):02d}:{random.integers(60):02d}",
    )


def _films(pack: Path, count: int) -> Iterator[Bytes]:
    """Films of adults, one in five of the folder."""
    paths = sorted((pack / "hannover512").iterdir())
    for path in paths[:: max(1, len(paths) // count)][:count]:
        picture: Bytes = imagecodecs.imread(path)
        yield picture if picture.ndim == 2 else picture[..., :3].mean(axis=2).astype(np.uint8)


def _plain(lines: Sequence[str]) -> str:
    return "".join(letter for letter in "".join(lines).upper() if letter.isalnum())


if __name__ == "__main__":
    main()
