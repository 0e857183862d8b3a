"""Make one write of a site fail: not persisted, or persisted and reported as failed.

A crash law runs a flow once for every write it makes and for both kinds of failure, restarts on the same stores without
the fault, and asks whether every law still holds.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from leadglass.dicom.source import Source
from leadglass.errors import UnavailableError
from leadglass.model.ids import BlobId
from leadglass.ports import Blobs, Cases, Database, Keys, Outlet, Slot, Tiles, Transaction
from leadglass.site import Site

T = TypeVar("T")


class InjectedError(UnavailableError):
    """The fault that was asked for."""


class Faults:
    """Counts writes and fails the one numbered ``at`` (from 1); ``persisted`` says whether it happened all the same."""

    def __init__(self, at: int, *, persisted: bool) -> None:
        self._at = at
        self._persisted = persisted
        self._writes = 0

    @property
    def struck(self) -> bool:
        """Whether the write came to pass."""
        return self._writes >= self._at

    def write(self, change: Callable[[], T]) -> T:
        """Run ``change``, unless it is the one to fail."""
        if not self.due():
            return change()
        if self._persisted:
            change()
        raise InjectedError(f"write {self._at} was made to fail")

    def due(self) -> bool:
        """Count one write; true for the one to fail."""
        self._writes += 1
        return self._writes == self._at

    @property
    def persisted(self) -> bool:
        return self._persisted


def faulty(site: Site, faults: Faults) -> Site:
    """The same site, every write of which passes by ``faults``."""
    return replace(
        site,
        blobs=_FaultyBlobs(site.blobs, faults),
        database=_FaultyDatabase(site.database, faults),
        keys=_FaultyKeys(site.keys, faults),
        tiles=_FaultyTiles(site.tiles, faults),
        cases=_FaultyCases(site.cases, faults),
    )


@dataclass
class _FaultyBlobs:
    inner: Blobs
    faults: Faults

    def put(self, chunks: Iterable[bytes]) -> BlobId:
        return self.faults.write(lambda: self.inner.put(chunks))

    def open(self, blob: BlobId) -> Source:
        return self.inner.open(blob)

    def discard(self, blob: BlobId) -> None:
        self.faults.write(lambda: self.inner.discard(blob))

    def stored(self) -> Iterator[tuple[BlobId, datetime]]:
        return self.inner.stored()

    def tidy(self, before: datetime) -> int:
        return self.faults.write(lambda: self.inner.tidy(before))


@dataclass
class _FaultyKeys:
    inner: Keys
    faults: Faults

    def secret(self, label: str) -> bytes:
        return self.inner.secret(label)

    def create(self, name: str) -> None:
        self.faults.write(lambda: self.inner.create(name))

    def wrap(self, name: str, data: bytes, *, context: str) -> bytes:
        return self.inner.wrap(name, data, context=context)

    def unwrap(self, name: str, wrapped: bytes, *, context: str) -> bytes:
        return self.inner.unwrap(name, wrapped, context=context)

    def unwrap_each(self, wrapped: Iterable[tuple[str, bytes, str]]) -> Iterator[bytes | None]:
        return self.inner.unwrap_each(wrapped)

    def destroy(self, name: str) -> None:
        self.faults.write(lambda: self.inner.destroy(name))


@dataclass
class _FaultyTiles:
    inner: Tiles
    faults: Faults

    def write(self, path: str, data: bytes) -> None:
        self.faults.write(lambda: self.inner.write(path, data))

    def read(self, path: str) -> bytes | None:
        return self.inner.read(path)

    def discard(self, folder: str) -> None:
        self.faults.write(lambda: self.inner.discard(folder))


@dataclass
class _FaultyCases:
    inner: Cases
    faults: Faults

    def write(self, path: str, data: bytes) -> None:
        self.faults.write(lambda: self.inner.write(path, data))

    def discard(self, folder: str) -> None:
        self.faults.write(lambda: self.inner.discard(folder))


@dataclass
class _FaultyDatabase:
    """A commit is the write; one that fails before it persisted undoes the transaction."""

    inner: Database
    faults: Faults

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        due = False
        with self.inner.begin() as transaction:
            yield transaction
            due = self.faults.due()
            if due and not self.faults.persisted:
                raise InjectedError("a commit was made to fail")
        if due:
            raise InjectedError("a commit was made to look failed")

    def scrub(self) -> None:
        self.faults.write(self.inner.scrub)


@dataclass
class FaultyOutlet:
    """An outlet whose reservations and deliveries pass by ``faults``."""

    inner: Outlet
    faults: Faults

    def reserve(self, name: str, size: int) -> Slot:
        return _FaultySlot(self.faults.write(lambda: self.inner.reserve(name, size)), self.faults)


@dataclass
class _FaultySlot:
    inner: Slot
    faults: Faults

    def deliver(self, chunks: Iterable[bytes]) -> str:
        return self.faults.write(lambda: self.inner.deliver(chunks))

    def abandon(self) -> None:
        self.inner.abandon()
