"""From a received header to a plan that leaves nothing identifying, with findings and search terms (PS3.15 annex E).

Every attribute at every depth is put to the profile; what is kept is copied by reference, what changes is written anew.
Text that no row lists is searched for what the file says of the patient elsewhere, so that a name does not survive in a
place nobody thought of. The names in search terms are read under the Specific Character Set (PS3.5 section 6.1, PS3.3
C.12.1.1.2).
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from leadglass import __version__
from leadglass.deid.profile import EDITION, Action, Path, Profile, Rule
from leadglass.deid.pseudonym import PseudonymKeys
from leadglass.dicom.header import (
    TEXT_VRS,
    Element,
    dictionary_vr,
    encode_element,
    encode_sequence,
    explicit,
    explicit_vr,
    is_explicit,
    keyword,
    tag_text,
)
from leadglass.dicom.instance import MODALITIES, PHOTOMETRICS, Finding, HeaderPlan, Received
from leadglass.dicom.plan import Copy, Insert, Op, merged
from leadglass.dicom.uids import is_standard, is_uid, uid_text

_CHARSET: Final = 0x00080005
_SOP_INSTANCE_UID: Final = 0x00080018
_ACCESSION: Final = 0x00080050
_STUDY_DATE: Final = 0x00080020
_CODE_SCHEME: Final = 0x00080102
_CODE_MEANING: Final = 0x00080104
_PATIENT_NAME: Final = 0x00100010
_PATIENT_ID: Final = 0x00100020
_PIXEL_GROUP: Final = 0x7FE0
_SOFTWARE_VERSIONS: Final = 0x00181020
_WINDOW_EXPLANATION: Final = 0x00281055

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

_MODALITY: Final = 0x00080060
_TERMS: Final = {_MODALITY: MODALITIES, 0x00280004: PHOTOMETRICS}
"""Modality and Photometric Interpretation: no image can be read without them, so their terms stay, whoever is called so."""

_INTERCHANGEABLE: Final = (
    frozenset({"LO", "LT", "SH", "ST", "UC", "UT"}),
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
_PHRASES: Final = 512
"""Names outside ASCII and numbers with signs in them; beyond that a file is hostile, and every text counts as a mention."""
_WORD: Final = re.compile(rb"[a-z0-9]+")

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
    | {b"RXNORM", b"SCT", b"SNM3", b"SRT", b"UCUM", b"UMLS"}
)
"""Coding schemes whose meanings are printed in a book; a local scheme may call a code anything."""

_WINDOW_WORDS: Final = frozenset(
    b" ABDOMEN ALGO AUTO BONE BONES BRAIN BRIGHT CHEST CONTRAST DARK DEFAULT HARDER HEAD HEART LIVER LUNG LUNGS MEDIASTINUM"
    b" NECK NORMAL PELVIS PRESET SOFT SOFTER SPINE STANDARD THORAX TISSUE USER WIDE WINDOW".split(b" ")
)
"""Words that name a window, numbers aside."""

_CARET_NAME: Final = re.compile(rb"[^\W\d_]\^[^\W\d_]|[\x80-\xff]\^|\^[\x80-\xff]", re.ASCII)
_NUMBERS: Final = {"DS": b"0123456789+-eE. \\\0", "IS": b"0123456789+- \\\0"}
_LONG_NUMBER: Final = re.compile(rb"[0-9]{6,}")
"""Digits of which an identifier is made; shorter ones are in every other measure by chance."""
_CODE_STRINGS: Final = re.compile(rb"[A-Z0-9_ ]{0,16}(?:\\[A-Z0-9_ ]{0,16})* *")
"""Values of CS (PS3.5 6.2), with padding."""
_DELIMITERS: Final = (b"\xfe\xff\x00\xe0", b"\xfe\xff\xdd\xe0")
"""How a value begins that is made of items or fragments (PS3.5 7.5)."""
_KNOWN_OF_PATIENT: Final = frozenset({_PATIENT_ID, _ACCESSION, 0x00101000, 0x00100030, 0x00101090, 0x00380010})

_DEFINED_TERMS: Final = {
    "": "ascii",
    "ISO_IR 6": "ascii",
    "ISO_IR 13": "shift_jis",
    "ISO_IR 100": "latin_1",
    "ISO_IR 101": "iso8859_2",
    "ISO_IR 109": "iso8859_3",
    "ISO_IR 110": "iso8859_4",
    "ISO_IR 126": "iso8859_7",
    "ISO_IR 127": "iso8859_6",
    "ISO_IR 138": "iso8859_8",
    "ISO_IR 144": "iso8859_5",
    "ISO_IR 148": "iso8859_9",
    "ISO_IR 166": "iso8859_11",
    "ISO_IR 192": "utf_8",
    "ISO_IR 203": "iso8859_15",
    "GB18030": "gb18030",
    "GBK": "gbk",
    "ISO 2022 IR 58": "gb2312",
    "ISO 2022 IR 87": "iso2022_jp",
    "ISO 2022 IR 149": "euc_kr",
    "ISO 2022 IR 159": "iso2022_jp_2",
}
_CODECS: Final = {
    **_DEFINED_TERMS,
    **{term.replace("ISO_IR", "ISO 2022 IR"): codec for term, codec in _DEFINED_TERMS.items() if term.startswith("ISO_IR")},
}
"""Defined terms of Specific Character Set (PS3.3 C.12.1.1.2) and the codecs that read them."""

_ESCAPES: Final = {
    b"\x1b(B": "ascii",
    b"\x1b(J": "shift_jis",
    b"\x1b)I": "shift_jis",
    b"\x1b-A": "latin_1",
    b"\x1b-B": "iso8859_2",
    b"\x1b-C": "iso8859_3",
    b"\x1b-D": "iso8859_4",
    b"\x1b-F": "iso8859_7",
    b"\x1b-G": "iso8859_6",
    b"\x1b-H": "iso8859_8",
    b"\x1b-L": "iso8859_5",
    b"\x1b-M": "iso8859_9",
    b"\x1b-T": "iso8859_11",
    b"\x1b-b": "iso8859_15",
    b"\x1b$B": "iso2022_jp",
    b"\x1b$(D": "iso2022_jp_2",
    b"\x1b$)C": "euc_kr",
    b"\x1b$)A": "gb2312",
}
_ESCAPE: Final = re.compile(b"|".join(re.escape(escape) for escape in _ESCAPES))
_KEEP_THEIR_ESCAPE: Final = frozenset({"iso2022_jp", "iso2022_jp_2"})


def clean(i: Received, *, profile: Profile, keys: PseudonymKeys) -> HeaderPlan:
    """What becomes of the header of ``i`` under ``profile``, with pseudonyms under ``keys``.

    Every element comes out in Explicit VR Little Endian, in ascending order, with even length. Preamble and File Meta
    Information are made anew by ``compose``; what lies in them and after the data set is reported here.
    """
    work = _Work(i, profile, keys, known=_known(i))
    elements = dict(work.data_set(i.header.elements, ()))
    elements.update((tag, (Insert(encode_element(tag, vr, value)),)) for tag, vr, value in _statements(work))
    elements[0x00120064] = merged(_method_codes())
    work.outside()
    return HeaderPlan(
        received=i,
        sop_instance_uid=keys.uid(i.sop_instance_uid),
        elements=tuple(sorted(elements.items())),
        findings=tuple(work.findings),
        terms=tuple(_terms(i)),
        removed=tuple(work.removed),
    )


def _statements(work: _Work) -> Iterator[tuple[int, str, bytes]]:
    """What a de-identified instance says of itself (PS3.15 E.1.1), and the patient that it now belongs to."""
    pseudonym = work.pseudonym.encode()
    yield _PATIENT_NAME, "PN", pseudonym
    yield _PATIENT_ID, "LO", pseudonym
    yield 0x00120062, "CS", b"YES"
    yield 0x00120063, "LO", f"leadglass {__version__}, PS3.15 {EDITION} Basic Profile".encode()
    yield 0x00280303, "CS", b"REMOVED"


def _method_codes() -> list[Op]:
    code = (
        (0x00080100, "SH", b"113100"),
        (_CODE_SCHEME, "SH", b"DCM"),
        (_CODE_MEANING, "LO", b"Basic Application Confidentiality Profile"),
    )
    return encode_sequence(0x00120064, [[Insert(b"".join(encode_element(*part) for part in code))]])


@dataclass
class _Work:
    """One header on its way: what was found and removed so far."""

    object_: Received
    profile: Profile
    keys: PseudonymKeys
    known: _Known
    findings: list[Finding] = field(default_factory=list)
    removed: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.header = self.object_.header
        self.signed = self.object_.signed
        self.pseudonym = self._pseudonym_of(self.object_.value(_PATIENT_ID))

    def _pseudonym_of(self, patient_id: bytes | None) -> str:
        text = _plain(patient_id or b"")
        # Patients without an id are told apart by their study, so that two of them never become one.
        return self.keys.patient_id(f"id {text}" if text else f"study {self.object_.study_uid}")

    def data_set(
        self, elements: Sequence[Element], above: Path, where: str = "", *, strict: bool = False
    ) -> Iterator[tuple[int, tuple[Op, ...]]]:
        """Tag and ops of what stays of one data set or item; of a tag that stands twice, the last.

        ``strict``: the sequence above was to become a dummy, so that no text of it stays.
        """
        chosen = {element.tag: element for element in elements}
        for element in elements:
            tag = element.tag
            if tag >> 16 == _PIXEL_GROUP and not above:
                continue
            if chosen[tag] is not element:
                self._note(element, where, "remove", "stands twice; the last one counts")
                continue
            ops = self._treat(element, chosen, (*above, tag), where, strict=strict)
            if ops is not None:
                yield tag, ops

    def _treat(
        self, element: Element, siblings: dict[int, Element], path: Path, where: str, *, strict: bool
    ) -> tuple[Op, ...] | None:
        tag, vr = element.tag, element.vr
        rule = self.profile.rule(path, vr, sop_class=self.object_.sop_class)
        action = rule.action
        if vr != "SQ" and (dictionary_vr(tag) == "SQ" or element.items is not None):
            self._note(element, where, "remove", "a sequence that cannot be read, or items where none belong")
            return None
        if tag in (_PATIENT_ID, _PATIENT_NAME, _ACCESSION) and action is not Action.REMOVE:
            return self._replace(element, where, self._identifier(element, siblings), rule)
        if strict and action in (Action.KEEP, Action.TEXT) and vr in TEXT_VRS and vr not in ("CS", "DS", "IS", "UI"):
            action, rule = Action.DUMMY, Rule(Action.DUMMY, "inside a sequence that was to become a dummy")
        if action is Action.TEXT:
            rule = self._text_rule(element, siblings, rule)
            action = rule.action
        if action is Action.REMOVE:
            self._note(element, where, action, rule.why)
            return None
        if action is Action.EMPTY:
            return self._replace(element, where, b"", rule)
        if vr == "SQ":
            return self._sequence(element, path, where, rule, strict=strict or action is Action.DUMMY)
        if action is Action.UID or (action is Action.KEEP and vr == "UI"):
            return self._uids(element, where, rule)
        if action is Action.DUMMY:
            return self._replace(element, where, self._dummy(element), rule)
        return self._keep(element, where)

    def _identifier(self, element: Element, siblings: dict[int, Element]) -> bytes:
        value = self.header.value(element)
        if element.tag == _ACCESSION:
            text = _plain(value)
            return self.keys.accession(text).encode() if text else b""
        if element.tag == _PATIENT_ID:
            return self._pseudonym_of(value).encode()
        beside = siblings.get(_PATIENT_ID)
        return (self._pseudonym_of(self.header.value(beside)) if beside is not None else self.pseudonym).encode()

    def _dummy(self, element: Element) -> bytes:
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

    def _uids(self, element: Element, where: str, rule: Rule) -> tuple[Op, ...] | None:
        """Each value mapped, unless it belongs to the standard or says what class something is of."""
        if element.length > _LOOKED_AT:
            self._note(element, where, "remove", "too long for UIDs")
            return None
        value = self.header.value(element)
        own = element.tag in _OWN_UIDS
        kept_class = rule.action is Action.KEEP
        parts = [uid_text(part) for part in value.split(b"\\")]
        mapped = [
            part if not part or (not own and is_standard(part)) or (kept_class and is_uid(part)) else self.keys.uid(part)
            for part in parts
        ]
        text = "\\".join(mapped).encode()
        if text == value.rstrip(b"\0 ") and element.vr == "UI":
            return self._keep(element, where)
        return self._replace(element, where, text, Rule(Action.KEEP, "padding of a UID") if mapped == parts else rule)

    def _sequence(self, element: Element, path: Path, where: str, rule: Rule, *, strict: bool) -> tuple[Op, ...] | None:
        if element.items is None:
            self._note(element, where, "remove", "a sequence that cannot be read")
            return None
        name = f"{where}{tag_text(element.tag)}"
        items: list[list[Op]] = []
        same = is_explicit(element)
        for number, item in enumerate(element.items):
            kept = list(self.data_set(item.elements, path, f"{name}[{number}].", strict=strict))
            in_order = sorted(kept)
            same = same and kept == in_order and [ops for _, ops in kept] == [_whole(each) for each in item.elements]
            items.append([op for _, ops in in_order for op in ops])
        if strict:
            self._note(element, where, "dummy", rule.why, whole=False)
        return _whole(element) if same else merged(encode_sequence(element.tag, items))

    def _text_rule(self, element: Element, siblings: dict[int, Element], rule: Rule) -> Rule:
        """The rule for text that no row lists, by its value."""
        tag, value = element.tag, self.header.value(element)
        if tag == _CODE_MEANING:
            scheme = siblings.get(_CODE_SCHEME)
            if scheme is not None and self.header.value(scheme).strip(b" \0") not in _PUBLISHED_SCHEMES:
                return Rule(Action.DUMMY, "the meaning of a code of a local scheme")
        elif tag == _WINDOW_EXPLANATION and not _names_windows(value):
            return Rule(Action.REMOVE, "free text, and no name of a window that is in common use")
        elif tag == _SOFTWARE_VERSIONS and not any(48 <= byte <= 57 for byte in value):
            return Rule(Action.REMOVE, "free text without a version number")
        elif tag == _CHARSET:
            terms = [part.strip().decode("ascii", "replace") for part in value.strip(b" \0").split(b"\\")]
            return rule if _are_defined(terms) else Rule(Action.REMOVE, "no defined term for a character set")
        if tag in _TERMS:
            return rule if _plain(value) in _TERMS[tag] else Rule(Action.DUMMY, "none of its defined terms")
        if element.length > _LOOKED_AT:
            return Rule(Action.DUMMY, "too long to be looked through")
        if element.vr == "CS" and not _CODE_STRINGS.fullmatch(value.split(b"\0", 1)[0]):
            return Rule(Action.DUMMY, "text where a code string belongs")
        if _CARET_NAME.search(value):
            return Rule(Action.DUMMY, "looks like a person's name")
        if _mentions(value.lower(), self.known):
            return Rule(Action.DUMMY, "says something that identifies the patient elsewhere in the file")
        return rule

    def _keep(self, element: Element, where: str) -> tuple[Op, ...] | None:
        vr, value = element.vr, self.header.value(element)
        if why := self._unfit(vr, dictionary_vr(element.tag), value):
            self._note(element, where, "remove", why)
            return None
        if vr in TEXT_VRS:
            text = value.split(b"\0", 1)[0]
            if len(text) < len(value) and value[len(text) :].strip(b"\0"):
                return self._replace(element, where, text, Rule(Action.KEEP, "bytes after the end of the text"))
        return tuple(explicit(self.header, element, signed=self.signed))

    def _unfit(self, vr: str, known: str, value: bytes) -> str:
        """Why a value cannot be kept although its attribute is; empty where it can. Text has been looked at before."""
        if not _is_the_standards(vr, known):
            return "encoded as something else than the standard says it is"
        if len(value) % _SIZES.get(vr, 1):
            return "no whole number of values"
        if value.startswith(_DELIMITERS):
            return "items where none belong"
        if vr in _NUMBERS:
            if value.translate(None, _NUMBERS[vr]):
                return "no number, where one belongs"
            mentioned = not self.known.words.isdisjoint(_LONG_NUMBER.findall(value))
        else:
            mentioned = vr not in TEXT_VRS and len(value) <= _LOOKED_AT and _mentions(value.lower(), self.known)
        return "holds something that identifies the patient elsewhere in the file" if mentioned else ""

    def _replace(self, element: Element, where: str, value: bytes, rule: Rule) -> tuple[Op, ...]:
        action = "keep" if rule.action is Action.KEEP else "empty" if not value else "replace"
        if element.length:
            self._note(element, where, action, rule.why)
        if element.vr == "SQ":
            return tuple(encode_sequence(element.tag, ()))
        vr = explicit_vr(_write_vr(element), len(value), signed=self.signed)
        return (Insert(encode_element(element.tag, vr, value)),)

    def _note(self, element: Element, where: str, action: str, why: str, *, whole: bool = True) -> None:
        self.findings.append(Finding(f"{where}{tag_text(element.tag)}", keyword(element.tag), str(action), why))
        if whole:
            # Of a sequence the values in it; its item headers are no secret, and every sequence has some.
            self.removed += [(each.value, each.length) for each in _everywhere((element,)) if each.length and not each.items]

    def outside(self) -> None:
        """Report what lies outside the data set: preamble, File Meta Information, bytes at the end."""
        header = self.header
        if header.preamble and header.read(0, 128).strip(b"\0"):
            self.findings.append(Finding("preamble", "", "remove", "a preamble may hold another file"))
            self.removed.append((0, 128))
        for element in header.meta:
            if element.tag not in (0x00020000, 0x00020001, 0x00020002, 0x00020003, 0x00020010):
                self._note(element, "", "remove", "file meta information is made anew")
        if header.trailing < header.source.size:
            self.findings.append(Finding("end", "", "remove", "bytes after the data set"))
            self.removed.append((header.trailing, header.source.size - header.trailing))


@lru_cache
def _is_the_standards(vr: str, known: str) -> bool:
    """Whether a value may be encoded as ``vr`` where the dictionary says ``known``, which may be a choice."""
    return any(vr == each or {vr, each} <= group for each in (known, *known.split(" or ")) for group in _INTERCHANGEABLE)


def _whole(element: Element) -> tuple[Op, ...]:
    return (Copy(element.offset, element.end - element.offset),)


def _write_vr(element: Element) -> str:
    """The VR of a value that is written anew: the dictionary's, where it knows one and gives no choice."""
    known = dictionary_vr(element.tag)
    return element.vr if known == "UN" or " or " in known else known


def _plain(value: bytes) -> str:
    """A text value without padding or what follows a NUL; bytes outside ASCII are kept apart, not read."""
    return value.split(b"\0", 1)[0].strip().decode("ascii", "surrogateescape")


def _are_defined(charset: Iterable[str]) -> bool:
    return all(term in _CODECS for term in charset)


def _names_windows(value: bytes) -> bool:
    words = re.split(rb"[ _\\\-]+", value.strip(b" \0").upper())
    return all(word.rstrip(b"0123456789") in _WINDOW_WORDS for word in words)


@dataclass(frozen=True)
class _Known:
    """What identifies the patient, or anybody, in this file, in lower case: ASCII words, and everything else as bytes."""

    words: frozenset[bytes]
    phrases: tuple[bytes, ...]


def _known(i: Received) -> _Known:
    found: set[bytes] = set()
    for element in _everywhere(i.header.elements):
        is_name = element.vr == "PN" or dictionary_vr(element.tag) == "PN"
        if not element.length or not (is_name or element.tag in _KNOWN_OF_PATIENT):
            continue
        value = i.header.value(element)[:_LOOKED_AT]
        found.update(re.split(rb"[\\=^\s\0]+", value.lower()))
        if is_name and not value.isascii():
            found.update(_other_spellings(value, i.charset))
    words = frozenset(text for text in found if len(text) >= 3 and _WORD.fullmatch(text))
    return _Known(words, tuple(text for text in found - words if len(text) >= 4))


def _other_spellings(value: bytes, charset: Sequence[str]) -> Iterator[bytes]:
    """Words outside ASCII of a name, and the name without spaces, in the encodings that other attributes may be in."""
    for text in _readings(value, charset):
        words = re.split(r"[\\=^\s]+", text)
        for word in (*(word for word in words if len(word) > 1), "".join(words)):
            if not word.isascii():
                # Lower case of bytes, not of text: the second byte of a GB18030 character may look like a letter.
                yield word.encode("utf-8").lower()
                yield word.encode("gb18030", "ignore").lower()


def _everywhere(elements: Iterable[Element]) -> Iterator[Element]:
    for element in elements:
        yield element
        for item in element.items or ():
            yield from _everywhere(item.elements)


def _mentions(text: bytes, known: _Known) -> bool:
    """Whether lower-case ``text`` holds something known: a word as a word, anything else anywhere."""
    if not known.words.isdisjoint(_WORD.findall(text)):
        return True
    return len(known.phrases) > _PHRASES or any(phrase in text for phrase in known.phrases)


def normalise(value: str) -> str:
    """A value as search compares it: NFKC, casefolded, no padding, one space between words."""
    return " ".join(unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", value).casefold()).split())


def _terms(i: Received) -> Iterator[tuple[str, str]]:
    terms: dict[tuple[str, str], None] = {}
    for element in i.header.elements:
        if element.items is not None or not element.length:
            continue
        if element.tag == _PATIENT_NAME:
            for text in _readings(i.header.value(element), i.charset):
                terms.update((("name", part), None) for part in _name_parts(text))
        elif element.tag in _TERM_KINDS:
            for text in _readings(i.header.value(element), i.charset):
                kind = _TERM_KINDS[element.tag]
                # Dates of ACR-NEMA times have dots in them.
                terms[kind, normalise(text.replace(".", "") if kind == "study_date" else text)] = None
    return (each for each in terms if each[1])


_TERM_KINDS: Final = {_PATIENT_ID: "patient_id", _ACCESSION: "accession", _STUDY_DATE: "study_date"}


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


def read_text(value: bytes, charset: Sequence[str]) -> str:
    """Text for somebody to read, under the stated character set or the likeliest other one. It never fails."""
    return next(_readings(value, charset), "")


def _readings(value: bytes, charset: Sequence[str]) -> Iterator[str]:
    """The text under the stated character set; where that is impossible, as the encodings in actual use have it."""
    value = value.split(b"\0", 1)[0].strip()
    if value.isascii() and b"\x1b" not in value:
        yield value.decode("ascii")
        return
    try:
        yield decode_text(value, charset)
    except (UnicodeDecodeError, LookupError):
        for codec in ("utf_8", "gb18030", "latin_1"):
            try:
                yield value.decode(codec)
            except UnicodeDecodeError:
                continue
            if codec == "utf_8":
                return


def decode_text(value: bytes, charset: Sequence[str]) -> str:
    """Text under the values of Specific Character Set, with code extensions (ISO 2022).

    Raises:
        UnicodeDecodeError: the bytes are not text in that character set.
        LookupError: a value is no defined term.
    """
    codec = _CODECS[charset[0] if charset else ""]
    if b"\x1b" not in value:
        return value.decode(codec)
    parts: list[str] = []
    position = 0
    for escape in (*_ESCAPE.finditer(value), None):
        stop = escape.start() if escape else len(value)
        parts.append(value[position:stop].decode(codec))
        if escape:
            codec = _ESCAPES[escape.group()]
            position = escape.start() if codec in _KEEP_THEIR_ESCAPE else escape.end()
    return "".join(parts)
