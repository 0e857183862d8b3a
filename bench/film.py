"""What it costs to take a film in and to release it, step by step, beside a plain copy with its SHA-256.

Run ``python bench/film.py``. Everything is measured on one disk in one run: copy, ingest, release of the lungs and release
of the whole film take turns, so that a slow minute of the machine meets them all. The figures are medians. The steps
are measured where the flow calls them, exclusive of what they call in turn; totals are those of the flows as they are.
"""

from __future__ import annotations

import argparse
import hashlib
import os
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydicom.uid import ExplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless

from leadglass.adapters.files import FileSource, FolderOutlet
from leadglass.assemble.site import EXAMPLE_PASSPHRASE, create_site, open_site
from leadglass.flows import ingest as ingest_flow
from leadglass.flows import orders, vault
from leadglass.flows import release as release_flow
from leadglass.flows.ingest import ingest
from leadglass.flows.release import release
from leadglass.flows.request import request
from leadglass.flows.session import Session
from leadglass.model.access import Action, Purpose
from leadglass.model.instance import StoredInstance
from leadglass.model.region import RegionKind
from leadglass.site import Site
from leadglass.testing.films import small_film
from leadglass.testing.films.patients import WANG as PATIENT

ROWS, COLUMNS, BITS = 2500, 2048, 16
SYNTAXES = {"native": ExplicitVRLittleEndian, "JPEG-LS": JPEGLSLossless, "JPEG 2000": JPEG2000Lossless}
LUNGS = (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT)
WHOLE = tuple(RegionKind)
READER, TECHNOLOGIST = "dr.demo", "tech.demo"


@dataclass
class Spent:
    """Seconds: on the clock, and of the processor."""

    wall: float = 0.0
    cpu: float = 0.0


@dataclass
class Steps:
    """Where the time of one run goes; a step that calls another is charged for its own work alone."""

    spent: dict[str, Spent] = field(default_factory=lambda: defaultdict(Spent))
    _within: list[Spent] = field(default_factory=list)

    @contextmanager
    def step(self, name: str) -> Iterator[None]:
        inside = Spent()
        self._within.append(inside)
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
            self._within.pop()
            if self._within:
                self._within[-1].wall += wall
                self._within[-1].cpu += cpu
            spent = self.spent[name]
            spent.wall += wall - inside.wall
            spent.cpu += cpu - inside.cpu

    def around(self, name: str, function: Callable[..., Any], *, whole: bool = False) -> Callable[..., Any]:
        """``function``, charged to a step; ``whole`` where it gives an iterator whose work belongs to it."""

        def measured(*arguments: Any, **named: Any) -> Any:
            with self.step(name):
                result = function(*arguments, **named)
                return list(result) if whole else result

        return measured


class Measured:
    """A port whose calls are charged to a step; methods that are not named pass through."""

    def __init__(self, port: Any, steps: Steps, **names: str) -> None:
        self._port, self._steps, self._names = port, steps, names

    def __getattr__(self, method: str) -> Any:
        found = getattr(self._port, method)
        return self._steps.around(self._names[method], found) if method in self._names else found


class MeasuredDatabase:
    """Transactions from begin to commit."""

    def __init__(self, database: Any, steps: Steps) -> None:
        self._database, self._steps = database, steps

    @contextmanager
    def begin(self) -> Iterator[Any]:
        with self._steps.step("database"), self._database.begin() as transaction:
            yield transaction


class MeasuredOutlet:
    """Room is taken, a file is written."""

    def __init__(self, folder: Path, steps: Steps) -> None:
        self._outlet, self._steps = FolderOutlet(folder), steps

    def reserve(self, name: str, size: int) -> Any:
        with self._steps.step("deliver"):
            return Measured(self._outlet.reserve(name, size), self._steps, deliver="deliver")


INGEST = (
    ("sha256_of", "read and digest", False),
    ("scan", "header", False),
    ("clean", "header", False),
    ("compose", "header", False),
    ("encode_plan", "header", False),
    ("decode", "decode", True),
    ("partition", "partition and take", False),
    ("take", "partition and take", False),
    ("constant_rle", "partition and take", False),
    ("encode_patch", "encode patches", False),
)
RELEASE = (
    ("significant", "cover", False),
    ("cover", "cover", False),
    ("take", "take", False),
    ("encode_patch", "encode patches", False),
    ("seal_region", "seal regions", False),
    ("encode_sealed", "compose", False),
    ("native", "compose", True),
    ("compose_rendition", "compose", False),
    ("sha256_of", "digest", False),
    ("checkpoint", "checkpoint", False),
    ("receipt", "checkpoint", False),
)


@contextmanager
def measured(flow: Any, names: Sequence[tuple[str, str, bool]], steps: Steps) -> Iterator[None]:
    """The functions that a flow calls, charged to their steps, and every fsync on its own, for as long as this is open."""
    with ExitStack() as stack:
        for name, step, whole in names:
            stack.enter_context(swapped(flow, name, steps.around(step, getattr(flow, name), whole=whole)))
        stack.enter_context(swapped(os, "fsync", steps.around("fsync", os.fsync)))
        yield


@contextmanager
def swapped(module: Any, name: str, value: object) -> Iterator[None]:
    before = getattr(module, name)
    setattr(module, name, value)
    try:
        yield
    finally:
        setattr(module, name, before)


def measured_site(site: Site, steps: Steps) -> Site:
    return replace(
        site,
        blobs=Measured(site.blobs, steps, put="seal and store"),
        database=MeasuredDatabase(site.database, steps),
        keys=Measured(site.keys, steps, create="keys", wrap="keys", unwrap="keys"),
        detector=steps.around("outline", site.detector),
    )


def measured_ingest(site: Site, session: Session, film: Path) -> tuple[Steps, StoredInstance]:
    steps = Steps()
    with measured(ingest_flow, INGEST, steps), FileSource(film) as source, steps.step("the rest"):
        done = ingest(measured_site(site, steps), session, source)
    return steps, done.instance


def measured_release(site: Site, session: Session, grant: str, out: Path) -> Steps:
    steps = Steps()
    opening = swapped(vault, "open_film", steps.around("unseal", vault.open_film))
    with opening, measured(release_flow, RELEASE, steps), steps.step("the rest"):
        release(measured_site(site, steps), session, grant, MeasuredOutlet(out, steps))
    return steps


def copied(film: Path, folder: Path) -> None:
    """What any archive does at least: copy, SHA-256, on the disk when it returns."""
    digest = hashlib.sha256()
    path = folder / "copy"
    with film.open("rb") as source, path.open("wb") as target:
        while piece := source.read(1 << 20):
            digest.update(piece)
            target.write(piece)
        target.flush()
        os.fsync(target.fileno())
    path.rename(folder / digest.hexdigest())
    descriptor = os.open(folder, os.O_RDONLY)
    os.fsync(descriptor)
    os.close(descriptor)


def plain(function: Callable[[], object]) -> Spent:
    wall, cpu = time.perf_counter(), time.process_time()
    function()
    return Spent(time.perf_counter() - wall, time.process_time() - cpu)


def session_of(site: Site, name: str) -> Session:
    """Without the passphrase, whose 64 MB and 60 ms would hide what is measured."""
    with site.database.begin() as transaction:
        (account,) = (account for account in transaction.people.find() if account.actor.name == name)
    return Session(account.actor, seed=bytes(32))


def granted(site: Site, reader: Session, instance: StoredInstance, shown: tuple[RegionKind, ...]) -> str:
    """A grant for the reader of the order, whom policy answers at once."""
    kinds = [kind for kind in instance.kinds if kind in shown]
    answer = request(site, reader, instance.id, action=Action.VIEW, purpose=Purpose.TREAT, regions=kinds)
    if answer.grant is None:
        raise SystemExit(f"no grant: {answer.decision.reasons}")
    return answer.grant.id


def film_bytes(syntax: str) -> bytes:
    return small_film(rows=ROWS, columns=COLUMNS, bits=BITS, transfer_syntax=SYNTAXES[syntax], sop_uid=sop_uid(0))


def sop_uid(number: int) -> str:
    return PATIENT.uid("bench")[:-4] + f"{number:04}"


def numbered(film: bytes, number: int) -> bytes:
    """The same film as another instance."""
    return film.replace(sop_uid(0).encode(), sop_uid(number).encode())


@dataclass
class Figures:
    """All runs of one operation."""

    wall: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    steps: dict[str, list[Spent]] = field(default_factory=lambda: defaultdict(list))

    def add(self, steps: Steps) -> None:
        for name, spent in steps.spent.items():
            self.steps[name].append(spent)

    def add_total(self, spent: Spent) -> None:
        self.wall.append(spent.wall)
        self.cpu.append(spent.cpu)


def compare(folder: Path, syntax: str, *, repeats: int) -> tuple[int, dict[str, Figures]]:
    """Copy, ingest and two releases in turn; each flow once as it is, for the total, and once with its steps measured."""
    film = film_bytes(syntax)
    figures: dict[str, Figures] = defaultdict(Figures)
    site_folder, left, incoming = folder / "site", folder / "left", folder / "incoming.dcm"
    create_site(site_folder, admin="admin.demo", passphrase=EXAMPLE_PASSPHRASE, example=True)
    with open_site(site_folder) as site:
        tech, reader = (session_of(site, name) for name in (TECHNOLOGIST, READER))
        orders.add(site, tech, accession=PATIENT.accession, procedure="chest", reader=READER)
        for turn in range(1, repeats + 2):
            stored = []
            for number in (2 * turn, 2 * turn + 1):
                incoming.write_bytes(numbered(film, number))
                os.sync()
                if number % 2:
                    steps, instance = measured_ingest(site, tech, incoming)
                    figures["ingest"].add(steps)
                else:
                    figures["copy"].add_total(plain(lambda: copied(incoming, folder)))
                    with FileSource(incoming) as source:
                        done = []
                        figures["ingest"].add_total(plain(lambda: done.append(ingest(site, tech, source).instance)))  # noqa: B023 - called at once
                    (instance,) = done
                stored.append(instance)
            for name, shown in (("release, lungs shown", LUNGS), ("release, whole", WHOLE)):
                grants = [granted(site, reader, instance, shown) for instance in stored]
                outlet = FolderOutlet(left)
                figures[name].add_total(plain(lambda: release(site, reader, grants[0], outlet)))  # noqa: B023 - called at once
                figures[name].add(measured_release(site, reader, grants[1], left))
            if turn == 1:
                figures.clear()  # the first turn warms up
            shutil.rmtree(left)
    return len(film), figures


def peak(folder: Path, operation: str) -> int:
    """The most memory, in bytes, that a fresh process needed for one operation; ``start`` is what it needs to get there."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("OPENBLAS_")}
    command = [sys.executable, __file__, "--alone", operation, "--folder", str(folder)]
    done = subprocess.run(command, env=environment, check=True, capture_output=True, text=True)
    return int(done.stdout) * 1024


def alone(folder: Path, operation: str) -> int:
    """The operation in this process; its largest resident size in KiB.

    VmHWM and not ru_maxrss, which a process takes over from the one that started it.
    """
    with open_site(folder / "site") as site:
        tech, reader = (session_of(site, name) for name in (TECHNOLOGIST, READER))
        if operation == "ingest":
            with FileSource(folder / "alone.dcm") as source:
                ingest(site, tech, source)
        elif operation.startswith("release"):
            with site.database.begin() as transaction:
                instance = transaction.instances.find()[0]
            shown = LUNGS if operation == "release, lungs shown" else WHOLE
            release(site, reader, granted(site, reader, instance, shown), FolderOutlet(folder / "left"))
        elif operation == "copy":
            copied(folder / "alone.dcm", folder)
    (line,) = (line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM"))
    return int(line.split()[1])


def machine() -> str:
    """The date, the processor and how busy it is."""
    model = next(
        (line.split(":")[1].strip() for line in Path("/proc/cpuinfo").read_text().splitlines() if "model name" in line),
        platform.processor(),
    )
    load = ", ".join(f"{each:.1f}" for each in os.getloadavg())
    now = datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return f"{now}; {os.cpu_count()} x {model}; load {load}; Python {platform.python_version()}"


def milliseconds(values: Sequence[float]) -> float:
    return statistics.median(values) * 1000


def report(syntax: str, size: int, figures: dict[str, Figures], peaks: dict[str, int]) -> None:
    copy = figures["copy"]
    print(f"\n### {syntax}: {size / 1e6:.1f} MB\n")
    print("| operation | wall ms | CPU ms | wall / copy | CPU / copy | peak MB | above start |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: |")
    for name, each in figures.items():
        wall, cpu = milliseconds(each.wall), milliseconds(each.cpu)
        ratios = f"{wall / milliseconds(copy.wall):.1f} | {cpu / milliseconds(copy.cpu):.1f}"
        memory = f"{peaks[name] / 1e6:.0f} | {(peaks[name] - peaks['start']) / 1e6:.0f}"
        print(f"| {name} | {wall:.0f} | {cpu:.0f} | {ratios} | {memory} |")
    for name, each in figures.items():
        if not each.steps:
            continue
        ranked = sorted(each.steps, key=lambda step: -milliseconds([spent.wall for spent in each.steps[step]]))
        parts = [
            f"{step} {milliseconds([spent.wall for spent in each.steps[step]]):.0f}"
            f" ({milliseconds([spent.cpu for spent in each.steps[step]]):.0f})"
            for step in ranked
        ]
        print(f"\n{name}, wall (CPU) ms: {', '.join(parts)}.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--alone", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.alone:
        print(alone(options.folder, options.alone))
        return
    print(f"{ROWS} x {COLUMNS} pixels of {BITS} bits; medians of {options.repeats}.\n{machine()}")
    for syntax in SYNTAXES:
        with tempfile.TemporaryDirectory(dir=options.folder, prefix="leadglass-bench-") as name:
            folder = Path(name)
            size, figures = compare(folder, syntax, repeats=options.repeats)
            (folder / "alone.dcm").write_bytes(numbered(film_bytes(syntax), 9999))
            peaks = {operation: peak(folder, operation) for operation in ("start", *figures)}
            report(syntax, size, figures, peaks)
    print(f"\n{machine()}")


if __name__ == "__main__":
    main()
