"""Pixel data to frames and back (PS3.3 C.7.6.3, PS3.5 section 8)."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class PixelLayout:
    """The Image Pixel Module of one instance, as its header states it."""

    transfer_syntax: str
    rows: int
    columns: int
    frames: int
    samples_per_pixel: int
    planar: int
    bits_allocated: int
    bits_stored: int
    high_bit: int
    signed: bool
    photometric: str
