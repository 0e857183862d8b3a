"""The process that recognises text, with a stand-in for its library, and with the library where that is installed."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from leadglass.adapters.detectors import text
from leadglass.adapters.detectors.text import TextReader, available
from leadglass.errors import UnavailableError

STAND_IN = """
import os, socket, time

class Answer:
    boxes = scores = txts = None

class RapidOCR:
    def __init__(self, params): pass
    def __call__(self, picture, use_det, use_cls, use_rec):
        answer, told = Answer(), int(picture[0, 0, 0])
        if told == 1: os._exit(3)
        if told == 2: time.sleep(60)
        if told == 3: bytearray(1 << 40)
        if told == 4: print("a name, from inside the library")
        if told == 5: os.write(os.open("written", os.O_CREAT | os.O_WRONLY), b"pixels")
        answer.boxes, answer.scores = [[(1, 2), (9, 2), (9, 6), (1, 6)]], [0.75]
        answer.txts = ["|".join(sorted(os.environ))] if told == 6 else [f"{picture.shape}"]
        if told == 7: answer.boxes = [[(float("nan"), 2), (9, 2), (9, 6), (1, 6)]]
        return answer
"""


@pytest.fixture
def reader(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[TextReader]:
    """A reader whose library does what the first sample of a picture says."""
    (tmp_path / "rapidocr.py").write_text(STAND_IN)
    (tmp_path / "onnxruntime.py").write_text("")
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("PYTHONPATH", ":".join([str(tmp_path), *filter(None, sys.path)]))
    monkeypatch.setenv("LEADGLASS_PASSPHRASE", "open sesame")
    monkeypatch.chdir(tmp_path)
    with TextReader(seconds=1) as reader:
        yield reader


def picture(told: int = 0) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.full((8, 12), told, np.uint8)


def test_places_come_back_with_their_scores(reader: TextReader) -> None:
    ((place,),) = reader.locate([picture()])
    assert place.corners.tolist() == [[1, 2], [9, 2], [9, 6], [1, 6]]
    assert place.score == 0.75


def test_each_picture_is_recognised_in_three_planes(reader: TextReader) -> None:
    grey, colour = reader.recognise([picture(), np.zeros((5, 6, 3), np.uint8)])
    assert (grey.text, colour.text) == ("(8, 12, 3)", "(5, 6, 3)")


def test_nothing_is_asked_about_no_picture(reader: TextReader) -> None:
    assert reader.recognise([]) == ()
    assert reader.processor_seconds() == 0


@pytest.mark.parametrize("told", [1, 3, 5, 7], ids=["ends", "wants a terabyte", "writes a file", "answers no number"])
def test_a_failing_process_is_an_error_and_the_next_request_starts_another(reader: TextReader, told: int) -> None:
    with pytest.raises(UnavailableError):
        reader.locate([picture(told)])
    assert len(reader.locate([picture()])) == 1


def test_a_process_that_takes_too_long_is_ended(reader: TextReader) -> None:
    with pytest.raises(UnavailableError):
        reader.locate([picture(2)])


def test_what_the_library_prints_is_no_answer(reader: TextReader) -> None:
    assert reader.recognise([picture(4)])[0].text == "(8, 12, 3)"


def test_the_process_is_told_no_passphrase(reader: TextReader) -> None:
    assert "LEADGLASS_PASSPHRASE" not in reader.recognise([picture(6)])[0].text.split("|")


def test_a_picture_beyond_all_measure_is_refused(reader: TextReader, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "_MAX_SAMPLES", 10)
    with pytest.raises(UnavailableError, match="too large"):
        reader.locate([picture()])


def test_without_the_library_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(text, "find_spec", {}.get)
    assert not available()
    with pytest.raises(UnavailableError) as caught:
        TextReader().locate([picture()])
    assert "leadglass[ocr]" in (caught.value.hint or "")


@pytest.mark.skipif(
    find_spec("rapidocr") is None or find_spec("PIL") is None,
    reason="needs pip install 'leadglass[ocr]' and Pillow",
)
def test_burned_in_text_goes_and_the_side_marker_stays() -> None:
    from burned_films import burned_films, fonts_there, gone, kept

    from leadglass.deid.pixels import read

    if not fonts_there():
        pytest.skip("needs a Latin and a Chinese font: make services")
    with TextReader() as reader:
        for film in burned_films(2, seed=7):
            _, result = read(film.frame, reader)
            assert all(gone(film, result, item) for item in film.written if item.identifying)
            assert all(kept(film, result, item) for item in film.written if item.kind == "marker")
