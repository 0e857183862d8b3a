"""Who asks for what, and what may be answered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from leadglass.model.ids import GrantId, InstanceId, OrderId, PersonName, ReleaseId, Term, TicketId
from leadglass.model.region import RegionKind


class Role(StrEnum):
    """What somebody is in the hospital. ``service`` actors belong to the site itself."""

    ADMINISTRATOR = "administrator"
    TECHNOLOGIST = "technologist"
    RADIOLOGIST = "radiologist"
    REFERRER = "referrer"
    STUDENT = "student"
    SECURITY_OFFICER = "security_officer"
    DEPARTMENT_HEAD = "department_head"
    VENDOR = "vendor"
    AUDITOR = "auditor"
    SERVICE = "service"


class Action(StrEnum):
    """What can be asked for one instance (``request --action``)."""

    VIEW = "view"
    EXPORT = "export"
    LIFT = "lift"
    RESTORE = "restore"


class Duty(StrEnum):
    """What can be done at a site as a whole; decided by the same policies, without a ticket."""

    INGEST = "ingest"
    CHECK = "check"
    LIST = "list"
    SEARCH = "search"
    ORDER = "order"
    APPROVE = "approve"
    MANAGE_PEOPLE = "manage_people"
    READ_HISTORY = "read_history"
    READ_LOG = "read_log"
    CHECKPOINT = "checkpoint"
    MAINTAIN = "maintain"
    TRACE = "trace"


class Purpose(StrEnum):
    TREAT = "TREAT"
    RESEARCH = "RESEARCH"
    TEACH = "TEACH"
    VENDOR = "VENDOR"
    PATIENT = "PATIENT"
    LEGAL = "LEGAL"


class Outcome(StrEnum):
    PERMIT = "permit"
    NEEDS_APPROVAL = "needs-approval"
    FORBID = "forbid"


class Showing(StrEnum):
    SHOW = "show"
    COVER = "cover"


class PixelState(StrEnum):
    """Whether somebody looked for identifying text in the pixels."""

    UNCHECKED = "unchecked"
    CHECKED = "checked"
    REVIEW = "review"


class Strength(StrEnum):
    """How strong the mark of a release is."""

    STANDARD = "standard"
    DIAGNOSTIC = "diagnostic"
    """Fainter: for reading subtle findings in narrow windows."""
    OFF = "off"


@dataclass(frozen=True)
class Actor:
    """Who asks, as the site knows them. Proved by a ``Session``; alone it opens nothing."""

    name: PersonName
    roles: frozenset[Role]
    department: str | None = None


@dataclass(frozen=True)
class Order:
    """An ordered study: who reads it, who referred it, and whether it is still active.

    ``accession`` is the number in the clear and ``accession_term`` its keyed term, which the instances carry.
    ``procedure`` and ``indication`` are what the request form says: free text that may name the patient.
    """

    id: OrderId
    accession: str
    accession_term: Term
    reader: PersonName | None
    referrer: PersonName | None
    procedure: str
    indication: str | None
    active: bool
    created: datetime


@dataclass(frozen=True)
class Request:
    """What one actor asks for: an action on one instance, some of its regions, for a purpose and a recipient.

    ``recipient`` is an account name or free text: whoever will hold the copy. ``release`` names the release that a lift
    opens.
    """

    instance: InstanceId
    action: Action
    purpose: Purpose
    regions: tuple[RegionKind, ...]
    identity: bool
    recipient: str
    order: OrderId | None = None
    release: ReleaseId | None = None
    reason: str | None = None


@dataclass(frozen=True)
class Circumstances:
    """Facts that the site vouches for when it asks policy about a request; never what the requester claims.

    ``reader`` and ``referrer`` are true only for an active order on this instance's accession number.
    ``kinds`` are the regions the film has; approvers are counted as distinct people, none of them the requester.
    """

    kinds: tuple[RegionKind, ...]
    pixels: PixelState
    reader: bool
    referrer: bool
    to_self: bool
    approvers: int = 0
    officers: int = 0
    heads: int = 0


@dataclass(frozen=True)
class Decision:
    """What policy answered, region by region.

    ``approvals_needed`` people besides the requester, among whom ``roles`` must be represented. ``policies`` is the
    digest of the policy set that answered. ``mark`` is how strongly a copy that leaves by this decision is marked.
    """

    outcome: Outcome
    regions: Mapping[RegionKind, Showing]
    identity: bool
    approvals_needed: int
    roles: tuple[Role, ...]
    reasons: tuple[str, ...]
    policies: str
    mark: Strength = Strength.STANDARD

    @property
    def shown(self) -> tuple[RegionKind, ...]:
        return tuple(kind for kind, showing in self.regions.items() if showing is Showing.SHOW)


class TicketState(StrEnum):
    WAITING = "waiting"
    GRANTED = "granted"
    DENIED = "denied"


@dataclass(frozen=True)
class Approval:
    """One person's signed word on one ticket. The signature covers every word of the ticket, the verdict and the note."""

    approver: PersonName
    approve: bool
    note: str | None
    at: datetime
    signature: bytes


@dataclass(frozen=True)
class Ticket:
    """A permitted request that waits for other people."""

    id: TicketId
    request: Request
    requester: PersonName
    decision: Decision
    created: datetime
    expires: datetime
    approvals: tuple[Approval, ...] = ()
    state: TicketState = TicketState.WAITING


@dataclass(frozen=True)
class Grant:
    """A right, bounded in time, number and purpose."""

    id: GrantId
    ticket: TicketId | None
    request: Request
    requester: PersonName
    regions: tuple[RegionKind, ...]
    identity: bool
    created: datetime
    expires: datetime
    uses_left: int = 1
    mark: Strength = Strength.STANDARD


@dataclass(frozen=True)
class Account:
    """A person's account: who they are, and their signing key under their passphrase.

    ``public_key`` checks their signatures; ``salt``, ``sealed_key`` and ``parameters`` are what ``seal.person`` unlocks.
    """

    actor: Actor
    active: bool
    public_key: bytes
    salt: bytes
    sealed_key: bytes
    parameters: str
