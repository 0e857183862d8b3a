"""Engines: what was submitted is answered once, and a worker that dies takes only its own work with it."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import Future
from pathlib import Path

import pytest

from leadglass.adapters.batch.dask import DaskEngine
from leadglass.adapters.batch.engine import Engine, InLine, ProcessPool, WorkerLostError
from leadglass.adapters.batch.key import read_key
from leadglass.adapters.batch.share import LOSSES, Chunk, Pace, Sharing, Task
from leadglass.errors import ConfigError


@pytest.fixture(scope="module")
def pool() -> Iterator[ProcessPool]:
    pool = ProcessPool(2)
    yield pool
    pool.close()


@pytest.fixture(params=["in line", "pool"])
def engine(request: pytest.FixtureRequest, pool: ProcessPool) -> Engine:
    return InLine() if request.param == "in line" else pool


def test_a_future_gives_what_the_function_returned(engine: Engine) -> None:
    futures = [engine.submit(pow, 2, exponent) for exponent in range(20)]

    assert [future.result() for future in futures] == [2**exponent for exponent in range(20)]


def test_a_future_raises_what_the_function_raised(engine: Engine) -> None:
    with pytest.raises(ZeroDivisionError):
        engine.submit(divmod, 1, 0).result()


def test_an_error_keeps_its_hint_on_the_way_from_a_worker(pool: ProcessPool, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no key") as caught:
        pool.submit(read_key, tmp_path / "missing").result()

    assert caught.value.hint == "--make-key makes one, once for a project"


def test_a_worker_that_dies_loses_its_own_work_alone(pool: ProcessPool) -> None:
    lives = [pool.submit(pow, 3, exponent) for exponent in range(5)]
    dies = pool.submit(os._exit, 1)
    lives += [pool.submit(pow, 3, exponent) for exponent in range(5, 10)]

    with pytest.raises(WorkerLostError):
        dies.result()
    assert [future.result() for future in lives] == [3**exponent for exponent in range(10)]


def test_a_worker_that_is_killed_while_idle_is_replaced(pool: ProcessPool) -> None:
    os.kill(pool.submit(os.getpid).result(), signal.SIGKILL)
    time.sleep(0.1)

    assert pool.submit(pow, 2, 3).result() == 8


def test_closing_ends_workers_in_the_middle_of_their_work() -> None:
    pool = ProcessPool(1)
    worker = pool.submit(os.getpid).result()
    busy = pool.submit(time.sleep, 600)
    while not busy.running():
        time.sleep(0.01)

    pool.close()

    with pytest.raises(WorkerLostError):
        busy.result()
    with pytest.raises(ProcessLookupError):
        os.kill(worker, 0)


@pytest.mark.skipif(not Path("/proc/self/stat").exists(), reason="processes are looked up in /proc")
def test_workers_do_not_outlive_a_run_that_was_killed() -> None:
    code = (
        "import os, time\n"
        "from leadglass.adapters.batch.engine import ProcessPool\n"
        "pool = ProcessPool(1)\n"
        "print(pool.submit(os.getpid).result(), flush=True)\n"
        "pool.submit(time.sleep, 600).result()\n"
    )
    run = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None
    worker = int(run.stdout.readline())
    run.kill()
    run.wait()
    run.stdout.close()

    ends = time.monotonic() + 20
    while time.monotonic() < ends and alive(worker):
        time.sleep(0.02)
    assert not alive(worker)


def alive(process: int) -> bool:
    """Whether the process runs; one that nobody has waited for does not."""
    try:
        return Path(f"/proc/{process}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except FileNotFoundError:
        return False


@pytest.mark.parametrize(
    "url",
    [
        "dask://",
        "dask://host",
        "http://host:1",
        "host:1",
        "dask://local?workers=0",
        "dask://local?workers=x",
        "dask://local?x=1",
    ],
)
def test_an_address_that_is_none_is_refused(url: str) -> None:
    with pytest.raises(ConfigError):
        DaskEngine(url)


# Sharing


class Dying:
    """An engine whose workers die of certain paths, and of everything ``luckless`` times."""

    in_flight = 2

    def __init__(self, *, deadly: set[str], luckless: int = 0) -> None:
        self.deadly = deadly
        self.luckless = luckless
        self.did: list[tuple[str, ...]] = []

    def submit(self, tasks: list[Task]) -> Future[int]:
        future: Future[int] = Future()
        paths = tuple(task.path for task in tasks)
        self.did.append(paths)
        self.luckless -= 1
        if self.luckless >= 0 or self.deadly & set(paths):
            future.set_exception(WorkerLostError())
        else:
            future.set_result(len(tasks))
        return future


def chunks(*groups: str) -> Iterator[Chunk[str]]:
    for group in groups:
        yield Chunk([Task(path, path, 1, 1) for path in group])


def answered(engine: Dying, work: Iterator[Chunk[str]]) -> dict[str, int | None]:
    sharing: Sharing[int, str] = Sharing(engine, engine.submit)  # type: ignore[arg-type]  # submits tasks, not functions
    return {"".join(task.path for task in chunk.tasks): answer for chunk, answer in sharing.answers(work)}


def test_a_chunk_that_lost_its_worker_is_done_again() -> None:
    assert answered(Dying(deadly=set(), luckless=2), chunks("abc")) == {"abc": 3}


def test_a_file_that_kills_its_worker_is_found_and_the_others_are_done() -> None:
    engine = Dying(deadly={"b"})

    assert answered(engine, chunks("abc", "de")) == {"a": 1, "b": None, "c": 1, "de": 2}
    assert engine.did.count(("a", "b", "c")) == engine.did.count(("b",)) == LOSSES


def test_no_more_work_is_read_than_is_wanted() -> None:
    read: list[str] = []

    def work() -> Iterator[Chunk[str]]:
        for group in "abcdefgh":
            read.append(group)
            yield from chunks(group)

    engine = Dying(deadly=set())
    sharing: Sharing[int, str] = Sharing(engine, engine.submit)  # type: ignore[arg-type]  # submits tasks, not functions
    next(sharing.answers(work()))

    assert read == ["a", "b"]


def test_what_needs_no_work_is_said_before_the_work_is_done() -> None:
    engine = Dying(deadly=set())
    sharing: Sharing[int, str] = Sharing(engine, engine.submit)  # type: ignore[arg-type]  # submits tasks, not functions
    work = iter([Chunk([Task("a", "a", 1, 1)], ["aside"]), Chunk[str]([], ["alone"])])

    said = [(list(chunk.aside), answer) for chunk, answer in sharing.answers(work)]

    assert said == [(["aside"], None), (["alone"], None), ([], 1)]


def test_chunks_grow_until_they_take_about_a_second() -> None:
    pace = Pace()
    tasks = (Task(str(number), "", 1, 1) for number in range(10_000))
    sizes = []
    for chunk in pace.chunks(tasks):
        sizes.append(len(chunk.tasks))
        pace.took(len(chunk.tasks), len(chunk.tasks) * 0.01)

    assert sum(sizes) == 10_000
    assert sizes[0] < 10
    assert all(80 <= size <= 101 for size in sizes[10:-1])
