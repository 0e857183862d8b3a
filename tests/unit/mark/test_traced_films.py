"""The films that judge tracing are what they are said to be: grainy, marked for each recipient, veiled where asked."""

from __future__ import annotations

import numpy as np
import pytest
from captures import as_picture, smooth
from traced_films import Form, Host, displayed, keys_of_nobody, made


@pytest.fixture(scope="module")
def host() -> Host:
    picture = as_picture(128 + 40 * smooth(np.random.default_rng(5), 300, 240, 6))
    return made("drawn", picture, Form(longer=600))


@pytest.mark.parametrize("bits", [8, 10, 12, 16])
def test_a_film_has_its_depth_size_and_noise(bits: int) -> None:
    picture = np.full((150, 120), 90, np.uint8)
    frame = made("even", picture, Form(longer=300, bits=bits)).frame
    assert (frame.rows, frame.columns, frame.bits_stored) == (300, 240, bits)
    assert 5 < frame.samples.std() * 4096 / 2**bits < 14
    assert frame.samples.mean() / (2**bits - 1) == pytest.approx(90 / 255, abs=0.002)


def test_one_film_is_displayed_alike_in_either_sense_of_grey() -> None:
    picture = as_picture(128 + 40 * smooth(np.random.default_rng(5), 300, 240, 6))
    films = [made("x", picture, Form(600, 12, f"MONOCHROME{n}")).frame for n in (1, 2)]
    shown = [displayed(film, film) for film in films]
    assert np.corrcoef(shown[0].ravel(), shown[1].ravel())[0, 1] > 0.9


def test_recipients_hold_different_copies_a_few_levels_off(host: Host) -> None:
    plain, first, second = displayed(host.frame, host.frame), host.copy(0), host.copy(1)
    assert len({host.key(recipient) for recipient in range(8)} | set(keys_of_nobody(8, "x"))) == 16
    for one, other in ((first, plain), (second, plain), (first, second)):
        assert 0 < np.abs(one - other).max() < 0.02


def test_a_veiled_copy_shows_the_lungs_alone(host: Host) -> None:
    whole, veiled = host.copy(0), host.copy(0, veiled=True)
    same = np.abs(whole - veiled) < 0.02
    assert 0.1 < same.mean() < 0.8
    assert same[250:300, 130:160].all()
