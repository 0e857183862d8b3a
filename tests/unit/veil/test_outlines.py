"""``leadglass/outlines@v1``: what is refused; that it comes back is a law."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from leadglass.errors import MalformedError
from leadglass.model.entry import canonical
from leadglass.model.region import Mask, RegionKind
from leadglass.veil import decode_outlines, encode_outlines


def box(top: int = 2, rows: int = 20, columns: int = 30) -> Mask:
    mask = np.zeros((rows, columns), dtype=np.bool_)
    mask[top : top + 5, 3:9] = True
    return mask


GOOD = encode_outlines({RegionKind.LUNG_LEFT: box(8), RegionKind.HEART: box()})


def test_the_most_sensitive_comes_first_and_runs_begin_at_a_multiple_of_eight() -> None:
    end = GOOD.index(b"\n") + 1
    assert end % 8 == 0
    assert json.loads(GOOD[:end])["outlines"] == [["heart", 5], ["lung_left", 5]]
    assert np.frombuffer(GOOD, "<i4", offset=end)[:3].tolist() == [2, 3, 9]


def test_an_empty_outline_is_left_out() -> None:
    assert list(decode_outlines(encode_outlines({RegionKind.HEART: box(), RegionKind.LUNG_LEFT: box() & False}))) == [
        "heart"
    ]


@pytest.mark.parametrize(
    "masks",
    [{}, {RegionKind.REST: box()}, {RegionKind.HEART: box(), RegionKind.LUNG_LEFT: box(rows=21)}],
    ids=["none", "rest", "two sizes"],
)
def test_what_is_no_outline_of_one_film_is_not_written(masks: dict[RegionKind, Mask]) -> None:
    with pytest.raises(ValueError, match="no outlines of one film"):
        encode_outlines(masks)


def headed(change: Callable[[dict[str, Any]], object]) -> bytes:
    end = GOOD.index(b"\n") + 1
    fields = json.loads(GOOD[:end])
    change(fields)
    line = canonical(fields)
    return line + b" " * (-(len(line) + 1) % 8) + b"\n" + GOOD[end:]


@pytest.mark.parametrize(
    "data",
    [
        b"",
        GOOD[:-1],
        GOOD + b"\0",
        GOOD[GOOD.index(b"\n") + 1 :],
        b" " + GOOD,
        GOOD.replace(b'"rows":20', b'"rows":06'),
        headed(lambda fields: fields.update(v="leadglass/outlines@v2")),
        headed(lambda fields: fields.update(rows=5)),
        headed(lambda fields: fields.update(columns=8)),
        headed(lambda fields: fields.update(rows=True)),
        headed(lambda fields: fields.update(rows=70_000)),
        headed(lambda fields: fields.update(more=1)),
        headed(lambda fields: fields["outlines"].reverse()),
        headed(lambda fields: fields["outlines"][0].__setitem__(0, "rest")),
        headed(lambda fields: fields["outlines"][1].__setitem__(0, "heart")),
        headed(lambda fields: fields["outlines"][0].__setitem__(1, 4)),
        headed(lambda fields: fields["outlines"][0].__setitem__(1, -5)),
        headed(lambda fields: fields["outlines"].append(["spleen", 1])),
        headed(lambda fields: fields.update(outlines=7)),
    ],
)
def test_anything_else_is_refused(data: bytes) -> None:
    with pytest.raises(MalformedError):
        decode_outlines(data)
