"""What happened to one instance, for those who may read it.

Each line's record is checked against its entry; whether the entries are those that were signed is ``audit``'s to say.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leadglass.errors import InputError, ProofError
from leadglass.flows.record import allow, read_record, record
from leadglass.flows.session import Session
from leadglass.model.access import Duty
from leadglass.site import Site


@dataclass(frozen=True)
class Line:
    """``actor`` and ``detail`` are None where the instance's key was destroyed: the entry stays, the person is gone."""

    time: datetime
    index: int | None
    actor: str | None
    action: str
    detail: Mapping[str, Any] | None


def history(site: Site, session: Session, instance_id: str) -> tuple[Line, ...]:
    """Every entry about an instance, oldest first. Reading it is itself an entry.

    Raises:
        RefusedError: the session may not read histories.
        InputError: there is no such instance.
        ProofError: a record is not the one its entry commits to, or an entry is about something else.
    """
    allow(site, session.actor, Duty.READ_HISTORY)
    with site.database.begin() as transaction:
        instance = transaction.instances.get(instance_id)
        if instance is None:
            raise InputError(f"there is no instance {instance_id}", hint="leadglass list")
        logged = transaction.log.about(instance.id)
        record(site, transaction.log, "history read", actor=session.actor, subject=instance.id)
    lines = []
    for each in logged:
        entry, fields = read_record(site, each)
        if entry.subject != instance.id:
            raise ProofError("an entry about something else was put in here", hint="run: leadglass log verify")
        actor = None if fields is None else fields["actor"]
        detail = None if fields is None else {key: fields[key] for key in fields if key not in ("actor", "roles")}
        lines.append(Line(entry.time, each.index, actor, entry.action, detail))
    return tuple(lines)
