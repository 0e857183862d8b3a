"""Make a copy for one recipient: what was granted is shown, the rest is covered and sealed inside the file.

On record before anything leaves: room is taken, the release commits with its entry, the entry is in a signed checkpoint,
and only then are bytes written.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from leadglass.dicom.frames import native, significant
from leadglass.dicom.header import EXPLICIT_VR_LITTLE_ENDIAN
from leadglass.dicom.instance import Identified, Rendition, compose_rendition, identity_elements
from leadglass.dicom.sealed import encode_attributes, encode_sealed
from leadglass.dicom.uids import keyed_uid
from leadglass.errors import ConflictError, UnavailableError
from leadglass.flows import vault
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.grants import spending, usable
from leadglass.flows.prove import receipt
from leadglass.flows.record import new_id, record
from leadglass.flows.session import Session
from leadglass.flows.vault import Film, sha256_of
from leadglass.model.access import Action, Grant
from leadglass.model.entry import canonical
from leadglass.model.ids import ReleaseId
from leadglass.model.instance import StoredInstance
from leadglass.model.region import RegionKind
from leadglass.model.release import Release
from leadglass.ports import Outlet, Slot
from leadglass.seal.cms import authenvelope
from leadglass.seal.keys import derive, region_key
from leadglass.site import Site
from leadglass.veil.cover import cover, take
from leadglass.veil.patch import encode as encode_patch

REGION = "leadglass/region@v1"
RECEIPT_ROOM = 16_384


@dataclass(frozen=True)
class Delivered:
    """A release that left: where the file and its receipt are."""

    release: Release
    path: str
    receipt: str


def release(site: Site, session: Session, grant_id: str, outlet: Outlet) -> Delivered:
    """Deliver what a view or export grant gives.

    Raises:
        RefusedError: the grant is somebody else's; GrantExpiredError: it is used up or has expired. On record.
        InputError: there is no such grant, or it is for something else.
        UnavailableError: no room to deliver; nothing was released.
    """
    grant, instance = usable(site, session, grant_id, (Action.VIEW, Action.EXPORT))
    film = vault.open_film(site, instance)
    release_id = ReleaseId(new_id(site, "r"))
    key = site.entropy.bytes(32)
    rendition = render(
        film,
        origin=site.origin,
        release=release_id,
        key=key,
        purpose=grant.request.purpose,
        shown=grant.regions,
        identity=identity_elements(vault.received(site, instance)) if grant.identity else None,
    )
    with ExitStack() as slots:
        slot = slots.enter_context(_reserved(outlet, f"{release_id}.dcm", rendition.size))
        proof = slots.enter_context(_reserved(outlet, f"{release_id}.receipt", RECEIPT_ROOM))
        recorded = _record(site, session, grant, instance, rendition, release_id=release_id, key=key)
        try:
            checkpoint(site)
            path = slot.deliver(rendition.chunks())
            return Delivered(recorded, path, proof.deliver((receipt(site, recorded.entry).encode(),)))
        except (UnavailableError, ConflictError) as error:
            raise type(error)(
                f"release {release_id} is on record, but was not delivered whole: {error.message}",
                hint="its grant is used up; ask again",
            ) from error


@contextmanager
def _reserved(outlet: Outlet, name: str, size: int) -> Iterator[Slot]:
    slot = outlet.reserve(name, size)
    try:
        yield slot
    finally:
        slot.abandon()


def render(
    film: Film,
    *,
    origin: str,
    release: ReleaseId,
    key: bytes,
    purpose: str,
    shown: Collection[RegionKind],
    identity: Mapping[int, tuple[str, bytes]] | None,
) -> Rendition:
    """One copy of a film, a function of its arguments alone.

    Shown pixels are the stored values as received; what is covered is drawn from what is shown and from ``key``; each
    covered region rides in the file under a key of its own (``seal.keys.region_key``).
    """
    hidden = tuple(kind for kind in film.partition.kinds if kind not in shown)
    uid = release_uid(key, release=release)
    layout = film.clean.layout
    frames = tuple(significant(frame, high_bit=layout.high_bit) for frame in film.frames)
    # The recipient's mark is shaped by ``seen`` and added to shown pixels and patches alike (ARCHITECTURE section 4).
    seen = tuple(cover(frame, film.partition, hidden, seed=derive(key, label="leadglass/cover@v1")) for frame in frames)
    sealed = tuple(
        seal_region(
            encode_patch(patch),
            context=region_context(origin=origin, release=release, instance=uid, region=patch.region.kind, purpose=purpose),
            key=key,
        )
        for patch in take(frames, film.partition, hidden)
    )
    return compose_rendition(
        film.clean.source,
        frames=b"".join(native(seen, layout)),
        layout=replace(layout, transfer_syntax=EXPLICIT_VR_LITTLE_ENDIAN, high_bit=layout.bits_stored - 1),
        sop_instance_uid=uid,
        set_elements=_attributes(film.clean, hidden, identity),
        remove=(*(_DEIDENTIFIED if identity is not None else ()), *(_FROM_ALL_PIXELS if hidden else ())),
        sealed=encode_sealed(sealed) if sealed else None,
    )


def release_uid(key: bytes, *, release: ReleaseId) -> str:
    """The SOP Instance UID of a release: it follows from the release's key."""
    return keyed_uid(key, kind="release", value=release)


def seal_region(patch: bytes, *, context: bytes, key: bytes) -> bytes:
    """One region's encoded patch as CMS AuthEnvelopedData under the key of this region in this release."""
    kek = region_key(key, context=context)
    # The content key serves this one message, so a nonce that follows from it is used once.
    return authenvelope(
        encode_attributes(context=context, patch=patch),
        kek=kek.kek,
        kek_id=kek.kek_id,
        cek=derive(key, label="leadglass/cek@v1", context=context),
        nonce=derive(key, label="leadglass/nonce@v1", context=context, length=12),
    )


def region_context(*, origin: str, release: ReleaseId, instance: str, region: RegionKind, purpose: str) -> bytes:
    """What a sealed region is bound to: in its key's derivation, and again inside the plaintext.

    ``instance`` is the SOP Instance UID of the released file: a sealed item that was put into another file does not open.
    """
    return canonical(
        {
            "v": REGION,
            "origin": origin,
            "release": release,
            "instance": instance,
            "region": region,
            "purpose": purpose,
        }
    )


def _record(
    site: Site,
    session: Session,
    grant: Grant,
    instance: StoredInstance,
    rendition: Rendition,
    *,
    release_id: ReleaseId,
    key: bytes,
) -> Release:
    digest = sha256_of(rendition.chunks())
    covered = tuple(kind for kind in instance.kinds if kind not in grant.regions)
    with spending(site, session, grant) as transaction:
        entry = record(
            site,
            transaction.log,
            "released",
            actor=session.actor,
            subject=instance.id,
            release=release_id,
            recipient=grant.request.recipient,
            purpose=grant.request.purpose,
            shown=list(grant.regions),
            covered=list(covered),
            identity=grant.identity,
            sha256=digest,
        )
        released = Release(
            id=release_id,
            instance=instance.id,
            grant=grant.id,
            requester=session.actor.name,
            recipient=grant.request.recipient,
            purpose=grant.request.purpose,
            shown=grant.regions,
            covered=covered,
            identity=grant.identity,
            created=site.clock.now(),
            digest=digest,
            entry=entry,
            wrapped_key=site.keys.wrap(instance.id, key, context=release_key_context(release_id)),
        )
        transaction.releases.add(released)
    return released


def release_key_context(release: ReleaseId) -> str:
    """What a release key is wrapped to."""
    return f"leadglass/release@v1/{release}"


def _attributes(
    clean: Identified, hidden: Collection[RegionKind], identity: Mapping[int, tuple[str, bytes]] | None
) -> Mapping[int, tuple[str, bytes]]:
    """What the header of a copy says beside the clean one: bits, what was derived, and who it is where that is granted."""
    elements: dict[int, tuple[str, bytes]] = {
        0x00280102: ("US", (clean.layout.bits_stored - 1).to_bytes(2, "little")),
    }
    if hidden:
        image_type = clean.value(0x00080008) or b"ORIGINAL\\PRIMARY"
        elements[0x00080008] = ("CS", b"\\".join([b"DERIVED", *image_type.rstrip(b" \0").split(b"\\")[1:]]))
        elements[0x00082111] = ("ST", f"leadglass covered: {', '.join(hidden)}".encode())
    if identity is not None:
        elements.update(identity)
        elements[0x00120062] = ("CS", b"NO")
    return elements


_FROM_ALL_PIXELS = (0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280110, 0x00280111, 0x00603000)
"""Smallest and Largest Image Pixel Value and their kin, Histogram Sequence: they tell of pixels that are covered."""

_DEIDENTIFIED = (0x00120063, 0x00120064, 0x00280303)
"""De-identification Method, its Code Sequence, Longitudinal Temporal Information Modified: untrue once identity is shown."""
