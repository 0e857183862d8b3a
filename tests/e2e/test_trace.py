"""Tracing as an officer uses it: a copy goes out, a picture of it turns up, and the command says whose it was."""

from __future__ import annotations

import io
import json
import stat
from collections.abc import Callable, Mapping
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom import dcmread
from pydicom.uid import ExplicitVRLittleEndian

from leadglass.mark.accuse import FALSE_ACCUSATION
from leadglass.model.ids import InstanceId
from leadglass.testing.films import PATIENTS, digital_x_ray, small_samples

if TYPE_CHECKING:
    from tests.e2e.conftest import House, Ran

pytestmark = pytest.mark.skipif(find_spec("faiss") is None, reason="needs pip install 'leadglass[trace]'")

FIELDS = {
    *("path", "verdict", "instance", "recipient", "release", "z", "false_accusation", "releases_tried", "altered", "case"),
    *("page", "named", "reason"),
}


@pytest.fixture
def ward(house: House, tmp_path: Path) -> House:
    """The house with a larger film in it, checked: ``chest`` is that one."""
    film = tmp_path / "large.dcm"
    film.write_bytes(chest_film(sop_uid="2.25.640"))
    return with_film(house, film)


def with_film(house: House, film: Path) -> House:
    """The house with a film taken in and checked: ``chest`` is that one."""
    instance = house("ingest", film, person="tech.demo").line["instance"]
    header = dcmread(film, stop_before_pixels=True)
    house.check(instance, rows=header.Rows, columns=header.Columns)
    return replace(house, chest=instance)


def chest_film(*, sop_uid: str, seed: int = 8, rows: int = 640, columns: int = 560) -> bytes:
    """A film with lungs, and with detail of all sizes that no other seed has."""
    random = np.random.default_rng(seed)
    detail = np.zeros((rows, columns))
    for cells in (6, 14, 30, 60, 120):
        field = Image.fromarray(random.normal(0, 45, (cells, cells)).astype(np.float32))
        detail += np.asarray(field.resize((columns, rows), Image.Resampling.BICUBIC))
    samples = 0.9 * small_samples(rows=rows, columns=columns, bits=12, seed=seed) + detail + 150
    stored = np.clip(samples.round(), 0, 4095).astype(np.uint16)
    return digital_x_ray(
        stored,
        PATIENTS[0],
        view="PA",
        bits=12,
        photometric="MONOCHROME2",
        transfer_syntax=ExplicitVRLittleEndian,
        pitch=0.5,
        sop_uid=sop_uid,
    )


def copy(house: House, out: Path, to: str, *, show: str = "all") -> dict[str, Any]:
    grant = house.approved(house.chest, "--regions", show, "--recipient", to, action="export", purpose="RESEARCH")
    return house("release", grant, "--out", out).line


def picture(released: dict[str, Any]) -> NDArray[np.uint8]:
    """The copy as somebody sees it in a window."""
    samples = dcmread(released["path"]).pixel_array.astype(float)
    low, high = np.percentile(samples, (0.5, 99.5))
    return np.clip((samples - low) / (high - low) * 255, 0, 255).round().astype(np.uint8)


def saved(path: Path, pixels: NDArray[np.uint8], **how: Any) -> Path:
    Image.fromarray(pixels).save(path, **how)
    return path


def test_a_picture_names_the_one_whose_copy_it_is(ward: House, tmp_path: Path) -> None:
    copies = [copy(ward, tmp_path, to) for to in ("a lab", "a firm", "a friend")]
    found = saved(tmp_path / "found.jpg", picture(copies[1]), quality=80)

    line = ward("trace", found, person="dso.demo").line

    assert set(line) == FIELDS
    assert (line["verdict"], line["recipient"], line["release"]) == ("release", "a firm", copies[1]["release"])
    assert (line["instance"], line["releases_tried"], line["altered"]) == (ward.chest, 3, [])
    assert line["z"] > 7
    assert 0 < line["false_accusation"] < FALSE_ACCUSATION
    assert [each["release"] for each in line["named"]] == [copies[1]["release"]]


CHANGES: Mapping[str, Callable[[NDArray[np.uint8]], NDArray[np.uint8]]] = {
    "upside down": lambda p: p[::-1, ::-1].copy(),
    "mirrored": lambda p: p[:, ::-1].copy(),
    "inverted": lambda p: 255 - p,
    "shrunk": lambda p: np.asarray(Image.fromarray(p).resize((420, 480), Image.Resampling.LANCZOS)),
    "turned": lambda p: np.asarray(Image.fromarray(p).rotate(7, expand=True, resample=Image.Resampling.BICUBIC)),
    "cropped": lambda p: p[90:560, 60:500].copy(),
}


def test_it_is_found_however_it_lies(ward: House, tmp_path: Path) -> None:
    copies = [copy(ward, tmp_path / "copies", to) for to in ("a lab", "a firm")]
    (tmp_path / "found").mkdir()
    for name, change in CHANGES.items():
        saved(tmp_path / "found" / f"{name}.png", change(picture(copies[0])))

    lines = ward("trace", tmp_path / "found", person="dso.demo").lines

    assert {Path(line["path"]).stem: line["release"] for line in lines} == dict.fromkeys(CHANGES, copies[0]["release"])


def test_the_delivered_file_itself_is_traced(ward: House, tmp_path: Path) -> None:
    copies = [copy(ward, tmp_path, to) for to in ("a lab", "a firm")]

    assert ward("trace", copies[1]["path"], person="dso.demo").line["release"] == copies[1]["release"]


def test_a_copy_that_shows_the_lungs_alone_is_traced_and_its_cover_is_no_forgery(ward: House, tmp_path: Path) -> None:
    copies = [copy(ward, tmp_path, to, show="lungs") for to in ("a lab", "a firm")]
    found = saved(tmp_path / "found.png", picture(copies[0]))

    line = ward("trace", found, person="dso.demo").line

    assert (line["verdict"], line["release"], line["altered"]) == ("release", copies[0]["release"], [])


def test_copies_put_together_name_all_of_them(ward: House, tmp_path: Path) -> None:
    copies = [copy(ward, tmp_path, to) for to in ("a lab", "a firm", "a friend")]
    both = (picture(copies[0]).astype(int) + picture(copies[2])) // 2
    found = saved(tmp_path / "found.png", both.astype(np.uint8))

    line = ward("trace", found, person="dso.demo").line

    assert line["verdict"] == "several"
    assert set(line["release"]) == {copies[0]["release"], copies[2]["release"]}
    assert set(line["recipient"]) == {"a lab", "a friend"}
    assert all(each["false_accusation"] < FALSE_ACCUSATION for each in line["named"])


def test_a_film_of_which_no_copy_went_out_names_nobody(ward: House, tmp_path: Path) -> None:
    samples = dcmread(tmp_path / "large.dcm").pixel_array
    found = saved(tmp_path / "found.png", (samples >> 4).astype(np.uint8))

    line = ward("trace", found, person="dso.demo").line

    assert (line["verdict"], line["instance"], line["recipient"], line["release"]) == ("ours", ward.chest, None, None)
    assert (line["releases_tried"], line["named"], line["z"]) == (0, [], None)


def test_an_unmarked_original_names_nobody_though_copies_went_out(ward: House, tmp_path: Path) -> None:
    for to in ("a lab", "a firm"):
        copy(ward, tmp_path, to)
    samples = dcmread(tmp_path / "large.dcm").pixel_array
    found = saved(tmp_path / "found.png", (samples >> 4).astype(np.uint8))

    line = ward("trace", found, person="dso.demo").line

    assert (line["verdict"], line["named"], line["releases_tried"]) == ("ours", [], 2)
    assert abs(line["z"]) < 6


def test_a_strangers_picture_is_unknown(ward: House, tmp_path: Path) -> None:
    found = saved(
        tmp_path / "found.png",
        (dcmread(io.BytesIO(chest_film(sop_uid="2.25.7", seed=77))).pixel_array >> 4).astype(np.uint8),
    )

    line = ward("trace", found, person="dso.demo").line

    assert (line["verdict"], line["instance"], line["release"], line["z"], line["altered"]) == (
        "unknown",
        None,
        None,
        None,
        [],
    )


def test_a_film_that_came_in_twice_is_traced_to_the_copy_that_leaked(ward: House, tmp_path: Path) -> None:
    """Two instances of one picture: whichever is found first, the releases of both are tried."""
    twin = tmp_path / "twin.dcm"
    twin.write_bytes(chest_film(sop_uid="2.25.641"))
    twins = with_film(ward, twin)
    copies = [copy(house, tmp_path, to) for house in (ward, twins) for to in ("a lab", "a firm")]

    for released in (copies[0], copies[3]):
        line = ward("trace", saved(tmp_path / "found.png", picture(released)), person="dso.demo").line
        assert (line["verdict"], line["release"]) == ("release", released["release"])


def test_two_films_in_one_picture_are_both_found(ward: House, tmp_path: Path) -> None:
    chest = copy(ward, tmp_path, "a lab")
    film = tmp_path / "other.dcm"
    film.write_bytes(chest_film(sop_uid="2.25.99", seed=31, rows=600, columns=640))
    other = copy(with_film(ward, film), tmp_path, "a firm")
    canvas = np.full((700, 1300), 30, np.uint8)
    canvas[20:660, 20:580] = picture(chest)
    canvas[40:640, 620:1260] = picture(other)

    lines = ward("trace", saved(tmp_path / "found.png", canvas), person="dso.demo").lines

    assert {line["release"] for line in lines} == {chest["release"], other["release"]}


def test_every_file_of_a_folder_has_its_line_and_what_is_no_picture_its_reason(ward: House, tmp_path: Path) -> None:
    released = copy(ward, tmp_path / "copies", "a lab")
    folder = tmp_path / "found"
    folder.mkdir()
    saved(folder / "a.webp", picture(released), quality=80)
    (folder / "b.txt").write_text("no picture at all")
    saved(folder / "c.png", picture(released))

    ran = ward("trace", folder, person="dso.demo", code=2)

    assert [Path(line["path"]).name for line in ran.lines] == ["a.webp", "b.txt", "c.png"]
    assert [line["verdict"] for line in ran.lines] == ["release", None, "release"]
    assert ran.lines[1]["reason"].startswith("InputError")
    assert set(ran.lines[1]) == FIELDS
    assert ran.error["error"] == "InputError"


def test_the_pages_of_a_pdf_are_traced_one_by_one(ward: House, tmp_path: Path) -> None:
    released = copy(ward, tmp_path, "a lab")
    pages = [Image.fromarray(picture(released)), Image.new("L", (400, 300), 200)]
    pages[0].save(tmp_path / "found.pdf", save_all=True, append_images=pages[1:])

    lines = ward("trace", tmp_path / "found.pdf", person="dso.demo").lines

    assert [(line["page"], line["verdict"]) for line in lines] == [(1, "release"), (2, "unknown")]


def test_the_case_holds_the_evidence_and_a_receipt_that_checks(ward: House, tmp_path: Path) -> None:
    released = copy(ward, tmp_path, "张三 <a lab>")
    found = saved(tmp_path / "found.png", picture(released))

    line = ward("trace", found, person="auditor.demo").line

    case = ward.path / "cases" / line["case"]
    assert {path.name for path in case.iterdir()} == {
        *("evidence.html", "evidence.zh.html", "evidence.json", f"{released['release']}.receipt"),
    }
    assert {stat.S_IMODE(path.stat().st_mode) for path in case.iterdir()} == {0o600}
    assert stat.S_IMODE(case.stat().st_mode) == 0o700
    assert json.loads((case / "evidence.json").read_text())["verdict"] == "release"
    for page in ("evidence.html", "evidence.zh.html"):
        text = (case / page).read_text(encoding="utf-8")
        assert "张三 &lt;a lab&gt;" in text
        assert "<script" not in text
    assert ward("log", "check", case / f"{released['release']}.receipt", person="auditor.demo").line["ok"]


def test_tracing_is_a_right_of_its_own_and_on_record(ward: House, tmp_path: Path) -> None:
    released = copy(ward, tmp_path, "a lab")
    found = saved(tmp_path / "found.png", picture(released))
    for person in ("dr.demo", "student.demo", "admin.demo", "head.demo"):
        assert ward("trace", found, person=person, code=3).error["error"] == "RefusedError"

    case = ward("trace", found, person="dso.demo").line["case"]

    (line,) = [line for line in ward("history", ward.chest, person="auditor.demo").lines if line["action"] == "traced"]
    assert line["actor"] == "dso.demo"
    assert line["detail"]["case"] == case
    assert line["detail"]["releases"] == [released["release"]]
    assert ward("log", "verify", person="auditor.demo").line["ok"]


def test_the_primary_read_is_unmarked_and_named_nowhere(house: House, tmp_path: Path) -> None:
    released = house("release", house.primary_read(), "--out", tmp_path).line
    assert released["mark"] == "off"
    received = dcmread(house.films / "chest.dcm").pixel_array
    assert np.array_equal(dcmread(released["path"]).pixel_array, received)

    found = saved(tmp_path / "found.png", (received >> 4).astype(np.uint8))
    line = house("trace", found, person="dso.demo").line

    assert (line["verdict"], line["releases_tried"]) in {("ours", 0), ("unknown", 0)}


def test_a_reversible_copy_gives_the_received_samples_to_whoever_has_all_keys(
    ward: House, leadglass: Callable[..., Ran], tmp_path: Path
) -> None:
    grant = ward.approved(ward.chest, "--regions", "lungs", action="export", purpose="RESEARCH")
    released = ward("release", grant, "--out", tmp_path, "--reversible").line
    assert (released["mark"], released["reversible"]) == ("standard", True)
    lift = ward.approved(ward.chest, "--release", released["release"], action="lift", purpose="RESEARCH")
    ward("key", lift, "--out", tmp_path / "all.key")

    opening = ("open", released["path"], "--key", tmp_path / "all.key", "--out", tmp_path / "opened.dcm")
    opened = leadglass("--json", *opening).line

    assert opened["unmarked"] is True
    assert np.array_equal(dcmread(opened["path"]).pixel_array, dcmread(tmp_path / "large.dcm").pixel_array)


def test_maintain_makes_the_fingerprints_before_they_are_needed(ward: House) -> None:
    lines = {line["check"]: line for line in ward("maintain", person="admin.demo").lines}
    assert lines["fingerprints"]["ok"]
    assert lines["fingerprints"]["detail"] == "4 made"
    again = {line["check"]: line for line in ward("maintain", person="admin.demo").lines}
    assert again["fingerprints"]["detail"] == "0 made"


def test_films_whose_fingerprint_was_damaged_are_named(ward: House, tmp_path: Path) -> None:
    ward("maintain", person="admin.demo")
    with ward.opened() as site, site.database.begin() as transaction:
        for instance in (ward.chest, ward.stranger):
            transaction.fingerprints.put(InstanceId(instance), b"damaged")
        stranger = transaction.instances.get(ward.stranger)
        assert stranger is not None
        site.blobs.discard(stranger.parts[0].blob)
    found = tmp_path / "found.png"
    Image.fromarray(np.zeros((64, 64), np.uint8)).save(found)

    told = ward("trace", found, person="dso.demo").err

    assert f"the fingerprint of {ward.chest} was damaged and was made again" in told
    assert f"film {ward.stranger} could not be fingerprinted and cannot be found: " in told
    assert "made again" not in ward("trace", found, person="dso.demo").err


def test_a_film_that_was_shredded_is_found_no_more(ward: House, tmp_path: Path) -> None:
    released = copy(ward, tmp_path / "out", "a lab")
    before = ward("trace", released["path"], person="dso.demo").line
    assert (before["verdict"], before["instance"]) == ("release", ward.chest)
    grant = ward.approved(ward.chest, action="shred", purpose="LEGAL")

    shredded = ward("shred", grant).line

    assert shredded["cases"] == [before["case"]]
    after = ward("trace", released["path"], person="dso.demo").line
    assert (after["verdict"], after["instance"]) == ("unknown", None)


def test_where_the_extra_is_missing_it_says_what_to_install(
    ward: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("leadglass.adapters.tracing.aligner.available", lambda: False)
    found = tmp_path / "found.png"
    found.write_bytes(b"no matter")

    error = ward("trace", found, person="dso.demo", code=6).error

    assert "leadglass[trace]" in error["hint"]
