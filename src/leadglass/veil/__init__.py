"""The veil: cover regions of a film so that only the patch under them brings them back.

``partition`` gives every pixel to one region, ``take`` lifts the samples of each region off as a patch, ``cover`` shows
something else in their place, and ``uncover`` undoes it sample for sample. What shows instead is a style: it is made from
what surrounds the region and never sees what lies under it. Patches are sealed elsewhere; here nobody knows a key.
"""

from __future__ import annotations

from leadglass.veil.cover import assemble, cover, take, uncover
from leadglass.veil.outlines import decode_outlines, encode_outlines
from leadglass.veil.partition import partition
from leadglass.veil.patch import decode, encode
from leadglass.veil.style import STYLES, Style, coarse, inpaint, mosaic, solid

__all__ = [
    "STYLES",
    "Style",
    "assemble",
    "coarse",
    "cover",
    "decode",
    "decode_outlines",
    "encode",
    "encode_outlines",
    "inpaint",
    "mosaic",
    "partition",
    "solid",
    "take",
    "uncover",
]
