"""The file of numbers: all that the page says, for programs, and for whoever computes it again."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from typing import Any

import numpy as np

from leadglass import __version__
from leadglass.flows.evidence.exhibit import Exhibit, NamedRelease, log10_bound
from leadglass.flows.evidence.frame import extent
from leadglass.mark import chips
from leadglass.mark.accuse import Accusation
from leadglass.mark.found import Alignment, Box
from leadglass.model.entry import timestamp

EVIDENCE_FORMAT = "leadglass/evidence@v1"


def numbers(exhibit: Exhibit) -> bytes:
    """JSON, UTF-8, absent is null. Bounds are given as logarithms too: the small ones are beyond plain numbers."""
    said = {
        "v": EVIDENCE_FORMAT,
        "case": exhibit.case,
        "verdict": exhibit.verdict,
        "picture": {
            "name": exhibit.name,
            "sha256": exhibit.sha256,
            "page": exhibit.page,
            "pages": exhibit.pages,
            "rows": round(exhibit.picture.shape[0] * exhibit.scale),
            "columns": round(exhibit.picture.shape[1] * exhibit.scale),
        },
        "traced": timestamp(exhibit.traced),
        "by": exhibit.by,
        "instance": exhibit.instance,
        "films_searched": exhibit.films_searched,
        "films_tried": exhibit.films_tried,
        "hypotheses": exhibit.hypotheses,
        "accusation": _accusation(exhibit.accusation),
        "releases": [_release(each, number, exhibit) for number, each in enumerate(exhibit.releases)],
        "innocents": [round(float(z), 4) for z in exhibit.innocents],
        "alignment": _alignment(exhibit.alignment),
        "spacing": exhibit.spacing,
        "altered": [_altered(box, exhibit) for box in exhibit.altered],
        "log": {"origin": exhibit.origin, "size": exhibit.log_size, "root": exhibit.log_root},
        "versions": versions(),
    }
    # A file name that is no text is escaped, and stays the same name.
    return json.dumps(said, ensure_ascii=False, allow_nan=False, indent=1).encode(errors="backslashreplace") + b"\n"


def versions() -> Mapping[str, str]:
    """What made the page, by name."""
    return {"leadglass": __version__, "mark": chips.FORMAT, "evidence": EVIDENCE_FORMAT, "numpy": np.__version__}


def coefficients_digest(alignment: Alignment) -> str:
    """SHA-256 (hex) of the coefficients as little-endian 32-bit floats, row by row: what the keys were tried against."""
    return hashlib.sha256(alignment.coefficients.astype("<f4").tobytes()).hexdigest()


def _accusation(accusation: Accusation | None) -> Mapping[str, Any] | None:
    if accusation is None:
        return None
    return {"tests": accusation.tests, "threshold": accusation.threshold, "limit": accusation.limit}


def _release(each: NamedRelease, number: int, exhibit: Exhibit) -> Mapping[str, Any]:
    accusation = exhibit.accusation
    return {
        "release": each.release,
        "named": accusation is not None and number in accusation.named,
        "recipient": each.recipient,
        "requester": each.requester,
        "purpose": each.purpose,
        "created": timestamp(each.created),
        "sha256": each.digest,
        "shown": each.shown,
        "covered": each.covered,
        "z": each.z,
        "false_accusation": each.false_accusation,
        "log10_false_accusation": log10_bound(each.z, accusation.tests) if accusation else None,
        "index": each.index,
        "receipt": each.receipt,
    }


def _alignment(alignment: Alignment | None) -> Mapping[str, Any] | None:
    if alignment is None:
        return None
    return {
        "homography": alignment.homography.tolist(),
        "outline": alignment.outline.tolist(),
        "inliers": alignment.inliers,
        "mirrored": alignment.mirrored,
        "inverted": alignment.inverted,
        "hypotheses": alignment.coefficients.shape[0],
        "chips": alignment.coefficients.shape[1],
        "coefficients_sha256": coefficients_digest(alignment),
        "shown_share": float(alignment.valid.mean()),
    }


def _altered(box: Box, exhibit: Exhibit) -> Mapping[str, Any]:
    size = extent(box, exhibit.alignment, exhibit.spacing) if exhibit.alignment is not None else None
    return {
        "left": box.left,
        "top": box.top,
        "right": box.right,
        "bottom": box.bottom,
        "width_mm": size.width if size and size.millimetres else None,
        "height_mm": size.height if size and size.millimetres else None,
    }
