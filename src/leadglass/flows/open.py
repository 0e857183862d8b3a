"""Lift sealed regions of a file, with a key file or a private key. No site, no network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from leadglass.dicom.derived import SOURCE_IMAGE_SEQUENCE, source_image, source_image_uids
from leadglass.dicom.frames import decode, native, native_length
from leadglass.dicom.header import PIXEL_DATA
from leadglass.dicom.instance import SOP_INSTANCE_UID, Identified, Rendition, compose_rendition, is_image_pixel, scan
from leadglass.dicom.sealed import (
    ENCRYPTED_ATTRIBUTES,
    decode_attributes,
    decode_original,
    decode_sealed,
    encode_items,
    encode_sealed,
    is_ours,
    sealed_items,
)
from leadglass.dicom.source import Source
from leadglass.dicom.uids import uid_text, uuid_uid
from leadglass.errors import GrantExpiredError, InputError, MalformedError, SealBrokenError
from leadglass.mark.unmark import Unmark
from leadglass.model.entry import canonical, moment
from leadglass.model.region import Patch, RegionKind
from leadglass.seal.cms import authenticates, is_for, kek_ids, open_authenveloped, open_with_key
from leadglass.seal.hpke import FORMAT as HPKE
from leadglass.seal.hpke import open_for
from leadglass.seal.public import PrivateKey
from leadglass.veil.cover import uncover
from leadglass.veil.patch import decode as decode_patch

DERIVATION_DESCRIPTION = 0x00082111
OPENED = "leadglass/opened@v1"
KEY_FORMAT = "leadglass/key@v1"
MARK = "mark"
"""Stands where a region's kind does, for what takes the mark off."""
MAX_KEY_FILE = 1 << 20


@dataclass(frozen=True)
class RegionSecret:
    """One region's key from a key file, and the context it was derived in; without a region, the key to the mark."""

    region: RegionKind | None
    kek: bytes
    kek_id: bytes
    context: bytes


@dataclass(frozen=True)
class Opened:
    """The film with the lifted regions in their place; what has no key here stays covered and sealed.

    ``unmarked`` where the mark is off as well, and every sample is as it was received. ``identified`` where attributes that
    were sealed are back. ``authenticated`` says that nothing was
    changed since somebody sealed it, not who that was; a cipher that lets changes pass (PS3.15 E.1.1) cannot say so.
    """

    rendition: Rendition
    regions: tuple[RegionKind, ...]
    unmarked: bool
    identified: bool = False
    authenticated: bool = True


def key_file_context(instance: str) -> bytes:
    """What a key file that is sealed for one person is bound to: the SOP Instance UID of the released file."""
    return canonical({"v": KEY_FORMAT, "instance": instance})


def open_release(source: Source, key_file: bytes, *, now: datetime, mine: PrivateKey | None = None) -> Opened:
    """Put every region that ``key_file`` opens back into a released film, sample by sample exact.

    Where it opens everything, and the copy is reversible, the mark comes off. ``mine`` opens a key file that was sealed for
    one person.

    Raises:
        InputError: the file holds nothing sealed, the key file is none, or it belongs to another release or person.
        GrantExpiredError: the key has expired. (A clock can be turned back: the term binds honest people.)
        SealBrokenError: a sealed part was changed.
        VerificationError: without its mark the film is not what was marked.
    """
    released = scan(source)
    uids = {released.sop_instance_uid, *source_image_uids(released)}
    secrets, expires = read_key_file(_for_me(key_file, mine, uids=uids))
    if now >= expires:
        raise GrantExpiredError("the key file has expired", hint="ask for a new one: leadglass request --action lift")
    sealed = released.top.get(ENCRYPTED_ATTRIBUTES)
    if sealed is None:
        raise InputError("the file holds no sealed region", hint="is it the file of a leadglass release?")
    patches: list[Patch] = []
    unmark, unmark_content = None, b""
    remaining: list[bytes] = []
    for content in decode_sealed(released.header.read(sealed.offset, sealed.end - sealed.offset)):
        secret = _fitting(content, secrets)
        if secret is None:
            remaining.append(content)
        elif secret.region is None:
            unmark, unmark_content = Unmark.decode(_unseal(content, secret, uids=uids)), content
        else:
            patches.append(_patch(content, secret, uids=uids))
    if not patches and unmark is None:
        raise InputError("the key file opens nothing in this file", hint="keys are for one release; compare its name")
    frames = list(decode(released.layout, released.pixels, encapsulated=released.encapsulated))
    for patch in patches:
        frames = [uncover(frame, patch, index) for index, frame in enumerate(frames)]
    if unmark is not None and remaining:
        # The mark comes off a film of which nothing else is sealed; until then it stays sealed.
        remaining.append(unmark_content)
        unmark = None
    if unmark is not None:
        frames = list(unmark.off(frames))
    opened = tuple(kind for kind in RegionKind if kind in {patch.region.kind for patch in patches})
    kept = len(remaining)
    rendition = compose_rendition(
        source,
        frames=b"".join(native(frames, released.layout)),
        layout=released.layout,
        sop_instance_uid=_opened_uid(released, opened, unmarked=unmark is not None),
        set_elements=_derived(released, opened, kept, unmarked=unmark is not None),
        # Without another one the file would keep the sequence that it came with.
        remove=() if remaining else (ENCRYPTED_ATTRIBUTES,),
        sealed=encode_sealed(remaining) if remaining else None,
    )
    return Opened(rendition, opened, unmark is not None)


def open_sealed(source: Source, key: PrivateKey) -> Opened:
    """Put back every region and attribute that is sealed for the holder of ``key``, whoever sealed them.

    Raises:
        InputError: the file holds nothing sealed, or nothing that this key opens.
        SealBrokenError: a sealed part was changed, or moved here from another file.
        MalformedError: what was sealed is no attributes that a file could have.
    """
    sealed_file = scan(source)
    sequence = sealed_file.top.get(ENCRYPTED_ATTRIBUTES)
    if sequence is None:
        raise InputError("the file holds no sealed region", hint="is it a file that leadglass sealed?")
    uids = {sealed_file.sop_instance_uid, *source_image_uids(sealed_file)}
    patches, unmark = list[Patch](), list[Unmark]()
    attributes, remaining = dict[int, tuple[str, bytes]](), list[tuple[str, bytes]]()
    authenticated = True
    for syntax, content in sealed_items(sealed_file.header, sequence):
        opened = _opened(content, key)
        if opened is None:
            remaining.append((syntax, content))
            continue
        authenticated = authenticated and authenticates(content)
        if not is_ours(opened):
            said, original = decode_original(opened, transfer_syntax=syntax)
            if said is not None and _fields(said).get("instance") not in uids:
                raise SealBrokenError("sealed attributes were moved here from another file")
            attributes |= original
            continue
        context, encoded = decode_attributes(opened)
        bound = _fields(context)
        if bound.get("instance") not in uids:
            raise SealBrokenError("a sealed region was moved here from another file or region")
        if bound.get("region") == MARK:
            unmark.append(Unmark.decode(encoded))
        else:
            patches.append(decode_patch(encoded))
            if patches[-1].region.kind != bound.get("region"):
                raise SealBrokenError("a sealed region was moved here from another file or region")
    if not patches and not attributes and not unmark:
        raise InputError("the key opens nothing in this file", hint="it was sealed for other people, or was changed")
    made = _put_back(source, sealed_file, patches, attributes, remaining, unmark=unmark)
    return replace(made, authenticated=authenticated)


def _opened(content: bytes, key: PrivateKey) -> bytes | None:
    """What is in an item; None where it is for somebody else, or sealed in a way that is not read here.

    Raises:
        SealBrokenError: it is for this key and was changed.
    """
    try:
        return open_with_key(content, key)
    except MalformedError:
        return None
    except SealBrokenError:
        if is_for(content, key):
            raise
        return None


def _put_back(
    source: Source,
    sealed_file: Identified,
    patches: Sequence[Patch],
    attributes: Mapping[int, tuple[str, bytes]],
    remaining: Sequence[tuple[str, bytes]],
    *,
    unmark: Sequence[Unmark],
) -> Opened:
    """The file with patches and attributes in their place; with all of them it is the one that was sealed."""
    layout = sealed_file.layout
    frames = list(decode(layout, sealed_file.pixels, encapsulated=sealed_file.encapsulated))
    for patch in patches:
        frames = [uncover(frame, patch, index) for index, frame in enumerate(frames)]
    if unmark and not remaining:
        frames = list(unmark[0].off(frames))
    whole = PIXEL_DATA in attributes
    if whole and sealed_file.text(DERIVATION_DESCRIPTION).startswith("leadglass opened"):
        raise InputError(
            "regions of this file were opened already, and the private key would put the covered film in their place",
            hint="open the file as it was released with the private key first, and then with key files",
        )
    covered = _named_as_covered(sealed_file.text(DERIVATION_DESCRIPTION))
    _, said = attributes.get(DERIVATION_DESCRIPTION, ("", b""))
    still = _named_as_covered(said.decode("ascii", "replace"))
    kinds = (
        tuple(kind for kind in covered if kind not in still)
        if whole
        else tuple(kind for kind in RegionKind if kind in {patch.region.kind for patch in patches})
    )
    restored = {tag: value for tag, value in attributes.items() if not is_image_pixel(tag)}
    identified = any(tag in restored for tag in _NAMES)
    uid = None if remaining else restored.get(SOP_INSTANCE_UID)
    derived = _derived(sealed_file, kinds, len(remaining), unmarked=bool(unmark) and not remaining)
    rendition = compose_rendition(
        source,
        frames=attributes[PIXEL_DATA][1][: native_length(layout)] if whole else b"".join(native(frames, layout)),
        layout=layout,
        sop_instance_uid=_opened_uid(sealed_file, kinds, unmarked=False) if uid is None else uid_text(uid[1]),
        set_elements={**restored, **({} if uid is not None else derived)},
        remove=(*(() if remaining else (ENCRYPTED_ATTRIBUTES,)), *(SAYS_DEIDENTIFIED if identified else ())),
        sealed=encode_items(remaining) if remaining else None,
    )
    # What was sealed may be anything, whoever sealed it: it is a file that can be read, or it is not given out.
    scan(rendition.source)
    return Opened(rendition, kinds, bool(unmark) and not remaining, identified)


def _named_as_covered(description: str) -> tuple[RegionKind, ...]:
    """The regions that a Derivation Description of ours says are covered."""
    _, _, said = description.partition("covered:")
    words = said.partition(";")[0].replace(",", " ").split()
    return tuple(kind for kind in RegionKind if kind in words)


_NAMES = (0x00100010, 0x00100020)
"""Patient's Name and Patient ID: with them among the attributes the file names somebody again."""
SAYS_DEIDENTIFIED = (0x00120062, 0x00120063, 0x00120064, 0x00280303, DERIVATION_DESCRIPTION)
"""What a sealed file says of its making, untrue once it is open; what the original said of it is among the attributes."""


def _opened_uid(released: Identified, opened: Collection[RegionKind], *, unmarked: bool) -> str:
    """The opened film is another image than the released one, and the same one whoever opens the same regions of it."""
    words = ",".join((*opened, *((MARK,) if unmarked else ())))
    return uuid_uid(hashlib.sha256(f"{OPENED}\n{released.sop_instance_uid}\n{words}".encode()).digest()[:16])


def _derived(
    released: Identified, opened: Collection[RegionKind], kept: int, *, unmarked: bool
) -> Mapping[int, tuple[str, bytes]]:
    """What the header of an opened film says of its making."""
    still = f"; still sealed: {kept} more" if kept else "; its mark taken off" if unmarked else ""
    source = next(source_image_uids(released), released.sop_instance_uid)
    return {
        DERIVATION_DESCRIPTION: ("ST", f"leadglass opened: {', '.join(opened) or 'nothing'}{still}".encode()),
        SOURCE_IMAGE_SEQUENCE: source_image(sop_class=released.sop_class, sop_instance_uid=source),
    }


def _for_me(key_file: bytes, mine: PrivateKey | None, *, uids: Collection[str]) -> bytes:
    """The key file itself, where it is one that was sealed for one person."""
    if not key_file.startswith(HPKE):
        return key_file
    if mine is None:
        raise InputError("the key file was sealed for one person's key", hint="add --mine FILE, your private key")
    for uid in uids:
        with suppress(SealBrokenError):
            return open_for(key_file, key=mine, context=key_file_context(uid))
    raise InputError(
        "this private key does not open the key file, or the key file is of another release",
        hint="compare the release's name, and whose key it was sealed for",
    )


def read_key_file(data: bytes) -> tuple[Mapping[bytes, RegionSecret], datetime]:
    """The secrets in a key file by their id, and when they expire.

    Raises:
        InputError: the bytes are no key file.
    """
    try:
        fields: Mapping[str, Any] = json.loads(data)
        if fields["v"] != KEY_FORMAT:
            raise ValueError(fields["v"])
        secrets = [
            RegionSecret(
                region=None if each["region"] == MARK else RegionKind(each["region"]),
                kek=bytes.fromhex(each["kek"]),
                kek_id=bytes.fromhex(each["id"]),
                context=each["context"].encode(),
            )
            for each in fields["regions"]
        ]
        expires = moment(fields["expires"])
        if expires.tzinfo is None:
            raise ValueError("a time without its zone")
        return {secret.kek_id: secret for secret in secrets}, expires
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise InputError(f"the key file is no {KEY_FORMAT}", hint="it is what `leadglass key` wrote") from error


def _fitting(content: bytes, secrets: Mapping[bytes, RegionSecret]) -> RegionSecret | None:
    if not authenticates(content):
        # For a private key, as PS3.15 has it; no key of a site is among its recipients.
        return None
    return next((secrets[kek_id] for kek_id in kek_ids(content) if kek_id in secrets), None)


def _patch(content: bytes, secret: RegionSecret, *, uids: Collection[str]) -> Patch:
    patch = decode_patch(_unseal(content, secret, uids=uids))
    if patch.region.kind is not secret.region:
        raise SealBrokenError("a sealed region was moved here from another file or region")
    return patch


def _unseal(content: bytes, secret: RegionSecret, *, uids: Collection[str]) -> bytes:
    context, encoded = decode_attributes(open_authenveloped(content, kek=secret.kek, kek_id=secret.kek_id))
    bound = _fields(context)
    if context != secret.context or bound.get("region") != (secret.region or MARK) or bound.get("instance") not in uids:
        raise SealBrokenError("a sealed region was moved here from another file or region")
    return encoded


def _fields(context: bytes) -> Mapping[str, Any]:
    try:
        fields = json.loads(context)
    except (ValueError, RecursionError) as error:
        raise MalformedError("the context of a sealed region cannot be read") from error
    return fields if isinstance(fields, dict) else {}
