"""What would leak if a folder went out as it is: every file looked at, nothing written."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from leadglass.adapters.batch.engine import Engine
from leadglass.adapters.batch.share import LOSSES, ONE_AT_A_TIME, Pace, Sharing, Task
from leadglass.adapters.batch.walk import walk
from leadglass.assemble.desk import PixelMode, State, Survey
from leadglass.assemble.run import said_of
from leadglass.errors import InputError, NotDicomError

Look = Callable[..., Survey]
"""``desk.survey_file``: a path, and ``pixels=``."""

_UNREADABLE = "unreadable"


@dataclass(frozen=True)
class Looked:
    """What was found in one file, by category, never the value."""

    path: str
    state: str
    findings: Mapping[str, int]
    reason: str | None
    size: int = 0


_GRAVITY = ("name", "id", "birth date", "face", "phone", "address", "date", "institution", "uid", "device", "private")
"""Categories, the ones first that tell a person most."""


@dataclass
class Tally:
    """What a survey found: files by state, findings by category and the files that have them."""

    files: int = 0
    size: int = 0
    states: Counter[str] = field(default_factory=Counter)
    findings: Counter[str] = field(default_factory=Counter)

    def count(self, looked: Looked) -> None:
        """One file more."""
        self.files += 1
        self.size += looked.size
        self.states[looked.state] += 1
        self.findings.update(looked.findings)

    @property
    def unreadable(self) -> int:
        """Files that somebody may take for DICOM and nobody can read."""
        return self.states[_UNREADABLE]

    def verdict(self) -> str:
        """One sentence for whoever decides."""
        leaking, images = self.states["leaks"], self.files - self.states[State.SKIPPED]
        if not images:
            return "no DICOM file was found"
        if leaking:
            gravest = [each for each in _GRAVITY if self.findings[each]] or sorted(self.findings)
            return f"do not send this: {leaking} of {images} files say who the patient is or may ({', '.join(gravest[:4])})"
        if self.unreadable:
            return f"do not send this: {self.unreadable} of {images} files could not be read"
        return "nothing was found, which is no promise"


def survey(source: Path, engine: Engine, look: Look, *, pixels: PixelMode) -> Iterator[Looked]:
    """File by file as they are looked at.

    Raises:
        InputError: the input is not there.
        UnavailableError: an engine does not answer.
    """
    if not source.exists():
        raise InputError(f"{source} is not there", hint="name a file or a folder")
    pace = Pace()
    sharing: Sharing[tuple[tuple[Survey, ...], float], Looked] = Sharing(
        engine, lambda tasks: engine.submit(survey_chunk, look, tasks, pixels)
    )
    for chunk, answer in sharing.answers(pace.chunks(_tasks(source))):
        yield from chunk.aside
        if answer is not None:
            pace.took(len(chunk.tasks), answer[1])
            for task, each in zip(chunk.tasks, answer[0], strict=True):
                yield Looked(task.place, each.state, each.findings, each.reason, task.size)
        elif chunk.tasks:
            yield Looked(chunk.tasks[0].place, _UNREADABLE, {}, f"the worker process died of it, {LOSSES} times")


def survey_chunk(look: Look, tasks: Sequence[Task], pixels: PixelMode) -> tuple[tuple[Survey, ...], float]:
    """What a worker does: look at files. Gives a survey for each, and the seconds that they took."""
    begun = time.monotonic()
    with ONE_AT_A_TIME:
        found = tuple(_looked(look, task, pixels) for task in tasks)
    return found, time.monotonic() - begun


def _looked(look: Look, task: Task, pixels: PixelMode) -> Survey:
    try:
        return look(Path(task.place), pixels=pixels)
    except NotDicomError as error:
        return Survey(State.SKIPPED, {}, said_of(error))
    except Exception as error:
        # One odd file does not keep the others out.
        return Survey(_UNREADABLE, {}, said_of(error))


def _tasks(source: Path) -> Iterator[Task | Looked]:
    root = source if source.is_dir() else source.parent
    for found in walk(source):
        place = str(root / found.path)
        if found.problem or found.aside:
            yield Looked(place, _UNREADABLE if found.problem else State.SKIPPED, {}, found.problem or found.aside)
        else:
            yield Task(place, found.path, found.size, found.modified)
