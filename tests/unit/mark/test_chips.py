"""The grids of a film and the chips of a key."""

from __future__ import annotations

import numpy as np
import pytest

from leadglass.mark.chips import by_grid, chips, count, grids, shape

KEY = bytes(range(32))


@pytest.mark.parametrize(
    ("longer", "expected"),
    [(16, (64,)), (191, (64,)), (192, (64, 128)), (384, (64, 128, 256)), (767, (64, 128, 256)), (3000, (64, 128, 256, 512))],
)
def test_a_grid_has_no_cells_below_a_pixel_and_a_half(longer: int, expected: tuple[int, ...]) -> None:
    assert grids(longer, longer // 2) == grids(longer // 2, longer) == expected


def test_a_grid_has_square_cells() -> None:
    assert shape(512, 2500, 2048) == (512, 419)
    assert shape(64, 3, 3000) == (1, 64)


def test_the_chips_of_a_key_are_the_bits_of_philox() -> None:
    found = chips(KEY, 2500, 2048)
    assert found.size == count(2500, 2048) == 512 * 419 + 256 * 210 + 128 * 105 + 64 * 52
    # Philox 4x64 under the first 16 bytes, little endian, its first word's lowest bits first.
    assert found[:24].tolist() == [1 if bit else -1 for bit in _bits(KEY, 24)]
    assert set(np.unique(found)) == {-1, 1}
    assert abs(float(found.mean())) < 5 / np.sqrt(found.size)


def _bits(key: bytes, wanted: int) -> list[int]:
    word = int(np.random.Philox(key=int.from_bytes(key[:16], "little")).random_raw())
    return [word >> place & 1 for place in range(wanted)]


def test_two_keys_have_nothing_in_common() -> None:
    one, other = chips(KEY, 600, 500).astype(float), chips(KEY[::-1], 600, 500).astype(float)
    assert abs(one @ other) / np.sqrt(one.size) < 5


def test_values_of_all_chips_come_apart_by_grid() -> None:
    values = np.arange(count(400, 300))
    parts = by_grid(values, 400, 300)
    assert [part.shape for part in parts] == [(64, 48), (128, 96), (256, 192)]
    assert np.array_equal(np.concatenate([part.ravel() for part in parts]), values)
    assert all(np.shares_memory(part, values) for part in parts)


def test_a_key_of_another_length_is_refused() -> None:
    with pytest.raises(ValueError, match="32 bytes, not 16"):
        chips(KEY[:16], 100, 100)
