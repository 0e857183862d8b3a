"""``leadglass mark``: one line a file, whatever the files are."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from leadglass.cli.main import run
from leadglass.testing.films import small_film


def marked(*arguments: object) -> tuple[int, list[dict[str, Any]], str]:
    """The exit code, the lines and what was said."""
    stdout, stderr = io.StringIO(), io.StringIO()
    with redirect_stdout(stdout), redirect_stderr(stderr):
        code = run(["--json", "mark", *map(str, arguments)])
    return code, [json.loads(line) for line in stdout.getvalue().splitlines()], stderr.getvalue()


def test_a_folder_is_measured_file_by_file(tmp_path: Path) -> None:
    (tmp_path / "a.dcm").write_bytes(small_film(rows=300, columns=250, seed=1))
    (tmp_path / "b.dcm").write_bytes(small_film(rows=300, columns=250, bits=8, photometric="MONOCHROME1", seed=2))
    (tmp_path / "c.txt").write_text("no film")
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    code, (twelve, eight, other), said = marked(tmp_path)
    assert code == 2
    assert "1 of 3 files were not measured" in said
    assert twelve["path"] == str(tmp_path / "a.dcm")
    assert 2.3 < twelve["rms"] <= 2.5
    assert twelve["max"] <= 9
    assert twelve["ssim"] > 0.999
    assert twelve["spacing"] == [0.148, 0.148]
    # Rounded up or down by chance, an eighth of the samples of 8 bits moves by one, which is 16 levels.
    assert eight["max"] == 16
    assert eight["window_changed"] < 0.3
    assert (twelve["reason"], eight["reason"]) == (None, None)
    assert other["reason"] is not None
    assert other["rms"] is None
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before


def test_diagnostic_is_fainter(tmp_path: Path) -> None:
    film = tmp_path / "a.dcm"
    film.write_bytes(small_film(rows=300, columns=250, seed=1))
    code, (line,), _ = marked(film, "--strength", "diagnostic")
    assert code == 0
    assert line["strength"] == "diagnostic"
    assert 1.4 < line["rms"] < 1.56


@pytest.mark.parametrize("strength", ["off", "loud"])
def test_another_strength_is_refused(tmp_path: Path, strength: str) -> None:
    film = tmp_path / "a.dcm"
    film.write_bytes(small_film())
    code, lines, said = marked(film, "--strength", strength)
    assert (code, lines) == (2, [])
    assert "standard|diagnostic" in said


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    code, lines, said = marked(tmp_path / "none")
    assert (code, lines) == (2, [])
    assert "is not there" in said
