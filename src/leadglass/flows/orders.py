"""Orders: who reads and who referred a study, by its accession number."""

from __future__ import annotations

from dataclasses import replace

from leadglass.errors import ConflictError, InputError, RefusedError
from leadglass.flows.record import allow, may, new_id, record, record_refusal
from leadglass.flows.session import Session
from leadglass.flows.terms import term
from leadglass.model.access import Duty, Order
from leadglass.model.ids import OrderId, PersonName
from leadglass.model.instance import StoredInstance
from leadglass.ports import Transaction
from leadglass.site import Site


def add(
    site: Site,
    session: Session,
    *,
    accession: str,
    procedure: str,
    reader: str | None = None,
    referrer: str | None = None,
    indication: str | None = None,
) -> Order:
    """Put an order on record.

    Nobody gives a right to themselves: not as the reader, and as the referrer only before the film has arrived.

    Raises:
        RefusedError: the session may not place orders, or names itself where it may not; on record.
        InputError: a person named is not there, or the accession number is empty.
    """
    allow(site, session.actor, Duty.ORDER)
    if not accession.strip() or not procedure.strip():
        raise InputError("an order needs an accession number and a procedure")
    order = Order(
        id=OrderId(new_id(site, "o")),
        accession=accession.strip(),
        accession_term=term(site, "accession", accession),
        reader=None if reader is None else PersonName(reader),
        referrer=None if referrer is None else PersonName(referrer),
        procedure=procedure,
        indication=indication,
        active=True,
        created=site.clock.now(),
    )
    try:
        _place(site, session, order)
    except RefusedError as error:
        record_refusal(site, session.actor, "order", error)
        raise
    return order


def _place(site: Site, session: Session, order: Order) -> None:
    with site.database.begin() as transaction:
        if order.reader == session.actor.name:
            raise RefusedError(
                "nobody places an order for themselves to read", hint="let the technologist or an administrator place it"
            )
        if order.referrer == session.actor.name and transaction.instances.find(accession=order.accession_term):
            raise RefusedError(
                "nobody refers a patient to themselves once the film is there",
                hint="let the technologist or an administrator place the order",
            )
        for name in (order.reader, order.referrer):
            if name is not None and transaction.people.get(name) is None:
                raise InputError(f"there is no person {name!r}", hint="an administrator adds people: leadglass people add")
        transaction.orders.add(order)
        record(
            site,
            transaction.log,
            "ordered",
            actor=session.actor,
            order=order.id,
            reader=order.reader,
            referrer=order.referrer,
        )


def close(site: Site, session: Session, order_id: str) -> Order:
    """Close an order: its reader and referrer lose what it gave them.

    Raises:
        RefusedError: the session may not manage orders.
        InputError: there is no such order.
        ConflictError: it is closed already.
    """
    allow(site, session.actor, Duty.ORDER)
    with site.database.begin() as transaction:
        order = transaction.orders.get(order_id)
        if order is None:
            raise InputError(f"there is no order {order_id}", hint="leadglass order list")
        if not order.active:
            raise ConflictError(f"order {order_id} is closed already")
        closed = replace(order, active=False)
        transaction.orders.swap(order, closed)
        record(site, transaction.log, "order closed", actor=session.actor, order=order.id)
    return closed


def listed(site: Site, session: Session) -> tuple[Order, ...]:
    """The orders the session may see: its own as reader or referrer, all of them for those who place orders."""
    allow(site, session.actor, Duty.LIST)
    with site.database.begin() as transaction:
        orders = transaction.orders.find()
    if may(site, session.actor, Duty.ORDER):
        return orders
    return tuple(order for order in orders if session.actor.name in (order.reader, order.referrer))


def active_orders(transaction: Transaction, instance: StoredInstance) -> tuple[Order, ...]:
    """The active orders on an instance's accession number."""
    if instance.accession is None:
        return ()
    return tuple(order for order in transaction.orders.find(accession=instance.accession) if order.active)
