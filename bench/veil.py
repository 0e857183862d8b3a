"""What the veil costs: cover and seal a film, lift one region of it, beside AES-256-GCM alone on the same bytes.

Run ``python bench/veil.py [--rows N] [--columns N] [--rounds N]``. The film is made here: noise of 12 bits, a heart and two
lungs, all three covered and sealed. Steps take turns, so that a slow minute of the machine meets them all; times are of
the processor, on one thread, and medians. What a disk adds is shown apart: the sealed regions written and synchronised.
Memory is the most that Python held beyond the film.
"""

from __future__ import annotations

import argparse
import os
import platform
import statistics
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path

import numpy as np
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from leadglass.dicom.sealed import decode_attributes, encode_attributes
from leadglass.flows.release import seal_region
from leadglass.model.access import CoverStyle
from leadglass.model.entry import canonical
from leadglass.model.frame import Frame
from leadglass.model.region import Mask, Partition, RegionKind
from leadglass.seal.cms import open_authenveloped
from leadglass.seal.keys import region_key
from leadglass.veil import STYLES, cover, decode, decode_outlines, encode, encode_outlines, partition, take, uncover

KEY, SEED = bytes(range(32)), b"bench"
HIDE = (RegionKind.HEART, RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT)


def outlines(rows: int, columns: int) -> dict[RegionKind, Mask]:
    """A heart and two lungs as ellipses of a chest's proportions."""
    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]

    def ellipse(row: float, column: float, height: float, width: float) -> Mask:
        inside: Mask = ((y - row) / height) ** 2 + ((x - column) / width) ** 2 < 1
        return inside

    return {
        RegionKind.HEART: ellipse(0.2, 0.08, 0.36, 0.41),
        RegionKind.LUNG_RIGHT: ellipse(-0.04, -0.42, 0.68, 0.37),
        RegionKind.LUNG_LEFT: ellipse(-0.04, 0.45, 0.68, 0.37),
    }


def context(kind: RegionKind) -> bytes:
    return canonical({"v": "bench", "region": kind})


def sealed(film: Frame, parts: Partition, style: CoverStyle) -> tuple[Frame, list[bytes]]:
    """The film covered, and each covered region under its own key: what a release does, header and mark apart."""
    seen = cover(film, parts, HIDE, seed=SEED, style=STYLES[style])
    return seen, [
        seal_region(
            encode_attributes(context=context(patch.region.kind), patch=encode(patch)),
            context=context(patch.region.kind),
            key=KEY,
        )
        for patch in take([film], parts, HIDE)
    ]


def encrypted(contents: Sequence[bytes]) -> list[bytes]:
    """AES-256-GCM and nothing else."""
    return [AESGCM(KEY).encrypt(bytes([number] * 12), content, b"") for number, content in enumerate(contents)]


def lifted(seen: Frame, content: bytes, kind: RegionKind) -> Frame:
    """The film with one region open again, as whoever was given its key does it."""
    secret = region_key(KEY, context=context(kind))
    _, patch = decode_attributes(open_authenveloped(content, kek=secret.kek, kek_id=secret.kek_id))
    return uncover(seen, decode(patch), 0)


def synced(folder: Path, contents: Sequence[bytes]) -> None:
    """The contents written to one new file and synchronised."""
    with tempfile.NamedTemporaryFile(dir=folder) as file:
        for content in contents:
            file.write(content)
        file.flush()
        os.fsync(file.fileno())


def medians(steps: Mapping[str, Callable[[], object]], *, rounds: int, clock: Callable[[], float]) -> dict[str, float]:
    """Milliseconds of each step, taking turns; the first turn is not counted."""
    spent: dict[str, list[float]] = {name: [] for name in steps}
    for _ in range(rounds + 1):
        for name, step in steps.items():
            before = clock()
            step()
            spent[name].append((clock() - before) * 1000)
    return {name: statistics.median(times[1:]) for name, times in spent.items()}


def peak(step: Callable[[], object]) -> float:
    """The most memory that a step holds, in MiB."""
    tracemalloc.start()
    step()
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return most / 2**20


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=2500)
    parser.add_argument("--columns", type=int, default=2048)
    parser.add_argument("--rounds", type=int, default=15)
    chosen = parser.parse_args()
    rows, columns = chosen.rows, chosen.columns
    film = Frame(np.random.default_rng(1).integers(0, 4096, (rows, columns), np.uint16), "MONOCHROME2", 12)
    masks = outlines(rows, columns)
    shapes = {
        "grid": partition(masks, rows=rows, columns=columns, grid=max(1, max(rows, columns) // 64)),
        "outline": partition(masks, rows=rows, columns=columns, grid=1),
    }
    parts = shapes["grid"]
    seen, contents = sealed(film, parts, CoverStyle.MOSAIC)
    plain = [encode(patch) for patch in take([film], parts, HIDE)]
    kept = encode_outlines(masks)
    size = sum(map(len, plain)) / 2**20
    print(f"{platform.machine()}, {rows} x {columns}: {size:.1f} MiB sealed of {film.samples.nbytes / 2**20:.1f}")
    edge = max(1, max(rows, columns) // 64)
    steps: dict[str, Callable[[], object]] = {
        **{f"cover and seal, {style}": partial(sealed, film, parts, style) for style in CoverStyle},
        "cover and seal, mosaic, outline": partial(sealed, film, shapes["outline"], CoverStyle.MOSAIC),
        "cover alone, mosaic": partial(cover, film, parts, HIDE, seed=SEED),
        "AES-256-GCM alone, same bytes": partial(encrypted, plain),
        **{f"lift {kind}": partial(lifted, seen, contents[at], kind) for at, kind in enumerate(HIDE)},
        "partition on the grid": partial(partition, masks, rows=rows, columns=columns, grid=edge),
        "partition by outline": partial(partition, masks, rows=rows, columns=columns, grid=1),
        "keep outlines": partial(encode_outlines, masks),
        "read outlines": partial(decode_outlines, kept),
    }
    for name, milliseconds in medians(steps, rounds=chosen.rounds, clock=time.process_time).items():
        print(f"  {name:34} {milliseconds:7.1f} ms of the processor, {peak(steps[name]):6.1f} MiB at most")
    with tempfile.TemporaryDirectory() as folder:
        disk = medians({"disk": lambda: synced(Path(folder), contents)}, rounds=chosen.rounds, clock=time.perf_counter)
    print(f"  {'written and synchronised':34} {disk['disk']:7.1f} ms on the clock, the disk of {tempfile.gettempdir()}")


if __name__ == "__main__":
    main()
