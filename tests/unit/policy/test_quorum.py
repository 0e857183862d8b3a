"""Tickets, the words spoken on them, and the grants they become."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from leadglass.errors import GrantExpiredError, InputError, RefusedError
from leadglass.model.access import (
    Action,
    Actor,
    Approval,
    Circumstances,
    CoverShape,
    CoverStyle,
    Decision,
    Grant,
    Outcome,
    PixelState,
    Purpose,
    Request,
    Role,
    SealProfile,
    Showing,
    Strength,
    Ticket,
    TicketState,
)
from leadglass.model.ids import GrantId, InstanceId, OrderId, PersonName, ReleaseId, TicketId
from leadglass.model.region import RegionKind
from leadglass.policy.decide import Policies, decide, load, shipped
from leadglass.policy.quorum import approve, check_grant, check_may_approve, count, grant, statement

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
HOUR = timedelta(hours=1)
SHIPPED = load(shipped())
FACTS = Circumstances(tuple(RegionKind), PixelState.CHECKED, reader=False, referrer=False, to_self=False)
PEOPLE: Mapping[PersonName, Actor] = {
    PersonName(name): Actor(PersonName(name), roles)
    for name, roles in {
        "dr": frozenset({Role.RADIOLOGIST}),
        "dso": frozenset({Role.SECURITY_OFFICER}),
        "dso2": frozenset({Role.SECURITY_OFFICER}),
        "head": frozenset({Role.DEPARTMENT_HEAD}),
        "both": frozenset({Role.SECURITY_OFFICER, Role.DEPARTMENT_HEAD}),
        "admin": frozenset({Role.ADMINISTRATOR}),
    }.items()
}
EXPORT = Request(InstanceId("i"), Action.EXPORT, Purpose.RESEARCH, tuple(RegionKind), False, "a university")


def person(name: str) -> Actor:
    return PEOPLE[PersonName(name)]


def word(name: str, *, yes: bool = True) -> Approval:
    return Approval(PersonName(name), yes, None, NOW, b"signed")


def ticket(request: Request = EXPORT, *names: str) -> Ticket:
    decision = decide(request, actor=person("dr"), circumstances=FACTS, policies=SHIPPED)
    approvals = tuple(word(name) for name in names)
    return Ticket(TicketId("t"), request, PersonName("dr"), decision, NOW - HOUR, NOW + HOUR, approvals)


def speak(
    on: Ticket,
    name: str,
    *,
    yes: bool = True,
    facts: Circumstances = FACTS,
    policies: Policies = SHIPPED,
    people: Mapping[PersonName, Actor] = PEOPLE,
) -> tuple[Ticket, Grant | None]:
    return approve(
        on,
        word(name, yes=yes),
        approver=person(name),
        requester=person("dr"),
        circumstances=facts,
        policies=policies,
        actors=people,
        now=NOW,
        grant_id=GrantId("g"),
        grant_lifetime=HOUR,
    )


# What is signed

OTHER_REQUEST: Mapping[str, Any] = {
    "instance": InstanceId("j"),
    "action": Action.LIFT,
    "purpose": Purpose.TEACH,
    "regions": (RegionKind.HEART,),
    "identity": True,
    "recipient": "a university ",
    "order": OrderId("o"),
    "release": ReleaseId("r"),
    "reason": "",
}
OTHER_DECISION: Mapping[str, Any] = {
    "outcome": Outcome.PERMIT,
    "regions": {**ticket().decision.regions, RegionKind.TEXT: Showing.COVER},
    "identity": True,
    "approvals_needed": 1,
    "roles": (Role.DEPARTMENT_HEAD,),
    "reasons": (),
    "policies": "0",
    "mark": Strength.OFF,
    "style": CoverStyle.COARSE,
    "shape": CoverShape.OUTLINE,
    "seal": SealProfile.PORTABLE,
}
OTHER_WORDS: Mapping[str, Ticket] = {
    **{
        f"request.{name}": replace(ticket(), request=replace(EXPORT, **{name: value}))
        for name, value in OTHER_REQUEST.items()
    },
    **{
        f"decision.{name}": replace(ticket(), decision=replace(ticket().decision, **{name: value}))
        for name, value in OTHER_DECISION.items()
    },
    "id": replace(ticket(), id=TicketId("u")),
    "requester": replace(ticket(), requester=PersonName("head")),
    "created": replace(ticket(), created=NOW),
    "expires": replace(ticket(), expires=NOW),
}


def signed(on: Ticket, *, yes: bool = True, note: str | None = "fine", name: str = "dso", at: datetime = NOW) -> bytes:
    return statement(on, approve=yes, note=note, approver=PersonName(name), at=at)


@pytest.mark.parametrize("changed", list(OTHER_WORDS))
def test_a_statement_covers_every_word_of_the_ticket(changed: str) -> None:
    assert signed(OTHER_WORDS[changed]) != signed(ticket())


def test_the_words_above_are_all_the_words_there_are() -> None:
    fields = {f"request.{name}" for name in Request.__dataclass_fields__}
    fields |= {f"decision.{name}" for name in Decision.__dataclass_fields__}
    fields |= set(Ticket.__dataclass_fields__) - {"request", "decision", "approvals", "state"}

    assert set(OTHER_WORDS) == fields


def test_a_statement_covers_the_verdict_note_approver_and_time() -> None:
    variants = {
        signed(ticket()),
        signed(ticket(), yes=False),
        signed(ticket(), note=None),
        signed(ticket(), note=""),
        signed(ticket(), name="head"),
        signed(ticket(), at=NOW + timedelta(milliseconds=1)),
    }

    assert len(variants) == 6


def test_a_statement_can_be_made_again_after_others_approved() -> None:
    assert signed(replace(ticket(EXPORT, "dso", "head"), state=TicketState.GRANTED)) == signed(ticket())


def test_a_statement_knows_one_moment_in_any_time_zone() -> None:
    assert signed(ticket(), at=NOW.astimezone(datetime.fromisoformat("2026-11-24T16:00+08:00").tzinfo)) == signed(ticket())


def test_a_statement_says_its_version() -> None:
    assert json.loads(signed(ticket()))["v"] == "leadglass/approval@v1"


def test_a_note_without_a_utf8_form_is_refused() -> None:
    with pytest.raises(InputError, match="UTF-8"):
        signed(ticket(), note="\udc80")


# Who may approve


@pytest.mark.parametrize(
    ("on", "name", "says"),
    [
        (replace(ticket(), requester=PersonName("dso")), "dso", "own request"),
        (ticket(EXPORT, "dso"), "dso", "already"),
        (replace(ticket(), state=TicketState.GRANTED), "dso", "no longer waits"),
        (replace(ticket(), state=TicketState.DENIED), "dso", "no longer waits"),
        (ticket(), "admin", "security officer or department head"),
        (replace(ticket(), decision=replace(ticket().decision, roles=(Role.DEPARTMENT_HEAD,))), "dso", "a department head"),
    ],
)
def test_who_may_not_approve(on: Ticket, name: str, says: str) -> None:
    with pytest.raises(RefusedError, match=says):
        check_may_approve(on, approver=person(name), now=NOW)


def test_a_ticket_that_expired_takes_no_approval() -> None:
    with pytest.raises(GrantExpiredError):
        check_may_approve(ticket(), approver=person("dso"), now=NOW + HOUR)


@pytest.mark.parametrize("name", ["dso", "head", "both"])
def test_who_may_approve(name: str) -> None:
    check_may_approve(ticket(), approver=person(name), now=NOW)


# Counting


@pytest.mark.parametrize(
    ("approvals", "counts"),
    [
        ([], (0, 0, 0)),
        ([word("dso"), word("head")], (2, 1, 1)),
        ([word("dso"), word("dso")], (1, 1, 0)),
        ([word("both")], (1, 1, 1)),
        ([word("both"), word("head")], (2, 1, 2)),
        ([word("dso", yes=False), word("head")], (1, 0, 1)),
        ([word("dso"), word("dso", yes=False)], (0, 0, 0)),
        ([word("nobody"), word("head")], (1, 0, 1)),
        ([word("admin"), word("both")], (1, 1, 1)),
    ],
)
def test_count(approvals: list[Approval], counts: tuple[int, int, int]) -> None:
    assert count(approvals, PEOPLE) == counts


# Approving


def test_the_last_approval_gives_the_grant() -> None:
    granted, given = speak(ticket(EXPORT, "dso"), "head")

    assert (granted.state, [approval.approver for approval in granted.approvals]) == (TicketState.GRANTED, ["dso", "head"])
    assert given == Grant(GrantId("g"), TicketId("t"), EXPORT, PersonName("dr"), tuple(RegionKind), False, NOW, NOW + HOUR)


@pytest.mark.parametrize("name", ["dso", "head", "both"])
def test_one_person_is_not_two(name: str) -> None:
    waiting, given = speak(ticket(), name)

    assert (waiting.state, len(waiting.approvals), given) == (TicketState.WAITING, 1, None)


def test_two_officers_are_no_officer_and_head() -> None:
    assert speak(ticket(EXPORT, "dso"), "dso2")[1] is None


def test_a_denial_ends_the_ticket() -> None:
    denied, given = speak(ticket(EXPORT, "dso"), "head", yes=False)

    assert (denied.state, given) == (TicketState.DENIED, None)
    with pytest.raises(RefusedError, match="no longer waits"):
        speak(denied, "both")


def test_an_approver_who_left_since_does_not_count() -> None:
    left = {name: actor for name, actor in PEOPLE.items() if name != "dso"}

    assert speak(ticket(EXPORT, "dso"), "head", people=left)[1] is None


def test_counts_that_the_caller_claims_do_not_count() -> None:
    assert speak(ticket(), "dso", facts=replace(FACTS, approvers=2, officers=1, heads=1))[1] is None


def test_what_is_no_longer_permitted_is_refused() -> None:
    with pytest.raises(RefusedError, match="no longer permitted") as caught:
        speak(ticket(EXPORT, "dso"), "head", facts=replace(FACTS, pixels=PixelState.REVIEW))

    assert "nobody has checked the pixels" in caught.value.reasons[0]


def test_wider_policies_widen_no_ticket() -> None:
    vendor = replace(EXPORT, purpose=Purpose.VENDOR, identity=True)
    wide = load({"wide.cedar": "permit (principal, action, resource);"})

    _, given = speak(ticket(vendor, "dso"), "head", policies=wide)

    assert given is not None
    assert (given.regions, given.identity) == ((RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT), False)


def test_narrower_policies_narrow_a_ticket() -> None:
    narrow = load({**shipped(), "x.cedar": 'forbid (principal, action, resource == Region::"heart");'})

    _, given = speak(ticket(EXPORT, "dso"), "head", policies=narrow)

    assert given is not None
    assert RegionKind.HEART not in given.regions


def test_a_ticket_of_which_nothing_is_left_gives_no_grant() -> None:
    closed = " || ".join(f'resource == Region::"{kind}"' for kind in (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT))
    lungs_closed = load({"x.cedar": f"permit (principal, action, resource) unless {{ {closed} }};"})
    with pytest.raises(RefusedError, match="not permitted"):
        speak(ticket(replace(EXPORT, purpose=Purpose.VENDOR), "dso"), "head", policies=lungs_closed)


def test_a_legal_restore_is_granted_by_two() -> None:
    restore = Request(InstanceId("i"), Action.RESTORE, Purpose.LEGAL, (), False, "the court")

    assert speak(ticket(restore, "head"), "dso")[1] is not None


def test_somebody_elses_approval_is_a_mistake_of_the_caller() -> None:
    with pytest.raises(ValueError, match="not the approver's"):
        approve(
            ticket(),
            word("head"),
            approver=person("dso"),
            requester=person("dr"),
            circumstances=FACTS,
            policies=SHIPPED,
            actors=PEOPLE,
            now=NOW,
            grant_id=GrantId("g"),
            grant_lifetime=HOUR,
        )


# Grants


def treating_view() -> Grant:
    request = replace(EXPORT, action=Action.VIEW, purpose=Purpose.TREAT, identity=True, recipient="dr")
    decision = decide(request, actor=person("dr"), circumstances=replace(FACTS, reader=True, to_self=True), policies=SHIPPED)
    return grant(request, decision, requester=PersonName("dr"), now=NOW, grant_id=GrantId("g"), grant_lifetime=HOUR)


def test_a_permitted_request_is_granted_at_once() -> None:
    given = treating_view()

    assert (given.ticket, given.regions, given.identity, given.uses_left) == (None, tuple(RegionKind), True, 1)
    check_grant(given, now=NOW)


def test_a_decision_that_waits_gives_no_grant() -> None:
    with pytest.raises(RefusedError):
        grant(EXPORT, ticket().decision, requester=PersonName("dr"), now=NOW, grant_id=GrantId("g"), grant_lifetime=HOUR)


@pytest.mark.parametrize(
    ("changes", "now", "says"),
    [
        ({"uses_left": 0}, NOW, "used up"),
        ({}, NOW + HOUR, "expired"),
    ],
)
def test_a_grant_is_good_once_in_its_time(changes: dict[str, Any], now: datetime, says: str) -> None:
    with pytest.raises(GrantExpiredError, match=says):
        check_grant(replace(treating_view(), **changes), now=now)
