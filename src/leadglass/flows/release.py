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
from leadglass.errors import ConflictError, InputError, UnavailableError
from leadglass.flows import vault
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.grants import spending, usable
from leadglass.flows.marks import mark_key
from leadglass.flows.open import MARK
from leadglass.flows.prove import receipt
from leadglass.flows.record import new_id, record
from leadglass.flows.session import Session
from leadglass.flows.vault import Film, sha256_of
from leadglass.mark.spread import add, add_patch, markable, pattern
from leadglass.mark.unmark import Unmark
from leadglass.model.access import Action, Grant, Strength
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


def release(site: Site, session: Session, grant_id: str, outlet: Outlet, *, reversible: bool = False) -> Delivered:
    """Deliver what a view or export grant gives.

    A ``reversible`` copy carries, sealed, what takes its mark off again: whoever is given the keys of all its regions
    can have the film exactly as it is stored.

    Raises:
        RefusedError: the grant is somebody else's; GrantExpiredError: it is used up or has expired. On record.
        InputError: there is no such grant, it is for something else, or an unmarked copy was to be reversible.
        UnavailableError: no room to deliver; nothing was released.
    """
    grant, instance = usable(site, session, grant_id, (Action.VIEW, Action.EXPORT))
    film = vault.open_film(site, instance)
    release_id = ReleaseId(new_id(site, "r"))
    key = site.entropy.bytes(32)
    strength = grant.mark if markable(film.frames[0]) else Strength.OFF
    if reversible and strength is Strength.OFF:
        raise InputError("this copy carries no mark that could be taken off", hint="leave out --reversible")
    rendition = render(
        film,
        origin=site.origin,
        release=release_id,
        key=key,
        purpose=grant.request.purpose,
        shown=grant.regions,
        identity=identity_elements(vault.received(site, instance)) if grant.identity else None,
        mark_key=mark_key(site, instance=instance.id, release=release_id),
        strength=strength,
        reversible=reversible,
    )
    with ExitStack() as slots:
        slot = slots.enter_context(_reserved(outlet, f"{release_id}.dcm", rendition.size))
        proof = slots.enter_context(_reserved(outlet, f"{release_id}.receipt", RECEIPT_ROOM))
        recorded = _record(
            site, session, grant, instance, rendition, release_id=release_id, key=key, mark=strength, reversible=reversible
        )
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
    mark_key: bytes,
    strength: Strength,
    reversible: bool = False,
) -> Rendition:
    """One copy of a film, a function of its arguments alone.

    Shown pixels are the stored values as received, and the mark of ``mark_key``; what is covered is drawn from what is shown
    and from ``key``; each covered region rides in the file under a key of its own (``seal.keys.region_key``), with the same
    mark on it, so that it fits without a seam when it is lifted. ``reversible``: what takes the mark off rides along too.
    """
    hidden = tuple(kind for kind in film.partition.kinds if kind not in shown)
    uid = release_uid(key, release=release)
    layout = film.clean.layout
    frames = tuple(significant(frame, high_bit=layout.high_bit) for frame in film.frames)
    seen = tuple(cover(frame, film.partition, hidden, seed=derive(key, label="leadglass/cover@v1")) for frame in frames)
    patches = take(frames, film.partition, hidden)
    marked = strength is not Strength.OFF
    unmark: tuple[tuple[str, bytes], ...] = ()
    if marked:
        # Shaped by what the recipient sees: the amplitude of a mark would tell of what lies under a cover.
        covered = film.partition.mask(hidden) if hidden else None
        mark = pattern(seen[len(seen) // 2], key=mark_key, strength=strength, covered=covered)
        unmark = ((MARK, Unmark.of(frames, mark).encode()),) if reversible else ()
        seen = tuple(add(frame, mark) for frame in seen)
        patches = tuple(add_patch(patch, mark) for patch in patches)
    sealed = tuple(
        seal_region(
            content,
            context=region_context(origin=origin, release=release, instance=uid, region=kind, purpose=purpose),
            key=key,
        )
        for kind, content in (*((patch.region.kind, encode_patch(patch)) for patch in patches), *unmark)
    )
    return compose_rendition(
        film.clean.source,
        frames=b"".join(native(seen, layout)),
        layout=replace(layout, transfer_syntax=EXPLICIT_VR_LITTLE_ENDIAN, high_bit=layout.bits_stored - 1),
        sop_instance_uid=uid,
        set_elements=_attributes(film.clean, hidden, strength, identity),
        remove=(*(_DEIDENTIFIED if identity is not None else ()), *(_FROM_ALL_PIXELS if hidden or marked else ())),
        sealed=encode_sealed(sealed) if sealed else None,
    )


def release_uid(key: bytes, *, release: ReleaseId) -> str:
    """The SOP Instance UID of a release: it follows from the release's key."""
    return keyed_uid(key, kind="release", value=release)


def seal_region(content: bytes, *, context: bytes, key: bytes) -> bytes:
    """A region's encoded patch, or what takes the mark off, as CMS AuthEnvelopedData under its own key in this release."""
    kek = region_key(key, context=context)
    # The content key serves this one message, so a nonce that follows from it is used once.
    return authenvelope(
        encode_attributes(context=context, patch=content),
        kek=kek.kek,
        kek_id=kek.kek_id,
        cek=derive(key, label="leadglass/cek@v1", context=context),
        nonce=derive(key, label="leadglass/nonce@v1", context=context, length=12),
    )


def region_context(*, origin: str, release: ReleaseId, instance: str, region: str, purpose: str) -> bytes:
    """What a sealed region, or what takes the mark off (``MARK``), is bound to: in its key's derivation, and again inside.

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
    mark: Strength,
    reversible: bool,
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
            mark=mark,
            reversible=reversible,
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
            mark=mark,
            reversible=reversible,
        )
        transaction.releases.add(released)
    return released


def release_key_context(release: ReleaseId) -> str:
    """What a release key is wrapped to."""
    return f"leadglass/release@v1/{release}"


def _attributes(
    clean: Identified,
    hidden: Collection[RegionKind],
    strength: Strength,
    identity: Mapping[int, tuple[str, bytes]] | None,
) -> Mapping[int, tuple[str, bytes]]:
    """What the header of a copy says beside the clean one: bits, what was derived, and who it is where that is granted."""
    elements: dict[int, tuple[str, bytes]] = {
        0x00280102: ("US", (clean.layout.bits_stored - 1).to_bytes(2, "little")),
    }
    derivation = [f"covered: {', '.join(hidden)}"] if hidden else []
    derivation += [f"marked: {strength}"] if strength is not Strength.OFF else []
    if derivation:
        image_type = clean.value(0x00080008) or b"ORIGINAL\\PRIMARY"
        elements[0x00080008] = ("CS", b"\\".join([b"DERIVED", *image_type.rstrip(b" \0").split(b"\\")[1:]]))
        elements[0x00082111] = ("ST", f"leadglass {'; '.join(derivation)}".encode())
    if identity is not None:
        elements.update(identity)
        elements[0x00120062] = ("CS", b"NO")
    return elements


_FROM_ALL_PIXELS = (0x00280106, 0x00280107, 0x00280108, 0x00280109, 0x00280110, 0x00280111, 0x00603000)
"""Smallest and Largest Image Pixel Value and their kin, Histogram Sequence: of pixels that are covered, or changed."""

_DEIDENTIFIED = (0x00120063, 0x00120064, 0x00280303)
"""De-identification Method, its Code Sequence, Longitudinal Temporal Information Modified: untrue once identity is shown."""
