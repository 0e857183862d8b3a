"""Text burned into films: how much of it is gone, what stays that should, what it costs, and who has to look again.

Run ``python bench/burned_in.py --films 200 --seed N`` with the extra ``ocr`` and Pillow. Backgrounds are drawn, or real
films where ``LEADGLASS_FILMS`` names a folder of them. Whether a string is gone is judged by its glyphs, not by
reading.
"""

from __future__ import annotations

import argparse
import os
import resource
import sys
import time
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1] / "tests" / "sets"))

from burned_films import burned_films, correlations, gone, kept, standing, written_area

from leadglass.adapters.detectors.text import TextReader
from leadglass.deid.pixels import Verdict, read


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=12)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--list", action="store_true", help="say which strings were left and which markers were lost")
    asked = parser.parse_args()
    folder = os.environ.get("LEADGLASS_FILMS")
    counts: dict[str, Counter[bool]] = defaultdict(Counter)
    verdicts, reasons = Counter[Verdict](), Counter[str]()
    changed, lungs, text, beyond, seconds, ghosts = [], [], [], [], [], []
    with TextReader() as detector:
        # The models are loaded before the clock starts; a run of many files loads them once.
        detector.recognise([np.zeros((32, 64), np.uint8)])
        for number, film in enumerate(burned_films(asked.films, seed=asked.seed, folder=Path(folder) if folder else None)):
            began = time.process_time() + detector.processor_seconds()
            reading, result = read(film.frame, detector)
            seconds.append(time.process_time() + detector.processor_seconds() - began)
            verdicts[reading.verdict] += 1
            if reading.verdict is Verdict.REVIEW:
                reasons[reading.why] += 1
            touched = film.frame.samples != result.samples
            changed.append(float(touched.mean()))
            if film.lungs is not None and film.lungs.any():
                lungs.append(float(touched[film.lungs].mean()))
            area = written_area(film)
            text.append(float(area.mean()))
            beyond.append(float((touched & ~area).mean()))
            inside = np.zeros_like(touched)
            for box in reading.boxes:
                inside[box.top : box.bottom, box.left : box.right] = True
            counts["untouched pixels identical"][not (touched & ~inside).any()] += 1
            for item in film.written:
                if item.identifying:
                    done = gone(film, result, item)
                    ghosts += correlations(result, item) if done else []
                    counts["strings gone"][done] += 1
                    counts[f"  {'Chinese' if item.chinese else 'Latin'}"][done] += 1
                    counts[f"  {item.style}"][done] += 1
                    counts[f"  kind {item.kind}"][done] += 1
                else:
                    done = kept(film, result, item)
                    counts[f"{item.kind}s kept"][done] += 1
                if asked.list and not done:
                    shares = [round(share, 2) for share in standing(film, result, item)]
                    print(
                        f"film {number}: {item.kind} {item.style} {item.text!r} {shares} {reading.verdict}", file=sys.stderr
                    )
    for name in sorted(counts, key=lambda name: (name.startswith("  "), name)):
        total = counts[name].total()
        print(f"{name:28} {counts[name][True]:5} of {total:5}  {100 * counts[name][True] / total:6.2f} %")
    ghost = max(ghosts, default=0)
    print(f"greatest correlation of a filled place with the glyph that stood there: {ghost:.2f}")
    for name, shares in (
        ("identifying text and a quarter of its height around it:", text),
        ("pixels changed:", changed),
        ("pixels changed beyond that:", beyond),
        ("lung pixels changed:", lungs),
    ):
        if shares:
            mean, median, greatest = (100 * float(of(shares)) for of in (np.mean, np.median, np.max))
            print(f"{name} mean {mean:.2f} %, median {median:.2f} %, greatest {greatest:.2f} %")
    print(f"processor seconds a film: mean {np.mean(seconds):.2f}, greatest {max(seconds):.2f}")
    print("verdicts: " + ", ".join(f"{verdict} {100 * verdicts[verdict] / asked.films:.1f} %" for verdict in Verdict))
    for why, count in reasons.most_common():
        print(f"  to review, {100 * count / asked.films:.1f} %: {why}")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    where = "real" if folder else "drawn"
    print(f"films {asked.films}, seed {asked.seed}, {where} backgrounds; recogniser {memory:.0f} MB at most")


if __name__ == "__main__":
    main()
