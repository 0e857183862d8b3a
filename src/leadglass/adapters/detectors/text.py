"""Text in pictures, recognised by RapidOCR in a process of its own (the extra ``ocr``; its models come with it, no network).

A recogniser parses strangers' pictures with a large library, and whoever holds keys must not: the process is started with
neither keys nor the environment, sends back places and strings, and every answer is checked before it is believed.
"""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Self, TypeVar

import numpy as np

from leadglass.deid.pixels import Located, Recognised
from leadglass.deid.views import Picture
from leadglass.errors import UnavailableError

T = TypeVar("T")

_ENVIRONMENT = ("PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG")
"""All that the process is told of ours: where programs are, no passphrase."""

_MAX_ANSWER = 1 << 22
"""Bytes; a thousand places, or as many strings, take a tenth of it."""

_MAX_SAMPLES = 1 << 25
"""Of one request."""

_STARTING = 120.0
"""Seconds for loading the models on a busy machine."""


def available() -> bool:
    """Whether the extra ``ocr`` is installed; nothing of it is loaded."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


class TextReader:
    """A ``TextDetector`` whose process starts when it is first asked, and anew when it has ended.

    One request may take ``seconds`` of the processor and thrice as many on the clock, the process ``memory`` bytes of
    addresses. It is not to be shared by threads or over a fork.
    """

    def __init__(self, *, threads: int = 1, seconds: int = 60, memory: int = 6 << 30) -> None:
        self._threads, self._seconds, self._memory = threads, seconds, memory
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process; the next request starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    stream.close()

    def processor_seconds(self) -> float:
        """What the process has cost so far; 0 where the system does not tell."""
        if self._process is None:
            return 0.0
        try:
            # After the name, which may hold blanks: user and system time are the 12th and 13th value, in ticks.
            values = (
                Path(f"/proc/{self._process.pid}/stat")
                .read_text(encoding="ascii", errors="replace")
                .rpartition(")")[2]
                .split()
            )
            return (int(values[11]) + int(values[12])) / os.sysconf("SC_CLK_TCK")
        except (OSError, ValueError, IndexError):
            return 0.0

    def locate(self, pictures: Sequence[Picture]) -> tuple[tuple[Located, ...], ...]:
        """Where text seems to stand on each picture.

        Raises:
            UnavailableError: the process cannot be started, ended, or took too long.
        """
        return tuple(
            tuple(places) for places in self._ask("locate", pictures, lambda places: [_located(*one) for one in places])
        )

    def recognise(self, pictures: Sequence[Picture]) -> tuple[Recognised, ...]:
        """What each picture of one line says.

        Raises:
            UnavailableError: the process cannot be started, ended, or took too long.
        """
        return tuple(self._ask("recognise", pictures, lambda one: _recognised(*one))) if pictures else ()

    def _ask(self, ask: str, pictures: Sequence[Picture], parse: Callable[[Any], T]) -> list[T]:
        shapes = [picture.shape if picture.ndim == 3 else (*picture.shape, 1) for picture in pictures]
        if sum(math.prod(shape) for shape in shapes) > _MAX_SAMPLES:
            raise UnavailableError("the pictures are too large for the text recogniser")
        process = self._started()
        clock = threading.Timer(3 * self._seconds, process.kill)
        clock.start()
        try:
            request = json.dumps({"ask": ask, "shapes": shapes}).encode()
            _write(process, struct.pack(">I", len(request)) + request, *(picture.tobytes() for picture in pictures))
            answers = _answer(process)["found" if ask == "locate" else "read"]
            if not isinstance(answers, list) or len(answers) != len(pictures):
                raise ValueError("an answer for each picture is missing")
            parsed = [parse(answer) for answer in answers]
        except (OSError, ValueError, KeyError, TypeError) as error:
            self.close()
            raise UnavailableError("the text recogniser ended or did not answer") from error
        finally:
            clock.cancel()
        return parsed

    def _started(self) -> subprocess.Popen[bytes]:
        if self._process is not None and self._process.poll() is None:
            return self._process
        self.close()
        if not available():
            raise UnavailableError("no text recogniser is installed", hint="pip install 'leadglass[ocr]'")
        arguments = [str(n) for n in (self._threads, self._memory, self._seconds)]
        environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
        # -P: what lies in the folder that we run in is data, not modules.
        command = [sys.executable, "-P", "-m", "leadglass.adapters.detectors.worker", *arguments]
        try:
            self._process = process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, numbers as arguments
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, env=environment
            )
            clock = threading.Timer(_STARTING, process.kill)
            clock.start()
            try:
                _answer(process)
            finally:
                clock.cancel()
        except (OSError, ValueError) as error:
            self.close()
            raise UnavailableError("the text recogniser does not start", hint="pip install 'leadglass[ocr]'") from error
        return process


def _write(process: subprocess.Popen[bytes], *parts: bytes) -> None:
    if process.stdin is None:
        raise OSError("the process has no standard input")
    for part in parts:
        process.stdin.write(part)
    process.stdin.flush()


def _answer(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """The next message of the process; ValueError where it ended or sent anything else."""
    if process.stdout is None:
        raise OSError("the process has no standard output")
    head = process.stdout.read(4)
    if len(head) < 4:
        raise ValueError("the process ended")
    (length,) = struct.unpack(">I", head)
    if length > _MAX_ANSWER:
        raise ValueError("the answer is too long")
    answer = json.loads(process.stdout.read(length))
    if not isinstance(answer, dict):
        raise ValueError("the answer is no object")
    return answer


def _located(corners: Any, score: Any) -> Located:
    places = np.asarray(corners, dtype=np.float64)
    if places.shape != (4, 2) or not np.isfinite(places).all():
        raise ValueError("the answer is no place")
    return Located(places, float(score))


def _recognised(text: Any, score: Any) -> Recognised:
    return Recognised(str(text), float(score))
