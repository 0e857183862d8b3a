"""The process that recognises text: pictures in, places and strings out. It has no key, no database and no other input.

It runs as ``python -m leadglass.adapters.detectors.worker`` and speaks as ``confined`` says. A request names an ``ask``,
``locate`` or ``recognise``, and brings its pictures, 8 bits each, grey or of three planes. An answer to ``locate`` is
``found``: for each picture pairs of four corners (x, y) and a score; to ``recognise`` it is ``read``: a string and a score
for each picture.
"""

from __future__ import annotations

from collections.abc import Sequence
from importlib import import_module
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.adapters.confined_child import Answerer, serve

Picture = NDArray[np.uint8]


def prepare(threads: int) -> Answerer:
    recogniser = _recogniser(threads)

    def answer(request: dict[str, Any], samples: Sequence[Picture]) -> tuple[dict[str, Any], tuple[()]]:
        pictures = [_three_planes(picture) for picture in samples]
        if request["ask"] == "locate":
            return {"found": [_locate(recogniser, picture) for picture in pictures]}, ()
        return {"read": [_recognise(recogniser, picture) for picture in pictures]}, ()

    return answer


def _three_planes(samples: Picture) -> Picture:
    """Blue, green and red, as the recogniser wants them; grey is the same thrice."""
    if samples.ndim == 3 and samples.shape[2] == 3:
        return np.ascontiguousarray(samples[:, :, ::-1])
    return np.repeat(samples.reshape(*samples.shape[:2], 1), 3, axis=2)


def _recogniser(threads: int) -> Any:
    # An extra that may be absent, and whose types are not ours to check: it is imported by name, here alone.
    return import_module("rapidocr").RapidOCR(
        params={
            "Global.log_level": "critical",
            # Pictures come at the size they are to be read at: a small part of one is not to be blown up.
            "Det.limit_side_len": 96,
            "EngineConfig.onnxruntime.enable_cpu_mem_arena": True,
            "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            "EngineConfig.onnxruntime.inter_op_num_threads": 1,
        }
    )


def _locate(recogniser: Any, picture: Picture) -> list[tuple[list[list[float]], float]]:
    found = recogniser(picture, use_det=True, use_cls=False, use_rec=False)
    if getattr(found, "boxes", None) is None:
        return []
    return [
        ([[float(x), float(y)] for x, y in corners], float(score))
        for corners, score in zip(found.boxes, found.scores, strict=True)
    ]


def _recognise(recogniser: Any, picture: Picture) -> tuple[str, float]:
    read = recogniser(picture, use_det=False, use_cls=True, use_rec=True)
    if not getattr(read, "txts", None):
        return "", 0.0
    return str(read.txts[0]), float(read.scores[0])


if __name__ == "__main__":
    serve(prepare)
