"""What is read of a stranger's file, and what the reader says where it is more or nothing; both sides hold to it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

MAX_FILE: Final = 256 << 20
"""Bytes."""
MAX_PIXELS: Final = 64_000_000
"""Of one picture."""
MAX_PAGES: Final = 20
"""Pages or frames of one file that are read; the number of those there are is told."""
MAX_SIDE: Final = 4096
"""Pixels of the longer side of a picture as it is handed on."""
PDF_SIDE: Final = 2000
"""Pixels of the longer side of a page as it is rendered."""
MAX_HANDED_ON: Final = 128 << 20
"""Bytes of all pictures of one file as they are handed on; where there are many, each is reduced further."""

KINDS: Final = ("png", "jpeg", "webp", "tiff", "bmp", "gif", "avif", "dicom", "pdf")

REFUSALS: Final[Mapping[str, tuple[str, str | None]]] = {
    "format": ("it is of no format that is read", f"convert it to one of {', '.join(KINDS)}"),
    "heic": ("HEIC is not read", "convert to JPEG"),
    "encrypted": ("it is encrypted", "save it without a password"),
    "broken": ("it is broken, or uses what is not supported", None),
    "empty": ("it holds no picture", None),
    "pixels": (f"a picture in it has more than {MAX_PIXELS // 1_000_000} megapixels", "reduce it"),
    "memory": ("it takes more memory than a picture may", "reduce it"),
}
"""A sentence and a hint for every reason to refuse a file; the reader names one and says nothing in its own words."""
