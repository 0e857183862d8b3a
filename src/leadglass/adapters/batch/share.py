"""Chunks of work out to an engine, answers back."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, wait
from dataclasses import dataclass
from typing import Final, Generic, TypeVar

from leadglass.adapters.batch.engine import Engine, WorkerLostError

A = TypeVar("A")
"""The answer to a chunk."""
L = TypeVar("L")
"""What is said of a file without any work."""

LOSSES: Final = 3
"""Times that a chunk may lose its worker before it is split, and a single file before it is given up."""
ONE_AT_A_TIME: Final = threading.Lock()
"""A worker of an engine may have threads; what treats files is for one."""

_CHUNK_SECONDS: Final = 1.0
"""What a chunk should take: long beside the cost of handing it out, short beside what a kill loses."""
_CHUNK_FILES: Final = 512
_CHUNK_BYTES: Final = 1 << 28
_FIRST_CHUNK: Final = 8


@dataclass(frozen=True)
class Task:
    """One file for a worker: where it is, its path below the input folder, bytes, nanoseconds since 1970."""

    place: str
    path: str
    size: int
    modified: int


@dataclass
class Chunk(Generic[L]):
    """Files that one worker gets together, and what is to be said of files between them that need no work."""

    tasks: Sequence[Task]
    aside: Sequence[L] = ()
    number: int = 0
    losses: int = 0


class Pace:
    """How many files make a chunk of about a second, from how long the last ones took."""

    def __init__(self) -> None:
        self._files = float(_FIRST_CHUNK)

    def chunks(self, stream: Iterable[Task | L]) -> Iterator[Chunk[L]]:
        """The stream in chunks, read no further than asked for."""
        tasks: list[Task] = []
        aside: list[L] = []
        size = 0
        for each in stream:
            if isinstance(each, Task):
                tasks.append(each)
                size += each.size
            else:
                aside.append(each)
            if len(tasks) >= int(self._files) or len(aside) >= _CHUNK_FILES or size >= _CHUNK_BYTES:
                yield Chunk(tasks, aside)
                tasks, aside, size = [], [], 0
        if tasks or aside:
            yield Chunk(tasks, aside)

    def took(self, files: int, seconds: float) -> None:
        """A chunk of that many files took that long."""
        fitting = files * _CHUNK_SECONDS / max(seconds, 1e-3)
        self._files = min(_CHUNK_FILES, max(1.0, (self._files + min(fitting, 4 * self._files)) / 2))


class Sharing(Generic[A, L]):
    """As many chunks at once as the engine wants.

    A chunk that loses its worker is handed out again; when it has done so ``LOSSES`` times it is split into single files,
    and a file that does so too gets the answer None. ``claim`` is told of each chunk before it goes out, ``lost`` of each
    loss and whether that was the last.
    """

    def __init__(
        self,
        engine: Engine,
        submit: Callable[[Sequence[Task]], Future[A]],
        *,
        claim: Callable[[Chunk[L]], None] = lambda _: None,
        lost: Callable[[Chunk[L], bool], None] = lambda _, __: None,
    ) -> None:
        self._engine = engine
        self._submit = submit
        self._claim = claim
        self._lost = lost
        self._again: deque[Chunk[L]] = deque()
        self._pending: dict[Future[A], Chunk[L]] = {}

    def answers(self, chunks: Iterator[Chunk[L]]) -> Iterator[tuple[Chunk[L], A | None]]:
        """Every chunk with its answer, as they come. What stands aside comes at once, in a chunk without tasks."""
        while True:
            while len(self._pending) < self._engine.in_flight:
                chunk = self._again.popleft() if self._again else next(chunks, None)
                if chunk is None:
                    break
                if chunk.aside:
                    yield Chunk((), chunk.aside), None
                    chunk.aside = ()
                if chunk.tasks:
                    self._claim(chunk)
                    self._pending[self._submit(chunk.tasks)] = chunk
            if not self._pending:
                return
            for future in wait(self._pending, return_when=FIRST_COMPLETED).done:
                chunk = self._pending.pop(future)
                try:
                    answer: A | None = future.result()
                except WorkerLostError as error:
                    if not self._given_up(chunk, error.losses):
                        continue
                    answer = None
                yield chunk, answer

    def _given_up(self, chunk: Chunk[L], losses: int) -> bool:
        chunk.losses += losses
        last = chunk.losses >= LOSSES
        self._lost(chunk, last)
        if not last:
            self._again.append(chunk)
        elif len(chunk.tasks) > 1:
            self._again.extend(Chunk((task,)) for task in chunk.tasks)
        return last and len(chunk.tasks) == 1
