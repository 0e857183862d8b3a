"""The eight example films, made once and kept where examples are kept."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pydicom
import pytest
from pydicom.charset import python_encoding

from leadglass.errors import InputError, UnavailableError
from leadglass.testing.films import Film, ensure_ct, example_films, examples_folder
from leadglass.testing.films.ct import Chest
from leadglass.testing.films.example import RECIPES, make_film
from leadglass.testing.films.project import Detector, Pose
from leadglass.testing.films.radiograph import Technique, radiograph


@pytest.fixture(scope="module")
def films() -> tuple[Film, ...]:
    try:
        return example_films(examples_folder() / "examples")
    except UnavailableError as error:
        pytest.skip(error.message)


@pytest.fixture
def offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """pip finds nothing: what is then still offered was there before."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)


@pytest.fixture
def copied(films: tuple[Film, ...], tmp_path: Path) -> Path:
    return Path(shutil.copytree(films[0].path.parent.parent, tmp_path / "copy"))


def toy_chest() -> Chest:
    """A block of water with two bubbles for lungs."""
    water = np.ones((60, 120, 160), np.float32)
    z, y, x = np.ogrid[-1:1:60j, -1:1:120j, -1:1:160j]
    bubbles = [(z / 0.7) ** 2 + (y / 0.8) ** 2 + ((x - side) / 0.35) ** 2 < 1 for side in (-0.45, 0.45)]
    water[bubbles[0] | bubbles[1]] = 0.2
    masks = {"lung_right": bubbles[0][:, ::2, ::2], "lung_left": bubbles[1][:, ::2, ::2]}
    nothing = np.zeros_like(masks["lung_left"])
    return Chest(water, {**masks, "heart": nothing, "abdomen": nothing}, (4.0, 1.5, 1.5))


def toy_technique(**changes: object) -> Technique:
    values = {"bits": 12, "quanta": 900.0, "field": (20.0, 20.0, 20.0, 20.0), "blackened": True, "marker": "R"}
    return Technique(Detector(220, 200, 1.0), marker_at=(40.0, 25.0), **{**values, **changes})  # type: ignore[arg-type]  # a table of arguments


def test_a_film_is_dark_where_the_lungs_are_and_black_outside_the_field() -> None:
    stored = radiograph(toy_chest(), Pose("PA", 1800), toy_technique(), seed=1)
    assert stored[110, 55:65].mean() < stored[110, 96:104].mean() - 800
    assert not stored[:18].any()
    assert not stored[:, -18:].any()


def test_an_unexposed_border_is_white() -> None:
    stored = radiograph(toy_chest(), Pose("PA", 1800), toy_technique(blackened=False), seed=1)
    assert stored[:18].min() > 3500


def test_a_letter_of_lead_is_white_at_its_place() -> None:
    plain, marked = (
        radiograph(toy_chest(), Pose("PA", 1800), toy_technique(marker=letter), seed=1).astype(int) for letter in "RL"
    )
    differs = np.argwhere(np.abs(plain - marked) > 500)
    assert differs.size
    assert (differs.min(0) >= (36, 22)).all()
    assert (differs.max(0) <= (60, 40)).all()


def test_fewer_quanta_give_more_noise() -> None:
    spread = [
        np.diff(
            radiograph(toy_chest(), Pose("PA", 1800), toy_technique(quanta=quanta), seed=1)[100:120, 96:104].astype(int)
        ).std()
        for quanta in (100.0, 5000.0)
    ]
    assert spread[0] > 2 * spread[1]


def test_a_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "letter.txt").write_text("keep")
    with pytest.raises(InputError):
        example_films(tmp_path / "mine", ct=tmp_path / "ct")
    assert (tmp_path / "mine" / "letter.txt").read_text() == "keep"


@pytest.mark.usefixtures("offline")
def test_without_an_index_the_ct_is_unavailable_and_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(UnavailableError):
        ensure_ct(tmp_path / "ct")
    assert [path.name for path in tmp_path.iterdir()] == [".ct.lock"]


def test_a_ct_folder_with_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("keep")
    with pytest.raises(InputError):
        ensure_ct(tmp_path)


def test_each_film_reads_as_it_is_described(films: tuple[Film, ...]) -> None:
    for film in films:
        dataset = pydicom.dcmread(film.path)
        assert (dataset.Rows, dataset.Columns, dataset.BitsStored) == (film.rows, film.columns, film.bits)
        assert (dataset.PhotometricInterpretation, dataset.ViewPosition) == (film.photometric, film.view)
        assert dataset.file_meta.TransferSyntaxUID == film.transfer_syntax
        assert dataset.SOPInstanceUID == film.facts["sop_uid"]


def test_each_fact_stands_in_its_film(films: tuple[Film, ...]) -> None:
    for film in films:
        header = film.path.read_bytes()[:20_000]
        encoding = python_encoding[film.patient.charset[0]]
        of_other_views = {f"series_uid_{view}" for view in ("pa", "ap", "ll")} - {f"series_uid_{film.view.lower()}"}
        facts = {name: fact for name, fact in film.facts.items() if name not in of_other_views}
        assert [name for name, fact in facts.items() if fact.encode(encoding) not in header] == [], film.path.name


def test_each_mask_is_of_the_films_size_and_on_its_side(films: tuple[Film, ...]) -> None:
    for film in films:
        masks = {name: film.mask(name) for name in film.masks}
        assert set(masks) == {"lung_right", "lung_left", "heart"}
        assert {mask.shape for mask in masks.values()} == {(film.rows, film.columns)}
        assert all(0.03 < mask.mean() < 0.4 for mask in masks.values())
        if film.view != "LL":
            right, heart, left = (np.nonzero(masks[name])[1].mean() for name in ("lung_right", "heart", "lung_left"))
            assert right < heart < left


def test_lungs_are_darker_than_what_is_around_them(films: tuple[Film, ...]) -> None:
    film = next(film for film in films if film.transfer_syntax == "1.2.840.10008.1.2" and film.photometric == "MONOCHROME1")
    brightness = (2**film.bits - 1) - pydicom.dcmread(film.path).pixel_array.astype(np.int64)
    lungs = film.mask("lung_right") | film.mask("lung_left")
    field = np.s_[film.rows // 4 : film.rows // 2, film.columns // 8 : -film.columns // 8]
    assert brightness[field][lungs[field]].mean() < 0.7 * brightness[field][~lungs[field]].mean()


@pytest.mark.usefixtures("offline")
def test_films_that_are_there_need_no_ct(copied: Path, tmp_path: Path) -> None:
    assert len(example_films(copied, ct=tmp_path / "no ct")) == len(RECIPES)


@pytest.mark.usefixtures("offline")
@pytest.mark.parametrize("damage", ["a film changed", "a mask gone", "another version"])
def test_films_that_are_not_as_made_are_made_again(copied: Path, tmp_path: Path, damage: str) -> None:
    if damage == "a film changed":
        path = copied / "films" / "wang-pa.dcm"
        path.write_bytes(path.read_bytes()[:-1] + b"!")
    elif damage == "a mask gone":
        (copied / "masks" / "liu-ap" / "heart.png").unlink()
    else:
        manifest = json.loads((copied / "manifest.json").read_text())
        (copied / "manifest.json").write_text(json.dumps({**manifest, "version": "0"}))
    with pytest.raises(UnavailableError):
        example_films(copied, ct=tmp_path / "no ct")


def test_a_film_has_the_same_bytes_each_time() -> None:
    assert make_film(toy_chest(), RECIPES[0]) == make_film(toy_chest(), RECIPES[0])


@pytest.mark.peer("dciodvfy")
def test_dciodvfy_finds_no_error_in_any_film(films: tuple[Film, ...], peers: Mapping[str, str]) -> None:
    for film in films:
        said = subprocess.run([peers["dciodvfy"], "-new", str(film.path)], capture_output=True, check=False).stderr
        assert b"DXImageForPresentation" in said
        assert [line for line in said.splitlines() if line.startswith(b"Error")] == [], film.path.name
