"""``trace``: whose copy is a picture that was found outside?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadglass.cli.films import walk
from leadglass.cli.terminal import emit, say, signed_in, tracked, unforeseen
from leadglass.errors import InputError, LeadglassError, RefusedError, UnavailableError, VerificationError

if TYPE_CHECKING:
    from leadglass.flows.session import Session
    from leadglass.flows.trace import Search, Traced
    from leadglass.site import Site


def register(app: typer.Typer) -> None:
    app.command()(trace)


def trace(
    paths: Annotated[
        list[Path],
        typer.Argument(metavar="PATH...", help="Pictures (DICOM, PNG, JPEG, PDF, ...), or folders to walk."),
    ],
) -> None:
    """Say whose copy a found picture is, with the evidence."""
    from leadglass.flows.trace import prepare

    files = list(walk(paths))
    unread = 0
    with signed_in() as (site, session):
        search = prepare(site, session, progress=partial(tracked, what="fingerprints"))
        for instance in search.indexed.remade:
            say(f"the fingerprint of {instance} was damaged and was made again")
        for instance, error in search.indexed.failed.items():
            why = error.message if isinstance(error, LeadglassError) else unforeseen(error).message
            say(f"film {instance} could not be fingerprinted and cannot be found: {why}")
        for path in tracked(files, what="trace"):
            lines, read = _traced(site, session, search, path)
            for line in lines:
                emit(line)
            unread += not read
        if unread:
            raise InputError(f"{unread} of {len(files)} files were not traced", hint="the reason stands in the line of each")


def _traced(site: Site, session: Session, search: Search, path: Path) -> tuple[list[dict[str, Any]], bool]:
    """The lines of one file, and whether it could be read."""
    from leadglass.adapters.files import FileSource
    from leadglass.flows.trace import trace as flow

    try:
        with FileSource(path) as source:
            return [_line(path, each) for each in flow(site, session, search, source, name=path.name)], True
    except (RefusedError, UnavailableError, VerificationError):
        raise
    except LeadglassError as error:
        reason = f"{type(error).__name__}: {error.message}" + (f" ({error.hint})" if error.hint else "")
    except Exception as error:
        # One odd picture does not keep the others waiting.
        reason = unforeseen(error).message
    return [_line(path, None) | {"reason": reason}], False


def _line(path: Path, traced: Traced | None) -> dict[str, Any]:
    """The fields of one film in one picture; a file that could not be read has no verdict."""
    named = traced.named if traced is not None else ()
    recipients, releases = [each.release.recipient for each in named], [each.release.id for each in named]
    return {
        "path": str(path),
        "verdict": traced and traced.verdict,
        "instance": traced and traced.instance,
        "recipient": _one_or_all(recipients),
        "release": _one_or_all(releases),
        "z": None if traced is None or traced.z is None else round(traced.z, 2),
        "false_accusation": traced and traced.false_accusation,
        "releases_tried": 0 if traced is None else traced.releases_tried,
        "altered": [] if traced is None else [[box.left, box.top, box.right, box.bottom] for box in traced.altered],
        "case": traced and traced.case,
        "page": traced and traced.page,
        "named": [
            {
                "release": each.release.id,
                "recipient": each.release.recipient,
                "z": round(each.z, 2),
                "false_accusation": each.false_accusation,
            }
            for each in named
        ],
        "reason": None,
    }


def _one_or_all(names: Sequence[str]) -> str | list[str] | None:
    """The one, or of several all, strongest first."""
    return list(names) if len(names) > 1 else next(iter(names), None)
