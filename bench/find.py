"""How well and how fast a picture's film is found among all films at hand: recall by kind of picture, time, bytes a film.

Run ``python bench/find.py --cxr PACK [--keep ROWS.npz]``, where PACK holds ``manifest.csv`` and the pictures it names. Films
that are asked for are the full-size ones and some of the split ``val``; copies of them at other sizes are left out of the
index. ``--keep`` names a file that keeps the rows of the other films for the next run. Everything is on one thread, and
times are of the processor.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import faiss
import numpy as np
from numpy.typing import NDArray

from leadglass.mark import fingerprint as fingerprints
from leadglass.mark.fingerprint import Index, fingerprint
from leadglass.mark.found import WORKING_SIDE

sys.path.append(str(Path(__file__).parents[1] / "tests" / "sets"))
import captures  # type: ignore[import-not-found, unused-ignore]

Grey = NDArray[np.uint8]
Random = np.random.Generator
Outline = NDArray[np.float64]

SEED = 20
FULL_SIDE = 2000
VALIDATION = {"cohen512": 5, "hannover512": 4, "kermany512": 4}
RANKS = (1, 3, 8)


@dataclass(frozen=True)
class Asked:
    """A picture, the numbers of the films it shows, and where."""

    picture: Grey
    films: tuple[int, ...]
    outlines: tuple[Outline, ...] = ()


@dataclass(frozen=True)
class Answer:
    """Of one film in one picture: its rank (0: none), its features in agreement, and those of the best other film."""

    rank: int
    right: int
    wrong: int
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cxr", type=Path)
    parser.add_argument("--keep", type=Path)
    parser.add_argument("--films", type=int, default=26, help="how many films are asked for")
    parser.add_argument("--kinds", nargs="*", default=list(KINDS))
    arguments = parser.parse_args()
    if arguments.cxr is None:
        print("left out: it needs --cxr PACK, a folder of films with its manifest.csv")
        return
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    asked_for, others = chosen(arguments.cxr)
    asked_for = asked_for[: arguments.films]
    films = [film(path) for path in asked_for]
    started = time.process_time()
    rows = [fingerprint(reduced(each)) for each in films]
    print(
        f"adding a film: {(time.process_time() - started) / len(films):.3f} s, {np.mean([len(r) for r in rows]):.0f} bytes"
    )
    rows += kept(others, arguments.keep)
    started = time.process_time()
    index = Index(enumerate(rows))
    print(f"loading {len(index)} films: {time.process_time() - started:.2f} s")
    report(index, [to_grey(each) for each in films], arguments.kinds)
    foreign(rows, [to_grey(each) for each in films])
    growth(rows, [to_grey(each) for each in films])


def chosen(pack: Path) -> tuple[list[Path], list[Path]]:
    """Films to ask for, and all others that are none of their copies."""
    with (pack / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if not row["duplicate_of"]]
    asked = [row for row in rows if row["path"].startswith("fullres/")]
    patients = {row["patient"] for row in asked}
    for folder, most in VALIDATION.items():
        here = (r for r in rows if r["path"].startswith(folder) and r["split"] == "val" and r["patient"] not in patients)
        for row in [row for row, _ in zip(_one_a_patient(here), range(most), strict=False)]:
            asked.append(row)
            patients.add(row["patient"])
    names = {_name(row) for row in asked}
    others = [row for row in rows if _name(row) not in names and not row["path"].startswith("dicom/")]
    return [pack / row["path"] for row in asked], [pack / row["path"] for row in others]


def _one_a_patient(rows: Iterator[dict[str, str]]) -> Iterator[dict[str, str]]:
    seen: set[str] = set()
    for row in rows:
        if row["patient"] not in seen:
            seen.add(row["patient"])
            yield row


def _name(row: dict[str, str]) -> tuple[str, str]:
    return row["source"], row["source_file"].split("/")[-1].rsplit(".", 1)[0]


def grey(path: Path) -> Any:
    return cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)


def film(path: Path) -> NDArray[np.uint16]:
    """A film of 12 bits at full size: the picture enlarged, with noise of 8 levels."""
    picture = grey(path)
    scale = FULL_SIDE / max(picture.shape)
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC if scale > 1 else cv2.INTER_AREA)
    noise = np.random.default_rng(SEED).normal(0, 8, large.shape)
    return np.clip(large.astype(np.float32) * 16 + noise, 0, 4095).astype(np.uint16)


def reduced(full: NDArray[np.uint16]) -> NDArray[np.uint16]:
    """As ``spread.reduced``: by area, stretched to 16 bits."""
    scale = min(1.0, WORKING_SIDE / max(full.shape))
    small = cv2.resize(full, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA).astype(np.float32)
    return ((small - small.min()) * (65535 / max(float(np.ptp(small)), 1.0))).astype(np.uint16)


def to_grey(full: NDArray[np.uint16]) -> Grey:
    return (full >> 4).astype(np.uint8)


def kept(paths: Sequence[Path], keep: Path | None) -> list[bytes]:
    """Rows of the other films, from the file that keeps them where it does."""
    if keep is not None and keep.exists():
        return [row.tobytes() for row in np.load(keep, allow_pickle=False).values()]
    rows = [fingerprint(grey(path).astype(np.uint16) * np.uint16(257)) for path in paths]
    if keep is not None:
        np.savez(keep, *(np.frombuffer(row, np.uint8) for row in rows))
    return rows


# Kinds of picture.


def window(picture: Grey, low: float, high: float) -> Grey:
    return np.clip((picture.astype(np.float32) - low) * (255 / (high - low)), 0, 255).astype(np.uint8)


def cropped(picture: Grey, random: Random, area: float) -> Grey:
    """A part of the picture of its own shape, nowhere near empty."""
    rows, columns = (round(n * area**0.5) for n in picture.shape)
    for _ in range(50):
        top, left = (int(random.integers(0, n - m + 1)) for n, m in zip(picture.shape, (rows, columns), strict=True))
        part = picture[top : top + rows, left : left + columns]
        if part.std() > 15:
            break
    return part.copy()


def turned(picture: Grey, degrees: float) -> Grey:
    rows, columns = picture.shape
    matrix = cv2.getRotationMatrix2D((columns / 2, rows / 2), degrees, 0.8)
    return np.asarray(cv2.warpAffine(picture, matrix, (columns, rows), borderValue=0), np.uint8)


def flat(picture: Any) -> Grey:
    """A picture that may be in colour as a grey one."""
    return np.asarray(picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY), np.uint8)


def messenger(picture: Grey) -> Grey:
    return flat(captures.messenger(picture, times=2))


def chain(picture: Grey, random: Random) -> Grey:
    return messenger(255 - turned(picture[:, ::-1], float(random.uniform(5, 355))))


def screenshot(picture: Grey, random: Random, longer: int = 700) -> Grey:
    """A film in a window of a monitor full of lines and words."""
    screen = np.full((1080, 1920), 40, np.uint8)
    for row in range(30, 1060, 26):
        cv2.putText(screen, f"{random.integers(1e9)}  SERIES {row}  STUDY", (20, row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 220, 1)
        cv2.putText(screen, f"ORDER {random.integers(1e6)}", (1500, row), cv2.FONT_HERSHEY_SIMPLEX, 0.6, 200, 1)
    small = flat(captures.fitted(picture, longer))
    top, left = int(random.integers(40, 300)), int(random.integers(480, 700))
    screen[top : top + small.shape[0], left : left + small.shape[1]] = small
    return flat(captures.encoded(screen, 80))


def photo_part(picture: Grey, random: Random) -> Grey:
    return cropped(flat(captures.of_monitor(picture, random)), random, 0.25)


Kind = Callable[[Grey, Random], Grey]
KINDS: dict[str, Kind] = {
    "window, JPEG 75": lambda p, _: flat(captures.encoded(window(p, 30, 210), 75)),
    "JPEG 10 at 800": lambda p, _: flat(captures.encoded(captures.fitted(p, 800), 10)),
    "shrunk to 200": lambda p, _: flat(captures.fitted(p, 200)),
    "CLAHE": lambda p, _: np.asarray(cv2.createCLAHE(4.0, (8, 8)).apply(p), np.uint8),
    "mirror": lambda p, _: p[:, ::-1].copy(),
    "negative": lambda p, _: 255 - p,
    "turned": lambda p, r: turned(p, float(r.uniform(5, 355))),
    "crop 25 %": lambda p, r: cropped(p, r, 0.25),
    "crop 10 %": lambda p, r: cropped(p, r, 0.10),
    "crop 10 %, window, JPEG 60": lambda p, r: flat(captures.encoded(window(cropped(p, r, 0.10), 20, 200), 60)),
    "crop 4 %": lambda p, r: cropped(p, r, 0.04),
    "messenger twice": lambda p, _: messenger(p),
    "photo of monitor": lambda p, r: flat(captures.of_monitor(p, r)),
    "oblique photo": lambda p, r: flat(captures.of_monitor(p, r, captures.OBLIQUE)),
    "photo of film": lambda p, r: flat(captures.of_light_box(p, r)),
    "quarter of a photo": photo_part,
    "photo, messenger twice": lambda p, r: messenger(flat(captures.of_monitor(p, r, captures.OBLIQUE))),
    "mirror, negative, turn, messenger": chain,
    "screenshot": screenshot,
    "screenshot, film of 300": lambda p, r: screenshot(p, r, 300),
}


def pictures(kind: str, films: Sequence[Grey]) -> Iterator[Asked]:
    """One picture a film."""
    for number, each in enumerate(films):
        yield Asked(KINDS[kind](each, np.random.default_rng((SEED, number))), (number,))


def collages(films: Sequence[Grey], columns: int) -> Iterator[Asked]:
    """Films side by side, each 600 pixels wide."""
    for first in range(0, len(films) - columns + 1, columns):
        numbers = tuple(range(first, first + columns))
        parts = [cv2.resize(films[n], (600, round(600 * films[n].shape[0] / films[n].shape[1]))) for n in numbers]
        board = np.zeros((max(len(part) for part in parts), 600 * columns), np.uint8)
        outlines = []
        for place, part in enumerate(parts):
            left, tall = 600 * place, len(part)
            board[:tall, left : left + 600] = part
            outlines.append(np.array([(left, 0), (left + 600, 0), (left + 600, tall), (left, tall)], np.float64))
        yield Asked(flat(captures.encoded(board, 75)), numbers, tuple(outlines))


def answers(index: Index, asked: Asked) -> Iterator[Answer]:
    """The rank of every film in a picture, those found before being left out of the search."""
    left = dict(zip(asked.films, asked.outlines or [np.zeros((0, 2))] * len(asked.films), strict=True))
    without: list[Outline] = []
    for _ in asked.films:
        started = time.process_time()
        found = index.find(asked.picture, without=without)
        seconds = time.process_time() - started
        ranks = {candidate.film: rank for rank, candidate in enumerate(found, 1)}
        best = min(left, key=lambda number: ranks.get(number, 1000))
        right = next((c.inliers for c in found if c.film == best), 0)
        wrong = max((c.inliers for c in found if c.film not in asked.films), default=0)
        yield Answer(ranks.get(best, 0), right, wrong, seconds)
        without.append(left.pop(best))


def report(index: Index, films: Sequence[Grey], kinds: Sequence[str]) -> None:
    everything = [(kind, list(pictures(kind, films))) for kind in kinds]
    if len(kinds) == len(KINDS):
        everything += [(f"collage of {n}", list(collages(films, n))) for n in (2, 3)]
    print(
        f"{'kind':34} {'n':>3} "
        + " ".join(f"{'@' + str(r):>5}" for r in RANKS)
        + "  right(10%, median)  wrong(max)   s mean, max"
    )
    for kind, asked in everything:
        found = [answer for each in asked for answer in answers(index, each)]
        recall = " ".join(f"{np.mean([0 < a.rank <= most for a in found]):5.2f}" for most in RANKS)
        right = np.percentile([a.right for a in found], (10, 50))
        seconds = [a.seconds for a in found]
        print(
            f"{kind:34} {len(found):3} {recall}  {right[0]:8.0f} {right[1]:8.0f} {max(a.wrong for a in found):10}"
            f"   {np.mean(seconds):11.2f} {max(seconds):.2f}",
            flush=True,
        )


def foreign(rows: Sequence[bytes], films: Sequence[Grey]) -> None:
    """What films score that are not in the index."""
    index = Index(list(enumerate(rows))[len(films) :])
    started = time.process_time()
    best = sorted(max((c.inliers for c in index.find(each)), default=0) for each in films)
    print(f"foreign films: in agreement {best}, {(time.process_time() - started) / len(films):.2f} s each")


def growth(rows: Sequence[bytes], films: Sequence[Grey]) -> None:
    """Time to load and to ask, as films are added; beyond those at hand with codes perturbed at random."""
    random = np.random.default_rng(SEED)
    for count in (1000, 2000, len(rows), 20_000, 50_000):
        more = [perturbed(rows[i % len(rows)], random) if i >= len(rows) else rows[i] for i in range(count)]
        started = time.process_time()
        index = Index(enumerate(more))
        loaded = time.process_time()
        ranks = [next(answers(index, Asked(KINDS["photo of film"](p, random), (n,)))) for n, p in enumerate(films[:6])]
        print(
            f"{count:7} films: load {loaded - started:.2f} s, a picture {np.mean([a.seconds for a in ranks]):.2f} s, "
            f"{sum(a.rank == 1 for a in ranks)} of {len(ranks)} first",
            flush=True,
        )


def perturbed(row: bytes, random: Random) -> bytes:
    """A row with another word in a quarter of its codes, and its places shuffled: another film, of the same kind."""
    count = int.from_bytes(row[1:3], "little")
    start, end = 3 + 2 * count, 3 + (2 + fingerprints.CODE) * count
    codes = np.frombuffer(row, np.uint8, end - start, start).copy()
    other = random.random(codes.shape) < 0.25
    codes[other] = random.integers(0, 256, int(other.sum()))
    places = np.frombuffer(row, "<u4", count, end)
    return row[:start] + codes.tobytes() + random.permutation(places).tobytes()


if __name__ == "__main__":
    main()
