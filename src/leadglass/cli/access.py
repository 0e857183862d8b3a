"""``order``, ``request``, ``tickets``, ``approve``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadglass.cli.terminal import choice, emit, signed_in
from leadglass.errors import RefusedError

if TYPE_CHECKING:
    from leadglass.flows.request import Answer
    from leadglass.model.access import Order, Ticket

order = typer.Typer(help="Ordered studies: who reads, who referred.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(order, name="order")
    app.command()(request)
    app.command()(tickets)
    app.command()(approve)


@order.command("add")
def order_add(
    accession: Annotated[str, typer.Option(help="The accession number.")],
    procedure: Annotated[str, typer.Option(help="What was ordered.")],
    reader: Annotated[str | None, typer.Option(help="Who reads it.")] = None,
    referrer: Annotated[str | None, typer.Option(help="Who asked for it.")] = None,
    indication: Annotated[str | None, typer.Option(help="Why.")] = None,
) -> None:
    """Place an order."""
    from leadglass.flows import orders

    with signed_in() as (site, session):
        made = orders.add(
            site,
            session,
            accession=accession,
            procedure=procedure,
            reader=reader,
            referrer=referrer,
            indication=indication,
        )
        emit(_order(made))


@order.command("list")
def order_list() -> None:
    """List your orders; all of them if you place orders."""
    from leadglass.flows import orders

    with signed_in() as (site, session):
        found = orders.listed(site, session)
        for each in found:
            emit(_order(each))


@order.command("close")
def order_close(order_id: Annotated[str, typer.Argument(metavar="ID", help="The order.")]) -> None:
    """Close an order: what it opened is closed again."""
    from leadglass.flows import orders

    with signed_in() as (site, session):
        emit(_order(orders.close(site, session, order_id)))


def request(
    instance: Annotated[str, typer.Argument(help="The instance.")],
    action: Annotated[str, typer.Option(help="view, export, lift, restore or shred.")],
    purpose: Annotated[str, typer.Option(help="TREAT, RESEARCH, TEACH, VENDOR, PATIENT or LEGAL.")],
    regions: Annotated[str, typer.Option(metavar="K,K|all", help="Which regions; lungs means both lungs.")] = "all",
    release: Annotated[str | None, typer.Option(help="For a lift: the release that it opens.")] = None,
    identity: Annotated[bool, typer.Option("--identity", help="Ask to see who the patient is.")] = False,
    recipient: Annotated[str | None, typer.Option(help="Who will hold the copy; you, if not given.")] = None,
    order: Annotated[str | None, typer.Option(help="The order you act on; found by itself if not given.")] = None,
    reason: Annotated[str | None, typer.Option(help="Why, in your words.")] = None,
) -> None:
    """Ask for something; policy answers."""
    from leadglass.flows.request import request as flow
    from leadglass.model.access import Action, Outcome, Purpose

    wanted, why = choice(Action, action, option="--action"), choice(Purpose, purpose, option="--purpose")
    with signed_in() as (site, session):
        answer = flow(
            site,
            session,
            instance,
            action=wanted,
            purpose=why,
            regions=[name.strip() for name in regions.split(",") if name.strip()],
            identity=identity,
            recipient=recipient,
            order=order,
            release=release,
            reason=reason,
        )
        emit(_answer(answer))
        if answer.decision.outcome is Outcome.FORBID:
            raise RefusedError("policy forbids what was asked for", reasons=answer.decision.reasons)


def tickets() -> None:
    """List the requests that wait for approval."""
    from leadglass.flows.approve import waiting
    from leadglass.model.entry import timestamp

    with signed_in() as (site, session):
        found = waiting(site, session)
        for ticket in found:
            emit(
                {
                    "ticket": ticket.id,
                    "instance": ticket.request.instance,
                    "action": ticket.request.action,
                    "purpose": ticket.request.purpose,
                    "requester": ticket.requester,
                    "recipient": ticket.request.recipient,
                    "regions": dict(ticket.decision.regions),
                    "identity": ticket.decision.identity,
                    "reason": ticket.request.reason,
                    **_counts(ticket),
                    "expires": timestamp(ticket.expires),
                }
            )


def approve(
    ticket: Annotated[str, typer.Argument(help="The ticket.")],
    deny: Annotated[bool, typer.Option("--deny", help="Say no; that ends the ticket.")] = False,
    note: Annotated[str | None, typer.Option(help="Why; kept with your signature.")] = None,
) -> None:
    """Sign your word on a waiting request."""
    from leadglass.flows.approve import approve as flow

    with signed_in() as (site, session):
        done = flow(site, session, ticket, deny=deny, note=note)
        emit({"ticket": done.ticket.id, **_counts(done.ticket), "grant": done.grant and done.grant.id})


def _counts(ticket: Ticket) -> dict[str, int]:
    return {
        "approvals": sum(approval.approve for approval in ticket.approvals),
        "approvals_needed": ticket.decision.approvals_needed,
    }


def _order(order: Order) -> dict[str, Any]:
    from leadglass.anatomy.need import need

    return {
        "order": order.id,
        "accession": order.accession,
        "regions": list(need(order.procedure, order.indication).regions),
        "reader": order.reader,
        "referrer": order.referrer,
        "procedure": order.procedure,
        "active": order.active,
    }


def _answer(answer: Answer) -> dict[str, Any]:
    decision = answer.decision
    return {
        "decision": decision.outcome,
        "ticket": answer.ticket and answer.ticket.id,
        "grant": answer.grant and answer.grant.id,
        "regions": dict(decision.regions),
        "identity": decision.identity,
        "approvals_needed": decision.approvals_needed,
        "roles": list(decision.roles),
        "reasons": list(decision.reasons),
    }
