"""A site in memory with people, a film and a detector that always finds the same: the ground that laws are tested on."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta

import numpy as np

from leadglass.anatomy.outline import Outlines
from leadglass.dicom.source import BytesSource
from leadglass.flows import orders
from leadglass.flows.approve import approve
from leadglass.flows.check import check
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.ingest import ingest
from leadglass.flows.record import SITE_KEY
from leadglass.flows.release import release
from leadglass.flows.request import Answer, request
from leadglass.flows.session import Session
from leadglass.model.access import Account, Action, Actor, Grant, PixelState, Purpose, Request, Role, Strength
from leadglass.model.frame import Frame
from leadglass.model.ids import GrantId, PersonName
from leadglass.model.instance import StoredInstance
from leadglass.model.region import Mask, RegionKind
from leadglass.model.release import Release
from leadglass.seal.person import public_key
from leadglass.site import Site
from leadglass.testing.films import Patient, small_film
from leadglass.testing.films.patients import WANG
from leadglass.testing.memory import MemoryOutlet, SetClock, memory_site

PEOPLE = {
    "tech": Role.TECHNOLOGIST,
    "dr": Role.RADIOLOGIST,
    "ward": Role.REFERRER,
    "student": Role.STUDENT,
    "dso": Role.SECURITY_OFFICER,
    "head": Role.DEPARTMENT_HEAD,
    "auditor": Role.AUDITOR,
    "admin": Role.ADMINISTRATOR,
}


def quarters(frame: Frame, *, view: str | None, modality: str | None) -> Outlines:  # noqa: ARG001 - a Detector's words
    """Two lungs and a heart by thirds and halves of the picture, whatever it shows."""
    rows, columns = frame.rows, frame.columns

    def box(top: float, bottom: float, left: float, right: float) -> Mask:
        mask = np.zeros((rows, columns), dtype=np.bool_)
        mask[int(top * rows) : int(bottom * rows), int(left * columns) : int(right * columns)] = True
        return mask

    return Outlines(
        {
            RegionKind.LUNG_RIGHT: box(0.2, 0.8, 0.1, 0.45),
            RegionKind.LUNG_LEFT: box(0.2, 0.8, 0.55, 0.9),
            RegionKind.HEART: box(0.5, 0.8, 0.4, 0.7),
        },
        confidence=1.0,
        why="",
    )


def enrol(site: Site, name: str, *roles: Role) -> Session:
    """An account without a passphrase, signed in: what a test needs of a person without the time that Argon2id takes."""
    seed = hashlib.sha256(f"seed of {name}".encode()).digest()
    actor = Actor(PersonName(name), frozenset(roles), "radiology")
    account = Account(actor=actor, active=True, public_key=public_key(seed), salt=b"", sealed_key=b"", parameters="none")
    with site.database.begin() as transaction:
        transaction.people.add(account)
    return Session(actor, seed)


@dataclass
class World:
    """A memory site with one person of each role; ``film`` is what the technologist ingests."""

    seed: str = "leadglass"
    film: bytes = field(default_factory=small_film)
    patient: Patient = WANG

    def __post_init__(self) -> None:
        self.clock = SetClock()
        self.site = memory_site(seed=self.seed, clock=self.clock, detector=quarters)
        self.site.keys.create(SITE_KEY)
        self.people = {name: enrol(self.site, name, role) for name, role in PEOPLE.items()}
        self.outlet = MemoryOutlet()
        checkpoint(self.site)

    def ingest(self) -> StoredInstance:
        return ingest(self.site, self.people["tech"], BytesSource(self.film)).instance

    def order(self) -> None:
        orders.add(
            self.site,
            self.people["tech"],
            accession=self.patient.accession,
            procedure="chest PA",
            reader="dr",
            referrer="ward",
        )

    def check(self, instance: StoredInstance) -> StoredInstance:
        return check(self.site, self.people["tech"], instance.id, pixels=PixelState.CHECKED, note="looked in the PACS")

    def ask(self, person: str, instance: StoredInstance, action: Action, purpose: Purpose, **more: object) -> Answer:
        return request(self.site, self.people[person], instance.id, action=action, purpose=purpose, **more)  # type: ignore[arg-type]  # the keywords of request

    def agreed(self, person: str, instance: StoredInstance, action: Action, purpose: Purpose, **more: object) -> Grant:
        """A grant after the officer and the head agreed."""
        answer = self.ask(person, instance, action, purpose, **more)
        if answer.grant is not None:
            return answer.grant
        assert answer.ticket is not None, answer.decision.reasons
        for approver in ("dso", "head"):
            grant = approve(self.site, self.people[approver], answer.ticket.id).grant
            if grant is not None:
                return grant
        raise AssertionError("two approvals were not enough")

    def ready(self) -> StoredInstance:
        """An ingested film with an order and checked pixels."""
        instance = self.ingest()
        self.order()
        return self.check(instance)

    def released(self, *regions: str) -> tuple[StoredInstance, Release]:
        """A film of which only ``regions`` were exported."""
        instance = self.ready()
        grant = self.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH, regions=regions, recipient="university")
        return instance, release(self.site, self.people["dr"], grant.id, self.outlet).release


def granted(site: Site, asked: Request, shown: tuple[RegionKind, ...]) -> str:
    """A grant that nobody had to approve, for a site whose policies permit everything; they say how it is marked."""
    now = site.clock.now()
    grant = Grant(
        id=GrantId(f"g-{asked.action}"),
        ticket=None,
        request=asked,
        requester=PersonName(asked.recipient),
        regions=shown,
        identity=asked.identity,
        created=now,
        expires=now + timedelta(days=1),
        mark=Strength.OFF,
    )
    with site.database.begin() as transaction:
        transaction.grants.add(grant)
    return grant.id


def entries(site: Site) -> Iterator[tuple[str, str | None, int | None]]:
    """Every entry on record: action, subject, place (None while queued)."""
    from leadglass.model.entry import Entry

    with site.database.begin() as transaction:
        logged = (*transaction.log.read(0, transaction.log.size()), *transaction.log.queued(1 << 20))
    for each in logged:
        entry = Entry.decode(each.entry)
        yield entry.action, entry.subject, each.index
