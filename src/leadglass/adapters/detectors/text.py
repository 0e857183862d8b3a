"""Text in pictures, recognised by RapidOCR in a process of its own (the extra ``ocr``; its models come with it, no network).

A recogniser parses strangers' pictures with a large library, and whoever holds keys must not: the process is started with
neither keys nor the environment, sends back places and strings, and every answer is checked before it is believed.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from importlib.util import find_spec
from typing import Any, Self, TypeVar

from leadglass.adapters.confined import Confined, Limits, numbers
from leadglass.deid.pixels import Located, Recognised
from leadglass.deid.views import Picture
from leadglass.errors import UnavailableError

T = TypeVar("T")

_INSTALL = "pip install 'leadglass[ocr]'"

_MAX_SAMPLES = 1 << 25
"""Of one request."""


def available() -> bool:
    """Whether the extra ``ocr`` is installed; nothing of it is loaded."""
    return find_spec("rapidocr") is not None and find_spec("onnxruntime") is not None


class TextReader:
    """A ``TextDetector`` whose process starts when it is first asked, and anew when it has ended.

    One request may take ``seconds`` of the processor and thrice as many on the clock, the process ``memory`` bytes of
    addresses. It is not to be shared by threads or over a fork.
    """

    def __init__(self, *, threads: int = 1, seconds: int = 60, memory: int = 6 << 30) -> None:
        # Its models are loaded when each is first needed.
        limits = Limits(memory=memory, seconds=seconds, threads=threads, reading=True)
        self._process = Confined("leadglass.adapters.detectors.worker", name="text recogniser", limits=limits, hint=_INSTALL)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the process; the next request starts another."""
        self._process.close()

    def processor_seconds(self) -> float:
        """What the process has cost so far; 0 where the system does not tell."""
        return self._process.processor_seconds()

    def locate(self, pictures: Sequence[Picture]) -> tuple[tuple[Located, ...], ...]:
        """Where text seems to stand on each picture.

        Raises:
            UnavailableError: the process cannot be started, ended, or took too long.
        """
        return tuple(
            tuple(places) for places in self._ask("locate", pictures, lambda places: [_located(*one) for one in places])
        )

    def recognise(self, pictures: Sequence[Picture]) -> tuple[Recognised, ...]:
        """What each picture of one line says.

        Raises:
            UnavailableError: the process cannot be started, ended, or took too long.
        """
        return tuple(self._ask("recognise", pictures, lambda one: _recognised(*one))) if pictures else ()

    def _ask(self, ask: str, pictures: Sequence[Picture], parse: Callable[[Any], T]) -> list[T]:
        if sum(picture.size for picture in pictures) > _MAX_SAMPLES:
            raise UnavailableError("the pictures are too large for the text recogniser")
        if not self._process.running and not available():
            raise UnavailableError("no text recogniser is installed", hint=_INSTALL)

        def parsed(fields: Any) -> list[T]:
            answers = fields["found" if ask == "locate" else "read"]
            if not isinstance(answers, list) or len(answers) != len(pictures):
                raise ValueError("an answer for each picture is missing")
            return [parse(answer) for answer in answers]

        return self._process.ask({"ask": ask}, pictures, lambda answer: parsed(answer.fields))


def _located(corners: Any, score: Any) -> Located:
    return Located(numbers(corners, 4, 2), float(score))


def _recognised(text: Any, score: Any) -> Recognised:
    return Recognised(str(text), float(score))
