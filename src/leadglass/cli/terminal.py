"""What goes where: data to standard output, prose and progress to standard error, an error's last line for a program.

With ``--json`` each result is one JSON object a line, and the last line of an error is one too.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from leadglass.errors import ConfigError, InputError, LeadglassError, RefusedError, UnavailableError

if TYPE_CHECKING:
    from leadglass.flows.session import Session
    from leadglass.site import Site

E = TypeVar("E", bound=StrEnum)
T = TypeVar("T")


@dataclass
class Options:
    """The four options that every command has."""

    site: Path | None = None
    person: str | None = None
    json: bool = False
    quiet: bool = False


options = Options()
"""Set once by ``main`` before a command runs."""


def emit(fields: Mapping[str, Any]) -> None:
    """Print one result, at once."""
    if options.json:
        line = json.dumps(fields, ensure_ascii=False)
    else:
        line = "  ".join(f"{name}={_plain(value)}" for name, value in fields.items() if value is not None)
    try:
        print(line, flush=True)  # noqa: T201 - this is where data goes out
    except BrokenPipeError:
        raise
    except OSError as error:
        raise UnavailableError(
            f"standard output cannot be written: {error.strerror}", hint="is the disk full where it goes?"
        ) from error


def say(text: str) -> None:
    """Prose for the person at the terminal."""
    if not options.quiet:
        print(text, file=sys.stderr, flush=True)  # noqa: T201 - this is where prose goes out


def tracked(items: Sequence[T], what: str) -> Iterable[T]:
    """The items, with a bar on standard error where somebody looks at it."""
    if options.quiet or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import Progress

    # Redirected standard output would end up on standard error; beside the bar only a terminal's is.
    both = sys.stdout.isatty()
    with Progress(console=Console(stderr=True), redirect_stdout=both, redirect_stderr=False) as bar:
        yield from bar.track(items, description=what)


def complain(error: LeadglassError) -> None:
    """Print an error: for a person what went wrong and what to do next, for a program the same as one object."""
    reasons = error.reasons if isinstance(error, RefusedError) else ()
    if options.json:
        message = "; ".join((error.message, *reasons))
        fields = {"error": type(error).__name__, "message": message, "hint": error.hint}
        print(json.dumps(fields, ensure_ascii=False), file=sys.stderr)  # noqa: T201 - this is where prose goes out
        return
    print(f"leadglass: {error.message}", file=sys.stderr)  # noqa: T201 - this is where prose goes out
    for reason in reasons:
        print(f"  because {reason}", file=sys.stderr)  # noqa: T201 - this is where prose goes out
    if error.hint:
        print(f"  hint: {error.hint}", file=sys.stderr)  # noqa: T201 - this is where prose goes out


def site_folder() -> Path:
    """The site that was named, by option or variable."""
    folder = options.site or os.environ.get("LEADGLASS_SITE")
    if not folder:
        raise ConfigError("no site was named", hint="add --site DIR or set LEADGLASS_SITE")
    return Path(folder)


@contextmanager
def opened() -> Iterator[Site]:
    """The site. What was put on record gets its place in the log before it closes, refusals too."""
    from leadglass.assemble.site import open_site
    from leadglass.flows.checkpoint import checkpoint

    with open_site(site_folder()) as site:
        try:
            yield site
        except LeadglassError:
            _checkpoint_quietly(site)
            raise
        checkpoint(site)


@contextmanager
def signed_in() -> Iterator[tuple[Site, Session]]:
    """The site and the session of the person who was named."""
    from leadglass.flows.session import login

    name = options.person or os.environ.get("LEADGLASS_AS")
    if not name:
        raise InputError("nobody was named", hint="add --as NAME or set LEADGLASS_AS")
    with opened() as site:
        yield site, login(site, name, passphrase(f"Passphrase of {name}"))


def passphrase(prompt: str, *, variable: str = "LEADGLASS_PASSPHRASE", confirm: bool = False) -> str:
    """A passphrase from the environment, else from the terminal.

    Raises:
        InputError: there is neither.
    """
    given = os.environ.get(variable)
    if given is not None:
        return given
    if not sys.stdin.isatty():
        raise InputError("no passphrase was given", hint=f"set {variable}, or run in a terminal")
    import typer

    return str(typer.prompt(prompt, hide_input=True, confirmation_prompt=confirm, err=True))


def key_passphrase(prompt: str, *, confirm: bool = False) -> str | None:
    """The passphrase of a private key's file: LEADGLASS_KEY_PASSPHRASE, what is typed, or none where nobody can type."""
    if "LEADGLASS_KEY_PASSPHRASE" not in os.environ and not sys.stdin.isatty():
        return None
    return passphrase(prompt, variable="LEADGLASS_KEY_PASSPHRASE", confirm=confirm)


def choice(kind: type[E], text: str, *, option: str) -> E:
    """The member of ``kind`` that was typed.

    Raises:
        InputError: there is none; the hint lists them.
    """
    for member in kind:
        if member.value == text:
            return member
    raise InputError(f"{option} is one of a few words", hint=f"{option} {'|'.join(each.value for each in kind)}")


def unforeseen(error: Exception) -> LeadglassError:
    """What to say of an exception that nobody foresaw: its place, since its text may name a patient."""
    where = traceback.extract_tb(error.__traceback__)[-1]
    return LeadglassError(
        f"an error that nobody foresaw: {type(error).__name__} at {Path(where.filename).name}:{where.lineno}",
        hint="please report this line; it holds no data of a patient",
    )


def _checkpoint_quietly(site: Site) -> None:
    from leadglass.flows.checkpoint import checkpoint

    try:
        checkpoint(site)
    except LeadglassError:
        say("what was put on record waits for the next checkpoint")


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ",".join(f"{key}:{_plain(each)}" for key, each in value.items())
    if isinstance(value, list | tuple):
        return ",".join(map(_plain, value))
    if isinstance(value, bool):
        return "yes" if value else "no"
    # What a file says may hold control characters; on a terminal they would be commands.
    return "".join(each if each.isprintable() else repr(each)[1:-1] for each in str(value))
