"""What a piece of text can tell, and where it stands."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Categories, in the order in which one of them names a piece of text that is several."""

    NAME = "name"
    EMAIL = "email"
    URL = "url"
    PHONE = "phone"
    ID = "id"
    ADDRESS = "address"
    INSTITUTION = "institution"
    DATE = "date"
    TIME = "time"
    AGE = "age"
    OTHER = "other"

    @property
    def token(self) -> str:
        """What stands in the text afterwards, in any language."""
        return f"[{self.value.upper()}]"


@dataclass(frozen=True, slots=True)
class Span:
    """Characters ``start`` to ``stop`` of a text and what they tell. ``instead`` takes their place, if it is no token."""

    start: int
    stop: int
    kind: Kind
    instead: str | None = None
