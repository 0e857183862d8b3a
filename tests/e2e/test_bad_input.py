"""What is handed in and cannot be used is refused in words, and nothing is left behind. A full disk is an answer too."""

from __future__ import annotations

import io
import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pydicom import dcmread
from pydicom.encaps import encapsulate
from pydicom.uid import (
    JPEG2000,
    MPEG2MPML,
    BasicTextSRStorage,
    DeflatedExplicitVRLittleEndian,
    ExplicitVRLittleEndian,
)

from leadglass.testing.films import PATIENTS, planted, small_film

if TYPE_CHECKING:
    from tests.e2e.conftest import House, Ran

WANG = PATIENTS[0]
FILM = small_film(rows=120, columns=100, seed=21)


def rewritten(syntax: str, *, pixels: bytes | None = None) -> bytes:
    """The film in another transfer syntax, with other pixels where given."""
    dataset = dcmread(io.BytesIO(FILM))
    dataset.file_meta.TransferSyntaxUID = syntax
    if pixels is not None:
        dataset.PixelData = pixels
        dataset["PixelData"].VR = "OB"
        dataset["PixelData"].is_undefined_length = True
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def report() -> bytes:
    """A structured report of the same patient: DICOM, and no picture."""
    dataset = dcmread(io.BytesIO(FILM))
    for keyword in ("PixelData", "Rows", "Columns", "BitsAllocated", "BitsStored", "HighBit", "PixelRepresentation"):
        del dataset[keyword]
    dataset.SOPClassUID = dataset.file_meta.MediaStorageSOPClassUID = BasicTextSRStorage
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def big(tag: bytes, length: int) -> bytes:
    """The film with the length of its element ``tag`` (explicit VR, 32-bit length) set to ``length``."""
    at = FILM.index(tag) + 8
    return FILM[:at] + length.to_bytes(4, "little") + FILM[at + 4 :]


BAD = {
    "text": ("Wang^Xiaodong P0083817264 " * 40).encode(),
    "empty": b"",
    "preamble": FILM[:132],
    "short meta": FILM[:200],
    "short header": FILM[:900],
    "short pixels": FILM[:-10],
    "no pixels": report(),
    "mpeg": rewritten(MPEG2MPML, pixels=encapsulate([b"\0\0\x01\xb3" * 40])),
    "broken stream": rewritten(JPEG2000, pixels=encapsulate([b"\xff\x4f\xff\x51" * 40])),
    "deflated, cut off": rewritten(DeflatedExplicitVRLittleEndian)[:-400],
    "no such syntax": FILM.replace(ExplicitVRLittleEndian.encode() + b"\0", b"1.2.3.4.5.6.7.8.9.0\0", 1),
    "huge pixels": big(b"\xe0\x7f\x10\x00OW", 0xFFFFFFF0),
    "huge film": FILM.replace(
        b"\x28\x00\x10\x00US\x02\x00" + (120).to_bytes(2, "little"), b"\x28\x00\x10\x00US\x02\x00\xff\xff"
    ),
}
"""Files that are no films we take, all of them with the patient's data in them."""


def ingested(house: House, *paths: object, code: int = 2) -> Ran:
    return house("ingest", *paths, person="tech.demo", code=code)


def check_named_nobody(ran: Ran) -> None:
    assert [value for value in planted(WANG) if value in ran.out + ran.err] == []


@pytest.mark.parametrize("name", BAD)
def test_a_file_that_cannot_be_used_is_refused_in_words_and_leaves_nothing(
    shared_house: House, tmp_path: Path, name: str
) -> None:
    before = shared_house.instances(), shared_house.blobs()
    (tmp_path / "film.dcm").write_bytes(BAD[name])

    ran = ingested(shared_house, tmp_path / "film.dcm")

    assert (ran.line["state"], ran.line["instance"]) == ("refused", None)
    assert ran.line["reason"].split(":")[0] in ("InputError", "NotDicomError", "MalformedError", "UnsupportedPixelsError")
    check_named_nobody(ran)
    assert (shared_house.instances(), shared_house.blobs()) == before
    shared_house.check_whole()


@pytest.mark.parametrize("cut", range(140, len(FILM) - 1, len(FILM) // 23))
def test_a_film_that_breaks_off_is_refused_wherever_it_does(shared_house: House, tmp_path: Path, cut: int) -> None:
    (tmp_path / "film.dcm").write_bytes(FILM[:cut])

    ran = ingested(shared_house, tmp_path / "film.dcm")

    assert ran.line["state"] == "refused"
    check_named_nobody(ran)


def test_a_good_film_among_bad_ones_is_done(house: House, tmp_path: Path) -> None:
    folder = tmp_path / "films"
    (folder / "deep" / "er").mkdir(parents=True)
    for name, data in BAD.items():
        (folder / f"{name}.dcm").write_bytes(data)
    (folder / "deep" / "er" / "good.dcm").write_bytes(FILM)
    (folder / "zz.dcm").write_bytes(small_film(seed=23))

    lines = ingested(house, folder).lines

    states = {Path(line["path"]).stem: line["state"] for line in lines}
    assert states == dict.fromkeys(BAD, "refused") | {"good": "new", "zz": "new"}
    house.check_whole()


def test_other_content_under_a_known_uid_is_on_record_and_leaves_the_first(house: House, tmp_path: Path) -> None:
    uid = str(dcmread(house.films / "chest.dcm", stop_before_pixels=True).SOPInstanceUID)
    (tmp_path / "other.dcm").write_bytes(small_film(seed=24, sop_uid=uid))

    ran = ingested(house, tmp_path / "other.dcm")

    check_named_nobody(ran)
    assert house("history", house.chest, person="auditor.demo").lines[-1]["action"] == "conflict"
    assert ingested(house, house.films / "chest.dcm", code=0).line["state"] == "known"
    house.check_whole()


@pytest.mark.parametrize("kind", ["missing", "link to itself", "pipe", "device"])
def test_a_path_that_is_no_file_is_refused_at_once(
    shared_house: House, tmp_path: Path, program: Callable[..., Ran], kind: str
) -> None:
    path = tmp_path / "film.dcm"
    match kind:
        case "link to itself":
            path.symlink_to(path)
        case "pipe":
            os.mkfifo(path)
        case "device":
            path.symlink_to("/dev/zero")

    ran = program("--site", shared_house.path, "--as", "tech.demo", "--json", "ingest", path)

    assert ran.code == 2, ran
    assert (ran.line["path"], ran.line["state"]) == (str(path), "refused")


def test_a_file_whose_name_is_no_text_is_taken_like_any_other(
    house: House, tmp_path: Path, program: Callable[..., Ran]
) -> None:
    path = os.fsencode(tmp_path) + b"/\xff.dcm"
    Path(os.fsdecode(path)).write_bytes(FILM)

    ran = program("--site", house.path, "--as", "tech.demo", "--json", "ingest", os.fsdecode(path))

    assert (ran.code, ran.line["state"]) == (0, "new"), ran
    assert os.fsencode(ran.line["path"]) == path


@pytest.mark.parametrize("option", ["--accession", "--procedure", "--indication", "--reader"])
def test_an_argument_that_is_no_text_is_refused(shared_house: House, option: str) -> None:
    options = {"--accession": "A1", "--procedure": "chest"} | {option: os.fsdecode(b"\xff")}

    ran = shared_house("order", "add", *(word for pair in options.items() for word in pair), person="tech.demo", code=2)

    assert ran.error["error"] == "InputError"


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read every file")
def test_a_file_that_may_not_be_read_is_refused(shared_house: House, tmp_path: Path) -> None:
    (tmp_path / "film.dcm").write_bytes(FILM)
    (tmp_path / "film.dcm").chmod(0)

    assert ingested(shared_house, tmp_path / "film.dcm").line["state"] == "refused"


@pytest.fixture(scope="module")
def released(shared_house: House, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path, Path]:
    """A released file, its receipt and a key for it."""
    out = tmp_path_factory.mktemp("released")
    made = shared_house.exported(out)
    grant = shared_house.ask(shared_house.chest, "--release", made["release"], action="lift", purpose="TREAT")["grant"]
    key = shared_house("key", grant, "--out", out / "key.json").line
    return Path(made["path"]), Path(made["receipt"]), Path(key["path"])


NONE = {
    "empty": b"",
    "text": b"Wang^Xiaodong\n",
    "json": b'{"v":"leadglass/key@v1","regions":{}}',
    "list": b"[[1]]",
    "nested": b"[" * 100_000,
    "bytes": bytes(range(256)) * 8,
    "film": FILM,
    "long": b"x" * ((1 << 20) + 1),
}
"""What is neither a key file nor a receipt."""


@pytest.mark.parametrize("name", NONE)
def test_a_key_file_that_is_none_opens_nothing(
    leadglass: Callable[..., Ran], released: tuple[Path, Path, Path], tmp_path: Path, name: str
) -> None:
    (tmp_path / "key").write_bytes(NONE[name])

    ran = leadglass("--json", "open", released[0], "--key", tmp_path / "key", "--out", tmp_path / "out.dcm", code=2)

    check_named_nobody(ran)
    assert not (tmp_path / "out.dcm").exists()


@pytest.mark.parametrize("name", NONE)
def test_a_receipt_that_is_none_is_refused(
    leadglass: Callable[..., Ran], shared_house: House, tmp_path: Path, name: str
) -> None:
    (tmp_path / "receipt").write_bytes(NONE[name])

    ran = leadglass("--site", shared_house.path, "--json", "log", "check", tmp_path / "receipt", code=2)

    check_named_nobody(ran)


@pytest.mark.parametrize("name", ["empty", "text", "bytes", "film"])
def test_a_release_that_is_none_is_not_opened(
    leadglass: Callable[..., Ran], released: tuple[Path, Path, Path], tmp_path: Path, name: str
) -> None:
    (tmp_path / "film.dcm").write_bytes(NONE[name])

    opening = ("open", tmp_path / "film.dcm", "--key", released[2], "--out", tmp_path / "out.dcm")
    ran = leadglass("--json", *opening, code=2)

    check_named_nobody(ran)
    assert not (tmp_path / "out.dcm").exists()


def test_a_released_file_that_was_changed_under_the_seal_is_not_opened(
    leadglass: Callable[..., Ran], released: tuple[Path, Path, Path], tmp_path: Path
) -> None:
    sealed = dcmread(released[0]).EncryptedAttributesSequence[0].EncryptedContent
    data = bytearray(released[0].read_bytes())
    data[data.index(sealed) + len(sealed) // 2] ^= 1
    (tmp_path / "film.dcm").write_bytes(data)

    opening = ("open", tmp_path / "film.dcm", "--key", released[2], "--out", tmp_path / "out.dcm")
    ran = leadglass("--json", *opening, code=4)

    assert ran.error["error"] == "SealBrokenError"
    assert not (tmp_path / "out.dcm").exists()


@pytest.mark.parametrize("text", ["", "no key", "a+b+c", "é+12345678+AAAA"])
def test_a_verifier_key_that_is_none_is_refused(
    leadglass: Callable[..., Ran], released: tuple[Path, Path, Path], text: str
) -> None:
    leadglass("--json", "log", "check", released[1], "--vkey", text, code=2)


# A full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=8m", "none", folder], capture_output=True, check=False)
    if mounted.returncode:
        pytest.skip("this account may not mount a file system of its own")
    yield folder
    subprocess.run(["umount", "--lazy", folder], check=True)


@contextmanager
def filled(disk: Path, *, room: int) -> Iterator[None]:
    """Only ``room`` bytes are left on the disk meanwhile."""
    ballast = disk / "ballast"
    free = os.statvfs(disk).f_bavail * os.statvfs(disk).f_frsize
    with ballast.open("wb") as file:
        os.posix_fallocate(file.fileno(), 0, free - room)
    yield
    ballast.unlink()


@pytest.mark.skipif(sys.platform != "linux", reason="a file system in memory is mounted as Linux does it")
@pytest.mark.parametrize("room", [0, 4096, 40_960, 81_920, 122_880, 163_840])
def test_an_ingest_onto_a_full_disk_ends_with_6_and_succeeds_once_there_is_room(
    house: House, small_disk: Path, tmp_path: Path, room: int
) -> None:
    subprocess.run(["cp", "-a", house.path, small_disk / "site"], check=True)
    house = replace(house, path=small_disk / "site")
    film = tmp_path / "film.dcm"
    film.write_bytes(small_film(rows=256, columns=220, seed=25))

    with filled(small_disk, room=room):
        ran = ingested(house, film, code=6)

    assert ran.error["error"] == "UnavailableError"
    check_named_nobody(ran)
    house.check_whole(orphans=True)
    assert ingested(house, film, code=0).line["state"] in ("new", "known")
    house.check_whole(orphans=True)


@pytest.mark.skipif(sys.platform != "linux", reason="a file system in memory is mounted as Linux does it")
@pytest.mark.parametrize("room", [0, 65_536])
def test_a_release_onto_a_full_disk_ends_with_6_and_its_grant_is_still_good(
    house: House, small_disk: Path, room: int
) -> None:
    grant = house.primary_read()

    with filled(small_disk, room=room):
        ran = house("release", grant, "--out", small_disk, code=6)
        assert [path.name for path in small_disk.iterdir()] == ["ballast"]

    assert ran.error["error"] == "UnavailableError"
    assert "room" in (ran.error["hint"] or "")
    released = house("release", grant, "--out", small_disk).line
    assert Path(released["path"]).exists()
    house.check_whole()


@pytest.mark.parametrize("limit", [20_000, 100_000])
def test_a_file_that_cannot_grow_is_an_answer_too(house: House, tmp_path: Path, limit: int) -> None:
    """Every account can be limited like this; what fails is another write for each limit."""
    film = tmp_path / "film.dcm"
    film.write_bytes(small_film(rows=400, columns=400, seed=26))

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (limit, hard))
    try:
        ran = ingested(house, film, code=6)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))

    assert ran.error["error"] == "UnavailableError"
    house.check_whole(orphans=True)
    assert ingested(house, film, code=0).line["state"] == "new"


# Two at once


def test_two_ingests_of_one_folder_take_every_film_once(
    house: House, start: Callable[..., subprocess.Popen[str]], tmp_path: Path
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    for seed in range(30, 38):
        (folder / f"{seed}.dcm").write_bytes(small_film(seed=seed))
    before = house.instances()

    command = ("--site", house.path, "--as", "tech.demo", "--json", "ingest", folder)
    both = [start(*command), start(*command)]
    printed = [process.communicate(timeout=60) for process in both]

    assert [process.returncode for process in both] == [0, 0], printed
    states = [line.count('"new"') for out, _ in printed for line in out.splitlines()]
    assert (len(states), sum(states)) == (16, 8)
    assert len(house.instances() - before) == 8
    house.check_whole()
