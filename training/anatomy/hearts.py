"""Made heart masks: what the lungs' shape says about the heart's.

Few films have a heart that somebody drew, and most of those pictures may not be used for shipped weights, while the drawn
masks (General Blockchain, CC BY 4.0) may. So a small net learns lungs -> cardiomediastinum from masks alone, no picture is
looked at, and its answers teach the picture net at half weight.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import cv2
import numpy as np
import torch
from films import Bytes, Film, manifest
from net import conv
from torch import Tensor, nn
from torch.nn import functional

SIDE = 96
STEPS, BATCH = 350, 12


class ShapeNet(nn.Module):
    """(n, 2, 96, 96) lungs -> (n, 1, 96, 96) heart logits."""

    def __init__(self) -> None:
        super().__init__()
        self.fine = conv(2, 12, kernel=5, stride=2)
        self.middle = nn.Sequential(conv(12, 24, stride=2), conv(24, 32))
        self.coarse = nn.Sequential(conv(32, 48, stride=2), conv(48, 48), conv(48, 64, stride=2), conv(64, 64))
        self.up = nn.ModuleList([conv(64 + 32, 32), conv(32 + 12, 24)])
        self.head = nn.Sequential(nn.Conv2d(24, 4, 1), nn.PixelShuffle(2))

    def forward(self, lungs: Tensor) -> Tensor:
        fine = self.fine(lungs)
        middle = self.middle(fine)
        x = functional.interpolate(self.coarse(middle), scale_factor=4.0, mode="nearest")
        x = functional.interpolate(self.up[0](torch.cat([x, middle], 1)), scale_factor=2.0, mode="nearest")
        result: Tensor = self.head(self.up[1](torch.cat([x, fine], 1)))
        return result


def boxed(bits: Bytes) -> Bytes:
    """The bit field in a square, shape (96, 96)."""
    rows, columns = bits.shape
    scale = SIDE / max(rows, columns)
    height, width = round(rows * scale), round(columns * scale)
    square = np.zeros((SIDE, SIDE), np.uint8)
    top, left = (SIDE - height) // 2, (SIDE - width) // 2
    square[top : top + height, left : left + width] = cv2.resize(bits, (width, height), interpolation=cv2.INTER_NEAREST)
    return square


def drawn(pack: Path) -> list[Bytes]:
    """Every drawn mask with lungs and heart, of the split ``train``; masks alone, of any tier."""
    rows = [row for row in manifest(pack) if row["split"] == "train" and row["mask"] and int(row["mask_bits"]) & 7 == 7]
    return [boxed(np.asarray(cv2.imread(str(pack / row["mask"]), cv2.IMREAD_UNCHANGED)) & 7) for row in rows]


def varied(bits: Bytes, random: np.random.Generator) -> Bytes:
    """The mask turned, scaled, sheared, shifted, and its lungs a little larger or smaller."""
    angle, scale = random.normal(0, 6), np.exp(random.normal(0, 0.18))
    matrix = cv2.getRotationMatrix2D((SIDE / 2, SIDE / 2), angle, scale)
    matrix[:, :2] = matrix[:, :2] @ (np.eye(2) + random.normal(0, 0.08, (2, 2)))
    matrix[:, 2] += (SIDE / 2 - matrix[:, :2] @ (SIDE / 2, SIDE / 2) - matrix[:, 2]) + random.normal(0, 5, 2)
    moved: Any = cv2.warpAffine(bits, matrix, (SIDE, SIDE), flags=cv2.INTER_NEAREST)
    reach = int(random.integers(-2, 3))
    if reach:
        change = cv2.dilate if reach > 0 else cv2.erode
        lungs = [change((moved >> bit) & 1, np.ones((3, 3), np.uint8), iterations=abs(reach)) << bit for bit in (0, 1)]
        moved = (moved & 4) | lungs[0] | lungs[1]
    return np.asarray(moved, np.uint8)


def planes(bits: Bytes) -> Tensor:
    return torch.from_numpy(np.stack([(bits >> bit) & 1 for bit in range(3)]).astype(np.float32))


def taught(pack: Path, *, seed: int) -> ShapeNet:
    """The shape net after its training."""
    random = np.random.default_rng(seed)
    masks, net = drawn(pack), ShapeNet()
    optimiser = torch.optim.AdamW(net.parameters(), 2e-3, weight_decay=0.01)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    for _ in range(STEPS):
        batch = torch.stack([planes(varied(masks[int(random.integers(len(masks)))], random)) for _ in range(BATCH)])
        heart, logits = batch[:, 2:], net(batch[:, :2])
        chance = torch.sigmoid(logits)
        overlap = 2 * (chance * heart).sum((1, 2, 3)) / ((chance + heart).sum((1, 2, 3)) + 1)
        loss = functional.binary_cross_entropy_with_logits(logits, heart) + (1 - overlap).mean()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        schedule.step()
    return net.eval()


def make(films: list[Film], net: ShapeNet, *, weight: float) -> None:
    """Give every film without a drawn heart a made one, that counts ``weight``."""
    for film in films:
        if film.weights[2]:
            continue
        with torch.no_grad():
            heart = torch.sigmoid(net(planes(boxed(film.bits))[None, :2]))[0, 0].numpy()
        rows, columns = film.bits.shape
        height, width = (round(side * SIDE / max(rows, columns)) for side in (rows, columns))
        top, left = (SIDE - height) // 2, (SIDE - width) // 2
        large: Any = cv2.resize(heart[top : top + height, left : left + width], (columns, rows))
        film.bits |= (large > 0.5).astype(np.uint8) << 2
        film.weights[2] = weight
