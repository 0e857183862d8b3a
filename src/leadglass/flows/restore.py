"""Give back the received file, bit for bit."""

from __future__ import annotations

from dataclasses import dataclass

from leadglass.dicom.source import chunks
from leadglass.errors import VerificationError
from leadglass.flows import vault
from leadglass.flows.grants import spending, usable
from leadglass.flows.record import record
from leadglass.flows.session import Session
from leadglass.flows.vault import fingerprint, sha256_of
from leadglass.model.access import Action
from leadglass.model.instance import StoredInstance
from leadglass.ports import Outlet
from leadglass.site import Site


@dataclass(frozen=True)
class Restored:
    instance: StoredInstance
    path: str
    sha256: str


def restore(site: Site, session: Session, grant_id: str, outlet: Outlet, *, name: str) -> Restored:
    """Write the file as it was received.

    Raises:
        RefusedError, GrantExpiredError: as for any grant; on record.
        InputError: no such grant, or it is for something else.
        VerificationError: what was put together is not what was received; nothing is written.
        UnavailableError: no room for the file.
    """
    grant, instance = usable(site, session, grant_id, (Action.RESTORE,))
    source = vault.received(site, instance)
    sha256 = sha256_of(chunks(source))
    if fingerprint(site, sha256) != instance.fingerprint:
        raise VerificationError(f"instance {instance.id} does not restore to what was received")
    slot = outlet.reserve(name, source.size)
    try:
        with spending(site, session, grant) as transaction:
            record(
                site,
                transaction.log,
                "restored",
                actor=session.actor,
                subject=instance.id,
                purpose=grant.request.purpose,
                recipient=grant.request.recipient,
                grant=grant.id,
            )
        return Restored(instance, slot.deliver(chunks(source)), sha256)
    finally:
        slot.abandon()
