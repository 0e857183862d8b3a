"""Keyed pseudonyms: equal in any process and order, and noise to whoever lacks the key.

HMAC (RFC 2104) with SHA-256, or SM3 (GB/T 32905), a domain for each kind of value, no table to keep or to leak. Without a
key a pseudonym of a seven-digit patient id falls to a dictionary in seconds; with one it does not. Dates are moved by a
number of days that hangs on key and patient, so that the intervals between the studies of one patient stay what they were.
"""

from __future__ import annotations

import datetime
import hashlib
import hmac
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Final

from leadglass.errors import ConfigError

_DOMAIN: Final = b"leadglass/pseudonym@v1\0"
_UID_DOMAIN: Final = b"leadglass/uid@v1\0pseudonym\0"
_KEY_DOMAIN: Final = b"leadglass/pseudonym-key@v1\0"

DIGESTS: Final = ("sha256", "sm3")
"""What an HMAC may be made with."""

MAX_DAYS: Final = 3650
"""How far back dates are moved at most; they are moved by one day at least."""

_UUID_FIXED: Final = 0x4 << 76 | 0x2 << 62
_UUID_FREE: Final = (1 << 128) - 1 - (0xF << 76) - (0x3 << 62)
"""Version and variant bits of a random UUID (RFC 9562 section 5.4), and all the others."""


@dataclass(frozen=True)
class PseudonymKeys:
    """The key that all pseudonyms of a site, or of a project, hang on, and the digest of its HMAC.

    Raises:
        ValueError: the key is shorter than 32 bytes.
        ConfigError: the digest is none of ``DIGESTS``, or this Python's OpenSSL lacks it.
    """

    key: bytes = field(repr=False)
    digest: str = "sha256"

    def __post_init__(self) -> None:
        if len(self.key) < 32:
            raise ValueError(f"a pseudonym key has 32 bytes, this one {len(self.key)}")
        _check_digest(self.digest)

    @classmethod
    def derive(cls, master: bytes, *, project: str, recipient: str, digest: str = "sha256") -> PseudonymKeys:
        """The keys of one project and recipient: neither they nor their pseudonyms tell anything of another's.

        Raises:
            ConfigError: ``master`` is shorter than 32 bytes, or the digest is unknown or missing.
        """
        if len(master) < 32:
            raise ConfigError(f"a key of 32 bytes is needed, this one has {len(master)}")
        _check_digest(digest)
        names = b"".join(len(name).to_bytes(8, "big") + name for name in (project.encode(), recipient.encode()))
        return cls(hmac.digest(master, _KEY_DOMAIN + names, digest), digest)

    def uid(self, original: str) -> str:
        """The UID that stands for ``original`` wherever it is referred to: ``2.25.`` and 37 to 39 digits."""
        return _uid(self.key, self.digest, original)

    def patient_id(self, original: str) -> str:
        """Patient ID, and the text of Patient's Name: 20 characters of A-Z and 2-7."""
        return _text(self.key, self.digest, b"patient", original, 20)

    def accession(self, original: str) -> str:
        """Accession Number: 16 characters, all that an SH holds."""
        return _text(self.key, self.digest, b"accession", original, 16)

    def name(self, original: str) -> str:
        """The name of somebody else than the patient, where one is needed."""
        return _text(self.key, self.digest, b"name", original, 16)

    def title(self, original: str) -> str:
        """An application entity title, where the device may be told from others: 16 characters, all that an AE holds."""
        return _text(self.key, self.digest, b"title", original, 16)

    def days(self, patient: str) -> int:
        """By how many days, 1 to ``MAX_DAYS``, all dates of this patient move back; never 0, and equal in any process."""
        return _days(self.key, self.digest, patient)


def _check_digest(digest: str) -> None:
    if digest not in DIGESTS:
        raise ConfigError(f"no digest for pseudonyms: {digest!r}", hint=f"one of {', '.join(DIGESTS)}")
    try:
        hashlib.new(digest)
    except ValueError as error:
        raise ConfigError(f"the OpenSSL of this Python has no {digest}", hint="use sha256") from error


@lru_cache(maxsize=16)
def _keyed(key: bytes, digest: str) -> Callable[[bytes], bytes]:
    """HMAC under ``key`` with its two pads already digested: half the time of ``hmac.digest``."""
    block = hashlib.new(digest).block_size
    key = (hashlib.new(digest, key).digest() if len(key) > block else key).ljust(block, b"\0")
    inner = hashlib.new(digest, bytes(byte ^ 0x36 for byte in key))
    outer = hashlib.new(digest, bytes(byte ^ 0x5C for byte in key))

    def mac(message: bytes) -> bytes:
        first, second = inner.copy(), outer.copy()
        first.update(message)
        second.update(first.digest())
        return second.digest()

    return mac


def _encoded(original: str) -> bytes:
    return original.encode("utf-8", "surrogateescape")


@lru_cache(maxsize=1 << 14)
def _uid(key: bytes, digest: str, original: str) -> str:
    bits = int.from_bytes(_keyed(key, digest)(_UID_DOMAIN + _encoded(original))[:16], "big")
    return f"2.25.{bits & _UUID_FREE | _UUID_FIXED}"


_BASE32: Final = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567"
_PAIRS: Final = tuple(first + second for first in _BASE32 for second in _BASE32)
"""Ten bits in base 32 (RFC 4648 section 6); the standard library takes three times as long."""


@lru_cache(maxsize=1 << 12)
def _text(key: bytes, digest: str, domain: bytes, original: str, length: int) -> str:
    bits = int.from_bytes(_keyed(key, digest)(_DOMAIN + domain + b"\0" + _encoded(original)), "big")
    return "".join([_PAIRS[bits >> shift & 1023] for shift in range(246, 246 - 5 * length, -10)])


@lru_cache(maxsize=1 << 12)
def _days(key: bytes, digest: str, patient: str) -> int:
    return 1 + int.from_bytes(_keyed(key, digest)(_DOMAIN + b"days\0" + _encoded(patient)), "big") % MAX_DAYS


_DATE: Final = re.compile(r"(\d{4})(?:(\.?)(\d\d)(?:\2(\d\d))?)?", re.ASCII)
_CLOCK: Final = r"(?:[01]\d|2[0-3])(?:[0-5]\d(?:(?:[0-5]\d|60)(?:\.\d{1,6})?)?)?"
_TIME: Final = re.compile(_CLOCK + r"|(?:[01]\d|2[0-3]):[0-5]\d(?::(?:[0-5]\d|60)(?:\.\d{1,6})?)?", re.ASCII)
_OFFSET: Final = re.compile(r"[+-](?:0\d|1[0-4])[0-5]\d", re.ASCII)
_DATETIME: Final = re.compile(rf"(\d{{4,8}})((?:{_CLOCK})?(?:{_OFFSET.pattern})?)", re.ASCII)


@lru_cache(maxsize=1 << 12)
def shifted(text: str, vr: str, *, days: int) -> str | None:
    """The values of ``text``, moved ``days`` back; with 0 they are only checked. None if one of them is not valid.

    ``vr`` is DA, DT, TM or SH (Timezone Offset From UTC). Dates move, times of day and offsets stay, so that what is
    measured within a day stays too. Values that are empty stay empty; padding goes.
    """
    shift = _SHIFTS.get(vr)
    values = [value.strip(" \0") for value in text.split("\\")]
    moved = [shift(value, days) if value and shift else "" if not value else None for value in values]
    found = [value for value in moved if value is not None]
    return "\\".join(found) if len(found) == len(values) else None


def shift_date(text: str, days: int) -> str | None:
    """A DA value (PS3.5 section 6.2) moved back, or None if it is none.

    Also the form of ACR-NEMA (``YYYY.MM.DD``), ranges of a query, and dates without day or month: those move as their middle
    would, and come out as coarse as they were.
    """
    first, dash, last = text.partition("-")
    if dash:
        ends = [shift_date(end, days) if end else "" for end in (first, last)]
        return None if None in ends or not (first or last) or "-" in last else "-".join(end or "" for end in ends)
    found = _DATE.fullmatch(text)
    if not found:
        return None
    year, dot, month, day = found.groups()
    try:
        # The middle of a year or month, so that the error is half of it at most, in both directions.
        moved = datetime.date(int(year), int(month or 7), int(day or (15 if month else 2))) - datetime.timedelta(days)
    except (ValueError, OverflowError):
        return None
    parts = (f"{moved.year:04d}", f"{moved.month:02d}", f"{moved.day:02d}")
    return (dot or "").join(parts[: 1 + (month is not None) + (day is not None)])


def shift_datetime(text: str, days: int) -> str | None:
    """A DT value (PS3.5 section 6.2) moved back, its time, fraction and offset kept; None if it is none."""
    found = _DATETIME.fullmatch(text)
    if not found:
        return None
    date, rest = found.groups()
    moved = shift_date(date, days)
    # A time of day follows a whole date only.
    return None if moved is None or (rest[:1].isdigit() and len(date) < 8) else moved + rest


def _time(text: str, _days: int) -> str | None:
    ends = text.split("-")
    valid = len(ends) <= 2 and any(ends) and all(not end or _TIME.fullmatch(end) for end in ends)
    return text if valid else None


def _offset(text: str, _days: int) -> str | None:
    return text if _OFFSET.fullmatch(text) else None


_SHIFTS: Final[dict[str, Callable[[str, int], str | None]]] = {
    "DA": shift_date,
    "DT": shift_datetime,
    "TM": _time,
    "SH": _offset,
}
