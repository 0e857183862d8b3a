"""Lists to look words up in: surnames, places, given names, and the ordinary words of radiology that are no names."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache

from leadglass.deid.text.fold import load


@dataclass(frozen=True)
class Words:
    """The lists. Latin words are in lower case, but for ``states``; Chinese ones are simplified."""

    surnames: frozenset[str]
    compound_surnames: frozenset[str]
    surname_readings: Mapping[str, tuple[str, ...]]
    provinces: tuple[str, ...]
    cities: tuple[str, ...]
    ambiguous_cities: frozenset[str]
    hospital_nicknames: tuple[str, ...]
    given_names: frozenset[str]
    states: tuple[str, ...]
    ordinary: frozenset[str]
    """Words that a radiologist writes, capitals or not."""
    abbreviations: frozenset[str]
    two_letters: frozenset[str]
    """Two letters that are words or abbreviations; as a name alone they would be everywhere."""
    titles: frozenset[str]
    """Words around a name that are no part of it."""
    generic_places: frozenset[str]
    """Words of names of places that are no place's own."""
    generic_institutions: frozenset[str]
    """Words that do not make the hospital after them a particular one."""
    generic_hospitals: frozenset[str]
    """The same in Chinese."""
    ordinary_han: frozenset[str]
    """Known values that are no name."""
    not_signed_han: frozenset[str]
    """What stands where a name was to stand."""


@lru_cache(maxsize=1)
def words() -> Words:
    """The table, parsed once."""
    table = load("words.json")
    return Words(
        surnames=frozenset(table["surnames"]),
        compound_surnames=frozenset(table["compound_surnames"].split()),
        surname_readings={key: tuple(value) for key, value in table["surname_readings"].items()},
        provinces=tuple(table["provinces"].split()),
        cities=tuple(table["cities"].split()),
        ambiguous_cities=frozenset(table["ambiguous_cities"].split()),
        hospital_nicknames=tuple(table["hospital_nicknames"].split()),
        given_names=frozenset(table["given_names"].split()),
        states=tuple(table["states"].split()),
        ordinary=frozenset(table["ordinary"].split()),
        abbreviations=frozenset(table["abbreviations"].split()),
        two_letters=frozenset(table["two_letters"].split()),
        titles=frozenset(table["titles"].split()),
        generic_places=frozenset(table["generic_places"].split()),
        generic_institutions=frozenset(table["generic_institutions"].split()),
        generic_hospitals=frozenset(table["generic_hospitals"].split()),
        ordinary_han=frozenset(table["ordinary_han"].split()),
        not_signed_han=frozenset(table["not_signed_han"].split()),
    )
