"""A site made of a backup on an empty machine: whole, or not at all.

Everything is put into a folder beside the new one and checked there: each byte against the manifest, the manifest against
what only this site could say of it, the log against its signature. Then the folder gets its name.
"""

from __future__ import annotations

import hmac
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import chain, groupby
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO

from leadglass.adapters.archive import CHUNK, Member, members
from leadglass.adapters.files import FileSource, FolderTiles
from leadglass.adapters.keys.file import FileKeys
from leadglass.adapters.keys.root import write_root_key
from leadglass.assemble.backup import (
    HEADER,
    HIDDEN,
    KEYS_FOLDER,
    MAC,
    MANIFEST,
    SEALED,
    Header,
    manifest_line,
    manifest_mac,
    sealing_context,
    sealing_key,
)
from leadglass.assemble.escrow import given_root
from leadglass.assemble.site import BLOBS, CASES, KEYS, LOG, ROOT_KEY, TEMPORARY, check_new_folder, open_site
from leadglass.errors import MalformedError, SealBrokenError, UnavailableError
from leadglass.flows.backup import Replayed, bring_back, check_log, read_newer
from leadglass.seal.envelope import Unsealed

_MAX_SMALL = 16 << 20
"""Bytes; of the header, and of a part of the keys."""


@dataclass(frozen=True)
class Restored:
    """A site that was put back: from when, with how many entries in its signed log, and what was done again."""

    path: str
    entries: int
    time: datetime
    replayed: Replayed


def restore_site(
    file: Path, folder: Path, *, root: Path | None = None, shares: Sequence[str] = (), log: Path | None = None
) -> Restored:
    """Make a site in the new folder of a backup.

    The root key is in the file ``root``, or comes from two shares, or is the credential that systemd gives. ``log`` is a
    folder with the public files of a newer state of the site's log: shreds and holds that it tells of are done again.

    Raises:
        ConflictError: something is in the folder already.
        InputError: the file cannot be read; no root key, or shares that do not go together or are of another site.
        MalformedError: the file is no backup, or was cut.
        SealBrokenError: the root key is another one, or a part of the file was changed.
        ProofError: the log does not give what was signed, or the newer one does not go on from it.
        UnavailableError: no room.
    """
    folder = folder.absolute()
    check_new_folder(folder)
    staging = folder.with_name(f".{folder.name}.{os.urandom(6).hex()}.restoring")
    try:
        staging.mkdir(mode=0o700, parents=True)
        with members(file) as found:
            header = _unpack(found, staging, lambda header: given_root(header, root, shares))
        with open_site(staging) as site:
            check_log(site)
            newer = None if log is None else read_newer(site, FolderTiles(log).read)
            replayed = bring_back(site, made=header.time, newer=newer)
        os.sync()
        staging.rename(folder)
    except OSError as error:
        raise UnavailableError(f"the site cannot be restored: {error.strerror}", hint=f"look at {folder.parent}") from error
    finally:
        with suppress(OSError):
            shutil.rmtree(staging)
    return Restored(str(folder), header.entries, header.time, replayed)


def _unpack(found: Iterator[Member], staging: Path, root_of: Callable[[Header], tuple[bytes, bool]]) -> Header:
    for name in (BLOBS, LOG, CASES, TEMPORARY):
        (staging / name).mkdir(mode=0o700)
    with TemporaryFile(dir=staging / TEMPORARY) as lines:
        first = next(found, None)
        if first is None or first.name != HEADER:
            raise MalformedError("the file is no backup", hint="name a file that leadglass backup wrote")
        header = Header.decode(_whole(first, lines))
        root, written = root_of(header)
        groups = groupby(found, key=lambda each: each.name.partition("/")[0])
        top, parts = next(groups, ("", iter(())))
        if top != KEYS_FOLDER:
            raise MalformedError("the backup has no keys where they belong")
        with closing(FileKeys(root, staging / KEYS)) as keys:
            keys.bring_in(_whole(each, lines) for each in parts)
            sealing_key(keys)  # fails where the root key is another one, before anything else is read
            _fill(chain.from_iterable(group for _, group in groups), staging, header, keys, lines)
    if written:
        write_root_key(staging / ROOT_KEY, root)
    return header


def _fill(rest: Iterator[Member], staging: Path, header: Header, keys: FileKeys, lines: IO[bytes]) -> None:
    """Put every other member into its place, and then judge them all by the manifest, which is the last."""
    for each in rest:
        if each.name == MANIFEST:
            digest = _check_manifest(each, lines)
            _check_mac(rest, manifest_mac(keys, digest))
            return
        if each.name.endswith(SEALED):
            _place_sealed(each, staging, header, sealing_key(keys), lines)
        else:
            mode = 0o644 if each.name.startswith(f"{LOG}/") else 0o600
            _write(staging / each.name, _noted(each, lines), mode=mode)
    raise MalformedError("the backup was cut: its manifest is missing", hint="copy it again, or take another")


def _place_sealed(each: Member, staging: Path, header: Header, key: bytes, lines: IO[bytes]) -> None:
    name, sealed = each.name.removesuffix(SEALED), staging / TEMPORARY / f"{HIDDEN}sealed"
    try:
        _write(sealed, _noted(each, lines), mode=0o600)
        with FileSource(sealed) as source:
            opened = Unsealed(source, key=key, context=sealing_context(header, name))
            chunks = (opened.read(start, CHUNK) for start in range(0, opened.size, CHUNK))
            _write(staging / name, chunks, mode=0o600)
    except SealBrokenError as error:
        raise SealBrokenError(f"{name} in the backup was changed", hint="take another backup") from error
    finally:
        sealed.unlink(missing_ok=True)


def _write(path: Path, chunks: Iterable[bytes], *, mode: int) -> None:
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    try:
        descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, mode)
    except FileExistsError as error:
        raise MalformedError(f"{path.name} is in the backup twice") from error
    with open(descriptor, "wb") as file:  # noqa: PTH123 - a descriptor, no path
        for chunk in chunks:
            file.write(chunk)


def _noted(each: Member, lines: IO[bytes]) -> Iterator[bytes]:
    """The bytes of a member; after the last its line in the manifest as it has to be."""
    digest = sha256()
    for chunk in each.chunks():
        digest.update(chunk)
        yield chunk
    lines.write(manifest_line(each.name, digest.hexdigest()))


def _whole(each: Member, lines: IO[bytes]) -> bytes:
    if each.size > _MAX_SMALL:
        raise MalformedError(f"{each.name} in the backup has {each.size} bytes, more than {_MAX_SMALL}")
    return b"".join(_noted(each, lines))


def _check_manifest(manifest: Member, lines: IO[bytes]) -> str:
    """The SHA-256 of the manifest, after it was found to say what was read."""
    digest = sha256()
    lines.seek(0)
    for chunk in manifest.chunks():
        digest.update(chunk)
        if chunk != lines.read(len(chunk)):
            raise SealBrokenError("a file in the backup is not the one that its manifest names", hint="take another backup")
    if lines.read(1):
        raise SealBrokenError("the backup holds a file that its manifest does not name", hint="take another backup")
    return digest.hexdigest()


def _check_mac(rest: Iterator[Member], mac: str) -> None:
    last = next(rest, None)
    if last is None or last.name != MAC:
        raise MalformedError("the backup was cut: what vouches for its manifest is missing", hint="copy it again")
    if not hmac.compare_digest(last.read(limit=128), f"{mac}\n".encode()):
        raise SealBrokenError("the manifest of the backup was changed", hint="take another backup")
    if next(rest, None) is not None:
        raise MalformedError("the backup holds something after its end")
