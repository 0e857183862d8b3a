"""What is stored of an instance: its parts sealed and opened, its frames, and the file as it was received."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass

from leadglass.dicom.frames import native
from leadglass.dicom.instance import Identified, scan
from leadglass.dicom.plan import PlanSource
from leadglass.dicom.plan import decode as decode_plan
from leadglass.dicom.source import BytesSource, Lazy, Source, chunks
from leadglass.errors import InputError, ShreddedError, UnavailableError
from leadglass.model.frame import Frame
from leadglass.model.ids import InstanceId
from leadglass.model.instance import Part, SealedPart, StoredInstance, Tier
from leadglass.model.region import Partition, Patch
from leadglass.ports import Transaction
from leadglass.seal.envelope import Unsealed, seal_stream
from leadglass.seal.keys import keyed
from leadglass.site import Site
from leadglass.veil.cover import assemble
from leadglass.veil.patch import decode as decode_patch


def name_of(site: Site, kind: str, value: str) -> str:
    """A keyed name: the same for the same value in any process of this site, meaningless to anybody else."""
    return keyed(site.keys.secret("names"), kind=kind, value=value)


def fingerprint(site: Site, sha256: str) -> str:
    """A keyed digest of received bytes: says whether they are the same, and nothing else to anybody."""
    return name_of(site, "received", sha256)


def sha256_of(pieces: Iterable[bytes]) -> str:
    """SHA-256 of the concatenation, lower-case hex."""
    sha256 = hashlib.sha256()
    for piece in pieces:
        sha256.update(piece)
    return sha256.hexdigest()


def part_context(instance: InstanceId, part: str) -> str:
    """What a stored part is sealed to: this part of this instance and no other."""
    return f"leadglass/part@v1/{instance}/{part}"


def seal_parts(site: Site, instance: InstanceId, parts: Iterable[tuple[str, Iterable[bytes]]]) -> tuple[SealedPart, ...]:
    """Every part (name, bytes), sealed and stored; when one finds no room, the others give theirs back.

    Raises:
        UnavailableError: no room, or the store does not answer.
    """
    sealed: list[SealedPart] = []
    try:
        for name, data in parts:
            sealed.append(_seal(site, instance, name, data))
    except UnavailableError:
        with suppress(UnavailableError):
            discard(site, sealed)
        raise
    return tuple(sealed)


def discard(site: Site, sealed: Iterable[SealedPart]) -> None:
    """Remove the blobs of parts that no row names, or whose instance was shredded."""
    for part in sealed:
        site.blobs.discard(part.blob)


def check_stored(site: Site, sealed: Iterable[SealedPart]) -> None:
    """Return where every blob is in the store; to be asked in the transaction that is about to name them.

    Raises:
        UnavailableError: a sweep was faster than whoever stored one.
    """
    for part in sealed:
        site.blobs.open(part.blob)


def _seal(site: Site, instance: InstanceId, part: str, data: Iterable[bytes]) -> SealedPart:
    key = site.entropy.bytes(32)
    context = part_context(instance, part)
    stream = seal_stream(data, key=key, nonce=site.entropy.bytes(24), context=context.encode())
    blob = site.blobs.put(stream)
    return SealedPart(
        part=part,
        blob=blob,
        wrapped_key=site.keys.wrap(instance, key, context=context),
        size=site.blobs.open(blob).size,
    )


@dataclass(frozen=True, eq=False)
class Film:
    """An instance with every region open: in memory only, for the flow that asked."""

    clean: Identified
    frames: tuple[Frame, ...]
    patches: tuple[Patch, ...]
    partition: Partition


def find(transaction: Transaction, instance_id: str) -> StoredInstance:
    """The stored instance of that id.

    Raises:
        InputError: there is none.
        ShreddedError: its keys were destroyed.
    """
    instance = transaction.instances.get(instance_id)
    if instance is None:
        raise InputError(f"there is no instance {instance_id}", hint="leadglass list")
    if instance.tier is Tier.SHREDDED:
        raise shredded(instance_id)
    return instance


def shredded(instance: str) -> ShreddedError:
    """What is said of a film whose key was destroyed."""
    return ShreddedError(
        f"instance {instance} was shredded and is gone for good", hint=f"when, and by whom: leadglass history {instance}"
    )


def open_part(site: Site, instance: StoredInstance, name: str) -> Source:
    """One stored part in the clear; bytes are verified as they are read.

    Raises:
        SealBrokenError: the blob or its key was changed.
    """
    part = instance.part(name)
    context = part_context(instance.id, name)
    key = site.keys.unwrap(instance.id, part.wrapped_key, context=context)
    return Unsealed(site.blobs.open(part.blob), key=key, context=context.encode())


def open_film(site: Site, instance: StoredInstance) -> Film:
    """The clean file and every frame of an instance, uncovered."""
    clean = scan(open_part(site, instance, Part.CLEAN))
    patches = tuple(decode_patch(_whole(open_part(site, instance, Part.patch(kind)))) for kind in instance.kinds)
    rows, columns = clean.layout.rows, clean.layout.columns
    frames = assemble(patches, photometric=clean.layout.photometric, bits_stored=clean.layout.bits_stored)
    return Film(clean, frames, patches, Partition(rows, columns, tuple(patch.region for patch in patches)))


def received(site: Site, instance: StoredInstance) -> Source:
    """The file as it was received, bit for bit: the clean file, the residue and the pixels put together again.

    Reading its header unseals no pixels, unless the file is stored as a whole.
    """
    inverse = decode_plan(_whole(open_part(site, instance, Part.RESIDUE)))
    clean = open_part(site, instance, Part.CLEAN)

    def pixels() -> Source:
        if any(part.part == Part.STREAM for part in instance.parts):
            return open_part(site, instance, Part.STREAM)
        layout = scan(PlanSource(inverse, (clean, BytesSource(b"")))).layout
        return BytesSource(b"".join(native(open_film(site, instance).frames, layout)))

    return PlanSource(inverse, (clean, Lazy(pixels)))


def comes_back(site: Site, instance: StoredInstance) -> bool:
    """Whether what is stored gives the received file back, bit for bit."""
    return fingerprint(site, sha256_of(chunks(received(site, instance)))) == instance.fingerprint


def _whole(source: Source) -> bytes:
    return source.read(0, source.size)
