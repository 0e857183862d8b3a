"""The log against public vectors: RFC 6962 and C2SP facts beside this file, larger sets from ``LEADGLASS_VECTORS``."""

from __future__ import annotations

import base64
import json
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from leadglass.errors import ProofError
from leadglass.ledger.checkpoint import check_checkpoint
from leadglass.ledger.note import VerifierKey, check
from leadglass.ledger.proof import check_consistency, check_inclusion, prove_consistency, prove_inclusion
from leadglass.ledger.tile import Edge, decode_bundle, grow
from leadglass.ledger.tree import EMPTY_ROOT, leaf_hash, node_hash, root

DATA = Path(__file__).parent / "data"


def load(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))


def unbase64(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def plain_leaves(size: int) -> list[bytes]:
    return [leaf_hash(b"leaf-%d" % n) for n in range(size)]


def test_rfc6962_leaf_and_node_hashes() -> None:
    facts = load(DATA / "rfc6962_hash.json")
    assert facts["empty_root"] == EMPTY_ROOT.hex()
    for leaf in facts["leaf"]:
        assert leaf_hash(bytes.fromhex(leaf["data_hex"])).hex() == leaf["hash"]
    for node in facts["node"]:
        assert node_hash(bytes.fromhex(node["left_hex"]), bytes.fromhex(node["right_hex"])).hex() == node["hash"]


def test_roots_of_many_sizes() -> None:
    roots = load(DATA / "roots_sha256.json")["roots"]
    leaves = plain_leaves(max(map(int, roots)))
    assert {size: root(leaves[: int(size)]).hex() for size in roots} == roots


def test_audit_paths() -> None:
    for case in load(DATA / "roots_sha256.json")["inclusion"]:
        proof = prove_inclusion(plain_leaves(case["size"]), case["index"])
        assert [digest.hex() for digest in proof] == case["path"]


def test_consistency_paths() -> None:
    for case in load(DATA / "roots_sha256.json")["consistency"]:
        proof = prove_consistency(plain_leaves(case["size2"]), case["size1"])
        assert [digest.hex() for digest in proof] == case["path"]


def test_tiles_of_a_thousand_entries() -> None:
    expected = load(DATA / "tile_digests_sha256.json")["tiles"]
    # The file prints tile indices plain: 1 where the path has 001.
    _, tiles = grow(Edge(), [b"leaf-%d" % n for n in range(1000)])
    found = {tile.path.replace("/00", "/"): sha256(tile.data).hexdigest() for tile in tiles if "entries" not in tile.path}
    assert found == expected


def test_the_signed_note_of_the_specification() -> None:
    for case in load(DATA / "signed_note.json")["tests"]:
        key = VerifierKey.decode(case["vkey"])
        assert key.encode() == case["vkey"]
        assert check(case["note"], vkeys=[key]) == "This is an example message.\n"


def test_public_inclusion_proofs(vectors_folder: Path) -> None:
    wrong = []
    for case in load(vectors_folder / "merkle/inclusion.json")["tests"]:
        proof = [unbase64(digest) for digest in case["proof"] or []]
        arguments = {"index": case["leafIdx"], "size": case["treeSize"], "proof": proof, "root": unbase64(case["root"])}
        try:
            check_inclusion(unbase64(case["leafHash"]), **arguments)
            refused = False
        except ProofError:
            refused = True
        if refused is not case["wantErr"]:
            wrong.append(case["id"])
    assert wrong == []


def test_public_consistency_proofs(vectors_folder: Path) -> None:
    wrong = []
    for case in load(vectors_folder / "merkle/consistency.json")["tests"]:
        try:
            check_consistency(
                old_size=case["size1"],
                new_size=case["size2"],
                old_root=unbase64(case["root1"]),
                new_root=unbase64(case["root2"]),
                proof=[unbase64(digest) for digest in case["proof"] or []],
            )
            refused = False
        except ProofError:
            refused = True
        if refused is not case["wantErr"]:
            wrong.append(case["id"])
    assert wrong == []


def test_a_checkpoint_with_cosignatures_of_other_kinds(vectors_folder: Path) -> None:
    case = load(vectors_folder / "notes/cosigned_checkpoint.json")
    checkpoint = check_checkpoint(case["checkpoint"], verifier_key=VerifierKey.decode(case["vkeys"]["log"]))
    assert (checkpoint.size, checkpoint.root) == (case["size"], unbase64(case["root_b64"]))


@pytest.mark.parametrize("size", range(16))
def test_a_log_that_tessera_wrote(vectors_folder: Path, size: int) -> None:
    log = vectors_folder / "tiles/tessera_log"
    facts = load(log / "KEY.json")
    entries = [leaf.encode() for leaf in facts["leaves"][:size]]
    note = (log / f"checkpoint.{size}").read_text(encoding="utf-8")
    edge, tiles = grow(Edge(), entries)
    checkpoint = check_checkpoint(note, verifier_key=VerifierKey.decode(facts["vkey"]))
    assert (checkpoint.size, checkpoint.root) == (size, edge.frontier.root)
    for tile in tiles:
        assert (log / tile.path).read_bytes() == tile.data


def test_the_entries_of_a_bundle_that_tessera_wrote(vectors_folder: Path) -> None:
    log = vectors_folder / "tiles/tessera_log"
    bundle = (log / "tile/entries/000.p/15").read_bytes()
    assert [entry.decode() for entry in decode_bundle(bundle, width=15)] == load(log / "KEY.json")["leaves"]
