"""The root key as a file that its owner alone may read, or as a credential that systemd hands to a service.

A root key is exchanged in steps, each of which may be the last before a crash: the new one is written beside the old, then
``keys.db`` changes over in one transaction, then the old one is overwritten and the new one takes its name. At any time one
of the two files opens ``keys.db``; ``found`` gives both, and who holds the lock of ``keys.db`` finishes or undoes the rest.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from leadglass.adapters.files import write_new
from leadglass.errors import ConfigError, UnavailableError

ROOT_KEY_FORMAT = "leadglass/root-key@v1"
CREDENTIAL = "leadglass.root"
"""The name of the credential (systemd.exec(5), LoadCredential= or LoadCredentialEncrypted=)."""


def new_root_key(path: Path) -> None:
    """Write a new root key, readable by its owner alone.

    Raises:
        ConflictError: the file is there.
        UnavailableError: it cannot be written.
    """
    write_root_key(path, os.urandom(32))


def write_root_key(path: Path, root: bytes) -> None:
    """Write a root key of 32 bytes, readable by its owner alone.

    Raises:
        ConflictError: the file is there.
        UnavailableError: it cannot be written.
    """
    write_new(path, f"{ROOT_KEY_FORMAT} {root.hex()}\n".encode(), mode=0o600)


def read_root_key(path: Path, *, rights: bool = True) -> bytes:
    """The 32 bytes of the root key; without ``rights`` it does not matter who else may read it.

    Raises:
        ConfigError: missing, readable by others, or not a root key.
    """
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"the root key {path.name} cannot be read", hint=f"look at {path}") from error
    if rights and stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"the root key {path.name} can be read by others", hint=f"chmod 600 {path}")
    name, _, key = text.strip().partition(" ")
    try:
        root = bytes.fromhex(key)
    except ValueError:
        root = b""
    if name != ROOT_KEY_FORMAT or len(root) != 32:
        raise ConfigError(
            f"{path.name} is no {ROOT_KEY_FORMAT}", hint="put back the root key of this site: leadglass root recover"
        )
    return root


class RootFile:
    """The root key of a site in ``path``, and while it is exchanged its successor in ``path`` + ``.new``."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._new = path.with_name(f"{path.name}.new")

    def make(self) -> None:
        """Write a new root key, unless a credential is the root key.

        Raises:
            ConflictError: the file is there.
            UnavailableError: it cannot be written.
        """
        if credential_path() is None:
            new_root_key(self._path)

    def found(self) -> Iterator[bytes]:
        """Every root key that there is, in the order in which to try them.

        Raises:
            ConfigError: there is none, or it cannot be used.
        """
        credential = credential_path()
        if credential is not None:
            # systemd keeps it from others by means that the mode does not always show.
            yield read_root_key(credential, rights=False)
            return
        successor = self.successor()
        try:
            yield read_root_key(self._path)
        except ConfigError:
            if successor is None:
                raise
        if successor is not None:
            yield successor

    def successor(self) -> bytes | None:
        """The root key that is to follow, while it is being exchanged."""
        try:
            return read_root_key(self._new)
        except ConfigError:
            return None

    def prepare(self, root: bytes) -> None:
        """Write the successor beside the root key.

        Raises:
            ConfigError: the root key is a credential, which cannot be exchanged from here.
            UnavailableError: it cannot be written.
        """
        if credential_path() is not None:
            raise ConfigError(
                f"the root key comes from the credential {CREDENTIAL}, which cannot be exchanged from here",
                hint="write it to root.key, rotate it without the credential, and encrypt it again with systemd-creds",
            )
        write_root_key(self._new, root)

    def take_over(self) -> None:
        """Overwrite the old root key and give the successor its name.

        Raises:
            UnavailableError: the files cannot be written.
        """
        try:
            if self._path.exists():
                overwrite(self._path)
            self._replaced()
        except OSError as error:
            raise _unwritable(self._path, error) from error

    def _replaced(self) -> None:
        self._new.replace(self._path)
        _synchronise(self._path.parent)

    def give_up(self) -> None:
        """Overwrite and remove the successor, which never came to open anything.

        Raises:
            UnavailableError: the file cannot be written.
        """
        try:
            with suppress(FileNotFoundError):
                overwrite(self._new)
                self._new.unlink()
                _synchronise(self._path.parent)
        except OSError as error:
            raise _unwritable(self._new, error) from error


def overwrite(path: Path) -> None:
    """Put zeros in the place of a file's bytes, durably, and leave it empty.

    A disk that writes in new places (flash, snapshots) may keep the old ones for a while all the same.
    """
    with path.open("r+b", buffering=0) as file:
        size = os.fstat(file.fileno()).st_size
        for start in range(0, size, 1 << 20):
            file.write(bytes(min(1 << 20, size - start)))
        os.fsync(file.fileno())
        file.truncate(0)
        os.fsync(file.fileno())


def credential_path() -> Path | None:
    """Where systemd put the root key, if it did."""
    folder = os.environ.get("CREDENTIALS_DIRECTORY")
    path = Path(folder) / CREDENTIAL if folder else None
    return path if path is not None and path.is_file() else None


def _synchronise(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def _unwritable(path: Path, error: OSError) -> UnavailableError:
    return UnavailableError(f"{path.name} cannot be exchanged: {error.strerror}", hint=f"look at {path.parent}")
