"""The key file of a de-identification project: 32 bytes, as they are or as 64 hexadecimal digits, its owner's alone."""

from __future__ import annotations

import os
import stat
from pathlib import Path

from leadglass.adapters.files import write_new
from leadglass.errors import ConfigError, ConflictError

KEY_SIZE = 32


def make_key(path: Path) -> None:
    """Write a new key of random bytes, readable by its owner alone.

    Raises:
        ConflictError: something of that name is there; a key is never replaced.
        UnavailableError: it cannot be written.
    """
    try:
        write_new(path, os.urandom(KEY_SIZE), mode=0o600)
    except ConflictError as error:
        raise ConflictError(error.message, hint="leave --make-key out to use it, or name a new one") from error


def read_key(path: Path) -> bytes:
    """The 32 bytes.

    Raises:
        ConfigError: missing, readable by others, or no key.
    """
    try:
        with path.open("rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read(2 * KEY_SIZE + 3)
    except FileNotFoundError as error:
        raise ConfigError(f"there is no key {path}", hint="--make-key makes one, once for a project") from error
    except OSError as error:
        raise ConfigError(f"the key {path} cannot be read: {error.strerror}", hint="check its path and rights") from error
    if stat.S_IMODE(mode) & 0o077:
        raise ConfigError(f"the key {path} can be read by others", hint=f"chmod 600 {path}")
    if len(data) == KEY_SIZE:
        return data
    digits = data.strip()
    try:
        key = bytes.fromhex(digits.decode("ascii")) if len(digits) == 2 * KEY_SIZE else b""
    except ValueError:
        key = b""
    if len(key) != KEY_SIZE:
        raise ConfigError(f"{path} holds no key", hint="a key is 32 bytes or 64 hexadecimal digits; --make-key makes one")
    return key
