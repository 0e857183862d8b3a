"""A picture was found outside: which film it shows, and whose copy it is.

What is done with a stranger's file is done in two processes without keys: one reads it, the other finds and aligns. Films,
views and ways of aligning are chosen there; then, and not before, the chips of every recorded release are tried, and every
trial is counted.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from leadglass.dicom.source import Source, chunks
from leadglass.errors import ShreddedError, UnavailableError
from leadglass.flows import vault
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.evidence import Exhibit, NamedRelease, pages
from leadglass.flows.indexing import Indexed, findable, original_of
from leadglass.flows.marks import mark_key
from leadglass.flows.outlines import shaped
from leadglass.flows.prove import receipt
from leadglass.flows.record import allow, new_id, record
from leadglass.flows.session import Session
from leadglass.flows.vault import sha256_of
from leadglass.ledger.checkpoint import Checkpoint
from leadglass.mark.accuse import Accusation, Verdict, accuse, correlate
from leadglass.mark.chips import chips
from leadglass.mark.found import Alignment, Box, Grey, Original, Page, Samples
from leadglass.mark.places import CANDIDATES, SURELY, places
from leadglass.model.access import CoverShape, Duty, Strength
from leadglass.model.ids import InstanceId
from leadglass.model.instance import StoredInstance
from leadglass.model.region import Mask, Partition
from leadglass.model.release import Release
from leadglass.ports import Aligner, PictureReader
from leadglass.site import Site

INNOCENTS = 1000
"""Keys of nobody that the evidence shows beside the releases."""

_CHANGED = 128
"""Of a difference of 255: from here on a place counts as altered."""
_NEAR = 0.02
"""Of the film's longer side: so near to a cover nothing is taken for altered."""
_CELLS, _MOST_BOXES = 160, 32
_NOTHING = np.uint8(128)
_SHOWN_SIDE = 1200
_KEPT_ORIGINALS = 8


@dataclass(eq=False)
class Search:
    """The films of a site, ready to be found: made once for all pictures of a run."""

    reader: PictureReader
    aligner: Aligner
    films: tuple[InstanceId, ...]
    indexed: Indexed
    known: dict[int, _Film] = field(default_factory=dict)


@dataclass(frozen=True)
class Named:
    """A release that is in the picture."""

    release: Release
    z: float
    false_accusation: float


@dataclass(frozen=True)
class Traced:
    """What was found out about one film in one picture; of a picture without any, one with the verdict ``unknown``.

    ``z`` and ``false_accusation`` are those of the strongest release, named or not; of ``named``, strongest first, each has
    its own. ``altered`` are places, in pixels of the picture, that show something else than the original, without those that
    the named release covered itself. ``case`` names the folder of the evidence.
    """

    page: int
    pages: int
    verdict: Verdict
    instance: InstanceId | None
    named: tuple[Named, ...]
    z: float | None
    false_accusation: float | None
    releases_tried: int
    altered: tuple[Box, ...]
    case: str


def prepare(
    site: Site, session: Session, *, progress: Callable[[Sequence[InstanceId]], Iterable[InstanceId]] = tuple
) -> Search:
    """Make every film of the site ready to be found; ``progress`` is given those that have no fingerprint yet.

    Raises:
        RefusedError: the session may not trace; on record.
        UnavailableError: nothing is installed that looks at pictures.
    """
    allow(site, session.actor, Duty.TRACE)
    if site.reader is None or site.aligner is None:
        raise UnavailableError("nothing is installed that traces pictures", hint="pip install 'leadglass[trace]'")
    indexed, rows = findable(site, site.aligner, progress=progress)
    site.aligner.load((number, row) for number, (_, row) in enumerate(rows))
    return Search(site.reader, site.aligner, tuple(instance for instance, _ in rows), indexed)


def trace(site: Site, session: Session, search: Search, source: Source, *, name: str) -> tuple[Traced, ...]:
    """Trace every film in every picture of a found file; the evidence of each becomes a case, and is on record.

    Raises:
        RefusedError: the session may not trace; on record.
        InputError: the file is no picture that can be read, or too large a one; nothing is on record.
        UnavailableError: a process or a store does not answer.
        VerificationError: what is stored was damaged.
    """
    allow(site, session.actor, Duty.TRACE)
    sha256 = sha256_of(chunks(source))
    found = [(page, _places_in(site, search, page)) for page in search.reader.read(source, name=name)]
    # From here on keys are looked at: whatever will be tried is fixed and counted.
    tried = [trial for _, parts in found for trials in parts for trial in trials]
    facts = _Facts(
        name=name,
        sha256=sha256,
        films=len(search.films),
        films_tried=len(tried),
        hypotheses=sum(len(trial.alignment.coefficients) for trial in tried),
        tests=sum(trial.tests for trial in tried),
    )
    made = []
    for page, parts in found:
        cases = [case for trials in parts for case in _judged(site, trials, tests=facts.tests)]
        made += [_kept(site, session, facts, page, case) for case in cases or (None,)]
    return tuple(made)


@dataclass(frozen=True)
class _Facts:
    """What is true of all that one file shows: name and digest, the films searched, and what was tried, over all pages."""

    name: str
    sha256: str
    films: int
    films_tried: int
    hypotheses: int
    tests: int


@dataclass(frozen=True, eq=False)
class _Film:
    """A film of the site that may be in a picture; ``parts`` are its regions as copies of each shape have them."""

    instance: StoredInstance
    original: Original
    parts: Mapping[CoverShape, Partition]


@dataclass(frozen=True, eq=False)
class _Trial:
    """A film in a picture, and the marked releases of it that are about to be tried."""

    film: _Film
    alignment: Alignment
    releases: tuple[Release, ...]

    @property
    def tests(self) -> int:
        return len(self.releases) * len(self.alignment.coefficients)

    def altered(self, named: Sequence[Release]) -> tuple[Box, ...]:
        """The altered places; what the named releases covered is our own doing."""
        aligned = self.alignment
        covers = [self.film.parts[release.shape].mask(release.covered) for release in named if release.covered]
        if not covers:
            return aligned.altered
        # Next to a cover its edge blurs into what is shown.
        cover = _grown(_nearest(np.logical_or.reduce(covers), aligned.difference.shape))
        size = (self.film.original.rows, self.film.original.columns)
        return _boxes(np.where(cover, np.uint8(0), aligned.difference), aligned.homography, size)

    def disclosed(self, named: Sequence[Release]) -> Alignment:
        """The alignment with no more of the original in it than somebody outside holds already.

        Whoever traces need not be somebody who may see the film. Of the original stays what the named releases show; where
        nobody is named, what every release shows that was tried. Elsewhere a place counts as altered or not, no more.
        """
        aligned = self.alignment
        shown = [self.film.parts[release.shape].mask(release.shown) for release in named or self.releases]
        joined = np.logical_or.reduce if named else np.logical_and.reduce
        nothing = np.zeros((self.film.original.rows, self.film.original.columns), np.bool_)
        visible = _nearest(joined(shown) if shown else nothing, aligned.expected.shape)
        changed = np.where(aligned.difference >= _CHANGED, np.uint8(255), np.uint8(0))
        return replace(
            aligned,
            expected=np.where(visible, aligned.expected, _NOTHING),
            difference=np.where(visible, aligned.difference, np.uint8(0) if named else changed),
        )


@dataclass(frozen=True, eq=False)
class _Case:
    """What the trial of one film gave."""

    trial: _Trial
    accusation: Accusation
    innocents: NDArray[np.float64]

    @property
    def named(self) -> tuple[Named, ...]:
        return tuple(
            Named(self.trial.releases[at], self.accusation.scores[at].z, self.accusation.scores[at].false_accusation)
            for at in self.accusation.named
        )


def _places_in(site: Site, search: Search, page: Page) -> list[tuple[_Trial, ...]]:
    """What each part of a picture may show, with the releases that may tell."""

    def align(picture: Grey | Samples, film: int) -> Alignment | None:
        return search.aligner.align(picture, _known(site, search, film).original)

    found = places(
        page.picture,
        find=lambda picture, known: search.aligner.find(picture, without=known, most=CANDIDATES),
        align=align,
    )
    return [tuple(_trial(site, _known(site, search, placed.film), placed.alignment) for placed in part) for part in found]


def _trial(site: Site, film: _Film, alignment: Alignment) -> _Trial:
    with site.database.begin() as transaction:
        found = transaction.releases.find(instance=film.instance.id)
    return _Trial(film, alignment, tuple(release for release in found if release.mark is not Strength.OFF))


def _known(site: Site, search: Search, film: int) -> _Film:
    """The film of that number in the index; of some the originals are kept for a while."""
    if film not in search.known:
        while len(search.known) >= _KEPT_ORIGINALS:
            del search.known[next(iter(search.known))]
        with site.database.begin() as transaction:
            instance = vault.find(transaction, search.films[film])
        original, opened = original_of(site, instance)
        parts = {shape: shaped(site, instance, opened, shape)[0].partition for shape in CoverShape}
        search.known[film] = _Film(instance, original, parts)
    return search.known[film]


def _judged(site: Site, trials: Sequence[_Trial], *, tests: int) -> list[_Case]:
    """Of films that one part of a picture may show, those with a release that is named; else the one that fits best.

    It takes more to call a film ours than to try its releases, which accuses nobody.
    """
    cases = [_case(site, trial, tests=tests) for trial in trials]
    best = [case for case in cases[:1] if case.trial.alignment.inliers >= SURELY]
    return [case for case in cases if case.accusation.named] or best


def _case(site: Site, trial: _Trial, *, tests: int) -> _Case:
    original, coefficients = trial.film.original, trial.alignment.coefficients
    size = (original.rows, original.columns)
    keys = (mark_key(site, instance=release.instance, release=release.id) for release in trial.releases)
    scores = correlate(coefficients, (chips(key, *size) for key in keys))
    seed = site.entropy.bytes(32)
    nobodies = (hashlib.sha256(seed + number.to_bytes(4, "big")).digest() for number in range(INNOCENTS))
    strongest = int(scores.max(axis=0).argmax()) if scores.size else 0
    innocents = correlate(coefficients[strongest : strongest + 1], (chips(key, *size) for key in nobodies))
    return _Case(trial, accuse(scores, tests=tests), innocents[:, 0])


def _kept(site: Site, session: Session, facts: _Facts, page: Page, case: _Case | None) -> Traced:
    """Put the answer on record, and its evidence into a case."""
    case_id = new_id(site, "c")
    traced = _answer(case, page, case_id)
    # The case first: one that no entry names does no harm, an entry without its case would.
    for path, data in _files(site, session, facts, page, case, traced, checkpoint(site)).items():
        site.cases.write(f"{case_id}/{path}", data)
    try:
        with site.database.begin() as transaction:
            if traced.instance is not None:
                # A film that was shredded meanwhile has no case: whoever shredded it was told of all that there are.
                vault.find(transaction, traced.instance)
            record(
                site,
                transaction.log,
                "traced",
                actor=session.actor,
                subject=traced.instance,
                case=case_id,
                picture=facts.sha256,
                page=page.number,
                verdict=traced.verdict,
                releases=[named.release.id for named in traced.named],
                recipients=[named.release.recipient for named in traced.named],
                z=None if traced.z is None else f"{traced.z:.2f}",
                false_accusation=None if traced.false_accusation is None else f"{traced.false_accusation:.3g}",
                tests=facts.tests,
                altered=len(traced.altered),
            )
    except ShreddedError:
        site.cases.discard(case_id)
        raise
    return traced


def _answer(case: _Case | None, page: Page, case_id: str) -> Traced:
    if case is None:
        return Traced(page.number, page.of, Verdict.UNKNOWN, None, (), None, None, 0, (), case_id)
    best = case.accusation.best
    return Traced(
        page=page.number,
        pages=page.of,
        verdict=case.accusation.verdict,
        instance=case.trial.film.instance.id,
        named=case.named,
        z=None if best is None else best.z,
        false_accusation=None if best is None else best.false_accusation,
        releases_tried=len(case.trial.releases),
        altered=case.trial.altered([named.release for named in case.named]),
        case=case_id,
    )


def _files(
    site: Site, session: Session, facts: _Facts, page: Page, case: _Case | None, traced: Traced, head: Checkpoint
) -> dict[str, bytes]:
    """The evidence: its pages, and the receipts of the releases that are named."""
    receipts = {named.release.id: receipt(site, named.release.entry) for named in traced.named}
    picture, scale = _shown(page.picture)
    trial = None if case is None else case.trial
    shown = () if case is None else tuple(zip(case.trial.releases, case.accusation.scores, strict=True))
    exhibit = Exhibit(
        case=traced.case,
        name=facts.name,
        sha256=facts.sha256,
        page=page.number,
        pages=page.of,
        traced=site.clock.now(),
        by=session.actor.name,
        origin=site.origin,
        verdict=traced.verdict,
        instance=traced.instance,
        picture=picture,
        scale=scale,
        alignment=None if trial is None else trial.disclosed([named.release for named in traced.named]),
        accusation=None if case is None else case.accusation,
        releases=tuple(
            NamedRelease(
                release=release.id,
                recipient=release.recipient,
                requester=release.requester,
                purpose=release.purpose,
                created=release.created,
                digest=release.digest,
                shown=release.shown,
                covered=release.covered,
                z=score.z,
                false_accusation=score.false_accusation,
                receipt=f"{release.id}.receipt" if release.id in receipts else None,
                index=receipts[release.id].index if release.id in receipts else None,
            )
            for release, score in shown
        ),
        innocents=np.zeros(0) if case is None else case.innocents,
        spacing=None if trial is None else trial.film.original.spacing,
        altered=traced.altered,
        films_tried=facts.films_tried,
        hypotheses=facts.hypotheses,
        films_searched=facts.films,
        log_size=head.size,
        log_root=head.root.hex(),
    )
    files = {f"{release}.receipt": proof.encode() for release, proof in receipts.items()}
    return {**pages(exhibit), **files}


def _shown(picture: Grey | Samples) -> tuple[Grey, float]:
    """The picture as 8 bits for a page, and how many of its pixels one of these stands for."""
    step = max(1, -(-max(picture.shape) // _SHOWN_SIDE))
    small = picture[::step, ::step]
    return (small if small.dtype == np.uint8 else (small >> 8)).astype(np.uint8), float(step)


def _boxes(difference: Grey, homography: NDArray[np.float64], size: tuple[int, int]) -> tuple[Box, ...]:
    """Where a map of differences over a film of ``size`` says that something was altered: boxes in the picture."""
    cells = max(1, -(-max(difference.shape) // _CELLS))
    rows, columns = (-(-side // cells) * cells for side in difference.shape)
    padded = np.zeros((rows, columns), np.uint8)
    padded[: difference.shape[0], : difference.shape[1]] = difference
    coarse = padded.reshape(rows // cells, cells, columns // cells, cells).max(axis=(1, 3))
    found = []
    for place in _connected(coarse >= _CHANGED):
        down, across = np.argwhere(place).min(axis=0) * cells, (np.argwhere(place).max(axis=0) + 1) * cells
        scale = np.array(size) / difference.shape
        (top, left), (bottom, right) = down * scale, across * scale
        corners = np.array([[left, right, right, left], [top, top, bottom, bottom], [1.0, 1.0, 1.0, 1.0]])
        x, y, w = homography @ corners
        low, high = np.floor((x / w).min()), np.floor((y / w).min())
        box = Box(max(int(low), 0), max(int(high), 0), int(np.ceil((x / w).max())), int(np.ceil((y / w).max())))
        found.append((int(coarse[place].max()), int(place.sum()), box))
    return tuple(box for _, _, box in sorted(found, key=lambda each: each[:2], reverse=True)[:_MOST_BOXES])


def _connected(mask: Mask) -> Iterator[Mask]:
    """The parts of a mask whose cells touch, corners included."""
    labels = np.where(mask, np.arange(1, mask.size + 1).reshape(mask.shape), 0)
    while True:
        padded = np.pad(labels, 1)
        around = [padded[y : y + mask.shape[0], x : x + mask.shape[1]] for y in range(3) for x in range(3)]
        grown = np.where(mask, np.maximum.reduce(around), 0)
        if np.array_equal(grown, labels):
            break
        labels = grown
    yield from (labels == label for label in np.unique(labels) if label)


def _grown(mask: Mask) -> Mask:
    """The mask and what is near it."""
    near = max(1, round(_NEAR * max(mask.shape)))
    for axis in (0, 1):
        padded = np.moveaxis(np.pad(mask, near), axis, 0)
        counts = np.cumsum(padded, axis=0, dtype=np.int32)
        window = np.concatenate([counts[2 * near : 2 * near + 1], counts[2 * near + 1 :] - counts[: -2 * near - 1]]) > 0
        mask = np.moveaxis(window, 0, axis)[near:-near] if axis else np.moveaxis(window, 0, axis)[:, near:-near]
    return mask


def _nearest(mask: Mask, shape: tuple[int, ...]) -> Mask:
    """A mask of the film at the size of a picture in the film's frame."""
    rows, columns = (((np.arange(n) + 0.5) * full / n).astype(np.intp) for n, full in zip(shape, mask.shape, strict=True))
    return mask[np.ix_(rows, columns)]
