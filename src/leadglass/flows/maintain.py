"""Make good what crashes leave: sweep blobs that nobody names, put queued entries into the log."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.record import allow, record
from leadglass.flows.session import Session
from leadglass.model.access import Duty
from leadglass.model.ids import BlobId
from leadglass.ports import Transaction
from leadglass.site import Site

UNNAMED_FOR = timedelta(hours=1)
"""A blob younger than this may belong to an ingest that has not committed yet."""


@dataclass(frozen=True)
class Maintained:
    blobs: int
    unfinished: int
    log_size: int


def maintain(site: Site, session: Session) -> Maintained:
    """Sweep and checkpoint.

    Raises:
        RefusedError: the session may not maintain the site.
    """
    allow(site, session.actor, Duty.MAINTAIN)
    before = site.clock.now() - UNNAMED_FOR
    old = {blob for blob, stored in site.blobs.stored() if stored < before}
    with site.database.begin() as transaction:
        orphans = old - _named(transaction)
        if orphans:
            record(site, transaction.log, "swept", actor=session.actor, blobs=len(orphans))
    if orphans:
        # In a transaction: an ingest that is about to name one of them waits for it, and then finds it gone.
        with site.database.begin() as transaction:
            for blob in sorted(orphans - _named(transaction)):
                site.blobs.discard(blob)
    unfinished = site.blobs.tidy(before)
    return Maintained(len(orphans), unfinished, checkpoint(site).size)


def _named(transaction: Transaction) -> set[BlobId]:
    return {part.blob for instance in transaction.instances.find() for part in instance.parts}
