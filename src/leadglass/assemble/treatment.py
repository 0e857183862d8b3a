"""How files are de-identified without a site, and what is said of each: values that go to worker processes and come back."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum


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
    digests: bool = True
    """Whether to say what was read and written; a tenth of a second for every 200 MB."""


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
    again: bool = False
    """It was not the file's content: another try may do better."""


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
