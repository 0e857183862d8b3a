"""``init``, ``people``, ``maintain``."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadglass.cli.terminal import choice, emit, key_passphrase, opened, options, passphrase, say, signed_in, tracked
from leadglass.errors import LeadglassError

if TYPE_CHECKING:
    from leadglass.flows.examine import Examination
    from leadglass.flows.maintain import Maintained
    from leadglass.model.access import Account

people = typer.Typer(help="The people of a site (for its administrator).", no_args_is_help=True)
keys = typer.Typer(help="The key that things are sealed with for one person alone.", no_args_is_help=True)
people.add_typer(keys, name="key")


def register(app: typer.Typer) -> None:
    app.command()(init)
    app.add_typer(people, name="people")
    app.command()(maintain)


def init(
    site: Annotated[Path, typer.Argument(help="A new folder.")],
    admin: Annotated[str | None, typer.Option(help="The first administrator.")] = None,
    example: Annotated[
        bool, typer.Option("--example", help="Add the people of the demonstration; passphrase: example.")
    ] = False,
) -> None:
    """Make a site in a new folder."""
    from leadglass.assemble.site import EXAMPLE_ADMIN, EXAMPLE_PASSPHRASE, create_site

    name = admin or (EXAMPLE_ADMIN if example else "admin")
    secret = EXAMPLE_PASSPHRASE if example else passphrase(f"New passphrase of {name}", confirm=True)
    create_site(site, admin=name, passphrase=secret, example=example)
    emit({"site": str(site), "admin": name})
    say(f"keep {site / 'root.key'} safe: without it nothing opens, with it everything does")


@people.command("add")
def people_add(
    name: Annotated[str, typer.Argument(help="The account's name.")],
    role: Annotated[list[str], typer.Option(help="What they are; give it again for more.")],
    department: Annotated[str | None, typer.Option(help="Where they work.")] = None,
) -> None:
    """Add a person. LEADGLASS_NEW_PASSPHRASE is their passphrase, or the terminal asks, or one is made and shown once."""
    from leadglass.flows import people as flow
    from leadglass.model.access import Role

    roles = [choice(Role, each, option="--role") for each in role]
    made = None
    if "LEADGLASS_NEW_PASSPHRASE" not in os.environ and not sys.stdin.isatty():
        made = os.urandom(12).hex()
    with signed_in() as (site, session):
        secret = made or passphrase(f"New passphrase of {name}", variable="LEADGLASS_NEW_PASSPHRASE", confirm=True)
        account = flow.add(site, session, name, roles=roles, department=department, passphrase=secret)
        emit(_shown(account) | {"passphrase": made})


@people.command("passphrase")
def people_passphrase() -> None:
    """Change your own passphrase; LEADGLASS_NEW_PASSPHRASE is the new one, or the terminal asks."""
    from leadglass.flows import people as flow

    with signed_in() as (site, session):
        secret = passphrase("New passphrase", variable="LEADGLASS_NEW_PASSPHRASE", confirm=True)
        emit(_shown(flow.change_passphrase(site, session, secret)))


@people.command("list")
def people_list() -> None:
    """List the people of the site."""
    from leadglass.flows import people as flow

    with signed_in() as (site, session):
        for account in flow.everybody(site, session):
            emit(_shown(account))


@people.command("disable")
def people_disable(name: Annotated[str, typer.Argument(help="The account's name.")]) -> None:
    """Close an account."""
    from leadglass.flows import people as flow

    with signed_in() as (site, session):
        emit(_shown(flow.disable(site, session, name)))


@keys.command("new")
def key_new(
    name: Annotated[str, typer.Argument(help="Whose key: your own, or anybody's for an administrator.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="The private half to write; NAME.key.pem here.")] = None,
    public: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Register this public key or certificate; make none.")
    ] = None,
) -> None:
    """Make a key pair: the site keeps the public half, the file is the private one and theirs alone.

    LEADGLASS_KEY_PASSPHRASE encrypts the file, or the terminal asks; without either it opens to whoever can read it.
    """
    from leadglass.adapters.files import FileSource, write_new
    from leadglass.adapters.system import SystemEntropy
    from leadglass.flows import people as flow
    from leadglass.seal.public import RANDOMNESS_SIZE, SEED_SIZE, new_person_key, read_public, write_private

    path = None
    if public is not None:
        with FileSource(public) as source:
            key = read_public(source.read(0, source.size))
    else:
        entropy, path = SystemEntropy(), out or Path(f"{name}.key.pem")
        made = new_person_key(seed=entropy.bytes(SEED_SIZE))
        secret = key_passphrase(f"Passphrase for {path}", confirm=True)
        key = made.public
    with signed_in() as (site, session):
        flow.may_change_key(site, session, name)
        if path is not None:
            # The file first: a registered key that nobody holds would swallow what is sealed for it.
            write_new(path, write_private(made, passphrase=secret, randomness=entropy.bytes(RANDOMNESS_SIZE)))
        try:
            account = flow.register_key(site, session, name, key)
        except LeadglassError:
            if path is not None:
                path.unlink()
            raise
    if path is not None and secret is None:
        say(f"{path} has no passphrase: it opens to whoever can read it")
    emit(_shown(account) | {"key": key.fingerprint, "kind": key.kind, "path": None if path is None else str(path)})


@keys.command("show")
def key_show(
    name: Annotated[str, typer.Argument(help="Whose key.")],
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="Write the public key there.")] = None,
) -> None:
    """Show somebody's public key, to compare its fingerprint with them, or to seal for them elsewhere."""
    from leadglass.adapters.files import write_new
    from leadglass.flows import people as flow
    from leadglass.seal.public import read_public

    with signed_in() as (site, session):
        account = flow.holder(site, session, name)
    key = None if account.sealing_key is None else read_public(account.sealing_key)
    if out is not None and account.sealing_key is not None:
        write_new(out, account.sealing_key, mode=0o644)
    path = None if out is None or key is None else str(out)
    shown = {"key": None, "kind": None} if key is None else {"key": key.fingerprint, "kind": key.kind}
    emit(_shown(account) | shown | {"path": path})


@keys.command("revoke")
def key_revoke(name: Annotated[str, typer.Argument(help="Whose key.")]) -> None:
    """Seal nothing more for somebody's key. What was sealed for it before, its holder can still open."""
    from leadglass.flows import people as flow

    with signed_in() as (site, session):
        emit(_shown(flow.revoke_key(site, session, name)) | {"key": None, "kind": None, "path": None})


def maintain() -> None:
    """Finish and sweep what crashes left behind, and put waiting entries into the log.

    In between, pixels that nobody has checked are read for text, where the extra ``ocr`` is installed, and films get the
    fingerprints by which they are traced, where ``trace`` is.
    """
    from leadglass.flows.maintain import maintain as flow
    from leadglass.flows.session import service

    if options.person is not None or "LEADGLASS_AS" in os.environ:
        with signed_in() as (site, session):
            done = flow(site, session, progress=tracked)
    else:
        with opened() as site:
            done = flow(site, service(site, "maintain"), progress=tracked)
    emit({"check": "shreds", "ok": not done.shreds.failed, "detail": _finished(done)})
    emit({"check": "blobs", "ok": True, "detail": f"{done.blobs} that nobody names swept"})
    emit({"check": "unfinished", "ok": True, "detail": f"{done.unfinished} unfinished files swept"})
    problem = done.pixels.error or next(iter((*done.shreds.failed, *done.pixels.failed, *done.unfound)), None)
    emit({"check": "pixels", "ok": done.pixels.error is None and not done.pixels.failed, "detail": _examined(done.pixels)})
    emit({"check": "fingerprints", "ok": not done.unfound, "detail": _indexed(done)})
    emit({"check": "log", "ok": True, "detail": f"{done.log_size} entries in the signed log"})
    if problem is not None:
        raise problem


def _examined(done: Examination) -> str:
    if done.why:
        return f"{done.waiting} wait for a person to check them: {done.why}"
    states = [f"{count} {state}" for state, count in sorted(done.states.items())]
    others = [(done.later, "left for later, since somebody works with them"), (len(done.failed), "could not be examined")]
    told = [*states, *(f"{count} {what}" for count, what in others if count)]
    return f"examined: {', '.join(told)}" if told else "none waits"


def _finished(done: Maintained) -> str:
    failed = f", {len(done.shreds.failed)} could not be finished" if done.shreds.failed else ""
    return f"{done.shreds.films} that had been decided are done now{failed}"


def _indexed(done: Maintained) -> str:
    if done.indexed is None:
        return "nothing is installed that makes them (the extra trace)"
    failed = f", {len(done.unfound)} could not be made" if done.unfound else ""
    return f"{done.indexed.films} made{failed}"


def _shown(account: Account) -> dict[str, Any]:
    return {
        "name": account.actor.name,
        "roles": sorted(account.actor.roles),
        "department": account.actor.department,
        "active": account.active,
    }
