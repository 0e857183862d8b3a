"""What it costs to put a mark on a film, and what that does to films of every depth.

Run ``python bench/mark_embed.py [--cxr DIR]``. CPU time of one thread, the best of seven rounds. ``--cxr`` names a folder of
JPEG or PNG films; each is enlarged to the size of a detector, brought to 12 bits and given quantum noise, and read with
OpenCV. Beside it runs blind-watermark where it can be imported.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from leadglass.dicom.frames import decode, significant
from leadglass.dicom.instance import scan
from leadglass.dicom.source import BytesSource
from leadglass.errors import InputError
from leadglass.mark import spread
from leadglass.mark.chips import chips
from leadglass.mark.effect import effect
from leadglass.mark.reversible import add_reversibly, encode, remove
from leadglass.mark.reversible import decode as decode_mark
from leadglass.mark.spread import add, amplitude, pattern, reduced
from leadglass.model.access import Strength
from leadglass.model.frame import Frame
from leadglass.testing.films import example_films
from leadglass.testing.films.example import examples_folder

T = TypeVar("T")
KEY = bytes(range(32))
ROUNDS = 7


def cpu(work: Callable[[], T], rounds: int = ROUNDS) -> tuple[float, T]:
    """Milliseconds of the fastest round, and what the work gave."""
    fastest, result = float("inf"), work()
    for _ in range(rounds):
        start = time.process_time()
        result = work()
        fastest = min(fastest, time.process_time() - start)
    return fastest * 1000, result


def phantom(*, bits: int = 12, rows: int = 2500, columns: int = 2048, seed: int = 1) -> Frame:
    """A film of 5 megapixels: two dark lungs in a grey chest, with noise of 7 to 12 of 4096 levels."""
    random = np.random.default_rng(seed)
    y, x = np.ogrid[-1 : 1 : rows * 1j, -1 : 1 : columns * 1j]
    lungs = 1 / (1 + np.exp(-25 * (1 - ((np.abs(x) - 0.42) / 0.33) ** 2 - (y / 0.7) ** 2)))
    grey = (0.75 - 0.45 * lungs) * np.clip(1.6 - 1.2 * np.abs(x), 0, 1)
    noisy = 4095 * grey + (7 + 5 * grey) * random.standard_normal((rows, columns), dtype=np.float32)
    samples = np.clip(np.rint(noisy * 2.0 ** (bits - 12)), 0, 2**bits - 1)
    return Frame(samples.astype(np.uint8 if bits <= 8 else np.uint16), "MONOCHROME2", bits)


def steps() -> None:
    frame = phantom()
    print(f"embedding into {frame.rows} x {frame.columns}, 12 bits, milliseconds of CPU")
    mark = pattern(frame, key=KEY, strength=Strength.STANDARD)
    after, record = add_reversibly(frame, mark)
    parts: dict[str, Callable[[], object]] = {
        "key to chips": lambda: chips(KEY, frame.rows, frame.columns),
        "amplitude of what is seen": lambda: amplitude(frame),
        "pattern, the two above included": lambda: pattern(frame, key=KEY, strength=Strength.STANDARD),
        "add": lambda: add(frame, mark),
        "embed, all of it": lambda: add(frame, pattern(frame, key=KEY, strength=Strength.STANDARD)),
        "embed, 8 bits with dither": lambda: add(phantom_8, pattern(phantom_8, key=KEY, strength=Strength.STANDARD)),
        "add reversibly": lambda: add_reversibly(frame, mark),
        "take off again, decoding included": lambda: remove(after, decode_mark(encode(mark)), record),
        "reduced original": lambda: reduced(frame),
    }
    phantom_8 = phantom(bits=8)
    for name, work in parts.items():
        print(f"  {name:36} {cpu(work)[0]:7.1f}")
    print(f"  the mark as bytes {len(encode(mark))}, the record of clipped samples {len(record)}")
    peer(frame)


def peer(frame: Frame) -> None:
    """blind-watermark on the same film, 32 bits."""
    try:
        from blind_watermark import WaterMark  # type: ignore[import-not-found, unused-ignore]
    except ImportError:
        print("  blind-watermark is not installed: nothing to set beside it")
        return

    def embed() -> Any:
        tool = WaterMark(password_img=1, password_wm=1)
        tool.read_img(img=np.repeat(frame.samples[..., np.newaxis], 3, axis=2).astype(np.float32) / 16)
        tool.read_wm([bool(KEY[0] >> place & 1) for place in range(8)] * 4, mode="bit")
        return tool.embed()

    print(f"  {'blind-watermark':36} {cpu(embed, 1)[0]:7.1f}")


HEADER = (
    f"{'film':34} {'strength':10} {'range':>5} {'rms':>5} {'max':>5} {'noise':>6} {'share':>6} {'PSNR':>5} {'SSIM':>8} "
    f"{'window':>7} {'changed':>7} {'5 mm':>5} {'10 mm':>5} {'(noise':>6} {'alone)':>6} {'record':>7}"
)


def row(name: str, frame: Frame, strength: Strength, spacing: float | None) -> str:
    mark = pattern(frame, key=KEY, strength=strength)
    after, record = add_reversibly(frame, mark)
    exact = remove(after, decode_mark(encode(mark)), record).same_as(frame)
    does = effect(frame, after, mark, spacing=(spacing, spacing) if spacing else None)
    share = "-" if does.noise_share is None else f"{does.noise_share:.2f}"
    psnr = "-" if does.psnr is None else f"{does.psnr:.1f}"
    return (
        f"{name:34} {strength:10} {mark.range_bits:5} {does.rms:5.2f} {does.largest:5.1f} {does.noise:6.1f} {share:>6} "
        f"{psnr:>5} {does.ssim:8.5f} {does.ssim_window:7.4f} {does.window_changed:7.3f} {does.contrast[5]:5.2f} "
        f"{does.contrast[10]:5.2f} {does.noise_contrast[5]:6.2f} {does.noise_contrast[10]:6.2f} {len(record):7}"
        f"{'' if exact else '  NOT EXACT'}"
    )


def films(folder: Path | None) -> Iterator[tuple[str, Frame, float | None]]:
    for bits in (8, 10, 12, 14, 16):
        yield f"phantom of {bits} bits", phantom(bits=bits), 0.148
    yield "phantom of 12 bits, 512 px", phantom(rows=512, columns=420), 0.72
    try:
        examples = example_films(examples_folder() / "examples", ct=examples_folder() / "ct")
    except InputError as error:
        print(f"the example films are left out: {error.message}")
        examples = ()
    for film in examples:
        found = scan(BytesSource(film.path.read_bytes()))
        frame = next(decode(found.layout, found.pixels, encapsulated=found.encapsulated))
        yield film.path.stem, significant(frame, high_bit=found.layout.high_bit), 0.148
    if folder is not None:
        yield from enlarged(folder)


def enlarged(folder: Path) -> Iterator[tuple[str, Frame, float | None]]:
    """Films of 8 bits as a detector of 12 bits would have them, 0.15 mm a pixel."""
    import cv2

    for path in sorted(folder.iterdir()):
        small: Any = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)
        if small is None:
            continue
        scale = 2500 / max(small.shape)
        size = (round(small.shape[1] * scale), round(small.shape[0] * scale))
        grey = cv2.resize(small, size, interpolation=cv2.INTER_CUBIC).astype(np.float32) * (3900 / 255) + 60
        random = np.random.default_rng(len(path.name))
        grey += (5 + 6 * np.sqrt(np.clip(grey, 0, 4095) / 4096)) * random.standard_normal(grey.shape, dtype=np.float32)
        yield path.stem, Frame(np.clip(np.rint(grey), 0, 4095).astype(np.uint16), "MONOCHROME2", 12), None


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--cxr", type=Path, metavar="DIR", help="a folder of JPEG or PNG films")
    parser.add_argument("--diagnostic", action="store_true", help="the fainter mark too")
    given = parser.parse_args()
    steps()
    print(f"\n{HEADER}")
    for name, frame, spacing in films(given.cxr):
        for strength in spread.RMS if given.diagnostic else (Strength.STANDARD,):
            print(row(name, frame, strength, spacing), flush=True)


if __name__ == "__main__":
    main()
