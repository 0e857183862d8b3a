"""De-identify files without a site: one file in, one file out, and what to say of it.

The functions here are what a worker process runs: their arguments and results can be pickled, they keep nothing between
files but what makes the next one faster, and they give equal bytes in any process and order.
"""

from __future__ import annotations

import hashlib
import os
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from pathlib import Path, PurePosixPath

from leadglass.adapters.copies import Buffer, NewFile, ReadAhead, room, sha256, spool, tree_digest
from leadglass.deid.clean import clean
from leadglass.deid.profile import basic_profile
from leadglass.deid.pseudonym import PseudonymKeys
from leadglass.dicom.header import walk
from leadglass.dicom.instance import HeaderPlan, Received, received
from leadglass.dicom.kept import Parts, PixelValue, Watch, compose_kept, kept_pixels, sources_of, with_stored_bits
from leadglass.dicom.plan import Copy, Insert, Plan, decode, encode, invert, run
from leadglass.dicom.source import Source
from leadglass.errors import InputError, LeadglassError, NotDicomError, UnavailableError
from leadglass.seal.envelope import seal, unseal
from leadglass.seal.keys import derive


class PixelMode(StrEnum):
    """Which files' pixels are read for burned-in text."""

    AUTO = "auto"
    ALL = "all"
    OFF = "off"


class Names(StrEnum):
    """How outputs are named: ``STUDY/SERIES/INSTANCE.dcm`` by new UIDs, or as the inputs are."""

    UID = "uid"
    KEEP = "keep"


class State(StrEnum):
    DONE = "done"
    QUARANTINED = "quarantined"
    SKIPPED = "skipped"


class PixelOutcome(StrEnum):
    """What is known of the pixels of one output."""

    OFF = "off"
    """Nobody asked for them to be read, or the file has none."""
    UNREAD = "unread"
    """They were due for reading, and nothing that reads is installed."""
    CLEAN = "clean"
    REMOVED = "removed"
    REVIEW = "review"


@dataclass(frozen=True)
class Treatment:
    """How every file of a run is treated.

    ``profile`` names the Basic Profile (``basic``) or is the text of a profile file; ``options`` are the names of PS3.15
    options. Pseudonyms hang on ``key`` (32 bytes), ``project`` and ``recipient``, by HMAC with ``digest``.
    """

    key: bytes = field(repr=False)
    profile: str = "basic"
    options: tuple[str, ...] = ()
    project: str = ""
    recipient: str = ""
    digest: str = "sha256"
    pixels: PixelMode = PixelMode.AUTO
    names: Names = Names.UID
    documents: bool = False
    """Encapsulated PDF and CDA go through (headers treated) instead of into quarantine."""
    residue: bool = False
    """Whether to make what gives the received file back."""


@dataclass(frozen=True)
class Outcome:
    """What became of one file. Nothing in it names the patient.

    ``output`` is the path under the output folder. ``received`` and ``written`` are tree digests (hex): SHA-256 of the
    SHA-256 of what lies before the pixel value, that of the pixel value and that of what follows. ``findings`` counts
    what was done, by category. ``residue`` is the sealed inverse, when it was asked for.
    """

    state: State
    reason: str | None
    output: str | None = None
    pixels: PixelOutcome = PixelOutcome.OFF
    findings: Mapping[str, int] = field(default_factory=dict)
    received: str | None = None
    written: str | None = None
    size: int = 0
    modality: str | None = None
    sop_class: str | None = None
    residue: bytes | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Survey:
    """What would leak if a file went out as it is: ``findings`` counts it by category."""

    state: str
    """``leaks``, ``clean`` (nothing was found, which is no promise) or ``unreadable``."""
    findings: Mapping[str, int]
    reason: str | None = None
    modality: str | None = None


@dataclass(frozen=True)
class Explained:
    """One attribute, what would happen to it, and why; never its value."""

    tag: str
    keyword: str
    action: str
    why: str


def treat_file(path: Path, out: Path, relative: PurePosixPath, treatment: Treatment) -> Outcome:
    """De-identify the file at ``path`` into the folder ``out``; ``relative`` is its place below the input folder.

    The output appears whole or not at all. Doing it again gives the same bytes under the same name, and leaves what is
    there. Where the name is taken by other bytes (two files with one SOP Instance UID), the output's own digest joins its
    name: ``INSTANCE-0123456789ab.dcm``; which of the two came first is for the caller to settle.

    Raises:
        UnavailableError: the output cannot be written.
    """
    try:
        with ReadAhead(path, _ROOM) as source:
            return _desk(treatment).treat(source, out, relative)
    except NotDicomError as error:
        return Outcome(State.SKIPPED, _reason(error))
    except InputError as error:
        return Outcome(State.QUARANTINED, _reason(error))


def _reason(error: LeadglassError) -> str:
    return f"{type(error).__name__}: {error.message}"


_ROOM = room()
"""A process treats one file at a time."""


@lru_cache(maxsize=4)
def _desk(treatment: Treatment) -> _Desk:
    return _Desk(treatment)


class _Desk:
    """What a process keeps from file to file under one treatment."""

    def __init__(self, treatment: Treatment) -> None:
        self.treatment = treatment
        self.profile = basic_profile()
        self.keys = PseudonymKeys(treatment.key)
        self.residue_key = derive(treatment.key, label="residue")

    def treat(self, source: ReadAhead, out: Path, relative: PurePosixPath) -> Outcome:
        with spool() as keep:
            header = walk(source, ahead=1 << 14, spool=keep)
            object_ = received(header)
            if reason := quarantined(object_, documents=self.treatment.documents):
                return Outcome(State.QUARANTINED, reason, modality=object_.modality, sop_class=object_.sop_class)
            cleaned = clean(object_, profile=self.profile, keys=self.keys)
            pixels = kept_pixels(object_)
            place = self._place(out, relative, object_, cleaned)
            return self._write(cleaned, pixels, place)

    def _place(self, out: Path, relative: PurePosixPath, object_: Received, cleaned: HeaderPlan) -> tuple[Path, Path]:
        """The output folder, and the output's path below it."""
        if self.treatment.names is Names.KEEP:
            return out, Path(relative)
        study, series = (self.keys.uid(uid) if uid else "none" for uid in (object_.study_uid, object_.series_uid))
        return out, Path(study, series, f"{cleaned.sop_instance_uid}.dcm")

    def _write(self, cleaned: HeaderPlan, pixels: PixelValue | None, place: tuple[Path, Path]) -> Outcome:
        object_ = cleaned.received
        parts, sources = compose_kept(cleaned, pixels), sources_of(object_, pixels)
        out, relative = place
        watch = Watch(pixels.unused) if pixels and pixels.unused else None
        value = hashlib.sha256()

        def look(piece: Buffer) -> None:
            value.update(piece)
            if watch:
                watch(piece)

        with NewFile((out / relative).parent) as new:
            new.write(parts.before, sources)
            new.write(parts.value, sources, watch=look)
            new.write(parts.after, sources)
            if pixels is None or watch is None or not watch.found:
                digests = _digests(object_, parts, sources, pixels, value.digest())
                name = _named(new, out / relative, digests[1])
                return self._outcome(cleaned, parts, str(PurePosixPath(relative.with_name(name))), digests)
            # Bits outside the image hold something: once more, with those cleared.
            return self._write(cleaned, with_stored_bits(pixels, object_.source), place)

    def _outcome(self, cleaned: HeaderPlan, parts: Parts, output: str, digests: tuple[str, str]) -> Outcome:
        object_ = cleaned.received
        return Outcome(
            State.DONE,
            None,
            output=output,
            findings=Counter(note.action for note in cleaned.notes),
            received=digests[0],
            written=digests[1],
            size=object_.header.received.size,
            modality=object_.modality,
            sop_class=object_.sop_class,
            residue=self._residue(object_, parts, output) if self.treatment.residue else None,
        )

    def _residue(self, object_: Received, parts: Parts, output: str) -> bytes:
        """The sealed plan that makes the received file of the written one."""
        header = object_.header
        if header.source is not header.received:
            # Nobody can deflate a data set again just as its writer did: the residue holds the file.
            inverse = Plan((Insert(header.received.read(0, header.received.size)),))
        else:
            inverse = invert(Plan(parts.ops), received=header.received)
        return seal(encode(inverse), key=self.residue_key, nonce=os.urandom(24), context=_residue_context(output))


def _residue_context(output: str) -> bytes:
    return b"leadglass/residue@v1\0" + PurePosixPath(output).name.encode()


def undo(written: Source, residue: bytes, *, key: bytes, output: str) -> Iterator[bytes]:
    """The received file again, from the written one and its residue.

    Raises:
        SealBrokenError: the residue belongs to another file or key, or was changed.
    """
    inverse = decode(unseal(residue, key=derive(key, label="residue"), context=_residue_context(output)))
    return run(inverse, (written,))


def _digests(
    object_: Received, parts: Parts, sources: Sequence[Source], pixels: PixelValue | None, value: bytes
) -> tuple[str, str]:
    """Tree digests of the received and of the written file."""
    header = object_.header
    before, after = sha256(parts.before, sources), sha256(parts.after, sources)
    written = tree_digest(before, value, after)
    if header.source is not header.received:
        whole = sha256((Copy(0, header.received.size),), (header.received,))
        return tree_digest(whole, sha256((), ()), sha256((), ())), written
    offset, length = pixels.span if pixels else (header.source.size, 0)
    stop = offset + length
    same = value if pixels is None or pixels.same else sha256((Copy(offset, length),), sources)
    received_before = sha256((Copy(0, offset),), sources)
    received_after = sha256((Copy(stop, header.source.size - stop),), sources)
    return tree_digest(received_before, same, received_after), written


def _named(new: NewFile, path: Path, digest: str) -> str:
    """The name that the file has got; of equal bytes, the one that is there."""
    for name in (path.name, f"{path.stem}-{digest[:12]}{path.suffix}"):
        if new.name(name) or new.equals(path.with_name(name)):
            return name
    raise UnavailableError(f"{path} cannot be named", hint="something else stands in its place; remove it")


def quarantined(object_: Received, *, documents: bool) -> str | None:
    """Why an object is not let through although its header could be treated; None where it is."""
    if object_.sop_class in _DOCUMENTS and not documents:
        return "an encapsulated document may hold anything; let documents through to treat its header alone"
    return None


_DOCUMENTS = frozenset(f"1.2.840.10008.5.1.4.1.1.104.{number}" for number in range(1, 6))
"""Encapsulated PDF, CDA, STL, OBJ and MTL Storage."""


def survey_file(path: Path, *, pixels: PixelMode) -> Survey:
    """What the file at ``path`` would tell whoever receives it. Nothing is written."""
    raise NotImplementedError


def explain_file(path: Path, treatment: Treatment) -> Iterator[Explained]:
    """Attribute by attribute, what ``treat_file`` would do and why."""
    raise NotImplementedError
