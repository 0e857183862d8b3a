"""``leadglass/unmark@v1``: all it takes to have a marked film as it was, sample by sample.

::

    header   canonical JSON and a line feed: SHA-256 of the unmarked samples, bytes of the mark and of each frame's record
    mark     as ``reversible.encode`` writes it
    records  one a frame, as ``reversible.add_reversibly`` gives them

The digest is over the frames' samples, little endian, one frame after the other.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from leadglass.errors import MalformedError, VerificationError
from leadglass.mark import reversible
from leadglass.mark.spread import Mark
from leadglass.model.entry import canonical
from leadglass.model.frame import Frame

UNMARK_FORMAT = "leadglass/unmark@v1"

_MAX_HEADER = 1 << 20


@dataclass(frozen=True, eq=False)
class Unmark:
    """A mark, what it clipped in each frame, and the digest of what was there before (lower-case hex)."""

    mark: Mark
    records: tuple[bytes, ...]
    sha256: str

    @staticmethod
    def of(frames: Sequence[Frame], mark: Mark) -> Unmark:
        """What takes ``mark`` off again once it is on all of ``frames``.

        Raises:
            ValueError: the mark was made for frames of another size or kind, or a sample is beyond the stored bits.
        """
        return Unmark(mark, tuple(reversible.add_reversibly(frame, mark)[1] for frame in frames), _digest(frames))

    def off(self, frames: Sequence[Frame]) -> tuple[Frame, ...]:
        """The frames without the mark.

        Raises:
            VerificationError: these are not the frames that were marked, or something in them was changed.
        """
        try:
            before = tuple(
                reversible.remove(frame, self.mark, record) for frame, record in zip(frames, self.records, strict=True)
            )
        except (ValueError, MalformedError) as error:
            raise VerificationError("the mark does not belong to this film, or the film was changed") from error
        if _digest(before) != self.sha256:
            raise VerificationError("without its mark the film is not what was marked: something in it was changed")
        return before

    def encode(self) -> bytes:
        mark = reversible.encode(self.mark)
        fields = {"v": UNMARK_FORMAT, "sha256": self.sha256, "mark": len(mark), "records": [len(r) for r in self.records]}
        return b"".join((canonical(fields), b"\n", mark, *self.records))

    @staticmethod
    def decode(data: bytes) -> Unmark:
        """What ``encode`` wrote.

        Raises:
            MalformedError: the bytes are nothing of the kind.
        """
        at = data.find(b"\n", 0, _MAX_HEADER) + 1
        try:
            fields = json.loads(data[:at])
            lengths = [fields["mark"], *fields["records"]]
            sound = (
                fields["v"] == UNMARK_FORMAT
                and canonical(fields) + b"\n" == data[:at]
                and all(type(length) is int and length > 0 for length in lengths)
                and at + sum(lengths) == len(data)
            )
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise MalformedError(f"these bytes are no {UNMARK_FORMAT}") from error
        if not sound:
            raise MalformedError(f"these bytes are no {UNMARK_FORMAT}")
        ends = at + np.cumsum([0, *lengths])
        mark, *records = (data[start:stop] for start, stop in pairwise(ends))
        return Unmark(reversible.decode(mark), tuple(records), str(fields["sha256"]))


def _digest(frames: Sequence[Frame]) -> str:
    digest = hashlib.sha256()
    for frame in frames:
        little = frame.samples.dtype.newbyteorder("<")
        digest.update(np.ascontiguousarray(frame.samples, little).data)
    return digest.hexdigest()
