"""``backup``, ``restore-site`` and ``root rotate|split|recover``: what keeps a site, and its root key, for thirty years."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from leadglass.cli.terminal import emit, say, signed_in, site_folder

if TYPE_CHECKING:
    from leadglass.assemble.restoring import Restored

root = typer.Typer(help="The root key: exchange it, split it among officers, bring it back.", no_args_is_help=True)

_MAX_SHARE = 4096
"""Bytes of a file with a share."""


def register(app: typer.Typer) -> None:
    app.command()(backup)
    app.command("restore-site")(restore_site)
    app.add_typer(root, name="root")


def backup(out: Annotated[Path, typer.Option(metavar="FILE", help="The new file.")]) -> None:
    """Copy the site into one file, without its root key. Others may go on working meanwhile."""
    from leadglass.assemble.backup import write_backup
    from leadglass.flows.backup import back_up

    with signed_in() as (site, session):
        written = back_up(site, session, lambda: write_backup(site, site_folder(), out))
    emit({"path": written.path, "entries": written.entries})
    say("it opens with the root key, or two shares of it, which are not in it: keep them apart")


def restore_site(
    file: Annotated[Path, typer.Argument(help="A file that backup wrote.")],
    site: Annotated[Path, typer.Argument(help="A new folder.")],
    root_key: Annotated[Path | None, typer.Option("--root", metavar="FILE", help="The root key.")] = None,
    share: Annotated[list[Path] | None, typer.Option(metavar="FILE", help="A share of it; give two.")] = None,
    log: Annotated[
        Path | None,
        typer.Option(metavar="DIR", help="A later copy of the site's folder log."),
    ] = None,
) -> None:
    """Put a site back on an empty machine: whole, or not at all."""
    from leadglass.assemble.restoring import restore_site as flow

    restored = flow(file, site, root=root_key, shares=[_line(path) for path in share or ()], log=log)
    replayed = restored.replayed
    emit(
        {
            "path": restored.path,
            "entries": restored.entries,
            "shredded": list(replayed.shredded),
            "held": list(replayed.held),
            "grants": replayed.grants,
        }
    )
    _say(restored, known=log is not None)


@root.command("rotate")
def root_rotate() -> None:
    """Exchange the root key. What it wraps is wrapped anew; shares and backups of before need the old one."""
    from leadglass.assemble.backup import kept_root
    from leadglass.flows.rotate import rotate_root

    with signed_in() as (site, session):
        generation = rotate_root(site, session, kept_root(site))
    emit({"generation": generation})
    say("shares that were made before open nothing here any more: leadglass root split")
    say("backups that were made before open with the old root key alone, which this machine does not have any more")


@root.command("split")
def root_split(out: Annotated[Path, typer.Option(metavar="DIR", help="Where the three files go.")]) -> None:
    """Write three shares of the root key, one for each of three officers. Any two bring it back, one tells nothing."""
    from leadglass.assemble.backup import kept_root
    from leadglass.assemble.escrow import write_shares
    from leadglass.flows.rotate import split_root

    with signed_in() as (site, session):
        paths = write_shares(out, split_root(site, session, kept_root(site)))
    for number, path in enumerate(paths, start=1):
        emit({"share": number, "path": path})
    say("give each file to another person and delete it here: two of them are the root key")


@root.command("recover")
def root_recover(
    site: Annotated[Path, typer.Argument(help="A site whose root key is lost.")],
    one: Annotated[Path, typer.Argument(help="A file with a share.")],
    other: Annotated[Path, typer.Argument(help="A file with another one.")],
) -> None:
    """Write the root key of a site again, from two shares."""
    from leadglass.assemble.escrow import recover_root

    generation = recover_root(site, [_line(one), _line(other)])
    emit({"path": str(site / "root.key"), "generation": generation})


def _line(path: Path) -> str:
    from leadglass.adapters.files import FileSource

    with FileSource(path) as source:
        return source.read(0, _MAX_SHARE).decode(errors="replace")


def _say(restored: Restored, *, known: bool) -> None:
    """What somebody should not believe of a site that was put back."""
    from leadglass.flows.backup import LOST
    from leadglass.model.entry import timestamp

    replayed, time = restored.replayed, timestamp(restored.time)
    if not known:
        say(f"films that were shredded or held after {time} are not known: what was shredded opens again")
        say("if the old site's folder log, or a later copy of it, is anywhere, restore once more with --log")
    if replayed.dropped:
        say(f"{len(replayed.dropped)} films on which holds were dropped after {time} may be held again: legal-hold list")
    for action, count in sorted(replayed.lost.items()):
        what = (
            "Which, the log does not tell: do it again"
            if action in LOST
            else "A later shred will not list what that gave out"
        )
        say(f"after {time}, {count} times: {action}. {what}")
    say(f"its log goes on from {restored.entries} entries: witnesses that saw more will call it a fork")
