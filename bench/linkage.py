"""What the veil hides: whether two films are of one patient, asked of films as an attacker sees them.

Run ``OMP_NUM_THREADS=1 python bench/linkage.py --cxr PACK [--views TEXT...]``, where PACK holds ``manifest.csv``, the
pictures it names and ``pairs_reid.csv``. A linear attacker learns anew for each view (``training/reid/linear.py``); printed
is its area under the curve by source, 0.5 for chance, with the middle 95 % over resampled patients. ``--views`` names some,
by a part of their names. All of them take some four minutes of processor. ``training/reid/README.md`` says what came out.
"""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

import cv2

from leadglass.adapters.detectors.outlines import OnnxOutlines

sys.path.append(str(Path(__file__).parents[1] / "training" / "reid"))
import attack  # type: ignore[import-not-found, unused-ignore]  # in training/reid, which is no package
import films  # type: ignore[import-not-found, unused-ignore]  # likewise


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cxr", type=Path)
    parser.add_argument("--views", nargs="*", default=[""])
    arguments = parser.parse_args()
    if arguments.cxr is None:
        print("left out: it needs --cxr PACK, a folder of films with its manifest.csv and pairs_reid.csv")
        return
    cv2.setNumThreads(1)
    print(OnnxOutlines().name)
    begun = time.process_time()
    pairs = films.read_pairs(arguments.cxr)
    learned, asked = films.read_films(arguments.cxr, pairs)
    patients = len({film.patient for film in learned})
    print(f"{len(learned)} films of {patients} patients to learn from, {len(asked)} asked about")
    names = [name for name in attack.NAMES if any(part in name for part in arguments.views)]
    for line in attack.table(names, learned, asked, pairs):
        print(line, flush=True)
    print(f"{time.process_time() - begun:.0f} s of processor")


if __name__ == "__main__":
    main()
