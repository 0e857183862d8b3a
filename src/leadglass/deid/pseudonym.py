"""Keyed pseudonyms: equal in any process and order, and noise to whoever lacks the key.

HMAC-SHA-256 under one key, a domain for each kind of value, no table to keep or to leak. Without a key a pseudonym of a
seven-digit patient id falls to a dictionary in seconds; with one it does not.
"""

from __future__ import annotations

import base64
import hmac
from dataclasses import dataclass, field
from typing import Final

from leadglass.dicom.uids import keyed_uid

_DOMAIN: Final = b"leadglass/pseudonym@v1\0"


@dataclass(frozen=True)
class PseudonymKeys:
    """The key that all pseudonyms of a site, or of a project, hang on.

    Raises:
        ValueError: the key is shorter than 32 bytes.
    """

    key: bytes = field(repr=False)

    def __post_init__(self) -> None:
        if len(self.key) < 32:
            raise ValueError(f"a pseudonym key has 32 bytes, this one {len(self.key)}")

    def uid(self, original: str) -> str:
        """The UID that stands for ``original`` wherever it is referred to."""
        return keyed_uid(self.key, kind="pseudonym", value=original)

    def patient_id(self, original: str) -> str:
        """Patient ID, and the text of Patient's Name: 20 characters of A-Z and 2-7."""
        return self._text(b"patient", original, 20)

    def accession(self, original: str) -> str:
        """Accession Number: 16 characters, all that an SH holds."""
        return self._text(b"accession", original, 16)

    def name(self, original: str) -> str:
        """The name of somebody else than the patient, where one is needed."""
        return self._text(b"name", original, 16)

    def _digest(self, domain: bytes, original: str) -> bytes:
        return hmac.digest(self.key, _DOMAIN + domain + b"\0" + original.encode("utf-8", "surrogateescape"), "sha256")

    def _text(self, domain: bytes, original: str, length: int) -> str:
        return base64.b32encode(self._digest(domain, original)).decode()[:length]
