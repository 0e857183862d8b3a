"""Files on a disk: sources, blobs in a folder, the log's public files, and the place where releases leave.

What is written appears whole or not at all: bytes go to a temporary file in the same file system, are synchronised, get
their name by a link or rename, and the folder is synchronised after it.
"""

from __future__ import annotations

import errno
import hashlib
import os
import shutil
import stat
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path

from leadglass.dicom.source import Source
from leadglass.errors import ConflictError, InputError, UnavailableError
from leadglass.model.ids import BlobId


@contextmanager
def _translated(what: str, path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        raise UnavailableError(
            f"{what} cannot be used: {error.strerror}",
            hint=f"make room for {path} and try again" if full else f"look at {path}",
        ) from error


class FileSource:
    """A file, read in ranges. It is opened once and stays what it was even when its name is given to another file.

    Raises:
        InputError: the file cannot be opened or read, or is none but a folder, a pipe or a device.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        with self._readable():
            # Opening a pipe would wait for somebody to write into it, without this flag.
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
            opened = os.fstat(self._descriptor)
        if not stat.S_ISREG(opened.st_mode):
            self.close()
            raise InputError("the path is not a file's", hint="hand in files, or folders to walk")
        self.size = opened.st_size

    def read(self, offset: int, length: int) -> bytes:
        with self._readable():
            data = os.pread(self._descriptor, length, offset)
            while len(data) < min(length, self.size - offset):
                more = os.pread(self._descriptor, length - len(data), offset + len(data))
                if not more:
                    break
                data += more
            return data

    def close(self) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)
            self._descriptor = -1

    def __enter__(self) -> FileSource:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __del__(self) -> None:
        with suppress(AttributeError, OSError):
            self.close()

    @contextmanager
    def _readable(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise InputError(f"the file cannot be read: {error.strerror}", hint="check its path and rights") from error


def _synchronise_folder(folder: Path) -> None:
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


class _NewFile:
    """A file without a name until it is whole: a process that dies leaves nothing of it.

    Where the file system has no nameless files (O_TMPFILE) a hidden name in ``folder`` stands in, which ``tidy`` sweeps.
    """

    def __init__(self, folder: Path, *, mode: int = 0o600) -> None:
        self._hidden: Path | None = None
        try:
            self.descriptor = os.open(folder, os.O_TMPFILE | os.O_RDWR | os.O_CLOEXEC, mode)
        except OSError as error:
            if error.errno not in (errno.EOPNOTSUPP, errno.EISDIR, errno.ENOENT, errno.EINVAL) or not folder.is_dir():
                raise
            self._hidden = folder / f"{_HIDDEN}{os.urandom(12).hex()}"
            self.descriptor = os.open(self._hidden, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)

    def name(self, path: Path) -> None:
        """Give it its name; raises FileExistsError when the name is taken."""
        if self._hidden is not None:
            os.link(self._hidden, path)
            return
        here = os.open(".", os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            # With a folder descriptor Python calls linkat, which follows the link that /proc shows for an open file.
            os.link(f"/proc/self/fd/{self.descriptor}", path, src_dir_fd=here, follow_symlinks=True)
        finally:
            os.close(here)

    def close(self) -> None:
        if self.descriptor >= 0:
            os.close(self.descriptor)
            self.descriptor = -1
            if self._hidden is not None:
                self._hidden.unlink(missing_ok=True)

    def __enter__(self) -> _NewFile:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


_HIDDEN = ".unfinished-"


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        view = view[os.write(descriptor, view) :]


def write_new(path: Path, data: bytes, *, mode: int = 0o600) -> None:
    """A new file with exactly these bytes and rights.

    Raises:
        ConflictError: something of that name is there.
        UnavailableError: it cannot be written.
    """
    with _translated(str(path), path), _NewFile(path.parent, mode=mode) as new:
        _write_all(new.descriptor, data)
        os.fsync(new.descriptor)
        _name_new(new, path)


def _name_new(new: _NewFile, path: Path) -> None:
    try:
        new.name(path)
    except FileExistsError as error:
        raise ConflictError(f"{path} is there already", hint="choose another name or remove it") from error
    _synchronise_folder(path.parent)


class FolderBlobs:
    """Blobs in ``folder``, as ``ab/abcdef...``; unfinished ones in ``temporary`` of the same file system."""

    def __init__(self, folder: Path, *, temporary: Path) -> None:
        self._folder = folder
        self._temporary = temporary

    def put(self, chunks: Iterable[bytes]) -> BlobId:
        with _translated("the blob store", self._folder), _NewFile(self._temporary) as new:
            digest = hashlib.sha256()
            for chunk in chunks:
                digest.update(chunk)
                _write_all(new.descriptor, chunk)
            os.fsync(new.descriptor)
            blob = BlobId(digest.hexdigest())
            path = self._path(blob)
            if not path.parent.exists():
                path.parent.mkdir(exist_ok=True)
                _synchronise_folder(self._folder)
            with suppress(FileExistsError):
                new.name(path)
            _synchronise_folder(path.parent)
        return blob

    def open(self, blob: BlobId) -> Source:
        try:
            return FileSource(self._path(blob))
        except InputError as error:
            raise UnavailableError(f"blob {blob} is not in the store", hint="restore it from a backup") from error

    def discard(self, blob: BlobId) -> None:
        with _translated("the blob store", self._folder):
            self._path(blob).unlink(missing_ok=True)

    def stored(self) -> Iterator[tuple[BlobId, datetime]]:
        for path in sorted(self._folder.glob("??/*")):
            with suppress(FileNotFoundError):
                yield BlobId(path.name), datetime.fromtimestamp(path.stat().st_mtime, UTC)

    def tidy(self, before: datetime) -> int:
        swept = 0
        for path in self._temporary.glob(f"{_HIDDEN}*"):
            with suppress(FileNotFoundError):
                if datetime.fromtimestamp(path.stat().st_mtime, UTC) < before:
                    path.unlink()
                    swept += 1
        return swept

    def _path(self, blob: BlobId) -> Path:
        return self._folder / blob[:2] / blob


def _replace(target: Path, data: bytes, *, mode: int) -> None:
    """Durable and whole when it returns; a reader sees the old bytes or the new."""
    with _NewFile(target.parent, mode=mode) as new:
        _write_all(new.descriptor, data)
        os.fsync(new.descriptor)
        # A nameless file cannot take the place of a named one in one step; a hidden name between them can.
        hidden = target.with_name(f"{_HIDDEN}{os.urandom(12).hex()}")
        new.name(hidden)
        hidden.replace(target)
    _synchronise_folder(target.parent)


class FolderCases:
    """The evidence of traced pictures, a folder a case, readable by their owner alone."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, path: str, data: bytes) -> None:
        target = self._folder / path
        with _translated("the folder of cases", self._folder):
            for folder in (self._folder, target.parent):
                if not folder.exists():
                    folder.mkdir(mode=0o700, exist_ok=True)
                    _synchronise_folder(folder.parent)
            _replace(target, data, mode=0o600)

    def discard(self, folder: str) -> None:
        with _translated("the folder of cases", self._folder), suppress(FileNotFoundError):
            shutil.rmtree(self._folder / folder)


class FolderTiles:
    """The log's public files in a folder that any web server can show."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def write(self, path: str, data: bytes) -> None:
        target = self._folder / path
        with _translated("the log's folder", self._folder):
            target.parent.mkdir(parents=True, exist_ok=True)
            _replace(target, data, mode=0o644)

    def read(self, path: str) -> bytes | None:
        try:
            return (self._folder / path).read_bytes()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise UnavailableError(f"the log's file {path} cannot be read: {error.strerror}") from error

    def discard(self, folder: str) -> None:
        with _translated("the log's folder", self._folder), suppress(FileNotFoundError):
            shutil.rmtree(self._folder / folder)


class FolderOutlet:
    """Files leave into ``folder``, which is made when it is missing."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def reserve(self, name: str, size: int) -> FileSlot:
        path = self._folder / name
        with _translated(f"{path}", self._folder):
            if self._folder.exists() and not self._folder.is_dir():
                raise ConflictError(f"{self._folder} is there already and no folder", hint="choose another name")
            self._folder.mkdir(parents=True, exist_ok=True)
            if os.path.lexists(path):  # a link that leads nowhere takes the name all the same
                raise ConflictError(f"{path} is there already", hint="choose another name or remove it")
            return FileSlot(path, size)


class FileSlot:
    """A nameless file that holds its room on the disk until it is delivered or abandoned."""

    def __init__(self, path: Path, size: int) -> None:
        self._path = path
        self._new = _NewFile(path.parent)
        try:
            if size:
                os.posix_fallocate(self._new.descriptor, 0, size)
        except OSError:
            self._new.close()
            raise

    def deliver(self, chunks: Iterable[bytes]) -> str:
        with self._new as new, _translated(f"{self._path}", self._path):
            for chunk in chunks:
                _write_all(new.descriptor, chunk)
            os.ftruncate(new.descriptor, os.lseek(new.descriptor, 0, os.SEEK_CUR))
            os.fsync(new.descriptor)
            _name_new(new, self._path)
        return str(self._path)

    def abandon(self) -> None:
        self._new.close()
