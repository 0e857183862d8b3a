"""The process that compares pictures with originals: arrays in, coefficients and numbers out. It has no key, no database.

It runs as ``python -m leadglass.adapters.tracing.aligner_worker`` and speaks as ``confined`` says. A request has an ``ask``:

- ``fingerprint`` of one array, a film as ``spread.reduced`` gives it; the answer is one array of bytes, the row;
- ``load`` of three arrays, the numbers of films, the lengths of their rows and the rows; the answer is how many ``films``;
- ``find`` of a picture and outlines of what is known in it already; the answer is ``found``: film, votes and inliers each;
- ``align`` of a picture and an original, as samples and amplitude with ``rows``, ``columns`` and ``spacing``; the answer is
  ``aligned`` and, where that is true, the fields and arrays of an ``Alignment`` in their order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import cv2
import faiss
import numpy as np

from leadglass.adapters.confined_child import Answerer, Array, serve
from leadglass.mark.fingerprint import Index, fingerprint
from leadglass.mark.found import WORKING_SIDE, Alignment, Original
from leadglass.mark.register import align

Answered = tuple[dict[str, Any], Sequence[Array]]


class _Aligner:
    def __init__(self) -> None:
        self._index = Index(())

    def answer(self, request: dict[str, Any], arrays: list[Array]) -> Answered:
        asked = request["ask"]
        if asked == "fingerprint":
            return {}, [np.frombuffer(fingerprint(arrays[0]), np.uint8)]
        if asked == "load":
            self._index = Index(_rows(*arrays))
            return {"films": len(arrays[0])}, ()
        if asked == "find":
            found = self._index.find(arrays[0], without=arrays[1:], most=request["most"])
            return {"found": [(each.film, float(each.votes), int(each.inliers)) for each in found]}, ()
        return _aligned(align(arrays[0], _original(request, *arrays[1:])), arrays[0])


def prepare(threads: int) -> Answerer:
    """Load everything and use it once: once shut in, the process opens no file."""
    cv2.setNumThreads(threads)
    faiss.omp_set_num_threads(threads)
    aligner = _Aligner()
    noise = np.random.default_rng(0).integers(0, 65536, (64, 64)).astype(np.uint16)
    film: Any = cv2.resize(noise, (WORKING_SIDE // 2, WORKING_SIDE // 2), interpolation=cv2.INTER_CUBIC)
    row = fingerprint(film)
    Index([(0, row)]).find(film)
    align(film, Original(film, np.full((64, 64), 100, np.uint8), *film.shape))
    return aligner.answer


def _rows(films: Array, lengths: Array, rows: Array) -> Iterator[tuple[int, bytes]]:
    ends = np.cumsum(lengths).astype(int)
    for film, length, end in zip(films, lengths, ends, strict=True):
        yield int(film), rows[end - int(length) : end].tobytes()


def _original(request: dict[str, Any], samples: Array, amplitude: Array) -> Original:
    spacing = request["spacing"]
    return Original(samples, amplitude, request["rows"], request["columns"], tuple(spacing) if spacing else None)


def _aligned(found: Alignment | None, picture: Array) -> Answered:
    if found is None:
        return {"aligned": False}, ()
    rows, columns = picture.shape
    boxes = [
        (max(int(box.left), 0), max(int(box.top), 0), min(int(box.right), columns), min(int(box.bottom), rows))
        for box in found.altered
    ]
    fields = {
        "aligned": True,
        "inliers": int(found.inliers),
        "mirrored": bool(found.mirrored),
        "inverted": bool(found.inverted),
        "altered": [box for box in boxes if box[0] < box[2] and box[1] < box[3]],
    }
    return fields, [
        found.coefficients.astype(np.float32, copy=False),
        found.homography.astype(np.float64, copy=False),
        found.outline.astype(np.float64, copy=False),
        found.found,
        found.expected,
        found.valid,
        found.difference,
    ]


if __name__ == "__main__":
    serve(prepare)
