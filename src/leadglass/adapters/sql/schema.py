"""The tables. ``VERSION`` is kept in the file (PRAGMA user_version); another version is refused, never guessed at."""

from __future__ import annotations

from sqlalchemy import Column, Index, Integer, LargeBinary, MetaData, String, Table

VERSION = 3

metadata = MetaData()


def _records(name: str, *indexed: str) -> Table:
    return Table(
        name,
        metadata,
        Column("number", Integer, primary_key=True, autoincrement=True),
        Column("key", String, nullable=False, unique=True),
        *(Column(column, String, nullable=True, index=True) for column in indexed),
        Column("record", LargeBinary, nullable=False),
        sqlite_autoincrement=True,
    )


people = _records("people")
instances = _records("instances", "study", "patient", "accession")
orders = _records("orders", "accession")
tickets = _records("tickets", "state", "instance")
grants = _records("grants", "instance")
releases = _records("releases", "instance")

terms = Table(
    "terms",
    metadata,
    Column("term", String, primary_key=True),
    Column("instance", String, primary_key=True, index=True),
)

fingerprints = Table(
    "fingerprints",
    metadata,
    Column("instance", String, primary_key=True),
    Column("sealed", LargeBinary, nullable=False),
)

entries = Table(
    "entries",
    metadata,
    Column("number", Integer, primary_key=True, autoincrement=True),
    Column("key", String, nullable=False, unique=True),
    Column("place", Integer, nullable=True, unique=True),
    Column("subject", String, nullable=True, index=True),
    Column("entry", LargeBinary, nullable=False),
    Column("record", LargeBinary, nullable=False),
    sqlite_autoincrement=True,
)

head = Table(
    "head",
    metadata,
    Column("only", Integer, primary_key=True),
    Column("note", String, nullable=False),
    Column("frontier", LargeBinary, nullable=False),
)

Index("entries_queue", entries.c.number, sqlite_where=entries.c.place.is_(None))
