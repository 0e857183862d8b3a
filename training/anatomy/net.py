"""The outline net: a small residual U-Net with a second head that says how the film lies.

U-Net after Ronneberger et al. (MICCAI 2015), residual blocks after He et al. (CVPR 2016), sub-pixel upsampling of the last
step after Shi et al. (CVPR 2016). Outlines are sigmoid channels, because lungs and heart overlap by half. The film's
standardisation is part of the net, so that no caller can do it differently.
"""

from __future__ import annotations

from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional

WIDTHS = (16, 32, 64, 96, 128)
CHANNELS = 4
POSES = 9
"""Upright, turned by 90, 180 and 270 degrees, the mirrored four, and no whole frontal chest at all."""


def conv(inside: int, outside: int, *, kernel: int = 3, stride: int = 1) -> nn.Sequential:
    """Convolution, batch normalisation, rectifier."""
    return nn.Sequential(
        nn.Conv2d(inside, outside, kernel, stride, kernel // 2, bias=False), nn.BatchNorm2d(outside), nn.ReLU(inplace=True)
    )


class Residual(nn.Module):
    """Two convolutions beside a shortcut, at half the size."""

    def __init__(self, inside: int, outside: int) -> None:
        super().__init__()
        self.first = conv(inside, outside, stride=2)
        self.second = nn.Sequential(nn.Conv2d(outside, outside, 3, 1, 1, bias=False), nn.BatchNorm2d(outside))
        self.short = nn.Sequential(nn.Conv2d(inside, outside, 1, 2, bias=False), nn.BatchNorm2d(outside))

    def forward(self, x: Tensor) -> Tensor:
        return functional.relu(self.second(self.first(x)) + self.short(x))


class OutlineNet(nn.Module):
    """(n, 1, 192, 192) pictures, 0 to 1 -> (n, 4, 192, 192) outline logits and (n, 9) pose logits."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = conv(1, WIDTHS[0], kernel=5, stride=2)
        self.down = nn.ModuleList(Residual(a, b) for a, b in pairwise(WIDTHS))
        self.up = nn.ModuleList(
            nn.Sequential(conv(below + beside, beside), conv(beside, beside))
            for beside, below in zip(WIDTHS[-2::-1], WIDTHS[:0:-1], strict=True)
        )
        self.head = nn.Sequential(nn.Conv2d(WIDTHS[0], CHANNELS * 4, 1), nn.PixelShuffle(2))
        self.pose = nn.Sequential(
            conv(WIDTHS[-1], 32), nn.Flatten(), nn.Dropout(0.2), nn.Linear(32 * 36, 64), nn.ReLU(), nn.Linear(64, POSES)
        )

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        mean = picture.mean((2, 3), keepdim=True)
        spread = ((picture - mean) ** 2).mean((2, 3), keepdim=True).sqrt()
        x = self.stem((picture - mean) / (spread + 1e-3))
        beside = [x]
        for step in self.down:
            beside.append(step(beside[-1]))
        x = beside[-1]
        pose = self.pose(x)
        for step, skip in zip(self.up, beside[-2::-1], strict=True):
            x = step(torch.cat([functional.interpolate(x, scale_factor=2.0, mode="nearest"), skip], 1))
        return self.head(x), pose


class Exported(nn.Module):
    """What the file holds: probabilities instead of logits."""

    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net

    def forward(self, picture: Tensor) -> tuple[Tensor, Tensor]:
        outlines, pose = self.net(picture)
        return torch.sigmoid(outlines), torch.softmax(pose, 1)
