"""What an order needs, and the table that says so."""

from __future__ import annotations

import json
from importlib.resources import files

import pytest

from leadglass.anatomy.need import need, on_film, table
from leadglass.model.region import RegionKind

HEART, RIGHT, LEFT, REST = RegionKind.HEART, RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT, RegionKind.REST
EVERYTHING = (HEART, RIGHT, LEFT, REST)
ORGANS = (HEART, RIGHT, LEFT)
SIDES = (RIGHT, LEFT, REST)


@pytest.mark.parametrize(
    ("procedure", "indication", "regions"),
    [
        ("Chest PA", None, EVERYTHING),
        ("chest", "cough since May", EVERYTHING),
        ("胸部正位", None, EVERYTHING),
        ("Chest PA", "?pneumonia", ORGANS),
        ("胸片", "考虑肺炎", ORGANS),
        ("Chest PA", "heart size", ORGANS),
        ("Chest PA", "Follow-up of nodule, right upper lobe", ORGANS),
        ("Chest PA", "术前检查", ORGANS),
        ("XR Ribs", None, SIDES),
        ("chest", "rib fracture?", SIDES),
        ("Portable chest AP", "central line placed", EVERYTHING),
        ("床旁胸片", "ＰＩＣＣ　置管后", EVERYTHING),
        ("Chest PA", "pneumonia; right ribs hurt", EVERYTHING),
        ("24648-8", None, EVERYTHING),
        ("knee", None, EVERYTHING),
        ("", "", EVERYTHING),
    ],
)
def test_an_order_needs_what_its_questions_need(
    procedure: str, indication: str | None, regions: tuple[RegionKind, ...]
) -> None:
    assert need(procedure, indication).regions == regions


@pytest.mark.parametrize("indication", ["cribs", "heartsize", "scribble", "tbc"])
def test_a_word_within_another_is_no_word(indication: str) -> None:
    assert [row.name for row in need("chest", indication).rows] == ["XR Chest"]


def test_a_need_names_its_rows() -> None:
    assert [row.name for row in need("Chest PA", "pneumothorax after central line").rows] == [
        "pneumothorax",
        "lines and tubes",
    ]
    assert need("knee", None).rows == ()


def test_what_a_film_has_no_outline_of_lies_in_rest() -> None:
    assert on_film((HEART, RIGHT), (HEART, RIGHT, LEFT, REST)) == (HEART, RIGHT)
    assert on_film((HEART, RIGHT), (RIGHT, LEFT, REST)) == (RIGHT, REST)
    assert on_film((HEART,), (RegionKind.TEXT, REST)) == (REST,)
    assert on_film((), (HEART, REST)) == ()


def test_every_row_says_what_why_and_from_where() -> None:
    data = json.loads((files("leadglass.anatomy") / "tables/needs.json").read_text(encoding="utf-8"))
    rows = [row for part in table() for row in part]
    assert data["v"] == "leadglass/needs@v1"
    assert "not reviewed by a radiologist" in data["reviewed"]
    assert len(rows) == len({row.name for row in rows})
    for part in ("questions", "procedures"):
        for row in data[part]:
            assert set(row) == {"name", "en", "zh", "regions", "why", "source"}
            assert row["en"]
            assert row["zh"]
            assert row["why"]
            assert row["source"]
    for row in rows:
        assert row.regions == tuple(kind for kind in RegionKind if kind in row.regions)
        assert RegionKind.TEXT not in row.regions
