"""Pictures compared with originals in a process of its own, which parses nothing but arrays."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib.util import find_spec
from typing import Any, Final, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from leadglass.adapters.confined import Answer, Array, Confined, EndedError, Limits, numbers, whole
from leadglass.adapters.tracing.limits import MAX_SIDE
from leadglass.adapters.tracing.reader import INSTALL
from leadglass.errors import InputError, UnavailableError
from leadglass.mark import chips
from leadglass.mark.found import Alignment, Box, Candidate, Grey, Original, Samples

T = TypeVar("T")

MAX_FINGERPRINT: Final = 4096
"""Bytes of one film's row."""

_MAX_HYPOTHESES = 64
_MAX_BOXES = 1000
_MAX_INLIERS = 1_000_000
_MEMORY_A_FILM, _FILMS_A_SECOND = 24_000, 10_000
"""What films cost the process: bytes while they are loaded (half of it afterwards), and how many are loaded in a second."""
_MAX_ANSWER = 192 << 20
"""Bytes; a film has some 350,000 chips of 4 bytes, and an alignment four pictures of a few megapixels at most."""


def available() -> bool:
    """Whether what aligns pictures is installed; nothing of it is loaded."""
    return find_spec("cv2") is not None and find_spec("faiss") is not None


class ConfinedAligner:
    """An ``Aligner`` whose process starts when it is first asked, and anew, with the films it had, when it has ended.

    One request may take ``seconds`` of the processor and thrice as many on the clock, the process ``memory`` bytes of
    addresses; both grow with the films that are loaded. It is not to be shared by threads or over a fork.
    """

    def __init__(self, *, seconds: int = 60, memory: int = 4 << 30) -> None:
        self._seconds, self._memory = seconds, memory
        self._process = self._confined(films=0)
        self._films: frozenset[int] = frozenset()
        self._rows: tuple[Array, ...] = ()
        self._loaded = 0
        """Which start of the process was given the rows."""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def _confined(self, *, films: int) -> Confined:
        return Confined(
            "leadglass.adapters.tracing.aligner_worker",
            name="picture aligner",
            limits=Limits(
                memory=self._memory + films * _MEMORY_A_FILM,
                seconds=self._seconds + films // _FILMS_A_SECOND,
                answer=_MAX_ANSWER,
            ),
            hint=INSTALL,
        )

    def close(self) -> None:
        """End the process; the next request starts another."""
        self._process.close()

    def processor_seconds(self) -> float:
        """What the process has cost so far; 0 where the system does not tell."""
        return self._process.processor_seconds()

    def fingerprint(self, samples: Samples) -> bytes:
        """The row of one film, of ``spread.reduced``.

        Raises:
            UnavailableError: the process cannot be started, ended, or took too long.
        """
        return self._ask({"ask": "fingerprint"}, [_picture(samples)], _row)

    def load(self, rows: Iterable[tuple[int, bytes]]) -> None:
        """From now on these films, each with its number and fingerprint, are the ones that ``find`` knows.

        Raises:
            UnavailableError: the process cannot be started, ended, or took too long.
        """
        listed = list(rows)
        self._films = frozenset(number for number, _ in listed)
        self._rows = (
            np.array([number for number, _ in listed], np.float64),
            np.array([len(row) for _, row in listed], np.float64),
            np.frombuffer(b"".join(row for _, row in listed), np.uint8),
        )
        self._loaded = 0
        if len(listed) * _MEMORY_A_FILM > self._memory // 8:
            # Below that the process has room enough, and one that runs already goes on.
            self.close()
            self._process = self._confined(films=len(listed))
        self._load()

    def find(
        self, picture: Grey | Samples, *, without: Sequence[NDArray[np.float64]] = (), most: int = 12
    ) -> tuple[Candidate, ...]:
        """The films that a picture may show, likeliest first.

        Raises:
            InputError: the picture ended the process, or it took too long.
            UnavailableError: the process cannot be started.
        """
        self._load()
        return self._of_a_stranger(
            {"ask": "find", "most": most},
            [_picture(picture), *(np.asarray(outline, np.float64) for outline in without)],
            lambda answer: self._candidates(answer, most),
        )

    def align(self, picture: Grey | Samples, original: Original) -> Alignment | None:
        """The picture brought back onto ``original``; None where it does not show that film.

        Raises:
            InputError: the picture ended the process, or it took too long.
            UnavailableError: the process cannot be started.
        """
        fields = {"ask": "align", "rows": original.rows, "columns": original.columns, "spacing": original.spacing}
        return self._of_a_stranger(
            fields,
            [_picture(picture), _picture(original.samples), original.amplitude],
            lambda answer: _alignment(answer, picture, original),
        )

    def _of_a_stranger(self, fields: dict[str, Any], parts: Sequence[Array], parse: Callable[[Answer], T]) -> T:
        try:
            return self._ask(fields, parts, parse)
        except EndedError as error:
            # One picture costs the process its life at most; the next one gets another.
            raise InputError("the picture cannot be compared: what compares it ended", hint="save it as a PNG") from error

    def _ask(self, fields: dict[str, Any], parts: Sequence[Array], parse: Callable[[Answer], T]) -> T:
        if not self._process.running and not available():
            raise UnavailableError("what aligns pictures is not installed", hint=INSTALL)
        return self._process.ask(fields, parts, parse)

    def _load(self) -> None:
        """Give the process the rows unless this start of it has them."""
        if not self._rows or (self._process.running and self._loaded == self._process.starts):
            return
        self._ask({"ask": "load"}, self._rows, lambda answer: whole(answer.fields["films"], *2 * (len(self._films),)))
        self._loaded = self._process.starts

    def _candidates(self, answer: Answer, most: int) -> tuple[Candidate, ...]:
        found = numbers(answer.fields["found"], len(answer.fields["found"]), 3) if answer.fields["found"] else ()
        if len(found) > most or not self._films.issuperset(int(film) for film, _, _ in found):
            raise ValueError("the answer names films that were not loaded")
        return tuple(Candidate(int(film), float(votes), int(inliers)) for film, votes, inliers in found)


def _picture(samples: Grey | Samples) -> Array:
    if samples.ndim != 2 or not samples.size or max(samples.shape) > MAX_SIDE or samples.dtype not in (np.uint8, np.uint16):
        raise ValueError("a picture is grey, of 8 or 16 bits, and no larger than the reader hands on")
    return np.ascontiguousarray(samples)


def _row(answer: Answer) -> bytes:
    (row,) = answer.arrays
    if row.dtype != np.uint8 or row.ndim != 1 or not 0 < row.size <= MAX_FINGERPRINT:
        raise ValueError("the answer is no fingerprint")
    return row.tobytes()


def _alignment(answer: Answer, picture: Grey | Samples, original: Original) -> Alignment | None:
    """The alignment of an answer; ValueError where anything of it is not what ``Alignment`` says."""
    if answer.fields["aligned"] is not True:
        return None
    coefficients, homography, outline, found, expected, valid, difference = answer.arrays
    wanted = chips.count(original.rows, original.columns)
    hypotheses = len(coefficients)
    if not 1 <= hypotheses <= _MAX_HYPOTHESES:
        raise ValueError("the answer tries too many ways of aligning")
    _check(coefficients, np.float32, (hypotheses, wanted))
    _check(homography, np.float64, (3, 3))
    _check(outline, np.float64, (4, 2))
    if found.ndim != 2 or not found.size or max(found.shape) > MAX_SIDE:
        raise ValueError("the answer has a picture beyond all measure")
    for each, kind in ((found, np.uint8), (expected, np.uint8), (difference, np.uint8), (valid, np.bool_)):
        _check(each, kind, found.shape)
    return Alignment(
        coefficients=coefficients,
        homography=homography,
        outline=outline,
        inliers=whole(answer.fields["inliers"], 0, _MAX_INLIERS),
        mirrored=_truth(answer.fields["mirrored"]),
        inverted=_truth(answer.fields["inverted"]),
        found=found,
        expected=expected,
        valid=valid,
        difference=difference,
        altered=_boxes(answer.fields["altered"], picture),
    )


def _boxes(stated: Any, picture: Grey | Samples) -> tuple[Box, ...]:
    if not isinstance(stated, list) or len(stated) > _MAX_BOXES:
        raise ValueError("the answer has too many boxes")
    rows, columns = picture.shape
    boxes = []
    for left, top, right, bottom in stated:
        left, top = whole(left, 0, columns - 1), whole(top, 0, rows - 1)
        boxes.append(Box(left, top, whole(right, left + 1, columns), whole(bottom, top + 1, rows)))
    return tuple(boxes)


def _check(array: Array, kind: Any, shape: tuple[int, ...]) -> None:
    if array.dtype != kind or array.shape != shape or not np.isfinite(array).all():
        raise ValueError("the answer has another array than was asked for")


def _truth(value: object) -> bool:
    if not isinstance(value, bool):
        raise ValueError("the answer is neither true nor false")
    return value
