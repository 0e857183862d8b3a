"""From a received header to a plan that leaves nothing identifying, with findings (PS3.15 annex E).

Every attribute at every depth is put to the profile; what is kept is copied by reference, what changes is written anew.
Text that no row lists is searched for what the file says of the patient elsewhere, so that a name does not survive in a
place nobody thought of.
"""

from __future__ import annotations

import hashlib
import re
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from copy import copy
from functools import cached_property, lru_cache
from typing import Final, NamedTuple

from leadglass import __version__
from leadglass.deid.charset import are_defined, encode_text, readings
from leadglass.deid.known import Knowledge, Verdict, charset_of, facts, item_charset, knowledge
from leadglass.deid.profile import EDITION, METHODS, Action, Option, Path, Profile, Rule, capped_age, safe_private_vr
from leadglass.deid.pseudonym import PseudonymKeys, shifted
from leadglass.deid.text import Kind, Known, TextCleaner, cleaner
from leadglass.deid.text.words import words
from leadglass.dicom.directory import MEDIA_STORAGE_DIRECTORY
from leadglass.dicom.header import (
    TEXT_VRS,
    Element,
    Item,
    Values,
    dictionary_vr,
    encode_element,
    encode_sequence,
    explicit,
    explicit_vr,
    is_explicit,
    tag_text,
)
from leadglass.dicom.instance import MODALITIES, PHOTOMETRICS, HeaderPlan, Note, Received
from leadglass.dicom.plan import Copy, Insert, Op, merged
from leadglass.dicom.uids import is_standard, is_uid, uid_text

_CHARSET: Final = 0x00080005
_SOP_INSTANCE_UID: Final = 0x00080018
_ACCESSION: Final = 0x00080050
_CODE_SCHEME: Final = 0x00080102
_CODE_MEANING: Final = 0x00080104
_URN_CODE: Final = 0x00080120
_PATIENT_NAME: Final = 0x00100010
_PATIENT_ID: Final = 0x00100020
_PIXEL_GROUP: Final = 0x7FE0
_SOFTWARE_VERSIONS: Final = 0x00181020
_EXPLANATIONS: Final = frozenset({0x00281055, 0x00283003})
"""Window Center & Width Explanation, LUT Explanation."""
_MODALITY: Final = 0x00080060

_IDENTIFIERS: Final = frozenset({_PATIENT_ID, _PATIENT_NAME, _ACCESSION})
_OWN_UIDS: Final = frozenset({_SOP_INSTANCE_UID, 0x0020000D, 0x0020000E})
"""UIDs of this very instance, study and series: mapped even under the standard's root."""

_DUMMIES: Final = {
    "AE": b"ANONYMIZED",
    "AS": b"000Y",
    "CS": b"ANONYMIZED",
    "DA": b"19000101",
    "DS": b"0",
    "DT": b"19000101000000",
    "IS": b"0",
    "LO": b"ANONYMIZED",
    "LT": b"ANONYMIZED",
    "SH": b"ANONYMIZED",
    "ST": b"ANONYMIZED",
    "TM": b"000000",
    "UC": b"ANONYMIZED",
    "UR": b"urn:anonymized",
    "UT": b"ANONYMIZED",
    "AT": bytes(4),
    "FL": bytes(4),
    "SL": bytes(4),
    "UL": bytes(4),
    "OF": bytes(4),
    "OL": bytes(4),
    "FD": bytes(8),
    "OD": bytes(8),
    "OV": bytes(8),
    "SV": bytes(8),
    "UV": bytes(8),
}
"""A value valid for the VR that says nothing; two zero bytes for every other VR."""

_TERMS: Final = {_MODALITY: MODALITIES, 0x00280004: PHOTOMETRICS}
"""Modality and Photometric Interpretation: no image can be read without them, so their terms stay, whoever is called so."""
_RESCALED: Final = frozenset({"OD", "HU", "US", "MGML", "Z_EFF", "ED", "EDW", "HU_MOD", "PCT"})
_IMAGE_TYPES: Final = "ORIGINAL DERIVED PRIMARY SECONDARY AXIAL LOCALIZER MPR MIP MAX MIN MEAN NORM OTHER"
_BODY_PARTS: Final = """
    ABDOMEN ANKLE ARM BACK BRAIN BREAST CHEST CLAVICLE COLON CSPINE ELBOW EYE FACE FEMUR FINGER FOOT FOREARM HAND HEAD HEART
    HIP HUMERUS JAW KIDNEY KNEE LEG LIVER LSPINE LUNG NECK NOSE PELVIS RIB SHOULDER SKULL SPINE THIGH THORAX TSPINE WRIST
"""
_DEFINED: Final = {
    **_TERMS,
    0x00080008: frozenset(_IMAGE_TYPES.split()),
    0x00180015: frozenset(_BODY_PARTS.split()),
    **dict.fromkeys((0x00281054, 0x00283004), _RESCALED),
}
"""Terms that stay as well, though many a patient is called Hand or Hu: of Image Type (PS3.3 C.7.6.1.1.2), Body Part Examined
(PS3.16 annex L), Rescale Type and Modality LUT Type (PS3.3 C.11.1.1.2)."""

_INTERCHANGEABLE: Final = (
    frozenset({"LO", "LT", "SH", "ST", "UC", "UT"}),
    frozenset({"DS", "IS"}),
    frozenset({"OB", "OW"}),
    frozenset({"SS", "US"}),
)
"""VRs between which editions of the standard and writers move; another VR than the dictionary's is no slip."""

_SIZES: Final = {
    **dict.fromkeys(("OW", "SS", "US", "US or OW", "US or SS", "US or SS or OW"), 2),
    **dict.fromkeys(("AT", "FL", "OF", "OL", "SL", "UL"), 4),
    **dict.fromkeys(("FD", "OD", "OV", "SV", "UV"), 8),
}
"""Bytes of one value."""

_LOOKED_AT: Final = 1 << 16
"""Bytes of a text that no row lists; a longer one is replaced unread."""
_REMEMBERED: Final = 1 << 13
"""Texts of which it is remembered what became of them, for each knowledge."""

_PUBLISHED_SCHEMES: Final = frozenset(
    {
        b"ACR",
        b"ASTM",
        b"BI",
        b"DCM",
        b"FMA",
        b"I10",
        b"I9",
        b"ICD10",
        b"ICD10CM",
        b"ICD11",
        b"LN",
        b"MSH",
        b"NCIt",
        b"NEU",
        b"RADLEX",
    }
    | {b"MDC", b"NCDR", b"RXNORM", b"SCPECG", b"SCT", b"SNM3", b"SRT", b"UCUM", b"UMLS"}
)
"""Coding schemes whose meanings are printed in a book; a local scheme may call a code anything."""

_WINDOW_WORDS: Final = frozenset(
    b" ABDOMEN ALGO AUTO BONE BONES BRAIN BRIGHT CHEST CONTRAST DARK DEFAULT GAMMA HARDER HEAD HEART IDENTITY LINEAR"
    b" LIVER LOG LUNG LUNGS LUT MEDIASTINUM NECK NORMAL PELVIS PRESET SIGMOID SOFT SOFTER SPINE STANDARD THORAX TISSUE"
    b" USER VOI WIDE WINDOW".split(b" ")
)
"""Words that name a window, numbers aside."""

_CARET_NAME: Final = re.compile(rb"[^\W\d_]\^[^\W\d_]|[\x80-\xff]\^|\^[\x80-\xff]", re.ASCII)
_NUMBERS: Final = {"DS": b"0123456789+-eE. \\\0", "IS": b"0123456789+-eE. \\\0"}
_LONG_NUMBER: Final = re.compile(rb"[0-9]{6,}")
"""Digits of which an identifier is made; shorter ones are in every other measure by chance."""
_CODE_STRING: Final = re.compile(rb"[A-Z0-9_ ]{0,16} *")
"""A value of CS (PS3.5 6.2), with padding."""
_LOOSE_CODE: Final = re.compile(rb"[A-Za-z0-9_ ()/.,+-]{0,64}")
"""What is written in its place, in lower case or too long."""
_DELIMITERS: Final = (b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0")
"""How a value begins that is made of items or fragments (PS3.5 7.5)."""

_SPECIAL: Final = frozenset({_CODE_MEANING, _URN_CODE, *_EXPLANATIONS, _SOFTWARE_VERSIONS, _CHARSET, *_TERMS})
"""Text with a rule of its own, beside that of the profile."""

_ALONE: Final = (
    *(_SOP_INSTANCE_UID, _PATIENT_NAME, _PATIENT_ID, 0x00120062, 0x00120063, 0x00120064, 0x00280004),
    0x00280006,
    0x00280301,
    0x00280303,
)
"""Attributes that are written by somebody else as well: no run of kept elements holds one of them, or reaches across."""

_Written = tuple[int, tuple[Op, ...]]
"""A tag, and the ops that write its element."""
_NOTHING: Final[Mapping[int, Rule]] = {}
AS_IS: Final[tuple[Op, ...]] = ()
"""What a treatment returns for an element that is kept as it is."""


def clean(i: Received, *, profile: Profile, keys: PseudonymKeys, pixels_cleaned: bool = False) -> HeaderPlan:
    """What becomes of the header of ``i`` under ``profile``, with pseudonyms under ``keys``.

    Every element comes out in Explicit VR Little Endian, in ascending order, with even length. Preamble and File Meta
    Information are made anew by whoever composes the file; what lies in them and after the data set is reported here.
    ``pixels_cleaned``: the pixels were read, and text in them is gone, so that the header may say so.
    """
    return Work(i, profile, keys).plan(pixels_cleaned=pixels_cleaned)


def new_uid(original: str, *, profile: Profile, keys: PseudonymKeys) -> str:
    """What becomes of the UID of an instance, a series or a study."""
    return original if Option.RETAIN_UIDS in profile.options and is_uid(original) else keys.uid(original)


@lru_cache(maxsize=16)
def _statement_ops(profile: Profile, pixels_cleaned: bool) -> tuple[tuple[int, tuple[Op, ...]], ...]:
    """What a de-identified instance says of itself (PS3.15 E.1.1, E.2)."""
    methods = [*profile.methods, *([METHODS[Option.CLEAN_PIXEL_DATA]] if pixels_cleaned else ())]
    items = [
        b"".join(
            (
                encode_element(0x00080100, "SH", method.code.encode()),
                encode_element(_CODE_SCHEME, "SH", b"DCM"),
                encode_element(_CODE_MEANING, "LO", method.meaning.encode()),
            )
        )
        for method in methods
    ]
    said = {
        0x00120062: ("CS", b"YES"),
        0x00120063: ("LO", f"leadglass {__version__}, PS3.15 {EDITION} Basic Profile".encode()),
        0x00280303: ("CS", profile.temporal.encode()),
    }
    if pixels_cleaned:
        said[0x00280301] = ("CS", b"NO")
    elements: dict[int, tuple[Op, ...]] = {tag: (Insert(encode_element(tag, *each)),) for tag, each in said.items()}
    elements[0x00120064] = merged(encode_sequence(0x00120064, [[Insert(item)] for item in items]))
    return tuple(sorted(elements.items()))


_CHOSEN_VRS: Final = frozenset({"DA", "DT", "TM", "UI"})


@lru_cache(maxsize=16)
def _chosen(profile: Profile) -> frozenset[int]:
    """Attributes whose values stay because a profile file or an option says so, although they identify."""
    stated = {tag for tag, rule in profile.attributes.items() if rule.action in (Action.KEEP, Action.TEXT)}
    optional = {
        tag
        for tag, rule in profile.cells.items()
        if rule.action is Action.KEEP and dictionary_vr(tag) in _CHOSEN_VRS and tag not in profile.attributes
    }
    return frozenset(stated | optional)


@lru_cache(maxsize=16)
def _shown(profile: Profile) -> frozenset[str | int]:
    """Kinds of facts that the options let stay, and attributes that a profile file does: no text need be silent of them."""
    kept = {
        Option.RETAIN_FULL_DATES: ("dates",),
        Option.RETAIN_DEVICE_IDENTITY: ("serials",),
        Option.RETAIN_INSTITUTION_IDENTITY: ("institutions", "addresses"),
    }
    kinds = {kind for each in profile.options for kind in kept.get(each, ())}
    return frozenset(kinds | (_chosen(profile) & profile.attributes.keys()))


class Place(NamedTuple):
    """Where an element stands: beside which others, below which sequences, and in text of which character set.

    ``strict``: the sequence above was to become a dummy, so that no text of it stays.
    """

    siblings: dict[int, Element]
    above: Path
    where: str
    charset: tuple[str, ...]
    strict: bool


class Work:
    """One header on its way: what was found and removed so far.

    ``vouched`` are top-level attributes for which somebody else answers: they stay as they are. ``moved`` are the dates that
    stand for others now, and what stays on purpose.
    """

    def __init__(self, object_: Received, profile: Profile, keys: PseudonymKeys, *, vouched: Collection[int] = ()) -> None:
        self.object_ = object_
        self.header: Values = object_.header
        self.signed = object_.signed
        self.vouched = vouched
        self.profile = profile
        self.keys = keys
        self.notes: list[Note] = []
        self.removed: list[tuple[int, int]] = []
        self.moved: list[bytes] = []
        self.known: Knowledge = knowledge(facts(self.header, self.header.elements, object_.charset, without=_shown(profile)))
        self.pseudonym = self._pseudonym_of(object_.value(_PATIENT_ID))

    def plan(self, *, pixels_cleaned: bool = False) -> HeaderPlan:
        """See ``clean``."""
        i, profile, keys = self.object_, self.profile, self.keys
        elements = dict(self.data_set(i.header.elements, (), charset=i.charset))
        original = i.sop_instance_uid or f"missing {hashlib.sha256(i.header.head).hexdigest()}"
        uid = new_uid(original, profile=profile, keys=keys)
        if i.sop_class != MEDIA_STORAGE_DIRECTORY:  # whose patients stand in its records
            if not i.sop_instance_uid:
                elements[_SOP_INSTANCE_UID] = (Insert(encode_element(_SOP_INSTANCE_UID, "UI", uid.encode())),)
            elements.update(self.statements(pixels_cleaned=pixels_cleaned))
        self.outside()
        return HeaderPlan(
            received=i,
            sop_instance_uid=uid,
            elements=tuple(sorted(elements.items())),
            notes=tuple(self.notes),
            removed=tuple(self.removed),
        )

    def beside(self, header: Values) -> Work:
        """The same work on the header of another file, which knows just what this one does."""
        other = copy(self)
        other.header, other.notes, other.removed = header, [], []
        other.moved = []
        return other

    def place(self) -> Place:
        """The place of a top-level element that nothing stands beside."""
        return Place({}, (), "", self.object_.charset, strict=False)

    def treatment(self, tag: int, vr: str) -> tuple[Treatment | None, Rule]:
        """How a top-level element is treated; None where that takes what stands beside it."""
        treatment, rule = _treatment(self.profile, self.object_.sop_class, (tag,), vr)
        # A private attribute is read by its creator, the meaning of a code by its scheme.
        alone = treatment is not _private and tag != _CODE_MEANING and tag >> 16 != _PIXEL_GROUP
        return (treatment if alone else None), rule

    def knows_no_more(self, element: Element) -> bool:
        """Whether a top-level element tells the facts that its like told in the file that this work began with."""
        before, charset, shown = self.object_.top.get(element.tag), self.object_.charset, _shown(self.profile)
        if before is None or (element.items is not None and element.vr != "SQ"):
            return False
        old = facts(self.object_.header, (before,), charset, without=shown)
        return old == facts(self.header, (element,), charset, without=shown)

    def written(self, element: Element) -> tuple[Op, ...]:
        """The ops that write an element as it is."""
        return tuple(explicit(self.header, element, signed=self.signed))

    @cached_property
    def cleaner(self) -> TextCleaner:
        """What takes out of a text what this header knows."""
        texts = self.known.texts
        known = Known(
            names=texts.get("names", ()),
            ids=texts.get("ids", ()),
            dates=texts.get("dates", ()),
            phones=texts.get("phones", ()),
            addresses=texts.get("addresses", ()),
            institutions=texts.get("institutions", ()),
            other=texts.get("serials", ()),
        )
        moves = Option.RETAIN_MODIFIED_DATES in self.profile.options
        return cleaner(known, shift=self.days({}) if moves else None)

    def _pseudonym_of(self, patient_id: bytes | None) -> str:
        return self.keys.patient_id(self._patient(patient_id))

    def _patient(self, patient_id: bytes | None) -> str:
        text = _plain(patient_id or b"")
        # Patients without an id are told apart by their study, so that two of them never become one.
        return f"id {text}" if text else f"study {self.object_.study_uid}"

    def statements(self, *, pixels_cleaned: bool) -> Iterator[_Written]:
        """What a de-identified instance says of itself, and the patient that it now belongs to."""
        pseudonym = self.pseudonym.encode()
        yield _PATIENT_NAME, (Insert(encode_element(_PATIENT_NAME, "PN", pseudonym)),)
        yield _PATIENT_ID, (Insert(encode_element(_PATIENT_ID, "LO", pseudonym)),)
        yield from _statement_ops(self.profile, pixels_cleaned)

    def data_set(
        self,
        elements: Sequence[Element],
        above: Path,
        where: str = "",
        *,
        charset: tuple[str, ...],
        strict: bool = False,
        instead: Mapping[int, Rule] = _NOTHING,
    ) -> list[_Written]:
        """Tag and ops of what stays of one data set or item; of a tag that stands twice, the last.

        Neighbours that are kept as they are come as one run under the tag of the first. ``strict``: the sequence above was
        to become a dummy, so that no text of it stays. ``instead`` holds rules that go before those of the profile.
        """
        chosen = {element.tag: element for element in elements}
        in_order = len(chosen) == len(elements) and list(chosen) == sorted(chosen)
        treatments = _treatments(self.profile, self.object_.sop_class, above)
        place = Place(chosen, above, where, charset, strict)
        blocks: set[int] = set()
        out: list[_Written] = []
        first = start = stop = -1
        for element in elements:
            tag = element.tag
            key = tag, element.vr
            treatment = treatments.get(key)
            if treatment is None:
                treatment = treatments[key] = _treatment(self.profile, self.object_.sop_class, (*above, tag), element.vr)
            if not above and tag >> 16 == _PIXEL_GROUP:
                continue
            if element.items is not None and element.vr != "SQ":
                self.note(element, where, "remove", "items where none belong")
                continue
            if chosen[tag] is not element:
                self.note(element, where, "remove", "stands twice; the last one counts")
                continue
            if tag in self.vouched and not above:
                treatment = _vouched
            elif tag in instead:
                treatment = _by_rule(instead[tag], tag, element.vr)
                if instead[tag].action is Action.KEEP and element.vr in _CHOSEN_VRS:
                    treatment = _on_purpose(treatment[0]), treatment[1]
            if treatment[0] is _private and tag & 0xFFFF <= 0xFF:
                continue
            ops = treatment[0](self, place, element, treatment[1])
            if ops is None:
                continue
            if tag >> 16 & 1:
                blocks.add(tag >> 8)
            if ops is not AS_IS:
                out.append((tag, ops))
                continue
            if not is_explicit(element):
                out.append((tag, tuple(explicit(self.header, element, signed=self.signed))))
            elif element.offset == stop and in_order and bisect_right(_ALONE, tag) == bisect_left(_ALONE, first):
                stop = element.end
                out[-1] = (first, (Copy(start, stop - start),))
            else:
                first, start, stop = tag, element.offset, element.end
                out.append((tag, (Copy(start, stop - start),)))
        if Option.RETAIN_SAFE_PRIVATE in self.profile.options:
            out += self._creators(elements, place, blocks)
        return out

    def _creators(self, elements: Sequence[Element], place: Place, blocks: set[int]) -> Iterator[_Written]:
        """The Private Creators of blocks of which anything stays."""
        for element in elements:
            if element.tag >> 16 & 1 and 0x10 <= element.tag & 0xFFFF <= 0xFF:
                if (element.tag >> 16) << 8 | element.tag & 0xFF in blocks and place.siblings[element.tag] is element:
                    yield element.tag, tuple(explicit(self.header, element, signed=self.signed))
                else:
                    self.note(element, place.where, "remove", "names a block of private attributes that are removed")

    def note(
        self, element: Element, where: str, action: str, why: str, *, whole: bool = True, told: tuple[str, ...] = ()
    ) -> None:
        self.notes.append(Note(where, element.tag, action, why, told))
        if whole:
            if element.items:
                # Of a sequence the values in it; its item headers are no secret, and every sequence has some.
                self.removed += [
                    (each.value, each.length) for each in _everywhere((element,)) if each.length and not each.items
                ]
            elif element.length:
                self.removed.append((element.value, element.length))

    def replace(
        self, element: Element, where: str, value: bytes, rule: Rule, *, told: tuple[str, ...] = ()
    ) -> tuple[Op, ...]:
        if element.length:
            action = "clean" if told else "keep" if rule.action is Action.KEEP else "empty" if not value else "replace"
            self.note(element, where, action, rule.why, told=told)
        if element.vr == "SQ":
            return tuple(encode_sequence(element.tag, ()))
        vr = explicit_vr(_write_vr(element), len(value), signed=self.signed)
        return (Insert(encode_element(element.tag, vr, value)),)

    def days(self, siblings: dict[int, Element]) -> int:
        """By how many days the dates beside these move: those of the patient named there, or of the file's."""
        beside = siblings.get(_PATIENT_ID)
        return self.keys.days(self._patient(self.header.value(beside) if beside else self.object_.value(_PATIENT_ID)))

    def identifier(self, element: Element, siblings: dict[int, Element]) -> bytes:
        value = self.header.value(element)
        if element.tag == _ACCESSION:
            text = _plain(value)
            return self.keys.accession(text).encode() if text else b""
        if element.tag == _PATIENT_ID:
            return self._pseudonym_of(value).encode()
        beside = siblings.get(_PATIENT_ID)
        return (self._pseudonym_of(self.header.value(beside)) if beside is not None else self.pseudonym).encode()

    def dummy(self, element: Element) -> bytes:
        vr = _write_vr(element)
        if not element.length:
            return b""
        if vr == "PN":
            return self.keys.name(_plain(self.header.value(element))).encode()
        if vr == "UI":
            return self.keys.uid(uid_text(self.header.value(element))).encode()
        if element.tag == _MODALITY:
            return b"OT"
        return _DUMMIES.get(vr, bytes(2))

    def outside(self) -> None:
        """Report what lies outside the data set: preamble, File Meta Information, bytes at the end."""
        header = self.object_.header
        if header.preamble and header.read(0, 128).strip(b"\0"):
            self.notes.append(Note("preamble", None, "remove", "a preamble may hold another file"))
            self.removed.append((0, 128))
        for element in header.meta:
            if element.tag not in (0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010):
                self.note(element, "", "remove", "file meta information is made anew")
        if header.trailing < header.source.size:
            self.notes.append(Note("end", None, "remove", "bytes after the data set"))
            self.removed.append((header.trailing, header.source.size - header.trailing))


_Ops = tuple[Op, ...] | None
Treatment = Callable[[Work, Place, Element, Rule], _Ops]
"""What is done with one element: the ops that write it, ``AS_IS``, or None where nothing of it stays."""


def _as_it_is(_work: Work, _place: Place, _element: Element, _rule: Rule) -> _Ops:
    return AS_IS


_vouched: Final = (_as_it_is, Rule(Action.KEEP, "let through as it is"))


def _remove(work: Work, place: Place, element: Element, rule: Rule) -> _Ops:
    work.note(element, place.where, "remove", rule.why)
    return None


def _empty(work: Work, place: Place, element: Element, rule: Rule) -> _Ops:
    return work.replace(element, place.where, b"", rule)


def _dummy(work: Work, place: Place, element: Element, rule: Rule) -> _Ops:
    return work.replace(element, place.where, work.dummy(element), rule)


def _identifier(work: Work, place: Place, element: Element, rule: Rule) -> _Ops:
    return work.replace(element, place.where, work.identifier(element, place.siblings), rule)


def _uids(work: Work, place: Place, element: Element, rule: Rule) -> _Ops:
    """Each value mapped, unless it belongs to the standard or says what class something is of."""
    if element.length > _LOOKED_AT:
        work.note(element, place.where, "remove", "too long for UIDs")
        return None
    value = work.header.value(element)
    own = element.tag in _OWN_UIDS
    kept_class = rule.action is Action.KEEP
    parts = [uid_text(part) for part in value.split(b"\\")]
    mapped = [
        part if not part or (not own and is_standard(part)) or (kept_class and is_uid(part)) else work.keys.uid(part)
        for part in parts
    ]
    text = "\\".join(mapped).encode()
    if element.vr == "UI" and text == value.rstrip(b"\0 "):
        return AS_IS
    return work.replace(element, place.where, text, Rule(Action.KEEP, "padding of a UID") if mapped == parts else rule)


def _shift(work: Work, place: Place, element: Element, rule: Rule) -> _Ops:
    """A date moved by the patient's shift; what is no date cannot be moved, and does not stay."""
    if not element.length:
        return AS_IS
    value = work.header.value(element)[:_LOOKED_AT]
    moved = shifted(_plain(value), _write_vr(element), days=work.days(place.siblings))
    if moved is None:
        return work.replace(element, place.where, work.dummy(element), Rule(Action.DUMMY, "no valid date or time"))
    if moved.encode() == value.rstrip(b" \0"):
        return AS_IS
    work.moved.append(moved.encode())
    return work.replace(element, place.where, moved.encode(), Rule(rule.action, f"{rule.why}, moved by the patient's days"))


def _sequence(work: Work, place: Place, element: Element, rule: Rule) -> _Ops:
    if element.items is None:
        work.note(element, place.where, "remove", "a sequence that cannot be read")
        return None
    strict = place.strict or rule.action is Action.DUMMY
    name = f"{place.where}{tag_text(element.tag)}"
    path = (*place.above, element.tag)
    items: list[list[Op]] = []
    same = is_explicit(element)
    for number, item in enumerate(element.items):
        charset = item_charset(work.header, item.elements, place.charset)
        instead = _NOTHING
        if rule.action is Action.CONTENT:
            content = _content_rule(work, item)
            if content.action is Action.REMOVE:
                for each in item.elements:
                    work.note(each, f"{name}[{number}].", "remove", content.why)
                same = False
                continue
            instead = dict.fromkeys(_CONTENT_VALUES, content)
        kept = work.data_set(item.elements, path, f"{name}[{number}].", charset=charset, strict=strict, instead=instead)
        kept.sort(key=_by_tag)
        ops = [op for _, each in kept for op in each]
        same = same and merged(ops) == _whole_item(item)
        items.append(ops)
    if rule.action is Action.DUMMY:
        work.note(element, place.where, "dummy", rule.why, whole=False)
    return AS_IS if same else merged(encode_sequence(element.tag, items))


_CONTENT_VALUES: Final = (0x0040A120, 0x0040A121, 0x0040A122, 0x0040A123, 0x0040A124, 0x0040A160)
"""DateTime, Date, Time, Person Name, UID and Text Value."""


def _content_rule(work: Work, item: Item) -> Rule:
    """What the profile has for a content item (PS3.3 C.17.3.2), by its Concept Name and Value Type."""
    top = {element.tag: element for element in item.elements}
    name = top.get(0x0040A043)
    concept = {each.tag: each for each in name.items[0].elements} if name is not None and name.items else {}
    texts = (
        _plain(work.header.value(found)) if (found := where.get(tag)) is not None and found.length <= _LOOKED_AT else ""
        for where, tag in ((concept, _CODE_SCHEME), (concept, 0x00080100), (top, 0x0040A040))
    )
    scheme, code, value_type = texts
    return work.profile.content(scheme, code, value_type)


def _private(work: Work, place: Place, element: Element, rule: Rule) -> _Ops:
    """A private attribute, by the creator of its block (PS3.5 section 7.8.1)."""
    group, number = element.tag >> 16, element.tag & 0xFFFF
    creator = place.siblings.get(group << 16 | number >> 8)
    name = _plain(work.header.value(creator)[:64]) if creator is not None and number > 0xFF else ""
    said = work.profile.private(name, number & 0xFF, group=group, vr=element.vr) if name else _NO_CREATOR
    if said.action is Action.REMOVE:
        return _remove(work, place, element, said)
    if element.vr == "UN":
        element = element._replace(vr=safe_private_vr(name, number & 0xFF, group=group) or "UN", verbatim=False)
    treatment, rule = _by_rule(said, element.tag, element.vr)
    return treatment(work, place, element, rule)


_NO_CREATOR: Final = Rule(Action.REMOVE, "a private attribute of nobody's")


def _cleaned(work: Work, place: Place, element: Element, rule: Rule) -> _Ops:
    """What is left of a value's meaning without whom it tells of."""
    if not element.length:
        return AS_IS
    if element.vr == "AE":
        value = _plain(work.header.value(element)[:_LOOKED_AT])
        titles = (work.keys.title(part.strip()) if part.strip() else "" for part in value.split("\\"))
        return work.replace(element, place.where, "\\".join(titles).encode(), rule)
    if element.vr == "AS":
        value = _plain(work.header.value(element)[:_LOOKED_AT])
        age = capped_age(value)
        if age is None:
            return _dummy(work, place, element, Rule(Action.DUMMY, "no age, where one belongs"))
        return AS_IS if age == value else work.replace(element, place.where, age.encode(), rule)
    return _text(work, place, element, rule)


def _whole_item(item: Item) -> tuple[Op, ...]:
    first, last = (item.elements[0], item.elements[-1]) if item.elements else (None, None)
    return (Copy(first.offset, last.end - first.offset),) if first and last else ()


def _by_tag(kept: _Written) -> int:
    return kept[0]


def _number(work: Work, place: Place, element: Element, _rule: Rule) -> _Ops:
    """A binary value: whole numbers of it, and no text in disguise."""
    length = element.length
    if length % _SIZES.get(element.vr, 1):
        return _unfit(work, place, element, "no whole number of values")
    if length < 3:
        return AS_IS
    value = work.header.value(element)
    if value.startswith(_DELIMITERS):
        return _unfit(work, place, element, "items where none belong")
    if length <= _LOOKED_AT and work.known.mentions(value):
        return _unfit(work, place, element, _MENTIONS)
    return AS_IS


def _decimal(work: Work, place: Place, element: Element, _rule: Rule) -> _Ops:
    """DS and IS: the characters of numbers, and no identifier among them."""
    value = work.header.value(element)
    if value.translate(None, _NUMBERS[element.vr]):
        return _unfit(work, place, element, "no number, where one belongs")
    if _LONG_NUMBER.search(value) and not work.known.numbers.isdisjoint(_LONG_NUMBER.findall(value)):
        return _unfit(work, place, element, _MENTIONS)
    return _tail(work, place, element, value)


def _unfit(work: Work, place: Place, element: Element, why: str) -> _Ops:
    """A value that cannot be kept although its attribute is."""
    work.note(element, place.where, "remove", why)
    return None


def _tail(work: Work, place: Place, element: Element, value: bytes) -> _Ops:
    """Text without what follows its end: padding stays."""
    if b"\0" in value:
        text = value.split(b"\0", 1)[0]
        if value[len(text) :].strip(b"\0"):
            return work.replace(element, place.where, text, Rule(Action.KEEP, "bytes after the end of the text"))
    return AS_IS


def _stated(work: Work, place: Place, element: Element, _rule: Rule) -> _Ops:
    """Text of a VR that is kept as it is, such as a date where dates are retained."""
    if not element.length:
        return AS_IS
    if element.length > _LOOKED_AT:
        return _unfit(work, place, element, "too long to be looked through")
    value = work.header.value(element)
    if element.vr in ("DA", "DT", "TM") and shifted(_plain(value), element.vr, days=0) is None:
        return work.replace(element, place.where, work.dummy(element), Rule(Action.DUMMY, "no valid date or time"))
    if place.strict:
        return _dummy(work, place, element, _IN_DUMMY)
    return _tail(work, place, element, value)


_IN_DUMMY: Final = Rule(Action.DUMMY, "inside a sequence that was to become a dummy")


def _text(work: Work, place: Place, element: Element, rule: Rule) -> _Ops:
    """Text that stays unless it betrays somebody; then what betrays is taken out, or all of it is replaced."""
    if not element.length:
        return AS_IS
    if place.strict and element.vr not in _STRICTLY_KEPT:
        return _dummy(work, place, element, _IN_DUMMY)
    if element.length > _LOOKED_AT:
        return _dummy(work, place, element, Rule(Action.DUMMY, "too long to be looked through"))
    value = work.header.value(element)
    if element.tag in _DEFINED and _plain(value) in _DEFINED[element.tag]:
        return _tail(work, place, element, value)
    if element.tag in _SPECIAL:
        special = _special_rule(work, place, element, value)
        if special is not None:
            return _TREAT[special.action](work, place, element, special)
    rules = rule.action is Action.CLEAN or element.vr in _PROSE
    key = element.tag, element.vr, value, place.charset, rules
    seen = work.known.seen
    if key in seen:
        verdict = seen[key]
    else:
        if len(seen) >= _REMEMBERED:
            seen.clear()
        verdict = seen[key] = _judge(work, element, value, place.charset, rules=rules)
    if verdict is None:
        return AS_IS
    said = Rule(verdict.action, verdict.why)
    if said.action is Action.REMOVE:
        return _remove(work, place, element, said)
    return work.replace(element, place.where, verdict.value, said, told=verdict.told)


_MENTIONS: Final = "says something that identifies somebody elsewhere in the file"


def _judge(work: Work, element: Element, value: bytes, charset: tuple[str, ...], *, rules: bool) -> Verdict | None:
    """What becomes of a text by its value alone; None where it is kept as it is."""
    if value.startswith(_DELIMITERS):
        return Verdict(Action.REMOVE, "items where none belong", b"")
    vr, text = element.vr, value.split(b"\0", 1)[0]
    if vr == "CS":
        codes = text.split(b"\\")
        why = {code: found for code in codes if (found := _wrong_code(work, element.tag, code))}
        if not why and work.known.mentions(value[len(text) :]):
            return Verdict(Action.DUMMY, _MENTIONS, _DUMMIES[vr])
        if why:
            left = b"\\".join(_DUMMIES[vr] if code in why else code for code in codes)
            return Verdict(Action.DUMMY, next(iter(why.values())), left)
    else:
        kept, told = _without_people(work, text, vr, charset, rules=rules)
        if kept is None or _CARET_NAME.search(kept):
            return Verdict(Action.DUMMY, "looks like a person's name" if kept else _MENTIONS, _DUMMIES[vr])
        if work.known.mentions(kept) or work.known.mentions(value[len(text) :]):
            return Verdict(Action.DUMMY, _MENTIONS, _DUMMIES[vr])
        if kept != text:
            return Verdict(Action.CLEAN, _TELLS, kept, told)
    if len(text) < len(value) and value[len(text) :].strip(b"\0"):
        return Verdict(Action.KEEP, "bytes after the end of the text", text)
    return None


def _wrong_code(work: Work, tag: int, code: bytes) -> str:
    """Why a value of CS cannot stay; empty where it can."""
    if code.strip().decode("latin_1") in _DEFINED.get(tag, ()):
        return ""
    if not _CODE_STRING.fullmatch(code) and not _is_plain(code):
        return "text where a code string belongs"
    numbers = work.known.numbers
    if work.known.mentions(code) or (_LONG_NUMBER.search(code) and not numbers.isdisjoint(_LONG_NUMBER.findall(code))):
        return _MENTIONS
    return ""


def _is_plain(code: bytes) -> bool:
    """Whether there is nothing but words of radiology in it: many a device writes its terms in lower case."""
    if not _LOOSE_CODE.fullmatch(code):
        return False
    table = words()
    said = (word.decode("ascii").lower() for word in re.findall(rb"[A-Za-z]{2,}", code))
    return all(word in table.ordinary or word in table.abbreviations or word in table.two_letters for word in said)


_TELLS: Final = "tells of a person, a number, a date or a place"

_PROSE: Final = frozenset({"LT", "ST", "UT"})
_NUMERIC: Final = frozenset({Kind.AGE, Kind.DATE, Kind.ID, Kind.PHONE, Kind.TIME})

_LIMITS: Final = {"LO": 64, "SH": 16, "ST": 1024, "LT": 10240}
"""The most characters of one value (PS3.5 section 6.2); the other VRs hold as much as there is."""


_Told = tuple[bytes | None, tuple[str, ...]]


def _without_people(work: Work, text: bytes, vr: str, charset: tuple[str, ...], *, rules: bool) -> _Told:
    """The text without what identifies, the same where it has nothing of it, None where it cannot be written again; and the
    kinds of what was taken out."""
    several = list(readings(text, charset))
    if len(several) > 1:
        # Nobody knows its character set. What one of the readings betrays cannot be taken out for the others.
        return (text if not any(work.cleaner.find(each, rules=rules) for each in several) else None), ()
    reading = several[0] if several else ""
    clean = work.cleaner.clean
    # Each value by itself: of them all, one limit holds for each, and none begins in another.
    values = [reading] if vr in _PROSE else reading.split("\\")
    cleaned = [clean(each, limit=_LIMITS.get(vr)) for each in values]
    if not rules:
        # Single words are codes, versions and names of protocols, full of numbers in which rules for prose see too much.
        cleaned = [
            clean(value, limit=_LIMITS.get(vr), rules=False)
            if each.found.keys() <= _NUMERIC and " " not in value.strip()
            else each
            for value, each in zip(values, cleaned, strict=True)
        ]
    if not any(each.found for each in cleaned):
        return text, ()
    told = tuple(kind for each in cleaned for kind, number in each.found.items() for _ in range(number))
    return encode_text("\\".join(each.text for each in cleaned), charset), told


def _special_rule(work: Work, place: Place, element: Element, value: bytes) -> Rule | None:
    """The rule for text that has one of its own, by its value; None where it is judged like any other."""
    tag = element.tag
    if tag in _TERMS:
        return Rule(Action.DUMMY, "none of its defined terms")
    if tag == _CHARSET:
        return None if are_defined(charset_of(value)) else Rule(Action.REMOVE, "no defined term for a character set")
    if element.vr == "UR":
        return None if value.lower().startswith(b"urn:") else Rule(Action.DUMMY, "an address in a network")
    if tag == _CODE_MEANING:
        scheme = place.siblings.get(_CODE_SCHEME)
        if scheme is not None and work.header.value(scheme).strip(b" \0") not in _PUBLISHED_SCHEMES:
            return Rule(Action.DUMMY, "the meaning of a code of a local scheme")
    elif tag in _EXPLANATIONS and not _names_windows(value):
        return Rule(Action.REMOVE, "free text, and no name of a window that is in common use")
    elif tag == _SOFTWARE_VERSIONS and not any(48 <= byte <= 57 for byte in value):
        return Rule(Action.REMOVE, "free text without a version number")
    return None


_STRICTLY_KEPT: Final = frozenset({"CS", "DS", "IS", "UI"})

_TREAT: Final[dict[Action, Treatment]] = {
    Action.REMOVE: _remove,
    Action.EMPTY: _empty,
    Action.DUMMY: _dummy,
    Action.UID: _uids,
    Action.TEXT: _text,
    Action.CLEAN: _cleaned,
    Action.SHIFT: _shift,
    Action.PRIVATE: _private,
    Action.GRAPHIC: _remove,
}


@lru_cache(maxsize=1 << 12)
def _treatments(_profile: Profile, _sop_class: str, _above: Path) -> dict[tuple[int, str], tuple[Treatment, Rule]]:
    """Treatments by tag and VR of the elements below ``above``, as they are asked for."""
    return {}


def _treatment(profile: Profile, sop_class: str, path: Path, vr: str) -> tuple[Treatment, Rule]:
    rule = profile.rule(path, vr, sop_class=sop_class)
    tag = path[-1]
    if 0x5000 <= tag >> 16 <= 0x50FF or 0x6000 <= tag >> 16 <= 0x60FF:
        # What is drawn there nobody has read, so nothing of it stays, whatever an option would allow.
        return _remove, Rule(Action.REMOVE, "a curve or an overlay, which nobody has read")
    treatment, rule = _by_rule(rule, tag, vr)
    return (_on_purpose(treatment) if tag in _chosen(profile) else treatment), rule


@lru_cache
def _on_purpose(treatment: Treatment) -> Treatment:
    """The same treatment, of a value that stays because somebody chose so: it is no leak."""

    def kept(work: Work, place: Place, element: Element, rule: Rule) -> _Ops:
        ops = treatment(work, place, element, rule)
        if ops is AS_IS and element.items is None and element.length:
            work.moved.append(work.header.value(element))
        return ops

    return kept


def _by_rule(rule: Rule, tag: int, vr: str) -> tuple[Treatment, Rule]:
    """What to do under a rule with an attribute that is encoded as ``vr``."""
    action = rule.action
    if action is Action.PRIVATE:
        return _private, rule
    private = bool(tag >> 16 & 1)
    known = vr if private else dictionary_vr(tag)
    if vr != "SQ" and known == "SQ":
        return _remove, Rule(Action.REMOVE, "a sequence that cannot be read")
    if tag in _IDENTIFIERS and action is not Action.REMOVE:
        return _identifier, rule
    if vr == "SQ" and action not in (Action.REMOVE, Action.EMPTY):
        return _sequence, rule
    if action is Action.UID or (action is Action.KEEP and vr == "UI"):
        return _uids, rule
    if action in (Action.KEEP, Action.TEXT, Action.CLEAN):
        if not private and not _is_the_standards(vr, known):
            return _remove, Rule(Action.REMOVE, "encoded as something else than the standard says it is")
        if vr in _NUMBERS:
            return _decimal, rule
        if vr not in TEXT_VRS:
            return _number, rule
        if action is Action.KEEP:
            return _stated, rule
    return _TREAT[action], rule


def _everywhere(elements: Iterable[Element]) -> Iterator[Element]:
    for element in elements:
        yield element
        for item in element.items or ():
            yield from _everywhere(item.elements)


@lru_cache
def _is_the_standards(vr: str, known: str) -> bool:
    """Whether a value may be encoded as ``vr`` where the dictionary says ``known``, which may be a choice."""
    return any(vr == each or {vr, each} <= group for each in (known, *known.split(" or ")) for group in _INTERCHANGEABLE)


def _write_vr(element: Element) -> str:
    """The VR of a value that is written anew: the dictionary's, where it knows one and gives no choice."""
    known = dictionary_vr(element.tag)
    return element.vr if known == "UN" or " or " in known else known


def _plain(value: bytes) -> str:
    """A text value without padding or what follows a NUL; bytes outside ASCII are kept apart, not read."""
    return value.split(b"\0", 1)[0].strip().decode("ascii", "surrogateescape")


def _names_windows(value: bytes) -> bool:
    words = re.split(rb"[ _\\\-]+", value.strip(b" \0").upper())
    return all(word.rstrip(b"0123456789") in _WINDOW_WORDS for word in words)
