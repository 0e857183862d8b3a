"""What a decision says, and what files are taken as policies."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest

from leadglass.errors import InputError, RefusedError
from leadglass.model.access import (
    Action,
    Actor,
    Circumstances,
    CoverShape,
    CoverStyle,
    Decision,
    Duty,
    Outcome,
    PixelState,
    Purpose,
    Request,
    Role,
    Strength,
)
from leadglass.model.ids import InstanceId, PersonName
from leadglass.model.region import RegionKind
from leadglass.policy.decide import Policies, check_duty, decide, load, shipped

DOCTOR = Actor(PersonName("dr"), frozenset({Role.RADIOLOGIST}), department="radiology")
FACTS = Circumstances(
    (RegionKind.TEXT, RegionKind.HEART, RegionKind.REST), PixelState.CHECKED, reader=True, referrer=False, to_self=True
)
VIEW = Request(
    InstanceId("i"), Action.VIEW, Purpose.TREAT, (RegionKind.HEART, RegionKind.REST), identity=False, recipient="dr"
)
OPEN = "permit (principal, action, resource);"
FILM = 'permit (principal, action in Action::"film_action", resource)'


def policies(*texts: str) -> Policies:
    loaded = load({"site.cedar": "\n".join(texts)})
    assert loaded.problem is None
    return loaded


def ask(policies: Policies, request: Request = VIEW, facts: Circumstances = FACTS, actor: Actor = DOCTOR) -> Decision:
    return decide(request, actor=actor, circumstances=facts, policies=policies)


# Deciding


def test_what_was_not_asked_for_is_covered() -> None:
    assert ask(policies(OPEN)).shown == (RegionKind.HEART, RegionKind.REST)


def test_identity_that_was_not_asked_for_is_not_shown() -> None:
    assert not ask(policies(OPEN)).identity


def test_a_forbidden_kind_among_others_is_covered_and_says_why() -> None:
    decision = ask(policies(OPEN, '@reason("hearts stay here") forbid (principal, action, resource == Region::"heart");'))

    assert (decision.outcome, decision.shown) == (Outcome.PERMIT, (RegionKind.REST,))
    assert decision.reasons == ("hearts stay here",)


def test_a_forbid_without_a_reason_is_named() -> None:
    decision = ask(policies(OPEN, '@id("no-hearts") forbid (principal, action, resource == Region::"heart");'))

    assert decision.reasons == ("the policy no-hearts forbids it",)


def test_a_forbidden_identity_leaves_the_rest_open() -> None:
    decision = ask(
        policies("permit (principal, action, resource) unless { resource is Identity };"), replace(VIEW, identity=True)
    )

    assert (decision.outcome, decision.identity) == (Outcome.PERMIT, False)
    assert decision.reasons == ("no policy permits view of the patient's identity for TREAT",)


def test_no_policy_is_said_as_such() -> None:
    decision = ask(policies(OPEN.replace("action,", 'action == Action::"lift",')))

    assert (decision.outcome, decision.reasons) == (Outcome.FORBID, ("no policy permits view for TREAT",))


def test_an_open_action_without_an_open_region_is_forbidden() -> None:
    decision = ask(policies("permit (principal, action, resource is Film);"))

    assert decision.outcome is Outcome.FORBID
    assert decision.reasons[0] == "none of the regions asked for may be shown"


def test_a_request_for_no_region_is_forbidden() -> None:
    assert ask(policies(OPEN), replace(VIEW, regions=())).reasons == ("no region was asked for",)


def test_a_kind_that_the_film_lacks_is_in_no_decision() -> None:
    decision = ask(policies(OPEN), replace(VIEW, regions=tuple(RegionKind)))

    assert set(decision.regions) == set(FACTS.kinds)


def test_an_approval_is_asked_for_where_only_the_regions_need_it() -> None:
    decision = ask(
        policies(
            "permit (principal, action, resource is Film);",
            FILM + " when { context.heads >= 1 };",
        )
    )

    assert (decision.outcome, decision.roles) == (Outcome.NEEDS_APPROVAL, (Role.DEPARTMENT_HEAD,))


def test_approvals_that_stand_leave_fewer_to_ask_for() -> None:
    both = policies(FILM + " when { context.approvers >= 2 && context.officers >= 1 && context.heads >= 1 };")
    decision = ask(both, facts=replace(FACTS, approvers=1, officers=1))

    assert (decision.approvals_needed, decision.roles) == (1, (Role.DEPARTMENT_HEAD,))


def test_one_person_with_both_roles_is_not_two_people() -> None:
    decision = ask(load(shipped()), replace(VIEW, action=Action.EXPORT), replace(FACTS, approvers=1, officers=1, heads=1))

    assert (decision.outcome, decision.approvals_needed) == (Outcome.NEEDS_APPROVAL, 1)


def test_restore_shows_everything_whatever_was_asked_for() -> None:
    decision = ask(policies(OPEN), replace(VIEW, action=Action.RESTORE, regions=()))

    assert (decision.shown, decision.identity) == (FACTS.kinds, True)
    assert decision.reasons == ("a restored file is the received one: every region and the patient's identity",)


def test_restore_is_closed_where_one_region_is() -> None:
    decision = ask(
        policies(OPEN, 'forbid (principal, action, resource == Region::"text");'), replace(VIEW, action=Action.RESTORE)
    )

    assert decision.outcome is Outcome.FORBID


def test_restore_is_closed_where_the_identity_is() -> None:
    decision = ask(policies(OPEN, "forbid (principal, action, resource is Identity);"), replace(VIEW, action=Action.RESTORE))

    assert decision.outcome is Outcome.FORBID


def test_a_department_can_decide() -> None:
    ours = policies(
        'permit (principal, action, resource) when { principal has department && principal.department == "radiology" };'
    )

    assert ask(ours).outcome is Outcome.PERMIT
    assert ask(ours, actor=replace(DOCTOR, department=None)).outcome is Outcome.FORBID


def test_a_copy_is_marked_unless_a_policy_says_otherwise() -> None:
    assert ask(policies(OPEN)).mark is Strength.STANDARD
    assert ask(policies(f'@mark("off") {OPEN}')).mark is Strength.OFF


def test_of_two_permits_the_stronger_mark_counts() -> None:
    decision = ask(policies(f'@mark("off") {OPEN} @mark("diagnostic") {OPEN}'))

    assert decision.mark is Strength.DIAGNOSTIC


def test_a_cover_is_a_mosaic_on_the_grid_unless_a_policy_says_otherwise() -> None:
    plain = ask(policies(OPEN))
    assert (plain.style, plain.shape) == (CoverStyle.MOSAIC, CoverShape.GRID)
    said = ask(policies(f'@style("inpaint") @shape("outline") {OPEN}'))
    assert (said.style, said.shape) == (CoverStyle.INPAINT, CoverShape.OUTLINE)


@pytest.mark.parametrize(
    ("one", "other", "style", "shape"),
    [
        ('@style("coarse")', '@style("inpaint")', CoverStyle.INPAINT, CoverShape.GRID),
        ('@style("inpaint")', "", CoverStyle.MOSAIC, CoverShape.GRID),
        ('@style("solid")', '@style("coarse")', CoverStyle.SOLID, CoverShape.GRID),
        ('@style("coarse") @shape("outline")', '@style("coarse")', CoverStyle.COARSE, CoverShape.GRID),
        ('@style("coarse") @shape("outline")', '@shape("outline") @style("solid")', CoverStyle.SOLID, CoverShape.OUTLINE),
    ],
)
def test_of_two_permits_the_more_careful_cover_counts(one: str, other: str, style: CoverStyle, shape: CoverShape) -> None:
    for both in (f"{one} {OPEN} {other} {OPEN}", f"{other} {OPEN} {one} {OPEN}"):
        decision = ask(policies(both))
        assert (decision.style, decision.shape) == (style, shape)


@pytest.mark.parametrize("annotation", ['@style("blur")', '@style("")', '@shape("box")', '@shape("GRID")'])
def test_a_cover_that_nobody_knows_closes_the_site(annotation: str) -> None:
    closed = load({"site.cedar": f"{annotation} {OPEN}"})
    assert closed.problem is not None
    assert f"{annotation.split('(')[0]} is one of" in closed.problem


def test_a_policy_can_ask_what_the_order_needs() -> None:
    needs = "permit (principal, action, resource is Region) when { context.needed.contains(resource) };"
    film = "permit (principal, action, resource is Film);"
    facts = replace(FACTS, needed=(RegionKind.HEART,))
    assert ask(policies(film, needs), facts=facts).shown == (RegionKind.HEART,)


def test_a_mark_that_nobody_knows_closes_the_site() -> None:
    closed = load({"site.cedar": f'@mark("faint") {OPEN}'})

    assert closed.problem is not None
    assert "@mark is one of standard, diagnostic, off" in closed.problem
    assert ask(closed).outcome is Outcome.FORBID


def test_a_decision_carries_the_digest_of_its_policies() -> None:
    ours = policies(OPEN)

    assert ask(ours).policies == ours.digest


@pytest.mark.parametrize("recipient", ['x"; permit', "a\nb", "\x00", "\\", "病人", "\U0001f600"])
def test_a_recipient_is_only_ever_a_word(recipient: str) -> None:
    assert (
        ask(
            policies(FILM + ' when { context.recipient == "dr" };'),
            replace(VIEW, recipient=recipient),
        ).shown
        == ()
    )
    assert ask(policies(OPEN), replace(VIEW, recipient=recipient)).outcome is Outcome.PERMIT


@pytest.mark.parametrize(
    ("request_", "facts", "actor"),
    [
        (replace(VIEW, recipient="\udc80"), FACTS, DOCTOR),
        (VIEW, replace(FACTS, approvers=1 << 70), DOCTOR),
        (VIEW, FACTS, replace(DOCTOR, name=PersonName("\udc80"))),
        (VIEW, FACTS, replace(DOCTOR, department="\udc80")),
    ],
)
def test_a_question_that_the_engine_cannot_read_is_a_forbid(request_: Request, facts: Circumstances, actor: Actor) -> None:
    decision = ask(policies(OPEN), request_, facts, actor)

    assert (decision.outcome, decision.shown) == (Outcome.FORBID, ())
    assert decision.reasons == ("the policy engine gave no answer, which counts as a forbid",)


def test_an_error_names_its_policy_and_no_value() -> None:
    decision = ask(policies(OPEN, '@id("sum") forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };'))

    assert decision.reasons == ("there was an error in sum, which counts as a forbid",)


def test_a_very_long_recipient_is_refused_at_the_door() -> None:
    with pytest.raises(InputError, match="recipient is longer than 1000"):
        ask(policies(OPEN), replace(VIEW, recipient="x" * 1001))


def test_a_refused_duty_says_why() -> None:
    with pytest.raises(RefusedError, match="may not manage people") as caught:
        check_duty(DOCTOR, Duty.MANAGE_PEOPLE, policies=load(shipped()))

    assert caught.value.reasons == ("no policy permits manage people",)


# Loading


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("permit (", "unexpected end"),
        ("", "there is no policy in it"),
        ("// nothing yet", "there is no policy in it"),
        ("permit (principal == ?principal, action, resource);", "templates"),
        ('@id("x") permit (principal, action, resource) when { resource.colour };', "policy `x`.*colour"),
        ('permit (principal in Role::"radiologst", action, resource);', "radiologst"),
        ('permit (principal, action == Action::"vew", resource);', "vew"),
        ('permit (principal, action == Action::"view", resource) when { context.purpose == "TREAT" };', "not compatible"),
        ('permit (principal, action == Action::"view", resource) when { principal.department == "x" };', "department"),
        ("permit (principal, action, resource) when { " + "(" * 100_000 + "true", "brackets"),
        ("permit (principal, action, resource) when { " + "true && " * 100_000 + "true };", "conditions"),
        ("permit (principal, action, resource) when { context" + ".a" * 100_000 + " };", "conditions"),
        ("permit (principal, action, resource)" + " when { true }" * 1000 + ";", "conditions"),
        ("permit (principal, action, resource);" * 30_000, "longer than"),
        ("permit (principal, action, resource) when { \udc80 };", "surrogates"),
    ],
    ids=lambda text: text[:40].encode("ascii", "replace").decode(),
)
def test_a_file_that_does_not_load_closes_the_site_and_says_why(text: str, says: str) -> None:
    loaded = load({"hospital.cedar": OPEN, "site.cedar": text})

    assert loaded.problem is not None
    assert loaded.problem.startswith("site.cedar: ")
    assert re.search(says, loaded.problem)
    decision = ask(loaded)
    assert (decision.outcome, decision.shown, decision.identity) == (Outcome.FORBID, (), False)
    assert loaded.problem in decision.reasons[0]
    with pytest.raises(RefusedError):
        check_duty(DOCTOR, Duty.LIST, policies=loaded)


def test_no_file_at_all_closes_the_site() -> None:
    assert load({}).problem == "there is no policy file"


def test_a_schema_that_does_not_load_closes_the_site() -> None:
    loaded = load(shipped(), schema="entity {")

    assert loaded.problem is not None
    assert loaded.problem.startswith("leadglass.cedarschema: ")
    assert ask(loaded).outcome is Outcome.FORBID


@pytest.mark.parametrize(
    "text",
    [
        'forbid (principal, action == Action::"view", resource) when { context.approvers >= 1 };',
        'permit (principal, action == Action::"view", resource) unless { context.heads >= 1 };',
        'permit (principal, action == Action::"view", resource) when { context.officers < 2 };',
        'permit (principal, action == Action::"view", resource) when { context.officers == 1 };',
        'permit (principal, action == Action::"view", resource) when { !(context.officers >= 1) };',
        FILM + " when { if context.heads >= 1 then false else true };",
        'permit (principal, action == Action::"view", resource) when { [0].contains(context.heads) };',
        'permit (principal, action == Action::"view", resource) when { context == context };',
        'permit (principal, action == Action::"view", resource) when { context.heads >= 1 && 1 + 1 > 0 };',
    ],
)
def test_a_policy_that_an_approval_could_close_does_not_load(text: str) -> None:
    problem = load({"site.cedar": text}).problem

    assert problem is not None
    assert "an approval might close something" in problem


@pytest.mark.parametrize(
    "text",
    [
        'forbid (principal, action == Action::"view", resource) unless { context.approvers >= 1 };',
        'forbid (principal, action == Action::"view", resource) when { context.approvers < 1 };',
        'permit (principal, action == Action::"view", resource) unless { !(context.approvers >= 1) };',
        FILM + " when { if context.reader then true else context.heads > 0 };",
        '@reason("brackets (((((((((((((((((((((((((((((((((( here") permit (principal, action, resource); // (((((',
    ],
)
def test_a_policy_that_approvals_can_only_open_loads(text: str) -> None:
    assert load({"site.cedar": text}).problem is None


def test_a_forbid_in_one_file_closes_what_another_opens() -> None:
    loaded = load(
        {"a.cedar": OPEN + " // the end of a file is the end of a comment", "b.cedar": OPEN.replace("permit", "forbid")}
    )

    assert loaded.problem is None
    assert ask(loaded).outcome is Outcome.FORBID


def test_the_digest_knows_names_and_texts() -> None:
    digests = {
        load(files).digest
        for files in (
            {"a": OPEN},
            {"b": OPEN},
            {"a": OPEN + " "},
            {"a": OPEN, "b": OPEN},
            {"a": OPEN, "b": ""},
            {"ab": OPEN},
        )
    }

    assert len(digests) == 6


def test_the_digest_knows_no_order() -> None:
    assert load({"a": OPEN, "b": OPEN + "\n"}).digest == load({"b": OPEN + "\n", "a": OPEN}).digest


def test_the_documented_example_loads(repository: Path) -> None:
    page = (repository / "docs/reference/policies.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```cedar\n(.*?)```", page, flags=re.DOTALL)

    assert load({**shipped(), "example.cedar": example}).problem is None


def test_the_shipped_policies_load() -> None:
    assert list(shipped()) == ["hospital.cedar"]
    assert load(shipped()).problem is None
