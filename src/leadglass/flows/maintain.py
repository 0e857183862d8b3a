"""What a site does by itself: finish, sweep, look at pixels that nobody looked at, make films findable, checkpoint."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import timedelta

from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.examine import Examination, examine_all
from leadglass.flows.indexing import Indexed, index_films
from leadglass.flows.record import allow, record
from leadglass.flows.session import Session
from leadglass.flows.shred import Finished, finish_all
from leadglass.model.access import Duty
from leadglass.model.ids import BlobId, InstanceId
from leadglass.ports import Transaction
from leadglass.site import Site

UNNAMED_FOR = timedelta(hours=1)
"""A blob younger than this may belong to an ingest that has not committed yet."""


@dataclass(frozen=True)
class Maintained:
    shreds: Finished
    blobs: int
    unfinished: int
    pixels: Examination
    indexed: Indexed | None
    log_size: int

    @property
    def unfound(self) -> tuple[Exception, ...]:
        """Why films have no fingerprint and are not found when they are looked for."""
        return tuple(self.indexed.failed.values()) if self.indexed else ()


def maintain(
    site: Site,
    session: Session,
    *,
    progress: Callable[[Sequence[InstanceId], str], Iterable[InstanceId]] = lambda instances, _: instances,
) -> Maintained:
    """Finish shreds, sweep, examine pixels, make fingerprints, checkpoint.

    ``progress`` is given the instances to work on and what for, and gives them on.

    The sweep comes first: what an examination replaces is nobody's from then on, and a release that is reading it meanwhile
    may finish.

    Raises:
        RefusedError: the session may not maintain the site.
    """
    allow(site, session.actor, Duty.MAINTAIN)
    shreds = finish_all(site)
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
    pixels = examine_all(site, progress=lambda instances: progress(instances, "pixels"))
    indexed = None
    if site.aligner is not None:
        indexed = index_films(site, site.aligner, progress=lambda films: progress(films, "fingerprints"))
    return Maintained(shreds, len(orphans), unfinished, pixels, indexed, checkpoint(site).size)


def _named(transaction: Transaction) -> set[BlobId]:
    return {part.blob for instance in transaction.instances.find() for part in instance.parts}
