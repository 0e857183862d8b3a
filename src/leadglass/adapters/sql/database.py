"""Database, Transaction, Table and Log over SQLAlchemy Core and SQLite."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, Protocol, TypeVar

from sqlalchemy import Connection, func, select
from sqlalchemy import Table as SqlTable
from sqlalchemy.dialects.sqlite import insert as insert_ignoring
from sqlalchemy.exc import IntegrityError

from leadglass.adapters.files import write_new
from leadglass.adapters.sql import schema
from leadglass.adapters.sql.engine import sqlite_engine, translated
from leadglass.adapters.sql.records import decode, encode
from leadglass.errors import ConfigError, ConflictError, MalformedError, ProofError, UnavailableError
from leadglass.model.access import Account, Grant, Order, Ticket
from leadglass.model.entry import Entry
from leadglass.model.ids import EntryId, InstanceId, Term
from leadglass.model.instance import StoredInstance
from leadglass.model.release import Release
from leadglass.ports import Head, Logged

R = TypeVar("R")


class Cipher(Protocol):
    """Seals a record for its place (table and key), so that rows cannot be read or exchanged."""

    def seal(self, data: bytes, *, context: str) -> bytes: ...
    def unseal(self, data: bytes, *, context: str) -> bytes: ...


class SqlDatabase:
    """The site's database file."""

    def __init__(self, path: Path, *, cipher: Cipher) -> None:
        self._path = path
        self._cipher = cipher
        self._engine = sqlite_engine(path, journal="WAL")

    def create(self) -> None:
        """Make the tables in a new file, readable by its owner alone."""
        write_new(self._path, b"", mode=0o600)
        with translated(self._path), self._engine.begin() as connection:
            schema.metadata.create_all(connection)
            connection.exec_driver_sql(f"PRAGMA user_version={schema.VERSION}")

    def check_version(self) -> None:
        """Raises ConfigError when the file was written by another version of leadglass."""
        with translated(self._path), self._engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if found != schema.VERSION:
            raise ConfigError(
                f"{self._path.name} has schema version {found}, this leadglass works with {schema.VERSION}",
                hint="use the leadglass that made the site, or migrate it",
            )

    def close(self) -> None:
        self._engine.dispose()

    @contextmanager
    def begin(self) -> Iterator[SqlTransaction]:
        with translated(self._path), self._engine.begin() as connection:
            yield SqlTransaction(connection, self._cipher)

    def scrub(self) -> None:
        # What was deleted was overwritten then (secure_delete), in pages that lie in the journal. They take the place of the
        # older ones in the file, and the journal is truncated (sqlite.org/pragma.html#pragma_wal_checkpoint).
        try:
            with translated(self._path), self._engine.connect() as connection:
                # Beside SQLAlchemy, which would begin a transaction: this runs outside of any.
                cursor = connection.connection.cursor()
                busy, _, _ = cursor.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
                cursor.close()
        except sqlite3.Error as error:
            raise _not_scrubbed(self._path, str(error)) from error
        if busy:
            raise _not_scrubbed(self._path, "somebody reads its journal")


def _not_scrubbed(path: Path, why: str) -> UnavailableError:
    return UnavailableError(
        f"what was deleted may lie beside {path.name} still: {why}", hint="when that is over, run: leadglass maintain"
    )


@dataclass(frozen=True)
class _Kind(Generic[R]):
    """How records of one kind lie in their table."""

    table: SqlTable
    type: type[R]
    key: Callable[[R], str]
    index: Callable[[R], Mapping[str, str | None]]


_PEOPLE = _Kind(schema.people, Account, lambda r: r.actor.name, lambda _: {})
_INSTANCES = _Kind(
    schema.instances,
    StoredInstance,
    lambda r: r.id,
    lambda r: {"study": r.study, "patient": r.patient, "accession": r.accession},
)
_TICKETS = _Kind(schema.tickets, Ticket, lambda r: r.id, lambda r: {"state": r.state, "instance": r.request.instance})
_ORDERS = _Kind(schema.orders, Order, lambda r: r.id, lambda r: {"accession": r.accession_term})
_GRANTS = _Kind(schema.grants, Grant, lambda r: r.id, lambda r: {"instance": r.request.instance})
_RELEASES = _Kind(schema.releases, Release, lambda r: r.id, lambda r: {"instance": r.instance})


def _stored(value: object) -> bytes:
    """The bytes in a column. SQLite keeps what it is given: after somebody's own SQL it may be text, or a number."""
    return value if isinstance(value, bytes) else str(value).encode()


class RecordTable(Generic[R]):
    def __init__(self, connection: Connection, cipher: Cipher, kind: _Kind[R]) -> None:
        self._connection = connection
        self._cipher = cipher
        self._kind = kind

    def add(self, record: R) -> None:
        key = self._kind.key(record)
        values = {"key": key, "record": self._sealed(record), **self._kind.index(record)}
        try:
            self._connection.execute(self._kind.table.insert().values(values))
        except IntegrityError as error:
            raise ConflictError(f"{self._kind.table.name} {key} stands already") from error

    def get(self, key: str) -> R | None:
        table = self._kind.table
        sealed = self._connection.execute(select(table.c.record).where(table.c.key == key)).scalar_one_or_none()
        return None if sealed is None else self._unsealed(key, sealed)

    def swap(self, old: R, new: R) -> None:
        key = self._kind.key(old)
        if self.get(key) != old or self._kind.key(new) != key:
            raise ConflictError(f"{self._kind.table.name} {key} was changed by somebody else", hint="try again")
        table = self._kind.table
        values = {"record": self._sealed(new), **self._kind.index(new)}
        self._connection.execute(table.update().where(table.c.key == key).values(values))

    def find(self, **equal: str) -> tuple[R, ...]:
        table = self._kind.table
        query = select(table.c.key, table.c.record).order_by(table.c.number)
        for column, value in equal.items():
            query = query.where(table.c[column] == value)
        return tuple(self._unsealed(key, sealed) for key, sealed in self._connection.execute(query))

    def _sealed(self, record: R) -> bytes:
        return self._cipher.seal(encode(record), context=self._context(self._kind.key(record)))

    def _unsealed(self, key: str, sealed: bytes) -> R:
        return decode(self._kind.type, self._cipher.unseal(_stored(sealed), context=self._context(key)))

    def _context(self, key: str) -> str:
        return f"{self._kind.table.name}/{key}"


class SqlTerms:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def add(self, instance: InstanceId, terms: Iterable[Term]) -> None:
        rows = [{"term": term, "instance": instance} for term in sorted(set(terms))]
        if rows:
            self._connection.execute(insert_ignoring(schema.terms).on_conflict_do_nothing(), rows)

    def find(self, term: Term) -> tuple[InstanceId, ...]:
        query = select(schema.terms.c.instance).where(schema.terms.c.term == term).order_by(schema.terms.c.instance)
        return tuple(InstanceId(instance) for instance in self._connection.execute(query).scalars())

    def discard(self, instance: InstanceId) -> None:
        self._connection.execute(schema.terms.delete().where(schema.terms.c.instance == instance))


class SqlFingerprints:
    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def put(self, instance: InstanceId, sealed: bytes) -> None:
        row = insert_ignoring(schema.fingerprints).values(instance=instance, sealed=sealed)
        self._connection.execute(row.on_conflict_do_update(index_elements=["instance"], set_={"sealed": sealed}))

    def known(self) -> frozenset[InstanceId]:
        return frozenset(self._connection.execute(select(schema.fingerprints.c.instance)).scalars())

    def each(self) -> Iterator[tuple[InstanceId, bytes]]:
        f = schema.fingerprints.c
        for instance, sealed in self._connection.execute(select(f.instance, f.sealed).order_by(f.instance)):
            yield InstanceId(instance), _stored(sealed)

    def discard(self, instance: InstanceId) -> None:
        self._connection.execute(schema.fingerprints.delete().where(schema.fingerprints.c.instance == instance))


class SqlLog:
    """Entries lie in one table; having a place is being in the log, having none is being in the queue."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def enqueue(self, entry: Entry, *, record: bytes) -> None:
        values = {"key": entry.id, "subject": entry.subject, "entry": entry.encode(), "record": record}
        try:
            self._connection.execute(schema.entries.insert().values(values))
        except IntegrityError as error:
            raise ConflictError(f"entry {entry.id} stands already") from error

    def queued(self, limit: int) -> tuple[Logged, ...]:
        e = schema.entries.c
        return self._logged(_ENTRIES.where(e.place.is_(None)).order_by(e.number).limit(limit))

    def append(self, batch: Sequence[Logged]) -> None:
        size = self.size()
        for place, logged in enumerate(batch, start=size):
            e = schema.entries.c
            try:
                key = Entry.decode(logged.entry).id
            except MalformedError as error:
                raise ProofError(
                    "an entry that waits for its place was damaged", hint="run: leadglass log verify"
                ) from error
            placed = schema.entries.update().where(e.key == key, e.place.is_(None)).values(place=place)
            if self._connection.execute(placed).rowcount != 1:
                raise ConflictError(f"entry {key} is not in the queue")

    def size(self) -> int:
        last = self._connection.execute(select(func.max(schema.entries.c.place))).scalar_one()
        if last is None:
            return 0
        if not isinstance(last, int):
            raise ProofError("a place in the log is no number", hint="run: leadglass log verify")
        return last + 1

    def read(self, start: int, stop: int) -> tuple[Logged, ...]:
        e = schema.entries.c
        return self._logged(_ENTRIES.where(e.place >= start, e.place < stop).order_by(e.place))

    def about(self, subject: str) -> tuple[Logged, ...]:
        e = schema.entries.c
        return self._logged(_ENTRIES.where(e.subject == subject).order_by(e.place.is_(None), e.place, e.number))

    def place(self, entry: EntryId) -> int | None:
        e = schema.entries.c
        found: int | None = self._connection.execute(select(e.place).where(e.key == entry)).scalar_one_or_none()
        return found

    def checkpoint(self) -> Head | None:
        rows = self._connection.execute(select(schema.head.c.note, schema.head.c.frontier)).all()
        if len(rows) > 1:
            raise ProofError("the database holds more than one head of the log", hint="run: leadglass log verify")
        return Head(_stored(rows[0].note).decode(errors="replace"), _stored(rows[0].frontier)) if rows else None

    def advance(self, old: Head | None, new: Head) -> None:
        if self.checkpoint() != old:
            raise ConflictError("the log's head was moved by somebody else", hint="try again")
        values = {"only": 1, "note": new.note, "frontier": new.frontier}
        change = schema.head.insert() if old is None else schema.head.update()
        self._connection.execute(change.values(values))

    def _logged(self, query: Any) -> tuple[Logged, ...]:
        found = self._connection.execute(query)
        return tuple(Logged(index, _stored(entry), _stored(record)) for index, entry, record in found)


_ENTRIES = select(schema.entries.c.place, schema.entries.c.entry, schema.entries.c.record)


class SqlTransaction:
    def __init__(self, connection: Connection, cipher: Cipher) -> None:
        self.people = RecordTable(connection, cipher, _PEOPLE)
        self.instances = RecordTable(connection, cipher, _INSTANCES)
        self.orders = RecordTable(connection, cipher, _ORDERS)
        self.tickets = RecordTable(connection, cipher, _TICKETS)
        self.grants = RecordTable(connection, cipher, _GRANTS)
        self.releases = RecordTable(connection, cipher, _RELEASES)
        self.terms = SqlTerms(connection)
        self.fingerprints = SqlFingerprints(connection)
        self.log = SqlLog(connection)
