"""``log checkpoint|verify|prove|check``."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from leadglass.cli.terminal import emit, options, signed_in, site_folder
from leadglass.errors import InputError, VerificationError

log = typer.Typer(help="The log that cannot be quietly rewritten.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.add_typer(log, name="log")


@log.command("checkpoint")
def log_checkpoint() -> None:
    """Put waiting entries into the log and sign it."""
    from leadglass.flows.checkpoint import checkpoint
    from leadglass.flows.record import allow
    from leadglass.model.access import Duty

    with signed_in() as (site, session):
        allow(site, session.actor, Duty.CHECKPOINT)
        made = checkpoint(site)
        emit({"origin": made.origin, "size": made.size, "root": made.root.hex()})


@log.command("verify")
def log_verify() -> None:
    """Recompute the whole log and compare."""
    from leadglass.flows.audit import audit
    from leadglass.flows.record import allow
    from leadglass.model.access import Duty

    with signed_in() as (site, session):
        allow(site, session.actor, Duty.READ_LOG)
        found = audit(site)
        emit({"ok": found.ok, "size": found.size, "root": found.root, "where": "; ".join(found.where) or None})
        if not found.ok:
            raise VerificationError("the log does not verify", hint="the line on standard output says where")


@log.command("prove")
def log_prove(
    release: Annotated[str, typer.Argument(help="The release.")],
    out: Annotated[Path, typer.Option(metavar="FILE", help="The receipt to write.")],
) -> None:
    """Write the receipt of a release."""
    from leadglass.adapters.files import FolderOutlet
    from leadglass.flows.prove import prove

    with signed_in() as (site, session):
        receipt = prove(site, session, release)
        data = receipt.encode()
        path = FolderOutlet(out.parent).reserve(out.name, len(data)).deliver((data,))
        emit({"index": receipt.index, "path": path})


@log.command("check")
def log_check(
    file: Annotated[Path, typer.Argument(help="A receipt.")],
    vkey: Annotated[str | None, typer.Option(help="The log's verifier key, as in SITE/log/vkey; or name a site.")] = None,
) -> None:
    """Check a receipt. With --vkey it needs no site and no network."""
    from leadglass.adapters.files import FileSource
    from leadglass.flows.receipt import MAX_RECEIPT_FILE, check
    from leadglass.model.entry import timestamp

    with FileSource(file) as source:
        if source.size > MAX_RECEIPT_FILE:
            raise InputError("the file is too long to be a receipt")
        data = source.read(0, source.size)
    checked = check(data, vkey=vkey or _published_key())
    emit(
        {
            "ok": True,
            "origin": checked.checkpoint.origin,
            "size": checked.checkpoint.size,
            "index": checked.index,
            "time": timestamp(checked.entry.time),
            "action": checked.entry.action,
        }
    )


def _published_key() -> str:
    if options.site is None and "LEADGLASS_SITE" not in os.environ:
        raise InputError("whose log is it?", hint="add --vkey KEY (the log's verifier key), or --site DIR")
    try:
        return (site_folder() / "log" / "vkey").read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("the site has no verifier key to show", hint="leadglass log checkpoint") from error
