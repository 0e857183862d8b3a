"""The process that recognises text: pictures in, places and strings out. It has no key, no database and no other input.

It runs as ``python -m leadglass.adapters.detectors.worker THREADS MEMORY SECONDS`` and speaks on its standard input and
output. A message is its length in four bytes, most significant first, and that many bytes of JSON. A request names an
``ask``, ``locate`` or ``recognise``, and the ``shapes`` of its pictures; their samples follow, 8 bits each. An answer to
``locate`` is ``found``: for each picture pairs of four corners (x, y) and a score; to ``recognise`` it is ``read``: a string
and a score for each picture. The recogniser parses strangers' pictures, so memory, processor time, files and core dumps are
bounded before it is loaded.
"""

from __future__ import annotations

import json
import os
import resource
import struct
import sys
from collections.abc import Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]


def main() -> None:
    threads, memory, seconds = (int(argument) for argument in sys.argv[1:4])
    answers = os.fdopen(os.dup(1), "wb")
    # What the recogniser's libraries print must not end up between the answers.
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    _bound(memory)
    recogniser = _recogniser(threads)
    send(answers, {"ready": True})
    while (request := receive(sys.stdin.buffer)) is not None:
        _allow(seconds)
        pictures = list(_pictures(sys.stdin.buffer, request["shapes"]))
        if request["ask"] == "locate":
            send(answers, {"found": [_locate(recogniser, picture) for picture in pictures]})
        else:
            send(answers, {"read": [_recognise(recogniser, picture) for picture in pictures]})


def send(stream: BinaryIO, message: dict[str, Any]) -> None:
    text = json.dumps(message).encode()
    stream.write(struct.pack(">I", len(text)) + text)
    stream.flush()


def receive(stream: BinaryIO) -> dict[str, Any] | None:
    """The next message; None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    message: dict[str, Any] = json.loads(stream.read(struct.unpack(">I", head)[0]))
    return message


def _pictures(stream: BinaryIO, shapes: list[list[int]]) -> Iterator[Picture]:
    for rows, columns, planes in shapes:
        samples = np.frombuffer(stream.read(rows * columns * planes), np.uint8).reshape(rows, columns, planes)
        # The recogniser wants blue, green, red; grey is the same thrice.
        yield np.ascontiguousarray(samples[:, :, ::-1] if planes == 3 else np.repeat(samples, 3, axis=2))


def _bound(memory: int) -> None:
    """At most ``memory`` bytes of addresses; no file grows, and nobody's pixels end up in a core dump."""
    for kind, limit in ((resource.RLIMIT_AS, memory), (resource.RLIMIT_FSIZE, 0), (resource.RLIMIT_CORE, 0)):
        # Some systems know a limit and refuse to set it; the reader's own clock still ends what takes too long.
        with suppress(OSError, ValueError):
            resource.setrlimit(kind, (limit, limit))


def _allow(seconds: int) -> None:
    """From now on at most so many seconds of processor time, until the next call."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + seconds + 1, most))


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
    main()
