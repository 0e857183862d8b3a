"""How good the outlines are, when the software abstains, and what a film costs.

Run ``OMP_NUM_THREADS=1 python bench/outlines.py --cxr PACK [--photographs FOLDER] [--sheet PNG]`` where PACK holds
``manifest.csv`` and the pictures it names. Scored are films of the split ``val`` (tier A, and B as a test alone), and where
a heart was drawn, which few films have, those of ``train`` in tier B too: the model has seen none of their pictures. Dice is
at each file's own size and counts an abstention by what the model would have drawn; abstentions are counted apart. Prints
tables in Markdown.
"""

from __future__ import annotations

import argparse
import csv
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import imagecodecs
import numpy as np
from numpy.typing import NDArray

from leadglass.adapters.detectors.outlines import OnnxOutlines, ask
from leadglass.anatomy.belief import HEART, LEFT, RIBS, RIGHT, limits, measures
from leadglass.anatomy.draw import draw
from leadglass.anatomy.enlarge import enlarge
from leadglass.anatomy.outline import Structure
from leadglass.anatomy.pieces import filled, largest
from leadglass.anatomy.prepare import prepare
from leadglass.model.frame import Frame
from leadglass.model.region import Mask
from leadglass.testing.films import ensure_ct, examples_folder
from leadglass.testing.films.ct import read_chest
from leadglass.testing.films.project import Detector, Pose
from leadglass.testing.films.radiograph import Technique, radiograph
from leadglass.testing.films.radiograph import outlines as true_outlines

sys.path.append(str(Path(__file__).parents[1] / "tests" / "sets"))
from stressed_films import NO_CHEST, SEEDS, SPOILT, mirrored

Bytes = NDArray[np.uint8]
SQUASHED = 1.4
"""Width over height of a film that came squashed to a square: the mean of its source."""
CHANNELS = {"lung_right": RIGHT, "lung_left": LEFT, "heart": HEART, "ribs": RIBS}
TILE = 320
COLOURS = {"ribs": (200, 180, 0), "heart": (255, 60, 60), "lung_right": (80, 140, 255), "lung_left": (60, 220, 90)}
POSES = {
    "PA": [Pose("PA", 1800, yaw=yaw, breath=breath) for yaw in (-3, 0, 3) for breath in (0, 10)],
    "AP": [Pose("AP", 1000, yaw=yaw, breath=breath) for yaw in (-3, 0, 3) for breath in (5, 18)],
    "turned by 10 degrees": [Pose("PA", 1800, yaw=yaw) for yaw in (-10, 10)],
    "oblique, 25 to 45 degrees": [Pose("PA", 1800, yaw=yaw) for yaw in (-45, -35, -25, 25, 35, 45)],
    "lateral": [Pose("LL", 1800, yaw=yaw, breath=breath) for yaw in (-6, -2, 2, 6) for breath in (0, 10)],
}


@dataclass(frozen=True, eq=False)
class Row:
    """A film of the pack and how well it was outlined: Dice by what was scored, and whether the software abstained."""

    source: str
    view: str
    adult: bool
    tier: str
    path: str
    dice: dict[str, float]
    why: str
    doubt: float


def grey(path: Path) -> Bytes:
    picture: Any = imagecodecs.imread(path)
    if picture.ndim == 3:
        picture = picture[..., :3].mean(axis=2).astype(np.uint8)
    return np.ascontiguousarray(picture)


def framed(picture: Bytes) -> Frame:
    return Frame(picture, "MONOCHROME2", 8)


def dice(one: Mask, other: Mask) -> float:
    return 2 * float((one & other).sum()) / max(1.0, float(one.sum() + other.sum()))


def drawn(frame: Frame) -> tuple[dict[str, Mask], str, float]:
    """Every outline of a film, believed or not, why it is void, and the worst measure of doubt."""
    picture, placed = prepare(frame)
    answer = ask(picture)
    small = {name: answer.chances[channel] for name, channel in CHANNELS.items()}
    pieces = {name: filled(largest(chance > 0.5)) for name, chance in small.items() if name != "ribs"}
    masks = {
        name: enlarge(np.where(piece, np.maximum(small[name], 0.501), np.minimum(small[name], 0.5)), placed)
        for name, piece in pieces.items()
    }
    lungs = pieces["lung_right"] | pieces["lung_left"]
    masks["ribs"] = enlarge(np.where(lungs, small["ribs"], 0).astype(np.float32), placed)
    found = measures(answer, pieces["lung_right"], pieces["lung_left"], placed, limits()) if lungs.any() else {"all": 9.0}
    return masks, draw(answer, picture, placed, limits()).why, max(found.values())


def unsquashed(picture: Bytes, row: dict[str, str]) -> Bytes:
    """A film in about its own proportions, by repeating pixels; Dice does not mind."""
    if not row["path"].startswith("kermany224/") or row["orig_size"]:
        return picture
    columns = (np.arange(round(picture.shape[1] * SQUASHED)) / SQUASHED).astype(int)
    return np.ascontiguousarray(picture[:, columns])


def chosen(pack: Path) -> list[dict[str, str]]:
    with (pack / "manifest.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["mask"] and not row["duplicate_of"]]
    large = {row["source_file"] for row in rows if row["path"].startswith("kermany512/")}
    return [
        row
        for row in rows
        if (row["split"] == "val" or (row["tier"] == "B" and int(row["mask_bits"]) & 4))
        and not (row["path"].startswith("kermany224/") and row["source_file"] in large)
    ]


def scored(pack: Path, row: dict[str, str]) -> Row:
    film = unsquashed(grey(pack / row["path"]), row)
    field = unsquashed(imagecodecs.imread(pack / row["mask"]), row)
    masks, why, doubt = drawn(framed(film))
    bits, scores = int(row["mask_bits"]), {}
    if bits & 3 == 3:
        scores["lungs"] = dice(masks["lung_right"] | masks["lung_left"], field & 3 > 0)
        scores["right"], scores["left"] = dice(masks["lung_right"], field & 1 > 0), dice(masks["lung_left"], field & 2 > 0)
    if bits & 4:
        scores["heart"] = dice(masks["heart"], field & 4 > 0)
    adult = "child" not in row["population"]
    return Row(row["path"].split("/")[0], row["view"], adult, row["tier"], row["path"], scores, why, doubt)


def ribs(pack: Path) -> list[tuple[str, float, float]]:
    """Dice and recall of ribs within the region that was drawn by hand, for each film that has one."""
    with (pack / "ribs.csv").open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["rib_mask"].startswith("ribs_ref/")]
    found = []
    for row in rows:
        field = imagecodecs.imread(pack / row["rib_mask"])
        region, truth = field & 2 > 0, field & 3 == 3
        seen = drawn(framed(grey(pack / row["path"])))[0]["ribs"] & region
        found.append((row["path"], dice(seen, truth), float((seen & truth).sum()) / float(truth.sum())))
    return found


def table(head: Sequence[str], rows: Iterable[Sequence[object]]) -> None:
    print(f"\n| {' | '.join(head)} |\n|{' --- |' * len(head)}")
    for row in rows:
        print(f"| {' | '.join(f'{cell:.3f}' if isinstance(cell, float) else str(cell) for cell in row)} |")


def line(name: str, rows: Sequence[Row], what: str) -> list[object]:
    values = [row.dice[what] for row in rows if what in row.dice]
    if not values:
        return [name, 0, "", "", "", ""]
    below = sum(value < 0.9 for value in values)
    return [name, len(values), float(np.mean(values)), float(np.percentile(values, 5)), min(values), below]


def accuracy(rows: list[Row]) -> None:
    groups: dict[str, list[Row]] = {"tier A, all": [row for row in rows if row.tier == "A"]}
    for row in rows:
        groups.setdefault(f"{row.source} (tier {row.tier})", []).append(row)
    for row in rows:
        groups.setdefault(f"{row.view or 'view unknown'}, {'adults' if row.adult else 'children'}", []).append(row)
    lungs = [row for row in rows if "lungs" in row.dice]
    print(f"\nLungs, Dice: {len(lungs)} films")
    head = ("films", "n", "lungs", "5 % point", "worst", "below 0.90", "right", "left")
    table(
        head,
        (
            [*line(name, group, "lungs"), line(name, group, "right")[2], line(name, group, "left")[2]]
            for name, group in groups.items()
            if any("lungs" in row.dice for row in group)
        ),
    )
    print("\nHeart (cardiomediastinum), Dice, adults; no picture of these was learned from, most masks were (shape model)")
    hearts = [row for row in rows if "heart" in row.dice]
    views = sorted({row.view for row in hearts})
    table(
        ("films", "n", "heart", "5 % point", "worst", "below 0.90"),
        [
            line("all", hearts, "heart"),
            *(line(view or "unknown", [r for r in hearts if r.view == view], "heart") for view in views),
        ],
    )


def abstentions(rows: list[Row], pack: Path, photographs: Path | None) -> None:
    detector = OnnxOutlines()
    val = [row for row in rows if "lungs" in row.dice and row.tier == "A"]
    good = [row for row in val if row.dice["lungs"] >= 0.9]
    void = [row for row in good if row.why]
    bad = [row for row in val if row.dice["lungs"] < 0.9]
    print(f"\nGood validation films of tier A that are void: {len(void)} of {len(good)} ({len(void) / len(good):.1%})")
    print(f"Films below 0.90 that are void: {sum(bool(row.why) for row in bad)} of {len(bad)}")
    for row in void:
        print(f"* {row.path}: {row.why} (Dice {row.dice['lungs']:.3f})")
    films = [grey(pack / row.path) for row in good if "512" in row.path][::2]
    counted = []
    for name, spoil in SPOILT.items():
        counted.append(
            [name, len(films), sum(detector(framed(spoil(film)), view=None, modality=None).abstained for film in films)]
        )
    for name, make in NO_CHEST.items():
        abstained = sum(detector(framed(make(seed)), view=None, modality=None).abstained for seed in SEEDS)
        counted.append([name, len(SEEDS), abstained])
    if photographs:
        paths = sorted(path for path in photographs.rglob("*") if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
        counted.append(
            ["photographs", len(paths), sum(detector(framed(grey(p)), view=None, modality=None).abstained for p in paths)]
        )
    total, caught = sum(row[1] for row in counted), sum(row[2] for row in counted)
    table(("stress", "n", "abstained"), [*counted, ["all", total, caught]])
    turned = [detector(framed(mirrored(film)), view=None, modality=None) for film in films]
    said = sum("mirrored" in found.why for found in turned)
    print(f"\nMirrored films: {sum(found.abstained for found in turned)} of {len(films)} void, {said} named as mirrored")


def projections() -> None:
    """One patient's CT as radiographs in many poses: Dice of lungs and heart, and what is void. Never learned from."""
    chest = read_chest(ensure_ct(examples_folder() / "ct"))
    rows = []
    for name, poses in POSES.items():
        scores: list[tuple[float, float]] = []
        void, why = 0, ""
        for number, pose in enumerate(poses):
            technique = Technique(Detector(620, 512, 0.6), 12, 9000, (6, 6, 6, 6), True, "R", (30, 12))
            frame = Frame(radiograph(chest, pose, technique, seed=number), "MONOCHROME2", 12)
            truth = true_outlines(chest, pose, technique)
            masks, doubt, _ = drawn(frame)
            void, why = void + bool(doubt), doubt or why
            lungs = dice(masks["lung_right"] | masks["lung_left"], truth["lung_right"] | truth["lung_left"])
            scores.append((lungs, dice(masks["heart"], truth["heart"])))
        mean = np.mean(scores, axis=0)
        rows.append([name, len(poses), void, why, float(mean[0]), float(mean[1])])
    table(("projected CT", "n", "void", "why", "lungs", "heart"), rows)


def cost(film: Bytes, repeats: int = 15) -> None:
    """Milliseconds of processor for a film of 2500 x 2048 and 16 bits, decoding left out."""
    rows, columns = (np.arange(side) * small // side for side, small in zip((2500, 2048), film.shape, strict=True))
    noise = np.random.default_rng(1).integers(0, 256, (2500, 2048))
    frame = Frame((film[rows][:, columns].astype(np.int64) * 256 + noise).astype(np.uint16), "MONOCHROME2", 16)
    detector = OnnxOutlines()
    regions, everything = [], []
    for _ in range(repeats):
        begun = time.process_time()
        found = detector(frame, view="PA", modality="DX")
        regions.append(time.process_time() - begun)
        for structure in Structure:
            found.structures[structure]
        everything.append(time.process_time() - begun)
    print("\n2500 x 2048, 16 bits, ms of processor, median of", repeats)
    table(
        ("regions", "with ribs, zones and body"),
        [[f"{1e3 * float(np.median(times)):.1f}" for times in (regions, everything)]],
    )


def difficult(rows: list[Row]) -> list[Row]:
    """Thirty films to look at: the void ones, the worst drawn and the most doubted."""
    lungs = [row for row in rows if "lungs" in row.dice]
    worst = sorted(lungs, key=lambda row: row.dice["lungs"])[:14]
    doubted = sorted(lungs, key=lambda row: -row.doubt)
    picked = [row for row in doubted if row.why][:10] + worst + doubted
    return list({row.path: row for row in picked}.values())[:30]


def sheet(rows: list[Row], pack: Path, *, films: bool = True) -> Bytes:
    """A contact sheet, five films a row: lungs blue and green, heart red, ribs yellow, the drawn truth white.

    Without ``films`` it has the lines alone.
    """
    import cv2

    tiles = []
    for row in rows:
        manifest = next(each for each in chosen(pack) if each["path"] == row.path)
        film, field = (
            unsquashed(grey(pack / row.path), manifest),
            unsquashed(imagecodecs.imread(pack / manifest["mask"]), manifest),
        )
        masks, _, _ = drawn(framed(film))
        scale = TILE / max(film.shape)
        size = (round(film.shape[1] * scale), round(film.shape[0] * scale))
        tile = np.zeros((TILE + 34, TILE, 3), np.uint8)
        under = np.full(size[::-1], 40, np.uint8)
        if films:
            under = np.asarray(cv2.resize(film, size, interpolation=cv2.INTER_AREA))
        shown = cv2.cvtColor(under, cv2.COLOR_GRAY2RGB)
        lines = [((field & 1) > 0, (255, 255, 255)), ((field & 2) > 0, (255, 255, 255))]
        lines += [(masks[name], colour) for name, colour in COLOURS.items()]
        for mask, colour in lines:
            small = cv2.resize(mask.astype(np.uint8), size, interpolation=cv2.INTER_AREA)
            contours, _ = cv2.findContours(small, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
            cv2.drawContours(shown, contours, -1, colour, 1)
        tile[: size[1], : size[0]] = shown
        heart = f" heart {row.dice['heart']:.2f}" if "heart" in row.dice else ""
        name = row.path[-38:] if films else row.source
        cv2.putText(tile, name, (2, TILE + 12), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 255, 255), 1)
        said = f"{row.dice['lungs']:.3f}{heart} doubt {row.doubt:.2f} {row.why[:34]}"
        cv2.putText(tile, said, (2, TILE + 28), cv2.FONT_HERSHEY_SIMPLEX, 0.36, (255, 200, 0), 1)
        tiles.append(tile)
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % 5)
    return np.vstack([np.hstack(tiles[first : first + 5]) for first in range(0, len(tiles), 5)])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--cxr", type=Path, required=True)
    parser.add_argument("--photographs", type=Path)
    parser.add_argument("--sheet", type=Path, help="write a contact sheet of thirty difficult films here, as PNG")
    parser.add_argument(
        "--card", type=Path, help="write the lines of ten difficult films here, as PNG: the model card's picture"
    )
    arguments = parser.parse_args()
    print(f"{OnnxOutlines().name}")
    rows = [scored(arguments.cxr, row) for row in chosen(arguments.cxr)]
    if arguments.sheet:
        arguments.sheet.write_bytes(imagecodecs.png_encode(sheet(difficult(rows), arguments.cxr)))
    if arguments.card:
        free = [row for row in difficult([row for row in rows if row.tier == "A"]) if "cohen" not in row.source]
        arguments.card.write_bytes(imagecodecs.png_encode(sheet(free[:10], arguments.cxr, films=False)))
    accuracy(rows)
    print("\nPosterior ribs, in the regions drawn by hand")
    table(("film", "Dice", "recall"), ribs(arguments.cxr))
    abstentions(rows, arguments.cxr, arguments.photographs)
    projections()
    cost(grey(arguments.cxr / next(row.path for row in rows if row.dice.get("lungs", 0) > 0.95 and not row.why)))


if __name__ == "__main__":
    main()
