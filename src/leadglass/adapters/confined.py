"""A process of its own for libraries that look at strangers' pictures: it is given no key, no environment and no database.

Whoever holds keys must not parse what strangers made, so this side starts a program, sends it bytes and arrays, and believes
no answer before it was checked. The other side is ``confined_child``, which bounds itself before it loads any library:
memory, processor time, files, processes, and on Linux which calls of the system it may make at all.

A message is its length in four bytes, most significant first, and that many bytes of a JSON object. The object's ``arrays``
say type and shape of the arrays whose samples follow it, in C order. Requests and answers are alike.
"""

from __future__ import annotations

import json
import math
import os
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from leadglass.dicom.source import Source, chunks
from leadglass.errors import UnavailableError

T = TypeVar("T")
Array = NDArray[Any]
_Process = subprocess.Popen[bytes]

TYPES: Final = ("bool", "uint8", "int8", "uint16", "float32", "float64")
"""What an array of a message may be made of, in the byte order of the machine."""

_MEMORY: Final = {"MALLOC_MMAP_THRESHOLD_": str(1 << 30), "MALLOC_TRIM_THRESHOLD_": str(1 << 32)}
"""The C library keeps the memory of large arrays for the next ones: a tenth of the time went into asking for it anew."""
_ENVIRONMENT: Final = ("PATH", "LD_LIBRARY_PATH", "LANG")
"""All that the process is told of ours: where programs are, no passphrase."""

_MAX_MESSAGE: Final = 1 << 22
"""Bytes of JSON; a thousand places, or as many strings, take a tenth of it."""

_MAX_ARRAYS: Final = 256
_MAX_DIMENSIONS: Final = 4

_STARTING: Final = 120.0
"""Seconds for loading libraries and models on a busy machine."""


class EndedError(UnavailableError):
    """The process ended with a request, took too long over it, or answered what is no answer."""


@dataclass(frozen=True)
class Limits:
    """What a process may use.

    ``memory`` is in bytes of addresses, ``seconds`` of the processor are for one request, which may take thrice as many on
    the clock. ``answer`` is in bytes, for all arrays of one answer. ``threads`` is what numerical libraries are told to use.
    ``reading``: after the libraries were loaded, files may be opened for reading and threads started; where that is not
    needed, nothing on the machine can be opened any more.
    """

    memory: int
    seconds: int
    answer: int = 0
    threads: int = 1
    reading: bool = False


@dataclass(frozen=True, eq=False)
class Answer:
    """A message of the process: the fields of a JSON object, not to be believed before they are checked, and arrays."""

    fields: Mapping[str, Any]
    arrays: tuple[Array, ...]


class Confined:
    """A process that runs ``python -m module`` when it is first asked, and anew when it has ended.

    ``name`` stands in messages, as in "the text recogniser ended". It is not to be shared by threads or over a fork.
    """

    def __init__(self, module: str, *, name: str, limits: Limits, hint: str | None = None) -> None:
        self._module, self._name, self._limits, self._hint = module, name, limits, hint
        self._process: _Process | None = None
        self.filtered = False
        """Whether the running process is held by a filter of system calls besides its limits."""
        self.starts = 0
        """How often a process was started: whoever told one something can see whether it is the same."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.poll() is None

    def close(self) -> None:
        """End the process; the next request starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.wait()
            for stream in (process.stdin, process.stdout):
                if stream is not None:
                    _close(stream)

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

    def start(self) -> None:
        """Start the process unless it runs.

        Raises:
            UnavailableError: it does not start.
        """
        if self.running:
            return
        self.close()
        try:
            # -P: what lies in the folder that we run in is data, not modules. -B: no file is written.
            self._process = process = subprocess.Popen(  # noqa: S603 - our own interpreter and module, numbers as arguments
                [sys.executable, "-P", "-B", "-m", self._module, *self._arguments()],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_environment(self._limits.threads),
                cwd="/",
                close_fds=True,
                start_new_session=True,
            )
            ready = _within(_STARTING, process, lambda: _receive(process, most=0)).fields
        except (OSError, ValueError, RecursionError) as error:
            self.close()
            raise UnavailableError(f"the {self._name} does not start", hint=self._hint) from error
        self.starts += 1
        self.filtered = ready.get("filtered") is True

    def ask(self, fields: Mapping[str, Any], parts: Sequence[Array | Source], parse: Callable[[Answer], T]) -> T:
        """What ``parse`` makes of the answer; a source is sent as an array of its bytes, without being held in memory.

        ``parse`` raises ValueError, KeyError, TypeError or OverflowError where the answer is none. The process that gave it
        is then ended, as it is when it takes too long.

        Raises:
            EndedError: it ended or did not answer; the next request starts another.
            UnavailableError: the process does not start.
        """
        self.start()
        process = self._process
        if process is None:
            raise UnavailableError(f"the {self._name} does not start", hint=self._hint)
        try:
            return _within(3 * self._limits.seconds, process, lambda: parse(self._exchange(process, fields, parts)))
        except (OSError, ValueError, KeyError, TypeError, OverflowError, RecursionError) as error:
            self.close()
            raise EndedError(f"the {self._name} ended or did not answer") from error
        except BaseException:
            # Whatever was under way, an answer to it must not be taken for one to the next request.
            self.close()
            raise

    def _exchange(self, process: _Process, fields: Mapping[str, Any], parts: Sequence[Array | Source]) -> Answer:
        _send(process, fields, parts)
        return _receive(process, most=self._limits.answer)

    def _arguments(self) -> list[str]:
        limits = self._limits
        return [str(n) for n in (limits.memory, limits.seconds, limits.threads, int(limits.reading))]


def numbers(value: object, *shape: int) -> NDArray[np.float64]:
    """Finite numbers of that shape out of an answer's JSON.

    Raises:
        ValueError: they are none.
    """
    array = np.asarray(value, dtype=np.float64)
    if array.shape != shape or not np.isfinite(array).all():
        raise ValueError(f"the answer has no {shape} numbers")
    return array


def whole(value: object, least: int, most: int) -> int:
    """A whole number within bounds out of an answer's JSON.

    Raises:
        ValueError: it is none.
    """
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= most:
        raise ValueError("the answer has no whole number within bounds")
    return value


def _environment(threads: int) -> dict[str, str]:
    environment = {name: os.environ[name] for name in _ENVIRONMENT if name in os.environ}
    if path := os.environ.get("PYTHONPATH"):
        # The process does not run where we do.
        environment["PYTHONPATH"] = os.pathsep.join(str(Path(each).absolute()) for each in path.split(os.pathsep) if each)
    return environment | _MEMORY | {name: str(threads) for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS")}


def _within(seconds: float, process: _Process, work: Callable[[], T]) -> T:
    """What ``work`` gives, the process being ended after so many seconds."""
    clock = threading.Timer(seconds, process.kill)
    clock.daemon = True
    clock.start()
    try:
        return work()
    finally:
        clock.cancel()


def _send(process: _Process, fields: Mapping[str, Any], parts: Sequence[Array | Source]) -> None:
    if process.stdin is None:
        raise OSError("the process has no standard input")
    arrays = [(part.dtype.name, part.shape) if isinstance(part, np.ndarray) else ("uint8", (part.size,)) for part in parts]
    text = json.dumps({**fields, "arrays": arrays}).encode()
    process.stdin.write(struct.pack(">I", len(text)) + text)
    for part in parts:
        if isinstance(part, np.ndarray):
            process.stdin.write(part.tobytes())
        else:
            _send_source(process.stdin, part)
    process.stdin.flush()


def _send_source(stream: Any, source: Source) -> None:
    sent = 0
    for piece in chunks(source):
        stream.write(piece)
        sent += len(piece)
    if sent != source.size:
        raise ValueError("a file changed while it was read")


def _receive(process: _Process, *, most: int) -> Answer:
    """The next message of the process, with at most so many bytes of arrays; ValueError where it is none."""
    stream: Any = process.stdout
    if stream is None:
        raise OSError("the process has no standard output")
    (length,) = struct.unpack(">I", _exactly(stream, 4))
    if length > _MAX_MESSAGE:
        raise ValueError("the answer is too long")
    fields = json.loads(_exactly(stream, length), parse_constant=_no_number)
    if not isinstance(fields, dict):
        raise ValueError("the answer is no object")
    return Answer(fields, _arrays(stream, fields.pop("arrays", []), most))


def _arrays(stream: Any, stated: object, most: int) -> tuple[Array, ...]:
    if not isinstance(stated, list) or len(stated) > _MAX_ARRAYS:
        raise ValueError("the answer states no arrays")
    arrays: list[Array] = []
    for kind, shape in stated:
        if kind not in TYPES or len(shape) > _MAX_DIMENSIONS:
            raise ValueError("the answer has an array of another type")
        sides = [whole(side, 0, 1 << 31) for side in shape]
        dtype = np.dtype(kind)
        size = math.prod(sides) * dtype.itemsize
        most -= size
        if most < 0:
            raise ValueError("the arrays of the answer are too large")
        data = _exactly(stream, size)
        # A truth value is 0 or 1 for numpy, and what else it does with a byte is nobody's promise.
        array = np.frombuffer(data, np.uint8) != 0 if kind == "bool" else np.frombuffer(data, dtype)
        arrays.append(array.reshape(sides))
    return tuple(arrays)


def _exactly(stream: Any, length: int) -> bytes:
    data: bytes = stream.read(length)
    if len(data) < length:
        raise ValueError("the process ended")
    return data


def _no_number(_: str) -> float:
    raise ValueError("the answer holds what is no number")


def _close(stream: Any) -> None:
    try:
        stream.close()
    except OSError:
        # What was not sent any more is of no interest to a process that has ended.
        return
