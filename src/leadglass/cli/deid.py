"""``scan``, ``deid``, ``deid explain``, ``deid undo``: what a research office needs, without a site."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperGroup

from leadglass.cli.terminal import choice, emit, options, say
from leadglass.errors import InputError

if TYPE_CHECKING:
    from leadglass.assemble.run import Line, Summary

PIXELS = "auto, all or off: whose pixels are read for burned-in text."
PROFILE = "The Basic Profile (basic), or a profile file."
OPTION = "A PS3.15 option by its name; again for more."
WORKERS = "Worker processes; default one for each processor, 1 for none."
ENGINE = "dask://HOST:PORT, dask+tls://HOST:PORT or dask://local?workers=N instead of processes of this host."


class _Deid(TyperGroup):
    """``deid SRC OUT``, and the commands below the same word.

    A folder may be called like one of them: each is told by an option that it needs and ``deid SRC OUT`` has in another
    place, ``--out`` for ``undo`` and no ``--key`` for ``explain``.
    """

    def __init__(self, **attributes: Any) -> None:
        super().__init__(**attributes)
        self.commands[_RUN] = self.commands.pop("run")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        given = {argument.partition("=")[0] for argument in args}
        explains = args[:1] == ["explain"] and "--key" not in given
        undoes = args[:1] == ["undo"] and ("--out" in given or "--key" not in given)
        return super().parse_args(ctx, args if explains or undoes else [_RUN, *args])

    def list_commands(self, ctx: Any) -> list[str]:
        return [name for name in super().list_commands(ctx) if name]


_RUN = ""
"""The name, below ``deid``, of what needs no further word."""

deid = typer.Typer(cls=_Deid, help="De-identify a folder; explain or undo what was done.", add_help_option=False)


def register(app: typer.Typer) -> None:
    app.command()(scan)
    app.add_typer(deid, name="deid")


def scan(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A file, or a folder to walk.")],
    pixels: Annotated[str, typer.Option(metavar="auto|all|off", help=PIXELS)] = "auto",
    workers: Annotated[int | None, typer.Option(metavar="N", min=1, help=WORKERS)] = None,
    engine: Annotated[str | None, typer.Option(metavar="URL", help=ENGINE)] = None,
) -> None:
    """Show what would leak if this folder went out. Writes nothing."""
    from leadglass.assemble.desk import PixelMode, survey_file
    from leadglass.assemble.run import default_workers, open_engine
    from leadglass.assemble.survey import Tally, survey

    mode = choice(PixelMode, pixels, option="--pixels")
    tally = Tally()
    with open_engine(engine, workers=workers or default_workers()) as started, progress(source, "scan") as advance:
        for looked in survey(source, started, survey_file, pixels=mode):
            tally.count(looked)
            emit({"path": looked.path, "state": looked.state, "findings": dict(looked.findings), "reason": looked.reason})
            advance()
    emit(
        {
            "summary": {
                "files": tally.files,
                "states": dict(tally.states),
                "findings": dict(tally.findings),
                "bytes": tally.size,
                "verdict": tally.verdict(),
            }
        }
    )
    say(tally.verdict())
    if tally.unreadable:
        raise InputError(
            f"{tally.unreadable} of {tally.files} files could not be read", hint="the reason stands in its line"
        )


@deid.command("run")
def run(
    source: Annotated[Path, typer.Argument(metavar="SRC", help="A file, or a folder to walk.")],
    out: Annotated[Path, typer.Argument(metavar="OUT", help="The folder for the outputs; new, or of an earlier run.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="The project's key: 32 bytes, its owner's alone.")],
    make_key: Annotated[bool, typer.Option("--make-key", help="Make the key first, if it is not there yet.")] = False,
    profile: Annotated[str, typer.Option(metavar="P", help=PROFILE)] = "basic",
    option: Annotated[list[str] | None, typer.Option(metavar="O", help=OPTION)] = None,
    names: Annotated[
        str, typer.Option(metavar="uid|keep", help="uid: by the new UIDs; keep: as the inputs are named.")
    ] = "uid",
    pixels: Annotated[str, typer.Option(metavar="auto|all|off", help=PIXELS)] = "auto",
    workers: Annotated[int | None, typer.Option(metavar="N", min=1, help=WORKERS)] = None,
    engine: Annotated[str | None, typer.Option(metavar="URL", help=ENGINE)] = None,
    residue: Annotated[Path | None, typer.Option(metavar="FILE", help="Keep here, sealed, what undo needs.")] = None,
    report: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Journal, records and report; default OUT.report.")
    ] = None,
    project: Annotated[str, typer.Option(metavar="TEXT", help="Pseudonyms of two projects have nothing in common.")] = "",
    recipient: Annotated[str, typer.Option(metavar="TEXT", help="Nor have those for two recipients.")] = "",
    digest: Annotated[str, typer.Option(metavar="sha256|sm3", help="What pseudonyms are made with.")] = "sha256",
    documents: Annotated[
        bool, typer.Option("--documents", help="Let encapsulated PDF and CDA through, headers treated.")
    ] = False,
) -> None:
    """De-identify SRC into OUT. See also: deid explain, deid undo."""
    from leadglass.adapters.batch.key import make_key as new_key
    from leadglass.adapters.batch.key import read_key
    from leadglass.assemble.desk import Names, PixelMode, Treatment, treat_file
    from leadglass.assemble.run import Run, default_report, default_workers, open_engine, pixel_reader

    _check_key_place(key, out)
    mode, naming = choice(PixelMode, pixels, option="--pixels"), choice(Names, names, option="--names")
    if digest not in ("sha256", "sm3"):
        raise InputError("--digest is one of a few words", hint="--digest sha256|sm3")
    if not source.exists():
        raise InputError(f"{source} is not there", hint="name a file or a folder")
    if make_key and key.is_file():
        say("the key is there already, and is used")
    elif make_key:
        new_key(key)
    treatment = Treatment(
        key=read_key(key),
        profile=_profile(profile),
        options=tuple(option or ()),
        project=project,
        recipient=recipient,
        digest=digest,
        pixels=mode,
        names=naming,
        documents=documents,
        residue=residue is not None,
    )
    books = report or default_report(out)
    count = workers or default_workers()
    if engine is not None and engine.startswith("dask://") and not engine.startswith("dask://local"):
        say("the key travels to the workers unencrypted; dask+tls:// is for a network that is not all yours")
    with (
        Run(
            source,
            out,
            report=books,
            treatment=treatment,
            residue=residue,
            reader=pixel_reader(),
            engine_name=engine or f"{count} processes",
        ) as work,
        open_engine(engine, workers=count) as started,
        progress(source, "deid") as advance,
    ):
        for line in work.lines(started, treat_file):
            emit(_fields(line))
            if not line.correction:
                advance()
    _conclude(work.summary, books)


@deid.command()
def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A DICOM file.")],
    profile: Annotated[str, typer.Option(metavar="P", help=PROFILE)] = "basic",
    option: Annotated[list[str] | None, typer.Option(metavar="O", help=OPTION)] = None,
) -> None:
    """Show, attribute by attribute, what would happen to a file and why; never a value."""
    from leadglass.assemble.desk import Treatment, explain_file

    # What is done to an attribute does not depend on the key.
    treatment = Treatment(key=bytes(32), profile=_profile(profile), options=tuple(option or ()))
    if file.is_dir():
        raise InputError(f"{file} is a folder", hint="explain takes one file")
    for each in explain_file(file, treatment):
        emit({"tag": each.tag, "keyword": each.keyword, "action": each.action, "why": each.why})


@deid.command()
def undo(
    output: Annotated[Path, typer.Argument(metavar="OUTPUT", help="An output of a run that had --residue.")],
    residue: Annotated[Path, typer.Option(metavar="FILE", help="The residue of that run.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="The key of that run.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file to write; it names the patient.")],
) -> None:
    """Give back the received file, bit for bit."""
    from leadglass.adapters.batch.key import read_key
    from leadglass.assemble.undo import undo_file

    digest = undo_file(output, residue=residue, key=read_key(key), out=out)
    emit({"path": str(out), "sha256": digest})


def _fields(line: Line) -> dict[str, Any]:
    return {
        "path": line.path,
        "output": line.output,
        "state": line.state,
        "reason": line.reason,
        "pixels": line.pixels,
        "findings": dict(line.findings),
    }


def _conclude(summary: Summary, report: Path) -> None:
    """The last line, and the error that the exit code comes from."""
    rate = summary.files / summary.seconds if summary.seconds else 0.0
    emit(
        {
            "summary": {
                "files": summary.files,
                "states": dict(summary.states),
                "pixels": dict(summary.pixels),
                "findings": dict(summary.findings),
                "bytes": summary.size,
                "seconds": round(summary.seconds, 3),
                "files_per_second": round(rate, 1),
                "report": str(report),
            }
        }
    )
    counts = Counter(summary.states)
    say(
        f"{counts['done']} done, {counts['skipped']} skipped, {counts['quarantined']} quarantined "
        f"in {summary.seconds:.1f} s ({rate:.{0 if rate >= 10 else 1}f} files/s); see {report / 'report.html'}"
    )
    if not summary.files:
        raise InputError("there was no file", hint="name a file, or a folder that holds some")
    if summary.failed:
        reasons = [
            f"{number} {what}"
            for number, what in (
                (summary.states["quarantined"], "quarantined"),
                (summary.pixels["unread"], "with pixels that should have been read and were not"),
            )
            if number
        ]
        raise InputError(
            f"of {summary.files} files {' and '.join(reasons)}; the rest was done",
            hint="the reason stands in the line of each",
        )


def _profile(given: str) -> str:
    """The name of a profile, or the text of the file that was named."""
    if given == "basic":
        return given
    try:
        return Path(given).read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"the profile {given} cannot be read", hint="--profile basic, or a profile file") from error


def _check_key_place(key: Path, out: Path) -> None:
    if key.resolve().is_relative_to(out.resolve()):
        raise InputError("the key may not lie in the output folder", hint="whoever has it can tell who is who: keep it here")


@contextmanager
def progress(source: Path, what: str) -> Iterator[Callable[[], None]]:
    """A bar on standard error where somebody looks at it: how many of how many, how fast, how long still.

    The total comes from a count beside the work. The block calls what it gets for each file.
    """
    if options.quiet or not sys.stderr.isatty():
        yield lambda: None
        return
    import threading

    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, ProgressColumn, Task, TextColumn, TimeRemainingColumn
    from rich.text import Text

    from leadglass.adapters.batch.walk import count_files

    class Rate(ProgressColumn):
        def render(self, task: Task) -> Text:
            speed = task.finished_speed or task.speed
            return Text(f"{speed:,.0f}/s" if speed else "")

    # Redirected standard output would end up on standard error; beside the bar only a terminal's is.
    both = sys.stdout.isatty()
    columns = (TextColumn(what), BarColumn(), MofNCompleteColumn(), Rate(), TimeRemainingColumn())
    bar = Progress(*columns, console=Console(stderr=True), redirect_stdout=both, redirect_stderr=False)
    stopped = threading.Event()

    def count() -> None:
        total = count_files(source, stopped.is_set)
        if total is not None:
            bar.update(task, total=total)

    with bar:
        task = bar.add_task(what, total=None)
        counter = threading.Thread(target=count, daemon=True)
        counter.start()
        try:
            yield lambda: bar.advance(task)
        finally:
            stopped.set()
            counter.join()
