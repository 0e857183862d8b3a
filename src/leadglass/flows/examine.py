"""Look for identifying text in stored pixels, with a program that reads (PS3.15 E.3.1).

Ingest does not wait for this: a film comes in unchecked, and only the treating reader sees it until somebody has looked. A
person who looks first is not gone over, and one who looks later has the last word.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from leadglass.deid.gate import due
from leadglass.deid.pixels import Box, Due, Look, Reading, TextDetector, Verdict, combined, photographic, read_all
from leadglass.deid.terms import search_terms
from leadglass.dicom.frames import significant
from leadglass.dicom.instance import Identified, scan
from leadglass.errors import ConflictError, LeadglassError, ShreddedError, UnavailableError, VerificationError
from leadglass.flows import vault
from leadglass.flows.ingest import patch_parts
from leadglass.flows.outlines import cell_edge, outlines_part
from leadglass.flows.record import allow, may, record
from leadglass.flows.session import Session, service
from leadglass.flows.vault import Film
from leadglass.model.access import Duty, PixelState
from leadglass.model.frame import Frame
from leadglass.model.ids import InstanceId
from leadglass.model.instance import Part, StoredInstance, Tier
from leadglass.model.region import Mask, Partition, Region, RegionKind
from leadglass.ports import TextEngine, Transaction
from leadglass.site import Site
from leadglass.veil.cover import take
from leadglass.veil.partition import partition

_STATES: Mapping[Verdict, PixelState] = {
    Verdict.CLEAN: PixelState.CHECKED,
    Verdict.REMOVED: PixelState.CHECKED,
    Verdict.REVIEW: PixelState.REVIEW,
}

_COVERED = "text was found, and is a region of its own"
"""Said here instead of what a reading says of it: in a site nothing is removed."""


@dataclass(frozen=True)
class Examination:
    """What became of the instances that nobody had looked at.

    ``waiting`` of them wait still: for the reason ``why``, which is an ``error`` where somebody should have read. ``later``
    are those that changed meanwhile or are about to be looked at, ``failed`` the errors of those that could not be examined.
    """

    states: Mapping[PixelState, int] = field(default_factory=dict)
    waiting: int = 0
    why: str = ""
    error: LeadglassError | None = None
    later: int = 0
    failed: tuple[Exception, ...] = ()


def examine_all(site: Site, *, progress: Callable[[Sequence[InstanceId]], Iterable[InstanceId]] = tuple) -> Examination:
    """Examine every instance that nobody has looked at, as the site's own service.

    Each is done by itself: what was examined before an end or an error stays so. Where the site has nothing that reads, or
    policy does not let a program ``check``, nothing changes.
    """
    unchecked = _unchecked(site)
    if not unchecked:
        return Examination()
    session = service(site, Duty.CHECK)
    if site.text is None:
        return Examination(waiting=len(unchecked), why="nothing is installed that reads pixels (the extra ocr)")
    if not may(site, session.actor, Duty.CHECK):
        return Examination(waiting=len(unchecked), why=f"policy does not let {session.actor.name} check pixels")
    try:
        # One that cannot answer at all would send every film to a person.
        site.text.recognise([np.full((48, 96), 128, dtype=np.uint8)])
    except UnavailableError as error:
        return Examination(waiting=len(unchecked), why=error.message, error=error)
    states, later, failed = Counter[PixelState](), 0, list[Exception]()
    for instance in progress(unchecked):
        try:
            states[examine(site, session, site.text, instance).pixels] += 1
        except (ConflictError, ShreddedError):
            later += 1
        except Exception as error:
            # One odd film does not keep the others waiting; it stays unchecked.
            failed.append(error)
    return Examination(states, later=later, failed=tuple(failed))


def examine(site: Site, session: Session, engine: TextEngine, instance_id: str) -> StoredInstance:
    """Look at the pixels of one instance that nobody has looked at, and record what was found.

    What is text becomes a region of its own, so that whoever may not see text does not. In doubt a person has to look.

    Raises:
        RefusedError: the session may not check.
        InputError: there is no such instance, or its file cannot be read any more.
        ConflictError: somebody looked first, changed it meanwhile, or is about to use a grant; nothing is on record.
        ShreddedError: it is gone.
        VerificationError: what is stored was damaged.
        UnavailableError: no room, or a store does not answer.
    """
    allow(site, session.actor, Duty.CHECK)
    with site.database.begin() as transaction:
        instance = vault.find(transaction, instance_id)
    if instance.pixels is not PixelState.UNCHECKED:
        raise ConflictError(f"somebody has looked at the pixels of {instance.id} already")
    film = vault.open_film(site, instance)
    reading, read = _reading(site, instance, film, engine)
    examined = replace(instance, pixels=_STATES[reading.verdict])
    if reading.boxes:
        examined = _with_text(site, examined, film, reading.boxes)
    new = tuple(part for part in examined.parts if part not in instance.parts)
    try:
        with site.database.begin() as transaction:
            vault.check_stored(site, new)
            if examined.kinds != instance.kinds:
                check_no_grant_waits(site, transaction, instance.id)
            transaction.instances.swap(instance, examined)
            record(
                site,
                transaction.log,
                "examined",
                actor=session.actor,
                subject=instance.id,
                pixels=examined.pixels,
                why=_COVERED if reading.verdict is Verdict.REMOVED else reading.why,
                engine=engine.name if read else None,
                boxes=len(reading.boxes),
                found=dict(reading.found),
                kept=reading.kept,
            )
    except ConflictError:
        vault.discard(site, new)
        raise
    return examined


def check_no_grant_waits(site: Site, transaction: Transaction, instance: InstanceId) -> None:
    """Return where nobody holds a grant: it names the regions that the film had, and those drawn later would stay covered.

    Raises:
        ConflictError: somebody holds one that is neither used nor expired.
    """
    now = site.clock.now()
    if any(grant.uses_left and now < grant.expires for grant in transaction.grants.find(instance=instance)):
        raise ConflictError(
            f"somebody holds an unused grant for {instance}", hint="try again when it is used or has expired"
        )


def _unchecked(site: Site) -> tuple[InstanceId, ...]:
    with site.database.begin() as transaction:
        stored = transaction.instances.find()
    return tuple(each.id for each in stored if each.pixels is PixelState.UNCHECKED and each.tier is not Tier.SHREDDED)


def _reading(site: Site, instance: StoredInstance, film: Film, detector: TextDetector) -> tuple[Reading, bool]:
    """What is in the pixels of every frame, and whether anything read them."""
    received = scan(vault.received(site, instance))
    asked = _due(received, film)
    if asked.look is not Look.READ:
        return Reading(Verdict.CLEAN if asked.look is Look.SKIP else Verdict.REVIEW, asked.why), False
    known = [value for _, value in search_terms(received)]
    return combined(reading for reading, _ in read_all(_significant(film), detector, known=known)), True


def _due(received: Identified, film: Film) -> Due:
    """What header and colours say that the frames are due for."""
    if any(photographic(frame, modality=received.modality) for frame in _significant(film)):
        return Due(Look.QUARANTINE, "a photograph may show a face")
    return due(received, mode="auto")


def _significant(film: Film) -> Iterator[Frame]:
    return (significant(frame, high_bit=film.clean.layout.high_bit) for frame in film.frames)


def _with_text(site: Site, instance: StoredInstance, film: Film, boxes: Iterable[Box]) -> StoredInstance:
    """The same instance with a region of text where the boxes are.

    Raises:
        VerificationError: what was stored anew does not give the received file back.
    """
    edge = cell_edge(site, rows=film.partition.rows, columns=film.partition.columns)
    return redrawn(site, instance, film, _text_drawn(film.partition, boxes, grid=edge))


def redrawn(
    site: Site,
    instance: StoredInstance,
    film: Film,
    drawn: Partition,
    *,
    outlines: Mapping[RegionKind, Mask] | None = None,
) -> StoredInstance:
    """The same instance in another partition, its patches taken anew and stored; ``outlines`` instead of those it has.

    Raises:
        VerificationError: what was stored anew does not give the received file back.
    """
    anew = [*([] if outlines is None else [outlines_part(outlines)]), *patch_parts(take(film.frames, drawn))]
    stored = vault.seal_parts(site, instance.id, anew)
    old = {*(Part.patch(kind) for kind in instance.kinds), *(part.part for part in stored)}
    kept = tuple(part for part in instance.parts if part.part not in old)
    changed = replace(instance, kinds=drawn.kinds, parts=(*kept, *stored))
    if not vault.comes_back(site, changed):
        vault.discard(site, stored)
        raise VerificationError(f"instance {instance.id} does not come back bit for bit from what was stored")
    return changed


def _text_drawn(before: Partition, boxes: Iterable[Box], *, grid: int) -> Partition:
    """The partition with each cell that a box touches given to text; what else there is stays as it was drawn."""
    rows, columns = before.rows, before.columns
    boxed: Mask = np.zeros((rows, columns), dtype=np.bool_)
    for box in boxes:
        boxed[box.top : box.bottom, box.left : box.right] = True
    text = partition({RegionKind.TEXT: boxed}, rows=rows, columns=columns, grid=grid).mask([RegionKind.TEXT])
    masks = {RegionKind.TEXT: text}
    for region in before.regions:
        mask = region.mask(rows, columns)
        masks[region.kind] = mask | text if region.kind is RegionKind.TEXT else mask & ~text
    regions = (Region.of(kind, masks[kind]) for kind in RegionKind if kind in masks)
    return Partition(rows, columns, tuple(region for region in regions if region.area))
