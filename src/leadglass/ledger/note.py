"""Signed notes: text with one or more signatures under it (c2sp.org/signed-note), Ed25519 only.

Signatures of keys that the verifier does not know are ignored, as the specification asks: witnesses may add theirs. One
that claims a known key has to be good, or the whole note is refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Iterable
from dataclasses import dataclass
from hashlib import sha256

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey

from leadglass.errors import InputError, MalformedError, ProofError

ED25519 = 0x01
"""The signature type of plain Ed25519 notes."""

MAX_NOTE = 1_000_000
"""Characters; room for many post-quantum cosignatures, and an end to what a stranger can make us read."""

_DASH = "— "


@dataclass(frozen=True)
class VerifierKey:
    """The name and the 32-byte Ed25519 public key by which a note is checked.

    Raises:
        MalformedError: the name is empty or holds a space or a plus, or the key has another length.
    """

    name: str
    public_key: bytes

    def __post_init__(self) -> None:
        check_name(self.name)
        if len(self.public_key) != 32:
            raise MalformedError(f"an Ed25519 public key has 32 bytes, this one {len(self.public_key)}")

    @property
    def key_id(self) -> bytes:
        """Four bytes that tell keys of one name apart; no protection against anybody."""
        return sha256(self.name.encode() + b"\n" + bytes([ED25519]) + self.public_key).digest()[:4]

    def encode(self) -> str:
        """The ``name+id+key`` line that people exchange."""
        return f"{self.name}+{self.key_id.hex()}+{to_base64(bytes([ED25519]) + self.public_key)}"

    @staticmethod
    def decode(text: str) -> VerifierKey:
        """The key that such a line names.

        Raises:
            MalformedError: it is no Ed25519 verifier key, or its id is not the one of its key.
        """
        parts = text.split("+", 2)
        if len(parts) != 3:
            raise MalformedError("a verifier key has three parts, joined by plus signs")
        name, key_id, material = parts[0], parts[1], from_base64(parts[2])
        if material[:1] != bytes([ED25519]):
            raise MalformedError("the verifier key is not of the Ed25519 type")
        key = VerifierKey(name, material[1:])
        if key.key_id.hex() != key_id:
            raise MalformedError("the id in the verifier key is not the id of its key")
        return key


def verifier_key(*, name: str, seed: bytes) -> VerifierKey:
    """The verifier key for what ``sign`` signs with the same name and 32-byte seed."""
    return VerifierKey(name, _private_key(seed).public_key().public_bytes_raw())


def sign(text: str, *, name: str, seed: bytes) -> str:
    """The note of ``text`` with one signature. The text ends in a newline.

    Raises:
        MalformedError: the text or the name cannot stand in a note.
        InputError: the seed is not 32 bytes long.
    """
    _check_text(text)
    key = verifier_key(name=name, seed=seed)
    return f"{text}\n{_DASH}{name} {to_base64(key.key_id + _private_key(seed).sign(text.encode()))}\n"


def check(note: str, *, vkeys: Iterable[VerifierKey]) -> str:
    """The text of ``note``, signed by at least one of ``vkeys``.

    Raises:
        ProofError: no known key signed it, a known key's signature is wrong, or it is no note at all.
    """
    known = {(key.name, key.key_id): key for key in vkeys}
    try:
        text, signatures = _parse(note)
    except MalformedError as error:
        raise ProofError(f"this is not a signed note: {error.message}") from error
    signed = False
    for name, blob in signatures:
        key = known.get((name, blob[:4]))
        if key is None:
            continue
        try:
            Ed25519PublicKey.from_public_bytes(key.public_key).verify(blob[4:], text.encode())
        except (InvalidSignature, ValueError) as error:
            raise ProofError(f"the note carries a wrong signature of {key.name}") from error
        signed = True
    if not signed:
        raise ProofError("no known key has signed the note", hint="compare the verifier key with the one the log publishes")
    return text


def check_name(name: str) -> None:
    """Raises MalformedError unless ``name`` can stand in a signature line."""
    if not name or "+" in name or not name.isprintable() or any(letter.isspace() for letter in name):
        raise MalformedError("a key name is empty or holds a space, a plus or a control character")


def to_base64(data: bytes) -> str:
    """Standard Base 64 (RFC 4648 section 4), padded."""
    return base64.b64encode(data).decode("ascii")


def from_base64(text: str) -> bytes:
    """The bytes behind ``text``. Each value has one spelling only, or a changed file could still verify.

    Raises:
        MalformedError: not the Base 64 that ``to_base64`` writes.
    """
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise MalformedError(f"{len(text)} characters are not Base 64") from error
    if to_base64(data) != text:
        raise MalformedError(f"{len(text)} characters are not in the one Base 64 spelling of their value")
    return data


def _parse(note: str) -> tuple[str, list[tuple[str, bytes]]]:
    """Text, and name with key id and signature of each signature line."""
    if len(note) > MAX_NOTE:
        raise MalformedError(f"it is longer than {MAX_NOTE} characters")
    text, blank, block = note.rpartition("\n\n")
    if not blank or not block.endswith("\n"):
        raise MalformedError("the text is not followed by a blank line and whole signature lines")
    text += "\n"
    _check_text(text)
    return text, [_signature(line) for line in block[:-1].split("\n")]


def _signature(line: str) -> tuple[str, bytes]:
    name, space, encoded = line.removeprefix(_DASH).partition(" ")
    if not line.startswith(_DASH) or not space:
        raise MalformedError("a signature line does not read: em dash, name, signature")
    check_name(name)
    blob = from_base64(encoded)
    if len(blob) < 5:
        raise MalformedError("a signature is shorter than its key id")
    return name, blob


def _check_text(text: str) -> None:
    if not text.endswith("\n"):
        raise MalformedError("the text of a note ends in a newline")
    if any(letter < " " and letter != "\n" for letter in text):
        raise MalformedError("the text of a note holds a control character")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise MalformedError("the text of a note is not Unicode text") from error


def _private_key(seed: bytes) -> Ed25519PrivateKey:
    if len(seed) != 32:
        raise InputError(f"an Ed25519 seed has 32 bytes, this one {len(seed)}")
    return Ed25519PrivateKey.from_private_bytes(seed)
