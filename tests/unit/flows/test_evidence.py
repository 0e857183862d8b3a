"""The evidence page: what it says for each verdict, and that nothing of a stranger's file name acts in it."""

from __future__ import annotations

import json
import math
import re
import string
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from html.parser import HTMLParser

import numpy as np
import pytest

from leadglass.flows.evidence import Exhibit, NamedRelease, pages
from leadglass.flows.evidence.exhibit import log10_bound
from leadglass.flows.evidence.frame import corners, extent, in_film_frame
from leadglass.flows.evidence.pictures import LONGEST, shrunk
from leadglass.flows.evidence.plot import axis
from leadglass.flows.evidence.texts import Language, odds, power_of_ten, texts
from leadglass.mark.accuse import Verdict, accuse, bound
from leadglass.mark.found import Alignment, Box, Grey

ROWS, COLUMNS = 300, 240
PAGES = ("evidence.html", "evidence.zh.html")


def film(rows: int = ROWS, columns: int = COLUMNS) -> Grey:
    """Something like a chest: two dark lungs, a bright middle, ribs and noise."""
    y, x = np.linspace(0, 1, rows)[:, np.newaxis], np.linspace(0, 1, columns)[np.newaxis]
    body = 150 * np.exp(-(((x - 0.5) / 0.46) ** 8) - ((y - 0.55) / 0.6) ** 8)
    lungs = sum(np.exp(-((((x - side) / 0.16) ** 2 + ((y - 0.48) / 0.32) ** 2) ** 2)) for side in (0.29, 0.71))
    ribs = 14 * np.cos(46 * (y + 0.35 * (x - 0.5) ** 2)) * lungs
    spine = 60 * np.exp(-(((x - 0.5) / 0.06) ** 2)) + 40 * np.exp(-(((x - 0.56) / 0.13) ** 2) - ((y - 0.68) / 0.14) ** 2)
    noise = np.random.default_rng(1).normal(0, 4, (rows, columns))
    return np.clip(20 + body - 95 * lungs + ribs + spine + noise, 0, 255).astype(np.uint8)


def turned(scale: float = 2.0, degrees: float = 3.0, shift: tuple[float, float] = (60, 40)) -> np.ndarray:
    """A homography from film to picture: enlarged, turned, moved, and a little oblique."""
    c, s = math.cos(math.radians(degrees)) * scale, math.sin(math.radians(degrees)) * scale
    return np.array([(c, -s, shift[0]), (s, c, shift[1]), (2e-5, 1e-5, 1.0)])


def through(homography: np.ndarray, points: np.ndarray) -> np.ndarray:
    moved = np.column_stack([points, np.ones(len(points))]) @ homography.T
    return moved[:, :2] / moved[:, 2:]


def alignment(homography: np.ndarray | None = None, *, rows: int = ROWS, columns: int = COLUMNS) -> Alignment:
    """A film found at ``homography`` with a nodule pasted into the frame."""
    homography = turned() if homography is None else homography
    expected = film(rows, columns)
    y, x = np.mgrid[0:rows, 0:columns]
    nodule = np.exp(-((x - 0.28 * columns) ** 2 + (y - 0.4 * rows) ** 2) / (2 * (0.02 * rows) ** 2))
    found = np.clip(expected + 70 * nodule + np.random.default_rng(2).normal(0, 5, expected.shape), 0, 255)
    edges = np.array([(0, 0), (columns - 1, 0), (columns - 1, rows - 1), (0, rows - 1)], dtype=float)
    valid = np.ones((rows, columns), np.bool_)
    valid[: rows // 12, -columns // 4 :] = False
    return Alignment(
        coefficients=np.random.default_rng(3).normal(size=(2, 500)).astype(np.float32),
        homography=homography,
        outline=through(homography, edges),
        inliers=214,
        mirrored=False,
        inverted=False,
        found=found.astype(np.uint8),
        expected=expected,
        valid=valid,
        difference=np.clip(255 * nodule, 0, 255).astype(np.uint8),
        altered=(),
    )


def picture(homography: np.ndarray, *, rows: int, columns: int) -> Grey:
    """The film as it lies in a found picture of 640 x 700 pixels."""
    y, x = np.mgrid[0:700, 0:640]
    back = through(np.linalg.inv(homography), np.column_stack([x.ravel(), y.ravel()]).astype(float))
    column, row = np.rint(back).astype(int).T
    inside = (column >= 0) & (column < columns) & (row >= 0) & (row < rows)
    grey = np.full(700 * 640, 38, np.uint8)
    grey[inside] = film(rows, columns)[row[inside], column[inside]]
    return grey.reshape(700, 640)


def boxed(where: tuple[float, float], size: float, homography: np.ndarray) -> Box:
    """The box in the picture around a square of the film."""
    x, y = where
    square = np.array([(x, y), (x + size, y), (x + size, y + size), (x, y + size)], dtype=float)
    points = through(homography, square)
    (left, top), (right, bottom) = points.min(axis=0), points.max(axis=0)
    return Box(round(left), round(top), round(right), round(bottom))


RECIPIENTS = ("vendor.demo", "ward.demo", "dr.demo", "Second Hospital, Dr. Li", "student.demo", "市第二医院", "a", "b")


def exhibit(*z: float, tests: int = 64, altered: int = 1, unknown: bool = False) -> Exhibit:
    """An exhibit in which the releases of the film scored ``z``; ``unknown`` is one without a film."""
    accusation = accuse(np.array(z).reshape(-1, 1), tests=tests)
    start = datetime(2026, 11, 24, 8, 30, tzinfo=UTC)
    releases = tuple(
        NamedRelease(
            release=f"r-{number:020x}",
            recipient=RECIPIENTS[number % len(RECIPIENTS)],
            requester="dr.demo",
            purpose="RESEARCH",
            created=start + timedelta(days=number),
            digest=f"{number:064x}",
            shown=("lung_right", "lung_left"),
            covered=("text", "heart", "rest"),
            z=score.z,
            false_accusation=score.false_accusation,
            receipt=f"r-{number:020x}.receipt",
            index=14 + 3 * number,
        )
        for number, score in enumerate(accusation.scores)
    )
    homography = turned()
    return Exhibit(
        case="c-0123456789abcdef",
        name="IMG_2041.jpg",
        sha256="ab" * 32,
        page=1,
        pages=1,
        traced=datetime(2027, 1, 5, 10, 0, tzinfo=UTC),
        by="dso.demo",
        origin="leadglass.example/3ac8f6f1e5c9696b",
        verdict=Verdict.UNKNOWN if unknown else accusation.verdict,
        instance=None if unknown else "i-89e2de8247b805403c0ce935",
        picture=picture(homography, rows=ROWS, columns=COLUMNS),
        scale=1.5,
        alignment=None if unknown else alignment(shown_larger(homography, 1.5)),
        accusation=None if unknown else accusation,
        releases=() if unknown else releases,
        innocents=np.zeros(0) if unknown else np.random.default_rng(5).normal(size=1000),
        spacing=None if unknown else (1.2, 1.2),
        altered=()
        if unknown
        else tuple(boxed((50, 100 + 60 * n), 20, shown_larger(homography, 1.5)) for n in range(altered)),
        films_tried=0 if unknown else 3,
        hypotheses=0 if unknown else 6,
        films_searched=5_627,
        log_size=512,
        log_root="cd" * 32,
    )


def shown_larger(homography: np.ndarray, scale: float) -> np.ndarray:
    """The homography to the found picture where ``homography`` leads to one that is ``scale`` times smaller."""
    return np.array([(scale, 0, scale / 2 - 0.5), (0, scale, scale / 2 - 0.5), (0, 0, 1)]) @ homography


NAMED = (0.3, 38.2, -0.9, 1.4, 0.2, -1.1)
SEVERAL = (21.5, -0.4, 18.9, 0.8, 24.0, 1.2)
NOBODY = (0.3, 2.8, -0.9, 1.4)
VERDICTS: dict[Verdict, Callable[[], Exhibit]] = {
    Verdict.RELEASE: lambda: exhibit(*NAMED),
    Verdict.SEVERAL: lambda: exhibit(*SEVERAL, altered=0),
    Verdict.OURS: lambda: exhibit(*NOBODY, altered=0),
    Verdict.UNKNOWN: lambda: exhibit(unknown=True),
}


class Page(HTMLParser):
    """The text of a page, its elements, and everything that a browser would fetch for it."""

    def __init__(self, data: bytes) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.fetched: list[str] = []
        self.handlers: list[str] = []
        self.said: list[str] = []
        self.feed(data.decode())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        if tag not in ("meta", "br", "image", "polygon", "path", "circle", "rect", "polyline"):
            self.open.append(tag)
        self.fetched += [value for name, value in attrs if tag != "a" and name in ("src", "href", "xlink:href") and value]
        self.handlers += [name for name, _ in attrs if name.startswith("on")]

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        if self.open and self.open[-1] == tag:
            self.open.pop()

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"{tag} closes what is not open"

    def handle_data(self, data: str) -> None:
        if self.open[-1:] != ["style"]:
            self.said.append(data)

    @property
    def text(self) -> str:
        return re.sub(r"\s+", " ", "".join(self.said))


def read(made: Exhibit, name: str = "evidence.html") -> Page:
    return Page(pages(made)[name])


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("verdict", Verdict)
def test_a_page_stands_alone(verdict: Verdict, name: str) -> None:
    page = read(VERDICTS[verdict](), name)
    assert page.open == []
    assert "script" not in page.tags
    assert page.handlers == []
    assert page.fetched
    assert [address for address in page.fetched if not address.startswith("data:image/png;base64,")] == []


@pytest.mark.parametrize("name", PAGES)
@pytest.mark.parametrize("verdict", Verdict)
def test_no_text_is_left_unfilled(verdict: Verdict, name: str) -> None:
    text = read(VERDICTS[verdict](), name).text
    assert not re.search(r"\{\w*\}|\$\w+|\bnan\b|\bNone\b(?! of)", text)


def test_the_pages_link_to_each_other() -> None:
    made = pages(VERDICTS[Verdict.RELEASE]())
    assert b'href="evidence.zh.html"' in made["evidence.html"]
    assert b'href="evidence.html"' in made["evidence.zh.html"]


def test_the_named_copy_is_said_in_one_sentence() -> None:
    text = read(exhibit(*NAMED)).text
    assert "This picture comes from the copy that was released to ward.demo on 25 November 2026." in text
    assert f"{1:064x}" in text
    assert "r-00000000000000000001.receipt" in text
    assert "该图片来自 2026 年 11 月 25 日交付给 ward.demo 的副本。" in read(exhibit(*NAMED), "evidence.zh.html").text


def test_the_bound_in_words_is_that_of_the_score() -> None:
    # 64 exp(-7.2^2 / 2) = 3.6e-10: one in 2.8e9.
    assert "by chance less than once in 2 thousand million pictures" in read(exhibit(0.1, 7.2)).text
    assert "平均每 20亿幅图片" in read(exhibit(0.1, 7.2), "evidence.zh.html").text


def test_of_several_the_weakest_gives_the_bound() -> None:
    text = read(exhibit(0.1, 30.0, 7.2)).text
    assert "made from 2 copies put together: those released to ward.demo and dr.demo" in text
    assert "once in 2 thousand million pictures" in text


def test_who_had_two_of_the_copies_is_said_once() -> None:
    z = (30.0, *[0.1] * 7, 20.0)
    assert "made from 2 copies put together: those released to vendor.demo." in read(exhibit(*z)).text


def test_a_score_below_the_threshold_names_nobody() -> None:
    page = read(exhibit(*NOBODY))
    sections = page.text.split("Every copy that was tried")
    assert "None of the 4 recorded copies can be named" in sections[0]
    assert "must not be held against anybody" in sections[0]
    assert "Chance alone may give such a score in any picture" in sections[0]
    # Before the table of everything that was tried, no recipient is said at all.
    assert not any(recipient in sections[0] for recipient in RECIPIENTS if len(recipient) > 1)
    assert "●" not in page.text


def test_a_film_without_recorded_copies_is_said_so() -> None:
    assert "No marked copy of it is on record" in read(exhibit()).text


def test_a_picture_of_no_film_says_what_was_searched() -> None:
    text = read(exhibit(unknown=True)).text
    assert "No film of this site was found" in text
    assert "5,627 films were searched" in text


def test_what_comes_from_outside_is_text() -> None:
    hostile = '<img src=x onerror="alert(1)">$case{z}&\udc80.png'
    made = exhibit(*NAMED)
    release = replace(made.releases[1], recipient="<script>alert(2)</script>", purpose="<b>", requester="'\"><svg onload=x>")
    made = replace(
        made, name=hostile, releases=(made.releases[0], release, *made.releases[2:]), by="<i>", origin="<u>", case="<s>"
    )
    for name in PAGES:
        page = read(made, name)
        assert page.handlers == []
        assert {"script", "img", "i", "u", "s"}.isdisjoint(page.tags)
        assert '<img src=x onerror="alert(1)">$case{z}&' in page.text
        assert "<script>alert(2)</script>" in page.text
    assert json.loads(pages(made)["evidence.json"])["picture"]["name"].startswith("<img")


def test_the_numbers_are_those_of_the_exhibit() -> None:
    made = exhibit(*NAMED)
    said = json.loads(pages(made)["evidence.json"])
    assert said["v"] == "leadglass/evidence@v1"
    assert [each["z"] for each in said["releases"]] == list(NAMED)
    assert [each["named"] for each in said["releases"]] == [False, True, False, False, False, False]
    assert said["releases"][1]["log10_false_accusation"] == pytest.approx(math.log10(64) - 38.2**2 / 2 / math.log(10))
    assert said["accusation"]["tests"] == 64
    assert len(said["innocents"]) == 1000
    assert said["altered"][0]["width_mm"] == pytest.approx(24, rel=0.1)
    assert said["log"] == {"origin": made.origin, "size": 512, "root": "cd" * 32}


@pytest.mark.parametrize("z", [-3.0, 0.0, 0.5, 3.0, 8.0, 20.0])
def test_the_logarithm_of_the_bound_is_that_of_the_bound(z: float) -> None:
    assert 10 ** log10_bound(z, 640) == pytest.approx(bound(z, 640))


def test_a_bound_too_small_for_a_float_still_has_a_logarithm() -> None:
    assert bound(100.0, 64) < 1e-300
    assert log10_bound(100.0, 64) == pytest.approx(-2169.7, abs=0.1)


@pytest.mark.parametrize(
    ("log10", "english", "chinese"),
    [
        (0.0, "1", "1"),
        (-0.5, "3", "3"),
        (-1.0, "10", "10"),
        (-6.0, "1 million", "100万"),
        (-6.9, "7 million", "700万"),
        (-9.43, "2 thousand million", "20亿"),
        (-12.0, "1 million million", "1万亿"),
        (-2169.0, "1 million million", "1万亿"),
    ],
)
def test_odds_are_rounded_down_and_end(log10: float, english: str, chinese: str) -> None:
    assert odds(log10, Language.ENGLISH) == english
    assert odds(log10, Language.CHINESE) == chinese


@pytest.mark.parametrize(
    ("log10", "text"), [(0.0, "1"), (-1.0, "0.1"), (math.log10(3.62e-10), "3.7·10−10"), (math.log10(9.99e-8), "1·10−7")]
)
def test_chances_are_rounded_up(log10: float, text: str) -> None:
    assert re.sub(r"&#8239;|<.*?>", "", power_of_ten(log10)) == text


def test_an_altered_place_is_measured_on_the_film() -> None:
    homography = turned(scale=3.0, degrees=0)
    homography[2, :2] = 0
    size = extent(boxed((50, 60), 40, homography), alignment(homography), (0.5, 0.25))
    assert size.millimetres
    assert (size.width, size.height) == (pytest.approx(10), pytest.approx(20))


def test_a_place_in_a_picture_on_its_side_is_measured_along_the_film() -> None:
    on_its_side = np.array([(0, -2.0, 700), (2.0, 0, 40), (0, 0, 1)])
    tall = Box(400, 100, 480, 120)  # 80 across and 20 down in the picture is 10 across and 40 down on the film
    size = extent(tall, alignment(on_its_side), (1.0, 1.0))
    assert (size.width, size.height) == (pytest.approx(10), pytest.approx(40))


def test_without_spacing_an_altered_place_is_a_share_of_the_film() -> None:
    homography = turned(degrees=0)
    homography[2, :2] = 0
    size = extent(boxed((50, 60), 24, homography), alignment(homography), None)
    assert not size.millimetres
    assert (size.width, size.height) == (pytest.approx(10, rel=0.01), pytest.approx(8, rel=0.01))
    text = read(replace(exhibit(*NAMED), spacing=None)).text
    assert re.search(r"about \d+ % of the film's width and \d+ % of its height", text)


def test_a_mirrored_picture_keeps_its_places() -> None:
    mirrored = np.array([(-2.0, 0, 600), (0, 2.0, 10), (0, 0, 1)])
    made = alignment(mirrored)
    centre = in_film_frame(corners(boxed((50, 60), 40, mirrored)), made).mean(axis=0)
    assert centre == pytest.approx((70, 80), abs=1)


def test_altered_places_are_counted_in_the_sentence() -> None:
    assert "No place was found" in read(exhibit(*NAMED, altered=0)).text
    assert "In 1 place, about" in read(exhibit(*NAMED, altered=1)).text
    assert "In 3 places" in read(exhibit(*NAMED, altered=3)).text


def test_many_releases_are_cut_but_never_the_named_one() -> None:
    z = np.random.default_rng(7).normal(size=600)
    z[577] = 40.0
    text = read(exhibit(*z, tests=4000)).text
    assert f"r-{577:020x}" in text
    assert "400 more are in evidence.json" in text


def test_an_innocent_film_in_the_plot_has_an_even_axis_and_a_strong_match_a_broken_one() -> None:
    assert not axis(3.0, 6.0).broken
    strong = axis(160.0, 6.0)
    assert strong.broken
    places = [strong(z) for z in (-5, 0, 6, 7, 8, 20, 160)]
    assert places == sorted(set(places))


def test_every_text_has_both_languages_and_the_same_values() -> None:
    for key, both in texts().items():
        fields = [{name for _, name, _, _ in string.Formatter().parse(text) if name} for text in (both["en"], both["zh"])]
        assert fields[0] == fields[1], key
        assert both["en"], key
        assert both["zh"].strip() or key == "space", key


def test_shrinking_keeps_the_mean_and_the_sides() -> None:
    large = film(1500, 1130)
    small = shrunk(large)
    assert max(small.shape) == LONGEST
    assert small.shape[1] == round(1130 * LONGEST / 1500)
    assert small.mean() == pytest.approx(large.mean(), abs=0.5)
    halves = np.zeros((1600, 1000, 3), np.uint8)
    halves[800:] = 255
    assert shrunk(halves)[[0, 359, 360, -1], 0, 0].tolist() == [0, 0, 255, 255]


def test_verdict_and_accusation_go_together() -> None:
    with pytest.raises(ValueError, match="the verdict is"):
        replace(exhibit(*NAMED), verdict=Verdict.OURS)
    with pytest.raises(ValueError, match="one number"):
        replace(exhibit(*NAMED), releases=())
