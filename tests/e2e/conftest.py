"""The command line as scripts use it: a site of the example people, the program itself, and the same program in process.

``house`` is a fresh copy of one site with three films of two patients in it; calling it runs a command there. Running in
this process saves a second of start-up and is no different for what is tested; ``program`` starts the real one.
"""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadglass.assemble.site import open_site
from leadglass.cli.main import run
from leadglass.dicom.frames import png
from leadglass.flows.audit import audit
from leadglass.site import Site
from leadglass.testing.films import PATIENTS, small_film, small_outlines

PROGRAM = Path(sys.executable).with_name("leadglass")
WANG, MUELLER = PATIENTS[:2]


@dataclass(frozen=True)
class Ran:
    """What a command left behind."""

    code: int
    out: str
    err: str

    @property
    def lines(self) -> list[dict[str, Any]]:
        """The JSON objects on standard output, one a line."""
        return [json.loads(line) for line in self.out.splitlines()]

    @property
    def line(self) -> dict[str, Any]:
        """The only one."""
        (only,) = self.lines
        return only

    @property
    def error(self) -> dict[str, Any]:
        """The object in the last line of standard error."""
        last: dict[str, Any] = json.loads(self.err.splitlines()[-1])
        return last


EXAMPLE = {"LEADGLASS_PASSPHRASE": "example"}
"""The variables that a command sees beside those that are not leadglass's."""


def started(*arguments: object, variables: Mapping[str, str] = EXAMPLE) -> subprocess.Popen[str]:
    """The real program, started."""
    others = {name: value for name, value in os.environ.items() if not name.startswith("LEADGLASS_")}
    return subprocess.Popen(
        [PROGRAM, *map(str, arguments)],
        env=others | dict(variables),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
    )


def in_process(*arguments: object, code: int | None = 0, variables: Mapping[str, str] = EXAMPLE) -> Ran:
    """One command in this process; it has to end with ``code``, unless that is None."""
    out, err = io.StringIO(), io.StringIO()
    with pytest.MonkeyPatch.context() as patch, redirect_stdout(out), redirect_stderr(err):
        for name in [name for name in os.environ if name.startswith("LEADGLASS_")]:
            patch.delenv(name)
        for name, value in variables.items():
            patch.setenv(name, value)
        ended = run([str(argument) for argument in arguments])
    ran = Ran(ended, out.getvalue(), err.getvalue())
    assert code in (None, ran.code), ran
    return ran


@dataclass(frozen=True)
class House:
    """A site in ``path`` with films of two patients.

    ``chest`` is checked, has heart, lungs and rest, and an active order that ``dr.demo`` reads and ``ward.demo``
    referred; ``unchecked`` is of the same patient and has one region; ``stranger`` is checked, of somebody whom nobody
    here has an order for. ``films`` holds their files under those names.
    """

    path: Path
    films: Path
    chest: str = ""
    unchecked: str = ""
    stranger: str = ""
    order: str = ""

    def __call__(
        self, *arguments: object, person: str = "dr.demo", passphrase: str | None = None, code: int | None = 0
    ) -> Ran:
        """Run a command here with ``--json``, in this process."""
        variables = EXAMPLE if passphrase is None else {"LEADGLASS_PASSPHRASE": passphrase}
        return in_process("--site", self.path, "--as", person, "--json", *arguments, code=code, variables=variables)

    def check(self, instance: str, *, rows: int, columns: int) -> None:
        """A person looked at a film of that size, and drew the outlines of a ``small_film`` on it."""
        drawn = outlines_of_a_small_film(self.path.with_name(f"drawn {instance}"), rows=rows, columns=columns)
        looked = ("--pixels", "checked", "--note", "looked at it in the PACS")
        self("check", instance, *looked, "--outlines", drawn, person="tech.demo")

    def ask(
        self, instance: str, *more: object, action: str, purpose: str, person: str = "dr.demo", code: int = 0
    ) -> dict[str, Any]:
        """The answer to a request."""
        asked = self("request", instance, "--action", action, "--purpose", purpose, *more, person=person, code=code)
        return asked.line

    def approved(self, instance: str, *more: object, action: str, purpose: str) -> str:
        """The grant that dr.demo has after an officer and a head approved the request."""
        ticket = self.ask(instance, *more, action=action, purpose=purpose)["ticket"]
        self("approve", ticket, person="dso.demo")
        grant: str = self("approve", ticket, person="head.demo").line["grant"]
        return grant

    def primary_read(self) -> str:
        """A grant of dr.demo to view the whole chest film."""
        grant: str = self.ask(self.chest, action="view", purpose="TREAT")["grant"]
        return grant

    def exported(self, out: Path, *, show: str = "lungs") -> dict[str, Any]:
        """A release of the chest film for research that shows some regions."""
        grant = self.approved(self.chest, "--regions", show, action="export", purpose="RESEARCH")
        return self("release", grant, "--out", out).line

    @contextmanager
    def opened(self) -> Iterator[Site]:
        """The site itself, to look at what the commands left there."""
        with open_site(self.path) as site:
            yield site

    def log_size(self) -> int:
        """Entries on record, those that wait for their place among them."""
        with self.opened() as site, site.database.begin() as transaction:
            return transaction.log.size() + len(transaction.log.queued(10_000))

    def instances(self) -> set[str]:
        """What rows there are of films."""
        with self.opened() as site, site.database.begin() as transaction:
            return {instance.id for instance in transaction.instances.find()}

    def blobs(self) -> set[str]:
        """What lies in the folder of blobs."""
        return {blob.name for blob in (self.path / "blobs").glob("??/*")}

    def check_whole(self, *, orphans: bool = False) -> None:
        """Every blob that a row names is there and has its bytes, no other is unless ``orphans``; nothing is
        half-written; the log verifies."""
        with self.opened() as site:
            with site.database.begin() as transaction:
                named = [part.blob for instance in transaction.instances.find() for part in instance.parts]
            found = audit(site)
        assert len(named) == len(set(named))
        for blob in named:
            assert hashlib.sha256((self.path / "blobs" / blob[:2] / blob).read_bytes()).hexdigest() == blob
        assert orphans or set(named) == self.blobs()
        assert list((self.path / "tmp").iterdir()) == []
        assert found.ok, found.where


def _sweep(path: Path) -> None:
    """Remove at once what ``maintain`` would in an hour: patches that were drawn anew."""
    with open_site(path) as site, site.database.begin() as transaction:
        named = {part.blob for instance in transaction.instances.find() for part in instance.parts}
        for blob, _ in list(site.blobs.stored()):
            if blob not in named:
                site.blobs.discard(blob)


def outlines_of_a_small_film(folder: Path, *, rows: int, columns: int) -> Path:
    """A folder of outlines, as a person draws them."""
    folder.mkdir()
    for name, mask in small_outlines(rows=rows, columns=columns).items():
        (folder / f"{name}.png").write_bytes(png(mask.astype(np.uint8) * 255))
    return folder


@pytest.fixture(scope="session")
def _template(tmp_path_factory: pytest.TempPathFactory) -> House:
    folder = tmp_path_factory.mktemp("house")
    house = House(folder / "site", folder / "films")
    in_process("init", house.path, "--example")
    house.films.mkdir()
    for name, data in {
        "chest": small_film(rows=256, columns=220, seed=1),
        "stranger": small_film(rows=256, columns=220, seed=2, patient=MUELLER),
        "unchecked": small_film(seed=3),
    }.items():
        (house.films / f"{name}.dcm").write_bytes(data)
    lines = house("ingest", house.films, person="tech.demo").lines
    chest, stranger, unchecked = (line["instance"] for line in lines)
    for instance in (chest, stranger):
        house.check(instance, rows=256, columns=220)
    _sweep(house.path)
    order = house(
        *("order", "add", "--accession", WANG.accession, "--procedure", "chest pa"),
        *("--reader", "dr.demo", "--referrer", "ward.demo"),
        person="tech.demo",
    ).line["order"]
    return replace(house, chest=chest, stranger=stranger, unchecked=unchecked, order=order)


@pytest.fixture
def house(_template: House, tmp_path: Path) -> House:
    """A site of one's own, with films in it."""
    path = tmp_path / "site"
    shutil.copytree(_template.path, path)
    return replace(_template, path=path)


@pytest.fixture(scope="module")
def shared_house(_template: House, tmp_path_factory: pytest.TempPathFactory) -> House:
    """A site for tests that only look, or add what no other test minds."""
    path = tmp_path_factory.mktemp("shared") / "site"
    shutil.copytree(_template.path, path)
    return replace(_template, path=path)


@pytest.fixture(scope="session")
def leadglass() -> Callable[..., Ran]:
    """The command line in this process: ``leadglass("list", "--json", variables=..., code=0)``."""
    return in_process


@pytest.fixture(scope="session")
def start() -> Callable[..., subprocess.Popen[str]]:
    """The real program, started: ``start("list", "--json", variables=...)``."""
    return started


@pytest.fixture(scope="session")
def program() -> Callable[..., Ran]:
    """The real program, run to its end."""

    def run_program(*arguments: object, variables: Mapping[str, str] = EXAMPLE) -> Ran:
        process = started(*arguments, variables=variables)
        out, err = process.communicate(timeout=60)
        return Ran(process.returncode, out, err)

    return run_program
