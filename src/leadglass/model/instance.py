"""What is stored of one received instance."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from leadglass.model.access import PixelState
from leadglass.model.ids import BlobId, InstanceId, SeriesId, StudyId
from leadglass.model.region import RegionKind


class Tier(StrEnum):
    HOT = "hot"
    COLD = "cold"
    SHREDDED = "shredded"


class Part(StrEnum):
    """The sealed parts of an instance. A region's patch is ``patch.<kind>``.

    ``residue`` is the encoded inverse of the plan that made ``clean``. What it needs of the received pixel element lies
    in ``stream`` (the code stream of a compressed one) or in the patches. ``outlines`` are the exact ones that the
    partition was drawn from, where there are any.
    """

    CLEAN = "clean"
    RESIDUE = "residue"
    STREAM = "stream"
    OUTLINES = "outlines"

    @staticmethod
    def patch(kind: RegionKind) -> str:
        return f"patch.{kind}"


@dataclass(frozen=True)
class SealedPart:
    """A stored blob and its data key, wrapped under the instance's key."""

    part: str
    blob: BlobId
    wrapped_key: bytes
    size: int


@dataclass(frozen=True)
class StoredInstance:
    """One received instance as the site keeps it: nothing in the row identifies anybody.

    ``fingerprint`` is a keyed digest of the received bytes (same bytes again are known by it), ``accession`` and
    ``patient`` are keyed terms. ``view`` is the View Position of the film (PA, AP, LL, ...), null where not stated.
    """

    id: InstanceId
    study: StudyId
    series: SeriesId
    fingerprint: str
    patient: str | None
    accession: str | None
    sop_class: str
    modality: str | None
    view: str | None
    received: datetime
    frames: int
    kinds: tuple[RegionKind, ...]
    pixels: PixelState
    tier: Tier
    held: bool
    parts: tuple[SealedPart, ...]

    def part(self, name: str) -> SealedPart:
        """The sealed part of that name; KeyError when there is none."""
        for part in self.parts:
            if part.part == name:
                return part
        raise KeyError(name)
