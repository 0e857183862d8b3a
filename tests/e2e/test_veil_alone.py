"""The veil without a site: outline, look, seal and open, on example films and on pictures that are none."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import imagecodecs
import numpy as np
import pytest
from pydicom import dcmread

from leadglass.dicom.frames import png
from leadglass.errors import UnavailableError
from leadglass.testing.films import Film, example_films, examples_folder

if TYPE_CHECKING:
    from tests.e2e.conftest import Ran

REGIONS = {"heart", "lung_right", "lung_left", "ribs", "clavicle_zone_right", "clavicle_zone_left", "body"}


@pytest.fixture(scope="module")
def films() -> Mapping[str, Path]:
    """The example films by name: ``wang-pa`` and others."""
    try:
        made: tuple[Film, ...] = example_films(examples_folder() / "examples")
    except UnavailableError as error:
        pytest.skip(f"the example films need a CT from PyPI: {error.message}")
    return {film.path.stem: film.path for film in made}


def read(path: Path) -> np.ndarray[Any, Any]:
    picture: np.ndarray[Any, Any] = imagecodecs.png_decode(path.read_bytes())
    return picture


def pem(folder: Path, *arguments: str) -> tuple[Path, Path]:
    """A private key and its public half, made by OpenSSL."""
    private, public = folder / "key.pem", folder / "key.pub.pem"
    subprocess.run(["openssl", "genpkey", *arguments, "-out", private], check=True, capture_output=True)
    subprocess.run(["openssl", "pkey", "-in", private, "-pubout", "-out", public], check=True, capture_output=True)
    return private, public


def test_outlines_are_masks_of_the_films_size(
    leadglass: Callable[..., Ran], films: Mapping[str, Path], tmp_path: Path
) -> None:
    line = leadglass("--json", "outline", films["wang-pa"], "--out", tmp_path / "out").line
    assert not line["abstained"]
    assert set(line["regions"]) == REGIONS
    film = dcmread(films["wang-pa"])
    masks = {name: read(tmp_path / "out" / "wang-pa" / f"{name}.png") for name in REGIONS}
    for mask in masks.values():
        assert mask.shape == (film.Rows, film.Columns)
        assert set(np.unique(mask)) == {0, 255}
    columns = {side: np.nonzero(masks[f"lung_{side}"])[1].mean() for side in ("right", "left")}
    assert columns["right"] < columns["left"], "the patient's right is at the picture's left"


def test_a_lateral_film_and_a_picture_of_nothing_have_a_body_alone(
    leadglass: Callable[..., Ran], films: Mapping[str, Path], tmp_path: Path
) -> None:
    noise = np.random.default_rng(1).integers(0, 256, (600, 500), dtype=np.uint8)
    (tmp_path / "noise.png").write_bytes(png(noise))
    ran = leadglass("--json", "outline", films["wang-ll"], tmp_path / "noise.png", "--out", tmp_path / "out")
    for line in ran.lines:
        assert (line["abstained"], line["confidence"], line["regions"]) == (True, 0.0, ["body"])
        assert line["reason"]
    assert [path.name for path in sorted((tmp_path / "out").rglob("*.png"))] == ["body.png", "body.png"]


def test_what_is_no_film_is_an_error_and_the_rest_is_done(
    leadglass: Callable[..., Ran], films: Mapping[str, Path], tmp_path: Path
) -> None:
    (tmp_path / "words.txt").write_text("not a film")
    ran = leadglass("--json", "outline", tmp_path / "words.txt", films["wang-pa"], "--out", tmp_path / "out", code=2)
    assert [line["abstained"] for line in ran.lines] == [None, False]
    folder = tmp_path / "films"
    folder.mkdir()
    (folder / "notes.txt").write_text("not a film")
    (folder / "wang-pa.dcm").write_bytes(films["wang-pa"].read_bytes())
    assert len(leadglass("--json", "outline", folder, "--out", tmp_path / "again").lines) == 2


def test_a_look_shows_the_lungs_and_tiles_over_the_rest(
    leadglass: Callable[..., Ran], films: Mapping[str, Path], tmp_path: Path
) -> None:
    one = tmp_path / "one.png"
    line = leadglass("--json", "look", films["wang-pa"], "--show", "lungs", "--png", one).line
    assert line["covered"] == ["heart", "rest"]
    film = dcmread(films["wang-pa"])
    assert read(one).shape == (film.Rows, film.Columns)
    sheet = tmp_path / "sheet.png"
    paths = [films[name] for name in ("wang-pa", "wang-ll", "liu-ap")]
    lines = leadglass("--json", "look", *paths, "--show", "lungs", "--png", sheet).lines
    assert [line["covered"] for line in lines] == [["heart", "rest"], ["rest"], ["heart", "rest"]]
    assert read(sheet).shape == (2 * 392, 2 * 392, 3)


@pytest.mark.peer("openssl")
@pytest.mark.parametrize(
    ("profile", "algorithm"),
    [
        ("portable", ("-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")),
        ("ps3.15", ("-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:3072")),
    ],
)
def test_a_sealed_film_opens_for_its_key_and_for_no_other(
    leadglass: Callable[..., Ran], films: Mapping[str, Path], tmp_path: Path, profile: str, algorithm: tuple[str, ...]
) -> None:
    private, public = pem(tmp_path, *algorithm)
    sealed, opened = tmp_path / "sealed.dcm", tmp_path / "opened.dcm"
    line = leadglass(
        "--json", "seal", films["wang-pa"], "--show", "lungs", "--to", public, "--profile", profile, "--out", sealed
    ).line
    assert line["profile"] == profile
    assert line["regions"] == {"lung_right": "show", "lung_left": "show", "heart": "cover", "rest": "cover"}
    before, covered = dcmread(films["wang-pa"]), dcmread(sealed)
    assert str(covered.PatientName) != str(before.PatientName)
    assert (covered.pixel_array != before.pixel_array).mean() > 0.3

    back = leadglass("--json", "open", sealed, "--key", private, "--out", opened).line
    assert back["regions"] == ["heart", "rest"]
    assert back["identified"]
    after = dcmread(opened)
    assert str(after.PatientName) == str(before.PatientName)
    assert after.SOPInstanceUID == before.SOPInstanceUID
    np.testing.assert_array_equal(after.pixel_array, before.pixel_array)

    (tmp_path / "other").mkdir()
    other, _ = pem(tmp_path / "other", *algorithm)
    refused = leadglass("--json", "open", sealed, "--key", other, "--out", tmp_path / "no.dcm", code=2)
    assert refused.error["error"] == "InputError"
    assert not (tmp_path / "no.dcm").exists()


@pytest.mark.peer("openssl")
def test_a_png_is_sealed_as_dicom(leadglass: Callable[..., Ran], films: Mapping[str, Path], tmp_path: Path) -> None:
    private, public = pem(tmp_path, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    leadglass("look", films["wang-pa"], "--show", "all", "--png", tmp_path / "film.png")
    line = leadglass(
        "--json", "seal", tmp_path / "film.png", "--show", "lungs", "--to", public, "--out", tmp_path / "sealed.dcm"
    ).line
    assert line["regions"]["heart"] == "cover"
    leadglass("open", tmp_path / "sealed.dcm", "--key", private, "--out", tmp_path / "opened.dcm")
    np.testing.assert_array_equal(dcmread(tmp_path / "opened.dcm").pixel_array, read(tmp_path / "film.png"))


def test_where_there_are_no_outlines_everything_is_covered_and_it_says_so(
    leadglass: Callable[..., Ran], films: Mapping[str, Path], tmp_path: Path
) -> None:
    _, public = pem(tmp_path, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    line = leadglass(
        "--json", "seal", films["wang-ll"], "--show", "lungs", "--to", public, "--out", tmp_path / "sealed.dcm"
    ).line
    assert line["regions"] == {"rest": "cover"}
    assert line["reason"]
    assert np.unique(dcmread(tmp_path / "sealed.dcm").pixel_array).size == 1


def test_an_encrypted_private_key_takes_its_passphrase(
    leadglass: Callable[..., Ran], films: Mapping[str, Path], tmp_path: Path
) -> None:
    _, public = pem(tmp_path, "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256")
    locked = tmp_path / "locked.pem"
    command = ["openssl", "pkey", "-in", tmp_path / "key.pem", "-aes256", "-passout", "pass:secret", "-out", locked]
    subprocess.run(command, check=True, capture_output=True)
    sealed = tmp_path / "sealed.dcm"
    leadglass("seal", films["wang-pa"], "--show", "lungs", "--to", public, "--out", sealed)
    wrong = {"LEADGLASS_KEY_PASSPHRASE": "guess"}
    right = {"LEADGLASS_KEY_PASSPHRASE": "secret"}
    leadglass("open", sealed, "--key", locked, "--out", tmp_path / "a.dcm", code=2, variables=wrong)
    leadglass("open", sealed, "--key", locked, "--out", tmp_path / "a.dcm", variables=right)
