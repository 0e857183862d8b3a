"""Chunks on a Dask cluster: ``dask://HOST:PORT`` of a scheduler, or ``dask://local?workers=N`` on this host.

Every worker has to see the input, the output and the report folder under the same paths as the host that runs the command,
and the same version of leadglass. ``dask+tls://`` takes certificates from Dask's own configuration
(``distributed.comm.tls``); without it the key travels to the workers in the clear, which only a network of your own is for.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import CancelledError, Future
from contextlib import suppress
from importlib import import_module
from typing import Any, TypeVar
from urllib.parse import parse_qs, urlsplit

from leadglass.adapters.batch.engine import WorkerLostError
from leadglass.errors import ConfigError, UnavailableError

T = TypeVar("T")

LOSSES = 3
"""What the scheduler's word counts for."""
SCHEMES = ("dask", "dask+tls")
_CONNECT_SECONDS = 15
_HINT = "dask://HOST:PORT, dask+tls://HOST:PORT or dask://local?workers=2"


class DaskEngine:
    """Work on a Dask cluster. A worker that dies costs nothing but time: the scheduler gives its work to another.

    Raises:
        ConfigError: the address is none, or the extra ``dask`` is not installed.
        UnavailableError: no scheduler answers, or it has no workers.
    """

    def __init__(self, url: str) -> None:
        scheme, place, query = _parsed(url)
        try:
            # By name: the extra is not there when types are checked, and it ships none.
            distributed = import_module("distributed")
        except ImportError as error:
            raise ConfigError("--engine dask needs the extra dask", hint="pip install 'leadglass[dask]'") from error
        self._cluster: Any = None
        self._client: Any = None
        try:
            if place == "local":
                self._cluster = distributed.LocalCluster(
                    n_workers=int(query.get("workers", ["2"])[0]), threads_per_worker=1, dashboard_address=None
                )
                self._client = distributed.Client(self._cluster)
            else:
                address = f"{'tls' if scheme == 'dask+tls' else 'tcp'}://{place}"
                self._client = distributed.Client(address, timeout=_CONNECT_SECONDS, set_as_default=False)
            self._client.wait_for_workers(1, timeout=_CONNECT_SECONDS)
        except (OSError, TimeoutError, ValueError) as error:
            self.close()
            raise UnavailableError("no Dask cluster answers", hint=f"{_HINT}; is the scheduler up?") from error
        self._executor = self._client.get_executor(pure=False)
        self.in_flight = 2 * max(1, sum(self._client.nthreads().values()))

    def submit(self, function: Callable[..., T], /, *arguments: Any) -> Future[T]:
        passed_on: Future[T] = Future()
        future: Future[T] = self._executor.submit(function, *arguments)
        future.add_done_callback(lambda done: _pass_on(done, passed_on))
        return passed_on

    def close(self) -> None:
        with suppress(OSError, TimeoutError, CancelledError):
            if self._client is not None:
                self._client.close(timeout=_CONNECT_SECONDS)
            if self._cluster is not None:
                self._cluster.close(timeout=_CONNECT_SECONDS)


def _parsed(url: str) -> tuple[str, str, dict[str, list[str]]]:
    """Scheme, ``HOST:PORT`` or ``local``, and the query.

    Raises:
        ConfigError: it is no address of an engine.
    """
    try:
        parts = urlsplit(url)
        query = parse_qs(parts.query, strict_parsing=bool(parts.query))
        port = parts.port
        workers = int(query.get("workers", ["2"])[0])
    except ValueError as error:
        raise ConfigError("--engine is no address", hint=_HINT) from error
    local = parts.netloc == "local"
    if parts.scheme not in SCHEMES or not (local or port) or (query.keys() - {"workers"}) or not 1 <= workers <= 1024:
        raise ConfigError("--engine is no address of an engine", hint=_HINT)
    return parts.scheme, parts.netloc, query


def _pass_on(done: Future[T], passed_on: Future[T]) -> None:
    try:
        passed_on.set_result(done.result())
    except CancelledError:
        passed_on.set_exception(
            UnavailableError("the Dask scheduler is gone", hint="start it, then run the same command again")
        )
    except Exception as error:
        # The scheduler gives work to one worker after another before it calls it a killer.
        killer = type(error).__name__ == "KilledWorker"
        passed_on.set_exception(WorkerLostError(losses=LOSSES) if killer else error)
