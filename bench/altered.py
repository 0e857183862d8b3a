"""What was altered in a picture: nodules pasted, removed and moved, through what happens to pictures, and honest pictures.

Run ``python bench/altered.py --cxr PACK [--films N] [--kinds K...] [--contrasts C...]``. PACK holds ``manifest.csv`` and the
pictures it names. A nodule is a sphere as X-rays see it: as dark or bright as the way through it is long. One that was
removed is in the original and not in the copy, one that was pasted in the copy alone; one that was moved is both. It counts
as found if its centre lies in a box of at most four times its size. Every box of an honest picture is a false area. Films
are taken for 380 mm on the longer side. Times are of the processor.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from find import chosen, grey
from leadglass.mark.altered import FILM_SIDE_MM
from leadglass.mark.found import Alignment, Box, Original
from leadglass.mark.register import align

sys.path.append(str(Path(__file__).parents[1] / "tests" / "sets"))
from attacks import ATTACKS, Film, luma, seed_of
from traced_films import Host, made

DIAMETERS = (8.0, 8.0, 8.0, 12.0, 12.0, 20.0)
"""Millimetres, of the nodules of one picture."""
CONTRASTS = (0.03, 0.05, 0.08)
"""Of the film's full scale, in the middle of a nodule."""
KINDS = (
    *("png", "jpeg-90", "jpeg-50", "jpeg-25", "jpeg-10", "side-512", "crop-50", "turned-7", "clahe-2", "clahe-4"),
    *("non-local-means", "blurred", "median-5", "unsharp-strong", "noise-strong", "bent-slightly", "bent-strongly"),
    *("print-scan", "messenger", "monitor", "monitor-oblique", "monitor-moire", "light-box", "monitor-messenger"),
)
_APART_MM = 42.0


@dataclass(frozen=True)
class Nodule:
    """A sphere in a film: its centre and diameter in pixels, and how much it adds, of the full scale."""

    row: float
    column: float
    diameter: float
    contrast: float
    pasted: bool

    def drawn_on(self, film: NDArray[np.float32]) -> None:
        reach = int(self.diameter) + 2
        top, left = max(0, int(self.row) - reach), max(0, int(self.column) - reach)
        part = film[top : int(self.row) + reach, left : int(self.column) + reach]
        y, x = np.mgrid[: part.shape[0], : part.shape[1]]
        way = 1 - ((y + top - self.row) ** 2 + (x + left - self.column) ** 2) / (self.diameter / 2) ** 2
        part += np.float32(self.contrast) * cv2.GaussianBlur(np.sqrt(np.maximum(way, 0)).astype(np.float32), (0, 0), 1.5)


@dataclass
class Counts:
    """Over the films of one kind: false areas of honest pictures, seconds, pictures without alignment, nodules found."""

    false: list[int] = field(default_factory=list)
    beside: list[int] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)
    lost: int = 0
    found: Mapping[tuple[float, float], list[bool]] = field(default_factory=lambda: defaultdict(list))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cxr", type=Path)
    parser.add_argument("--films", type=int, nargs="*", default=list(range(6)), help="which of the films")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    parser.add_argument("--contrasts", nargs="*", type=float, default=list(CONTRASTS))
    arguments = parser.parse_args()
    if arguments.cxr is None:
        print("left out: it needs --cxr PACK, a folder of films with its manifest.csv")
        return
    cv2.setNumThreads(1)
    paths = chosen(arguments.cxr)[0]
    table: dict[str, Counts] = defaultdict(Counts)
    for number in arguments.films:
        host = made(paths[number].stem, np.asarray(grey(paths[number])))
        for kind in arguments.kinds:
            honest(host, kind, table[kind])
            for contrast in arguments.contrasts:
                planted(host, kind, contrast, table[kind])
    report(table, arguments.contrasts)


def honest(host: Host, kind: str, counts: Counts) -> None:
    """An untouched copy: every box is false."""
    found = aligned(picture(host, kind), host.original(), counts)
    if found is not None:
        counts.false.append(len(found.altered))


def planted(host: Host, kind: str, contrast: float, counts: Counts) -> None:
    """A copy with nodules pasted and removed."""
    nodules = nodules_for(host, contrast)
    original = with_nodules(host, [each for each in nodules if not each.pasted]).original()
    copy = with_nodules(host, [each for each in nodules if each.pasted])
    leaked = picture(copy, kind)
    found = aligned(leaked, original, counts)
    if found is None:
        return
    places = {each: _in_picture(each, found) for each in nodules}
    shown = leaked.shape
    for nodule, (x, y, size) in places.items():
        if size <= x < shown[1] - size and size <= y < shown[0] - size:
            hit = any(_holds(box, x, y, size) for box in found.altered)
            millimetres = nodule.diameter * FILM_SIDE_MM / max(host.frame.rows, host.frame.columns)
            counts.found[round(millimetres), contrast].append(hit)
    counts.beside.append(sum(not any(_touches(box, *place) for place in places.values()) for box in found.altered))


def picture(host: Host, kind: str) -> NDArray[Any]:
    """The first recipient's copy, after ``kind`` happened to it."""
    attack = ATTACKS[kind]
    copies: list[Film] = [host.copy(recipient) for recipient in range(attack.copies)]
    return attack(copies, seed=seed_of(kind, host.name))


def aligned(picture: NDArray[Any], original: Original, counts: Counts) -> Alignment | None:
    started = time.process_time()
    found = align(luma(picture), original)
    counts.seconds.append(time.process_time() - started)
    counts.lost += found is None
    return found


def nodules_for(host: Host, contrast: float) -> Sequence[Nodule]:
    """Nodules at places that are neither black nor burnt out, far from each other; bright and dark, pasted and removed."""
    random = np.random.default_rng(seed_of("nodules", host.name))
    film = host.frame.samples.astype(np.float32) / (2**host.frame.bits_stored - 1)
    rows, columns = film.shape
    millimetre = max(rows, columns) / FILM_SIDE_MM
    nodules: list[Nodule] = []
    for diameter in DIAMETERS:
        size = diameter * millimetre
        for _ in range(400):
            row, column = random.uniform(0.15, 0.85) * rows, random.uniform(0.12, 0.88) * columns
            part = film[int(row - size) : int(row + size), int(column - size) : int(column + size)]
            usable = np.percentile(part, 2) > 0.1 and np.percentile(part, 98) < 0.88
            if usable and all(np.hypot(row - n.row, column - n.column) > _APART_MM * millimetre for n in nodules):
                sign = 1 if random.random() < 0.6 else -1
                nodules.append(Nodule(row, column, size, sign * contrast, pasted=bool(random.random() < 0.5)))
                break
    return nodules


def with_nodules(host: Host, nodules: Iterable[Nodule]) -> Host:
    """The same film with nodules in it; recipients keep their keys."""
    top = 2**host.frame.bits_stored - 1
    film = host.frame.samples.astype(np.float32) / top
    for nodule in nodules:
        nodule.drawn_on(film)
    samples = np.rint(np.clip(film, 0, 1) * top).astype(host.frame.samples.dtype)
    return replace(host, frame=replace(host.frame, samples=samples))


def _in_picture(nodule: Nodule, found: Alignment) -> tuple[float, float, float]:
    """Column, row and diameter of a nodule in the found picture."""
    reach = nodule.diameter / 2
    around = ((0, 0), (reach, 0), (-reach, 0), (0, reach), (0, -reach))
    ends = np.array([(nodule.column + dx, nodule.row + dy) for dx, dy in around])
    mapped = cv2.perspectiveTransform(ends[np.newaxis].astype(np.float64), found.homography)[0]
    size = float(np.sqrt(np.linalg.norm(mapped[1] - mapped[2]) * np.linalg.norm(mapped[3] - mapped[4])))
    return float(mapped[0, 0]), float(mapped[0, 1]), size


def _holds(box: Box, x: float, y: float, size: float) -> bool:
    # A bent picture's boxes follow the bend, the homography does not: a third of the diameter is left free for it.
    slack, largest = size / 3, 4 * size
    inside = box.left - slack <= x < box.right + slack and box.top - slack <= y < box.bottom + slack
    return inside and max(box.right - box.left, box.bottom - box.top) <= largest


def _touches(box: Box, x: float, y: float, size: float) -> bool:
    return box.left - size <= x < box.right + size and box.top - size <= y < box.bottom + size


def report(table: Mapping[str, Counts], contrasts: Sequence[float]) -> None:
    sizes = sorted({round(diameter) for diameter in DIAMETERS})
    heads = [f"{size} mm {contrast:.0%}" for contrast in contrasts for size in sizes]
    first = "| kind | films | not aligned | false areas, mean | largest | beside planted ones | s | "
    print(first + " | ".join(heads) + " |")
    print("| --- |" + " ---: |" * (6 + len(heads)))
    for kind, counts in table.items():
        print(_row(kind, counts, [(size, contrast) for contrast in contrasts for size in sizes]))
    everything = Counts()
    for counts in table.values():
        everything.false += counts.false
        everything.beside += counts.beside
        everything.seconds += counts.seconds
        everything.lost += counts.lost
        for key, hits in counts.found.items():
            everything.found[key].extend(hits)
    print(_row("all", everything, [(size, contrast) for contrast in contrasts for size in sizes]))


def _row(kind: str, counts: Counts, cells: Sequence[tuple[float, float]]) -> str:
    shares = [_share(counts.found.get(cell)) for cell in cells]
    false, beside, seconds = (np.mean(each) if each else 0.0 for each in (counts.false, counts.beside, counts.seconds))
    most = max(counts.false, default=0)
    start = f"| {kind} | {len(counts.false)} | {counts.lost} | {false:.2f} | {most} | {beside:.2f} | {seconds:.2f} | "
    return start + " | ".join(shares) + " |"


def _share(hits: list[bool] | None) -> str:
    return f"{np.mean(hits):.0%} of {len(hits)}" if hits else ""


if __name__ == "__main__":
    main()
