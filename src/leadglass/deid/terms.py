"""Search terms: what an instance is looked for by, normalised so that a query in any script or width meets it."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from typing import Final

from leadglass.deid.charset import readings
from leadglass.dicom.instance import Received

_PATIENT_NAME: Final = 0x00100010
_TERM_KINDS: Final = {0x00100020: "patient_id", 0x00080050: "accession", 0x00080020: "study_date"}


def normalise(value: str) -> str:
    """A value as search compares it: NFKC, casefolded, no padding, one space between words."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold()).split())


def search_terms(i: Received) -> tuple[tuple[str, str], ...]:
    """(kind, normalised value) pairs in the clear, for the caller to key: they identify the patient."""
    terms: dict[tuple[str, str], None] = {}
    for element in i.header.elements:
        if element.items is not None or not element.length:
            continue
        if element.tag == _PATIENT_NAME:
            for text in readings(i.header.value(element), i.charset):
                terms.update((("name", part), None) for part in _name_parts(text))
        elif element.tag in _TERM_KINDS:
            for text in readings(i.header.value(element), i.charset):
                kind = _TERM_KINDS[element.tag]
                # Dates of ACR-NEMA times have dots in them.
                terms[kind, normalise(text.replace(".", "") if kind == "study_date" else text)] = None
    return tuple(each for each in terms if each[1])


def _name_parts(text: str) -> Iterator[str]:
    """Whole name, groups, components and their words (PS3.5 6.2.1), normalised."""
    yield normalise(re.sub(r"[=^]", " ", text))
    for group in text.split("="):
        components = group.split("^")
        yield normalise(" ".join(components))
        yield normalise(group)
        if not group.isascii():
            # Chinese, Japanese and Korean names are looked for as they are written, without a space.
            yield normalise("".join(components))
        for component in components:
            yield normalise(component)
            yield from normalise(component).split()
