"""Two people: who may approve, who has approved, and what a ticket is good for then.

Signatures are made and checked elsewhere; here is what is signed (``statement``), and how words that were checked count.
An approver counts once, a requester never, and a grant never holds more than its ticket promised when it was signed.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime, timedelta

from leadglass.errors import GrantExpiredError, InputError, RefusedError
from leadglass.model.access import (
    Action,
    Actor,
    Approval,
    Circumstances,
    Decision,
    Grant,
    Outcome,
    Request,
    Role,
    Showing,
    Ticket,
    TicketState,
)
from leadglass.model.entry import canonical, timestamp
from leadglass.model.ids import GrantId, PersonName, TicketId
from leadglass.policy.decide import APPROVERS, Policies, Terms, decide

STATEMENT_FORMAT = "leadglass/approval@v1"


def statement(ticket: Ticket, *, approve: bool, note: str | None, approver: PersonName, at: datetime) -> bytes:
    """The bytes that an approver signs: every word of the ticket, the verdict, the note, the approver and the time.

    Approvals and the state of the ticket stay out, so that a statement can be made again, and checked, at any later
    time. Times count to the millisecond, as they are stored.

    Raises:
        InputError: some text has no UTF-8 form (an unpaired surrogate).
    """
    try:
        return canonical(
            {
                "v": STATEMENT_FORMAT,
                "ticket": ticket.id,
                "requester": ticket.requester,
                "created": timestamp(ticket.created),
                "expires": timestamp(ticket.expires),
                "request": _request_words(ticket.request),
                "decision": _decision_words(ticket.decision),
                "approve": approve,
                "note": note,
                "approver": approver,
                "at": timestamp(at),
            }
        )
    except UnicodeEncodeError as error:
        raise InputError("the ticket or the note holds text that has no UTF-8 form") from error


def check_may_approve(ticket: Ticket, *, approver: Actor, now: datetime) -> None:
    """Return where ``approver`` may say yes or no to the ticket at ``now``.

    Raises:
        GrantExpiredError: the ticket has expired.
        RefusedError: it is the approver's own request, it does not wait, the approver has spoken already, or has none
            of the roles that may approve it.
    """
    if ticket.state is not TicketState.WAITING:
        raise RefusedError(f"this ticket no longer waits for approval: it is {ticket.state}")
    if now >= ticket.expires:
        raise GrantExpiredError("this ticket has expired", hint="the requester can ask again")
    if approver.name == ticket.requester:
        raise RefusedError("nobody approves their own request")
    if any(approval.approver == approver.name for approval in ticket.approvals):
        raise RefusedError("you have approved this ticket already", hint="another person has to approve as well")
    if approver.roles.isdisjoint(ticket.decision.roles):
        wanted = " or ".join(role.value.replace("_", " ") for role in ticket.decision.roles)
        raise RefusedError(f"this ticket needs the approval of a {wanted}")


def count(approvals: Iterable[Approval], actors: Mapping[PersonName, Actor]) -> tuple[int, int, int]:
    """How many different people approved, how many of them are security officers, how many department heads.

    ``actors`` are the people whose account is active now: nobody else counts, nor anybody who is neither officer nor
    head, nor who denied. Who is both counts once among the people.
    """
    said = tuple(approvals)
    names = {approval.approver for approval in said if approval.approve}
    names -= {approval.approver for approval in said if not approval.approve}
    roles = [actors[name].roles for name in names if name in actors]
    return (
        sum(not held.isdisjoint(APPROVERS) for held in roles),
        sum(Role.SECURITY_OFFICER in held for held in roles),
        sum(Role.DEPARTMENT_HEAD in held for held in roles),
    )


def approve(
    ticket: Ticket,
    approval: Approval,
    *,
    approver: Actor,
    requester: Actor,
    circumstances: Circumstances,
    policies: Policies,
    actors: Mapping[PersonName, Actor],
    now: datetime,
    grant_id: GrantId,
    grant_lifetime: timedelta,
) -> tuple[Ticket, Grant | None]:
    """The ticket with ``approval``, whose signature was checked, and the grant where that was the last one needed.

    The policies are asked again, as things stand now. A denial ends the ticket. The counts in ``circumstances`` are
    replaced by those of the ticket.

    Raises:
        GrantExpiredError, RefusedError: as ``check_may_approve``, or what was promised is no longer permitted.
        ValueError: the approval or the requester belong to somebody else.
    """
    if approval.approver != approver.name or ticket.requester != requester.name:
        raise ValueError("the approval is not the approver's, or the ticket not the requester's")
    check_may_approve(ticket, approver=approver, now=now)
    heard = replace(ticket, approvals=(*ticket.approvals, approval))
    if not approval.approve:
        return replace(heard, state=TicketState.DENIED), None
    decision = decide(
        ticket.request,
        actor=requester,
        circumstances=_counted(circumstances, heard, actors=actors),
        policies=policies,
    )
    if decision.outcome is Outcome.FORBID:
        raise RefusedError("what this ticket asks for is no longer permitted", reasons=decision.reasons)
    if decision.outcome is Outcome.NEEDS_APPROVAL:
        return heard, None
    given = grant(
        ticket.request,
        _at_most(decision, ticket.decision),
        requester=ticket.requester,
        ticket=ticket.id,
        now=now,
        grant_id=grant_id,
        grant_lifetime=grant_lifetime,
    )
    return replace(heard, state=TicketState.GRANTED), given


def grant(
    request: Request,
    decision: Decision,
    *,
    requester: PersonName,
    now: datetime,
    grant_id: GrantId,
    grant_lifetime: timedelta,
    ticket: TicketId | None = None,
) -> Grant:
    """The right that ``decision`` gives, for one use.

    Raises:
        RefusedError: the decision is no permit, or opens nothing.
    """
    nothing = not decision.shown and request.action not in (Action.RESTORE, Action.SHRED)
    if decision.outcome is not Outcome.PERMIT or nothing:
        raise RefusedError("this request is not permitted", reasons=decision.reasons)
    return Grant(
        id=grant_id,
        ticket=ticket,
        request=request,
        requester=requester,
        regions=decision.shown,
        identity=decision.identity,
        created=now,
        expires=now + grant_lifetime,
        mark=decision.mark,
        style=decision.style,
        shape=decision.shape,
        seal=decision.seal,
    )


def check_grant(grant: Grant, *, now: datetime) -> None:
    """Return where the grant is good at ``now``.

    Raises:
        GrantExpiredError: it was used up or has expired.
    """
    if grant.uses_left < 1:
        raise GrantExpiredError("this grant was used up", hint="ask again")
    if now >= grant.expires:
        raise GrantExpiredError("this grant has expired", hint="ask again")


def _counted(circumstances: Circumstances, ticket: Ticket, *, actors: Mapping[PersonName, Actor]) -> Circumstances:
    others = [approval for approval in ticket.approvals if approval.approver != ticket.requester]
    approvers, officers, heads = count(others, actors)
    return replace(circumstances, approvers=approvers, officers=officers, heads=heads)


def _at_most(decision: Decision, promised: Decision) -> Decision:
    """``decision``, with nothing shown and no copy made less carefully than in the decision that people signed."""
    shown = set(decision.shown) & set(promised.shown)
    terms = Terms.of(decision).careful(Terms.of(promised))
    return replace(
        decision,
        regions={kind: Showing.SHOW if kind in shown else Showing.COVER for kind in decision.regions},
        identity=decision.identity and promised.identity,
        mark=terms.mark,
        style=terms.style,
        shape=terms.shape,
        seal=terms.seal,
    )


def _request_words(request: Request) -> Mapping[str, object]:
    return {
        "instance": request.instance,
        "action": request.action,
        "purpose": request.purpose,
        "regions": request.regions,
        "identity": request.identity,
        "recipient": request.recipient,
        "order": request.order,
        "release": request.release,
        "reason": request.reason,
    }


def _decision_words(decision: Decision) -> Mapping[str, object]:
    return {
        "outcome": decision.outcome,
        "regions": decision.regions,
        "identity": decision.identity,
        "approvals_needed": decision.approvals_needed,
        "roles": decision.roles,
        "reasons": decision.reasons,
        "policies": decision.policies,
        "mark": decision.mark,
        "style": decision.style,
        "shape": decision.shape,
        "seal": decision.seal,
    }
