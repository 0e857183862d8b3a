"""Checkpoint texts and their signatures."""

from __future__ import annotations

import pytest

from leadglass.errors import MalformedError, ProofError
from leadglass.ledger.checkpoint import Checkpoint, check_checkpoint, decimal
from leadglass.ledger.note import sign, verifier_key

SEED = bytes(range(32))
ORIGIN = "hospital.example/log"
CHECKPOINT = Checkpoint(ORIGIN, 1000, bytes(range(32)))


def test_a_checkpoint_is_read_as_it_was_written() -> None:
    assert Checkpoint.decode(CHECKPOINT.encode()) == CHECKPOINT


def test_extension_lines_of_other_logs_are_kept() -> None:
    text = CHECKPOINT.encode() + "more\n"
    assert Checkpoint.decode(text).encode() == text


@pytest.mark.parametrize(
    "change",
    [
        ("1000", "01000"),
        ("1000", "-1"),
        ("1000", "1e3"),
        ("1000", "١٠٠٠"),
        ("1000", "9223372036854775808"),
        ("1000", "9" * 5000),
        ("1000\n", ""),
        (ORIGIN, ""),
        ("AAEC", "AAE"),
        ("Hh8=", "Hh9="),
        ("=\n", "=\n\n"),
        ("=\n", "="),
    ],
)
def test_what_is_not_a_checkpoint_is_refused(change: tuple[str, str]) -> None:
    text = CHECKPOINT.encode()
    assert change[0] in text
    with pytest.raises(MalformedError):
        Checkpoint.decode(text.replace(*change))


def test_a_checkpoint_signed_by_its_log_is_given() -> None:
    note = sign(CHECKPOINT.encode(), name=ORIGIN, seed=SEED)
    assert check_checkpoint(note, verifier_key=verifier_key(name=ORIGIN, seed=SEED)) == CHECKPOINT


def test_a_checkpoint_of_another_origin_is_refused() -> None:
    note = sign(CHECKPOINT.encode(), name="other.example", seed=SEED)
    with pytest.raises(ProofError, match="another log"):
        check_checkpoint(note, verifier_key=verifier_key(name="other.example", seed=SEED))


def test_a_signed_text_that_is_no_checkpoint_is_refused() -> None:
    note = sign("something else\n", name=ORIGIN, seed=SEED)
    with pytest.raises(ProofError, match="not a checkpoint"):
        check_checkpoint(note, verifier_key=verifier_key(name=ORIGIN, seed=SEED))


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("7", 7), ("1234567890123456789", 1234567890123456789)])
def test_a_decimal_number_is_read(text: str, number: int) -> None:
    assert decimal(text) == number
