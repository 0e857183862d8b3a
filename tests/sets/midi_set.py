"""Studies as a public archive receives them, with an answer list: what must go, what must stay, what must agree.

Imitates the MIDI-B benchmark (Medical Image De-Identification Benchmark, 2024): synthetic identifiers in the attributes,
descriptions, comments, sequences, private attributes and pixels of ordinary studies, and ten types of checks. As there,
keeping counts as much as removing. ``OPTIONS`` are the options of PS3.15 that its answer list stands for.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from planting import Draft, Imagination, Part, Path, Person, digest, imagine

OPTIONS = ("clean-descriptors", "retain-modified-dates", "retain-patient-characteristics", "retain-safe-private")
TYPES = (
    "tag_retained", "text_notnull", "text_retained", "text_removed", "date_shifted", "uid_changed", "uid_consistent",
    "patid_consistent", "pixels_hidden", "pixels_retained",
)  # fmt: skip

_SOP = "1.2.840.10008.5.1.4.1.1."
_CLASSES = {"CR": "1", "DX": "1.1", "CT": "2", "MR": "4", "US": "6.1", "MG": "1.2", "PT": "128"}


@dataclass(frozen=True)
class Check:
    """One line of the answer list. ``text`` is what must go or stay, the old UID, id or date, or the digest of pixels."""

    type: str
    path: Path
    text: str
    category: str
    """``HIPAA``, ``DICOM`` or ``TCIA``, and after a colon which part of it."""
    where: tuple[slice, slice] | None = None
    glyphs: NDArray[np.bool_] | None = field(default=None, repr=False, compare=False)
    """For ``pixels_hidden``: the box in the pixels, and what is drawn in it."""


@dataclass(frozen=True)
class Case:
    """One file and its answers. ``patient`` is the id as received: one patient has one shift of dates."""

    name: str
    data: bytes = field(repr=False)
    patient: str
    checks: tuple[Check, ...]


@dataclass
class Answers:
    """A file on its way, and its answers."""

    draft: Draft
    checks: list[Check] = field(default_factory=list)

    def say(self, kind: str, path: Path, text: str, category: str) -> None:
        self.checks.append(Check(kind, path, text, category))

    def gone(self, part: Part, tag: int, vr: str, value: str, category: str, *, of: str | None = None) -> None:
        """``value`` is written, and ``of`` (or all of it) must go."""
        part.put(tag, vr, value)
        self.say("text_removed", (*part.above, tag), of or value.replace("^", " "), f"HIPAA: {category}")

    def stays(self, part: Part, tag: int, vr: str, value: str, category: str = "TCIA: kept values") -> None:
        part.put(tag, vr, value)
        self.say("text_retained", (*part.above, tag), value, category)

    def mixed(self, tag: int, vr: str, clinical: str, identifying: str, category: str, *, of: str | None = None) -> None:
        """A description with both: the clinical part stays, the other goes."""
        self.draft.put(tag, vr, f"{clinical} {identifying}")
        self.say("text_retained", (tag,), clinical, "TCIA: descriptions")
        self.say("text_removed", (tag,), of or identifying, f"HIPAA: {category}")

    def date(self, part: Part, tag: int, value: str, *, needed: bool = False, vr: str = "DA") -> None:
        part.put(tag, vr, value)
        self.say("date_shifted", (*part.above, tag), value, "HIPAA: C dates")
        if needed:
            self.say("text_notnull", (*part.above, tag), "", "DICOM: type 1 and 2")

    def uid(self, part: Part, tag: int, value: str) -> None:
        part.put(tag, "UI", value)
        self.say("uid_changed", (*part.above, tag), value, "DICOM: UIDs")
        self.say("uid_consistent", (*part.above, tag), value, "DICOM: UIDs")

    def present(self, tag: int) -> None:
        self.say("tag_retained", (tag,), "", "DICOM: type 1 and 2")


def midi_set(seed: int | str = 1, *, studies: int = 200, burned: bool = False) -> Iterator[Case]:
    """``studies`` studies of about half as many patients, two to four files each; ``burned`` draws text into some."""
    made = Imagination(f"midi {seed}")
    people: list[Person] = []
    for number in range(studies):
        modality = list(_CLASSES)[number % len(_CLASSES)]
        if people and made.random.random() < 0.45:
            # Another visit of somebody known: the same id, name and birth date, all else anew.
            before, visit = made.random.choice(people), imagine(made)
            who = Person(**{**vars(visit), **{key: getattr(before, key) for key in _PERMANENT}})
        else:
            who = imagine(made, name=f"{made.word()}^{made.word()}".upper())
            people.append(who)
        yield from _study(made, who, modality, number, burned=burned and modality in ("US", "CR", "DX") and number % 2 == 0)


_PERMANENT = ("name", "patient_id", "birth_date", "phone", "address", "family", "given")


def _study(made: Imagination, who: Person, modality: str, number: int, *, burned: bool) -> Iterator[Case]:
    slices = made.random.randint(2, 4)
    series, frame = made.uid(), made.uid()
    instances = [made.uid() for _ in range(slices)]
    age = made.random.randint(19, 88)
    texts = _texts(made, who, modality)
    for index, instance in enumerate(instances):
        draft = Draft(f"{number:04}-{index}.dcm")
        a = Answers(draft)
        draft.sop_class, draft.sop_instance = _SOP + _CLASSES[modality], instance
        a.stays(draft, 0x00080016, "UI", draft.sop_class, "DICOM: type 1 and 2")
        for tag, value in ((0x00080018, instance), (0x0020000D, who.study_uid), (0x0020000E, series)):
            a.uid(draft, tag, value)
        _patient(a, made, who, age)
        _visit(a, made, who)
        _technique(a, modality, index)
        _references(a, made, modality, index, instances, series, frame)
        for write in texts:
            write(a)
        _private(a, made, modality)
        _pixels(a, made, who, modality, burned=burned)
        yield Case(draft.name, draft.sample().data, who.patient_id, tuple(a.checks))


def _patient(a: Answers, made: Imagination, who: Person, age: int) -> None:
    d = a.draft
    a.gone(d, 0x00100010, "PN", who.name, "A names")
    d.put(0x00100020, "LO", who.patient_id)
    a.say("patid_consistent", (0x00100020,), who.patient_id, "DICOM: patient id")
    a.say("text_removed", (0x00100020,), who.patient_id, "HIPAA: H record numbers")
    a.say("text_notnull", (0x00100020,), "", "DICOM: type 1 and 2")
    a.date(d, 0x00100030, who.birth_date)
    a.present(0x00100030)
    a.stays(d, 0x00100040, "CS", made.random.choice("FM"), "TCIA: patient characteristics")
    a.stays(d, 0x00101010, "AS", f"{age:03}Y", "TCIA: patient characteristics")
    a.stays(d, 0x00101020, "DS", f"1.{made.random.randint(50, 95)}", "TCIA: patient characteristics")
    a.stays(d, 0x00101030, "DS", f"{made.random.randint(45, 110)}.5", "TCIA: patient characteristics")
    a.gone(d, 0x00101040, "LO", who.address, "B places")
    a.gone(d, 0x00102154, "SH", who.phone, "D telephones")
    a.gone(d, 0x00101000, "LO", made.number(), "H record numbers")
    a.gone(d, 0x00101060, "PN", made.name(), "A names")


def _visit(a: Answers, made: Imagination, who: Person) -> None:
    d = a.draft
    for tag in (0x00080020, 0x00080021, 0x00080022, 0x00080023):
        a.date(d, tag, who.study_date, needed=tag in (0x00080020, 0x00080023))
    a.date(d, 0x0008002A, who.study_date + who.study_time.partition(".")[0], vr="DT")
    a.stays(d, 0x00080030, "TM", who.study_time, "TCIA: times")
    a.gone(d, 0x00080050, "SH", who.accession, "H record numbers")
    a.present(0x00080050)
    a.gone(d, 0x00080080, "LO", who.hospital, "B places")
    a.gone(d, 0x00080081, "ST", made.address(), "B places")
    a.gone(d, 0x00080090, "PN", who.physician, "A names")
    a.present(0x00080090)
    for tag in (0x00081048, 0x00081050, 0x00081070, 0x00321032):
        a.gone(d, tag, "PN", made.name(), "A names")
    a.gone(d, 0x00081010, "SH", made.word(), "R other")
    a.gone(d, 0x00181000, "LO", made.number(), "M devices")
    a.gone(d, 0x00380010, "LO", made.number(), "H record numbers")
    a.gone(d, 0x00400253, "SH", made.number(), "H record numbers")
    a.date(d, 0x00400244, who.study_date)
    (request,) = d.items(0x00400275)
    request.put(0x00400007, "LO", "CT THORAX")
    request.put(0x00401001, "SH", made.number())
    a.stays(d, 0x00080070, "LO", made.random.choice(("SIEMENS", "GE MEDICAL SYSTEMS", "Philips", "FUJIFILM Corporation")))
    a.stays(d, 0x00081090, "LO", made.random.choice(("Discovery CT750 HD", "Ingenia", "Ysio Max", "LOGIQ E9")))


def _technique(a: Answers, modality: str, index: int) -> None:
    d = a.draft
    a.stays(d, 0x00080060, "CS", modality, "DICOM: type 1 and 2")
    a.stays(d, 0x00080008, "CS", "ORIGINAL\\PRIMARY")
    a.stays(d, 0x00200011, "IS", "2")
    a.stays(d, 0x00200013, "IS", str(index + 1))
    a.stays(d, 0x00180015, "CS", "BREAST" if modality == "MG" else "CHEST")
    values: dict[str, tuple[tuple[int, str, str], ...]] = {
        "CT": ((0x00180050, "DS", "1.25"), (0x00180060, "DS", "120"), (0x00181151, "IS", "213"), (0x00181210, "SH", "B60f")),
        "MR": (
            (0x00180080, "DS", "2000"),
            (0x00180081, "DS", "30.5"),
            (0x00180087, "DS", "1.5"),
            (0x00180024, "SH", "tse2d"),
        ),
        "PT": ((0x00541001, "CS", "BQML"), (0x00541102, "CS", "START"), (0x00180050, "DS", "3.27")),
        "US": ((0x00185012, "DS", "40"), (0x00186031, "CS", "CURVED LINEAR")),
    }
    film = ((0x00180060, "DS", "110"), (0x00181150, "IS", "8"), (0x00185101, "CS", "PA"), (0x00181164, "DS", "0.139\\0.139"))
    for tag, vr, value in values.get(modality, film):
        a.stays(d, tag, vr, value)


def _references(
    a: Answers, made: Imagination, modality: str, index: int, instances: list[str], series: str, frame: str
) -> None:
    d = a.draft
    if modality in ("CT", "MR", "PT"):
        a.uid(d, 0x00200052, frame)
        a.stays(d, 0x00200032, "DS", f"-150\\-150\\{index * 2.5}")
        a.stays(d, 0x00200037, "DS", "1\\0\\0\\0\\1\\0")
    (image,) = d.items(0x00081140)
    image.put(0x00081150, "UI", d.sop_class)
    a.uid(image, 0x00081155, instances[index - 1])
    (same,) = d.items(0x00081115)
    a.uid(same, 0x0020000E, series)
    (instance,) = same.items(0x0008114A)
    a.stays(instance, 0x00081150, "UI", d.sop_class, "DICOM: type 1 and 2")
    a.uid(instance, 0x00081155, instances[index - 1])
    a.uid(d, 0x00080014, made.uid())
    item = d.item(0x00082218)
    a.stays(item, 0x00080100, "SH", "51185008", "TCIA: codes")
    a.stays(item, 0x00080102, "SH", "SCT", "TCIA: codes")
    a.stays(item, 0x00080104, "LO", "Chest", "TCIA: codes")


def _texts(made: Imagination, who: Person, modality: str) -> list[Callable[[Answers], None]]:
    """Descriptions and comments of one study; some are free of identity, most are not."""
    pick = made.random.choice
    day = who.study_date
    birth = who.birth_date
    region = {"MG": "MAMMO SCREENING", "PT": "PET WHOLE BODY", "US": "US ABDOMEN COMPLETE"}.get(
        modality, f"{modality} CHEST"
    )
    email = f"{made.word().lower()}@{made.word().lower()}.org"
    doctor = made.word()
    social = f"{made.random.randint(100, 899)}-{made.random.randint(10, 99)}-{made.random.randint(1000, 9999)}"
    american = f"{day[4:6]}/{day[6:]}/{day[:4]}"
    dashed = f"{birth[:4]}-{birth[4:6]}-{birth[6:]}"
    family, given = who.family, who.given
    place = f"{made.random.randint(101, 989)} {made.word()} Street"
    said = (
        (f"{given} {family}", "A names", None),
        (f"for {family}, {given}", "A names", f"{family} {given}"),
        (f"MRN {who.patient_id}", "H record numbers", who.patient_id),
        (f"on {american}", "C dates", american),
        (f"tel {who.phone}", "D telephones", who.phone),
        (f"Dr. {doctor}", "A names", doctor),
        (f"at {who.hospital}", "B places", who.hospital),
        (f"acc {who.accession}", "H record numbers", who.accession),
        (f"DOB {dashed}", "C dates", dashed),
    )
    prose = (
        (f"lives at {place}", "B places", place),
        (f"mail {email}", "F e-mail", email),
        (f"SSN {social}", "G social security", social),
        (f"Patient {given} {family}", "A names", f"{given} {family}"),
        (f"call {who.phone}", "D telephones", who.phone),
    )
    of_study, of_series, of_protocol, of_comment = pick(said), pick(said), pick(said), pick(prose)
    sequence = {"CT": "LUNG B60f 1.25", "MR": "T2 TSE AXIAL", "PT": "AC CORRECTED"}.get(modality, "PA VIEW")
    return [
        partial(_mixed, 0x00081030, "LO", region, of_study),
        partial(_mixed, 0x0008103E, "LO", sequence, of_series if made.random.random() < 0.6 else None),
        partial(_mixed, 0x00181030, "LO", f"{region} ROUTINE", of_protocol if made.random.random() < 0.4 else None),
        partial(_mixed, 0x00204000, "LT", "Status post lobectomy, no pneumothorax.", of_comment),
        partial(_mixed, 0x00321060, "LO", f"{region} WITHOUT CONTRAST", pick(said) if made.random.random() < 0.4 else None),
        partial(_mixed, 0x001021B0, "LT", "cough and dyspnea, smoker", pick((*said, *prose))),
        partial(_mixed, 0x00104000, "LT", "claustrophobia", pick((*said, *prose))),
    ]


def _mixed(tag: int, vr: str, clinical: str, told: tuple[str, str, str | None] | None, a: Answers) -> None:
    if told is None:
        a.stays(a.draft, tag, vr, clinical, "TCIA: descriptions")
    else:
        a.mixed(tag, vr, clinical, told[0], told[1], of=told[2])


def _private(a: Answers, made: Imagination, modality: str) -> None:
    d = a.draft
    block = d.block(0x0029, "SIEMENS CSA HEADER")
    a.gone(d, block | 0x09, "LO", made.number(), "R other")
    block = d.block(0x0011, "LOCAL ARCHIVE")
    a.gone(d, block | 0x01, "LO", made.name(), "A names")
    if modality == "PT":
        # PS3.15 Table E.3.10-1 lists it: without the factor nobody can compute a standardized uptake value.
        safe = d.block(0x7053, "Philips PET Private Group")
        a.stays(d, safe | 0x00, "DS", "0.000455", "TCIA: safe private")


def _pixels(a: Answers, made: Imagination, who: Person, modality: str, *, burned: bool) -> None:
    d = a.draft
    rows, columns = (320, 480) if burned else (16, 16)
    wide = modality not in ("US",)
    top, kind = (4095, "<u2") if wide else (255, "u1")
    y, x = np.mgrid[0:rows, 0:columns]
    samples = ((x + y * 2 + made.random.randrange(40)) * (top // 4) // (rows + columns)).astype(kind)
    bits = 12 if wide else 8
    for tag, value in (
        (0x00280002, 1), (0x00280010, rows), (0x00280011, columns), (0x00280100, 16 if wide else 8), (0x00280101, bits),
        (0x00280102, bits - 1), (0x00280103, 0),
    ):  # fmt: skip
        d.put(tag, "US", value)
        a.present(tag)
    a.stays(d, 0x00280004, "CS", "MONOCHROME2", "DICOM: type 1 and 2")
    if burned:
        text = f"{who.family} {who.patient_id}"
        mask = drawn(text)
        box = slice(20, 20 + mask.shape[0]), slice(24, 24 + mask.shape[1])
        samples[box][mask] = top
        a.checks.append(Check("pixels_hidden", (0x7FE00010,), text, "HIPAA: pixels", box, mask))
    else:
        a.say("pixels_retained", (0x7FE00010,), digest(samples[None, :, :, None], bits_stored=bits), "TCIA: pixels")
    d.put(0x7FE00010, "OW" if wide else "OB", samples.tobytes())


def drawn(text: str, *, size: int = 22) -> NDArray[np.bool_]:
    """The strokes of ``text``. Needs Pillow, which comes with whatever reads text in pixels."""
    from PIL import Image, ImageDraw, ImageFont

    font: Any = ImageFont.load_default(size=size)
    left, upper, right, lower = font.getbbox(text)
    canvas = Image.new("L", (int(right - left) + 2, int(lower - upper) + 2))
    ImageDraw.Draw(canvas).text((1 - left, 1 - upper), text, fill=255, font=font)
    return np.asarray(canvas) > 96
