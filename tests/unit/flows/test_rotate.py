"""Exchanging and splitting the root key is a duty, and on record."""

from __future__ import annotations

import pytest
from world import World

from leadglass.errors import RefusedError
from leadglass.flows.record import read_record
from leadglass.flows.rotate import ROTATED, SPLIT, rotate_root, split_root
from leadglass.seal.escrow import Share, recover
from leadglass.testing.memory import MemoryKeys


@pytest.fixture
def world() -> World:
    return World()


def root_of(world: World) -> MemoryKeys:
    assert isinstance(world.site.keys, MemoryKeys)
    return world.site.keys


def on_record(world: World, action: str) -> list[dict[str, object]]:
    with world.site.database.begin() as transaction:
        told = [read_record(world.site, each) for each in transaction.log.queued(10_000)]
    return [dict(fields or {}) for entry, fields in told if entry.action == action]


@pytest.mark.parametrize("person", ["dso", "admin"])
def test_who_keeps_keys_exchanges_and_splits_the_root_key(world: World, person: str) -> None:
    session = world.people[person]

    assert rotate_root(world.site, session, root_of(world)) == 2
    one, other, _ = map(Share.decode, split_root(world.site, session, root_of(world)))

    assert recover(one, other) == root_of(world).root
    assert (one.origin, one.generation) == (world.site.origin, 2)
    (rotated,), (split,) = on_record(world, ROTATED), on_record(world, SPLIT)
    assert (rotated["actor"], rotated["generation"]) == (person, 2)
    assert (split["actor"], split["shares"]) == (person, 3)
    assert one.data.hex() not in str(split)


@pytest.mark.parametrize("person", ["dr", "tech", "ward", "student", "auditor"])
def test_nobody_else_does(world: World, person: str) -> None:
    for act in (rotate_root, split_root):
        with pytest.raises(RefusedError):
            act(world.site, world.people[person], root_of(world))

    assert root_of(world).generation == 1
    assert len(on_record(world, "refused")) == 2
    assert on_record(world, ROTATED) == on_record(world, SPLIT) == []
