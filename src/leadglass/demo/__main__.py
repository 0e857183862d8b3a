"""``python -m leadglass.demo [FOLDER]``: the demonstration.

Everything goes to FOLDER (``demo``), where it replaces what an earlier run left.
"""

from __future__ import annotations

import shutil
import sys
import time
from pathlib import Path

from rich.console import Console

from leadglass.assemble.site import EXAMPLE_PASSPHRASE
from leadglass.demo.report import write_report
from leadglass.demo.story import live
from leadglass.demo.teller import Teller
from leadglass.errors import ConflictError, LeadglassError
from leadglass.testing.films import example_films, examples_folder

MARK = ".made-by-the-demonstration"


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
    story = live(folder, films, teller)
    report = folder / "report.html"
    report.write_text(write_report(story), encoding="utf-8")
    teller.title(
        f"{len(story.claims)} claims were checked and held, in {time.perf_counter() - began:.0f} s",
        f"the report, with pictures: {report}",
    )
    teller.say("the site is yours, to try what you have seen; what to set first, and what to ask next:")
    teller.say(f"$ export LEADGLASS_SITE={folder / 'site'} LEADGLASS_PASSPHRASE={EXAMPLE_PASSPHRASE}")
    teller.command("--as auditor.demo history", story.reader.release.instance)
    teller.command(
        "--as student.demo request", story.reader.release.instance, "--action view --purpose TEACH --regions lungs"
    )
    teller.command("--as head.demo tickets")


def _clear(folder: Path) -> None:
    """Remove what an earlier run left, which it marked as its own, and nothing else.

    Raises:
        ConflictError: the folder holds something, and no mark of a demonstration.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if any(folder.iterdir()) and not (folder / MARK).is_file():
        raise ConflictError(f"{folder} is not empty, and no demonstration made it", hint="name a new folder")
    (folder / MARK).write_text("made by the demonstration of leadglass, which removes this folder's content\n")
    for path in sorted(folder.iterdir()):
        if path.name != MARK:
            shutil.rmtree(path) if path.is_dir() else path.unlink()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
