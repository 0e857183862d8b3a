"""Using a grant: by the person it was given to, for what it was given, once, and only while its reasons still hold."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from leadglass.errors import ConflictError, GrantExpiredError, InputError, RefusedError
from leadglass.flows import vault
from leadglass.flows.checkpoint import check_not_behind
from leadglass.flows.record import record_refusal
from leadglass.flows.request import circumstances
from leadglass.flows.session import Session
from leadglass.model.access import Action, Grant, Outcome
from leadglass.model.instance import StoredInstance
from leadglass.policy.decide import Terms, decide
from leadglass.policy.quorum import check_grant, count
from leadglass.ports import Transaction
from leadglass.site import Site

_COMMANDS = {
    Action.LIFT: "key",
    Action.RESTORE: "restore",
    Action.VIEW: "release",
    Action.EXPORT: "release",
    Action.SHRED: "shred",
}


def usable(site: Site, session: Session, grant_id: str, actions: Collection[Action]) -> tuple[Grant, StoredInstance]:
    """The session's own grant, good for one of ``actions`` now, and the instance it is for.

    Raises:
        RefusedError: it is somebody else's, or policy would no longer give it. GrantExpiredError: it was good once.
            Both on record.
        InputError: there is none, or it is for something else.
    """
    with site.database.begin() as transaction:
        grant = transaction.grants.get(grant_id)
        if grant is None:
            raise InputError(f"there is no grant {grant_id}", hint="ask for one: leadglass request")
        instance = vault.find(transaction, grant.request.instance)
        refusal, terms = _standing(site, transaction, session, grant, instance)
    if refusal is not None:
        _record(site, session, grant, refusal)
        raise refusal
    if grant.request.action not in actions:
        raise InputError(
            f"grant {grant_id} is for {grant.request.action}",
            hint=f"use it with: leadglass {_COMMANDS[grant.request.action]}",
        )
    return replace(grant, mark=terms.mark, style=terms.style, shape=terms.shape, seal=terms.seal), instance


@contextmanager
def spending(site: Site, session: Session, grant: Grant) -> Iterator[Transaction]:
    """A transaction that uses the grant once, with what the caller adds to it: both or neither.

    Everything is asked again inside: what was used, expired, or lost its reason meanwhile is worth nothing.

    Raises:
        RefusedError, GrantExpiredError: as ``usable``; on record.
        ProofError: an older database was put back, in which the grant may be unused again.
        ConflictError: the grant is gone.
    """
    try:
        with site.database.begin() as transaction:
            check_not_behind(site, transaction)
            current = transaction.grants.get(grant.id)
            if current is None:
                raise ConflictError(f"grant {grant.id} is gone", hint="run: leadglass log verify")
            instance = vault.find(transaction, grant.request.instance)
            refusal, terms = _standing(site, transaction, session, current, instance)
            if refusal is not None:
                raise refusal
            if Terms.of(grant) != Terms.of(grant).careful(terms):
                raise ConflictError("policy wants a stronger mark or another cover since a moment ago", hint="try again")
            transaction.grants.swap(current, replace(current, uses_left=current.uses_left - 1))
            yield transaction
    except RefusedError as error:
        _record(site, session, grant, error)
        raise


def _standing(
    site: Site, transaction: Transaction, session: Session, grant: Grant, instance: StoredInstance
) -> tuple[RefusedError | None, Terms]:
    """Why the grant may not be used now, None where it may; and how a copy is made, as policy says now if that is more."""
    if grant.requester != session.actor.name:
        other = RefusedError("a grant serves the person who asked for it", hint="ask for one of your own: leadglass request")
        return other, Terms.of(grant)
    try:
        check_grant(grant, now=site.clock.now())
    except GrantExpiredError as error:
        return error, Terms.of(grant)
    account = transaction.people.get(grant.requester)
    if account is None or not account.active:
        return RefusedError("this account is closed"), Terms.of(grant)
    # Orders are closed, pixels turn out to need review, approvers leave: policy is asked as things stand now.
    approvers, officers, heads = _standing_approvals(transaction, grant)
    known = circumstances(transaction, instance, grant.request, account.actor)
    decision = decide(
        grant.request,
        actor=account.actor,
        circumstances=replace(known, approvers=approvers, officers=officers, heads=heads),
        policies=site.policies,
    )
    given = set(grant.regions) <= set(decision.shown) and (decision.identity or not grant.identity)
    if decision.outcome is not Outcome.PERMIT or not given:
        refusal = RefusedError("what this grant gave is no longer permitted", reasons=decision.reasons, hint="ask again")
        return refusal, Terms.of(grant)
    return None, Terms.of(grant).careful(Terms.of(decision))


def _standing_approvals(transaction: Transaction, grant: Grant) -> tuple[int, int, int]:
    """Distinct approvers, officers and heads among those who approved and are still here."""
    ticket = None if grant.ticket is None else transaction.tickets.get(grant.ticket)
    if ticket is None:
        return 0, 0, 0
    actors = {account.actor.name: account.actor for account in transaction.people.find() if account.active}
    return count(ticket.approvals, actors)


def _record(site: Site, session: Session, grant: Grant, error: RefusedError) -> None:
    record_refusal(site, session.actor, grant.request.action, error, subject=grant.request.instance, grant=grant.id)
