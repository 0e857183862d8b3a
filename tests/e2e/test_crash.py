"""Killed at any moment: the site opens, the log verifies, nothing is half-written or done twice, and a second run completes.

A child of a process that has everything imported is killed, so that a few dozen deaths take seconds.
"""

from __future__ import annotations

import hashlib
import json
import os
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leadglass.flows import vault
from leadglass.testing.films import small_film

if TYPE_CHECKING:
    from tests.e2e.conftest import House

pytestmark = pytest.mark.xdist_group("crash")

# A child stays a zombie until it is asked for, so that its number cannot have become another process's.
FORGE = """
import json, os, sys
import leadglass.assemble.site, leadglass.flows.ingest, leadglass.flows.release
from leadglass.cli.main import run

for line in sys.stdin:
    child = os.fork()
    if child == 0:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os._exit(run(json.loads(line)))
    print(child, flush=True)
    sys.stdin.readline()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


class Forge:
    """Starts commands and kills them at moments that follow from a seed."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def run(self, *arguments: object, kill_after: float | None = None) -> int:
        """The exit code of a command; -9 where it was killed after so many seconds and had not ended by then."""
        child = int(self._told(json.dumps([str(argument) for argument in arguments])))
        if kill_after is not None:
            time.sleep(kill_after)
            os.kill(child, signal.SIGKILL)
        return int(self._told("and now?"))

    def kill(self, commands: Iterable[Sequence[object]], *, seed: int, within: float) -> Iterator[bool]:
        """Whether each command died, killed at a random moment of the seconds that it takes, at first ``within``."""
        moments = random.Random(seed)  # noqa: S311 - it chooses moments, it guards nothing
        for command in commands:
            code = self.run(*command, kill_after=moments.uniform(0, within))
            assert code in (0, -signal.SIGKILL)
            # How long a command takes changes with what else the machine does.
            within *= 1.03 if code else 0.8
            yield code != 0

    def _told(self, line: str) -> str:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(line, file=self._process.stdin, flush=True)
        return self._process.stdout.readline()


@pytest.fixture(scope="module")
def forge() -> Iterator[Forge]:
    kept = {name: value for name, value in os.environ.items() if not name.startswith("LEADGLASS_")}
    with subprocess.Popen(
        [sys.executable, "-c", FORGE],
        env=kept | {"LEADGLASS_PASSPHRASE": "example"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        yield Forge(process)
        assert process.stdin is not None
        process.stdin.close()


def folder_of_films(folder: Path, number: int) -> list[Path]:
    """Four films, other ones for each number."""
    (folder / str(number)).mkdir()
    paths = [folder / str(number) / f"{each}.dcm" for each in range(4)]
    for each, path in enumerate(paths):
        path.write_bytes(small_film(seed=1000 + 4 * number + each))
    return paths


def test_an_ingest_that_is_killed_leaves_a_whole_site_and_completes_when_run_again(
    house: House, forge: Forge, tmp_path: Path
) -> None:
    folder = tmp_path / "films"
    folder.mkdir()
    command = ("--site", house.path, "--as", "tech.demo", "ingest")
    before = len(house.instances())
    films = folder_of_films(folder, 0)
    started = time.monotonic()
    assert forge.run(*command, folder / "0") == 0
    commands = []
    for number in range(1, 25):
        films += folder_of_films(folder, number)
        commands.append((*command, folder / str(number)))

    deaths = 0
    for died in forge.kill(commands, seed=20261124, within=time.monotonic() - started):
        deaths += died
        house.check_whole(orphans=True)

    # When a busy machine is killed is chance; that the site is whole after each time is not.
    assert deaths
    assert forge.run(*command, folder) == 0
    assert len(house.instances()) - before == len(films)
    check_received(house, films)
    check_swept(house)


def check_received(house: House, films: list[Path]) -> None:
    """Each of the films comes back bit for bit, from an instance of its own."""
    with house.opened() as site:
        with site.database.begin() as transaction:
            stored = transaction.instances.find()
        received = Counter(
            hashlib.sha256(source.read(0, source.size)).digest()
            for source in (vault.received(site, instance) for instance in stored)
        )
    assert [received[hashlib.sha256(film.read_bytes()).digest()] for film in films] == [1] * len(films)


def check_swept(house: House) -> None:
    """Once what was left behind is old, ``maintain`` leaves nothing that no row names."""
    # An examination takes its time, and what it replaces is for the next sweep.
    policies = house.path / "policies" / "hospital.cedar"
    policies.write_text(policies.read_text().replace('Action::"check", Action::"checkpoint"', 'Action::"checkpoint"'))
    with house.opened() as site:
        orphan = site.blobs.put([b"of an ingest that never committed"])
    hours_ago = time.time() - 2 * 3600
    for blob in (house.path / "blobs").glob("??/*"):
        os.utime(blob, (hours_ago, hours_ago))
    assert orphan in house.blobs()
    house("maintain", person="admin.demo")
    house.check_whole()


def test_a_release_that_is_killed_is_out_once_or_not_at_all(house: House, forge: Forge, tmp_path: Path) -> None:
    out = tmp_path / "out"
    grants = [house.primary_read() for _ in range(24)]
    commands = [("--site", house.path, "--as", "dr.demo", "release", grant, "--out", out) for grant in grants]
    started = time.monotonic()
    assert forge.run(*commands[0]) == 0

    deaths = 0
    for died in forge.kill(commands[1:], seed=4711, within=time.monotonic() - started):
        deaths += died
        check_released(house, out)
        house.check_whole()

    assert deaths
    again = Counter(house(*("release", grant, "--out", out), code=None).code for grant in grants)
    assert again.keys() <= {0, 3}
    releases = check_released(house, out)
    assert sorted(releases.values()) == sorted(grants)
    for number, release in enumerate(releases):
        house("log", "prove", release, "--out", tmp_path / f"{number}.receipt")
    house.check_whole()


def check_released(house: House, out: Path) -> dict[str, str]:
    """What lies in the folder is whole and on record, and no grant served twice. Gives releases and their grants."""
    with house.opened() as site, site.database.begin() as transaction:
        releases = {release.id: release for release in transaction.releases.find()}
    for film in out.glob("*.dcm"):
        assert hashlib.sha256(film.read_bytes()).hexdigest() == releases[film.stem].digest
    assert {path.stem for path in out.glob("*.receipt")} <= {path.stem for path in out.glob("*.dcm")}
    assert {path.suffix for path in out.iterdir()} <= {".dcm", ".receipt"}
    grants = {release.id: release.grant for release in releases.values()}
    assert len(set(grants.values())) == len(grants)
    return {str(release): str(grant) for release, grant in grants.items()}
