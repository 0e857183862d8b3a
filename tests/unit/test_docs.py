"""The documentation builds without a warning, and what it links to is there."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path

import pytest

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
FENCE = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
ELSEWHERE = ("http://", "https://", "mailto:")


def anchors(markdown: str) -> set[str]:
    """The anchors that a reader of the repository gets for the headings of a page."""
    headings = re.findall(r"^#+ +(.+?) *$", FENCE.sub("", markdown), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def dead_links(page: Path) -> list[str]:
    """The links of a Markdown page to files or headings of this repository that are not there."""
    dead = []
    for link in LINK.findall(FENCE.sub("", page.read_text())):
        if link.startswith(ELSEWHERE):
            continue
        name, _, anchor = link.partition("#")
        target = page.parent / name if name else page
        if not target.exists() or (anchor and target.suffix == ".md" and anchor not in anchors(target.read_text())):
            dead.append(link)
    return dead


class Loads(HTMLParser):
    """Collects what a browser fetches to show a page; links that a person may follow are not fetched."""

    def __init__(self) -> None:
        super().__init__()
        self.addresses: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        name = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src"}.get(tag)
        self.addresses += [value for key, value in attrs if key == name and value]


@pytest.fixture(scope="module")
def built(repository: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The documentation as `make docs` builds it."""
    folder = tmp_path_factory.mktemp("site")
    build = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--site-dir", str(folder)],
        cwd=repository,
        env={**os.environ, "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert build.returncode == 0, build.stdout + build.stderr
    return folder


@pytest.mark.xdist_group("docs")
def test_every_page_is_built(built: Path, repository: Path) -> None:
    docs = repository / "docs"
    pages = {page.relative_to(docs).with_suffix("") for page in docs.rglob("*.md")}
    assert pages <= {page.relative_to(built).with_suffix("") for page in built.rglob("*.html")}


@pytest.mark.xdist_group("docs")
def test_the_built_pages_load_nothing_from_other_hosts(built: Path) -> None:
    loads = Loads()
    for page in built.rglob("*.html"):
        loads.feed(page.read_text())
    assert loads.addresses
    assert [address for address in loads.addresses if re.match(r"(\w+:)?//", address)] == []


@pytest.mark.parametrize("name", ["README.md", "README.zh-CN.md", "CONTRIBUTING.md"])
def test_links_of_the_front_pages_resolve(repository: Path, name: str) -> None:
    assert dead_links(repository / name) == []


def test_a_dead_link_is_noticed(tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# One thing\n\n[a](page.md#one-thing) [b](#one-thing) [c](page.md#other) [d](gone.md) [e](https://example.org)\n"
    )
    assert dead_links(page) == ["page.md#other", "gone.md"]


def test_decisions_are_numbered_without_gaps(repository: Path) -> None:
    names = sorted(page.name for page in (repository / "docs" / "decisions").iterdir())
    assert [name[:5] for name in names] == [f"{number:04}-" for number in range(len(names))]


def test_a_decision_begins_with_its_number(repository: Path) -> None:
    pages = sorted((repository / "docs" / "decisions").glob("*.md"))
    assert [page.read_text()[:7] for page in pages] == [f"# {page.name[:4]}:" for page in pages]
