"""The other side of ``confined``: what a process does to itself before and after it loads the libraries that it is made for.

It speaks on what were its standard input and output. Limits that the system knows are set before any library is loaded;
when all of them are, it gives up new privileges, debuggers and, on Linux (x86-64 and AArch64), every call of the system that
makes sockets, starts programs, reaches for other processes or opens files. Where a system offers less, less is done: the
limits and the clock of the other side remain.
"""

from __future__ import annotations

import ctypes
import json
import math
import os
import platform
import resource
import struct
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any, BinaryIO, Final

import numpy as np

Array = Any
"""Of the type that the message states; this side believes the other one."""
Answerer = Callable[[dict[str, Any], list[Array]], tuple[dict[str, Any], Sequence[Array]]]
"""Makes fields and arrays of an answer from those of a request. What it raises ends the process."""

_FILES: Final = 64
"""Open files; loading libraries takes a handful at a time."""

_PR_SET_DUMPABLE, _PR_SET_NO_NEW_PRIVS = 4, 38
_SECCOMP_SET_MODE_FILTER, _SECCOMP_FILTER_FLAG_TSYNC = 1, 1
_LOAD, _EQUAL, _AT_LEAST, _ANY_BIT, _RETURN = 0x20, 0x15, 0x35, 0x45, 0x06
"""Instructions of classic BPF as seccomp takes them (linux/bpf_common.h)."""
_ALLOW, _KILL, _REFUSE = 0x7FFF0000, 0x80000000, 0x00050000
_NUMBER, _ARCHITECTURE, _FIRST_ARGUMENT = 0, 4, 16
"""Where these lie in ``struct seccomp_data``, little endian."""
_EPERM, _ENOSYS = 1, 38
_CLONE_THREAD: Final = 0x00010000
_O_WRITING: Final = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_OTHER_TABLE: Final = 0x40000000
"""Call numbers from here on are those of x32, a second table behind the same architecture."""

_ARCHITECTURES: Final = {"x86_64": 0xC000003E, "aarch64": 0xC00000B7}
_SECCOMP: Final = {"x86_64": 317, "aarch64": 277}
_CLONE: Final = {"x86_64": 56, "aarch64": 220}
_PRLIMIT: Final = {"x86_64": 302, "aarch64": 261}
# open (x86-64 alone) has its flags in the second argument, openat in the third.
_OPENING: Final = {"x86_64": {2: 1, 257: 2}, "aarch64": {56: 2}}
# What a process of its own needs none of, by number (asm/unistd_64.h; asm-generic/unistd.h). A line each for sockets;
# programs and forks; other processes; names, links, modes and sizes of files; mounts and file systems; modules, clocks and
# namespaces; keys, tracing and rings; shared memory and message queues.
_REFUSED: Final = {
    "x86_64": (
        *range(41, 56), 288, 299, 307,
        57, 58, 59, 322,
        62, 101, 129, 200, 234, 297, 310, 311, 312, 424, 434, 438, 440,
        76, 77, *range(80, 96), 132, 133, *range(188, 191), *range(197, 200), 235, *range(258, 262), *range(263, 269), 280,
        316, 437, 452, 155, 161, 163, 165, 166, 167, 168, 304, *range(428, 434), 442,
        164, 169, 170, 171, 172, 173, 175, 176, 227, 246, 272, 308, 313, 320,
        248, 249, 250, 298, 321, 323, *range(425, 428),
        29, 30, 31, *range(64, 72), *range(240, 246), 303, 319,
    ),
    "aarch64": (
        *range(198, 213), 242, 243, 269,
        221, 281,
        117, 129, 130, 131, 138, 240, 270, 271, 272, 424, 434, 438, 440,
        5, 6, 7, 14, 15, 16, *range(33, 39), 45, 46, *range(49, 56), 78, 88, 276, 437, 452,
        39, 40, 41, 51, 89, 224, 225, 265, *range(428, 434), 442,
        97, 104, 105, 106, 112, 142, 161, 162, 170, 268, 273, 294,
        217, 218, 219, 241, 280, 282, *range(425, 428),
        *range(180, 198), 264, 279,
    ),
}  # fmt: skip
_NOT_THERE: Final = (435,)
"""clone3, whose flags a filter cannot see; told that it does not exist, the C library falls back to clone."""


def serve(prepare: Callable[[int], Answerer]) -> None:
    """Load what ``prepare`` loads, shut the process in, and answer requests until there are no more.

    ``prepare`` is given the number of threads, and has to touch everything that its answers will need of the disk.
    """
    memory, seconds, threads, reading = (int(argument) for argument in sys.argv[1:5])
    requests, answers = os.fdopen(os.dup(0), "rb"), os.fdopen(os.dup(1), "wb")
    # What libraries print must not end up between the answers, nor what they read be taken from the requests.
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, 0)
    os.dup2(nothing, 1)
    os.close(nothing)
    _bound(memory)
    answer = prepare(threads)
    _send(answers, {"ready": True, "filtered": enclose(reading=bool(reading))})
    while (request := _receive(requests)) is not None:
        _allow(seconds)
        _send(answers, *answer(*request))
        # A large picture is not to be held while the next one is awaited.
        del request


def enclose(*, reading: bool) -> bool:
    """Give up what a system can take away from a process for good; whether calls of the system are filtered from now on."""
    if not reading:
        # No thread either. Root is bound by the filter alone.
        _limit(resource.RLIMIT_NPROC, 0)
    if sys.platform != "linux":
        return False
    with suppress(OSError, AttributeError):
        system = ctypes.CDLL(None, use_errno=True)
        system.prctl(_PR_SET_DUMPABLE, 0, 0, 0, 0)
        if system.prctl(_PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0:
            return _filter(system, platform.machine(), reading=reading)
    return False


def _filter(system: Any, machine: str, *, reading: bool) -> bool:
    if machine not in _ARCHITECTURES or sys.byteorder != "little" or struct.calcsize("P") != 8:
        return False
    program = b"".join(_program(machine, reading=reading))
    instructions = ctypes.create_string_buffer(program, len(program))

    class Program(ctypes.Structure):
        _fields_ = [("length", ctypes.c_ushort), ("instructions", ctypes.c_void_p)]

    stated = Program(len(program) // 8, ctypes.addressof(instructions))
    # All threads or none: a library may have started some.
    flags = ctypes.c_ulong(_SECCOMP_FILTER_FLAG_TSYNC)
    answer = system.syscall(
        ctypes.c_long(_SECCOMP[machine]), ctypes.c_ulong(_SECCOMP_SET_MODE_FILTER), flags, ctypes.byref(stated)
    )
    return bool(answer == 0)


def _program(machine: str, *, reading: bool) -> list[bytes]:
    """The filter: another architecture or table of calls kills, refused calls fail, a few are looked into, others pass."""
    refuse = _op(_RETURN, _REFUSE | _EPERM)
    program = [
        _op(_LOAD, _ARCHITECTURE),
        _op(_EQUAL, _ARCHITECTURES[machine], 1, 0),
        _op(_RETURN, _KILL),
        _op(_LOAD, _NUMBER),
        _op(_AT_LEAST, _OTHER_TABLE, 0, 1),
        _op(_RETURN, _KILL),
    ]
    for number in _NOT_THERE:
        program += [_op(_EQUAL, number, 0, 1), _op(_RETURN, _REFUSE | _ENOSYS)]
    for number in _REFUSED[machine]:
        program += [_op(_EQUAL, number, 0, 1), refuse]
    # A new thread is fine, a new process is not.
    program += _looked_into(_CLONE[machine], 0, _op(_ANY_BIT, _CLONE_THREAD, 1, 0), refuse)
    # Limits of our own may be changed, those of other processes not.
    program += _looked_into(_PRLIMIT[machine], 0, _op(_EQUAL, 0, 1, 0), refuse)
    for number, argument in _OPENING[machine].items():
        if reading:
            program += _looked_into(number, argument, _op(_ANY_BIT, _O_WRITING, 0, 1), refuse)
        else:
            program += [_op(_EQUAL, number, 0, 1), refuse]
    return [*program, _op(_RETURN, _ALLOW)]


def _looked_into(number: int, argument: int, test: bytes, refuse: bytes) -> list[bytes]:
    """For one call: the lower half of an argument is tested, and the call refused where the test does not jump over that."""
    allow = _op(_RETURN, _ALLOW)
    return [_op(_EQUAL, number, 0, 4), _op(_LOAD, _FIRST_ARGUMENT + 8 * argument), test, refuse, allow]


def _op(code: int, value: int, if_true: int = 0, if_false: int = 0) -> bytes:
    return struct.pack("<HBBI", code, if_true, if_false, value)


def _bound(memory: int) -> None:
    """At most ``memory`` bytes of addresses; no file grows, and nobody's pixels end up in a core dump."""
    _limit(resource.RLIMIT_AS, memory)
    _limit(resource.RLIMIT_FSIZE, 0)
    _limit(resource.RLIMIT_CORE, 0)
    _limit(resource.RLIMIT_NOFILE, _FILES)


def _limit(kind: int, limit: int) -> None:
    # Some systems know a limit and refuse to set it; the clock of the other side still ends what takes too long.
    with suppress(OSError, ValueError):
        resource.setrlimit(kind, (limit, limit))


def _allow(seconds: int) -> None:
    """From now on at most so many seconds of processor time, until the next call."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    _, most = resource.getrlimit(resource.RLIMIT_CPU)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_CPU, (int(usage.ru_utime + usage.ru_stime) + seconds + 1, most))


def _send(stream: BinaryIO, fields: dict[str, Any], arrays: Sequence[Array] = ()) -> None:
    text = json.dumps({**fields, "arrays": [(array.dtype.name, array.shape) for array in arrays]}).encode()
    stream.write(struct.pack(">I", len(text)) + text)
    for array in arrays:
        stream.write(array.tobytes())
    stream.flush()


def _receive(stream: BinaryIO) -> tuple[dict[str, Any], list[Array]] | None:
    """The next request; None at the end of the stream."""
    head = stream.read(4)
    if len(head) < 4:
        return None
    fields: dict[str, Any] = json.loads(stream.read(struct.unpack(">I", head)[0]))
    arrays = [
        np.frombuffer(stream.read(math.prod(shape) * np.dtype(kind).itemsize), kind).reshape(shape)
        for kind, shape in fields.pop("arrays")
    ]
    return fields, arrays
