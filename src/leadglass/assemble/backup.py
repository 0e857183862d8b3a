"""A site in one file. ``assemble.restoring`` makes a site of it again.

The file is an uncompressed tar (POSIX.1-2001, pax), ``leadglass/backup@v1``, with these members in this order:

- ``backup.json``: canonical JSON and a line feed: ``v``, ``id`` (16 random bytes in hex), ``origin``, ``time``, ``entries``
  and ``root`` of the signed log, and ``root_generation``, which root key opens it;
- ``keys/000000`` and on: ``keys.db`` as lines of JSON (``FileKeys.exported``), wrapped as it is;
- ``NAME.sealed`` for settings, policies, cases and whatever else lies in the site's folder, at last ``leadglass.db``: sealed
  (``seal.envelope``) under the site's secret ``backup`` for the context ``leadglass/backup@v1/ID/NAME``;
- ``log/...`` and ``blobs/...``: as they are, the first public, the second sealed already;
- ``manifest``: a line for each member before it, as ``sha256sum`` writes and checks it;
- ``manifest.mac``: the keyed name (``seal.keys``) of the manifest's SHA-256 in hex, kind ``manifest``, under the site's
  secret ``backup manifest``, and a line feed.

The root key is not in it. Without it, or two shares of it, the file tells which site it is of, how large it is, and the
public log.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256
from itertools import chain
from pathlib import Path
from tempfile import TemporaryFile

from leadglass.adapters.archive import CHUNK, END, member
from leadglass.adapters.files import FileSource, FolderOutlet
from leadglass.adapters.keys.file import FileKeys
from leadglass.assemble.site import BLOBS, DATABASE, KEYS, LOG, ROOT_KEY, TEMPORARY
from leadglass.errors import InputError, MalformedError, UnavailableError
from leadglass.flows.backup import Written
from leadglass.flows.checkpoint import signed_frontier
from leadglass.model.entry import canonical, moment, timestamp
from leadglass.model.ids import BlobId, InstanceId
from leadglass.model.instance import Tier
from leadglass.ports import Keys
from leadglass.seal.envelope import NONCE_SIZE, seal_stream, sealed_size
from leadglass.seal.keys import keyed
from leadglass.site import Site

FORMAT = "leadglass/backup@v1"
HEADER, MANIFEST, MAC = "backup.json", "manifest", "manifest.mac"
KEYS_FOLDER, SEALED = "keys", ".sealed"

HIDDEN = ".unfinished-"
"""How the names of files begin that are being written; ``tidy`` sweeps them after a crash."""

_APART = (BLOBS, LOG, TEMPORARY, ROOT_KEY, f"{ROOT_KEY}.new")
_DATABASES = (KEYS, DATABASE)

_Part = tuple[str, int, Iterator[bytes]]
"""Name, size and bytes of a member of the archive."""


_Moment = tuple["Header", Path, Mapping[str, bytes | None], Mapping[BlobId, InstanceId]]


@dataclass(frozen=True)
class Header:
    """What a backup says of itself: of which site, from when, how far its signed log goes, and which root key opens it."""

    id: str
    origin: str
    time: datetime
    entries: int
    root: str
    root_generation: int

    def encode(self) -> bytes:
        said = {
            "v": FORMAT,
            "id": self.id,
            "origin": self.origin,
            "time": timestamp(self.time),
            "entries": self.entries,
            "root": self.root,
            "root_generation": self.root_generation,
        }
        return canonical(said) + b"\n"

    @staticmethod
    def decode(data: bytes) -> Header:
        """Raises MalformedError: the bytes are no header of this version."""
        try:
            said = json.loads(data)
            time, root = moment(said["time"]), said["root"]
            made = Header(said["id"], said["origin"], time, said["entries"], root, said["root_generation"])
            if made.encode() != data:
                raise ValueError("another version")
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise MalformedError(f"the file is no {FORMAT}", hint="name a file that leadglass backup wrote") from error
        return made


def sealing_context(header: Header, name: str) -> bytes:
    """What binds a sealed member to its place in one backup."""
    return f"{FORMAT}/{header.id}/{name}".encode()


def sealing_key(keys: Keys) -> bytes:
    """The key under which a site seals what lies in its backups."""
    return keys.secret("backup")


def manifest_mac(keys: Keys, digest: str) -> str:
    """What only the holder of the site secret can say of a manifest with this SHA-256."""
    return keyed(keys.secret("backup manifest"), kind="manifest", value=digest)


def manifest_line(name: str, digest: str) -> bytes:
    """As ``sha256sum`` writes it, and checks."""
    return f"{digest}  {name}\n".encode()


def kept_root(site: Site) -> FileKeys:
    """The keys of a site on a disk, whose root key can be exchanged and split."""
    keys = site.keys
    assert isinstance(keys, FileKeys)  # noqa: S101 - open_site gives no others
    return keys


def write_backup(site: Site, folder: Path, out: Path) -> Written:
    """Copy the site in ``folder`` into the new file ``out``: whole, or not at all. Others may go on working meanwhile.

    A megabyte is in memory at a time. A copy of the database lies in the site's own folder for temporary files until it is
    in the file.

    Raises:
        ConflictError: the file is there.
        InputError: it would lie in the site itself, or a link lies there, which a backup cannot hold.
        UnavailableError: no room, or a file cannot be read or changed while it was copied.
    """
    folder, out = folder.absolute(), out.absolute()
    if out.resolve().is_relative_to(folder.resolve()):
        raise InputError("a backup does not lie in the site that it is of", hint="name a file on another disk")
    slot = FolderOutlet(out.parent).reserve(out.name, 0)
    try:
        others = _others(folder)
        with _snapshot(site, folder) as (header, database, log, named):
            parts = chain(
                [_small(HEADER, header.encode())],
                _keys(kept_root(site)),
                (_sealed(site, header, name, path) for name, path in [*others, (DATABASE, database)]),
                (_logged(folder / LOG, name, data) for name, data in log.items()),
                _blobs(folder / BLOBS, site, named),
            )
            path = slot.deliver(_archive(site, parts, folder / TEMPORARY))
    except sqlite3.Error as error:
        raise UnavailableError(f"{DATABASE} cannot be copied: {error}", hint=f"is there room below {folder}?") from error
    except OSError as error:
        raise UnavailableError(f"the site cannot be copied: {error.strerror}", hint=f"look at {folder}") from error
    finally:
        slot.abandon()
    return Written(path, header.entries)


@contextmanager
def _snapshot(site: Site, folder: Path) -> Iterator[_Moment]:
    """The header, a copy of the database, the files of the log, and the blobs that rows name, all of one moment.

    Keys and blobs are read after it: what a row names is there before the row is. What was shredded in between is gone, also
    from the backup.
    """
    copy = folder / TEMPORARY / f"{HIDDEN}{os.urandom(12).hex()}"
    with closing(sqlite3.connect(folder / DATABASE, isolation_level=None)) as reader:
        # The site's transaction keeps others from writing until the reader, too, sees what it sees.
        with site.database.begin() as transaction:
            reader.execute("BEGIN")
            reader.execute("SELECT count(*) FROM sqlite_master").fetchone()
            signed = signed_frontier(site, transaction.log.checkpoint())
            log = dict(_log_files(folder / LOG))
            named = {part.blob: each.id for each in transaction.instances.find() for part in each.parts}
        header = Header(
            id=site.entropy.bytes(16).hex(),
            origin=site.origin,
            time=site.clock.now(),
            entries=signed.size,
            root=signed.root.hex(),
            root_generation=kept_root(site).root_generation(),
        )
        try:
            os.close(os.open(copy, os.O_CREAT | os.O_EXCL | os.O_WRONLY | os.O_CLOEXEC, 0o600))
            with closing(sqlite3.connect(copy)) as writer:
                reader.backup(writer)
            reader.execute("ROLLBACK")
            yield header, copy, log, named
        finally:
            copy.unlink(missing_ok=True)


def _archive(site: Site, parts: Iterable[_Part], temporary: Path) -> Iterator[bytes]:
    with TemporaryFile(dir=temporary) as manifest:
        whole = sha256()
        for name, size, chunks in parts:
            digest = sha256()
            yield from member(name, _told(chunks, digest.update), size=size)
            line = manifest_line(name, digest.hexdigest())
            manifest.write(line)
            whole.update(line)
        size = manifest.tell()
        manifest.seek(0)
        yield from member(MANIFEST, iter(lambda: manifest.read(CHUNK), b""), size=size)
        mac = f"{manifest_mac(site.keys, whole.hexdigest())}\n".encode()
        yield from member(MAC, [mac], size=len(mac))
    yield END


def _told(chunks: Iterable[bytes], tell: Callable[[bytes], object]) -> Iterator[bytes]:
    for chunk in chunks:
        tell(chunk)
        yield chunk


def _small(name: str, data: bytes) -> _Part:
    return name, len(data), iter([data])


def _keys(keys: FileKeys) -> Iterator[_Part]:
    for number, part in enumerate(keys.exported()):
        yield _small(f"{KEYS_FOLDER}/{number:06d}", part)


def _sealed(site: Site, header: Header, name: str, path: Path) -> _Part:
    size, chunks = _file(path)
    nonce, context = site.entropy.bytes(NONCE_SIZE), sealing_context(header, name)
    sealed = seal_stream(chunks, key=sealing_key(site.keys), nonce=nonce, context=context)
    return f"{name}{SEALED}", sealed_size(size), sealed


def _logged(folder: Path, name: str, data: bytes | None) -> _Part:
    if data is not None:
        return _small(f"{LOG}/{name}", data)
    return f"{LOG}/{name}", *_file(folder / name)


def _blobs(folder: Path, site: Site, named: Mapping[BlobId, InstanceId]) -> Iterator[_Part]:
    """Every blob; of those that were ``named`` none is missing but those of films that were shredded meanwhile.

    Raises:
        UnavailableError: one was swept meanwhile, because its film was drawn anew.
    """
    found = set[BlobId]()
    for part in sorted(folder.iterdir()):
        for path in sorted(part.iterdir()):
            try:
                size, chunks = _file(path)
            except InputError:
                if path.exists():
                    raise
                continue  # its film was shredded meanwhile
            found.add(BlobId(path.name))
            yield f"{BLOBS}/{part.name}/{path.name}", size, chunks
    lost = {instance for blob, instance in named.items() if blob not in found}
    if lost:
        with site.database.begin() as transaction:
            rows = [transaction.instances.get(instance) for instance in lost]
        if any(row is not None and row.tier is not Tier.SHREDDED for row in rows):
            raise UnavailableError("a film was drawn anew while the backup was made", hint="make the backup again")


def _file(path: Path) -> tuple[int, Iterator[bytes]]:
    source = FileSource(path)

    def chunks() -> Iterator[bytes]:
        with source:
            yield from (source.read(start, CHUNK) for start in range(0, source.size, CHUNK))

    return source.size, chunks()


def _log_files(folder: Path) -> Iterator[tuple[str, bytes | None]]:
    """The public files by their names, and their bytes where they may be replaced; full tiles never change."""
    for path in _walk(folder):
        name = path.relative_to(folder).as_posix()
        yield name, None if name.startswith("tile/") and ".p/" not in name else path.read_bytes()


def _others(folder: Path) -> list[tuple[str, Path]]:
    """Settings, policies, cases, and whatever else somebody put there."""
    found = [(path.relative_to(folder).as_posix(), path) for path in _walk(folder, apart=_APART)]
    return [(name, path) for name, path in found if not name.startswith(_DATABASES)]


def _walk(folder: Path, *, apart: Iterable[str] = ()) -> Iterator[Path]:
    """The files below a folder, hidden ones that are being written left out, and what lies ``apart`` in it.

    Raises:
        InputError: a link lies there.
    """
    for path in sorted(folder.iterdir()):
        if path.name in apart or path.name.startswith(HIDDEN):
            continue
        if path.is_symlink():
            raise InputError(f"{path} is a link, which a backup cannot hold", hint="put what it leads to in its place")
        if path.is_dir():
            yield from _walk(path)
        elif path.is_file():
            yield path
