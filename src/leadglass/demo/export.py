"""The act without a site: the same films as a folder that goes to a university, de-identified, proved and undone."""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np

from leadglass.adapters.batch.engine import InLine
from leadglass.adapters.batch.key import make_key, read_key
from leadglass.adapters.files import FileSource
from leadglass.assemble.desk import PixelMode, Treatment, survey_file, treat_file
from leadglass.assemble.run import Run, default_report
from leadglass.assemble.survey import Tally, survey
from leadglass.assemble.undo import undo_file
from leadglass.demo.teller import Teller
from leadglass.dicom.frames import PixelLayout, decode
from leadglass.dicom.instance import scan
from leadglass.dicom.source import BytesSource
from leadglass.errors import SealBrokenError
from leadglass.model.frame import Frame
from leadglass.testing.films import Film

PATIENT_ID, STUDY_DATE = 0x00100020, 0x00080020
UNIVERSITY, OTHER = "Example University", "Example Imaging AI Ltd"


def send_a_folder(folder: Path, films: Sequence[Film], teller: Teller, *, patterns: Sequence[bytes]) -> None:
    """Copy the films to ``folder``/export, as a PACS would, and make ``folder``/research of them.

    ``patterns`` are the spellings of everything that may not be in there any more. Key and residue stay in ``folder``.

    Raises:
        VerificationError: a claim does not hold.
    """
    teller.chapter("Without a site: a folder for research", "不建站点：整个文件夹去标识")
    folder.mkdir()
    export = folder / "export"
    export.mkdir()
    for film in films:
        shutil.copyfile(film.path, export / film.path.name)
    teller.command("scan", str(export), "--pixels off")
    tally = Tally()
    for looked in survey(export, InLine(), survey_file, pixels=PixelMode.OFF):
        tally.count(looked)
    teller.claim(f"nothing is written, and it says: {tally.verdict()}", tally.states["leaks"] == len(films))

    key, residue = folder / "project.key", folder / "project.residue"
    make_key(key)
    made = _de_identified(folder / "research", export, teller, key=key, residue=residue, recipient=UNIVERSITY)
    _look(folder / "research", made, films, teller, patterns=patterns)
    other = _de_identified(folder / "company", export, teller, key=key, recipient=OTHER)
    one, two = ({_read(path).patient_id for path in each.values()} for each in (made, other))
    teller.claim("the two have no pseudonym in common, so they cannot join what they were given", not one & two)
    _undo(folder, films[0].path, made[films[0].path.name], teller, key=key, residue=residue)


def _de_identified(
    out: Path, export: Path, teller: Teller, *, key: Path, recipient: str, residue: Path | None = None
) -> Mapping[str, Path]:
    """The outputs of a run by the names of the inputs."""
    kept = f"--residue {residue}" if residue else ""
    first = "--make-key" if residue else ""
    options = "--pixels off --option retain-modified-dates --option clean-descriptors"
    words = (str(export), str(out), f"--key {key}", first, options, f"--recipient '{recipient}'", kept)
    teller.command("deid", *filter(None, words))
    treatment = Treatment(
        key=read_key(key),
        options=("retain-modified-dates", "clean-descriptors"),
        recipient=recipient,
        pixels=PixelMode.OFF,
        residue=residue is not None,
    )
    with Run(export, out, report=default_report(out), treatment=treatment, residue=residue, engine_name="demo") as run:
        made = {Path(line.path).name: out / line.output for line in run.lines(InLine(), treat_file) if line.output}
    done = run.summary.states["done"]
    teller.claim(f"{done} files for {recipient}, each searched for what its input says", done == run.summary.files)
    return made


def _look(out: Path, made: Mapping[str, Path], films: Sequence[Film], teller: Teller, *, patterns: Sequence[bytes]) -> None:
    """What the university gets: nobody's name, the same pixels, the same patients and intervals."""
    names = [os.fsencode(path.relative_to(out)) for path in out.rglob("*")]
    pairs = [(_read(film.path), _read(made[film.path.name])) for film in films]
    teller.claim(
        f"{len(patterns)} spellings of names, numbers and addresses looked for in headers and file names: none is there",
        not any(pattern in data for data in (*names, *(now.rest for _, now in pairs)) for pattern in patterns),
    )
    teller.claim("every sample of every film is as received", all(_same(was, now) for was, now in pairs))
    patients = {(was.patient_id, now.patient_id) for was, now in pairs}
    teller.claim(
        f"{len(patients)} patients are {len(dict(patients))} pseudonyms, in all studies of theirs",
        len(patients) == len(dict(patients)) == len({pseudonym for _, pseudonym in patients}),
    )
    shifts = {(was.patient_id, was.day - now.day) for was, now in pairs}
    teller.claim(
        "dates are earlier ones, and between the studies of a patient lie as many days as before",
        len(shifts) == len(patients) and all(shift > timedelta() for _, shift in shifts),
    )


def _undo(folder: Path, received: Path, output: Path, teller: Teller, *, key: Path, residue: Path) -> None:
    back = folder / "received.dcm"
    teller.command("deid undo", str(output), f"--residue {residue} --key {key} --out {back}")
    digest = undo_file(output, residue=residue, key=read_key(key), out=back)
    whole = hashlib.sha256(received.read_bytes()).hexdigest()
    teller.claim(f"SHA-256 of what came in and of what came back: {whole[:16]}... both", digest == whole)
    try:
        undo_file(output, residue=residue, key=bytes(32), out=folder / "nothing.dcm")
        refused = ""
    except SealBrokenError as error:
        refused = error.message
    teller.claim(f"with another key nothing does: {refused}", bool(refused))


@dataclass(frozen=True)
class _Seen:
    """What is compared of a film. ``pixels`` is its pixel value as encoded, ``rest`` everything before and after that."""

    layout: PixelLayout
    encapsulated: bool
    patient_id: str
    day: datetime
    pixels: bytes
    rest: bytes


def _read(path: Path) -> _Seen:
    with FileSource(path) as source:
        header = scan(source)
        offset, length = header.pixel_value
        return _Seen(
            header.layout,
            header.encapsulated,
            header.text(PATIENT_ID),
            datetime.strptime(header.text(STUDY_DATE), "%Y%m%d").replace(tzinfo=UTC),
            source.read(offset, length),
            source.read(0, offset) + source.read(offset + length, source.size),
        )


def _same(was: _Seen, now: _Seen) -> bool:
    # A code stream may have lost a comment of whoever encoded it, and decodes to the same samples.
    return was.pixels == now.pixels or all(
        np.array_equal(one.samples, other.samples) for one, other in zip(_frames(was), _frames(now), strict=True)
    )


def _frames(seen: _Seen) -> Iterator[Frame]:
    return decode(seen.layout, BytesSource(seen.pixels), encapsulated=seen.encapsulated)
