"""Tiles and bundles: paths, bytes, and what a damaged file does."""

from __future__ import annotations

import pytest

from leadglass.errors import InputError, MalformedError, UnavailableError
from leadglass.ledger.tile import (
    Edge,
    bundle_path,
    decode_bundle,
    encode_bundle,
    grow,
    prove_from_tiles,
    read_edge,
    tile_path,
)

ENTRIES = [b"%d" % n for n in range(600)]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (tile_path(0, 0), "tile/0/000"),
        (tile_path(1, 273, 17), "tile/1/273.p/17"),
        (tile_path(0, 1000), "tile/0/x001/000"),
        (bundle_path(1234067), "tile/entries/x001/x234/067"),
        (bundle_path(0, 1), "tile/entries/000.p/1"),
    ],
)
def test_a_path_is_spelt_in_groups_of_three_digits(path: str, expected: str) -> None:
    assert path == expected


def test_a_log_of_70000_entries_has_the_tiles_of_the_specification() -> None:
    edge, tiles = grow(Edge(), [b""] * 70_000)
    paths = [tile.path for tile in tiles]
    assert sum(path.startswith("tile/0/") for path in paths) == 274
    assert paths[-4:] == ["tile/0/273.p/112", "tile/1/000", "tile/1/001.p/17", "tile/2/000.p/1"]
    assert [len(tile) // 32 for tile in edge.hashes] == [112, 17, 1]


def test_only_files_that_grew_are_written() -> None:
    edge, _ = grow(Edge(), ENTRIES[:300])
    _, tiles = grow(edge, ENTRIES[300:301])
    assert [tile.path for tile in tiles] == ["tile/entries/001.p/45", "tile/0/001.p/45"]


def test_a_growth_of_nothing_writes_nothing() -> None:
    edge, _ = grow(Edge(), ENTRIES[:3])
    assert grow(edge, []) == (edge, ())


def test_an_entry_as_long_as_a_bundle_takes_is_kept() -> None:
    entry = bytes(65_535)
    assert decode_bundle(encode_bundle([entry]), width=1) == (entry,)


def test_a_longer_entry_is_refused() -> None:
    with pytest.raises(InputError):
        grow(Edge(), [bytes(65_536)])


@pytest.mark.parametrize(
    ("data", "width"), [(b"", 1), (b"\x00", 1), (b"\x00\x02a", 1), (b"\x00\x00\x00\x00", 1), (b"\x00\x00", 2)]
)
def test_a_bundle_that_holds_something_else_is_refused(data: bytes, width: int) -> None:
    with pytest.raises(MalformedError):
        decode_bundle(data, width=width)


def published() -> dict[str, bytes]:
    return {tile.path: tile.data for tile in grow(Edge(), ENTRIES)[1]}


def test_the_edge_is_read_back_from_the_files() -> None:
    assert read_edge(600, read=published().get) == grow(Edge(), ENTRIES)[0]


def test_a_missing_file_at_the_edge_is_named() -> None:
    files = published()
    del files["tile/1/000.p/2"]
    with pytest.raises(UnavailableError, match=r"tile/1/000\.p/2"):
        read_edge(600, read=files.get)


@pytest.mark.parametrize("path", ["tile/entries/002.p/88", "tile/0/002.p/88", "tile/1/000.p/2"])
def test_a_torn_file_at_the_edge_is_refused(path: str) -> None:
    files = published()
    files[path] = files[path][:-1]
    with pytest.raises(MalformedError):
        read_edge(600, read=files.get)


def test_a_bundle_that_is_not_the_one_of_its_tile_is_refused() -> None:
    files = published()
    files["tile/entries/002.p/88"] = files["tile/entries/002.p/88"].replace(b"599", b"598")
    with pytest.raises(MalformedError, match="does not hash"):
        read_edge(600, read=files.get)


def test_an_edge_that_does_not_fit_its_size_is_refused() -> None:
    with pytest.raises(MalformedError):
        Edge(size=2, hashes=(bytes(32),))


def test_a_full_tile_serves_for_a_partial_one_that_was_cleared_away() -> None:
    edge, before = grow(Edge(), ENTRIES[:200])
    files = {tile.path: tile.data for tile in before}
    proof = prove_from_tiles(7, size=200, read=files.get)
    later = {tile.path: tile.data for tile in grow(edge, ENTRIES[200:300])[1]}
    assert prove_from_tiles(7, size=200, read=later.get) == proof
