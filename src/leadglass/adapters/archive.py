"""Many files in one: plain uncompressed tar (POSIX.1-2001, pax), written and read as a stream.

However large the archive, a chunk is in memory at a time, and no list of its members.
"""

from __future__ import annotations

import tarfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from leadglass.errors import InputError, MalformedError, UnavailableError

END = bytes(2 * tarfile.BLOCKSIZE)
"""What ends an archive."""

CHUNK = 1 << 20


@dataclass(frozen=True)
class Member:
    """One file of an archive that is being read. Its bytes are read before the next member is asked for, or not at all."""

    name: str
    size: int
    file: IO[bytes]

    def chunks(self) -> Iterator[bytes]:
        """Its bytes, at most a megabyte at a time.

        Raises:
            MalformedError: the archive ends before they do.
        """
        try:
            while chunk := self.file.read(CHUNK):
                yield chunk
        except (tarfile.TarError, EOFError) as error:
            raise MalformedError(f"the archive ends within {self.name}", hint="copy it again") from error

    def read(self, *, limit: int) -> bytes:
        """All of them.

        Raises:
            MalformedError: there are more than ``limit``, or the archive ends before they do.
        """
        if self.size > limit:
            raise MalformedError(f"{self.name} in the archive has {self.size} bytes where {limit} are allowed")
        return b"".join(self.chunks())


def member(name: str, chunks: Iterable[bytes], *, size: int) -> Iterator[bytes]:
    """The bytes that put a file of ``size`` bytes into an archive, readable to its owner alone.

    Raises:
        UnavailableError: there are more or fewer bytes than were announced.
    """
    info = tarfile.TarInfo(name)
    info.size, info.mode = size, 0o600
    yield info.tobuf(tarfile.PAX_FORMAT)
    written = 0
    for chunk in chunks:
        written += len(chunk)
        yield chunk
    if written != size:
        raise UnavailableError(f"{name} changed while it was copied", hint="try again")
    yield bytes(-size % tarfile.BLOCKSIZE)


@contextmanager
def members(path: Path) -> Iterator[Iterator[Member]]:
    """The files in an archive, one after the other.

    Raises:
        InputError: the file cannot be read.
        MalformedError: it is no archive, is cut, or holds what is no file under a plain relative name.
    """
    try:
        file = path.open("rb")
    except OSError as error:
        raise InputError(f"{path} cannot be read: {error.strerror}", hint="check its path and rights") from error
    with file:
        try:
            archive = tarfile.open(fileobj=file, mode="r|")  # noqa: SIM115 - closed with the file that it reads
        except (tarfile.TarError, OSError) as error:
            raise MalformedError(f"{path.name} is no archive", hint="name a file that leadglass backup wrote") from error
        yield _members(archive)


def _members(archive: tarfile.TarFile) -> Iterator[Member]:
    while (info := _next(archive)) is not None:
        known: Any = archive  # the list of all that were read is not in the types
        known.members.clear()
        file = archive.extractfile(info) if info.isreg() else None
        if file is None or not _plain(info.name):
            raise MalformedError("the archive holds something that is no file under a plain relative name")
        yield Member(info.name, info.size, file)


def _next(archive: tarfile.TarFile) -> tarfile.TarInfo | None:
    try:
        return archive.next()
    except (tarfile.TarError, EOFError, ValueError) as error:
        raise MalformedError("the archive was cut or changed", hint="copy it again") from error


def _plain(name: str) -> bool:
    return all(part not in ("", ".", "..") for part in name.split("/")) and name.isprintable() and "\\" not in name
