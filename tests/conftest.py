"""What all tests share: the programs of others, the folders of films and vectors, how hypothesis searches.

A test that needs a program which pip cannot provide says so with ``@pytest.mark.peer("openssl")`` and takes the path from
the ``peers`` fixture. Without the program the test is skipped, and the end of the run says so.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

REPOSITORY = Path(__file__).resolve().parent.parent

# A full path where pip packages install scripts of the same names (pynetdicom brings its own storescp and others).
PEERS: Mapping[str, str] = {
    "chromium": "chromium",
    "dciodvfy": "dciodvfy",
    "dcmdump": "/usr/bin/dcmdump",
    "gdcmanon": "gdcmanon",
    "openssl": "openssl",
}

# Generating examples is slow only because the machine is shared; that is no property of a test.
settings.register_profile("leadglass", deadline=None, max_examples=50, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile(
    "leadglass-ci", settings.get_profile("leadglass"), max_examples=100, derandomize=True, print_blob=True
)
settings.load_profile("leadglass-ci" if os.environ.get("CI") else "leadglass")


def found_peers() -> dict[str, str]:
    """The peers of this machine and where they are."""
    return {name: path for name, program in PEERS.items() if (path := shutil.which(program))}


def pytest_runtest_setup(item: pytest.Item) -> None:
    """Skip a test whose peer is missing; a name nobody knows is a mistake in the test."""
    for marker in item.iter_markers("peer"):
        for name in marker.args:
            if name not in PEERS:
                pytest.fail(
                    f"no peer is called {name!r}; PEERS in tests/conftest.py lists {', '.join(PEERS)}", pytrace=False
                )
            if name not in found_peers():
                pytest.skip(f"peer {name} not found; `make services` installs it")


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    """List every peer, so that a run without them is not taken for a run with them."""
    found = found_peers()
    terminalreporter.section("peers")
    for name in PEERS:
        where = found.get(name, "not found; `make services` installs it")
        terminalreporter.line(f"{name:10} {where}")


@pytest.fixture(scope="session")
def peers() -> Mapping[str, str]:
    """Where each peer's program is. Ask only for those that the test is marked with."""
    return found_peers()


def _folder(variable: str, beside: str) -> Path:
    folder = Path(os.environ.get(variable) or REPOSITORY.parent / "shared" / beside)
    if not folder.is_dir():
        pytest.skip(f"set {variable}: {folder} is no folder")
    return folder


@pytest.fixture(scope="session")
def cxr_folder() -> Path:
    """Real chest films, outside the repository: ``LEADGLASS_FILMS``, or ``../shared/cxr`` beside it."""
    return _folder("LEADGLASS_FILMS", "cxr")


@pytest.fixture(scope="session")
def vectors_folder() -> Path:
    """Other people's test vectors, outside the repository: ``LEADGLASS_VECTORS``, or ``../shared/vectors`` beside it."""
    return _folder("LEADGLASS_VECTORS", "vectors")


@pytest.fixture(scope="session")
def repository() -> Path:
    """The root of the checkout."""
    return REPOSITORY
