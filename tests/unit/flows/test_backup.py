"""Backups are on record before they are made; what a newer log tells is done again."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta

import pytest
from world import World

from leadglass.errors import InputError, ProofError, RefusedError, UnavailableError
from leadglass.flows import holds
from leadglass.flows.backup import BACKED_UP, FAILED, LOST, RESTORED, Written, back_up, bring_back, check_log, read_newer
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.record import read_record, record
from leadglass.flows.session import service
from leadglass.flows.shred import SHREDDED, shred
from leadglass.model.access import Action, Purpose
from leadglass.model.instance import StoredInstance, Tier
from leadglass.testing.films import small_film
from leadglass.testing.memory import MemoryDatabase, MemoryTiles, _copy


@pytest.fixture
def world() -> World:
    return World()


def actions(world: World) -> list[str]:
    with world.site.database.begin() as transaction:
        every = (*transaction.log.read(0, transaction.log.size()), *transaction.log.queued(10_000))
        return [read_record(world.site, each)[0].action for each in every]


def restored(world: World) -> Callable[[], None]:
    """Remember the database as it is now; what is given back puts it back, and the public files with it."""
    database, tiles = world.site.database, world.site.tiles
    assert isinstance(database, MemoryDatabase)
    assert isinstance(tiles, MemoryTiles)
    state, files = _copy(database._state), dict(tiles.files)

    def put_back() -> None:
        database._state = _copy(state)
        tiles.files = dict(files)

    return put_back


def log_of(world: World) -> Callable[[str], bytes | None]:
    """The public files as they are now."""
    checkpoint(world.site)
    assert isinstance(world.site.tiles, MemoryTiles)
    return dict(world.site.tiles.files).get


def films(world: World, count: int, *, seed: int = 800) -> list[StoredInstance]:
    made = []
    for number in range(count):
        world.film = small_film(seed=seed + number)
        made.append(world.check(world.ingest()))
    return made


def stored(world: World, instance: StoredInstance) -> StoredInstance:
    with world.site.database.begin() as transaction:
        found = transaction.instances.get(instance.id)
    assert found is not None
    return found


def test_a_backup_is_on_record_and_in_the_log_before_it_is_made(world: World) -> None:
    def write() -> Written:
        assert actions(world)[-1] == BACKED_UP
        with world.site.database.begin() as transaction:
            return Written("out", transaction.log.size())

    assert back_up(world.site, world.people["admin"], write).entries == len(actions(world))


def test_one_that_failed_is_on_record_as_that(world: World) -> None:
    def write() -> Written:
        raise UnavailableError("the disk is full")

    with pytest.raises(UnavailableError):
        back_up(world.site, world.people["admin"], write)

    assert actions(world)[-2:] == [BACKED_UP, FAILED]


def test_who_may_not_makes_none(world: World) -> None:
    for person in ("dr", "dso", "auditor", "student"):
        with pytest.raises(RefusedError):
            back_up(world.site, world.people[person], lambda: pytest.fail("it was written"))


def test_shreds_and_holds_of_the_newer_log_are_done_again(world: World) -> None:
    gone, held, freed, kept_by_two, never = films(world, 5)
    officer = world.people["dso"]
    holds.add(world.site, officer, kept_by_two.id, reason="before")
    checkpoint(world.site)
    put_back, made = restored(world), world.clock.now()
    shred(world.site, world.people["dr"], world.agreed("dr", gone, Action.SHRED, Purpose.LEGAL).id)
    holds.add(world.site, officer, held.id, reason="case")
    for instance in (freed, kept_by_two):
        hold = holds.add(world.site, officer, instance.id, reason="case")
        holds.drop(world.site, officer, instance.id, reason="over", hold=hold.id)
    (after,) = films(world, 1, seed=900)  # it is in no backup
    holds.add(world.site, officer, after.id, reason="case")
    with world.site.database.begin() as transaction:
        record(world.site, transaction.log, LOST[0], actor=service(world.site, "test").actor)
    read = log_of(world)
    put_back()

    newer = read_newer(world.site, read)
    replayed = bring_back(world.site, made=made, newer=newer)

    assert replayed.shredded == (gone.id,)
    assert replayed.held == (held.id,)
    assert set(replayed.dropped) == {freed.id, kept_by_two.id}
    assert replayed.lost == {LOST[0]: 1, "ingested": 1}
    assert stored(world, gone).tier is Tier.SHREDDED
    assert [stored(world, each).held for each in (held, freed, kept_by_two, never)] == [True, False, True, False]
    assert {"hold-added", SHREDDED, RESTORED} <= set(actions(world))
    assert check_log(world.site) == len(actions(world))


def test_a_film_that_was_shredded_while_the_backup_was_made_is_shredded(world: World) -> None:
    gone, stays = films(world, 2)
    world.site.keys.destroy(gone.id)

    assert bring_back(world.site, made=world.clock.now()).shredded == (gone.id,)

    assert (stored(world, gone).tier, stored(world, stays).tier) == (Tier.SHREDDED, Tier.HOT)


def test_what_was_granted_is_granted_no_more(world: World) -> None:
    (film,) = films(world, 1)
    grant = world.agreed("dr", film, Action.SHRED, Purpose.LEGAL)

    assert bring_back(world.site, made=world.clock.now()).grants >= 1

    with pytest.raises(RefusedError):
        shred(world.site, world.people["dr"], grant.id)


def test_only_a_log_that_goes_on_from_the_backup_is_a_newer_one(world: World) -> None:
    older = log_of(world)
    films(world, 1)
    checkpoint(world.site)
    put_back = restored(world)
    films(world, 2, seed=900)
    newer = log_of(world)
    put_back()
    world.clock.move(timedelta(hours=1))
    films(world, 1, seed=910)
    checkpoint(world.site)
    # The site went on by itself: the other is a fork now, whether longer or shorter.
    with pytest.raises((ProofError, InputError)):
        read_newer(world.site, newer)
    put_back()
    assert read_newer(world.site, newer).entries
    with pytest.raises(InputError, match="older"):
        read_newer(world.site, older)
    with pytest.raises(InputError, match="no checkpoint"):
        read_newer(world.site, lambda _: None)
    with pytest.raises(InputError, match="missing"):
        read_newer(world.site, lambda path: newer(path) if path == "checkpoint" else None)
    with pytest.raises(ProofError):
        read_newer(world.site, lambda path: (newer(path) or b"").replace(b"example.org", b"example.com"))
    with pytest.raises(ProofError, match="do not give"):
        read_newer(world.site, lambda path: (newer(path) or b"").replace(b'"action":"ingested"', b'"action":"shredded"'))


@pytest.mark.parametrize("entries", [255, 256, 257, 600])
def test_a_long_log_is_read_bundle_by_bundle(world: World, entries: int) -> None:
    checkpoint(world.site)
    put_back = restored(world)
    with world.site.database.begin() as transaction:
        before = transaction.log.size()
        for _ in range(entries - before):
            record(world.site, transaction.log, "refused", actor=service(world.site, "test").actor)
    read = log_of(world)
    put_back()

    newer = read_newer(world.site, read)

    assert (newer.size, len(newer.entries)) == (entries, entries - before)


def test_a_log_whose_entries_were_changed_is_not_restored(world: World) -> None:
    films(world, 1)
    checkpoint(world.site)
    database = world.site.database
    assert isinstance(database, MemoryDatabase)
    logged = database._state.log.read(0, 1)[0]
    database._state.log.tamper(0, entry=logged.entry.replace(b"ingested", b"ingusted"))

    with pytest.raises(ProofError):
        check_log(world.site)
