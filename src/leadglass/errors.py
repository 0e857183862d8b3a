"""Every error that leadglass raises on purpose.

::

    LeadglassError                    exit
    ├── InputError                     2    what was handed in cannot be used
    │   ├── NotDicomError
    │   ├── UnsupportedPixelsError
    │   └── MalformedError
    ├── RefusedError                   3    policy said no; carries the reasons
    │   └── GrantExpiredError
    ├── VerificationError              4    did not verify
    │   ├── SealBrokenError
    │   └── ProofError
    ├── ConflictError                  5    somebody changed it first; try again
    ├── UnavailableError               6    a store or custodian did not answer
    ├── ShreddedError                  7    gone, on purpose
    └── ConfigError                    8    the settings do not make a site

A message names tag, VR, length or byte offset, never the value: it ends in terminals and tickets that no patient agreed to.
"""

from __future__ import annotations

from typing import ClassVar


class LeadglassError(Exception):
    """What went wrong, and in ``hint`` what to do next."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, hint: str | None = None) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


class InputError(LeadglassError):
    """What was handed in cannot be used."""

    exit_code = 2


class NotDicomError(InputError):
    """The bytes are not a DICOM file."""


class UnsupportedPixelsError(InputError):
    """The pixels cannot make the round trip, so they are refused at the door."""


class MalformedError(InputError):
    """The bytes break their own format; the message names the tag or offset."""


class RefusedError(LeadglassError):
    """Policy said no. ``reasons`` are sentences for the person who asked."""

    exit_code = 3

    def __init__(self, message: str, *, reasons: tuple[str, ...] = (), hint: str | None = None) -> None:
        super().__init__(message, hint=hint)
        self.reasons = reasons


class GrantExpiredError(RefusedError):
    """The grant was good once: it has expired or was used up."""


class VerificationError(LeadglassError):
    """Something did not verify."""

    exit_code = 4


class SealBrokenError(VerificationError):
    """A sealed part was changed, or the key or context is not the one it was sealed with."""


class ProofError(VerificationError):
    """A Merkle proof, signature or checkpoint does not hold."""


class ConflictError(LeadglassError):
    """Somebody changed it first, or the same name stands for other content."""

    exit_code = 5


class UnavailableError(LeadglassError):
    """A store or key custodian did not answer, or has no room."""

    exit_code = 6


class ShreddedError(LeadglassError):
    """The key was destroyed on purpose; nothing opens this again."""

    exit_code = 7


class ConfigError(LeadglassError):
    """The settings do not make a site."""

    exit_code = 8
