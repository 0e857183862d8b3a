"""The truth of a run: which files are done, which chunks were claimed, what has still to be put in its place.

One SQLite file. A chunk's files and the moves that put its outputs in their place are committed together, and only then are
the moves made, so nothing is ever in the output folder that the journal does not know, and a restart finishes what was
decided. A commit survives the death of the process. It reaches the disk at the next ``secure``, together with the outputs;
after a loss of power the chunks that were not secure are done again.
"""

from __future__ import annotations

import json
import os
import socket
import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from leadglass.errors import ConflictError, UnavailableError

FORMAT = "leadglass/run@v1"

_SCHEMA = """
CREATE TABLE setting (name TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE source (id INTEGER PRIMARY KEY, path BLOB NOT NULL UNIQUE);
CREATE TABLE session (
    id INTEGER PRIMARY KEY, started INTEGER NOT NULL, ended INTEGER, version TEXT NOT NULL, engine TEXT NOT NULL,
    host TEXT NOT NULL
);
CREATE TABLE chunk (
    id INTEGER PRIMARY KEY, session INTEGER NOT NULL, files INTEGER NOT NULL, bytes INTEGER NOT NULL,
    state TEXT NOT NULL, claimed_by TEXT, losses INTEGER NOT NULL DEFAULT 0, secure INTEGER NOT NULL DEFAULT 0
);
CREATE TABLE file (
    source INTEGER NOT NULL, path BLOB NOT NULL, chunk INTEGER, size INTEGER NOT NULL, modified INTEGER NOT NULL,
    state TEXT NOT NULL, reason TEXT, again INTEGER NOT NULL, wanted BLOB, output BLOB, written TEXT, written_size INTEGER,
    received TEXT, pixels TEXT NOT NULL, findings TEXT NOT NULL, modality TEXT, sop_class TEXT, at INTEGER NOT NULL,
    session INTEGER NOT NULL,
    PRIMARY KEY (source, path)
) WITHOUT ROWID;
CREATE INDEX file_wanted ON file (wanted) WHERE wanted IS NOT NULL;
CREATE INDEX file_apart ON file (wanted) WHERE output <> wanted;
CREATE INDEX file_chunk ON file (chunk);
CREATE TABLE move (id INTEGER PRIMARY KEY, staged INTEGER NOT NULL, place BLOB NOT NULL, target BLOB);
"""

_COLUMNS = (
    "path, size, modified, state, reason, again, wanted, output, written, written_size, received, pixels, findings, "
    "modality, sop_class, at"
)


@dataclass(frozen=True)
class Record:
    """What became of one file. Paths are text with undecodable bytes as surrogates; ``path`` may name a patient.

    ``wanted`` is the output's name by rule, ``output`` the one it has. ``size`` and ``written_size`` are bytes,
    ``modified`` nanoseconds and ``at`` milliseconds since 1970. ``again`` asks for another try in the next run.
    """

    path: str
    size: int
    modified: int
    state: str
    reason: str | None
    pixels: str
    findings: Mapping[str, int]
    at: int
    wanted: str | None = None
    output: str | None = None
    written: str | None = None
    written_size: int | None = None
    received: str | None = None
    modality: str | None = None
    sop_class: str | None = None
    again: bool = False


@dataclass(frozen=True)
class Move:
    """A file gets its place: from ``place`` (in the staging folder or among the outputs) to ``target``, or away."""

    place: str
    target: str | None
    staged: bool = False


class Journal:
    """The journal in ``path``, made when it is missing; one process has it at a time.

    Raises:
        ConflictError: another run has it, or the file is no journal of this version.
        UnavailableError: here or later: the disk is full or the file cannot be used.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._translated():
            os.close(os.open(path, os.O_CREAT | os.O_WRONLY, 0o600))  # its paths are nobody else's business
        with self._translated():
            self._database = sqlite3.connect(path, isolation_level=None, timeout=1, check_same_thread=False)
        try:
            with self._translated():
                # Held exclusively there is no shared memory, so the file may lie on a network share.
                self._database.execute("PRAGMA locking_mode=EXCLUSIVE")
                self._database.execute("PRAGMA journal_mode=WAL")
                self._database.execute("PRAGMA synchronous=NORMAL")
                self._make()
        except BaseException:
            self._database.close()
            raise

    def close(self) -> None:
        with suppress(sqlite3.Error):
            self._database.execute("PRAGMA synchronous=FULL")
            self._database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        self._database.close()

    def _make(self) -> None:
        self._database.execute("BEGIN EXCLUSIVE")
        if not self._database.execute("SELECT 1 FROM sqlite_schema").fetchone():
            for statement in filter(str.strip, _SCHEMA.split(";")):
                self._database.execute(statement)
            self._database.execute("INSERT INTO setting VALUES ('format', ?)", (FORMAT,))
        found = self._database.execute("SELECT value FROM setting WHERE name = 'format'").fetchone()
        self._database.execute("COMMIT")
        if found != (FORMAT,):
            raise ConflictError(f"{self._path} is no {FORMAT}", hint="choose another --report folder")

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """What is written in the block is committed together, or not at all."""
        with self._translated():
            self._database.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            with suppress(sqlite3.Error):
                self._database.execute("ROLLBACK")
            raise
        with self._translated():
            self._database.execute("COMMIT")

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.OperationalError as error:
            if getattr(error, "sqlite_errorcode", None) in (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED):
                raise ConflictError(
                    "another run has this report folder", hint=f"wait for it, or see who holds {self._path}"
                ) from error
            raise UnavailableError(
                f"the journal cannot be used: {error}", hint=f"look at {self._path}; is the disk full?"
            ) from error
        except sqlite3.DatabaseError as error:
            raise ConflictError(
                f"{self._path} is no journal of a run: {error}", hint="choose another --report folder"
            ) from error
        except OSError as error:
            raise UnavailableError(f"the journal cannot be used: {error.strerror}", hint=f"look at {self._path}") from error

    def _do(self, statement: str, values: Iterable[Any] = ()) -> sqlite3.Cursor:
        with self._translated():
            return self._database.execute(statement, tuple(values))

    # Settings

    def get(self, name: str) -> str | None:
        """What was put under that name."""
        found = self._do("SELECT value FROM setting WHERE name = ?", [name]).fetchone()
        return found[0] if found else None

    def put(self, name: str, value: str) -> None:
        """Remember a value under a name."""
        self._do("INSERT OR REPLACE INTO setting VALUES (?, ?)", [name, value])

    def empty(self) -> bool:
        """Whether no file is on record."""
        return self._do("SELECT 1 FROM file LIMIT 1").fetchone() is None

    # Sessions and chunks

    def begin(self, *, now: int, version: str, engine: str) -> int:
        """A session: one start of the command. Chunks that an earlier one claimed and did not finish are free again."""
        self._do("UPDATE chunk SET state = 'lost' WHERE state = 'claimed'")
        values = [now, version, engine, socket.gethostname()]
        made = self._do("INSERT INTO session (started, version, engine, host) VALUES (?, ?, ?, ?)", values)
        return made.lastrowid or 0

    def end(self, session: int, *, now: int) -> None:
        """The session came to its end."""
        self._do("UPDATE session SET ended = ? WHERE id = ?", [now, session])

    def claim(self, session: int, *, files: int, size: int) -> int:
        """A new chunk of that many files and bytes."""
        values = [session, files, size]
        made = self._do("INSERT INTO chunk (session, files, bytes, state) VALUES (?, ?, ?, 'claimed')", values)
        return made.lastrowid or 0

    def done(self, chunk: int, *, claimed_by: str) -> None:
        """Every file of the chunk is on record."""
        self._do("UPDATE chunk SET state = 'done', claimed_by = ? WHERE id = ?", [claimed_by, chunk])

    def lost(self, chunk: int, *, losses: int, split: bool) -> None:
        """Its worker died; when it was ``split`` its files are in other chunks now."""
        self._do("UPDATE chunk SET losses = ?, state = ? WHERE id = ?", [losses, "split" if split else "claimed", chunk])

    def secure(self) -> None:
        """All that was committed so far has reached the disk, outputs included; the caller has seen to those."""
        with self.transaction():
            self._do("UPDATE chunk SET secure = 1 WHERE state = 'done' AND secure = 0")

    # Files

    def source(self, path: str) -> int:
        """The number of an input folder."""
        self._do("INSERT OR IGNORE INTO source (path) VALUES (?)", [os.fsencode(path)])
        return int(self._do("SELECT id FROM source WHERE path = ?", [os.fsencode(path)]).fetchone()[0])

    def known(self, source: int, path: str) -> Record | None:
        """What is on record of a file."""
        statement = f"SELECT {_COLUMNS} FROM file WHERE source = ? AND path = ?"  # noqa: S608 - constants
        found = self._do(statement, [source, os.fsencode(path)])
        row = found.fetchone()
        return _record(row) if row else None

    def add(self, record: Record, *, source: int, session: int, chunk: int | None) -> None:
        """Put a file on record, in place of what was there."""
        self._do(
            "INSERT OR REPLACE INTO file (source, chunk, session, path, size, modified, state, reason, again, wanted, "
            "output, written, written_size, received, pixels, findings, modality, sop_class, at) "
            "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
            [
                *(source, chunk, session, os.fsencode(record.path), record.size, record.modified, record.state),
                *(record.reason, record.again, _blob(record.wanted), _blob(record.output), record.written),
                *(record.written_size, record.received, record.pixels, json.dumps(record.findings, sort_keys=True)),
                *(record.modality, record.sop_class, record.at),
            ],
        )

    def holders(self, wanted: str) -> list[tuple[str, str]]:
        """Digest and name of the outputs that want that name, each once."""
        found = self._do(
            "SELECT DISTINCT written, output FROM file WHERE wanted = ? AND state = 'done' ORDER BY written", [_blob(wanted)]
        )
        return [(written, os.fsdecode(output)) for written, output in found]

    def forget(self, source: int, path: str) -> Move | None:
        """Take a file off the record. Gives the move that takes its output away, unless another file has the same one."""
        key = [source, os.fsencode(path)]
        row = self._do("SELECT state, wanted, output FROM file WHERE source = ? AND path = ?", key).fetchone()
        self._do("DELETE FROM file WHERE source = ? AND path = ?", key)
        if row is None or row[0] != "done" or row[2] is None:
            return None
        heir = self._do("SELECT source, path FROM file WHERE wanted = ? AND output = ? LIMIT 1", row[1:]).fetchone()
        if heir is None:
            return Move(os.fsdecode(row[2]), None)
        self._do("UPDATE file SET state = 'done', reason = NULL WHERE source = ? AND path = ?", heir)
        return None

    def unsecured(self) -> list[tuple[int, str]]:
        """Source and path of the files of chunks that may not have reached the disk."""
        found = self._do("SELECT source, path FROM file JOIN chunk ON chunk.id = file.chunk WHERE NOT chunk.secure")
        return [(source, os.fsdecode(path)) for source, path in found]

    def retry_held_back(self, *, by_other_than: str) -> None:
        """Ask for another try of every file that another version of leadglass held back."""
        self._do(
            "UPDATE file SET again = 1 WHERE state = 'quarantined' AND "
            "session IN (SELECT id FROM session WHERE version <> ?)",
            [by_other_than],
        )

    def contested(self) -> list[tuple[str, str]]:
        """The names that an output has though another with other content wants it too, with the digest of the former."""
        found = self._do(
            "SELECT DISTINCT wanted, written FROM file AS first WHERE output = wanted AND state = 'done' AND wanted IN "
            "(SELECT wanted FROM file WHERE output <> wanted AND state = 'done' AND written <> first.written)"
        )
        return [(os.fsdecode(wanted), written) for wanted, written in found]

    def rename(self, wanted: str, *, output: str, reason: str) -> list[tuple[int, Record]]:
        """Give another name to the output that has its wanted one; gives the files that it is of, with their source.

        ``reason`` comes behind what was said already.
        """
        key = _blob(wanted)
        self._do(
            "UPDATE file SET reason = ifnull(reason || '; ', '') || ? WHERE wanted = ? AND output = ? AND state = 'done'",
            [reason, key, key],
        )
        self._do("UPDATE file SET output = ? WHERE wanted = ? AND output = ?", [_blob(output), key, key])
        statement = f"SELECT {_COLUMNS}, source FROM file WHERE wanted = ? AND output = ?"  # noqa: S608 - constants
        found = self._do(statement, [key, _blob(output)])
        return [(row[-1], _record(row[:-1])) for row in found]

    def records(self) -> Iterator[tuple[str, str, Record]]:
        """Every file on record with its source's path and the version of leadglass that did it, in sorted order."""
        columns = ", ".join(f"file.{each}" for each in _COLUMNS.split(", "))
        statement = (
            f"SELECT source.path, session.version, {columns} FROM file "  # noqa: S608 - constants
            "JOIN source ON source.id = file.source JOIN session ON session.id = file.session "
            "ORDER BY file.source, file.path"
        )
        found = self._do(statement)
        for source, version, *row in found:
            yield os.fsdecode(source), version, _record(row)

    def sessions(self) -> list[tuple[int, int | None, str, str]]:
        """Start, end (milliseconds since 1970), version and engine of every session."""
        return self._do("SELECT started, ended, version, engine FROM session ORDER BY id").fetchall()

    # Moves

    def plan(self, moves: Iterable[Move]) -> None:
        """Decide moves; they are made after the commit, and again after a crash until ``moved``."""
        for move in moves:
            values = [move.staged, os.fsencode(move.place), _blob(move.target)]
            self._do("INSERT INTO move (staged, place, target) VALUES (?, ?, ?)", values)

    def planned(self) -> list[Move]:
        """The moves that may not have been made, in order."""
        found = self._do("SELECT staged, place, target FROM move ORDER BY id")
        return [
            Move(os.fsdecode(place), os.fsdecode(target) if target else None, staged=bool(staged))
            for staged, place, target in found
        ]

    def moved(self) -> None:
        """Every planned move was made."""
        self._do("DELETE FROM move")


def _blob(path: str | None) -> bytes | None:
    return None if path is None else os.fsencode(path)


def _record(row: tuple[Any, ...] | list[Any]) -> Record:
    path, size, modified, state, reason, again, wanted, output, written, written_size, received, pixels, findings, *rest = (
        row
    )
    modality, sop_class, at = rest
    return Record(
        path=os.fsdecode(path),
        size=size,
        modified=modified,
        state=state,
        reason=reason,
        pixels=pixels,
        findings=json.loads(findings),
        at=at,
        wanted=os.fsdecode(wanted) if wanted is not None else None,
        output=os.fsdecode(output) if output is not None else None,
        written=written,
        written_size=written_size,
        received=received,
        modality=modality,
        sop_class=sop_class,
        again=bool(again),
    )
