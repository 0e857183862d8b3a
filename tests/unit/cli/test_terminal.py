"""What goes where, and how it is written."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from leadglass.cli.terminal import choice, complain, emit, options, passphrase, say, site_folder
from leadglass.errors import ConfigError, InputError, RefusedError
from leadglass.model.access import Action, Showing
from leadglass.model.region import RegionKind

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(exclude_categories=["Cs"])),
    lambda values: st.lists(values, max_size=3) | st.dictionaries(st.text("abc"), values, max_size=3),
    max_leaves=6,
)


@pytest.fixture(autouse=True)
def _as_at_the_start(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    for name in ("site", "person"):
        monkeypatch.setattr(options, name, None)
    for name in ("json", "quiet"):
        monkeypatch.setattr(options, name, False)
    return


@pytest.fixture
def as_json(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "json", True)


@pytest.mark.usefixtures("as_json")
def test_json_is_one_object_a_line_with_absent_as_null(capsys: pytest.CaptureFixture[str]) -> None:
    @given(st.dictionaries(st.text("abc", min_size=1), VALUES, max_size=4))
    def law(fields: dict[str, Any]) -> None:
        emit(fields)
        (line,) = capsys.readouterr().out.removesuffix("\n").split("\n")
        assert json.loads(line) == fields

    law()


@pytest.mark.usefixtures("as_json")
def test_words_of_the_model_are_written_as_words(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"regions": {RegionKind.HEART: Showing.COVER}, "action": Action.VIEW})

    assert capsys.readouterr().out == '{"regions": {"heart": "cover"}, "action": "view"}\n'


def test_people_read_names_and_values_without_what_is_absent(capsys: pytest.CaptureFixture[str]) -> None:
    emit({"instance": "i-1", "regions": ["heart", "rest"], "shown": {"heart": "cover"}, "held": False, "grant": None})

    assert capsys.readouterr().out == "instance=i-1  regions=heart,rest  shown=heart:cover  held=no\n"


def test_prose_is_on_standard_error(capsys: pytest.CaptureFixture[str]) -> None:
    say("take care")

    assert capsys.readouterr() == ("", "take care\n")


def test_quiet_is_without_prose(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(options, "quiet", True)

    say("take care")

    assert capsys.readouterr() == ("", "")


def test_a_refusal_says_why_and_what_next(capsys: pytest.CaptureFixture[str]) -> None:
    complain(RefusedError("no", reasons=("too early", "too late"), hint="ask again"))

    assert capsys.readouterr() == ("", "leadglass: no\n  because too early\n  because too late\n  hint: ask again\n")


@pytest.mark.usefixtures("as_json")
def test_an_error_for_a_program_has_its_three_fields_without_a_hint_too(capsys: pytest.CaptureFixture[str]) -> None:
    complain(RefusedError("no", reasons=("too early",)))

    printed = capsys.readouterr()
    assert printed.out == ""
    assert json.loads(printed.err) == {"error": "RefusedError", "message": "no; too early", "hint": None}


def test_a_passphrase_comes_from_its_variable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LEADGLASS_PASSPHRASE", " with spaces ")

    assert passphrase("?") == " with spaces "


def test_without_variable_and_terminal_there_is_no_passphrase(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADGLASS_PASSPHRASE", raising=False)

    with pytest.raises(InputError, match="no passphrase"):
        passphrase("?")


def test_a_choice_is_a_member_by_its_word() -> None:
    assert choice(Action, "lift", option="--action") is Action.LIFT


@pytest.mark.parametrize("text", ["", "LIFT", "Lift", "lift "])
def test_a_choice_is_exact_and_its_error_does_not_repeat_what_was_typed(text: str) -> None:
    with pytest.raises(InputError) as caught:
        choice(Action, text, option="--action")

    assert caught.value.hint == "--action view|export|lift|restore|shred"


def test_no_site_is_a_matter_of_settings(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("LEADGLASS_SITE", raising=False)

    with pytest.raises(ConfigError, match="no site"):
        site_folder()
