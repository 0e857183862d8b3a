"""Ranged bytes: what a file, a blob and a plan's result have in common."""

from __future__ import annotations

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
