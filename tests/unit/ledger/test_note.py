"""Signed notes."""

from __future__ import annotations

import pytest

from leadglass.errors import InputError, MalformedError, ProofError
from leadglass.ledger.note import VerifierKey, check, from_base64, sign, to_base64, verifier_key

SEED = bytes(range(32))
KEY = verifier_key(name="hospital.example/log", seed=SEED)
OTHER = verifier_key(name="witness.example", seed=bytes(32))
TEXT = "first line\n\nlast line\n"
NOTE = sign(TEXT, name=KEY.name, seed=SEED)


def with_line(note: str, *, text: str, seed: bytes, name: str) -> str:
    """The note with one more signature line, taken from a note of ``text``."""
    return note + sign(text, name=name, seed=seed).rpartition("\n\n")[2]


def test_a_signed_text_comes_back() -> None:
    assert check(NOTE, vkeys=[KEY]) == TEXT


def test_a_verifier_key_is_read_as_it_was_written() -> None:
    assert VerifierKey.decode(KEY.encode()) == KEY


def test_a_signature_of_an_unknown_key_is_passed_over() -> None:
    note = with_line(NOTE, text="another text\n", seed=bytes(32), name=OTHER.name)
    assert check(note, vkeys=[KEY]) == TEXT


def test_a_wrong_signature_of_a_known_key_refuses_the_whole_note() -> None:
    note = with_line(NOTE, text="another text\n", seed=bytes(32), name=OTHER.name)
    with pytest.raises(ProofError, match=r"witness\.example"):
        check(note, vkeys=[KEY, OTHER])


def test_a_note_that_no_known_key_signed_is_refused() -> None:
    with pytest.raises(ProofError, match="no known key"):
        check(NOTE, vkeys=[OTHER])


def test_a_key_of_the_same_name_but_another_seed_did_not_sign() -> None:
    with pytest.raises(ProofError):
        check(NOTE, vkeys=[verifier_key(name=KEY.name, seed=bytes(32))])


@pytest.mark.parametrize(
    "note",
    [
        "",
        "\n",
        "text\n",
        "text\n\n",
        NOTE[:-1],
        NOTE + "\n",
        NOTE.replace("— ", "- "),
        NOTE.replace("— ", "—"),
        NOTE.replace("first", "fi\trst"),
        NOTE.replace("log ", "log  "),
        NOTE[:-4] + "\n",
        NOTE + "— name AAAA\n",
        NOTE + "— na+me AAAAAAAA\n",
        NOTE.replace("\n", "\r\n"),
        "x" * 1_000_001,
    ],
)
def test_what_is_not_a_note_is_refused(note: str) -> None:
    with pytest.raises(ProofError, match="not a signed note"):
        check(note, vkeys=[KEY])


@pytest.mark.parametrize("name", ["", "a b", "a+b", "a\nb", "a\u00a0b", "a\u3000b", "a\x00"])
def test_a_name_that_a_line_cannot_hold_is_refused(name: str) -> None:
    with pytest.raises(MalformedError):
        sign(TEXT, name=name, seed=SEED)


@pytest.mark.parametrize("text", ["", "no newline", "tab\t\n", "\ud800\n"])
def test_a_text_that_a_note_cannot_hold_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        sign(text, name=KEY.name, seed=SEED)


def test_a_seed_of_another_length_is_refused() -> None:
    with pytest.raises(InputError):
        sign(TEXT, name=KEY.name, seed=SEED[:31])


@pytest.mark.parametrize(
    "line",
    [
        "",
        "name",
        "name+00000000",
        KEY.encode().replace(KEY.key_id.hex(), "00000000"),
        KEY.encode().replace(KEY.key_id.hex(), KEY.key_id.hex().upper()),
        KEY.encode()[:-4],
        f"n+{KEY.key_id.hex()}+{to_base64(bytes([4]) + KEY.public_key)}",
    ],
)
def test_what_is_not_an_ed25519_verifier_key_is_refused(line: str) -> None:
    with pytest.raises(MalformedError):
        VerifierKey.decode(line)


@pytest.mark.parametrize("text", ["AB==", "AAA", "AA=A", "AA==\n", "A-_A", "é==="])
def test_base64_in_another_spelling_is_refused(text: str) -> None:
    with pytest.raises(MalformedError):
        from_base64(text)
