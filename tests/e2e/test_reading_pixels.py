"""A site with the extra ``ocr``: what is burnt into a film is found, and who may not see text sees none of it."""

from __future__ import annotations

import io
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import pytest
from marked import differ_by_a_mark
from pydicom import dcmread

from leadglass.adapters.detectors.text import available
from leadglass.testing.films import small_film

if TYPE_CHECKING:
    from tests.e2e.conftest import House

READS = pytest.mark.skipif(not available(), reason="the extra ocr is not installed")


def written(*, text: str | None) -> bytes:
    """A film of grey noise with a line of text in its upper left corner."""
    from PIL import Image, ImageDraw, ImageFont

    dataset = dcmread(io.BytesIO(small_film(rows=1200, columns=1000, seed=41)))
    highest = (1 << dataset.BitsStored) - 1
    pixels = np.random.default_rng(41).normal(highest / 3, highest / 60, (1200, 1000)).clip(0, highest)
    if text:
        picture = Image.new("L", (1000, 1200))
        ImageDraw.Draw(picture).text((20, 16), text, fill=255, font=ImageFont.load_default(28))
        pixels = np.maximum(pixels, np.asarray(picture) / 255 * highest)
    dataset.PixelData = pixels.astype(np.uint16).tobytes()
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def pixels_line(house: House) -> dict[str, object]:
    (line,) = [line for line in house("maintain", person="admin.demo").lines if line["check"] == "pixels"]
    return line


def test_maintain_says_how_many_films_wait_where_nothing_reads(house: House) -> None:
    if available():
        pytest.skip("the extra ocr is installed")
    line = pixels_line(house)
    assert line["ok"]
    assert "1 wait" in str(line["detail"])


@READS
def test_what_is_burnt_in_is_covered_for_whoever_may_not_see_text(house: House, tmp_path: Path) -> None:
    film = written(text="ZHANG WEI 19480217")
    (tmp_path / "film.dcm").write_bytes(film)
    instance = house("ingest", tmp_path / "film.dcm", person="tech.demo").line["instance"]
    assert pixels_line(house)["ok"]

    (listed,) = [each for each in house("list").lines if each["instance"] == instance]
    assert (listed["pixels"], listed["regions"][0]) == ("checked", "text")
    grant = house.approved(instance, "--regions", "rest", action="export", purpose="RESEARCH")
    seen = dcmread(house("release", grant, "--out", tmp_path).line["path"]).pixel_array
    letters = dcmread(io.BytesIO(film)).pixel_array != dcmread(io.BytesIO(written(text=None))).pixel_array
    assert np.corrcoef(seen[letters], dcmread(io.BytesIO(film)).pixel_array[letters])[0, 1] < 0.5
    assert differ_by_a_mark(seen[300:], dcmread(io.BytesIO(film)).pixel_array[300:], bits=12)


@READS
def test_the_log_names_the_reader_and_none_of_what_it_read(house: House, tmp_path: Path) -> None:
    (tmp_path / "film.dcm").write_bytes(written(text="ZHANG WEI 19480217"))
    instance = house("ingest", tmp_path / "film.dcm", person="tech.demo").line["instance"]
    pixels_line(house)
    ran = house("history", instance, person="auditor.demo")
    (line,) = [line for line in ran.lines if line["action"] == "examined"]
    assert str(line["detail"]["engine"]).startswith("rapidocr ")
    assert not {"ZHANG", "WEI", "19480217"} & set(ran.out.upper().replace('"', " ").split())
