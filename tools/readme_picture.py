"""Make docs/images/film.png, the README's picture, from what `make demo` left: received, at rest, released, lifted.

.venv/bin/python tools/readme_picture.py
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np

from leadglass.adapters.files import FileSource
from leadglass.demo.pictures import Grey, look, window_of
from leadglass.dicom.frames import decode, png
from leadglass.dicom.instance import scan
from leadglass.model.frame import Frame
from leadglass.testing.films import examples_folder
from leadglass.veil.style import level_at_rest

ROWS, GAP = 430, 8
PATIENT_IDENTITY_REMOVED = 0x00120062


def main(demo: Path, picture: Path) -> None:
    """Four panels of one film, beside each other, in one grey scale window."""
    received = _frame(examples_folder() / "examples" / "films" / "wang-pa.dcm")
    at_rest = received.with_samples(np.full_like(received.samples, level_at_rest(received)))
    released = next(path for path in sorted((demo / "out").glob("r-*.dcm")) if _without_name(path))
    window = window_of(received)
    frames = (received, at_rest, _frame(released), _frame(demo / "out" / "lifted.dcm"))
    panels = [look(frame, rows=ROWS, window=window) for frame in frames]
    gap: Grey = np.full((panels[0].shape[0], GAP), 255, np.uint8)
    picture.parent.mkdir(exist_ok=True)
    row = [part for panel in panels for part in (panel, gap)][:-1]
    picture.write_bytes(png(np.ascontiguousarray(np.hstack(row))))


def _frame(path: Path) -> Frame:
    film = scan(FileSource(path))
    (frame,) = decode(film.layout, film.pixels, encapsulated=film.encapsulated)
    return frame


def _without_name(path: Path) -> bool:
    return (scan(FileSource(path)).value(PATIENT_IDENTITY_REMOVED) or b"").startswith(b"YES")


if __name__ == "__main__":
    main(Path(sys.argv[1] if len(sys.argv) > 1 else "demo"), Path("docs/images/film.png"))
