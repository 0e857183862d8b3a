"""What was found, by category: of which kind the attributes were that something was done to, never what they said."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from functools import lru_cache
from typing import Final

from leadglass.deid.identifiers import kind_of
from leadglass.dicom.header import TEXT_VRS, dictionary_vr
from leadglass.dicom.instance import Note

_BY_VR: Final = {
    "AE": "device",
    "AS": "age",
    "DA": "date",
    "DT": "date",
    "TM": "time",
    "PN": "name",
    "SQ": "sequence",
    "UI": "uid",
}


def count(notes: Iterable[Note]) -> Counter[str]:
    """How much was found of each category. A text from which something was taken counts by what that was."""
    counted: Counter[str] = Counter()
    for note in notes:
        if note.told:
            counted.update(note.told)
        else:
            counted[note.where if note.tag is None else _category(note.tag)] += 1
    return counted


@lru_cache(maxsize=1 << 13)
def _category(tag: int) -> str:
    group, vr = tag >> 16, dictionary_vr(tag)
    if group == 0x0002:
        return "file meta"
    if group & 1:
        return "private"
    if 0x5000 <= group <= 0x50FF or 0x6000 <= group <= 0x60FF:
        return "graphic"
    if not tag & 0xFFFF:
        return "group length"
    kind = kind_of(tag, vr)
    if kind is not None and vr != "SQ":
        return str(kind)
    return _BY_VR.get(vr) or ("text" if vr in TEXT_VRS else "other")
