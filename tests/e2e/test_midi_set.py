"""The checks of MIDI-B on generated studies, through the command line: at least 99.95 of 100 are passed."""

from __future__ import annotations

import json
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from judge import Score, score
from midi_set import OPTIONS, TYPES, Case, midi_set

Leadglass = Callable[..., Any]

GOAL = 99.95
READS_PIXELS = find_spec("rapidocr") is not None and find_spec("PIL") is not None

pytestmark = pytest.mark.xdist_group("midi set")


def scored_run(leadglass: Leadglass, folder: Path, cases: list[Case], *, pixels: str) -> Score:
    received, out = folder / "received", folder / "out"
    received.mkdir()
    for case in cases:
        (received / case.name).write_bytes(case.data)
    options = [word for option in OPTIONS for word in ("--option", option)]
    ran = leadglass(
        *("deid", received, out, "--key", folder / "key", "--make-key", "--pixels", pixels, "--workers", 1, "--json"),
        *options,
        code=None,
    )
    assert ran.code in (0, 2), ran.err
    outputs: dict[str, Path | str] = {}
    for line in map(json.loads, ran.out.splitlines()):
        if line.get("path"):
            name = Path(line["path"]).name
            outputs[name] = out / line["output"] if line["state"] == "done" else str(line["reason"])
    return score(cases, outputs)


@pytest.fixture(scope="module")
def scored(leadglass: Leadglass, tmp_path_factory: pytest.TempPathFactory) -> Score:
    return scored_run(leadglass, tmp_path_factory.mktemp("midi"), list(midi_set(1, studies=200)), pixels="off")


def test_the_score_is_at_least_that_of_the_goal(scored: Score) -> None:
    assert scored.percent >= GOAL, scored.report()


@pytest.mark.skipif(not READS_PIXELS, reason="nothing that reads text in pixels is installed (extra ocr)")
def test_text_in_the_pixels_is_hidden_and_all_else_scores_too(leadglass: Leadglass, tmp_path: Path) -> None:
    """An ultrasound, a CR and a DX film with a name and a number drawn into them; reading them takes seconds each."""
    drawn = (case for case in midi_set(3, studies=20, burned=True) if any(c.type == "pixels_hidden" for c in case.checks))
    by_modality = {case.checks[0].text: case for case in drawn}
    result = scored_run(leadglass, tmp_path, list(by_modality.values()), pixels="auto")
    assert result.by_type["pixels_hidden"] == [3, 3], result.report()
    assert result.missed == []


def test_no_file_is_refused(scored: Score) -> None:
    assert scored.refused == {}


def test_every_check_type_but_that_of_drawn_text_is_asked(scored: Score) -> None:
    assert set(scored.by_type) == set(TYPES) - {"pixels_hidden"}


def test_the_scorer_fails_files_that_nobody_treated(tmp_path: Path) -> None:
    """What was to go, to change or to shift is all there, so that these types score nothing; what was to stay stays."""
    cases = list(midi_set(2, studies=14))
    for case in cases:
        (tmp_path / case.name).write_bytes(case.data)
    untouched = score(cases, {case.name: tmp_path / case.name for case in cases})
    for each in ("text_removed", "date_shifted", "uid_changed"):
        assert untouched.by_type[each][0] == 0, each
    for each in ("text_retained", "text_notnull", "tag_retained", "uid_consistent", "patid_consistent", "pixels_retained"):
        passed, asked = untouched.by_type[each]
        assert passed == asked, each
