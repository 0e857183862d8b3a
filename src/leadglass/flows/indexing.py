"""Films get the fingerprints by which they are found again: made by a process without keys, kept sealed, film by film."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from leadglass.dicom.frames import significant
from leadglass.dicom.instance import pixel_spacing
from leadglass.errors import ShreddedError
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
from leadglass.model.region import Partition
from leadglass.ports import Aligner
from leadglass.site import Site

_BATCH = 64
"""Films that go on record together."""


@dataclass(frozen=True)
class Indexed:
    """How many films were given a fingerprint now, and what went wrong with others, which are tried again next time."""

    films: int = 0
    failed: tuple[Exception, ...] = ()


def index_films(
    site: Site, aligner: Aligner, *, progress: Callable[[Sequence[InstanceId]], Iterable[InstanceId]] = tuple
) -> Indexed:
    """Give a fingerprint to every film that has none, as the site's own service; what was made before an end stays."""
    films, failed = 0, list[Exception]()
    waiting: list[tuple[InstanceId, bytes]] = []
    for instance in progress(_missing(site)):
        try:
            waiting.append((instance, _fingerprint(site, aligner, instance)))
        except ShreddedError:
            continue
        except Exception as error:
            # One odd film does not keep the others from being found.
            failed.append(error)
        if len(waiting) == _BATCH:
            films += _keep(site, waiting)
            waiting = []
    return Indexed(films + _keep(site, waiting), tuple(failed))


def fingerprints(site: Site) -> Iterator[tuple[InstanceId, bytes]]:
    """The fingerprint of every film whose key stands.

    Raises:
        SealBrokenError: a stored row was changed.
    """
    with site.database.begin() as transaction:
        rows = list(transaction.fingerprints.each())
    opened = site.keys.unwrap_each((instance, sealed, _context(instance)) for instance, sealed in rows)
    for (instance, _), row in zip(rows, opened, strict=True):
        if row is not None:
            yield instance, row


def original_of(site: Site, instance: StoredInstance) -> tuple[Original, Partition]:
    """What the aligner needs of a film, its middle frame reduced, and the film's regions.

    Raises:
        SealBrokenError, UnavailableError: what is stored was damaged or does not answer.
    """
    film = vault.open_film(site, instance)
    return original(_middle(film), spacing=pixel_spacing(film.clean)), film.partition


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
    with site.database.begin() as transaction:
        for instance, row in made:
            transaction.fingerprints.put(instance, site.keys.wrap(instance, row, context=_context(instance)))
        record(site, transaction.log, "indexed", actor=service(site, Duty.MAINTAIN).actor, films=len(made))
    return len(made)


def _context(instance: InstanceId) -> str:
    return f"leadglass/fingerprint@v1/{instance}"
