"""Runs over folders of any size: files in, outputs in their place, a journal that knows what is done, a report.

A worker treats the files of a chunk into a staging folder of its own. This process alone decides names, writes the journal
and puts outputs in their place, in that order, so any worker, or the whole run, may be killed at any time: what was
committed is not done again, and what was not is, with the same bytes.

Names hang on content, not on order. Of files that want one name, equal bytes are one output; where bytes differ every one of
them has the beginning of its digest in its name once the run has ended.
"""

from __future__ import annotations

import hmac
import json
import os
import shutil
import socket
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass, field, replace
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import NamedTuple

from leadglass import __version__
from leadglass.adapters.batch.engine import Engine, InLine, ProcessPool
from leadglass.adapters.batch.journal import Journal, Move, Record
from leadglass.adapters.batch.residue import ResidueFile
from leadglass.adapters.batch.share import LOSSES, ONE_AT_A_TIME, Chunk, Pace, Sharing, Task
from leadglass.adapters.batch.staging import HIDDEN, Staging
from leadglass.adapters.batch.walk import Found, walk
from leadglass.assemble.desk import Names, Outcome, PixelOutcome, State, Treatment
from leadglass.deid.profile import profile
from leadglass.errors import ConflictError, InputError, LeadglassError, NotDicomError, UnavailableError

JOURNAL = "run.db"

ALREADY_DONE = "already done"
SAME_INSTANCE = "gives the same output as another file"
OTHER_CONTENT = "another file with the same name by rule has other content; both are kept"
NO_PLACE = "its output has no place: another output has the name of its folder, or the path is too long"

Treat = Callable[[Path, Path, PurePosixPath, Treatment], Outcome]
"""What a worker does with a file; ``desk.treat_file``."""
_READERS = ("rapidocr",)
_NAME_BYTES, _SUFFIX = 255, 32
"""Bytes that file systems allow a name, and characters of what follows its last dot that are worth keeping."""
_SECURE_SECONDS = 10.0
"""Between two moments at which everything done is brought to the disk."""


@dataclass(frozen=True)
class Line:
    """What is said of one file. ``path`` is as the person who runs the command knows it."""

    path: str
    output: str | None
    state: State
    reason: str | None
    pixels: PixelOutcome
    findings: Mapping[str, int]
    size: int = 0
    correction: bool = False
    """A second line for a file whose output has another name now."""


@dataclass
class Summary:
    """What a run did: files and bytes by what became of them, over how many seconds."""

    files: int = 0
    size: int = 0
    seconds: float = 0.0
    states: Counter[str] = field(default_factory=Counter)
    pixels: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)

    def count(self, line: Line) -> None:
        """One file more."""
        if line.correction:
            return
        self.files += 1
        self.size += line.size
        self.states[line.state] += 1
        if line.state is not State.QUARANTINED and line.output is not None:
            self.pixels[line.pixels] += 1
        self.findings.update(line.findings)

    @property
    def failed(self) -> int:
        """Files that were handed in and could not be used, or whose pixels should have been read and were not."""
        return self.states[State.QUARANTINED] + self.pixels[PixelOutcome.UNREAD]


@dataclass(frozen=True)
class Treated:
    """What a worker has to say of a chunk: an outcome for each task, where its output waits, and its size in bytes."""

    attempt: str
    outcomes: tuple[tuple[Outcome, str | None, int], ...]
    seconds: float
    worker: str


@contextmanager
def open_engine(url: str | None, *, workers: int) -> Iterator[Engine]:
    """The engine of an address, or processes of this host; with one worker none at all. Its workers end with the block.

    Raises:
        ConfigError: the address is none, or the engine is not installed.
        UnavailableError: it does not answer.
    """
    engine: Engine
    if url is not None:
        from leadglass.adapters.batch.dask import DaskEngine

        engine = DaskEngine(url)
    elif workers > 1:
        engine = ProcessPool(workers, preload="leadglass.assemble.desk")
    else:
        engine = InLine()
    with closing(engine):
        yield engine


def default_workers() -> int:
    """The processors that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def pixel_reader() -> str | None:
    """What reads text in pixels, where it is installed."""
    return next((name for name in _READERS if find_spec(name)), None)


def default_report(out: Path) -> Path:
    """``OUT.report``, beside the output folder: that one goes out, and the report has input paths in it."""
    absolute = Path(os.path.abspath(out))  # noqa: PTH100 - without following links, and `..` has no name to add to
    return absolute.with_name(f"{absolute.name}.report")


# What workers run


def treat_chunk(treat: Treat, tasks: Sequence[Task], staging: str, treatment: Treatment) -> Treated:
    """Treat files into a new folder below ``staging``.

    Raises:
        UnavailableError: an output cannot be written.
    """
    begun = time.monotonic()
    attempt = os.urandom(12).hex()
    folder = Path(staging, attempt)
    try:
        # Apart: an output may be called as anything is, a number too.
        making = folder / "making"
        making.mkdir(mode=0o700, parents=True)
        with ONE_AT_A_TIME:
            outcomes = tuple(
                _treated(treat, task, making, f"{folder}/{number}", treatment) for number, task in enumerate(tasks)
            )
    except OSError as error:
        raise UnavailableError(
            f"{staging} cannot be used: {error.strerror}", hint="does every worker see it under this path?"
        ) from error
    return Treated(attempt, outcomes, time.monotonic() - begun, f"{socket.gethostname()}:{os.getpid()}")


def _treated(treat: Treat, task: Task, making: Path, waiting: str, treatment: Treatment) -> tuple[Outcome, str | None, int]:
    """Treat a file in the folder ``making``; its output then waits at the path ``waiting``."""
    try:
        outcome = treat(Path(task.place), making, PurePosixPath(task.path), treatment)
    except NotDicomError as error:
        outcome = Outcome(State.SKIPPED, said_of(error))
    except UnavailableError:
        raise
    except Exception as error:
        # One odd file does not keep the others out.
        outcome = Outcome(State.QUARANTINED, said_of(error))
    if outcome.state is not State.DONE or outcome.output is None:
        return outcome, None, 0
    # Out of the way of the next file that wants the same name. A Path for every file of millions costs more than the calls.
    os.rename(f"{making}/{outcome.output}", waiting)  # noqa: PTH104 - a Path for every file costs more
    return outcome, waiting.rpartition("/")[2], os.stat(waiting).st_size  # noqa: PTH116 - as above


def said_of(error: Exception) -> str:
    if isinstance(error, LeadglassError):
        return f"{type(error).__name__}: {error.message}"
    # The text of an unforeseen error may name a patient; its place does not.
    where = traceback.extract_tb(error.__traceback__)[-1]
    return f"an error that nobody foresaw: {type(error).__name__} at {Path(where.filename).name}:{where.lineno}"


# De-identification


class Run:
    """A run from ``source`` (a folder or a file) into ``out``, with its books in ``report``.

    ``reader`` names what reads text in pixels, where something does; files that were left unread are done again once
    there is a reader.

    Raises:
        InputError: the input is not there, or the folders lie in each other.
        ConflictError: the outputs are of another key, profile or option, or not of this run at all; or it is running.
        UnavailableError: here or later: a folder cannot be written, or an engine does not answer.
    """

    def __init__(
        self,
        source: Path,
        out: Path,
        *,
        report: Path,
        treatment: Treatment,
        residue: Path | None = None,
        reader: str | None = None,
        engine_name: str = "",
    ) -> None:
        _check_places(source, out, report, residue)
        self.source, self.out, self.report = source, out, report
        self.treatment = treatment
        self._reads = reader is not None
        self._profile = profile(treatment.profile, options=treatment.options)
        self.summary = Summary()
        self._begun = time.monotonic()
        self._secured = self._begun
        self._pace = Pace()
        self._out = str(out)
        root = source if source.is_dir() else source.parent
        self._prefix = str(root / "x")[:-1]
        _check_free(out, report)
        _make_folders(out, report)
        self.journal = Journal(report / JOURNAL)
        self._residue: ResidueFile | None = None
        try:
            self._agree()
            self._number = self.journal.source(os.path.abspath(root))  # noqa: PTH100 - a link may lead elsewhere next time
            self._staging = Staging(out, report)
            self._finish_the_last()
            if residue is not None:
                self._residue = self._opened_residue(residue)
            # A name can be taken by a file that is not ours, or that differs in case where the file system sees none.
            self._wary = treatment.names is Names.KEEP or not self.journal.empty()
            self._session = self.journal.begin(now=_now(), version=__version__, engine=engine_name)
        except BaseException:
            self.close()
            raise

    def close(self) -> None:
        if self._residue is not None:
            self._residue.close()
        self.journal.close()

    def __enter__(self) -> Run:
        return self

    def __exit__(self, *_: object) -> None:
        self._staging.sweep()
        self.close()

    def lines(self, engine: Engine, treat: Treat) -> Iterator[Line]:
        """Do it: a line a file as soon as its output is in its place, and the report in the end.

        A file whose output's name had to change because another file wants it too gets a second line.
        """
        for line in self._lines(engine, treat):
            self.summary.count(line)
            yield line
        self.summary.seconds = time.monotonic() - self._begun
        self.journal.end(self._session, now=_now())
        self._write_report()

    def _lines(self, engine: Engine, treat: Treat) -> Iterator[Line]:
        staging = str(self._staging.folder)
        sharing: Sharing[Treated, _Aside] = Sharing(
            engine,
            lambda tasks: engine.submit(treat_chunk, treat, tasks, staging, self.treatment),
            claim=self._claim,
            lost=lambda chunk, split: self.journal.lost(chunk.number, losses=chunk.losses, split=split),
        )
        for chunk, treated in sharing.answers(self._pace.chunks(self._tasks())):
            yield from self._said_of(chunk.aside)
            if chunk.tasks:
                yield from self._settle(chunk, treated)
            if time.monotonic() - self._secured > _SECURE_SECONDS:
                self._secure()
        yield from self._part_namesakes()
        self._secure()

    # Before

    def _agree(self) -> None:
        """Outputs of two settings in one folder would be neither's."""
        settings = json.dumps(self.settings(), sort_keys=True, ensure_ascii=False)
        before = self.journal.get("settings")
        if before is None:
            self.journal.put("settings", settings)
            return
        theirs, ours = json.loads(before), json.loads(settings)
        other = sorted(name for name in theirs.keys() | ours.keys() if theirs.get(name) != ours.get(name))
        if other:
            raise ConflictError(
                f"{self.out} was made with another {', '.join(other)}",
                hint="choose a new output folder, or the same settings",
            )

    def settings(self) -> Mapping[str, object]:
        """What outputs depend on. The key is told by a fingerprint that says nothing of it."""
        treatment = self.treatment
        return {
            "profile": self._profile.digest or "basic",
            "option": sorted(self._profile.options),
            "project": treatment.project,
            "recipient": treatment.recipient,
            "digest": treatment.digest,
            "pixels": treatment.pixels,
            "names": treatment.names,
            "documents": treatment.documents,
            "residue": treatment.residue,
            "key": hmac.digest(treatment.key, b"leadglass: which key a run had", "sha256")[:8].hex(),
        }

    def _finish_the_last(self) -> None:
        self._staging.make(self.journal.planned())
        boot = _boot()
        lost = self.journal.unsecured() if self.journal.get("boot") != boot else []
        with self.journal.transaction():
            self.journal.moved()
            self.journal.plan(self._forgotten(lost))
            self.journal.put("boot", boot)
            self.journal.retry_held_back(by_other_than=__version__)
        self._staging.make(self.journal.planned())
        self._staging.open()

    def _opened_residue(self, path: Path) -> ResidueFile:
        number = self.journal.get("residue number") or os.urandom(32).hex()
        self.journal.put("residue number", number)
        committed = int(self.journal.get("residue size") or 0)
        residue = ResidueFile(path, number=bytes.fromhex(number), committed=committed)
        self.journal.put("residue size", str(residue.flush()))
        return residue

    def _forgotten(self, files: Iterable[tuple[int, str]]) -> Iterator[Move]:
        for source, path in files:
            move = self.journal.forget(source, path)
            if move is not None:
                yield move

    # Files in

    def _tasks(self) -> Iterator[Task | _Aside]:
        """The files to treat; of the others, what became of them."""
        fresh = self.journal.empty()
        for found in walk(self.source):
            if found.problem or found.aside:
                yield _Aside(_unusable(found), known=False)
                continue
            known = None if fresh else self.journal.known(self._number, found.path)
            if known and self._holds(known, found):
                yield _Aside(known, known=True)
                continue
            if known:
                self._redo(found.path)
            yield Task(self._shown(found.path), found.path, found.size, found.modified)

    def _said_of(self, aside: Sequence[_Aside]) -> Iterator[Line]:
        with self.journal.transaction():
            for each in aside:
                if not each.known:
                    self.journal.add(each.record, source=self._number, session=self._session, chunk=None)
        for each in aside:
            yield self._again(each.record) if each.known else self._line(each.record)

    def _holds(self, known: Record, found: Found) -> bool:
        """Whether what is on record is true of the file and of the output folder as they are."""
        if (known.size, known.modified) != (found.size, found.modified):
            return False
        if known.again or (self._reads and known.pixels == PixelOutcome.UNREAD):
            return False
        if known.output is None:
            return True
        try:
            return os.stat(f"{self._out}/{known.output}").st_size == known.written_size  # noqa: PTH116 - as above
        except OSError:
            return False

    def _again(self, known: Record) -> Line:
        """What is said of a file of an earlier session; why it was held back or left aside is worth saying again."""
        line = self._line(known)
        if known.state == State.QUARANTINED or known.output is None:
            return line
        return replace(line, state=State.SKIPPED, reason=ALREADY_DONE)

    def _redo(self, path: str) -> None:
        with self.journal.transaction():
            self.journal.moved()
            self.journal.plan(self._forgotten([(self._number, path)]))
        self._make_moves()

    def _claim(self, chunk: Chunk[_Aside]) -> None:
        if not chunk.number:
            size = sum(task.size for task in chunk.tasks)
            chunk.number = self.journal.claim(self._session, files=len(chunk.tasks), size=size)

    # Outputs into their place

    def _settle(self, chunk: Chunk[_Aside], treated: Treated | None) -> Iterator[Line]:
        """Put a chunk on record, then its outputs in their place, then say so."""
        if treated is None:
            why = f"the worker process died of it, {LOSSES} times; its memory may be too small"
            gone = Outcome(State.QUARANTINED, why, again=True)
            treated = Treated("", ((gone, None, 0),), 0.0, "")
        else:
            self._pace.took(len(chunk.tasks), treated.seconds)
        lines: list[Line] = []
        with self.journal.transaction():
            self.journal.moved()
            for task, (outcome, waiting, size) in zip(chunk.tasks, treated.outcomes, strict=True):
                place = _Place(outcome.state, outcome.reason)
                if waiting is not None:
                    place = self._placed(outcome, f"{treated.attempt}/{waiting}")
                record = _record(task, outcome, place, written_size=size)
                self.journal.add(record, source=self._number, session=self._session, chunk=chunk.number)
                lines.append(self._line(record))
            if self._residue is not None:
                self.journal.put("residue size", str(self._residue.flush()))
            self.journal.done(chunk.number, claimed_by=treated.worker)
        self._make_moves()
        if treated.attempt:
            shutil.rmtree(self._staging.folder / treated.attempt, ignore_errors=True)
        yield from lines

    def _placed(self, outcome: Outcome, waiting: str) -> _Place:
        """The name that an output gets; the move is planned."""
        wanted, written = outcome.output, outcome.written
        if wanted is None or written is None:
            raise TypeError("an output has a name and a digest")
        others = dict(self.journal.holders(wanted))
        if written in others:
            self.journal.plan([Move(waiting, None, staged=True)])
            return _Place(State.SKIPPED, SAME_INSTANCE, others[written])
        if self._wary and not self._staging.takes(wanted):
            self.journal.plan([Move(waiting, None, staged=True)])
            return _Place(State.QUARANTINED, NO_PLACE)
        place = _Place(State.DONE, outcome.reason, wanted)
        if others or (self._wary and os.path.lexists(f"{self._out}/{wanted}")):
            place = _Place(State.DONE, "; ".join(filter(None, (outcome.reason, OTHER_CONTENT))), apart(wanted, written))
        self.journal.plan([Move(waiting, place.output, staged=True)])
        if self._residue is not None and outcome.residue is not None:
            self._residue.append(bytes.fromhex(written), outcome.residue)
        return place

    def _make_moves(self) -> None:
        self._staging.make(self.journal.planned())

    def _part_namesakes(self) -> Iterator[Line]:
        """The first of the outputs that want one name gets its digest into it like the others."""
        for wanted, written in self.journal.contested():
            output = apart(wanted, written)
            with self.journal.transaction():
                self.journal.moved()
                changed = self.journal.rename(wanted, output=output, reason=OTHER_CONTENT)
                self.journal.plan([Move(wanted, output)])
            self._make_moves()
            for source, record in changed:
                if source == self._number:
                    yield replace(self._line(record), correction=True)

    def _secure(self) -> None:
        """Outputs first: the journal must not promise what the disk does not have."""
        self._staging.secure()
        if self._residue is not None:
            self._residue.secure()
        with self.journal.transaction():
            self.journal.moved()
        self.journal.secure()
        self._secured = time.monotonic()

    # What is said

    def _line(self, record: Record) -> Line:
        return Line(
            self._shown(record.path),
            record.output,
            State(record.state),
            record.reason,
            PixelOutcome(record.pixels),
            record.findings,
            record.size,
        )

    def _shown(self, path: str) -> str:
        return f"{self._prefix}{path}"

    def _write_report(self) -> None:
        from leadglass.assemble.report import write_report

        write_report(self.journal, self.report, profile=self._profile, settings=self.settings())


class _Place(NamedTuple):
    """What the journal makes of an outcome: its state and reason, and the name of the output."""

    state: State
    reason: str | None
    output: str | None = None


@dataclass(frozen=True)
class _Aside:
    """A file that needs no work: one of an earlier session, or one that cannot be used."""

    record: Record
    known: bool


def _unusable(found: Found) -> Record:
    return Record(
        path=found.path,
        size=found.size,
        modified=found.modified,
        state=State.QUARANTINED if found.problem else State.SKIPPED,
        reason=found.problem or found.aside,
        pixels=PixelOutcome.OFF,
        findings={},
        at=_now(),
    )


def apart(wanted: str, written: str) -> str:
    """The name of an output whose rightful name another one wants too."""
    path = PurePosixPath(wanted)
    end = f"-{written[:12]}{path.suffix[:_SUFFIX]}"
    stem = path.stem
    while len(os.fsencode(stem + end)) > _NAME_BYTES:
        stem = stem[:-1]  # no loss: the digest tells outputs apart
    return str(path.with_name(stem + end))


def _record(task: Task, outcome: Outcome, place: _Place, *, written_size: int) -> Record:
    return Record(
        path=task.path,
        size=task.size,
        modified=task.modified,
        state=place.state,
        reason=place.reason,
        pixels=outcome.pixels,
        findings=outcome.findings,
        at=_now(),
        wanted=outcome.output if place.output is not None else None,
        output=place.output,
        written=outcome.written,
        written_size=written_size if place.output is not None else None,
        received=outcome.received,
        modality=outcome.modality,
        sop_class=outcome.sop_class,
        again=outcome.again,
    )


def _now() -> int:
    return time.time_ns() // 1_000_000


def _boot() -> str:
    """What changes when the machine starts again; where nothing tells, every start of the command counts as one."""
    try:
        return Path("/proc/sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
    except OSError:
        return os.urandom(16).hex()


def _check_places(source: Path, out: Path, report: Path, residue: Path | None) -> None:
    try:
        if source.is_dir():
            os.scandir(source).close()
        else:
            source.open("rb").close()
    except OSError as error:
        raise InputError(f"{source} cannot be read: {error.strerror}", hint="check its path and rights") from error
    real_source, real_out, real_report = (Path(os.path.realpath(each)) for each in (source, out, report))
    if real_out.is_relative_to(real_source) or real_source.is_relative_to(real_out):
        raise InputError("input and output folder lie in each other", hint="choose an output folder beside the input")
    if real_report.is_relative_to(real_out) or real_out.is_relative_to(real_report):
        raise InputError("output and report folder lie in each other", hint="the output goes out, the report names patients")
    if real_report.is_relative_to(real_source) or real_source.is_relative_to(real_report):
        raise InputError("input and report folder lie in each other", hint="choose a --report folder elsewhere")
    if residue is not None and Path(os.path.realpath(residue)).is_relative_to(real_out):
        raise InputError(
            "the residue may not lie in the output folder", hint="it gives the received files back: keep it here"
        )


def _check_free(out: Path, report: Path) -> None:
    """Nothing that is there already may be taken for an output, or replaced by one."""
    try:
        if (report / JOURNAL).exists() or not out.exists():
            return
        if any(not each.name.startswith(HIDDEN) for each in out.iterdir()):
            raise ConflictError(
                f"{out} is not empty, and {report} does not know of a run into it",
                hint="choose a new output folder, or the --report folder of the run that made it",
            )
    except OSError as error:
        raise UnavailableError(f"{out} cannot be used: {error.strerror}", hint="choose another output folder") from error


def _make_folders(out: Path, report: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        report.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise UnavailableError(f"a folder cannot be made: {error.strerror}", hint=f"look at {out} and {report}") from error
