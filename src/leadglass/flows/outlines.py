"""The outlines of a film: found, kept beside its patches, and the partitions that are drawn from them."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace

from leadglass.anatomy.outline import Outlines, abstain
from leadglass.dicom.instance import Identified
from leadglass.flows import vault
from leadglass.flows.vault import Film
from leadglass.model.access import CoverShape
from leadglass.model.frame import Frame
from leadglass.model.instance import Part, StoredInstance
from leadglass.model.region import Mask, Partition, RegionKind
from leadglass.site import Site
from leadglass.veil.outlines import decode_outlines, encode_outlines
from leadglass.veil.partition import partition


def outlined(site: Site, identified: Identified, frames: tuple[Frame, ...]) -> Outlines:
    """The outlines of a film as the site's detector sees them. Objects of several frames or in colour have none: they are
    one region, ``rest``.
    """
    if len(frames) > 1:
        return abstain("it has several frames")
    if frames[0].samples.ndim > 2:
        return abstain("it is in colour")
    return site.detector(frames[0], view=identified.view_position, modality=identified.modality)


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
