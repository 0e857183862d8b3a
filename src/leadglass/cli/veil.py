"""``outline``, ``seal``, ``look``: the veil without a site."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadglass.cli.terminal import choice, emit, say
from leadglass.errors import ConflictError, InputError, NotDicomError

if TYPE_CHECKING:
    from leadglass.anatomy.outline import Outlines
    from leadglass.dicom.instance import Identified
    from leadglass.model.frame import Frame
    from leadglass.ports import Detector

_SUFFIXES = frozenset({".dcm", ".dicom", ".png", ".jpg", ".jpeg"})
"""Of file names; another ending may be the end of a UID."""
_PATHS = typer.Argument(metavar="PATH...", help="DICOM, PNG or JPEG files, or folders to walk.")
_SHOW = typer.Option("--show", metavar="K,K", help="Regions to show: text, heart, lung_right, lung_left, lungs, rest, all.")


def register(app: typer.Typer) -> None:
    app.command()(outline)
    app.command()(seal)
    app.command()(look)


def outline(
    paths: Annotated[list[Path], _PATHS],
    out: Annotated[Path, typer.Option(metavar="DIR", help="A folder for each film's masks is made here.")],
) -> None:
    """Draw the outlines of lungs, heart, ribs, clavicle zones and body, or say why not."""
    from leadglass.adapters.files import write_new
    from leadglass.dicom.frames import png

    detector, failed, done = _detector(), 0, 0
    for path, named in _files(paths):
        line: dict[str, object] = {"path": str(path), "abstained": None, "confidence": None, "regions": None, "reason": None}
        try:
            frame, film = _frame(path)
            found = _outlines(frame, film, detector)
            masks = {str(kind): mask for kind, mask in (*found.masks.items(), *found.structures.items())}
            folder = out / (path.stem if path.suffix.lower() in _SUFFIXES else path.name)
            if folder.exists():
                raise ConflictError(f"{folder} is there already", hint="name another folder, or outline it apart")
            folder.mkdir(parents=True)
            for name, mask in masks.items():
                write_new(folder / f"{name}.png", png(mask.astype("u1") * 255), mode=0o644)
            line |= {
                "abstained": found.abstained,
                "confidence": round(found.confidence, 4),
                "regions": sorted(masks),
                "reason": found.why or None,
            }
            done += 1
        except (InputError, ConflictError) as error:
            line["reason"] = error.message
            # In a folder other files lie about; that is no fault of anybody's.
            failed += named or not isinstance(error, NotDicomError)
        emit(line)
    _finish(done, failed, "outlined")


def look(
    paths: Annotated[list[Path], _PATHS],
    show: Annotated[str, _SHOW],
    png: Annotated[Path, typer.Option(metavar="OUT", help="The picture to write; of several films a contact sheet.")],
) -> None:
    """Show films as somebody sees them who may see the regions in --show alone."""
    from leadglass.adapters.files import write_new
    from leadglass.dicom.frames import png as encoded
    from leadglass.flows.look import contact_sheet
    from leadglass.flows.look import look as flow

    detector, failed, pictures = _detector(), 0, []
    for path, named in _files(paths):
        line: dict[str, object] = {"path": str(path), "png": None, "covered": None, "reason": None}
        try:
            frame, film = _frame(path)
            found = _outlines(frame, film, detector)
            seen = flow(frame, found, show=show.split(","), seed=bytes(32))
            pictures.append(seen.picture)
            line |= {"png": str(png), "covered": list(seen.covered), "reason": found.why or None}
        except InputError as error:
            line["reason"] = error.message
            # In a folder other files lie about; that is no fault of anybody's.
            failed += named or not isinstance(error, NotDicomError)
        emit(line)
    if pictures:
        write_new(png, encoded(pictures[0] if len(pictures) == 1 else contact_sheet(pictures)), mode=0o644)
    _finish(len(pictures), failed, "looked at")


def seal(
    file: Annotated[Path, typer.Argument(help="A DICOM, PNG or JPEG file.")],
    show: Annotated[str, _SHOW],
    to: Annotated[list[Path], typer.Option(metavar="KEY.pem", help="A public key or certificate of who may open it.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The sealed DICOM file to write.")],
    profile: Annotated[
        str, typer.Option(metavar="portable|ps3.15", help="ML-KEM-768 and ECDH keys, or RSA keys as PS3.15 has it.")
    ] = "portable",
) -> None:
    """Cover all of a film but some regions, and seal it and the identity for named people. Needs no site."""
    from leadglass.adapters.files import FileSource, FolderOutlet
    from leadglass.adapters.system import SystemEntropy
    from leadglass.dicom.source import BytesSource
    from leadglass.flows.seal import seal_film
    from leadglass.model.access import SealProfile, Showing
    from leadglass.seal.public import read_public

    chosen = choice(SealProfile, profile, option="--profile")
    keys = [read_public(_bytes(path)) for path in to]
    with FileSource(file) as source:
        dicom = _as_dicom(source.read(0, source.size)) if _is_picture(file) else None
        made = seal_film(
            BytesSource(dicom) if dicom is not None else source,
            show=show.split(","),
            to=keys,
            profile=chosen,
            detector=_detector(),
            entropy=SystemEntropy(),
        )
        slot = FolderOutlet(out.parent).reserve(out.name, made.rendition.size)
        path = slot.deliver(made.rendition.chunks())
    if made.abstained:
        say(f"{file}: {made.abstained}; {'everything is covered' if made.covered else 'the film is one region, and shown'}")
    say("text in the pixels was not looked for: what lies over a shown region stays")
    emit(
        {
            "path": path,
            "regions": dict.fromkeys(made.shown, Showing.SHOW) | dict.fromkeys(made.covered, Showing.COVER),
            "profile": chosen,
            "reason": made.abstained or None,
        }
    )


def _detector() -> Detector:
    from leadglass.adapters.detectors.outlines import OnnxOutlines

    return OnnxOutlines()


def _files(paths: list[Path]) -> Iterator[tuple[Path, bool]]:
    """Every file, and whether it was named itself."""
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} is not there", hint="name a file or a folder")
        if path.is_dir():
            yield from ((each, False) for each in sorted(path.rglob("*")) if each.is_file())
        else:
            yield path, True


def _bytes(path: Path) -> bytes:
    from leadglass.adapters.files import FileSource

    with FileSource(path) as source:
        if source.size > 1 << 20:
            raise InputError(f"{path} is too long to be a key")
        return source.read(0, source.size)


def _is_picture(path: Path) -> bool:
    from leadglass.adapters.files import FileSource
    from leadglass.dicom.pictures import is_picture

    with FileSource(path) as source:
        return is_picture(source.read(0, 16))


def _frame(path: Path) -> tuple[Frame, Identified | None]:
    """The first frame of a file as it is stored, and what its header says where it has one."""
    from leadglass.adapters.files import FileSource
    from leadglass.dicom.frames import decode, significant
    from leadglass.dicom.instance import scan
    from leadglass.dicom.pictures import read_picture

    with FileSource(path) as source:
        if _is_picture(path):
            return read_picture(source.read(0, source.size)), None
        film = scan(source)
        frame = next(decode(film.layout, film.pixels, encapsulated=film.encapsulated, held=False))
        return significant(frame, high_bit=film.layout.high_bit), film


def _outlines(frame: Frame, film: Identified | None, detector: Detector) -> Outlines:
    from leadglass.flows.outlines import outlined

    # Of an object of several frames one stands for all: none is outlined.
    several = film is not None and film.layout.frames > 1
    return outlined([frame, frame] if several else [frame], film, detector)


def _as_dicom(data: bytes) -> bytes:
    from leadglass.adapters.system import SystemEntropy
    from leadglass.dicom.pictures import read_picture, secondary_capture
    from leadglass.dicom.uids import uuid_uid

    entropy = SystemEntropy()
    study, series, instance = (uuid_uid(entropy.bytes(16)) for _ in range(3))
    return secondary_capture(read_picture(data), study_uid=study, series_uid=series, sop_instance_uid=instance)


def _finish(done: int, failed: int, what: str) -> None:
    say(f"{done} {what}")
    if failed:
        raise InputError(f"{failed} of {done + failed} files were not {what}", hint="the reason stands in its line")
