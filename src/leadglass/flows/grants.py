"""Using a grant: by the person it was given to, for what it was given, once, and never after it was revoked."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from contextlib import contextmanager
from dataclasses import replace

from leadglass.errors import GrantExpiredError, InputError, RefusedError
from leadglass.flows import vault
from leadglass.flows.record import record_refusal
from leadglass.flows.session import Session
from leadglass.model.access import Action, Grant
from leadglass.model.instance import StoredInstance
from leadglass.policy.quorum import check_grant
from leadglass.ports import Transaction
from leadglass.site import Site

_COMMANDS = {Action.LIFT: "key", Action.RESTORE: "restore", Action.VIEW: "release", Action.EXPORT: "release"}


def usable(site: Site, session: Session, grant_id: str, actions: Collection[Action]) -> tuple[Grant, StoredInstance]:
    """The session's own grant, good for one of ``actions`` now, and the instance it is for.

    Raises:
        RefusedError: it is somebody else's. GrantExpiredError: it was good once. Both on record.
        InputError: there is none, or it is for something else.
    """
    with site.database.begin() as transaction:
        grant = transaction.grants.get(grant_id)
        if grant is None:
            raise InputError(f"there is no grant {grant_id}", hint="ask for one: leadglass request")
        instance = vault.find(transaction, grant.request.instance)
    _check(site, session, grant)
    if grant.request.action not in actions:
        raise InputError(
            f"grant {grant_id} is for {grant.request.action}",
            hint=f"use it with: leadglass {_COMMANDS[grant.request.action]}",
        )
    return grant, instance


@contextmanager
def spending(site: Site, session: Session, grant: Grant) -> Iterator[Transaction]:
    """A transaction that uses the grant once, with what the caller adds to it: both or neither.

    The grant is read again inside: what was revoked or used meanwhile is worth nothing.

    Raises:
        GrantExpiredError: it is no longer good; on record.
    """
    try:
        with site.database.begin() as transaction:
            current = transaction.grants.get(grant.id) or replace(grant, revoked=True)
            check_grant(current, now=site.clock.now())
            transaction.grants.swap(current, replace(current, uses_left=current.uses_left - 1))
            yield transaction
    except GrantExpiredError as error:
        _refused(site, session, grant, error)
        raise


def _check(site: Site, session: Session, grant: Grant) -> None:
    try:
        if grant.requester != session.actor.name:
            raise RefusedError(
                "a grant serves the person who asked for it", hint="ask for one of your own: leadglass request"
            )
        check_grant(grant, now=site.clock.now())
    except RefusedError as error:
        _refused(site, session, grant, error)
        raise


def _refused(site: Site, session: Session, grant: Grant, error: RefusedError) -> None:
    record_refusal(site, session.actor, grant.request.action, error, subject=grant.request.instance, grant=grant.id)
