"""Making entries: what happened goes into the log without naming anybody, the rest into a sealed record beside it."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

from leadglass.errors import LeadglassError, MalformedError, ProofError, RefusedError, SealBrokenError, ShreddedError
from leadglass.model.access import Actor, Duty
from leadglass.model.entry import Entry, canonical
from leadglass.model.ids import EntryId, InstanceId
from leadglass.policy.decide import check_duty
from leadglass.ports import Log, Logged
from leadglass.seal.keys import keyed
from leadglass.site import Site

SITE_KEY = "site"
"""The key of records that are about no instance."""


def new_id(site: Site, prefix: str) -> str:
    """An opaque id that nobody can guess, such as ``t-0f3a...``: a letter for its kind and 80 bits."""
    return f"{prefix}-{site.entropy.bytes(10).hex()}"


def record(
    site: Site,
    log: Log,
    action: str,
    *,
    actor: Actor,
    subject: InstanceId | None = None,
    outlives: bool = False,
    **detail: Any,
) -> EntryId:
    """Queue an entry in the caller's transaction.

    ``subject`` is an instance: its record is sealed under the instance's key and dies with it, unless it ``outlives`` that
    key or is made after it. ``detail`` is readable to those who may read the history; JSON values without floats.
    """
    entry_id = EntryId(new_id(site, "e"))
    said = canonical({"actor": actor.name, "roles": sorted(actor.roles), **detail})
    sealed = _sealed(site, SITE_KEY if outlives else subject or SITE_KEY, said, context=_context(entry_id))
    entry = Entry(
        id=entry_id,
        time=site.clock.now(),
        action=action,
        actor=keyed(site.keys.secret("log"), kind="actor", value=actor.name),
        subject=subject,
        record=hashlib.sha256(sealed).hexdigest(),
    )
    log.enqueue(entry, record=sealed)
    return entry_id


def read_record(site: Site, logged: Logged) -> tuple[Entry, Mapping[str, Any] | None]:
    """An entry with its readable record, None where the record's key is gone.

    Raises:
        ProofError: the entry was damaged, or the record beside it is not the one that it commits to.
    """
    try:
        entry = Entry.decode(logged.entry)
    except MalformedError as error:
        raise ProofError("an entry of the log was damaged", hint="run: leadglass log verify") from error
    if hashlib.sha256(logged.record).hexdigest() != entry.record:
        raise ProofError(f"the record of entry {entry.id} was exchanged", hint="run: leadglass log verify")
    data = _opened(site, entry.subject or SITE_KEY, logged.record, context=_context(entry.id))
    fields: Mapping[str, Any] | None = None if data is None else json.loads(data)
    return entry, fields


def allow(site: Site, actor: Actor, duty: Duty, *, subject: InstanceId | None = None) -> None:
    """Ask policy whether ``actor`` may do ``duty``; a refusal is on record before it is raised.

    Raises:
        RefusedError: policy said no.
    """
    try:
        check_duty(actor, duty, policies=site.policies)
    except RefusedError as error:
        record_refusal(site, actor, duty, error, subject=subject)
        raise


def may(site: Site, actor: Actor, duty: Duty) -> bool:
    """Whether policy lets ``actor`` do ``duty``; nothing is recorded, so it only chooses what to show."""
    try:
        check_duty(actor, duty, policies=site.policies)
    except RefusedError:
        return False
    return True


def record_refusal(
    site: Site, actor: Actor, action: str, error: LeadglassError, *, subject: InstanceId | None = None, **detail: Any
) -> None:
    """Put a refusal on record, in a transaction of its own."""
    with site.database.begin() as transaction:
        record(
            site,
            transaction.log,
            "refused",
            actor=actor,
            subject=subject,
            asked=action,
            reasons=[error.message, *(error.reasons if isinstance(error, RefusedError) else ())],
            **detail,
        )


def _sealed(site: Site, name: str, data: bytes, *, context: str) -> bytes:
    try:
        return site.keys.wrap(name, data, context=context)
    except ShreddedError:
        # What happens to an instance after its key was destroyed is on record like anything else.
        return site.keys.wrap(SITE_KEY, data, context=context)


def _opened(site: Site, name: str, sealed: bytes, *, context: str) -> bytes | None:
    """What was sealed under the key ``name``, or under the site's; None where that key is gone."""
    gone = False
    try:
        return site.keys.unwrap(name, sealed, context=context)
    except ShreddedError:
        gone = True
    except SealBrokenError:
        if name == SITE_KEY:
            raise
    try:
        return site.keys.unwrap(SITE_KEY, sealed, context=context)
    except SealBrokenError:
        if gone:
            return None
        raise


def _context(entry: EntryId) -> str:
    return f"leadglass/entry/{entry}"
