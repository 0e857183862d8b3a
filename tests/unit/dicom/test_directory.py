"""DICOMDIR: records point at each other again after the file has changed, and nowhere where no record is."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path, PurePosixPath

import planting as p
import pydicom
import pytest
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.fileset import FileSet

from leadglass.assemble.desk import Outcome, PixelMode, State, Treatment, treat_file
from leadglass.dicom.directory import MEDIA_STORAGE_DIRECTORY, relinked
from leadglass.dicom.header import Header, walk
from leadglass.dicom.source import BytesSource

PLAIN = Treatment(key=bytes(range(32)), pixels=PixelMode.OFF)
FIRST, LAST, NEXT, LOWER = 0x00041200, 0x00041202, 0x00041400, 0x00041420


def directory(
    names: Sequence[str], *, syntax: str = p.EXPLICIT, undefined: bool = False, pointers: Mapping[int, int] | None = None
) -> bytes:
    """A DICOMDIR of patients with these names, each pointing at the next; ``pointers`` are those of the first record."""
    offsets: Sequence[int] = [0] * (len(names) + 1)
    for _ in range(2):
        d = p.Draft("DICOMDIR", syntax=syntax)
        d.sop_class, d.sop_instance = MEDIA_STORAGE_DIRECTORY, "1.2.3.4"
        d.put(0x00041130, "CS", "ARCHIVE")
        d.put(FIRST, "UL", offsets[0] if names else 0)
        d.put(LAST, "UL", offsets[len(names) - 1] if names else 0)
        d.put(0x00041212, "US", 0)
        for number, record in enumerate(d.items(0x00041220, len(names), undefined=undefined)):
            own = dict(pointers or {}) if not number else {}
            record.put(NEXT, "UL", own.get(NEXT, offsets[number + 1] if number + 1 < len(names) else 0))
            record.put(0x00041410, "US", 0xFFFF)
            record.put(LOWER, "UL", own.get(LOWER, 0))
            record.put(0x00041430, "CS", "PATIENT")
            record.put(0x00100010, "PN", names[number])
            record.put(0x00100020, "LO", f"ID {number}")
        data = d.sample().data
        # Where the items begin is known once the file is written.
        offsets = places(walk(BytesSource(data)))
    return data


def places(header: Header) -> list[int]:
    """Where the records begin."""
    return [item.value - 8 for element in header.elements if element.tag == 0x00041220 for item in element.items or ()]


def pointers_of(header: Header) -> dict[str, list[int]]:
    def numbers(elements: Sequence[object], tag: int) -> list[int]:
        return [int.from_bytes(header.value(each), "little") for each in elements if each.tag == tag]  # type: ignore[attr-defined] - elements

    records = [item for element in header.elements if element.tag == 0x00041220 for item in element.items or ()]
    return {
        "first": numbers(header.elements, FIRST),
        "last": numbers(header.elements, LAST),
        "next": [number for item in records for number in numbers(item.elements, NEXT)],
        "lower": [number for item in records for number in numbers(item.elements, LOWER)],
    }


def treated(data: bytes, folder: Path) -> tuple[Outcome, bytes]:
    (folder / "DICOMDIR").write_bytes(data)
    outcome = treat_file(folder / "DICOMDIR", folder / "out", PurePosixPath("DICOMDIR"), PLAIN)
    assert outcome.state is State.DONE, outcome.reason
    return outcome, (folder / "out" / str(outcome.output)).read_bytes()


@pytest.mark.parametrize("syntax", [p.EXPLICIT, p.IMPLICIT, p.BIG_ENDIAN])
@pytest.mark.parametrize("undefined", [False, True])
@pytest.mark.parametrize("names", [[], ["Doe^Jane"], ["Doe^Jane", "Roe^A", "Zhang^Xiaoming the Third"]], ids=len)
def test_offsets_lead_to_the_records_of_the_output(
    syntax: str, undefined: bool, names: Sequence[str], tmp_path: Path
) -> None:
    _, data = treated(directory(names, syntax=syntax, undefined=undefined), tmp_path)
    header = walk(BytesSource(data))
    found = places(header)
    assert len(found) == len(names)
    assert pointers_of(header) == {
        "first": found[:1] or [0],
        "last": found[-1:] or [0],
        "next": [*found[1:], 0] if found else [],
        "lower": [0] * len(found),
    }


@pytest.mark.parametrize("pointer", [1, 300, 0x7FFFFFFF, 0xFFFFFFFF])
def test_an_offset_to_no_record_leads_nowhere(pointer: int, tmp_path: Path) -> None:
    data = directory(["Doe^Jane", "Roe^Richard"], pointers={LOWER: pointer})
    _, out = treated(data, tmp_path)
    assert pointers_of(walk(BytesSource(out)))["lower"] == [0, 0]


def test_a_directory_that_has_not_changed_is_the_same() -> None:
    data = directory(["Doe^Jane", "Roe^Richard"])
    assert relinked(data, walk(BytesSource(data))) == data


def test_a_directory_in_which_the_records_stand_twice_is_no_crash(tmp_path: Path) -> None:
    d = p.Draft("DICOMDIR", in_order=False)
    d.sop_class, d.sop_instance = MEDIA_STORAGE_DIRECTORY, "1.2.3.4"
    d.put(FIRST, "UL", 0)
    for count in (3, 1):
        for record in d.items(0x00041220, count):
            record.put(NEXT, "UL", 0)
            record.put(0x00041430, "CS", "PATIENT")
    _, data = treated(d.sample().data, tmp_path)
    assert len(places(walk(BytesSource(data)))) == 1


def test_pointers_of_another_length_are_left_alone(tmp_path: Path) -> None:
    d = p.Draft("DICOMDIR")
    d.sop_class, d.sop_instance = MEDIA_STORAGE_DIRECTORY, "1.2.3.4"
    d.put(FIRST, "UL", b"")
    (record,) = d.items(0x00041220)
    record.put(NEXT, "UL", b"")
    _, data = treated(d.sample().data, tmp_path)
    assert pointers_of(walk(BytesSource(data)))["next"] == [0]


@pytest.fixture
def file_set(tmp_path: Path) -> Path:
    """The DICOMDIR of a file-set that pydicom wrote: two patients, three images."""
    made = FileSet()
    for number in range(3):
        dataset = Dataset()
        dataset.file_meta = FileMetaDataset()
        dataset.file_meta.TransferSyntaxUID = p.EXPLICIT
        dataset.SOPClassUID = "1.2.840.10008.5.1.4.1.1.2"
        dataset.SOPInstanceUID = f"1.2.826.0.1.3680043.9.{number}"
        dataset.PatientName, dataset.PatientID = f"Zqxw^{number // 2}", f"K471122{number // 2}"
        dataset.StudyDate, dataset.StudyTime, dataset.StudyID = "20240131", "101500", "4711"
        dataset.StudyInstanceUID, dataset.SeriesInstanceUID = f"1.2.3.{number // 2}", f"1.2.3.{number // 2}.1"
        dataset.Modality, dataset.SeriesNumber, dataset.InstanceNumber = "CT", 1, number + 1
        made.add(dataset)
    made.write(tmp_path / "set")
    # Its folder for what is not written yet goes only with the object, and warns of that.
    made._stage["t"].cleanup()
    return tmp_path / "set" / "DICOMDIR"


def below(records: Mapping[int, Dataset], offset: int) -> Iterator[Dataset]:
    """The record at an offset, those below it, and those that follow."""
    while offset:
        yield records[offset]
        yield from below(records, records[offset].OffsetOfReferencedLowerLevelDirectoryEntity)
        offset = records[offset].OffsetOfTheNextDirectoryRecord


def test_every_record_of_a_file_set_is_reached_from_the_root(file_set: Path, tmp_path: Path) -> None:
    _, data = treated(file_set.read_bytes(), tmp_path)
    root = pydicom.dcmread(io.BytesIO(data))
    records = {record.seq_item_tell: record for record in root.DirectoryRecordSequence}
    reached = [each.DirectoryRecordType for each in below(records, root[FIRST].value)]
    assert reached == ["PATIENT", "STUDY", "SERIES", "IMAGE", "IMAGE", "PATIENT", "STUDY", "SERIES", "IMAGE"]
    assert records[root[LAST].value].DirectoryRecordType == "PATIENT"
    assert b"Zqxw" not in data


@pytest.mark.peer("dcmdump")
def test_dcmdump_follows_every_offset(file_set: Path, tmp_path: Path, peers: Mapping[str, str]) -> None:
    outcome, _ = treated(file_set.read_bytes(), tmp_path)
    path = tmp_path / "out" / str(outcome.output)
    ran = subprocess.run([peers["dcmdump"], "-q", path], capture_output=True, text=True, check=True)
    assert (ran.stderr, ran.stdout.count("DirectoryRecordType")) == ("", 9)
    assert "ERROR" not in ran.stdout
