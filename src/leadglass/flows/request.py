"""Ask for something: policy answers, and the answer is on record before anything else happens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from leadglass.anatomy.need import need, on_film
from leadglass.errors import InputError
from leadglass.flows import vault
from leadglass.flows.orders import active_orders
from leadglass.flows.record import new_id, record
from leadglass.flows.session import Session
from leadglass.model.access import (
    Action,
    Actor,
    Circumstances,
    Decision,
    Grant,
    Outcome,
    Purpose,
    Request,
    Ticket,
)
from leadglass.model.ids import GrantId, OrderId, ReleaseId, TicketId
from leadglass.model.instance import StoredInstance
from leadglass.model.region import RegionKind, region_kinds
from leadglass.policy.decide import decide
from leadglass.policy.quorum import grant
from leadglass.ports import Transaction
from leadglass.site import Site

HELD = "a legal hold stands on this film"
"""Why it is not shredded."""


@dataclass(frozen=True)
class Answer:
    """What was decided; at most one of ``ticket`` and ``grant`` is there, neither when it was forbidden."""

    decision: Decision
    ticket: Ticket | None
    grant: Grant | None


def request(
    site: Site,
    session: Session,
    instance_id: str,
    *,
    action: Action,
    purpose: Purpose,
    regions: Sequence[str] = ("all",),
    identity: bool = False,
    recipient: str | None = None,
    order: str | None = None,
    release: str | None = None,
    reason: str | None = None,
) -> Answer:
    """Ask for an action on one instance. Being refused is an answer, not an error: it is on record like any other.

    Raises:
        InputError: the instance, order or release is not there or does not belong together, or the film has no such
            region.
        ShreddedError: the instance is gone.
    """
    with site.database.begin() as transaction:
        instance = vault.find(transaction, instance_id)
        asked = Request(
            instance=instance.id,
            action=action,
            purpose=purpose,
            regions=region_kinds(regions, present=instance.kinds),
            identity=identity,
            recipient=recipient or session.actor.name,
            order=None if order is None else OrderId(order),
            release=None if release is None else ReleaseId(release),
            reason=reason,
        )
        _check_order(transaction, instance, asked)
        if action is Action.LIFT:
            _check_release(transaction, asked, instance)
        elif release is not None:
            raise InputError("only a lift names a release", hint="--release goes with --action lift")
        decision = decide(
            asked,
            actor=session.actor,
            circumstances=circumstances(transaction, instance, asked, session.actor),
            policies=site.policies,
        )
        if action is Action.SHRED and instance.held:
            decision = _held(decision)
        answer = _answer(site, session.actor, asked, decision)
        if answer.ticket is not None:
            transaction.tickets.add(answer.ticket)
        if answer.grant is not None:
            transaction.grants.add(answer.grant)
        record(
            site,
            transaction.log,
            "requested" if decision.outcome is not Outcome.FORBID else "refused",
            actor=session.actor,
            subject=instance.id,
            asked=action,
            purpose=purpose,
            recipient=asked.recipient,
            regions=list(asked.regions),
            identity=identity,
            reason=reason,
            decision=decision.outcome,
            shown=list(decision.shown),
            reasons=list(decision.reasons),
            ticket=answer.ticket and answer.ticket.id,
            grant=answer.grant and answer.grant.id,
            policies=decision.policies,
        )
    return answer


def circumstances(transaction: Transaction, instance: StoredInstance, asked: Request, actor: Actor) -> Circumstances:
    """What the site knows about a request that nobody has approved yet."""
    orders = active_orders(transaction, instance)
    if asked.order is not None:
        orders = tuple(order for order in orders if order.id == asked.order)
    return Circumstances(
        kinds=instance.kinds,
        pixels=instance.pixels,
        reader=any(order.reader == actor.name for order in orders),
        referrer=any(order.referrer == actor.name for order in orders),
        to_self=asked.recipient == actor.name,
        needed=on_film(
            [
                kind
                for order in orders
                if actor.name in (order.reader, order.referrer)
                for kind in need(order.procedure, order.indication).regions
            ],
            instance.kinds,
        ),
    )


def _answer(site: Site, requester: Actor, asked: Request, decision: Decision) -> Answer:
    now = site.clock.now()
    if decision.outcome is Outcome.PERMIT:
        made = grant(
            asked,
            decision,
            requester=requester.name,
            grant_id=GrantId(new_id(site, "g")),
            now=now,
            grant_lifetime=site.grant_lifetime,
        )
        return Answer(decision, None, made)
    if decision.outcome is Outcome.NEEDS_APPROVAL:
        ticket = Ticket(
            id=TicketId(new_id(site, "t")),
            request=asked,
            requester=requester.name,
            decision=decision,
            created=now,
            expires=now + site.ticket_lifetime,
        )
        return Answer(decision, ticket, None)
    return Answer(decision, None, None)


def _held(decision: Decision) -> Decision:
    """A legal hold stands above every permit: it is asked before people are, and again when the grant is used."""
    return replace(decision, outcome=Outcome.FORBID, approvals_needed=0, roles=(), reasons=(HELD,))


def _check_order(transaction: Transaction, instance: StoredInstance, asked: Request) -> None:
    if asked.order is None:
        return
    order = transaction.orders.get(asked.order)
    if order is None or order.accession_term != instance.accession:
        raise InputError(f"order {asked.order} is not an order for this instance", hint="leadglass order list")


def _check_release(transaction: Transaction, asked: Request, instance: StoredInstance) -> None:
    if asked.release is None:
        raise InputError("a lift names the release that it opens", hint="add --release ID")
    release = transaction.releases.get(asked.release)
    if release is None or release.instance != asked.instance:
        raise InputError(f"release {asked.release} is not a release of this instance", hint="leadglass history INSTANCE")
    sealed = set(asked.regions) & set(release.covered)
    unmarks = release.reversible and set(asked.regions) == set(instance.kinds)
    if not sealed and not unmarks:
        raise InputError(
            "nothing to lift: none of these regions is sealed in that release",
            hint=f"sealed in it: {_listed(release.covered)}",
        )


def _listed(kinds: Sequence[RegionKind]) -> str:
    return ", ".join(kinds) or "none"
