"""``ingest``, ``list``, ``check``, ``history``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadglass.cli.terminal import choice, emit, say, signed_in, tracked, unforeseen
from leadglass.errors import ConflictError, InputError, LeadglassError, ShreddedError, UnavailableError

if TYPE_CHECKING:
    from leadglass.flows.listing import Listed
    from leadglass.flows.session import Session
    from leadglass.model.region import Mask, RegionKind
    from leadglass.site import Site


def register(app: typer.Typer) -> None:
    app.command()(ingest)
    app.command("list")(list_films)
    app.command()(check)
    app.command()(history)


def ingest(paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders to walk.")]) -> None:
    """Take DICOM files in."""
    files = list(walk(paths))
    refused = 0
    with signed_in() as (site, session):
        for path in tracked(files, what="ingest"):
            fields, unavailable = _ingested(site, session, path)
            emit(fields)
            refused += fields["state"] == "refused"
            if unavailable is not None:
                raise unavailable
        if refused:
            raise InputError(f"{refused} of {len(files)} files were refused", hint="the reason stands in the line of each")


def walk(paths: Iterable[Path]) -> Iterator[Path]:
    """The files, and those in the folders, in sorted order; what is not there is yielded too, to be refused by name."""
    for path in paths:
        if path.is_dir():
            yield from sorted(each for each in path.rglob("*") if not each.is_dir())
        else:
            yield path


def _ingested(site: Site, session: Session, path: Path) -> tuple[dict[str, Any], UnavailableError | None]:
    from leadglass.adapters.files import FileSource
    from leadglass.flows.ingest import ingest as flow

    fields: dict[str, Any] = {"path": str(path), "instance": None, "state": "refused", "regions": [], "pixels": None}
    try:
        with FileSource(path) as source:
            done = flow(site, session, source)
    except (InputError, ConflictError, ShreddedError, UnavailableError) as error:
        reason = f"{type(error).__name__}: {error.message}" + (f" ({error.hint})" if error.hint else "")
        return fields | {"reason": reason}, error if isinstance(error, UnavailableError) else None
    except LeadglassError:
        raise
    except Exception as error:
        # One odd file does not keep the others out; its reason names the place in the code and nothing of the file.
        return fields | {"reason": unforeseen(error).message}, None
    if done.whole:
        say(
            f"{path}: covered whole, {done.whole}; a person may draw: "
            f"leadglass check {done.instance.id} --outlines DIR --note T"
        )
    return fields | {
        "instance": done.instance.id,
        "state": done.arrival,
        "regions": list(done.instance.kinds),
        "pixels": done.instance.pixels,
        "reason": f"covered whole: {done.whole}" if done.whole else None,
    }, None


def list_films(
    patient: Annotated[str | None, typer.Option(help="Only this patient: an id, or a name in any script.")] = None,
    accession: Annotated[str | None, typer.Option(help="Only this accession number.")] = None,
    identity: Annotated[bool, typer.Option("--identity", help="Show who it is, where policy lets you see it.")] = False,
) -> None:
    """List what is stored."""
    from leadglass.flows.listing import listing

    with signed_in() as (site, session):
        for each in listing(site, session, patient=patient, accession=accession, identity=identity):
            emit(_listed(each))


def check(
    instance: Annotated[str, typer.Argument(help="The instance.")],
    note: Annotated[str, typer.Option(help="How and where you looked.")],
    pixels: Annotated[
        str | None, typer.Option(help="checked: nothing identifying is burnt in; review: somebody has to decide.")
    ] = None,
    outlines: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="Your outlines: heart.png, lung_right.png, lung_left.png, as outline writes them."),
    ] = None,
) -> None:
    """Record that you looked at the pixels, or draw the outlines yourself."""
    from leadglass.flows import check as flow
    from leadglass.model.access import PixelState

    if pixels is None and outlines is None:
        raise InputError("nothing to record", hint="give --pixels, --outlines or both")
    found = None if pixels is None else choice(PixelState, pixels, option="--pixels")
    masks = None if outlines is None else _drawn(outlines)
    with signed_in() as (site, session):
        if masks is not None:
            done = flow.draw(site, session, instance, outlines=masks, note=note)
        if found is not None:
            done = flow.check(site, session, instance, pixels=found, note=note)
        emit({"instance": done.id, "pixels": done.pixels, "regions": list(done.kinds)})


def _drawn(folder: Path) -> dict[RegionKind, Mask]:
    """The masks in a folder of outlines.

    Raises:
        InputError: there is none, or one cannot be read.
    """
    from leadglass.adapters.files import FileSource
    from leadglass.dicom.pictures import MOST_BYTES
    from leadglass.flows.check import DRAWN, read_outline

    masks = {}
    for kind in DRAWN:
        path = folder / f"{kind}.png"
        if not path.exists():
            continue
        with FileSource(path) as source:
            if source.size > MOST_BYTES:
                raise InputError(f"{path} is too large to be an outline")
            masks[kind] = read_outline(source.read(0, source.size), kind)
    if not masks:
        raise InputError(
            f"there is no outline in {folder}", hint=f"it may hold {', '.join(f'{kind}.png' for kind in DRAWN)}"
        )
    return masks


def history(instance: Annotated[str, typer.Argument(help="The instance.")]) -> None:
    """Show what happened to an instance."""
    from leadglass.flows.history import history as flow
    from leadglass.model.entry import timestamp

    with signed_in() as (site, session):
        lines = flow(site, session, instance)
        for line in lines:
            emit(
                {
                    "time": timestamp(line.time),
                    "index": line.index,
                    "actor": line.actor,
                    "action": line.action,
                    "detail": line.detail,
                }
            )


def _listed(each: Listed) -> dict[str, Any]:
    from leadglass.model.entry import timestamp

    instance, patient = each.instance, each.patient
    return {
        "instance": instance.id,
        "study": instance.study,
        "series": instance.series,
        "modality": instance.modality,
        "view": instance.view,
        "received": timestamp(instance.received),
        "regions": list(instance.kinds),
        "pixels": instance.pixels,
        "tier": instance.tier,
        "held": instance.held,
        "patient_name": patient and patient.name,
        "patient_id": patient and patient.id,
        "accession": patient and patient.accession,
        "study_date": patient and patient.study_date,
    }
