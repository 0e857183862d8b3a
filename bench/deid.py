"""How fast files are de-identified, in CPU time from file to file, beside a plain copy and beside other tools.

Run ``python bench/deid.py``. Three sets are made: CT slices (0.5 MB, several series, a private block of 8 KB), chest films
(10 MB, another patient each, 16 and 12 bits stored) and chest films in JPEG-LS. All contenders take turns, round by round,
on files in the page cache; each figure is user and system time, children included. Nobody's start-up counts, but that of our
own whole command. The peers are those of ``bench/peers.py``. At the end the extra memory for one file of 2 GB, native and
encapsulated.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import statistics
import struct
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from film import machine
from leadglass.assemble.desk import PixelMode, State, Treatment, treat_file
from peers import OUR_PROGRAM, MissingError, cache_folder, children, gdcmanon, python_peer

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests" / "sets"))

from planting import EXPLICIT, Draft, Imagination, Person, fragments, head, imagine, raw

KEY = bytes(range(32))
CT, DX = "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.1.1.1"
JPEG_LS = "1.2.840.10008.1.2.4.80"
GIGABYTE = 1 << 30


# --- sets -------------------------------------------------------------------------------------------------------------


def header(d: Draft, made: Imagination, who: Person, *, series: str, number: int) -> None:
    """About 125 attributes, 157 with those of items: what a scanner says of one image."""
    d.put(0x00080008, "CS", "ORIGINAL\\PRIMARY\\AXIAL")
    d.put(0x00080016, "UI", d.sop_class)
    d.put(0x00080018, "UI", d.sop_instance)
    for tag in (0x00080012, 0x00080020, 0x00080021, 0x00080022, 0x00080023):
        d.put(tag, "DA", who.study_date)
    for tag in (0x00080013, 0x00080030, 0x00080031, 0x00080032, 0x00080033):
        d.put(tag, "TM", f"{90000 + number:06}.{number:06}")
    for tag, vr, value in (
        (0x00080050, "SH", who.accession), (0x00080060, "CS", "CT"), (0x00080070, "LO", "SIEMENS"),
        (0x00080080, "LO", who.hospital), (0x00080081, "ST", who.address), (0x00080090, "PN", who.physician),
        (0x00081010, "SH", "CT01"), (0x00081030, "LO", "Thorax^1_ThoraxRoutine"), (0x0008103E, "LO", "Lung 1.25 B60f"),
        (0x00081040, "LO", "Radiology"), (0x00081048, "PN", who.physician), (0x00081050, "PN", who.physician),
        (0x00081070, "PN", "Operator^One"), (0x00081090, "LO", "SOMATOM Force"), (0x00100010, "PN", who.name),
        (0x00100020, "LO", who.patient_id), (0x00100030, "DA", who.birth_date), (0x00100040, "CS", "M"),
        (0x00101010, "AS", "061Y"), (0x00101020, "DS", "1.74"), (0x00101030, "DS", "72"), (0x00101040, "LO", who.address),
        (0x00102154, "SH", who.phone), (0x001021B0, "LT", "cough"), (0x00180015, "CS", "CHEST"),
        (0x00180022, "CS", "HELIX"), (0x00180050, "DS", "1.25"), (0x00180060, "DS", "120"), (0x00180090, "DS", "500"),
        (0x00181000, "LO", "75123"), (0x00181020, "LO", "syngo CT VB20"), (0x00181030, "LO", "1_ThoraxRoutine"),
        (0x00181100, "DS", "361"), (0x00181110, "DS", "1085.6"), (0x00181111, "DS", "595"), (0x00181120, "DS", "0"),
        (0x00181130, "DS", "163"), (0x00181140, "CS", "CW"), (0x00181150, "IS", "500"), (0x00181151, "IS", "213"),
        (0x00181152, "IS", "106"), (0x00181160, "SH", "FLAT"), (0x00181170, "IS", "40"), (0x00181190, "DS", "1.2"),
        (0x00181200, "DA", who.study_date), (0x00181201, "TM", "080000"), (0x00181210, "SH", "B60f"),
        (0x00185100, "CS", "HFS"), (0x00200010, "SH", "1"), (0x00200011, "IS", "3"), (0x00200012, "IS", "2"),
        (0x00200013, "IS", str(number)), (0x00200032, "DS", f"-180\\-180\\{-number * 1.25}"),
        (0x00200037, "DS", "1\\0\\0\\0\\1\\0"), (0x00201040, "LO", ""), (0x00201041, "DS", str(-number * 1.25)),
        (0x00204000, "LT", "for the thoracic board"), (0x00280030, "DS", "0.703125\\0.703125"),
        (0x00281050, "DS", "-600\\50"), (0x00281051, "DS", "1200\\350"), (0x00281052, "DS", "-1024"),
        (0x00281053, "DS", "1"), (0x00281055, "LO", "WINDOW1\\WINDOW2"), (0x00321032, "PN", who.physician),
        (0x00321060, "LO", "CT Thorax"), (0x00400244, "DA", who.study_date), (0x00400245, "TM", "090000"),
        (0x00400253, "SH", "PPS123"), (0x00400254, "LO", "CT Thorax"), (0x20500020, "CS", "IDENTITY"),
    ):  # fmt: skip
        d.put(tag, vr, value)
    for tag in range(0x00189302, 0x00189312):
        d.put(tag, "FD", float(number % 7) + tag % 16)
    for tag, vr, value in (
        (0x00189073, "FD", 0.5),
        (0x00189087, "FD", 1.0),
        (0x00189098, "FD", 2.0),
        (0x00189323, "CS", "XYZ_EC"),
    ):
        d.put(tag, vr, value)
    d.put(0x0020000D, "UI", who.study_uid)
    d.put(0x0020000E, "UI", series)
    d.put(0x00200052, "UI", who.frame_of_reference)
    for tag in (0x00081032, 0x00082218, 0x00081084, 0x00321064):
        d.code(tag, "51185008", "SCT", "Chest", kept=False)
    for tag in (0x00081111, 0x00081140):
        for item in d.items(tag, 2):
            item.put(0x00081150, "UI", CT)
            item.put(0x00081155, "UI", series)
    request = d.item(0x00400275)
    for tag, vr in ((0x00400007, "LO"), (0x00400009, "SH"), (0x00401001, "SH"), (0x00321060, "LO")):
        request.put(tag, vr, "Thorax")
    block = d.block(0x0029, "SIEMENS CSA HEADER")
    for element, size in ((0x08, 10), (0x09, 8), (0x10, 8192), (0x18, 10), (0x19, 8), (0x20, 600)):
        d.put(block | element, "OB", bytes(made.random.randrange(256) for _ in range(16)) * (size // 16) + bytes(size % 16))
    block = d.block(0x0019, "SIEMENS CT VA0  COAD")
    for element in range(0x90, 0xA4):
        d.put(block | element, "DS", str(element))


def image(d: Draft, samples: NDArray[Any], *, stored: int, signed: int = 0) -> None:
    rows, columns = samples.shape
    for tag, value in (
        (0x00280002, 1), (0x00280010, rows), (0x00280011, columns), (0x00280100, 16), (0x00280101, stored),
        (0x00280102, stored - 1), (0x00280103, signed),
    ):  # fmt: skip
        d.put(tag, "US", value)
    d.put(0x00280004, "CS", "MONOCHROME2")
    if d.syntax == EXPLICIT:
        d.put(0x7FE00010, "OW", samples.tobytes())
    else:
        d.append(0x7FE00010, fragments([imagecodecs.jpegls_encode(samples)]))


def texture(rows: int, columns: int, *, top: int, dtype: str) -> NDArray[Any]:
    noise = np.random.default_rng(5).integers(0, 64, (rows, columns))
    y, x = np.mgrid[0:rows, 0:columns]
    return ((noise + (x + y) * (top - 64) // (rows + columns)) % (top + 1)).astype(dtype)


def make_sets(folder: Path, *, ct: int, films: int, compressed: int) -> dict[str, Path]:
    made = Imagination("bench")
    slices = texture(512, 512, top=3000, dtype="<i2")
    people, series = [imagine(made) for _ in range(2)], [made.uid() for _ in range(4)]
    for number in range(ct):
        one = min(3, number * 4 // ct)
        d = Draft(f"{number:04}.dcm")
        d.sop_class, d.sop_instance = CT, made.uid()
        header(d, made, people[one // 2], series=series[one], number=number)
        image(d, slices, stored=16, signed=1)
        save(folder / "CT", d)
    pictures = {bits: texture(2500, 2048, top=(1 << bits) - 1, dtype="<u2") for bits in (16, 12)}
    for kind, count, syntax in (("CXR", films, EXPLICIT), ("JPEG-LS", compressed, JPEG_LS)):
        for number in range(count):
            d = Draft(f"{number:04}.dcm", syntax=syntax)
            d.sop_class, d.sop_instance = DX, made.uid()
            header(d, made, imagine(made), series=made.uid(), number=number)
            stored = 16 if number % 2 else 12
            image(d, pictures[stored], stored=stored)
            save(folder / kind, d)
    return {kind: folder / kind for kind in ("CT", "CXR", "JPEG-LS") if (folder / kind).is_dir()}


def save(folder: Path, d: Draft) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / d.name).write_bytes(d.sample().data)


# --- contenders: each treats a folder and says what processor time the work took ----------------------------------------


def spent() -> float:
    """Processor seconds of this process and of its children that have ended."""
    return time.process_time() + children()


def each_file(treat: Callable[[Path, Path], object]) -> Callable[[Path, Path], float]:
    def loop(source: Path, out: Path) -> float:
        paths = sorted(source.iterdir())
        before = spent()
        for path in paths:
            treat(path, out)
        return spent() - before

    return loop


def copy(path: Path, out: Path) -> None:
    """What ``cp`` does: open, ``copy_file_range``, close."""
    with path.open("rb") as source, (out / path.name).open("wb") as copied:
        left = os.fstat(source.fileno()).st_size
        while left:
            left -= os.copy_file_range(source.fileno(), copied.fileno(), left)


def sha256(path: Path, out: Path) -> None:
    del out
    with path.open("rb") as source:
        hashlib.file_digest(source, "sha256")


def desk(treatment: Treatment) -> Callable[[Path, Path], object]:
    def treat(path: Path, out: Path) -> None:
        outcome = treat_file(path, out, PurePosixPath(path.name), treatment)
        if outcome.state is not State.DONE:
            raise SystemExit(f"our own tool did not treat {path.name}: {outcome.state} {outcome.reason}")

    return treat


def command_line(source: Path, out: Path) -> float:
    """The whole command with its journal and reports, its start-up included."""
    key = out.parent / "key"
    if not key.exists():
        key.touch(mode=0o600)
        key.write_bytes(KEY)
    before = children()
    command = [OUR_PROGRAM, "deid", source, out, "--key", key, "--pixels", "off", "--json", "--workers", "1"]
    done = subprocess.run(list(map(str, command)), check=False, capture_output=True, text=True)
    if done.returncode:
        raise MissingError(f"exit {done.returncode}: {done.stderr.strip()[-200:]}")
    return children() - before


def peer(name: str, cache: Path) -> Callable[[Path, Path], float]:
    return lambda source, out: python_peer(name, source, out, cache=cache).cpu


def contenders(cache: Path) -> dict[str, Callable[[Path, Path], float]]:
    treatment = Treatment(key=KEY, pixels=PixelMode.OFF)
    return {
        "copy (cp)": each_file(copy),
        "SHA-256 of the file": each_file(sha256),
        "leadglass, proof, no digests": each_file(desk(replace(treatment, digests=False))),
        "leadglass, both digests, proof, record": each_file(desk(treatment)),
        "leadglass deid, whole command": command_line,
        "gdcmanon": lambda source, out: gdcmanon(source, out, cache=cache).cpu,
        "pydicom read and save": peer("pydicom read and save", cache),
        "dicom-anonymizer": peer("dicom-anonymizer", cache),
        "dicognito": peer("dicognito", cache),
        "deid": peer("deid", cache),
    }


@dataclass
class Race:
    """Processor seconds per round, by contender; a contender that cannot run is named with the reason."""

    files: int
    seconds: dict[str, list[float]]
    missing: dict[str, str]

    def table(self) -> Iterator[str]:
        yield "| contender | files / CPU s | MB / CPU s | x cp | x dicom-anonymizer |"
        yield "| --- | ---: | ---: | ---: | ---: |"
        for name, rounds in self.seconds.items():
            rate = self.files / statistics.median(rounds)
            yield (
                f"| {name} | {rate:.0f} | {rate * self.megabytes:.0f} | {self._beside(name, 'copy (cp)')} |"
                f" {self._beside(name, 'dicom-anonymizer')} |"
            )
        for name, reason in self.missing.items():
            yield f"| {name} | not run: {reason} | | | |"

    megabytes: float = 0.0

    def _beside(self, name: str, other: str) -> str:
        """The median over rounds of the ratio within the round."""
        if other not in self.seconds:
            return ""
        ratio = statistics.median(b / a for a, b in zip(self.seconds[name], self.seconds[other], strict=True))
        return f"{ratio:.2f}" if ratio < 10 else f"{ratio:.0f}"


def race(source: Path, folder: Path, runners: Mapping[str, Callable[[Path, Path], float]], rounds: int) -> Race:
    files = sorted(source.iterdir())
    result = Race(len(files), {}, {})
    result.megabytes = sum(path.stat().st_size for path in files) / len(files) / 1e6
    for number in range(rounds + 1):
        # The first round warms caches and interpreters and is not counted.
        for name, run in runners.items():
            if name in result.missing:
                continue
            out = folder / "out"
            out.mkdir()
            try:
                seconds = run(source, out)
                if number:
                    result.seconds.setdefault(name, []).append(seconds)
            except MissingError as error:
                result.missing[name] = str(error) or type(error).__name__
                result.seconds.pop(name, None)
            finally:
                for path in folder.glob("out*"):
                    shutil.rmtree(path, ignore_errors=True)
    return result


# --- memory -----------------------------------------------------------------------------------------------------------


def large_file(path: Path, *, encapsulated: bool) -> None:
    """A multi-frame file of 2 GB, sparse: its frames are zeros, or fragments that begin like JPEG-LS."""
    made = Imagination("large")
    d = Draft(path.name, syntax=JPEG_LS if encapsulated else EXPLICIT)
    d.sop_class, d.sop_instance = "1.2.840.10008.5.1.4.1.1.7.3", made.uid()
    header(d, made, imagine(made), series=made.uid(), number=1)
    frames, size = 256, 8 << 20
    for tag, value in (
        (0x00280002, 1), (0x00280010, 2048), (0x00280011, 2048), (0x00280100, 16), (0x00280101, 12), (0x00280102, 11),
        (0x00280103, 0),
    ):  # fmt: skip
        d.put(tag, "US", value)
    d.put(0x00280004, "CS", "MONOCHROME2")
    d.put(0x00280008, "IS", str(frames - 1 if not encapsulated else frames))
    with path.open("wb") as file:
        file.write(d.sample().data)
        if not encapsulated:
            length = (frames - 1) * size
            file.write(head(0x7FE00010, "OW", length))
            file.truncate(file.tell() + length)
            return
        stream = imagecodecs.jpegls_encode(np.zeros((2048, 2048), "<u2"))
        # The end of a frame is where an end of image is looked for; what is between may be anything.
        filler = size - len(stream)
        file.write(head(0x7FE00010, "OB", 0xFFFFFFFF) + raw(0xFFFEE000, "", b""))
        for _ in range(frames):
            file.write(struct.pack("<HHL", 0xFFFE, 0xE000, size) + stream[:-2])
            file.seek(filler, os.SEEK_CUR)
            file.write(stream[-2:])
        file.write(raw(0xFFFEE0DD, "", b""))


def peak_memory(path: Path, out: Path) -> dict[str, Any]:
    """Peak resident memory of a process that treats ``path``, above what it had before; MB."""
    program = [sys.executable, __file__, "--one", str(path), str(out)]
    done = subprocess.run(program, check=True, stdout=subprocess.PIPE, text=True)
    told: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return told


def treat_one(path: Path, out: Path) -> None:
    """The child of ``peak_memory``: a small file first, so that imports and tables do not count."""
    small = out / "small.dcm"
    d = Draft("small.dcm")
    made = Imagination("small")
    d.sop_class, d.sop_instance = CT, made.uid()
    header(d, made, imagine(made), series=made.uid(), number=1)
    image(d, texture(64, 64, top=1000, dtype="<i2"), stored=16)
    small.write_bytes(d.sample().data)
    treatment = Treatment(key=KEY, pixels=PixelMode.OFF)
    treat_file(small, out, PurePosixPath("small.dcm"), treatment)
    Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew (proc(5))
    before, start = peak(), time.process_time()
    outcome = treat_file(path, out, PurePosixPath(path.name), treatment)
    after = peak()
    print(
        json.dumps(
            {
                "state": outcome.state,
                "reason": outcome.reason,
                "extra_mb": (after - before) / 1024,
                "cpu": time.process_time() - start,
            }
        )
    )


def peak() -> int:
    """Peak resident memory of this process, KiB. That of ``getrusage`` still holds the peak of whoever started it."""
    (line,) = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1])


def memory(folder: Path) -> Iterator[str]:
    for said, encapsulated in (("native", False), ("encapsulated", True)):
        path, out = folder / f"large {said}.dcm", folder / "large out"
        large_file(path, encapsulated=encapsulated)
        out.mkdir()
        try:
            told = peak_memory(path, out)
            size = path.stat().st_size / GIGABYTE
            yield (
                f"{said}, {size:.2f} GiB: {told['extra_mb']:.0f} MB more than before (goal 64), {told['cpu']:.1f} CPU s,"
                f" {told['state']} {told['reason'] or ''}"
            )
        except subprocess.CalledProcessError as error:
            yield f"{said}: not run, exit {error.returncode}"
        finally:
            path.unlink()
            shutil.rmtree(out)


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--ct", type=int, default=400, help="slices")
    parser.add_argument("--cxr", type=int, default=60, help="chest films")
    parser.add_argument("--jpegls", type=int, default=20, help="chest films in JPEG-LS")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="contenders whose names begin so; the copy always runs")
    parser.add_argument("--no-memory", action="store_true")
    parser.add_argument("--cache", type=Path, default=cache_folder())
    parser.add_argument("--folder", type=Path, help="where to work; a folder in memory shows the processor best")
    parser.add_argument("--one", nargs=2, type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args(arguments)
    if options.one:
        treat_one(*options.one)
        return
    runners = contenders(options.cache)
    if options.only is not None:
        wanted = ("copy", *options.only)
        runners = {name: run for name, run in runners.items() if name.startswith(wanted)}
    print(machine() + "\n")
    with tempfile.TemporaryDirectory(prefix="leadglass-bench-", dir=options.folder) as name:
        folder = Path(name)
        sets = make_sets(folder / "sets", ct=options.ct, films=options.cxr, compressed=options.jpegls)
        for kind, source in sets.items():
            result = race(source, folder, runners, options.rounds)
            print(f"### {kind}: {result.files} files of {result.megabytes:.2f} MB, medians of {options.rounds} rounds\n")
            print("\n".join(result.table()) + "\n")
        if not options.no_memory:
            print("### Memory for one large file\n")
            for line in memory(folder):
                print(line)


if __name__ == "__main__":
    main()
