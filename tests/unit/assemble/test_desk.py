"""One file in, one file out, and what is said of it: whatever lies at the path, and wherever the output goes."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

import hostile as h
import planting as p
import pydicom
import pytest

from leadglass.adapters.copies import ReadAhead, room
from leadglass.assemble.desk import (
    Names,
    Outcome,
    PixelMode,
    State,
    Treatment,
    explain_file,
    survey_file,
    treat_file,
    undo,
)
from leadglass.errors import InputError, SealBrokenError, UnavailableError

PLAIN = Treatment(key=bytes(range(32)), pixels=PixelMode.OFF)
FILM = [h.element(0x00100010, "PN", "Zqxw^Zqxv"), h.element(0x00100020, "LO", "K4711223")]

Treat = Callable[..., Outcome]


@pytest.fixture
def treat(tmp_path: Path) -> Treat:
    """Treat a file of these bytes, called ``name``; outputs go to ``out``."""

    def treat(data: bytes, treatment: Treatment = PLAIN, *, name: str = "a/film") -> Outcome:
        path = tmp_path / "received"
        path.write_bytes(data)
        return treat_file(path, tmp_path / "out", PurePosixPath(name), treatment)

    return treat


def outputs(folder: Path) -> set[str]:
    """What lies in the folder of outputs."""
    out = folder / "out"
    return {str(path.relative_to(out)) for path in out.rglob("*") if not path.is_dir()}


# --- what lies at the path --------------------------------------------------------------------------------------------


@pytest.fixture(params=["nothing", "folder", "pipe", "dangling link", "device", "unreadable"])
def odd_path(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    path = tmp_path / "odd"
    if request.param == "folder":
        path.mkdir()
    elif request.param == "pipe":
        os.mkfifo(path)
    elif request.param == "dangling link":
        path.symlink_to(tmp_path / "nowhere")
    elif request.param == "device":
        path.symlink_to(os.devnull)
    elif request.param == "unreadable":
        path.symlink_to(path)
    return path


def test_what_is_no_file_is_told_and_nothing_is_written(odd_path: Path, tmp_path: Path) -> None:
    outcome = treat_file(odd_path, tmp_path / "out", PurePosixPath("odd"), PLAIN)
    assert (outcome.state, outputs(tmp_path)) == (State.QUARANTINED, set())
    assert outcome.reason
    assert outcome.reason.startswith("InputError: ")
    assert outcome.again
    assert survey_file(odd_path, pixels=PixelMode.OFF).state == "unreadable"
    with pytest.raises(InputError):
        list(explain_file(odd_path, PLAIN))


@pytest.mark.parametrize("data", [b"", b"x", b"%PDF-1.7\n" * 50, bytes(5000), b"\x89PNG\r\n\x1a\n" * 40])
def test_what_is_no_dicom_is_skipped(treat: Treat, tmp_path: Path, data: bytes) -> None:
    assert (treat(data).state, outputs(tmp_path)) == (State.SKIPPED, set())


@pytest.mark.parametrize(
    "data",
    [
        bytes(128) + b"DICM",
        h.film(FILM)[:-3],
        h.film(FILM, pixels=h.element(0x7FE00010, "OW", bytes(30))),
        h.film(file_meta=h.meta("1.2.3.4")),
    ],
    ids=["nothing behind the prefix", "cut", "too few pixels", "no known syntax"],
)
def test_what_is_broken_goes_into_quarantine_without_a_value(treat: Treat, tmp_path: Path, data: bytes) -> None:
    outcome = treat(data)
    assert (outcome.state, outputs(tmp_path)) == (State.QUARANTINED, set())
    assert outcome.reason
    assert "Zqx" not in outcome.reason
    assert not outcome.again


def test_a_link_to_a_file_is_treated_as_the_file(treat: Treat, tmp_path: Path) -> None:
    one = treat(h.film(FILM))
    (tmp_path / "link").symlink_to(tmp_path / "received")
    assert treat_file(tmp_path / "link", tmp_path / "out", PurePosixPath("link"), PLAIN) == one


def test_the_received_file_is_as_it_was(treat: Treat, tmp_path: Path) -> None:
    treat(h.film(FILM))
    assert (tmp_path / "received").read_bytes() == h.film(FILM)


# --- where the output goes --------------------------------------------------------------------------------------------


def test_outputs_are_named_by_their_new_uids(treat: Treat, tmp_path: Path) -> None:
    outcome = treat(h.film(FILM))
    out = pydicom.dcmread(tmp_path / "out" / str(outcome.output))
    assert outcome.output == f"{out.StudyInstanceUID}/{out.SeriesInstanceUID}/{out.SOPInstanceUID}.dcm"


def test_outputs_keep_the_names_of_the_inputs_on_request(treat: Treat) -> None:
    assert treat(h.film(FILM), replace(PLAIN, names=Names.KEEP), name="b/c/film.x").output == "b/c/film.x"


def test_the_same_file_again_is_the_same_output(treat: Treat, tmp_path: Path) -> None:
    assert treat(h.film(FILM)) == treat(h.film(FILM))
    assert len(outputs(tmp_path)) == 1


def test_another_file_of_the_same_uid_is_another_output(treat: Treat, tmp_path: Path) -> None:
    first, second = (treat(h.film([*FILM, h.element(0x00180060, "DS", kvp)])) for kvp in ("80", "90"))
    assert str(second.output).startswith(str(first.output).removesuffix(".dcm") + "-")
    assert outputs(tmp_path) == {first.output, second.output}


@pytest.mark.parametrize("uid", ["../../../outside", "/outside", "1.2/../3", ".", "", "1" * 5000])
@pytest.mark.parametrize("options", [(), ("retain-uids",)])
def test_no_uid_leads_out_of_the_folder(treat: Treat, tmp_path: Path, uid: str, options: tuple[str, ...]) -> None:
    before = set(tmp_path.iterdir())
    extra = [h.element(tag, "UI", uid) for tag in (0x00080018, 0x0020000D, 0x0020000E)]
    outcome = treat(h.film(extra), replace(PLAIN, options=options))
    assert outcome.state is State.DONE
    assert outputs(tmp_path) == {outcome.output}
    assert "outside" not in str(outcome.output)
    assert set(tmp_path.iterdir()) - before == {tmp_path / "received", tmp_path / "out"}


def test_a_name_that_no_file_system_takes_is_a_matter_of_its_file(treat: Treat, tmp_path: Path) -> None:
    outcome = treat(h.film(FILM), replace(PLAIN, names=Names.KEEP), name="x" * 300)
    assert (outcome.state, outputs(tmp_path)) == (State.QUARANTINED, set())


def test_a_folder_that_cannot_be_written_is_an_error_of_the_run(treat: Treat, tmp_path: Path) -> None:
    (tmp_path / "out").write_bytes(b"a file")
    with pytest.raises(UnavailableError):
        treat(h.film(FILM))


# --- what is written, and what is said --------------------------------------------------------------------------------


@pytest.mark.parametrize("change", [{"key": bytes(32)}, {"project": "two"}, {"recipient": "two"}])
def test_another_key_project_or_recipient_gives_other_pseudonyms(
    treat: Treat, tmp_path: Path, change: dict[str, bytes | str]
) -> None:
    outcomes = treat(h.film(FILM)), treat(h.film(FILM), replace(PLAIN, **change))  # type: ignore[arg-type] - by its name
    one, other = (pydicom.dcmread(tmp_path / "out" / str(outcome.output)) for outcome in outcomes)
    for attribute in ("SOPInstanceUID", "StudyInstanceUID", "PatientID"):
        assert one[attribute].value != other[attribute].value


def test_without_digests_the_same_is_written_and_none_is_said(treat: Treat, tmp_path: Path) -> None:
    said = treat(h.film(FILM))
    silent = treat(h.film(FILM), replace(PLAIN, digests=False))
    assert silent == replace(said, received=None, written=None)
    assert len(outputs(tmp_path)) == 1


def test_large_files_are_treated_the_same_with_and_without_digests(treat: Treat, tmp_path: Path) -> None:
    data = h.film(FILM, rows=1300, columns=900)
    names = {treat(data, replace(PLAIN, digests=digests)).output for digests in (True, False)}
    (name,) = names
    out = pydicom.dcmread(tmp_path / "out" / str(name))
    assert out.PixelData == data[-1300 * 900 * 2 :]
    assert len(outputs(tmp_path)) == 1


def test_unused_bits_are_cleared_in_large_files_too(treat: Treat, tmp_path: Path) -> None:
    data = h.film([*FILM, h.element(0x00280101, "US", 12), h.element(0x00280102, "US", 11)], rows=1300, columns=900)
    out = pydicom.dcmread(tmp_path / "out" / str(treat(data, replace(PLAIN, digests=False)).output))
    before = pydicom.dcmread(tmp_path / "received")
    assert (out.pixel_array == before.pixel_array & 0x0FFF).all()
    assert out.PixelData != before.PixelData


@pytest.mark.parametrize("name", ["Hu^Xiaoming", "胡^小明", "Doe^Us"])
@pytest.mark.parametrize(
    ("tag", "vr", "value"), [(0x00281054, "LO", "HU"), (0x00281054, "LO", "US"), (0x00180015, "CS", "CHEST")]
)
def test_a_unit_is_nobodys_name(treat: Treat, tmp_path: Path, name: str, tag: int, vr: str, value: str) -> None:
    charset = h.element(0x00080005, "CS", "ISO_IR 192")
    outcome = treat(h.film([charset, h.element(0x00100010, "PN", name), h.element(tag, vr, value)]))
    assert pydicom.dcmread(tmp_path / "out" / str(outcome.output))[tag].value == value


@pytest.mark.parametrize("number", [1, 2])
def test_documents_go_into_quarantine_unless_they_are_let_through(treat: Treat, tmp_path: Path, number: int) -> None:
    d = p.Draft("document.dcm")
    d.sop_class = f"1.2.840.10008.5.1.4.1.1.104.{number}"
    d.put(0x00080016, "UI", d.sop_class)
    d.put(0x00080018, "UI", "1.2.3.4.5")
    d.put(0x00420011, "OB", b"%PDF-1.7 of Zqxw Zqxv ")
    refused = treat(d.sample().data)
    assert (refused.state, refused.sop_class, outputs(tmp_path)) == (State.QUARANTINED, d.sop_class, set())
    assert treat(d.sample().data, replace(PLAIN, documents=True)).state is State.DONE


def test_an_instance_without_a_uid_gets_one_that_is_its_own(treat: Treat, tmp_path: Path) -> None:
    bare = [h.film(FILM, without=[0x00080018], file_meta=b"", rows=rows) for rows in (4, 4, 5)]
    names = [treat(data).output for data in bare]
    assert (names[0] == names[1], names[0] == names[2], len(outputs(tmp_path))) == (True, False, 2)


def test_an_object_without_study_and_series_goes_to_a_folder_of_none(treat: Treat) -> None:
    outcome = treat(h.film(FILM, without=[0x0020000D, 0x0020000E]))
    assert str(outcome.output).startswith("none/none/")


# --- the way back -----------------------------------------------------------------------------------------------------


@pytest.fixture
def sealed(treat: Treat, tmp_path: Path) -> Iterator[tuple[ReadAhead, bytes, str]]:
    outcome = treat(h.film(FILM), replace(PLAIN, residue=True))
    assert outcome.residue is not None
    assert outcome.written is not None
    with ReadAhead(tmp_path / "out" / str(outcome.output), room()) as written:
        yield written, outcome.residue, outcome.written


def test_a_residue_gives_the_received_file_back(sealed: tuple[ReadAhead, bytes, str]) -> None:
    written, residue, digest = sealed
    assert b"".join(undo(written, residue, key=PLAIN.key, digest=digest)) == h.film(FILM)


def test_a_residue_shows_nothing_without_the_key(sealed: tuple[ReadAhead, bytes, str]) -> None:
    written, residue, digest = sealed
    assert b"Zqxw" not in residue
    with pytest.raises(SealBrokenError):
        undo(written, residue, key=bytes(32), digest=digest)


def test_a_residue_belongs_to_one_output(sealed: tuple[ReadAhead, bytes, str]) -> None:
    written, residue, digest = sealed
    with pytest.raises(SealBrokenError):
        undo(written, residue, key=PLAIN.key, digest=digest[::-1])


def test_a_residue_that_was_changed_gives_nothing(sealed: tuple[ReadAhead, bytes, str]) -> None:
    written, residue, digest = sealed
    with pytest.raises(SealBrokenError):
        undo(written, residue[:-1] + bytes((residue[-1] ^ 1,)), key=PLAIN.key, digest=digest)


# --- other processes --------------------------------------------------------------------------------------------------

ELSEWHERE = """
import pickle, sys
from pathlib import Path, PurePosixPath
from leadglass.assemble.desk import treat_file
folder, treatment = Path(sys.argv[1]), pickle.loads(sys.stdin.buffer.read())
for name in sys.argv[3:]:
    print(treat_file(folder / name, folder / sys.argv[2], PurePosixPath(name), treatment))
"""


def test_another_process_in_another_order_writes_the_same(tmp_path: Path) -> None:
    for number in range(6):
        series = [h.element(0x00200013, "IS", str(number)), h.element(0x00080018, "UI", f"1.2.3.{number}")]
        (tmp_path / str(number)).write_bytes(h.film([*FILM, *series]))
    order = ["0", "1", "2", "3", "4", "5"]
    said = []
    for seed, names in (("1", order), ("2", order[::-1])):
        ran = subprocess.run(
            [sys.executable, "-c", ELSEWHERE, tmp_path, f"out{seed}", *names],
            input=pickle.dumps(PLAIN),
            env=os.environ | {"PYTHONHASHSEED": seed},
            capture_output=True,
            check=True,
        )
        said.append(sorted(ran.stdout.splitlines()))
    assert said[0] == said[1]
    one, other = (
        {path.relative_to(out): path.read_bytes() for path in out.rglob("*.dcm")}
        for out in (tmp_path / "out1", tmp_path / "out2")
    )
    assert len(one) == 6
    assert one == other


# --- survey and explain -----------------------------------------------------------------------------------------------


def test_a_survey_counts_what_would_leak(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(h.film([*FILM, h.element(0x00091001, "OB", b"xx")]))
    survey = survey_file(tmp_path / "film", pixels=PixelMode.OFF)
    assert (survey.state, survey.findings["name"], survey.findings["private"]) == ("leaks", 1, 1)


def test_explain_tells_of_what_a_removed_sequence_takes_with_it(tmp_path: Path) -> None:
    inner = [h.element(0x00100010, "PN", "Zqxw^Zqxv"), h.element(0x00180060, "DS", "80")]
    (tmp_path / "film").write_bytes(h.film([h.sequence(0x00081110, [inner])]))
    told = {each.tag: each for each in explain_file(tmp_path / "film", PLAIN)}
    assert told["(0008,1110)"].action in ("remove", "empty")
    assert told["(0008,1110)[0].(0018,0060)"].action == told["(0008,1110)"].action


def actions(folder: Path, data: bytes, tag: str) -> list[str]:
    (folder / "film").write_bytes(data)
    return [each.action for each in explain_file(folder / "film", PLAIN) if each.tag == tag]


def test_explain_tells_which_of_two_attributes_counts(tmp_path: Path) -> None:
    twice = [h.element(0x00100010, "PN", name) for name in ("Zqxw", "Zqxv")]
    kept = [h.element(0x00180060, "DS", kvp) for kvp in ("80", "90")]
    data = h.film([*twice, *kept], in_order=False)
    assert actions(tmp_path, data, "(0010,0010)") == ["remove", "replace"]
    assert actions(tmp_path, data, "(0018,0060)") == ["remove", "keep"]


@pytest.mark.parametrize("tag", ["(0012,0062)", "(0012,0063)", "(0028,0303)", "(0010,0010)", "(0010,0020)"])
@pytest.mark.parametrize("there", [True, False])
def test_explain_tells_what_every_output_says_of_itself(tmp_path: Path, tag: str, there: bool) -> None:
    said = [
        h.element(0x00120062, "CS", "NO"),
        h.element(0x00120063, "LO", "ours"),
        h.element(0x00280303, "CS", "UNMODIFIED"),
    ]
    patient = [h.element(0x00100010, "PN", ""), h.element(0x00100020, "LO", "")]
    data = h.film([*said, *patient] if there else [])
    assert actions(tmp_path, data, tag) == ["replace" if there else "add"]


def test_explain_tells_that_offset_tables_of_frames_go(tmp_path: Path) -> None:
    data = h.film([h.element(0x7FE00001, "OV", bytes(8))])
    assert (actions(tmp_path, data, "(7FE0,0001)"), actions(tmp_path, data, "(7FE0,0010)")) == (["remove"], ["keep"])


def test_explain_never_shows_a_value(tmp_path: Path) -> None:
    (tmp_path / "film").write_bytes(h.film([*FILM, h.element(0x00204000, "LT", "for Zqxw Zqxv")], after=b"Zqxw" * 4))
    assert "Zqx" not in repr(list(explain_file(tmp_path / "film", PLAIN)))
