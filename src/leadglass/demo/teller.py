"""What the demonstration says at the terminal: chapters, commands to type, and claims, each checked before it is printed."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from typing import TypeVar

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from leadglass.errors import VerificationError

T = TypeVar("T")

_WIDTH = 104
"""Columns; on a wider terminal lines would be too long to read."""


class Teller:
    """Tells the story to ``console`` and keeps what was claimed. Plain lines where nobody looks at a terminal."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(_WIDTH, console.width)
        self._chapter = 0
        self._since = time.perf_counter()
        self.claims: list[str] = []

    def title(self, text: str, below: str) -> None:
        self._console.print()
        self._line(Text(text, style="bold"))
        self._line(Text(below, style="dim"))

    def chapter(self, title: str, chinese: str) -> None:
        self._chapter += 1
        self._since = time.perf_counter()
        self._console.print()
        if self._console.is_terminal:
            heading = Text.assemble((f"{self._chapter}  {title}", "bold"), (f"  {chinese}", "dim"))
            self._console.print(Rule(heading, align="left", style="yellow4"), width=self._width)
        else:
            self._line(Text(f"{self._chapter}. {title} {chinese}"))

    def say(self, text: str) -> None:
        self._line(Text(f"   {text}"))

    def command(self, *words: str) -> None:
        """What somebody would type for the step that follows."""
        self._line(Text(f"   $ leadglass {' '.join(words)}", style="cyan"))

    def claim(self, text: str, holds: bool) -> None:
        """Print ``text`` with the seconds since the last claim, once it is known to hold.

        Raises:
            VerificationError: it does not.
        """
        seconds, self._since = time.perf_counter() - self._since, time.perf_counter()
        if not holds:
            raise VerificationError(
                f"this should hold and does not: {text}", hint="please report it; the site is left as it is"
            )
        self.claims.append(text)
        if not self._console.is_terminal:
            self._line(Text(f"   ok: {text} ({seconds:.2f} s)"))
            return
        row = Table.grid(expand=True, padding=(0, 1))
        row.add_column(width=4, justify="right")
        row.add_column(ratio=1)
        row.add_column(width=7, justify="right")
        row.add_row(Text("✓", style="green"), Text(text), Text(f"{seconds:.2f} s", style="dim"))
        self._console.print(row, width=self._width)

    def track(self, things: Iterable[T], *, total: int, what: str) -> Iterator[T]:
        """The things, with a bar that shows how far they are."""
        bar = Progress(
            TextColumn("   {task.description}"),
            BarColumn(bar_width=40, complete_style="yellow3", finished_style="green"),
            MofNCompleteColumn(),
            TimeElapsedColumn(),
            console=self._console,
            transient=True,
            disable=not self._console.is_terminal,
        )
        with bar:
            task = bar.add_task(what, total=total)
            for thing in things:
                yield thing
                bar.advance(task)

    def _line(self, text: Text) -> None:
        # Commands stay whole, so that they can be copied.
        self._console.print(text, soft_wrap=True)
