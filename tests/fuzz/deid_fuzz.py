"""Mutate the hostile set and treat what comes out: a clear error or a clean file, in time, in memory, undone bit for bit.

``python tests/fuzz/deid_fuzz.py`` runs for an hour of processor time (``--cpu SECONDS``, or ``--cases N``), with another
seed each time unless ``--seed`` says which. A case fails when treating, surveying or explaining it

- raises anything that is no ``LeadglassError``,
- takes more than ``--seconds`` or the process more than ``--megabytes``,
- gives an output that holds an identifier which an independent reader still finds where it was planted,
- or gives an output that does not lead back to the mutated file.

Failing cases are kept in ``corpus`` beside this file and come first in every run. Half of the mutations know nothing of
DICOM, the others change lengths, VRs and tags, nest, repeat, exchange and cut elements.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import resource
import secrets
import shutil
import signal
import struct
import sys
import tempfile
import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "sets"))

import pydicom  # noqa: E402 - what judges lies beside
from hostile_set import hostile_set  # noqa: E402 - the sets lie beside
from judge import Haystack, value_at  # noqa: E402 - the sets lie beside
from planting import Planted, Sample, path_from  # noqa: E402 - the sets lie beside
from pydicom.filebase import DicomBytesIO  # noqa: E402 - what judges lies beside

from leadglass.adapters.files import FileSource  # noqa: E402 - after the path is set
from leadglass.assemble.desk import (  # noqa: E402 - after the path is set
    PixelMode,
    State,
    Treatment,
    explain_file,
    survey_file,
    treat_file,
    undo,
)
from leadglass.errors import LeadglassError  # noqa: E402 - after the path is set

CORPUS = HERE / "corpus"
KEY = bytes(range(32))
TREATMENT = Treatment(key=KEY, pixels=PixelMode.OFF, residue=True)
TELLING = 6
"""Bytes. A shorter value turns up in mutated bytes by chance."""
KNOWN_ANYWHERE = frozenset({"PN", "UI"})
KNOWN_TAGS = frozenset({0x00100020, 0x00080050})
"""What identifies wherever it turns up again: names, UIDs, Patient ID and Accession Number."""
_BODY = 332
"""About where the data set begins; mutations that know DICOM start there."""

_VRS = b"AE AS AT CS DA DS DT FD FL IS LO LT OB OD OF OL OV OW PN SH SL SQ SS ST SV TM UC UI UL UN UR US UT UV XX".split()
_TAGS = (
    0x00080005, 0x00080016, 0x00080018, 0x0020000D, 0x00100010, 0x00100020, 0x00280010, 0x00280100, 0x00280008, 0x7FE00010,
    0x7FE00001, 0xFFFEE000, 0xFFFEE00D, 0xFFFEE0DD, 0x00020010, 0x00020000, 0x00290010, 0x00291010, 0x60003000, 0x50003000,
    0x0040A730, 0x52009230, 0xFFFCFFFC, 0x00000000, 0xFFFFFFFF, 0x00041220,
)  # fmt: skip
_LENGTHS = (0, 1, 2, 3, 7, 0xFF, 0xFFFE, 0xFFFF, 0x10000, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFE, 0xFFFFFFFF)


class TooSlowError(Exception):
    """A case that took more than its time."""


@dataclass(frozen=True)
class Failure:
    """What went wrong with which bytes; ``base`` is the file of the set that was mutated."""

    base: str
    data: bytes
    why: str


# --- mutations --------------------------------------------------------------------------------------------------------

Mutation = Callable[[random.Random, bytearray, list[bytes]], None]


def flip(r: random.Random, data: bytearray, _: list[bytes]) -> None:
    for _number in range(r.choice((1, 1, 2, 8, 64))):
        data[r.randrange(len(data))] ^= 1 << r.randrange(8)


def overwrite(r: random.Random, data: bytearray, _: list[bytes]) -> None:
    at, size = r.randrange(len(data)), r.choice((1, 2, 4, 16, 256))
    data[at : at + size] = r.choice((bytes(size), b"\xff" * size, r.randbytes(size)))[: len(data) - at]


def cut(r: random.Random, data: bytearray, _: list[bytes]) -> None:
    del data[r.randrange(len(data)) :]


def remove(r: random.Random, data: bytearray, _: list[bytes]) -> None:
    at = r.randrange(len(data))
    del data[at : at + r.choice((1, 2, 3, 8, 100))]


def repeat(r: random.Random, data: bytearray, _: list[bytes]) -> None:
    at, size = r.randrange(len(data)), r.choice((1, 2, 8, 64, 1000))
    data[at:at] = data[at : at + size] * r.choice((1, 1, 3))


def splice(r: random.Random, data: bytearray, others: list[bytes]) -> None:
    other = r.choice(others)
    data[r.randrange(len(data)) :] = other[r.randrange(len(other)) :]


def headers(data: bytes) -> list[tuple[int, int, int]]:
    """Explicit VR headers that look like one: where they begin, where their length stands, and its size in bytes."""
    found = []
    for vr in _VRS:
        at = data.find(vr, _BODY)
        while at >= 0 and len(found) < 400:
            if at % 2 == 0:
                wide = vr in (b"OB", b"OD", b"OF", b"OL", b"OV", b"OW", b"SQ", b"SV", b"UC", b"UN", b"UR", b"UT", b"UV")
                found.append((at - 4, at + 4 if wide else at + 2, 4 if wide else 2))
            at = data.find(vr, at + 2)
    return [each for each in found if each[0] >= 0 and each[1] + each[2] <= len(data)]


def length(r: random.Random, data: bytearray, _: list[bytes]) -> None:
    if known := headers(bytes(data)):
        _start, at, size = r.choice(known)
        now = int.from_bytes(data[at : at + size], "little")
        value = r.choice((*_LENGTHS, now + 1, max(0, now - 1), now * 2, now + 8, now // 2))
        data[at : at + size] = (value & (256**size - 1)).to_bytes(size, "little")


def other_vr(r: random.Random, data: bytearray, _: list[bytes]) -> None:
    if known := headers(bytes(data)):
        start = r.choice(known)[0]
        data[start + 4 : start + 6] = r.choice(_VRS)


def other_tag(r: random.Random, data: bytearray, _: list[bytes]) -> None:
    if known := headers(bytes(data)):
        start, tag = r.choice(known)[0], r.choice(_TAGS)
        data[start : start + 4] = struct.pack("<HH", tag >> 16, tag & 0xFFFF)


def exchange(r: random.Random, data: bytearray, _: list[bytes]) -> None:
    if len(known := sorted(start for start, _at, _size in headers(bytes(data)))) > 3:
        a, b, c = sorted(r.sample(range(len(known)), 3))
        a, b, c = known[a], known[b], known[c]
        data[a:c] = data[b:c] + data[a:b]


def nest(r: random.Random, data: bytearray, _: list[bytes]) -> None:
    """Sequences in sequences, deep enough to end a recursion that nobody counts."""
    if known := headers(bytes(data)):
        opening = bytes.fromhex("40004004") + b"SQ\0\0\xff\xff\xff\xff" + bytes.fromhex("feff00e0ffffffff")
        start = r.choice(known)[0]
        data[start:start] = opening * r.choice((1, 5, 40, 2000, 20_000))


def many(r: random.Random, data: bytearray, _: list[bytes]) -> None:
    """One element thousands of times."""
    if known := sorted(headers(bytes(data))):
        number = r.randrange(len(known))
        start = known[number][0]
        end = known[number + 1][0] if number + 1 < len(known) else start + 16
        data[start:start] = data[start:end] * r.choice((1, 50, 3000))


BLIND: tuple[Mutation, ...] = (flip, flip, overwrite, cut, remove, repeat, splice)
KNOWING: tuple[Mutation, ...] = (length, length, other_vr, other_vr, other_tag, exchange, nest, many)


def mutated(r: random.Random, base: bytes, others: list[bytes]) -> bytes:
    data = bytearray(base)
    for _ in range(r.choice((1, 1, 1, 2, 3, 5))):
        r.choice(r.choice((BLIND, KNOWING)))(r, data, others)
        if not data:
            break
    return bytes(data[: 1 << 22])


# --- one case ---------------------------------------------------------------------------------------------------------


@contextmanager
def within(seconds: float) -> Iterator[None]:
    def ring(*_: object) -> None:
        raise TooSlowError

    signal.signal(signal.SIGALRM, ring)
    signal.setitimer(signal.ITIMER_REAL, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)


def still_there(sample: Sample, data: bytes) -> list[Planted]:
    """What an independent reader finds in the mutated file where it was planted."""
    try:
        read = pydicom.dcmread(DicomBytesIO(data), force=True)
    except Exception:  # whatever the reader cannot read, it finds nothing in
        return []
    found = []
    for planted in sample.planted:
        path = path_from(planted.where)
        if path is None or planted.grade != "must":
            # What no row lists is found by what other attributes say, and those a mutation may have taken away.
            continue
        needles = tuple((stored, text) for stored, text in planted.needles if text and len(stored) >= TELLING)
        try:
            value = value_at(read, path) or ""
        except Exception:  # noqa: S112 - an element that the reader cannot decode tells the judge nothing
            continue
        copied = any(data.count(stored) > sample.data.count(stored) for stored, _ in needles)
        if copied and planted.kind not in KNOWN_ANYWHERE and path[-1] not in KNOWN_TAGS:
            # A word that a mutation carried to where nothing says whose it is.
            continue
        if needles and all(str(text) in value for _, text in needles):
            found.append(Planted(planted.where, needles, planted.grade, planted.kind))
    return found


def without_samples(written: bytes) -> bytes:
    """An output without its native samples: bytes that a mutation made samples of are a picture, whatever they spell.

    A pixel value that is shorter than the picture which the header describes is no picture, and stays in.
    """
    try:
        read = pydicom.dcmread(DicomBytesIO(written))
        kinds = {"PixelData": int(read.get("BitsAllocated") or 0), "FloatPixelData": 32, "DoubleFloatPixelData": 64}
        name = next(name for name in kinds if name in read)
        value = bytes(read[name].value)
        bits = int(read.Rows) * int(read.Columns) * int(read.SamplesPerPixel) * kinds[name]
        if read.file_meta.TransferSyntaxUID.is_encapsulated or len(value) * 8 < bits * int(read.get("NumberOfFrames") or 1):
            return written
    except Exception:  # whatever cannot be read has no samples
        return written
    at = written.rfind(value)
    return written[:at] + written[at + len(value) :]


def tried(sample: Sample, data: bytes, folder: Path, seconds: float) -> tuple[str, str | None]:
    """What became of one case, and why it failed."""
    received, out = folder / "case.dcm", folder / "out"
    received.write_bytes(data)
    shutil.rmtree(out, ignore_errors=True)
    out.mkdir()
    try:
        with within(seconds):
            outcome = treat_file(received, out, PurePosixPath("case.dcm"), TREATMENT)
            survey_file(received, pixels=PixelMode.OFF)
            try:
                for _ in explain_file(received, TREATMENT):
                    pass
            except LeadglassError:
                pass
            if outcome.state is not State.DONE:
                return str(outcome.state), None
            assert outcome.output is not None
            assert outcome.residue is not None
            written = out / outcome.output
            with FileSource(written) as source:
                back = b"".join(undo(source, outcome.residue, key=KEY, digest=str(outcome.written)))
    except LeadglassError as error:
        return "error", f"{type(error).__name__} left treat_file: {error.message}"
    except TooSlowError:
        return "slow", f"took more than {seconds:g} s"
    except MemoryError:
        return "memory", "took more memory than it may"
    except Exception as error:
        return "crash", f"{type(error).__name__} at {_place(error)}"
    if back != data:
        return "undo", "the output does not lead back to what was received"
    haystack = Haystack.of(without_samples(written.read_bytes()), outcome.output)
    for planted in still_there(sample, data):
        if haystack.holds(planted):
            return "leak", f"{planted.where} ({planted.kind}) is in the output"
    return "done", None


def _place(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    return f"{Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else "?"


def keep(failure: Failure) -> Path:
    """The case, named after the file that it was and a digest; what was wrong stands beside it."""
    CORPUS.mkdir(exist_ok=True)
    path = CORPUS / f"{Path(failure.base).stem}--{hashlib.sha256(failure.data).hexdigest()[:12]}.dcm"
    path.write_bytes(failure.data)
    path.with_suffix(".txt").write_text(failure.why + "\n", encoding="utf-8")
    return path


def cases(samples: list[Sample], r: random.Random) -> Iterator[tuple[Sample, bytes]]:
    """The corpus, then the set as it is, then mutations without end."""
    by_stem = {Path(sample.name).stem: sample for sample in samples}
    for path in sorted(CORPUS.glob("*.dcm")):
        yield by_stem[path.stem.rpartition("--")[0]], path.read_bytes()
    yield from ((sample, sample.data) for sample in samples)
    others = [sample.data for sample in samples]
    while True:
        sample = r.choice(samples)
        yield sample, mutated(r, sample.data, others)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cpu", type=float, default=3600, help="seconds of processor time (3600)")
    parser.add_argument("--cases", type=int, help="stop after so many cases")
    parser.add_argument("--seed", help="the same seed makes the same cases")
    parser.add_argument("--seconds", type=float, default=10, help="the longest that one case may take (10)")
    parser.add_argument("--megabytes", type=int, default=3072, help="address space of the process (3072)")
    parser.add_argument("--keep", action=argparse.BooleanOptionalAction, default=True, help="keep failing cases")
    options = parser.parse_args()
    seed = options.seed or secrets.token_hex(4)
    limit = options.megabytes << 20
    resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    warnings.simplefilter("ignore")
    seen: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    told = time.process_time()
    print(f"seed {seed}", file=sys.stderr)
    with tempfile.TemporaryDirectory(prefix="leadglass-fuzz-") as name:
        for sample, data in cases(hostile_set(1), random.Random(seed)):  # noqa: S311 - cases need no secrecy
            if time.process_time() > options.cpu or sum(seen.values()) == options.cases:
                break
            state, why = tried(sample, data, Path(name), options.seconds)
            seen[state] += 1
            if why and not reasons[why]:
                failure = Failure(sample.name, data, why)
                where = f" ({keep(failure)})" if options.keep else ""
                print(f"{state}: {sample.name}: {why}{where}", file=sys.stderr)
            if why:
                reasons[why] += 1
            if time.process_time() > told + 60:
                told = time.process_time()
                print(f"{told:.0f} s: {dict(seen)}", file=sys.stderr)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(f"{sum(seen.values())} cases in {time.process_time():.0f} CPU s, peak {peak} MB: {dict(seen)}")
    for why, count in reasons.most_common():
        print(f"{count:6} x {why}")
    return 1 if reasons else 0


if __name__ == "__main__":
    sys.exit(main())
