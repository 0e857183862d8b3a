"""What is stored, without naming anybody, unless policy shows identity to the one who asks."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from leadglass.deid.charset import read_text
from leadglass.dicom.instance import scan
from leadglass.errors import ShreddedError
from leadglass.flows import vault
from leadglass.flows.checkpoint import check_not_behind
from leadglass.flows.record import allow, record
from leadglass.flows.request import circumstances
from leadglass.flows.session import Session
from leadglass.flows.terms import patient_terms, term
from leadglass.model.access import Action, Circumstances, Duty, Outcome, Purpose, Request
from leadglass.model.ids import Term
from leadglass.model.instance import StoredInstance, Tier
from leadglass.policy.decide import decide
from leadglass.ports import Transaction
from leadglass.site import Site


@dataclass(frozen=True)
class Patient:
    """Who a film is of, as its header says it; empty values are None."""

    name: str | None
    id: str | None
    accession: str | None
    study_date: str | None


@dataclass(frozen=True)
class Listed:
    """``patient`` is None unless it was asked for and policy shows it."""

    instance: StoredInstance
    patient: Patient | None


def listing(
    site: Site, session: Session, *, patient: str | None = None, accession: str | None = None, identity: bool = False
) -> tuple[Listed, ...]:
    """The stored instances, those of one patient (id or name) or accession number if asked. Seeing names is on record.

    Raises:
        RefusedError: the session may not list, or may not search.
    """
    allow(site, session.actor, Duty.LIST)
    if patient is not None or accession is not None:
        allow(site, session.actor, Duty.SEARCH)
    searched: list[Iterable[Term]] = []
    if patient is not None:
        searched.append(patient_terms(site, patient))
    if accession is not None:
        searched.append((term(site, "accession", accession),))
    with site.database.begin() as transaction:
        wanted = [{found for each in terms for found in transaction.terms.find(each)} for terms in searched]
        found = [each for each in transaction.instances.find() if all(each.id in ids for ids in wanted)]
        named = [each for each in found if identity and each.tier is not Tier.SHREDDED]
        asked = [(each, *_primary_look(transaction, session, each)) for each in named]
    # Policy is asked outside the transaction: a long list keeps nobody from writing.
    shown = {each.id for each, request, known in asked if _may_name(site, session, request, known)}
    if shown:
        with site.database.begin() as transaction:
            check_not_behind(site, transaction)
            for instance in sorted(shown):
                record(site, transaction.log, "identity listed", actor=session.actor, subject=instance)
    return tuple(Listed(each, _patient(site, each) if each.id in shown else None) for each in found)


def _patient(site: Site, instance: StoredInstance) -> Patient | None:
    """Who the film is of; None where it was shredded a moment ago."""
    try:
        identified = scan(vault.received(site, instance))
    except ShreddedError:
        return None

    def text(tag: int) -> str | None:
        return read_text(identified.value(tag) or b"", identified.charset).strip() or None

    return Patient(name=text(0x00100010), id=text(0x00100020), accession=text(0x00080050), study_date=text(0x00080020))


def _primary_look(transaction: Transaction, session: Session, instance: StoredInstance) -> tuple[Request, Circumstances]:
    """The request that showing a name amounts to: a look at the whole film, for treatment."""
    request = Request(
        instance=instance.id,
        action=Action.VIEW,
        purpose=Purpose.TREAT,
        regions=instance.kinds,
        identity=True,
        recipient=session.actor.name,
    )
    return request, circumstances(transaction, instance, request, session.actor)


def _may_name(site: Site, session: Session, request: Request, known: Circumstances) -> bool:
    decision = decide(request, actor=session.actor, circumstances=known, policies=site.policies)
    return decision.outcome is Outcome.PERMIT and decision.identity
