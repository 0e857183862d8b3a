"""Keys in files: what destroying and rotating leave on the disk, what a crash leaves, and how keys.db travels."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from leadglass.adapters.keys import file as keys_file
from leadglass.adapters.keys.file import FileKeys
from leadglass.adapters.keys.root import RootFile, new_root_key, overwrite, read_root_key
from leadglass.errors import ConfigError, ConflictError, LeadglassError, MalformedError, SealBrokenError, ShreddedError
from leadglass.seal.escrow import Share, recover

ORIGIN = "example.org/log"


class CrashError(Exception):
    """Stands for the end of the process."""


def opened(folder: Path) -> FileKeys:
    return FileKeys(None, folder / "keys.db", root_file=RootFile(folder / "root.key"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    new_root_key(tmp_path / "root.key")
    with closing(opened(tmp_path)) as keys:
        keys.make()
    return tmp_path


@pytest.fixture
def keys(folder: Path) -> Iterator[FileKeys]:
    with closing(opened(folder)) as keys:
        yield keys


def unsynchronised(keys: FileKeys) -> None:
    """A thousand keys would be a thousand times synchronised with the disk; what is in its files is the same without."""
    connection = keys._engine.raw_connection()
    connection.cursor().execute("PRAGMA synchronous=OFF")
    connection.close()


def rows(folder: Path) -> dict[str, bytes]:
    """Each wrapped key by its name, the two under the root key among them."""
    with closing(sqlite3.connect(folder / "keys.db")) as connection:
        found = dict(connection.execute("SELECT name, wrapped FROM keys WHERE wrapped IS NOT NULL").fetchall())
        return found | dict(connection.execute("SELECT kind, wrapped FROM tops").fetchall())


def hits(folder: Path, needles: dict[str, bytes]) -> set[str]:
    """Which of these bytes, less the words that all of them begin with, are in any file of the folder."""
    data = [path.read_bytes() for path in folder.rglob("*") if path.is_file()]
    return {
        name
        for name, needle in needles.items()
        for part in (needle[len(b"leadglass/wrap@v1\n") :][:24], needle[-24:])
        if any(part in each for each in data)
    }


def test_none_of_a_thousand_destroyed_keys_is_anywhere_on_the_disk(folder: Path, keys: FileKeys) -> None:
    unsynchronised(keys)
    names = [f"i-{number:04d}" for number in range(1000)]
    for name in (*names, "stays"):
        keys.create(name)
    kept = keys.wrap("stays", b"data key", context="part")
    before = rows(folder)
    # A scan that finds nothing beforehand would prove nothing afterwards.
    assert hits(folder, before) == set(before)

    for name in names[:10]:
        keys.destroy(name)
    between = rows(folder)
    keys.destroy(*names[10:])

    # While it is open, with its journal; the one that stays is there under another wrapping key.
    assert hits(folder, before) == hits(folder, between) == {"site secret"}
    keys.close()
    assert hits(folder, before) == hits(folder, between) == {"site secret"}
    assert keys.unwrap("stays", kept, context="part") == b"data key"
    for name in names:
        with pytest.raises(ShreddedError):
            keys.unwrap(name, b"", context="part")


def test_a_crash_before_the_journal_was_overwritten_is_made_good_by_destroying_again(
    folder: Path, keys: FileKeys, monkeypatch: pytest.MonkeyPatch
) -> None:
    def crashing(*_: object) -> None:
        raise CrashError

    for name in ("gone", "stays"):
        keys.create(name)
    before = rows(folder)
    monkeypatch.setattr(FileKeys, "_clear_journal", crashing)
    with pytest.raises(CrashError):
        keys.destroy("gone")
    monkeypatch.undo()
    assert {"gone", "wrapping key"} <= hits(folder, before)

    keys.destroy("gone")

    assert hits(folder, before) == {"site secret"}


def test_an_old_page_of_a_destroyed_key_opens_nothing_put_back(folder: Path, keys: FileKeys) -> None:
    keys.create("gone")
    wrapped, old = keys.wrap("gone", b"data key", context="part"), rows(folder)["gone"]
    keys.destroy("gone")

    with closing(sqlite3.connect(folder / "keys.db")) as connection:
        connection.execute("UPDATE keys SET wrapped = ? WHERE name = 'gone'", (old,))
        connection.commit()

    with pytest.raises(SealBrokenError):
        keys.unwrap("gone", wrapped, context="part")


def test_one_exchange_serves_many(folder: Path, keys: FileKeys) -> None:
    for name in "abcd":
        keys.create(name)
    keys.destroy("a", "b", "c", "never made")
    keys.destroy("a")

    with closing(sqlite3.connect(folder / "keys.db")) as connection:
        assert connection.execute("SELECT kind, generation, root FROM tops ORDER BY kind").fetchall() == [
            ("site secret", 1, 1),
            ("wrapping key", 2, 1),
        ]
    with pytest.raises(ShreddedError):
        keys.create("never made")


def test_two_processes_follow_each_others_exchanges(folder: Path) -> None:
    with closing(opened(folder)) as one, closing(opened(folder)) as other:
        for name in "abc":
            one.create(name)
        wrapped = other.wrap("b", b"data key", context="part")
        secret = other.secret("terms")
        one.destroy("a")
        assert other.unwrap("b", wrapped, context="part") == b"data key"
        one.rotate_root()
        other.destroy("c")
        other.create("d")
        assert one.unwrap("d", other.wrap("d", b"more", context="part"), context="part") == b"more"
        other.rotate_root()
        one.destroy("d")
        assert one.secret("terms") == other.secret("terms") == secret
        assert one.unwrap("b", wrapped, context="part") == b"data key"


def test_a_rotated_root_wraps_two_rows_anew_and_leaves_the_others(folder: Path, keys: FileKeys) -> None:
    keys.create("a")
    before, old = rows(folder), (folder / "root.key").read_bytes()

    assert keys.rotate_root() == 2

    after = rows(folder)
    assert {name for name in before if before[name] != after[name]} == {"site secret", "wrapping key"}
    assert hits(folder, {"site secret": before["site secret"], "wrapping key": before["wrapping key"]}) == set()
    assert not [path for path in folder.iterdir() if old.split()[1] in path.read_bytes()]
    with closing(FileKeys(bytes.fromhex(old.split()[1].decode()), folder / "keys.db")) as stale:
        with pytest.raises(SealBrokenError, match="does not open"):
            stale.secret("terms")
        with pytest.raises(ConfigError):
            stale.rotate_root()


STEPS: list[tuple[object, str]] = [
    (RootFile, "prepare"),
    (keys_file, "_put_top"),
    (RootFile, "take_over"),
    (RootFile, "_replaced"),
    (FileKeys, "_clear_journal"),
]


@pytest.mark.parametrize("done", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("where", "step"), STEPS, ids=[step for _, step in STEPS])
def test_after_a_crash_at_any_step_of_a_rotation_the_site_opens_and_it_can_go_on(
    folder: Path, monkeypatch: pytest.MonkeyPatch, where: object, step: str, *, done: bool
) -> None:
    with closing(opened(folder)) as keys:
        keys.create("a")
        wrapped, secret = keys.wrap("a", b"data key", context="part"), keys.secret("terms")
        real: Callable[..., object] = getattr(where, step)

        def crashing(*arguments: object, **named: object) -> object:
            if done:
                real(*arguments, **named)
            raise CrashError

        monkeypatch.setattr(where, step, crashing)
        with pytest.raises(CrashError):
            keys.rotate_root()
        monkeypatch.undo()

    for _ in range(2):
        with closing(opened(folder)) as keys:
            assert (keys.secret("terms"), keys.unwrap("a", wrapped, context="part")) == (secret, b"data key")
            generation = keys.root_generation()
            assert keys.rotate_root() == generation + 1
        assert not (folder / "root.key.new").exists()


def test_a_successor_that_is_needed_is_never_thrown_away(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def crashing(*_: object) -> None:
        raise CrashError

    with closing(opened(folder)) as keys:
        monkeypatch.setattr(RootFile, "take_over", crashing)
        with pytest.raises(CrashError):
            keys.rotate_root()
        monkeypatch.undo()
    (folder / "root.key.new").chmod(0o644)  # readable by others: it is not used, and stays

    with closing(opened(folder)) as keys, pytest.raises(LeadglassError):
        keys.rotate_root()
    (folder / "root.key.new").chmod(0o600)
    with closing(opened(folder)) as keys:
        assert keys.rotate_root() == 3


def test_two_shares_of_the_root_key_open_what_it_opens(folder: Path, keys: FileKeys) -> None:
    keys.rotate_root()
    one, _, other = map(Share.decode, keys.split_root(ORIGIN))

    assert (one.origin, one.generation) == (ORIGIN, 2)
    with closing(FileKeys(recover(other, one), folder / "keys.db")) as again:
        assert again.secret("terms") == keys.secret("terms")


def test_shares_of_two_splittings_do_not_mix(keys: FileKeys) -> None:
    first, second = keys.split_root(ORIGIN), keys.split_root(ORIGIN)

    assert not set(first) & set(second)
    with pytest.raises(LeadglassError, match="different splittings"):
        recover(Share.decode(first[0]), Share.decode(second[1]))


def test_what_was_exported_is_brought_in_elsewhere(folder: Path, tmp_path: Path) -> None:
    with closing(opened(folder)) as keys:
        for name in ("a", "b", "gone"):
            keys.create(name)
        keys.destroy("gone")
        wrapped, secret = keys.wrap("a", b"data key", context="part"), keys.secret("terms")
        parts = list(keys.exported())
    root = read_root_key(folder / "root.key")
    assert root not in b"".join(parts)

    with closing(FileKeys(root, tmp_path / "again.db")) as again:
        again.bring_in(parts)
        assert (again.secret("terms"), again.unwrap("a", wrapped, context="part")) == (secret, b"data key")
        with pytest.raises(ShreddedError):
            again.create("gone")
        with pytest.raises(ConflictError):
            again.bring_in(parts)


def test_many_keys_are_exported_in_parts(keys: FileKeys, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keys_file, "_BATCH", 3)
    for number in range(7):
        keys.create(f"i-{number}")

    parts = list(keys.exported())
    assert [part.count(b"\n") for part in parts] == [2, 3, 3, 1]


@pytest.mark.parametrize("part", [b"x", b"[1]\n", b'{"name": "a"}\n', b'{"name": "a", "wrapped": "!"}\n', b"null\n"])
def test_other_parts_are_not_brought_in(folder: Path, tmp_path: Path, part: bytes) -> None:
    with closing(opened(folder)) as keys:
        tops = next(iter(keys.exported()))
    with closing(FileKeys(bytes(32), tmp_path / "again.db")) as again, pytest.raises(MalformedError):
        again.bring_in([tops, part])


def test_keys_of_another_version_are_refused(folder: Path) -> None:
    (folder / "keys.db").unlink()
    with closing(sqlite3.connect(folder / "keys.db")) as connection:
        connection.execute("CREATE TABLE keys (name VARCHAR PRIMARY KEY, wrapped BLOB)")

    with closing(opened(folder)) as keys, pytest.raises(ConfigError, match="version 0, this leadglass works with 2"):
        keys.secret("terms")


def test_a_wrapped_key_does_not_pass_for_another(folder: Path, keys: FileKeys) -> None:
    """Rows that were exchanged behind everybody's back, also the two under the root key."""
    for name in "ab":
        keys.create(name)
    wrapped = keys.wrap("a", b"data key", context="part")
    found = rows(folder)
    with closing(sqlite3.connect(folder / "keys.db")) as connection:
        connection.execute("UPDATE keys SET wrapped = ? WHERE name = 'a'", (found["b"],))
        connection.commit()
        with pytest.raises(SealBrokenError):
            keys.unwrap("a", wrapped, context="part")
        connection.execute("UPDATE tops SET wrapped = ? WHERE kind = 'wrapping key'", (found["site secret"],))
        connection.commit()
    with pytest.raises(SealBrokenError):
        keys.create("c")


def test_overwritten_bytes_are_zeros_before_they_are_gone(tmp_path: Path) -> None:
    path, other = tmp_path / "secret", tmp_path / "same bytes"
    path.write_bytes(b"secret" * 1000)
    other.hardlink_to(path)

    overwrite(path)

    assert path.read_bytes() == other.read_bytes() == b""
