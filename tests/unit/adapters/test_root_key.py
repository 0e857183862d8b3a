"""The root key's file: whose it is, what it is, and where systemd puts it."""

from __future__ import annotations

from pathlib import Path

import pytest

from leadglass.adapters.keys.root import CREDENTIAL, RootFile, new_root_key, read_root_key, write_root_key
from leadglass.errors import ConfigError, ConflictError

ROOT = bytes(range(32))


@pytest.fixture(autouse=True)
def no_credential(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CREDENTIALS_DIRECTORY", raising=False)


def test_a_root_key_is_its_owners_alone_and_never_written_over(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    write_root_key(path, ROOT)

    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == f"leadglass/root-key@v1 {ROOT.hex()}\n"
    assert read_root_key(path) == ROOT
    with pytest.raises(ConflictError):
        new_root_key(path)
    assert read_root_key(path) == ROOT


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o666])
def test_one_that_others_may_read_is_not_used(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "root.key"
    write_root_key(path, ROOT)
    path.chmod(mode)

    with pytest.raises(ConfigError, match="by others"):
        read_root_key(path)


def test_the_credential_is_the_only_root_key_where_there_is_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    credentials = tmp_path / "credentials"
    credentials.mkdir()
    monkeypatch.setenv("CREDENTIALS_DIRECTORY", str(credentials))
    file = RootFile(tmp_path / "root.key")
    file.make()
    assert list(file.found()) == [read_root_key(tmp_path / "root.key")]

    write_root_key(credentials / CREDENTIAL, ROOT)
    (credentials / CREDENTIAL).chmod(0o440)  # so that a service under another account can read it

    assert list(file.found()) == [ROOT]
    with pytest.raises(ConfigError, match="credential"):
        file.prepare(bytes(32))
    other = RootFile(tmp_path / "other.key")
    other.make()
    assert not (tmp_path / "other.key").exists()


def test_while_it_is_exchanged_both_are_found(tmp_path: Path) -> None:
    path = tmp_path / "root.key"
    write_root_key(path, ROOT)
    file = RootFile(path)
    file.prepare(bytes(32))

    assert list(file.found()) == [ROOT, bytes(32)]
    path.write_bytes(b"")  # as it is when a crash comes between overwriting and renaming
    assert list(file.found()) == [bytes(32)]
    file.take_over()
    assert list(file.found()) == [bytes(32)]
    assert [each.name for each in tmp_path.iterdir()] == ["root.key"]


def test_a_successor_that_is_given_up_is_gone(tmp_path: Path) -> None:
    write_root_key(tmp_path / "root.key", ROOT)
    file = RootFile(tmp_path / "root.key")
    file.prepare(bytes(32))
    file.give_up()
    file.give_up()

    assert list(file.found()) == [ROOT]


def test_without_any_it_is_said(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"root\.key cannot be read"):
        list(RootFile(tmp_path / "root.key").found())
