"""A site may follow another profile than the Basic one, or take options to it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from leadglass.dicom.instance import scan
from leadglass.flows import vault
from leadglass.model.ids import InstanceId
from leadglass.model.instance import Part
from leadglass.testing.films import small_film

if TYPE_CHECKING:
    from tests.e2e.conftest import House

STUDY_DATE, MANUFACTURER = 0x00080020, 0x00080070


def settled(house: House, table: str) -> None:
    """The settings of the site with another ``[deid]``."""
    path = house.path / "leadglass.toml"
    before, _, after = path.read_text().partition("[deid]")
    path.write_text(f"{before}[deid]\n{table}\n[veil]{after.partition('[veil]')[2]}")


def clean_values(house: House, folder: Path) -> dict[int, bytes | None]:
    """What the clean file of a film that is taken in now says."""
    (folder / "film.dcm").write_bytes(small_film(seed=51))
    instance = InstanceId(house("ingest", folder / "film.dcm", person="tech.demo").line["instance"])
    with house.opened() as site:
        with site.database.begin() as transaction:
            stored = vault.find(transaction, instance)
        clean = scan(vault.open_part(site, stored, Part.CLEAN))
        return {tag: clean.value(tag) for tag in (STUDY_DATE, MANUFACTURER)}


def test_an_option_of_the_site_reaches_what_it_stores(house: House, tmp_path: Path) -> None:
    settled(house, 'options = ["retain-modified-dates"]')
    assert clean_values(house, tmp_path)[STUDY_DATE]


def test_a_profile_file_of_the_site_reaches_what_it_stores(house: House, tmp_path: Path) -> None:
    (house.path / "strict.toml").write_text('[attributes]\nManufacturer = "remove"\n')
    settled(house, 'profile = "strict.toml"')
    assert clean_values(house, tmp_path)[MANUFACTURER] is None


def test_without_either_the_basic_profile_counts(house: House, tmp_path: Path) -> None:
    values = clean_values(house, tmp_path)
    assert (values[STUDY_DATE], values[MANUFACTURER] is None) == (b"", False)


def test_the_log_says_by_which_profile_a_film_was_cleaned(house: House, tmp_path: Path) -> None:
    settled(house, 'options = ["retain-modified-dates"]')
    (tmp_path / "film.dcm").write_bytes(small_film(seed=52))
    instance = house("ingest", tmp_path / "film.dcm", person="tech.demo").line["instance"]
    (line,) = [each for each in house("history", instance, person="auditor.demo").lines if each["action"] == "ingested"]
    assert (line["detail"]["profile"], line["detail"]["options"]) == (None, ["retain-modified-dates"])


@pytest.mark.parametrize(
    "table", ['profile = "nowhere.toml"', 'profile = "."', 'options = ["retain-everything"]', "options = 3"]
)
def test_a_profile_that_cannot_be_followed_closes_the_site(house: House, table: str) -> None:
    settled(house, table)
    error = house("list", code=8).error
    assert error["error"] == "ConfigError", json.dumps(error)
