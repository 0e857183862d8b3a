"""The machine's own clock and random source."""

from __future__ import annotations

import os
from datetime import UTC, datetime


class SystemClock:
    """The present, cut to the millisecond that is recorded."""

    def now(self) -> datetime:
        now = datetime.now(UTC)
        return now.replace(microsecond=now.microsecond // 1000 * 1000)


class SystemEntropy:
    """The operating system's random source."""

    def bytes(self, count: int) -> bytes:
        return os.urandom(count)
