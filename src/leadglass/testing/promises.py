"""What every adapter of a port keeps: each sentence of ``ports`` as a test.

An adapter's test module subclasses these and gives the fixture that the methods ask for.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta

import pytest

from leadglass.errors import ConflictError, SealBrokenError, ShreddedError, UnavailableError
from leadglass.model.access import Account, Actor, Role
from leadglass.model.entry import Entry
from leadglass.model.ids import BlobId, EntryId, InstanceId, PersonName, Term
from leadglass.ports import Blobs, Cases, Database, Head, Keys, Log, Outlet, Tiles

NOWHERE = BlobId("0" * 64)


class BlobsPromises:
    """Subclass it and define the fixture ``blobs``."""

    def test_a_blob_is_named_by_its_digest(self, blobs: Blobs) -> None:
        assert blobs.put([b"some ", b"bytes"]) == hashlib.sha256(b"some bytes").hexdigest()

    def test_every_range_of_a_blob_can_be_read(self, blobs: Blobs) -> None:
        source = blobs.open(blobs.put([b"0123456789"]))
        assert (source.size, source.read(0, 10), source.read(3, 4), source.read(8, 9)) == (
            10,
            b"0123456789",
            b"3456",
            b"89",
        )

    def test_the_same_bytes_again_succeed(self, blobs: Blobs) -> None:
        assert blobs.put([b"twice"]) == blobs.put([b"tw", b"ice"])
        assert [blob for blob, _ in blobs.stored()] == [hashlib.sha256(b"twice").hexdigest()]

    def test_nothing_is_visible_of_a_blob_that_failed(self, blobs: Blobs) -> None:
        def broken() -> Iterator[bytes]:
            yield b"half"
            raise RuntimeError("the source went away")

        with pytest.raises(RuntimeError):
            blobs.put(broken())
        assert list(blobs.stored()) == []

    def test_a_blob_that_is_not_there_is_unavailable(self, blobs: Blobs) -> None:
        with pytest.raises(UnavailableError):
            blobs.open(NOWHERE)

    def test_discarding_twice_is_fine(self, blobs: Blobs) -> None:
        blob = blobs.put([b"gone"])
        blobs.discard(blob)
        blobs.discard(blob)
        assert list(blobs.stored()) == []

    def test_a_blob_is_as_old_as_its_storing(self, blobs: Blobs) -> None:
        blobs.put([b"now"])
        ((_, stored),) = blobs.stored()
        assert stored.tzinfo is not None

    def test_nothing_unfinished_is_left_after_a_failure(self, blobs: Blobs) -> None:
        with pytest.raises(ZeroDivisionError):
            blobs.put(bytes(1 // 0) for _ in range(1))
        assert blobs.tidy(datetime.now(UTC) + timedelta(days=1)) == 0


class KeysPromises:
    """Subclass it and define the fixture ``keys``."""

    def test_a_secret_is_the_same_for_the_same_label(self, keys: Keys) -> None:
        assert keys.secret("a") == keys.secret("a") != keys.secret("b")
        assert len(keys.secret("a")) == 32

    def test_what_was_wrapped_is_unwrapped(self, keys: Keys) -> None:
        keys.create("i-1")
        assert keys.unwrap("i-1", keys.wrap("i-1", b"data key", context="part"), context="part") == b"data key"

    def test_another_key_or_context_or_changed_bytes_break_the_seal(self, keys: Keys) -> None:
        keys.create("i-1")
        keys.create("i-2")
        wrapped = keys.wrap("i-1", b"data key", context="part")
        for name, data, context in (
            ("i-2", wrapped, "part"),
            ("i-1", wrapped, "another part"),
            ("i-1", wrapped[:-1] + bytes([wrapped[-1] ^ 1]), "part"),
        ):
            with pytest.raises(SealBrokenError):
                keys.unwrap(name, data, context=context)

    def test_creating_again_leaves_the_key_as_it_is(self, keys: Keys) -> None:
        keys.create("i-1")
        wrapped = keys.wrap("i-1", b"data key", context="part")
        keys.create("i-1")
        assert keys.unwrap("i-1", wrapped, context="part") == b"data key"

    def test_after_destroy_nothing_opens_again(self, keys: Keys) -> None:
        keys.create("i-1")
        wrapped = keys.wrap("i-1", b"data key", context="part")
        keys.destroy("i-1")
        keys.destroy("i-1")
        with pytest.raises(ShreddedError):
            keys.unwrap("i-1", wrapped, context="part")

    def test_the_keys_that_stay_and_the_secrets_outlive_a_destroyed_one(self, keys: Keys) -> None:
        for name in ("i-1", "i-2", "i-3"):
            keys.create(name)
        secret, wrapped = keys.secret("a"), keys.wrap("i-2", b"data key", context="part")
        keys.destroy("i-1")
        keys.destroy("i-3")
        assert keys.secret("a") == secret
        assert keys.unwrap("i-2", wrapped, context="part") == b"data key"

    def test_many_are_unwrapped_at_once_and_destroyed_ones_are_none(self, keys: Keys) -> None:
        for name in ("k", "l", "m"):
            keys.create(name)
        wrapped = [(name, keys.wrap(name, name.encode(), context="c"), "c") for name in ("k", "l", "m")]
        keys.destroy("l")

        assert list(keys.unwrap_each([*wrapped, ("never made", b"", "c")])) == [b"k", None, b"m", None]
        with pytest.raises(SealBrokenError):
            list(keys.unwrap_each([("k", wrapped[0][1], "another context")]))

    def test_a_destroyed_name_is_not_used_again(self, keys: Keys) -> None:
        keys.create("i-1")
        keys.destroy("i-1")
        with pytest.raises(ShreddedError):
            keys.create("i-1")
        with pytest.raises(ShreddedError):
            keys.wrap("i-1", b"more", context="part")

    def test_a_key_that_was_never_made_wraps_nothing(self, keys: Keys) -> None:
        with pytest.raises(ShreddedError):
            keys.wrap("i-9", b"data", context="part")


class TilesPromises:
    """Subclass it and define the fixture ``tiles``."""

    def test_what_was_written_is_read(self, tiles: Tiles) -> None:
        tiles.write("tile/0/000.p/1", b"hash")
        assert tiles.read("tile/0/000.p/1") == b"hash"

    def test_a_file_can_be_written_again(self, tiles: Tiles) -> None:
        tiles.write("checkpoint", b"a longer one")
        tiles.write("checkpoint", b"new")
        assert tiles.read("checkpoint") == b"new"

    def test_a_file_that_is_not_there_is_none(self, tiles: Tiles) -> None:
        assert tiles.read("checkpoint") is None

    def test_a_discarded_folder_is_gone_and_nothing_else(self, tiles: Tiles) -> None:
        for path in ("tile/0/000.p/1", "tile/0/000.p/2", "tile/0/000"):
            tiles.write(path, b"hash")
        tiles.discard("tile/0/000.p")
        tiles.discard("tile/0/000.p")
        assert tiles.read("tile/0/000.p/1") is None
        assert tiles.read("tile/0/000") == b"hash"


class CasesPromises:
    """Subclass it and define the fixtures ``cases`` and ``kept`` (path to content of what lies there)."""

    def test_what_was_written_lies_in_the_folder_of_its_case(self, cases: Cases, kept: Mapping[str, bytes]) -> None:
        cases.write("c-1/evidence.json", b"{}")
        cases.write("c-1/found.png", b"a picture")
        cases.write("c-2/evidence.json", b"[]")
        assert dict(kept) == {
            "c-1/evidence.json": b"{}",
            "c-1/found.png": b"a picture",
            "c-2/evidence.json": b"[]",
        }

    def test_a_file_of_a_case_can_be_written_again(self, cases: Cases, kept: Mapping[str, bytes]) -> None:
        cases.write("c-1/evidence.json", b"a longer one")
        cases.write("c-1/evidence.json", b"{}")
        assert dict(kept) == {"c-1/evidence.json": b"{}"}

    def test_a_discarded_case_is_gone_and_others_stay(self, cases: Cases, kept: Mapping[str, bytes]) -> None:
        cases.write("c-1/evidence.json", b"{}")
        cases.write("c-2/evidence.json", b"[]")
        cases.discard("c-1")
        cases.discard("c-1")
        assert dict(kept) == {"c-2/evidence.json": b"[]"}


class OutletPromises:
    """Subclass it and define the fixtures ``outlet`` and ``delivered`` (name to content of what can be seen)."""

    def test_a_delivered_file_is_whole(self, outlet: Outlet, delivered: dict[str, bytes]) -> None:
        slot = outlet.reserve("film.dcm", 1000)
        slot.deliver([b"some ", b"bytes"])
        slot.abandon()
        assert dict(delivered) == {"film.dcm": b"some bytes"}

    def test_nothing_shows_before_delivery(self, outlet: Outlet, delivered: dict[str, bytes]) -> None:
        slot = outlet.reserve("film.dcm", 1000)
        assert not dict(delivered)
        slot.abandon()
        assert not dict(delivered)

    def test_nothing_shows_of_a_delivery_that_failed(self, outlet: Outlet, delivered: dict[str, bytes]) -> None:
        slot = outlet.reserve("film.dcm", 1000)
        with pytest.raises(ZeroDivisionError):
            slot.deliver(bytes(1 // 0) for _ in range(1))
        slot.abandon()
        assert not dict(delivered)

    def test_a_name_that_is_taken_is_a_conflict(self, outlet: Outlet) -> None:
        first, second = outlet.reserve("film.dcm", 1), outlet.reserve("film.dcm", 1)
        first.deliver([b"1"])
        with pytest.raises(ConflictError):
            second.deliver([b"2"])
        with pytest.raises(ConflictError):
            outlet.reserve("film.dcm", 1)

    def test_room_that_is_not_there_is_unavailable(self, outlet: Outlet) -> None:
        with pytest.raises(UnavailableError):
            outlet.reserve("film.dcm", 1 << 60)


def _account(name: str, *roles: Role) -> Account:
    return Account(
        actor=Actor(PersonName(name), frozenset(roles), "radiology"),
        active=True,
        public_key=b"\1" * 32,
        salt=b"\2" * 16,
        sealed_key=b"\3" * 60,
        parameters="none",
    )


def _entry(number: int, subject: str | None = None) -> Entry:
    return Entry(
        id=EntryId(f"e-{number}"),
        time=datetime(2026, 1, 5, tzinfo=UTC),
        action="tried",
        actor="somebody",
        subject=subject,
        record="00" * 32,
    )


def _enqueue(log: Log, *numbers: int) -> None:
    for number in numbers:
        log.enqueue(_entry(number), record=b"sealed")


class DatabasePromises:
    """Subclass it and define the fixture ``database``."""

    def test_leaving_the_block_commits(self, database: Database) -> None:
        with database.begin() as transaction:
            transaction.people.add(_account("a", Role.AUDITOR))
        with database.begin() as transaction:
            assert transaction.people.get("a") == _account("a", Role.AUDITOR)

    def test_an_exception_undoes_everything(self, database: Database) -> None:
        with pytest.raises(RuntimeError), database.begin() as transaction:
            transaction.people.add(_account("a", Role.AUDITOR))
            transaction.terms.add(InstanceId("i-1"), [Term("t")])
            _enqueue(transaction.log, 1)
            raise RuntimeError
        with database.begin() as transaction:
            assert transaction.people.find() == ()
            assert transaction.terms.find(Term("t")) == ()
            assert transaction.log.queued(9) == ()

    def test_a_second_record_of_the_same_id_is_a_conflict(self, database: Database) -> None:
        with database.begin() as transaction:
            transaction.people.add(_account("a", Role.AUDITOR))
        with pytest.raises(ConflictError), database.begin() as transaction:
            transaction.people.add(_account("a", Role.STUDENT))

    def test_swap_needs_the_record_to_be_still_the_old_one(self, database: Database) -> None:
        old, new, other = _account("a"), _account("a", Role.AUDITOR), _account("a", Role.STUDENT)
        with database.begin() as transaction:
            transaction.people.add(old)
            transaction.people.swap(old, new)
            assert transaction.people.get("a") == new
            with pytest.raises(ConflictError):
                transaction.people.swap(old, other)
            assert transaction.people.get("a") == new

    def test_find_keeps_the_order_of_adding(self, database: Database) -> None:
        with database.begin() as transaction:
            for name in ("b", "a", "c"):
                transaction.people.add(_account(name))
            assert [account.actor.name for account in transaction.people.find()] == ["b", "a", "c"]

    def test_a_record_that_is_not_there_is_none(self, database: Database) -> None:
        with database.begin() as transaction:
            assert transaction.instances.get("i-1") is None

    def test_terms_lead_to_the_instances_that_carry_them(self, database: Database) -> None:
        with database.begin() as transaction:
            transaction.terms.add(InstanceId("i-1"), [Term("t"), Term("u"), Term("t")])
            transaction.terms.add(InstanceId("i-2"), [Term("t")])
            assert transaction.terms.find(Term("t")) == ("i-1", "i-2")
            assert transaction.terms.find(Term("u")) == ("i-1",)
            assert transaction.terms.find(Term("v")) == ()

    def test_discarded_terms_lead_to_the_instance_no_more(self, database: Database) -> None:
        with database.begin() as transaction:
            transaction.terms.add(InstanceId("i-1"), [Term("t"), Term("u")])
            transaction.terms.add(InstanceId("i-2"), [Term("t")])
            transaction.terms.discard(InstanceId("i-1"))
            transaction.terms.discard(InstanceId("i-1"))
            assert transaction.terms.find(Term("t")) == ("i-2",)
            assert transaction.terms.find(Term("u")) == ()

    def test_a_discarded_fingerprint_is_gone_and_nothing_else(self, database: Database) -> None:
        with database.begin() as transaction:
            for instance in ("i-1", "i-2"):
                transaction.fingerprints.put(InstanceId(instance), b"row")
            transaction.fingerprints.discard(InstanceId("i-1"))
            transaction.fingerprints.discard(InstanceId("i-1"))
        with database.begin() as transaction:
            assert list(transaction.fingerprints.each()) == [("i-2", b"row")]

    def test_a_scrubbed_database_holds_what_was_committed(self, database: Database) -> None:
        with database.begin() as transaction:
            transaction.people.add(_account("a", Role.AUDITOR))
        database.scrub()
        with database.begin() as transaction:
            assert transaction.people.get("a") == _account("a", Role.AUDITOR)

    def test_a_film_has_one_fingerprint_at_most(self, database: Database) -> None:
        with database.begin() as transaction:
            transaction.fingerprints.put(InstanceId("i-2"), b"two")
            transaction.fingerprints.put(InstanceId("i-1"), b"old")
            transaction.fingerprints.put(InstanceId("i-1"), b"new")
        with database.begin() as transaction:
            assert transaction.fingerprints.known() == {"i-1", "i-2"}
            assert list(transaction.fingerprints.each()) == [("i-1", b"new"), ("i-2", b"two")]

    def test_queued_entries_get_their_places_without_a_gap(self, database: Database) -> None:
        with database.begin() as transaction:
            log = transaction.log
            _enqueue(log, 1, 2, 3)
            log.append(log.queued(2))
            log.append(log.queued(2))
            assert log.size() == 3
            assert [logged.index for logged in log.read(0, 3)] == [0, 1, 2]
            assert [logged.entry for logged in log.read(1, 2)] == [_entry(2).encode()]
            assert log.queued(9) == ()

    def test_an_entry_has_a_place_only_when_it_was_appended(self, database: Database) -> None:
        with database.begin() as transaction:
            log = transaction.log
            _enqueue(log, 1)
            assert log.place(EntryId("e-1")) is None
            log.append(log.queued(9))
            assert log.place(EntryId("e-1")) == 0
            assert log.place(EntryId("e-2")) is None

    def test_an_entry_is_appended_once(self, database: Database) -> None:
        with pytest.raises(ConflictError), database.begin() as transaction:
            _enqueue(transaction.log, 1)
            batch = transaction.log.queued(9)
            transaction.log.append(batch)
            transaction.log.append(batch)

    def test_an_entry_of_the_same_id_is_a_conflict(self, database: Database) -> None:
        with pytest.raises(ConflictError), database.begin() as transaction:
            _enqueue(transaction.log, 1, 1)

    def test_what_is_about_a_subject_comes_in_order_queued_last(self, database: Database) -> None:
        with database.begin() as transaction:
            log = transaction.log
            for number, subject in ((1, "i-1"), (2, "i-2"), (3, "i-1")):
                log.enqueue(_entry(number, subject), record=b"sealed")
            log.append(log.queued(2))
            found = log.about("i-1")
            assert [(each.index, each.entry) for each in found] == [
                (0, _entry(1, "i-1").encode()),
                (None, _entry(3, "i-1").encode()),
            ]

    def test_the_head_moves_only_from_where_it_was(self, database: Database) -> None:
        first, second, other = Head("one", b"1"), Head("two", b"2"), Head("three", b"3")
        with database.begin() as transaction:
            assert transaction.log.checkpoint() is None
            transaction.log.advance(None, first)
            transaction.log.advance(first, second)
            assert transaction.log.checkpoint() == second
            for old in (None, first):
                with pytest.raises(ConflictError):
                    transaction.log.advance(old, other)
            assert transaction.log.checkpoint() == second
