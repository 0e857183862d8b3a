"""De-identify files without a site: one file in, one file out, and what to say of it.

The functions here are what a worker process runs: their arguments and results can be pickled, they keep nothing between
files but what makes the next one faster, and they give equal bytes in any process and order.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from leadglass.adapters.copies import ReadAhead, room
from leadglass.adapters.detectors.text import TextReader, available
from leadglass.assemble.treating import Desk, explained, residue_context, survey
from leadglass.assemble.treatment import (
    Explained,
    Names,
    Outcome,
    PixelMode,
    PixelOutcome,
    State,
    Survey,
    Treatment,
)
from leadglass.dicom.plan import decode, run
from leadglass.dicom.source import Source
from leadglass.errors import InputError, LeadglassError, NotDicomError
from leadglass.seal.envelope import unseal
from leadglass.seal.keys import derive

__all__ = [
    "Explained",
    "Names",
    "Outcome",
    "PixelMode",
    "PixelOutcome",
    "State",
    "Survey",
    "Treatment",
    "explain_file",
    "survey_file",
    "treat_file",
    "undo",
]

_HEADER = 1 << 15
"""Bytes that hold the header of most files."""
_ROOM = room()
"""A process treats one file at a time."""


def treat_file(path: Path, out: Path, relative: PurePosixPath, treatment: Treatment) -> Outcome:
    """De-identify the file at ``path`` into the folder ``out``; ``relative`` is its place below the input folder.

    Doing it again gives the same bytes under the same name, and leaves what is there. Where the name is taken by other
    bytes (two files with one SOP Instance UID), the output's own digest joins its name: ``INSTANCE-0123456789ab.dcm``; which
    of the two came first is for the caller to settle. So is a file that a killed process left unfinished in ``out``, which
    belongs to one process at a time.

    Raises:
        UnavailableError: the output cannot be written.
    """
    try:
        # What is hashed has to be read; what is not, the system copies better than we do.
        with ReadAhead(path, _ROOM, ahead=None if treatment.digests else _HEADER) as source:
            return _desk(treatment).treat(source, out, relative)
    except NotDicomError as error:
        return Outcome(State.SKIPPED, _reason(error))
    except InputError as error:
        # What breaks a format has an error of its own; the rest are rights, or a disk that was away.
        return Outcome(State.QUARANTINED, _reason(error), again=type(error) is InputError)


def _reason(error: LeadglassError) -> str:
    return f"{type(error).__name__}: {error.message}"


@lru_cache(maxsize=4)
def _desk(treatment: Treatment) -> Desk:
    return Desk(treatment)


def undo(written: Source, residue: bytes, *, key: bytes, digest: str) -> Iterator[bytes]:
    """The received file again, from the written one, its tree digest and its residue.

    Raises:
        SealBrokenError: the residue belongs to another file or key, or was changed.
    """
    inverse = decode(unseal(residue, key=derive(key, label="residue"), context=residue_context(digest)))
    return run(inverse, (written,))


def survey_file(path: Path, *, pixels: PixelMode) -> Survey:
    """What the file at ``path`` would tell whoever receives it. Nothing is written."""
    try:
        with ReadAhead(path, _ROOM) as source:
            return survey(source, pixels=pixels, reader=_reader() if pixels is not PixelMode.OFF else None)
    except InputError as error:
        state = "skipped" if isinstance(error, NotDicomError) else "unreadable"
        return Survey(state, {}, _reason(error))


@lru_cache(maxsize=1)
def _reader() -> TextReader | None:
    return TextReader() if available() else None


def explain_file(path: Path, treatment: Treatment) -> Iterator[Explained]:
    """Attribute by attribute, what ``treat_file`` would do and why.

    Raises:
        InputError: the file cannot be read.
    """
    with ReadAhead(path, _ROOM) as source:
        yield from explained(source, treatment)
