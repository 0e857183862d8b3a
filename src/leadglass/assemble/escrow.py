"""The root key on its way between files, officers and machines."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path

from leadglass.adapters.files import FolderOutlet
from leadglass.adapters.keys.file import FileKeys
from leadglass.adapters.keys.root import CREDENTIAL, credential_path, read_root_key, write_root_key
from leadglass.assemble.backup import Header
from leadglass.assemble.site import KEYS, ROOT_KEY, kept_keys
from leadglass.config import read_settings
from leadglass.errors import ConfigError, ConflictError, InputError, UnavailableError
from leadglass.seal.escrow import NEEDED, Share, recover


def write_shares(folder: Path, shares: Sequence[str]) -> tuple[str, ...]:
    """Write each share into a file of its own, readable by its owner alone: all of them, or none.

    Raises:
        ConflictError: a file of that name is there.
        UnavailableError: they cannot be written.
    """
    outlet = FolderOutlet(folder)
    written: list[str] = []
    try:
        for number, share in enumerate(shares, start=1):
            data = f"{share}\n".encode()
            written.append(outlet.reserve(f"share-{number}.txt", len(data)).deliver([data]))
    except (ConflictError, UnavailableError):
        for path in written:
            Path(path).unlink()
        raise
    return tuple(written)


def recover_root(folder: Path, shares: Sequence[str]) -> int:
    """Write the root key of the site in ``folder`` from two shares, after it opened ``keys.db``; gives its generation.

    Raises:
        ConflictError: there is one.
        InputError: the shares do not go together, or are of another site or root key.
        SealBrokenError: what they give does not open this site: one was changed.
        ConfigError: there is no site.
    """
    settings, path = read_settings(folder), folder / ROOT_KEY
    if path.exists():
        raise ConflictError(f"{path} is there already", hint="move it away first if it is not the one of this site")
    if not (folder / KEYS).is_file():
        raise ConfigError(f"the site lacks {KEYS}", hint="restore the site from a backup: leadglass restore-site")
    with closing(kept_keys(folder)) as kept:
        generation = kept.root_generation()
    root = _recovered(shares, origin=settings.log.origin, generation=generation)
    with closing(FileKeys(root, folder / KEYS)) as keys:
        keys.secret("records")
    write_root_key(path, root)
    return generation


def given_root(header: Header, file: Path | None, shares: Sequence[str]) -> tuple[bytes, bool]:
    """The root key for a backup from wherever it was given, and whether it is to be written into the site.

    Raises:
        InputError: there is none, or it was given twice, or the shares are not of this site and root key.
        ConfigError: the file holds none.
    """
    if file is not None and shares:
        raise InputError("the root key was given twice", hint="name its file, or two shares of it")
    if file is not None:
        return read_root_key(file), True
    if shares:
        return _recovered(shares, origin=header.origin, generation=header.root_generation), True
    credential = credential_path()
    if credential is not None:
        return read_root_key(credential, rights=False), False
    raise InputError(
        f"root key {header.root_generation} of {header.origin} is needed",
        hint=f"--root FILE, or --share FILE twice, or the credential {CREDENTIAL}",
    )


def _recovered(lines: Sequence[str], *, origin: str, generation: int) -> bytes:
    if len(lines) != NEEDED:
        raise InputError(f"{NEEDED} shares give the root key, not {len(lines)}", hint="each officer keeps another one")
    one, other = map(Share.decode, lines)
    root = recover(one, other)
    if one.origin != origin:
        raise InputError("the shares are of another site", hint=f"they are of {one.origin}, the site is {origin}")
    if one.generation != generation:
        raise InputError(
            f"the shares are of root key {one.generation}, the site has root key {generation}",
            hint="take the shares that were made after it was exchanged",
        )
    return root
