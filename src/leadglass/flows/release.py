"""Make a copy for one recipient: what was granted is shown, the rest is covered and sealed inside the file.

On record before anything leaves: room is taken, the release commits with its entry, the entry is in a signed checkpoint,
and only then are bytes written.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace

from leadglass.dicom.frames import PixelLayout, native, native_length, significant
from leadglass.dicom.header import EXPLICIT_VR_LITTLE_ENDIAN, PIXEL_DATA
from leadglass.dicom.instance import Identified, Rendition, compose_rendition, identity_elements
from leadglass.dicom.sealed import encode_attributes, encode_original, encode_sealed
from leadglass.dicom.uids import keyed_uid
from leadglass.errors import ConflictError, InputError, UnavailableError
from leadglass.flows import vault
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.grants import spending, usable
from leadglass.flows.marks import mark_key
from leadglass.flows.open import MARK
from leadglass.flows.outlines import shaped
from leadglass.flows.prove import receipt
from leadglass.flows.record import new_id, record
from leadglass.flows.session import Session
from leadglass.flows.vault import Film, sha256_of
from leadglass.mark.spread import add, add_patch, markable, pattern
from leadglass.mark.unmark import Unmark
from leadglass.model.access import Action, CoverStyle, Grant, SealProfile, Strength
from leadglass.model.entry import canonical
from leadglass.model.frame import Frame
from leadglass.model.ids import ReleaseId
from leadglass.model.instance import StoredInstance
from leadglass.model.region import Patch, RegionKind
from leadglass.model.release import Release
from leadglass.policy.decide import Terms
from leadglass.ports import Outlet, Slot
from leadglass.seal.cms import authenvelope, envelope
from leadglass.seal.keys import derive, region_key
from leadglass.seal.public import KeyKind, PublicKey, read_public
from leadglass.site import Site
from leadglass.veil.cover import cover, take
from leadglass.veil.patch import encode as encode_patch
from leadglass.veil.style import COARSE_LINKAGE, STYLES

REGION = "leadglass/region@v1"
HEADER = "header"
"""Stands where a region's kind does, for attributes that are sealed for somebody's own key."""
RECEIPT_ROOM = 16_384
_RUNS = 128
"""Bytes for a row's runs in an encoded patch, and to spare."""


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
        InputError: there is no such grant, it is for something else, an unmarked copy was to be reversible, or the copy is
            to be sealed for a recipient who has no key of the right kind.
        UnavailableError: no room to deliver; nothing was released.
    """
    grant, instance = usable(site, session, grant_id, (Action.VIEW, Action.EXPORT))
    holders = _holders(site, grant)
    film, shape = shaped(site, instance, vault.open_film(site, instance), grant.shape)
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
        style=grant.style,
        reversible=reversible,
        seal=grant.seal,
        to=holders,
    )
    with ExitStack() as slots:
        slot = slots.enter_context(_reserved(outlet, f"{release_id}.dcm", rendition.size))
        proof = slots.enter_context(_reserved(outlet, f"{release_id}.receipt", RECEIPT_ROOM))
        recorded = _record(
            site,
            session,
            grant,
            instance,
            rendition,
            covered=tuple(kind for kind in film.partition.kinds if kind not in grant.regions),
            release_id=release_id,
            key=key,
            terms=Terms(strength, grant.style, shape, grant.seal),
            reversible=reversible,
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


def _holders(site: Site, grant: Grant) -> tuple[PublicKey, ...]:
    """Whose own keys the copy is sealed for: the recipient's, where policy says so."""
    if grant.seal is SealProfile.SHREDDABLE:
        return ()
    with site.database.begin() as transaction:
        account = transaction.people.get(grant.request.recipient)
    if account is None or not account.active or account.sealing_key is None:
        raise InputError(
            f"policy has this copy sealed ({grant.seal}) for {grant.request.recipient!r}, who has no key",
            hint="leadglass people key new NAME",
        )
    key = read_public(account.sealing_key)
    if (key.kind is KeyKind.RSA) is not (grant.seal is SealProfile.PS3_15):
        raise InputError(
            f"a key of the kind {key.kind} is none for a copy that is sealed {grant.seal}",
            hint="leadglass people key revoke NAME, and register another one: people key new NAME --public FILE",
        )
    return (key,)


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
    style: CoverStyle = CoverStyle.MOSAIC,
    reversible: bool = False,
    seal: SealProfile = SealProfile.SHREDDABLE,
    to: Sequence[PublicKey] = (),
) -> Rendition:
    """One copy of a film; but for what is sealed for the keys of ``to`` a function of its arguments alone.

    Shown pixels are the stored values as received, and the mark of ``mark_key``; what is covered is drawn in ``style`` from
    what is shown and from ``key``; each covered region rides in the file under a key of its own (``seal.keys.region_key``),
    with the same mark on it, so that it fits without a seam when it is lifted. ``reversible``: what takes the mark off rides
    along too.

    Sealed for keys of people (``to``) the copy travels covered whole and names nobody: what a copy shows otherwise, and the
    identity, their keys open, and nothing else. No mark lies on what is covered whole.
    """
    hidden = tuple(kind for kind in film.partition.kinds if kind not in shown)
    uid = release_uid(key, release=release)
    layout = film.clean.layout
    frames = tuple(significant(frame, high_bit=layout.high_bit) for frame in film.frames)
    seed = derive(key, label="leadglass/cover@v1")
    seen = tuple(cover(frame, film.partition, hidden, seed=seed, style=STYLES[style]) for frame in frames)
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

    def about(region: str) -> bytes:
        return region_context(origin=origin, release=release, instance=uid, region=region, purpose=purpose)

    sealed = []
    for kind, content in (*((patch.region.kind, encode_patch(patch)) for patch in patches), *unmark):
        space = _room(RegionKind(kind), content, layout) if to and kind != MARK else 0
        plain = encode_attributes(context=about(kind), patch=content, room=space)
        sealed.append(seal_region(plain, context=about(kind), key=key))
    attributes = _attributes(film.clean, hidden, strength, identity)
    if to:
        open_patches = take(seen, film.partition, shown)
        sealed = [*_for_people(seen, open_patches, layout, attributes, seal=seal, to=to, key=key, about=about), *sealed]
        seen = tuple(cover(frame, film.partition, film.partition.kinds, seed=seed) for frame in frames)
        attributes, identity = _attributes(film.clean, film.partition.kinds, Strength.OFF, None), None
    return compose_rendition(
        film.clean.source,
        frames=b"".join(native(seen, layout)),
        layout=replace(layout, transfer_syntax=EXPLICIT_VR_LITTLE_ENDIAN, high_bit=layout.bits_stored - 1),
        sop_instance_uid=uid,
        set_elements=attributes,
        remove=(*(_DEIDENTIFIED if identity is not None else ()), *(_FROM_ALL_PIXELS if hidden or marked or to else ())),
        sealed=encode_sealed(sealed) if sealed else None,
    )


def _for_people(
    seen: Sequence[Frame],
    patches: Sequence[Patch],
    layout: PixelLayout,
    attributes: Mapping[int, tuple[str, bytes]],
    *,
    seal: SealProfile,
    to: Sequence[PublicKey],
    key: bytes,
    about: Callable[[str], bytes],
) -> list[bytes]:
    """What a copy shows, and what its header says, as CMS for keys of people."""
    if seal is SealProfile.PS3_15:
        pixels = ("OB" if layout.bits_allocated == 8 else "OW", b"".join(native(seen, layout)))
        content = encode_original({**attributes, PIXEL_DATA: pixels})
        cek, iv = (derive(key, label=f"leadglass/ps3.15 {what}@v1", length=size) for what, size in (("cek", 32), ("iv", 16)))
        return [envelope(content, to=to, cek=cek, iv=iv)]
    contents = [(HEADER, encode_original(attributes, context=about(HEADER)))]
    for patch in patches:
        kind, encoded = patch.region.kind, encode_patch(patch)
        space = _room(kind, encoded, layout)
        contents.append((kind, encode_attributes(context=about(kind), patch=encoded, room=space)))
    return [seal_region(content, context=about(kind), key=key, to=to) for kind, content in contents]


def _room(kind: RegionKind, patch: bytes, layout: PixelLayout) -> int:
    """Bytes of the room that a region's encoded patch takes in a file that is covered whole.

    There the length of what is sealed is all that tells one film from another, and the areas of heart and lungs link the
    films of one patient (``training/reid``). So a room is one, two or three thirds of the film, and ``rest`` has all of it.
    """
    third = -(-(native_length(layout) + _RUNS * layout.rows) // 3)
    least = 3 * third if kind is RegionKind.REST else third
    return least * max(1, -(-len(patch) // least))


def release_uid(key: bytes, *, release: ReleaseId) -> str:
    """The SOP Instance UID of a release: it follows from the release's key."""
    return keyed_uid(key, kind="release", value=release)


def seal_region(content: bytes, *, context: bytes, key: bytes, to: Sequence[PublicKey] = ()) -> bytes:
    """An Encrypted Attributes Data Set as CMS AuthEnvelopedData, under its own key in this release and for people's keys."""
    kek = region_key(key, context=context)
    # The content key serves this one message, so a nonce that follows from it is used once.
    return authenvelope(
        content,
        to=to,
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
    covered: tuple[RegionKind, ...],
    release_id: ReleaseId,
    key: bytes,
    terms: Terms,
    reversible: bool,
) -> Release:
    """The release on record, its grant used. ``terms`` are how the copy was made."""
    digest = sha256_of(rendition.chunks())
    # Whoever reads the log is told what a cover of means tells, as whoever took the copy was.
    linkage = COARSE_LINKAGE if covered and terms.style is CoverStyle.COARSE else None
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
            mark=terms.mark,
            style=terms.style,
            shape=terms.shape,
            seal=terms.seal,
            reversible=reversible,
            sha256=digest,
            linkage=linkage,
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
            mark=terms.mark,
            reversible=reversible,
            style=terms.style,
            shape=terms.shape,
            seal=terms.seal,
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
