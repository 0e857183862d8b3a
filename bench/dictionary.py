"""What a dictionary finds out about pseudonyms without their key, beside schemes that have none.

Run ``python bench/dictionary.py``. The attacker has the published files, our code, and the whole space of what he looks for:
seven-digit record numbers, and UIDs with a known root and such a number. He lacks the key. For each of the 10^7 numbers he
computes MD5, SHA-1, SHA-256 and SM3 of the value, plainly and as our code words it, and compares them with each UID, Patient
ID, accession number and date shift that was published: all bits of a UID under ``2.25.``, the first ten digits behind a
root, the leading digits or letters of an id. Then he tries keys that people choose, in our own derivation, on a smaller
space in which all patients lie.

The same attack runs on two published schemes, written from their public descriptions: a root and the MD5 of the old UID as a
number, ten digits of the MD5 of a Patient ID, days from the same (RSNA CTP); and the UUID that is the MD5 of the old UID
(dcm4che). It also runs on our scheme under a key of the list, to show that it would find one. What is tested is exactly
this; it is no proof of HMAC, and says nothing of a key that was lost.
"""

from __future__ import annotations

import argparse
import base64
import hashlib
import secrets
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Final

from leadglass.deid.pseudonym import MAX_DAYS, PseudonymKeys

ROOT: Final = "1.2.840.113619.2.55.3."
THEIR_ROOT: Final = "1.3.6.1.4.1.14519.5.2.1"
ALGORITHMS: Final = ("md5", "sha1", "sha256", "sm3")
_FREE: Final = (1 << 128) - 1 - (0xF << 76) - (0x3 << 62)
"""The bits of a UUID that are not its version and variant."""


@dataclass(frozen=True)
class Published:
    """What stands in the files of one patient."""

    uid: str
    patient_id: str
    accession: str
    days: int


Scheme = Callable[[str], Published]
"""From a number of seven digits; the UID that is replaced is ``ROOT`` and the number."""


def ours(master: bytes, digest: str = "sha256") -> Scheme:
    """As the desk does it: a Patient ID is worded ``id NUMBER``."""
    keys = PseudonymKeys.derive(master, project="trial", recipient="university", digest=digest)
    return lambda number: Published(
        keys.uid(ROOT + number), keys.patient_id(f"id {number}"), keys.accession(number), keys.days(f"id {number}")
    )


def ctp(number: str) -> Published:
    of_id = int.from_bytes(_digest("md5", number), "big")
    of_uid = int.from_bytes(_digest("md5", ROOT + number), "big")
    return Published(f"{THEIR_ROOT}.{of_uid}"[:64], str(of_id)[:10], str(of_id)[:16], of_id % 3652)


def dcm4che(number: str) -> Published:
    bits = int.from_bytes(_digest("md5", ROOT + number), "big") & _FREE | 0x3 << 76 | 0x2 << 62
    text = _digest("md5", number).hex()
    return Published(f"2.25.{bits}", text, text[:16], int(text, 16) % 3652)


def _digest(algorithm: str, text: str) -> bytes:
    return hashlib.new(algorithm, text.encode(), usedforsecurity=False).digest()


@dataclass(frozen=True)
class Target:
    """One published value: whose it is, and under which scheme."""

    scheme: str
    kind: str
    number: str


@dataclass
class Targets:
    """What was published under all schemes, in the forms in which a digest is compared with it."""

    uuids: dict[int, list[Target]] = field(default_factory=lambda: defaultdict(list))
    digits: dict[str, list[Target]] = field(default_factory=lambda: defaultdict(list))
    """By the first ten digits: a UID's behind its root, or an id's."""
    starts: dict[bytes, list[Target]] = field(default_factory=lambda: defaultdict(list))
    """By the first eight bytes of what an id in base 32 or in hexadecimal stands for."""

    def add(self, scheme: str, number: str, published: Published) -> None:
        uid = Target(scheme, "UID", number)
        if published.uid.startswith("2.25."):
            self.uuids[int(published.uid[5:]) & _FREE].append(uid)
        else:
            self.digits[published.uid.rpartition(".")[2][:10]].append(uid)
        for kind, text in (("patient id", published.patient_id), ("accession", published.accession)):
            target = Target(scheme, kind, number)
            if text.isdigit():
                self.digits[text[:10]].append(target)
            elif all(letter in "0123456789abcdef" for letter in text):
                self.starts[bytes.fromhex(text[:16])].append(target)
            else:
                self.starts[base64.b32decode(text[:16])[:8]].append(target)

    def hits(self, digest: bytes) -> Iterator[Target]:
        bits = int.from_bytes(digest[:16], "big")
        if bits & _FREE in self.uuids:
            yield from self.uuids[bits & _FREE]
        if digest[:8] in self.starts:
            yield from self.starts[digest[:8]]
        if str(bits)[:10] in self.digits:
            yield from self.digits[str(bits)[:10]]


@dataclass
class Found:
    """By scheme: which values were confirmed, and which hits were on somebody else's value; and the processor seconds."""

    confirmed: dict[str, set[Target]] = field(default_factory=lambda: defaultdict(set))
    by_chance: dict[str, set[Target]] = field(default_factory=lambda: defaultdict(set))
    seconds: float = 0.0

    def add(self, number: str, hits: Iterable[Target]) -> None:
        for hit in hits:
            (self.confirmed if hit.number == number else self.by_chance)[hit.scheme].add(hit)


def unkeyed_attack(targets: Targets, space: int) -> Found:
    """Every number of the space, by every digest, against all schemes at once."""
    found = Found()
    start = time.process_time()
    for value in range(space):
        number = f"{value:07}"
        for text in (number, ROOT + number, f"id {number}"):
            for algorithm in ALGORITHMS:
                found.add(number, targets.hits(_digest(algorithm, text)))
    found.seconds = time.process_time() - start
    return found


def guessed_keys() -> list[bytes]:
    """Master keys of 32 bytes that people choose."""
    words = ("", "leadglass", "secret", "password", "changeme", "admin", "key", "test", "12345678", "research", "trial")
    keys = [bytes(32), b"\xff" * 32, bytes(range(32)), b"0" * 32]
    for word in words:
        keys += [word.encode().ljust(32, b"\0"), word.encode().ljust(32), hashlib.sha256(word.encode()).digest()]
        keys += [(word.encode() * 32)[:32]] if word else []
    return list(dict.fromkeys(keys))


def guessed_key_attack(published: Mapping[str, Mapping[str, Published]], space: int) -> Found:
    """Every number of a smaller space under every guessed key, in our own derivation; project and recipient are known."""
    table: dict[str, list[Target]] = defaultdict(list)
    for name, of in published.items():
        for number, each in of.items():
            for kind, value in (("UID", each.uid), ("patient id", each.patient_id), ("accession", each.accession)):
                table[value].append(Target(name, kind, number))
    found = Found()
    start = time.process_time()
    for master in guessed_keys():
        scheme = ours(master)
        for value in range(space):
            number = f"{value:07}"
            guess = scheme(number)
            for word in (guess.uid, guess.patient_id, guess.accession):
                found.add(number, table.get(word, ()))
    found.seconds = time.process_time() - start
    return found


def shifts_guessed(published: Mapping[str, Published]) -> tuple[int, float]:
    """In how many patients the shift follows from the known number by the best unkeyed rule, and how many by chance."""
    rules: Counter[str] = Counter()
    for number, each in published.items():
        for algorithm in ALGORITHMS:
            for text in (number, f"id {number}"):
                whole = int.from_bytes(_digest(algorithm, text), "big")
                for modulus, first in ((3652, 0), (MAX_DAYS, 1), (365, 0), (365, 1)):
                    rules[f"{algorithm} {text.replace(number, '')} {modulus} {first}"] += (
                        whole % modulus + first == each.days
                    )
    return max(rules.values()), len(published) / MAX_DAYS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", type=int, default=10_000_000, help="numbers tried by digests without a key (10^7)")
    parser.add_argument("--keys-space", type=int, default=20_000, help="numbers tried under each guessed key (20,000)")
    parser.add_argument("--patients", type=int, default=40)
    options = parser.parse_args()
    reach = min(options.space, options.keys_space)
    numbers = sorted({f"{secrets.randbelow(reach):07}" for _ in range(options.patients)})
    schemes: dict[str, Scheme] = {
        "leadglass, HMAC-SHA-256": ours(secrets.token_bytes(32)),
        "leadglass, HMAC-SM3": ours(secrets.token_bytes(32), "sm3"),
        "leadglass under a key of the list (control)": ours(secrets.choice(guessed_keys())),
        "CTP (root and MD5)": ctp,
        "dcm4che (UUID of MD5)": dcm4che,
    }
    published = {name: {number: scheme(number) for number in numbers} for name, scheme in schemes.items()}
    targets = Targets()
    for name, of in published.items():
        for number, each in of.items():
            targets.add(name, number, each)
    plain = unkeyed_attack(targets, options.space)
    keyed = guessed_key_attack({name: of for name, of in published.items() if "leadglass" in name}, options.keys_space)
    values, keys = 3 * len(numbers), len(guessed_keys())
    print(f"{len(numbers)} patients, {values} values: UIDs, Patient IDs, accession numbers.")
    print(f"Without a key: {options.space:,} numbers x 3 wordings x {len(ALGORITHMS)} digests, {plain.seconds:.0f} CPU s.")
    print(f"Guessed keys: {keys} keys x {options.keys_space:,} numbers, {keyed.seconds:.0f} CPU s.\n")
    print("| scheme | confirmed without a key | with guessed keys | hits by chance | date shifts guessed |")
    print("| --- | ---: | ---: | ---: | ---: |")
    for name, of in published.items():
        guessed = f"{len(keyed.confirmed[name])} of {values}" if "leadglass" in name else ""
        shifts, chance = shifts_guessed(of)
        print(
            f"| {name} | {len(plain.confirmed[name])} of {values} | {guessed} | {len(plain.by_chance[name])} |"
            f" {shifts} of {len(numbers)} by the best of 32 rules ({32 * chance:.2f} by chance) |"
        )


if __name__ == "__main__":
    main()
