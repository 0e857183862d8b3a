"""The convolutional attacker: a net that draws films of one patient together and pushes others apart.

Contrastive loss over pairs in a batch (Chen et al., "SimCLR", ICML 2020; with patients for labels: Khosla et al.,
NeurIPS 2020), residual blocks after He et al. (CVPR 2016), 0.95 million weights. Batches are of one source, so that
telling hospitals apart is of no use. Learned anew for each view; one thread, seeded, a schedule of steps. A large net that
trained for days would find more: this one is a floor.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections import defaultdict
from collections.abc import Mapping, Sequence
from itertools import pairwise
from pathlib import Path

import cv2
import numpy as np
import torch
from attack import judged
from films import FOLDERS, Film, Pair, read_films, read_pairs
from measure import Area
from numpy.typing import NDArray
from torch import Tensor, nn
from torch.nn import functional
from views import VIEWS, View

SIDE = 96
SEED = 6
STEPS = 240
PATIENTS = 32
"""Of one batch, with two films each, or as many as a source has."""
RATE = 2e-3
TEMPERATURE = 0.12
WIDTHS = (24, 48, 96, 160)
VIEWED = (
    "whole film",
    "only the lungs shown, mosaic, grid",
    "lungs hidden, mosaic, grid",
    "everything hidden, coarse",
    "everything hidden",
)
"""The views that the net is asked about: it costs minutes for each."""

Bytes = NDArray[np.uint8]


class Residual(nn.Module):
    """Two convolutions beside a shortcut, at half the size."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.body = nn.Sequential(
            nn.Conv2d(inside, outside, 3, 2, 1, bias=False),
            nn.BatchNorm2d(outside),
            nn.ReLU(inplace=True),
            nn.Conv2d(outside, outside, 3, 1, 1, bias=False),
            nn.BatchNorm2d(outside),
        )
        self.short = nn.Sequential(nn.Conv2d(inside, outside, 1, 2, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.body(x) + self.short(x))


class Encoder(nn.Module):
    """(n, 1, 96, 96) pictures, 0 to 1 -> (n, 128) unit vectors. What remains of the place of things is a 6 x 6 grid."""

    def __init__(self) -> None:
        super().__init__()
        stem = nn.Sequential(nn.Conv2d(1, WIDTHS[0], 5, 2, 2, bias=False), nn.BatchNorm2d(WIDTHS[0]), nn.ReLU(inplace=True))
        blocks = [Residual(a, b) for a, b in pairwise(WIDTHS)]
        self.body = nn.Sequential(stem, *blocks)
        self.head = nn.Sequential(nn.Conv2d(WIDTHS[-1], 84, 1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(84 * 36, 128))

    def forward(self, picture: Tensor) -> Tensor:
        mean = picture.mean((2, 3), keepdim=True)
        spread = picture.std((2, 3), keepdim=True)
        return functional.normalize(self.head(self.body((picture - mean) / (spread + 1e-2))), dim=1)


def small(picture: Bytes) -> Bytes:
    """A picture as the net takes it."""
    return np.asarray(cv2.resize(picture, (SIDE, SIDE), interpolation=cv2.INTER_AREA), np.uint8)


def learn(pictures: Mapping[str, Bytes], films: Sequence[Film], *, steps: int = STEPS) -> Encoder:
    """A net from ``pictures`` (96, 96) by path of ``films``, whose patients have several each."""
    torch.manual_seed(SEED)
    torch.set_num_threads(1)
    random = np.random.default_rng(SEED)
    groups = _grouped(films)
    sources = [source for source in FOLDERS if source in groups]
    shares = np.array([len(groups[source]) ** 0.5 for source in sources])
    net = Encoder().train().to(memory_format=torch.channels_last)
    optimiser = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps)
    begun = time.process_time()
    for step in range(steps):
        patients = groups[sources[int(random.choice(len(sources), p=shares / shares.sum()))]]
        drawn = random.permutation(len(patients))[:PATIENTS]
        paths = [path for number in drawn for path in random.permutation(patients[number])[:2]]
        batch = torch.from_numpy(np.stack([_varied(pictures[path], random) for path in paths]))[:, None]
        with torch.autocast("cpu", torch.bfloat16):
            codes = net(batch.contiguous(memory_format=torch.channels_last))
        loss = _contrast(codes.float())
        optimiser.zero_grad(set_to_none=True)
        loss.backward()
        optimiser.step()
        schedule.step()
        if step % 100 == 99:
            sys.stderr.write(
                f"step {step + 1}: loss {float(loss.detach()):.3f}, {time.process_time() - begun:.0f} s of processor\n"
            )
    return net.eval()


def likeness(net: Encoder, pictures: Mapping[str, Bytes], pairs: Sequence[Pair]) -> dict[Pair, float]:
    """The products of the codes of each pair."""
    paths = sorted({path for pair in pairs for path in (pair.one, pair.other)})
    codes: dict[str, Tensor] = {}
    with torch.inference_mode():
        for first in range(0, len(paths), 64):
            some = paths[first : first + 64]
            batch = torch.from_numpy(np.stack([pictures[path] for path in some])).float()[:, None] / 255
            codes.update(zip(some, net(batch), strict=True))
    # Pictures that are the same have codes that differ in the last digits by their place in a batch.
    return {pair: round(float(codes[pair.one] @ codes[pair.other]), 4) for pair in pairs}


def _grouped(films: Sequence[Film]) -> dict[str, list[list[str]]]:
    """Paths by source and patient."""
    groups: dict[str, dict[str, list[str]]] = defaultdict(lambda: defaultdict(list))
    for film in films:
        groups[film.source][film.patient].append(film.path)
    return {source: list(patients.values()) for source, patients in groups.items()}


def _varied(picture: Bytes, random: np.random.Generator) -> NDArray[np.float32]:
    """A picture shifted, scaled and turned a little, with another contrast; 0 to 1."""
    turn = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), random.normal(0, 3), np.exp(random.normal(0, 0.05)))
    turn[:, 2] += random.normal(0, 2.5, 2)
    moved = cv2.warpAffine(picture, turn, (SIDE, SIDE), flags=cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    bright = (moved.astype(np.float32) / 255) ** np.exp(random.normal(0, 0.2))
    return (bright + random.normal(0, 0.01, bright.shape)).astype(np.float32)


def _contrast(codes: Tensor) -> Tensor:
    """The cross entropy of finding each film's partner, its neighbour in the batch, among all others."""
    likely = codes @ codes.T / TEMPERATURE
    likely.fill_diagonal_(-1e4)
    partners = torch.arange(len(codes)) ^ 1
    return functional.cross_entropy(likely, partners)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("pack", type=Path)
    parser.add_argument("--views", nargs="+", default=VIEWED, help=f"of: {'; '.join(VIEWS)}")
    parser.add_argument("--steps", type=int, default=STEPS)
    arguments = parser.parse_args()
    cv2.setNumThreads(1)
    pairs = read_pairs(arguments.pack)
    learned, asked = read_films(arguments.pack, pairs)
    for name in arguments.views:
        found = attacked(VIEWS[name], learned, asked, pairs, steps=arguments.steps)
        sys.stdout.write(f"| {name} | {' | '.join(str(area) for area in found)} |\n")
        sys.stdout.flush()


def attacked(
    view: View, learned: Sequence[Film], asked: Mapping[str, Film], pairs: Sequence[Pair], *, steps: int = STEPS
) -> list[Area]:
    """The area under the curve of each of ``FOLDERS``, by a net that learned from films as ``view`` shows them."""
    net = learn({film.path: small(view(film)) for film in learned}, learned, steps=steps)
    found = likeness(net, {path: small(view(film)) for path, film in asked.items()}, pairs)
    return [judged({pair: like for pair, like in found.items() if pair.source == source}, asked) for source in FOLDERS]


if __name__ == "__main__":
    main()
