"""A second person agrees, or does not. Their word is signed and bound to every word of the ticket."""

from __future__ import annotations

from dataclasses import dataclass

from leadglass.errors import InputError, RefusedError, VerificationError
from leadglass.flows import vault
from leadglass.flows.record import allow, may, new_id, record, record_refusal
from leadglass.flows.request import circumstances
from leadglass.flows.session import Session
from leadglass.model.access import Actor, Approval, Duty, Grant, Ticket, TicketState
from leadglass.model.ids import GrantId, PersonName
from leadglass.policy.quorum import approve as count_in
from leadglass.policy.quorum import check_may_approve, statement
from leadglass.ports import Transaction
from leadglass.seal.person import check_signature
from leadglass.site import Site

APPROVAL = "leadglass/approval@v1"
"""The signature context of an approval."""


@dataclass(frozen=True)
class Approved:
    """The ticket after somebody's word, and the grant if that word was the last one needed."""

    ticket: Ticket
    grant: Grant | None


def approve(site: Site, session: Session, ticket_id: str, *, deny: bool = False, note: str | None = None) -> Approved:
    """Sign a word on a waiting ticket.

    Raises:
        RefusedError: own request, a second word of the same person, or no role that may approve; on record.
        GrantExpiredError: the ticket has expired or is no longer waiting.
        InputError: there is no such ticket.
    """
    with site.database.begin() as transaction:
        ticket = _ticket(transaction, ticket_id)
    now = site.clock.now()
    try:
        check_may_approve(ticket, approver=session.actor, now=now)
    except RefusedError as error:
        record_refusal(site, session.actor, "approve", error, subject=ticket.request.instance, ticket=ticket.id)
        raise
    said = statement(ticket, approve=not deny, note=note, approver=session.actor.name, at=now)
    signature = session.sign(said, context=APPROVAL)
    approval = Approval(approver=session.actor.name, approve=not deny, note=note, at=now, signature=signature)
    return submit(site, session.actor, ticket.id, approval)


def submit(site: Site, actor: Actor, ticket_id: str, approval: Approval) -> Approved:
    """Count a signed approval, made here or elsewhere.

    Raises:
        RefusedError: it may not be counted; on record.
        VerificationError: the signature is not the approver's over this ticket.
    """
    allow(site, actor, Duty.APPROVE)
    try:
        with site.database.begin() as transaction:
            return _submit(site, transaction, actor, _ticket(transaction, ticket_id), approval)
    except (RefusedError, VerificationError) as error:
        record_refusal(site, actor, "approve", error, ticket=ticket_id)
        raise


def waiting(site: Site, session: Session) -> tuple[Ticket, ...]:
    """Waiting tickets: all of them for people who approve, one's own for everybody else."""
    with site.database.begin() as transaction:
        tickets = transaction.tickets.find(state=TicketState.WAITING)
    now = site.clock.now()
    current = tuple(ticket for ticket in tickets if ticket.expires > now)
    if may(site, session.actor, Duty.APPROVE):
        return current
    return tuple(ticket for ticket in current if ticket.requester == session.actor.name)


def _submit(site: Site, transaction: Transaction, actor: Actor, ticket: Ticket, approval: Approval) -> Approved:
    now = site.clock.now()
    account = transaction.people.get(approval.approver)
    if account is None or not account.active or account.actor.name != actor.name:
        raise RefusedError("an approval is given by the person who signed it, with an active account")
    said = statement(ticket, approve=approval.approve, note=approval.note, approver=approval.approver, at=approval.at)
    check_signature(account.public_key, message=said, context=APPROVAL, signature=approval.signature)

    requester = transaction.people.get(ticket.requester)
    if requester is None or not requester.active:
        raise RefusedError("the requester's account is closed")
    instance = vault.find(transaction, ticket.request.instance)
    after, grant = count_in(
        ticket,
        approval,
        approver=account.actor,
        requester=requester.actor,
        circumstances=circumstances(transaction, instance, ticket.request, requester.actor),
        policies=site.policies,
        actors=_actors(transaction),
        now=now,
        grant_id=GrantId(new_id(site, "g")),
        grant_lifetime=site.grant_lifetime,
    )
    transaction.tickets.swap(ticket, after)
    if grant is not None:
        transaction.grants.add(grant)
    record(
        site,
        transaction.log,
        "approved" if approval.approve else "denied",
        actor=account.actor,
        subject=instance.id,
        ticket=ticket.id,
        note=approval.note,
        signature=approval.signature.hex(),
        grant=grant and grant.id,
    )
    return Approved(after, grant)


def _actors(transaction: Transaction) -> dict[PersonName, Actor]:
    """Everybody with an active account."""
    return {account.actor.name: account.actor for account in transaction.people.find() if account.active}


def _ticket(transaction: Transaction, ticket_id: str) -> Ticket:
    ticket = transaction.tickets.get(ticket_id)
    if ticket is None:
        raise InputError(f"there is no ticket {ticket_id}", hint="leadglass tickets")
    return ticket
