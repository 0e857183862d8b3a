"""Measure by what the shipped model is believed and write ``src/leadglass/anatomy/model/``.

Run ``PYTHONPATH=src python training/anatomy/calibrate.py PACK MODEL`` where MODEL is the ``outlines.onnx`` that ``train.py``
wrote. The shapes of lungs come from the masks of training films, each folder counting alike; the limits from what the model
says about validation films of tier A. Needs onnxruntime.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from films import Film, load
from numpy.typing import NDArray

from leadglass.anatomy.belief import LEFT, RIGHT, Answer, Limits, measures, plain, shape
from leadglass.anatomy.pieces import filled, largest
from leadglass.anatomy.prepare import SIDE, Placed, prepare
from leadglass.model.frame import Frame

TARGET = Path(__file__).parents[2] / "src/leadglass/anatomy/model"
ALIKE = 0.02
"""Added to each variance, so that a number that hardly varies among few films does not weigh beyond measure."""
SHOWN = (50, 95, 97.5, 99, 100)
PASSED = 99.5
"""Percentile of validation films below each limit, and the room above it: what is no chest is far beyond."""
ROOM = 1.05
FLOORS = {"unsure": 0.20, "distance": 4.0, "strange": 0.5}
"""No limit is drawn tighter than this, however good the validation films are."""


def shapes(films: list[Film]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Mean and precision of the shapes of lungs, every folder counting alike."""
    rows, weights = [], []
    counts = {film.source: sum(other.source == film.source for other in films) for film in films}
    for film in films:
        if (film.bits & 1).any() and (film.bits & 2).any():
            whole = Placed(*film.bits.shape, 0, 0, *film.bits.shape)
            rows.append(shape(film.bits & 1 > 0, film.bits & 2 > 0, whole))
            weights.append(1 / counts[film.source] if film.source != "cohen512" else 0.3 / counts[film.source])
    data, share = np.array(rows), np.array(weights) / np.sum(weights)
    mean = share @ data
    spread = (data - mean).T @ ((data - mean) * share[:, np.newaxis])
    return mean, np.linalg.inv(spread + ALIKE**2 * np.eye(len(mean)))


def answered(session: Any, film: Film) -> tuple[Answer, Placed]:
    """The model's answer to a film."""
    picture, placed = prepare(Frame(film.picture, "MONOCHROME2", 8))
    chances, pose = session.run(None, {"picture": picture[np.newaxis, np.newaxis]})
    return Answer(chances.reshape(4, SIDE, SIDE), pose.reshape(-1)), placed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pack", type=Path)
    parser.add_argument("model", type=Path)
    parser.add_argument("--target", type=Path, default=TARGET)
    arguments = parser.parse_args()
    digest = hashlib.sha256(arguments.model.read_bytes()).hexdigest()
    session = onnxruntime.InferenceSession(str(arguments.model), providers=["CPUExecutionProvider"])
    mean, precision = shapes(load(arguments.pack, "train"))
    unit = Limits(digest, 1.0, 1.0, 1.0, mean.round(6), precision.round(4))
    seen: dict[str, list[float]] = {name: [] for name in FLOORS}
    for film in load(arguments.pack, "val"):
        answer, placed = answered(session, film)
        lungs = [filled(largest(answer.chances[channel] > 0.5)) for channel in (RIGHT, LEFT)]
        if all(lung.any() for lung in lungs):
            for name, value in measures(answer, lungs[0], lungs[1], placed, unit).items():
                seen[name].append(value)
    limit = {name: round(max(ROOM * float(np.percentile(values, PASSED)), FLOORS[name]), 4) for name, values in seen.items()}
    for name, values in seen.items():
        sys.stderr.write(f"{name}: limit {limit[name]}, percentiles {np.percentile(values, SHOWN).round(3).tolist()}\n")
    held = Limits(digest, limit["unsure"], limit["distance"], limit["strange"], unit.mean, unit.precision)
    arguments.target.mkdir(parents=True, exist_ok=True)
    shutil.copyfile(arguments.model, arguments.target / "outlines.onnx")
    text = json.dumps(plain(held, model="residual U-Net, 192 x 192, 4 outlines and 9 poses", data={}))
    (arguments.target / "outlines.json").write_text(text + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
