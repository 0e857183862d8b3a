"""Verify the whole log: every entry, every record beside it, the signed head and the public files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass

from leadglass.errors import LeadglassError
from leadglass.flows.checkpoint import CHECKPOINT_FILE, signed_checkpoint, signed_frontier
from leadglass.ledger.tile import Edge, grow
from leadglass.ledger.tree import Frontier, leaf_hash
from leadglass.model.entry import Entry
from leadglass.model.ids import ReleaseId
from leadglass.ports import Head, Logged, Transaction
from leadglass.site import Site

MAX_QUEUE = 1 << 20
"""Entries that may wait for their place."""


@dataclass(frozen=True)
class Audit:
    """``where`` names each place that does not verify; empty when all is well."""

    size: int
    root: str | None
    where: tuple[str, ...]

    @property
    def ok(self) -> bool:
        return not self.where


def audit(site: Site) -> Audit:
    """Recompute everything from the entries.

    It finds what was changed after it was signed. It cannot find a log that its own operator rewrote and signed again
    from the start: that needs witnesses, or somebody who kept an older checkpoint or a receipt.
    """
    with site.database.begin() as transaction:
        head = transaction.log.checkpoint()
        size = transaction.log.size()
        logged = transaction.log.read(0, size)
        unrecorded = _unrecorded(transaction)
        # Publishing needs a transaction too, so inside this one the file is not newer than the head.
        published = site.tiles.read(CHECKPOINT_FILE)
    if head is None:
        return Audit(size, None, ("checkpoint: the log was never signed",))
    where = [
        *(f"entry {index}: {problem}" for index, each in enumerate(logged) for problem in _entry_problems(index, each)),
        *(f"release {release}: its entry is not on record" for release in unrecorded),
    ]
    frontier = Frontier().extend([leaf_hash(each.entry) for each in logged])
    where += _head_problems(site, head, frontier)
    where += _file_problems(site, published, logged)
    return Audit(size, frontier.root.hex(), tuple(where))


def _unrecorded(transaction: Transaction) -> list[ReleaseId]:
    """Releases whose entry is neither in the log nor waiting for its place."""
    unplaced = [release for release in transaction.releases.find() if transaction.log.place(release.entry) is None]
    if not unplaced:
        return []
    waiting = b"\n".join(logged.entry for logged in transaction.log.queued(MAX_QUEUE))
    return [release.id for release in unplaced if f'"{release.entry}"'.encode() not in waiting]


def _entry_problems(index: int, logged: Logged) -> Iterator[str]:
    if logged.index != index:
        yield "it is out of place"
    try:
        entry = Entry.decode(logged.entry)
    except LeadglassError as error:
        yield error.message
        return
    if hashlib.sha256(logged.record).hexdigest() != entry.record:
        yield "the record beside it is not the one it commits to"


def _head_problems(site: Site, head: Head, frontier: Frontier) -> Iterator[str]:
    try:
        signed = signed_checkpoint(site, head.note)
        signed_frontier(site, head)
    except LeadglassError as error:
        yield f"checkpoint: {error.message}"
        return
    if (signed.size, signed.root) != (frontier.size, frontier.root):
        yield f"checkpoint: the entries do not give the root that was signed for size {signed.size}"


def _file_problems(site: Site, note: bytes | None, logged: tuple[Logged, ...]) -> Iterator[str]:
    if note is None:
        yield f"{CHECKPOINT_FILE}: the file is missing"
        return
    try:
        shown = signed_checkpoint(site, note.decode(errors="replace"))
    except LeadglassError as error:
        yield f"{CHECKPOINT_FILE}: {error.message}"
        return
    if shown.size > len(logged):
        yield f"{CHECKPOINT_FILE}: it was signed for {shown.size} entries, the database holds {len(logged)}"
        return
    frontier = Frontier().extend([leaf_hash(each.entry) for each in logged[: shown.size]])
    if frontier.root != shown.root:
        yield f"{CHECKPOINT_FILE}: the entries do not give the root that was signed for size {shown.size}"
    for tile in grow(Edge(), [each.entry for each in logged[: shown.size]])[1]:
        found = site.tiles.read(tile.path)
        if found is None:
            yield f"{tile.path}: the file is missing"
        elif found != tile.data:
            yield f"{tile.path}: the file was changed, from byte {_first_difference(found, tile.data)} on"


def _first_difference(found: bytes, data: bytes) -> int:
    return next((index for index, (a, b) in enumerate(zip(found, data, strict=False)) if a != b), min(len(found), len(data)))
