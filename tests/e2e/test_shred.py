"""Shred, from the request to the last byte on the disk: what opened a film is nowhere, in no copy of the database either."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from finding import Answering
from world import PEOPLE, World, enrol, quarters

from leadglass.adapters.keys.file import FileKeys, read_root_key
from leadglass.adapters.sql.cipher import RecordCipher
from leadglass.adapters.sql.database import SqlDatabase
from leadglass.adapters.system import SystemEntropy
from leadglass.assemble.site import open_site
from leadglass.dicom.source import BytesSource
from leadglass.errors import ShreddedError, UnavailableError
from leadglass.flows import vault
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.indexing import index_films
from leadglass.flows.ingest import ingest
from leadglass.flows.release import release_key_context
from leadglass.flows.shred import shred
from leadglass.model.access import Action, Grant, Purpose
from leadglass.model.instance import Part, StoredInstance
from leadglass.testing.faults import Faults, faulty
from leadglass.testing.films import small_film
from leadglass.testing.films.patients import MUELLER
from leadglass.testing.memory import MemoryOutlet, SetClock

if TYPE_CHECKING:
    from tests.e2e.conftest import House

FILMS = 25


@contextmanager
def opened(path: Path) -> Iterator[World]:
    """The site in that folder with people who need no passphrase."""
    with open_site(path) as site:
        world = World.__new__(World)
        world.film, world.patient = small_film(), World.patient
        world.clock, world.outlet = SetClock(), MemoryOutlet()
        world.site = replace(site, text=None, reader=None, aligner=None, detector=quarters)
        world.people = {name: enrol(world.site, name, role) for name, role in PEOPLE.items()}
        yield world


@dataclass(frozen=True)
class Scan:
    """Bytes that must not be found, each under a name that tells what they are; of ``exact`` ones nothing less than all."""

    needles: Mapping[str, bytes]
    exact: Mapping[str, bytes] = field(default_factory=dict)

    def found(self, folder: Path) -> list[str]:
        """What is in any file below ``folder``, by name and file; a run of 24 bytes of it is enough."""
        hits = []
        for path in sorted(each for each in folder.rglob("*") if each.is_file()):
            data = path.read_bytes()
            hits += [f"{name} in {path.name}" for name, needle in self.needles.items() if _piece(needle, data)]
            hits += [f"{name} in {path.name}" for name, needle in self.exact.items() if needle in data]
        return hits


def _piece(needle: bytes, data: bytes) -> bool:
    """Whether the middle, the beginning or the end of a needle is there: of an overwritten row a part may be left."""
    middle = len(needle) // 2
    # The beginning of what is wrapped is the format's name and the same for all of them.
    return any(piece in data for piece in (needle[-24:], needle[middle : middle + 24], needle[20:44]))


def rows_about(database: Path, ids: set[str]) -> dict[str, bytes]:
    """Every binary value in a row that holds one of these ids."""
    found = {}
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        for (table,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'").fetchall():
            if table in ("entries", "tickets", "grants"):
                # Who asked and agreed stays, as the log does, whose records are sealed under the key that is destroyed.
                continue
            for row in connection.execute(f'SELECT * FROM "{table}"'):
                about = ids & {value for value in row if isinstance(value, str)}
                for number, value in enumerate(row):
                    if about and isinstance(value, bytes) and len(value) >= 44:
                        found[f"{table}.{number} of {about} {len(found)}"] = value
    return found


def terms_about(database: Path, ids: set[str]) -> dict[str, bytes]:
    """What tells in the file that a film is found under a term: they lie side by side."""
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        rows = connection.execute("SELECT term, instance FROM terms").fetchall()
    return {f"term {term} of {instance}": f"{term}{instance}".encode() for term, instance in rows if instance in ids}


def wrapped_in(world: World, instance: StoredInstance) -> list[tuple[str, bytes, str]]:
    """Name, wrapped key and context of all that an instance's key wraps."""
    with world.site.database.begin() as transaction:
        stored = transaction.instances.get(instance.id)
        releases = transaction.releases.find(instance=instance.id)
    assert stored is not None
    return [
        *((stored.id, part.wrapped_key, vault.part_context(stored.id, part.part)) for part in stored.parts),
        *((stored.id, made.wrapped_key, release_key_context(made.id)) for made in releases),
    ]


def test_no_byte_on_the_disk_opens_what_was_shredded(house: House, tmp_path: Path) -> None:
    with opened(house.path) as world:
        instances, grants = [], []
        for number in range(FILMS):
            world.film = small_film(seed=500 + number)
            instances.append(world.check(world.ingest()))
        stays = ingest(world.site, world.people["tech"], BytesSource(small_film(seed=900, patient=MUELLER))).instance
        index_films(world.site, Answering())
        for instance in instances:
            grants.append(world.agreed("dr", instance, Action.SHRED, Purpose.LEGAL))
        ids = {instance.id for instance in instances}
        wrapped = [each for instance in instances for each in wrapped_in(world, instance)]
        blobs = {part.blob for instance in instances for part in instance.parts}
        scan = Scan(
            {
                **{f"key of {name}": key[-40:] for name, key, _ in wrapped},
                **rows_about(house.path / "leadglass.db", ids),
                **rows_about(house.path / "keys.db", ids),
                **{f"blob {blob}": (house.path / "blobs" / blob[:2] / blob).read_bytes()[-64:] for blob in blobs},
            },
            terms_about(house.path / "leadglass.db", ids),
        )
        control = Scan(rows_about(house.path / "leadglass.db", {stays.id}) | rows_about(house.path / "keys.db", {stays.id}))
        # A scan that finds nothing beforehand would prove nothing afterwards.
        assert len(scan.needles) > 5 * FILMS
        assert len(scan.exact) > 2 * FILMS
        assert len(scan.found(house.path)) >= len(blobs) + 4 * FILMS
        assert control.found(house.path)
        older = tmp_path / "older"
        older.mkdir()
        with (
            closing(sqlite3.connect(house.path / "leadglass.db")) as source,
            closing(sqlite3.connect(older / "leadglass.db")) as copy,
        ):
            source.backup(copy)

        for grant in grants:
            shred(world.site, world.people["dr"], grant.id)
        checkpoint(world.site)

        # While the site is in use, with its journal, and after it was closed.
        assert scan.found(house.path) == []
        assert control.found(house.path)
        assert not blobs & house.blobs()
        for name, key, context in wrapped:
            with pytest.raises(ShreddedError):
                world.site.keys.unwrap(name, key, context=context)
    assert scan.found(house.path) == []
    opened_from_older = [instance for instance in instances if _opens(house.path, older, instance)]
    assert opened_from_older == []
    assert _opens(house.path, older, stays)
    # Drawing outlines leaves blobs for the sweep.
    house.check_whole(orphans=True)


def _opens(site: Path, older: Path, instance: StoredInstance) -> bool:
    """Whether an older copy of the database, beside the keys that there are now, opens a part of the instance."""
    keys = FileKeys(read_root_key(site / "root.key"), site / "keys.db")
    database = SqlDatabase(older / "leadglass.db", cipher=RecordCipher(keys.secret("records"), entropy=SystemEntropy()))
    try:
        with database.begin() as transaction:
            stored = transaction.instances.get(instance.id)
        assert stored is not None
        part = stored.part(Part.CLEAN)
        assert part.wrapped_key
        keys.unwrap(stored.id, part.wrapped_key, context=vault.part_context(stored.id, part.part))
    except ShreddedError:
        return False
    finally:
        database.close()
        keys.close()
    return True


def granted_to_shred(house: House, *, purpose: str = "LEGAL") -> str:
    return house.approved(house.chest, "--reason", "the patient asked", action="shred", purpose=purpose)


def test_a_film_is_shredded_door_to_door(house: House, tmp_path: Path) -> None:
    exported = house.exported(tmp_path / "out")
    lifted = house.approved(house.chest, "--release", exported["release"], action="lift", purpose="RESEARCH")
    key = house("key", lifted, "--out", tmp_path / "key.json").line
    late = house.approved(house.chest, action="restore", purpose="LEGAL")
    grant = granted_to_shred(house)

    told = house("shred", grant).line

    assert told["instance"] == house.chest
    assert [(each["release"], each["expires"]) for each in told["exported_keys"]] == [(exported["release"], key["expires"])]
    assert [each["release"] for each in told["copies"]] == [exported["release"]]
    assert (told["backups"], told["cases"]) == ([], [])
    assert house("shred", grant).line == told
    assert house("restore", late, "--out", tmp_path / "film.dcm", code=7).error["error"] == "ShreddedError"
    assert not (tmp_path / "film.dcm").exists()
    house("request", house.chest, "--action", "view", "--purpose", "TREAT", code=7)
    (again,) = house("ingest", house.films / "chest.dcm", person="tech.demo", code=2).lines
    assert (again["state"], again["reason"].split(":")[0]) == ("refused", "ShreddedError")
    listed = {line["instance"]: line for line in house("list").lines}
    assert listed[house.chest]["tier"] == "shredded"
    actions = [line["action"] for line in house("history", house.chest, person="auditor.demo").lines]
    assert actions[-3:-1] == ["shredded", "key-destroyed"] or actions[-2:] == ["shredded", "key-destroyed"]
    # Drawing outlines leaves blobs for the sweep.
    house.check_whole(orphans=True)
    # What left opens still, with the key that left: that is what the answer says.
    opened_copy = house("open", exported["path"], "--key", tmp_path / "key.json", "--out", tmp_path / "open.dcm").line
    assert set(opened_copy["regions"]) == {"heart", "rest"}


def test_a_held_film_is_not_shredded_until_the_hold_is_dropped(house: House) -> None:
    grant = granted_to_shred(house, purpose="PATIENT")
    held = house("legal-hold", "add", house.chest, "--reason", "case 17 C 4", person="dso.demo").line
    assert (held["instance"], held["held"], held["reason"]) == (house.chest, True, "case 17 C 4")
    assert house("legal-hold", "list", person="dso.demo").lines == [held]
    assert {line["instance"]: line["held"] for line in house("list").lines}[house.chest] is True
    assert house("shred", grant, code=3).error["error"] == "RefusedError"
    assert house.ask(house.chest, action="shred", purpose="LEGAL", code=3)["decision"] == "forbid"
    house("legal-hold", "add", house.chest, "--reason", "mine", code=3)

    dropped = house("legal-hold", "drop", house.chest, "--reason", "the case is closed", person="dso.demo").line

    assert (dropped["held"], dropped["reason"]) == (False, "the case is closed")
    assert house("legal-hold", "list", person="dso.demo").lines == []
    house("shred", grant)
    house("legal-hold", "add", house.chest, "--reason", "too late", person="dso.demo", code=7)


def test_who_asks_alone_shreds_nothing(house: House) -> None:
    answer = house.ask(house.chest, action="shred", purpose="LEGAL")
    assert (answer["decision"], answer["approvals_needed"]) == ("needs-approval", 2)
    assert set(answer["roles"]) == {"security_officer", "department_head"}
    house("approve", answer["ticket"], person="dso.demo")
    house("shred", "g-nobody", code=2)
    assert house("restore", house.approved(house.chest, action="restore", purpose="LEGAL"), "--out", house.path.parent / "f")


def test_maintain_finishes_what_a_crash_left(house: House) -> None:
    with opened(house.path) as world:
        instance = world.check(world.ingest())
        grant: Grant = world.agreed("dr", instance, Action.SHRED, Purpose.LEGAL)
        at, struck = 0, True
        while struck:
            # The first fault after the decision: the key stands, the blobs lie there.
            at += 1
            faults = Faults(at, persisted=False)
            with suppress(UnavailableError):
                shred(faulty(world.site, faults), world.people["dr"], grant.id)
            with world.site.database.begin() as transaction:
                stored = transaction.instances.get(instance.id)
            struck = faults.struck and stored is not None and stored.tier == "hot"
        assert stored is not None
        assert stored.parts
    lines = {line["check"]: line for line in house("maintain", person="admin.demo").lines}
    assert lines["shreds"] == {"check": "shreds", "ok": True, "detail": "1 that had been decided are done now"}
    # An examination leaves blobs for the sweep.
    house.check_whole(orphans=True)
    assert not house.blobs() & {part.blob for part in stored.parts}
