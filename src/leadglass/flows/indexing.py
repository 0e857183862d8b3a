"""Films get the fingerprints by which they are found again: made by a process without keys, kept sealed, film by film."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from leadglass.dicom.frames import significant
from leadglass.dicom.instance import pixel_spacing
from leadglass.errors import SealBrokenError, ShreddedError
from leadglass.flows import vault
from leadglass.flows.record import record
from leadglass.flows.session import service
from leadglass.flows.vault import Film
from leadglass.mark.found import Original
from leadglass.mark.spread import original, reduced
from leadglass.model.access import Duty
from leadglass.model.frame import Frame
from leadglass.model.ids import InstanceId
from leadglass.model.instance import StoredInstance, Tier
from leadglass.ports import Aligner
from leadglass.site import Site

_BATCH = 64
"""Films that go on record together."""


@dataclass(frozen=True)
class Indexed:
    """How many films were given a fingerprint now, and what went wrong with others, which are tried again next time.

    ``remade`` are those, counted among the ``films``, whose stored fingerprint was damaged.
    """

    films: int = 0
    failed: Mapping[InstanceId, Exception] = field(default_factory=dict)
    remade: tuple[InstanceId, ...] = ()


def index_films(
    site: Site, aligner: Aligner, *, progress: Callable[[Sequence[InstanceId]], Iterable[InstanceId]] = tuple
) -> Indexed:
    """Give a fingerprint to every film that has none, as the site's own service; what was made before an end stays."""
    return _index(site, aligner, progress(_missing(site)))


def findable(
    site: Site, aligner: Aligner, *, progress: Callable[[Sequence[InstanceId]], Iterable[InstanceId]] = tuple
) -> tuple[Indexed, tuple[tuple[InstanceId, bytes], ...]]:
    """The fingerprint of every film whose key stands; those that are missing or damaged are made now."""
    indexed = index_films(site, aligner, progress=progress)
    rows, damaged = _fingerprints(site)
    if not damaged:
        return indexed, rows
    again = _index(site, aligner, damaged)
    rows, _ = _fingerprints(site)
    remade = tuple(instance for instance in damaged if instance not in again.failed)
    return Indexed(indexed.films + again.films, {**indexed.failed, **again.failed}, remade), rows


def _index(site: Site, aligner: Aligner, instances: Iterable[InstanceId]) -> Indexed:
    films, failed = 0, dict[InstanceId, Exception]()
    waiting: list[tuple[InstanceId, bytes]] = []
    for instance in instances:
        try:
            waiting.append((instance, _fingerprint(site, aligner, instance)))
        except ShreddedError:
            continue
        except Exception as error:
            # One odd film does not keep the others from being found.
            failed[instance] = error
        if len(waiting) == _BATCH:
            films += _keep(site, waiting)
            waiting = []
    return Indexed(films + _keep(site, waiting), failed)


def _fingerprints(site: Site) -> tuple[tuple[tuple[InstanceId, bytes], ...], tuple[InstanceId, ...]]:
    """The fingerprints that open, and the films whose stored one was damaged."""
    with site.database.begin() as transaction:
        sealed = [(instance, row, _context(instance)) for instance, row in transaction.fingerprints.each()]
    opened: list[bytes | None] = []
    damaged: list[InstanceId] = []
    try:
        opened.extend(site.keys.unwrap_each(sealed))
    except SealBrokenError:
        # All at once is much faster, and goes no further than the first that was changed.
        opened = []
        for instance, row, context in sealed:
            try:
                opened.append(site.keys.unwrap(instance, row, context=context))
            except ShreddedError:
                opened.append(None)
            except SealBrokenError:
                opened.append(None)
                damaged.append(instance)
    rows = tuple((instance, row) for (instance, _, _), row in zip(sealed, opened, strict=True) if row is not None)
    return rows, tuple(damaged)


def original_of(site: Site, instance: StoredInstance) -> tuple[Original, Film]:
    """What the aligner needs of a film, its middle frame reduced, and the film.

    Raises:
        SealBrokenError, UnavailableError: what is stored was damaged or does not answer.
    """
    film = vault.open_film(site, instance)
    return original(_middle(film), spacing=pixel_spacing(film.clean)), film


def _missing(site: Site) -> tuple[InstanceId, ...]:
    with site.database.begin() as transaction:
        known = transaction.fingerprints.known()
        stored = transaction.instances.find()
    return tuple(each.id for each in stored if each.id not in known and each.tier is not Tier.SHREDDED)


def _fingerprint(site: Site, aligner: Aligner, instance_id: InstanceId) -> bytes:
    with site.database.begin() as transaction:
        instance = vault.find(transaction, instance_id)
    return aligner.fingerprint(reduced(_middle(vault.open_film(site, instance))))


def _middle(film: Film) -> Frame:
    return significant(film.frames[len(film.frames) // 2], high_bit=film.clean.layout.high_bit)


def _keep(site: Site, made: Sequence[tuple[InstanceId, bytes]]) -> int:
    if not made:
        return 0
    kept = 0
    with site.database.begin() as transaction:
        for instance, row in made:
            # Of a film that was shredded meanwhile nothing is kept: its key may stand for another moment.
            with suppress(ShreddedError):
                vault.find(transaction, instance)
                transaction.fingerprints.put(instance, site.keys.wrap(instance, row, context=_context(instance)))
                kept += 1
        if kept:
            record(site, transaction.log, "indexed", actor=service(site, Duty.MAINTAIN).actor, films=kept)
    return kept


def _context(instance: InstanceId) -> str:
    return f"leadglass/fingerprint@v1/{instance}"
