"""Roots and frontiers."""

from __future__ import annotations

import pytest

from leadglass.errors import MalformedError
from leadglass.ledger.tree import EMPTY_ROOT, Frontier, leaf_hash, node_hash, root

LEAVES = [leaf_hash(b"%d" % n) for n in range(9)]


def test_the_root_of_one_leaf_is_its_hash() -> None:
    assert root(LEAVES[:1]) == LEAVES[0]


def test_the_left_half_is_the_largest_perfect_tree() -> None:
    left = node_hash(node_hash(LEAVES[0], LEAVES[1]), node_hash(LEAVES[2], LEAVES[3]))
    assert root(LEAVES[:5]) == node_hash(left, LEAVES[4])


def test_a_leaf_that_looks_like_a_node_has_another_hash() -> None:
    assert leaf_hash(LEAVES[0] + LEAVES[1]) != node_hash(LEAVES[0], LEAVES[1])


def test_the_empty_frontier_has_the_empty_root() -> None:
    assert Frontier().root == EMPTY_ROOT


def test_a_frontier_is_read_as_it_was_written() -> None:
    frontier = Frontier().extend(LEAVES)
    assert Frontier.decode(frontier.encode()) == frontier


@pytest.mark.parametrize("cut", [0, 5, 25, 29, 30, 61, 93])
def test_a_frontier_that_is_cut_is_refused(cut: int) -> None:
    whole = Frontier().extend(LEAVES).encode()
    with pytest.raises(MalformedError):
        Frontier.decode(whole[:cut])


def test_a_frontier_whose_size_does_not_fit_its_hashes_is_refused() -> None:
    whole = bytearray(Frontier().extend(LEAVES).encode())
    whole[29] ^= 2
    with pytest.raises(MalformedError):
        Frontier.decode(bytes(whole))


def test_a_frontier_of_another_version_is_refused() -> None:
    with pytest.raises(MalformedError):
        Frontier.decode(Frontier().extend(LEAVES).encode().replace(b"@v1", b"@v2"))
