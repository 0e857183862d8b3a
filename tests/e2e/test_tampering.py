"""Somebody with the database file and SQL at hand: whatever they change in the log is noticed, and said with exit code 4."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from conftest import House

CHANGES = {
    "an entry's word": "update entries set entry = replace(cast(entry as text), 'ingested', 'injected') where place = 11",
    "an entry as text": "update entries set entry = cast(entry as text) || ' ' where place = 11",
    "an entry as a number": "update entries set entry = 7 where place = 11",
    "a record": "update entries set record = zeroblob(40) where place = 11",
    "an entry deleted": "delete from entries where place = 11",
    "the last entry deleted": "delete from entries where place = (select max(place) from entries)",
    "two entries exchanged": "update entries set place = -1 where place = 11;"
    " update entries set place = 11 where place = 12; update entries set place = 12 where place = -1",
    "an entry taken out of its place": "update entries set place = null where place = 11",
    "the head's note": "update head set note = replace(note, 'leadglass', 'leedglass')",
    "the head's frontier": "update head set frontier = zeroblob(40)",
    "the head deleted": "delete from head",
    "the log emptied": "delete from entries",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_was_changed_in_the_database_is_noticed(house: House, change: str) -> None:
    with closing(sqlite3.connect(house.path / "leadglass.db")) as connection, connection:
        connection.executescript(change)
    ran = house("log", "verify", person="auditor.demo", code=None)
    assert ran.code == 4, (ran.code, ran.out, ran.err)
