"""The Site: everything a flow may touch, in one value.

A test makes one in memory, ``assemble`` makes one from settings, and the flows cannot tell which.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from leadglass.deid.profile import Profile
from leadglass.policy.decide import Policies
from leadglass.ports import (
    Aligner,
    Blobs,
    Cases,
    Clock,
    Database,
    Detector,
    Entropy,
    Keys,
    PictureReader,
    TextEngine,
    Tiles,
)


@dataclass(frozen=True)
class Site:
    """One installation.

    ``origin`` names its log (C2SP checkpoint origin), ``grid`` is the edge of a partition cell in pixels for a film of
    2048 pixels (it scales with the film), the lifetimes bound tickets and grants. Without ``text`` pixels are read by people
    alone; without ``reader`` and ``aligner`` no picture is traced. ``cases`` holds the evidence of those that were.
    """

    origin: str
    blobs: Blobs
    database: Database
    keys: Keys
    tiles: Tiles
    clock: Clock
    entropy: Entropy
    detector: Detector
    policies: Policies
    profile: Profile
    cases: Cases
    text: TextEngine | None = None
    reader: PictureReader | None = None
    aligner: Aligner | None = None
    grid: int = 64
    ticket_lifetime: timedelta = timedelta(days=7)
    grant_lifetime: timedelta = timedelta(days=1)
