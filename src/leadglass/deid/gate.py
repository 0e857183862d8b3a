"""What the pixels of a received object are due for, by what its header says (see ``leadglass.deid.pixels.due``)."""

from __future__ import annotations

from typing import Final

from leadglass.deid import pixels
from leadglass.deid.charset import read_text
from leadglass.deid.pixels import Due, Look
from leadglass.dicom.header import PIXEL_DATA
from leadglass.dicom.instance import Received

_NO_PICTURES: Final = frozenset({"RTDOSE", "RWV", "SEG"})
"""Modalities whose pixel values are measures and labels, which nobody writes on."""
_DESCRIPTIONS: Final = (0x00081030, 0x0008103E, 0x00181030)
"""Study and Series Description, Protocol Name."""


CONTEXT: Final = frozenset(
    {0x00080008, 0x00080016, 0x00080060, 0x00180015, 0x00280002, 0x00280004, 0x00280301, *_DESCRIPTIONS}
)
"""All attributes that the answer hangs on."""


def due(object_: Received, *, mode: str) -> Due:
    """Whether the frames of an object are to be read for text; ``mode`` is ``auto``, ``all`` or ``off``."""
    if object_.pixel is None or object_.pixel.tag != PIXEL_DATA or object_.modality in _NO_PICTURES:
        return Due(Look.SKIP, "there is no picture")
    samples = object_.value(0x00280002) or b"\1\0"
    return pixels.due(
        modality=object_.modality,
        sop_class=object_.sop_class,
        image_type=(object_.value(0x00080008) or b"").decode("ascii", "replace").split("\\"),
        burned_in=object_.text(0x00280301),
        samples_per_pixel=int.from_bytes(samples[:2], "little"),
        photometric=object_.text(0x00280004),
        body_part=read_text(object_.value(0x00180015) or b"", object_.charset),
        mode=mode,
        descriptions=[read_text(object_.value(tag) or b"", object_.charset) for tag in _DESCRIPTIONS],
    )
