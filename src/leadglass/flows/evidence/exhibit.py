"""What there is to show about one traced picture, and the numbers that follow from it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from leadglass.mark.accuse import Accusation, Verdict
from leadglass.mark.found import Alignment, Box, Grey


@dataclass(frozen=True)
class NamedRelease:
    """One release that was tried, and what it scored.

    ``digest`` is the SHA-256 of the file as it was delivered (hex), ``shown`` and ``covered`` are region kinds. ``receipt``
    is the name of the receipt's file beside the page and ``index`` the place of the release in the log; None where there is
    none.
    """

    release: str
    recipient: str
    requester: str
    purpose: str
    created: datetime
    digest: str
    shown: tuple[str, ...]
    covered: tuple[str, ...]
    z: float
    false_accusation: float
    receipt: str | None
    index: int | None


@dataclass(frozen=True, eq=False)
class Exhibit:
    """One traced picture.

    ``name`` is the file's name as it came, ``sha256`` its digest (hex), ``page`` of ``pages`` the page of it, from 1. ``by``
    is the account that traced, ``origin`` the origin of the site's log, ``log_size`` and ``log_root`` (hex) its checkpoint
    when the page was made.

    ``picture`` is that page as it was found, perhaps reduced: one of its pixels stands for ``scale`` pixels of the found
    picture, in which the homography and all boxes of ``alignment`` and ``altered`` are. ``altered`` are places without those
    that the named release covered itself. ``spacing`` is millimetres a film pixel (row, column).

    ``releases`` are all that were tried for ``instance``, in the order of ``accusation.scores``. ``innocents`` are z of keys
    that belong to nobody, one each, against the row of coefficients in which the strongest release scored. ``hypotheses``
    counts the ways of aligning, over ``films_tried`` films; ``films_searched`` is how many the index holds.

    Raises:
        ValueError: verdict, accusation and releases do not go together.
    """

    case: str
    name: str
    sha256: str
    page: int
    pages: int
    traced: datetime
    by: str
    origin: str
    verdict: Verdict
    instance: str | None
    picture: Grey
    scale: float
    alignment: Alignment | None
    accusation: Accusation | None
    releases: tuple[NamedRelease, ...]
    innocents: NDArray[np.float64]
    spacing: tuple[float, float] | None
    altered: tuple[Box, ...]
    films_tried: int
    hypotheses: int
    films_searched: int
    log_size: int
    log_root: str

    def __post_init__(self) -> None:
        accused = self.accusation.verdict if self.accusation is not None else Verdict.UNKNOWN
        if self.verdict is not accused:
            raise ValueError(f"the verdict is {self.verdict} and the accusation says {accused}")
        if len(self.releases) != (len(self.accusation.scores) if self.accusation else 0):
            raise ValueError("releases and scores are not of one number")

    @property
    def named(self) -> tuple[NamedRelease, ...]:
        """The releases that are named, strongest first."""
        return tuple(self.releases[place] for place in self.accusation.named) if self.accusation else ()

    @property
    def best(self) -> NamedRelease | None:
        """The release that scored most; None where none was tried."""
        return max(self.releases, key=lambda each: each.z, default=None)


def log10_bound(z: float, tests: int) -> float:
    """log10 of ``accuse.bound``: from z = 39 on the bound itself is smaller than any float."""
    if z <= 0:
        return 0.0
    return min(0.0, math.log10(max(tests, 1)) - z * z / (2 * math.log(10)))
