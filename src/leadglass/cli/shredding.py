"""``shred`` and ``legal-hold``: what is to be gone, and what has to stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadglass.cli.terminal import emit, say, signed_in

if TYPE_CHECKING:
    from leadglass.flows.holds import Hold
    from leadglass.flows.shred import Outliving

holds = typer.Typer(help="Legal holds: what is held is not shredded.", no_args_is_help=True)


def register(app: typer.Typer) -> None:
    app.command()(shred)
    app.add_typer(holds, name="legal-hold")


def shred(grant: Annotated[str, typer.Argument(help="A grant to shred.")]) -> None:
    """Destroy a film's key, and the film with it, for good."""
    from leadglass.flows.shred import shred as flow

    with signed_in() as (site, session):
        done = flow(site, session, grant)
        outliving = done.outliving
        emit(
            {
                "instance": done.instance,
                "exported_keys": list(outliving.exported_keys),
                "backups": list(outliving.backups),
                "copies": list(outliving.copies),
                "cases": list(outliving.cases),
            }
        )
        _say(outliving)


@holds.command("add")
def hold_add(
    instance: Annotated[str, typer.Argument(help="The instance.")],
    reason: Annotated[str, typer.Option(help="Which case or order it is for.")],
) -> None:
    """Hold a film: it is not shredded while the hold stands."""
    from leadglass.flows import holds as flow

    with signed_in() as (site, session):
        emit(_shown(flow.add(site, session, instance, reason=reason)))


@holds.command("drop")
def hold_drop(
    instance: Annotated[str, typer.Argument(help="The instance.")],
    reason: Annotated[str, typer.Option(help="Why it need not be held any longer.")],
    hold: Annotated[str | None, typer.Option(metavar="ID", help="Which hold, where several stand.")] = None,
) -> None:
    """Drop a hold; others on the same film stand."""
    from leadglass.flows import holds as flow

    with signed_in() as (site, session):
        emit(_shown(flow.drop(site, session, instance, reason=reason, hold=hold)))


@holds.command("list")
def hold_list() -> None:
    """List the holds that stand."""
    from leadglass.flows import holds as flow

    with signed_in() as (site, session):
        for each in flow.listed(site, session):
            emit(_shown(each))


def _say(outliving: Outliving) -> None:
    """What somebody who shreds a film should not believe to be gone."""
    keys, copies, backups, cases = map(len, (outliving.exported_keys, outliving.copies, outliving.backups, outliving.cases))
    if copies:
        say(f"{copies} copies left before: what they show, they go on showing")
    if keys:
        say(f"{keys} times keys of sealed regions were given out: with them those copies open as before")
    if backups:
        say(f"{backups} backups were made before: whoever has one, with its root key, has the film until it is deleted")
    if cases:
        say(f"{cases} cases hold pictures of it: delete their folders if they are to go too")


def _shown(hold: Hold) -> dict[str, Any]:
    from leadglass.model.entry import timestamp

    return {
        "instance": hold.instance,
        "held": hold.held,
        "reason": hold.reason,
        "hold": hold.id,
        "by": hold.by,
        "since": timestamp(hold.since),
    }
