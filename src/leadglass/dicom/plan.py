"""An edit as a plan: an ordered list of *copy these bytes* and *insert these*.

A plan says how one sequence of bytes is made from others without holding them. ``run`` carries it out in chunks, so a
file of 2 GB costs as much memory as one of 20 kB, and ``invert`` gives the plan that undoes it, which is what a residue
is made of. Stored form: ``leadglass/plan@v1``.
"""

from __future__ import annotations

import struct
from bisect import bisect_right
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import accumulate
from typing import Final

from leadglass.dicom.source import Source
from leadglass.errors import MalformedError

PLAN_FORMAT: Final = b"leadglass/plan@v1\n"
_LIMIT: Final = 1 << 62
_COUNT: Final = struct.Struct("<Q")
_COPY: Final = struct.Struct("<BBQQ")
_INSERT: Final = struct.Struct("<BQ")
_COPY_CODE: Final = 0
_INSERT_CODE: Final = 1


@dataclass(frozen=True, slots=True)
class Copy:
    """``length`` bytes from ``offset`` of one of the plan's sources."""

    offset: int
    length: int
    source: int = 0

    @property
    def size(self) -> int:
        return self.length


@dataclass(frozen=True, slots=True)
class Insert:
    """Bytes that the plan itself brings."""

    data: bytes

    @property
    def size(self) -> int:
        return len(self.data)


Op = Copy | Insert


@dataclass(frozen=True)
class Plan:
    """How one sequence of bytes is made from others: the ops' outputs, one after the other."""

    ops: tuple[Op, ...]

    @cached_property
    def size(self) -> int:
        """Number of bytes that the plan makes."""
        return sum(op.size for op in self.ops)

    @cached_property
    def starts(self) -> tuple[int, ...]:
        """Where each op's output begins."""
        return tuple(accumulate((op.size for op in self.ops[:-1]), initial=0)) if self.ops else ()


def merged(ops: Iterable[Op]) -> tuple[Op, ...]:
    """The same output in the fewest ops: neighbours joined, empty ones left out."""
    out: list[Op] = []
    pending: list[bytes] = []
    for op in ops:
        if isinstance(op, Insert):
            if op.data:
                pending.append(op.data)
            continue
        if not op.length:
            continue
        if pending:
            out.append(Insert(b"".join(pending)))
            pending = []
        last = out[-1] if out else None
        if isinstance(last, Copy) and last.source == op.source and last.offset + last.length == op.offset:
            out[-1] = Copy(last.offset, last.length + op.length, op.source)
        else:
            out.append(op)
    if pending:
        out.append(Insert(b"".join(pending)))
    return tuple(out)


def _read(sources: Sequence[Source], number: int, *, offset: int, length: int) -> bytes:
    if number >= len(sources):
        raise MalformedError(f"a plan copies from source {number}, and it was given {len(sources)}")
    data = sources[number].read(offset, length)
    if len(data) != length:
        raise MalformedError(f"source {number} of a plan ends before offset {offset + length}")
    return data


def run(plan: Plan, sources: Sequence[Source], chunk: int = 1 << 20) -> Iterator[bytes]:
    """The bytes that the plan makes, at most ``chunk`` of them at a time.

    Raises:
        MalformedError: a source is missing or shorter than the plan says.
    """
    for op in plan.ops:
        for start in range(0, op.size, chunk):
            length = min(chunk, op.size - start)
            if isinstance(op, Insert):
                yield op.data[start : start + length]
            else:
                yield _read(sources, op.source, offset=op.offset + start, length=length)


class PlanSource:
    """What a plan makes, as a source: nothing is read before somebody asks for it."""

    def __init__(self, plan: Plan, sources: Sequence[Source]) -> None:
        self._plan = plan
        self._sources = tuple(sources)

    @property
    def size(self) -> int:
        return self._plan.size

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset``; fewer than ``length`` only at the end.

        Raises:
            MalformedError: a source of the plan is missing or shorter than the plan says.
        """
        stop = min(offset + length, self._plan.size)
        parts: list[bytes] = []
        number = bisect_right(self._plan.starts, offset) - 1
        while offset < stop:
            op, skip = self._plan.ops[number], offset - self._plan.starts[number]
            length = min(op.size - skip, stop - offset)
            if isinstance(op, Insert):
                parts.append(op.data[skip : skip + length])
            else:
                parts.append(_read(self._sources, op.source, offset=op.offset + skip, length=length))
            offset += length
            number += 1
        return b"".join(parts)


def invert(plan: Plan, *, received: Source, pixel_value: tuple[int, int] = (0, 0)) -> Plan:
    """The plan that makes ``received``, source 0 of ``plan``, again.

    Its source 0 is what ``plan`` makes; its source 1 the bytes of ``received`` in the range ``pixel_value`` (offset,
    length), and it is asked for those of them alone that ``plan`` did not copy. Everything else that ``plan`` dropped
    lies in the inverse itself.
    """
    size = received.size
    kept = sorted(
        (op.offset, op.offset + op.length, start)
        for op, start in zip(plan.ops, plan.starts, strict=True)
        if isinstance(op, Copy) and op.source == 0 and op.length
    )
    ops: list[Op] = []
    position = 0
    for first, stop, made_at in kept:
        if stop <= position:
            continue
        if first > position:
            ops.extend(_dropped(received, position, first, pixel_value))
            position = first
        ops.append(Copy(made_at + position - first, stop - position))
        position = stop
    ops.extend(_dropped(received, position, size, pixel_value))
    return Plan(merged(ops))


def _dropped(received: Source, start: int, stop: int, pixel_value: tuple[int, int]) -> Iterator[Op]:
    pixels, length = pixel_value
    before, after = min(max(pixels, start), stop), min(max(pixels + length, start), stop)
    if start < before:
        yield Insert(_read((received,), 0, offset=start, length=before - start))
    if before < after:
        yield Copy(before - pixels, after - before, 1)
    if after < stop:
        yield Insert(_read((received,), 0, offset=after, length=stop - after))


def encode(plan: Plan) -> bytes:
    """The plan as stored: format line, number of ops, ops; integers little endian."""
    parts = [PLAN_FORMAT, _COUNT.pack(len(plan.ops))]
    for op in plan.ops:
        if isinstance(op, Insert):
            parts += (_INSERT.pack(_INSERT_CODE, len(op.data)), op.data)
        else:
            parts.append(_COPY.pack(_COPY_CODE, op.source, op.offset, op.length))
    return b"".join(parts)


def decode(data: bytes) -> Plan:
    """The plan that ``encode`` wrote.

    Raises:
        MalformedError: the bytes are not exactly one encoded plan; the message names the offset.
    """
    if not data.startswith(PLAN_FORMAT):
        raise MalformedError("these bytes are not a plan of a known version")
    position = len(PLAN_FORMAT)
    try:
        (count,) = _COUNT.unpack_from(data, position)
        position += _COUNT.size
        # Each op takes at least nine bytes: a count beyond that is refused before anything is made for it.
        if count > (len(data) - position) // _INSERT.size:
            raise MalformedError(f"a plan states {count} ops and is too short for them")
        ops: list[Op] = []
        for _ in range(count):
            if data[position] == _COPY_CODE:
                _, source, offset, length = _COPY.unpack_from(data, position)
                position += _COPY.size
                if offset + length > _LIMIT:
                    raise MalformedError(f"an op of a plan is out of bounds, at offset {position}")
                ops.append(Copy(offset, length, source))
            elif data[position] == _INSERT_CODE:
                _, length = _INSERT.unpack_from(data, position)
                position += _INSERT.size
                if length > len(data) - position:
                    raise MalformedError(f"a plan ends inside an insert, at offset {position}")
                ops.append(Insert(data[position : position + length]))
                position += length
            else:
                raise MalformedError(f"an op of a plan is of no known kind, at offset {position}")
    except (struct.error, IndexError) as error:
        raise MalformedError(f"a plan ends early, at offset {position}") from error
    if position != len(data):
        raise MalformedError(f"a plan is followed by other bytes, at offset {position}")
    return Plan(tuple(ops))
