"""A person looked at a film, in the PACS, and says what they found: text in the pixels, or where the organs lie."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy as np

from leadglass.dicom.pictures import read_picture
from leadglass.errors import ConflictError, InputError
from leadglass.flows import vault
from leadglass.flows.examine import check_no_grant_waits, redrawn
from leadglass.flows.outlines import cell_edge, kept, parted
from leadglass.flows.record import allow, record
from leadglass.flows.session import Session
from leadglass.flows.vault import Film
from leadglass.model.access import Duty, PixelState
from leadglass.model.instance import StoredInstance
from leadglass.model.region import Mask, RegionKind
from leadglass.site import Site

DRAWN = (RegionKind.HEART, RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT)
"""The regions that a person may outline."""

_MOST = 0.9
"""No organ fills more of a film."""


def check(site: Site, session: Session, instance_id: str, *, pixels: PixelState, note: str) -> StoredInstance:
    """Record that somebody looked for identifying text in the pixels.

    Raises:
        RefusedError: the session may not check.
        InputError: no such instance, no note, or ``unchecked``, which nobody can find.
    """
    allow(site, session.actor, Duty.CHECK)
    if pixels is PixelState.UNCHECKED:
        raise InputError("a check finds the pixels checked, or in need of review")
    _check_note(note)
    with site.database.begin() as transaction:
        instance = vault.find(transaction, instance_id)
        checked = replace(instance, pixels=pixels)
        transaction.instances.swap(instance, checked)
        record(site, transaction.log, "checked", actor=session.actor, subject=instance.id, pixels=pixels, note=note)
    return checked


def draw(
    site: Site, session: Session, instance_id: str, *, outlines: Mapping[RegionKind, Mask], note: str
) -> StoredInstance:
    """Put a person's outlines, masks of the film's own size, in the place of those that were found, or were not.

    A kind that they leave out keeps the outline it has. Text stays where it was found. A person is believed: only what
    can be no outline at all is refused.

    Raises:
        RefusedError: the session may not check.
        InputError: no such instance, no note, a film of several frames, or what was drawn is of another size, empty,
            nearly the whole film, or has the sides exchanged.
        ConflictError: somebody changed the instance meanwhile, or is about to use a grant; nothing is on record.
        ShreddedError: it is gone.
        VerificationError: what is stored was damaged.
        UnavailableError: no room, or a store does not answer.
    """
    allow(site, session.actor, Duty.CHECK)
    _check_note(note)
    with site.database.begin() as transaction:
        instance = vault.find(transaction, instance_id)
    film = vault.open_film(site, instance)
    if len(film.frames) > 1:
        raise InputError(f"instance {instance.id} has several frames, which one outline does not fit")
    exact = {**kept(site, instance), **outlines}
    _check_drawn(exact, film)
    edge = cell_edge(site, rows=film.partition.rows, columns=film.partition.columns)
    changed = redrawn(site, instance, film, parted(film.partition, exact, grid=edge), outlines=exact)
    new = tuple(part for part in changed.parts if part not in instance.parts)
    try:
        with site.database.begin() as transaction:
            vault.check_stored(site, new)
            check_no_grant_waits(site, transaction, instance.id)
            transaction.instances.swap(instance, changed)
            record(
                site,
                transaction.log,
                "outlined",
                actor=session.actor,
                subject=instance.id,
                drawn=[kind for kind in DRAWN if kind in outlines],
                regions=list(changed.kinds),
                note=note,
            )
    except ConflictError:
        vault.discard(site, new)
        raise
    return changed


def read_outline(data: bytes, kind: RegionKind) -> Mask:
    """The mask in a PNG of 0 and 255, as ``outline`` writes it.

    Raises:
        InputError: it is no such picture, or too large for one.
    """
    samples = read_picture(data).samples
    if samples.dtype != np.uint8 or samples.ndim != 2 or not np.isin(samples, (0, 255)).all():
        raise InputError(f"the outline of {kind} is no picture of 0 and 255", hint="write it as leadglass outline does")
    mask: Mask = samples == 255
    return mask


def _check_note(note: str) -> None:
    if not note.strip():
        raise InputError("a check needs a note", hint="say how and where you looked")


def _check_drawn(masks: Mapping[RegionKind, Mask], film: Film) -> None:
    """Return where the masks could be outlines of the film.

    Raises:
        InputError: they could not.
    """
    size = (film.partition.rows, film.partition.columns)
    if not masks or not set(masks) <= set(DRAWN):
        raise InputError(f"a person outlines {', '.join(DRAWN)}")
    for kind, mask in masks.items():
        if mask.shape != size:
            raise InputError(f"the outline of {kind} has {_size(mask.shape)} pixels, the film {_size(size)}")
        if not mask.any() or float(mask.mean()) > _MOST:
            raise InputError(f"the outline of {kind} is empty, or nearly the whole film")
    right, left = masks.get(RegionKind.LUNG_RIGHT), masks.get(RegionKind.LUNG_LEFT)
    if right is not None and left is not None and _middle(right) >= _middle(left):
        raise InputError(
            "the right lung lies to the right of the left one: the sides are exchanged, or the film is mirrored",
            hint="the patient's right lung is at the image's left; a mirrored film is not outlined",
        )


def _size(shape: tuple[int, ...]) -> str:
    return " x ".join(map(str, shape))


def _middle(mask: Mask) -> float:
    """The mean column."""
    return float(np.nonzero(mask)[1].mean())
