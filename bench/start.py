"""How long the command line takes to answer, beside a Python that does nothing, and which imports make it so.

Run ``python bench/start.py``. The commands take turns; the figures are medians of wall and CPU time of the whole process.
"""

from __future__ import annotations

import argparse
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from film import LUNGS, PATIENT, READER, TECHNOLOGIST, Spent, granted, machine, session_of
from leadglass.adapters.files import FileSource, FolderOutlet
from leadglass.assemble.site import EXAMPLE_PASSPHRASE, create_site, open_site
from leadglass.flows import orders
from leadglass.flows.ingest import ingest
from leadglass.flows.release import release
from leadglass.testing.films import small_film

GOAL_MS = 300
PROGRAM = str(Path(sys.executable).with_name("leadglass"))


def receipt(folder: Path) -> tuple[Path, str]:
    """A receipt to check, and the verifier key of its log."""
    create_site(folder / "site", admin="admin.demo", passphrase=EXAMPLE_PASSPHRASE, example=True)
    (folder / "film.dcm").write_bytes(small_film(rows=160, columns=140))
    with open_site(folder / "site") as site:
        with FileSource(folder / "film.dcm") as source:
            instance = ingest(site, session_of(site, TECHNOLOGIST), source).instance
        orders.add(site, session_of(site, TECHNOLOGIST), accession=PATIENT.accession, procedure="chest", reader=READER)
        reader = session_of(site, READER)
        made = release(site, reader, granted(site, reader, instance, LUNGS), FolderOutlet(folder / "left"))
    return Path(made.receipt), (folder / "site" / "log" / "vkey").read_text().strip()


def once(command: Sequence[str]) -> Spent:
    """Wall and CPU time of one process, its start included."""
    before, start = os.times(), time.perf_counter()
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    wall, after = time.perf_counter() - start, os.times()
    cpu = after.children_user + after.children_system - before.children_user - before.children_system
    return Spent(wall, cpu)


def slowest_imports(command: Sequence[str], *, count: int) -> list[tuple[int, int, str]]:
    """The modules that took longest by themselves: own microseconds, microseconds with what they import, name."""
    done = subprocess.run(
        [sys.executable, "-X", "importtime", *command],
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    found = re.findall(r"import time:\s+(\d+) \|\s+(\d+) \|\s+(\S+)", done.stderr)
    return sorted(((int(own), int(total), name) for own, total, name in found), reverse=True)[:count]


def packages(command: Sequence[str]) -> list[tuple[str, int]]:
    """Own import time by top-level package, microseconds, the slowest first."""
    sums: dict[str, int] = {}
    for own, _, name in slowest_imports(command, count=10_000):
        top = name.split(".")[0]
        sums[top] = sums.get(top, 0) + own
    return sorted(sums.items(), key=lambda item: -item[1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=15)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="leadglass-bench-") as name:
        proof, key = receipt(Path(name))
        check = ["log", "check", str(proof), "--vkey", key]
        commands = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "leadglass --help": [PROGRAM, "--help"],
            "leadglass log check": [PROGRAM, *check],
        }
        print(f"Medians of {options.repeats}; the goal is {GOAL_MS} ms.\n{machine()}\n")
        runs: dict[str, list[Spent]] = {name: [] for name in commands}
        for _ in range(options.repeats):
            for said, command in commands.items():
                runs[said].append(once(command))
        print("| command | wall ms | CPU ms | least wall ms | within the goal |\n| --- | ---: | ---: | ---: | --- |")
        for said, spent in runs.items():
            wall = statistics.median(each.wall for each in spent) * 1000
            cpu = statistics.median(each.cpu for each in spent) * 1000
            least = min(each.wall for each in spent) * 1000
            print(f"| {said} | {wall:.0f} | {cpu:.0f} | {least:.0f} | {'yes' if wall <= GOAL_MS else 'no'} |")
        for said, arguments in (("leadglass --help", ["--help"]), ("leadglass log check", check)):
            program = ["-c", "from leadglass.cli.main import main; main()", *arguments]
            print(f"\nImports of `{said}` (slower while they are traced):")
            print("by package, ms:", ", ".join(f"{top} {us / 1000:.0f}" for top, us in packages(program)[:10]))
            for own, total, module in slowest_imports(program, count=8):
                print(f"  {own / 1000:6.1f} ms, {total / 1000:6.1f} with what it imports: {module}")


if __name__ == "__main__":
    main()
