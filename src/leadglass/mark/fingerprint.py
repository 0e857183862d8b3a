"""``leadglass/fingerprint@v1``: which of a million films is this?

A film's row holds some 280 local features, each as the number of a list, a product code and a place: 14 bytes. Rows are
complete in themselves, so that they can be sealed film by film and vanish with it; an ``Index`` is filled from the rows at
hand without encoding anything again.

A picture's features vote for films. Votes that agree in turn and scale add up (Jegou, Douze and Schmid, ECCV 2008), for each
of the four views. The films with the most votes are matched feature by feature, and ranked by how many features agree in
place. That only ranks: whether a picture shows a film is decided with the original at hand (``register``).

A row, little-endian: version (u8), number of features n (u16), n lists (u16), n codes of 8 bytes, n places (u32). A place
has x and y in 1024ths of the longer side (10 bits each), the diameter in sixths of an octave above 2^-9 of the longer side,
and the direction in 64ths of a turn (6 bits each).
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final

import faiss
import numpy as np
from numpy.typing import NDArray

from leadglass.errors import MalformedError
from leadglass.mark.agree import Placed, agreeing
from leadglass.mark.codes import CODE, DIRECTIONS, LISTS, Bytes, Floats, Lists, codebook
from leadglass.mark.descriptors import Features, Picture, View, describe
from leadglass.mark.found import Candidate, Samples

FORMAT = "leadglass/fingerprint@v1"
FILM_SIDE: Final = 640
FILM_FEATURES: Final = 285
FILM_LARGE: Final = 25
"""Large features of a film at most; they are what is left of it in a thumbnail."""
_VIEWS: Final = ((View.PLAIN,), (View.MIRRORED, View.INVERTED, View.BOTH))
_ROUNDS: Final = ((640, 1000, _VIEWS), (1280, 1400, _VIEWS[:1]))
"""Longer side, number of features and views, until one film is clearly ahead; the second round finds a film that is a small
part of a large picture."""
_FINER = 0.6
"""Share of a round's longer side that a picture must have; below it there is nothing finer to see."""
_ENOUGH, _AHEAD, _CLEARLY = 12, 30.0, 1.6
"""A film is clearly ahead with so many features in place, so much merit, and so many times the merit of the next one ..."""
_BEYOND = 8.0
"""... or with votes that no other film comes near; the next one may be in the picture as well."""

_VERSION = 1
_HEAD = struct.Struct("<BH")
_PROBES, _NEAREST = 16, 40
_SHORT_LIST = 60
_TURNS, _OCTAVES = 16, 12
_FINEST, _STEPS = -9.0, 6.0
_STRANGER = 0.15
"""Squared distance at which the nearest features of some thousand strangers' films begin."""
_VOTE = 8.0
"""Features in place that one vote is worth."""

Outline = NDArray[np.float64]
Places = NDArray[np.uint32]


def fingerprint(film: Samples) -> bytes:
    """The row of a film, given as ``spread.reduced``; at most 4,000 bytes."""
    features = describe(film, side=FILM_SIDE, most=FILM_FEATURES, large=FILM_LARGE)
    book = codebook()
    lists, codes = book.encode(book.project(features.descriptors))
    order = np.argsort(lists, kind="stable")
    head = _HEAD.pack(_VERSION, len(features))
    places = _packed(features)[order].astype("<u4")
    return b"".join([head, lists[order].astype("<u2").tobytes(), codes[order].tobytes(), places.tobytes()])


def _packed(features: Features) -> Places:
    x, y = (np.clip(np.round(v * 1023), 0, 1023).astype(np.uint32) for v in (features.x, features.y))
    size = np.clip(np.round((np.log2(np.maximum(features.size, 1e-6)) - _FINEST) * _STEPS), 0, 63).astype(np.uint32)
    angle = np.round(features.angle * (64 / (2 * np.pi))).astype(np.int64) % 64
    packed: Places = x << np.uint32(22) | y << np.uint32(12) | size << np.uint32(6) | angle.astype(np.uint32)
    return packed


def _placed(places: Places) -> Placed:
    fields = [(places >> np.uint32(shift)) & np.uint32(mask) for shift, mask in ((22, 1023), (12, 1023), (6, 63), (0, 63))]
    x, y, size, angle = (np.asarray(field, np.float32) for field in fields)
    end = np.float32(1023)
    octave, radians = size / np.float32(_STEPS) + np.float32(_FINEST), angle * np.float32(2 * np.pi / 64)
    return Placed(x / end, y / end, octave, radians)


def _unpacked(row: bytes) -> tuple[Lists, Bytes, Places]:
    if len(row) < _HEAD.size:
        raise MalformedError(f"a fingerprint of {len(row)} bytes")
    version, count = _HEAD.unpack_from(row)
    if version != _VERSION:
        raise MalformedError(f"a fingerprint of version {version}, not {_VERSION}", hint="Make the fingerprints again.")
    if len(row) != _HEAD.size + count * (2 + CODE + 4):
        raise MalformedError(f"a fingerprint of {count} features in {len(row)} bytes")
    lists = np.frombuffer(row, "<u2", count, _HEAD.size)
    if count and int(lists.max()) >= LISTS:
        raise MalformedError(f"a fingerprint with list {int(lists.max())} of {LISTS}")
    codes = np.frombuffer(row, np.uint8, count * CODE, _HEAD.size + 2 * count).reshape(count, CODE)
    return lists, codes, np.frombuffer(row, "<u4", count, _HEAD.size + (2 + CODE) * count)


@dataclass(frozen=True, eq=False)
class _Seen:
    """A picture's features in one view: where they are, and what they look like, of shape (features, 64)."""

    view: View
    placed: Placed
    vectors: Floats


class Index:
    """The fingerprints of films, in memory."""

    def __init__(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """Load rows, each with the number that candidates carry.

        Raises:
            MalformedError: a row is not a fingerprint of this version.
        """
        # Bytes one after the other: of a million rows nothing is in memory twice.
        films, counts, lists, codes, places = list[int](), list[int](), bytearray(), bytearray(), bytearray()
        for film, row in rows:
            of_lists, of_codes, of_places = _unpacked(row)
            films.append(film)
            counts.append(len(of_lists))
            lists += of_lists.tobytes()
            codes += of_codes.tobytes()
            places += of_places.tobytes()
        self._films = np.array(films, np.int64)
        self._starts = np.concatenate([[0], np.cumsum(np.array(counts, np.int64))])
        self._lists: Lists = np.frombuffer(lists, "<u2")
        self._codes: Bytes = np.frombuffer(codes, np.uint8).reshape(-1, CODE)
        self._places: Places = np.frombuffer(places, "<u4")
        self._lists_of_codes = _inverted(self._lists, self._codes)

    def __len__(self) -> int:
        return len(self._films)

    def find(self, picture: Picture, *, without: Sequence[Outline] = (), most: int = 12) -> tuple[Candidate, ...]:
        """The films that a grey picture may show, best first.

        ``without`` are outlines of shape (corners, 2), x before y in pixels of the picture, of what was explained already:
        of several films in one picture the next is found when the last one's outline is given.

        Raises:
            ValueError: the picture is not a grey one of 8 or 16 bits.
        """
        best: dict[int, Candidate] = {}
        for side, count, views in _ROUNDS if len(self._lists) else ():
            if side > _ROUNDS[0][0] and max(picture.shape) < _FINER * side:
                break
            features = _outside(describe(picture, side=side, most=count), max(picture.shape), without)
            for some in views if len(features) else ():
                self._look(features, some, best)
                if _clear(best.values()):
                    return _ranked(best.values())[:most]
        return _ranked(best.values())[:most]

    def _look(self, features: Features, views: Sequence[View], best: dict[int, Candidate]) -> None:
        """Add to ``best`` what is found in some views."""
        seen = [_see(features, view) for view in views]
        polls = [self._votes(each) for each in seen]
        votes = np.concatenate([v for _, v in polls])
        owners = np.concatenate([o for o, _ in polls])
        which = np.repeat(np.arange(len(views)), [len(v) for _, v in polls])
        for place in np.argsort(-votes, kind="stable")[:_SHORT_LIST]:
            film = int(self._films[owners[place]])
            candidate = Candidate(film, float(votes[place]), self._agreeing(seen[which[place]], int(owners[place])))
            if film not in best or _merit(candidate) > _merit(best[film]):
                best[film] = candidate

    def _votes(self, seen: _Seen) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Films that any feature voted for, and their votes."""
        distances, entries = self._lists_of_codes.search(seen.vectors, _NEAREST)
        # Of few films the last of the nearest is no stranger that happens to be alike, but anything at all, or nothing.
        strange = np.clip(distances[:, -1:], 1e-9, _STRANGER)
        weight = 1 - np.minimum(distances, strange) / strange
        feature, rank = np.nonzero((entries >= 0) & (weight > 0))
        entry, share = entries[feature, rank], weight[feature, rank]
        owner = np.searchsorted(self._starts, entry, side="right") - 1
        kept = _once(entry, share)
        kept = kept[_once(feature[kept] * len(self) + owner[kept], share[kept])]
        return _tally(owner[kept], share[kept], seen.placed.only(feature[kept]), _placed(self._places[entry[kept]]))

    def _agreeing(self, seen: _Seen, owner: int) -> int:
        span = slice(self._starts[owner], self._starts[owner + 1])
        vectors = codebook().decode(self._lists[span], self._codes[span])
        return agreeing(seen.placed, seen.vectors, _placed(self._places[span]), vectors)


def _merit(candidate: Candidate) -> float:
    """Features in place, and votes: of a small crop few features are left, and votes tell more than three of them."""
    return candidate.inliers + _VOTE * candidate.votes


def _ranked(candidates: Iterable[Candidate]) -> tuple[Candidate, ...]:
    return tuple(sorted(candidates, key=lambda c: (-_merit(c), c.film)))


def _clear(candidates: Iterable[Candidate]) -> bool:
    """Whether one film is so far ahead that it need not be looked for in another view."""
    best, second, *_ = *sorted(candidates, key=_merit, reverse=True), None, None
    if best is None or best.inliers < _ENOUGH:
        return False
    next_merit = _merit(second) if second else 0.0
    return best.votes >= _BEYOND or _merit(best) >= max(_AHEAD, _CLEARLY * next_merit)


def _outside(features: Features, longer: int, without: Sequence[Outline]) -> Features:
    """The features that lie in none of some outlines, given in pixels."""
    for outline in without:
        features = features.only(~_inside(features.x * longer, features.y * longer, outline))
    return features


def _see(features: Features, view: View) -> _Seen:
    seen = features.seen(view)
    placed = Placed(seen.x, seen.y, np.log2(np.maximum(seen.size, 1e-6)), seen.angle)
    return _Seen(view, placed, np.ascontiguousarray(codebook().project(seen.descriptors)))


def _inverted(lists: Lists, codes: Bytes) -> Any:
    """The codes by list, as they are; faiss has no types."""
    book = codebook()
    coarse = faiss.IndexFlatL2(DIRECTIONS)
    coarse.add(book.centroids)
    index: Any = faiss.IndexIVFPQ(coarse, DIRECTIONS, LISTS, CODE, 8)
    faiss.copy_array_to_vector(np.ascontiguousarray(book.words).ravel(), index.pq.centroids)
    index.is_trained = True
    index.use_precomputed_table = 1
    index.precompute_table()
    index.nprobe = _PROBES
    order = np.argsort(lists, kind="stable")
    ends = np.cumsum(np.bincount(lists, minlength=LISTS))
    for number, last in enumerate(ends):
        entries = order[ends[number - 1] if number else 0 : last]
        if len(entries):
            index.invlists.add_entries(number, len(entries), faiss.swig_ptr(entries), faiss.swig_ptr(codes[entries]))
    index.ntotal = len(lists)
    return index


def _once(keys: NDArray[np.int64], weights: Floats) -> NDArray[np.intp]:
    """For every key the place of its largest weight: lines of letters and grids, all alike, vote once and not each."""
    order = np.lexsort((-weights, keys))
    return order[np.unique(keys[order], return_index=True)[1]]


def _tally(
    owners: NDArray[np.int64], weights: Floats, found: Placed, stored: Placed
) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """Owners, each with the most votes that agree in turn and scale; a vote falls into the two nearest bins of either."""
    turn = (stored.angle - found.angle) * np.float32(_TURNS / (2 * np.pi))
    octave = np.clip((stored.octave - found.octave) * np.float32(1.5) + np.float32(_OCTAVES / 2), 0, _OCTAVES - 2)
    low_turn, low_octave = np.floor(turn), np.floor(octave)
    keys, shares = [], []
    for a in (0, 1):
        for b in (0, 1):
            share = np.abs(1 - a - (turn - low_turn)) * np.abs(1 - b - (octave - low_octave))
            bins = (low_turn.astype(np.int64) + a) % _TURNS * _OCTAVES + low_octave.astype(np.int64) + b
            keys.append(owners * (_TURNS * _OCTAVES) + bins)
            shares.append(weights * share)
    places, inverse = np.unique(np.concatenate(keys), return_inverse=True)
    sums = np.bincount(inverse, weights=np.concatenate(shares), minlength=len(places))
    who = np.asarray(places // (_TURNS * _OCTAVES), np.int64)
    found_owners, starts = np.unique(who, return_index=True)
    most = np.maximum.reduceat(sums, starts) if len(starts) else sums
    return found_owners, np.asarray(most, np.float64)


def _inside(x: Floats, y: Floats, outline: Outline) -> NDArray[np.bool_]:
    """Which points lie in a polygon, by counting the edges that a ray to the right crosses."""
    inside = np.zeros(len(x), bool)
    for (ax, ay), (bx, by) in zip(outline, np.roll(outline, -1, axis=0), strict=True):
        if ay != by:
            inside ^= ((ay > y) != (by > y)) & (x < (bx - ax) * (y - ay) / (by - ay) + ax)
    return inside
