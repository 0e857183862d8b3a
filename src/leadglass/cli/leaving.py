"""``release``, ``key``, ``open``, ``restore``: where bytes leave."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from leadglass.cli.terminal import emit, signed_in
from leadglass.errors import InputError


def register(app: typer.Typer) -> None:
    app.command()(release)
    app.command()(key)
    app.command("open")(open_file)
    app.command()(restore)


def release(
    grant: Annotated[str, typer.Argument(help="A grant to view or export.")],
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder for the file and its receipt.")],
    reversible: Annotated[
        bool,
        typer.Option("--reversible", help="Seal into the copy what takes its mark off, for the keys of all regions."),
    ] = False,
) -> None:
    """Deliver a copy: what was granted is shown, the rest is covered and sealed in it."""
    from leadglass.adapters.files import FolderOutlet
    from leadglass.flows.release import release as flow
    from leadglass.model.access import Showing

    with signed_in() as (site, session):
        done = flow(site, session, grant, FolderOutlet(out), reversible=reversible)
        made = done.release
        emit(
            {
                "release": made.id,
                "instance": made.instance,
                "recipient": made.recipient,
                "path": done.path,
                "receipt": done.receipt,
                "regions": dict.fromkeys(made.shown, Showing.SHOW) | dict.fromkeys(made.covered, Showing.COVER),
                "identity": made.identity,
                "mark": made.mark,
                "reversible": made.reversible,
            }
        )


def key(
    grant: Annotated[str, typer.Argument(help="A grant to lift.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The key file to write.")],
) -> None:
    """Hand out the keys of sealed regions in one release."""
    from leadglass.adapters.files import FolderOutlet
    from leadglass.flows.lift import lift
    from leadglass.model.entry import timestamp

    with signed_in() as (site, session):
        made = lift(site, session, grant, FolderOutlet(out.parent), name=out.name)
        emit(
            {
                "release": made.release,
                "regions": list(made.regions),
                "path": made.path,
                "expires": timestamp(made.expires),
            }
        )


def open_file(
    file: Annotated[Path, typer.Argument(help="A released file.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="The key file.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The opened film to write.")],
) -> None:
    """Lift sealed regions with a key file. Needs no site and no network."""
    from leadglass.adapters.files import FileSource, FolderOutlet
    from leadglass.adapters.system import SystemClock
    from leadglass.flows.open import MAX_KEY_FILE, open_release

    with FileSource(key) as key_file:
        if key_file.size > MAX_KEY_FILE:
            raise InputError("the key file is too long to be one")
        secrets = key_file.read(0, key_file.size)
    with FileSource(file) as source:
        opened = open_release(source, secrets, now=SystemClock().now())
        slot = FolderOutlet(out.parent).reserve(out.name, opened.rendition.size)
        path = slot.deliver(opened.rendition.chunks())
    emit({"path": path, "regions": list(opened.regions), "unmarked": opened.unmarked})


def restore(
    grant: Annotated[str, typer.Argument(help="A grant to restore.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The file to write.")],
) -> None:
    """Give back the received file, bit for bit."""
    from leadglass.adapters.files import FolderOutlet
    from leadglass.flows.restore import restore as flow

    with signed_in() as (site, session):
        done = flow(site, session, grant, FolderOutlet(out.parent), name=out.name)
        emit({"instance": done.instance.id, "path": done.path, "sha256": done.sha256})
