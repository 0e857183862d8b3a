"""Options of every command stand anywhere; what goes wrong has a code and a last line."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadglass import __version__
from leadglass.cli.main import app, hoisted, run

WORDS = st.lists(st.sampled_from(["list", "--identity", "film.dcm", "--note", "-x", ""]), max_size=5)
SHARED = st.lists(
    st.sampled_from([("--json",), ("--quiet",), ("--site", "S"), ("--as", "dr"), ("--site=S",), ("--as=dr",)]), max_size=4
)


@pytest.fixture(autouse=True)
def _nothing_is_set(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("LEADGLASS_SITE", "LEADGLASS_AS", "LEADGLASS_PASSPHRASE"):
        monkeypatch.delenv(name, raising=False)


@given(words=WORDS, shared=SHARED, places=st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_the_shared_options_come_first_wherever_they_stood(
    words: list[str], shared: list[tuple[str, ...]], places: list[int]
) -> None:
    groups: list[tuple[str, ...]] = [(word,) for word in words]
    for option, place in zip(shared, places, strict=False):
        groups.insert(min(place, len(groups)), option)
    in_their_order = [group for group in groups if group in shared]

    front = [word for option in in_their_order for word in option]
    assert hoisted([word for group in groups for word in group]) == front + words


@given(words=WORDS, names=st.lists(st.sampled_from(["--json", "--as", "--site", "a"]), max_size=4))
def test_what_stands_after_two_dashes_stays_there(words: list[str], names: list[str]) -> None:
    assert hoisted([*words, "--", *names]) == [*words, "--", *names]


def test_a_shared_option_without_its_value_is_an_error_in_words(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["list", "--site"]) == 2

    assert "requires an argument" in capsys.readouterr().err


@pytest.mark.parametrize(
    "arguments",
    [[], ["nonsense"], ["people"], ["log", "nonsense"], ["ingest"], ["release", "g"], ["list", "--nonsense"], ["list", "x"]],
    ids=" ".join,
)
def test_a_command_that_does_not_parse_ends_with_2(capsys: pytest.CaptureFixture[str], arguments: list[str]) -> None:
    assert run([*arguments, "--json"]) == 2

    printed = capsys.readouterr()
    error = json.loads(printed.err.splitlines()[-1])
    assert printed.out == ""
    assert error["error"] == "InputError"
    assert error["hint"].startswith("Usage: leadglass")


@pytest.mark.parametrize(
    ("option", "value", "words"),
    [
        ("--action", "look", ["view", "export", "lift", "restore", "shred"]),
        ("--purpose", "treat", ["TREAT", "RESEARCH", "TEACH", "VENDOR", "PATIENT", "LEGAL"]),
    ],
)
def test_a_word_that_is_none_of_a_few_is_answered_with_them(
    capsys: pytest.CaptureFixture[str], option: str, value: str, words: list[str]
) -> None:
    right = {"--action": "view", "--purpose": "TREAT"} | {option: value}

    assert run(["--json", "request", "i-1", *(word for pair in right.items() for word in pair)]) == 2

    hint = json.loads(capsys.readouterr().err)["hint"]
    assert all(word in hint for word in words)


@pytest.mark.parametrize(
    ("arguments", "code", "named"),
    [(["list"], 2, "--as"), (["list", "--as", "dr"], 8, "--site"), (["maintain"], 8, "--site")],
    ids=["nobody", "nowhere", "service nowhere"],
)
def test_what_is_missing_is_named(capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, named: str) -> None:
    assert run([*arguments, "--json"]) == code

    assert named in json.loads(capsys.readouterr().err)["hint"]


def test_an_error_reads_for_people_without_json(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert run(["list", "--as", "dr", "--site", str(tmp_path)]) == 8

    assert capsys.readouterr().err.splitlines() == [
        f"leadglass: {tmp_path} is not a leadglass site",
        "  hint: make one: leadglass init SITE",
    ]


def test_an_error_that_nobody_foresaw_shows_where_and_no_value(capsys: pytest.CaptureFixture[str]) -> None:
    # No operating system hands in such an argument; it is the nearest way to an exception that is none of ours.
    assert run(["maintain", "--json", "--site", "Wang\0Xiaodong"]) == 1

    printed = capsys.readouterr().err
    assert "Wang" not in printed
    assert json.loads(printed)["message"].startswith("an error that nobody foresaw: ValueError at ")


def test_the_version_is_the_packages(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--version"]) == 0

    assert capsys.readouterr().out == f"{__version__}\n"


@pytest.mark.parametrize(
    "command",
    [
        *("init", "ingest", "list", "check", "request", "tickets", "approve", "release", "key", "open", "restore"),
        *("history", "maintain", "people add", "people list", "people disable", "order add", "order list", "order close"),
        *("log checkpoint", "log verify", "log prove", "log check", "scan", "deid", "deid explain", "deid undo"),
        *("outline", "look", "seal", "shred", "legal-hold add", "legal-hold drop", "legal-hold list", "backup"),
        *("restore-site", "root rotate", "root split", "root recover", "people key new", "people key show"),
    ],
)
def test_every_command_helps(capsys: pytest.CaptureFixture[str], command: str) -> None:
    assert run([*command.split(), "--help"]) == 0

    assert capsys.readouterr().out.startswith(f"Usage: leadglass {command}")


def test_nothing_else_is_a_command() -> None:
    groups = {group.name for group in app.registered_groups}
    commands = {command.name or getattr(command.callback, "__name__", None) for command in app.registered_commands}

    assert groups == {"deid", "people", "order", "legal-hold", "root", "log"}
    assert commands == {
        *("init", "ingest", "list", "check", "request", "tickets", "approve", "release", "key", "open", "restore"),
        *("history", "maintain", "mark", "scan", "trace", "outline", "look", "seal", "shred", "backup", "restore-site"),
    }
