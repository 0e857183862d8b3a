"""Legal holds: while one stands on a film it is not shredded, whoever agreed to that.

Holds are entries of the log: one stands from its ``hold-added`` until its ``hold-dropped``. Several may stand on one film,
each for a reason of its own, and dropping one leaves the others; the row says no more than whether any stands.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime

from leadglass.errors import InputError
from leadglass.flows import vault
from leadglass.flows.record import allow, new_id, read_record, record
from leadglass.flows.session import Session, service
from leadglass.model.access import Actor, Duty
from leadglass.model.entry import moment, timestamp
from leadglass.model.ids import InstanceId
from leadglass.model.instance import StoredInstance, Tier
from leadglass.ports import Transaction
from leadglass.site import Site

ADDED, DROPPED = "hold-added", "hold-dropped"


@dataclass(frozen=True)
class Hold:
    """One hold on one film: why, by whom, since when. ``held`` says whether any stands on the film now."""

    id: str
    instance: InstanceId
    held: bool
    reason: str
    by: str
    since: datetime


def add(site: Site, session: Session, instance_id: str, *, reason: str) -> Hold:
    """Place a hold. Who decides to shred after it has committed is refused.

    Raises:
        RefusedError: the session may not place holds; on record.
        InputError: no such instance, or no reason.
        ShreddedError: it is too late.
    """
    allow(site, session.actor, Duty.LEGAL_HOLD)
    _check_reason(reason)
    with site.database.begin() as transaction:
        return _placed(site, transaction, session.actor, vault.find(transaction, instance_id), reason=reason)


def drop(site: Site, session: Session, instance_id: str, *, reason: str, hold: str | None = None) -> Hold:
    """End one hold; the film stays held while another stands. ``hold`` may be left out where only one does.

    The hold that is given back has the reason for which it was dropped.

    Raises:
        RefusedError: the session may not drop holds; on record.
        InputError: no such instance or hold, no reason, or several stand and none was named.
        ProofError: what is on record of a hold was changed.
        ShreddedError: the instance is gone.
    """
    allow(site, session.actor, Duty.LEGAL_HOLD)
    _check_reason(reason)
    with site.database.begin() as transaction:
        instance = vault.find(transaction, instance_id)
        standing = tuple(_standing(site, transaction, instance))
        ended = _chosen(standing, hold, instance)
        held = len(standing) > 1
        transaction.instances.swap(instance, replace(instance, held=held))
        record(site, transaction.log, DROPPED, actor=session.actor, subject=instance.id, hold=ended.id, reason=reason)
    return replace(ended, held=held, reason=reason)


def listed(site: Site, session: Session) -> tuple[Hold, ...]:
    """Every hold that stands, film by film, the oldest first.

    Raises:
        RefusedError: the session may not place holds; on record.
        ProofError: what is on record of a hold was changed.
    """
    allow(site, session.actor, Duty.LEGAL_HOLD)
    with site.database.begin() as transaction:
        held = [each for each in transaction.instances.find() if each.held]
        return tuple(hold for each in held for hold in _standing(site, transaction, each))


def replay(site: Site, instance_id: InstanceId, *, reason: str) -> None:
    """Hold a film again, as the site itself, after an older copy of the site was put back that does not know the hold.

    A film that is not in that copy, or was shredded, is passed over.
    """
    with site.database.begin() as transaction:
        instance = transaction.instances.get(instance_id)
        if instance is not None and instance.tier is not Tier.SHREDDED:
            _placed(site, transaction, service(site, Duty.LEGAL_HOLD).actor, instance, reason=reason)


def _placed(site: Site, transaction: Transaction, actor: Actor, instance: StoredInstance, *, reason: str) -> Hold:
    hold, since = new_id(site, "h"), timestamp(site.clock.now())
    transaction.instances.swap(instance, replace(instance, held=True))
    record(site, transaction.log, ADDED, actor=actor, subject=instance.id, hold=hold, reason=reason, since=since)
    return Hold(hold, instance.id, True, reason, actor.name, moment(since))


def _standing(site: Site, transaction: Transaction, instance: StoredInstance) -> Iterator[Hold]:
    """The holds that were added and not dropped, oldest first."""
    found: dict[str, Hold] = {}
    for logged in transaction.log.about(instance.id):
        if b'"action":"hold-' not in logged.entry:
            continue
        entry, fields = read_record(site, logged)
        if fields is None:
            continue
        if entry.action == ADDED:
            hold, since = fields["hold"], moment(fields["since"])
            found[hold] = Hold(hold, instance.id, True, fields["reason"], fields["actor"], since)
        else:
            found.pop(fields["hold"], None)
    yield from found.values()


def _chosen(standing: tuple[Hold, ...], hold: str | None, instance: StoredInstance) -> Hold:
    ids = ", ".join(each.id for each in standing)
    if hold is None and len(standing) > 1:
        raise InputError(f"{len(standing)} holds stand on {instance.id}", hint=f"name the one to drop: --hold, one of {ids}")
    for each in standing:
        if hold in (None, each.id):
            return each
    if hold is None:
        raise InputError(f"no hold stands on {instance.id}", hint="leadglass legal-hold list")
    raise InputError(f"no hold {hold} stands on {instance.id}", hint=f"standing: {ids or 'none'}")


def _check_reason(reason: str) -> None:
    if not reason.strip():
        raise InputError("a legal hold is placed and dropped for a reason", hint="say which case or order it is for")
