"""Keys in files: one root key that only the owner may read, instance keys in a database of their own.

The database holds each key wrapped under a key derived from the root. It is journalled so that a destroyed key is gone
from the disk's files when ``destroy`` returns. It is small: back it up apart from everything else, or not at all.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator
from pathlib import Path

from sqlalchemy import Column, LargeBinary, MetaData, String, Table, select
from sqlalchemy.dialects.sqlite import insert

from leadglass.adapters.files import write_new
from leadglass.adapters.sql.engine import sqlite_engine, translated
from leadglass.errors import ConfigError, ShreddedError
from leadglass.seal.keys import derive, unwrap, wrap

ROOT_KEY_FORMAT = "leadglass/root-key@v1"

_metadata = MetaData()
_keys = Table(
    "keys",
    _metadata,
    Column("name", String, primary_key=True),
    # Null once destroyed: the name stays, so that it is never used again.
    Column("wrapped", LargeBinary, nullable=True),
)


def new_root_key(path: Path) -> None:
    """Write a new root key, readable by its owner alone.

    Raises:
        ConflictError: the file is there.
    """
    write_new(path, f"{ROOT_KEY_FORMAT} {os.urandom(32).hex()}\n".encode(), mode=0o600)


def read_root_key(path: Path) -> bytes:
    """The 32 bytes of the root key.

    Raises:
        ConfigError: missing, readable by others, or not a root key.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the root key {path.name} cannot be read", hint=f"look at {path}") from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"the root key {path.name} can be read by others", hint=f"chmod 600 {path}")
    name, _, key = text.strip().partition(" ")
    try:
        root = bytes.fromhex(key)
    except ValueError:
        root = b""
    if name != ROOT_KEY_FORMAT or len(root) != 32:
        raise ConfigError(f"{path.name} is no {ROOT_KEY_FORMAT}", hint="restore the root key of this site")
    return root


class FileKeys:
    """``Keys`` over a root key and ``keys.db``."""

    def __init__(self, root: bytes, path: Path) -> None:
        self._root = root
        self._kek = self.secret("instance keys")
        self._path = path
        self._engine = sqlite_engine(path, journal="DELETE")

    def make(self) -> None:
        """Make the table in a new file, readable by its owner alone."""
        write_new(self._path, b"", mode=0o600)
        with translated(self._path), self._engine.begin() as connection:
            _metadata.create_all(connection)

    def close(self) -> None:
        self._engine.dispose()

    def secret(self, label: str) -> bytes:
        return derive(self._root, label=f"leadglass/site/{label}")

    def create(self, name: str) -> None:
        wrapped = wrap(os.urandom(32), kek=self._kek, context=name.encode(), nonce=os.urandom(12))
        with translated(self._path), self._engine.begin() as connection:
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
            found = {row.name: row.wrapped for row in connection.execute(select(_keys.c.name, _keys.c.wrapped))}
        for name, data, context in wrapped:
            sealed = found.get(name)
            if sealed is None:
                yield None
            else:
                yield unwrap(data, kek=unwrap(sealed, kek=self._kek, context=name.encode()), context=context.encode())

    def destroy(self, name: str) -> None:
        destroyed = insert(_keys).values(name=name, wrapped=None)
        with translated(self._path), self._engine.begin() as connection:
            connection.execute(destroyed.on_conflict_do_update(index_elements=["name"], set_={"wrapped": None}))

    def _key(self, name: str) -> bytes:
        with translated(self._path), self._engine.connect() as connection:
            found = connection.execute(select(_keys.c.wrapped).where(_keys.c.name == name)).scalar_one_or_none()
        if found is None:
            raise _shredded(name)
        return unwrap(found, kek=self._kek, context=name.encode())


def _shredded(name: str) -> ShreddedError:
    return ShreddedError(f"the key of {name} does not exist any more", hint="what it sealed is gone for good")
