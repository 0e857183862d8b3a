"""What an order needs to be seen: from its words to regions.

The table, ``tables/needs.json``, is data with a source to each row, in English and Chinese: questions, which say what
the order asks of the film, and procedures, which say what is taken where no question is known. Whoever reads the film first
sees all of it whatever is said here; the table serves those who come after.
"""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Collection
from dataclasses import dataclass
from functools import cache
from importlib.resources import files

from leadglass.model.region import RegionKind

_EVERYTHING = tuple(kind for kind in RegionKind if kind is not RegionKind.TEXT)
"""Where an order says nothing that is known. Text burnt into the film answers no question."""


@dataclass(frozen=True)
class Row:
    """A row of the table: whichever of ``words`` an order has, it needs ``regions``.

    ``why`` says why these, ``source`` where that is from.
    """

    name: str
    words: tuple[str, ...]
    regions: tuple[RegionKind, ...]
    why: str
    source: str


@dataclass(frozen=True)
class Need:
    """Regions that are needed, the most sensitive first, and the rows that say so; no row where everything is."""

    regions: tuple[RegionKind, ...]
    rows: tuple[Row, ...]


def need(procedure: str, indication: str | None) -> Need:
    """What an order of ``procedure`` for ``indication`` needs: what every question in its words needs, together.

    Without a known question it is what the procedure shows, and without a known procedure everything but text.
    """
    said = _plain(f"{procedure}\n{indication or ''}")
    questions, procedures = table()
    rows = tuple(row for row in questions if _found(row, said))
    rows = rows or tuple(row for row in procedures if _found(row, _plain(procedure)))
    wanted = {kind for row in rows for kind in row.regions} or set(_EVERYTHING)
    return Need(tuple(kind for kind in RegionKind if kind in wanted), rows)


def on_film(needed: Collection[RegionKind], present: Collection[RegionKind]) -> tuple[RegionKind, ...]:
    """Those of ``needed`` that a film has; what it has no outline of lies in ``rest``, which is then needed too."""
    wanted = {RegionKind.REST if kind not in present else kind for kind in needed}
    return tuple(kind for kind in RegionKind if kind in wanted and kind in present)


@cache
def table() -> tuple[tuple[Row, ...], tuple[Row, ...]]:
    """The questions and the procedures of the packaged table."""
    data = json.loads((files(__package__) / "tables" / "needs.json").read_text(encoding="utf-8"))
    questions, procedures = (
        tuple(
            Row(
                name=row["name"],
                words=tuple(_plain(word) for word in (*row["en"], *row["zh"])),
                regions=tuple(RegionKind(kind) for kind in row["regions"]),
                why=row["why"],
                source=row["source"],
            )
            for row in data[part]
        )
        for part in ("questions", "procedures")
    )
    return questions, procedures


def _plain(text: str) -> str:
    """Full-width letters as usual ones, small, with single spaces."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def _found(row: Row, said: str) -> bool:
    """Whether one of the row's words stands in ``said``: as a word in Latin letters, anywhere in Chinese."""
    return any(
        re.search(rf"(?<![a-z0-9]){re.escape(word)}(?![a-z0-9])", said) if word.isascii() else word in said
        for word in row.words
    )
