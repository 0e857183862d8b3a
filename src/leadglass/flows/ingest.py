"""Take a DICOM file in: separate, cover, seal, store, record."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from enum import StrEnum

from leadglass.anatomy.outline import Outlines
from leadglass.deid.clean import clean
from leadglass.deid.pseudonym import PseudonymKeys
from leadglass.deid.terms import search_terms
from leadglass.dicom.frames import constant_rle, decode
from leadglass.dicom.header import RLE_LOSSLESS
from leadglass.dicom.instance import Clean, Treated, compose, scan
from leadglass.dicom.plan import encode as encode_plan
from leadglass.dicom.source import Source, chunks
from leadglass.errors import ConflictError, InputError
from leadglass.flows import vault
from leadglass.flows.outlines import cell_edge, outlined, outlines_part
from leadglass.flows.record import allow, record
from leadglass.flows.session import Session
from leadglass.flows.terms import term
from leadglass.flows.vault import name_of, sha256_of
from leadglass.model.access import Duty, PixelState
from leadglass.model.ids import InstanceId, SeriesId, StudyId, Term
from leadglass.model.instance import Part, StoredInstance, Tier
from leadglass.model.region import Patch
from leadglass.site import Site
from leadglass.veil.cover import take
from leadglass.veil.partition import partition
from leadglass.veil.patch import encode as encode_patch
from leadglass.veil.style import level_at_rest


class Arrival(StrEnum):
    NEW = "new"
    KNOWN = "known"


@dataclass(frozen=True)
class Ingested:
    """What became of one file; ``whole`` says why nothing of a new film is outlined, empty where something is."""

    arrival: Arrival
    instance: StoredInstance
    whole: str = ""


def ingest(site: Site, session: Session, source: Source) -> Ingested:
    """Take one received file in. Afterwards nothing of it can be seen or read without a key.

    The blobs come first, the row and its entry in one transaction after them: a crash leaves blobs that nobody names.

    Raises:
        RefusedError: the session may not ingest.
        InputError: the file is not DICOM, broken, or its pixels cannot make the round trip.
        ConflictError: the SOP Instance UID is known with other content; on record.
        ShreddedError: a film of this SOP Instance UID was shredded.
    """
    allow(site, session.actor, Duty.INGEST)
    identified = scan(source)
    instance_id = InstanceId(f"i-{name_of(site, 'instance', identified.sop_instance_uid)[:24]}")
    received = vault.fingerprint(site, sha256_of(chunks(source)))
    if known := _known(site, session, instance_id, received):
        return known

    frames = tuple(decode(identified.layout, identified.pixels, encapsulated=identified.encapsulated))
    outlines = outlined(frames, identified, site.detector)
    rows, columns = frames[0].rows, frames[0].columns
    parts = partition(outlines.for_cover(), rows=rows, columns=columns, grid=cell_edge(site, rows=rows, columns=columns))
    header = clean(identified, profile=site.profile, keys=PseudonymKeys(site.keys.secret("pseudonyms")))
    covered = constant_rle(identified.layout, int(level_at_rest(frames[0]).flat[0]))
    composed = compose(header, Treated(transfer_syntax=RLE_LOSSLESS, value=covered, photometric=frames[0].photometric))

    site.keys.create(instance_id)
    sealed = vault.seal_parts(site, instance_id, _parts(composed, take(frames, parts), outlines))
    terms = search_terms(identified)
    instance = StoredInstance(
        id=instance_id,
        study=StudyId(f"st-{name_of(site, 'study', identified.study_uid)[:16]}"),
        series=SeriesId(f"se-{name_of(site, 'series', identified.series_uid)[:16]}"),
        fingerprint=received,
        patient=_first(site, terms, "patient_id"),
        accession=_first(site, terms, "accession"),
        sop_class=identified.sop_class,
        modality=identified.modality,
        view=identified.view_position,
        received=site.clock.now(),
        frames=len(frames),
        kinds=parts.kinds,
        pixels=PixelState.UNCHECKED,
        tier=Tier.HOT,
        held=False,
        parts=sealed,
    )
    _check_round_trip(site, instance)
    try:
        with site.database.begin() as transaction:
            vault.check_stored(site, sealed)
            transaction.instances.add(instance)
            transaction.terms.add(instance_id, {term(site, kind, value) for kind, value in terms})
            record(
                site,
                transaction.log,
                "ingested",
                actor=session.actor,
                subject=instance_id,
                regions=list(parts.kinds),
                transfer_syntax=identified.header.stated,
                profile=site.profile.digest or None,
                options=sorted(site.profile.options),
                attributes=len(header.notes),
                whole=outlines.why or None,
            )
    except ConflictError:
        # Another process was faster; what we stored has names of its own and nobody will ask for it.
        vault.discard(site, sealed)
        if known := _known(site, session, instance_id, received):
            return known
        raise
    return Ingested(Arrival.NEW, instance, outlines.why)


def _check_round_trip(site: Site, instance: StoredInstance) -> None:
    """What was stored gives the received file back, bit for bit; proved before anybody relies on it."""
    if vault.comes_back(site, instance):
        return
    vault.discard(site, instance.parts)
    raise InputError(
        "the file does not come back bit for bit from what was stored",
        hint="did it change while it was read? if it did not, please report it",
    )


def _known(site: Site, session: Session, instance_id: InstanceId, received: str) -> Ingested | None:
    with site.database.begin() as transaction:
        instance = transaction.instances.get(instance_id)
        if instance is None:
            return None
        if instance.tier is Tier.SHREDDED:
            # Not known by its bytes any more, but by its UID: what had to go does not come back with the next resend.
            raise vault.shredded(instance_id)
        if instance.fingerprint == received:
            return Ingested(Arrival.KNOWN, instance)
        record(site, transaction.log, "conflict", actor=session.actor, subject=instance_id)
    raise ConflictError(
        f"the SOP Instance UID (0008,0018) is known as {instance_id} with other content",
        hint="find out which file is right; the one received first stays",
    )


def _parts(composed: Clean, patches: tuple[Patch, ...], outlines: Outlines) -> Iterator[tuple[str, Iterable[bytes]]]:
    yield Part.CLEAN, composed.chunks()
    yield Part.RESIDUE, (encode_plan(composed.inverse),)
    if composed.stream is not None:
        yield Part.STREAM, chunks(composed.stream)
    if any(mask.any() for mask in outlines.masks.values()):
        yield outlines_part(outlines.masks)
    yield from patch_parts(patches)


def patch_parts(patches: Iterable[Patch]) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Patches as parts to seal."""
    for patch in patches:
        yield Part.patch(patch.region.kind), (encode_patch(patch),)


def _first(site: Site, terms: Iterable[tuple[str, str]], kind: str) -> Term | None:
    return next((term(site, kind, value) for found, value in terms if found == kind and value), None)
