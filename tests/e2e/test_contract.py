"""What scripts may rely on: commands, fields, exit codes, and what each answer means."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from marked import differ_by_a_mark
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from leadglass.flows import vault
from leadglass.model.ids import InstanceId
from leadglass.model.region import RegionKind
from leadglass.testing.films import PATIENTS, digital_x_ray, planted, small_film, small_samples

if TYPE_CHECKING:
    from tests.e2e.conftest import House, Ran

pytestmark = pytest.mark.xdist_group("contract")

WANG = PATIENTS[0]
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}(Z|[+-]\d\d:\d\d)")
"""RFC 3339 with milliseconds."""

ORDER = {"order": str, "accession": str, "regions": list}
PERSON = {"name": str, "roles": list, "department": str | None, "active": bool}
ANSWER = {
    "decision": str,
    "ticket": str | None,
    "grant": str | None,
    "regions": dict,
    "identity": bool,
    "approvals_needed": int,
    "roles": list,
    "reasons": list,
}
FIELDS: Mapping[str, Mapping[str, Any]] = {
    "init": {"site": str, "admin": str},
    "people add": PERSON,
    "people list": PERSON,
    "people disable": PERSON,
    "order add": ORDER,
    "order list": ORDER,
    "order close": ORDER,
    "ingest": {
        "path": str,
        "instance": str | None,
        "state": str,
        "regions": list,
        "pixels": str | None,
        "reason": str | None,
    },
    "list": {
        "instance": str,
        "study": str,
        "series": str,
        "modality": str | None,
        "view": str | None,
        "received": str,
        "regions": list,
        "pixels": str,
        "tier": str,
        "held": bool,
        "patient_name": str | None,
        "patient_id": str | None,
        "accession": str | None,
        "study_date": str | None,
    },
    "check": {"instance": str, "pixels": str},
    "request needs-approval": ANSWER,
    "request permit": ANSWER,
    "request forbid": ANSWER,
    "tickets": {
        "ticket": str,
        "instance": str,
        "action": str,
        "requester": str,
        "recipient": str,
        "approvals": int,
        "approvals_needed": int,
        "expires": str,
    },
    "approve": {"ticket": str, "approvals": int, "approvals_needed": int, "grant": str | None},
    "approve --deny": {"ticket": str, "approvals": int, "approvals_needed": int, "grant": str | None},
    "release": {
        "release": str,
        "instance": str,
        "recipient": str,
        "path": str,
        "receipt": str,
        "regions": dict,
        "identity": bool,
    },
    "key": {"release": str, "regions": list, "path": str, "expires": str},
    "open": {"path": str, "regions": list},
    "restore": {"instance": str, "path": str, "sha256": str},
    "history": {"time": str, "index": int | None, "actor": str | None, "action": str, "detail": dict | None},
    "log checkpoint": {"origin": str, "size": int, "root": str},
    "log verify": {"ok": bool, "size": int, "root": str, "where": str | None},
    "log prove": {"index": int, "path": str},
    "log check": {"ok": bool},
    "maintain": {"check": str, "ok": bool, "detail": str},
}
"""Every command of the contract that exists, and what its lines hold."""


@pytest.fixture(scope="module")
def life(shared_house: House, leadglass: Callable[..., Ran], tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, Ran]:
    """Every command once, each where it has what it needs."""
    house, out = shared_house, tmp_path_factory.mktemp("life")
    return dict(_lived(house, leadglass, out))


def _lived(house: House, leadglass: Callable[..., Ran], out: Path) -> Iterator[tuple[str, Ran]]:
    yield "init", leadglass("--json", "init", out / "site")
    yield "people add", house("people", "add", "new.demo", "--role", "student", person="admin.demo")
    yield "people list", house("people", "list", person="admin.demo")
    yield "people disable", house("people", "disable", "new.demo", person="admin.demo")
    placed = house("order", "add", "--accession", "A1", "--procedure", "chest", "--reader", "dr.demo", person="tech.demo")
    yield "order add", placed
    yield "order list", house("order", "list", person="dr.demo")
    yield "order close", house("order", "close", placed.line["order"], person="tech.demo")
    (out / "no.txt").write_text("no film")
    (out / "new.dcm").write_bytes(small_film(seed=77))
    yield "ingest", house("ingest", out / "new.dcm", out / "no.txt", house.films / "chest.dcm", person="tech.demo", code=2)
    yield "list", house("list", "--identity")
    yield "check", house("check", house.unchecked, "--pixels", "review", "--note", "text in a corner", person="dso.demo")

    export = ("--action", "export", "--purpose", "RESEARCH", "--regions", "lungs")
    asked = house("request", house.chest, *export)
    denied = house("request", house.chest, *export)
    yield "request needs-approval", asked
    yield "request permit", house("request", house.chest, "--action", "view", "--purpose", "TREAT", "--identity")
    yield "request forbid", house("request", house.chest, "--action", "export", "--purpose", "PATIENT", code=3)
    yield "tickets", house("tickets", person="dso.demo")
    yield "approve --deny", house("approve", denied.line["ticket"], "--deny", "--note", "no need", person="dso.demo")
    yield "approve", house("approve", asked.line["ticket"], person="dso.demo")
    grant = house("approve", asked.line["ticket"], person="head.demo").line["grant"]
    released = house("release", grant, "--out", out / "released")
    yield "release", released
    lift = house.approved(
        house.chest, "--release", released.line["release"], "--recipient", "a lab", action="lift", purpose="RESEARCH"
    )
    yield "key", house("key", lift, "--out", out / "key.json")
    opened = ("open", released.line["path"], "--key", out / "key.json", "--out", out / "opened.dcm")
    yield "open", leadglass("--json", *opened)
    restore = house.approved(house.chest, action="restore", purpose="LEGAL")
    yield "restore", house("restore", restore, "--out", out / "received.dcm")
    yield "history", house("history", house.chest, person="auditor.demo")
    yield "log checkpoint", house("log", "checkpoint", person="dso.demo")
    yield "log verify", house("log", "verify", person="auditor.demo")
    yield "log prove", house("log", "prove", released.line["release"], "--out", out / "again.receipt")
    yield "log check", leadglass("--site", house.path, "--json", "log", "check", out / "again.receipt")
    yield "maintain", leadglass("--site", house.path, "--json", "maintain")


# Shape


@pytest.mark.parametrize("command", FIELDS)
def test_every_line_has_every_field(life: Mapping[str, Ran], command: str) -> None:
    lines = life[command].lines

    assert lines
    for line in lines:
        assert set(FIELDS[command]) <= set(line)


@pytest.mark.parametrize("command", FIELDS)
def test_fields_are_of_their_kind(life: Mapping[str, Ran], command: str) -> None:
    for line in life[command].lines:
        assert {name for name, kind in FIELDS[command].items() if not isinstance(line[name], kind)} == set()


def test_every_command_was_lived(life: Mapping[str, Ran]) -> None:
    assert life.keys() == FIELDS.keys()


def test_times_are_rfc_3339_with_milliseconds(life: Mapping[str, Ran]) -> None:
    named = {"received", "expires", "time"}
    times = [line[name] for ran in life.values() for line in ran.lines for name in named & line.keys()]

    assert len(times) > 10
    assert all(TIME.fullmatch(time) for time in times)


@pytest.mark.parametrize(
    "command", [name for name in FIELDS if not name.startswith(("list", "order", "release", "people add"))]
)
def test_no_value_of_a_patient_is_printed(life: Mapping[str, Ran], command: str) -> None:
    printed = life[command].out + life[command].err

    assert [value for value in planted(WANG) if value in printed] == []


def test_prose_is_on_standard_error_alone(leadglass: Callable[..., Ran], tmp_path: Path) -> None:
    ran = leadglass("init", tmp_path / "site", "--json")

    assert ran.line.keys() == {"site", "admin"}
    assert "root.key" in ran.err


def test_quiet_says_no_prose(leadglass: Callable[..., Ran], tmp_path: Path) -> None:
    assert leadglass("init", tmp_path / "site", "--quiet").err == ""


def test_lines_are_utf_8_and_names_stay_as_they_are_written(shared_house: House) -> None:
    printed = shared_house("list", "--identity").out

    assert "王" in printed


def test_without_json_the_same_fields_are_for_people(shared_house: House, leadglass: Callable[..., Ran]) -> None:
    printed = leadglass("--site", shared_house.path, "--as", "dr.demo", "list").out

    assert f"instance={shared_house.chest}" in printed


@pytest.mark.parametrize(
    "arguments",
    [
        ("--site", "SITE", "--as", "dr.demo", "--json", "--quiet", "list", "--accession", WANG.accession),
        ("list", "--accession", WANG.accession, "--site", "SITE", "--as", "dr.demo", "--json", "--quiet"),
        ("--site=SITE", "list", "--as=dr.demo", "--accession", WANG.accession, "--json", "--quiet"),
    ],
    ids=["before", "after", "both"],
)
def test_the_options_of_every_command_stand_before_and_after_it(
    shared_house: House, leadglass: Callable[..., Ran], arguments: tuple[str, ...]
) -> None:
    ran = leadglass(*(argument.replace("SITE", str(shared_house.path)) for argument in arguments))

    assert {line["instance"] for line in ran.lines} >= {shared_house.chest, shared_house.unchecked}


def test_the_variables_stand_for_site_person_and_passphrase(shared_house: House, program: Callable[..., Ran]) -> None:
    variables = {"LEADGLASS_SITE": str(shared_house.path), "LEADGLASS_AS": "dr.demo", "LEADGLASS_PASSPHRASE": "example"}

    ran = program("list", "--json", variables=variables)

    assert ran.code == 0, ran
    assert shared_house.chest in {line["instance"] for line in ran.lines}


def test_an_option_stands_over_its_variable(shared_house: House, leadglass: Callable[..., Ran]) -> None:
    variables = {"LEADGLASS_SITE": "nowhere", "LEADGLASS_AS": "nobody", "LEADGLASS_PASSPHRASE": "example"}

    leadglass("--site", shared_house.path, "--as", "dr.demo", "list", variables=variables)


def test_without_a_passphrase_and_a_terminal_it_is_asked_for_in_words(
    shared_house: House, program: Callable[..., Ran]
) -> None:
    ran = program("--site", shared_house.path, "--as", "dr.demo", "--json", "list", variables={})

    assert (ran.code, ran.out, ran.error["error"]) == (2, "", "InputError")
    assert "LEADGLASS_PASSPHRASE" in ran.error["hint"]


def test_a_terminal_asks_for_the_passphrase_and_does_not_show_it(shared_house: House) -> None:
    ours, theirs = os.openpty()
    others = {name: value for name, value in os.environ.items() if not name.startswith("LEADGLASS_")}
    leadglass = Path(sys.executable).with_name("leadglass")
    with subprocess.Popen(
        [leadglass, "--site", shared_house.path, "--as", "dr.demo", "--json", "list"],
        env=others,
        stdin=theirs,
        stdout=subprocess.PIPE,
        stderr=theirs,
        start_new_session=True,
    ) as process:
        # What is typed before the terminal stops showing it is thrown away.
        deadline = time.monotonic() + 30
        while termios.tcgetattr(theirs)[3] & termios.ECHO and time.monotonic() < deadline:
            time.sleep(0.01)
        os.write(ours, b"example\n")
        try:
            out, _ = process.communicate(timeout=30)
        finally:
            process.kill()
    shown = os.read(ours, 10_000)
    os.close(theirs)
    os.close(ours)

    assert process.returncode == 0, shown
    assert shared_house.chest.encode() in out
    assert b"Passphrase of dr.demo" in shown
    assert b"example" not in shown


def test_output_is_utf_8_whatever_the_locale(house: House, program: Callable[..., Ran]) -> None:
    names = {"LEADGLASS_SITE": str(house.path), "LEADGLASS_AS": "dr.demo", "LEADGLASS_PASSPHRASE": "example"}

    ran = program("list", "--identity", "--json", variables=names | {"PYTHONIOENCODING": "latin-1"})

    assert "王" in ran.out


# Exit codes


def refused(house: House, _: Path) -> Ran:
    return house("log", "verify", person="dr.demo", code=None)


def changed_receipt(house: House, tmp_path: Path) -> Ran:
    receipt = Path(house("release", house.primary_read(), "--out", tmp_path).line["receipt"])
    text = receipt.read_text()
    index = re.search(r"^index (\d+)$", text, re.MULTILINE)
    assert index is not None
    receipt.write_text(text.replace(index[0], f"index {int(index[1]) - 1}"))
    return house("log", "check", receipt, code=None)


def changed_seal(house: House, tmp_path: Path) -> Ran:
    grant = house.primary_read()
    with house.opened() as site, site.database.begin() as transaction:
        part = vault.find(transaction, house.chest).part("clean").blob
    blob = house.path / "blobs" / part[:2] / part
    blob.chmod(0o600)
    data = bytearray(blob.read_bytes())
    data[len(data) // 2] ^= 1
    blob.write_bytes(data)
    return house("release", grant, "--out", tmp_path, code=None)


def closed_twice(house: House, _: Path) -> Ran:
    house("order", "close", house.order, person="tech.demo")
    return house("order", "close", house.order, person="tech.demo", code=None)


def lost_blobs(house: House, tmp_path: Path) -> Ran:
    grant = house.primary_read()
    shutil.rmtree(house.path / "blobs")
    return house("release", grant, "--out", tmp_path, code=None)


def no_site(house: House, tmp_path: Path) -> Ran:
    return replace(house, path=tmp_path)("list", code=None)


@pytest.mark.parametrize(
    ("happening", "code", "error"),
    [
        (lambda house, _: house("history", "i-none", person="auditor.demo", code=None), 2, "InputError"),
        (lambda house, _: house("no-such-command", code=None), 2, "InputError"),
        (lambda house, _: house("ingest", code=None), 2, "InputError"),
        (refused, 3, "RefusedError"),
        (changed_receipt, 4, "ProofError"),
        (changed_seal, 4, "SealBrokenError"),
        (closed_twice, 5, "ConflictError"),
        (lost_blobs, 6, "UnavailableError"),
        (no_site, 8, "ConfigError"),
    ],
    ids=["no instance", "no command", "no path", "refused", "receipt", "seal", "conflict", "no blobs", "no site"],
)
def test_an_exit_code_says_what_went_wrong_and_the_last_line_of_standard_error_too(
    house: House, tmp_path: Path, happening: Callable[[House, Path], Ran], code: int, error: str
) -> None:
    ran = happening(house, tmp_path / "out")

    assert (ran.code, ran.out) == (code, "")
    assert ran.error.keys() == {"error", "message", "hint"}
    assert ran.error["error"] == error
    assert ran.error["message"]


def test_a_log_that_was_changed_says_where_and_ends_with_4(house: House) -> None:
    size = (house.path / "log" / "checkpoint").read_text().splitlines()[1]
    tile = house.path / "log" / "tile" / "0" / "000.p" / size
    data = bytearray(tile.read_bytes())
    data[7] ^= 1
    tile.write_bytes(data)

    ran = house("log", "verify", person="auditor.demo", code=4)

    assert not ran.line["ok"]
    assert ran.error["error"] == "VerificationError"
    assert str(tile.relative_to(house.path / "log")) in ran.line["where"]


# Example people


def test_the_example_people_are_those_of_the_contract(shared_house: House) -> None:
    people = {line["name"]: line["roles"] for line in shared_house("people", "list", person="admin.demo").lines}
    people.pop("new.demo", None)

    assert people == {
        "admin.demo": ["administrator"],
        "tech.demo": ["technologist"],
        "dr.demo": ["radiologist"],
        "ward.demo": ["referrer"],
        "student.demo": ["student"],
        "dso.demo": ["security_officer"],
        "head.demo": ["department_head"],
        "vendor.demo": ["vendor"],
        "auditor.demo": ["auditor"],
    }


@pytest.mark.parametrize("person", ["tech.demo", "ward.demo", "student.demo", "vendor.demo"])
def test_who_does_not_read_the_log_is_refused(shared_house: House, person: str) -> None:
    shared_house("log", "verify", person=person, code=3)


@pytest.mark.parametrize("person", ["dso.demo", "auditor.demo"])
def test_officer_and_auditor_read_the_log(shared_house: House, person: str) -> None:
    assert shared_house("log", "verify", person=person).line["ok"]


@pytest.mark.parametrize("person", ["admin.demo", "auditor.demo", "dso.demo"])
def test_who_runs_or_guards_the_site_sees_no_pixels(shared_house: House, person: str) -> None:
    answer = shared_house.ask(shared_house.chest, action="view", purpose="TREAT", person=person, code=3)

    assert answer["decision"] == "forbid"


@pytest.mark.parametrize("person", ["tech.demo", "dso.demo"])
def test_technologist_and_officer_check_pixels(shared_house: House, person: str) -> None:
    ran = shared_house("check", shared_house.stranger, "--pixels", "checked", "--note", "nothing there", person=person)

    assert {**ran.line, "regions": None} == {"instance": shared_house.stranger, "pixels": "checked", "regions": None}


# Ingest


def test_a_folder_is_walked_in_sorted_order(house: House) -> None:
    lines = house("ingest", house.films, person="tech.demo").lines

    assert [Path(line["path"]).name for line in lines] == ["chest.dcm", "stranger.dcm", "unchecked.dcm"]


def test_the_same_bytes_again_are_known(house: House) -> None:
    ran = house("ingest", house.films / "chest.dcm", person="tech.demo")

    assert (ran.line["state"], ran.line["instance"], ran.line["reason"]) == ("known", house.chest, None)


def test_the_same_uid_with_other_bytes_is_refused_and_the_run_goes_on(house: House, tmp_path: Path) -> None:
    uid = str(dcmread(house.films / "chest.dcm", stop_before_pixels=True).SOPInstanceUID)
    (tmp_path / "a.dcm").write_bytes(small_film(seed=8, sop_uid=uid))
    (tmp_path / "b.dcm").write_bytes(small_film(seed=9))

    ran = house("ingest", tmp_path / "a.dcm", tmp_path / "b.dcm", person="tech.demo", code=2)

    assert [line["state"] for line in ran.lines] == ["refused", "new"]
    assert ran.error["message"] == "1 of 2 files were refused"
    assert ran.lines[0]["reason"].startswith("ConflictError")


# Listing


def test_a_listing_names_nobody_unless_asked(shared_house: House) -> None:
    for line in shared_house("list").lines:
        assert (line["patient_name"], line["patient_id"], line["accession"], line["study_date"]) == (None,) * 4


def test_the_treating_reader_sees_whose_film_it_is(shared_house: House) -> None:
    lines = {line["instance"]: line for line in shared_house("list", "--identity").lines}

    seen = lines[shared_house.chest]
    assert (seen["patient_id"], seen["accession"], seen["study_date"]) == (
        WANG.patient_id,
        WANG.accession,
        WANG.study_date,
    )
    assert lines[shared_house.stranger]["patient_name"] is None


def test_who_may_not_see_identity_is_shown_none(shared_house: House) -> None:
    for line in shared_house("list", "--identity", person="student.demo").lines:
        assert line["patient_name"] is None


@pytest.mark.parametrize("text", [WANG.patient_id, "王^小东", "Wang^Xiaodong"])
def test_a_patient_is_found_by_id_and_by_name_in_any_script(shared_house: House, text: str) -> None:
    found = {line["instance"] for line in shared_house("list", "--patient", text).lines}

    assert {shared_house.chest, shared_house.unchecked} <= found
    assert shared_house.stranger not in found


def test_films_are_found_by_accession_number(shared_house: House) -> None:
    found = {line["instance"] for line in shared_house("list", "--accession", PATIENTS[1].accession).lines}

    assert found == {shared_house.stranger}


# Requests


def test_the_primary_read_needs_nobody_and_hides_nothing(shared_house: House) -> None:
    answer = shared_house.ask(shared_house.chest, "--identity", action="view", purpose="TREAT")

    assert (answer["decision"], answer["identity"], answer["approvals_needed"]) == ("permit", True, 0)
    assert (answer["ticket"], answer["grant"] is None) == (None, False)
    assert set(answer["regions"].values()) == {"show"}


def test_a_closed_order_opens_nothing(house: House) -> None:
    house("order", "close", house.order, person="tech.demo")

    assert house.ask(house.chest, action="view", purpose="TREAT")["decision"] == "needs-approval"


def test_unchecked_pixels_open_to_the_treating_readers_view(house: House) -> None:
    assert house.ask(house.unchecked, action="view", purpose="TREAT")["decision"] == "permit"


@pytest.mark.parametrize(
    ("person", "action", "purpose"),
    [
        ("ward.demo", "view", "TREAT"),
        ("dr.demo", "view", "RESEARCH"),
        ("dr.demo", "export", "TREAT"),
        ("dr.demo", "export", "RESEARCH"),
        ("dr.demo", "restore", "LEGAL"),
    ],
)
def test_unchecked_pixels_open_nothing_else(house: House, person: str, action: str, purpose: str) -> None:
    answer = house.ask(house.unchecked, action=action, purpose=purpose, person=person, code=3)

    assert answer["decision"] == "forbid"
    assert any("checked the pixels" in reason for reason in answer["reasons"])


def test_a_kind_that_the_film_has_not_is_an_input_error_naming_those_it_has(shared_house: House) -> None:
    ran = shared_house(
        *("request", shared_house.chest, "--action", "view", "--purpose", "TREAT", "--regions", "heart,text"), code=2
    )

    assert ran.error["error"] == "InputError"
    assert all(kind in ran.error["hint"] for kind in ("heart", "lung_right", "lung_left", "rest"))


def test_lungs_means_both_and_all_every_one(shared_house: House) -> None:
    lungs = shared_house.ask(shared_house.chest, "--regions", "lungs", action="view", purpose="TREAT")["regions"]
    everything = shared_house.ask(shared_house.chest, "--regions", "all", action="view", purpose="TREAT")["regions"]

    assert lungs == {"heart": "cover", "lung_right": "show", "lung_left": "show", "rest": "cover"}
    assert everything == dict.fromkeys(lungs, "show")


def test_a_forbidden_kind_among_others_is_covered_and_listed(shared_house: House) -> None:
    answer = shared_house.ask(shared_house.chest, action="view", purpose="TEACH", person="student.demo")

    assert answer["decision"] == "needs-approval"
    assert answer["regions"] == {"heart": "cover", "lung_right": "show", "lung_left": "show", "rest": "cover"}
    assert answer["reasons"]


def test_forbid_is_for_the_action_itself(shared_house: House) -> None:
    ran = shared_house("request", shared_house.chest, "--action", "restore", "--purpose", "RESEARCH", code=3)

    answer = ran.line
    assert ran.error["error"] == "RefusedError"
    assert (answer["decision"], answer["ticket"], answer["grant"]) == ("forbid", None, None)
    assert set(answer["regions"].values()) == {"cover"}


def test_a_lift_names_its_release(shared_house: House) -> None:
    asked = ("request", shared_house.chest, "--action", "lift", "--purpose", "RESEARCH")

    assert "--release" in shared_house(*asked, code=2).error["hint"]


@pytest.mark.parametrize(("action", "purpose"), [("export", "RESEARCH"), ("export", "TREAT"), ("restore", "LEGAL")])
def test_what_leaves_needs_an_officer_and_a_head(shared_house: House, action: str, purpose: str) -> None:
    answer = shared_house.ask(shared_house.chest, action=action, purpose=purpose)

    assert (answer["decision"], answer["approvals_needed"]) == ("needs-approval", 2)
    assert set(answer["roles"]) == {"security_officer", "department_head"}


def test_a_lift_for_others_needs_two_people_and_one_for_oneself_on_an_order_none(house: House, tmp_path: Path) -> None:
    release = ("--release", house.exported(tmp_path)["release"])

    others = house.ask(house.chest, *release, "--recipient", "a colleague", action="lift", purpose="TREAT")
    oneself = house.ask(house.chest, *release, action="lift", purpose="TREAT")

    assert (others["decision"], others["approvals_needed"]) == ("needs-approval", 2)
    assert oneself["decision"] == "permit"


def test_two_different_people_are_two_people_whatever_their_roles(house: House) -> None:
    both = ("people", "add", "both.demo", "--role", "security_officer", "--role", "department_head")
    passphrase = house(*both, person="admin.demo").line["passphrase"]
    ticket = house.ask(house.chest, action="export", purpose="RESEARCH")["ticket"]

    first = house("approve", ticket, person="both.demo", passphrase=passphrase).line
    house("approve", ticket, person="both.demo", passphrase=passphrase, code=3)

    assert (first["approvals"], first["grant"]) == (1, None)
    assert house("approve", ticket, person="head.demo").line["grant"] is not None


def test_a_denial_ends_the_ticket(house: House) -> None:
    ticket = house.ask(house.chest, action="export", purpose="RESEARCH")["ticket"]
    house("approve", ticket, "--deny", person="dso.demo")

    assert house("tickets", person="dso.demo").lines == []
    house("approve", ticket, person="head.demo", code=3)


def test_people_who_do_not_approve_see_their_own_tickets(house: House) -> None:
    ticket = house.ask(house.chest, action="export", purpose="RESEARCH")["ticket"]

    assert [line["ticket"] for line in house("tickets").lines] == [ticket]
    assert house("tickets", person="student.demo").lines == []


# What leaves


@pytest.mark.parametrize("recipient", ["dr.demo", "Example University, Institute of Radiology"])
def test_research_exports_every_kind_to_anybody_without_identity(house: House, tmp_path: Path, recipient: str) -> None:
    wanted = ("--identity", "--recipient", recipient)

    grant = house.approved(house.chest, *wanted, action="export", purpose="RESEARCH")
    released = house("release", grant, "--out", tmp_path).line

    assert (released["recipient"], released["identity"]) == (recipient, False)
    assert set(released["regions"].values()) == {"show"}
    data = Path(released["path"]).read_bytes()
    assert [value for value in planted(WANG) if value.encode("gb18030") in data or value.encode() in data] == []


def test_the_recipient_is_the_requester_unless_said(house: House, tmp_path: Path) -> None:
    assert house.exported(tmp_path)["recipient"] == "dr.demo"


def test_identity_goes_with_a_copy_for_whom_policy_shows_it(house: House, tmp_path: Path) -> None:
    grant = house.ask(house.chest, "--identity", action="view", purpose="TREAT")["grant"]

    released = house("release", grant, "--out", tmp_path).line

    assert released["identity"]
    assert dcmread(released["path"]).PatientID == WANG.patient_id


@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_release_keeps_the_picture_where_it_is_shown(house: House, tmp_path: Path, photometric: str) -> None:
    samples = small_samples(rows=256, columns=220, bits=12, seed=5)
    film = digital_x_ray(
        4095 - samples if photometric == "MONOCHROME1" else samples,
        WANG,
        view="PA",
        bits=12,
        photometric=photometric,
        transfer_syntax=ExplicitVRLittleEndian,
        pitch=0.148,
        sop_uid="2.25.5",
    )
    (tmp_path / "film.dcm").write_bytes(film)
    instance = house("ingest", tmp_path / "film.dcm", person="tech.demo").line["instance"]
    house.check(instance, rows=256, columns=220)

    grant = house.approved(instance, "--regions", "lungs", action="export", purpose="RESEARCH")
    released = dcmread(house("release", grant, "--out", tmp_path).line["path"])

    received = dcmread(tmp_path / "film.dcm")
    for keyword in ("Rows", "Columns", "PhotometricInterpretation", "BitsStored", "PixelRepresentation"):
        assert released[keyword].value == received[keyword].value
    with house.opened() as site:
        with site.database.begin() as transaction:
            stored = vault.find(transaction, InstanceId(instance))
        lungs = vault.open_film(site, stored).partition.mask([RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT])
    assert lungs.any()
    assert differ_by_a_mark(released.pixel_array[lungs], received.pixel_array[lungs], bits=12)
    assert not np.array_equal(released.pixel_array[~lungs], received.pixel_array[~lungs])


def test_a_release_is_in_a_signed_checkpoint_before_it_is_printed(
    house: House, leadglass: Callable[..., Ran], tmp_path: Path
) -> None:
    released = house("release", house.primary_read(), "--out", tmp_path).line

    checkpoint = (house.path / "log" / "checkpoint").read_text().splitlines()
    vkey = (house.path / "log" / "vkey").read_text().strip()
    checked = leadglass("--json", "log", "check", released["receipt"], "--vkey", vkey).line
    assert checked["ok"]
    assert (checked["action"], checked["origin"]) == ("released", checkpoint[0])
    assert checked["index"] < int(checkpoint[1])


def test_a_grant_serves_once(house: House, tmp_path: Path) -> None:
    grant = house.primary_read()
    house("release", grant, "--out", tmp_path)

    assert house("release", grant, "--out", tmp_path, code=3).error["error"] == "GrantExpiredError"
    assert len(list(tmp_path.glob("*.dcm"))) == 1


def test_a_key_opens_a_release_offline_sample_by_sample(house: House, program: Callable[..., Ran], tmp_path: Path) -> None:
    released = house.exported(tmp_path)
    lift = house.approved(
        house.chest, "--release", released["release"], "--recipient", "a lab", action="lift", purpose="RESEARCH"
    )
    key = house("key", lift, "--out", tmp_path / "key.json").line
    shutil.rmtree(house.path)

    opened = program("--json", "open", released["path"], "--key", key["path"], "--out", tmp_path / "o.dcm", variables={})

    assert opened.code == 0, opened
    assert set(opened.line["regions"]) == set(key["regions"]) == {"heart", "rest"}
    whole, received = (dcmread(path) for path in (opened.line["path"], house.films / "chest.dcm"))
    assert differ_by_a_mark(whole.pixel_array, received.pixel_array, bits=received.BitsStored)


def test_a_key_opens_only_its_own_release(house: House, leadglass: Callable[..., Ran], tmp_path: Path) -> None:
    first, second = house.exported(tmp_path), house.exported(tmp_path)
    lift = house.approved(house.chest, "--release", first["release"], action="lift", purpose="RESEARCH")
    house("key", lift, "--out", tmp_path / "key.json")

    opening = ("open", second["path"], "--key", tmp_path / "key.json", "--out", tmp_path / "opened.dcm")

    assert leadglass("--json", *opening, code=2).error["error"] == "InputError"
    assert not (tmp_path / "opened.dcm").exists()


def test_a_legal_restore_gives_back_the_received_file(house: House, tmp_path: Path) -> None:
    grant = house.approved(house.chest, action="restore", purpose="LEGAL")

    restored = house("restore", grant, "--out", tmp_path / "received.dcm").line

    received = (house.films / "chest.dcm").read_bytes()
    assert Path(restored["path"]).read_bytes() == received
    assert restored["sha256"] == hashlib.sha256(received).hexdigest()


@pytest.mark.parametrize("command", ["release", "key", "restore"])
def test_nothing_that_is_there_is_written_over(house: House, tmp_path: Path, command: str) -> None:
    taken = tmp_path / "taken"
    taken.write_text("mine")
    match command:
        case "release":
            grant = house.primary_read()
        case "key":
            release = house.exported(tmp_path)["release"]
            grant = house.ask(house.chest, "--release", release, action="lift", purpose="TREAT")["grant"]
        case _:
            grant = house.approved(house.chest, action="restore", purpose="LEGAL")

    house(command, grant, "--out", taken, code=5)

    assert taken.read_text() == "mine"
    house(command, grant, "--out", tmp_path / "free")


# History and log


def test_a_history_tells_every_step_in_its_place(house: House, tmp_path: Path) -> None:
    house.exported(tmp_path)

    lines = house("history", house.chest, person="auditor.demo").lines

    actions = [line["action"] for line in lines]
    assert actions == ["ingested", "outlined", "checked", "requested", "approved", "approved", "released"]
    assert [line["index"] for line in lines] == sorted({line["index"] for line in lines})
    assert [line["actor"] for line in lines[-3:]] == ["dso.demo", "head.demo", "dr.demo"]


def test_a_refusal_is_on_record_like_any_answer(house: House) -> None:
    house.ask(house.chest, action="export", purpose="PATIENT", code=3)

    last = house("history", house.chest, person="auditor.demo").lines[-1]

    assert (last["action"], last["actor"], last["detail"]["asked"]) == ("refused", "dr.demo", "export")


def test_reading_a_history_is_in_the_history(house: House) -> None:
    house("history", house.chest, person="auditor.demo")

    last = house("history", house.chest, person="auditor.demo").lines[-1]

    assert (last["action"], last["actor"]) == ("history read", "auditor.demo")
