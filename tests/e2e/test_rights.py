"""Who may not, does not: every refusal ends with 3 and is on record."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from world import quarters

from leadglass.config import read_settings
from leadglass.dicom.source import BytesSource
from leadglass.errors import ConfigError, GrantExpiredError, RefusedError, VerificationError
from leadglass.flows import orders, people
from leadglass.flows.approve import APPROVAL, approve, submit
from leadglass.flows.check import check
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.ingest import ingest
from leadglass.flows.lift import lift
from leadglass.flows.open import open_release
from leadglass.flows.release import release
from leadglass.flows.request import Answer, request
from leadglass.flows.restore import restore
from leadglass.flows.session import Session, login
from leadglass.model.access import Action, Approval, PixelState, Purpose, Role, Ticket
from leadglass.policy.quorum import statement
from leadglass.site import Site
from leadglass.testing.films import PATIENTS, small_film
from leadglass.testing.memory import MemoryOutlet, SetClock, memory_site

if TYPE_CHECKING:
    from tests.e2e.conftest import House, Ran


def refused(house: House, *arguments: object, person: str = "dr.demo", passphrase: str | None = None) -> Ran:
    """The command ends with 3, prints nothing, and one more thing is on record."""
    before = house.log_size()
    ran = house(*arguments, person=person, passphrase=passphrase, code=3)
    assert ran.out == ""
    assert house.log_size() > before
    return ran


# Signing in


def test_a_wrong_passphrase_is_refused(shared_house: House) -> None:
    assert refused(shared_house, "list", passphrase="Example").error["error"] == "RefusedError"


def test_nobody_learns_who_has_an_account(house: House) -> None:
    house("people", "disable", "student.demo", person="admin.demo")

    wrong = refused(house, "list", passphrase="wrong").error
    unknown = refused(house, "list", person="nobody.demo").error
    disabled = refused(house, "list", person="student.demo").error

    assert wrong == unknown == disabled


def test_an_empty_passphrase_is_a_wrong_one(shared_house: House) -> None:
    refused(shared_house, "list", passphrase="")


@pytest.mark.parametrize("name", ["service.maintain", "service.checkpoint", "../root", "x" * 5000, "\0"])
def test_names_that_nobody_has_sign_in_nowhere(shared_house: House, name: str) -> None:
    refused(shared_house, "maintain", person=name)


def test_somebody_else_acts_by_nobodys_name(leadglass: Callable[..., Ran], shared_house: House) -> None:
    assert leadglass("--site", shared_house.path, "--json", "list", code=2).error["error"] == "InputError"


# Duties


@pytest.mark.parametrize(
    ("person", "command"),
    [
        ("dr.demo", "ingest FILM"),
        ("student.demo", "ingest FILM"),
        ("admin.demo", "ingest FILM"),
        ("dr.demo", "check CHEST --pixels checked --note looked"),
        ("admin.demo", "check CHEST --pixels checked --note looked"),
        ("student.demo", "list --patient P0083817264"),
        ("vendor.demo", "list --accession CR2611240017"),
        ("student.demo", "order add --accession A --procedure P"),
        ("dr.demo", "order add --accession A --procedure P"),
        ("ward.demo", "order add --accession A --procedure P --reader ward.demo"),
        ("dr.demo", "order close ORDER"),
        ("dr.demo", "approve TICKET"),
        ("tech.demo", "approve TICKET"),
        ("admin.demo", "approve TICKET"),
        ("dr.demo", "people list"),
        ("dso.demo", "people add new.demo --role radiologist"),
        ("head.demo", "people disable dso.demo"),
        ("dr.demo", "history CHEST"),
        ("admin.demo", "history CHEST"),
        ("dr.demo", "log verify"),
        ("head.demo", "log checkpoint"),
        ("vendor.demo", "log checkpoint"),
        ("dr.demo", "maintain"),
        ("dso.demo", "maintain"),
    ],
)
def test_who_has_not_the_duty_is_refused(shared_house: House, person: str, command: str) -> None:
    words = {"CHEST": shared_house.chest, "ORDER": shared_house.order, "FILM": str(shared_house.films / "chest.dcm")}
    if "TICKET" in command:
        words["TICKET"] = shared_house.ask(shared_house.chest, action="export", purpose="RESEARCH")["ticket"]

    refused(shared_house, *(words.get(word, word) for word in command.split()), person=person)


def test_an_administrator_with_a_doctors_role_still_sees_no_pixels(house: House) -> None:
    roles = ("--role", "administrator", "--role", "radiologist")
    passphrase = house("people", "add", "both.demo", *roles, person="admin.demo").line["passphrase"]
    asked = ("request", house.chest, "--action", "view", "--purpose", "RESEARCH")

    ran = house(*asked, person="both.demo", passphrase=passphrase, code=3)

    assert ran.line["decision"] == "forbid"


# Approving


def test_nobody_approves_their_own_request(house: House) -> None:
    roles = ("--role", "radiologist", "--role", "department_head")
    passphrase = house("people", "add", "chief.demo", *roles, person="admin.demo").line["passphrase"]
    asked = ("request", house.chest, "--action", "export", "--purpose", "RESEARCH")
    ticket = house(*asked, person="chief.demo", passphrase=passphrase).line["ticket"]

    refused(house, "approve", ticket, person="chief.demo", passphrase=passphrase)


def test_nobody_approves_twice(house: House) -> None:
    ticket = house.ask(house.chest, action="export", purpose="RESEARCH")["ticket"]
    house("approve", ticket, person="dso.demo")

    refused(house, "approve", ticket, person="dso.demo")

    assert [line["approvals"] for line in house("tickets").lines] == [1]


def test_a_refused_approval_is_in_the_history_of_the_film(house: House) -> None:
    ticket = house.ask(house.chest, action="export", purpose="RESEARCH")["ticket"]
    house("approve", ticket, person="dso.demo")
    refused(house, "approve", ticket, person="dso.demo")

    last = house("history", house.chest, person="auditor.demo").lines[-1]

    assert (last["action"], last["actor"], last["detail"]["asked"]) == ("refused", "dso.demo", "approve")


def test_an_approval_counts_no_more_once_its_approver_is_gone(house: House) -> None:
    ticket = house.ask(house.chest, action="export", purpose="RESEARCH")["ticket"]
    house("approve", ticket, person="dso.demo")
    house("people", "disable", "dso.demo", person="admin.demo")

    assert house("approve", ticket, person="head.demo").line["grant"] is None


def test_what_somebody_asked_for_who_is_gone_is_not_approved(house: House) -> None:
    ticket = house.ask(house.chest, action="export", purpose="RESEARCH")["ticket"]
    house("people", "disable", "dr.demo", person="admin.demo")

    refused(house, "approve", ticket, person="dso.demo")


# Using grants


def test_a_grant_that_was_used_is_worth_nothing(house: House, tmp_path: Path) -> None:
    grant = house.primary_read()
    house("release", grant, "--out", tmp_path)

    refused(house, "release", grant, "--out", tmp_path)

    assert house("history", house.chest, person="auditor.demo").lines[-1]["action"] == "refused"


@pytest.mark.parametrize("person", ["ward.demo", "head.demo", "vendor.demo", "admin.demo"])
def test_a_grant_in_somebody_elses_hand_is_worth_nothing(house: House, tmp_path: Path, person: str) -> None:
    grant = house.primary_read()

    refused(house, "release", grant, "--out", tmp_path, person=person)

    assert list(tmp_path.glob("*.dcm")) == []
    house("release", grant, "--out", tmp_path)


@pytest.mark.parametrize(("action", "command"), [("view", "key"), ("view", "restore"), ("restore", "release")])
def test_a_grant_is_for_what_was_asked(house: House, tmp_path: Path, action: str, command: str) -> None:
    grant = house.primary_read() if action == "view" else house.approved(house.chest, action=action, purpose="LEGAL")

    house(command, grant, "--out", tmp_path / "out", code=2)

    assert not (tmp_path / "out").exists()


def test_somebody_elses_release_is_proved_to_who_reads_the_log_alone(house: House, tmp_path: Path) -> None:
    made = house("release", house.primary_read(), "--out", tmp_path).line["release"]

    refused(house, "log", "prove", made, "--out", tmp_path / "theirs", person="ward.demo")

    house("log", "prove", made, "--out", tmp_path / "ours")
    house("log", "prove", made, "--out", tmp_path / "audited", person="auditor.demo")


# Policies that do not load


@pytest.mark.parametrize(
    "text",
    [
        b"permit (principal, action",
        b"permit (principal, action, resource) when { context.weather == 1 };",
        b'permit (principal in Role::"radiologyst", action, resource);',
        b"permit (principal == ?principal, action, resource);",
        b"\xff\xfe",
        b"// nothing here\n",
    ],
    ids=["syntax", "unknown attribute", "unknown role", "template", "not text", "no policy"],
)
def test_a_policy_file_that_does_not_load_closes_the_site(house: House, tmp_path: Path, text: bytes) -> None:
    grant = house.primary_read()
    (house.path / "policies" / "mine.cedar").write_bytes(text)

    refused(house, "list")
    refused(house, "ingest", house.films, person="tech.demo")
    refused(house, "log", "verify", person="auditor.demo")
    assert house.ask(house.chest, action="view", purpose="TREAT", code=3)["decision"] == "forbid"

    (house.path / "policies" / "mine.cedar").unlink()
    house("release", grant, "--out", tmp_path)
    assert [line["action"] for line in house("history", house.chest, person="dso.demo").lines].count("refused") == 1


def test_a_site_without_policies_opens_nothing(house: House) -> None:
    for policy in (house.path / "policies").iterdir():
        policy.unlink()

    refused(house, "list")
    assert house.ask(house.chest, action="view", purpose="TREAT", code=3)["decision"] == "forbid"


def test_a_hospitals_own_forbid_holds_at_once(house: House) -> None:
    own = '@reason("hearts stay here") forbid (principal, action in Action::"film_action", resource == Region::"heart");'
    (house.path / "policies" / "mine.cedar").write_text(own)

    answer = house.ask(house.chest, action="view", purpose="TREAT")

    assert answer["regions"] == {"heart": "cover", "lung_right": "show", "lung_left": "show", "rest": "show"}
    assert "hearts stay here" in answer["reasons"]


# Settings


def misconfigured(house: House) -> Ran:
    ran = house("list", code=8)
    assert (ran.out, ran.error["error"]) == ("", "ConfigError")
    return ran


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o620, 0o777])
def test_a_root_key_that_others_may_touch_is_not_used(house: House, mode: int) -> None:
    (house.path / "root.key").chmod(mode)

    assert "chmod 600" in misconfigured(house).error["hint"]


@pytest.mark.parametrize("text", ["", "leadglass/root-key@v1", "leadglass/root-key@v2 " + "00" * 32, "00" * 32, "\udcff"])
def test_a_root_key_that_is_none_is_not_used(house: House, text: str) -> None:
    (house.path / "root.key").write_text(text, errors="surrogateescape")

    misconfigured(house)


def test_another_sites_root_key_opens_nothing(house: House) -> None:
    (house.path / "root.key").write_text(f"leadglass/root-key@v1 {'42' * 32}\n")

    assert house("list", code=4).error["error"] == "SealBrokenError"


@pytest.mark.parametrize("name", ["root.key", "leadglass.db", "keys.db", "leadglass.toml"])
def test_a_site_that_lacks_a_part_says_which(house: House, name: str) -> None:
    (house.path / name).unlink()

    misconfigured(house)
    assert not (house.path / name).exists()


@pytest.mark.parametrize(
    "line",
    ["colour = 1", "[veil]\ncolour = 1", "[veil]\ngrid = 0", "[policy]\ngrant_hours = 1e9", "[log]\norigin = ''", "[[["],
)
def test_a_setting_that_nobody_knows_or_that_is_out_of_range_is_no_setting(house: House, line: str) -> None:
    section = line.splitlines()[0]
    path = house.path / "leadglass.toml"
    kept = [part for part in path.read_text().split("\n\n") if not part.startswith(section)]
    path.write_text("\n\n".join([line, *kept] if "[" not in line else [*kept, line]))

    misconfigured(house)


@pytest.mark.parametrize(
    "variable", [("LEADGLASS_VEIL__GRID", "0"), ("LEADGLASS_VEIL__COLOUR", "1"), ("LEADGLASS_POLICY__TICKET_DAYS", "many")]
)
def test_a_variable_is_held_to_the_same(leadglass: Callable[..., Ran], house: House, variable: tuple[str, str]) -> None:
    variables = {"LEADGLASS_PASSPHRASE": "example", variable[0]: variable[1]}

    ran = leadglass("--site", house.path, "--as", "dr.demo", "--json", "list", code=8, variables=variables)

    assert ran.error["error"] == "ConfigError"


# Time, and words that were forged


@dataclass(frozen=True)
class Ward:
    """A site in memory whose clock can be moved, with one film, and everybody signed in."""

    site: Site
    clock: SetClock
    film: str
    doctor: Session
    officer: Session
    head: Session

    def ask(self, action: Action, purpose: Purpose, **more: str) -> Answer:
        return request(self.site, self.doctor, self.film, action=action, purpose=purpose, **more)

    def ticket(self) -> Ticket:
        ticket = self.ask(Action.EXPORT, Purpose.RESEARCH).ticket
        assert ticket is not None
        return ticket

    def log_size(self) -> int:
        with self.site.database.begin() as transaction:
            return transaction.log.size() + len(transaction.log.queued(10_000))


@pytest.fixture(scope="module")
def sessions() -> tuple[SetClock, Site, dict[str, Session]]:
    """A memory site's people, signed in once: that costs most of the time."""
    clock = SetClock()
    site = memory_site(clock=clock, detector=quarters)
    people.found(site, "admin", "example")
    checkpoint(site)
    admin = login(site, "admin", "example")
    signed = {}
    for role in (Role.TECHNOLOGIST, Role.RADIOLOGIST, Role.SECURITY_OFFICER, Role.DEPARTMENT_HEAD):
        people.add(site, admin, role, roles=[role], department=None, passphrase="example")
        signed[role.value] = login(site, role, "example")
    return clock, site, signed


@pytest.fixture
def ward(sessions: tuple[SetClock, Site, dict[str, Session]], request: pytest.FixtureRequest) -> Ward:
    clock, site, signed = sessions
    technologist, doctor = signed["technologist"], signed["radiologist"]
    sop_uid = PATIENTS[0].uid(request.node.name)
    film = ingest(site, technologist, BytesSource(small_film(rows=256, columns=220, sop_uid=sop_uid))).instance.id
    check(site, technologist, film, pixels=PixelState.CHECKED, note="looked")
    accession = PATIENTS[0].accession
    orders.add(site, technologist, accession=accession, procedure="chest", reader=doctor.actor.name)
    return Ward(site, clock, film, doctor, signed["security_officer"], signed["department_head"])


def recorded(ward: Ward, error: type[Exception], act: Callable[[], object]) -> None:
    before = ward.log_size()
    with pytest.raises(error):
        act()
    assert ward.log_size() > before


def test_a_grant_is_good_until_it_expires_and_not_at_that_moment(ward: Ward) -> None:
    first, second = (ward.ask(Action.VIEW, Purpose.TREAT).grant for _ in range(2))
    assert first is not None
    assert second is not None

    ward.clock.move(ward.site.grant_lifetime - timedelta(milliseconds=1))
    release(ward.site, ward.doctor, first.id, MemoryOutlet())
    ward.clock.move(timedelta(milliseconds=1))

    outlet = MemoryOutlet()
    recorded(ward, GrantExpiredError, lambda: release(ward.site, ward.doctor, second.id, outlet))
    assert outlet.files == {}


@pytest.mark.parametrize("action", [Action.LIFT, Action.RESTORE])
def test_an_expired_grant_gives_neither_key_nor_file(ward: Ward, action: Action) -> None:
    outlet = MemoryOutlet()
    view = request(ward.site, ward.doctor, ward.film, action=Action.VIEW, purpose=Purpose.TREAT, regions=["rest"]).grant
    assert view is not None
    made = release(ward.site, ward.doctor, view.id, MemoryOutlet()).release
    if action is Action.LIFT:
        grant = ward.ask(Action.LIFT, Purpose.TREAT, release=made.id).grant
    else:
        ticket = ward.ask(Action.RESTORE, Purpose.LEGAL).ticket
        assert ticket is not None
        approve(ward.site, ward.officer, ticket.id)
        grant = approve(ward.site, ward.head, ticket.id).grant
    assert grant is not None

    ward.clock.move(ward.site.grant_lifetime)

    use = lift if action is Action.LIFT else restore
    recorded(ward, GrantExpiredError, lambda: use(ward.site, ward.doctor, grant.id, outlet, name="out"))
    assert outlet.files == {}


def test_an_expired_ticket_is_not_approved(ward: Ward) -> None:
    ticket = ward.ticket()
    approve(ward.site, ward.officer, ticket.id)

    ward.clock.move(ward.site.ticket_lifetime)

    recorded(ward, GrantExpiredError, lambda: approve(ward.site, ward.head, ticket.id))


def test_an_expired_key_opens_nothing(ward: Ward) -> None:
    outlet = MemoryOutlet()
    view = request(ward.site, ward.doctor, ward.film, action=Action.VIEW, purpose=Purpose.TREAT, regions=["rest"]).grant
    assert view is not None
    made = release(ward.site, ward.doctor, view.id, outlet)
    grant = ward.ask(Action.LIFT, Purpose.TREAT, release=made.release.id).grant
    assert grant is not None
    key = lift(ward.site, ward.doctor, grant.id, outlet, name="key")
    film = BytesSource(outlet.files[made.path])

    assert open_release(film, outlet.files["key"], now=key.expires - timedelta(seconds=1)).regions
    with pytest.raises(GrantExpiredError):
        open_release(film, outlet.files["key"], now=key.expires)


def signed(ward: Ward, ticket: Ticket, *, by: Session, note: str | None = None) -> Approval:
    now = ward.clock.now()
    said = statement(ticket, approve=True, note=note, approver=by.actor.name, at=now)
    signature = by.sign(said, context=APPROVAL)
    return Approval(approver=by.actor.name, approve=True, note=note, at=now, signature=signature)


def test_an_approval_that_was_signed_elsewhere_counts(ward: Ward) -> None:
    ticket = ward.ticket()

    submit(ward.site, ward.officer.actor, ticket.id, signed(ward, ticket, by=ward.officer))
    done = submit(ward.site, ward.head.actor, ticket.id, signed(ward, ticket, by=ward.head))

    assert done.grant is not None


def other_bits(approval: Approval, _: Ward) -> Approval:
    return replace(approval, signature=bytes([approval.signature[0] ^ 1]) + approval.signature[1:])


@pytest.mark.parametrize(
    "forge",
    [
        other_bits,
        lambda approval, _: replace(approval, note="I never said this"),
        lambda approval, _: replace(approval, approve=False),
        lambda approval, _: replace(approval, at=approval.at + timedelta(seconds=1)),
        lambda approval, _: replace(approval, signature=b""),
        lambda approval, _: replace(approval, signature=bytes(64)),
        lambda _, ward: signed(ward, ward.ticket(), by=ward.officer),
        lambda approval, ward: replace(approval, signature=signed(ward, ward.ticket(), by=ward.head).signature),
    ],
    ids=["bits", "note", "verdict", "time", "no signature", "zeros", "another ticket", "another person"],
)
def test_a_forged_approval_counts_for_nothing(ward: Ward, forge: Callable[[Approval, Ward], Approval]) -> None:
    ticket = ward.ticket()
    forged = forge(signed(ward, ticket, by=ward.officer), ward)

    recorded(ward, VerificationError, lambda: submit(ward.site, ward.officer.actor, ticket.id, forged))

    approve(ward.site, ward.officer, ticket.id)
    assert approve(ward.site, ward.head, ticket.id).grant is not None


def test_an_approval_is_handed_in_by_who_signed_it(ward: Ward) -> None:
    ticket = ward.ticket()
    word = signed(ward, ticket, by=ward.officer)

    recorded(ward, RefusedError, lambda: submit(ward.site, ward.head.actor, ticket.id, word))


def test_an_approval_is_good_for_its_ticket_as_it_was_signed(ward: Ward) -> None:
    ticket = ward.ticket()
    widened = replace(ticket, request=replace(ticket.request, recipient="somebody else"))

    word = signed(ward, widened, by=ward.officer)

    recorded(ward, VerificationError, lambda: submit(ward.site, ward.officer.actor, ticket.id, word))


@pytest.mark.parametrize("name", ["_env_prefix", "_env_file", "_cli_parse_args", "nothing"])
def test_a_key_that_is_no_setting_is_refused(house: House, name: str) -> None:
    path = house.path / "leadglass.toml"
    path.write_text(f'{name} = "x"\n' + path.read_text())
    assert house("list", code=8).error["error"] == "ConfigError"


def test_settings_that_are_no_text_are_refused(house: House) -> None:
    (house.path / "leadglass.toml").write_bytes(b"\xff\xfe")
    assert house("list", code=8).error["error"] == "ConfigError"


@pytest.mark.parametrize("variable", ["LEADGLASS_VEIL", "LEADGLASS_POLICY", "LEADGLASS_LOG"])
def test_a_variable_that_is_no_table_is_refused(house: House, variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "foo")
    with pytest.raises(ConfigError):
        read_settings(house.path)


def test_a_policy_file_that_is_no_text_closes_the_site_and_is_named(house: House) -> None:
    (house.path / "policies" / "odd.cedar").write_bytes(b"\xff\xfe")
    assert "odd.cedar" in house("list", code=3).error["message"]


def test_a_link_that_leads_nowhere_burns_no_grant(house: House, tmp_path: Path) -> None:
    out = tmp_path / "out.dcm"
    out.symlink_to(tmp_path / "nowhere")
    grant = house.approved(house.chest, action="restore", purpose="LEGAL")
    house("restore", grant, "--out", out, code=5)
    out.unlink()
    house("restore", grant, "--out", out)
