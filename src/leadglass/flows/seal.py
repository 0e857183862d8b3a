"""Seal one film without a site: what identifies and what was not asked for goes under the keys of named people.

The header is de-identified (PS3.15 Basic Profile), every region that is not shown is covered, and what was there rides in
the file for the holders of the keys. Nobody keeps a key that would destroy it: such a copy cannot be shredded.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace

from leadglass.anatomy.outline import Outlines
from leadglass.deid.clean import clean
from leadglass.deid.profile import profile as profile_named
from leadglass.deid.pseudonym import PseudonymKeys
from leadglass.dicom.frames import constant_rle, decode, native, significant
from leadglass.dicom.header import EXPLICIT_VR_LITTLE_ENDIAN, PIXEL_DATA, RLE_LOSSLESS
from leadglass.dicom.instance import Identified, Rendition, Treated, compose, compose_rendition, is_image_pixel, scan
from leadglass.dicom.sealed import (
    ENCRYPTED_ATTRIBUTES,
    element_value,
    encode_attributes,
    encode_original,
    encode_sealed,
)
from leadglass.dicom.source import Source
from leadglass.errors import InputError
from leadglass.flows.open import SAYS_DEIDENTIFIED
from leadglass.flows.outlines import outlined
from leadglass.model.access import SealProfile
from leadglass.model.entry import canonical
from leadglass.model.frame import Frame
from leadglass.model.region import Partition, RegionKind, region_kinds
from leadglass.ports import Detector, Entropy
from leadglass.seal.cms import authenvelope, envelope
from leadglass.seal.keys import derive
from leadglass.seal.public import PublicKey
from leadglass.veil.cover import cover, take
from leadglass.veil.partition import partition
from leadglass.veil.patch import encode as encode_patch
from leadglass.veil.style import level_at_rest

SEALED = "leadglass/sealed@v1"
CELLS = 32
"""Cells of a partition along the longer side of a film."""


@dataclass(frozen=True)
class Sealed:
    """The sealed file, what is shown and covered in it, and why there are no outlines (empty where there are)."""

    rendition: Rendition
    shown: tuple[RegionKind, ...]
    covered: tuple[RegionKind, ...]
    abstained: str


def seal_film(
    source: Source,
    *,
    show: Sequence[str],
    to: Sequence[PublicKey],
    profile: SealProfile,
    detector: Detector,
    entropy: Entropy,
) -> Sealed:
    """Cover all of a film but the regions in ``show`` and seal the rest, and the identity, for the holders of ``to``.

    Where there are no outlines everything is covered, whatever was to be shown.

    Raises:
        InputError: no DICOM image, pixels that cannot make the round trip, an unknown region, or keys that the profile
            has no use for.
    """
    if profile is SealProfile.SHREDDABLE:
        raise InputError("only a site can shred, so only a site seals shreddable files", hint="--profile portable|ps3.15")
    film = scan(source)
    if ENCRYPTED_ATTRIBUTES in film.top:
        raise InputError("something is sealed in this file already", hint="open it first: leadglass open")
    frames = tuple(significant(each, high_bit=film.layout.high_bit) for each in _frames(film))
    outlines = outlined(frames, film, detector)
    parts = parted(frames[0], outlines)
    shown = shown_of(show, parts, outlines)
    hidden = tuple(kind for kind in parts.kinds if kind not in shown)
    key = entropy.bytes(32)
    bare = _rendition(film, frames, parts, hidden, key=key, sealed=None)
    original = _original(film, bare)
    if profile is SealProfile.PS3_15:
        layout = scan(bare.source).layout
        pixels = ("OB" if layout.bits_allocated == 8 else "OW", b"".join(native(frames, layout)))
        content = encode_original({**original, **({PIXEL_DATA: pixels} if hidden else {})})
        items = [envelope(content, to=to, cek=entropy.bytes(32), iv=entropy.bytes(16))]
    else:
        patches = {patch.region.kind: encode_patch(patch) for patch in take(frames, parts, hidden)}
        contents = [encode_original(original, context=sealed_context(instance=bare.sop_instance_uid, region="header"))]
        contents += [
            encode_attributes(context=sealed_context(instance=bare.sop_instance_uid, region=kind), patch=patch)
            for kind, patch in patches.items()
        ]
        items = [authenvelope(each, to=to, cek=entropy.bytes(32), nonce=entropy.bytes(12)) for each in contents]
    rendition = _rendition(film, frames, parts, hidden, key=key, sealed=encode_sealed(items))
    return Sealed(rendition, shown, hidden, outlines.why)


def shown_of(show: Sequence[str], parts: Partition, outlines: Outlines) -> tuple[RegionKind, ...]:
    """The regions that words stand for; none where there are no outlines, unless everything is meant.

    Raises:
        InputError: a word is no region, or the film, which has outlines, has not that one.
    """
    if not outlines.abstained or "all" in show:
        return region_kinds(show, present=parts.kinds)
    region_kinds(show, present=tuple(RegionKind))
    return ()


def parted(frame: Frame, outlines: Outlines) -> Partition:
    """The partition of a film by its outlines, in cells of a thirty-second of its longer side."""
    edge = max(1, -(-max(frame.rows, frame.columns) // CELLS))
    return partition(outlines.for_cover(), rows=frame.rows, columns=frame.columns, grid=edge)


def sealed_context(*, instance: str, region: str) -> bytes:
    """What a sealed region says of itself: an item that was put into another file is refused."""
    return canonical({"v": SEALED, "instance": instance, "region": region})


def _frames(film: Identified) -> tuple[Frame, ...]:
    return tuple(decode(film.layout, film.pixels, encapsulated=film.encapsulated))


def _rendition(
    film: Identified,
    frames: Sequence[Frame],
    parts: Partition,
    hidden: Collection[RegionKind],
    *,
    key: bytes,
    sealed: bytes | None,
) -> Rendition:
    """The file as anybody sees it; a function of its arguments."""
    header = clean(film, profile=profile_named("basic"), keys=PseudonymKeys(derive(key, label="leadglass/pseudonyms@v1")))
    level = constant_rle(film.layout, int(level_at_rest(frames[0]).flat[0]))
    composed = compose(header, Treated(transfer_syntax=RLE_LOSSLESS, value=level, photometric=frames[0].photometric))
    layout = replace(
        scan(composed.source).layout, transfer_syntax=EXPLICIT_VR_LITTLE_ENDIAN, high_bit=film.layout.bits_stored - 1
    )
    seed = derive(key, label="leadglass/cover@v1")
    seen = [cover(frame, parts, hidden, seed=seed) for frame in frames]
    derivation = f"leadglass covered: {', '.join(hidden)}" if hidden else "leadglass sealed"
    image_type = (film.value(0x00080008) or b"").rstrip(b" \0").split(b"\\")
    said = {0x00080008: ("CS", b"\\".join([b"DERIVED", *image_type[1:]]))} if film.value(0x00080008) else {}
    return compose_rendition(
        composed.source,
        frames=b"".join(native(seen, layout)),
        layout=layout,
        sop_instance_uid=composed.sop_instance_uid,
        set_elements={**said, 0x00082111: ("ST", derivation.encode())},
        remove=(),
        sealed=sealed,
    )


def _original(film: Identified, bare: Rendition) -> Mapping[int, tuple[str, bytes]]:
    """The attributes of the film that its sealed file lacks or says otherwise, as they were; pixels apart."""
    made = scan(bare.source)
    stay = {
        tag: element_value(made.header, element, signed=made.signed)
        for tag, element in made.top.items()
        if tag != PIXEL_DATA
    }
    found = {}
    for tag, element in film.top.items():
        if is_image_pixel(tag) or tag & 0xFFFF == 0:
            continue
        value = element_value(film.header, element, signed=film.signed)
        if stay.get(tag) != value or tag in SAYS_DEIDENTIFIED:
            found[tag] = value
    return found
