"""Every port in memory: a whole site without a disk, deterministic from its seed."""

from __future__ import annotations

import copy
import hashlib
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Generic, TypeVar

from leadglass.anatomy.outline import Outlines, abstain
from leadglass.deid.profile import basic_profile
from leadglass.dicom.source import BytesSource, Source
from leadglass.errors import ConflictError, ShreddedError, UnavailableError
from leadglass.model.access import Account, Grant, Order, Ticket
from leadglass.model.entry import Entry
from leadglass.model.frame import Frame
from leadglass.model.ids import BlobId, EntryId, InstanceId, Term
from leadglass.model.instance import StoredInstance
from leadglass.model.release import Release
from leadglass.policy.decide import Policies, load, shipped
from leadglass.ports import Detector, Head, Logged
from leadglass.seal.escrow import RANDOMNESS_SIZE, split
from leadglass.seal.keys import derive, unwrap, wrap
from leadglass.site import Site

R = TypeVar("R")


class SetClock:
    """A clock that stands still until it is moved."""

    def __init__(self, start: datetime = datetime(2026, 1, 5, 8, 0, tzinfo=UTC)) -> None:
        self._now = start

    def now(self) -> datetime:
        return self._now

    def move(self, by: timedelta) -> None:
        self._now += by


class SeededEntropy:
    """Bytes that follow from a seed; for tests alone."""

    def __init__(self, seed: str = "leadglass") -> None:
        self._seed = seed
        self._count = 0

    def bytes(self, count: int) -> bytes:
        self._count += 1
        return hashlib.shake_256(f"{self._seed}/{self._count}".encode()).digest(count)


class MemoryBlobs:
    def __init__(self, clock: SetClock) -> None:
        self._clock = clock
        self._blobs: dict[BlobId, tuple[bytes, datetime]] = {}

    def put(self, chunks: Iterable[bytes]) -> BlobId:
        data = b"".join(chunks)
        blob = BlobId(hashlib.sha256(data).hexdigest())
        self._blobs.setdefault(blob, (data, self._clock.now()))
        return blob

    def open(self, blob: BlobId) -> Source:
        if blob not in self._blobs:
            raise UnavailableError(f"blob {blob} is not in the store")
        return BytesSource(self._blobs[blob][0])

    def discard(self, blob: BlobId) -> None:
        self._blobs.pop(blob, None)

    def stored(self) -> Iterator[tuple[BlobId, datetime]]:
        for blob in sorted(self._blobs):
            yield blob, self._blobs[blob][1]

    def tidy(self, before: datetime) -> int:  # noqa: ARG002 - nothing unfinished can be left in memory
        return 0


class MemoryKeys:
    """``Keys``, and the root key that ``flows.rotate`` exchanges and splits."""

    def __init__(self, entropy: SeededEntropy) -> None:
        self._entropy = entropy
        self._secret = entropy.bytes(32)
        self.generation = 1
        self._keys: dict[str, bytes | None] = {}

    def secret(self, label: str) -> bytes:
        return derive(self._secret, label=f"leadglass/site/{label}")

    @property
    def root(self) -> bytes:
        return derive(self._secret, label=f"leadglass/memory/root {self.generation}")

    def rotate_root(self) -> int:
        self.generation += 1
        return self.generation

    def split_root(self, origin: str) -> tuple[str, ...]:
        randomness = self._entropy.bytes(RANDOMNESS_SIZE)
        shares = split(self.root, origin=origin, generation=self.generation, randomness=randomness)
        return tuple(share.encode() for share in shares)

    def create(self, name: str) -> None:
        if self._keys.setdefault(name, self._entropy.bytes(32)) is None:
            raise ShreddedError(f"the key of {name} does not exist any more")

    def wrap(self, name: str, data: bytes, *, context: str) -> bytes:
        return wrap(data, kek=self._key(name), context=context.encode(), nonce=self._entropy.bytes(12))

    def unwrap(self, name: str, wrapped: bytes, *, context: str) -> bytes:
        return unwrap(wrapped, kek=self._key(name), context=context.encode())

    def unwrap_each(self, wrapped: Iterable[tuple[str, bytes, str]]) -> Iterator[bytes | None]:
        for name, data, context in wrapped:
            yield None if self._keys.get(name) is None else self.unwrap(name, data, context=context)

    def destroy(self, name: str) -> None:
        self._keys[name] = None

    def _key(self, name: str) -> bytes:
        key = self._keys.get(name)
        if key is None:
            raise ShreddedError(f"the key of {name} does not exist any more")
        return key


class MemoryTiles:
    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}

    def write(self, path: str, data: bytes) -> None:
        self.files[path] = data

    def read(self, path: str) -> bytes | None:
        return self.files.get(path)

    def discard(self, folder: str) -> None:
        for path in [path for path in self.files if path.startswith(f"{folder}/")]:
            del self.files[path]


class MemoryOutlet:
    """``room`` is the number of bytes that still fit; None is without limit."""

    def __init__(self, room: int | None = None) -> None:
        self.files: dict[str, bytes] = {}
        self._room = room

    def reserve(self, name: str, size: int) -> MemorySlot:
        if name in self.files:
            raise ConflictError(f"{name} is there already")
        if self._room is not None and size > self._room:
            raise UnavailableError(f"no room for {name}")
        return MemorySlot(self.files, name)


class MemorySlot:
    def __init__(self, files: dict[str, bytes], name: str) -> None:
        self._files = files
        self._name = name

    def deliver(self, chunks: Iterable[bytes]) -> str:
        data = b"".join(chunks)
        if self._name in self._files:
            raise ConflictError(f"{self._name} is there already")
        self._files[self._name] = data
        return self._name

    def abandon(self) -> None:
        pass


class MemoryTable(Generic[R]):
    def __init__(self, key: Callable[[R], str], index: Callable[[R], dict[str, str | None]]) -> None:
        self._key = key
        self._index = index
        self._rows: dict[str, R] = {}

    def add(self, record: R) -> None:
        key = self._key(record)
        if key in self._rows:
            raise ConflictError(f"{key} stands already")
        self._rows[key] = record

    def get(self, key: str) -> R | None:
        return self._rows.get(key)

    def swap(self, old: R, new: R) -> None:
        key = self._key(old)
        if self._rows.get(key) != old or self._key(new) != key:
            raise ConflictError(f"{key} was changed by somebody else")
        self._rows[key] = new

    def find(self, **equal: str) -> tuple[R, ...]:
        return tuple(row for row in self._rows.values() if equal.items() <= self._index(row).items())


class MemoryTerms:
    def __init__(self) -> None:
        self._terms: dict[Term, set[InstanceId]] = {}

    def add(self, instance: InstanceId, terms: Iterable[Term]) -> None:
        for term in terms:
            self._terms.setdefault(term, set()).add(instance)

    def find(self, term: Term) -> tuple[InstanceId, ...]:
        return tuple(sorted(self._terms.get(term, ())))

    def discard(self, instance: InstanceId) -> None:
        for instances in self._terms.values():
            instances.discard(instance)


class MemoryFingerprints:
    def __init__(self) -> None:
        self._rows: dict[InstanceId, bytes] = {}

    def put(self, instance: InstanceId, sealed: bytes) -> None:
        self._rows[instance] = sealed

    def known(self) -> frozenset[InstanceId]:
        return frozenset(self._rows)

    def each(self) -> Iterator[tuple[InstanceId, bytes]]:
        return iter(sorted(self._rows.items()))

    def discard(self, instance: InstanceId) -> None:
        self._rows.pop(instance, None)


@dataclass(frozen=True)
class _Row:
    """What a log keeps of an entry beside its bytes."""

    id: EntryId
    subject: str | None
    logged: Logged


class MemoryLog:
    def __init__(self) -> None:
        self._queue: list[_Row] = []
        self._log: list[_Row] = []
        self._head: Head | None = None

    def enqueue(self, entry: Entry, *, record: bytes) -> None:
        if any(row.id == entry.id for row in self._log + self._queue):
            raise ConflictError(f"entry {entry.id} stands already")
        self._queue.append(_Row(entry.id, entry.subject, Logged(None, entry.encode(), record)))

    def queued(self, limit: int) -> tuple[Logged, ...]:
        return tuple(row.logged for row in self._queue[:limit])

    def append(self, batch: Sequence[Logged]) -> None:
        for logged in batch:
            row = next((row for row in self._queue if row.logged == logged), None)
            if row is None:
                raise ConflictError("an entry is not in the queue")
            self._queue.remove(row)
            self._log.append(replace(row, logged=replace(logged, index=len(self._log))))

    def size(self) -> int:
        return len(self._log)

    def read(self, start: int, stop: int) -> tuple[Logged, ...]:
        return tuple(row.logged for row in self._log[start:stop])

    def about(self, subject: str) -> tuple[Logged, ...]:
        return tuple(row.logged for row in self._log + self._queue if row.subject == subject)

    def place(self, entry: EntryId) -> int | None:
        return next((row.logged.index for row in self._log if row.id == entry), None)

    def checkpoint(self) -> Head | None:
        return self._head

    def advance(self, old: Head | None, new: Head) -> None:
        if self._head != old:
            raise ConflictError("the log's head was moved by somebody else")
        self._head = new

    def tamper(self, index: int, *, entry: bytes | None = None, record: bytes | None = None) -> None:
        """Change an entry or its record behind everybody's back, as whoever holds the database file can."""
        row = self._log[index]
        old = row.logged
        changed = Logged(old.index, old.entry if entry is None else entry, old.record if record is None else record)
        self._log[index] = replace(row, logged=changed)


@dataclass
class MemoryTransaction:
    """The whole state; a transaction works on a copy and puts it in the place of the original."""

    people: MemoryTable[Account] = field(default_factory=lambda: MemoryTable(lambda r: r.actor.name, lambda _: {}))
    instances: MemoryTable[StoredInstance] = field(
        default_factory=lambda: MemoryTable(
            lambda r: r.id, lambda r: {"study": r.study, "patient": r.patient, "accession": r.accession}
        )
    )
    orders: MemoryTable[Order] = field(
        default_factory=lambda: MemoryTable(lambda r: r.id, lambda r: {"accession": r.accession_term})
    )
    tickets: MemoryTable[Ticket] = field(
        default_factory=lambda: MemoryTable(lambda r: r.id, lambda r: {"state": r.state, "instance": r.request.instance})
    )
    grants: MemoryTable[Grant] = field(
        default_factory=lambda: MemoryTable(lambda r: r.id, lambda r: {"instance": r.request.instance})
    )
    releases: MemoryTable[Release] = field(
        default_factory=lambda: MemoryTable(lambda r: r.id, lambda r: {"instance": r.instance})
    )
    terms: MemoryTerms = field(default_factory=MemoryTerms)
    fingerprints: MemoryFingerprints = field(default_factory=MemoryFingerprints)
    log: MemoryLog = field(default_factory=MemoryLog)


class MemoryDatabase:
    def __init__(self) -> None:
        self._state = MemoryTransaction()
        self._lock = threading.Lock()

    @contextmanager
    def begin(self) -> Iterator[MemoryTransaction]:
        with self._lock:
            working = _copy(self._state)
            yield working
            self._state = working

    def scrub(self) -> None:
        """What was replaced is nobody's as soon as the transaction ends."""


def _copy(state: MemoryTransaction) -> MemoryTransaction:
    """A copy of the containers; the records in them are frozen and shared."""
    copied = MemoryTransaction()
    for name in ("people", "instances", "orders", "tickets", "grants", "releases"):
        getattr(copied, name)._rows = dict(getattr(state, name)._rows)
    copied.terms._terms = copy.deepcopy(state.terms._terms)
    copied.fingerprints._rows = dict(state.fingerprints._rows)
    copied.log._queue = list(state.log._queue)
    copied.log._log = list(state.log._log)
    copied.log._head = state.log._head
    return copied


def _nothing(frame: Frame, *, view: str | None, modality: str | None) -> Outlines:  # noqa: ARG001 - a Detector's words
    return abstain("nobody looks for outlines here")


def memory_site(
    *,
    seed: str = "leadglass",
    clock: SetClock | None = None,
    policies: Policies | None = None,
    detector: Detector | None = None,
) -> Site:
    """A site in memory: equal seeds and equal calls give equal bytes. It outlines nothing unless it is given a detector."""
    entropy = SeededEntropy(seed)
    clock = clock or SetClock()
    return Site(
        origin="example.org/leadglass/test",
        blobs=MemoryBlobs(clock),
        database=MemoryDatabase(),
        keys=MemoryKeys(entropy),
        tiles=MemoryTiles(),
        cases=MemoryTiles(),
        clock=clock,
        entropy=entropy,
        detector=detector or _nothing,
        policies=policies or load(shipped()),
        profile=basic_profile(),
    )
