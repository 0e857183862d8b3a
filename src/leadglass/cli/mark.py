"""``mark``: what the invisible mark would do to films, without a site."""

from __future__ import annotations

import math
import secrets
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from leadglass.cli.terminal import choice, emit, say
from leadglass.errors import InputError

if TYPE_CHECKING:
    from leadglass.dicom.instance import Identified
    from leadglass.model.access import Strength

_FIELDS = (
    "rms",
    "max",
    "noise_share",
    "psnr",
    "ssim",
    "ssim_window",
    "window_changed",
    "contrast_5mm",
    "contrast_10mm",
    "noise_5mm",
    "noise_10mm",
    "spacing",
    "reason",
)


def register(app: typer.Typer) -> None:
    app.command()(mark)


def mark(
    paths: Annotated[list[Path], typer.Argument(metavar="PATH...", help="Files, or folders to walk.")],
    strength: Annotated[
        str, typer.Option(metavar="standard|diagnostic", help="How strong a mark, as a policy would say.")
    ] = "standard",
) -> None:
    """Show what the invisible mark does to films. Writes nothing."""
    from leadglass.model.access import Strength

    chosen = choice(Strength, strength, option="--strength")
    if chosen is Strength.OFF:
        raise InputError("a mark that is off does nothing", hint="--strength standard|diagnostic")
    failed = measured = 0
    for path in paths:
        if not path.exists():
            raise InputError(f"{path} is not there", hint="name a file or a folder")
        for place, problem in _files(path):
            found = {"reason": problem} if problem else _measured(Path(place), chosen)
            reason = found.get("reason")
            emit({"path": place, "strength": chosen.value} | dict.fromkeys(_FIELDS) | found)
            failed, measured = failed + bool(reason), measured + (not reason)
    say(f"{measured} measured; levels are 1/4096 of the range of a film's content")
    if failed:
        raise InputError(f"{failed} of {failed + measured} files were not measured", hint="the reason stands in its line")


def _files(path: Path) -> list[tuple[str, str | None]]:
    from leadglass.adapters.batch.walk import walk

    root = path if path.is_dir() else path.parent
    return [(str(root / found.path), found.problem or found.aside) for found in walk(path)]


def _measured(path: Path, strength: Strength) -> dict[str, Any]:
    """The fields of one file, or the reason why there are none."""
    from leadglass.adapters.files import FileSource
    from leadglass.dicom.frames import decode, significant
    from leadglass.dicom.instance import pixel_spacing, scan
    from leadglass.mark.effect import effect
    from leadglass.mark.spread import add, markable, pattern

    try:
        with FileSource(path) as source:
            film = scan(source)
            frame = next(decode(film.layout, film.pixels, encapsulated=film.encapsulated, held=False))
            frame = significant(frame, high_bit=film.layout.high_bit)
            spacing, window = pixel_spacing(film), _window(film)
    except InputError as error:
        return {"reason": error.message}
    if not markable(frame):
        return {"reason": f"no mark for {frame.photometric} of {frame.bits_stored} bits stored"}
    made = pattern(frame, key=secrets.token_bytes(32), strength=strength)
    does = effect(frame, add(frame, made), made, spacing=spacing, window=window)
    return {
        "rms": round(does.rms, 3),
        "max": round(does.largest, 2),
        "noise_share": None if does.noise_share is None else round(does.noise_share, 3),
        "psnr": None if does.psnr is None else round(does.psnr, 1),
        "ssim": round(does.ssim, 6),
        "ssim_window": round(does.ssim_window, 5),
        "window_changed": round(does.window_changed, 4),
        "contrast_5mm": round(does.contrast[5], 2),
        "contrast_10mm": round(does.contrast[10], 2),
        "noise_5mm": round(does.noise_contrast[5], 2),
        "noise_10mm": round(does.noise_contrast[10], 2),
        "spacing": None if spacing is None else [round(each, 4) for each in spacing],
    }


def _window(film: Identified) -> tuple[float, float] | None:
    """The file's first window in stored values, where it has one (PS3.3 C.11.2)."""
    centre, width = _numbers(film, 0x00281050), _numbers(film, 0x00281051)
    slope, intercept = _numbers(film, 0x00281053) or (1.0,), _numbers(film, 0x00281052) or (0.0,)
    if not centre or not width or slope[0] <= 0 or width[0] < slope[0]:
        return None
    return (centre[0] - intercept[0]) / slope[0], width[0] / slope[0]


def _numbers(film: Identified, tag: int) -> tuple[float, ...]:
    try:
        numbers = tuple(float(each) for each in (film.value(tag) or b"").rstrip(b" \0").split(b"\\") if each.strip())
    except ValueError:
        return ()
    return numbers if all(map(math.isfinite, numbers)) else ()
