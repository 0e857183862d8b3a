"""Find and accuse in one run: whose picture is which, over the attack set, among all films at hand.

Run ``python bench/trace.py --cxr PACK --out FOLDER [--films N] [--share S] [--kinds K...] [--forms] [--foreign N]``.
PACK holds ``manifest.csv`` and the pictures it names. For each film and kind of attack one of eight recipients leaks, or
several do; the picture is searched for among all films, brought back, and every recorded release is tried. Traces are
written to FOLDER as they are made, and a run that was ended goes on. Times are of the processor, one thread each.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import sys
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import cv2
import faiss
import numpy as np
from numpy.typing import NDArray

from find import chosen, grey, kept
from leadglass.mark.accuse import accuse, correlate
from leadglass.mark.chips import chips
from leadglass.mark.fingerprint import Index, fingerprint
from leadglass.mark.found import Alignment, Candidate, Original
from leadglass.mark.places import CANDIDATES, SURELY, Picture, places
from leadglass.mark.register import align
from leadglass.mark.spread import original
from leadglass.model.frame import Frame

sys.path.append(str(Path(__file__).parents[1] / "tests" / "sets"))
from attacks import ATTACKS, luma, seed_of
from traced_films import RECIPIENTS, Form, Host, keys_of_nobody, made

NOBODIES = 1000
"""Keys of nobody that are tried on each way of aligning, others for every picture."""
THUMBNAILS = ("nih64",)
"""Folders of pictures that are too small to be films; in the index they are strangers like all others."""
TAILS = (3.0, 4.0, 4.5, 5.0)
FORMS = (
    *(Form(bits=bits) for bits in (8, 10, 16)),
    *(Form(longer=longer) for longer in (512, 1024, 3000)),
    Form(photometric="MONOCHROME1"),
    Form(longer=512, bits=8),
)
NOTHING = {"found": False, "parts": 0, "surely": 0, "named": 0, "wrong": 0, "each": [], "z": 0.0, "tests": 0}
NOTHING |= {"keys": 0, "innocents": [0, 0.0, 0.0, *(0 for _ in TAILS), -9.0]}
"""What a trace that failed has found."""
KINDS_OF_FORMS = ("png", "jpeg-50", "side-512", "crop-25", "turned-7", "clahe-2", "messenger", "monitor", "average-4")


@dataclass(frozen=True)
class Task:
    """One picture to trace: of a host in a form under an attack, or a foreign film."""

    kind: str
    film: int
    form: Form | None = None

    @property
    def name(self) -> str:
        return f"{self.kind} {self.film} {self.form or ''}".strip()


class Bench:
    """The films, and the index of all of them; made once, before the workers are forked."""

    def __init__(self, pack: Path, keep: Path, *, films: int, foreign: int) -> None:
        cv2.setNumThreads(1)
        faiss.omp_set_num_threads(1)
        asked, others = chosen(pack)
        self.paths = asked[:films]
        rows = kept(others, keep)
        # Every so many-th film is left out of the index, with its copies of other sizes: its picture is a stranger's.
        large = [path for path in others if path.parent.name not in THUMBNAILS]
        self.foreign = large[:: max(1, len(large) // foreign)][:foreign] if foreign else []
        names = {path.stem for path in self.foreign}
        left_out = {path for path in others if path.stem in names}
        self.others = [path for path in others if path not in left_out]
        self.rows = [fingerprint(self.host(at).original().samples) for at in range(len(self.paths))]
        self.rows += [row for path, row in zip(others, rows, strict=True) if path not in left_out]
        self.index = Index(enumerate(self.rows))

    @lru_cache(maxsize=2)  # noqa: B019 - as long as the process
    def host(self, film: int, form: Form | None = None) -> Host:
        return made(self.paths[film].stem, np.asarray(grey(self.paths[film])), form)

    @lru_cache(maxsize=8)  # noqa: B019 - as long as the process
    def original(self, film: int) -> Original:
        if film < len(self.paths):
            return self.host(film).original()
        return original(Frame(np.asarray(grey(self.others[film - len(self.paths)])), "MONOCHROME2", 8))

    def keys(self, film: int, form: Form | None) -> list[bytes]:
        if film < len(self.paths):
            return [self.host(film, form).key(recipient) for recipient in range(RECIPIENTS)]
        return list(keys_of_nobody(RECIPIENTS, "film", film))


bench: Bench


def traced(task: Task) -> dict[str, Any]:
    """What tracing says of one picture, beside the truth."""
    picture, truth = _picture(task)
    own, index = None, bench.index
    if task.form is not None:
        # A film in another form is indexed in that form.
        own = bench.host(task.film, task.form).original()
        index = Index(enumerate([*bench.rows[: task.film], fingerprint(own.samples), *bench.rows[task.film + 1 :]]))
    spent: dict[str, float] = defaultdict(float)

    def find(rest: Picture, known: Sequence[NDArray[np.float64]]) -> tuple[Candidate, ...]:
        with _clock(spent, "find"):
            return index.find(rest, without=known, most=CANDIDATES)

    def aligned(rest: Picture, film: int) -> Alignment | None:
        film_original = own if own is not None and film == task.film else bench.original(film)
        with _clock(spent, "align"):
            spent["aligned"] += 1
            return align(rest, film_original)

    parts = places(picture, find=find, align=aligned)
    tests = sum(RECIPIENTS * len(placed.alignment.coefficients) for part in parts for placed in part)
    named: set[tuple[int, int]] = set()
    truths, innocents = [-math.inf] * len(truth), np.zeros(0)
    for placed in (placed for part in parts for placed in part):
        form = task.form if placed.film == task.film else None
        size = (own or bench.original(placed.film)) if placed.film == task.film else bench.original(placed.film)
        with _clock(spent, "accuse"):
            keys = bench.keys(placed.film, form)
            scores = correlate(placed.alignment.coefficients, (chips(key, size.rows, size.columns) for key in keys))
            accusation = accuse(scores, tests=tests)
        named |= {(placed.film, place) for place in accusation.named}
        if placed.film == task.film and truth:
            truths = [max(z, accusation.scores[place].z) for z, place in zip(truths, truth, strict=True)]
        nobody = (chips(key, size.rows, size.columns) for key in keys_of_nobody(NOBODIES, task.name, placed.film))
        innocents = np.append(innocents, correlate(placed.alignment.coefficients, nobody))
    right = {(task.film, place) for place in truth}
    each = [round(z, 2) for z in truths if math.isfinite(z)]
    z = max(each, default=0.0)
    return {
        **_of(task),
        "found": bool(each),
        "parts": len(parts),
        "surely": sum(part[0].alignment.inliers >= SURELY for part in parts),
        "leaked": len(right),
        "named": len(named & right),
        "wrong": len(named - right),
        "each": each,
        "z": z,
        "tests": tests,
        "bound": min(1.0, tests * math.exp(-z * z / 2)) if z > 0 else 1.0,
        "keys": NOBODIES * sum(len(part) for part in parts),
        "innocents": [len(innocents), float(innocents.sum()), float((innocents**2).sum()), *_tails(innocents)],
        **{step: round(seconds, 3) for step, seconds in spent.items()},
    }


def traced_or_failed(task: Task) -> dict[str, Any]:
    """As ``traced``; a trace that fails is said aloud, counts as one that names nobody, and does not end the run."""
    try:
        return traced(task)
    except Exception as error:
        leaked = 0 if task.kind == "foreign" else 1 if task.kind == "extrapolated" else ATTACKS[task.kind].copies
        return {**NOTHING, **_of(task), "leaked": leaked, "error": f"{type(error).__name__}: {error}"}


def _of(task: Task) -> dict[str, Any]:
    form = str(task.form) if task.form else None
    return {"name": task.name, "kind": task.kind, "film": task.film, "form": form}


def _picture(task: Task) -> tuple[Picture, tuple[int, ...]]:
    """The found picture, and the recipients whose copies are in it."""
    if task.kind == "foreign":
        return np.asarray(grey(bench.foreign[task.film])), ()
    attack, host = ATTACKS[task.kind], bench.host(task.film, task.form)
    first = seed_of(task.name) % RECIPIENTS
    leakers = tuple((first + n) % RECIPIENTS for n in range(attack.copies))
    copies = [host.copy(recipient, veiled=attack.veiled) for recipient in leakers]
    others = [_as_film(bench.others[(97 * task.film + 31 * n) % len(bench.others)]) for n in range(3)]
    found = luma(attack(copies, seed=seed_of(task.name), others=others))
    return found, leakers[:1] if task.kind == "extrapolated" else leakers


def _as_film(path: Path) -> NDArray[np.float32]:
    return np.asarray(grey(path), np.float32) / 255


def _tails(innocents: NDArray[np.float64]) -> Iterator[float]:
    yield from (int((innocents > tail).sum()) for tail in TAILS)
    yield float(innocents.max(initial=-9.0))


class _clock:  # noqa: N801 - reads as a statement
    def __init__(self, spent: dict[str, float], step: str) -> None:
        self._spent, self._step = spent, step

    def __enter__(self) -> None:
        self._from = time.process_time()

    def __exit__(self, *_: object) -> None:
        self._spent[self._step] += time.process_time() - self._from


def tasks(arguments: argparse.Namespace) -> list[Task]:
    """What there is to trace: each kind on a share of the films, other ones for other kinds."""
    if arguments.forms:
        return [Task(kind, film, form) for form in FORMS for film in range(4) for kind in KINDS_OF_FORMS]
    films = range(arguments.films)
    chosen_films = {
        kind: [film for at, film in enumerate(films) if ((at + seed_of(kind)) % 20) < round(20 * arguments.share)]
        for kind in arguments.kinds
    }
    made_of = [Task(kind, film) for kind in arguments.kinds for film in chosen_films[kind]]
    # Films in turn, so that whatever is done by the time that somebody looks is of all kinds and films alike.
    made_of += [Task("foreign", film) for film in range(arguments.foreign)]
    return sorted(made_of, key=lambda task: seed_of("order", task.name))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--cxr", type=Path)
    parser.add_argument("--out", type=Path)
    parser.add_argument("--films", type=int, default=22)
    parser.add_argument("--share", type=float, default=0.5, help="of the films that each kind is tried on")
    parser.add_argument("--kinds", nargs="*", default=list(ATTACKS))
    parser.add_argument("--forms", action="store_true", help="depths, sizes and photometric interpretations instead")
    parser.add_argument("--foreign", type=int, default=0, help="films that are in no index")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    if arguments.cxr is None or arguments.out is None:
        print("left out: it needs --cxr PACK and --out FOLDER, a folder of films with its manifest.csv")
        return
    arguments.out.mkdir(parents=True, exist_ok=True)
    lines = arguments.out / ("forms.jsonl" if arguments.forms else "traces.jsonl")
    _same_run(lines, arguments)
    done = {line["name"] for line in _read(lines)}
    global bench
    bench = Bench(arguments.cxr, arguments.out / "rows.npz", films=arguments.films, foreign=arguments.foreign)
    print(f"{len(bench.rows)} films in the index, {np.mean([len(row) for row in bench.rows]):.0f} bytes a film", flush=True)
    waiting = [task for task in tasks(arguments) if task.name not in done]
    with (
        lines.open("a", encoding="utf-8") as file,
        ProcessPoolExecutor(arguments.workers, mp_context=get_context("fork")) as pool,
    ):
        for line in pool.map(traced_or_failed, waiting, chunksize=4):
            if "error" in line:
                print(f"FAILED {line['name']}: {line['error']}", flush=True)
            print(json.dumps(line), file=file, flush=True)
    report(_read(lines))


def _same_run(lines: Path, arguments: argparse.Namespace) -> None:
    """Begin the file of traces with what they are made by; a file that another code or other arguments began is refused."""
    root = Path(__file__).parents[1]
    sources = [*sorted((root / "src/leadglass/mark").glob("*.py")), *sorted((root / "tests/sets").glob("*.py"))]
    code = hashlib.sha256(b"".join(path.read_bytes() for path in [*sources, Path(__file__)])).hexdigest()
    run = {"run": {"code": code, "films": arguments.films, "share": arguments.share, "foreign": arguments.foreign}}
    if not lines.exists():
        lines.write_text(json.dumps(run) + "\n", encoding="utf-8")
    elif json.loads(lines.read_text(encoding="utf-8").split("\n", 1)[0]) != run:
        raise SystemExit(f"{lines} holds traces of other code or arguments; name another folder")


def _read(lines: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in lines.read_text(encoding="utf-8").splitlines()[1:]]


def report(lines: Sequence[dict[str, Any]]) -> None:
    """The tables: by category, by kind, and what innocents scored."""
    ours = [line for line in lines if line["kind"] != "foreign"]
    group = "form" if any(line["form"] for line in ours) else "kind"
    print("| what | traces | all named | one named | found | z least | median | wrong |")
    print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |")
    if group == "kind":
        _table(ours, lambda line: f"**{ATTACKS[line['kind']].category}**")
    _table(ours, lambda line: line[group])
    _table(ours, lambda _: "**all**")
    collusion = [line for line in ours if line["leaked"] > 1]
    if collusion:
        colluders = sum(line["leaked"] for line in collusion)
        least = min(min(line["each"], default=0.0) for line in collusion)
        print(f"colluders named: {sum(line['named'] for line in collusion)} of {colluders}, least z of one {least:.1f}")
    strangers = [line for line in lines if line["kind"] == "foreign"]
    if strangers:
        alike, ours_ = (sum(line[what] > 0 for line in strangers) for what in ("parts", "surely"))
        print(f"foreign films: {len(strangers)}, compared in full {alike}, called ours {ours_}, names {_wrong(strangers)}")
    failed = sum("error" in line for line in lines)
    print(f"traces that failed, counted as naming nobody: {failed}")
    counts = np.array([line["innocents"][:-1] for line in lines]).sum(axis=0)
    total, sums, squares, *tails = counts
    said = ", ".join(
        f"above {tail}: {int(n)} ({total * math.erfc(tail / math.sqrt(2)) / 2:.1f})"
        for tail, n in zip(TAILS, tails, strict=True)
    )
    sd = math.sqrt(squares / total - (sums / total) ** 2)
    keys = sum(line["keys"] for line in lines)
    largest = max(line["innocents"][-1] for line in lines)
    print(f"innocent keys: {keys:,} in {int(total):,} tests, sd {sd:.4f}, {said}, largest {largest:.2f}")
    for step in ("find", "align", "accuse", "trace", "aligned"):
        steps = ("find", "align", "accuse") if step == "trace" else (step,)
        spent = [sum(line.get(part, 0.0) for part in steps) for line in ours]
        print(f"{step}: mean {np.mean(spent):.2f}, 95 % {np.percentile(spent, 95):.2f}, greatest {max(spent):.2f}")


def _wrong(lines: Iterable[dict[str, Any]]) -> int:
    return sum(line["wrong"] for line in lines)


def _table(lines: Iterable[dict[str, Any]], of: Any) -> None:
    groups: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for line in lines:
        groups[of(line)].append(line)
    for name in sorted(groups):
        here = groups[name]
        right = np.mean([line["named"] == line["leaked"] and not line["wrong"] for line in here])
        one = np.mean([line["named"] > 0 and not line["wrong"] for line in here])
        z = [line["z"] for line in here]
        print(
            f"| {name} | {len(here)} | {right:.1%} | {one:.1%} | {np.mean([line['found'] for line in here]):.1%} "
            f"| {min(z):.1f} | {np.median(z):.1f} | {_wrong(here)} |"
        )


if __name__ == "__main__":
    main()
