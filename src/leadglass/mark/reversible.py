"""``leadglass/mark@v1``: a mark as bytes, and how it comes off again so that every sample is the received one.

::

    header     canonical JSON and a line feed
    amplitude  a byte a cell of the coarsest grid, row by row

The header says key (hexadecimal), rows, columns, photometric interpretation, bits stored, whether signed, range bits,
strength, and the 32 bits of the scale as a number. The mark follows from these; whoever has the bytes can take it off.

Where a marked sample is the lowest or the highest that its bits hold, what was there cannot be told from the mark. A record
keeps these samples' distances from that bound, a byte each in the order of the samples, as zlib (RFC 1950) packs them: which
samples they are, the marked film says itself. A black border costs hardly anything, as all its distances are zero.
"""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.errors import MalformedError
from leadglass.mark.chips import FORMAT, shape
from leadglass.mark.spread import (
    AMPLITUDE_CELLS,
    MARKED,
    MAX_BITS,
    RMS,
    Mark,
    add,
    carrying,
    check_frame,
    made,
    strips,
)
from leadglass.model.access import Strength
from leadglass.model.entry import canonical
from leadglass.model.frame import Frame

_MAX_HEADER = 512
_MAX_SIDE = 65_535
"""Rows and Columns are of VR US (PS3.3 C.7.6.3)."""
_FIELDS = 10


def encode(mark: Mark) -> bytes:
    """The bytes of a mark: some 4 kB, its key among them."""
    header = canonical(
        {
            "v": FORMAT,
            "key": mark.key.hex(),
            "rows": mark.rows,
            "columns": mark.columns,
            "photometric": mark.photometric,
            "bits": mark.bits_stored,
            "signed": mark.signed,
            "range": mark.range_bits,
            "strength": mark.strength,
            "scale": int(np.float32(mark.scale).view(np.uint32)),
        }
    )
    return header + b"\n" + mark.amplitude.tobytes()


def decode(data: bytes) -> Mark:
    """The mark that ``encode`` wrote.

    Raises:
        MalformedError: the bytes are not exactly one encoded mark.
    """
    end = data.find(b"\n", 0, _MAX_HEADER) + 1
    fields = _fields(data[:end])
    cells = shape(AMPLITUDE_CELLS, fields["rows"], fields["columns"])
    if len(data) != end + cells[0] * cells[1]:
        raise MalformedError(f"a mark of {len(data)} bytes should have {end + cells[0] * cells[1]}")
    amplitude = np.frombuffer(data, np.uint8, offset=end).reshape(cells)
    if not amplitude.all():
        raise MalformedError("a mark has an amplitude of zero")
    return made(
        key=bytes.fromhex(fields["key"]),
        rows=fields["rows"],
        columns=fields["columns"],
        photometric=fields["photometric"],
        bits_stored=fields["bits"],
        signed=fields["signed"],
        range_bits=fields["range"],
        strength=Strength(fields["strength"]),
        scale=np.uint32(fields["scale"]).view(np.float32),
        amplitude=amplitude,
    )


def add_reversibly(frame: Frame, mark: Mark) -> tuple[Frame, bytes]:
    """The frame with the mark on it, as ``add`` puts it, and the record that ``remove`` needs.

    The record is of the whole frame: the mark comes off when every region is uncovered.

    Raises:
        ValueError: the mark was made for frames of another size or kind, or a sample is beyond the stored bits.
    """
    marked = add(frame, mark)
    return marked, _record(frame.samples, marked.samples, mark)


def remove(frame: Frame, mark: Mark, record: bytes) -> Frame:
    """The frame as it was before ``add_reversibly``; whether it is, its digest tells.

    Raises:
        ValueError: the mark was made for frames of another size or kind.
        MalformedError: the record is not of this frame.
    """
    check_frame(frame, mark)
    samples = np.array(frame.samples, order="C")
    for rows, steps in strips(mark):
        _take_off(samples[rows], steps, mark)
    _restore(samples, frame.samples, record, mark)
    return frame.with_samples(samples)


def _take_off(samples: NDArray[Any], steps: NDArray[np.int16], mark: Mark) -> None:
    changed = carrying(samples, mark.photometric)
    # Where the sum wrapped around before it was clipped, the record has the sample.
    changed -= steps.reshape(steps.shape + (1,) * (changed.ndim - steps.ndim)).astype(changed.dtype)


def _record(before: NDArray[Any], after: NDArray[Any], mark: Mark) -> bytes:
    lowest, highest = mark.bounds
    if before.size and not (lowest <= before.min() and before.max() <= highest):
        raise ValueError("a sample is beyond the stored bits")
    before, after = carrying(before, mark.photometric), carrying(after, mark.photometric)
    bound = (after == lowest) | (after == highest)
    distances = np.abs(before[bound].astype(np.int32) - after[bound])
    return zlib.compress(distances.astype(np.uint8).tobytes())


def _restore(samples: NDArray[Any], marked: NDArray[Any], record: bytes, mark: Mark) -> None:
    """Put what a record says where ``marked`` is at a bound."""
    lowest, highest = mark.bounds
    samples, marked = carrying(samples, mark.photometric), carrying(marked, mark.photometric)
    low, high = marked == lowest, marked == highest
    bound = low | high
    distances = np.frombuffer(_unpacked(record, int(np.count_nonzero(bound))), np.uint8).astype(np.int32)
    inward = np.where(low[bound], lowest + distances, highest - distances)
    samples[bound] = inward.astype(samples.dtype)


def _unpacked(record: bytes, size: int) -> bytes:
    try:
        packed = zlib.decompressobj()
        data = packed.decompress(record, size + 1)
    except zlib.error as error:
        raise MalformedError("the record of clipped samples cannot be read") from error
    if len(data) != size or not packed.eof or packed.unused_data:
        raise MalformedError(f"the record of clipped samples is not of the {size} that this film has")
    return data


def _fields(header: bytes) -> dict[str, Any]:
    """The header's fields, each within its limits."""
    if not header:
        raise MalformedError(f"a mark has no header line within its first {_MAX_HEADER} bytes")
    try:
        fields: dict[str, Any] = json.loads(header)
        sound = len(fields) == _FIELDS and canonical(fields) + b"\n" == header and all(_sound(fields))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise MalformedError("the header line of a mark cannot be read") from error
    if not sound:
        raise MalformedError(f"the header line of a mark does not say {FORMAT} in its one encoding")
    return fields


def _sound(fields: dict[str, Any]) -> Iterator[bool]:
    yield fields["v"] == FORMAT
    yield bytes.fromhex(fields["key"]).hex() == fields["key"] and len(fields["key"]) == 64
    yield fields["photometric"] in MARKED
    yield fields["strength"] in set(RMS)
    yield type(fields["signed"]) is bool
    limits = {"rows": _MAX_SIDE, "columns": _MAX_SIDE, "bits": MAX_BITS, "range": MAX_BITS}
    yield all(type(fields[name]) is int and 1 <= fields[name] <= limit for name, limit in limits.items())
    yield fields["range"] <= fields["bits"]
    # A positive float32 that is a number.
    yield type(fields["scale"]) is int and 0 < fields["scale"] < 0x7F800000
