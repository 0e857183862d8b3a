"""A desk that copies: what a run does with files can be tested without any of them being DICOM.

A file is ``NAME`` and a payload, one line each; its output is the payload under that name. Some names are orders: ``none``
is no DICOM, ``bad`` breaks its format, ``odd`` raises what nobody foresaw, ``full`` finds no room, ``unread`` says that
pixels were not read, ``away`` cannot be read the first time, ``kill`` ends the process, ``once`` does so the first time.
"""

from __future__ import annotations

import hashlib
import os
import signal
import time
from pathlib import Path, PurePosixPath

from leadglass.assemble.desk import Names, Outcome, PixelMode, PixelOutcome, State, Survey, Treatment
from leadglass.errors import MalformedError, NotDicomError, UnavailableError

UNREAD = "nobody read it"


def treat(path: Path, out: Path, relative: PurePosixPath, treatment: Treatment) -> Outcome:
    name, _, payload = path.read_bytes().partition(b"\n")
    obey(name.decode(), path)
    if name == b"away" and first(path):
        return Outcome(State.QUARANTINED, "the file cannot be read", again=True)
    place = relative if treatment.names is Names.KEEP else PurePosixPath(f"study/{name.decode()}.dcm")
    target = out / place
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(payload)
    digest = hashlib.sha256(payload).hexdigest()
    return Outcome(
        State.DONE,
        UNREAD if name == b"unread" else None,
        output=str(place),
        pixels=PixelOutcome.UNREAD if name == b"unread" else PixelOutcome.OFF,
        findings={"copied": 1},
        received=digest,
        written=digest,
        size=len(payload),
        modality="DX",
        residue=b"residue of " + payload if treatment.residue else None,
    )


def slowly(path: Path, out: Path, relative: PurePosixPath, treatment: Treatment) -> Outcome:
    """``treat``, a twentieth of a second later."""
    time.sleep(0.05)
    return treat(path, out, relative, treatment)


def look(path: Path, *, pixels: PixelMode) -> Survey:
    name, _, _ = path.read_bytes().partition(b"\n")
    obey(name.decode(), path)
    return Survey("clean" if pixels is PixelMode.OFF else "leaks", {} if pixels is PixelMode.OFF else {"names": 2})


def obey(name: str, path: Path) -> None:
    if name == "none":
        raise NotDicomError("this is no DICOM file")
    if name == "bad":
        raise MalformedError("(0008,0005) has no length")
    if name == "odd":
        raise ValueError("Wang Xiaoming")
    if name == "full":
        raise UnavailableError("the disk is full")
    if name == "kill":
        os.kill(os.getpid(), signal.SIGKILL)
    if name == "once" and first(path):
        os.kill(os.getpid(), signal.SIGKILL)


def first(path: Path) -> bool:
    """Whether nobody asked for this file before."""
    try:
        path.parent.with_name(f"{path.name}.met").touch(exist_ok=False)
    except FileExistsError:
        return False
    return True
