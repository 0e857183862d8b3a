"""``python -m leadglass.testing.demo [FOLDER]``: the demonstration; everything goes to FOLDER (``demo``), which is replaced."""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from leadglass.errors import ConflictError, LeadglassError
from leadglass.testing.demo.report import write_report
from leadglass.testing.demo.story import folder_is_ours, live
from leadglass.testing.demo.teller import Teller
from leadglass.testing.films import example_films, examples_folder


def main(arguments: list[str]) -> int:
    """Run the demonstration; gives the exit code (``errors``): 0 only when every claim held."""
    folder = Path(arguments[0]) if arguments else Path("demo")
    console = Console(highlight=False, markup=False)
    try:
        _demonstrate(folder, console)
    except LeadglassError as error:
        console.print(f"\nleadglass: {error.message}", style="bold red")
        console.print(f"  {error.hint}" if error.hint else "", style="dim")
        return error.exit_code
    return 0


def _demonstrate(folder: Path, console: Console) -> None:
    began = time.perf_counter()
    teller = Teller(console)
    teller.title(
        "leadglass: one film from door to door",
        "people and numbers are made up; cryptography, policy and log are the real ones",
    )
    _clear(folder)
    films = example_films(examples_folder() / "examples", progress=lambda line: teller.say(f"example films: {line}"))
    teller.say("to type along: export LEADGLASS_SITE=" + str(folder / "site") + " LEADGLASS_PASSPHRASE=example")
    story = live(folder, films, teller)
    report = folder / "report.html"
    report.write_text(write_report(story), encoding="utf-8")
    teller.title(
        f"{len(story.claims)} claims were checked and held, in {time.perf_counter() - began:.0f} s",
        f"the report, with pictures: {report}",
    )
    teller.say("the site is yours to try: export LEADGLASS_SITE=" + str(folder / "site") + " LEADGLASS_PASSPHRASE=example")
    teller.command("--as auditor.demo history", story.reader.release.instance)
    teller.command(
        "--as student.demo request", story.reader.release.instance, "--action view --purpose TEACH --regions lungs"
    )
    teller.command("--as head.demo tickets")


def _clear(folder: Path) -> None:
    """Remove what an earlier run left.

    Raises:
        ConflictError: the folder holds something else.
    """
    if folder.exists():
        if not folder.is_dir() or not folder_is_ours(
            path.name for path in folder.iterdir() if not path.name.startswith(".")
        ):
            raise ConflictError(f"{folder} holds something else than a demonstration", hint="name a new folder")
        shutil.rmtree(folder)
    folder.mkdir(parents=True)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
