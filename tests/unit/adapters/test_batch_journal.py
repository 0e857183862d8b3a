"""The journal, what it has put in its place, and the container of residues."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadglass.adapters.batch.journal import Journal, Move, Record
from leadglass.adapters.batch.key import make_key, read_key
from leadglass.adapters.batch.residue import FORMAT, ResidueFile, find_residue
from leadglass.adapters.batch.staging import HIDDEN, Staging
from leadglass.errors import ConfigError, ConflictError, InputError, MalformedError

FILE = Record("a/film", 10, 20, "done", None, "off", {"names": 2}, 30, "s/i.dcm", "s/i.dcm", "aa" * 32, 9)


@pytest.fixture
def journal(tmp_path: Path) -> Journal:
    return Journal(tmp_path / "run.db")


def added(journal: Journal, *records: Record, secure: bool = False) -> int:
    """Put records on record, in one chunk of a source ``/in``; gives the source's number."""
    source, session = journal.source("/in"), journal.begin(now=1, version="1", engine="none")
    with journal.transaction():
        chunk = journal.claim(session, files=len(records), size=0)
        for record in records:
            journal.add(record, source=source, session=session, chunk=chunk)
        journal.done(chunk, claimed_by="me")
    if secure:
        journal.secure()
    return source


# The journal


@pytest.mark.parametrize("path", ["film", "王小明/胸片", "a\udc80b", "line\nbreak", "'; DROP TABLE file"])
def test_a_record_comes_back_as_it_was_put(journal: Journal, path: str) -> None:
    record = replace(FILE, path=path, wanted=f"s/{path}", output=f"s/{path}", modality="DX", sop_class="1.2", received="bb")

    source = added(journal, record)

    assert journal.known(source, path) == record
    assert [(each[0], each[2]) for each in journal.records()] == [("/in", record)]


def test_what_was_committed_is_there_after_the_process_died(tmp_path: Path) -> None:
    code = (
        "import os, sys\nfrom pathlib import Path\nfrom leadglass.adapters.batch.journal import Journal\n"
        "journal = Journal(Path(sys.argv[1]))\nwith journal.transaction():\n    journal.put('name', 'value')\nos._exit(9)\n"
    )
    assert subprocess.run([sys.executable, "-c", code, tmp_path / "run.db"]).returncode == 9

    assert Journal(tmp_path / "run.db").get("name") == "value"


def test_what_was_not_committed_is_not_there(journal: Journal) -> None:
    with pytest.raises(ZeroDivisionError), journal.transaction():
        journal.put("name", "value")
        journal.plan([Move("a", "b")])
        raise ZeroDivisionError

    assert journal.get("name") is None
    assert journal.planned() == []


def test_two_runs_have_no_journal_together(journal: Journal, tmp_path: Path) -> None:
    with pytest.raises(ConflictError, match="another run"):
        Journal(tmp_path / "run.db")

    journal.close()
    Journal(tmp_path / "run.db").close()


@pytest.mark.parametrize("data", [b"no database at all, but long enough to be one" * 30, None], ids=["text", "other tables"])
def test_a_file_that_is_no_journal_is_refused(tmp_path: Path, data: bytes | None) -> None:
    if data is None:
        other = Journal(tmp_path / "run.db")
        other.put("format", "leadglass/run@v9")
        other.close()
    else:
        (tmp_path / "run.db").write_bytes(data)

    with pytest.raises(ConflictError):
        Journal(tmp_path / "run.db")


def test_a_journal_is_its_owners_alone(journal: Journal, tmp_path: Path) -> None:
    journal.put("name", "value")

    assert {path.stat().st_mode & 0o077 for path in tmp_path.iterdir()} == {0}


def test_chunks_that_did_not_reach_the_disk_are_known(journal: Journal) -> None:
    source = added(journal, FILE, secure=True)
    added(journal, replace(FILE, path="b"), replace(FILE, path="c"))

    assert journal.unsecured() == [(source, "b"), (source, "c")]


def test_forgetting_a_file_takes_its_output_away(journal: Journal) -> None:
    source = added(journal, FILE)

    assert journal.forget(source, FILE.path) == Move("s/i.dcm", None)
    assert journal.known(source, FILE.path) is None


def test_forgetting_one_of_two_files_with_one_output_leaves_it_to_the_other(journal: Journal) -> None:
    other = replace(FILE, path="b", state="skipped", reason="the same")
    source = added(journal, FILE, other)

    assert journal.forget(source, FILE.path) is None
    assert journal.known(source, "b") == replace(other, state="done", reason=None)


def test_an_output_is_contested_while_it_has_the_name_that_another_wants(journal: Journal) -> None:
    other = replace(FILE, path="b", output="s/i-bb.dcm", written="bb" * 32)
    source = added(journal, FILE, other, replace(FILE, path="c", wanted="s/k.dcm", output="s/k.dcm"))

    assert journal.contested() == [("s/i.dcm", "aa" * 32)]
    assert journal.rename("s/i.dcm", output="s/i-aa.dcm", reason="why") == [
        (source, replace(FILE, output="s/i-aa.dcm", reason="why"))
    ]
    assert journal.contested() == []


@pytest.mark.parametrize(("version", "again"), [("1", False), ("2", True)])
def test_what_another_version_held_back_is_tried_again(journal: Journal, version: str, again: bool) -> None:
    source = added(journal, FILE, replace(FILE, path="b", state="quarantined"))

    journal.retry_held_back(by_other_than=version)

    found = [journal.known(source, path) for path in (FILE.path, "b")]
    assert [each.again for each in found if each] == [False, again]


# Staging


@pytest.fixture
def staging(tmp_path: Path) -> Staging:
    for name in ("out", "report"):
        (tmp_path / name).mkdir()
    made = Staging(tmp_path / "out", tmp_path / "report")
    made.open()
    return made


def test_what_is_unfinished_waits_outside_the_output_folder(staging: Staging, tmp_path: Path) -> None:
    assert staging.folder == tmp_path / "report" / HIDDEN
    assert list((tmp_path / "out").iterdir()) == []


def test_a_report_on_another_file_system_leaves_a_hidden_folder_among_the_outputs(tmp_path: Path) -> None:
    elsewhere = Path("/dev/shm")  # noqa: S108 - a file system of its own, where there is one
    if not elsewhere.is_dir() or elsewhere.stat().st_dev == tmp_path.stat().st_dev:
        pytest.skip("there is no second file system")

    assert Staging(tmp_path, elsewhere).folder == tmp_path / HIDDEN
    assert list(tmp_path.iterdir()) == []


def test_moves_can_be_made_twice(staging: Staging, tmp_path: Path) -> None:
    (staging.folder / "1").write_bytes(b"one")
    (tmp_path / "out" / "old").mkdir()
    (tmp_path / "out" / "old" / "two").write_bytes(b"two")
    moves = [Move("1", "s/one", staged=True), Move("old/two", None)]

    staging.make(moves)
    staging.make(moves)

    assert [path.relative_to(tmp_path / "out").as_posix() for path in (tmp_path / "out").rglob("*")] == ["s", "s/one"]


def test_a_sweep_leaves_outputs_alone(staging: Staging, tmp_path: Path) -> None:
    (staging.folder / "half").write_bytes(b"ha")
    (tmp_path / "out" / "whole").write_bytes(b"whole")

    staging.sweep()

    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["whole"]


# Residue

NUMBER = bytes(range(32))
RECORDS = st.dictionaries(st.binary(min_size=32, max_size=32), st.binary(max_size=40), min_size=1, max_size=5)


@given(records=RECORDS, torn=st.binary(max_size=60))
def test_a_torn_end_is_cut_off_and_every_record_is_found(
    tmp_path_factory: pytest.TempPathFactory, records: dict[bytes, bytes], torn: bytes
) -> None:
    path = tmp_path_factory.mktemp("residue") / "residue"
    committed = 0
    for digest, sealed in records.items():
        residue = ResidueFile(path, number=NUMBER, committed=committed)
        residue.append(digest, sealed)
        committed = residue.flush()
        residue.close()
        with path.open("ab") as file:
            file.write(torn)

    ResidueFile(path, number=NUMBER, committed=committed).close()

    assert path.stat().st_size == committed
    assert {digest: find_residue(path, digest) for digest in records} == records


def test_an_output_without_residue_is_said_to_have_none(tmp_path: Path) -> None:
    ResidueFile(tmp_path / "residue", number=NUMBER, committed=0).close()

    with pytest.raises(InputError, match="nothing for this output"):
        find_residue(tmp_path / "residue", bytes(32))


def test_a_record_that_ends_early_is_malformed(tmp_path: Path) -> None:
    (tmp_path / "residue").write_bytes(FORMAT + (9).to_bytes(8, "little") + bytes(32) + b"four")

    with pytest.raises(MalformedError, match="5 bytes early"):
        find_residue(tmp_path / "residue", bytes(32))


@pytest.mark.parametrize("data", [b"something else", FORMAT + bytes(50)], ids=["no residue", "of another run"])
def test_a_new_run_adds_to_no_file_that_is_there(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "residue").write_bytes(data)

    with pytest.raises(ConflictError):
        ResidueFile(tmp_path / "residue", number=NUMBER, committed=0)
    assert (tmp_path / "residue").read_bytes() == data


def test_the_residue_of_another_run_is_not_cut(tmp_path: Path) -> None:
    path = tmp_path / "residue"
    other = ResidueFile(path, number=bytes(32), committed=0)
    committed = other.flush()
    other.append(bytes(32), b"of the other run")
    other.close()
    data = path.read_bytes()

    with pytest.raises(ConflictError):
        ResidueFile(path, number=NUMBER, committed=committed)
    assert path.read_bytes() == data


def test_a_residue_that_lost_its_end_is_not_continued(tmp_path: Path) -> None:
    (tmp_path / "residue").write_bytes(FORMAT)

    with pytest.raises(ConflictError):
        ResidueFile(tmp_path / "residue", number=NUMBER, committed=1000)


# Keys


def test_a_new_key_is_its_owners_and_another_every_time(tmp_path: Path) -> None:
    for name in ("a", "b"):
        make_key(tmp_path / name)

    assert (tmp_path / "a").stat().st_mode & 0o777 == 0o600
    assert len({read_key(tmp_path / "a"), read_key(tmp_path / "b")}) == 2


def test_a_key_is_never_replaced(tmp_path: Path) -> None:
    make_key(tmp_path / "key")
    before = (tmp_path / "key").read_bytes()

    with pytest.raises(ConflictError):
        make_key(tmp_path / "key")
    assert (tmp_path / "key").read_bytes() == before


@pytest.mark.parametrize(
    "data", [bytes(range(32)), bytes(range(32)).hex().encode(), bytes(range(32)).hex().upper().encode() + b"\n"]
)
def test_a_key_is_bytes_or_digits(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "key").write_bytes(data)
    (tmp_path / "key").chmod(0o600)

    assert read_key(tmp_path / "key") == bytes(range(32))


@pytest.mark.parametrize("data", [b"", bytes(31), bytes(33), b"g" * 64, b"a" * 63, b"a" * 66, "é".encode() * 32])
def test_what_is_no_key_is_refused_and_not_shown(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "key").write_bytes(data)
    (tmp_path / "key").chmod(0o600)

    with pytest.raises(ConfigError, match="holds no key"):
        read_key(tmp_path / "key")


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660, 0o611])
def test_a_key_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    make_key(tmp_path / "key")
    (tmp_path / "key").chmod(mode)

    with pytest.raises(ConfigError, match="by others"):
        read_key(tmp_path / "key")


def test_a_key_that_is_missing_is_asked_for(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="there is no key"):
        read_key(tmp_path / "key")
