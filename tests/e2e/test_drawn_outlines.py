"""A person draws the outlines of a film on the command line, and a copy is covered along them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest

from leadglass.dicom.frames import png

if TYPE_CHECKING:
    from conftest import House


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A heart and two lungs on the house's chest film of 256 x 220, as ``outline`` writes them, and its body beside them."""
    drawn = tmp_path / "drawn"
    drawn.mkdir()
    for name, (left, right) in {
        "heart": (90, 140),
        "lung_right": (20, 95),
        "lung_left": (125, 200),
        "body": (0, 220),
    }.items():
        picture = np.zeros((256, 220), np.uint8)
        picture[60:200, left:right] = 255
        (drawn / f"{name}.png").write_bytes(png(picture))
    return drawn


def test_a_person_draws_and_the_film_is_divided_anew(house: House, folder: Path, tmp_path: Path) -> None:
    done = house("check", house.chest, "--outlines", folder, "--note", "by eye", person="tech.demo").line
    assert done["regions"] == ["heart", "lung_right", "lung_left", "rest"]
    assert done["pixels"] == "checked"

    grant = house.ask(house.chest, "--regions", "lungs", action="view", purpose="TREAT")["grant"]
    made = house("release", grant, "--out", tmp_path / "out")
    assert made.line["regions"] == {"lung_right": "show", "lung_left": "show", "heart": "cover", "rest": "cover"}
    assert (made.line["style"], made.line["shape"]) == ("mosaic", "grid")
    assert made.err == ""


def test_whoever_takes_a_copy_covered_by_means_is_told_what_they_tell(house: House, folder: Path, tmp_path: Path) -> None:
    house("check", house.chest, "--outlines", folder, "--note", "by eye", person="tech.demo")
    (policies,) = (house.path / "policies").glob("*.cedar")
    text = policies.read_text(encoding="utf-8")
    policies.write_text(
        text.replace('@id("view-treat-reader")', '@id("view-treat-reader") @style("coarse") @shape("outline")'),
        encoding="utf-8",
    )
    grant = house.ask(house.chest, "--regions", "rest", action="view", purpose="TREAT")["grant"]
    made = house("release", grant, "--out", tmp_path / "out")
    assert (made.line["style"], made.line["shape"]) == ("coarse", "outline")
    assert "AUC 0.77 to 0.92" in made.err


def test_pixels_and_outlines_are_one_check(house: House, folder: Path) -> None:
    both = ("--outlines", folder, "--pixels", "review", "--note", "by eye")
    done = house("check", house.chest, *both, person="tech.demo").line
    assert (done["pixels"], len(done["regions"])) == ("review", 4)


@pytest.mark.parametrize("kept", [(), ("body",)])
def test_a_folder_without_an_outline_is_an_input_error(house: House, folder: Path, kept: tuple[str, ...]) -> None:
    for path in folder.iterdir():
        if path.stem not in kept:
            path.unlink()
    refused = house("check", house.chest, "--outlines", folder, "--note", "by eye", person="tech.demo", code=2)
    assert "heart.png, lung_right.png, lung_left.png" in refused.err


def test_sides_that_are_exchanged_are_an_input_error(house: House, folder: Path) -> None:
    (folder / "lung_right.png").rename(folder / "swap")
    (folder / "lung_left.png").rename(folder / "lung_right.png")
    (folder / "swap").rename(folder / "lung_left.png")
    refused = house("check", house.chest, "--outlines", folder, "--note", "by eye", person="tech.demo", code=2)
    assert "the sides are exchanged" in refused.err


def test_a_check_of_nothing_is_an_input_error(house: House) -> None:
    assert "nothing to record" in house("check", house.chest, "--note", "by eye", person="tech.demo", code=2).err


@pytest.mark.parametrize("content", [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff\xe0", b"\x89PNG\r\n\x1a\n" + bytes(40)])
def test_what_is_no_picture_is_an_input_error(house: House, folder: Path, content: bytes) -> None:
    (folder / "heart.png").write_bytes(content)
    house("check", house.chest, "--outlines", folder, "--note", "by eye", person="tech.demo", code=2)


def test_whoever_orders_is_told_what_the_order_needs(house: House) -> None:
    asked = ("order", "add", "--accession", "A7", "--procedure", "胸部正位", "--indication", "气胸?")
    assert house(*asked, person="tech.demo").line["regions"] == ["lung_right", "lung_left", "rest"]
