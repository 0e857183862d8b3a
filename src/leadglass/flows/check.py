"""A person looked at the pixels, in the PACS, and says what they found."""

from __future__ import annotations

from dataclasses import replace

from leadglass.errors import InputError
from leadglass.flows import vault
from leadglass.flows.record import allow, record
from leadglass.flows.session import Session
from leadglass.model.access import Duty, PixelState
from leadglass.model.instance import StoredInstance
from leadglass.site import Site


def check(site: Site, session: Session, instance_id: str, *, pixels: PixelState, note: str) -> StoredInstance:
    """Record that somebody looked for identifying text in the pixels.

    Raises:
        RefusedError: the session may not check.
        InputError: no such instance, no note, or ``unchecked``, which nobody can find.
    """
    allow(site, session.actor, Duty.CHECK)
    if pixels is PixelState.UNCHECKED:
        raise InputError("a check finds the pixels checked, or in need of review")
    if not note.strip():
        raise InputError("a check needs a note", hint="say how and where you looked")
    with site.database.begin() as transaction:
        instance = vault.find(transaction, instance_id)
        checked = replace(instance, pixels=pixels)
        transaction.instances.swap(instance, checked)
        record(site, transaction.log, "checked", actor=session.actor, subject=instance.id, pixels=pixels, note=note)
    return checked
