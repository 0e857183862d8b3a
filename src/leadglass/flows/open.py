"""Lift sealed regions of a released file with a key file. No site, no network."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from leadglass.dicom.derived import SOURCE_IMAGE_SEQUENCE, source_image, source_image_uids
from leadglass.dicom.frames import decode, native
from leadglass.dicom.instance import Identified, Rendition, compose_rendition, scan
from leadglass.dicom.sealed import (
    ENCRYPTED_ATTRIBUTES,
    decode_attributes,
    decode_sealed,
    encode_sealed,
)
from leadglass.dicom.source import Source
from leadglass.dicom.uids import uuid_uid
from leadglass.errors import GrantExpiredError, InputError, MalformedError, SealBrokenError
from leadglass.mark.unmark import Unmark
from leadglass.model.entry import moment
from leadglass.model.region import Patch, RegionKind
from leadglass.seal.cms import kek_ids, open_authenveloped
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

    ``unmarked`` where the mark is off as well, and every sample is as it was received.
    """

    rendition: Rendition
    regions: tuple[RegionKind, ...]
    unmarked: bool


def open_release(source: Source, key_file: bytes, *, now: datetime) -> Opened:
    """Put every region that ``key_file`` opens back into a released film, sample by sample exact.

    Where it opens everything, and the copy is reversible, the mark comes off.

    Raises:
        InputError: the file holds nothing sealed, the key file is none, or it belongs to another release.
        GrantExpiredError: the key has expired. (A clock can be turned back: the term binds honest people.)
        SealBrokenError: a sealed part was changed.
        VerificationError: without its mark the film is not what was marked.
    """
    secrets, expires = read_key_file(key_file)
    if now >= expires:
        raise GrantExpiredError("the key file has expired", hint="ask for a new one: leadglass request --action lift")
    released = scan(source)
    sealed = released.top.get(ENCRYPTED_ATTRIBUTES)
    if sealed is None:
        raise InputError("the file holds no sealed region", hint="is it the file of a leadglass release?")
    patches: list[Patch] = []
    unmark: Unmark | None = None
    remaining: list[bytes] = []
    uids = {released.sop_instance_uid, *source_image_uids(released)}
    for content in decode_sealed(released.header.read(sealed.offset, sealed.end - sealed.offset)):
        secret = _fitting(content, secrets)
        if secret is None:
            remaining.append(content)
        elif secret.region is None:
            unmark = Unmark.decode(_unseal(content, secret, uids=uids))
        else:
            patches.append(_patch(content, secret, uids=uids))
    if not patches and unmark is None:
        raise InputError("the key file opens nothing in this file", hint="keys are for one release; compare its name")
    frames = list(decode(released.layout, released.pixels, encapsulated=released.encapsulated))
    for patch in patches:
        frames = [uncover(frame, patch, index) for index, frame in enumerate(frames)]
    if unmark is not None:
        if remaining:
            raise InputError("the mark comes off a film of which nothing is sealed any more", hint="ask for all its regions")
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
