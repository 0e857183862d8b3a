"""Passphrases and signatures."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from leadglass.errors import InputError, MalformedError, ProofError, RefusedError
from leadglass.seal.person import check_signature, decoy, new_identity, public_key, sign, unlock

SEED, SALT, NONCE = bytes(range(32)), bytes(16), bytes(12)
IDENTITY = new_identity(passphrase="example é", seed=SEED, salt=SALT, nonce=NONCE)
SIGNATURE = sign(SEED, message=b"ticket 1", context="approval")


def test_the_passphrase_unlocks_the_seed() -> None:
    assert unlock(IDENTITY, passphrase="example é") == SEED


def test_the_public_key_is_the_one_of_the_seed() -> None:
    assert IDENTITY.public_key == public_key(SEED)


def test_another_passphrase_is_refused() -> None:
    with pytest.raises(RefusedError):
        unlock(IDENTITY, passphrase="example e")


def test_a_passphrase_typed_with_combining_accents_is_the_same() -> None:
    assert unlock(IDENTITY, passphrase="example e\u0301") == SEED


def test_an_unknown_name_is_refused_in_the_same_words() -> None:
    with pytest.raises(RefusedError) as known:
        unlock(IDENTITY, passphrase="wrong")
    with pytest.raises(RefusedError) as unknown:
        unlock(decoy(SALT), passphrase="wrong")
    assert known.value.message == unknown.value.message


def test_a_decoy_asks_for_the_same_work() -> None:
    fake = decoy(SALT)
    assert (fake.parameters, len(fake.sealed_key), len(fake.public_key)) == (IDENTITY.parameters, 60, 32)
    assert len(IDENTITY.sealed_key) == 60


@pytest.mark.parametrize("change", [{"public_key": bytes(32)}, {"salt": bytes(15) + b"1"}, {"sealed_key": b"short"}])
def test_a_changed_identity_is_refused(change: dict[str, Any]) -> None:
    with pytest.raises(RefusedError):
        unlock(replace(IDENTITY, **change), passphrase="example é")


@pytest.mark.parametrize("cost", ["m=1024 t=1 p=1", "m=019456 t=2 p=1"])
def test_an_identity_with_other_parameters_is_refused(cost: str) -> None:
    with pytest.raises(RefusedError):
        unlock(replace(IDENTITY, parameters=f"leadglass/identity@v1 argon2id {cost}"), passphrase="example é")


@pytest.mark.parametrize(
    "parameters",
    [
        "",
        "leadglass/identity@v2 argon2id m=19456 t=2 p=1",
        "leadglass/identity@v1 argon2i m=19456 t=2 p=1",
        "leadglass/identity@v1 argon2id m=9999999 t=2 p=1",
        "leadglass/identity@v1 argon2id m=19456 t=17 p=1",
        "leadglass/identity@v1 argon2id m=19456 t=0 p=1",
        "leadglass/identity@v1 argon2id m=19456 t=2 p=17",
        "leadglass/identity@v1 argon2id m=7 t=2 p=1",
        "leadglass/identity@v1 argon2id m=19456 t=2 p=1\n",
    ],
)
def test_parameters_that_are_unknown_or_beyond_reason_are_refused(parameters: str) -> None:
    with pytest.raises(MalformedError):
        unlock(replace(IDENTITY, parameters=parameters), passphrase="example é")


@pytest.mark.parametrize("arguments", [{"passphrase": ""}, {"seed": SEED[:31]}, {"salt": bytes(8)}, {"nonce": bytes(24)}])
def test_an_identity_is_not_made_of_less(arguments: dict[str, object]) -> None:
    with pytest.raises(InputError):
        new_identity(**{"passphrase": "p", "seed": SEED, "salt": SALT, "nonce": NONCE, **arguments})  # type: ignore[arg-type]  # one of them is wrong on purpose


def test_a_signature_is_checked_with_the_public_key_alone() -> None:
    check_signature(public_key(SEED), message=b"ticket 1", context="approval", signature=SIGNATURE)


@pytest.mark.parametrize(
    "change",
    [
        {"message": b"ticket 2"},
        {"context": "denial"},
        {"signature": SIGNATURE[:-1]},
        {"signature": bytes(64)},
        {"public_key": public_key(bytes(32))},
        {"public_key": b"short"},
    ],
)
def test_a_signature_over_something_else_is_refused(change: dict[str, object]) -> None:
    arguments = {"public_key": public_key(SEED), "message": b"ticket 1", "context": "approval", "signature": SIGNATURE}
    with pytest.raises(ProofError):
        check_signature(**{**arguments, **change})  # type: ignore[arg-type]  # one of them is wrong on purpose


def test_a_context_and_a_message_do_not_run_into_each_other() -> None:
    signature = sign(SEED, message=b"bc", context="a")
    with pytest.raises(ProofError):
        check_signature(public_key(SEED), message=b"c", context="ab", signature=signature)
