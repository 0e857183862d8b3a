"""Whether a net finds more under a cover than what the surround says.

The same small U-Net (Ronneberger et al., MICCAI 2015; 0.20 million weights) learns to draw lungs and heart that are covered
on the grid: once from the film with an empty hole, and once from each style. Start, films and their order are the same. What
it gains over the empty hole is what the cover gives away; ``coarse`` stands beside as the proof that a gain would be seen.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
import torch
from films import FOLDERS, Film, read_films, read_pairs
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from views import HEART, LUNGS, covered, parted

from leadglass.model.access import CoverStyle

SIDE = 80
"""Pixels: two for each tile of a mosaic along the longer side."""
WIDTHS = (12, 24, 48, 64)
SEED = 6
STEPS = 160
BATCH = 16
RATE = 3e-3
RESAMPLED = 1000
EMPTY = "empty hole"

Real = NDArray[np.float32]


@dataclass(frozen=True, eq=False)
class Task:
    """What is seen of a film, what is covered, and what is under it: (80, 80) each, 0 to 1."""

    patient: str
    seen: Real
    hidden: Real
    truth: Real


@dataclass(frozen=True)
class Found:
    """Of each film what the net drew under the cover: peak signal to noise in dB, and correlation with the truth."""

    noise: Real
    likeness: Real


class Net(nn.Module):
    """(n, 2, 80, 80) what is seen and what is covered -> (n, 1, 80, 80) what is under it."""

    def __init__(self) -> None:
        super().__init__()
        self.down = nn.ModuleList(_double(a, b) for a, b in zip((2, *WIDTHS), WIDTHS, strict=False))
        self.up = nn.ModuleList(_double(a + b, a) for a, b in zip(WIDTHS[-2::-1], WIDTHS[:0:-1], strict=True))
        self.last = nn.Conv2d(WIDTHS[0], 1, 1)

    def forward(self, x: Tensor) -> Tensor:
        beside = []
        for number, step in enumerate(self.down):
            x = step(functional.max_pool2d(x, 2) if number else x)
            beside.append(x)
        for step, skip in zip(self.up, beside[-2::-1], strict=True):
            x = step(torch.cat([functional.interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1))
        return self.last(x)


def task(film: Film, style: CoverStyle | None) -> Task:
    """Lungs and heart of ``film`` covered in ``style``; null for an empty hole."""
    mask = parted(film, grid=True).mask(LUNGS | HEART)
    truth = _small(film.frame.samples)
    hidden = _small(mask)
    seen = _small(np.where(mask, 0, film.frame.samples) if style is None else covered(film, LUNGS | HEART, style=style))
    return Task(film.patient, seen, hidden, truth)


def learn(tasks: Sequence[Task]) -> Net:
    """A net that draws what is covered, from ``tasks``."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    random = np.random.default_rng(SEED)
    net = Net().train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-3)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=STEPS)
    for _ in range(STEPS):
        some = [tasks[int(number)] for number in random.integers(0, len(tasks), BATCH)]
        inputs, truth = _stacked(some)
        with torch.autocast("cpu", torch.bfloat16):
            drawn = net(inputs.contiguous(memory_format=torch.channels_last))
        hidden = inputs[:, 1:]
        loss = (torch.abs(drawn.float() - truth) * hidden).sum() / hidden.sum()
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def judged(net: Net, tasks: Sequence[Task]) -> Found:
    """What the net draws of films that it has not seen."""
    noise, likeness = [], []
    with torch.inference_mode():
        for each in tasks:
            inputs, _ = _stacked([each])
            drawn, hidden = net(inputs)[0, 0].numpy(), each.hidden > 0.99
            error = float(((drawn - each.truth)[hidden] ** 2).mean())
            noise.append(-10 * np.log10(max(error, 1e-9)))
            likeness.append(_correlation(drawn[hidden], each.truth[hidden]))
    return Found(np.array(noise, np.float32), np.array(likeness, np.float32))


def table(learned: Sequence[Film], asked: Sequence[Film]) -> str:
    """What each style gives away, a table in Markdown; differences with the middle 95 % over resampled patients."""
    found: dict[str, Found] = {}
    for name, style in {EMPTY: None, **{str(style): style for style in CoverStyle}}.items():
        begun = time.process_time()
        net = learn([task(film, style) for film in learned])
        found[name] = judged(net, [task(film, style) for film in asked])
        sys.stderr.write(f"{name}: {time.process_time() - begun:.0f} s of processor\n")
    lines = ["| style | PSNR, dB | gain | correlation | gain |", "| --- | --- | --- | --- | --- |"]
    patients = [film.patient for film in asked]
    lines += [_line(name, each, found[EMPTY], patients) for name, each in found.items()]
    return "\n".join(lines)


def _line(name: str, found: Found, empty: Found, patients: Sequence[str]) -> str:
    gains = [_gain(found.noise - empty.noise, patients, 2), _gain(found.likeness - empty.likeness, patients, 3)]
    return f"| {name} | {found.noise.mean():.2f} | {gains[0]} | {found.likeness.mean():.3f} | {gains[1]} |"


def _gain(differences: Real, patients: Sequence[str], places: int) -> str:
    """The mean difference, and its middle 95 % over patients drawn with replacement."""
    names, number = np.unique(np.array(patients), return_inverse=True)
    random = np.random.default_rng(SEED)
    means = []
    for _ in range(RESAMPLED):
        weights = np.bincount(random.integers(0, len(names), len(names)), minlength=len(names))[number]
        means.append(np.average(differences, weights=weights))
    low, high = np.percentile(means, [2.5, 97.5])
    return f"{differences.mean():+.{places}f} ({low:+.{places}f} to {high:+.{places}f})"


def _double(inside: int, outside: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(inside, outside, 3, 1, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
        nn.Conv2d(outside, outside, 3, 1, 1, bias=False),
        nn.BatchNorm2d(outside),
        nn.ReLU(inplace=True),
    )


def _small(picture: NDArray[np.generic]) -> Real:
    """A picture of 8 bits or a mask at 80 x 80, 0 to 1."""
    highest = 1 if picture.dtype == np.bool_ else 255
    reduced = cv2.resize(picture.astype(np.float32) / highest, (SIDE, SIDE), interpolation=cv2.INTER_AREA)
    return np.asarray(reduced, np.float32)


def _stacked(tasks: Sequence[Task]) -> tuple[Tensor, Tensor]:
    inputs = np.stack([np.stack([each.seen, each.hidden]) for each in tasks])
    return torch.from_numpy(inputs), torch.from_numpy(np.stack([each.truth for each in tasks]))[:, None]


def _correlation(one: Real, other: Real) -> float:
    if one.std() < 1e-6 or other.std() < 1e-6:
        return 0.0
    return float(np.corrcoef(one, other)[0, 1])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--films", type=int, default=300, help="how many films the nets are asked about")
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    learned, asked = read_films(arguments.pack, read_pairs(arguments.pack))
    sys.stdout.write(table(learned, chosen(list(asked.values()), arguments.films)) + "\n")


def chosen(films: Sequence[Film], count: int) -> list[Film]:
    """Some of ``films``, evenly over the sources."""
    by_source = [[film for film in films if film.source == source] for source in FOLDERS]
    return [film for its in by_source for film in its[: max(1, count // len(FOLDERS))]]


if __name__ == "__main__":
    main()
