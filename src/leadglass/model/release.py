"""A rendition on record: the only thing that may leave."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from leadglass.model.access import CoverShape, CoverStyle, Purpose, SealProfile, Strength
from leadglass.model.ids import EntryId, GrantId, InstanceId, PersonName, ReleaseId
from leadglass.model.region import RegionKind


@dataclass(frozen=True)
class Release:
    """A recorded rendition.

    ``shown`` are the regions that are open in the file, ``covered`` those sealed inside it under keys of this release.
    ``wrapped_key`` is the release key under the instance's key; ``digest`` the SHA-256 of the file as delivered. ``mark`` is
    how strongly the copy is marked for its recipient; ``reversible``, whether the file carries, sealed, what takes the mark
    off again. ``style`` and ``shape`` are how its covered regions look. ``seal`` is ``shreddable`` unless the copy travels
    sealed for its recipient's own key: then ``shown`` is what that key opens.
    """

    id: ReleaseId
    instance: InstanceId
    grant: GrantId
    requester: PersonName
    recipient: str
    purpose: Purpose
    shown: tuple[RegionKind, ...]
    covered: tuple[RegionKind, ...]
    identity: bool
    created: datetime
    digest: str
    entry: EntryId
    wrapped_key: bytes
    mark: Strength
    reversible: bool
    style: CoverStyle
    shape: CoverShape
    seal: SealProfile = SealProfile.SHREDDABLE
