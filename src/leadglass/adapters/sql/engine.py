"""SQLite as the site uses it: durable, one writer at a time, nothing deleted that stays readable."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Literal

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError

from leadglass.errors import UnavailableError

BUSY_TIMEOUT_MS = 30_000


def sqlite_engine(path: Path, *, journal: Literal["WAL", "DELETE"]) -> Engine:
    """An engine over one SQLite file: full synchronisation, secure delete, every transaction immediate.

    With the journal ``DELETE`` a deleted row is gone from the disk's files when the commit returns; with ``WAL`` it stays
    readable beside the database until the next checkpoint, which is right for everything but keys.
    """
    engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": BUSY_TIMEOUT_MS / 1000})

    @event.listens_for(engine, "connect")
    def configure(connection: Any, _: object) -> None:
        connection.isolation_level = None  # the driver begins nothing by itself
        cursor = connection.cursor()
        for pragma in (f"journal_mode={journal}", "synchronous=FULL", "secure_delete=ON", "foreign_keys=ON"):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return engine


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Database trouble as errors of ours; what was wrong with the caller's own block passes through."""
    try:
        yield
    except DBAPIError as error:
        raise UnavailableError(
            f"the database {path.name} did not answer: {error.orig}",
            hint="is the disk full, the file damaged, or locked by another program?",
        ) from error
