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
    SHRED = "shred"
    """Destroy the keys: it shows nothing to anybody, and opens never again."""


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
    LEGAL_HOLD = "legal_hold"
    BACKUP = "backup"
    KEEP_KEYS = "keep_keys"


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


class CoverStyle(StrEnum):
    """What shows instead of a covered region, the most careful first: what says least of the film, then what follows its
    surround, and last what is made from the covered samples themselves.
    """

    SOLID = "solid"
    """One level."""
    MOSAIC = "mosaic"
    """Seeded tiles in the greys of the surround."""
    INPAINT = "inpaint"
    """A smooth fill from the surround: it repeats the surround's own slopes, and could be taken for film."""
    COARSE = "coarse"
    """Means of the covered samples: they link the films of one patient as well as the films themselves do."""


class CoverShape(StrEnum):
    """Along what a cover is drawn, the more careful first: an exact outline is itself an identifier."""

    GRID = "grid"
    OUTLINE = "outline"


class SealProfile(StrEnum):
    """Who can open what is sealed inside a file, the most careful first."""

    SHREDDABLE = "shreddable"
    """Whoever the site gives a region's key to; dead everywhere once the site destroys the film's key."""
    PORTABLE = "portable"
    """Named people, with ML-KEM-768 or ECDH, wherever the file is; it cannot be shredded."""
    PS3_15 = "ps3.15"
    """Holders of RSA keys, as PS3.15 E.1.1 has it, for software that keeps to the standard; it cannot be shredded, and its
    cipher does not authenticate."""


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
    ``kinds`` are the regions the film has, ``needed`` those of them that the orders which name the requester need; approvers
    are counted as distinct people, none of them the requester.
    """

    kinds: tuple[RegionKind, ...]
    pixels: PixelState
    reader: bool
    referrer: bool
    to_self: bool
    approvers: int = 0
    officers: int = 0
    heads: int = 0
    needed: tuple[RegionKind, ...] = ()


@dataclass(frozen=True)
class Decision:
    """What policy answered, region by region.

    ``approvals_needed`` people besides the requester, among whom ``roles`` must be represented. ``policies`` is the
    digest of the policy set that answered. ``mark`` is how strongly a copy that leaves by this decision is marked, ``style``
    and ``shape`` how its covered regions look, ``seal`` for whom it is sealed.
    """

    outcome: Outcome
    regions: Mapping[RegionKind, Showing]
    identity: bool
    approvals_needed: int
    roles: tuple[Role, ...]
    reasons: tuple[str, ...]
    policies: str
    mark: Strength = Strength.STANDARD
    style: CoverStyle = CoverStyle.MOSAIC
    shape: CoverShape = CoverShape.GRID
    seal: SealProfile = SealProfile.SHREDDABLE

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
    style: CoverStyle = CoverStyle.MOSAIC
    shape: CoverShape = CoverShape.GRID
    seal: SealProfile = SealProfile.SHREDDABLE


@dataclass(frozen=True)
class Account:
    """A person's account: who they are, and their signing key under their passphrase.

    ``public_key`` checks their signatures; ``salt``, ``sealed_key`` and ``parameters`` are what ``seal.person`` unlocks.
    ``sealing_key`` is what is sealed for them alone, in PEM; its private half is theirs and nowhere at the site.
    """

    actor: Actor
    active: bool
    public_key: bytes
    salt: bytes
    sealed_key: bytes
    parameters: str
    sealing_key: bytes | None = None
