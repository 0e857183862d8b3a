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
    "what an entry is about": "update entries set subject = null where place = 11",
    "an entry put under another film": "update entries set subject = (select key from instances limit 1) where place = 3",
    "an entry's id": "update entries set key = 'e-zz' where place = 11",
    "the head's note as a blob": "update head set note = cast(note as blob)||x'00'",
    "the head's frontier as text": "update head set frontier = 'x'",
    "the head's frontier as a number": "update head set frontier = 7",
    "a place that is no number": "update entries set place = 'x' where place = 11",
    "a second head": "insert into head select 2, note, frontier from head",
    "junk in the queue": "insert into entries (key, entry, record) values ('e-j', x'00', x'00')",
    "a release deleted": "delete from releases",
    "a film deleted": "delete from instances where number = 1",
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_what_was_changed_in_the_database_is_noticed(house: House, change: str) -> None:
    house.exported(house.path.parent / "out")
    with closing(sqlite3.connect(house.path / "leadglass.db")) as connection, connection:
        connection.executescript(change)
    for _ in range(2):
        ran = house("log", "verify", person="auditor.demo", code=None)
        assert ran.code == 4, (ran.code, ran.out, ran.err)
        assert ran.line["ok"] is False
        assert ran.line["where"]
        # Whatever else is done meanwhile, the change is not signed over.
        house("list", person="dr.demo", code=None)
