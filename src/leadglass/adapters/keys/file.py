"""Keys in files: a root key that only the owner may read, and under it all others in a database of their own.

The root key wraps two keys, and those do the rest:

- the *site secret*, from which ``secret`` derives names, index terms, marks and the log's key. It never changes, so that
  what was named and marked years ago is still recognised;
- the *wrapping key*, which wraps the key of each instance, and has a generation. Each ``destroy`` replaces it and wraps anew
  what stays: an old page, journal or copy of a wrapped key opens under no key that there is now.

``rotate_root`` wraps these two under a new root key; nothing else is touched. SQLite keeps the journal as a file, which
``destroy`` and ``rotate_root`` overwrite, since deleting it would leave its blocks to whoever reads the disk.
"""

from __future__ import annotations

import json
import os
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Connection, Integer, LargeBinary, MetaData, String, Table, bindparam, event, select
from sqlalchemy.dialects.sqlite import insert

from leadglass.adapters.files import write_new
from leadglass.adapters.keys.root import RootFile, new_root_key, overwrite, read_root_key
from leadglass.adapters.sql.engine import sqlite_engine, translated
from leadglass.errors import ConfigError, MalformedError, SealBrokenError, ShreddedError, UnavailableError
from leadglass.seal.escrow import RANDOMNESS_SIZE, split
from leadglass.seal.keys import derive, unwrap, wrap

__all__ = ["FileKeys", "new_root_key", "read_root_key"]

VERSION = 2
"""Of ``keys.db`` (PRAGMA user_version) and of what ``exported`` writes."""

SITE_SECRET, WRAPPING_KEY = "site secret", "wrapping key"

_BATCH = 4096
"""Rows that are wrapped anew, or exported, at once."""

_metadata = MetaData()
_tops = Table(
    "tops",
    _metadata,
    Column("kind", String, primary_key=True),
    Column("generation", Integer, nullable=False),
    Column("root", Integer, nullable=False),  # the generation of the root key it is wrapped under
    Column("wrapped", LargeBinary, nullable=False),
)
_keys = Table(
    "keys",
    _metadata,
    Column("name", String, primary_key=True),
    # Null once destroyed: the name stays, so that it is never used again.
    Column("wrapped", LargeBinary, nullable=True),
)

_TOP = select(_tops.c.wrapped).where(_tops.c.kind == WRAPPING_KEY)
_BOTH = select(_keys.c.wrapped, _TOP.scalar_subquery().label("top")).where(_keys.c.name == bindparam("name"))
"""A wrapped key, and what it is wrapped under, at one moment."""


class FileKeys:
    """``Keys`` over a root key and ``keys.db``.

    ``root`` is the 32 bytes of the root key; with ``root_file`` they may follow from there, also when another process
    exchanges them while this one works.

    Raises:
        SealBrokenError: from any method: no root key that there is opens ``keys.db``.
        UnavailableError: from any method: the database does not answer.
    """

    def __init__(self, root: bytes | None, path: Path, *, root_file: RootFile | None = None) -> None:
        self._root = root
        self._root_file = root_file
        self._path = path
        self._engine = sqlite_engine(path, journal="DELETE")
        self._secret: bytes | None = None
        self._wrapping: tuple[bytes, bytes] = (b"", b"")

        @event.listens_for(self._engine, "connect")
        def configure(connection: Any, _: object) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=PERSIST")
            cursor.execute("PRAGMA temp_store=MEMORY")
            cursor.close()

    def make(self) -> None:
        """Make the tables in a new file, readable by its owner alone, with a new site secret and wrapping key.

        Raises:
            ConflictError: the file is there.
        """
        write_new(self._path, b"", mode=0o600)
        with translated(self._path), self._engine.begin() as connection:
            _create(connection)
            for kind in (SITE_SECRET, WRAPPING_KEY):
                _put_top(connection, kind, os.urandom(32), generation=1, root=self._first_root(), root_generation=1)

    def check_version(self) -> None:
        """Raises ConfigError when the file was written by another version of leadglass."""
        with translated(self._path), self._engine.connect() as connection:
            found = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        if found != VERSION:
            raise ConfigError(
                f"{self._path.name} has version {found}, this leadglass works with {VERSION}",
                hint="use the leadglass that made the site",
            )

    def close(self) -> None:
        self._engine.dispose()

    def secret(self, label: str) -> bytes:
        if self._secret is None:
            self.check_version()
            with translated(self._path), self._engine.connect() as connection:
                self._secret = self._top(connection, SITE_SECRET)
        return derive(self._secret, label=f"leadglass/site/{label}")

    def create(self, name: str) -> None:
        with translated(self._path), self._engine.begin() as connection:
            kek = self._wrapping_key(connection)
            wrapped = wrap(os.urandom(32), kek=kek, context=name.encode(), nonce=os.urandom(12))
            connection.execute(insert(_keys).values(name=name, wrapped=wrapped).on_conflict_do_nothing())
            found = connection.execute(select(_keys.c.wrapped).where(_keys.c.name == name)).scalar_one()
        if found is None:
            raise _shredded(name)

    def wrap(self, name: str, data: bytes, *, context: str) -> bytes:
        return wrap(data, kek=self._key(name), context=context.encode(), nonce=os.urandom(12))

    def unwrap(self, name: str, wrapped: bytes, *, context: str) -> bytes:
        return unwrap(wrapped, kek=self._key(name), context=context.encode())

    def unwrap_each(self, wrapped: Iterable[tuple[str, bytes, str]]) -> Iterator[bytes | None]:
        with translated(self._path), self._engine.connect() as connection:
            kek = self._wrapping_key(connection)
            found = {row.name: row.wrapped for row in connection.execute(select(_keys.c.name, _keys.c.wrapped))}
        for name, data, context in wrapped:
            sealed = found.get(name)
            if sealed is None:
                yield None
            else:
                yield unwrap(data, kek=unwrap(sealed, kek=kek, context=name.encode()), context=context.encode())

    def destroy(self, name: str, *more: str) -> None:
        """As the port says, for one key or for many, which then share one exchange of the wrapping key."""
        names = (name, *more)
        with translated(self._path), self._engine.begin() as connection:
            held = any(self._stored(connection, each) is not None for each in names)
            for each in names:
                destroyed = insert(_keys).values(name=each, wrapped=None)
                connection.execute(destroyed.on_conflict_do_update(index_elements=["name"], set_={"wrapped": None}))
            if held:
                self._rewrap(connection)
        # Also when nothing was held: a crash may have come between the commit and this.
        self._clear_journal()

    def rotate_root(self) -> int:
        """Exchange the root key; gives the new one's generation. After a crash anywhere the site opens, and this goes on.

        Raises:
            ConfigError: the root key is not in a file of the site.
        """
        if self._root_file is None:
            raise ConfigError("the root key is not in a file of the site", hint="leadglass root rotate")
        with translated(self._path), self._engine.begin() as connection:
            self._settle(connection)
            rows = list(connection.execute(select(_tops)))
            keys = {row.kind: self._top(connection, row.kind) for row in rows}
            root = os.urandom(32)
            generation: int = max(row.root for row in rows) + 1
            self._root_file.prepare(root)
            connection.execute(_tops.delete())
            for row in rows:
                _put_top(
                    connection, row.kind, keys[row.kind], generation=row.generation, root=root, root_generation=generation
                )
        self._root = root
        with translated(self._path), self._engine.begin() as connection:
            self._settle(connection)
        self._clear_journal()
        return generation

    def split_root(self, origin: str) -> tuple[str, ...]:
        """The root key in three shares, lines of text, any two of which give it back (``seal.escrow``)."""
        with translated(self._path), self._engine.connect() as connection:
            self._top(connection, SITE_SECRET)
            generation = connection.execute(select(_tops.c.root).where(_tops.c.kind == SITE_SECRET)).scalar_one()
        root, randomness = self._root or b"", os.urandom(RANDOMNESS_SIZE)
        return tuple(each.encode() for each in split(root, origin=origin, generation=generation, randomness=randomness))

    def root_generation(self) -> int:
        """How often the root key was exchanged, plus 1. Needs no root key."""
        self.check_version()
        with translated(self._path), self._engine.connect() as connection:
            generation: int | None = connection.execute(
                select(_tops.c.root).where(_tops.c.kind == SITE_SECRET)
            ).scalar_one_or_none()
        if generation is None:
            raise UnavailableError(f"{self._path.name} holds no site secret", hint="restore the site from a backup")
        return generation

    def exported(self) -> Iterator[bytes]:
        """Everything in ``keys.db`` as it is, wrapped, as it stands at one moment: parts of lines of JSON.

        The first part has the two keys under the root key: ``kind``, ``generation``, ``root``, ``wrapped``. The others have
        those of instances, at most 4096 a part: ``name``, ``wrapped`` (Base64; null once destroyed).
        """
        with translated(self._path), self._engine.connect() as connection:
            tops = connection.execute(select(_tops).order_by(_tops.c.kind)).mappings()
            yield _lines(dict(row) for row in tops)
            after = ""
            query = select(_keys).order_by(_keys.c.name).limit(_BATCH)
            while rows := connection.execute(query.where(_keys.c.name > after)).all():
                yield _lines({"name": row.name, "wrapped": row.wrapped} for row in rows)
                after = rows[-1].name

    def bring_in(self, parts: Iterable[bytes]) -> None:
        """Make ``keys.db`` in a new file of what ``exported`` gave.

        Raises:
            ConflictError: the file is there.
            MalformedError: the parts are not what ``exported`` gives.
        """
        write_new(self._path, b"", mode=0o600)
        with translated(self._path), self._engine.begin() as connection:
            _create(connection)
            for number, part in enumerate(parts):
                rows = _rows(part, ("name", "wrapped") if number else ("kind", "generation", "root", "wrapped"))
                if rows:
                    connection.execute((_keys if number else _tops).insert(), rows)

    def _key(self, name: str) -> bytes:
        with translated(self._path), self._engine.connect() as connection:
            row = connection.execute(_BOTH, {"name": name}).one_or_none()
            if row is None or row.wrapped is None:
                raise _shredded(name)
            return unwrap(row.wrapped, kek=self._remembered(connection, row.top), context=name.encode())

    def _stored(self, connection: Connection, name: str) -> bytes | None:
        found: bytes | None = connection.execute(select(_keys.c.wrapped).where(_keys.c.name == name)).scalar_one_or_none()
        return found

    def _wrapping_key(self, connection: Connection) -> bytes:
        """The wrapping key as it is in this transaction."""
        return self._remembered(connection, connection.execute(_TOP).scalar_one_or_none())

    def _remembered(self, connection: Connection, wrapped: bytes | None) -> bytes:
        """The wrapping key that is stored as ``wrapped``: another process may have replaced the one that is remembered."""
        if wrapped is None or wrapped != self._wrapping[0]:
            self._wrapping = (wrapped or b"", self._top(connection, WRAPPING_KEY))
        return self._wrapping[1]

    def _top(self, connection: Connection, kind: str) -> bytes:
        row = connection.execute(select(_tops).where(_tops.c.kind == kind)).one_or_none()
        if row is None:
            raise UnavailableError(f"{self._path.name} holds no {kind}", hint="restore the site from a backup")
        for root in self._roots():
            key = _opened_top(row, root)
            if key is not None:
                self._root = root
                return key
        raise self._broken(row.root)

    def _broken(self, generation: int) -> SealBrokenError:
        return SealBrokenError(
            f"the root key does not open {self._path.name}",
            hint=f"put back root key {generation} of this site, or two shares of it: leadglass root recover",
        )

    def _roots(self) -> Iterator[bytes]:
        if self._root is not None:
            yield self._root
        if self._root_file is not None:
            yield from self._root_file.found()

    def _first_root(self) -> bytes:
        return next(self._roots())

    def _settle(self, connection: Connection) -> None:
        """Finish or undo an exchange of the root key that a crash cut short. The caller holds the lock."""
        assert self._root_file is not None  # noqa: S101 - asked by who has one
        successor = self._root_file.successor()
        row = connection.execute(select(_tops).where(_tops.c.kind == SITE_SECRET)).one()
        if successor is not None and _opened_top(row, successor) is not None:
            self._root_file.take_over()
        elif any(_opened_top(row, root) is not None for root in self._root_file.found()):
            self._root_file.give_up()
        else:
            raise self._broken(row.root)

    def _rewrap(self, connection: Connection) -> None:
        """Every key that stays, under a new wrapping key; the old one is nowhere afterwards."""
        old, new = self._wrapping_key(connection), os.urandom(32)
        last = 0
        query = "SELECT rowid, name, wrapped FROM keys WHERE rowid > ? AND wrapped IS NOT NULL ORDER BY rowid LIMIT ?"
        while rows := connection.exec_driver_sql(query, (last, _BATCH)).all():
            changed = []
            for rowid, name, wrapped in rows:
                context = name.encode()
                key = unwrap(wrapped, kek=old, context=context)
                changed.append((wrap(key, kek=new, context=context, nonce=os.urandom(12)), rowid))
            connection.exec_driver_sql("UPDATE keys SET wrapped = ? WHERE rowid = ?", changed)
            last = rows[-1].rowid
        row = connection.execute(select(_tops).where(_tops.c.kind == WRAPPING_KEY)).one()
        connection.execute(_tops.delete().where(_tops.c.kind == WRAPPING_KEY))
        _put_top(
            connection,
            WRAPPING_KEY,
            new,
            generation=row.generation + 1,
            root=self._root or b"",
            root_generation=row.root,
        )

    def _clear_journal(self) -> None:
        """Overwrite what the journal keeps of pages before their change."""
        journal = self._path.with_name(f"{self._path.name}-journal")
        # Whoever holds the lock is the only one to write, and a journal of zeros is none (sqlite.org/tempfiles.html).
        with translated(self._path), self._engine.begin():
            try:
                overwrite(journal)
            except FileNotFoundError:
                return
            except OSError as error:
                raise UnavailableError(
                    f"{journal.name} cannot be overwritten: {error.strerror}", hint=f"look at {journal.parent}"
                ) from error


def _create(connection: Connection) -> None:
    _metadata.create_all(connection)
    connection.exec_driver_sql(f"PRAGMA user_version={VERSION}")


def _put_top(connection: Connection, kind: str, key: bytes, *, generation: int, root: bytes, root_generation: int) -> None:
    context = _context(kind, generation=generation, root=root_generation)
    wrapped = wrap(key, kek=_root_kek(root), context=context, nonce=os.urandom(12))
    connection.execute(_tops.insert().values(kind=kind, generation=generation, root=root_generation, wrapped=wrapped))


def _opened_top(row: Any, root: bytes) -> bytes | None:
    context = _context(row.kind, generation=row.generation, root=row.root)
    try:
        return unwrap(row.wrapped, kek=_root_kek(root), context=context)
    except SealBrokenError:
        return None


def _root_kek(root: bytes) -> bytes:
    return derive(root, label="leadglass/root")


def _context(kind: str, *, generation: int, root: int) -> bytes:
    return f"leadglass/{kind} {generation} under root {root}".encode()


def _lines(rows: Iterable[dict[str, Any]]) -> bytes:
    def plain(value: Any) -> Any:
        return b64encode(value).decode() if isinstance(value, bytes) else value

    return b"".join(json.dumps({k: plain(v) for k, v in row.items()}).encode() + b"\n" for row in rows)


def _rows(part: bytes, names: tuple[str, ...]) -> list[dict[str, Any]]:
    try:
        rows = [json.loads(line) for line in part.splitlines()]
        for row in rows:
            if tuple(row) != names:
                raise ValueError("other fields")
            row["wrapped"] = None if row["wrapped"] is None else b64decode(row["wrapped"], validate=True)
    except (ValueError, TypeError, AttributeError) as error:
        raise MalformedError("a part of the keys in the backup cannot be read") from error
    return rows


def _shredded(name: str) -> ShreddedError:
    return ShreddedError(f"the key of {name} does not exist any more", hint="what it sealed is gone for good")
