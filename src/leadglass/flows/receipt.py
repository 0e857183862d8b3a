"""Check a receipt: without a site, without a network, by the log's verifier key alone."""

from __future__ import annotations

from dataclasses import dataclass

from leadglass.ledger.checkpoint import Checkpoint
from leadglass.ledger.note import VerifierKey
from leadglass.ledger.proof import Receipt, check_receipt
from leadglass.model.entry import Entry

MAX_RECEIPT_FILE = 1 << 20
"""Bytes; more than any receipt has."""


@dataclass(frozen=True)
class Checked:
    """An entry that is in the log of ``checkpoint``, at ``index``."""

    entry: Entry
    index: int
    checkpoint: Checkpoint


def check(data: bytes, *, vkey: str) -> Checked:
    """Check a receipt without a site: signature, inclusion, and that the entry is well formed.

    Raises:
        ProofError: it does not hold.
        MalformedError: the bytes are no receipt.
    """
    made = Receipt.decode(data)
    signed = check_receipt(made, verifier_key=VerifierKey.decode(vkey.strip()))
    return Checked(Entry.decode(made.entry), made.index, signed)
