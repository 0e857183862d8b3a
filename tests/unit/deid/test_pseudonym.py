"""Keyed pseudonyms."""

from __future__ import annotations

import re

import pytest

from leadglass.deid.pseudonym import PseudonymKeys

KEYS = PseudonymKeys(bytes(range(32)))
OTHER = PseudonymKeys(bytes(range(1, 33)))


def test_a_pseudonym_is_equal_wherever_the_key_is() -> None:
    assert PseudonymKeys(bytes(range(32))).patient_id("4711") == KEYS.patient_id("4711")


@pytest.mark.parametrize("kind", ["uid", "patient_id", "accession", "name"])
def test_another_key_gives_another_pseudonym(kind: str) -> None:
    assert getattr(KEYS, kind)("1.2.3") != getattr(OTHER, kind)("1.2.3")


def test_kinds_are_apart() -> None:
    made = {KEYS.patient_id("1")[:16], KEYS.accession("1"), KEYS.name("1")}
    assert len(made) == 3


def test_a_patient_id_is_a_name_and_an_id() -> None:
    assert re.fullmatch("[A-Z2-7]{20}", KEYS.patient_id("王小东"))


def test_an_accession_number_fits_its_vr() -> None:
    assert re.fullmatch("[A-Z2-7]{16}", KEYS.accession("A" * 100))


def test_a_short_key_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        PseudonymKeys(b"secret")


def test_the_key_is_not_printed() -> None:
    assert "secret" not in repr(PseudonymKeys(b"secret" * 6))
