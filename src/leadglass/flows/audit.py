"""Verify the whole log: every entry, every record beside it, the signed head and the public files."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from leadglass.errors import LeadglassError, ProofError
from leadglass.flows.checkpoint import CHECKPOINT_FILE, signed_checkpoint, signed_frontier
from leadglass.ledger.tile import Edge, grow
from leadglass.ledger.tree import Frontier, leaf_hash
from leadglass.model.entry import Entry
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

    It finds what was changed after it was signed, in the entries, beside them, and in the rows that they tell of. It
    cannot find a log that its own operator rewrote and signed again from the start, nor an older copy of the whole site:
    that needs witnesses, or somebody who kept a newer checkpoint or a receipt.
    """
    # One transaction for all of it: publishing needs one too, so neither head nor files move meanwhile.
    with site.database.begin() as transaction:
        try:
            head = transaction.log.checkpoint()
            size = transaction.log.size()
            logged = transaction.log.read(0, size)
            queued = transaction.log.queued(MAX_QUEUE)
        except ProofError as error:
            return Audit(0, None, (f"log: {error.message}",))
        if head is None:
            return Audit(size, None, ("checkpoint: the log was never signed",))
        entries = {index: entry for index, each in enumerate(logged) if (entry := _decoded(each)) is not None}
        waiting = [entry for each in queued if (entry := _decoded(each)) is not None]
        frontier = Frontier().extend([leaf_hash(each.entry) for each in logged])
        where = [
            *_entry_problems(logged),
            *("queue: an entry that waits for its place was damaged" for each in queued if _decoded(each) is None),
            *_index_problems(transaction, entries),
            *_row_problems(transaction, [*entries.values(), *waiting]),
            *_head_problems(site, head, frontier),
            *_file_problems(site, site.tiles.read(CHECKPOINT_FILE), logged),
        ]
    return Audit(size, frontier.root.hex(), tuple(where))


def _decoded(logged: Logged) -> Entry | None:
    try:
        return Entry.decode(logged.entry)
    except LeadglassError:
        return None


def _entry_problems(logged: Sequence[Logged]) -> Iterator[str]:
    """Each entry by itself. Of a gap the first place alone is named: after it everything is out of place."""
    for index, each in enumerate(logged):
        if each.index != index:
            yield f"entry {index}: it is missing or out of place"
            break
    for index, each in enumerate(logged):
        entry = _decoded(each)
        if entry is None:
            yield f"entry {index}: it cannot be read"
        elif hashlib.sha256(each.record).hexdigest() != entry.record:
            yield f"entry {index}: the record beside it is not the one it commits to"


def _index_problems(transaction: Transaction, entries: Mapping[int, Entry]) -> Iterator[str]:
    """Whether entries are found by their id and their subject, as ``history`` and receipts look for them."""
    about: dict[str, set[int]] = {}
    for index, entry in entries.items():
        if transaction.log.place(entry.id) != index:
            yield f"entry {index}: it is not found under its id"
        if entry.subject is not None:
            about.setdefault(entry.subject, set()).add(index)
    for subject, places in about.items():
        found = {each.index for each in transaction.log.about(subject) if each.index is not None}
        for index in sorted(found ^ places):
            yield f"entry {index}: it is not found under what it is about"


def _row_problems(transaction: Transaction, entries: Sequence[Entry]) -> Iterator[str]:
    """No change without its entry, no entry without its change: releases and instances."""
    released = {entry.id for entry in entries if entry.action == "released"}
    of_rows = {release.entry: release.id for release in transaction.releases.find()}
    yield from (f"release {of_rows[each]}: its entry is not on record" for each in of_rows.keys() - released)
    yield from (f"entry {each}: the release that it tells of is gone" for each in sorted(released - of_rows.keys()))
    ingested = {entry.subject for entry in entries if entry.action == "ingested"}
    stored = {instance.id for instance in transaction.instances.find()}
    yield from (f"instance {each}: its entry is not on record" for each in sorted(stored - ingested))
    yield from (f"instance {each}: it was ingested and is gone" for each in ingested - stored)


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
