"""From file to file: read a file's beginning in one call, carry out a plan in few, and give the result its name.

What is written appears whole or not at all: it is written under a hidden name beside its place and renamed. Nothing is
synchronised here; whoever writes many files does that once for many.
"""

from __future__ import annotations

import errno
import hashlib
import os
import tempfile
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from stat import S_ISREG
from typing import IO, Final

from leadglass.dicom.kept import Parts
from leadglass.dicom.plan import Copy, Insert, Op
from leadglass.dicom.source import Source
from leadglass.errors import InputError, LeadglassError, UnavailableError

HIDDEN: Final = ".leadglass-unfinished-"
"""How the name of a file begins that is not whole yet; a sweep may remove what a killed process left of them."""

_kernel_copies: Final = hasattr(os, "copy_file_range")
_WORTH_A_CALL: Final = 1 << 16
"""Bytes from which on a copy by the system is worth a call of its own."""
_IOV_MAX: Final = 512
"""Pieces in one call; systems allow 1024."""
_AT_ONCE: Final = 1 << 20
"""Bytes that are read or written in one call: large calls cost a file system less than many small ones."""

Buffer = bytes | memoryview


class ReadAhead:
    """A file as a source, its beginning (``ahead`` bytes) in ``room``, which serves one file after the other.

    Raises:
        InputError: the file cannot be opened or read, or is none but a folder, a pipe or a device.
    """

    def __init__(self, path: Path, room: bytearray, *, ahead: int | None = None) -> None:
        self.descriptor = -1
        try:
            # Opening a pipe would wait for somebody to write into it, without this flag.
            self.descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            opened = os.fstat(self.descriptor)
            if not S_ISREG(opened.st_mode):
                raise InputError("the path is not a file's", hint="hand in files, or folders to walk")
            self.size = opened.st_size
            view = memoryview(room)[:ahead]
            self.held = view[: os.preadv(self.descriptor, (view,), 0)]
        except OSError as error:
            self.close()
            raise _unreadable(error) from error
        except InputError:
            self.close()
            raise

    def read(self, offset: int, length: int) -> bytes:
        if offset + length <= len(self.held):
            return bytes(self.held[offset : offset + length])
        if offset >= len(self.held):
            try:
                data = os.pread(self.descriptor, length, offset)
            except OSError as error:
                raise _unreadable(error) from error
            if len(data) == length:
                return data
        # A piece is good until the next one, and join would hold them all.
        return b"".join([bytes(piece) for piece in self.pieces(offset, length)])

    def pieces(self, offset: int, length: int) -> Iterator[bytes | memoryview]:
        """The bytes from ``offset``, fewer than ``length`` only at the end; a piece is good until the next one."""
        stop = min(offset + length, self.size)
        if offset < len(self.held):
            piece = self.held[offset:stop]
            yield piece
            offset += len(piece)
        if offset >= stop:
            return
        room = memoryview(bytearray(min(stop - offset, _AT_ONCE)))
        while offset < stop:
            try:
                count = os.preadv(self.descriptor, (room[: stop - offset],), offset)
            except OSError as error:
                raise _unreadable(error) from error
            if not count:
                return
            yield room[:count]
            offset += count

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1

    def __enter__(self) -> ReadAhead:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def room() -> bytearray:
    """Room for what a ``ReadAhead`` holds."""
    return bytearray(_AT_ONCE)


def _unreadable(error: OSError) -> InputError:
    return InputError(f"the file cannot be read: {error.strerror}", hint="check its path and rights")


def is_held(piece: Buffer, sources: Sequence[Source]) -> bool:
    """Whether a piece is part of what the first source holds in memory."""
    source = sources[0]
    return isinstance(source, ReadAhead) and isinstance(piece, memoryview) and piece.obj is source.held.obj


def pieces_of(op: Op, sources: Sequence[Source]) -> Iterator[Buffer]:
    """What one op of a plan makes, in pieces that are good until the next one.

    Raises:
        InputError: a source is shorter than the op says: it changed while it was read.
    """
    if isinstance(op, Insert):
        yield op.data
        return
    source, done = sources[op.source], 0
    if isinstance(source, ReadAhead):
        for piece in source.pieces(op.offset, op.length):
            done += len(piece)
            yield piece
    else:
        while done < op.length:
            data = source.read(op.offset + done, min(op.length - done, _AT_ONCE))
            if not data:
                break
            done += len(data)
            yield data
    if done != op.length:
        raise InputError("the file became shorter while it was read", hint="wait until it is written, and try again")


class NewFile:
    """A file on its way to ``folder``, which one process writes into at a time.

    It has a hidden name until it is kept under its own; what is not kept is gone when the block ends.

    Raises:
        InputError: its path is longer than the file system allows.
        UnavailableError: it cannot be written.
    """

    def __init__(self, folder: str) -> None:
        self._folder = folder
        self._hidden = f"{folder}/{HIDDEN}{os.getpid()}"
        flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW
        try:
            try:
                self._descriptor = os.open(self._hidden, flags, 0o644)
            except FileNotFoundError:
                Path(folder).mkdir(parents=True, exist_ok=True)
                self._descriptor = os.open(self._hidden, flags, 0o644)
        except OSError as error:
            raise _unwritable(folder, error) from error

    def write(self, parts: Parts, sources: Sequence[Source], *, watch: Collection[Callable[[Buffer], object]] = ()) -> None:
        """Write a file in as few calls as can be; each of ``watch`` is shown each piece of the pixel value."""
        waiting: list[Buffer] = []
        try:
            for ops, looks in ((parts.before, ()), (parts.value, watch), (parts.after, ())):
                for op in ops:
                    if not looks and isinstance(op, Insert) and len(waiting) < _IOV_MAX - 1:
                        waiting.append(op.data)
                        continue
                    if not looks and isinstance(op, Copy) and self._copied(op, sources[op.source], waiting):
                        waiting = []
                        continue
                    for piece in pieces_of(op, sources):
                        for look in looks:
                            look(piece)
                        waiting.append(piece)
                        # Bytes are good for ever, and so is what a ReadAhead holds; another piece only until the next one.
                        if len(waiting) == _IOV_MAX or not (isinstance(piece, bytes) or is_held(piece, sources)):
                            self._out(waiting)
                            waiting = []
            if waiting:
                self._out(waiting)
        except OSError as error:
            raise _unwritable(self._folder, error) from error

    def _copied(self, op: Copy, source: Source, waiting: list[Buffer]) -> bool:
        """Let the system copy from file to file, after what is waiting; False where it cannot, and nothing was done."""
        if not isinstance(source, ReadAhead) or op.length < _WORTH_A_CALL or not _kernel_copies:
            return False
        self._out(waiting)
        done = 0
        while done < op.length:
            try:
                count = os.copy_file_range(source.descriptor, self._descriptor, op.length - done, op.offset + done)
            except OSError as error:
                if error.errno not in (errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EPERM):
                    raise
                count = 0
            if not count:
                # Not between these file systems, or the file became shorter, which reading it tells.
                rest = replace(op, offset=op.offset + done, length=op.length - done)
                for piece in pieces_of(rest, (source,)):
                    self._out([piece])
                return True
            done += count
        return True

    def _out(self, pieces: Sequence[Buffer]) -> None:
        left = sum(map(len, pieces))
        while left:
            count = os.writev(self._descriptor, pieces)
            left -= count
            if left:
                data = memoryview(b"".join(pieces))[count:]
                pieces = [data]

    def keep(self, name: str) -> str:
        """The name that the file has got: this one, or where other bytes have it, one with its digest in it."""
        try:
            for each in (name, None):
                path = f"{self._folder}/{each or self._named_after_digest(name)}"
                if not os.path.lexists(path):
                    os.rename(self._hidden, path)  # noqa: PTH104 - a Path for every file of millions costs more than the call
                    self._hidden = ""
                    return path.rpartition("/")[2]
                if self._equals(path):
                    return path.rpartition("/")[2]
        except OSError as error:
            raise _unwritable(self._folder, error) from error
        raise UnavailableError(f"{self._folder}/{name} cannot be written", hint="something stands in its place; remove it")

    def _equals(self, path: str) -> bool:
        """Whether a file, and no link to one, stands at ``path`` and holds the same bytes.

        Not ``filecmp``: it follows links, and takes for equal what has the size and age of something that was.
        """
        try:
            other = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            if error.errno in (errno.ELOOP, errno.ENXIO):
                return False
            raise
        try:
            there, size = os.fstat(other), os.fstat(self._descriptor).st_size
            return (
                S_ISREG(there.st_mode)
                and there.st_size == size
                and all(
                    os.pread(other, _AT_ONCE, at) == os.pread(self._descriptor, _AT_ONCE, at)
                    for at in range(0, size, _AT_ONCE)
                )
            )
        finally:
            os.close(other)

    def _named_after_digest(self, name: str) -> str:
        digest = hashlib.sha256()
        with open(self._hidden, "rb") as file:  # noqa: PTH123 - see above
            for chunk in iter(lambda: file.read(_AT_ONCE), b""):
                digest.update(chunk)
        path = Path(name)
        return f"{path.stem}-{digest.hexdigest()[:12]}{path.suffix}"

    def close(self) -> None:
        os.close(self._descriptor)
        if self._hidden:
            with suppress(FileNotFoundError):
                os.unlink(self._hidden)  # noqa: PTH108 - see above

    def __enter__(self) -> NewFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def _unwritable(folder: str, error: OSError) -> LeadglassError:
    if error.errno == errno.ENAMETOOLONG:
        # A matter of this one file, whose name the output was to have.
        return InputError("the output's path is longer than its file system allows", hint="--names uid")
    full = error.errno in (errno.ENOSPC, errno.EDQUOT)
    return UnavailableError(
        f"{folder} cannot be written: {error.strerror}",
        hint="make room and try again" if full else "check its path and rights",
    )


MAX_SPOOLED: Final = 1 << 31
"""Bytes of one inflated data set; a larger one is no honest file."""
_ALWAYS_SPOOLED: Final = 1 << 28
"""Bytes that a data set may inflate to whatever the size of its file."""
_DEFLATED_TO: Final = 200
"""To how many times its file's size a larger data set may inflate; deflate allows a thousand, images do not need it."""


@contextmanager
def spool(size: int) -> Iterator[Callable[[Iterator[bytes]], Source]]:
    """Room for the data set of a deflated file of ``size`` bytes: in memory, or in a nameless file once it is large.

    Raises:
        InputError: it is larger than an honest one becomes, or there is no room for it.
    """
    limit = min(MAX_SPOOLED, max(_ALWAYS_SPOOLED, size * _DEFLATED_TO))
    with ExitStack() as stack:

        def keep(pieces: Iterator[bytes]) -> Source:
            held = stack.enter_context(tempfile.SpooledTemporaryFile(max_size=_AT_ONCE * 16))
            written = 0
            for piece in pieces:
                try:
                    held.write(piece)
                except OSError as error:
                    # One such file does not keep the others from being treated.
                    raise InputError(
                        f"there is no room for the inflated data set: {error.strerror}", hint="make room for temporary files"
                    ) from error
                written += len(piece)
                if written > limit:
                    raise InputError(f"the deflated data set is larger than {limit} bytes")
            return _Spooled(held, written)

        yield keep


class _Spooled:
    def __init__(self, held: IO[bytes], size: int) -> None:
        self._held, self.size = held, size

    def read(self, offset: int, length: int) -> bytes:
        self._held.seek(offset)
        return self._held.read(length)


def sha256(ops: Sequence[Op], sources: Sequence[Source]) -> bytes:
    """SHA-256 of what the ops make."""
    digest = hashlib.sha256()
    for op in ops:
        for piece in pieces_of(op, sources):
            digest.update(piece)
    return digest.digest()


def tree_digest(before: bytes, value: bytes, after: bytes) -> str:
    """The tree digest, in hex: SHA-256 of three SHA-256."""
    return hashlib.sha256(before + value + after).hexdigest()
