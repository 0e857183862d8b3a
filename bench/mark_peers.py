"""Our mark beside two blind tools: the same films, the same attacks, an id of 32 bits for each of eight recipients.

Run ``python bench/mark_peers.py --cxr PACK [--films N]`` in an environment that has ``blind-watermark`` and
``invisible-watermark`` beside what the tests need; a tool that is missing is said to be. Peers read the picture as it was
found, and once more after our registration has put it back into the film's frame: they know nothing of the original. A
recipient is named where no more than two of the 32 bits are wrong: chance would do so for one of eight in a million, which
is the bound that ours keeps.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib
import importlib.util
import math
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from leadglass.mark.accuse import accuse, correlate
from leadglass.mark.chips import chips
from leadglass.mark.found import Alignment
from leadglass.mark.register import align

sys.path.append(str(Path(__file__).parents[1] / "tests" / "sets"))
from attacks import ATTACKS, grey, luma, seed_of
from captures import Picture
from traced_films import RECIPIENTS, Form, Host, displayed, made

BITS, WRONG_AT_MOST = 32, 2
GROUPS = {
    "untouched": ("png",),
    "tone": ("window-half", "gamma-2", "equalised", "inverted"),
    "lossy": ("jpeg-50", "jpeg-25", "webp-30"),
    "geometry": ("half-size", "crop-25", "turned-7", "mirrored"),
    "covered or framed": ("black-boxes", "screenshot"),
    "chains and photos": ("messenger", "monitor", "print-scan"),
    "removal": ("clahe-2", "median-5", "bent-slightly"),
    "collusion of 4": ("average-4",),
}

Id = NDArray[np.bool_]
Embed = Callable[[Picture, Id], Picture]
Extract = Callable[[Picture], Id]


@dataclass(frozen=True)
class Tool:
    """A blind tool on grey pictures of 8 bits."""

    name: str
    embed: Embed
    extract: Extract


@dataclass
class Score:
    """Of one tool in one group: pictures, leakers named and nobody else, somebody else named, and the share of bits read."""

    pictures: int = 0
    right: dict[str, int] = field(default_factory=lambda: {"raw": 0, "realigned": 0})
    wrong: dict[str, int] = field(default_factory=lambda: {"raw": 0, "realigned": 0})
    bits: dict[str, list[float]] = field(default_factory=lambda: {"raw": [], "realigned": []})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cxr", type=Path)
    parser.add_argument("--films", type=int, default=3)
    parser.add_argument("--side", type=int, default=1024, help="longer side of the films")
    arguments = parser.parse_args()
    if arguments.cxr is None:
        print("left out: it needs --cxr PACK, a folder of films with its manifest.csv")
        return
    cv2.setNumThreads(1)
    paths = sorted((arguments.cxr / "fullres").iterdir())[:: max(1, 13 // arguments.films)][: arguments.films]
    hosts = [made(path.stem, _read(path), Form(longer=arguments.side)) for path in paths]
    tools = [*blind_watermark(), *invisible_watermark()]
    scores = {name: {group: Score() for group in GROUPS} for name in ("leadglass", *(tool.name for tool in tools))}
    cost: dict[str, list[tuple[float, float]]] = {name: [] for name in scores}
    for host in hosts:
        ours(host, scores["leadglass"], cost["leadglass"])
        for tool in tools:
            theirs(tool, host, scores[tool.name], cost[tool.name])
    report(scores, cost)


def ours(host: Host, scores: dict[str, Score], cost: list[tuple[float, float]]) -> None:
    started = time.process_time()
    copies = [host.copy(recipient) for recipient in range(RECIPIENTS)]
    seconds = (time.process_time() - started) / RECIPIENTS
    cost.append((seconds, _change(copies[0], displayed(host.frame, host.frame))))
    original = host.original()
    for group, kind, leakers in _cases():
        picture = _leaked(kind, [copies[at] for at in leakers], host)
        alignment = align(picture, original)
        score = scores[group]
        score.pictures += 1
        if alignment is None:
            continue
        keys = (chips(host.key(at), original.rows, original.columns) for at in range(RECIPIENTS))
        z = correlate(alignment.coefficients, keys)
        named = set(accuse(z, tests=z.size).named)
        for how in ("raw", "realigned"):
            score.right[how] += named == set(leakers)
            score.wrong[how] += bool(named - set(leakers))


def theirs(tool: Tool, host: Host, scores: dict[str, Score], cost: list[tuple[float, float]]) -> None:
    film, original = displayed(host.frame, host.frame), host.original()
    ids = [_id(host.name, recipient) for recipient in range(RECIPIENTS)]
    needed = sorted({at for _, _, leakers in _cases() for at in leakers})
    copies: dict[int, NDArray[np.float32]] = {}
    for at in needed:
        started = time.process_time()
        copies[at] = tool.embed(grey(film), ids[at]).astype(np.float32) / 255
        cost.append((time.process_time() - started, _change(copies[at], film)))
    for group, kind, leakers in _cases():
        picture = _leaked(kind, [copies[at] for at in leakers], host)
        score = scores[group]
        score.pictures += 1
        alignment = align(picture, original)
        back = picture if alignment is None else _put_back(picture, alignment, host)
        for how, found in (("raw", picture), ("realigned", back)):
            _judge(tool.extract(found), ids, leakers, score, how)


def _judge(read: Id, ids: Sequence[Id], leakers: Sequence[int], score: Score, how: str) -> None:
    named = {at for at, each in enumerate(ids) if int((read != each).sum()) <= WRONG_AT_MOST}
    score.right[how] += named == set(leakers)
    score.wrong[how] += bool(named - set(leakers))
    score.bits[how].append(max(float((read == ids[at]).mean()) for at in leakers))


def _cases() -> list[tuple[str, str, tuple[int, ...]]]:
    """Group, kind, and who leaks."""
    return [(group, kind, tuple(range(ATTACKS[kind].copies))) for group, kinds in GROUPS.items() for kind in kinds]


def _leaked(kind: str, copies: Sequence[NDArray[np.float32]], host: Host) -> Picture:
    return luma(ATTACKS[kind](copies, seed=seed_of(kind, host.name)))


def _put_back(picture: Picture, alignment: Alignment, host: Host) -> Picture:
    """The found picture in the film's frame and sense of grey, by our homography."""
    size = (host.frame.columns, host.frame.rows)
    flags = cv2.INTER_CUBIC | cv2.WARP_INVERSE_MAP
    back = cv2.warpPerspective(picture, alignment.homography, size, flags=flags)
    return np.asarray(255 - back if alignment.inverted else back, np.uint8)


def _id(film: str, recipient: int) -> Id:
    digest = hashlib.sha256(f"id|{film}|{recipient}".encode()).digest()
    return np.unpackbits(np.frombuffer(digest[: BITS // 8], np.uint8)).astype(np.bool_)


def _change(copy: NDArray[np.float32], film: NDArray[np.float32]) -> float:
    """Root mean square of what was done to the displayed film, in 1/4096 of its range."""
    return float(np.sqrt(np.mean((copy - film) ** 2)) * 4096)


def _read(path: Path) -> Picture:
    return np.asarray(cv2.imread(str(path), cv2.IMREAD_GRAYSCALE), np.uint8)


# --- the tools --------------------------------------------------------------------------------------------------------


def blind_watermark() -> list[Tool]:
    try:
        module = importlib.import_module("blind_watermark")
    except ImportError:
        print("blind-watermark is not installed")
        return []
    module.bw_notes.close()

    def embed(picture: Picture, bits: Id) -> Picture:
        tool = module.WaterMark(password_img=1, password_wm=1)
        tool.read_img(img=_rgb(picture))
        tool.read_wm(bits.tolist(), mode="bit")
        return _grey(np.clip(np.rint(tool.embed()), 0, 255).astype(np.uint8))

    def extract(picture: Picture) -> Id:
        tool = module.WaterMark(password_img=1, password_wm=1)
        read = tool.extract(embed_img=_rgb(picture), wm_shape=BITS, mode="bit")
        return np.asarray(read) > 0.5

    return [Tool("blind-watermark 0.4.4", embed, extract)]


def invisible_watermark() -> list[Tool]:
    """Its two classical methods, made to mark brightness: as shipped they mark colour, which a grey film does not have."""
    spec = importlib.util.find_spec("imwatermark")
    if spec is None or not spec.submodule_search_locations:
        print("invisible-watermark is not installed")
        return []
    folder = Path(spec.submodule_search_locations[0])
    tools = []
    for name, file, kind in (("dwtDct", "maxDct", "EmbedMaxDct"), ("dwtDctSvd", "dwtDctSvd", "EmbedDwtDctSvd")):
        method = getattr(_module(folder / f"{file}.py"), kind)
        tools.append(_invisible(f"invisible-watermark 0.2.0 {name}, luma", method))
    return tools


def _invisible(name: str, method: Any) -> Tool:
    def embed(picture: Picture, bits: Id) -> Picture:
        return _grey(method(bits.astype(int).tolist(), wmLen=BITS, scales=[36, 0, 0]).encode(_rgb(picture)))

    def extract(picture: Picture) -> Id:
        if min(picture.shape) < 256:
            picture = np.asarray(cv2.resize(picture, None, fx=2, fy=2), np.uint8)
        return np.asarray(method(wmLen=BITS, scales=[36, 0, 0]).decode(_rgb(picture)), np.bool_)

    return Tool(name, embed, extract)


def _module(path: Path) -> ModuleType:
    """One file of a package whose other files would need a deep learning framework."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    if spec is None or spec.loader is None:
        raise ImportError(f"no module in {path.name}")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _rgb(picture: Picture) -> Picture:
    return np.repeat(picture[..., np.newaxis], 3, axis=2)


def _grey(picture: Any) -> Picture:
    return np.asarray(cv2.cvtColor(picture, cv2.COLOR_BGR2GRAY), np.uint8)


# --- the table --------------------------------------------------------------------------------------------------------


def report(scores: dict[str, dict[str, Score]], cost: dict[str, list[tuple[float, float]]]) -> None:
    seconds, change = (float(np.mean([pair[part] for pair in cost["leadglass"]])) for part in (0, 1))
    print("change as displayed, in 1/4096 of the film's range, and CPU seconds to put a mark on:")
    for name, pairs in cost.items():
        took, did = (float(np.mean([pair[part] for pair in pairs])) for part in (0, 1))
        print(f"  {name:40} rms {did:7.1f} ({did / change:5.1f} x ours)   {took:6.3f} s ({took / seconds:6.1f} x ours)")
    print("| tool | " + " | ".join(GROUPS) + " | all | ours / theirs |\n|" + " --- |" * (len(GROUPS) + 3))
    best = _right(scores["leadglass"].values(), "realigned")
    for name, groups in scores.items():
        for how in ("realigned",) if name == "leadglass" else ("raw", "realigned"):
            cells = [_cell(groups[group], how) for group in GROUPS]
            share = _right(groups.values(), how)
            ratio = f"{best / share:.2f}" if share else "-" if math.isclose(best, 0) else "inf"
            wrong = sum(score.wrong[how] for score in groups.values())
            print(f"| {name}, {how} | {' | '.join(cells)} | {share:.0%}, {wrong} wrong names | {ratio} |")


def _cell(score: Score, how: str) -> str:
    bits = score.bits[how]
    return f"{score.right[how]}/{score.pictures}" + (f" ({np.mean(bits):.2f} of bits)" if bits else "")


def _right(scores: Any, how: str) -> float:
    listed = list(scores)
    return sum(score.right[how] for score in listed) / max(sum(score.pictures for score in listed), 1)


if __name__ == "__main__":
    main()
