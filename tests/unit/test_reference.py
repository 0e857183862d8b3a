"""The reference says what the program does: every command, option, field, setting and error, and no other."""

from __future__ import annotations

import inspect
import io
import json
import re
import shlex
from collections.abc import Iterable, Iterator, Mapping
from contextlib import redirect_stderr, redirect_stdout
from enum import StrEnum
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import typer
from pydantic import BaseModel
from pydantic.fields import FieldInfo

from leadglass import cli, errors
from leadglass.cli.main import app, hoisted, run
from leadglass.config import Settings
from leadglass.dicom.frames import png
from leadglass.errors import LeadglassError
from leadglass.model.access import Action, PixelState, Purpose, Role, TicketState
from leadglass.model.instance import Tier
from leadglass.model.region import RegionKind
from leadglass.seal.public import new_person_key, write_public
from leadglass.testing.films import PATIENTS, small_film, small_outlines

Tables = Mapping[str, list[list[str]]]
"""The rows of a section's tables by the first word of their heading, each a list of cells."""

WORD = re.compile(r"`([^`]+)`")
BLOCK = re.compile(r"^ *```.*?^ *```$", re.MULTILINE | re.DOTALL)
HEADINGS: Mapping[str, type[StrEnum]] = {
    "Regions": RegionKind,
    "Pixel states": PixelState,
    "Actions": Action,
    "Purposes": Purpose,
    "Roles": Role,
    "Tickets": TicketState,
    "Tiers": Tier,
}


def sections(markdown: str, level: int) -> dict[str, str]:
    """The text below each heading of one level, by the heading without its backticks."""
    parts = re.split(rf"^{'#' * level} (.+)$", markdown, flags=re.MULTILINE)
    return {
        title.strip("`"): re.split(r"^#", text, maxsplit=1, flags=re.MULTILINE)[0]
        for title, text in zip(parts[1::2], parts[2::2], strict=True)
    }


def tables(text: str) -> Tables:
    found: dict[str, list[list[str]]] = {}
    for table in re.findall(r"(?:^\|.*\n?)+", text, re.MULTILINE):
        rows = [[cell.strip() for cell in line.strip("|").split(" | ")] for line in table.splitlines()]
        found[rows[0][0].strip()] = rows[2:]
    return found


def words(rows: Iterable[list[str]]) -> set[str]:
    """What stands in backticks in the first cell of each row."""
    return {word for row in rows for word in WORD.findall(row[0])}


def programs(command: Any, name: str = "") -> Iterator[tuple[str, Any]]:
    """Every command with its full name; groups are not commands."""
    children = getattr(command, "commands", None)
    if children is None:
        yield name, command
        return
    for child, each in children.items():
        yield from programs(each, f"{name} {child}".strip())


COMMANDS: Mapping[str, Any] = dict(programs(typer.main.get_command(app)))


def parameters(command: Any) -> set[str]:
    """The options of a command, and its arguments as the usage line names them."""
    return {
        name
        for each in command.params
        for name in (each.opts if each.param_type_name == "option" else [each.metavar or each.name.upper()])
    }


@pytest.fixture(scope="module")
def reference(repository: Path) -> Path:
    return repository / "docs" / "reference"


@pytest.fixture(scope="module")
def documented(reference: Path) -> Mapping[str, Tables]:
    """The tables of every command's section."""
    return {name: tables(text) for name, text in sections((reference / "commands.md").read_text(), 3).items()}


@pytest.fixture(scope="module")
def printed(tmp_path_factory: pytest.TempPathFactory) -> Mapping[str, set[str]]:
    """The JSON fields that each command prints, from running them all on a small site."""
    out = tmp_path_factory.mktemp("reference")
    found: dict[str, set[str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADGLASS_SITE", str(out / "site"))
        patch.setenv("LEADGLASS_PASSPHRASE", "example")
        patch.delenv("LEADGLASS_NEW_PASSPHRASE", raising=False)
        for name, lines in _life(out):
            found.setdefault(name, set()).update(*lines)
    return found


def _life(out: Path) -> Iterator[tuple[str, list[dict[str, Any]]]]:
    """Run every command once, where it has what it needs; gives its name and lines."""
    ran: list[tuple[str, list[dict[str, Any]]]] = []

    def do(name: str, *arguments: object, who: str = "dr.demo") -> dict[str, Any]:
        stdout, stderr = io.StringIO(), io.StringIO()
        with redirect_stdout(stdout), redirect_stderr(stderr):
            code = run(["--json", "--as", who, *name.split(), *map(str, arguments)])
        assert code == 0, stderr.getvalue()
        ran.append((name, [json.loads(line) for line in stdout.getvalue().splitlines()]))
        return ran[-1][1][-1]

    def agreed(ticket: str) -> str:
        do("approve", ticket, who="dso.demo")
        grant: str = do("approve", ticket, who="head.demo")["grant"]
        return grant

    film = out / "film.dcm"
    film.write_bytes(small_film(rows=256, columns=220, seed=1))
    do("scan", film, "--pixels", "off")
    project = ("--key", out / "project.key", "--residue", out / "project.residue")
    do("deid", film, out / "project", *project, "--make-key", "--pixels", "off")
    do("deid explain", film)
    (made,) = (out / "project").rglob("*.dcm")
    do("deid undo", made, *project, "--out", out / "undone.dcm")
    do("mark", film)
    do("outline", film, "--out", out / "outlines")
    do("look", film, "--show", "lungs", "--png", out / "look.png")
    do("seal", film, "--show", "lungs", "--to", _public_key(out), "--out", out / "sealed.dcm")
    do("init", out / "site", "--example")
    do("people add", "new.demo", "--role", "student", who="admin.demo")
    do("people list", who="admin.demo")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LEADGLASS_NEW_PASSPHRASE", "example")
        do("people passphrase")
    do("people key new", "dr.demo", "--out", out / "dr.pem")
    do("people key show", "dr.demo")
    do("people key revoke", "dr.demo")
    do("people disable", "new.demo", who="admin.demo")
    order = ("--accession", PATIENTS[0].accession, "--procedure", "chest", "--reader", "dr.demo")
    do("order add", *order, who="tech.demo")
    spare = do("order add", *order, who="tech.demo")["order"]
    do("order close", spare, who="tech.demo")
    do("order list")
    instance = do("ingest", film, who="tech.demo")["instance"]
    do("list")
    drawn = ("--outlines", _drawn(out / "drawn"))
    do("check", instance, "--pixels", "checked", *drawn, "--note", "looked", who="tech.demo")
    export = do("request", instance, "--action", "export", "--purpose", "RESEARCH", "--regions", "lungs")["ticket"]
    do("tickets")
    release = do("release", agreed(export), "--out", out / "copies")
    lift = ("--action", "lift", "--purpose", "TREAT", "--release", release["release"])
    grant = do("request", instance, *lift)["grant"]
    do("key", grant, "--out", out / "film.key")
    do("open", release["path"], "--key", out / "film.key", "--out", out / "opened.dcm")
    do("trace", release["path"], who="dso.demo")
    back = do("request", instance, "--action", "restore", "--purpose", "LEGAL")["ticket"]
    do("restore", agreed(back), "--out", out / "received.dcm")
    do("history", instance, who="auditor.demo")
    do("log checkpoint", who="auditor.demo")
    do("log verify", who="auditor.demo")
    do("log prove", release["release"], "--out", out / "again.receipt")
    do("log check", out / "again.receipt")
    do("maintain", who="admin.demo")
    do("root split", "--out", out / "shares", who="dso.demo")
    shares = sorted((out / "shares").iterdir())[:2]
    do("backup", "--out", out / "site.tar", who="admin.demo")
    do("restore-site", out / "site.tar", out / "again", *(word for share in shares for word in ("--share", share)))
    (out / "again" / "root.key").unlink(missing_ok=True)
    do("root recover", out / "again", *shares)
    do("root rotate", who="dso.demo")
    do("legal-hold add", instance, "--reason", "a court", who="dso.demo")
    do("legal-hold list", who="dso.demo")
    do("legal-hold drop", instance, "--reason", "closed", who="dso.demo")
    gone = do("request", instance, "--action", "shred", "--purpose", "LEGAL")["ticket"]
    do("shred", agreed(gone))
    yield from ran


def _public_key(folder: Path) -> Path:
    path = folder / "colleague.pub.pem"
    path.write_bytes(write_public(new_person_key(seed=bytes(96)).public))
    return path


def _drawn(folder: Path) -> Path:
    """A folder with a person's outlines of the film."""
    folder.mkdir()
    for name, mask in small_outlines(rows=256, columns=220).items():
        (folder / f"{name}.png").write_bytes(png(mask.astype(np.uint8) * 255))
    return folder


# Commands


def test_every_command_has_a_section(documented: Mapping[str, Tables]) -> None:
    assert set(documented) == set(COMMANDS)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_option_of_a_command_is_documented(documented: Mapping[str, Tables], command: str) -> None:
    named = words(documented[command].get("option", []))
    assert {word.split(" ")[0] for word in named} == parameters(COMMANDS[command])


def test_the_options_of_every_command_are_documented(reference: Path) -> None:
    shared = tables(sections((reference / "commands.md").read_text(), 2)["For every command"])["option"]
    known = parameters(typer.main.get_command(app))
    assert {word.split(" ")[0] for word in words(shared) if word.startswith("--")} == known | {"--help"}


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.xdist_group("reference")
def test_every_field_of_a_command_is_documented(
    documented: Mapping[str, Tables], printed: Mapping[str, set[str]], command: str
) -> None:
    # Values of a field stand in the second cell, so the first one holds names of fields alone.
    assert words(documented[command]["field"]) == printed[command]


def test_the_readme_shows_the_help_of_today(repository: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    with redirect_stdout(io.StringIO()) as shown:
        run(["--help"])
    assert f"$ leadglass --help\n{shown.getvalue().strip()}\n```" in (repository / "README.md").read_text()


def test_command_lines_in_the_documentation_exist(repository: Path) -> None:
    wrong = [
        f"{page.name}: {line}"
        for page in (*repository.glob("README*.md"), *(repository / "docs").rglob("*.md"))
        for line in _typed(page.read_text())
        if not _exists(line)
    ]
    assert wrong == []


def test_a_command_line_that_does_not_exist_is_noticed() -> None:
    assert _exists("leadglass --as dr.demo order add --accession A --procedure 'x y' --json")
    assert not _exists("leadglass order remove o-1")
    assert not _exists("leadglass list --colour")


def _typed(markdown: str) -> Iterator[str]:
    for block in BLOCK.findall(markdown):
        for line in re.findall(r"^ *\$ (leadglass .+)$", block, re.MULTILINE):
            yield re.split(r" \| | && |; ", line)[0]


def _exists(line: str) -> bool:
    arguments = hoisted(shlex.split(line)[1:])
    everywhere = parameters(typer.main.get_command(app)) | {"--help"}
    while arguments and arguments[0].startswith("--"):
        if arguments[0].partition("=")[0] not in everywhere:
            return False
        arguments = arguments[2 if arguments[0] in ("--site", "--as") else 1 :]
    if not arguments:
        return True
    name = next((each for each in (" ".join(arguments[:2]), arguments[0]) if each in COMMANDS), None)
    options = {each.partition("=")[0] for each in arguments if each.startswith("--")}
    return name is not None and options <= parameters(COMMANDS[name]) | {"--help"}


# Settings


def _settings() -> Iterator[tuple[str, FieldInfo]]:
    for table, field in Settings.model_fields.items():
        kind = field.annotation
        assert isinstance(kind, type)
        assert issubclass(kind, BaseModel)
        for name, each in kind.model_fields.items():
            yield f"{table}.{name}", each


SETTINGS: Mapping[str, FieldInfo] = dict(_settings())
"""Every setting by its full name."""


def test_every_setting_has_a_section(reference: Path) -> None:
    titles = sections((reference / "settings.md").read_text(), 2)
    assert {title for title in titles if "." in title} == set(SETTINGS)


@pytest.mark.parametrize("name", SETTINGS)
def test_a_setting_is_documented_with_its_variable_default_and_range(reference: Path, name: str) -> None:
    text, field = sections((reference / "settings.md").read_text(), 2)[name], SETTINGS[name]
    limits = [limit for each in field.metadata for limit in (getattr(each, "ge", None), getattr(each, "le", None))]
    default = json.dumps(field.default) if isinstance(field.default, tuple) else str(field.default)
    default = r"No default\b" if field.is_required() else rf"[Dd]efault `?{re.escape(default)}(?!\w)"
    assert f"Variable: `LEADGLASS_{name.upper().replace('.', '__')}`." in text
    assert re.search(default, text)
    assert [limit for limit in limits if limit is not None and not re.search(rf"\b{limit}\b", text)] == []


def test_every_variable_of_the_command_line_is_documented(reference: Path) -> None:
    folder = Path(inspect.getfile(cli)).parent
    used = {name for path in folder.glob("*.py") for name in re.findall(r"LEADGLASS_[A-Z_]+", path.read_text())}
    text = sections((reference / "settings.md").read_text(), 2)["Variables of the command line"]
    assert words(tables(text)["variable"]) == used


# Errors


def kinds() -> list[type[LeadglassError]]:
    """Every class of errors."""
    return [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, LeadglassError)]


def test_every_error_is_documented_with_its_exit_code(reference: Path) -> None:
    rows = tables((reference / "errors.md").read_text())["error"]
    assert {row[0].strip("`"): int(row[1]) for row in rows} == {kind.__name__: kind.exit_code for kind in kinds()}


def test_the_tree_of_errors_is_the_one_of_the_classes(reference: Path) -> None:
    (tree,) = re.findall(r"```text\n(.+?)```", (reference / "errors.md").read_text(), re.DOTALL)
    drawn = {match[2]: len(match[1]) // 4 for match in re.finditer(r"^([│├└─ ]*)(\w+)", tree, re.MULTILINE)}
    assert drawn == {kind.__name__: kind.mro().index(LeadglassError) for kind in kinds()}


# Words


@pytest.mark.parametrize("heading", HEADINGS)
def test_every_word_of_an_enumeration_is_documented(reference: Path, heading: str) -> None:
    (rows,) = tables(sections((reference / "entities.md").read_text(), 2)[heading]).values()
    assert words(rows) == {member.value for member in HEADINGS[heading]}


# The two front pages


def test_both_front_pages_show_the_same_commands(repository: Path) -> None:
    blocks = [BLOCK.findall((repository / name).read_text()) for name in ("README.md", "README.zh-CN.md")]
    assert blocks[0]
    assert blocks[0] == blocks[1]


def test_both_front_pages_link_to_the_same_pages(repository: Path) -> None:
    english, chinese = (
        sorted(re.findall(r"\]\(([^)]+)\)", (repository / name).read_text())) for name in ("README.md", "README.zh-CN.md")
    )
    assert [link for link in english if link != "README.zh-CN.md"] == [link for link in chinese if link != "README.md"]


def test_both_front_pages_have_the_same_sections(repository: Path) -> None:
    levels = [
        [len(mark) for mark in re.findall(r"^(#+) ", BLOCK.sub("", (repository / name).read_text()), re.MULTILINE)]
        for name in ("README.md", "README.zh-CN.md")
    ]
    assert levels[0] == levels[1]
