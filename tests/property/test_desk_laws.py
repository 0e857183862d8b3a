"""Laws of the desk: what goes in comes back, what identifies does not go out, what harms nobody does, nothing crashes."""

from __future__ import annotations

import io
import struct
import tempfile
import zlib
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import hypothesis.strategies as st
import imagecodecs
import numpy as np
import planting as p
import pydicom
import pytest
from hypothesis import given, settings
from pydicom.dataelem import DataElement
from pydicom.dataset import Dataset
from pydicom.encaps import generate_frames

from leadglass.adapters.copies import ReadAhead, room
from leadglass.assemble.desk import Outcome, PixelMode, State, Treatment, explain_file, survey_file, treat_file, undo
from leadglass.assemble.treating import Desk
from leadglass.errors import InputError

PLAIN = Treatment(key=bytes(range(32)), pixels=PixelMode.OFF)
SEALED = replace(PLAIN, residue=True)

DX, BASIC_SR, DICOMDIR = "1.2.840.10008.5.1.4.1.1.1.1", "1.2.840.10008.5.1.4.1.1.88.11", "1.2.840.10008.1.3.10"
JPEG_LS, RLE = "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5"

IDENTIFYING = {
    0x00080080: "LO",
    0x00080081: "ST",
    0x00080090: "PN",
    0x00081010: "SH",
    0x00081030: "LO",
    0x00081050: "PN",
    0x00100010: "PN",
    0x00100020: "LO",
    0x00101040: "LO",
    0x00104000: "LT",
    0x00181030: "LO",
    0x00204000: "LT",
    0x00321032: "PN",
    0x00700084: "PN",
    0x60000022: "LO",
}
HARMLESS = {
    0x00080060: ("CS", ["DX", "CR"]),
    0x00180015: ("CS", ["CHEST", "HAND"]),
    0x00180060: ("DS", ["120", "80.5"]),
    0x00181152: ("IS", ["3", "12"]),
    0x00200011: ("IS", ["1", "2"]),
    0x00200013: ("IS", ["1", "17"]),
    0x00281050: ("DS", ["2048", "-10"]),
    0x00281054: ("LO", ["US", "HU"]),
    0x20500020: ("CS", ["IDENTITY"]),
}
SEQUENCES = (0x00081140, 0x00082218, 0x00400275, 0x00091020, 0x52009229)


@st.composite
def drafts(draw: st.DrawFn) -> p.Draft:
    """A file of any encoding that holds what identifies and what does not, at any depth, and says which is which."""
    made = p.Imagination(draw(st.integers(0, 999)))
    syntax = draw(st.sampled_from([p.EXPLICIT, p.IMPLICIT, p.BIG_ENDIAN, p.DEFLATED, JPEG_LS, RLE]))
    charset, encode = draw(st.sampled_from([("ISO_IR 192", p.UTF_8), ("GB18030", p.plainly("gb18030")), ("", p.LATIN_1)]))
    d = p.Draft("x.dcm", syntax=syntax, charset=charset, encode=encode)
    chinese = charset in ("ISO_IR 192", "GB18030") and draw(st.booleans())

    def fill(part: p.Part, depth: int) -> None:
        for tag in draw(st.lists(st.sampled_from(sorted(IDENTIFYING)), max_size=4, unique=True)):
            vr = IDENTIFYING[tag]
            text = (made.chinese() if chinese else made.name()) if vr == "PN" else made.word()
            part.plant(tag, vr, text, grade="must")
        for tag in draw(st.lists(st.sampled_from(sorted(HARMLESS)), max_size=4, unique=True)):
            vr, values = HARMLESS[tag]
            part.keep(tag, vr, draw(st.sampled_from(values)))
        if depth < 2:
            for tag in draw(st.lists(st.sampled_from(SEQUENCES), max_size=2, unique=True)):
                items = part.items(tag, draw(st.integers(0, 2)), undefined=draw(st.booleans()))
                for item in items:
                    fill(item, depth + 1)

    fill(d, 0)
    if draw(st.booleans()):
        d.plant(0x00091001, "UN", made.word().encode())
    kind = draw(st.sampled_from(["image", "image", "report", "nothing else"]))
    d.sop_class, d.sop_instance = (DX if kind == "image" else BASIC_SR), made.uid()
    d.standard_uid(0x00080016, d.sop_class)
    d.uid(0x00080018, d.sop_instance)
    d.uid(0x0020000D, made.uid())
    d.uid(0x0020000E, made.uid())
    if kind == "image":
        picture(draw, d, made)
    elif kind == "report":
        report(d, made)
    if kind == "image" and draw(st.booleans()):
        d.after = made.word().encode() * draw(st.integers(1, 3))
        d.claim("end", d.after)
    if draw(st.booleans()):
        hidden = made.word()
        d.preamble = hidden.encode().ljust(128, b"\0")
        d.claim("preamble", hidden)
    if draw(st.booleans()):
        title = made.word().upper()
        d.meta_extra.append(p.raw(0x00020016, "AE", title.encode() + b" " * (len(title) % 2)))
        d.claim("(0002,0016)", title)
    return d


def picture(draw: st.DrawFn, d: p.Draft, made: p.Imagination) -> None:
    rows, columns, frames = draw(st.tuples(st.integers(1, 5), st.integers(1, 7), st.integers(1, 3)))
    bits = draw(st.sampled_from([8, 16] if d.syntax in (JPEG_LS, RLE) else [8, 16, 32]))
    stored = draw(st.sampled_from([bits, bits, bits - 4]))
    kind = np.dtype(f"u{bits // 8}")
    top = (1 << stored) - 1
    samples = (np.arange(rows * columns * frames, dtype=np.uint64) * 977 % (top + 1)).astype(kind)
    samples = samples.reshape(frames, rows, columns, 1)
    d.put(0x00280002, "US", 1)
    d.put(0x00280004, "CS", "MONOCHROME2")
    if frames > 1 or draw(st.booleans()):
        d.put(0x00280008, "IS", frames)
    d.put(0x00280010, "US", rows)
    d.put(0x00280011, "US", columns)
    d.put(0x00280100, "US", bits)
    d.put(0x00280101, "US", stored)
    d.put(0x00280102, "US", stored - 1)
    d.put(0x00280103, "US", 0)
    d.pixels = p.digest(samples, bits_stored=stored)
    if d.syntax == JPEG_LS:
        streams = []
        for frame in samples:
            stream = bytes(imagecodecs.jpegls_encode(np.ascontiguousarray(frame[..., 0])))
            text = made.word()
            d.claim("comment", text)
            streams.append(stream[:2] + b"\xff\xfe" + struct.pack(">H", len(text) + 2) + text.encode() + stream[2:])
        d.append(0x7FE00010, p.fragments(streams))
    elif d.syntax == RLE:
        d.append(0x7FE00010, p.fragments([_rle(frame[..., 0]) for frame in samples]))
    else:
        if stored < bits and draw(st.booleans()):
            samples = samples | kind.type(draw(st.integers(0, 15)) << stored)
        tail = draw(st.sampled_from([b"", b"tailtail"])) if samples.nbytes % 2 == 0 else b""
        vr = "OB" if bits == 8 else "OW"
        d.put(0x7FE00010, vr, samples.astype(kind.newbyteorder(d.order)).tobytes() + tail)


def _rle(frame: Any) -> bytes:
    """Segments of literal runs, most significant byte first (PS3.5 annex G)."""
    size = frame.dtype.itemsize
    planes = [(frame >> 8 * (size - 1 - number)).astype(np.uint8) for number in range(size)]
    segments = [b"".join(bytes((row.size - 1,)) + row.tobytes() for row in plane) for plane in planes]
    segments = [segment + bytes(len(segment) % 2) for segment in segments]
    offsets = [64 + sum(map(len, segments[:number])) for number in range(size)]
    return struct.pack("<16L", size, *offsets, *[0] * (15 - size)) + b"".join(segments)


def report(d: p.Draft, made: p.Imagination) -> None:
    d.put(0x0040A040, "CS", "CONTAINER")
    d.code(0x0040A043, "18748-4", "LN", "Diagnostic Imaging Report")
    for number, item in enumerate(d.items(0x0040A730, 2)):
        item.put(0x0040A010, "CS", "CONTAINS")
        item.put(0x0040A040, "CS", "PNAME" if number else "TEXT")
        item.code(0x0040A043, "121106", "DCM", "Comment")
        if number:
            item.plant(0x0040A123, "PN", made.name())
        else:
            item.plant(0x0040A160, "UT", made.name())


def deflate(body: bytes) -> bytes:
    stream = zlib.compressobj(wbits=-zlib.MAX_WBITS)
    return stream.compress(body) + stream.flush()


def sample_of(d: p.Draft) -> p.Sample:
    return d.sample(deflate=deflate if d.syntax == p.DEFLATED else None)


SAMPLES = drafts().map(sample_of)
TIDY = drafts().filter(lambda d: not d.after).map(sample_of)
"""Nothing behind the data set, which pydicom would take for elements."""

# --- the desk ---------------------------------------------------------------------------------------------------------


@contextmanager
def treated(data: bytes, treatment: Treatment = PLAIN) -> Iterator[tuple[Outcome, Path]]:
    """The outcome of a file of these bytes, and where its output lies."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "received").write_bytes(data)
        outcome = treat_file(folder / "received", folder / "out", PurePosixPath("received"), treatment)
        yield outcome, folder / "out" / (outcome.output or "")


def made_of(data: bytes, treatment: Treatment = PLAIN) -> tuple[Outcome, bytes]:
    """The outcome of a file of these bytes, which goes through, and its output."""
    with treated(data, treatment) as (outcome, output):
        assert outcome.state is State.DONE, outcome.reason
        return outcome, output.read_bytes()


@pytest.fixture
def strictly(monkeypatch: pytest.MonkeyPatch) -> None:
    """pydicom raises where a value breaks the standard."""
    monkeypatch.setattr(pydicom.config.settings, "reading_validation_mode", pydicom.config.RAISE)


def read(data: bytes) -> Dataset:
    """A file with every value converted."""
    dataset = pydicom.dcmread(io.BytesIO(data))
    for element in dataset.iterall():
        assert element.value is not element
    return dataset


def at(dataset: Dataset, path: p.Path) -> DataElement:
    for tag, number in zip(path[:-1:2], path[1::2], strict=True):
        dataset = dataset[tag].value[number]
    return dataset[path[-1]]


@given(SAMPLES)
def test_a_plan_and_its_inverse_give_every_file_back(sample: p.Sample) -> None:
    with treated(sample.data, SEALED) as (outcome, output):
        assert outcome.state is State.DONE, outcome.reason
        assert outcome.residue is not None
        assert outcome.written is not None
        with ReadAhead(output, room()) as written:
            back = b"".join(undo(written, outcome.residue, key=SEALED.key, digest=outcome.written))
    assert back == sample.data


@given(SAMPLES)
def test_nothing_planted_is_in_the_output_or_its_name(sample: p.Sample) -> None:
    outcome, out = made_of(sample.data)
    name = str(outcome.output).encode()
    needles = [needle for planted in sample.planted for needle, _ in planted.needles]
    assert [needle for needle in needles if len(needle) > 5 and (needle in out or needle in name)] == []


@given(TIDY)
def test_what_harms_nobody_stays_at_any_depth(sample: p.Sample) -> None:
    _, data = made_of(sample.data)
    before, out = read(sample.data), read(data)
    for kept in sample.kept:
        # What stands below an attribute that goes cannot stay.
        if all(each in (0x00082218, 0x52009229) for each in kept.path[:-1:2]):
            assert at(out, kept.path).value == at(before, kept.path).value


@pytest.mark.usefixtures("strictly")
@settings(max_examples=40)
@given(drafts())
def test_outputs_are_read_strictly(d: p.Draft) -> None:
    _, data = made_of(sample_of(d).data)
    out = read(data)
    assert out.file_meta.MediaStorageSOPInstanceUID == out.SOPInstanceUID
    assert out.file_meta.TransferSyntaxUID == (d.syntax if d.pixels and d.syntax in (JPEG_LS, RLE) else p.EXPLICIT)
    assert [element.tag for element in out] == sorted(element.tag for element in out)


@given(SAMPLES)
def test_the_pixels_are_the_same_on_all_significant_bits(sample: p.Sample) -> None:
    _, data = made_of(sample.data)
    out = read(data)
    if sample.pixels is None:
        assert "PixelData" not in out
        return
    shape = (int(out.get("NumberOfFrames", 1)), out.Rows, out.Columns, 1)
    if out.file_meta.TransferSyntaxUID == JPEG_LS:
        pixels = np.stack(
            [imagecodecs.jpegls_decode(each) for each in generate_frames(out.PixelData, number_of_frames=shape[0])]
        )
    else:
        pixels = out.pixel_array
    pixels = pixels.reshape(shape)
    assert p.digest(pixels, bits_stored=out.BitsStored) == sample.pixels


@given(SAMPLES)
def test_unused_bits_and_what_follows_the_samples_are_gone(sample: p.Sample) -> None:
    _, data = made_of(sample.data)
    out = read(data)
    if sample.pixels is None or out.file_meta.TransferSyntaxUID != p.EXPLICIT:
        return
    samples = out.Rows * out.Columns * int(out.get("NumberOfFrames", 1))
    size = out.BitsAllocated // 8
    assert len(out.PixelData) == samples * size + samples * size % 2
    values = np.frombuffer(out.PixelData[: samples * size], f"<u{size}")
    assert int(values.max()) < 1 << out.BitsStored


@given(SAMPLES, SAMPLES)
def test_a_desk_gives_the_same_bytes_whatever_it_treated_before(one: p.Sample, other: p.Sample) -> None:
    first, again = made_of(one.data), None
    for sample in (other, one, one):
        again = made_of(sample.data)
    assert again == first


@given(SAMPLES)
def test_digests_are_those_of_the_bytes_that_were_read_and_written(sample: p.Sample) -> None:
    """Whoever has the same file gets the same digests, with or without a residue; another file has others."""
    outcome, _ = made_of(sample.data)
    sealed, _ = made_of(sample.data, SEALED)
    assert (sealed.received, sealed.written) == (outcome.received, outcome.written)
    other, _ = made_of(sample.data[:100] + b"!" + sample.data[101:])
    assert other.received != outcome.received


@given(SAMPLES)
def test_an_output_treated_again_keeps_its_pixels_and_loses_no_attribute(sample: p.Sample) -> None:
    _, once = made_of(sample.data)
    _, twice = made_of(once)
    first, second = read(once), read(twice)
    assert {element.tag for element in first} == {element.tag for element in second}
    assert first.get("PixelData") == second.get("PixelData")


# --- explain ----------------------------------------------------------------------------------------------------------


def attributes(dataset: Dataset, above: str = "") -> Iterator[tuple[str, DataElement]]:
    for element in dataset:
        path = f"{above}{p.tag_text(element.tag)}"
        yield path, element
        if element.VR == "SQ":
            for number, item in enumerate(element.value):
                yield from attributes(item, f"{path}[{number}].")


def explained(data: bytes, treatment: Treatment = PLAIN) -> dict[str, str]:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "received")
        path.write_bytes(data)
        found = [(each.tag, each.action) for each in explain_file(path, treatment)]
    assert [tag for tag, count in Counter(tag for tag, _ in found).items() if count > 1] == []
    return dict(found)


@given(drafts().filter(lambda d: not d.implicit and not d.after).map(sample_of))
def test_explain_names_every_attribute_once(sample: p.Sample) -> None:
    named = {path for path, action in explained(sample.data).items() if action != "add"}
    expected = {path for path, _ in attributes(pydicom.dcmread(io.BytesIO(sample.data)))}
    outside = {path for path in named if path in ("preamble", "end") or path.startswith("(0002,")}
    assert named - outside == expected


STATED = {0x00120062, 0x00120063, 0x00120064, 0x00280303, 0x00100010, 0x00100020}
"""What every output says, whatever its input said."""


@given(drafts().filter(lambda d: not d.implicit and not d.after).map(sample_of))
def test_what_explain_says_is_what_happens(sample: p.Sample) -> None:
    _, data = made_of(sample.data)
    out, before = dict(attributes(read(data))), dict(attributes(pydicom.dcmread(io.BytesIO(sample.data))))
    for path, action in explained(sample.data).items():
        if action == "add":
            assert path in out
            assert path not in before
            continue
        if path not in before or before[path].tag in STATED or before[path].tag >> 16 == 0x7FE0:
            continue
        if action == "keep" and before[path].VR != "SQ":
            assert out[path].value == before[path].value, path
        elif action == "remove":
            assert path not in out
        elif action == "empty" and path in out:
            assert not out[path].value, path
        elif action in ("replace", "clean"):
            assert out[path].value != before[path].value, path
        else:
            assert action in ("keep", "empty", "dummy")


# --- files as odd as they come ----------------------------------------------------------------------------------------


def ends_well(data: bytes, treatment: Treatment = PLAIN) -> Outcome:
    """A file of these bytes goes through, into quarantine or is skipped; what goes through can be read."""
    with treated(data, treatment) as (outcome, output):
        if outcome.state is State.DONE:
            pydicom.dcmread(output)
        else:
            assert outcome.reason
            assert not [path for path in output.rglob("*") if path.is_file()]
    return outcome


def small_film(syntax: str = p.EXPLICIT) -> p.Sample:
    d = p.Draft("film.dcm", syntax=syntax, charset="ISO_IR 192", encode=p.UTF_8)
    d.sop_class, d.sop_instance = DX, "1.2.3.4.5"
    d.put(0x00080016, "UI", DX)
    d.put(0x00080018, "UI", "1.2.3.4.5")
    d.put(0x00100010, "PN", "Zqxw^Zqxv")
    (item,) = d.items(0x00400275, undefined=syntax != p.IMPLICIT)
    item.put(0x00400007, "LO", "chest")
    for tag, value in ((0x00280002, 1), (0x00280010, 2), (0x00280011, 2), (0x00280100, 16), (0x00280101, 12)):
        d.put(tag, "US", value)
    d.put(0x7FE00010, "OW", bytes(range(8)))
    return sample_of(d)


@pytest.mark.parametrize("syntax", [p.EXPLICIT, p.IMPLICIT, p.BIG_ENDIAN, p.DEFLATED])
def test_a_file_cut_anywhere_ends_well(syntax: str) -> None:
    data = small_film(syntax).data
    states = Counter(ends_well(data[:stop]).state for stop in range(len(data)))
    assert states[State.QUARANTINED] + states[State.SKIPPED] > len(data) // 2


@settings(max_examples=100)
@given(SAMPLES, st.lists(st.tuples(st.integers(0, 1 << 20), st.binary(min_size=1, max_size=6)), min_size=1, max_size=4))
def test_a_damaged_file_ends_well(sample: p.Sample, damages: list[tuple[int, bytes]]) -> None:
    data = bytearray(sample.data)
    for place, damage in damages:
        at = place % len(data)
        data[at : at + len(damage)] = damage
    ends_well(bytes(data))


@given(st.binary(max_size=300), st.booleans())
def test_arbitrary_bytes_end_well(data: bytes, prefixed: bool) -> None:
    ends_well(bytes(128) + b"DICM" + data if prefixed else data)


@pytest.mark.parametrize("syntax", [p.EXPLICIT, p.IMPLICIT, p.BIG_ENDIAN, p.DEFLATED])
@pytest.mark.parametrize("digests", [True, False])
def test_a_file_that_becomes_shorter_while_it_is_treated_ends_well(syntax: str, digests: bool, tmp_path: Path) -> None:
    data = small_film(syntax).data
    path = tmp_path / "received"
    desk = Desk(replace(PLAIN, digests=digests))
    for stop in range(0, len(data), 7):
        path.write_bytes(data)
        with ReadAhead(path, room(), ahead=64) as source:
            path.write_bytes(data[:stop])
            try:
                outcome = desk.treat(source, tmp_path / "out", PurePosixPath("received"))
            except InputError:
                continue
            assert outcome.state is State.DONE
            assert pydicom.dcmread(tmp_path / "out" / str(outcome.output)).PixelData


@given(SAMPLES)
def test_a_survey_tells_kinds_and_never_values(sample: p.Sample) -> None:
    with tempfile.TemporaryDirectory() as name:
        path = Path(name, "received")
        path.write_bytes(sample.data)
        survey = survey_file(path, pixels=PixelMode.OFF)
    assert survey.state in ("leaks", "clean")
    said = repr(survey)
    assert [
        text for planted in sample.planted for _, text in planted.needles if text and len(text) > 5 and text in said
    ] == []
