"""Ranged bytes: what a file, a blob and a plan's result have in common."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Protocol


class Source(Protocol):
    """Bytes that can be read anywhere, as often as wanted."""

    @property
    def size(self) -> int:
        """Number of bytes."""
        ...

    def read(self, offset: int, length: int) -> bytes:
        """The bytes from ``offset``; fewer than ``length`` only at the end."""
        ...


class BytesSource:
    """A source in memory."""

    def __init__(self, data: bytes) -> None:
        self._data = data

    @property
    def size(self) -> int:
        return len(self._data)

    def read(self, offset: int, length: int) -> bytes:
        return self._data[offset : offset + length]


class Lazy:
    """A source that is opened when it is first asked for anything."""

    def __init__(self, opener: Callable[[], Source]) -> None:
        self._opener = opener
        self._source: Source | None = None

    @property
    def size(self) -> int:
        return self._opened().size

    def read(self, offset: int, length: int) -> bytes:
        return self._opened().read(offset, length)

    def _opened(self) -> Source:
        if self._source is None:
            self._source = self._opener()
        return self._source


def chunks(source: Source, size: int = 1 << 20) -> Iterator[bytes]:
    """The whole of a source in pieces of ``size`` bytes."""
    for offset in range(0, source.size, size):
        yield source.read(offset, size)
