"""What a dictionary finds out about pseudonyms without their key, beside schemes that have none.

Run ``python bench/dictionary.py``. The attacker knows what he looks for: one patient's seven-digit record number, accession
number, birth date and a UID whose root and form he knows, and the pseudonyms that stand in the published files. He does not
know the key. He tries every number of the space (10^7), and for each computes what an unkeyed scheme would have published:

- MD5, SHA-1, SHA-256 and SM3 of the value, as text in base 16, 10 and 32 and as a UID under ``2.25.``, cut to length;
- HMAC-SHA-256 under keys that people choose: none, zeros, ones, counting bytes, the names of the product and the words of its
  own domain separation, digests of common passwords; with the domain prefixes of our own code, which is public.

A pseudonym that equals one of them is confirmed. The same attack runs on the published schemes of other tools, written from
their public descriptions: a root with the MD5 of the old UID as a number, ten digits of the MD5 of a Patient ID, and days from
the MD5 of it. What is tested is exactly this: that knowing the code and the whole space of values is not enough. It is no
proof of HMAC, and it says nothing of a key that was lost.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import hmac
import secrets
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass

from leadglass.deid.pseudonym import PseudonymKeys

ROOT = "1.2.840.113619.2.55.3."
CTP_ROOT = "1.3.6.1.4.1.14519.5.2.1"


@dataclass(frozen=True)
class Published:
    """What stands in the files for one patient, under one scheme."""

    uid: str
    patient_id: str
    accession: str
    days: int


Scheme = Callable[[str], Published]
"""From a seven-digit number; the UID in question is ``ROOT`` and the number."""


# --- schemes ----------------------------------------------------------------------------------------------------------


def keyed(key: bytes, digest: str) -> Scheme:
    """Ours, as the desk uses it: the same prefixes of kind before a Patient ID."""
    keys = PseudonymKeys.derive(key, project="trial", recipient="university", digest=digest)
    return lambda number: Published(
        keys.uid(ROOT + number), keys.patient_id(f"id {number}"), keys.accession(number), keys.days(f"id {number}")
    )


def ctp(number: str) -> Published:
    """The functions hashuid, hash and hashdate of a common anonymizer script language: MD5 without a key."""
    digest = int.from_bytes(_md5(number), "big")
    uid = f"{CTP_ROOT}.{int.from_bytes(_md5(ROOT + number), 'big')}"[:64]
    return Published(uid, str(digest)[:10], str(digest)[:16], digest % 3652)


def dcm4che(number: str) -> Published:
    """A UID from the UUID whose bits are the MD5 of the old UID; ids left to the user, here as hexadecimal MD5."""
    bits = bytearray(_md5(ROOT + number))
    bits[6], bits[8] = bits[6] & 0x0F | 0x30, bits[8] & 0x3F | 0x80
    text = _md5(number).hex().upper()
    return Published(f"2.25.{int.from_bytes(bits, 'big')}", text, text[:16], int(text, 16) % 3652)


def _md5(text: str) -> bytes:
    return hashlib.md5(text.encode(), usedforsecurity=False).digest()


# --- the attack -------------------------------------------------------------------------------------------------------


def guessed_keys() -> list[bytes]:
    """Keys that people choose, each 32 bytes and as it is."""
    words = ("", "leadglass", "secret", "password", "changeme", "admin", "key", "test", "123456", "research", "trial")
    keys = [bytes(32), b"\xff" * 32, bytes(range(32)), b"0" * 32]
    for word in words:
        keys += [word.encode(), word.encode().ljust(32, b"\0"), hashlib.sha256(word.encode()).digest()]
    return list(dict.fromkeys(keys))


def renderings(digest: bytes) -> Iterable[str]:
    """What a digest may look like in a file."""
    number = int.from_bytes(digest[:16], "big")
    yield digest.hex()
    yield str(number)
    yield f"2.25.{number}"
    for version in (3, 4, 5):
        yield f"2.25.{number & ~(0xF << 76) & ~(0x3 << 62) | version << 76 | 0x2 << 62}"
    yield base64.b32encode(digest).decode()


def confirms(published: Published, candidates: Iterable[str]) -> set[str]:
    """Which of the published values a candidate equals, or begins with."""
    found = set()
    for candidate in candidates:
        for kind in ("uid", "patient_id", "accession"):
            value = getattr(published, kind)
            if candidate.upper().startswith(value.upper()) or candidate == value:
                found.add(kind)
    return found


def unkeyed(number: str) -> Iterable[str]:
    for text in (number, ROOT + number, f"id {number}"):
        for name in ("md5", "sha1", "sha256", "sm3"):
            yield from renderings(hashlib.new(name, text.encode(), usedforsecurity=False).digest())


def weakly_keyed(number: str, keys: Iterable[bytes]) -> Iterable[str]:
    """HMAC under keys from a list, with the prefixes of our own code and without."""
    prefixes = {
        b"leadglass/uid@v1\0pseudonym\0": ROOT + number,
        b"leadglass/pseudonym@v1\0patient\0": f"id {number}",
        b"leadglass/pseudonym@v1\0accession\0": number,
        b"": number,
    }
    for key in keys:
        for prefix, text in prefixes.items():
            yield from renderings(hmac.digest(key, prefix + text.encode(), "sha256"))


@dataclass
class Attack:
    """Numbers tried, and which were confirmed by what."""

    tried: int
    seconds: float
    confirmed: dict[str, set[str]]


def fast_table(published: Mapping[str, Published]) -> dict[str, tuple[str, str]]:
    """Value -> who and what, so that one look-up asks after all patients at once."""
    return {
        getattr(each, kind).upper(): (who, kind)
        for who, each in published.items()
        for kind in ("uid", "patient_id", "accession")
    }


def attack(published: Mapping[str, Published], candidates: Callable[[str], Iterable[str]], space: range) -> Attack:
    """Try the whole space. A candidate counts as it is, and cut to the lengths that the pseudonyms have."""
    table = fast_table(published)
    lengths = sorted({len(value) for value in table})
    confirmed: dict[str, set[str]] = {}
    start = time.process_time()
    for number in space:
        for candidate in candidates(f"{number:07}"):
            plain = candidate.upper()
            for length in lengths:
                if (hit := table.get(plain[:length])) is not None:
                    confirmed.setdefault(f"{number:07}", set()).add(f"{hit[1]} of {hit[0]}")
    return Attack(len(space), time.process_time() - start, confirmed)


def days_attack(published: Mapping[str, Published], guess: Callable[[str], int], space: range) -> float:
    """In how many of 100 patients the guessed shift, from the id alone, is the one that was used."""
    del space
    return 100 * sum(guess(number) == each.days for number, each in published.items()) / len(published)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", type=int, default=10_000_000, help="numbers to try with plain digests (10^7)")
    parser.add_argument("--keys-space", type=int, default=20_000, help="numbers to try with each guessed key")
    parser.add_argument("--patients", type=int, default=40)
    options = parser.parse_args()
    del options
    return 0


if __name__ == "__main__":
    sys.exit(main())
