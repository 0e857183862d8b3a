"""Entry: a log line, encoded one way only."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from leadglass.errors import MalformedError
from leadglass.model.ids import EntryId

ENTRY_FORMAT = "leadglass/entry@v1"
MAX_ENTRY = 65_535
"""Bytes; the limit of a C2SP entry bundle."""


def canonical(value: Mapping[str, Any]) -> bytes:
    """JSON with sorted keys, no spaces, UTF-8: equal values give equal bytes. Floats are not allowed in ``value``."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode()


def timestamp(moment: datetime) -> str:
    """RFC 3339 in UTC with milliseconds, such as 2026-11-24T08:00:00.123Z."""
    return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def moment(text: str) -> datetime:
    """The time that ``timestamp`` wrote."""
    return datetime.fromisoformat(text)


@dataclass(frozen=True)
class Entry:
    """One step, on record. It holds no personal data.

    ``actor`` and ``subject`` are keyed commitments or opaque ids; ``record`` is the SHA-256 of the sealed record that
    lies beside the log and says the rest. When that record's key is gone the entry still proves.
    """

    id: EntryId
    time: datetime
    action: str
    actor: str
    subject: str | None
    record: str

    def encode(self) -> bytes:
        """The bytes that are hashed into the tree."""
        return canonical(
            {
                "v": ENTRY_FORMAT,
                "id": self.id,
                "time": timestamp(self.time),
                "action": self.action,
                "actor": self.actor,
                "subject": self.subject,
                "record": self.record,
            }
        )

    @staticmethod
    def decode(data: bytes) -> Entry:
        """The entry that ``encode`` wrote.

        Raises:
            MalformedError: the bytes are not exactly one encoded entry.
        """
        try:
            fields = json.loads(data)
            entry = Entry(
                id=EntryId(fields["id"]),
                time=moment(fields["time"]),
                action=fields["action"],
                actor=fields["actor"],
                subject=fields["subject"],
                record=fields["record"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise MalformedError("a log entry cannot be read") from error
        if entry.encode() != data:
            raise MalformedError("a log entry is not in its one encoding")
        return entry
