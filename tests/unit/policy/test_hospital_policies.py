"""What the shipped policies say to the demo people, told as a table."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from leadglass.errors import RefusedError
from leadglass.model.access import Action, Actor, Circumstances, Decision, Duty, Outcome, PixelState, Purpose, Request, Role
from leadglass.model.ids import InstanceId, PersonName
from leadglass.model.region import RegionKind
from leadglass.policy.decide import check_duty, decide, load, shipped

POLICIES = load(shipped())
PEOPLE = {
    "admin": {Role.ADMINISTRATOR},
    "tech": {Role.TECHNOLOGIST},
    "dr": {Role.RADIOLOGIST},
    "ward": {Role.REFERRER},
    "student": {Role.STUDENT},
    "dso": {Role.SECURITY_OFFICER},
    "head": {Role.DEPARTMENT_HEAD},
    "vendor": {Role.VENDOR},
    "auditor": {Role.AUDITOR},
    "service": {Role.SERVICE},
}
ALL = tuple(RegionKind)
LUNGS = (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT)
NO_TEXT = ALL[1:]
FORBID, ONE, BOTH, OPEN = 3, 1, 2, 0
"""How a row ends: not at all, after one approval, after two, at once."""


def ask(
    person: str, action: str, purpose: str, facts: str = "", regions: tuple[RegionKind, ...] = ALL, identity: bool = True
) -> Decision:
    """``facts``: reader, referrer, to-other, unchecked, review."""
    circumstances = Circumstances(
        kinds=ALL,
        pixels=next((state for state in PixelState if state.value in facts.split()), PixelState.CHECKED),
        reader="reader" in facts,
        referrer="referrer" in facts,
        to_self="to-other" not in facts,
        needed=LUNGS if "lungs-needed" in facts else NO_TEXT,
    )
    actor = Actor(PersonName(f"{person}.demo"), frozenset(PEOPLE[person]))
    request = Request(InstanceId("i"), Action(action), Purpose(purpose), regions, identity, recipient="someone")
    return decide(request, actor=actor, circumstances=circumstances, policies=POLICIES)


@pytest.mark.parametrize(
    ("person", "action", "purpose", "facts", "ends", "shown", "identity"),
    [
        ("dr", "view", "TREAT", "reader", OPEN, ALL, True),
        ("dr", "view", "TREAT", "reader unchecked", OPEN, ALL, True),
        ("dr", "view", "TREAT", "reader review", OPEN, ALL, True),
        ("dr", "view", "TREAT", "", ONE, NO_TEXT, False),
        ("dr", "view", "TREAT", "unchecked", FORBID, (), False),
        ("ward", "view", "TREAT", "referrer", OPEN, NO_TEXT, True),
        ("ward", "view", "TREAT", "referrer lungs-needed", OPEN, LUNGS, True),
        ("dr", "view", "TREAT", "reader lungs-needed", OPEN, ALL, True),
        ("ward", "view", "TREAT", "referrer unchecked", FORBID, (), False),
        ("ward", "view", "TREAT", "", FORBID, (), False),
        ("ward", "view", "TREAT", "reader", FORBID, (), False),
        ("dr", "view", "TEACH", "", ONE, LUNGS, False),
        ("student", "view", "TEACH", "", ONE, LUNGS, False),
        ("student", "view", "TEACH", "review", FORBID, (), False),
        ("student", "view", "TREAT", "", FORBID, (), False),
        ("dr", "view", "RESEARCH", "", ONE, NO_TEXT, False),
        ("dr", "view", "RESEARCH", "reader unchecked", FORBID, (), False),
        ("vendor", "view", "VENDOR", "", FORBID, (), False),
        ("dr", "view", "LEGAL", "reader", FORBID, (), False),
        ("dr", "view", "PATIENT", "reader", FORBID, (), False),
        ("dr", "export", "RESEARCH", "", BOTH, ALL, False),
        ("dr", "export", "RESEARCH", "to-other", BOTH, ALL, False),
        ("dr", "export", "RESEARCH", "unchecked", FORBID, (), False),
        ("dr", "export", "VENDOR", "to-other", BOTH, LUNGS, False),
        ("vendor", "export", "VENDOR", "", BOTH, LUNGS, False),
        ("vendor", "export", "RESEARCH", "", FORBID, (), False),
        ("dr", "export", "TREAT", "reader to-other", BOTH, ALL, True),
        ("dr", "export", "TREAT", "reader unchecked", FORBID, (), False),
        ("dr", "export", "TREAT", "", FORBID, (), False),
        ("dr", "export", "LEGAL", "reader", FORBID, (), False),
        ("dr", "export", "TEACH", "reader", FORBID, (), False),
        ("ward", "export", "TREAT", "referrer", FORBID, (), False),
        ("dr", "lift", "TREAT", "reader", OPEN, ALL, True),
        ("dr", "lift", "TREAT", "reader to-other", BOTH, ALL, True),
        ("dr", "lift", "TREAT", "reader unchecked", FORBID, (), False),
        ("dr", "lift", "TREAT", "", FORBID, (), False),
        ("ward", "lift", "TREAT", "referrer", ONE, NO_TEXT, True),
        ("ward", "lift", "TREAT", "referrer lungs-needed", ONE, NO_TEXT, True),
        ("ward", "lift", "TREAT", "referrer to-other", BOTH, NO_TEXT, True),
        ("dr", "lift", "RESEARCH", "", BOTH, ALL, False),
        ("dr", "lift", "RESEARCH", "to-other", BOTH, ALL, False),
        ("dr", "lift", "TEACH", "", FORBID, (), False),
        ("dr", "restore", "LEGAL", "", BOTH, ALL, True),
        ("dr", "restore", "LEGAL", "unchecked", FORBID, (), False),
        ("dr", "restore", "TREAT", "reader", FORBID, (), False),
        ("dr", "restore", "RESEARCH", "reader", FORBID, (), False),
        ("ward", "restore", "LEGAL", "referrer", FORBID, (), False),
        ("dr", "shred", "LEGAL", "", BOTH, (), False),
        ("tech", "shred", "PATIENT", "", BOTH, (), False),
        ("admin", "shred", "LEGAL", "unchecked", BOTH, (), False),
        ("dr", "shred", "TREAT", "reader", FORBID, (), False),
        ("dr", "shred", "RESEARCH", "", FORBID, (), False),
        ("vendor", "shred", "LEGAL", "", FORBID, (), False),
        ("student", "shred", "PATIENT", "", FORBID, (), False),
        ("service", "shred", "LEGAL", "", FORBID, (), False),
        ("tech", "view", "TREAT", "", FORBID, (), False),
        ("head", "view", "RESEARCH", "", FORBID, (), False),
        ("service", "view", "TREAT", "reader", FORBID, (), False),
    ],
)
def test_a_demo_person_asks(
    person: str, action: str, purpose: str, facts: str, ends: int, shown: tuple[RegionKind, ...], identity: bool
) -> None:
    decision = ask(person, action, purpose, facts)

    outcome = {OPEN: Outcome.PERMIT, FORBID: Outcome.FORBID}.get(ends, Outcome.NEEDS_APPROVAL)
    assert (decision.outcome, decision.shown, decision.identity) == (outcome, shown, identity)
    assert decision.approvals_needed == (0 if ends == FORBID else ends)


@pytest.mark.parametrize("guard", [Role.ADMINISTRATOR, Role.AUDITOR, Role.SECURITY_OFFICER])
@pytest.mark.parametrize("action", [action for action in Action if action is not Action.SHRED])
def test_who_runs_or_guards_the_site_sees_no_pixels_whatever_else_they_are(guard: Role, action: Action) -> None:
    actor = Actor(PersonName("a"), frozenset(Role) - {Role.ADMINISTRATOR, Role.AUDITOR, Role.SECURITY_OFFICER} | {guard})
    facts = Circumstances(
        ALL, PixelState.CHECKED, reader=True, referrer=True, to_self=True, approvers=3, officers=2, heads=2
    )
    for purpose in Purpose:
        request = Request(InstanceId("i"), action, purpose, ALL, True, "r")
        decision = decide(request, actor=actor, circumstances=facts, policies=POLICIES)
        assert decision.outcome is Outcome.FORBID
        assert "administrators, auditors and security officers see no films, whatever their other roles" in decision.reasons


@pytest.mark.parametrize("person", list(PEOPLE))
def test_nobody_shreds_alone(person: str) -> None:
    for purpose in Purpose:
        decision = ask(person, "shred", purpose)
        assert decision.outcome is Outcome.FORBID or decision.approvals_needed == 2
        assert decision.shown == ()
        assert not decision.identity


@pytest.mark.parametrize(
    ("action", "purpose", "roles"),
    [
        ("view", "TREAT", (Role.SECURITY_OFFICER, Role.DEPARTMENT_HEAD)),
        ("view", "RESEARCH", (Role.SECURITY_OFFICER, Role.DEPARTMENT_HEAD)),
        ("view", "TEACH", (Role.DEPARTMENT_HEAD,)),
        ("export", "RESEARCH", (Role.SECURITY_OFFICER, Role.DEPARTMENT_HEAD)),
    ],
)
def test_a_decision_says_who_may_approve(action: str, purpose: str, roles: tuple[Role, ...]) -> None:
    assert ask("dr", action, purpose).roles == roles


DUTIES = {
    Duty.INGEST: "tech service",
    Duty.CHECK: "tech dso service",
    Duty.LIST: "admin tech dr ward student dso head vendor auditor",
    Duty.SEARCH: "tech dr ward dso head",
    Duty.ORDER: "tech admin ward",
    Duty.APPROVE: "dso head",
    Duty.MANAGE_PEOPLE: "admin",
    Duty.READ_HISTORY: "auditor dso head",
    Duty.READ_LOG: "auditor dso admin head",
    Duty.CHECKPOINT: "service auditor dso admin",
    Duty.MAINTAIN: "service admin",
    Duty.TRACE: "auditor dso",
    Duty.LEGAL_HOLD: "dso",
    Duty.BACKUP: "admin",
    Duty.KEEP_KEYS: "dso admin",
}


def may(person: str, duty: Duty) -> bool:
    try:
        check_duty(Actor(PersonName(person), frozenset(PEOPLE[person])), duty, policies=POLICIES)
    except RefusedError:
        return False
    return True


@pytest.mark.parametrize("duty", list(Duty))
def test_a_duty_belongs_to_its_people(duty: Duty) -> None:
    assert {person for person in PEOPLE if may(person, duty)} == set(DUTIES[duty].split())


def test_every_shipped_policy_has_an_id_of_its_own() -> None:
    text = shipped()["hospital.cedar"]
    ids = re.findall(r'^@id\("([a-z-]+)"\)$', text, flags=re.MULTILINE)

    assert len(ids) == len(set(ids)) == len(re.findall(r"^(?:permit|forbid) \(", text, flags=re.MULTILINE))


def test_every_shipped_policy_is_documented(repository: Path) -> None:
    page = (repository / "docs/reference/policies.md").read_text(encoding="utf-8")
    missing = [id for id in re.findall(r'@id\("([a-z-]+)"\)', shipped()["hospital.cedar"]) if f"`{id}`" not in page]

    assert missing == []
