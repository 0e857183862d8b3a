"""Checkpoints: what a log says about itself, to be signed as a note (c2sp.org/tlog-checkpoint)."""

from __future__ import annotations

import re
from dataclasses import dataclass

from leadglass.errors import MalformedError, ProofError
from leadglass.ledger.note import VerifierKey, check, from_base64, to_base64
from leadglass.ledger.tree import HASH_SIZE, MAX_SIZE

_DECIMAL = re.compile(r"0|[1-9][0-9]{0,18}", re.ASCII)


@dataclass(frozen=True)
class Checkpoint:
    """The size and root hash of the tree of the log ``origin``.

    ``extensions`` are further lines that other logs may write; ours writes none.

    Raises:
        MalformedError: origin or an extension is empty or more than a line, the size is no size, the root no hash.
    """

    origin: str
    size: int
    root: bytes
    extensions: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        if any(not line or not line.isprintable() for line in (self.origin, *self.extensions)):
            raise MalformedError("a line of a checkpoint is empty or holds a control character")
        if not 0 <= self.size < MAX_SIZE:
            raise MalformedError("the tree size of a checkpoint is out of range")
        if len(self.root) != HASH_SIZE:
            raise MalformedError(f"the root hash of a checkpoint has {len(self.root)} bytes, not {HASH_SIZE}")

    def encode(self) -> str:
        """The text of the note."""
        return "\n".join((self.origin, str(self.size), to_base64(self.root), *self.extensions)) + "\n"

    @staticmethod
    def decode(text: str) -> Checkpoint:
        """The checkpoint that this text states.

        Raises:
            MalformedError: the text is no checkpoint.
        """
        lines = text.split("\n")
        if len(lines) < 4 or lines[-1]:
            raise MalformedError("a checkpoint has at least three lines")
        origin, size, digest, *extensions = lines[:-1]
        return Checkpoint(origin, decimal(size), from_base64(digest), tuple(extensions))


def check_checkpoint(note: str, *, verifier_key: VerifierKey) -> Checkpoint:
    """The checkpoint in ``note``, signed by the log itself: the key's name is the origin.

    Raises:
        ProofError: it is not signed by that key, is another log's, or is no checkpoint.
    """
    try:
        checkpoint = Checkpoint.decode(check(note, vkeys=[verifier_key]))
    except MalformedError as error:
        raise ProofError(f"the signed text is not a checkpoint: {error.message}") from error
    if checkpoint.origin != verifier_key.name:
        raise ProofError("the checkpoint is of another log than its key")
    return checkpoint


def decimal(text: str) -> int:
    """A size or index in ASCII decimal without leading zeroes.

    Raises:
        MalformedError: it is spelt otherwise or has more than 19 digits.
    """
    if not _DECIMAL.fullmatch(text):
        raise MalformedError(f"{len(text)} characters are not a decimal number without leading zeroes")
    return int(text)
