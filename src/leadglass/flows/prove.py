"""Make receipts: proof that an entry is in the log, for anybody who holds the log's verifier key."""

from __future__ import annotations

from leadglass.errors import ConflictError, InputError
from leadglass.flows.checkpoint import CHECKPOINT_FILE, checkpoint, log_key, signed_checkpoint
from leadglass.flows.record import allow
from leadglass.flows.session import Session
from leadglass.ledger.proof import Receipt, check_receipt
from leadglass.ledger.tile import prove_from_tiles
from leadglass.model.access import Duty
from leadglass.model.ids import EntryId
from leadglass.site import Site


def receipt(site: Site, entry: EntryId) -> Receipt:
    """The receipt of an entry under the newest published checkpoint, from the public files.

    Raises:
        ConflictError: the entry has no place yet; a checkpoint gives it one.
        ProofError, MalformedError, UnavailableError: the public files are damaged; ``audit`` says where.
    """
    note = (site.tiles.read(CHECKPOINT_FILE) or b"").decode(errors="replace")
    with site.database.begin() as transaction:
        index = transaction.log.place(entry)
        if not note or index is None:
            raise ConflictError("the entry is not in a signed checkpoint yet", hint="leadglass log checkpoint")
        (logged,) = transaction.log.read(index, index + 1)
    signed = signed_checkpoint(site, note)
    proof = prove_from_tiles(index, size=signed.size, read=site.tiles.read)
    made = Receipt(entry=logged.entry, index=index, proof=proof, checkpoint=note)
    check_receipt(made, verifier_key=log_key(site))
    return made


def prove(site: Site, session: Session, release_id: str) -> Receipt:
    """The receipt of a release, for whoever asked for it or may read the log.

    Raises:
        RefusedError: it is somebody else's release.
        InputError: there is no such release.
    """
    with site.database.begin() as transaction:
        release = transaction.releases.get(release_id)
    if release is None:
        raise InputError(f"there is no release {release_id}", hint="leadglass history INSTANCE")
    if release.requester != session.actor.name:
        allow(site, session.actor, Duty.READ_LOG)
    checkpoint(site)
    return receipt(site, release.entry)
