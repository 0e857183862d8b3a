"""Train the quantisers of film fingerprints and write ``src/leadglass/mark/codebook/v1.npz``.

Run ``python training/fingerprint/train.py PACK`` where PACK holds ``manifest.csv`` and the pictures it names. Only rows of
tier A in the split ``train`` are used, without duplicates and without any patient of the folder ``fullres``, on which
``bench/find.py`` measures. Everything is seeded.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import cv2
import faiss
import numpy as np
from numpy.typing import NDArray

from leadglass.mark.codes import CODE, DIRECTIONS, LISTS, Codebook
from leadglass.mark.descriptors import describe
from leadglass.mark.fingerprint import FILM_FEATURES, FILM_LARGE, FILM_SIDE

TARGET = Path(__file__).parents[2] / "src/leadglass/mark/codebook/v1.npz"
SEED = 5
TAKEN = {"hannover512": (1000, 900), "hannover_seg512": (1000, 900), "kermany512": (220, 400), "kermany224": (400, 300)}
"""For every folder: films at most, and features of each. Adults are few in the pack, so that each gives more."""

FILM_SHARE = FILM_LARGE / FILM_FEATURES
Floats = NDArray[np.float32]


def films(pack: Path) -> Iterator[tuple[Path, int]]:
    """The films to learn from, each with the number of features to take."""
    with (pack / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    kept_back = {row["patient"] for row in rows if row["path"].startswith("fullres/")}
    free = [
        row["path"]
        for row in rows
        if row["tier"] == "A" and row["split"] == "train" and not row["duplicate_of"] and row["patient"] not in kept_back
    ]
    order = np.random.default_rng(SEED)
    for folder, (most, features) in TAKEN.items():
        here = sorted(path for path in free if path.startswith(f"{folder}/"))
        for place in order.permutation(len(here))[:most]:
            yield pack / here[place], features


def descriptors(pack: Path) -> Floats:
    """RootSIFT of the films, of shape (features, 128)."""
    found = []
    for path, features in films(pack):
        picture: Any = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        found.append(describe(picture, side=FILM_SIDE, most=features, large=round(features * FILM_SHARE)).descriptors)
    return np.concatenate(found)


def train(samples: Floats) -> Codebook:
    """Principal directions, then centroids, then an optimised product code of what is left (Ge et al., CVPR 2013)."""
    mean = samples.mean(axis=0)
    _, vectors = np.linalg.eigh(np.cov((samples - mean).T))
    projection = vectors[:, ::-1][:, :DIRECTIONS].astype(np.float32)
    projected = np.ascontiguousarray((samples - mean) @ projection)
    centroids = means(projected, LISTS)
    rotation, words = product(projected, centroids)
    return Codebook(mean, projection @ rotation, centroids @ rotation, words)


def means(projected: Floats, count: int) -> Floats:
    """The centroids of ``count`` lists."""
    clusters = faiss.Kmeans(DIRECTIONS, count, niter=12, seed=SEED, max_points_per_centroid=80, min_points_per_centroid=1)
    clusters.train(projected)
    found: Floats = clusters.centroids
    return found


def product(projected: Floats, centroids: Floats) -> tuple[Floats, Floats]:
    """A rotation of shape (64, 64) to be applied from the right, and the words of the product code of the rotated rest."""
    lists = faiss.IndexFlatL2(DIRECTIONS)
    lists.add(centroids)
    rest = projected - centroids[lists.search(projected, 1)[1][:, 0]]
    matrix = faiss.OPQMatrix(DIRECTIONS, CODE)
    matrix.niter = 20
    matrix.train(rest[:40_000])
    rotation = faiss.vector_to_array(matrix.A).reshape(DIRECTIONS, DIRECTIONS).T.copy()
    code = faiss.ProductQuantizer(DIRECTIONS, CODE, 8)
    code.cp.seed = SEED
    code.train(np.ascontiguousarray(rest @ rotation))
    return rotation, faiss.vector_to_array(code.centroids).reshape(CODE, 256, DIRECTIONS // CODE)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--target", type=Path, default=TARGET)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    faiss.omp_set_num_threads(1)
    started = time.process_time()
    samples = descriptors(arguments.pack)
    book = train(samples)
    arrays = {name: getattr(book, name).astype(np.float16) for name in ("projection", "centroids", "words")}
    np.savez(arguments.target, mean=book.mean, **arrays)
    size = arguments.target.stat().st_size
    sys.stdout.write(f"{len(samples):,} features, {size:,} bytes, {time.process_time() - started:.0f} s of CPU\n")


if __name__ == "__main__":
    main()
