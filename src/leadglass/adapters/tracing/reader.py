"""Files of strangers read in a process of their own, one process a file."""

from __future__ import annotations

from importlib.util import find_spec
from typing import Final

import numpy as np

from leadglass.adapters.confined import Answer, Confined, EndedError, Limits, whole
from leadglass.adapters.tracing.limits import KINDS, MAX_FILE, MAX_HANDED_ON, MAX_PAGES, MAX_SIDE, REFUSALS
from leadglass.dicom.source import Source
from leadglass.errors import InputError, UnavailableError
from leadglass.mark.found import Page

INSTALL: Final = "pip install 'leadglass[trace]'"

_MOST = 1_000_000
"""Pages that a file may say it has."""


def available() -> bool:
    """Whether what reads pictures is installed; nothing of it is loaded."""
    return find_spec("PIL") is not None and find_spec("pypdfium2") is not None


class ConfinedReader:
    """A ``PictureReader``. What one file did to its process, no other file meets: the next one gets a new process.

    One file may take ``seconds`` of the processor and thrice as many on the clock, the process ``memory`` bytes of
    addresses.
    """

    def __init__(self, *, seconds: int = 30, memory: int = 2 << 30) -> None:
        self._limits = Limits(memory=memory, seconds=seconds, answer=MAX_HANDED_ON)

    def read(self, source: Source, *, name: str) -> tuple[Page, ...]:
        """The pictures in a file, in their order.

        Raises:
            InputError: the format is not read, the file is broken or beyond a limit, or it ended its reader.
            UnavailableError: no reader can be started.
        """
        if source.size > MAX_FILE:
            raise InputError(f"{name}: a picture file may have {MAX_FILE >> 20} MiB, this one has more")
        if not available():
            raise UnavailableError("what reads pictures is not installed", hint=INSTALL)
        with Confined(
            "leadglass.adapters.tracing.reader_worker", name="picture reader", limits=self._limits, hint=INSTALL
        ) as process:
            try:
                read = process.ask({}, [source], _parsed)
            except EndedError as error:
                raise InputError(f"{name}: the picture cannot be read: the reader ended") from error
        if isinstance(read, str):
            sentence, hint = REFUSALS[read]
            raise InputError(f"{name}: the picture cannot be read: {sentence}", hint=hint)
        return read


def _parsed(answer: Answer) -> tuple[Page, ...] | str:
    """The pages, or why there are none."""
    refused = answer.fields.get("refused")
    if refused is not None:
        if refused not in REFUSALS:
            raise ValueError("the answer gives no reason")
        return str(refused)
    kind, of = answer.fields["kind"], whole(answer.fields["of"], 1, _MOST)
    numbers = [whole(number, 1, min(of, MAX_PAGES)) for number in answer.fields["numbers"]]
    if kind not in KINDS or not answer.arrays or len(numbers) != len(answer.arrays) or numbers != sorted(numbers):
        raise ValueError("the answer is no list of pages")
    pages = tuple(Page(picture, number, of, kind) for picture, number in zip(answer.arrays, numbers, strict=True))
    if not all(_is_picture(page) for page in pages):
        raise ValueError("the answer holds what is no picture")
    return pages


def _is_picture(page: Page) -> bool:
    picture = page.picture
    return (
        picture.dtype in (np.uint8, np.uint16)
        and picture.ndim == 2
        and 0 < min(picture.shape) <= max(picture.shape) <= MAX_SIDE
    )
