from functools import cache

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from leadglass.mark import register
from leadglass.mark.accuse import correlate
from leadglass.mark.chips import chips, count
from leadglass.mark.found import Alignment, Original
from leadglass.mark.register import align
from leadglass.mark.spread import add, original, pattern
from leadglass.model.access import Strength
from leadglass.model.frame import Frame

ROWS, COLUMNS = 560, 700
KEY = bytes(range(32))
CERTAIN = 7.0
"""z that an innocent key reaches once in 10^11 tests at most."""


def film(seed: int) -> Frame:
    """Bones and shadows: smooth arcs and edges of many sizes, with the grain of a detector."""
    random = np.random.default_rng(seed)
    picture = np.full((ROWS, COLUMNS), 1500, np.float32)
    for _ in range(140):
        layer = np.zeros((ROWS, COLUMNS), np.uint8)
        centre = tuple(int(v) for v in random.uniform(0, (COLUMNS, ROWS)))
        axes = tuple(int(v) for v in random.uniform(6, 180, 2))
        cv2.ellipse(layer, centre, axes, random.uniform(0, 180), 0, random.uniform(90, 360), 255, int(random.uniform(2, 30)))
        picture += cv2.GaussianBlur(layer, (0, 0), random.uniform(0.8, 4)).astype(np.float32) * np.float32(
            random.uniform(-2, 2)
        )
    picture = cv2.GaussianBlur(picture, (0, 0), 0.7) + random.normal(0, 9, picture.shape).astype(np.float32)
    return Frame(np.clip(picture, 0, 4095).astype(np.uint16), "MONOCHROME2", 12)


@cache
def host() -> tuple[Original, NDArray[np.uint8]]:
    """A film, and its marked copy in a window of 8 bits."""
    frame = film(1)
    marked = add(frame, pattern(frame, key=KEY, strength=Strength.STANDARD)).samples.astype(np.float32)
    low, high = np.percentile(marked, (0.5, 99.5))
    return original(frame), np.clip((marked - low) * 255 / (high - low), 0, 255).astype(np.uint8)


@cache
def after(attack: str) -> Alignment:
    return aligned(ATTACKS[attack](host()[1]))


def aligned(picture: NDArray[np.generic]) -> Alignment:
    answer = align(np.ascontiguousarray(picture), host()[0])
    assert answer is not None
    return answer


def z(answer: Alignment, key: bytes = KEY) -> float:
    return float(correlate(answer.coefficients, [chips(key, ROWS, COLUMNS)]).max())


def placed(answer: Alignment, points: list[tuple[float, float]]) -> NDArray[np.float64]:
    at = answer.homography @ np.array([(x, y, 1) for x, y in points]).T
    return (at[:2] / at[2]).T


def jpeg(picture: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    return cv2.imdecode(cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, quality])[1], cv2.IMREAD_GRAYSCALE)


def bent(picture: NDArray[np.uint8], pixels: float) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:ROWS, 0:COLUMNS].astype(np.float32)
    across = pixels * np.sin(2 * np.pi * y / ROWS).astype(np.float32)
    down = pixels * np.sin(2 * np.pi * x / COLUMNS).astype(np.float32)
    return cv2.remap(picture, x + across, y + down, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REPLICATE)


def turned(picture: NDArray[np.uint8], degrees: float) -> NDArray[np.uint8]:
    matrix = cv2.getRotationMatrix2D((COLUMNS / 2, ROWS / 2), degrees, 0.8)
    return cv2.warpAffine(picture, matrix, (COLUMNS, ROWS), flags=cv2.INTER_AREA)


def covered(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    picture = picture.copy()
    picture[80:310, 120:400] = 0
    picture[270:500, 410:640] = 255
    return picture


def in_a_screenshot(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    screen = np.full((800, 1200), 30, np.uint8)
    screen[120 : 120 + ROWS, 400 : 400 + COLUMNS] = picture
    return screen


def with_moire(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    y, x = np.mgrid[0:ROWS, 0:COLUMNS]
    beat = 20 * np.sin(0.55 * x + 0.2 * y + 2 * np.sin(y / 200))
    return np.clip(0.8 * picture + 25 + beat, 0, 255).astype(np.uint8)


ATTACKS = {
    "as it is": lambda p: p,
    "in 16 bits": lambda p: p.astype(np.uint16) * np.uint16(200),
    "inverted": lambda p: 255 - p,
    "equalised": cv2.equalizeHist,
    "locally equalised": lambda p: cv2.createCLAHE(2.0, (8, 8)).apply(p),
    "compressed": lambda p: jpeg(p, 40),
    "small": lambda p: cv2.resize(p, None, fx=0.4, fy=0.4, interpolation=cv2.INTER_AREA),
    "enlarged": lambda p: cv2.resize(p, None, fx=1.6, fy=1.6, interpolation=cv2.INTER_CUBIC),
    "cropped": lambda p: p[150:450, 220:600],
    "turned": lambda p: turned(p, 17),
    "on its side and mirrored": lambda p: np.rot90(p)[:, ::-1],
    "mirrored and inverted": lambda p: 255 - p[:, ::-1],
    "covered": covered,
    "bent": lambda p: bent(p, 7),
    "screenshot": in_a_screenshot,
    "moire": with_moire,
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_a_copy_is_told_whatever_was_done_to_it(attack: str) -> None:
    answer = after(attack)
    assert z(answer) > CERTAIN
    assert answer.mirrored == ("mirrored" in attack)
    assert answer.inverted == ("inverted" in attack)


def test_what_covers_a_film_costs_no_more_than_what_it_covers() -> None:
    assert z(after("covered")) > 0.6 * z(after("as it is"))


def test_a_bent_copy_is_brought_back_and_not_only_its_straight_part() -> None:
    assert z(after("bent")) > 0.4 * z(after("as it is"))


def test_moire_is_taken_off() -> None:
    assert z(after("moire")) > 0.3 * z(after("as it is"))


def test_the_homography_leads_to_a_tenth_of_a_pixel() -> None:
    places = [(80.0, 60.0), (640.0, 80.0), (350.0, 280.0), (120.0, 510.0), (610.0, 470.0)]
    half = aligned(cv2.resize(host()[1], None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA))
    wanted = [((x + 0.5) / 2 - 0.5, (y + 0.5) / 2 - 0.5) for x, y in places]
    assert np.abs(placed(half, places) - wanted).max() < 0.1
    upside_down = aligned(host()[1][::-1, ::-1])
    assert np.abs(placed(upside_down, places) - [(COLUMNS - 1 - x, ROWS - 1 - y) for x, y in places]).max() < 0.1


def test_the_picture_comes_back_in_the_films_frame_beside_the_film_in_its_tone() -> None:
    answer = after("mirrored and inverted")
    assert answer.found.shape == answer.expected.shape == answer.valid.shape == answer.difference.shape
    here = answer.valid
    assert here.mean() > 0.95
    assert np.corrcoef(answer.found[here], answer.expected[here])[0, 1] > 0.98


def test_innocent_keys_score_as_a_coin_does() -> None:
    scores = []
    for attack in ("as it is", "compressed", "cropped", "moire"):
        answer = after(attack)
        keys = [np.random.default_rng([7, i]).bytes(32) for i in range(60)]
        scores.append(correlate(answer.coefficients[:1], (chips(key, ROWS, COLUMNS) for key in keys)))
    everything = np.concatenate(scores)
    assert abs(float(everything.mean())) < 0.25
    assert 0.85 < float(everything.std()) < 1.15
    assert float(np.abs(everything).max()) < 4.5


def test_a_part_pasted_over_is_shown_where_it_lies_in_the_picture() -> None:
    picture = in_a_screenshot(host()[1])
    y, x = np.mgrid[0:800, 0:1200]
    blob = 70 * np.exp(-((y - 400) ** 2 + (x - 750) ** 2) / (2 * 11.0**2))
    answer = aligned(np.clip(picture + blob, 0, 255).astype(np.uint8))
    assert any(box.left <= 750 <= box.right and box.top <= 400 <= box.bottom for box in answer.altered)


def test_another_film_is_not_this_one() -> None:
    other = film(2).samples
    assert align(np.clip(other / 12, 0, 255).astype(np.uint8), host()[0]) is None


def lines(rows: int, columns: int) -> NDArray[np.uint8]:
    picture = np.zeros((rows, columns), np.uint8)
    picture[::16] = picture[:, ::16] = 255
    return picture


@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((64, 64), np.uint8),
        np.full((300, 200), 65535, np.uint16),
        np.random.default_rng(0).integers(0, 256, (400, 300), np.uint8),
        np.random.default_rng(0).integers(0, 65536, (8, 8), np.uint16),
        lines(400, 300),
        lines(8, 1500),
        lines(7, 100),
        lines(1, 1),
        np.zeros((0, 5), np.uint8),
    ],
    ids=lambda p: f"{p.dtype} {p.shape}",
)
def test_a_picture_of_nothing_shows_no_film(picture: NDArray[np.generic]) -> None:
    assert align(picture, host()[0]) is None


def test_a_film_of_nothing_is_not_found() -> None:
    flat = Original(np.zeros((500, 400), np.uint16), np.full((64, 51), 170, np.uint8), 500, 400)
    assert align(host()[1], flat) is None


@pytest.mark.parametrize("homography", [np.diag([1.0, 1, 1]), np.diag([0.02, 0.02, 1]), np.diag([40.0, 40, 1])])
@pytest.mark.parametrize(
    "picture",
    [
        np.zeros((ROWS, COLUMNS), np.uint8),
        lines(ROWS, COLUMNS),
        np.random.default_rng(0).integers(0, 65536, (30, 20), np.uint16),
    ],
)
def test_whatever_a_match_says_coefficients_are_numbers(
    picture: NDArray[np.generic], homography: NDArray[np.float64]
) -> None:
    nowhere = np.zeros((0, 2))
    match = register.Match(homography, 20, register.View.PLAIN, nowhere, nowhere)
    answer = register.refine(picture, host()[0], match)
    assert answer is not None
    assert answer.coefficients.shape[1] == count(ROWS, COLUMNS)
    assert np.isfinite(answer.coefficients).all()


@pytest.mark.parametrize("picture", [np.zeros((50, 50, 3), np.uint8), np.zeros((50, 50), np.float32)])
def test_what_is_not_a_grey_picture_is_refused(picture: NDArray[np.generic]) -> None:
    with pytest.raises(ValueError, match="cannot be aligned"):
        align(picture, host()[0])
