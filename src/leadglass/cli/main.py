"""The command ``leadglass``. Heavy imports happen in the commands that need them: ``--help`` answers at once."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path

import typer

from leadglass import __version__
from leadglass.cli import access, deid, films, keeping, leaving, log, mark, shredding, site, trace, veil
from leadglass.cli.terminal import complain, options, unforeseen
from leadglass.errors import InputError, LeadglassError

app = typer.Typer(
    name="leadglass",
    help="The privacy platform for medical images.",
    epilog="Every command takes --site DIR, --as NAME, --json and --quiet, before or after its name.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    add_completion=False,
)
for group in (deid, mark, veil, site, films, access, leaving, shredding, keeping, trace, log):
    group.register(app)


@app.callback(invoke_without_command=True)
def everywhere(
    context: typer.Context,
    site: str = typer.Option(None, "--site", metavar="DIR", help="The site's folder (LEADGLASS_SITE)."),
    person: str = typer.Option(None, "--as", metavar="NAME", help="Who is asking (LEADGLASS_AS)."),
    as_json: bool = typer.Option(False, "--json", help="One JSON object a line."),
    quiet: bool = typer.Option(False, "--quiet", help="No prose on standard error."),
    version: bool = typer.Option(False, "--version", help="Show the version and stop."),
) -> None:
    """Set what every command shares."""
    if version:
        typer.echo(__version__)
        raise typer.Exit
    if context.invoked_subcommand is None:
        raise InputError("no command was given", hint=context.get_usage())
    options.site = Path(site) if site else None
    options.person = person
    options.json = as_json
    options.quiet = quiet


def main() -> None:
    """Run the command line and exit with its code."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            # Closed by whoever started us; without one, prose would go to the other.
            setattr(sys, name, open(os.devnull, "w", encoding="utf-8"))  # noqa: PTH123, SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            # UTF-8 whatever the locale; a file name that is none is escaped, and in JSON stays the same name.
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


def run(arguments: Sequence[str]) -> int:
    """Run one command; gives the exit code (``errors``)."""
    options.json = "--json" in arguments
    try:
        result = typer.main.get_command(app).main(hoisted(arguments), prog_name="leadglass", standalone_mode=False)
    except LeadglassError as error:
        complain(error)
        return error.exit_code
    except typer.TyperException as error:
        context: typer.Context | None = getattr(error, "ctx", None)
        complain(InputError(error.format_message(), hint=context.get_usage() if context else "leadglass --help"))
        return InputError.exit_code
    except (typer.Abort, KeyboardInterrupt):
        return 130
    except BrokenPipeError:
        # The reader of our output went away; nothing more can be said to it, and what was left was not done.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except UnicodeEncodeError:
        complain(InputError("an argument holds text that has no UTF-8 form"))
        return InputError.exit_code
    except Exception as error:
        complain(unforeseen(error))
        return 1
    return result if isinstance(result, int) else 0


def hoisted(arguments: Sequence[str]) -> list[str]:
    """The arguments with the options that every command has brought to the front, wherever they stood."""
    front: list[str] = []
    rest: list[str] = []
    remaining = iter(arguments)
    for argument in remaining:
        if argument == "--":
            rest += [argument, *remaining]
        elif argument in ("--json", "--quiet") or argument.startswith(("--site=", "--as=")):
            front.append(argument)
        elif argument in ("--site", "--as"):
            value = next(remaining, None)
            if value is None:
                # Alone it is answered with what it lacks; in front of the rest it would take the command for its value.
                return [argument]
            front += [argument, value]
        else:
            rest.append(argument)
    return front + rest
