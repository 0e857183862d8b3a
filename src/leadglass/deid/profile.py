"""PS3.15 annex E as a function: attribute, place and SOP class -> action.

The rows come from Table E.1-1, the families X/Z, X/D, Z/D and X/Z/D are resolved by the attribute's Type in the IOD. The
table has holes, and they are closed here: UIDs outside the standard's root, dates, times and person names that no row
lists, prose that no row lists, values that nobody can read. What no rule knows is removed, never kept.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from leadglass.dicom.header import dictionary_vr, keyword

EDITION: Final = "2024b"


class Action(StrEnum):
    """What is done with one attribute. A kept sequence is itself cleaned, item by item."""

    KEEP = "keep"
    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    UID = "uid"
    TEXT = "text"
    """Kept unless the value looks like a name or holds something known of the patient."""


@dataclass(frozen=True)
class Rule:
    """An action and the sentence that explains it."""

    action: Action
    why: str


Path = tuple[int, ...]
"""Tags from the top-level sequence down to the attribute."""

_KEEP: Final = Rule(Action.KEEP, "not listed in PS3.15 Table E.1-1")
_TEXT: Final = Rule(Action.TEXT, "text that no row lists; kept unless it looks identifying")
_PRIVATE: Final = Rule(Action.REMOVE, "private attributes may hold anything")
_UNREADABLE: Final = Rule(Action.REMOVE, "of unknown VR, so nobody can tell what it holds")
_UNKNOWN: Final = Rule(Action.REMOVE, "not in the data dictionary, so nobody can tell what it holds")

_BY_VR: Final = {
    "UI": Rule(Action.UID, "a UID outside the standard's root, which no row lists"),
    "PN": Rule(Action.DUMMY, "a person's name, which no row lists"),
    "DA": Rule(Action.DUMMY, "a date, which no row lists"),
    "TM": Rule(Action.DUMMY, "a time, which no row lists"),
    "DT": Rule(Action.DUMMY, "a date and time, which no row lists"),
    "AE": Rule(Action.DUMMY, "an application entity title, which no row lists"),
    "AS": Rule(Action.DUMMY, "an age, which no row lists"),
    "UR": Rule(Action.DUMMY, "an address, which no row lists"),
    "UN": _UNREADABLE,
}
_TEXT_VRS: Final = frozenset({"CS", "LO", "LT", "SH", "ST", "UC", "UT"})

_CLASS_WORDS: Final = ("SOPClass", "TransferSyntaxUID")
_SCHEME_UIDS: Final = frozenset({0x0008010C, 0x00080117, 0x00080118})
_CLASSES: Final = Rule(Action.KEEP, "says what something is, never which one")

_OUTSIDE: Final = {
    # No part of a data set, or the leftovers of what cannot stay true.
    0x0400: Rule(Action.REMOVE, "signatures and encrypted attributes speak of what is no longer there"),
    0x4FFE: Rule(Action.REMOVE, "signatures and encrypted attributes speak of what is no longer there"),
    0xFFFA: Rule(Action.REMOVE, "signatures and encrypted attributes speak of what is no longer there"),
    0xFFFC: Rule(Action.REMOVE, "padding may hold anything"),
    0x5400: Rule(Action.REMOVE, "a waveform beside an image may hold a voice"),
}

_PROSE: Final = "identifying text that no row lists"
_LOOSE: Final = {
    0x00080001: Rule(Action.REMOVE, "the length of what is no longer there"),
    0x00080300: Rule(Action.REMOVE, "describes private attributes, which are removed"),
    0x0008041B: Rule(Action.REMOVE, "an opaque key of a record"),
    0x0008041C: Rule(Action.REMOVE, "an opaque key of a record"),
    0x00100024: Rule(Action.REMOVE, "who issued the patient id"),
    0x00100033: Rule(Action.REMOVE, "a birth date in another calendar"),
    0x00100034: Rule(Action.REMOVE, "a death date in another calendar"),
    0x00100035: Rule(Action.REMOVE, "the calendar of dates that are removed"),
    0x00102161: Rule(Action.REMOVE, "the ethnic group, as a code"),
    0x00102295: Rule(Action.REMOVE, "a registration number"),
    0x00400031: Rule(Action.DUMMY, "names an institution"),
    0x00400032: Rule(Action.DUMMY, "names an institution"),
    0x0040A074: Rule(Action.REMOVE, "an opaque identifier"),
    0x0040A089: Rule(Action.REMOVE, "an opaque identifier"),
    0x0040A160: Rule(Action.DUMMY, _PROSE),  # Text Value
    0x00420010: Rule(Action.EMPTY, _PROSE),  # Document Title
    0x00440106: Rule(Action.REMOVE, _PROSE),  # Assertion Comments
    0x00686300: Rule(Action.REMOVE, "a document of its own"),
    0x00700006: Rule(Action.DUMMY, _PROSE),  # Unformatted Text Value
    0x0082000A: Rule(Action.REMOVE, _PROSE),  # Observation Description
}

_FAMILIES: Final[Mapping[str, tuple[Action, Action, Action]]] = {
    # Actions for Type 1, Type 2 and Type 3. A Type 1 attribute cannot be empty, and Z allows a dummy.
    "X": (Action.REMOVE, Action.REMOVE, Action.REMOVE),
    "D": (Action.DUMMY, Action.DUMMY, Action.DUMMY),
    "Z": (Action.DUMMY, Action.EMPTY, Action.EMPTY),
    "U": (Action.UID, Action.UID, Action.UID),
    "Z/D": (Action.DUMMY, Action.EMPTY, Action.EMPTY),
    "X/Z": (Action.DUMMY, Action.EMPTY, Action.REMOVE),
    "X/D": (Action.DUMMY, Action.DUMMY, Action.REMOVE),
    "X/Z/D": (Action.DUMMY, Action.EMPTY, Action.REMOVE),
    "X/Z/U*": (Action.KEEP, Action.EMPTY, Action.REMOVE),
}
_WITHOUT_IOD: Final[Mapping[str, Action]] = {
    # Valid whatever the Type may be, and nothing of the value stays.
    **{code: of_type[0] for code, of_type in _FAMILIES.items()},
    "Z": Action.EMPTY,
    "X/Z": Action.EMPTY,
}


@dataclass(frozen=True, eq=False)
class Profile:
    """Rules for attributes. ``rows`` maps a tag to its code of the Basic Profile, ``types`` a SOP class to Types by path."""

    name: str
    rows: Mapping[int, str]
    types: Mapping[str, Mapping[Path, int]]

    def rule(self, path: Path, vr: str, *, sop_class: str) -> Rule:
        """What to do with the attribute at ``path`` that is encoded with ``vr``, in an instance of ``sop_class``."""
        return _rule(self, path, vr, sop_class)


@lru_cache(maxsize=1 << 15)
def _rule(profile: Profile, path: Path, vr: str, sop_class: str) -> Rule:
    tag = path[-1]
    group = tag >> 16
    if group & 1:
        return _PRIVATE
    code = profile.rows.get(tag)
    if code is not None:
        return _listed(profile, code, path, sop_class)
    if not tag & 0xFFFF:
        return Rule(Action.REMOVE, "the length of a group that changes")
    if group < 8:
        return Rule(Action.REMOVE, "no attribute of a data set")
    if group in _OUTSIDE:
        return _OUTSIDE[group]
    if 0x5000 <= group <= 0x50FF:
        return Rule(Action.REMOVE, "PS3.15 Table E.1-1: X (curves)")
    if 0x6000 <= group <= 0x60FF:
        return Rule(Action.REMOVE, "PS3.15 Table E.1-1: X (overlays, and what describes them)")
    if group == 0x7FE0:
        return Rule(Action.REMOVE, "pixels that nobody has treated")
    return _LOOSE.get(tag) or _unlisted(tag, vr)


def _listed(profile: Profile, code: str, path: Path, sop_class: str) -> Rule:
    types = profile.types.get(sop_class)
    if types is None or len(path) > 3:
        return Rule(_WITHOUT_IOD[code], f"PS3.15 Table E.1-1: {code}")
    number = types.get(path, 3)
    return Rule(_FAMILIES[code][number - 1], f"PS3.15 Table E.1-1: {code}" + (f" (Type {number})" if "/" in code else ""))


def _unlisted(tag: int, vr: str) -> Rule:
    known = dictionary_vr(tag)
    if known == "UN":
        return _UNKNOWN
    # A file may state another VR than the dictionary; whichever of the two tells more about a person decides.
    for each in (known, vr):
        if each == "UI":
            word = keyword(tag)
            if tag in _SCHEME_UIDS or any(part in word for part in _CLASS_WORDS):
                return _CLASSES
        if each in _BY_VR:
            return _BY_VR[each]
    return _TEXT if known in _TEXT_VRS or vr in _TEXT_VRS else _KEEP


@lru_cache(maxsize=1)
def basic_profile() -> Profile:
    """The Basic Application Level Confidentiality Profile, without options; the tables are read once."""
    rows: dict[int, str] = {}
    for row in _table("ps3_15_e1_1.json"):
        if row["match"] == "tag":
            rows[_tag(row["tag"][1:5] + row["tag"][6:10])] = row["basic"]
    types = {
        sop_class: {tuple(map(_tag, path.split("/"))): int(kind[0]) for path, kind in entry["types"].items()}
        for sop_class, entry in _table("iod_types_for_e1_1.json").items()
    }
    return Profile(f"PS3.15 {EDITION} Basic Profile", rows, types)


def _tag(text: str) -> int:
    return int(text, 16)


def _table(name: str) -> Any:
    return json.loads(files("leadglass.deid").joinpath("tables", name).read_text(encoding="utf-8"))
