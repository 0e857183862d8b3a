"""``leadglass/patch@v1``: the samples under one region, as bytes to seal.

::

    header   canonical JSON, padded with spaces so that it and its line feed are a multiple of 8 bytes
    runs     n x 3 int32, little endian: row, first column, column after the last
    samples  frames x pixels x samples per pixel, little endian, pixels in the order of the runs

The header says kind, rows, columns, frames, samples (per pixel), type and the number of runs.
"""

from __future__ import annotations

import json
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.errors import MalformedError
from leadglass.model.entry import canonical
from leadglass.model.region import Patch, Region, RegionKind
from leadglass.veil.runs import MAX_SIDE, RUN, check_runs

PATCH_FORMAT = "leadglass/patch@v1"

_MAX_HEADER = 512
_MAX_FRAMES = 2**31 - 1
_MAX_SAMPLES = 4
_TYPES = ("int16", "int32", "int8", "uint16", "uint32", "uint8")


def encode(patch: Patch) -> bytes:
    """The bytes of a patch; the result is the only copy of the samples that is made.

    Raises:
        ValueError: the samples are of no container's type or do not fill the region.
    """
    samples = patch.samples
    planes = samples.shape[2] if samples.ndim == 3 else 1
    if samples.dtype.name not in _TYPES or samples.shape[:2] != (samples.shape[0], patch.region.area):
        raise ValueError(
            f"samples of type {samples.dtype} and shape {samples.shape} are no patch of {patch.region.area} pixels"
        )
    if samples.ndim not in (2, 3) or (samples.ndim == 3 and not 1 < planes <= _MAX_SAMPLES):
        raise ValueError(f"a patch has no samples of shape {samples.shape}")
    header = _header(
        {
            "v": PATCH_FORMAT,
            "kind": patch.region.kind,
            "rows": patch.rows,
            "columns": patch.columns,
            "frames": samples.shape[0],
            "samples": planes,
            "type": samples.dtype.name,
            "runs": patch.region.runs.shape[0],
        }
    )
    return b"".join((header, _buffer(patch.region.runs, RUN).data, _buffer(samples, samples.dtype.newbyteorder("<")).data))


def decode(data: bytes) -> Patch:
    """The patch that ``encode`` wrote. Its samples are a read-only view of ``data``, not a copy.

    Raises:
        MalformedError: the bytes are not exactly one encoded patch.
    """
    end = data.find(b"\n", 0, _MAX_HEADER) + 1
    fields = _fields(data[:end])
    kind, rows, columns = RegionKind(fields["kind"]), fields["rows"], fields["columns"]
    count, frames, planes = fields["runs"], fields["frames"], fields["samples"]
    body = end + count * 3 * RUN.itemsize
    if body > len(data):
        raise MalformedError(f"a patch of {len(data)} bytes ends within its {count} runs, which begin at byte {end}")
    runs = np.frombuffer(data, dtype=RUN, count=count * 3, offset=end).reshape(count, 3)
    check_runs(runs, rows=rows, columns=columns, offset=end)
    pixels = int((runs[:, 2] - runs[:, 1]).sum(dtype=np.int64))
    dtype = np.dtype(fields["type"]).newbyteorder("<")
    size = body + frames * pixels * planes * dtype.itemsize
    if size != len(data):
        raise MalformedError(f"a patch of {len(data)} bytes should have {size}")
    shape = (frames, pixels) if planes == 1 else (frames, pixels, planes)
    samples: NDArray[Any] = np.frombuffer(data, dtype=dtype, offset=body).reshape(shape)
    return Patch(Region(kind, runs), rows, columns, samples)


def _header(fields: dict[str, Any]) -> bytes:
    line = canonical(fields)
    return line + b" " * (-(len(line) + 1) % 8) + b"\n"


def _buffer(values: NDArray[Any], dtype: np.dtype[Any]) -> NDArray[np.uint8]:
    """The bytes of an array in ``dtype``; copied only where order or layout in memory differ."""
    return np.ascontiguousarray(values, dtype=dtype).reshape(-1).view(np.uint8)


def _fields(header: bytes) -> dict[str, Any]:
    """The header's fields, each within its limits."""
    if not header:
        raise MalformedError(f"a patch has no header line within its first {_MAX_HEADER} bytes")
    try:
        fields = json.loads(header)
        limits = {"rows": MAX_SIDE, "columns": MAX_SIDE, "frames": _MAX_FRAMES, "samples": _MAX_SAMPLES, "runs": 2**31 - 1}
        sound = (
            fields["v"] == PATCH_FORMAT
            and fields["kind"] in set(RegionKind)
            and fields["type"] in _TYPES
            and all(type(fields[name]) is int and 1 <= fields[name] <= limit for name, limit in limits.items())
            and _header(fields) == header
            and len(fields) == 3 + len(limits)
        )
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise MalformedError("the header line of a patch cannot be read") from error
    if not sound:
        raise MalformedError(f"the header line of a patch does not say {PATCH_FORMAT} in its one encoding")
    checked: dict[str, Any] = fields
    return checked
