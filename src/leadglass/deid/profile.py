"""PS3.15 annex E as a function: attribute, place and SOP class -> action.

The rows come from Table E.1-1; the families X/Z, X/D, Z/D and X/Z/D are resolved by the attribute's Type in the IOD, and an
option overrides the Basic Profile (E.1.1). The table has holes, and they are closed here: UIDs outside the standard's root,
dates, times and person names that no row lists, prose that no row lists, values that nobody can read. What no rule knows is
removed, never kept.
"""

from __future__ import annotations

import hashlib
import json
import re
import tomllib
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import lru_cache
from importlib.resources import files
from typing import Any, Final

from pydicom.datadict import tag_for_keyword

from leadglass.dicom.header import dictionary_vr, keyword, tag_text
from leadglass.errors import ConfigError

EDITION: Final = "2024b"


class Option(StrEnum):
    """The options of PS3.15 E.3. ``clean`` asks for more to be taken away, ``retain`` for more to stay."""

    CLEAN_PIXEL_DATA = "clean-pixel-data"
    CLEAN_RECOGNIZABLE_VISUAL_FEATURES = "clean-recognizable-visual-features"
    CLEAN_GRAPHICS = "clean-graphics"
    CLEAN_STRUCTURED_CONTENT = "clean-structured-content"
    CLEAN_DESCRIPTORS = "clean-descriptors"
    RETAIN_FULL_DATES = "retain-full-dates"
    RETAIN_MODIFIED_DATES = "retain-modified-dates"
    RETAIN_PATIENT_CHARACTERISTICS = "retain-patient-characteristics"
    RETAIN_DEVICE_IDENTITY = "retain-device-identity"
    RETAIN_UIDS = "retain-uids"
    RETAIN_SAFE_PRIVATE = "retain-safe-private"
    RETAIN_INSTITUTION_IDENTITY = "retain-institution-identity"


@dataclass(frozen=True)
class Method:
    """An item of De-identification Method Code Sequence: a code of scheme DCM and its meaning (PS3.16 CID 7050)."""

    code: str
    meaning: str


BASIC: Final = Method("113100", "Basic Application Confidentiality Profile")
METHODS: Final[Mapping[Option, Method]] = {
    Option.CLEAN_PIXEL_DATA: Method("113101", "Clean Pixel Data Option"),
    Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES: Method("113102", "Clean Recognizable Visual Features Option"),
    Option.CLEAN_GRAPHICS: Method("113103", "Clean Graphics Option"),
    Option.CLEAN_STRUCTURED_CONTENT: Method("113104", "Clean Structured Content Option"),
    Option.CLEAN_DESCRIPTORS: Method("113105", "Clean Descriptors Option"),
    Option.RETAIN_FULL_DATES: Method("113106", "Retain Longitudinal Temporal Information Full Dates Option"),
    Option.RETAIN_MODIFIED_DATES: Method("113107", "Retain Longitudinal Temporal Information Modified Dates Option"),
    Option.RETAIN_PATIENT_CHARACTERISTICS: Method("113108", "Retain Patient Characteristics Option"),
    Option.RETAIN_DEVICE_IDENTITY: Method("113109", "Retain Device Identity Option"),
    Option.RETAIN_UIDS: Method("113110", "Retain UIDs Option"),
    Option.RETAIN_SAFE_PRIVATE: Method("113111", "Retain Safe Private Option"),
    Option.RETAIN_INSTITUTION_IDENTITY: Method("113112", "Retain Institution Identity Option"),
}

_COLUMNS: Final[Mapping[str, Option]] = {
    "rtnSafePrivOpt": Option.RETAIN_SAFE_PRIVATE,
    "rtnUIDsOpt": Option.RETAIN_UIDS,
    "rtnDevIdOpt": Option.RETAIN_DEVICE_IDENTITY,
    "rtnInstIdOpt": Option.RETAIN_INSTITUTION_IDENTITY,
    "rtnPatCharsOpt": Option.RETAIN_PATIENT_CHARACTERISTICS,
    "rtnLongFullDatesOpt": Option.RETAIN_FULL_DATES,
    "rtnLongModifDatesOpt": Option.RETAIN_MODIFIED_DATES,
    "cleanDescOpt": Option.CLEAN_DESCRIPTORS,
    "cleanStructContOpt": Option.CLEAN_STRUCTURED_CONTENT,
    "cleanGraphOpt": Option.CLEAN_GRAPHICS,
}
_DATES: Final = frozenset({Option.RETAIN_FULL_DATES, Option.RETAIN_MODIFIED_DATES})
_OF_PIXELS: Final = frozenset({Option.CLEAN_PIXEL_DATA, Option.CLEAN_RECOGNIZABLE_VISUAL_FEATURES})


class Action(StrEnum):
    """What is done with one attribute. A kept sequence is itself cleaned, item by item."""

    KEEP = "keep"
    """Unchanged, if the value is what its VR says: a UID, a number, a date (``pseudonym.shifted`` with 0 days checks it)."""
    REMOVE = "remove"
    EMPTY = "empty"
    DUMMY = "dummy"
    """A value valid for the VR that says nothing. Of a sequence: its items stay, and no text in them does."""
    UID = "uid"
    """The keyed UID of each value; what the standard itself registers stays."""
    TEXT = "text"
    """Kept unless the value looks like a name or holds something known of the patient."""
    CLEAN = "clean"
    """Replaced by what is left of its meaning. Text: names, numbers, dates and places are taken out of it. AE: the keyed
    title (``PseudonymKeys.title``). AS: ``capped_age``."""
    SHIFT = "shift"
    """DA, DT, TM and Timezone Offset From UTC: ``pseudonym.shifted`` by the patient's days; a dummy for what is no date."""
    GRAPHIC = "graphic"
    """A drawing, such as Overlay Data: kept once it was read like pixels and nothing identifying was found; removed
    otherwise, and then with all else of its group."""
    CONTENT = "content"
    """A content tree (PS3.3 C.17.3): each item by ``Profile.content``, and what stays of it like any data set."""
    PRIVATE = "private"
    """Kept if ``Profile.private`` says so for its creator; a Private Creator stays if anything of its block does."""


@dataclass(frozen=True)
class Rule:
    """An action and the sentence that explains it."""

    action: Action
    why: str


Path = tuple[int, ...]
"""Tags from the top-level sequence down to the attribute."""

_ABOUT: Final = "PS3.15 Table E.1-1"
_TEXT_VRS: Final = frozenset({"CS", "LO", "LT", "SH", "ST", "UC", "UT"})
_PROSE_VRS: Final = frozenset({"LT", "ST", "UT"})
_DATE_VRS: Final = frozenset({"DA", "DT", "TM"})
_FIXED_SIZE_VRS: Final = frozenset({"FD", "FL", "SL", "SS", "SV", "UL", "US", "UV"})
_EITHER: Final = (frozenset({"LO", "LT", "SH", "ST", "UC", "UT"}), frozenset({"OB", "OW"}), frozenset({"SS", "US"}))
"""VRs between which editions of the standard and writers move."""

_KEEP: Final = Rule(Action.KEEP, f"not listed in {_ABOUT}")
_TEXT: Final = Rule(Action.TEXT, "text that no row lists; kept unless it looks identifying")
_PRIVATE: Final = Rule(Action.REMOVE, "private attributes may hold anything")
_CANDIDATE: Final = Rule(Action.PRIVATE, "private: kept if it is listed as safe")
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
"""What no row lists, by VR."""

_BY_VR_AND_OPTION: Final = {
    ("UI", Option.RETAIN_UIDS): Rule(Action.KEEP, "a UID, which no row lists, as Retain UIDs has it"),
    **{(vr, Option.RETAIN_FULL_DATES): Rule(Action.KEEP, "a date or time, which no row lists") for vr in _DATE_VRS},
    **{(vr, Option.RETAIN_MODIFIED_DATES): Rule(Action.SHIFT, "a date or time, which no row lists") for vr in _DATE_VRS},
    ("AE", Option.RETAIN_DEVICE_IDENTITY): Rule(Action.CLEAN, "an application entity title, which no row lists"),
    ("AS", Option.RETAIN_PATIENT_CHARACTERISTICS): Rule(Action.CLEAN, "an age, which no row lists"),
}

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
    0x7FE0: Rule(Action.REMOVE, "pixels that nobody has treated"),
}

_WAVEFORMS: Final = "1.2.840.10008.5.1.4.1.1.9."
_AUDIO: Final = "1.2.840.10008.5.1.4.1.1.9.4."
"""Roots of the SOP classes of waveforms, and of those that are sound (PS3.4 B.5)."""

_DIRECTORY: Final = "1.2.840.10008.1.3.10"
_RECORDS: Final = 0x00041220
_DIRECTORY_RULES: Final = {
    **dict.fromkeys(
        (0x00041142, 0x00041200, 0x00041202, 0x00041212, _RECORDS, 0x00041400, 0x00041410, 0x00041420, 0x00041430),
        Rule(Action.KEEP, "how a directory is built (PS3.3 annex F)"),
    ),
    0x00041130: Rule(Action.DUMMY, "the label of a medium, which carries names"),
    0x00041432: Rule(Action.UID, "a UID outside the standard's root, which no row lists"),
    0x00041500: Rule(Action.DUMMY, "a file name, and file names carry patients"),
    **dict.fromkeys((0x00041510, 0x00041512, 0x0004151A), _CLASSES),
}
"""Attributes of group 0004 in a DICOMDIR. Elsewhere that group is no part of a data set."""

_PROSE: Final = "identifying text that no row lists"
_DEVICE: Final = Rule(Action.REMOVE, "the id of a device, which its user chose")
_LOOSE: Final = {
    0x00080001: Rule(Action.REMOVE, "the length of what is no longer there"),
    0x00080120: Rule(Action.TEXT, "the name of a code; kept unless it looks identifying"),
    0x00080300: Rule(Action.REMOVE, "describes private attributes, which are removed"),
    0x0008041B: Rule(Action.REMOVE, "an opaque key of a record"),
    0x0008041C: Rule(Action.REMOVE, "an opaque key of a record"),
    0x00100024: Rule(Action.REMOVE, "who issued the patient id"),
    0x00100033: Rule(Action.REMOVE, "a birth date in another calendar"),
    0x00100034: Rule(Action.REMOVE, "a death date in another calendar"),
    0x00100035: Rule(Action.REMOVE, "the calendar of dates that are removed"),
    0x00102161: Rule(Action.REMOVE, "the ethnic group, as a code"),
    0x00102295: Rule(Action.REMOVE, "a registration number"),
    0x00140100: Rule(Action.REMOVE, "numbers of people"),
    **dict.fromkeys((0x00181003, 0x00181010, 0x00181011), _DEVICE),
    0x00181803: Rule(Action.REMOVE, "an address in a network"),
    0x00400031: Rule(Action.DUMMY, "names an institution"),
    0x00400032: Rule(Action.DUMMY, "names an institution"),
    **dict.fromkeys((0x00401006, 0x00401007, 0x00402006, 0x00402007), Rule(Action.REMOVE, "the number of an order")),
    0x0040A074: Rule(Action.REMOVE, "an opaque identifier"),
    0x0040A089: Rule(Action.REMOVE, "an opaque identifier"),
    0x0040E001: Rule(Action.REMOVE, "the number of a document"),
    0x00686300: Rule(Action.REMOVE, "a document of its own"),
    0x00720008: Rule(Action.DUMMY, "names a person"),
    0x00720010: Rule(Action.DUMMY, "names a group of people"),
    0x0074100C: Rule(Action.REMOVE, "names a person"),
    0x01000426: Rule(Action.REMOVE, "the number of a certificate"),
    0x21000160: Rule(Action.REMOVE, "names a person"),
    0x21100030: Rule(Action.REMOVE, "names a place in a network"),
    0x21100099: Rule(Action.REMOVE, "names a place in a network"),
    0x4010102A: Rule(Action.REMOVE, "names a place"),
    **dict.fromkeys(
        (0x4010101A, 0x40101051, 0x40101053, 0x40101054, 0x40101058, 0x40101059, 0x40101078),
        Rule(Action.REMOVE, "tells where somebody travelled"),
    ),
    0x30020020: Rule(Action.EMPTY, "names a machine"),
    # What somebody wrote about this patient, procedure or object.
    **dict.fromkeys(
        (
            *(0x00080402, 0x00080418, 0x0018991A, 0x0022112C, 0x00240044, 0x00287007, 0x0028702A, 0x00400400, 0x0040A224),
            *(0x0040A33A, 0x00440003, 0x00440011, 0x00440106, 0x00660004, 0x00741006, 0x00741238, 0x0082000A, 0x00820003),
            *(0x01000424, 0x30040006, 0x300600C8, 0x30080066, 0x30080202, 0x300A0402, 0x300A0730),
        ),
        Rule(Action.REMOVE, _PROSE),
    ),
    0x0040A160: Rule(Action.DUMMY, _PROSE),  # Text Value
    0x00420010: Rule(Action.EMPTY, _PROSE),  # Document Title
    0x00700006: Rule(Action.DUMMY, _PROSE),  # Unformatted Text Value
}
"""What no row lists, by tag."""

_CLEANED: Final = Rule(Action.CLEAN, "text that no row lists, as an option has it")
_LOOSE_AND_OPTION: Final = {
    **{
        (tag, Option.CLEAN_DESCRIPTORS): _CLEANED
        for tag, rule in _LOOSE.items()
        if rule.why == _PROSE and tag not in (0x0040A160, 0x00700006)
    },
    (0x0040A160, Option.CLEAN_STRUCTURED_CONTENT): _CLEANED,
    (0x00700006, Option.CLEAN_GRAPHICS): _CLEANED,
    (0x0040A124, Option.RETAIN_UIDS): Rule(Action.KEEP, "PS3.15 Table E.3.4-1: K"),
    (0x00102161, Option.RETAIN_PATIENT_CHARACTERISTICS): Rule(Action.KEEP, "the ethnic group, which its text keeps as well"),
    **{
        (tag, Option.RETAIN_DEVICE_IDENTITY): Rule(Action.TEXT, "the id of a device; kept unless it looks identifying")
        for tag, rule in _LOOSE.items()
        if rule is _DEVICE
    },
    (0x30020020, Option.RETAIN_DEVICE_IDENTITY): Rule(Action.TEXT, "names a machine; kept unless it looks identifying"),
}
"""What an option changes although no row says so, because it follows from what the rows say."""

_CURVE_SOUND: Final = range(0x2000, 0x2010)
"""Elements of a curve's group that hold sound (PS3.3-2004 C.10.2): a voice names people."""

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
_WITHOUT_TYPES: Final = frozenset({_RECORDS, 0x0040A730, 0x52009229, 0x52009230})
"""Sequences whose items follow rules of their own: directory records, content items, functional groups."""


@dataclass(frozen=True, eq=False)
class Profile:
    """Rules for attributes: the Basic Profile, what options change in it, and what a profile file changes in both.

    ``rows`` maps a tag to its code of the Basic Profile, ``types`` a SOP class to Types by path; ``cells`` is what the
    options in use say of listed attributes, ``attributes`` what a profile file says, ``digest`` the SHA-256 of its text.
    """

    name: str
    rows: Mapping[int, str]
    types: Mapping[str, Mapping[Path, int]]
    options: frozenset[Option] = frozenset()
    cells: Mapping[int, Rule] = field(default_factory=dict)
    attributes: Mapping[int, Rule] = field(default_factory=dict)
    digest: str = ""

    def rule(self, path: Path, vr: str, *, sop_class: str) -> Rule:
        """What to do with the attribute at ``path`` that is encoded with ``vr``, in an instance of ``sop_class``.

        Who is asked first decides: a profile file, then the options (E.1.1: an option overrides the profile below it), then
        the row of Table E.1-1, then what closes the table's holes. Where two options speak of one attribute, cleaning beats
        keeping: a date of calibration that Retain Device Identity keeps moves where Modified Dates moves it. An option does
        not speak for a value encoded with another VR than the attribute's. None keeps a person's name or a birth date.
        """
        return _rule(self, path, vr, sop_class)

    def private(self, creator: str, element: int, *, group: int, vr: str) -> Rule:
        """What to do with a private attribute: kept if it is a Safe Private Attribute (E.3.10), with the VR it has there.

        ``creator`` is the Private Creator of its block, ``element`` the last two hexadecimal digits of its tag. UN passes
        for the VR of the table, ``safe_private_vr``; its value is to be read, and written, with that.
        """
        row = _safe_private().get((creator.strip(" \0"), group, element & 0xFF))
        if row is None or Option.RETAIN_SAFE_PRIVATE not in self.options:
            return _PRIVATE
        known = row or (vr if vr in _FIXED_SIZE_VRS else "")
        if not known or not (vr == "UN" or _fits(vr, known)):
            return Rule(Action.REMOVE, "private, and of another VR than the one listed as safe")
        about = "PS3.15 Table E.3.10-1"
        if known == "UI":
            return Rule(Action.KEEP if Option.RETAIN_UIDS in self.options else Action.UID, about)
        return Rule(Action.CLEAN if known in _PROSE_VRS else Action.TEXT if known in _TEXT_VRS else Action.KEEP, about)

    def content(self, scheme: str, code: str, value_type: str) -> Rule:
        """What to do with a content item of this Concept Name (scheme designator, code value) and Value Type (E.3.4).

        REMOVE takes the whole item; any other action is for its value: Text Value, Person Name, Date, Time, DateTime, UID.
        KEEP of a number, code, reference or container: what lies in it is treated like any data set. An item without a
        Concept Name has an empty ``scheme`` and ``code``.
        """
        return _content(self, scheme.strip(" \0"), code.strip(" \0"), value_type.strip(" \0"))

    @property
    def methods(self) -> tuple[Method, ...]:
        """Items of De-identification Method Code Sequence that hold for every header treated by this profile.

        Clean Pixel Data and Clean Recognizable Visual Features are not among them: they hold once the pixels of the
        instance were treated; their items are ``METHODS[Option.CLEAN_PIXEL_DATA]`` and so on.
        """
        return (BASIC, *(method for each, method in METHODS.items() if each in self.options - _OF_PIXELS))

    @property
    def temporal(self) -> str:
        """The value of Longitudinal Temporal Information Modified (E.2, E.3.6)."""
        if Option.RETAIN_FULL_DATES in self.options:
            return "UNMODIFIED"
        return "MODIFIED" if Option.RETAIN_MODIFIED_DATES in self.options else "REMOVED"


_STRICT: Final = frozenset({Action.REMOVE, Action.EMPTY, Action.DUMMY, Action.UID})
"""Actions after which nothing of a value is left, however it is encoded."""


@lru_cache(maxsize=1 << 15)
def _rule(profile: Profile, path: Path, vr: str, sop_class: str) -> Rule:
    if path[-1] >> 16 & 1:
        return _CANDIDATE if Option.RETAIN_SAFE_PRIVATE in profile.options else _PRIVATE
    rule = _public(profile, path, vr, sop_class)
    # Whoever encodes a value as a name has put a name there, whatever the attribute is.
    return _BY_VR["PN"] if vr == "PN" and rule.action not in _STRICT else rule


def _public(profile: Profile, path: Path, vr: str, sop_class: str) -> Rule:
    tag = path[-1]
    group = tag >> 16
    said = profile.attributes.get(tag) or profile.cells.get(tag)
    if said is not None and (said.action in _STRICT or _fits(vr, dictionary_vr(tag))):
        return said
    code = profile.rows.get(tag)
    if code is not None:
        return _optional(profile, tag) or _listed(profile, code, path, sop_class)
    if not tag & 0xFFFF:
        return Rule(Action.REMOVE, "the length of a group that changes")
    if group < 8:
        known = _DIRECTORY_RULES.get(tag) if sop_class == _DIRECTORY and _fits(vr, dictionary_vr(tag)) else None
        return known or Rule(Action.REMOVE, "no attribute of a data set")
    if 0x5000 <= group <= 0x50FF or 0x6000 <= group <= 0x60FF:
        return _drawn(profile, tag, vr)
    if sop_class.startswith(_WAVEFORMS) and not sop_class.startswith(_AUDIO):
        if group == 0x5400 and _fits(vr, dictionary_vr(tag)):
            return Rule(Action.KEEP, "the waveform that this object is made of")
        if tag == 0x00700006 and profile.options & {Option.CLEAN_DESCRIPTORS, Option.CLEAN_GRAPHICS}:
            return Rule(Action.CLEAN, "an annotation of the waveform")
    if group in _OUTSIDE:
        return _OUTSIDE[group]
    return _optional(profile, tag) or _LOOSE.get(tag) or _unlisted(profile, tag, vr)


def _fits(vr: str, known: str) -> bool:
    """Whether ``vr`` is the VR ``known`` of the dictionary, which may be a choice, or as good as it."""
    return any(vr == each or any({vr, each} <= either for either in _EITHER) for each in (known, *known.split(" or ")))


def _optional(profile: Profile, tag: int) -> Rule | None:
    return next((rule for each in profile.options if (rule := _LOOSE_AND_OPTION.get((tag, each)))), None)


def _listed(profile: Profile, code: str, path: Path, sop_class: str) -> Rule:
    types = profile.types.get(sop_class)
    if path[0] == _RECORDS and code == "Z":
        # Keys of a directory record are of Type 1 where the object's own attribute is of Type 2 (PS3.3 F.5).
        return Rule(Action.DUMMY, f"{_ABOUT}: {code}")
    if types is None or len(path) > 3 or path[0] in _WITHOUT_TYPES or path[0] >> 16 & 1:
        return Rule(_WITHOUT_IOD[code], f"{_ABOUT}: {code}")
    number = types.get(path, 3)
    return Rule(_FAMILIES[code][number - 1], f"{_ABOUT}: {code}" + (f" (Type {number})" if "/" in code else ""))


def _drawn(profile: Profile, tag: int, vr: str) -> Rule:
    """Curves and overlays: groups 50xx and 60xx."""
    what = "curves" if tag >> 24 == 0x50 else "overlays, and what describes them"
    known = dictionary_vr(tag)
    if Option.CLEAN_GRAPHICS not in profile.options or known == "UN" or not _fits(vr, known):
        return Rule(Action.REMOVE, f"{_ABOUT}: X ({what})")
    if what == "curves" and tag & 0xFFFF in _CURVE_SOUND:
        return Rule(Action.REMOVE, "a curve of sound may hold a voice")
    about = f"{_ABOUT}: C ({what})"
    if tag & 0xFFFF == 0x3000:
        return Rule(Action.GRAPHIC, about)
    return Rule(Action.TEXT if vr == "CS" else Action.CLEAN if vr in _TEXT_VRS else Action.KEEP, about)


def _unlisted(profile: Profile, tag: int, vr: str) -> Rule:
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
            by_option = (_BY_VR_AND_OPTION.get((each, option)) for option in profile.options if _fits(vr, known))
            return next((rule for rule in by_option if rule), _BY_VR[each])
    return _TEXT if known in _TEXT_VRS or vr in _TEXT_VRS else _KEEP


_VALUE_TYPES: Final = {
    "CODE": _KEEP,
    "COMPOSITE": _KEEP,
    "CONTAINER": _KEEP,
    "IMAGE": _KEEP,
    "NUM": _KEEP,
    "SCOORD": _KEEP,
    "SCOORD3D": _KEEP,
    "TABLE": _KEEP,
    "TCOORD": _KEEP,
    "WAVEFORM": _KEEP,
    "DATE": _BY_VR["DA"],
    "DATETIME": _BY_VR["DT"],
    "PNAME": _BY_VR["PN"],
    "TEXT": Rule(Action.DUMMY, _PROSE),
    "TIME": _BY_VR["TM"],
    "UIDREF": _BY_VR["UI"],
}
"""Content items that Table E.3.4-1 does not list, by Value Type (PS3.3 C.17.3.2.1)."""

_VALUE_TYPES_AND_OPTION: Final = {
    ("TEXT", Option.CLEAN_STRUCTURED_CONTENT): _CLEANED,
    ("UIDREF", Option.RETAIN_UIDS): _BY_VR_AND_OPTION["UI", Option.RETAIN_UIDS],
    **{
        (kind, each): _BY_VR_AND_OPTION[vr, each]
        for kind, vr in (("DATE", "DA"), ("DATETIME", "DT"), ("TIME", "TM"))
        for each in _DATES
    },
}


@lru_cache(maxsize=1 << 12)
def _content(profile: Profile, scheme: str, code: str, value_type: str) -> Rule:
    concepts = _concepts().get((scheme, code))
    if value_type not in _VALUE_TYPES:
        return Rule(Action.REMOVE, "a content item of no known Value Type")
    if concepts is None:
        by_option = (_VALUE_TYPES_AND_OPTION.get((value_type, each)) for each in profile.options)
        return next((rule for rule in by_option if rule), _VALUE_TYPES[value_type])
    about = "PS3.15 Table E.3.4-1"
    if value_type not in concepts:
        return Rule(Action.REMOVE, f"{about} lists its concept, with another Value Type")
    row = concepts[value_type]
    codes = {row[column] for column, each in _COLUMNS.items() if column in row and each in profile.options}
    if "C" in codes:
        return Rule(Action.CLEAN if value_type == "TEXT" else Action.SHIFT, f"{about}: C")
    if "K" in codes:
        return Rule(Action.TEXT if value_type == "TEXT" else Action.KEEP, f"{about}: K")
    basic = row["basic"]
    if basic == "X":
        return Rule(Action.REMOVE, f"{about}: X")
    # X/D becomes D: whether the template demands the item cannot be told from the item. References lose their UIDs by rows.
    dummy = Action.UID if value_type == "UIDREF" else Action.DUMMY if _VALUE_TYPES[value_type] is not _KEEP else Action.KEEP
    return Rule(dummy, f"{about}: {basic}")


def option(text: str) -> Option:
    """The option that ``text`` names, in any case and with any separators.

    Understood are the names here (``retain-uids``), those of the standard (with or without "Option"), those of the table's
    columns (``rtnUIDsOpt``), the codes of CID 7050, and a name shortened so far that it can mean one option alone
    (``retain-device``, ``clean-desc``).

    Raises:
        ConfigError: there is no such option.
    """
    found = _names().get(_squashed(text)) or _shortened(text)
    if found is None:
        raise ConfigError(f"no such de-identification option: {text!r}", hint=f"one of {', '.join(Option)}")
    return found


def _shortened(text: str) -> Option | None:
    """The one option whose name has a word for each word of ``text`` that begins so; None where there are several."""
    words = [word for word in re.split(r"[^a-z0-9]+", text.casefold()) if word not in ("", "option", "with", "information")]
    found = [
        each
        for each, method in METHODS.items()
        if all(any(long.startswith(word.rstrip("s")) for long in method.meaning.casefold().split()) for word in words)
    ]
    return found[0] if words and len(found) == 1 else None


def _squashed(text: str) -> str:
    return re.sub(r"opt(ion)?$", "", re.sub(r"[^a-z0-9]", "", text.casefold()))


@lru_cache(maxsize=1)
def _names() -> Mapping[str, Option]:
    found: dict[str, Option] = {}
    for each, method in METHODS.items():
        meaning = method.meaning.replace("Information ", "Information with ") if each in _DATES else method.meaning
        for name in (each, method.code, method.meaning, meaning):
            found[_squashed(name)] = each
    return found | {_squashed(column): each for column, each in _COLUMNS.items()}


def profile(text: str = "basic", *, options: Collection[Option | str] = ()) -> Profile:
    """The Basic Profile (``basic``), or the one that the text of a profile file describes, with ``options`` added to it.

    Equal arguments give the same object, so that what it has answered once it knows. A profile file is TOML::

        base = "basic"
        options = ["retain-modified-dates", "clean-descriptors"]

        [attributes]
        "0008,103E" = "clean"
        InstitutionName = "keep"

    Actions are ``keep`` (text: unless it betrays somebody), ``remove``, ``empty``, ``replace`` (by a dummy or a pseudonym)
    and ``clean``. They hold at every depth, and over options. What says who the patient is cannot be kept, and what no
    reader can do without cannot be removed.

    Raises:
        ConfigError: an option is unknown or excludes another; or the file is no TOML, or holds a key, attribute or action
            that is unknown or not allowed.
    """
    chosen = frozenset(each if isinstance(each, Option) else option(each) for each in options)
    return _profile("" if text.strip().lower() == "basic" else text, chosen)


def basic_profile() -> Profile:
    """The Basic Application Level Confidentiality Profile, without options."""
    return profile()


@lru_cache(maxsize=64)
def _profile(text: str, options: frozenset[Option]) -> Profile:
    attributes: Mapping[int, Rule] = {}
    if text:
        stated, attributes = _parsed(text)
        options |= stated
    if options >= _DATES:
        raise ConfigError("dates cannot be retained both in full and modified", hint=f"one of {', '.join(sorted(_DATES))}")
    rows, columns, types = _tables()
    cells = {tag: rule for tag, (vr, codes) in columns.items() if (rule := _cell(vr, codes, options))}
    digest = hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest() if text else ""
    return Profile(f"PS3.15 {EDITION} Basic Profile", rows, types, options, cells, attributes, digest)


def _cell(vr: str, codes: Mapping[Option, str], options: frozenset[Option]) -> Rule | None:
    """What the options in use say of a listed attribute; None if they say nothing, or what cannot be done."""
    used = {each: code for each, code in codes.items() if each in options}
    if "C" in used.values():
        about = f"{_ABOUT}: C"
        if used.get(Option.RETAIN_MODIFIED_DATES):
            # Timestamps in other encodings are not moved: they get what the Basic Profile has for them.
            return Rule(Action.SHIFT, about) if vr in _DATE_VRS | {"SH"} else None
        if vr == "SQ":
            return Rule(Action.CONTENT if Option.CLEAN_STRUCTURED_CONTENT in used else Action.KEEP, about)
        if vr == "CS":
            return Rule(Action.TEXT, about)
        return Rule(Action.CLEAN, about) if vr in _TEXT_VRS | {"AE"} else None
    if used:
        # Ages above 89 make people few, and are capped although the table would keep them.
        action = Action.CLEAN if vr == "AS" else Action.TEXT if vr in _TEXT_VRS else Action.KEEP
        return Rule(action, f"{_ABOUT}: K" + (", capped at 90 years" if vr == "AS" else ""))
    return None


_WHO: Final = frozenset(
    {0x00080050, 0x00100020, 0x00100024, 0x00100030, 0x00100033, 0x00101000, 0x00101002, 0x00101040, 0x00102154}
)
"""Accession number, Patient ID and its issuer, birth dates, other ids, address, telephones. Names of people go by VR."""

_ITSELF: Final = frozenset({0x00080018, 0x0020000D, 0x0020000E})
_NEEDED: Final = frozenset(
    {0x00080005, 0x00080016, *_ITSELF, *range(0x00280002, 0x00280012), *range(0x00280100, 0x00280104)}
)
"""What no reader can do without."""


def _parsed(text: str) -> tuple[frozenset[Option], Mapping[int, Rule]]:
    try:
        stated = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        raise ConfigError(f"the profile file is no TOML: {error}") from error
    if unknown := sorted(stated.keys() - {"base", "options", "attributes"}):
        raise ConfigError(f"the profile file has an unknown key: {unknown[0]!r}", hint="base, options or attributes")
    if stated.get("base", "basic") != "basic":
        raise ConfigError("the base of the profile file is unknown", hint='base = "basic"')
    options, attributes = stated.get("options", []), stated.get("attributes", {})
    if not isinstance(options, list) or not all(isinstance(each, str) for each in options):
        raise ConfigError("options of the profile file are no list of names")
    if not isinstance(attributes, dict):
        raise ConfigError("attributes of the profile file are no table")
    rules: dict[int, Rule] = {}
    for name, action in attributes.items():
        tag = _attribute(name)
        if tag in rules:
            raise ConfigError(f"the profile file names an attribute twice: {tag_text(tag)}")
        rules[tag] = _stated(tag, action)
    return frozenset(map(option, options)), rules


def _attribute(name: str) -> int:
    """The tag of a keyword, or of ``gggg,eeee`` with or without brackets and comma."""
    found = re.fullmatch(r"\(?([0-9A-Fa-f]{4}),?([0-9A-Fa-f]{4})\)?", name)
    tag = int(found[1] + found[2], 16) if found else tag_for_keyword(name)
    if tag is None or (dictionary_vr(tag) == "UN" and not tag >> 16 & 1):
        raise ConfigError(f"the profile file names an unknown attribute: {name!r}", hint='a keyword, or "gggg,eeee"')
    group = tag >> 16
    if group & 1 or group >> 8 in (0x50, 0x60):
        raise ConfigError(
            f"a profile file cannot speak of {tag_text(tag)}",
            hint="the options retain-safe-private and clean-graphics speak of private attributes, overlays and curves",
        )
    if group < 8 or group in (0x7FE0, 0xFFFA, 0xFFFC) or not tag & 0xFFFF:
        raise ConfigError(f"a profile file cannot speak of {tag_text(tag)}", hint="it is made anew, or goes, in any case")
    return tag


def _stated(tag: int, word: object) -> Rule:
    """The rule of a word in a profile file."""
    vr = dictionary_vr(tag)
    where = f"{tag_text(tag)} {keyword(tag)}"
    why = f"the profile file: {word}"
    if word in ("remove", "empty") and tag in _NEEDED:
        raise ConfigError(f"a profile file cannot {word} {where}", hint="no reader can do without it")
    if word == "keep" and (vr == "PN" or tag in _WHO):
        raise ConfigError(f"a profile file cannot keep {where}", hint="it says who somebody is")
    if word == "keep" and tag in _ITSELF:
        raise ConfigError(f"a profile file cannot keep {where} alone", hint="the option retain-uids keeps all UIDs")
    if word == "replace" and tag in _NEEDED - _ITSELF:
        raise ConfigError(f"a profile file cannot replace {where}", hint="no reader can do without it")
    if word == "clean" and vr not in _CLEANABLE:
        raise ConfigError(f"a profile file cannot clean {where}", hint=f"there is no cleaning a {vr}")
    match word:
        case "keep":
            return Rule(Action.TEXT if vr in _TEXT_VRS else Action.KEEP, why)
        case "remove":
            return Rule(Action.REMOVE, why)
        case "empty":
            return Rule(Action.EMPTY, why)
        case "replace":
            return Rule(Action.UID if vr == "UI" else Action.DUMMY, why)
        case "clean":
            return Rule(_CLEANABLE[vr], why)
    raise ConfigError(f"the profile file has no action for {where}", hint="keep, remove, empty, replace or clean")


_CLEANABLE: Final[Mapping[str, Action]] = {
    **dict.fromkeys(sorted(_TEXT_VRS | {"AE", "AS"}), Action.CLEAN),
    **dict.fromkeys(sorted(_DATE_VRS), Action.SHIFT),
    "UI": Action.UID,
    "SQ": Action.KEEP,
}


def safe_private_vr(creator: str, element: int, *, group: int) -> str | None:
    """The VR of a Safe Private Attribute; None for any other, and for the few that the table gives none."""
    return _safe_private().get((creator.strip(" \0"), group, element & 0xFF)) or None


def capped_age(text: str) -> str | None:
    """An Age String in which nobody is older than 90 years: above 89 years it is ``090Y``; None for what is no age."""
    found = re.fullmatch(r" *(\d{1,3})([DWMY]) *", text, re.ASCII)
    if not found:
        return None
    number, unit = int(found[1]), found[2]
    return f"{number:03d}{unit}" if number <= _AGES[unit] else "090Y"


_AGES: Final = {"D": 999, "W": 999, "M": 999, "Y": 89}
"""The highest age that is told, by unit; 999 months are 83 years."""


@lru_cache(maxsize=1)
def _tables() -> tuple[Mapping[int, str], Mapping[int, tuple[str, Mapping[Option, str]]], Mapping[str, Mapping[Path, int]]]:
    """Codes of the Basic Profile by tag, VR and codes of the options by tag, Types by SOP class and path."""
    listed = {_tag(row["tag"][1:5] + row["tag"][6:10]): row for row in _table("ps3_15_e1_1.json") if row["match"] == "tag"}
    rows = {tag: row["basic"] for tag, row in listed.items()}
    columns = {
        tag: (row["vr"], codes)
        for tag, row in listed.items()
        if (codes := {each: row[column] for column, each in _COLUMNS.items() if column in row})
    }
    types = {
        sop_class: {tuple(map(_tag, path.split("/"))): int(kind[0]) for path, kind in entry["types"].items()}
        for sop_class, entry in _table("iod_types_for_e1_1.json").items()
    }
    return rows, columns, types


@lru_cache(maxsize=1)
def _safe_private() -> Mapping[tuple[str, int, int], str]:
    return {
        (row["creator"], _tag(row["group"]), _tag(row["element"])): row["vr"] or "" for row in _table("safe_private.json")
    }


@lru_cache(maxsize=1)
def _concepts() -> Mapping[tuple[str, str], Mapping[str, Mapping[str, str]]]:
    """Rows of Table E.3.4-1: by scheme and code, then by Value Type."""
    found: dict[tuple[str, str], dict[str, Mapping[str, str]]] = {}
    for row in _table("ps3_15_e3_4.json"):
        found.setdefault((row["scheme"], row["code"]), {})[row["valueType"]] = row
    return found


def _tag(text: str) -> int:
    return int(text, 16)


def _table(name: str) -> Any:
    return json.loads(files("leadglass.deid").joinpath("tables", name).read_text(encoding="utf-8"))
