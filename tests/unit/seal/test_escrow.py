"""Shares of a root key: two of three bring it back, one tells nothing, and what is wrong is said."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from itertools import permutations

import pytest

from leadglass.errors import InputError
from leadglass.seal.escrow import RANDOMNESS_SIZE, Share, recover, split

SECRET = bytes(range(32))


def made(
    secret: bytes = SECRET, *, origin: str = "example.org/log", generation: int = 1, seed: str = "a"
) -> tuple[Share, ...]:
    randomness = hashlib.shake_256(seed.encode()).digest(RANDOMNESS_SIZE)
    return split(secret, origin=origin, generation=generation, randomness=randomness)


def test_any_two_in_any_order_bring_the_secret_back() -> None:
    for one, other in permutations(made(), 2):
        assert recover(one, other) == SECRET


@pytest.mark.parametrize("x", [1, 2, 3])
def test_one_share_leaves_every_secret_equally_possible(x: int) -> None:
    """Whatever the secret byte is, its share takes each of the 256 values for exactly one of the 256 random bytes."""
    randoms = [bytes(range(start, start + 32)) for start in range(0, 256, 32)]
    for secret in range(256):
        splits = (split(bytes([secret] * 32), origin="o", generation=1, randomness=bytes(4) + each) for each in randoms)
        assert sorted(b"".join(shares[x - 1].data for shares in splits)) == list(range(256))


def test_a_share_is_a_line_that_can_be_printed_and_typed() -> None:
    for share in made():
        line = share.encode()
        assert Share.decode(line) == share
        assert Share.decode(f"  {line.replace(' ', '   ')}\r\n") == share
        assert line.isascii()
        assert line.startswith("leadglass/share@v1 example.org/log 1 ")


def test_digits_may_be_typed_in_capitals() -> None:
    words = made()[0].encode().split()

    assert Share.decode(" ".join([*words[:3], *(word.upper() for word in words[3:])])) == made()[0]


def test_every_slip_of_one_digit_is_found() -> None:
    line = made()[1].encode()
    for at in range(line.index(" ") + 1, len(line)):
        if not line[at].isalnum():
            continue
        slipped = line[:at] + ("0" if line[at] != "0" else "1") + line[at + 1 :]
        with pytest.raises(InputError, match="mistyped"):
            Share.decode(slipped)


@pytest.mark.parametrize("line", ["", "leadglass/share@v2 a", "leadglass/share@v1", "something else", "\x00"])
def test_what_is_no_share_is_refused(line: str) -> None:
    with pytest.raises(InputError):
        Share.decode(line)


def test_shares_that_do_not_go_together_are_told_apart() -> None:
    one = made()[0]
    for other, said in (
        (made(origin="example.org/other")[1], "different sites"),
        (made(generation=2)[1], "root key 1.*root key 2"),
        (made(seed="b")[1], "different splittings"),
        (one, "twice"),
    ):
        with pytest.raises(InputError, match=said):
            recover(one, other)


def test_a_share_that_was_changed_on_purpose_gives_another_secret() -> None:
    one, other, _ = made()
    changed = replace(other, data=bytes([other.data[0] ^ 1]) + other.data[1:])

    assert recover(one, Share.decode(changed.encode())) != SECRET


@pytest.mark.parametrize(
    ("secret", "randomness", "origin"),
    [(b"short", bytes(36), "o"), (SECRET, bytes(35), "o"), (SECRET, bytes(36), "two words")],
)
def test_only_whole_secrets_of_a_named_site_are_split(secret: bytes, randomness: bytes, origin: str) -> None:
    with pytest.raises(InputError):
        split(secret, origin=origin, generation=1, randomness=randomness)
