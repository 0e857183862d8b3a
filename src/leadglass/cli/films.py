"""``ingest``, ``list``, ``check``, ``history``."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadglass.cli.terminal import choice, emit, signed_in, tracked, unforeseen
from leadglass.errors import ConflictError, InputError, LeadglassError, ShreddedError, UnavailableError

if TYPE_CHECKING:
    from leadglass.flows.listing import Listed
    from leadglass.flows.session import Session
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
    return fields | {
        "instance": done.instance.id,
        "state": done.arrival,
        "regions": list(done.instance.kinds),
        "pixels": done.instance.pixels,
        "reason": None,
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
    pixels: Annotated[str, typer.Option(help="checked: nothing identifying is burnt in; review: somebody has to decide.")],
    note: Annotated[str, typer.Option(help="How and where you looked.")],
) -> None:
    """Record that you looked at the pixels."""
    from leadglass.flows.check import check as flow
    from leadglass.model.access import PixelState

    found = choice(PixelState, pixels, option="--pixels")
    with signed_in() as (site, session):
        done = flow(site, session, instance, pixels=found, note=note)
        emit({"instance": done.id, "pixels": done.pixels})


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
