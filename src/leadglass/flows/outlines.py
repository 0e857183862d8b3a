"""The outlines of a film: found, kept beside its patches, and the partitions that are drawn from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from leadglass.anatomy.outline import Outlines, abstain
from leadglass.dicom.instance import Identified
from leadglass.errors import ConfigError, UnavailableError
from leadglass.flows import vault
from leadglass.flows.vault import Film
from leadglass.model.access import CoverShape
from leadglass.model.frame import Frame
from leadglass.model.instance import Part, StoredInstance
from leadglass.model.region import Mask, Partition, RegionKind
from leadglass.ports import Detector
from leadglass.site import Site
from leadglass.veil.outlines import decode_outlines, encode_outlines
from leadglass.veil.partition import partition

_PATIENT_ORIENTATION, _BODY_PART = 0x00200020, 0x00180015
_CHEST_WORDS = ("CHEST", "THORA", "TORAX", "LUNG", "RIB", "HEART", "胸")


def outlined(frames: Sequence[Frame], film: Identified | None, detector: Detector) -> Outlines:
    """The outlines of a film as a detector sees them, where its header, if it has one, does not speak against it.

    Objects of several frames or in colour have none: they are one region, ``rest``. A detector that cannot start draws
    nothing either: a film that is covered whole is safe, and one that was not taken in is not.
    """
    if len(frames) > 1:
        return abstain("it has several frames")
    against = None if film is None else _against(film)
    if against is not None:
        return abstain(against)
    # A picture that was made a DICOM file is of no modality, which says nothing of what it shows.
    modality = None if film is None or film.modality == "OT" else film.modality
    try:
        found = detector(frames[0], view=None if film is None else film.view_position, modality=modality)
    except (ConfigError, UnavailableError) as error:
        return abstain(f"what draws outlines does not work: {error.message}")
    if frames[0].samples.ndim > 2 and not found.abstained:
        return replace(found, masks={}, confidence=0.0, why="it is in colour")
    return found


def _against(film: Identified) -> str | None:
    """What the header says against outlines of a chest film seen from the front, as it is hung."""
    part = film.text(_BODY_PART).upper()
    if part and not any(word in part for word in _CHEST_WORDS):
        return "the header says that it shows another part of the body"
    if film.text(_PATIENT_ORIENTATION).upper().startswith("R"):
        # PS3.3 C.7.6.1.1.1: rows lead to the patient's right, where a film as it is hung leads to the left.
        return "the header says that the film is mirrored"
    return None


def cell_edge(site: Site, *, rows: int, columns: int) -> int:
    """Edge of a partition cell, in pixels of a film of that size."""
    return max(1, round(site.grid * max(rows, columns) / 2048))


def outlines_part(masks: Mapping[RegionKind, Mask]) -> tuple[str, Iterable[bytes]]:
    """Exact outlines as a part to seal."""
    return Part.OUTLINES, (encode_outlines(masks),)


def kept(site: Site, instance: StoredInstance) -> Mapping[RegionKind, Mask]:
    """The exact outlines that an instance has; empty where it was covered whole.

    Raises:
        SealBrokenError, MalformedError: they were changed.
    """
    if all(part.part != Part.OUTLINES for part in instance.parts):
        return {}
    source = vault.open_part(site, instance, Part.OUTLINES)
    return decode_outlines(source.read(0, source.size))


def parted(before: Partition, masks: Mapping[RegionKind, Mask], *, grid: int) -> Partition:
    """The partition by exact outlines in cells of ``grid`` pixels; text stays where ``before`` has it.

    The heart gets its margin here (``Outlines.for_cover``), whoever drew it.
    """
    drawn = dict(Outlines(masks, 1.0, "").for_cover())
    if RegionKind.TEXT in before.kinds:
        drawn[RegionKind.TEXT] = before.mask([RegionKind.TEXT])
    return partition(drawn, rows=before.rows, columns=before.columns, grid=grid)


def shaped(site: Site, instance: StoredInstance, film: Film, shape: CoverShape) -> tuple[Film, CoverShape]:
    """The film partitioned in ``shape``, and the shape it has: the grid, where no exact outlines are kept."""
    masks = {} if shape is CoverShape.GRID else kept(site, instance)
    if not masks:
        return film, CoverShape.GRID
    return replace(film, partition=parted(film.partition, masks, grid=1)), shape
