"""A tree of any size as a stream of files, in sorted order, with bounded memory."""

from __future__ import annotations

import os
import sqlite3
import stat
from collections.abc import Callable, Iterator
from contextlib import closing
from itertools import chain, islice
from pathlib import Path
from typing import NamedTuple

FOLDER_IN_MEMORY = 100_000
"""Entries of one folder that are sorted in memory; a larger folder is sorted on the disk."""


class Found(NamedTuple):
    """A file, or what stood in the way of one. Paths are relative to the root; undecodable bytes are surrogates."""

    path: str
    size: int
    """bytes"""
    modified: int
    """nanoseconds since 1970"""
    problem: str | None = None
    """Why it cannot be used, though somebody may expect it to be: a folder or file that cannot be read."""
    aside: str | None = None
    """Why it is nothing to use: a link that leads out, a pipe."""


class _Entry(NamedTuple):
    name: str
    folder: bool
    link: bool


def walk(root: Path, *, in_memory: int = FOLDER_IN_MEMORY) -> Iterator[Found]:
    """The files below ``root`` in the order of ``sorted(Path)``; where ``root`` is a file, that one.

    Links to folders are not followed. A link to a file is followed where it leads to a file below ``root``.
    """
    if not root.is_dir():
        yield _found(str(root), root.name, link=True)
        return
    inside, start = os.path.realpath(root) + os.sep, str(root / "x")[:-1]
    folders = [_opened(root, "", in_memory=in_memory)]
    while folders:
        for each in folders[-1]:
            if isinstance(each, Found):
                yield each
                continue
            prefix, entry = each
            path = prefix + entry.name
            if entry.folder:
                folders.append(_opened(root, path + "/", in_memory=in_memory))
                break
            if entry.link and not _leads_inside(start + path, inside):
                yield Found(path, 0, 0, aside="a link that leads to no file below the input folder")
            else:
                yield _found(start + path, path, link=entry.link)
        else:
            folders.pop()


def count_files(root: Path, stop: Callable[[], bool]) -> int | None:
    """About how many files ``walk`` will yield, without asking for their sizes; None when ``stop`` said so."""
    count, folders = 0, [os.fspath(root)]
    while folders:
        if stop():
            return None
        try:
            with os.scandir(folders.pop()) as entries:
                for entry in entries:
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(entry.path)
                    else:
                        count += 1
        except NotADirectoryError:
            return 1
        except OSError:
            count += 1
    return count


def _found(place: str, path: str, *, link: bool) -> Found:
    try:
        status = os.stat(place, follow_symlinks=link)  # noqa: PTH116 - a Path for every file of millions costs more
    except OSError as error:
        return Found(path, 0, 0, problem=f"the file cannot be read: {error.strerror}")
    if not stat.S_ISREG(status.st_mode):
        return Found(path, 0, 0, aside="no file but a link, a pipe or a device")
    return Found(path, status.st_size, status.st_mtime_ns)


def _leads_inside(link: str, inside: str) -> bool:
    target = os.path.realpath(link)
    return target.startswith(inside) and Path(target).is_file()


def _opened(root: Path, prefix: str, *, in_memory: int) -> Iterator[tuple[str, _Entry] | Found]:
    """The entries of one folder in order, or one ``Found`` that says why there are none."""
    try:
        for entry in _entries(root / prefix, in_memory=in_memory):
            yield prefix, entry
    except OSError as error:
        yield Found(prefix.rstrip("/") or ".", 0, 0, problem=f"the folder cannot be read: {error.strerror}")


def _entries(folder: Path, *, in_memory: int) -> Iterator[_Entry]:
    with os.scandir(folder) as entries:
        listed = (_Entry(each.name, each.is_dir(follow_symlinks=False), each.is_symlink()) for each in entries)
        first = list(islice(listed, in_memory))
        more = next(listed, None)
        if more is not None:
            yield from _sorted_on_disk(chain(first, [more], listed))
            return
    first.sort()
    yield from first


def _sorted_on_disk(entries: Iterator[_Entry]) -> Iterator[_Entry]:
    # SQLite takes the empty name for a temporary database that spills to a file and is gone when it closes. Its order of
    # blobs is that of the code points, as UTF-8 keeps it.
    with closing(sqlite3.connect("")) as database:
        database.execute("CREATE TABLE entry (name BLOB PRIMARY KEY, folder INTEGER, link INTEGER) WITHOUT ROWID")
        database.executemany(
            "INSERT INTO entry VALUES (?, ?, ?)",
            ((each.name.encode("utf-8", "surrogatepass"), each.folder, each.link) for each in entries),
        )
        for name, folder, link in database.execute("SELECT name, folder, link FROM entry ORDER BY name"):
            yield _Entry(name.decode("utf-8", "surrogatepass"), bool(folder), bool(link))
