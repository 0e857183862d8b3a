"""``release``, ``key``, ``open``, ``restore``: where bytes leave."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadglass.cli.terminal import emit, key_passphrase, say, signed_in
from leadglass.errors import InputError

if TYPE_CHECKING:
    from leadglass.seal.public import PrivateKey


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
    from leadglass.model.access import CoverStyle, Showing
    from leadglass.veil.style import COARSE_LINKAGE

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
                "style": made.style,
                "shape": made.shape,
                "seal": made.seal,
                "reversible": made.reversible,
            }
        )
        if made.covered and made.style is CoverStyle.COARSE:
            say(f"what is covered shows its own means, by which films of one patient are linked: {COARSE_LINKAGE}")


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
                "sealed_for": made.sealed_for,
            }
        )


def open_file(
    file: Annotated[Path, typer.Argument(help="A released or sealed file.")],
    key: Annotated[Path, typer.Option(metavar="FILE", help="The key file, or a private key in PEM.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The opened film to write.")],
    mine: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Your private key, where the key file was sealed for you alone.")
    ] = None,
) -> None:
    """Lift sealed regions with a key file or a private key. Needs no site and no network."""
    from leadglass.adapters.files import FileSource, FolderOutlet
    from leadglass.adapters.system import SystemClock
    from leadglass.flows.open import open_release, open_sealed

    secrets = _key_bytes(key)
    private = _private(secrets, key)
    with FileSource(file) as source:
        if private is not None:
            opened = open_sealed(source, private)
        else:
            own = None if mine is None else _private(_key_bytes(mine), mine)
            opened = open_release(source, secrets, now=SystemClock().now(), mine=own)
        slot = FolderOutlet(out.parent).reserve(out.name, opened.rendition.size)
        path = slot.deliver(opened.rendition.chunks())
    if not opened.authenticated:
        say("sealed as PS3.15 has it, a change would not show: compare the digest of the file that you were sent")
    emit(
        {
            "path": path,
            "regions": list(opened.regions),
            "identified": opened.identified,
            "unmarked": opened.unmarked,
        }
    )


def _key_bytes(path: Path) -> bytes:
    from leadglass.adapters.files import FileSource
    from leadglass.flows.open import MAX_KEY_FILE

    with FileSource(path) as source:
        if source.size > MAX_KEY_FILE:
            raise InputError(f"{path} is too long to be a key file")
        return source.read(0, source.size)


def _private(data: bytes, path: Path) -> PrivateKey | None:
    """The private key in a file; None where it holds none."""
    from leadglass.seal.public import read_private

    if b"PRIVATE KEY-----" not in data:
        return None
    locked = b"ENCRYPTED" in data
    return read_private(data, passphrase=key_passphrase(f"Passphrase of {path}") if locked else None)


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
