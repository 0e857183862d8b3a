"""What a de-identifier made of a set: searched byte by byte, read with pydicom, and counted. Imports nothing of leadglass.

``judge`` takes the samples of a set and for each where its output is, or why there is none. What was planted is looked for
in all bytes of an output and in its name: as it was stored, in other encodings, byte-swapped, inflated, in base64 and
hexadecimal, and in the bits of native pixels that hold no sample. What was to be kept is read with pydicom.
"""

from __future__ import annotations

import base64
import gzip
import re
import struct
import warnings
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
import pydicom
from midi_set import Case, Check
from numpy.typing import NDArray
from planting import Planted, Reference, Sample, digest, path_text
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames
from pydicom.filebase import DicomBytesIO
from pydicom.multival import MultiValue

_TEXT_ENCODINGS = ("utf_8", "utf_16_le", "utf_16_be", "gb18030", "shift_jis", "euc_kr", "iso2022_jp", "latin_1")
_LONG = 8
"""Bytes. Only of values that long are base64 and hexadecimal looked for; shorter ones turn up by chance."""
_CHANCE = 30
"""Digits. A number inside a longer run of digits than this (a UID of ours) stands there by chance."""
_INFLATED = 1 << 24


@dataclass
class Verdict:
    """One file: what leaked, what was lost, and what else is wrong, each as a sentence that names the place."""

    name: str
    refused: str | None = None
    refusal_allowed: bool = False
    must: list[str] = field(default_factory=list)
    strict: list[str] = field(default_factory=list)
    lost: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    """Unreadable, wrong pixels, UIDs that disagree, standard UIDs that changed, missing marks."""
    searched: Counter[str] = field(default_factory=Counter)

    @property
    def clean(self) -> bool:
        return not (self.must or self.strict or self.lost or self.faults or (self.refused and not self.refusal_allowed))


@dataclass(frozen=True)
class Judgement:
    """All files of a set."""

    verdicts: tuple[Verdict, ...]

    def count(self, what: str) -> int:
        return sum(len(getattr(verdict, what)) for verdict in self.verdicts)

    def searched(self, what: str) -> int:
        return sum(verdict.searched[what] for verdict in self.verdicts)

    @property
    def refused(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.verdicts if verdict.refused)

    @property
    def wrongly_refused(self) -> tuple[Verdict, ...]:
        return tuple(verdict for verdict in self.refused if not verdict.refusal_allowed)

    def row(self) -> dict[str, str]:
        """One line of a table that stands tools beside each other."""
        return {
            "must leaked": f"{self.count('must')}/{self.searched('must')}",
            "strict leaked": f"{self.count('strict')}/{self.searched('strict')}",
            "kept lost": f"{self.count('lost')}/{self.searched('kept')}",
            "faults": str(self.count("faults")),
            "refused": f"{len(self.refused)} ({len(self.wrongly_refused)} wrongly)",
        }

    def report(self, *, every: bool = False) -> str:
        """A line for each file that is not clean (or for all), what is wrong with it below, and the totals."""
        lines = []
        for verdict in self.verdicts:
            if verdict.clean and not every:
                continue
            counts = f"must {len(verdict.must)}  strict {len(verdict.strict)}  lost {len(verdict.lost)}"
            refused = f"  refused: {verdict.refused}" if verdict.refused else ""
            lines.append(f"{verdict.name:38} {counts}  faults {len(verdict.faults)}{refused}")
            for word in ("must", "strict", "lost", "faults"):
                lines += [f"    {word}: {sentence}" for sentence in getattr(verdict, word)]
        clean = sum(verdict.clean for verdict in self.verdicts)
        lines.append(f"{len(self.verdicts)} files, {clean} clean: " + ", ".join(f"{k} {v}" for k, v in self.row().items()))
        return "\n".join(lines)


def judge(samples: Iterable[Sample], outputs: Mapping[str, Path | str]) -> Judgement:
    """Judge every sample by its output: a path, or the reason why there is none. A missing one counts as refused."""
    with warnings.catch_warnings():
        # What a hostile set keeps is not valid everywhere, and the library says so at each value.
        warnings.simplefilter("ignore")
        return _judge(samples, outputs)


def _judge(samples: Iterable[Sample], outputs: Mapping[str, Path | str]) -> Judgement:
    verdicts = []
    mapped: dict[str, dict[str, str]] = defaultdict(dict)
    patients: dict[str, dict[str, str]] = defaultdict(dict)
    for sample in samples:
        outcome = outputs.get(sample.name, "no output")
        verdict = Verdict(sample.name)
        verdicts.append(verdict)
        if isinstance(outcome, str):
            verdict.refused, verdict.refusal_allowed = outcome, sample.may_refuse is not None
            continue
        data = outcome.read_bytes()
        _search(sample, data, str(outcome.name), verdict)
        try:
            written = readable(data)
        except Exception as error:
            verdict.faults.append(f"unreadable: {type(error).__name__} {error}")
            continue
        _look(sample, written, verdict)
        verdict.faults += misshapen(data)
        for old, new, where in _mapped(sample.references, written):
            mapped[old].setdefault(new, f"{sample.name} {where}")
        if sample.patient and written.get("PatientID"):
            patients[sample.patient].setdefault(str(written.PatientID), sample.name)
    for kind, table in (("UID", mapped), ("patient id", patients)):
        _agree(kind, table, verdicts)
    return Judgement(tuple(verdicts))


# --- leaks ------------------------------------------------------------------------------------------------------------


def _search(sample: Sample, data: bytes, name: str, verdict: Verdict) -> None:
    haystack = Haystack.of(data, name)
    for planted in sample.planted:
        verdict.searched[planted.grade] += 1
        if haystack.holds(planted):
            found: list[str] = getattr(verdict, planted.grade)
            found.append(f"{planted.where} ({planted.kind})")


@dataclass(frozen=True)
class Haystack:
    """All forms of the bytes of one output; letters are lower case in all of them."""

    forms: tuple[bytes, ...]

    @classmethod
    def of(cls, data: bytes, name: str = "") -> Haystack:
        plain = name.encode() + b"\n" + data
        forms = [plain, *(inside for inside in inflated(data))]
        forms += [swapped(form[start:]) for form in forms for start in (0, 1)]
        forms += [plain.replace(b"\0", b"")]
        forms += list(unused_bits(data))
        return cls(tuple(form.lower() for form in forms))

    def holds(self, planted: Planted) -> bool:
        return any(self._has(needle) for stored, text in planted.needles for needle in spellings(stored, text))

    def _has(self, needle: bytes) -> bool:
        if not needle.isdigit():
            return any(needle in form for form in self.forms)
        numeral = re.compile(rb"[0-9.]*" + re.escape(needle) + rb"[0-9.]*")
        return any(
            len(found.group()) < max(_CHANCE, len(needle) + 1)
            for form in self.forms
            if needle in form
            for found in numeral.finditer(form)
        )


def spellings(stored: bytes, text: str | None) -> set[bytes]:
    """A value in all the ways it may be written, in lower case."""
    ways = {stored}
    if text is not None:
        for encoding in _TEXT_ENCODINGS:
            try:
                ways.add(text.encode(encoding))
            except UnicodeEncodeError:
                continue
    for way in [each for each in ways if len(each) >= _LONG]:
        ways.add(way.hex().encode())
        for shift in range(3):
            # Of the first and the last characters some bits belong to the neighbours.
            inner = base64.b64encode(bytes(shift) + way)[4 if shift else 0 : -4]
            if len(inner) >= _LONG:
                ways.add(inner)
    return {way.lower() for way in ways}


def swapped(data: bytes) -> bytes:
    """Each two bytes the other way round."""
    whole = np.frombuffer(data[: len(data) // 2 * 2], "<u2")
    return whole.byteswap().tobytes()


def inflated(data: bytes) -> Iterator[bytes]:
    """Everything in ``data`` that can be inflated: the data set, and zlib and gzip streams wherever they begin."""
    at = data.find(b"1.2.840.10008.1.2.1.99")
    if at > 0 and len(data) > 144:
        length = struct.unpack_from("<L", data, 140)[0]
        yield _inflate(data[144 + length :], -15)
    for match in re.finditer(rb"\x78[\x01\x5e\x9c\xda]", data):
        found = _inflate(data[match.start() :], 15)
        if len(found) > 4:
            yield found
    for match in re.finditer(rb"\x1f\x8b\x08", data):
        try:
            yield gzip.decompress(data[match.start() :])
        except (OSError, EOFError, zlib.error):
            continue


def _inflate(data: bytes, bits: int) -> bytes:
    try:
        return zlib.decompressobj(bits).decompress(data, _INFLATED)
    except zlib.error:
        return b""


def unused_bits(data: bytes) -> Iterator[bytes]:
    """What the bits say that hold no sample: each plane of them, and all of them one after the other."""
    try:
        written = readable(data)
        stored, allocated, high_bit = int(written.BitsStored), int(written.BitsAllocated), int(written.HighBit)
        syntax = written.file_meta.TransferSyntaxUID
        if allocated != 16 or stored >= 16 or syntax.is_encapsulated:
            return
        raw = bytes(written.PixelData)
        numbers = np.frombuffer(raw[: len(raw) // 2 * 2], "<u2" if syntax.is_little_endian else ">u2")
    except Exception:  # whatever cannot be read has no such bits
        return
    for bit in (*range(high_bit + 1 - stored), *range(high_bit + 1, 16)):
        yield np.packbits((numbers >> bit & 1).astype(np.uint8), bitorder="little").tobytes()
    if high_bit == 11:
        nibbles = (numbers >> 12).astype(np.uint8)
        pairs = nibbles[: len(nibbles) // 2 * 2].reshape(-1, 2)
        yield (pairs[:, 0] | pairs[:, 1] << 4).tobytes()
        yield (pairs[:, 1] | pairs[:, 0] << 4).tobytes()


# --- what the output is -----------------------------------------------------------------------------------------------


def readable(data: bytes) -> Dataset:
    """The output, every element of it decoded. Raises whatever pydicom raises."""
    written = pydicom.dcmread(DicomBytesIO(data))
    for _ in written.iterall():
        pass
    return written


def _look(sample: Sample, written: Dataset, verdict: Verdict) -> None:
    for kept in sample.kept:
        verdict.searched["kept"] += 1
        if (now := value_at(written, kept.path)) != kept.value:
            verdict.lost.append(f"{path_text(kept.path)} is {'gone' if now is None else 'changed'}")
    for reference in sample.references:
        if not reference.mapped:
            now = value_at(written, reference.path)
            # What holds a standard UID may be removed; the UID itself may not be changed.
            if now not in (None, reference.old):
                verdict.faults.append(f"standard UID changed at {path_text(reference.path)}")
            if now is None and len(reference.path) == 1:
                verdict.lost.append(f"{path_text(reference.path)} is gone")
    if sample.pixels is not None:
        try:
            same = pixels_of(written) == sample.pixels
            verdict.faults += [] if same else ["pixels changed"]
        except Exception as error:
            verdict.faults.append(f"pixels unreadable: {type(error).__name__} {error}")
    if sample.marked:
        if written.get("PatientIdentityRemoved") != "YES":
            verdict.faults.append("Patient Identity Removed is not YES")
        if not written.get("DeidentificationMethodCodeSequence"):
            verdict.faults.append("no De-identification Method Code Sequence")


def _mapped(references: Iterable[Reference], written: Dataset) -> Iterator[tuple[str, str, str]]:
    """Old UID, new UID and place of every mapped UID that is there; of one attribute with several UIDs, one by one."""
    by_path: dict[tuple[int, ...], list[str]] = defaultdict(list)
    for reference in references:
        if reference.mapped:
            by_path[reference.path].append(reference.old)
    for path, olds in by_path.items():
        now = value_at(written, path)
        if not now:
            continue
        news = now.split("\\")
        if len(news) == len(olds):
            yield from ((old, new, path_text(path)) for old, new in zip(olds, news, strict=True))


def _agree(kind: str, table: Mapping[str, Mapping[str, str]], verdicts: Sequence[Verdict]) -> None:
    """One new value for each old one, and never one for two."""
    by_name = {verdict.name: verdict for verdict in verdicts}

    def blame(place: str, fault: str) -> None:
        name = max((name for name in by_name if place.startswith(name)), key=len)
        by_name[name].faults.append(f"{fault} ({place.removeprefix(name).strip() or 'top level'})")

    owners: dict[str, str] = {}
    for old, news in table.items():
        for place in list(news.values())[1:]:
            blame(place, f"{kind} disagrees with that of {next(iter(news.values()))}")
        for new, place in news.items():
            if owners.setdefault(new, old) != old:
                blame(place, f"one new {kind} for two old ones")


def value_at(written: Dataset, path: Sequence[int]) -> str | None:
    """The value at a path as text, ``None`` where there is no such attribute or item."""
    here: Any = written
    for step in range(0, len(path) - 1, 2):
        if path[step] not in here:
            return None
        element = here[path[step]]
        if element.VR != "SQ" or len(element.value) <= path[step + 1]:
            return None
        here = element.value[path[step + 1]]
    return said(here[path[-1]]) if path[-1] in here else None


def said(element: DataElement) -> str:
    """A value as the manifest states it."""
    value = element.value
    if value is None:
        return ""
    if isinstance(value, (bytes, bytearray)):
        return bytes(value).hex()
    many = list(value) if isinstance(value, (MultiValue, list)) else [value]
    if element.VR == "AT":
        return "\\".join(str(int(each)) for each in many)
    if element.VR in ("FL", "FD"):
        return "\\".join(str(float(each)) for each in many)
    return "\\".join(str(each) for each in many)


def pixels_of(written: Dataset) -> str:
    """The digest of all samples (``planting.digest``), decoded without the library under test."""
    for word in ("FloatPixelData", "DoubleFloatPixelData"):
        if word in written:
            kind = "<f4" if word == "FloatPixelData" else "<f8"
            frames = int(written.get("NumberOfFrames", 1))
            return digest(np.frombuffer(written[word].value, kind).reshape(frames, written.Rows, written.Columns))
    stored, high = int(written.BitsStored), int(written.HighBit)
    return digest(samples_of(written), bits_stored=stored, high_bit=high)


def samples_of(written: Dataset) -> NDArray[Any]:
    """(frames, rows, columns, samples)."""
    rows, columns, per_pixel = int(written.Rows), int(written.Columns), int(written.SamplesPerPixel)
    frames, allocated = int(written.get("NumberOfFrames", 1) or 1), int(written.BitsAllocated)
    syntax = written.file_meta.TransferSyntaxUID
    count = frames * rows * columns * per_pixel
    if syntax.is_encapsulated:
        streams = generate_frames(written.PixelData, number_of_frames=frames)
        return np.stack([decoded(syntax, stream, written) for stream in streams]).reshape(frames, rows, columns, per_pixel)
    raw = written.PixelData
    if allocated == 1:
        return np.unpackbits(np.frombuffer(raw, np.uint8), bitorder="little")[:count].reshape(frames, rows, columns)
    order = "<" if syntax.is_little_endian else ">"
    flat = np.frombuffer(raw, f"{order}u{allocated // 8}")[:count]
    if per_pixel > 1 and written.get("PlanarConfiguration") == 1:
        return flat.reshape(frames, per_pixel, rows, columns).transpose(0, 2, 3, 1)
    return flat.reshape(frames, rows, columns, per_pixel)


def decoded(syntax: str, stream: bytes, written: Dataset) -> NDArray[Any]:
    """One frame."""
    if syntax == "1.2.840.10008.1.2.5":
        return _rle(stream, int(written.Rows) * int(written.Columns), int(written.BitsAllocated) // 8)
    decode = {
        "50": imagecodecs.jpeg8_decode,
        "51": imagecodecs.jpeg8_decode,
        "57": imagecodecs.ljpeg_decode,
        "70": imagecodecs.ljpeg_decode,
        "80": imagecodecs.jpegls_decode,
        "81": imagecodecs.jpegls_decode,
        "90": imagecodecs.jpeg2k_decode,
        "91": imagecodecs.jpeg2k_decode,
    }[syntax.rsplit(".", 1)[-1]]
    return np.asarray(decode(stream))


def _rle(stream: bytes, pixels: int, planes: int) -> NDArray[Any]:
    """PS3.5 annex G, grey only."""
    offsets = struct.unpack_from("<16L", stream)
    starts = list(offsets[1 : 1 + offsets[0]])
    ends = [*starts[1:], len(stream)]
    total = np.zeros(pixels, np.uint32)
    for start, end in zip(starts, ends, strict=True):
        out, at = bytearray(), start
        while at < end and len(out) < pixels:
            head = stream[at]
            if head < 128:
                out += stream[at + 1 : at + 2 + head]
                at += head + 2
            elif head > 128:
                out += stream[at + 1 : at + 2] * (257 - head)
                at += 2
            else:
                at += 1
        total = total << 8 | np.frombuffer(bytes(out[:pixels]), np.uint8)
    assert len(starts) == planes, "segments of an RLE stream"
    return total


def misshapen(data: bytes) -> list[str]:
    """What breaks PS3.5 and PS3.10 in an output although a lenient reader takes it."""
    if data[128:132] != b"DICM":
        return ["no preamble and prefix"]
    found = ["the preamble holds something"] if any(data[:128]) else []
    written = pydicom.dcmread(DicomBytesIO(data))
    tags = list(written.keys())
    if tags != sorted(tags):
        found.append("elements out of order")
    for tag in tags:
        # As long as nobody has looked at an element it still has its length as stored.
        length = getattr(written.get_item(tag), "length", 0)
        if length != 0xFFFFFFFF and length % 2:
            found.append(f"odd length at {path_text((int(tag),))}")
    return found


# --- the ten checks of MIDI-B -----------------------------------------------------------------------------------------


@dataclass
class Score:
    """Passed and asked, by check type and by category; ``missed`` says where, ``refused`` which files have no output."""

    by_type: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    by_category: dict[str, list[int]] = field(default_factory=lambda: defaultdict(lambda: [0, 0]))
    missed: list[str] = field(default_factory=list)
    refused: dict[str, str] = field(default_factory=dict)

    def add(self, case: Case, check: Check, passed: bool) -> None:
        for table, key in ((self.by_type, check.type), (self.by_category, check.category)):
            table[key][0] += passed
            table[key][1] += 1
        if not passed:
            self.missed.append(f"{case.name} {check.type} {path_text(check.path)} ({check.category})")

    @property
    def passed(self) -> int:
        return sum(passed for passed, _ in self.by_type.values())

    @property
    def asked(self) -> int:
        return sum(asked for _, asked in self.by_type.values())

    @property
    def percent(self) -> float:
        return 100 * self.passed / self.asked

    def report(self, *, missed: int = 20) -> str:
        lines = [
            f"score {self.percent:.3f} %: {self.passed} of {self.asked} checks, {len(self.refused)} files without output"
        ]
        for said, table in (("type", self.by_type), ("category", self.by_category)):
            lines += [f"\n| {said} | passed | asked | % |", "| --- | ---: | ---: | ---: |"]
            lines += [f"| {key} | {a} | {b} | {100 * a / b:.2f} |" for key, (a, b) in sorted(table.items())]
        return "\n".join([*lines, "", *self.missed[:missed]])


def score(cases: Iterable[Case], outputs: Mapping[str, Path | str]) -> Score:
    """Every check of every case. A file without an output fails them all."""
    result = Score()
    consistent: dict[str, str] = {}
    shifts: dict[str, int] = {}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for case in cases:
            outcome = outputs.get(case.name, "no output")
            if isinstance(outcome, str):
                result.refused[case.name] = outcome
            written = None if isinstance(outcome, str) else readable(outcome.read_bytes())
            for check in case.checks:
                result.add(case, check, written is not None and _passes(check, written, case, consistent, shifts))
    return result


def _passes(check: Check, written: Dataset, case: Case, consistent: dict[str, str], shifts: dict[str, int]) -> bool:
    if check.type == "pixels_retained":
        return pixels_of(written) == check.text
    if check.type == "pixels_hidden":
        return _hidden(check, samples_of(written)[0, :, :, 0])
    value = value_at(written, check.path)
    if check.type == "tag_retained":
        return value is not None
    if check.type == "text_notnull":
        return bool(value)
    if check.type == "text_retained":
        return value is not None and _retained(value, check.text)
    if value is None:
        # As in the benchmark: what is not there tells nothing and disagrees with nothing.
        return True
    if check.type == "text_removed":
        return not any(token in value.lower() for token in _tokens(check.text))
    if check.type == "uid_changed":
        return check.text not in value
    if check.type == "date_shifted":
        return check.text not in value and _shifted_alike(check.text, value, case.patient, shifts)
    if check.type in ("uid_consistent", "patid_consistent"):
        return consistent.setdefault(f"{check.type} {check.text}", value) == value != ""
    raise ValueError(f"no check is called {check.type}")


def _tokens(text: str) -> list[str]:
    """Words of a text in lower case, without those that say nothing."""
    words = re.findall(r"[^\s,;()\\]+", text.lower())
    return [word.strip(".:") for word in words if word not in ("of", "for", "at", "on", "no", "the", "and")]


def _retained(value: str, text: str) -> bool:
    return text.lower() in value.lower() or all(token in value.lower() for token in _tokens(text))


def _shifted_alike(old: str, new: str, patient: str, shifts: dict[str, int]) -> bool:
    """A valid date, as far from the old one as every other date of the patient; stricter than the benchmark."""
    if not new:
        return True
    try:
        before, after = (datetime.strptime(each[:8], "%Y%m%d").replace(tzinfo=UTC) for each in (old, new))
    except ValueError:
        return False
    days = (after - before).days
    return days != 0 and shifts.setdefault(patient, days) == days and new[8:] == old[8:]


def _hidden(check: Check, samples: NDArray[Any]) -> bool:
    """The strokes no longer stand out: what is under them looks like what is beside them in the box."""
    assert check.where is not None
    assert check.glyphs is not None
    box = samples[check.where].astype(float)
    if box.std() == 0:
        return True
    return abs(float(np.corrcoef(box.ravel(), check.glyphs.ravel().astype(float))[0, 1])) < 0.2
