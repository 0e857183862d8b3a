"""Shred: destroy a film's key, so that nothing of it opens again, and say what is out of reach.

To shred is decided in one transaction: the row loses everything by which the film opens or is found, and the entry
``shredded`` says what outlives it. A legal hold that was placed before that commit wins; after it there is nothing left to
hold. Then comes what cannot be undone, in steps that may be taken again: the key, the blobs, the database's journal; and at
last the entry ``key-destroyed``. A crash in between leaves a row that still names blobs, by which ``finish`` knows it.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from typing import Any

from leadglass.errors import RefusedError, UnavailableError
from leadglass.flows import vault
from leadglass.flows.grants import spending, usable
from leadglass.flows.record import read_record, record
from leadglass.flows.request import HELD
from leadglass.flows.session import Session, service
from leadglass.model.access import Action, Actor, Duty, Grant, Request, SealProfile
from leadglass.model.entry import Entry, timestamp
from leadglass.model.ids import InstanceId
from leadglass.model.instance import StoredInstance, Tier
from leadglass.model.release import Release
from leadglass.ports import Transaction
from leadglass.seal.keys import keyed
from leadglass.site import Site

SHREDDED, DESTROYED, BACKED_UP = "shredded", "key-destroyed", "backed-up"

_LEFT = ("lifted", "restored", "traced")
_BATCH = 4096
"""Entries that are looked through at once."""
_MAX_QUEUE = 1 << 20


@dataclass(frozen=True)
class Outliving:
    """What a shred does not reach, as it stands on record.

    ``exported_keys``: who can lift what in a copy that left (``release``, ``recipient``, ``regions``, ``seal``, and
    ``expires``: programs keep to it, keys do not; null where the keys are people's own). ``copies``: what left (``release``,
    ``recipient``, ``time``, ``identity``, and the regions ``shown`` to whoever has it; ``release`` is null for the received
    file itself). ``backups``: when a copy of the site was made that may hold the film with its key (``time``, ``entry``).
    ``cases``: traces that show pictures of it.
    """

    exported_keys: tuple[Mapping[str, Any], ...] = ()
    copies: tuple[Mapping[str, Any], ...] = ()
    backups: tuple[Mapping[str, Any], ...] = ()
    cases: tuple[str, ...] = ()


@dataclass(frozen=True)
class Shredded:
    instance: InstanceId
    outliving: Outliving


@dataclass(frozen=True)
class Finished:
    """How many shreds that were decided before are done now, and what kept others from it."""

    films: int = 0
    failed: tuple[Exception, ...] = ()


def shred(site: Site, session: Session, grant_id: str) -> Shredded:
    """Destroy the film that a grant to shred is for. The same grant again finishes what was begun, and tells the same.

    Raises:
        RefusedError: a legal hold stands on the film; or as for any grant. GrantExpiredError: it was good once. On record.
        InputError: no such grant, or it is for something else.
        ShreddedError: the film was shredded by another grant.
        ProofError: an older database was put back, or what is on record of copies was changed.
        UnavailableError: a store does not answer. What was decided stands, and ``maintain`` finishes it.
    """
    begun = _begun(site, session, grant_id)
    if begun is None:
        grant, _ = usable(site, session, grant_id, (Action.SHRED,))
        begun = _decide(site, session, grant)
    try:
        finish(site, begun.instance)
    except UnavailableError as error:
        raise UnavailableError(
            f"{begun.instance} is shredded on record, but not all of it is destroyed yet: {error.message}",
            hint="do the same again, or run: leadglass maintain",
        ) from error
    return begun


def finish(site: Site, instance_id: InstanceId) -> None:
    """Do what the decision to shred an instance left to do, if anything.

    Raises:
        UnavailableError: a store does not answer; to be called again.
    """
    with site.database.begin() as transaction:
        instance = transaction.instances.get(instance_id)
    if instance is not None and _unfinished(instance):
        _destroy(site, instance)
        site.database.scrub()
        _done(site, instance_id)


def finish_all(site: Site) -> Finished:
    """Finish every shred that was decided and, after a crash, not done. One that fails does not keep the others."""
    with site.database.begin() as transaction:
        waiting = [each for each in transaction.instances.find() if _unfinished(each)]
    destroyed, failed = list[InstanceId](), list[Exception]()
    for instance in waiting:
        try:
            _destroy(site, instance)
            destroyed.append(instance.id)
        except Exception as error:
            failed.append(error)
    if not destroyed:
        return Finished(failed=tuple(failed))
    try:
        site.database.scrub()
        return Finished(sum(_done(site, instance) for instance in destroyed), tuple(failed))
    except UnavailableError as error:
        return Finished(failed=(*failed, error))


def replay(site: Site, instance_id: InstanceId) -> None:
    """Shred again, as the site itself, what was shredded after the copy of the site was made that was now put back.

    What two people decided then needs nobody's leave now, and a hold that the copy still knows had been dropped. A film that
    is not in the copy is passed over.
    """
    with site.database.begin() as transaction:
        instance = transaction.instances.get(instance_id)
        if instance is None:
            return
        if instance.tier is not Tier.SHREDDED:
            _empty(site, transaction, service(site, Duty.MAINTAIN).actor, instance, replayed=True)
    finish(site, instance_id)


def commitment(site: Site, name: str) -> str:
    """What the log says of a destroyed key: its holder can check which one it was, nobody else."""
    return keyed(site.keys.secret("log"), kind="destroyed key", value=name)


def _destroy(site: Site, instance: StoredInstance) -> None:
    # The key first: from then on it is true, whatever is left on the disk.
    site.keys.destroy(instance.id)
    vault.discard(site, instance.parts)


def _done(site: Site, instance_id: InstanceId) -> bool:
    """Put on record that it is done; False where somebody else has."""
    with site.database.begin() as transaction:
        instance = transaction.instances.get(instance_id)
        if instance is None or not _unfinished(instance):
            return False
        transaction.instances.swap(instance, replace(instance, parts=()))
        record(
            site,
            transaction.log,
            DESTROYED,
            actor=service(site, Duty.MAINTAIN).actor,
            subject=instance_id,
            outlives=True,
            key=commitment(site, instance_id),
        )
    return True


def _unfinished(instance: StoredInstance) -> bool:
    return instance.tier is Tier.SHREDDED and bool(instance.parts)


def _begun(site: Site, session: Session, grant_id: str) -> Shredded | None:
    """What the session's own grant has shredded already."""
    with site.database.begin() as transaction:
        grant = transaction.grants.get(grant_id)
        if grant is None or grant.request.action is not Action.SHRED or grant.requester != session.actor.name:
            return None
        instance = transaction.instances.get(grant.request.instance)
        if instance is None or instance.tier is not Tier.SHREDDED:
            return None
        for _, fields in _told(site, transaction, instance.id, (SHREDDED,)):
            if fields.get("grant") == grant.id:
                return Shredded(instance.id, _read(fields))
    return None


def _decide(site: Site, session: Session, grant: Grant) -> Shredded:
    with spending(site, session, grant) as transaction:
        instance = vault.find(transaction, grant.request.instance)
        if instance.held:
            raise RefusedError(HELD, hint=f"who placed it, and why: leadglass history {instance.id}")
        outliving = _empty(
            site,
            transaction,
            session.actor,
            instance,
            grant=grant.id,
            purpose=grant.request.purpose,
        )
    return Shredded(instance.id, outliving)


def _empty(site: Site, transaction: Transaction, actor: Actor, instance: StoredInstance, **detail: Any) -> Outliving:
    """Take from the rows all that opens the film or finds it, and put on record what outlives it.

    The name of its key stays, which follows from the SOP Instance UID: the log is about it, and it is not used again. What
    tells the received bytes, the patient and the accession number goes, so that no guess at them is confirmed, and so do the
    words in which people asked for the film and agreed; why it was shredded stays.
    """
    releases = transaction.releases.find(instance=instance.id)
    outliving = _outliving(site, transaction, instance, releases)
    emptied = tuple(replace(part, wrapped_key=b"") for part in instance.parts)
    transaction.instances.swap(
        instance,
        replace(instance, tier=Tier.SHREDDED, held=False, fingerprint="", patient=None, accession=None, parts=emptied),
    )
    for release in releases:
        transaction.releases.swap(release, replace(release, wrapped_key=b""))
    _silence(transaction, instance.id)
    transaction.terms.discard(instance.id)
    transaction.fingerprints.discard(instance.id)
    record(
        site,
        transaction.log,
        SHREDDED,
        actor=actor,
        subject=instance.id,
        outlives=True,
        wrapped_keys=len(instance.parts) + len(releases),
        exported_keys=list(outliving.exported_keys),
        copies=list(outliving.copies),
        backups=list(outliving.backups),
        cases=list(outliving.cases),
        **detail,
    )
    return outliving


def _silence(transaction: Transaction, instance: InstanceId) -> None:
    """Take from what was asked about an instance the free text, which may name the patient, and the order, which does."""
    for ticket in transaction.tickets.find(instance=instance):
        if ticket.request.action is not Action.SHRED:
            silent = tuple(replace(approval, note=None) for approval in ticket.approvals)
            transaction.tickets.swap(ticket, replace(ticket, request=_silent(ticket.request), approvals=silent))
    for grant in transaction.grants.find(instance=instance):
        if grant.request.action is not Action.SHRED:
            transaction.grants.swap(grant, replace(grant, request=_silent(grant.request)))


def _silent(request: Request) -> Request:
    return replace(request, reason=None, order=None)


def _outliving(site: Site, transaction: Transaction, instance: StoredInstance, releases: Sequence[Release]) -> Outliving:
    told = list(_told(site, transaction, instance.id, _LEFT))
    return Outliving(
        exported_keys=(
            *(_key_file(fields) for entry, fields in told if entry.action == "lifted"),
            *(_own_keys(release) for release in releases if release.seal is not SealProfile.SHREDDABLE),
        ),
        copies=(
            *(_copy(release) for release in releases),
            *(_restored(entry, fields, instance) for entry, fields in told if entry.action == "restored"),
        ),
        backups=tuple(_backups(transaction)),
        cases=tuple(fields["case"] for entry, fields in told if entry.action == "traced"),
    )


def _key_file(lifted: Mapping[str, Any]) -> Mapping[str, Any]:
    fields = {name: lifted[name] for name in ("release", "recipient", "regions", "expires")}
    return fields | {"seal": SealProfile.SHREDDABLE}


def _own_keys(release: Release) -> Mapping[str, Any]:
    """A copy whose granted regions travel sealed for the recipient's own key."""
    return {
        "release": release.id,
        "recipient": release.recipient,
        "regions": list(release.shown),
        "expires": None,
        "seal": release.seal,
    }


def _copy(release: Release) -> Mapping[str, Any]:
    return {
        "release": release.id,
        "recipient": release.recipient,
        "time": timestamp(release.created),
        "shown": list(release.shown) if release.seal is SealProfile.SHREDDABLE else [],
        "identity": release.identity,
    }


def _restored(entry: Entry, fields: Mapping[str, Any], instance: StoredInstance) -> Mapping[str, Any]:
    return {
        "release": None,
        "recipient": fields["recipient"],
        "time": timestamp(entry.time),
        "shown": list(instance.kinds),
        "identity": True,
    }


def _told(
    site: Site, transaction: Transaction, instance: InstanceId, actions: Collection[str]
) -> Iterator[tuple[Entry, Mapping[str, Any]]]:
    """The entries of some actions about an instance, with what their records say.

    Raises:
        ProofError: a record was changed.
    """
    for logged in transaction.log.about(instance):
        if _names(logged.entry, actions):
            entry, fields = read_record(site, logged)
            if fields is not None:
                yield entry, fields


def _backups(transaction: Transaction) -> Iterator[Mapping[str, Any]]:
    """Every copy of the site that was made until now."""
    size = transaction.log.size()
    batches = (transaction.log.read(start, start + _BATCH) for start in range(0, size, _BATCH))
    for logged in chain(*batches, transaction.log.queued(_MAX_QUEUE)):
        if _names(logged.entry, (BACKED_UP,)):
            entry = Entry.decode(logged.entry)
            yield {"time": timestamp(entry.time), "entry": entry.id}


def _names(entry: bytes, actions: Collection[str]) -> bool:
    """Whether an encoded entry is of one of these actions; there is one way to encode it."""
    return any(f'"action":"{action}"'.encode() in entry for action in actions)


def _read(fields: Mapping[str, Any]) -> Outliving:
    return Outliving(
        exported_keys=tuple(fields["exported_keys"]),
        copies=tuple(fields["copies"]),
        backups=tuple(fields["backups"]),
        cases=tuple(fields["cases"]),
    )
