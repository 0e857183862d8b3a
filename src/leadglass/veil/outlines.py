"""``leadglass/outlines@v1``: the exact outlines that a partition was drawn from, as bytes to seal.

::

    header  canonical JSON, padded with spaces so that it and its line feed are a multiple of 8 bytes
    runs    for each outline in turn n x 3 int32, little endian: row, first column, column after the last

The header says rows, columns, and for each outline, the most sensitive first, its kind and its number of runs. Outlines may
overlap; ``rest`` has none.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from leadglass.errors import MalformedError
from leadglass.model.entry import canonical
from leadglass.model.region import Mask, Region, RegionKind
from leadglass.veil.runs import MAX_SIDE, RUN, check_runs

OUTLINES_FORMAT = "leadglass/outlines@v1"

_MAX_HEADER = 1024
_OUTLINED = tuple(kind for kind in RegionKind if kind is not RegionKind.REST)


def encode_outlines(masks: Mapping[RegionKind, Mask]) -> bytes:
    """The bytes of outlines that are masks of one film, each (rows, columns); empty ones are left out.

    Raises:
        ValueError: there is none, they differ in size, or one is for ``rest``.
    """
    sizes = {mask.shape for mask in masks.values()}
    if len(sizes) != 1 or RegionKind.REST in masks:
        raise ValueError(f"no outlines of one film: {', '.join(masks)} of {len(sizes)} sizes")
    rows, columns = sizes.pop()
    regions = [Region.of(kind, masks[kind]) for kind in _OUTLINED if kind in masks and masks[kind].any()]
    header = _header(rows, columns, [(region.kind, region.runs.shape[0]) for region in regions])
    return b"".join((header, *(np.ascontiguousarray(region.runs, dtype=RUN).tobytes() for region in regions)))


def decode_outlines(data: bytes) -> Mapping[RegionKind, Mask]:
    """The outlines that ``encode_outlines`` wrote, as masks of the film's own shape.

    Raises:
        MalformedError: the bytes are not exactly encoded outlines.
    """
    at = data.find(b"\n", 0, _MAX_HEADER) + 1
    rows, columns, counts = _fields(data[:at])
    size = at + RUN.itemsize * 3 * sum(count for _, count in counts)
    if size != len(data):
        raise MalformedError(f"outlines of {len(data)} bytes should have {size}")
    masks = {}
    for kind, count in counts:
        runs = np.frombuffer(data, dtype=RUN, count=count * 3, offset=at).reshape(count, 3)
        check_runs(runs, rows=rows, columns=columns, offset=at)
        masks[kind] = Region(kind, runs).mask(rows, columns)
        at += runs.nbytes
    return masks


def _header(rows: int, columns: int, counts: list[tuple[RegionKind, int]]) -> bytes:
    line = canonical(
        {"v": OUTLINES_FORMAT, "rows": rows, "columns": columns, "outlines": [[kind, count] for kind, count in counts]}
    )
    return line + b" " * (-(len(line) + 1) % 8) + b"\n"


def _fields(header: bytes) -> tuple[int, int, list[tuple[RegionKind, int]]]:
    """Rows, columns and the number of runs of each outline, each within its limits."""
    if not header:
        raise MalformedError(f"outlines have no header line within their first {_MAX_HEADER} bytes")
    try:
        fields: dict[str, Any] = json.loads(header)
        rows, columns = fields["rows"], fields["columns"]
        counts = [(RegionKind(kind), count) for kind, count in fields["outlines"]]
        kinds = [kind for kind, _ in counts]
        numbers = [rows, columns, *(count for _, count in counts)]
        sound = (
            all(type(number) is int and number >= 1 for number in numbers)
            and max(rows, columns) <= MAX_SIDE
            and kinds == [kind for kind in _OUTLINED if kind in kinds]
            and _header(rows, columns, counts) == header
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedError("the header line of outlines cannot be read") from error
    if not sound:
        raise MalformedError(f"the header line of outlines does not say {OUTLINES_FORMAT} in its one encoding")
    return rows, columns, counts
