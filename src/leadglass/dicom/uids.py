"""Unique identifiers (PS3.5 section 9 and annex B).

A new UID is derived from 128 bits under the root 2.25, so no registration is needed and nothing about a place or a time
lies in it.
"""

from __future__ import annotations

import hmac
import re
import uuid
from functools import lru_cache
from typing import Final

from pydicom._uid_dict import UID_dictionary

STANDARD_ROOT: Final = "1.2.840.10008."
"""Root of what the standard itself registers: SOP classes, transfer syntaxes, well-known instances and frames."""

_CONTEXT_GROUPS: Final = "1.2.840.10008.6.1."

_UID: Final = re.compile(r"(?:0|[1-9][0-9]*)(?:\.(?:0|[1-9][0-9]*))*", re.ASCII)


def uuid_uid(bits: bytes) -> str:
    """The UID ``2.25.`` and decimal of the UUID made of 16 bytes (PS3.5 B.2); equal bytes give equal UIDs.

    Version and variant bits are set to those of a (pseudo-)random UUID, RFC 9562 section 5.4.

    Raises:
        ValueError: there are not 16 bytes.
    """
    return f"2.25.{uuid.UUID(bytes=bits, version=4).int}"


def keyed_uid(key: bytes, *, kind: str, value: str) -> str:
    """The UID that HMAC-SHA-256 under ``key`` gives ``value``: equal in any process, and each ``kind`` has its own."""
    message = f"leadglass/uid@v1\0{kind}\0{value}".encode("utf-8", "surrogateescape")
    return uuid_uid(hmac.digest(key, message, "sha256")[:16])


def is_uid(text: str) -> bool:
    """Whether ``text`` is a UID as PS3.5 section 9.1 has it: components without leading zeros, 64 characters at most."""
    return len(text) <= 64 and _UID.fullmatch(text) is not None


@lru_cache(maxsize=1 << 12)
def is_standard(text: str) -> bool:
    """Whether the standard registers the UID (PS3.6 annex A): it says what something is, never which one, and stays.

    A UID under the standard's root that it does not register is somebody's own, whatever its root claims.
    """
    if not text.startswith(STANDARD_ROOT):
        return False
    return text in UID_dictionary or (text.startswith(_CONTEXT_GROUPS) and is_uid(text))


def uid_text(value: bytes) -> str:
    """One encoded UI value as text, without its padding. What is no ASCII is kept apart, not lost."""
    return value.split(b"\0", 1)[0].strip().decode("ascii", "backslashreplace")
