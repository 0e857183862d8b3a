"""A machine is lost: what was in its backup works again on an empty one, for two officers and for nobody alone."""

from __future__ import annotations

import hashlib
import json
import shutil
import stat
import tarfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

import leadglass.assemble.backup as backups
from leadglass.adapters.keys.file import FileKeys
from leadglass.assemble.backup import write_backup
from leadglass.assemble.site import open_site
from leadglass.errors import UnavailableError
from leadglass.flows.indexing import index_films
from leadglass.flows.shred import BACKED_UP
from leadglass.testing.films import small_film

if TYPE_CHECKING:
    from tests.e2e.conftest import House, Ran

ADMIN, OFFICER = "admin.demo", "dso.demo"


class Rows:
    """An aligner that makes fingerprints."""

    def fingerprint(self, samples: np.ndarray) -> bytes:  # type: ignore[type-arg]  # any array
        return samples.tobytes()[:2048]


def backed_up(house: House, out: Path) -> Path:
    made = house("backup", "--out", out, person=ADMIN).line
    assert made["path"] == str(out)
    assert made["entries"] == house.log_size()
    return out


def shares_of(house: House, folder: Path) -> list[Path]:
    return [Path(line["path"]) for line in house("root", "split", "--out", folder, person=OFFICER).lines]


def restored(house: House, backup: Path, *more: object, site: Path | None = None, code: int = 0) -> Ran:
    return house("restore-site", backup, site or house.path, *more, code=code)


def two(shares: list[Path]) -> tuple[object, ...]:
    return ("--share", shares[0], "--share", shares[2])


def tree(folder: Path) -> dict[str, bytes]:
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def beside(site: Path) -> set[str]:
    return {path.name for path in site.parent.iterdir()}


def test_a_lost_machine_is_an_exercise(house: House, tmp_path: Path) -> None:
    received = (house.films / "chest.dcm").read_bytes()
    house.exported(tmp_path / "out", show="rest")
    with house.opened() as site:
        index_films(site, Rows())  # type: ignore[arg-type]  # all that indexing asks of an aligner
    shares = shares_of(house, tmp_path / "officers")
    backup = backed_up(house, tmp_path / "usb" / "site.backup")
    before, blobs = tree(house.path), house.blobs()
    known = house.instances()
    shutil.rmtree(house.path)

    assert restored(house, backup, "--share", shares[1], code=2).error["error"] == "InputError"
    assert not house.path.exists()
    answer = restored(house, backup, *two(shares))

    assert answer.line["path"] == str(house.path)
    assert (answer.line["shredded"], answer.line["held"]) == ([], [])
    assert "are not known" in answer.err
    assert house.instances() == known
    assert house.blobs() == blobs
    after = tree(house.path)
    for name in (name for name in before if name.startswith(("policies/", "root.key", "leadglass.toml", "cases/"))):
        assert after[name] == before[name]
    assert stat.S_IMODE((house.path / "root.key").stat().st_mode) == 0o600
    assert house("log", "verify", person="auditor.demo").line["ok"]
    with house.opened() as site, site.database.begin() as transaction:
        assert len(transaction.fingerprints.known()) == len(known)
        assert len(transaction.releases.find()) == 1
    house("restore", house.approved(house.chest, action="restore", purpose="LEGAL"), "--out", tmp_path / "again")
    assert (tmp_path / "again").read_bytes() == received
    house.exported(tmp_path / "out again", show="rest")
    house.check_whole()


def test_the_file_tells_a_thief_nothing(house: House, tmp_path: Path) -> None:
    (house.path / "cases" / "c-1").mkdir(parents=True)
    (house.path / "cases" / "c-1" / "page.html").write_bytes(b"a film of somebody whom we know")
    backup = backed_up(house, tmp_path / "site.backup")
    data = backup.read_bytes()

    assert stat.S_IMODE(backup.stat().st_mode) == 0o600
    root = (house.path / "root.key").read_text().split()[1]
    for secret in (b"whom we know", b"dr.demo", b"radiolog", b"SQLite format 3", bytes.fromhex(root), root.encode()):
        assert secret not in data
    with tarfile.open(backup) as archive:
        names = archive.getnames()
        assert {name.split("/")[0] for name in names if not name.endswith(".sealed")} == {
            *("backup.json", "keys", "log", "blobs", "manifest", "manifest.mac")
        }
        assert names[0] == "backup.json"
        assert not [name for name in names if "root.key" in name or name.startswith("tmp")]
        # As sha256sum -c manifest says it.
        held = {name: file.read() for name in names if (file := archive.extractfile(name)) is not None}
    assert held["manifest"].decode() == "".join(f"{hashlib.sha256(held[name]).hexdigest()}  {name}\n" for name in names[:-2])


def test_that_there_is_a_backup_is_on_record_in_the_backup_itself(house: House, tmp_path: Path) -> None:
    backup = backed_up(house, tmp_path / "site.backup")
    root = tmp_path / "root.key"
    shutil.copy(house.path / "root.key", root)

    restored(house, backup, "--root", root, site=tmp_path / "again")

    with open_site(tmp_path / "again") as site, site.database.begin() as transaction:
        actions = [json.loads(each.entry)["action"] for each in transaction.log.read(0, transaction.log.size())]
    assert actions[-2:] == [BACKED_UP, "site-restored"]


def test_what_was_shredded_or_held_after_the_backup_is_again_with_the_newer_log(house: House, tmp_path: Path) -> None:
    backup = backed_up(house, tmp_path / "site.backup")
    root, log = tmp_path / "root.key", tmp_path / "log"
    shutil.copy(house.path / "root.key", root)
    grant = house.approved(house.chest, "--reason", "the patient asked", action="shred", purpose="LEGAL")
    house("shred", grant)
    house("legal-hold", "add", house.stranger, "--reason", "case 12", person=OFFICER)
    house("legal-hold", "add", house.unchecked, "--reason", "case 13", person=OFFICER)
    house("legal-hold", "drop", house.unchecked, "--reason", "case 13 is over", person=OFFICER)
    house("people", "disable", "student.demo", person=ADMIN)
    shutil.copytree(house.path / "log", log)
    shutil.rmtree(house.path)

    answer = restored(house, backup, "--root", root, "--log", log)

    assert (answer.line["shredded"], answer.line["held"]) == ([house.chest], [house.stranger])
    assert "are not known" not in answer.err
    assert "1 times: person disabled" in answer.err
    assert house("list", code=0).lines
    assert {line["instance"]: line["tier"] for line in house("list").lines}[house.chest] == "shredded"
    assert [line["instance"] for line in house("legal-hold", "list", person=OFFICER).lines] == [house.stranger]
    house.check_whole()
    # Without the newer log it opens again, as it is said.
    again = restored(house, backup, "--root", root, site=tmp_path / "again")
    assert again.line["shredded"] == []
    assert "opens again" in again.err


def test_a_log_that_is_older_or_a_fork_is_not_taken_for_a_newer_one(house: House, tmp_path: Path) -> None:
    root, older, fork = tmp_path / "root.key", tmp_path / "older", replace(house, path=tmp_path / "fork")
    shutil.copy(house.path / "root.key", root)
    shutil.copytree(house.path / "log", older)
    first = backed_up(house, tmp_path / "first.backup")
    restored(house, first, "--root", root, site=fork.path)
    for _ in range(2):
        house("log", "verify", person="student.demo", code=3)
        fork("log", "verify", person="student.demo", code=3)
        fork("log", "verify", person="student.demo", code=3)
    second = backed_up(house, tmp_path / "second.backup")
    assert fork.log_size() > house.log_size()
    hurt = tmp_path / "hurt"
    shutil.copytree(fork.path / "log", hurt)
    bundle = max((hurt / "tile" / "entries" / "000.p").iterdir(), key=lambda path: int(path.name))
    bundle.write_bytes(bundle.read_bytes().replace(b"refused", b"re-used"))

    for backup, log, error in (
        (second, older, "InputError"),
        (second, fork.path / "log", "ProofError"),
        (first, hurt, "ProofError"),
        (first, tmp_path / "nowhere", "InputError"),
    ):
        ran = house("restore-site", backup, tmp_path / "again", "--root", root, "--log", log, code=None)
        assert ran.error["error"] == error
        assert not (tmp_path / "again").exists()


def test_what_was_granted_before_is_granted_no_more(house: House, tmp_path: Path) -> None:
    grant = house.primary_read()
    backup, root = backed_up(house, tmp_path / "site.backup"), tmp_path / "root.key"
    shutil.copy(house.path / "root.key", root)
    shutil.rmtree(house.path)

    assert restored(house, backup, "--root", root).line["grants"] >= 1
    house("release", grant, "--out", tmp_path / "out", code=3)


def test_nothing_is_restored_over_something(house: House, tmp_path: Path) -> None:
    backup = backed_up(house, tmp_path / "site.backup")
    before = tree(house.path)

    assert restored(house, backup, "--root", house.path / "root.key", code=5).error["error"] == "ConflictError"
    assert tree(house.path) == before
    empty = tmp_path / "empty"
    empty.mkdir()
    restored(house, backup, "--root", house.path / "root.key", site=empty)
    assert (empty / "leadglass.db").is_file()


def test_every_broken_backup_restores_nothing(house: House, tmp_path: Path) -> None:
    backup, root = backed_up(house, tmp_path / "site.backup"), house.path / "root.key"
    data, broken = backup.read_bytes(), tmp_path / "broken.backup"
    with tarfile.open(backup) as archive:
        members = archive.getmembers()
    kinds = {member.name.split("/")[0]: member for member in members if member.size}
    assert {"backup.json", "keys", "leadglass.db.sealed", "log", "blobs", "manifest", "manifest.mac"} <= set(kinds)
    changed = [bytes([data[0] ^ 1]) + data[1:]]
    for member in kinds.values():
        for at in (member.offset_data, member.offset_data + member.size // 2, member.offset_data + member.size - 1):
            changed.append(data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :])
        # Cut before it, within it, and after it; left out; there twice.
        end = member.offset_data + -(-member.size // 512) * 512
        changed += [data[: member.offset], data[: member.offset_data + member.size // 2]]
        changed += [data[: member.offset] + data[end:], data[:end] + data[member.offset :]]
    there = beside(tmp_path / "again")

    for number, each in enumerate(changed):
        broken.write_bytes(each)
        ran = restored(house, broken, "--root", root, site=tmp_path / "again", code=None)  # type: ignore[arg-type]  # any code
        assert ran.code in (2, 4, 6), (number, ran)
        assert beside(tmp_path / "again") == there | {"broken.backup"}, number


def test_other_files_are_no_backups(house: House, tmp_path: Path) -> None:
    for name, data in {"empty": b"", "film": (house.films / "chest.dcm").read_bytes(), "zeros": bytes(4096)}.items():
        (tmp_path / name).write_bytes(data)
        restored(house, tmp_path / name, "--root", house.path / "root.key", site=tmp_path / "again", code=2)
    restored(house, tmp_path / "nowhere", "--root", house.path / "root.key", site=tmp_path / "again", code=2)
    restored(house, tmp_path, "--root", house.path / "root.key", site=tmp_path / "again", code=2)
    assert not (tmp_path / "again").exists()


def test_an_archive_cannot_write_elsewhere(house: House, tmp_path: Path) -> None:
    source = backed_up(house, tmp_path / "site.backup")
    for name in ("../outside", "/tmp/outside", "log/../../outside", "blobs//x"):  # noqa: S108 - where nothing may be written
        hostile = tmp_path / "hostile.backup"
        with tarfile.open(source) as good, tarfile.open(hostile, "w") as bad:
            for member in good.getmembers()[:4]:
                bad.addfile(member, good.extractfile(member))
            bad.addfile(tarfile.TarInfo(name))
        restored(house, hostile, "--root", house.path / "root.key", site=tmp_path / "deep" / "again", code=2)
    assert not list(tmp_path.rglob("outside"))


def test_a_full_disk_leaves_nothing_half(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "usb" / "site.backup"
    with house.opened() as site:
        import leadglass.adapters.files as files

        real, left = files.os.write, [100_000]

        def filling(descriptor: int, data: bytes) -> int:
            left[0] -= len(data)
            if left[0] < 0:
                raise OSError(28, "No space left on device")
            return real(descriptor, data)

        monkeypatch.setattr(files.os, "write", filling)
        with pytest.raises(UnavailableError, match="No space"):
            write_backup(site, house.path, out)
        monkeypatch.undo()
        assert list(out.parent.iterdir()) == []
        assert list((house.path / "tmp").iterdir()) == []
        write_backup(site, house.path, out)
    assert out.is_file()


def test_others_may_work_while_a_backup_is_made(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the parts of the archive a film arrives and another one goes: what is restored is whole all the same."""
    backup, root = tmp_path / "site.backup", tmp_path / "root.key"
    shutil.copy(house.path / "root.key", root)
    film, arrived = tmp_path / "film.dcm", list[str]()
    film.write_bytes(small_film(seed=77))
    grant = house.approved(house.chest, "--reason", "the patient asked", action="shred", purpose="LEGAL")
    real = backups._keys

    def keys_after_others_worked(keys: FileKeys) -> Iterator[tuple[str, int, Iterator[bytes]]]:
        arrived.append(house("ingest", film, person="tech.demo").line["instance"])
        house("shred", grant)
        yield from real(keys)

    monkeypatch.setattr(backups, "_keys", keys_after_others_worked)
    with house.opened() as site:
        write_backup(site, house.path, backup)

    ran = restored(house, backup, "--root", root, site=tmp_path / "again")

    assert ran.line["shredded"] == [house.chest]
    again = replace(house, path=tmp_path / "again")
    assert arrived
    assert arrived[0] not in again.instances()
    again.check_whole(orphans=True)


def test_a_backup_does_not_lie_in_its_site_nor_over_something(house: House, tmp_path: Path) -> None:
    assert house("backup", "--out", house.path / "x.backup", person=ADMIN, code=2).error["error"] == "InputError"
    backup = backed_up(house, tmp_path / "site.backup")
    house("backup", "--out", backup, person=ADMIN, code=5)
    (house.path / "profile.json").symlink_to(tmp_path / "elsewhere.json")
    house("backup", "--out", tmp_path / "another.backup", person=ADMIN, code=2)
    assert not (tmp_path / "another.backup").exists()


def test_only_who_may_keeps_the_site_and_its_root_key(house: House, tmp_path: Path) -> None:
    for person in ("dr.demo", "tech.demo", "vendor.demo", OFFICER):
        house("backup", "--out", tmp_path / "b", person=person, code=3)
    for person in ("dr.demo", "auditor.demo", "student.demo"):
        house("root", "split", "--out", tmp_path / "s", person=person, code=3)
        house("root", "rotate", person=person, code=3)
    assert not (tmp_path / "b").exists()
    assert not (tmp_path / "s").exists()


def test_the_root_key_is_recovered_by_two_and_by_nobody_alone(house: House, tmp_path: Path) -> None:
    shares = shares_of(house, tmp_path / "officers")
    assert [stat.S_IMODE(path.stat().st_mode) for path in shares] == [0o600] * 3
    path = house.path / "root.key"
    kept = path.read_bytes()
    house("root", "recover", house.path, *shares[:2], code=5)  # it is there
    path.unlink()

    house("list", code=8)
    house("root", "recover", house.path, shares[0], shares[0], code=2)
    assert not path.exists()
    house("root", "recover", house.path, *shares[1:])

    assert path.read_bytes() == kept
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    house("list")


def test_a_share_that_was_changed_with_its_checksum_does_not_become_a_root_key(house: House, tmp_path: Path) -> None:
    shares = shares_of(house, tmp_path / "officers")
    words = shares[0].read_text().split()
    words[5] = f"{int(words[5], 16) ^ 1:064x}"
    said = " ".join(words[:6])
    shares[0].write_text(f"{said} {hashlib.sha256(said.encode()).hexdigest()[:8]}\n")
    (house.path / "root.key").unlink()

    assert house("root", "recover", house.path, *shares[:2], code=4).error["error"] == "SealBrokenError"
    assert not (house.path / "root.key").exists()


def test_after_the_root_key_was_exchanged_only_new_shares_serve(house: House, tmp_path: Path) -> None:
    old = shares_of(house, tmp_path / "old")
    before = (house.path / "root.key").read_bytes()
    backup = backed_up(house, tmp_path / "before.backup")

    assert house("root", "rotate", person=OFFICER).line["generation"] == 2

    after = (house.path / "root.key").read_bytes()
    assert after != before
    assert not (house.path / "root.key.new").exists()
    assert not [name for name, data in tree(house.path).items() if before.split()[1] in data]
    new = shares_of(house, tmp_path / "new")
    (house.path / "root.key").unlink()
    said = house("root", "recover", house.path, *old[:2], code=2).error
    assert "root key 1" in said["message"]
    house("root", "recover", house.path, old[0], new[1], code=2)
    house("root", "recover", house.path, *new[:2])
    house("restore", house.approved(house.chest, action="restore", purpose="LEGAL"), "--out", tmp_path / "again")
    house.check_whole()
    # A backup of before opens with the old root key alone.
    restored(house, backup, *two(new), site=tmp_path / "site2", code=2)
    restored(house, backup, "--root", house.path / "root.key", site=tmp_path / "site2", code=4)
    restored(house, backup, *two(old), site=tmp_path / "site2")


def test_the_root_key_may_be_a_credential(house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    shutil.move(house.path / "root.key", credentials / "leadglass.root")
    house("list", code=8)
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))

    house("list")
    assert house("root", "rotate", person=OFFICER, code=8).error["error"] == "ConfigError"
    backup = backed_up(house, tmp_path / "site.backup")
    restored(house, backup, site=tmp_path / "again")
    assert not (tmp_path / "again" / "root.key").exists()
    house("list")
