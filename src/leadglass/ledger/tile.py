"""The log as static files: c2sp.org/tlog-tiles.

A tile is 256 consecutive hashes of one level, each hash of a level above the first being the root of a full tile below;
an entry bundle is the 256 entries under a tile of the lowest level. The last tile of a level may be partial. Every file
is a function of the entries alone and can be written again at any time.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from leadglass.errors import InputError, MalformedError, UnavailableError
from leadglass.ledger.proof import inclusion_spans
from leadglass.ledger.tree import HASH_SIZE, MAX_SIZE, Frontier, fold, leaf_hash, root
from leadglass.model.entry import MAX_ENTRY

WIDTH = 256
"""Hashes in a full tile, entries in a full bundle."""

Read = Callable[[str], bytes | None]
"""Gives the file at a path below the log's prefix, or None where there is none."""


@dataclass(frozen=True)
class Tile:
    """One file to write: a tile or an entry bundle, with its path below the log's prefix."""

    path: str
    data: bytes


@dataclass(frozen=True)
class Edge:
    """The partial files at the right edge of a log of ``size`` entries: what the next growth continues.

    ``bundle`` is the partial entry bundle, ``hashes`` the partial tile of each level from the lowest, empty where the
    level ends in a full tile. Levels above the highest are left out.

    Raises:
        MalformedError: the hashes do not fit the size.
    """

    size: int = 0
    bundle: bytes = b""
    hashes: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if not 0 <= self.size < MAX_SIZE or [len(tile) // HASH_SIZE for tile in self.hashes] != _widths(self.size):
            raise MalformedError("the tiles at the edge of the log do not fit its size")
        if any(len(tile) % HASH_SIZE for tile in self.hashes):
            raise MalformedError(f"a tile at the edge of the log is not a row of {HASH_SIZE}-byte hashes")

    @property
    def frontier(self) -> Frontier:
        """The same tree as a frontier, to compare its root with a checkpoint."""
        return Frontier(self.size, tuple(piece for tile in reversed(self.hashes) for piece in _perfect(_split(tile))))


def read_edge(size: int, *, read: Read) -> Edge:
    """The edge of a published log of ``size`` entries. What was read is not checked against a checkpoint yet.

    Raises:
        UnavailableError: a file of the edge is missing; the tiles can be made again from the entries.
        MalformedError: a file of the edge is damaged.
    """
    if not 0 <= size < MAX_SIZE:
        raise InputError("the size of the log is out of range")
    width = size % WIDTH
    bundle = _read(bundle_path(size // WIDTH, width), read) if width else b""
    leaves = b"".join(map(leaf_hash, decode_bundle(bundle, width=width)))
    hashes = tuple(
        _read_tile(level, (size >> 8 * level) // WIDTH, width, read) if width else b""
        for level, width in enumerate(_widths(size))
    )
    if leaves != b"".join(hashes[:1]):
        raise MalformedError("the last entry bundle does not hash to the last tile of the lowest level")
    return Edge(size, bundle, hashes)


def grow(edge: Edge, entries: Sequence[bytes]) -> tuple[Edge, tuple[Tile, ...]]:
    """The edge after ``entries`` are appended, and every file that is new or longer than before.

    Bundles come first, then tiles from the lowest level: a crash between two writes leaves no tile without what it
    hashes. A checkpoint is to be written after all of them.

    Raises:
        InputError: an entry is longer than 65,535 bytes.
    """
    if not entries:
        return edge, ()
    size = edge.size + len(entries)
    tiles = list(_grown_bundles(edge, entries))
    bundle = tiles[-1].data if size % WIDTH else b""
    partial: list[bytes] = []
    added = [leaf_hash(entry) for entry in entries]
    level = 0
    while added or level < len(edge.hashes):
        before = edge.hashes[level] if level < len(edge.hashes) else b""
        row = before + b"".join(added)
        first = (edge.size >> 8 * level) // WIDTH
        cut = [row[at : at + WIDTH * HASH_SIZE] for at in range(0, len(row), WIDTH * HASH_SIZE)]
        if added:
            tiles += [Tile(tile_path(level, first + n, len(data) // HASH_SIZE), data) for n, data in enumerate(cut)]
        full = [data for data in cut if len(data) == WIDTH * HASH_SIZE]
        partial.append(b"".join(cut[len(full) :]))
        added = [root(_split(data)) for data in full]
        level += 1
    return Edge(size, bundle, tuple(partial)), tuple(tiles)


def prove_from_tiles(index: int, *, size: int, read: Read) -> tuple[bytes, ...]:
    """The audit path of entry ``index`` in the tree of ``size`` entries, from a handful of tiles.

    ``size`` is one that a checkpoint was published for. Equal to ``proof.prove_inclusion`` over all leaf hashes.

    Raises:
        InputError: there is no such entry.
        UnavailableError: a tile is missing.
        MalformedError: a tile is damaged.
    """
    cache: dict[tuple[int, int], bytes] = {}

    def hashes(level: int, start: int, stop: int) -> list[bytes]:
        tile = (level, start // WIDTH)
        if tile not in cache:
            cache[tile] = _read_tile(level, start // WIDTH, min(WIDTH, (size >> 8 * level) - start // WIDTH * WIDTH), read)
        return _split(cache[tile])[start % WIDTH : (stop - 1) % WIDTH + 1]

    def span_root(start: int, stop: int) -> bytes:
        pieces: list[bytes] = []
        while start < stop:
            height = min((stop - start).bit_length() - 1, (start & -start).bit_length() - 1 if start else 63)
            level = height // 8
            pieces.append(root(hashes(level, start >> 8 * level, start + (1 << height) >> 8 * level)))
            start += 1 << height
        return fold(pieces)

    return tuple(span_root(start, stop) for start, stop in inclusion_spans(index, size=size))


def tile_path(level: int, index: int, width: int = WIDTH) -> str:
    """Where a tile stands: ``tile/<level>/<index>``, with ``.p/<width>`` when it is partial."""
    return f"tile/{level}/{_index(index)}{_width(width)}"


def bundle_path(index: int, width: int = WIDTH) -> str:
    """Where an entry bundle stands: ``tile/entries/<index>``, with ``.p/<width>`` when it is partial."""
    return f"tile/entries/{_index(index)}{_width(width)}"


def encode_bundle(entries: Sequence[bytes]) -> bytes:
    """The entries one after the other, each after its length in two big-endian bytes.

    Raises:
        InputError: an entry is longer than 65,535 bytes.
    """
    for entry in entries:
        if len(entry) > MAX_ENTRY:
            raise InputError(f"a log entry has at most {MAX_ENTRY} bytes, this one {len(entry)}")
    return b"".join(len(entry).to_bytes(2, "big") + entry for entry in entries)


def decode_bundle(data: bytes, *, width: int) -> tuple[bytes, ...]:
    """The ``width`` entries of a bundle.

    Raises:
        MalformedError: the bytes hold fewer or more, or end within one.
    """
    entries: list[bytes] = []
    at = 0
    while at < len(data) and len(entries) < width:
        stop = at + 2 + int.from_bytes(data[at : at + 2], "big")
        if at + 2 > len(data) or stop > len(data):
            raise MalformedError(f"the entry bundle ends within the entry at offset {at}")
        entries.append(data[at + 2 : stop])
        at = stop
    if at != len(data) or len(entries) != width:
        raise MalformedError(f"the entry bundle does not hold {width} entries: {len(entries)} of them end at offset {at}")
    return tuple(entries)


def _grown_bundles(edge: Edge, entries: Sequence[bytes]) -> Iterator[Tile]:
    index, kept = divmod(edge.size, WIDTH)
    room, data = WIDTH - kept, edge.bundle
    for start in range(room - WIDTH, len(entries), WIDTH):
        part = entries[max(start, 0) : start + WIDTH]
        yield Tile(bundle_path(index, min(WIDTH, len(entries) - start)), data + encode_bundle(part))
        index, data = index + 1, b""


def _read_tile(level: int, index: int, width: int, read: Read) -> bytes:
    """The first ``width`` hashes of a tile; the full tile serves where the partial one was cleared away."""
    data = read(tile_path(level, index, width))
    if data is None and width < WIDTH:
        full = read(tile_path(level, index))
        data = None if full is None else full[: width * HASH_SIZE]
    if data is None:
        raise UnavailableError(f"{tile_path(level, index, width)} is missing", hint="write the tiles again from the entries")
    if len(data) != width * HASH_SIZE:
        raise MalformedError(f"{tile_path(level, index, width)} has {len(data)} bytes, not {width * HASH_SIZE}")
    return data


def _read(path: str, read: Read) -> bytes:
    data = read(path)
    if data is None:
        raise UnavailableError(f"{path} is missing", hint="write the tiles again from the entries")
    return data


def _widths(size: int) -> list[int]:
    """How many hashes the partial tile of each level has in a log of ``size`` entries, from the lowest level."""
    widths = []
    while size:
        widths.append(size % WIDTH)
        size //= WIDTH
    return widths


def _perfect(hashes: Sequence[bytes]) -> Iterator[bytes]:
    """The roots of the perfect subtrees that a partial tile consists of, the largest first."""
    at = 0
    for bit in (1 << n for n in reversed(range(8))):
        if len(hashes) & bit:
            yield root(hashes[at : at + bit])
            at += bit


def _split(data: bytes) -> list[bytes]:
    return [data[at : at + HASH_SIZE] for at in range(0, len(data), HASH_SIZE)]


def _index(index: int) -> str:
    """Groups of three digits, all but the last with an ``x`` before: no path is both a file and a folder."""
    groups = [f"{index % 1000:03d}"]
    while index := index // 1000:
        groups.append(f"x{index % 1000:03d}")
    return "/".join(reversed(groups))


def _width(width: int) -> str:
    return "" if width == WIDTH else f".p/{width}"
