"""The demonstration that ``make demo`` runs: every claim it makes holds, and its report names nobody it should not."""

from __future__ import annotations

import base64
import re
from io import StringIO
from pathlib import Path

import imagecodecs
import pytest
from rich.console import Console

from leadglass.demo.__main__ import main
from leadglass.demo.report import write_report
from leadglass.demo.story import Story, live
from leadglass.demo.teller import Teller
from leadglass.errors import ConflictError, LeadglassError, VerificationError
from leadglass.testing.films import Film, example_films, planted

PICTURE = re.compile(r'<img src="data:image/png;base64,([^"]+)" alt="([^"]+)">')


@pytest.fixture(scope="module")
def films(repository: Path) -> tuple[Film, Film]:
    """The film that is followed, and one of somebody else."""
    made = repository / ".films"
    if not (made / "examples").is_dir() and not (made / "ct").is_dir():
        pytest.skip("no example films in .films and no CT to make them from: `python -m leadglass.testing.films` makes them")
    try:
        followed, *others = example_films(made / "examples", ct=made / "ct")
    except LeadglassError as error:
        pytest.skip(f"the example films could not be made: {error.message}")
    return followed, next(film for film in others if film.patient.patient_id != followed.patient.patient_id)


@pytest.fixture(scope="module")
def told(films: tuple[Film, Film], tmp_path_factory: pytest.TempPathFactory) -> tuple[Story, str, str]:
    """The story lived once with two films, its report, and what was printed."""
    printed = StringIO()
    story = live(tmp_path_factory.mktemp("demo"), films, Teller(Console(file=printed, highlight=False, markup=False)))
    return story, write_report(story), printed.getvalue()


def test_every_claim_is_printed_with_its_check(told: tuple[Story, str, str]) -> None:
    story, _, printed = told
    assert [line.partition("ok: ")[2].rpartition(" (")[0] for line in printed.splitlines() if "ok: " in line] == list(
        story.claims
    )


def test_the_report_shows_the_film_at_each_stage(told: tuple[Story, str, str]) -> None:
    _, report, _ = told
    pictures = {alt: imagecodecs.png_decode(base64.b64decode(data)) for data, alt in PICTURE.findall(report)}
    received = pictures["the film received"]
    assert (pictures["the film restored"] == received).all()
    assert (pictures["the film a: the reader"] == received).all()
    assert pictures["the film at rest"].min() == pictures["the film at rest"].max()
    hidden = {
        alt: float((pictures[alt] != received).mean()) for alt in pictures if alt.endswith((" ward", " company", " lifted"))
    }
    assert 0.2 < hidden["the film b: the ward"] < hidden["the film c: a company"] < 0.9
    assert hidden["the film lifted"] < hidden["the film c: a company"]


def test_the_report_needs_nothing_beside_it(told: tuple[Story, str, str]) -> None:
    _, report, _ = told
    assert re.findall(r'(?:src|srcset)="(?!data:)|<script|<link|@import|url\(', report) == []
    assert len(report) < 6_000_000


def test_the_report_and_the_terminal_name_nobody_whose_film_was_not_granted(
    told: tuple[Story, str, str], films: tuple[Film, Film]
) -> None:
    _, report, printed = told
    granted, other = films
    assert granted.patient.patient_id in report
    text = PICTURE.sub("", report) + printed
    assert [value for value in planted(other.patient) if value in text] == []


def test_the_report_says_what_was_refused_and_why(told: tuple[Story, str, str]) -> None:
    story, report, _ = told
    refused = [asked for asked in story.asked if asked.decision.outcome == "forbid"]
    assert {asked.who for asked in refused} >= {"student.demo", "admin.demo", "vendor.demo"}
    assert report.count('<td class="forbid">') == len(refused)


def test_a_flipped_byte_is_told_with_its_place(told: tuple[Story, str, str]) -> None:
    story, report, _ = told
    assert all(place.replace("'", "&#x27;") in report for each in story.tampering for place in each.where)
    assert any(place.startswith(f"entry {story.company.index}:") for place in story.tampering[1].where)


def test_a_claim_that_does_not_hold_ends_the_story() -> None:
    teller = Teller(Console(file=StringIO()))
    with pytest.raises(VerificationError, match="the moon is made of lead"):
        teller.claim("the moon is made of lead", False)
    assert teller.claims == []


def test_a_folder_of_somebody_else_is_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "leadglass.toml").write_text("a real site may be called so")
    (tmp_path / "site" / "index.html").write_text("mine")
    assert main([str(tmp_path)]) == ConflictError.exit_code
    assert (tmp_path / "site" / "index.html").read_text() == "mine"
    assert "no demonstration made" in capsys.readouterr().out
