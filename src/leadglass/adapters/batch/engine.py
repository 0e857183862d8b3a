"""One interface to run work: in line, in processes of this host, or on a Dask cluster (``batch.dask``)."""

from __future__ import annotations

import multiprocessing
import os
import queue
import signal
import threading
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from multiprocessing.connection import Connection, wait
from typing import Any, Protocol, TypeVar

from leadglass.errors import UnavailableError

T = TypeVar("T")


class WorkerLostError(UnavailableError):
    """The worker died with the work. Whether the work was at fault nobody knows; ``losses`` counts how often it did."""

    def __init__(self, *, losses: int = 1) -> None:
        super().__init__("a worker process died", hint="is there enough memory?")
        self.losses = losses


class Engine(Protocol):
    """Runs functions that can be pickled, with arguments that can be."""

    in_flight: int
    """Pieces of work that are worth having submitted at once."""

    def submit(self, function: Callable[..., T], /, *arguments: Any) -> Future[T]:
        """The future gives what the function returned or raised, or ``WorkerLostError``."""
        ...

    def close(self) -> None:
        """End all workers now, whatever they are doing."""
        ...


class InLine:
    """No engine: the work is done before ``submit`` returns."""

    in_flight = 1

    def submit(self, function: Callable[..., T], /, *arguments: Any) -> Future[T]:
        future: Future[T] = Future()
        try:
            future.set_result(function(*arguments))
        except Exception as error:
            future.set_exception(error)
        return future

    def close(self) -> None:
        pass


class ProcessPool:
    """Worker processes of this host, each started when there is work for it.

    A standard process pool breaks as a whole when one worker dies and cannot tell whose work killed it; here a worker has
    one piece of work at a time, and only that is lost with it. ``preload`` names a module that workers start with.
    """

    def __init__(self, workers: int, *, preload: str | None = None) -> None:
        self.in_flight = 2 * workers
        self._context = multiprocessing.get_context("forkserver")  # a fork of this process would copy its threads' locks
        if preload:
            self._context.set_forkserver_preload([preload])
        self._threads = ThreadPoolExecutor(workers, thread_name_prefix="leadglass-worker")
        self._idle: queue.LifoQueue[_Worker] = queue.LifoQueue()
        self._alive: set[_Worker] = set()
        self._lock = threading.Lock()
        self._closed = False

    def submit(self, function: Callable[..., T], /, *arguments: Any) -> Future[T]:
        return self._threads.submit(self._run, function, arguments)

    def close(self) -> None:
        with self._lock:
            self._closed = True
            for worker in self._alive:
                worker.process.kill()
        self._threads.shutdown(cancel_futures=True)
        for worker in list(self._alive):
            self._bury(worker)

    def _run(self, function: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        worker = self._worker()
        try:
            worker.pipe.send((function, arguments))
            returned, value = worker.pipe.recv()
        except (EOFError, OSError) as error:
            self._bury(worker)
            raise WorkerLostError from error
        self._idle.put(worker)
        if returned:
            result: T = value
            return result
        raise value

    def _worker(self) -> _Worker:
        with suppress(queue.Empty):
            while True:
                worker = self._idle.get_nowait()
                if worker.process.is_alive():
                    return worker
                self._bury(worker)
        with self._lock:
            if self._closed:
                raise WorkerLostError
            worker = _Worker(self._context)
            self._alive.add(worker)
        return worker

    def _bury(self, worker: _Worker) -> None:
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        with self._lock:
            self._alive.discard(worker)


class _Worker:
    """A process that does what comes through its pipe."""

    def __init__(self, context: multiprocessing.context.ForkServerContext) -> None:
        self.pipe, theirs = context.Pipe()
        self.process = context.Process(target=_serve, args=(theirs,), daemon=True)
        self.process.start()
        theirs.close()


def _serve(pipe: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the terminal interrupts the whole group; who started us decides
    threading.Thread(target=_end_with_parent, daemon=True).start()
    with suppress(EOFError, OSError):
        while True:
            function, arguments = pipe.recv()
            try:
                answer = (True, function(*arguments))
            except Exception as error:
                answer = (False, error)
            pipe.send(answer)


def _end_with_parent() -> None:
    """A worker whose run was killed must not go on writing beside the run that resumes."""
    parent = multiprocessing.parent_process()
    if parent is not None:
        wait([parent.sentinel])
        os._exit(1)
