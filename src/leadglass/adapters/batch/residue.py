"""``leadglass/residue@v1``: what gives the received files of a run back, each sealed, one after the other in a file.

After the line of the format every record is the length of the sealed bytes (8, little endian), the tree digest of the
output that they belong to (32) and the sealed bytes. A digest names no patient and stays right wherever the output goes.
The first record has no bytes, and for its digest a number by which a run knows its file.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from leadglass.errors import ConflictError, InputError, MalformedError, UnavailableError

FORMAT = b"leadglass/residue@v1\n"
_DIGEST = 32
_HEAD = 8 + _DIGEST


class ResidueFile:
    """The container to append to. ``committed`` is the size that is known to be whole; what lies behind it is cut off.

    ``number`` is the run's own: 32 random bytes, the same whenever it goes on.

    Raises:
        ConflictError: the file is another one than that of this run.
        UnavailableError: here or later: it cannot be written.
    """

    def __init__(self, path: Path, *, number: bytes, committed: int) -> None:
        beginning = FORMAT + _head(0, number)
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            self._file = os.fdopen(descriptor, "r+b")
            size = os.fstat(descriptor).st_size
            there = self._file.read(len(beginning))
            # Nothing committed: it is new, or this run died between making it and saying so.
            if committed:
                ours = there == beginning and committed <= size
            else:
                ours = beginning.startswith(there) and size == len(there)
            if not ours:
                self._file.close()
                raise ConflictError(
                    f"{path} is not the residue of this run",
                    hint="name the file that the run began with" if committed else "name a new file",
                )
            whole = max(committed, len(there))
            self._file.truncate(whole)
            self._file.seek(whole)
            self._file.write(beginning[len(there) :])
        except OSError as error:
            raise UnavailableError(
                f"{path} cannot be written: {error.strerror}", hint="choose another --residue file"
            ) from error
        self._path = path

    def append(self, digest: bytes, sealed: bytes) -> None:
        """Add one record: ``digest`` is that of the output."""
        try:
            self._file.write(_head(len(sealed), digest) + sealed)
        except OSError as error:
            raise self._unwritable(error) from error

    def flush(self) -> int:
        """Hand everything to the system; gives the size."""
        try:
            self._file.flush()
        except OSError as error:
            raise self._unwritable(error) from error
        return self._file.tell()

    def secure(self) -> None:
        """Have everything on the disk."""
        try:
            os.fsync(self._file.fileno())
        except OSError as error:
            raise self._unwritable(error) from error

    def close(self) -> None:
        self._file.close()

    def _unwritable(self, error: OSError) -> UnavailableError:
        return UnavailableError(f"{self._path} cannot be written: {error.strerror}", hint="make room, then do it again")


def _head(size: int, digest: bytes) -> bytes:
    return size.to_bytes(8, "little") + digest


def find_residue(path: Path, digest: bytes) -> bytes:
    """The sealed bytes that belong to the output of that digest.

    Raises:
        InputError: the file cannot be read, or has none.
        MalformedError: it is no such container, or cut off before a record was found.
    """
    try:
        with path.open("rb") as file:
            for found, size in _records(file):
                if found == digest:
                    sealed = file.read(size)
                    if len(sealed) < size:
                        raise MalformedError(f"the residue ends inside a record, {size - len(sealed)} bytes early")
                    return sealed
                file.seek(size, os.SEEK_CUR)
    except OSError as error:
        raise InputError(f"the residue cannot be read: {error.strerror}", hint=f"look at {path}") from error
    raise InputError("the residue holds nothing for this output", hint="was the output changed, or is it of another run?")


def _records(file: BinaryIO) -> Iterator[tuple[bytes, int]]:
    if file.read(len(FORMAT)) != FORMAT:
        raise MalformedError("the file is no leadglass/residue@v1")
    while head := file.read(_HEAD):
        if len(head) < _HEAD:
            return  # a run is writing, or died writing; what came before is whole
        yield head[8:], int.from_bytes(head[:8], "little")
