"""The laws of the log."""

from __future__ import annotations

from dataclasses import replace
from hashlib import sha256

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from leadglass.errors import MalformedError, ProofError
from leadglass.ledger.checkpoint import Checkpoint
from leadglass.ledger.note import check, sign, verifier_key
from leadglass.ledger.proof import (
    Receipt,
    check_consistency,
    check_inclusion,
    check_receipt,
    prove_consistency,
    prove_inclusion,
)
from leadglass.ledger.tile import Edge, decode_bundle, encode_bundle, grow, prove_from_tiles, read_edge
from leadglass.ledger.tree import Frontier, leaf_hash, root

LEAVES = [leaf_hash(b"leaf-%d" % n) for n in range(1000)]
ENTRIES = [b"leaf-%d" % n for n in range(1000)]
SEED = bytes(range(32))
ORIGIN = "hospital.example/log"
KEY = verifier_key(name=ORIGIN, seed=SEED)

law = settings(deadline=None, max_examples=60)
sizes = st.integers(1, 200)


def recursive_root(leaves: list[bytes]) -> bytes:
    """MTH as RFC 6962 section 2.1 writes it, for comparison."""
    if len(leaves) == 1:
        return leaves[0]
    half = 1
    while half * 2 < len(leaves):
        half *= 2
    return sha256(b"\x01" + recursive_root(leaves[:half]) + recursive_root(leaves[half:])).digest()


def receipt(size: int, index: int, *, origin: str = ORIGIN, seed: bytes = SEED) -> Receipt:
    note = sign(Checkpoint(origin, size, root(LEAVES[:size])).encode(), name=origin, seed=seed)
    return Receipt(ENTRIES[index], index, prove_inclusion(LEAVES[:size], index), note)


def flipped(hashes: tuple[bytes, ...], bit: int) -> tuple[bytes, ...]:
    at, bit = divmod(bit, 256)
    changed = (int.from_bytes(hashes[at], "big") ^ 1 << bit).to_bytes(32, "big")
    return (*hashes[:at], changed, *hashes[at + 1 :])


@law
@given(sizes)
def test_the_root_is_the_one_of_the_rfc(size: int) -> None:
    assert root(LEAVES[:size]) == recursive_root(LEAVES[:size])


@law
@given(st.lists(st.integers(0, 70), max_size=6))
def test_a_frontier_extended_in_any_steps_has_the_root_of_all_leaves(steps: list[int]) -> None:
    frontier, at = Frontier(), 0
    for step in steps:
        frontier = Frontier.decode(frontier.extend(LEAVES[at : at + step]).encode())
        at += step
    assert frontier.root == root(LEAVES[:at])


@law
@given(sizes, st.data())
def test_every_entry_proves(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    proof = prove_inclusion(LEAVES[:size], index)
    check_inclusion(LEAVES[index], index=index, size=size, proof=proof, root=root(LEAVES[:size]))


@law
@given(sizes, st.data())
def test_no_entry_proves_at_another_place(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    other = data.draw(st.integers(0, size).filter(lambda at: at != index))
    proof = prove_inclusion(LEAVES[:size], index)
    with pytest.raises(ProofError):
        check_inclusion(LEAVES[index], index=other, size=size, proof=proof, root=root(LEAVES[:size]))


@law
@given(st.integers(2, 200), st.data())
def test_a_flipped_bit_in_an_inclusion_proof_is_noticed(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    honest = prove_inclusion(LEAVES[:size], index)
    proof = flipped(honest, data.draw(st.integers(0, 256 * len(honest) - 1)))
    with pytest.raises(ProofError):
        check_inclusion(LEAVES[index], index=index, size=size, proof=proof, root=root(LEAVES[:size]))


@law
@given(sizes, st.data())
def test_growth_is_consistent(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    check_consistency(
        old_size=old,
        new_size=size,
        old_root=root(LEAVES[:old]),
        new_root=root(LEAVES[:size]),
        proof=prove_consistency(LEAVES[:size], old),
    )


@law
@given(st.integers(2, 200), st.data())
def test_a_rewritten_log_is_not_consistent(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size))
    changed = data.draw(st.integers(0, old - 1))
    rewritten = [*LEAVES[:changed], leaf_hash(b"forged"), *LEAVES[changed + 1 : size]]
    with pytest.raises(ProofError):
        check_consistency(
            old_size=old,
            new_size=size,
            old_root=root(LEAVES[:old]),
            new_root=root(rewritten),
            proof=prove_consistency(rewritten, old),
        )


@law
@given(st.integers(2, 200), st.data())
def test_a_flipped_bit_in_a_consistency_proof_is_noticed(size: int, data: st.DataObject) -> None:
    old = data.draw(st.integers(1, size - 1))
    honest = prove_consistency(LEAVES[:size], old)
    proof = flipped(honest, data.draw(st.integers(0, 256 * len(honest) - 1)))
    with pytest.raises(ProofError):
        check_consistency(
            old_size=old,
            new_size=size,
            old_root=root(LEAVES[:old]),
            new_root=root(LEAVES[:size]),
            proof=proof,
        )


@law
@given(sizes, st.data())
def test_a_receipt_proves_its_entry_after_a_journey(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    arrived = Receipt.decode(receipt(size, index).encode())
    assert check_receipt(arrived, verifier_key=KEY).size == size


@law
@given(st.integers(2, 200), st.data())
def test_a_receipt_of_another_log_or_entry_is_refused(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    ours = receipt(size, index)
    forged = [
        receipt(size, index, origin="other.example"),
        receipt(size, index, seed=bytes(32)),
        replace(ours, entry=ENTRIES[index] + b" "),
        replace(ours, index=(index + 1) % size),
        replace(ours, checkpoint=receipt(size + 1, 0).checkpoint),
        replace(ours, proof=(*ours.proof, bytes(32))),
        replace(ours, proof=ours.proof[:-1]),
    ]
    for bad in forged:
        with pytest.raises(ProofError):
            check_receipt(bad, verifier_key=KEY)


def test_a_receipt_with_any_flipped_bit_is_refused() -> None:
    whole = receipt(5, 3).encode()
    for bit in range(8 * len(whole)):
        changed = bytearray(whole)
        changed[bit // 8] ^= 1 << bit % 8
        with pytest.raises((ProofError, MalformedError)):
            check_receipt(Receipt.decode(bytes(changed)), verifier_key=KEY)


@law
@given(st.binary(max_size=300))
def test_hostile_bytes_are_refused_as_receipts_frontiers_and_notes(data: bytes) -> None:
    with pytest.raises(MalformedError):
        Receipt.decode(data)
    with pytest.raises(MalformedError):
        Frontier.decode(data)
    with pytest.raises(ProofError):
        check(data.decode("latin-1"), vkeys=[KEY])


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, 400), min_size=1, max_size=5))
def test_tiles_grown_in_any_steps_are_the_tiles_of_the_whole(steps: list[int]) -> None:
    edge, files, at = Edge(), dict[str, bytes](), 0
    for step in steps:
        edge, tiles = grow(edge, ENTRIES[at : at + step])
        files |= {tile.path: tile.data for tile in tiles}
        at = min(at + step, len(ENTRIES))
    whole, tiles = grow(Edge(), ENTRIES[:at])
    assert edge == whole == read_edge(at, read=files.get)
    assert edge.frontier == Frontier().extend(LEAVES[:at])
    assert all(files[tile.path] == tile.data for tile in tiles)


@settings(deadline=None, max_examples=40)
@given(st.integers(1, 1000), st.data())
def test_a_proof_from_tiles_is_the_proof_from_leaves(size: int, data: st.DataObject) -> None:
    index = data.draw(st.integers(0, size - 1))
    files = {tile.path: tile.data for tile in grow(Edge(), ENTRIES[:size])[1]}
    assert prove_from_tiles(index, size=size, read=files.get) == prove_inclusion(LEAVES[:size], index)


@law
@given(st.lists(st.binary(max_size=40), max_size=10))
def test_a_bundle_gives_back_its_entries(entries: list[bytes]) -> None:
    assert decode_bundle(encode_bundle(entries), width=len(entries)) == tuple(entries)
