"""The laws of deciding and approving, for policies nobody has written yet as well as for the shipped ones."""

from __future__ import annotations

import itertools
import random
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import cache

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from leadglass.errors import RefusedError
from leadglass.model.access import (
    Action,
    Actor,
    Approval,
    Circumstances,
    Decision,
    Duty,
    Outcome,
    PixelState,
    Purpose,
    Request,
    Role,
    Ticket,
    TicketState,
)
from leadglass.model.ids import GrantId, InstanceId, PersonName, TicketId
from leadglass.model.region import RegionKind
from leadglass.policy.decide import Policies, check_duty, decide, load, shipped
from leadglass.policy.quorum import approve, check_may_approve, count

NOW = datetime(2026, 11, 24, 8, 0, tzinfo=UTC)
RANK = {Outcome.FORBID: 0, Outcome.NEEDS_APPROVAL: 1, Outcome.PERMIT: 2}
SHIPPED = tuple("@id(" + text for text in shipped()["hospital.cedar"].split("\n@id(")[1:])


@cache
def loaded(texts: tuple[str, ...]) -> Policies:
    policies = load({"site.cedar": "\n".join(texts)})
    assert policies.problem is None
    return policies


# Strategies

roles = st.sampled_from(Role)
actors = st.builds(
    Actor, name=st.just(PersonName("a")), roles=st.frozensets(roles, max_size=3), department=st.none() | st.just("d")
)
requests = st.builds(
    Request,
    instance=st.just(InstanceId("i")),
    action=st.sampled_from(Action),
    purpose=st.sampled_from(Purpose),
    regions=st.lists(st.sampled_from(RegionKind), unique=True, min_size=1).map(tuple),
    identity=st.booleans(),
    recipient=st.text(max_size=5),
)
circumstances = st.builds(
    Circumstances,
    kinds=st.lists(st.sampled_from(RegionKind), unique=True, min_size=1).map(tuple),
    pixels=st.sampled_from(PixelState),
    reader=st.booleans(),
    referrer=st.booleans(),
    to_self=st.booleans(),
    needed=st.lists(st.sampled_from(RegionKind), unique=True).map(tuple),
)
standing = st.tuples(st.integers(0, 2), st.integers(0, 2), st.integers(0, 2))

film_conditions = st.sampled_from(
    [
        "context.reader",
        "context.to_self || context.referrer",
        'context.purpose == Purpose::"RESEARCH"',
        'context.pixels == Pixels::"checked"',
        "resource is Region",
        'resource == Region::"heart"',
        "resource is Region && context.needed.contains(resource)",
        "resource is Identity",
        'principal has department && principal.department == "d"',
        'if context.reader then context.recipient == "" else true',
    ]
)
approvals_suffice = st.sampled_from(
    [
        "context.approvers >= 1",
        "context.officers >= 1",
        "context.heads > 0",
        "context.approvers >= 2",
        "!(context.heads < 1)",
    ]
)
no_clause = st.just("")


def policies_of(effect: str) -> st.SearchStrategy[str]:
    """Policies of one effect over every action, region and role, in which approvals can only open."""
    opens, closes = ("when", "unless") if effect == "permit" else ("unless", "when")
    assert closes != opens
    clauses = no_clause | st.one_of(
        film_conditions.map(lambda text: f"when {{ {text} }}"),
        film_conditions.map(lambda text: f"unless {{ {text} }}"),
        approvals_suffice.map(lambda text: f"{opens} {{ {text} }}"),
        st.tuples(film_conditions, approvals_suffice).map(lambda both: f"{opens} {{ ({both[0]}) || {both[1]} }}"),
    )
    principals = st.just("principal") | roles.map(lambda role: f'principal in Role::"{role}"')
    groups = st.just('action in Action::"film_action"')
    actions = groups | st.sampled_from(Action).map(lambda action: f'action == Action::"{action}"')
    return st.builds(
        lambda principal, action, clause, other: f"{effect} ({principal}, {action}, resource) {clause} {other};",
        principals,
        actions,
        clauses,
        clauses,
    )


permits = policies_of("permit") | st.sampled_from([text for text in SHIPPED if "\npermit (" in text])
forbids = policies_of("forbid") | st.sampled_from([text for text in SHIPPED if "\nforbid (" in text])
policy_sets = st.one_of(
    st.lists(permits | forbids, min_size=1, max_size=4).map(tuple),
    st.sets(st.sampled_from(SHIPPED), min_size=1).map(lambda texts: tuple(sorted(texts))),
    st.just(SHIPPED),
)


def opened(decision: Decision) -> set[object]:
    """What is open now, without anybody else."""
    if decision.outcome is not Outcome.PERMIT:
        return set()
    return {"action", *decision.shown, *(["identity"] if decision.identity else [])}


def with_approvals(facts: Circumstances, counts: Sequence[int]) -> Circumstances:
    approvers, officers, heads = counts
    return replace(facts, approvers=approvers, officers=officers, heads=heads)


# Deciding


@given(requests, actors, circumstances, standing, st.lists(forbids, max_size=3).map(tuple))
def test_no_policy_no_access(
    request: Request, actor: Actor, facts: Circumstances, counts: Sequence[int], closing: tuple[str, ...]
) -> None:
    policies = loaded(closing) if closing else load({})

    decision = decide(request, actor=actor, circumstances=with_approvals(facts, counts), policies=policies)

    assert (decision.outcome, decision.shown, decision.identity) == (Outcome.FORBID, (), False)
    assert decision.reasons
    for duty in Duty:
        with pytest.raises(RefusedError):
            check_duty(actor, duty, policies=policies)


@given(requests, actors, circumstances, standing, policy_sets, forbids)
def test_adding_a_forbid_never_opens_anything(
    request: Request, actor: Actor, facts: Circumstances, counts: Sequence[int], texts: tuple[str, ...], closing: str
) -> None:
    facts = with_approvals(facts, counts)
    before = decide(request, actor=actor, circumstances=facts, policies=loaded(texts))
    after = decide(request, actor=actor, circumstances=facts, policies=loaded((*texts, closing)))

    assert opened(after) <= opened(before)
    assert RANK[after.outcome] <= RANK[before.outcome]


@given(requests, actors, circumstances, standing, standing, policy_sets)
def test_more_approvals_never_close_anything(
    request: Request,
    actor: Actor,
    facts: Circumstances,
    counts: Sequence[int],
    more: Sequence[int],
    texts: tuple[str, ...],
) -> None:
    fewer = with_approvals(facts, counts)
    greater = with_approvals(facts, [a + b for a, b in zip(counts, more, strict=True)])
    before = decide(request, actor=actor, circumstances=fewer, policies=loaded(texts))
    after = decide(request, actor=actor, circumstances=greater, policies=loaded(texts))

    assert opened(before) <= opened(after)
    assert RANK[before.outcome] <= RANK[after.outcome]


@given(
    requests,
    actors,
    circumstances,
    standing,
    policy_sets,
    st.sampled_from(["permit", "forbid"]),
    st.sampled_from(RegionKind),
)
def test_an_engine_error_is_a_forbid(
    request: Request,
    actor: Actor,
    facts: Circumstances,
    counts: Sequence[int],
    texts: tuple[str, ...],
    effect: str,
    kind: RegionKind,
) -> None:
    facts = with_approvals(facts, counts)
    overflow = "when { 9223372036854775807 + 1 > 0 };"

    broken = loaded((*texts, f"{effect} (principal, action, resource is Film) {overflow}"))
    assert decide(request, actor=actor, circumstances=facts, policies=broken).outcome is Outcome.FORBID

    one_region = loaded((*texts, f'{effect} (principal, action, resource == Region::"{kind}") {overflow}'))
    assert kind not in decide(request, actor=actor, circumstances=facts, policies=one_region).shown


@given(requests, actors, circumstances, standing, policy_sets)
def test_nothing_is_shown_that_was_not_asked_for(
    request: Request, actor: Actor, facts: Circumstances, counts: Sequence[int], texts: tuple[str, ...]
) -> None:
    assume(request.action is not Action.RESTORE)
    decision = decide(request, actor=actor, circumstances=with_approvals(facts, counts), policies=loaded(texts))

    assert set(decision.regions) == set(facts.kinds)
    assert set(decision.shown) <= set(request.regions)
    assert request.identity or not decision.identity
    shows = request.action is not Action.SHRED and decision.outcome is not Outcome.FORBID
    assert bool(decision.shown) == shows


@given(requests, actors, circumstances, policy_sets, permits)
def test_nothing_is_asked_of_a_second_person_where_the_first_has_the_right(
    request: Request, actor: Actor, facts: Circumstances, texts: tuple[str, ...], opening: str
) -> None:
    alone = decide(request, actor=actor, circumstances=facts, policies=loaded(texts))
    wider = decide(request, actor=actor, circumstances=facts, policies=loaded((*texts, opening)))

    assert (alone.approvals_needed == 0) == (alone.outcome is not Outcome.NEEDS_APPROVAL)
    assert alone.outcome is not Outcome.PERMIT or wider.outcome is Outcome.PERMIT
    if alone.approvals_needed == 2:
        singles = [with_approvals(facts, counts) for counts in ((1, 1, 0), (1, 0, 1))]
        for one in singles:
            assert decide(request, actor=actor, circumstances=one, policies=loaded(texts)).outcome is not Outcome.PERMIT


needing_approval = st.tuples(approvals_suffice, approvals_suffice, film_conditions).map(
    lambda texts: (
        f"permit (principal, action, resource is Film) when {{ {texts[0]} }};",
        f"permit (principal, action, resource is Region) when {{ {texts[1]} || ({texts[2]}) }};",
        "permit (principal, action, resource is Identity);",
    )
)


@given(requests, actors, circumstances, needing_approval, st.lists(permits | forbids, max_size=2).map(tuple))
def test_the_approvals_asked_for_give_what_was_promised(
    request: Request, actor: Actor, facts: Circumstances, base: tuple[str, ...], texts: tuple[str, ...]
) -> None:
    facts = replace(facts, kinds=tuple(RegionKind))
    policies = loaded((*base, *texts))
    promised = decide(request, actor=actor, circumstances=facts, policies=policies)
    assume(promised.outcome is Outcome.NEEDS_APPROVAL)
    for people in [promised.roles] if promised.approvals_needed == 2 else [(role,) for role in promised.roles]:
        counts = (len(people), people.count(Role.SECURITY_OFFICER), people.count(Role.DEPARTMENT_HEAD))
        kept = decide(request, actor=actor, circumstances=with_approvals(facts, counts), policies=policies)
        assert kept.outcome is Outcome.PERMIT
        assert (kept.regions, kept.identity) == (promised.regions, promised.identity)


EVERYBODY = frozenset(Role) - {Role.ADMINISTRATOR, Role.AUDITOR, Role.SECURITY_OFFICER}
NOT_BOTH = [(1, 1, 1), (2, 2, 0), (2, 0, 2)]  # fewer approvals open no more: the law above
BOTH = (2, 1, 1)


def outcomes(action: Action, counts: Sequence[int]) -> dict[tuple[frozenset[Role], Purpose], set[Outcome]]:
    """Every role alone and most roles at once, every purpose, every circumstance; asked for what opens most easily."""
    found: dict[tuple[frozenset[Role], Purpose], set[Outcome]] = {}
    for held in (*(frozenset({role}) for role in Role), EVERYBODY):
        for purpose, reader, referrer, to_self in itertools.product(Purpose, (True, False), (True, False), (True, False)):
            decision = decide(
                Request(InstanceId("i"), action, purpose, (RegionKind.LUNG_LEFT,), False, "r"),
                actor=Actor(PersonName("a"), held),
                circumstances=with_approvals(
                    Circumstances((RegionKind.LUNG_LEFT,), PixelState.CHECKED, reader, referrer, to_self), counts
                ),
                policies=loaded(SHIPPED),
            )
            found.setdefault((held, purpose), set()).add(decision.outcome)
    return found


@pytest.mark.parametrize("action", [Action.EXPORT, Action.RESTORE])
def test_export_and_restore_need_an_officer_and_a_head(action: Action) -> None:
    for counts in NOT_BOTH:
        assert all(Outcome.PERMIT not in answers for answers in outcomes(action, counts).values())

    open_to = {
        (role, purpose)
        for (held, purpose), answers in outcomes(action, BOTH).items()
        if Outcome.PERMIT in answers and held != EVERYBODY
        for role in held
    }
    assert (
        open_to
        == {
            Action.EXPORT: {
                (Role.RADIOLOGIST, Purpose.RESEARCH),
                (Role.RADIOLOGIST, Purpose.VENDOR),
                (Role.RADIOLOGIST, Purpose.TREAT),
                (Role.VENDOR, Purpose.VENDOR),
            },
            Action.RESTORE: {(Role.RADIOLOGIST, Purpose.LEGAL)},
        }[action]
    )


# Approving

PEOPLE = {
    PersonName(name): Actor(PersonName(name), frozenset(held))
    for name, held in {
        "officer": {Role.SECURITY_OFFICER},
        "head": {Role.DEPARTMENT_HEAD},
        "both": {Role.SECURITY_OFFICER, Role.DEPARTMENT_HEAD},
        "doctor": {Role.RADIOLOGIST},
        "asker": {Role.RADIOLOGIST, Role.DEPARTMENT_HEAD},
    }.items()
}
CHECKED = Circumstances(tuple(RegionKind), PixelState.CHECKED, reader=False, referrer=False, to_self=True)
said = st.builds(
    Approval,
    approver=st.sampled_from([*PEOPLE, PersonName("gone")]),
    approve=st.booleans(),
    note=st.none(),
    at=st.just(NOW),
    signature=st.just(b""),
)


def research_export(*, approvals: tuple[Approval, ...] = ()) -> Ticket:
    request = Request(InstanceId("i"), Action.EXPORT, Purpose.RESEARCH, tuple(RegionKind), False, "r")
    decision = decide(request, actor=PEOPLE[PersonName("asker")], circumstances=CHECKED, policies=loaded(SHIPPED))
    return Ticket(TicketId("t"), request, PersonName("asker"), decision, NOW, NOW + timedelta(days=7), approvals)


def yes(name: str) -> Approval:
    return Approval(PersonName(name), True, None, NOW, b"")


@given(roles=st.frozensets(roles), approvals=st.lists(said, max_size=3).map(tuple), name=st.text(min_size=1))
def test_nobody_approves_their_own_request(roles: frozenset[Role], approvals: tuple[Approval, ...], name: str) -> None:
    ticket = replace(research_export(approvals=approvals), requester=PersonName(name))

    with pytest.raises(RefusedError, match="own request"):
        check_may_approve(ticket, approver=Actor(PersonName(name), roles), now=NOW)


@given(st.sampled_from(["officer", "both"]))
def test_a_requesters_own_word_never_counts(name: str) -> None:
    smuggled = research_export(approvals=(yes("asker"),))

    ticket, grant = approve(
        smuggled,
        yes(name),
        approver=PEOPLE[PersonName(name)],
        requester=PEOPLE[PersonName("asker")],
        circumstances=CHECKED,
        policies=loaded(SHIPPED),
        actors=PEOPLE,
        now=NOW,
        grant_id=GrantId("g"),
        grant_lifetime=timedelta(hours=1),
    )

    assert (ticket.state, grant) == (TicketState.WAITING, None)


@given(st.lists(said, max_size=8), st.randoms(use_true_random=False))
def test_an_approver_counts_once(approvals: list[Approval], order: random.Random) -> None:
    repeated = [*approvals, *approvals]
    order.shuffle(repeated)
    counts = count(repeated, PEOPLE)

    assert counts == count(approvals, PEOPLE)
    willing = {word.approver for word in approvals if word.approve} - {
        word.approver for word in approvals if not word.approve
    }
    known = [PEOPLE[name].roles for name in willing & PEOPLE.keys()]
    assert counts[0] == sum(bool(held & {Role.SECURITY_OFFICER, Role.DEPARTMENT_HEAD}) for held in known)
    assert counts[1] == sum(Role.SECURITY_OFFICER in held for held in known)
    assert counts[2] == sum(Role.DEPARTMENT_HEAD in held for held in known)
