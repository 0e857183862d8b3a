"""What identifies in a received header, judged by VR and attribute, and how it may be written elsewhere.

Independent of the profile and its rules, so that ``residual`` can prove what they did. Names come in every order and script,
numbers with and without their zeros. Values too short or too common to mean anything are counted, not looked for: a false
alarm costs a good file.
"""

from __future__ import annotations

import re
import unicodedata
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from functools import cache, lru_cache
from typing import Final, NamedTuple

from pydicom.charset import CODES_TO_ENCODINGS, python_encoding
from pydicom.datadict import dictionary_description, keyword_dict

from leadglass.dicom.header import PIXEL_DATA, TEXT_VRS, Element, Header, Values, keyword
from leadglass.dicom.uids import STANDARD_ROOT


class Kind(StrEnum):
    """What an identifier is, for those who were told to keep some of them."""

    NAME = "name"
    ID = "id"
    UID = "uid"
    DATE = "date"
    TIME = "time"
    BIRTH = "birth date"
    INSTITUTION = "institution"
    DEVICE = "device"
    ADDRESS = "address"
    PHONE = "phone"
    TEXT = "text"


class Forms(NamedTuple):
    """How one value may be written.

    ``words`` are runs of letters, ``phrases`` such runs with something else between them, ``numbers`` digits with dots,
    ``dates`` eight digits, ``marks`` anything in ASCII, all in lower case; ``wide`` are encodings of other scripts.
    """

    words: tuple[bytes, ...] = ()
    phrases: tuple[bytes, ...] = ()
    numbers: tuple[bytes, ...] = ()
    dates: tuple[bytes, ...] = ()
    marks: tuple[bytes, ...] = ()
    wide: tuple[bytes, ...] = ()


@dataclass(frozen=True, eq=False)
class Identifiers:
    """What identifies in one received header: kind, value as encoded, and how it may be written.

    ``counted`` are the values, by kind, that are too short or too common to be looked for.
    """

    found: tuple[tuple[Kind, bytes, Forms], ...]
    counted: Mapping[Kind, int]


_KEYWORDS: Final = {
    Kind.ID: """
        PatientID OtherPatientIDs AccessionNumber StudyID AdmissionID ServiceEpisodeID MedicalRecordLocator
        InsurancePlanIdentification SpecimenAccessionNumber SpecimenIdentifier ContainerIdentifier RequestedProcedureID
        ScheduledProcedureStepID PerformedProcedureStepID PlacerOrderNumberProcedure FillerOrderNumberProcedure
        PlacerOrderNumberImagingServiceRequest FillerOrderNumberImagingServiceRequest InterpretationID
        PlacerOrderNumberImagingServiceRequestRetired FillerOrderNumberImagingServiceRequestRetired OwnerID BarcodeValue
        ClinicalTrialSubjectID ClinicalTrialSubjectReadingID ClinicalTrialProtocolID UniversalEntityID
    """,
    Kind.INSTITUTION: """
        InstitutionName InstitutionAddress InstitutionalDepartmentName IssuerOfPatientID StudyIDIssuer RequestingService
        PatientInstitutionResidence ScheduledPatientInstitutionResidence CurrentPatientLocation ResponsibleOrganization
        IssuerOfAdmissionID IssuerOfServiceEpisodeID ResultsIDIssuer InterpretationIDIssuer HumanPerformerOrganization
        VerifyingOrganization PerformedLocation RequestedProcedureLocation AssignedLocation
        OrderEntererLocation ClinicalTrialSponsorName ClinicalTrialSiteID ClinicalTrialSiteName
        ClinicalTrialProtocolName ClinicalTrialCoordinatingCenterName ClinicalTrialProtocolEthicsCommitteeName
        LocalNamespaceEntityID
    """,
    Kind.DEVICE: """
        ScheduledStudyLocation ScheduledProcedureStepLocation
        StationName ScheduledStationName PerformedStationName DeviceSerialNumber SourceSerialNumber LensSerialNumber DeviceID
        PlateID CassetteID GantryID GeneratorID DetectorID XRayDetectorID UniqueDeviceIdentifier DeviceUID
        SecondaryCaptureDeviceID HardcopyCreationDeviceID ManufacturerDeviceIdentifier CameraOwnerName RetrieveURL
        RetrieveURI SourcePresentationAddress SendingPresentationAddress ReceivingPresentationAddress
    """,
    Kind.ADDRESS: """
        PatientAddress ReferringPhysicianAddress PersonAddress DistributionAddress AddressTrial
    """,
    Kind.PHONE: """
        PatientTelephoneNumbers ReferringPhysicianTelephoneNumbers PersonTelephoneNumbers OrderCallbackPhoneNumber
        TelephoneNumberTrial PatientTelecomInformation PersonTelecomInformation OrderCallbackTelecomInformation
    """,
    Kind.TEXT: """
        PatientComments ImageComments FrameComments StudyComments VisitComments AdditionalPatientHistory ResultsComments
        RequestedProcedureComments ImagingServiceRequestComments CommentsOnThePerformedProcedureStep IdentifyingComments
        CommentsOnTheScheduledProcedureStep AcquisitionComments InterpretationText InterpretationDiagnosisDescription
        ImagePresentationComments ServiceEpisodeDescription MedicalAlerts Allergies Occupation PatientState SpecialNeeds
        MilitaryRank TextComments
    """,
}
_KIND_OF: Final = {word: kind for kind, words in _KEYWORDS.items() for word in words.split()}
_BIRTH_DATES: Final = frozenset({"PatientBirthDate", "PatientBirthDateInAlternativeCalendar"})
_SAYS_WHAT: Final = re.compile(
    "ClassUID|SyntaxUID|SOPClasses|^(CodingSchemeUID|ContextUID|MappingResourceUID|ContextGroupExtensionCreatorUID|"
    "PrivateInformationCreatorUID|TemplateExtension.*UID|CreatorVersionUID)$"
)
"""Attributes whose UIDs say of which class something is, not which one it is."""

_CHARSET: Final = 0x00080005
_LONG_TEXT: Final = 1 << 12
"""Bytes of one value that are read for identifiers."""

_NAMES_NOBODY: Final = """
    anonymous anonymized anonymised anonym anon unknown unnamed none test tests testing tester patient phantom dummy demo
    name sample example doctor physician operator technologist radiologist tech user admin administrator service quality
    default qa qc assurance control calibration emergency trauma other null undefined unspecified staff system deidentified
    removed
"""
_NOBODY: Final = frozenset(_NAMES_NOBODY.split())
"""Words where a name should be that name nobody."""

_TOO_COMMON: Final = """
    abdomen abdominal acute adult ankle anteroposterior aorta april arch artery august axilla back barium bilateral bladder
    black bones brown cancer canon carestream cavity central cervical chest child clavicle clinic coccyx college contrast
    coronal cross december department diagnostic elbow emergency erect female femur fever finger fluoroscopy foot forearm
    fracture fuji fujifilm good grace gray great hand health healthcare hernia high hill hips hitachi hologic hope hospital
    humerus imaging infant inspiration january july june kidney knee kodak konica leaf lateral liver long lumbar lung lungs
    lymph male mandible march mediastinum medical minolta mobile mobilett neck newborn nodule normal north november october
    orbit pancreas patella pediatric pelvis pelvic philips pixel pleura pneumonia portable posteroanterior prone radiology
    renal research ribs rose sacrum samsung sagittal saturday scapula september shimadzu shoulder siemens single sinus skull
    south spine spring stomach stone street strong summer sunday supine surgery swallow sweet temple theatre thigh thorax
    throat thumb thursday thyroid tibia toes tomography toshiba trachea tuesday unit ureter urinary uterus vein view views
    ward wednesday west wood wrist young supply street road avenue lane city state county country district ground floor room
    building laboratory faculty center centre archive pacs storescp storescu findscu movescu anyscp server client gateway
    router workstation dcm4chee orthanc conquest osirix horos local localhost
"""
_DUMMY_DATES: Final = frozenset({b"18581117", b"19000101"})
_PRINTABLE: Final = bytes(range(32, 127))
FEW_LETTERS: Final = 4
_FEW_DIGITS: Final = 6


@cache
def _common() -> frozenset[str]:
    """Words that mean nothing alone: those of the standard's own attribute names, and of radiology."""
    own: set[str] = set()
    for tag in keyword_dict.values():
        own.update(re.findall("[a-z]{4,}", dictionary_description(tag).lower()))
    return frozenset(own) | frozenset(_TOO_COMMON.split()) | _NOBODY


@lru_cache(maxsize=1 << 14)
def _kind(tag: int, vr: str) -> tuple[Kind, str] | None:
    """Kind and way of reading of the values of an attribute; None for what does not identify."""
    word = keyword(tag)
    if word in _KIND_OF and vr != "SQ":
        kind = _KIND_OF[word]
        return kind, {Kind.ID: "id", Kind.PHONE: "phone", Kind.TEXT: "text"}.get(kind, "uid" if vr == "UI" else "phrase")
    if vr == "PN":
        return Kind.NAME, "name"
    if vr == "UI":
        return None if _SAYS_WHAT.search(word) else (Kind.UID, "uid")
    if vr in ("DA", "DT"):
        return Kind.BIRTH if word in _BIRTH_DATES else Kind.DATE, "date"
    if vr == "TM":
        return Kind.TIME, "time"
    if vr == "AE":
        return Kind.DEVICE, "phrase"
    if tag >> 16 & 1 and tag & 0xFFFF > 0xFF and vr not in ("CS", "DS", "IS", "FD", "FL", "SL", "SS", "UL", "US"):
        return Kind.TEXT, "blob"
    if word == "PrivateInformation" or vr == "SQ":
        return Kind.TEXT, "blob"
    return None


def kind_of(tag: int, vr: str) -> Kind | None:
    """Of which kind the values of an attribute are; None for what does not identify."""
    found = _kind(tag, vr)
    return found and found[0]


def identifiers(header: Header, charset: Sequence[str] = ()) -> Identifiers:
    """Everything in a received header that identifies, at every depth, in file meta, preamble and trailing bytes as well.

    ``charset`` holds the values of Specific Character Set.
    """
    found: dict[tuple[Kind, bytes], Forms] = {}
    counted: Counter[Kind] = Counter()
    every = (*header.meta, *header.elements)
    _read_values(header, every, charset, found, counted)
    named = b"\n".join(value for kind, value in found if kind is Kind.NAME)
    if _names_another(header.head, named) or _names_another(header.tail, named):
        _read_misplaced(header, every, named, found, counted)
    for offset, length in ((0, min(128, header.start)), (header.trailing, _LONG_TEXT)):
        _add(found, counted, Kind.TEXT, "blob", header.read(offset, min(length, header.source.size - offset)), ())
    return Identifiers(tuple((kind, value, forms) for (kind, value), forms in found.items()), counted)


def identifiers_of(elements: Sequence[Element], header: Values, charset: Sequence[str] = ()) -> Identifiers:
    """What identifies in these elements of a header, for callers who have seen the others."""
    found: dict[tuple[Kind, bytes], Forms] = {}
    counted: Counter[Kind] = Counter()
    _read_values(header, elements, charset, found, counted)
    if any(b"^" in header.read(element.value, element.length) for element in elements):
        named = b"\n".join(value for kind, value in found if kind is Kind.NAME)
        _read_misplaced(header, elements, named, found, counted)
    return Identifiers(tuple((kind, value, forms) for (kind, value), forms in found.items()), counted)


def _read_values(
    header: Values,
    elements: Iterable[Element],
    charset: Sequence[str],
    found: dict[tuple[Kind, bytes], Forms],
    counted: Counter[Kind],
) -> None:
    terms_above = tuple(charset)
    for element in elements:
        if element.items is not None:
            _read_leaves(header, element, terms_above, found, counted)
            continue
        reading = _kind(element.tag, element.vr)
        if reading is not None and element.length and element.tag != PIXEL_DATA:
            value = header.read(element.value, min(element.length, _LONG_TEXT))
            _add(found, counted, *reading, value, terms_above)


def _read_leaves(
    header: Values,
    sequence: Element,
    charset: tuple[str, ...],
    found: dict[tuple[Kind, bytes], Forms],
    counted: Counter[Kind],
) -> None:
    for element, terms in _leaves(header, (sequence,), charset):
        reading = _kind(element.tag, element.vr)
        if reading is not None and element.length:
            value = header.read(element.value, min(element.length, _LONG_TEXT))
            _add(found, counted, *reading, value, terms)


def _read_misplaced(
    header: Values,
    elements: Iterable[Element],
    named: bytes,
    found: dict[tuple[Kind, bytes], Forms],
    counted: Counter[Kind],
) -> None:
    """Names of somebody where no name belongs."""
    for element, _ in _leaves(header, elements, ()):
        value = header.read(element.value, min(element.length, _LONG_TEXT))
        if b"^" in value and _names_another(value, named) and (element.vr in TEXT_VRS or _is_text(value)):
            _add(found, counted, Kind.TEXT, "blob", value, ())


def _is_text(value: bytes) -> bool:
    """Whether a binary value is text but for its padding: among samples and floats a caret between letters is chance."""
    said = value.translate(None, b"\0")
    return 8 * len(said.translate(None, _PRINTABLE)) < len(said)


def _names_another(data: bytes, named: bytes) -> bool:
    """Whether there is something like a name with carets that is none of those in ``named``."""
    at = data.find(b"^")
    while at >= 0:
        around = data[max(at - 2, 0) : at + 2]
        if len(around) == 4 and around.replace(b"^", b"").isalpha() and around not in named:
            return True
        at = data.find(b"^", at + 1)
    return False


def _leaves(
    header: Values, elements: Iterable[Element], charset: tuple[str, ...]
) -> Iterator[tuple[Element, tuple[str, ...]]]:
    for element in elements:
        if element.tag == PIXEL_DATA:
            continue
        if element.items is None:
            yield element, charset
            continue
        for item in element.items:
            terms = charset
            for inner in item.elements:
                if inner.tag == _CHARSET:
                    terms = tuple(header.value(inner).decode("ascii", "replace").replace("\0", " ").split("\\"))
                    break
            yield from _leaves(header, item.elements, terms)


def _add(
    found: dict[tuple[Kind, bytes], Forms],
    counted: Counter[Kind],
    kind: Kind,
    reading: str,
    value: bytes,
    charset: tuple[str, ...],
) -> None:
    value = value.strip(b"\0 ")
    if not value or (kind, value) in found:
        return
    forms = _forms(reading, value, charset if not value.isascii() or b"\x1b" in value else ())
    if forms is None:
        if reading != "blob":
            counted[kind] += 1
    else:
        found[kind, value] = forms


@lru_cache(maxsize=1 << 12)
def _forms(reading: str, value: bytes, charset: tuple[str, ...]) -> Forms | None:
    """How a value may be written; None where it is too short or too common to be looked for."""
    made = _Making()
    if reading == "blob":
        _read_blob(made, value)
    elif reading == "uid":
        for uid in re.findall(rb"[0-9]+(?:\.[0-9]+)+", value):
            made.uid(uid)
    elif reading == "time":
        # A time of day is everybody's, a time to the millisecond is not.
        made.numbers.update(re.findall(rb"[0-9]{6}\.[0-9]{0,3}[1-9][0-9]*", value))
    elif reading == "date":
        for digits in re.findall(rb"(?<![0-9])(?:[0-9]{8}|[0-9]{4}[-./][0-9]{2}[-./][0-9]{2})", value):
            made.date(digits.translate(None, b"-./"))
    else:
        read = {"name": _read_name, "id": _read_id, "phone": _read_phone, "phrase": _read_phrase, "text": _read_text}[
            reading
        ]
        for text in _texts(value, charset):
            for part in [text] if reading == "text" else text.split("\\"):
                read(made, unicodedata.normalize("NFKC", part).strip())
        if reading == "name" and not value.isascii():
            # However the text was to be decoded, its bytes as they stand are not to come back.
            made.wide.update(part for part in re.split(rb"[=^\\]", value) if len(part) >= 4 and not part.isascii())
    return made.forms()


class _Making:
    """The forms of one value while they are put together."""

    def __init__(self) -> None:
        self.words: set[str] = set()
        self.phrases: set[str] = set()
        self.numbers: set[bytes] = set()
        self.dates: set[bytes] = set()
        self.marks: set[str] = set()
        self.wide: set[bytes] = set()

    def forms(self) -> Forms | None:
        words, phrases, marks = (
            tuple(sorted(each.encode() for each in some)) for some in (self.words, self.phrases, self.marks)
        )
        made = Forms(words, phrases, tuple(sorted(self.numbers)), tuple(sorted(self.dates)), marks, tuple(sorted(self.wide)))
        return made if any(made) else None

    def word(self, word: str) -> None:
        if len(word) >= FEW_LETTERS and word not in _common():
            self.words.add(word)

    def phrase(self, words: Sequence[str]) -> None:
        if len(words) > 1:
            self.phrases.add(" ".join(words))

    def uid(self, uid: bytes) -> None:
        if not uid.startswith(STANDARD_ROOT.encode()) and (len(uid) >= 20 or (uid.count(b".") >= 4 and len(uid) >= 9)):
            self.numbers.add(uid)

    def date(self, digits: bytes) -> None:
        if digits not in _DUMMY_DATES and b"18500101" <= digits <= b"21001231" and _is_day(digits):
            self.dates.add(digits)

    def number(self, digits: str) -> None:
        significant = _FEW_DIGITS - (digits[:1] == "0")
        if len(digits) >= significant and len(set(digits)) > 1:
            self.numbers.add(digits.encode())
            bare = digits.lstrip("0")
            if len(bare) >= _FEW_DIGITS:
                self.numbers.add(bare.encode())

    def other(self, text: str) -> None:
        """The encodings of text in another script than ASCII."""
        for codec in _CODECS:
            try:
                encoded = text.encode(codec)
            except UnicodeEncodeError:
                continue
            if codec.startswith("iso2022"):
                # What follows the text goes back to ASCII.
                encoded = encoded.removesuffix(b"\x1b(B").removesuffix(b"\x0f")
            # In UTF-16 two characters may look like four letters, which are everywhere.
            if len(encoded) >= 4 and (len(encoded) >= 6 or not (encoded.isascii() and encoded.decode().isprintable())):
                self.wide.add(encoded)


def _is_day(digits: bytes) -> bool:
    return b"01" <= digits[4:6] <= b"12" and b"01" <= digits[6:8] <= b"31"


_SCRIPTS: Final = (
    "utf_8 utf_16_le utf_16_be gb18030 big5 shift_jis euc_jp euc_kr iso2022_jp iso2022_jp_2 latin_1 iso8859_2 iso8859_3 "
    "iso8859_4 iso8859_5 iso8859_6 iso8859_7 iso8859_8 iso8859_9 iso8859_11 iso8859_15 koi8_r cp1251"
)
_CODECS: Final = tuple(_SCRIPTS.split())
_LETTERS: Final = str.maketrans({"ø": "o", "æ": "ae", "œ": "oe", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "ı": "i"})
_UMLAUTS: Final = str.maketrans({"ä": "ae", "ö": "oe", "ü": "ue", "å": "aa"})


def _folded(text: str) -> str:
    """Lower-case ASCII letters as somebody without others writes them."""
    plain = unicodedata.normalize("NFKD", text.casefold().translate(_LETTERS))
    return "".join(each for each in plain if not unicodedata.combining(each))


def _words(text: str) -> list[str]:
    return re.findall("[a-z]+", _folded(text))


def _is_ideographic(text: str) -> bool:
    """Whether the text is in a script that writes a name in two or three characters."""
    return any(each >= "\u2e80" for each in text)


def _read_name(made: _Making, text: str) -> None:
    for group in text.split("="):
        components = [each.strip() for each in group.split("^")]
        _read_letters(made, components)
        if not group.isascii():
            _read_letters(made, [each.casefold().translate(_UMLAUTS) for each in components])
            _read_script(made, [each for each in components[:2] if each])


def _read_letters(made: _Making, components: Sequence[str]) -> None:
    words = [_words(each) for each in components]
    flat = [word for each in words for word in each]
    for word in flat:
        made.word(word)
    if len(words) > 1 and words[0] and words[1]:
        family, given = words[0], words[1]
    else:
        family, given = flat[:1], flat[1:]
    if _NOBODY.issuperset(flat) or not given or sum(map(len, family + given)) < 5:
        return
    for order in (family + given, given + family):
        made.phrase(order)
        made.word("".join(order))


def _read_script(made: _Making, components: Sequence[str]) -> None:
    """Names in other scripts: every component that is long enough, and all of them with what may stand between."""
    for text in components:
        if text.isascii():
            continue
        if _is_ideographic(text):
            if len(text) > 1:
                made.other(text)
            continue
        for word in re.findall(r"[^\W\d_]{4,}", text):
            if not word.isascii():
                for written in {word, word.upper(), word.lower(), word.title()}:
                    made.other(written)
    if len(components) > 1 and _is_ideographic("".join(components)):
        for between in ("", "^", " ", "\u3000"):
            made.other(between.join(components))


def _read_id(made: _Making, text: str) -> None:
    digits = re.sub("[^0-9]", "", text)
    if not text.isascii():
        if len(text) >= 3:
            made.other(text)
    elif text.isdigit():
        made.number(text)
    elif text.isalpha():
        made.word(text.lower())
    elif len(text) >= 5 and (
        len(digits) >= 2 or any(word not in _common() for word in re.findall("[a-z]{5,}", text.lower()))
    ):
        made.marks.add(text.lower())
        compact = re.sub("[^0-9a-z]", "", text.lower())
        if len(compact) >= _FEW_DIGITS and not compact.isdigit():
            made.marks.add(compact)
        for run in re.findall("[0-9]+", text):
            made.number(run)


def _read_phone(made: _Making, text: str) -> None:
    digits = re.sub("[^0-9]", "", text)
    if len(digits) >= _FEW_DIGITS + 1:
        made.number(digits)
        if len(text) <= 2 * len(digits):
            made.marks.add(text.lower())


def _read_phrase(made: _Making, text: str) -> None:
    """Names of places, services and devices: whole, since their words are common ones."""
    words = _words(text)
    letters = sum(map(len, words))
    if not text.isascii() and _is_ideographic(text) and len(text) >= 3:
        made.other(text)
    meaning = [word for word in words if word not in _common()]
    if len(words) <= 1 or letters < FEW_LETTERS + 2:
        if any(each.isdigit() for each in text):
            _read_id(made, text)
        elif words and text.isascii():
            made.word(words[0])
    elif meaning or len(words) > 3:
        made.phrase(words)
        if letters >= 2 * FEW_LETTERS and meaning:
            made.word("".join(words))
    if len(text) >= 2 * FEW_LETTERS and text.isascii() and letters < len(re.sub(r"\W", "", text)) and len(words) > 1:
        # With a number in it, even common words are an address.
        made.marks.add(text.lower())


def _read_text(made: _Making, text: str) -> None:
    words = _words(text)
    if len(words) >= 3 and sum(map(len, words)) >= 20:
        made.phrase(words[:16])
    for run in re.findall("[0-9]{7,}", text):
        made.number(run)
    _read_blob(made, text.encode("utf-8", "ignore"))
    script = re.search(r"[\u2e80-\uffef]{8,}", text)
    if script:
        made.other(script[0][:16])


def _read_blob(made: _Making, value: bytes) -> None:
    """Names with carets and long UIDs in what is no text of the standard's."""
    if b"^" in value:
        for name in re.findall(rb"[A-Za-z][A-Za-z'-]{1,30}\^[A-Za-z][A-Za-z'^ -]{0,40}", value)[:64]:
            _read_name(made, name.decode("ascii"))
    for token in set(value.translate(NUMBERS_ONLY).split()):
        if len(token) >= 20 and token.count(b".") >= 5:
            made.uid(token.strip(b"."))


def _texts(value: bytes, charset: Sequence[str]) -> Iterator[str]:
    """The text under the stated character set, and under others that it may really be in; duplicates do no harm."""
    if value.isascii() and b"\x1b" not in value:
        yield value.decode("ascii")
        return
    if b"\x1b" in value:
        yield _extended(value, charset)
        return
    stated = [python_encoding.get(term.strip(), "") for term in charset[:1]]
    for codec in dict.fromkeys((*stated, "utf_8", "gb18030", "latin_1")):
        try:
            yield value.decode(codec)
        except (UnicodeDecodeError, LookupError):
            continue
        if codec.lower().replace("-", "").replace("_", "") == "utf8":
            return


def _extended(value: bytes, charset: Sequence[str]) -> str:
    """Text with code extensions (PS3.5 6.1.2.5); what cannot be decoded is left out."""
    codec = python_encoding.get(charset[0].strip() if charset else "", "latin_1")
    parts: list[str] = []
    for piece in re.split(rb"(?=\x1b)", value):
        escape = next((each for each in CODES_TO_ENCODINGS if piece.startswith(each)), b"")
        if escape:
            codec = CODES_TO_ENCODINGS[escape]
        # The codecs of 7-bit sets want their escape sequence, those of 8-bit sets do not know it.
        parts.append((piece if codec.startswith("iso2022") else piece[len(escape) :]).decode(codec, "ignore"))
    return "".join(parts)


# Bytes by class.


def table(kept: bytes, *, lower: bool = False) -> bytes:
    return bytes(
        ord(chr(byte).lower()) if lower and byte < 128 and byte in kept else byte if byte in kept else 32
        for byte in range(256)
    )


ALPHABET: Final = bytes(range(65, 91)) + bytes(range(97, 123))
LETTERS_ONLY: Final = table(ALPHABET, lower=True)
NUMBERS_ONLY: Final = table(b"0123456789.")
