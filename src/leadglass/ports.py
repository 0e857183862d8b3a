"""Every effect, as a promise.

A port says what must hold when a call returns; ``testing.promises`` holds each sentence as a test that every adapter
runs. A method is added when a second flow needs it. All ports are synchronous and may be called from several threads
and processes at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from leadglass.anatomy.outline import Outlines
from leadglass.deid.pixels import TextDetector
from leadglass.dicom.source import Source
from leadglass.mark.found import Alignment, Candidate, Grey, Original, Page, Samples
from leadglass.model.access import Account, Grant, Order, Ticket
from leadglass.model.entry import Entry
from leadglass.model.frame import Frame
from leadglass.model.ids import BlobId, EntryId, InstanceId, Term
from leadglass.model.instance import StoredInstance
from leadglass.model.release import Release

R = TypeVar("R")


class Clock(Protocol):
    """Tells the time."""

    def now(self) -> datetime:
        """The present, with a time zone. It may stand still but does not run backwards within a process."""
        ...


class Entropy(Protocol):
    """Gives unpredictable bytes."""

    def bytes(self, count: int) -> bytes:
        """``count`` bytes that nobody can foresee; never the same twice."""
        ...


class Blobs(Protocol):
    """Sealed bytes under the name of their digest. Create-only."""

    def put(self, chunks: Iterable[bytes]) -> BlobId:
        """Store the concatenation of ``chunks`` and give its name, the SHA-256 of the bytes.

        Durable when it returns; after an exception nothing of it is visible. The same bytes again succeed.

        Raises:
            UnavailableError: no room, or the store does not answer.
        """
        ...

    def open(self, blob: BlobId) -> Source:
        """The stored bytes, readable in ranges.

        Raises:
            UnavailableError: there is no such blob.
        """
        ...

    def discard(self, blob: BlobId) -> None:
        """Remove the blob; removing what is not there is fine."""
        ...

    def stored(self) -> Iterator[tuple[BlobId, datetime]]:
        """Every blob with the time it was stored."""
        ...

    def tidy(self, before: datetime) -> int:
        """Remove what unfinished puts left behind before that time; gives their number."""
        ...


class Keys(Protocol):
    """The site's secrets and the key of each instance. Keys do not leave; data goes in and comes out wrapped."""

    def secret(self, label: str) -> bytes:
        """32 bytes that only this site can derive; the same for the same label, in any process."""
        ...

    def create(self, name: str) -> None:
        """Make the key ``name``; if it stands already, it stays as it is.

        Raises:
            ShreddedError: the key was destroyed; its name is not used again.
        """
        ...

    def wrap(self, name: str, data: bytes, *, context: str) -> bytes:
        """``data`` (a data key or a small record) under the key ``name``, bound to ``context``.

        Raises:
            ShreddedError: the key was destroyed or never made.
        """
        ...

    def unwrap(self, name: str, wrapped: bytes, *, context: str) -> bytes:
        """What ``wrap`` was given.

        Raises:
            SealBrokenError: other key, other context, or changed bytes.
            ShreddedError: the key was destroyed or never made.
        """
        ...

    def unwrap_each(self, wrapped: Iterable[tuple[str, bytes, str]]) -> Iterator[bytes | None]:
        """What ``wrap`` was given, for many (name, wrapped, context) at once; None where the key was destroyed.

        Raises:
            SealBrokenError: as ``unwrap``.
        """
        ...

    def destroy(self, name: str) -> None:
        """After this nothing wrapped by that key opens again, not with what the store held of the key before either.

        Destroying twice is fine. What a copy of the whole store opens, with the root key of its time, is out of reach.
        """
        ...


class Table(Protocol[R]):
    """Records of one kind by their id, inside a transaction."""

    def add(self, record: R) -> None:
        """Raises ConflictError when a record with this id stands already."""
        ...

    def get(self, key: str) -> R | None: ...

    def swap(self, old: R, new: R) -> None:
        """Put ``new`` in the place of ``old``; raises ConflictError unless the record is still ``old``."""
        ...

    def find(self, **equal: str) -> tuple[R, ...]:
        """The records whose indexed columns equal the given values, all of them without; in the order of adding."""
        ...


class Terms(Protocol):
    """Keyed search terms: which instances carry a term."""

    def add(self, instance: InstanceId, terms: Iterable[Term]) -> None: ...

    def find(self, term: Term) -> tuple[InstanceId, ...]: ...

    def discard(self, instance: InstanceId) -> None:
        """The instance carries no term any more; one that carries none is fine."""
        ...


class Fingerprints(Protocol):
    """By what films are found again: one row an instance, sealed under the instance's key, so that it dies with it."""

    def put(self, instance: InstanceId, sealed: bytes) -> None:
        """Keep the row of an instance; one that stands already is replaced."""
        ...

    def known(self) -> frozenset[InstanceId]:
        """The instances that have a row."""
        ...

    def each(self) -> Iterator[tuple[InstanceId, bytes]]:
        """Every row, in the order of the instances."""
        ...

    def discard(self, instance: InstanceId) -> None:
        """Remove the row of an instance; removing what is not there is fine."""
        ...


@dataclass(frozen=True)
class Logged:
    """An entry with the sealed record beside it, and its place in the log (null while it is queued)."""

    index: int | None
    entry: bytes
    record: bytes


@dataclass(frozen=True)
class Head:
    """The newest signed checkpoint, with the compact frontier of the tree it signs."""

    note: str
    frontier: bytes


class Log(Protocol):
    """The entries in their order, inside a transaction. There are no gaps and no forks."""

    def enqueue(self, entry: Entry, *, record: bytes) -> None:
        """On record with this transaction; it gets its place when it is appended."""
        ...

    def queued(self, limit: int) -> tuple[Logged, ...]:
        """Entries without a place, oldest first."""
        ...

    def append(self, batch: Sequence[Logged]) -> None:
        """Give the queued entries of ``batch`` the next places, in this order.

        Raises:
            ConflictError: one of them is not in the queue.
        """
        ...

    def size(self) -> int: ...

    def read(self, start: int, stop: int) -> tuple[Logged, ...]: ...

    def about(self, subject: str) -> tuple[Logged, ...]:
        """Every entry about one subject, queued ones last, in order."""
        ...

    def place(self, entry: EntryId) -> int | None:
        """The index of an entry, or None while it is queued or unknown."""
        ...

    def checkpoint(self) -> Head | None: ...

    def advance(self, old: Head | None, new: Head) -> None:
        """Compare-and-swap of the head; raises ConflictError unless it is still ``old``."""
        ...


class Transaction(Protocol):
    """One unit of change: all or nothing, as if alone."""

    @property
    def people(self) -> Table[Account]: ...
    @property
    def instances(self) -> Table[StoredInstance]: ...
    @property
    def orders(self) -> Table[Order]: ...
    @property
    def tickets(self) -> Table[Ticket]: ...
    @property
    def grants(self) -> Table[Grant]: ...
    @property
    def releases(self) -> Table[Release]: ...
    @property
    def terms(self) -> Terms: ...
    @property
    def fingerprints(self) -> Fingerprints: ...
    @property
    def log(self) -> Log: ...


class Database(Protocol):
    def begin(self) -> AbstractContextManager[Transaction]:
        """A serialisable transaction: leaving the block commits durably, an exception undoes everything.

        Raises:
            UnavailableError: the database does not answer or has no room; nothing was changed, or, when the commit
                itself was reported as failed, either all or nothing was.
        """
        ...

    def scrub(self) -> None:
        """What committed transactions deleted or replaced is in none of the database's files any more.

        To be called outside of a transaction.

        Raises:
            UnavailableError: somebody reads what was there before; it may be there still.
        """
        ...


class Tiles(Protocol):
    """The public face of the log: static files, a pure function of committed entries, written again at any time."""

    def write(self, path: str, data: bytes) -> None:
        """Durable and whole when it returns; a reader sees the old bytes or the new, never a part."""
        ...

    def read(self, path: str) -> bytes | None: ...

    def discard(self, folder: str) -> None:
        """Remove a folder of superseded files; removing what is not there is fine."""
        ...


class Cases(Protocol):
    """Where the evidence of traced pictures lies, in files that their owner alone may read."""

    def write(self, path: str, data: bytes) -> None:
        """Durable and whole when it returns."""
        ...

    def discard(self, folder: str) -> None:
        """Remove a case; removing what is not there is fine."""
        ...


class Slot(Protocol):
    """Room for one file that is about to leave."""

    def deliver(self, chunks: Iterable[bytes]) -> str:
        """Write and show the file, whole or not at all; gives its path."""
        ...

    def abandon(self) -> None:
        """Give the room back; nothing was shown. After ``deliver`` it does nothing."""
        ...


class Outlet(Protocol):
    """Where bytes leave. Room is taken before a release goes on record, bytes are written after."""

    def reserve(self, name: str, size: int) -> Slot:
        """Room for ``size`` bytes under ``name``; nothing of the content is written yet.

        Raises:
            UnavailableError: no room, or the place cannot be written to.
            ConflictError: a file of that name is there.
        """
        ...


class Detector(Protocol):
    """Finds outlines in one frame. It abstains rather than guess."""

    def __call__(self, frame: Frame, *, view: str | None, modality: str | None) -> Outlines: ...


class TextEngine(TextDetector, Protocol):
    """Finds and recognises text in pictures. It fails rather than guess, and what fails is looked at by a person."""

    @property
    def name(self) -> str:
        """Product, version and digest of its models: what the log says about who looked."""
        ...


class PictureReader(Protocol):
    """Parses files of strangers, where no key is. A file costs the reader its life at most."""

    def read(self, source: Source, *, name: str) -> tuple[Page, ...]:
        """The pictures in a file, in their order; ``name`` stands in messages, the format is told by the content.

        Raises:
            InputError: the format is not read, the file is broken or beyond a limit, or it ended its reader.
            UnavailableError: no reader can be started.
        """
        ...


class Aligner(Protocol):
    """Compares pictures with originals that were unsealed for it, where no key is. It parses nothing but arrays.

    Every method raises UnavailableError where the aligner cannot be started, ended, or took too long; where it was a
    stranger's picture that ended it, InputError. The next call starts anew, with all films that were loaded.
    """

    def fingerprint(self, samples: Samples) -> bytes:
        """The row of one film, of ``spread.reduced``; at most 4 kB."""
        ...

    def load(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """From now on these films, each with its number and fingerprint, are the ones that ``find`` knows."""
        ...

    def find(
        self, picture: Grey | Samples, *, without: Sequence[NDArray[np.float64]] = (), most: int = 12
    ) -> tuple[Candidate, ...]:
        """The films that a picture may show, likeliest first.

        ``without`` are outlines (4 corners x 2, in pixels of the picture) of films that are known already.
        """
        ...

    def align(self, picture: Grey | Samples, original: Original) -> Alignment | None:
        """The picture brought back onto ``original``; None where it does not show that film."""
        ...
