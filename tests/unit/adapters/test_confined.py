"""A process that is given nothing: what it may still do, and what of its answers is believed."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadglass.adapters.confined import Answer, Confined, EndedError, Limits
from leadglass.dicom.source import BytesSource
from leadglass.errors import UnavailableError

STAND_IN = """
import ctypes, json, os, signal, socket, struct, sys, time
from pathlib import Path
import numpy as np
from leadglass.adapters.confined_child import serve

def attempt(what, request):
    if what == "read": os.close(os.open(request["path"], os.O_RDONLY))
    if what == "write": os.close(os.open(request["path"] + ".new", os.O_WRONLY | os.O_CREAT))
    if what == "append": os.close(os.open(request["path"], os.O_WRONLY | os.O_APPEND))
    if what == "remove": os.unlink(request["path"])
    if what == "rename": os.rename(request["path"], request["path"] + ".old")
    if what == "truncate": os.truncate(request["path"], 0)
    if what == "mode": os.chmod(request["path"], 0o777)
    if what == "socket": socket.socket()
    if what == "local-socket": socket.socketpair()
    if what == "fork" and os.fork() == 0: os._exit(0)
    if what == "program": os.execv("/bin/true", ["true"])
    if what == "signal": os.kill(request["parent"], 0)
    if what == "limits":
        import resource
        resource.prlimit(request["parent"], resource.RLIMIT_NOFILE)
    if what == "trace" and ctypes.CDLL(None, use_errno=True).ptrace(0, 0, 0, 0) != 0:
        raise PermissionError
    if what == "memory": bytearray(1 << 40)

def answer(request, arrays):
    told = request["told"]
    if told == "echo": return {"said": request["said"]}, arrays
    if told == "ends": os._exit(3)
    if told == "dies": os.kill(os.getpid(), signal.SIGKILL) if False else ctypes.string_at(0)
    if told == "sleeps": time.sleep(60)
    if told == "works":
        while True: pass
    if told == "environment": return {"names": sorted(os.environ)}, ()
    if told == "files": return {"open": [n for n in range(64) if is_open(n)]}, ()
    if told == "raw":
        os.write(ANSWERS, bytes(arrays[0]))
        time.sleep(60)
    try:
        attempt(told, request)
    except (OSError, MemoryError) as error:
        return {"refused": type(error).__name__}, ()
    return {"refused": None}, ()

def is_open(number):
    try:
        os.fstat(number)
    except OSError:
        return False
    return True

def prepare(threads):
    global ANSWERS
    # Where answers go: the pipe that is not the one requests come from.
    ANSWERS = max(n for n in range(3, 64) if is_open(n))
    return answer

if __name__ == "__main__":
    serve(prepare)
"""

LIMITS = Limits(memory=1 << 30, seconds=1, answer=1 << 20)


@pytest.fixture
def process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Confined]:
    (tmp_path / "stand_in_worker.py").write_text(STAND_IN)
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), *filter(None, sys.path)]))
    monkeypatch.setenv("LEADGLASS_PASSPHRASE", "open sesame")
    with Confined("stand_in_worker", name="stand-in", limits=LIMITS) as process:
        yield process


def ask(process: Confined, told: str, *arrays: Any, **fields: Any) -> Answer:
    return process.ask({"told": told, **fields}, arrays, lambda answer: answer)


def message(fields: object) -> bytes:
    text = fields if isinstance(fields, bytes) else json.dumps(fields).encode()
    return len(text).to_bytes(4, "big") + text


@pytest.mark.parametrize("kind", ["uint8", "int8", "uint16", "float32", "float64", "bool"])
def test_arrays_come_back_as_they_went(process: Confined, kind: str) -> None:
    sent = [np.arange(24).reshape(2, 3, 4).astype(kind), np.zeros((0, 5), kind)]
    answer = ask(process, "echo", *sent, said="hello")
    assert answer.fields == {"said": "hello"}
    for got, gave in zip(answer.arrays, sent, strict=True):
        assert got.dtype == gave.dtype
        np.testing.assert_array_equal(got, gave)


def test_a_source_goes_as_its_bytes(process: Confined) -> None:
    data = bytes(range(256)) * 1000
    assert ask(process, "echo", BytesSource(data), said=1).arrays[0].tobytes() == data


def test_a_source_that_grows_shorter_is_no_request(process: Confined) -> None:
    class Shrinking(BytesSource):
        def read(self, offset: int, length: int) -> bytes:
            return super().read(offset, length)[:-1]

    with pytest.raises(EndedError):
        ask(process, "echo", Shrinking(b"four"), said=1)
    assert ask(process, "echo", said=2).fields == {"said": 2}


@pytest.mark.parametrize("told", ["ends", "dies", "sleeps", "works"])
def test_one_that_ends_or_takes_too_long_is_an_error_and_the_next_request_starts_another(
    process: Confined, told: str
) -> None:
    with pytest.raises(EndedError, match="the stand-in ended"):
        ask(process, told)
    assert ask(process, "echo", said=1).fields == {"said": 1}
    assert process.starts == 2


@pytest.mark.parametrize(
    "what",
    [
        *("read", "write", "append", "remove", "rename", "truncate", "mode", "socket", "local-socket", "fork", "program"),
        *("signal", "limits", "trace", "memory"),
    ],
)
def test_what_a_process_may_not_do(process: Confined, tmp_path: Path, what: str) -> None:
    process.start()
    if not process.filtered and what != "memory":
        pytest.skip("this system offers no filter of system calls")
    file = tmp_path / "root.key"
    file.write_text("a key")
    answer = ask(process, what, path=str(file), parent=os.getpid())
    assert answer.fields["refused"] == ("MemoryError" if what == "memory" else "PermissionError")
    assert file.read_text() == "a key"
    assert {path.name for path in tmp_path.iterdir()} == {"root.key", "stand_in_worker.py"}


@pytest.mark.usefixtures("process")
def test_one_that_may_read_cannot_write(tmp_path: Path) -> None:
    limits = Limits(memory=1 << 30, seconds=1, reading=True)
    with Confined("stand_in_worker", name="stand-in", limits=limits) as reading:
        reading.start()
        if not reading.filtered:
            pytest.skip("this system offers no filter of system calls")
        (tmp_path / "model").write_text("weights")
        path = str(tmp_path / "model")
        refused = [ask(reading, what, path=path).fields["refused"] for what in ("read", "append", "write", "socket")]
        assert refused == [None, *["PermissionError"] * 3]


def test_it_is_told_no_passphrase(process: Confined) -> None:
    names = set(ask(process, "environment").fields["names"])
    ours = {"PATH", "PYTHONPATH", "LD_LIBRARY_PATH", "LANG", "LC_CTYPE", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS"}
    assert names <= ours | {"MALLOC_MMAP_THRESHOLD_", "MALLOC_TRIM_THRESHOLD_"}


def test_it_inherits_no_open_file(process: Confined, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text("a key")
    handle = os.open(tmp_path / "secret", os.O_RDONLY)
    os.set_inheritable(handle, True)
    try:
        # Its standard streams, the two pipes, and nothing else.
        assert len(ask(process, "files").fields["open"]) == 5
    finally:
        os.close(handle)


@pytest.mark.parametrize(
    "answer",
    [
        b"\xff\xff\xff\xff",
        message(b"{"),
        message(b"[" * 100_000),
        message([]),
        message(b'{"score": NaN}'),
        message({"arrays": 3}),
        message({"arrays": [["object", [1]]]}) + bytes(8),
        message({"arrays": [["uint8", [-1]]]}),
        message({"arrays": [["uint8", [1, 1, 1, 1, 1]]]}) + bytes(1),
        message({"arrays": [["uint8", [1 << 30, 1 << 30]]]}),
        message({"arrays": [["uint8", [(1 << 20) + 1]]]}),
        message({"arrays": [["uint8", [0]]] * 300}),
        message({"arrays": [["uint8", [True]]]}) + bytes(1),
    ],
    ids=[
        *("long", "broken", "deep", "list", "NaN", "three", "objects", "negative", "dimensions", "terabytes"),
        *("above-the-limit", "too-many", "no-number"),
    ],
)
def test_what_is_no_answer_is_not_believed(process: Confined, answer: bytes) -> None:
    with pytest.raises(EndedError):
        ask(process, "raw", np.frombuffer(answer, np.uint8))
    assert not process.running


def test_a_truth_value_is_zero_or_one(process: Confined) -> None:
    stated = message({"arrays": [["bool", [3]]]}) + b"\x00\x01\xff"
    (array,) = ask(process, "raw", np.frombuffer(stated, np.uint8)).arrays
    assert array.view(np.uint8).tolist() == [0, 1, 1]


def test_an_answer_that_the_caller_cannot_use_ends_the_process(process: Confined) -> None:
    with pytest.raises(EndedError):
        process.ask({"told": "echo", "said": 1}, [], lambda answer: answer.fields["missing"])
    assert not process.running


def test_one_that_does_not_start_is_unavailable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PYTHONPATH", raising=False)
    with pytest.raises(UnavailableError, match="does not start") as caught:
        Confined("no_such_module_at_all", name="stand-in", limits=LIMITS, hint="install it").start()
    assert caught.value.hint == "install it"
