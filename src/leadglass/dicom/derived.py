"""Saying which image another one was made from: Source Image Sequence (PS3.3 C.7.6.1.1.4)."""

from __future__ import annotations

from collections.abc import Iterator

from leadglass.dicom.header import encode_element
from leadglass.dicom.instance import Identified
from leadglass.dicom.uids import uid_text

SOURCE_IMAGE_SEQUENCE = 0x00082112
_REFERENCED_SOP_CLASS_UID, _REFERENCED_SOP_INSTANCE_UID = 0x00081150, 0x00081155


def source_image(*, sop_class: str, sop_instance_uid: str) -> tuple[str, bytes]:
    """VR and value of a Source Image Sequence (0008,2112) that names one image."""
    item = encode_element(_REFERENCED_SOP_CLASS_UID, "UI", sop_class.encode())
    item += encode_element(_REFERENCED_SOP_INSTANCE_UID, "UI", sop_instance_uid.encode())
    return "SQ", b"\xfe\xff\x00\xe0" + len(item).to_bytes(4, "little") + item


def source_image_uids(image: Identified) -> Iterator[str]:
    """The SOP Instance UIDs that an image's own Source Image Sequence names."""
    sequence = image.top.get(SOURCE_IMAGE_SEQUENCE)
    for item in (sequence.items or ()) if sequence is not None else ():
        for element in item.elements:
            if element.tag == _REFERENCED_SOP_INSTANCE_UID:
                yield uid_text(image.header.value(element))
