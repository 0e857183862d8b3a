"""What identifies a patient is nowhere in the clear: not in the site's files, not in what leaves, not in what is printed.

Every byte is searched for every planted value, in every encoding that a program might have put it into. Sealed bytes are
random, so a needle of four or five bytes, or of a few digits among the digits of UIDs and digests, turns up by chance once
in some dozen runs. Such a find is confirmed in a second site with other keys: what leaks, leaks there too. Shorter
ones (one Chinese character, "Emi") are in every ciphertext; they are looked for as words, in whatever is text.
"""

from __future__ import annotations

import base64
import json
import re
from base64 import b64decode
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pydicom.uid import ImplicitVRLittleEndian, JPEG2000Lossless, JPEGLSLossless, RLELossless
from world import enrol, granted

from leadglass.anatomy.outline import Outlines
from leadglass.assemble.site import open_site
from leadglass.dicom.frames import decode, png
from leadglass.dicom.instance import scan
from leadglass.dicom.sealed import ENCRYPTED_ATTRIBUTES, decode_sealed
from leadglass.dicom.source import BytesSource, Source
from leadglass.flows.ingest import ingest
from leadglass.flows.lift import lift
from leadglass.flows.open import read_key_file
from leadglass.flows.record import SITE_KEY, read_record
from leadglass.flows.release import release
from leadglass.flows.session import Session
from leadglass.flows.vault import open_part
from leadglass.model.access import Action, Actor, Purpose, Request, Role
from leadglass.model.entry import Entry
from leadglass.model.frame import Frame
from leadglass.model.ids import BlobId, PersonName
from leadglass.model.instance import Part, StoredInstance
from leadglass.model.region import RegionKind
from leadglass.model.release import Release
from leadglass.policy.decide import load
from leadglass.ports import Transaction
from leadglass.seal.cms import kek_ids, open_authenveloped
from leadglass.site import Site
from leadglass.testing.films import PATIENTS, Patient, planted, small_film, small_outlines, small_samples
from leadglass.testing.memory import MemoryDatabase, MemoryOutlet, memory_site

Leadglass = Callable[..., Any]

WANG, TANAKA = PATIENTS[0], PATIENTS[2]
SAID = "the daughter, Ngozi, telephoned about the broken rib"
"""Free text that people type about a request; those who may read the history see it, the files do not show it."""

SURE = 6
"""Bytes. By chance this many stand somewhere in ten megabytes of noise once in thirty million searches."""
SURE_DIGITS = 12
"""Decimal digits: UIDs and digests are made of digits too."""


# --- needles ----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Needle:
    """Bytes that say something about a patient, and whether finding them can be chance."""

    text: str
    data: bytes
    sure: bool


def needles(texts: Iterable[str]) -> tuple[Needle, ...]:
    """Every text in every way it might have been written."""
    found = {}
    for text in texts:
        for data in written(text):
            sure = len(data) >= SURE and not (text.isdigit() and len(text) < SURE_DIGITS)
            found[data] = Needle(text, data, sure)
    return tuple(found.values())


def written(text: str) -> Iterator[bytes]:
    """Character encodings, upper and lower case, the escapes of JSON, hexadecimal, base64, and numbers as integers."""
    for said in {text, text.lower(), text.upper()}:
        for encoding in ("utf-8", "utf-16-le", "utf-16-be", "gb18030", "gbk", "latin-1"):
            try:
                yield said.encode(encoding)
            except UnicodeEncodeError:
                continue
        yield json.dumps(said)[1:-1].encode()
    plain = text.encode()
    if len(plain) >= SURE:
        yield plain.hex().encode()
        yield plain.hex().upper().encode()
        for shift in range(3):
            # Of the first and last characters some bits belong to the neighbours.
            inner = base64.b64encode(bytes(shift) + plain)[4 if shift else 0 : -4]
            if len(inner) > SURE:
                yield inner
    number = text.removeprefix("2.25.")
    if number.isdigit():
        yield number.encode()
        size = max(4 if int(number) < 1 << 32 else 8, -(-int(number).bit_length() // 8))
        yield int(number).to_bytes(size, "little")
        yield int(number).to_bytes(size, "big")


def dashed(date: str) -> str:
    return f"{date[:4]}-{date[4:6]}-{date[6:]}"


def brief_parts(patient: Patient) -> set[str]:
    """The parts of names that ``planted`` leaves out for their brevity; titles name nobody."""
    values = (patient.name, patient.referrer, patient.performer, patient.operator)
    parts = {part for value in values for group in value.split("=") for part in group.split("^")[:3] if part}
    return parts - set(planted(patient))


def finds(places: Mapping[str, bytes], looked_for: Iterable[Needle]) -> set[tuple[str, Needle]]:
    """Where which needle is. Names of places are searched like their bytes."""
    # Thousands of needles in megabytes: a table of their first three bytes says where it is worth to compare.
    starting: dict[bytes, list[Needle]] = {}
    starts = np.zeros(1 << 24, dtype=np.bool_)
    for needle in looked_for:
        starting.setdefault(needle.data[:3], []).append(needle)
        starts[int.from_bytes(needle.data[:3], "little")] = True
    found: set[tuple[str, Needle]] = set()
    for place, content in places.items():
        data = place.encode() + b"\n" + content
        octets = np.frombuffer(data, dtype=np.uint8).astype(np.uint32)
        for at in np.flatnonzero(starts[octets[:-2] | octets[1:-1] << 8 | octets[2:] << 16]).tolist():
            found.update((place, needle) for needle in starting[data[at : at + 3]] if data.startswith(needle.data, at))
    return found


# --- a site that has lived ----------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Life:
    """A site on disk, what came in, what left, and every word that the commands printed."""

    site: Path
    received: Mapping[str, bytes]
    patients: Mapping[str, Patient]
    left: Path
    restored: Path
    named: Path
    told: Mapping[str, bytes]
    on_disk: Mapping[str, bytes] = field(repr=False)

    @property
    def needles(self) -> tuple[Needle, ...]:
        texts = {text for patient in self.patients.values() for text in planted(patient)}
        texts |= {dashed(patient.birth_date) for patient in self.patients.values()}
        texts |= {scan(BytesSource(film)).sop_instance_uid for film in self.received.values()}
        return needles(texts)

    @property
    def places(self) -> dict[str, bytes]:
        """All of the site's files, all that left for people who may not know who it is, and all that was printed."""
        return {**self.on_disk, **contents(self.left), **self.told}


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


FILMS: Mapping[str, tuple[Patient, Mapping[str, Any]]] = {
    "a": (WANG, {"rows": 160, "columns": 140}),
    "b": (PATIENTS[1], {"bits": 16, "photometric": "MONOCHROME1", "transfer_syntax": ImplicitVRLittleEndian}),
    "c": (TANAKA, {"rows": 160, "columns": 140, "bits": 16, "transfer_syntax": JPEGLSLossless}),
    "d": (PATIENTS[3], {"bits": 16, "transfer_syntax": RLELossless}),
    "e": (PATIENTS[4], {"transfer_syntax": JPEG2000Lossless}),
    "f": (WANG, {"frames": 2, "seed": 1}),
}


def lived(leadglass: Leadglass, folder: Path) -> Life:
    """Every command once at least, with those that are refused."""
    site, left, incoming = folder / "site", folder / "left", folder / "incoming"
    told: dict[str, bytes] = {}
    # Orders show their accession number to those who may see them, and so does the list with names below.
    telling = ("order",)

    def do(person: str, *arguments: object, code: int = 0) -> list[dict[str, Any]]:
        ran = leadglass("--site", site, "--as", person, "--json", *arguments, code=code)
        if arguments[0] not in telling:
            told[f"{len(told)} {person} {arguments[0]}"] = (ran.out + ran.err).encode()
        return [json.loads(line) for line in ran.out.splitlines()]

    def granted(person: str, instance: str, *more: object) -> str:
        (answer,) = do(person, "request", instance, "--reason", SAID, *more)
        if answer["ticket"]:
            do("dso.demo", "approve", answer["ticket"], "--note", SAID)
            (answer,) = do("head.demo", "approve", answer["ticket"], "--note", SAID)
        return str(answer["grant"])

    leadglass("init", site, "--example")
    received = {name: small_film(patient=patient, **how) for name, (patient, how) in FILMS.items()}
    incoming.mkdir()
    for name, film in received.items():
        (incoming / name).write_bytes(film)
    (incoming / "x conflict").write_bytes(received["a"][:-2] + b"\1\0")
    (incoming / "y truncated").write_bytes(received["a"][: len(received["a"]) // 2])
    (incoming / "z no film").write_bytes(WANG.history.encode())
    with open_site(site) as held, held.database.begin():
        pass
    with open_site(site) as held:
        # As long as somebody has the database open its write-ahead log stays beside it.
        with held.database.begin() as transaction:
            transaction.people.find()
        lines = do("tech.demo", "ingest", incoming, code=2)
        ids = [line["instance"] for line in lines if line["state"] == "new"]
        a, b, c = ids[:3]
        assert len(ids) == len(FILMS)
        drawn = folder / "drawn"
        drawn.mkdir()
        for kind, mask in small_outlines(rows=160, columns=140).items():
            (drawn / f"{kind}.png").write_bytes(png(mask.astype(np.uint8) * 255))
        for instance in ids:
            lines = ("--outlines", drawn) if instance in (a, c) else ()
            do("tech.demo", "check", instance, "--pixels", "checked", *lines, "--note", SAID)
        for patient in {patient.accession: patient for patient, _ in FILMS.values()}.values():
            order = ("order", "add", "--accession", patient.accession, "--reader", "dr.demo", "--referrer", "ward.demo")
            do("tech.demo", *order, "--procedure", patient.comment, "--indication", patient.history)
        do("dr.demo", "order", "list")
        view, export = ("--action", "view"), ("--action", "export", "--recipient", "Uni X", "--purpose", "RESEARCH")
        for instance in ids:
            do("dr.demo", "release", granted("dr.demo", instance, *view, "--purpose", "TREAT"), "--out", left)
        do("dr.demo", "release", granted("dr.demo", a, *export, "--regions", "lungs"), "--out", left)
        (sent,) = do("dr.demo", "release", granted("dr.demo", c, *export, "--regions", "rest"), "--out", left)
        lifted = ("--action", "lift", "--release", sent["release"], "--recipient", "Uni X", "--purpose", "RESEARCH")
        do("dr.demo", "key", granted("dr.demo", c, *lifted, "--regions", "heart"), "--out", left / "key.json")
        do("dr.demo", "open", sent["path"], "--key", left / "key.json", "--out", left / "opened.dcm")
        do("auditor.demo", "log", "prove", sent["release"], "--out", left / "proof", code=0)
        do("auditor.demo", "log", "check", sent["receipt"])
        named = granted("dr.demo", c, *view, "--purpose", "TREAT", "--identity")
        do("dr.demo", "release", named, "--out", folder / "named")
        legal = granted("dr.demo", a, "--action", "restore", "--purpose", "LEGAL")
        do("dr.demo", "restore", legal, "--out", folder / "restored.dcm")
        do("student.demo", "request", b, *view, "--purpose", "TEACH", "--regions", "rest", "--identity", code=3)
        do("student.demo", "list", "--patient", WANG.patient_id, code=3)
        for patient in (WANG, TANAKA):
            found = do("dr.demo", "list", "--patient", patient.name.split("=")[1].replace("^", ""))
            assert found
            do("dr.demo", "list", "--accession", patient.accession)
        do("dr.demo", "list")
        do("dr.demo", "list", "--accession", "no such number")
        leadglass("--site", site, "--as", "dr.demo", "--json", "list", "--identity", code=0)
        for instance in ids:
            do("auditor.demo", "history", instance)
        do("dso.demo", "tickets")
        do("auditor.demo", "log", "verify")
        do("auditor.demo", "log", "checkpoint")
        do("admin.demo", "people", "list")
        do("admin.demo", "maintain")
        on_disk = contents(site)
    assert "leadglass.db-wal" in on_disk
    return Life(
        site=site,
        received=received,
        patients={name: patient for name, (patient, _) in FILMS.items()},
        left=left,
        restored=folder / "restored.dcm",
        named=folder / "named",
        told=told,
        on_disk=on_disk | {f"closed/{name}": data for name, data in contents(site).items() if on_disk.get(name) != data},
    )


@pytest.fixture(scope="module")
def life(leadglass: Leadglass, tmp_path_factory: pytest.TempPathFactory) -> Life:
    return lived(leadglass, tmp_path_factory.mktemp("life"))


pytestmark = pytest.mark.xdist_group("nothing leaks")


def test_no_planted_value_is_anywhere(life: Life, leadglass: Leadglass, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = finds(life.places, life.needles)
    leaks = {needle for _, needle in found if needle.sure}
    if found and not leaks:
        again = lived(leadglass, tmp_path_factory.mktemp("again"))
        leaks = {needle for _, needle in found} & {needle for _, needle in finds(again.places, again.needles)}
    assert sorted((place, needle.text) for place, needle in found if needle in leaks) == []


def test_what_people_type_about_a_request_is_in_no_file_of_the_site(life: Life) -> None:
    texts = [SAID, "Ngozi", *(patient.history for patient in life.patients.values())]
    assert finds(life.on_disk, [needle for needle in needles(texts) if needle.sure]) == set()


def test_the_search_finds_what_the_received_films_hold(life: Life) -> None:
    for name, patient in life.patients.items():
        told = set(planted(patient))
        values = [getattr(patient, each.name) for each in fields(patient) if each.name not in ("charset",)]
        hidden = [value for value in values if value in told]
        assert len(hidden) > 15
        held = {needle.text for _, needle in finds({"film": life.received[name]}, needles(hidden))}
        assert held == set(hidden)


def test_a_restored_film_holds_every_value_again(life: Life) -> None:
    assert life.restored.read_bytes() == life.received["a"]


def test_a_release_with_identity_holds_the_name(life: Life) -> None:
    (path,) = life.named.glob("*.dcm")
    assert TANAKA.name.encode() in path.read_bytes()


def test_no_part_of_a_name_is_a_word_in_what_leaves_or_is_printed(life: Life) -> None:
    words = {place: set(re.findall(r"[^\W\d_]+", text)) for place, text in texts_of(life).items()}
    assert any(words.values())
    for patient in life.patients.values():
        for part in brief_parts(patient):
            # Chinese has no spaces between words: there a single character counts wherever it stands.
            apart = part.isascii() or "ー" in part
            found = [place for place, told in words.items() if (part in told if apart else any(part in w for w in told))]
            assert found == [], part


def texts_of(life: Life) -> dict[str, str]:
    """Everything readable: what was printed, key files and receipts, and the text of every element of a released header."""
    texts = {place: data.decode() for place, data in life.told.items()}
    for path in sorted(life.left.iterdir()):
        if path.suffix == ".dcm":
            dataset = pydicom.dcmread(path)
            values = (str(each.value) for each in dataset.iterall() if each.VR not in ("OB", "OW", "SQ", "UI"))
            texts[path.name] = "\n".join(values)
        else:
            texts[path.name] = re.sub(r"[A-Za-z0-9+/]{20,}={0,2}", decoded, path.read_text(encoding="utf-8"))
    return texts


def decoded(base64: re.Match[str]) -> str:
    """What Base 64 says, where that is text; hashes and signatures are noise, in which any two letters may stand."""
    try:
        return b64decode(base64.group(), validate=True).decode()
    except ValueError:
        return " "


def test_no_clean_file_holds_a_planted_value_once_it_is_unsealed(life: Life) -> None:
    with open_site(life.site) as site:
        for instance in stored(site):
            clean = whole(open_part(site, instance, Part.CLEAN))
            assert {needle.text for _, needle in finds({"clean": clean}, life.needles)} == set()


def test_the_frames_of_a_clean_file_are_of_one_grey(life: Life) -> None:
    with open_site(life.site) as site:
        for instance in stored(site):
            clean = scan(open_part(site, instance, Part.CLEAN))
            frames = list(decode(clean.layout, clean.pixels, encapsulated=clean.encapsulated))
            assert len(frames) == instance.frames
            assert len({int(value) for frame in frames for value in np.unique(frame.samples)}) == 1


def test_what_was_removed_is_in_the_residue_and_opens_with_the_key_alone(life: Life) -> None:
    with open_site(life.site) as site:
        for instance in stored(site):
            residue = whole(open_part(site, instance, Part.RESIDUE))
            assert any(patient.patient_id.encode() in residue for patient in life.patients.values())


def stored(site: Site) -> tuple[StoredInstance, ...]:
    with site.database.begin() as transaction:
        instances = transaction.instances.find()
    assert len(instances) == len(FILMS)
    return instances


def whole(source: Source) -> bytes:
    return source.read(0, source.size)


# --- two films that differ where nobody may look ------------------------------------------------------------------------

PERSON = PersonName("dr")
OPEN = load({"open.cedar": '@id("open") permit (principal, action, resource);'})
"""Rights are tested elsewhere."""

SESSION = Session(Actor(PERSON, frozenset({Role.TECHNOLOGIST, Role.RADIOLOGIST})), seed=bytes(32))
ROWS, COLUMNS, BITS = 96, 80, 12
KINDS = (RegionKind.HEART, RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT, RegionKind.REST)


def owners() -> NDArray[np.int64]:
    """Which of ``KINDS`` each pixel belongs to, whole cells of the partition's grid."""
    owner = np.full((ROWS, COLUMNS), KINDS.index(RegionKind.REST))
    owner[15:75, 9:36] = KINDS.index(RegionKind.LUNG_RIGHT)
    owner[15:75, 45:72] = KINDS.index(RegionKind.LUNG_LEFT)
    owner[48:72, 36:54] = KINDS.index(RegionKind.HEART)
    return owner


def fixed_outlines(frame: Frame, *, view: str | None, modality: str | None) -> Outlines:
    del frame, view, modality
    masks = {kind: owners() == number for number, kind in enumerate(KINDS[:-1])}
    # Smaller by the margin that a covered heart gets, three pixels: with it the cells are those of ``owners``.
    masks[RegionKind.HEART] = np.zeros((ROWS, COLUMNS), dtype=np.bool_)
    masks[RegionKind.HEART][51:69, 39:51] = True
    return Outlines(masks, 1.0, "")


@dataclass(frozen=True, eq=False)
class House:
    """A site in memory after one film came in and was released once."""

    site: Site
    release: Release
    file: bytes
    receipt: bytes
    keys: bytes

    @property
    def masked(self) -> bytes:
        """The released file without the ciphertext of what is sealed in it: what follows the keys, to the last byte."""
        found = scan(BytesSource(self.file))
        element = found.top.get(ENCRYPTED_ATTRIBUTES)
        masked = self.file
        for content in decode_sealed(self.file[element.offset : element.end]) if element else ():
            secret = next(each for each in read_key_file(self.keys)[0].values() if each.kek_id in kek_ids(content))
            plain = open_authenveloped(content, kek=secret.kek, kek_id=secret.kek_id)
            # A tag of 16 bytes under two of DER ends the message, and GCM adds nothing to the length.
            ciphertext = len(plain) + 18
            masked = masked.replace(content, content[:-ciphertext] + bytes(ciphertext))
        return masked


def house(film: bytes, shown: tuple[RegionKind, ...]) -> House:
    site = memory_site(detector=fixed_outlines, policies=OPEN)
    site.keys.create(SITE_KEY)
    enrol(site, PERSON, *SESSION.actor.roles)
    instance = ingest(site, SESSION, BytesSource(film)).instance
    out = MemoryOutlet()
    asked = Request(instance.id, Action.VIEW, Purpose.TREAT, instance.kinds, identity=False, recipient=PERSON)
    made = release(site, SESSION, granted(site, asked, shown), out)
    covered = made.release.covered
    wanted = replace(asked, action=Action.LIFT, regions=covered, release=made.release.id)
    keys = out.files[lift(site, SESSION, granted(site, wanted, covered), out, name="keys").path]
    return House(site, made.release, out.files[made.path], out.files[made.receipt], keys)


def rows_of(transaction: Transaction) -> list[object]:
    """All rows, without the digests of what was received, stored and delivered."""
    blank = BlobId("")
    instances = [
        replace(row, fingerprint="", parts=tuple(replace(part, blob=blank) for part in row.parts))
        for row in transaction.instances.find()
    ]
    releases = [replace(row, digest="") for row in transaction.releases.find()]
    return [*instances, *releases, *transaction.grants.find()]


def log_of(site: Site) -> list[object]:
    """Every entry with its record, without the digest of the delivered file and the digest of the record that holds it."""
    with site.database.begin() as transaction:
        logged = transaction.log.read(0, transaction.log.size()) + transaction.log.queued(100)
    lines: list[object] = []
    for each in logged:
        record = read_record(site, each)[1]
        assert record is not None
        entry = Entry.decode(each.entry)
        lines.append((replace(entry, record="") if "sha256" in record else entry, {**record, "sha256": None}))
    return lines


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), shown=st.sets(st.sampled_from(KINDS), max_size=3))
def test_two_films_that_differ_only_under_sealed_regions_give_equal_releases(seed: int, shown: set[RegionKind]) -> None:
    one, other, kinds = two_films(seed, shown)
    first, second = house(one, kinds), house(other, kinds)
    assert first.file != second.file
    assert first.masked == second.masked
    assert len(first.receipt) == len(second.receipt)
    assert first.keys == second.keys


@settings(max_examples=12)
@given(seed=st.integers(0, 2**32 - 1), shown=st.sets(st.sampled_from(KINDS), max_size=3))
def test_two_films_that_differ_only_under_sealed_regions_leave_equal_rows_and_entries(
    seed: int, shown: set[RegionKind]
) -> None:
    one, other, kinds = two_films(seed, shown)
    first, second = house(one, kinds), house(other, kinds)
    with first.site.database.begin() as here, second.site.database.begin() as there:
        assert rows_of(here) == rows_of(there)
        different = {
            ours.part
            for mine, yours in zip(here.instances.find(), there.instances.find(), strict=True)
            for ours, theirs in zip(mine.parts, yours.parts, strict=True)
            if ours.blob != theirs.blob
        }
    assert different == {Part.patch(kind) for kind in KINDS if kind not in shown}
    assert log_of(first.site) == log_of(second.site)
    assert terms_of(first.site) == terms_of(second.site)


def terms_of(site: Site) -> object:
    # The port lists no terms: nobody may.
    assert isinstance(site.database, MemoryDatabase)
    terms = site.database._state.terms._terms
    assert len(terms) > 3
    return terms


def two_films(seed: int, shown: set[RegionKind]) -> tuple[bytes, bytes, tuple[RegionKind, ...]]:
    """Two films with one header whose pixels agree on ``shown`` and differ everywhere else."""
    film = small_film(rows=ROWS, columns=COLUMNS, bits=BITS)
    samples = small_samples(rows=ROWS, columns=COLUMNS, bits=BITS)
    change = np.random.default_rng(seed).integers(1, 2**BITS, samples.shape, dtype=np.uint16)
    covered = ~np.isin(owners(), [KINDS.index(kind) for kind in shown])
    other = np.where(covered, samples ^ change, samples)
    assert film.endswith(samples.tobytes())
    return film, film[: -samples.nbytes] + other.tobytes(), tuple(kind for kind in KINDS if kind in shown)
