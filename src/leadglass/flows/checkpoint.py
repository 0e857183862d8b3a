"""The sequencer: queued entries get their place, the tree its signature, and the public files follow."""

from __future__ import annotations

from leadglass.errors import LeadglassError, MalformedError, ProofError
from leadglass.flows.record import record
from leadglass.flows.session import service
from leadglass.ledger.checkpoint import Checkpoint, check_checkpoint
from leadglass.ledger.note import VerifierKey, sign, verifier_key
from leadglass.ledger.tile import Edge, grow, read_edge
from leadglass.ledger.tree import Frontier, leaf_hash
from leadglass.ports import Head, Transaction
from leadglass.site import Site

BATCH = 4096
"""Entries that get their place at once."""

CHECKPOINT_FILE = "checkpoint"
VKEY_FILE = "vkey"


def checkpoint(site: Site) -> Checkpoint:
    """Append what is queued, sign the tree, publish it. Afterwards every committed entry can be proved.

    Several processes may do this at once; a crash anywhere is made good by the next call.

    Raises:
        ProofError: what was published says more than the database, as after an older copy of it was put back. Nothing is
            signed: a second history beside the first would be a fork.
    """
    with site.database.begin() as transaction:
        head = transaction.log.checkpoint()
        check_not_behind(site, transaction)
        while head is None or transaction.log.queued(1):
            head = _advance(site, transaction, head)
    return publish(site)


def publish(site: Site) -> Checkpoint:
    """Bring the public files up to the signed head; the checkpoint file last, so that what it signs is there."""
    # The transaction keeps other processes from putting an older checkpoint in the place of a newer one.
    with site.database.begin() as transaction:
        head = transaction.log.checkpoint()
        assert head is not None  # noqa: S101 - a site is founded with a checkpoint
        signed = signed_checkpoint(site, head.note)
        if site.tiles.read(CHECKPOINT_FILE) != head.note.encode():
            edge = _published_edge(site, transaction)
            entries = [each.entry for each in transaction.log.read(edge.size, signed.size)]
            after, grown = grow(edge, entries)
            if after.frontier.root != signed.root:
                raise ProofError("the entries do not give the root that was signed", hint="run: leadglass log verify")
            for tile in grown:
                site.tiles.write(tile.path, tile.data)
            site.tiles.write(VKEY_FILE, f"{log_key(site).encode()}\n".encode())
            site.tiles.write(CHECKPOINT_FILE, head.note.encode())
            for tile in grown:
                if ".p/" not in tile.path:
                    # A full tile takes the place of its partial ones (c2sp.org/tlog-tiles).
                    site.tiles.discard(f"{tile.path}.p")
    return signed


def signed_checkpoint(site: Site, note: str) -> Checkpoint:
    """The checkpoint in a note that this site's log signed.

    Raises:
        ProofError: the signature is not the log's, or the origin is another's.
    """
    return check_checkpoint(note, verifier_key=log_key(site))


def log_key(site: Site) -> VerifierKey:
    """The verifier key of the site's log (C2SP signed-note)."""
    return verifier_key(name=site.origin, seed=_signing_seed(site))


def signed_frontier(site: Site, head: Head | None) -> Frontier:
    """The frontier of the tree that ``head`` signs.

    Raises:
        ProofError: it is that of another tree; to go on from it would sign what the entries do not say.
    """
    if head is None:
        return Frontier()
    signed = signed_checkpoint(site, head.note)
    try:
        frontier = Frontier.decode(head.frontier)
    except MalformedError as error:
        raise ProofError("the frontier beside the signed head cannot be read", hint="run: leadglass log verify") from error
    if (frontier.size, frontier.root) != (signed.size, signed.root):
        raise ProofError("the frontier beside the signed head is of another tree", hint="run: leadglass log verify")
    return frontier


def _advance(site: Site, transaction: Transaction, head: Head | None) -> Head:
    batch = transaction.log.queued(BATCH)
    before = signed_frontier(site, head)
    if transaction.log.size() != before.size:
        raise ProofError(
            f"the database holds {transaction.log.size()} entries where {before.size} were signed",
            hint="entries were deleted or put in; run: leadglass log verify",
        )
    frontier = before.extend([leaf_hash(each.entry) for each in batch])
    transaction.log.append(batch)
    text = Checkpoint(origin=site.origin, size=frontier.size, root=frontier.root).encode()
    advanced = Head(note=sign(text, name=site.origin, seed=_signing_seed(site)), frontier=frontier.encode())
    transaction.log.advance(head, advanced)
    return advanced


def check_not_behind(site: Site, transaction: Transaction) -> None:
    """What was published is the beginning of what the database holds. Files that are not ours are judged by ``publish``.

    It sees nothing when the published checkpoint was removed together with the newer database.

    Raises:
        ProofError: an older database was put back: what it says of used grants is worth nothing.
    """
    head = transaction.log.checkpoint()
    note = site.tiles.read(CHECKPOINT_FILE)
    if note is None or (head is not None and note == head.note.encode()):
        return
    try:
        shown = signed_checkpoint(site, note.decode(errors="replace"))
    except ProofError:
        return
    size = signed_checkpoint(site, head.note).size if head is not None else 0
    leaves = [leaf_hash(each.entry) for each in transaction.log.read(0, shown.size)] if shown.size <= size else []
    if shown.size > size or Frontier().extend(leaves).root != shown.root:
        raise ProofError(
            f"the published log has {shown.size} entries that the database does not begin with",
            hint="was an older database put back? bring the newest one; nothing is signed until then",
        )


def _published_edge(site: Site, transaction: Transaction) -> Edge:
    """Where the public files end. Files that do not verify are made again from the first entry on, and that is on record."""
    note = site.tiles.read(CHECKPOINT_FILE)
    if note is None:
        return Edge()
    try:
        shown = signed_checkpoint(site, note.decode(errors="replace"))
        edge = read_edge(shown.size, read=site.tiles.read)
        if edge.frontier.root == shown.root:
            return edge
        problem = "the tiles do not give the root that was signed"
    except LeadglassError as error:
        problem = error.message
    record(site, transaction.log, "log files made again", actor=service(site, "checkpoint").actor, problem=problem)
    return Edge()


def _signing_seed(site: Site) -> bytes:
    return site.keys.secret("log signature")
