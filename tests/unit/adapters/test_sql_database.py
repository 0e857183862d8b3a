"""The site's database file: another version is refused, and what was deleted is on the disk no more."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from leadglass.adapters.sql import engine, schema
from leadglass.adapters.sql.cipher import RecordCipher
from leadglass.adapters.sql.database import SqlDatabase
from leadglass.adapters.system import SystemEntropy
from leadglass.errors import ConfigError, UnavailableError
from leadglass.model.ids import InstanceId, Term


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "leadglass.db"


@pytest.fixture
def database(path: Path) -> Iterator[SqlDatabase]:
    made = SqlDatabase(path, cipher=RecordCipher(bytes(32), entropy=SystemEntropy()))
    made.create()
    yield made
    made.close()


def on_disk(path: Path, needle: bytes) -> list[str]:
    return [each.name for each in sorted(path.parent.iterdir()) if needle in each.read_bytes()]


def test_a_file_of_another_version_is_refused_with_both_versions(database: SqlDatabase, path: Path) -> None:
    database.check_version()
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA user_version=2")
    with pytest.raises(ConfigError, match=f"version 2, this leadglass works with {schema.VERSION}"):
        database.check_version()


@pytest.mark.parametrize("deleted", [True, False], ids=["deleted", "replaced"])
def test_what_was_deleted_or_replaced_is_in_no_file_after_a_scrub(database: SqlDatabase, path: Path, deleted: bool) -> None:
    films = [InstanceId(f"i-{number}") for number in range(40)]
    rows = [f"sealed fingerprint {number:04d} ".encode() * 100 for number in range(40)]
    with database.begin() as transaction:
        for film, row in zip(films, rows, strict=True):
            transaction.fingerprints.put(film, row)
            transaction.terms.add(film, [Term(f"term of film {film}")])
    with database.begin() as transaction:
        for film in films[::2]:
            transaction.terms.discard(film)
            if deleted:
                transaction.fingerprints.discard(film)
            else:
                transaction.fingerprints.put(film, b"other")
    assert on_disk(path, rows[0][:23]) != []

    database.scrub()

    for number, (film, row) in enumerate(zip(films, rows, strict=True)):
        assert on_disk(path, row[:23]) == ([path.name] if number % 2 else [])
        assert on_disk(path, f"term of film {film}i-{number}".encode()) == ([path.name] if number % 2 else [])


def test_a_journal_that_somebody_reads_is_not_said_to_be_scrubbed(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)
    database = SqlDatabase(path, cipher=RecordCipher(bytes(32), entropy=SystemEntropy()))
    database.create()
    with closing(sqlite3.connect(path, isolation_level=None)) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT * FROM terms").fetchall()
        with database.begin() as transaction:
            transaction.terms.add(InstanceId("i-1"), [Term("t")])
        with pytest.raises(UnavailableError):
            database.scrub()
        reader.execute("COMMIT")
    database.scrub()
    database.close()
