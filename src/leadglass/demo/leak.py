"""The act in which pictures turn up outside, and are traced to the copies that they came from."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from leadglass.adapters.files import FileSource
from leadglass.demo.pictures import Grey, window_of
from leadglass.demo.teller import Teller
from leadglass.dicom.frames import display, png
from leadglass.errors import RefusedError
from leadglass.flows.session import Session
from leadglass.flows.trace import Traced, prepare, trace
from leadglass.mark.accuse import Verdict
from leadglass.model.frame import Frame
from leadglass.model.release import Release
from leadglass.site import Site
from leadglass.testing.films import small_samples


@dataclass(frozen=True, eq=False)
class Leaked:
    """A picture that was found: what was done to it, what tracing said, and whose copy it is in truth, if anybody's."""

    title: str
    chinese: str
    story: str
    picture: Grey
    traced: Traced
    release: Release | None


def pictures_turn_up(
    folder: Path,
    site: Site,
    sessions: Mapping[str, Session],
    teller: Teller,
    *,
    ward: tuple[Release, Frame],
    company: tuple[Release, Frame],
) -> tuple[Leaked, ...]:
    """Make found pictures of two released copies and of a film that is not ours in ``folder``, and trace them.

    Where the extra ``trace`` is not installed it says so, and traces nothing.

    Raises:
        VerificationError: a claim does not hold.
    """
    teller.chapter("Pictures turn up outside", "图片流出：追查来源")
    if site.aligner is None:
        teller.say("left out: nothing is installed that traces pictures (pip install 'leadglass[trace]')")
        return ()
    folder.mkdir()
    _refused(site, sessions["student.demo"], teller)
    search = prepare(site, sessions["dso.demo"])
    teller.claim(f"{len(search.films)} films can be found, by fingerprints that are sealed film by film", bool(search.films))

    def found(name: str, data: bytes) -> Traced:
        path = folder / name
        path.write_bytes(data)
        teller.command(f"--as dso.demo trace {path}")
        with FileSource(path) as source:
            (traced,) = trace(site, sessions["dso.demo"], search, source, name=name)
        return traced

    return (
        _from_a_phone(found, company, teller),
        _from_a_screen(found, ward, teller),
        _of_a_stranger(found, teller),
    )


def _refused(site: Site, session: Session, teller: Teller) -> None:
    teller.command("--as student.demo trace found.jpg")
    try:
        prepare(site, session)
        said = ""
    except RefusedError as error:
        said = error.message
    teller.claim(f"tracing is a right of its own: {said}", bool(said))


def _from_a_phone(found: Callable[[str, bytes], Traced], copy: tuple[Release, Frame], teller: Teller) -> Leaked:
    release, frame = copy
    picture = _turned(_shrunk(display(frame, window=window_of(frame)), longer=1100), degrees=3.5)
    picture = np.ascontiguousarray(picture[40:-60, 30:-50])
    traced = found("chat.jpg", bytes(imagecodecs.jpeg8_encode(picture, level=75)))
    teller.claim(f"turned, cropped, shrunk, JPEG 75: a copy of {release.recipient}, {_odds(traced)}", _is(traced, release))
    told = "The company's copy, lungs alone, in a chat: turned, cropped, shrunk and compressed."
    return Leaked("In a chat", "聊天群里", told, picture, traced, release)


def _from_a_screen(found: Callable[[str, bytes], Traced], copy: tuple[Release, Frame], teller: Teller) -> Leaked:
    release, frame = copy
    film = _shrunk(display(frame, window=window_of(frame)), longer=860)
    row, column = round(0.42 * film.shape[0]), round(0.3 * film.shape[1])
    film = _with_nodule(film, row=row, column=column, radius=0.022 * film.shape[0])
    screen = np.full((960, 1400), 38, np.uint8)
    screen[:46] = 70
    screen[70 : 70 + film.shape[0], 320 : 320 + film.shape[1]] = film
    traced = found("screen.png", png(screen))
    teller.claim(f"a screenshot: a copy of {release.recipient}, {_odds(traced)}", _is(traced, release))
    seen = any(box.left <= 320 + column < box.right and box.top <= 70 + row < box.bottom for box in traced.altered)
    teller.claim("and a faked one: where a nodule was painted in, it says that the original shows something else", seen)
    told = "The ward's copy on a screen, with a nodule painted in."
    return Leaked("On a screen, and faked", "屏幕截图，且被改动", told, screen, traced, release)


def _of_a_stranger(found: Callable[[str, bytes], Traced], teller: Teller) -> Leaked:
    frame = Frame(small_samples(rows=1000, columns=840, bits=12, seed=11), "MONOCHROME2", 12)
    picture = display(frame)
    traced = found("stranger.png", png(picture))
    teller.claim("a film that is not ours accuses nobody", traced.verdict is Verdict.UNKNOWN)
    return Leaked("Not ours", "非本院胶片", "A picture that shows no film of the site.", picture, traced, None)


def _is(traced: Traced, release: Release) -> bool:
    return traced.verdict is Verdict.RELEASE and [named.release.id for named in traced.named] == [release.id]


def _odds(traced: Traced) -> str:
    """The bound in words, with the number of tests that it counts."""
    bound = traced.false_accusation or 1.0
    exponent = int(np.floor(-np.log10(bound)))
    return f"z = {traced.z:.0f}; by chance at most once in 10^{exponent} pictures"


def _shrunk(picture: Grey, *, longer: int) -> Grey:
    """By area, in whole pixels and then by straight lines."""
    factor = max(1, max(picture.shape) // longer)
    rows, columns = (side // factor for side in picture.shape)
    small = picture[: rows * factor, : columns * factor].reshape(rows, factor, columns, factor).mean(axis=(1, 3))
    scale = longer / max(small.shape)
    return _sampled(
        small,
        np.arange(round(small.shape[0] * scale))[:, np.newaxis] / scale,
        np.arange(round(small.shape[1] * scale))[np.newaxis] / scale,
    )


def _turned(picture: Grey, *, degrees: float) -> Grey:
    rows, columns = picture.shape
    angle = np.deg2rad(degrees)
    y, x = np.arange(rows)[:, np.newaxis] - rows / 2, np.arange(columns)[np.newaxis] - columns / 2
    return _sampled(
        picture.astype(np.float64),
        np.cos(angle) * y + np.sin(angle) * x + rows / 2,
        np.cos(angle) * x - np.sin(angle) * y + columns / 2,
    )


def _sampled(picture: NDArray[np.float64], row: NDArray[np.float64], column: NDArray[np.float64]) -> Grey:
    """The picture at places between its pixels; black beyond its edges."""
    row, column = np.broadcast_arrays(row, column)
    inside = (row >= 0) & (row <= picture.shape[0] - 1) & (column >= 0) & (column <= picture.shape[1] - 1)
    top = np.clip(row.astype(np.int64), 0, picture.shape[0] - 2)
    left = np.clip(column.astype(np.int64), 0, picture.shape[1] - 2)
    down, right = row - top, column - left
    upper = picture[top, left] * (1 - right) + picture[top, left + 1] * right
    lower = picture[top + 1, left] * (1 - right) + picture[top + 1, left + 1] * right
    between: Grey = np.where(inside, np.rint(upper * (1 - down) + lower * down), 0).astype(np.uint8)
    return between


def _with_nodule(picture: Grey, *, row: int, column: int, radius: float) -> Grey:
    y, x = np.arange(picture.shape[0])[:, np.newaxis] - row, np.arange(picture.shape[1])[np.newaxis] - column
    nodule = 140 * np.exp(-(((x * x + y * y) / (1.2 * radius * radius)) ** 2))
    faked: Grey = np.clip(np.rint(picture + nodule), 0, 255).astype(np.uint8)
    return faked
