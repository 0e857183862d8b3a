"""People who do not exist, with everything that would identify them if they did.

Names, numbers and places are made up. Each string in ``Patient`` is planted in the films of that patient, some of them many
times: in attributes, in prose, in nested sequences and in private elements.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType

from pydicom.uid import generate_uid


@dataclass(frozen=True)
class Patient:
    """A made-up patient at one visit. ``charset`` is the Specific Character Set in which the films write it.

    ``name`` and the names of staff are PN values with all their component groups.
    """

    name: str
    patient_id: str
    national_id: str
    birth_date: str
    sex: str
    address: str
    phone: str
    occupation: str
    history: str
    accession: str
    study_id: str
    study_date: str
    study_time: str
    institution: str
    institution_address: str
    department: str
    referrer: str
    performer: str
    operator: str
    station: str
    device_serial: str
    order_number: str
    admission: str
    comment: str
    charset: tuple[str, ...]

    def uid(self, *words: str) -> str:
        """A UID of this visit, always the same for the same words (PS3.5 B.2, derived from UUIDs)."""
        return str(generate_uid(prefix="2.25.", entropy_srcs=["leadglass example", self.accession, *words]))


_NOT_IDENTIFYING = frozenset({"sex", "charset", "study_time", "department", "occupation"})


def planted(patient: Patient) -> tuple[str, ...]:
    """The strings that must be found nowhere once the patient's films are clean, longest first.

    Names stand whole, by component group and by their parts. Parts so short that they turn up by chance (a single Chinese
    character, three Latin letters) are left out.
    """
    found: set[str] = set()
    for field in fields(patient):
        if field.name in _NOT_IDENTIFYING:
            continue
        value = getattr(patient, field.name)
        found.add(value)
        if field.name in ("name", "referrer", "performer", "operator"):
            for group in value.split("="):
                found.update((group, group.replace("^", ""), *group.split("^")))
    found.update(uids(patient).values())
    return tuple(sorted((text for text in found if _telling(text)), key=lambda text: (-len(text), text)))


def uids(patient: Patient) -> dict[str, str]:
    """The UIDs that all films of the visit share; the SOP Instance UID is each film's own."""
    series = {f"series_uid_{view.lower()}": patient.uid("series", view) for view in ("PA", "AP", "LL")}
    words = {
        "study_uid": "study",
        "frame_of_reference_uid": "frame of reference",
        "device_uid": "device",
        "step_uid": "procedure step",
    }
    return {name: patient.uid(word) for name, word in words.items()} | series


def _telling(text: str) -> bool:
    return len(text) >= 4 if text.isascii() else len(text.encode()) >= 5


def facts(patient: Patient) -> Mapping[str, str]:
    """Every planted value by what it is: ``Patient``'s fields, and the UIDs."""
    named = {field.name: getattr(patient, field.name) for field in fields(patient) if field.name != "charset"}
    return MappingProxyType({**named, **uids(patient)})


WANG = Patient(
    name="Wang^Xiaodong=王^小东",
    patient_id="P0083817264",
    national_id="110105197203190018",
    birth_date="19720319",
    sex="M",
    address="北京市朝阳区示例路88号6单元1203室",
    phone="+86 10 5550 0142",
    occupation="教师",
    history="王小东，男，咳嗽两周，发热三天。既往吸烟史。联系电话 +86 10 5550 0142",
    accession="CR2611240017",
    study_id="S-77120",
    study_date="20261124",
    study_time="093142.250",
    institution="示例第一人民医院",
    institution_address="北京市海淀区样本大街1号",
    department="放射科",
    referrer="Li^Meihua=李^美华",
    performer="Chen^Guoqiang=陈^国强",
    operator="Zhao^Lijuan=赵^丽娟",
    station="DRROOM3",
    device_serial="SN-DX-440917",
    order_number="ORD-261124-0931",
    admission="ADM-5520931",
    comment="Patient Wang Xiaodong (王小东) asked for a copy",
    charset=("GB18030",),
)

MUELLER = Patient(
    name="Müller^Jörg^Anton^Dr.",
    patient_id="KH-4471902",
    national_id="M190458K337",
    birth_date="19580419",
    sex="M",
    address="Musterstraße 17, 04109 Beispielstadt",
    phone="+49 341 5550199",
    occupation="Schlosser",
    history="Herr Müller, Zustand nach Pneumonie rechts. Verlaufskontrolle, Rückruf an +49 341 5550199",
    accession="A-2026-118833",
    study_id="St118833",
    study_date="20261123",
    study_time="141507",
    institution="Beispielklinikum Süd",
    institution_address="Am Übungsplatz 4, 04109 Beispielstadt",
    department="Radiologie",
    referrer="Weiß^Änne^^Dr.",
    performer="Größmann^Ulf",
    operator="Jäger^Katrin",
    station="ROE-TH-02",
    device_serial="4471-0093-K",
    order_number="AUF-0087731",
    admission="FALL-9920714",
    comment="Aufnahme im Stehen; Herr Müller ist schwerhörig",
    charset=("ISO_IR 100",),
)

TANAKA = Patient(
    name="Tanaka^Haruka=田中^遥香=たなか^はるか",
    patient_id="T-2290-5518",
    national_id="JP-NHI-31140972",
    birth_date="19891207",
    sex="F",
    address="見本県例示市中央3丁目14番9号",
    phone="+81 3 5550 0177",
    occupation="看護師",
    history="田中遥香さん、健診で異常影を指摘。連絡先 +81 3 5550 0177",
    accession="2026-CX-05518",
    study_id="CX05518",
    study_date="20261120",
    study_time="101530.5",
    institution="例示総合病院",
    institution_address="見本県例示市本町1丁目2番3号",
    department="放射線科",
    referrer="Sato^Kenta=佐藤^健太=さとう^けんた",
    performer="Suzuki^Emi=鈴木^絵美=すずき^えみ",
    operator="Ito^Daichi=伊藤^大地=いとう^だいち",
    station="CXR-B1-01",
    device_serial="JX90-22817",
    order_number="RQ-90021-7731",
    admission="IN-2026-44107",
    comment="Tanaka Haruka 様、金属アクセサリーを外して撮影",
    charset=("ISO_IR 192",),
)

OKONKWO = Patient(
    name="Okonkwo^Adaeze^Grace",
    patient_id="MRN00917733",
    national_id="NIN-55-80917-331",
    birth_date="19450802",
    sex="F",
    address="12 Sample Close, Exampleton EX4 7MP",
    phone="+44 1632 960 155",
    occupation="Retired",
    history="Mrs Okonkwo, in bed on ward 7, short of breath since this morning. Daughter on +44 1632 960 155",
    accession="ACC7720411",
    study_id="7720411",
    study_date="20261119",
    study_time="062205",
    institution="Exampleton General Hospital",
    institution_address="Specimen Road, Exampleton EX1 2AB",
    department="Radiology",
    referrer="Fairweather^Imogen^^Dr",
    performer="Pemberton^Rhys",
    operator="Lindqvist^Saga",
    station="MOBILE-DR-7",
    device_serial="MDR7-00213",
    order_number="REQ-5599120",
    admission="ADT-120-7733",
    comment="Mobile film at the bedside of Mrs Okonkwo, sitting",
    charset=("ISO_IR 100",),
)

LIU = Patient(
    name="Liu^Yanfang=刘^燕芳",
    patient_id="0004419287",
    national_id="310104194811023321",
    birth_date="19481102",
    sex="F",
    address="上海市徐汇区样例路5弄22号401室",
    phone="+86 21 5550 0188",
    occupation="退休",
    history="刘燕芳，女，心脏术后第三天，床旁复查。家属电话 +86 21 5550 0188",
    accession="DX26112200391",
    study_id="DX00391",
    study_date="20261122",
    study_time="200114",
    institution="样例大学附属医院",
    institution_address="上海市黄浦区示范路200号",
    department="影像科",
    referrer="Sun^Jianping=孙^建平",
    performer="Zhou^Wenjing=周^文静",
    operator="Huang^Zhiming=黄^志明",
    station="ICU-DR-2",
    device_serial="ICU2-7741K",
    order_number="REQ-26112200391",
    admission="ZY-3310982",
    comment="ICU bed 12, Liu Yanfang (刘燕芳), portable",
    charset=("GB18030",),
)

MUELLER_AGAIN = replace(
    MUELLER,
    accession="A-2026-131207",
    study_id="St131207",
    study_date="20261215",
    study_time="083311",
    history="Herr Müller, Kontrolle nach Antibiose, beschwerdefrei. Rückruf an +49 341 5550199",
    order_number="AUF-0091144",
    admission="FALL-9931288",
)
"""The same patient three weeks later."""

PATIENTS = (WANG, MUELLER, TANAKA, OKONKWO, LIU)
