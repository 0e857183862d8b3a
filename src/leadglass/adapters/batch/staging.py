"""Where outputs wait until the journal knows them, and how they get their place.

The output folder goes out, so nothing lies there that is not an output: what is unfinished waits in the report folder
where a file can be renamed from there into the output folder, else (another file system) in a hidden folder of the latter.
"""

from __future__ import annotations

import ctypes
import errno
import os
import shutil
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from leadglass.adapters.batch.journal import Move
from leadglass.errors import UnavailableError

HIDDEN = ".leadglass-unfinished"


class Staging:
    """The staging folder of a run that writes to ``out`` and keeps its books in ``report``; both have to be there.

    Raises:
        UnavailableError: here or later: a folder cannot be written.
    """

    def __init__(self, out: Path, report: Path) -> None:
        self._out = out
        self._made: set[str] = set()
        self.folder = (report if _renames(report, out) else out) / HIDDEN
        self._others = [report / HIDDEN, out / HIDDEN]

    def takes(self, target: str) -> bool:
        """Whether an output can have that place; its folder is made. A file that stands where a folder should be, or too
        long a path, says no."""
        try:
            self._have_folder_of(f"{self._out}/{target}")
        except OSError as error:
            if error.errno in (errno.EEXIST, errno.ENOTDIR, errno.ENAMETOOLONG):
                return False
            raise self._unusable(error) from error
        return True

    def make(self, moves: Iterable[Move]) -> None:
        """Put files in their place. Doing it again is no harm: a file that is not at its place any more was moved."""
        try:
            for move in moves:
                place = f"{self.folder if move.staged else self._out}/{move.place}"
                if move.target is None:
                    self._remove(place)
                    continue
                target = f"{self._out}/{move.target}"
                self._have_folder_of(target)
                with suppress(FileNotFoundError):
                    os.replace(place, target)  # noqa: PTH105 - a Path for every file of millions costs more than the call
        except OSError as error:
            raise self._unusable(error) from error

    def _have_folder_of(self, place: str) -> None:
        folder = place.rpartition("/")[0]
        if folder not in self._made:
            Path(folder).mkdir(parents=True, exist_ok=True)
            self._made.add(folder)

    def _unusable(self, error: OSError) -> UnavailableError:
        return UnavailableError(
            f"the output folder cannot be used: {error.strerror}", hint=f"look at {self._out}; is the disk full?"
        )

    def sweep(self) -> None:
        """Remove what is unfinished, of this run and of those that died."""
        for folder in self._others:
            shutil.rmtree(folder, ignore_errors=True)

    def open(self) -> None:
        """Have the folder, empty."""
        self.sweep()
        try:
            self.folder.mkdir(mode=0o700)
        except OSError as error:
            raise UnavailableError(f"{self.folder} cannot be made: {error.strerror}", hint="look at its parent") from error

    def secure(self) -> None:
        """Have on the disk what was moved so far."""
        _synchronise(self._out)

    def _remove(self, place: str) -> None:
        with suppress(FileNotFoundError):
            Path(place).unlink()
        # A folder that has become empty would tell of a series that is no longer there.
        folder = Path(place).parent
        with suppress(OSError):
            while folder != self._out:
                folder.rmdir()
                self._made.discard(str(folder))
                folder = folder.parent


def _renames(source: Path, target: Path) -> bool:
    name = f"{HIDDEN}-{os.urandom(6).hex()}"
    probe, there = source / name, target / name
    try:
        probe.touch(mode=0o600)
        probe.replace(there)
    except OSError:
        return False
    finally:
        for each in (probe, there):
            with suppress(OSError):
                each.unlink()
    return True


def _synchronise(folder: Path) -> None:
    """Have one file system on the disk; where the system cannot do one, all of them."""
    try:
        call = ctypes.CDLL(None, use_errno=True).syncfs
    except (OSError, AttributeError):
        os.sync()
        return
    descriptor = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        if call(descriptor):
            number = ctypes.get_errno()
            raise UnavailableError(f"the disk did not take the outputs: {os.strerror(number)}", hint=f"look at {folder}")
    finally:
        os.close(descriptor)
