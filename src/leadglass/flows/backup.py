"""A copy of the site, and the site that is made of one.

That a copy is made is on record before it is: what was shredded afterwards may open from it. A site that was put back does
not know what happened after its copy was made. What the newer log still tells of that is done again: shreds and holds, for
which the public files of the log are enough. What it does not tell is named, and what had been granted is granted no more.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime

from leadglass.errors import InputError, LeadglassError, ProofError
from leadglass.flows import holds, shred
from leadglass.flows.checkpoint import CHECKPOINT_FILE, checkpoint, signed_checkpoint, signed_frontier
from leadglass.flows.record import allow, record
from leadglass.flows.session import Session, service
from leadglass.flows.vault import part_context
from leadglass.ledger.tile import WIDTH, Read, bundle_path, decode_bundle
from leadglass.ledger.tree import Frontier, leaf_hash
from leadglass.model.access import Duty
from leadglass.model.entry import Entry, timestamp
from leadglass.model.ids import InstanceId
from leadglass.model.instance import StoredInstance, Tier
from leadglass.site import Site

BACKED_UP, FAILED, RESTORED = shred.BACKED_UP, "backup-failed", "site-restored"

LOST = ("passphrase changed", "person added", "person disabled", "key registered", "key revoked")
"""Steps that change who may do what, and of which a log's public files tell no more than that they happened."""

UNKNOWN = ("ingested", "released", "lifted", "restored", "backed-up")
"""Steps that the copy knows nothing of: a later shred will not list what they gave out."""

_BATCH = 4096


@dataclass(frozen=True)
class Written:
    """The file of a backup, and how many entries of the signed log are in it."""

    path: str
    entries: int


@dataclass(frozen=True)
class Newer:
    """What a log says that goes on where the site's own ends: its signed size and root, and the entries from there on."""

    size: int
    root: bytes
    entries: tuple[Entry, ...]


@dataclass(frozen=True)
class Replayed:
    """What was done again, and what could not be.

    ``shredded`` and ``held`` are instances, ``dropped`` those on which holds were dropped that may stand again. ``lost``
    counts steps about people by their action: they have to be taken again by hand. ``grants`` is how many were made void.
    """

    shredded: tuple[InstanceId, ...] = ()
    held: tuple[InstanceId, ...] = ()
    dropped: tuple[InstanceId, ...] = ()
    lost: Mapping[str, int] = field(default_factory=dict)
    grants: int = 0


def back_up(site: Site, session: Session, write: Callable[[], Written]) -> Written:
    """Have ``write`` make a copy of the site, and put it on record first; one that failed is on record as that, too.

    Raises:
        RefusedError: the session may not make one; on record.
        LeadglassError: what ``write`` raises.
    """
    allow(site, session.actor, Duty.BACKUP)
    with site.database.begin() as transaction:
        entry = record(site, transaction.log, BACKED_UP, actor=session.actor)
    checkpoint(site)
    try:
        return write()
    except LeadglassError as error:
        with site.database.begin() as transaction:
            record(site, transaction.log, FAILED, actor=session.actor, backup=entry, problem=error.message)
        raise


def check_log(site: Site) -> int:
    """The number of entries of the site's log, after they gave the root that was signed.

    Raises:
        ProofError: they do not.
    """
    with site.database.begin() as transaction:
        head = transaction.log.checkpoint()
        signed = signed_frontier(site, head)
        size, frontier = transaction.log.size(), Frontier()
        for start in range(0, size, _BATCH):
            frontier = frontier.extend([leaf_hash(each.entry) for each in transaction.log.read(start, start + _BATCH)])
    if head is None or (size, frontier.root) != (signed.size, signed.root):
        raise ProofError("the entries of the log do not give the root that was signed", hint="try another backup")
    return size


def read_newer(site: Site, read: Read) -> Newer:
    """What another copy of the site's log says beyond the site's own; ``read`` gives its public files.

    Raises:
        InputError: it is no log, or it ends before the site's own.
        ProofError: it is not signed by this site, its entries do not give what was signed, or it is a fork.
        UnavailableError: a file of it is missing.
        MalformedError: a file of it is damaged.
    """
    note = read(CHECKPOINT_FILE)
    if note is None:
        raise InputError("there is no checkpoint in the folder of the newer log", hint="name the old site's folder log")
    shown = signed_checkpoint(site, note.decode(errors="replace"))
    with site.database.begin() as transaction:
        own = signed_frontier(site, transaction.log.checkpoint())
    if shown.size < own.size:
        raise InputError(
            f"the log has {shown.size} entries, the backup {own.size}: it is older",
            hint="restore without it, or find a newer",
        )
    frontier, later, agrees = Frontier(), list[Entry](), own.size == 0
    for index in range(-(-shown.size // WIDTH)):
        entries = _bundle(read, index, min(WIDTH, shown.size - index * WIDTH))
        known = max(0, min(len(entries), own.size - index * WIDTH))
        for part in (entries[:known], entries[known:]):
            frontier = frontier.extend([leaf_hash(each) for each in part])
            agrees = agrees or (frontier.size, frontier.root) == (own.size, own.root)
        later += map(Entry.decode, entries[known:])
    if frontier.root != shown.root:
        raise ProofError("the files of the newer log do not give the root that was signed")
    if not agrees:
        raise ProofError("the newer log does not begin with the entries of the backup", hint="it is a fork: keep both")
    return Newer(shown.size, shown.root, tuple(later))


def bring_back(site: Site, *, made: datetime, newer: Newer | None = None) -> Replayed:
    """Do again what the newer log tells, make grants void, and put it on record that the site was restored.

    ``made`` is when the backup was made.

    Raises:
        UnavailableError: a store does not answer.
    """
    entries = () if newer is None else newer.entries
    held, dropped = _holds(entries)
    gone = dict.fromkeys(_subject(each) for each in entries if each.action == shred.SHREDDED)
    with site.database.begin() as transaction:
        instances = transaction.instances.find()
    known = {each.id for each in instances}
    gone |= dict.fromkeys(_without_key(site, instances))
    shredded = tuple(each for each in gone if each in known)
    held = tuple(each for each in held if each in known and each not in gone)
    dropped = tuple(each for each in dropped if each in known and each not in gone)
    for instance in shredded:
        shred.replay(site, instance)
    for instance in held:
        holds.replay(site, instance, reason=f"held again after the backup of {timestamp(made)} was restored")
    lost = Counter(each.action for each in entries if each.action in (*LOST, *UNKNOWN))
    with site.database.begin() as transaction:
        size = transaction.log.size()
        grants = [each for each in transaction.grants.find() if each.uses_left]
        for grant in grants:
            transaction.grants.swap(grant, replace(grant, uses_left=0))
        record(
            site,
            transaction.log,
            RESTORED,
            actor=service(site, "restore").actor,
            backup=timestamp(made),
            entries=size,
            newer_entries=None if newer is None else newer.size,
            newer_root=None if newer is None else newer.root.hex(),
            shredded=len(shredded),
            held=len(held),
            grants=len(grants),
            lost=dict(lost),
        )
    checkpoint(site)
    return Replayed(shredded, held, dropped, dict(lost), len(grants))


def _bundle(read: Read, index: int, width: int) -> tuple[bytes, ...]:
    data = read(bundle_path(index, width))
    if data is None:
        raise InputError(f"{bundle_path(index, width)} of the newer log is missing", hint="copy all of its folder")
    return decode_bundle(data, width=width)


def _holds(entries: Sequence[Entry]) -> tuple[tuple[InstanceId, ...], tuple[InstanceId, ...]]:
    """On which instances more holds were placed than dropped, and on which one was dropped.

    Which hold was dropped is not in the public log. So one that the backup knows stands again: rather one too many.
    """
    placed = Counter[InstanceId]()
    dropped = dict[InstanceId, None]()
    for each in entries:
        if each.action == holds.ADDED:
            placed[_subject(each)] += 1
        elif each.action == holds.DROPPED:
            placed[_subject(each)] -= 1
            dropped[_subject(each)] = None
    return tuple(each for each, count in placed.items() if count > 0), tuple(dropped)


def _without_key(site: Site, instances: Sequence[StoredInstance]) -> Iterator[InstanceId]:
    """Films that were shredded while the backup was being made: after their row was copied, before their key was."""
    alive = [each for each in instances if each.tier is not Tier.SHREDDED and each.parts]
    wrapped = ((each.id, each.parts[0].wrapped_key, part_context(each.id, each.parts[0].part)) for each in alive)
    for instance, key in zip(alive, site.keys.unwrap_each(wrapped), strict=True):
        if key is None:
            yield instance.id


def _subject(entry: Entry) -> InstanceId:
    if entry.subject is None:
        raise ProofError(f"an entry {entry.action} of the newer log names no instance")
    return InstanceId(entry.subject)
