"""Train the outline net and write ``src/leadglass/anatomy/model/outlines.onnx``.

Run ``PYTHONPATH=src python training/anatomy/train.py PACK --out FOLDER`` where PACK holds ``manifest.csv`` and the pictures
it names. One thread, everything seeded, a schedule of steps and not of minutes. Each leg has a learning rate that falls to
nothing; the weights are a moving average over steps, written after each leg, and a leg can go on from the file before it.
"""

from __future__ import annotations

import argparse
import copy
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import cv2
import hearts
import numpy as np
import torch
from augment import Example, Picture, example
from films import Bytes, Film, load, unmarked
from net import Exported, OutlineNet
from torch import Tensor
from torch.nn import functional

from leadglass.anatomy.prepare import SIDE, Placed, even, square


@dataclass(frozen=True)
class Leg:
    """A stretch of training: steps, the highest learning rate, how often a film is turned or mirrored and how many of these
    are mirrored, what the pose counts in the loss beside about one for the outlines, whether unmarked films take part."""

    steps: int
    rate: float
    turned: float
    mirrored: float
    pose: float
    unmarked: bool = False


SEED = 6
BATCH = 12
LEGS = (
    Leg(2000, 2e-3, turned=0.14, mirrored=0.4, pose=0.15),
    Leg(1600, 1.0e-3, turned=0.16, mirrored=0.55, pose=0.3, unmarked=True),
)
SHARES = {"kermany512": 0.46, "kermany224": 0.18, "hannover_seg512": 0.31, "cohen512": 0.05}
UNMARKED_SHARES = {"hannover512": 0.12, "nih64": 0.10}
"""How often a film of each folder is drawn: adults are few, and give more."""
AVERAGED = 0.995
MADE_HEART = 0.5
GUESSED = 0.5
"""What outlines count that the net itself drew after its first leg, on films where it was sure."""
SURE = 0.18
"""The share of unsure pixels that such a film may have (``leadglass.anatomy.belief``)."""


def batch(groups: dict[str, list[Film]], films: list[Film], leg: Leg, random: np.random.Generator) -> list[Example]:
    """Examples of one step."""
    names = list(groups)
    shares = np.array([{**SHARES, **UNMARKED_SHARES}[name] for name in names])
    drawn = [groups[names[g]] for g in random.choice(len(names), BATCH, p=shares / shares.sum())]
    films_drawn = [group[int(random.integers(len(group)))] for group in drawn]
    return [example(films, film, random, turned=leg.turned, mirrored=leg.mirrored) for film in films_drawn]


def guess(net: OutlineNet, films: list[Film]) -> int:
    """Draw lungs and hearts on unmarked films where the net is sure of them; how many those are."""
    count = 0
    for film in films:
        if film.source == "nih64":
            continue
        place, chances = outlined(net, film.picture)
        unsure = ((chances[:2] > 0.1) & (chances[:2] < 0.9)).sum() / max(1, (chances[:2] > 0.5).sum())
        if unsure < SURE:
            inside = chances[:, place.top : place.top + place.height, place.left : place.left + place.width]
            size = (film.picture.shape[1], film.picture.shape[0])
            for bit in range(3):
                film.bits |= (np.asarray(cv2.resize(inside[bit], size)) > 0.5).astype(np.uint8) << bit
            film.weights[:3] = GUESSED, GUESSED, GUESSED / 2
            count += 1
    return count


def outlined(net: OutlineNet, picture: Bytes) -> tuple[Placed, Picture]:
    """Where a film lies in the square, and the net's chances there, shape (4, side, side)."""
    place = Placed.of(*picture.shape)
    small = cv2.resize(picture, (place.width, place.height), interpolation=cv2.INTER_AREA)
    with torch.no_grad():
        logits, _ = net(torch.from_numpy(square(even(np.asarray(small, np.float64)), place))[None, None])
    return place, torch.sigmoid(logits[0]).numpy()


def loss_of(net: OutlineNet, examples: list[Example], *, pose_counts: float) -> Tensor:
    """Cross entropy and soft Dice of every channel by its weight, ribs inside the lungs alone; and the pose's."""
    pictures = torch.from_numpy(np.stack([each.picture for each in examples]))[:, None]
    field = torch.from_numpy(np.stack([each.bits for each in examples])).int()
    truth = torch.stack([(field >> bit) & 1 for bit in range(4)], 1).float()
    weights = torch.from_numpy(np.stack([each.weights for each in examples]))
    with torch.autocast("cpu", torch.bfloat16):
        logits, pose = net(pictures.contiguous(memory_format=torch.channels_last))
    logits, pose = logits.float(), pose.float()
    lungs = (truth[:, :1] + truth[:, 1:2] > 0).float()
    looked = torch.cat([torch.ones_like(truth[:, :3]), lungs], 1)
    entropy = (functional.binary_cross_entropy_with_logits(logits, truth, reduction="none") * looked).sum((2, 3))
    entropy = entropy / (looked.sum((2, 3)) + 1)
    chance = torch.sigmoid(logits) * looked
    overlap = 2 * (chance * truth).sum((2, 3)) / ((chance + truth).sum((2, 3)) + 1)
    outlines = ((entropy + 1 - overlap) * weights).sum() / (weights.sum() + 1)
    poses = torch.tensor([each.pose for each in examples])
    return outlines + pose_counts * functional.cross_entropy(pose, poses, label_smoothing=0.02)


def averaged(mean: OutlineNet, net: OutlineNet, share: float) -> None:
    """Move the mean towards the net, by one minus ``share``."""
    with torch.no_grad():
        for kept, new in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
            if kept.dtype.is_floating_point:
                kept.lerp_(new, 1 - share)
            else:
                kept.copy_(new)


def agreement(net: OutlineNet, films: list[Film]) -> dict[str, float]:
    """Mean Dice of both lungs together, by folder, at the net's own size."""
    found: dict[str, list[float]] = {}
    for film in films:
        place, chances = outlined(net, film.picture)
        bits = cv2.resize(film.bits, (place.width, place.height), interpolation=cv2.INTER_NEAREST)
        inside = chances[:2, place.top : place.top + place.height, place.left : place.left + place.width] > 0.5
        truth = np.stack([np.asarray(bits) & 1, np.asarray(bits) & 2]) > 0
        found.setdefault(film.source, []).append(2 * (inside & truth).sum() / (inside.sum() + truth.sum()))
    return {source: round(float(np.mean(values)), 4) for source, values in found.items()}


def walk(net: OutlineNet, films: list[Film], leg: Leg, *, seed: int) -> OutlineNet:
    """One leg of training; the mean of its weights."""
    random, steps, rate = np.random.default_rng(seed), leg.steps, leg.rate
    groups: dict[str, list[Film]] = {}
    for film in films:
        groups.setdefault(film.source, []).append(film)
    marked = [film for film in films if film.weights.any()]
    mean = copy.deepcopy(net).eval()
    optimiser = torch.optim.AdamW(net.parameters(), rate, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, rate, total_steps=steps, pct_start=0.05, div_factor=10, final_div_factor=1000, cycle_momentum=False
    )
    begun, total = time.process_time(), 0.0
    net.train()
    for step in range(1, steps + 1):
        loss = loss_of(net, batch(groups, marked, leg, random), pose_counts=leg.pose)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        optimiser.step()
        schedule.step()
        averaged(mean, net, min(AVERAGED, step / (step + 10)))
        total += loss.item()
        if step % 100 == 0:
            say(f"step {step} of {steps}: loss {total / 100:.3f}, {time.process_time() - begun:.0f} s of processor")
            total = 0.0
    return mean


def say(text: str) -> None:
    sys.stderr.write(f"{text}\n")
    sys.stderr.flush()


def export(net: OutlineNet, path: Path) -> None:
    """The net as ONNX, operator set 18, one picture of a fixed size."""
    torch.onnx.export(
        Exported(net).eval(),
        (torch.rand(1, 1, SIDE, SIDE),),
        str(path),
        input_names=["picture"],
        output_names=["outlines", "pose"],
        opset_version=18,
        dynamo=False,
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("pack", type=Path)
    parser.add_argument("--out", type=Path, required=True, help="folder for weights and outlines.onnx")
    parser.add_argument("--first", type=int, default=1, help="the leg to begin with; later ones go on from the file before")
    parser.add_argument("--last", type=int, default=len(LEGS), help="the leg to end with")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    cv2.setNumThreads(1)
    torch.manual_seed(SEED)
    arguments.out.mkdir(parents=True, exist_ok=True)
    films, kept = load(arguments.pack, "train"), load(arguments.pack, "val")
    hearts.make(films, hearts.taught(arguments.pack, seed=SEED), weight=MADE_HEART)
    say(f"{len(films)} films, {len(kept)} to look at; {time.process_time():.0f} s of processor")
    net = OutlineNet().to(memory_format=torch.channels_last)
    for number, leg in enumerate(LEGS[: arguments.last], 1):
        weights = arguments.out / f"leg{number}.pt"
        if number < arguments.first:
            net.load_state_dict(torch.load(weights, weights_only=True))
            continue
        more = unmarked(arguments.pack) if leg.unmarked else []
        if more:
            say(f"outlines guessed on {guess(net.eval(), more)} of {len(more)} films that nobody drew on")
        net = walk(net, films + more, leg, seed=SEED + number)
        torch.save(net.state_dict(), weights)
        export(net, arguments.out / "outlines.onnx")
        say(f"leg {number}: lungs {agreement(net, kept)}")


if __name__ == "__main__":
    main()
