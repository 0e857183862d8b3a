"""The process that parses strangers' files: bytes in, grey pictures out. It has no key, no database and opens no file.

It runs as ``python -m leadglass.adapters.tracing.reader_worker`` and speaks as ``confined`` says. A request is one array,
the file. The answer is ``kind``, ``of`` and the ``numbers`` of the pages whose pictures follow, or the reason to refuse,
``refused``. Formats are told by content and each is given to the one library that reads it: DICOM to leadglass itself, PDF
to PDFium, everything else to Pillow, which is allowed no format but the one that was told.

HEIC is refused: what decodes it under a permissive licence comes bundled with what is not.
"""

from __future__ import annotations

import io
import math
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Final

import imagecodecs
import numpy as np
import pypdfium2
import pypdfium2.raw as pdfium
from numpy.typing import NDArray
from PIL import AvifImagePlugin, Image

from leadglass.adapters.confined_child import Answerer, serve
from leadglass.adapters.tracing.limits import MAX_HANDED_ON, MAX_PAGES, MAX_PIXELS, MAX_SIDE, PDF_SIDE
from leadglass.dicom.frames import decode, significant
from leadglass.dicom.instance import Identified, scan
from leadglass.dicom.source import BytesSource
from leadglass.errors import InputError
from leadglass.mark.found import Grey, Samples
from leadglass.mark.resample import area
from leadglass.model.frame import Frame

Picture = Grey | Samples
Numbered = tuple[int, Picture]

_PILLOW: Final = {"png": "PNG", "jpeg": "JPEG", "webp": "WEBP", "tiff": "TIFF", "bmp": "BMP", "gif": "GIF", "avif": "AVIF"}
_STARTS: Final = (
    (b"\x89PNG\r\n\x1a\n", "png"),
    (b"\xff\xd8\xff", "jpeg"),
    (b"GIF87a", "gif"),
    (b"GIF89a", "gif"),
    (b"BM", "bmp"),
    (b"II*\x00", "tiff"),
    (b"MM\x00*", "tiff"),
    (b"II+\x00", "tiff"),
    (b"MM\x00+", "tiff"),
)
_AVIF_BRANDS: Final = frozenset({b"avif", b"avis"})
_HEIC_BRANDS: Final = frozenset({b"heic", b"heix", b"hevc", b"hevx", b"heim", b"heis", b"mif1", b"msf1"})

_LUMA: Final = np.array([0.299, 0.587, 0.114], np.float32)
"""ITU-R BT.601, as JPEG has it."""

_ORIENTATION: Final = 0x0112
_MAX_OBJECTS: Final = 1000
"""Objects of a page that are looked at for embedded pictures."""


class RefusedError(Exception):
    """The file is not read, for one of the reasons in ``limits``."""


@dataclass(frozen=True, eq=False)
class Read:
    """The pictures of a file, each with its page's number, and how many pages there are."""

    pictures: tuple[Numbered, ...]
    of: int


def prepare(_: int) -> Answerer:
    """Load everything that any format needs: once shut in, the process opens no file."""
    Image.init()
    # A size beyond the limit is refused with a reason of its own, before anything is decoded.
    Image.MAX_IMAGE_PIXELS = None
    AvifImagePlugin.DEFAULT_MAX_THREADS = 1
    warnings.simplefilter("ignore")
    _warm()

    def answer(_: dict[str, Any], files: Sequence[NDArray[np.uint8]]) -> tuple[dict[str, Any], Sequence[Picture]]:
        try:
            data = files[0].tobytes()
            kind = told(data)
            found = read(data, kind)
        except RefusedError as refusal:
            return {"refused": str(refusal)}, ()
        except MemoryError:
            return {"refused": "memory"}, ()
        if not found.pictures:
            return {"refused": "empty"}, ()
        return {"kind": kind, "of": found.of, "numbers": [number for number, _ in found.pictures]}, [
            picture for _, picture in found.pictures
        ]

    return answer


def told(data: bytes) -> str:
    """The format of a file by its first bytes; ``dicom`` for what has no mark of its own.

    Raises:
        RefusedError: the format is not read.
    """
    # First, since the preamble of a DICOM file may be the beginning of another format (PS3.10 7.1).
    if data[128:132] == b"DICM":
        return "dicom"
    for start, kind in _STARTS:
        if data.startswith(start):
            return kind
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        return "webp"
    if data[4:8] == b"ftyp":
        size = min(max(int.from_bytes(data[:4], "big"), 16), 256)
        brands = {data[8:12], *(data[at : at + 4] for at in range(16, size, 4))}
        if brands & _AVIF_BRANDS:
            return "avif"
        raise RefusedError("heic" if brands & _HEIC_BRANDS else "format")
    # What comes before the header is allowed by readers, not by ISO 32000.
    if b"%PDF-" in data[:1024]:
        return "pdf"
    return "dicom"


def read(data: bytes, kind: str) -> Read:
    """The pictures of a file of that format.

    Raises:
        RefusedError: it cannot be read, or is beyond a limit.
    """
    try:
        if kind == "pdf":
            return _pdf(data)
        return _dicom(data) if kind == "dicom" else _pillow(data, _PILLOW[kind])
    except (RefusedError, MemoryError):
        raise
    except InputError as error:
        # No mark, and not to be read as DICOM without preamble: nothing that we know.
        raise RefusedError("broken" if kind != "dicom" or data[128:132] == b"DICM" else "format") from error
    except Exception as error:
        # Libraries raise anything at all over a broken file, and no reason of theirs is handed on.
        raise RefusedError("broken") from error


def _check_size(rows: int, columns: int) -> None:
    if rows < 1 or columns < 1:
        raise RefusedError("broken")
    if rows * columns > MAX_PIXELS:
        raise RefusedError("pixels")


def _reduced(picture: Picture, pictures: int) -> Picture:
    """A picture as it is handed on where so many share the room that there is."""
    share = MAX_HANDED_ON // pictures // picture.dtype.itemsize
    scale = min(1.0, MAX_SIDE / max(picture.shape), math.sqrt(share / picture.size))
    if scale == 1.0:
        return picture
    rows, columns = (max(1, int(side * scale)) for side in picture.shape)
    reduced = np.rint(area(picture, rows, columns))
    return reduced.astype(np.uint8) if picture.dtype == np.uint8 else reduced.astype(np.uint16)


def _pillow(data: bytes, name: str) -> Read:
    with Image.open(io.BytesIO(data), formats=(name,)) as image:
        # Of what moves, the first picture; of a TIFF, its pages.
        of = _pages(image) if name == "TIFF" else 1
        read = min(of, MAX_PAGES)
        pictures: list[Numbered] = []
        for number in range(1, read + 1):
            if number > 1:
                image.seek(number - 1)
            columns, rows = image.size
            _check_size(rows, columns)
            turn = _orientation(image)
            pictures.append((number, _turned(_reduced(_grey(image), read), turn)))
        return Read(tuple(pictures), of)


def _pages(image: Any) -> int:
    """Pages of a TIFF, counted no further than they may be read and one more: a chain of directories can be endless."""
    for number in range(1, MAX_PAGES + 1):
        try:
            image.seek(number)
        except EOFError:
            image.seek(0)
            return number
    image.seek(0)
    return MAX_PAGES + 1


def _orientation(image: Any) -> int:
    """How a camera was held (EXIF 2.32, 4.6.4 A); 1, upright, where that cannot be told."""
    try:
        turn = image.getexif().get(_ORIENTATION, 1)
    except Exception:
        return 1
    return turn if isinstance(turn, int) and 1 <= turn <= 8 else 1


def _turned(picture: Picture, orientation: int) -> Picture:
    """Upright: 2 to 4 mirrored and upside down, 5 to 8 the same of the picture whose rows are its columns."""
    turned = picture.T if orientation >= 5 else picture
    if orientation in {3, 4, 7, 8}:
        turned = turned[::-1]
    if orientation in {2, 3, 6, 7}:
        turned = turned[:, ::-1]
    return turned.copy()


def _grey(image: Any) -> Picture:
    """Luma over white, in as many bits as the file has, up to 16."""
    image.load()
    mode = image.mode
    if mode.startswith("I;16"):
        return np.asarray(image).astype(np.uint16)
    if mode in {"I", "F"}:
        return _sixteen(np.asarray(image))
    if mode in {"1", "L"} and "transparency" not in image.info:
        return _bands(image.convert("L"))
    if mode in {"LA", "La", "PA", "RGBA", "RGBa"} or "transparency" in image.info:
        return _over_white(image)
    return _bands(image.convert("RGB").convert("L"))


def _bands(image: Any) -> Grey:
    return np.asarray(image, np.uint8)


def _over_white(image: Any) -> Grey:
    """What is seen of a picture with transparency on a white page."""
    if image.mode not in {"LA", "La", "RGBA", "RGBa"}:
        image = image.convert("RGBA")
    clear = {"La": "LA", "RGBa": "RGBA"}.get(image.mode)
    layered = image.convert(clear) if clear else image
    alpha = _bands(layered.getchannel("A"))
    luma = _bands(layered.convert("RGB").convert("L"))
    seen = luma.astype(np.uint16) * alpha + np.uint16(255) * (255 - alpha.astype(np.uint16))
    return ((seen + 127) // 255).astype(np.uint8)


def _sixteen(values: NDArray[Any]) -> Samples:
    """Whole numbers of 16 bits as they are, everything else stretched to them; what is no number is black."""
    if values.dtype.kind in "iu" and values.min() >= 0 and values.max() <= 0xFFFF:
        return values.astype(np.uint16)
    floats = values.astype(np.float32)
    known = np.isfinite(floats)
    if not known.any():
        raise RefusedError("empty")
    low, high = (float(end) for end in (floats[known].min(), floats[known].max()))
    floats[~known] = low
    # In double precision the range of two single ones cannot overflow.
    scale = 0xFFFF / (high - low) if high > low else 0.0
    floats *= np.float32(scale) if np.isfinite(np.float32(scale)) else np.float32(0)
    floats -= floats.min()
    stretched: Samples = np.rint(np.clip(floats, 0, 0xFFFF)).astype(np.uint16)
    return stretched


def _dicom(data: bytes) -> Read:
    image = scan(BytesSource(data))
    layout = image.layout
    _check_size(layout.rows, layout.columns)
    read = min(layout.frames, MAX_PAGES)
    frames = decode(layout, image.pixels, encapsulated=image.encapsulated, held=False)
    pictures = ((number, _reduced(_shown(image, frame), read)) for number, frame in enumerate(islice(frames, read), start=1))
    return Read(tuple(pictures), layout.frames)


def _shown(image: Identified, frame: Frame) -> Picture:
    """A frame as a viewer shows it first: its window where it has one, else all of its range; light on dark."""
    frame = significant(frame, high_bit=image.layout.high_bit)
    if frame.samples.ndim == 3:
        return _colour(frame)
    values = frame.samples.astype(np.float32)
    low, high = _window(image) or (float(values.min()), float(values.max()))
    values -= np.float32(low)
    values *= np.float32(0xFFFF / max(high - low, 1e-6))
    shown: Samples = np.rint(np.clip(values, 0, 0xFFFF)).astype(np.uint16)
    return np.subtract(0xFFFF, shown, dtype=np.uint16) if frame.inverted else shown


def _colour(frame: Frame) -> Grey:
    eight = frame.samples >> max(frame.bits_stored - 8, 0)
    # The first plane of the YBR family is luma already.
    grey = eight[:, :, 0] if frame.photometric.startswith("YBR") else eight[:, :, :3].astype(np.float32) @ _LUMA
    return _eight(grey)


def _window(image: Identified) -> tuple[float, float] | None:
    """Darkest and lightest stored value by the first Window Center and Width (PS3.3 C.11.2.1.2), brought back through
    Rescale Slope and Intercept; None where there is no such window."""
    try:
        centre, width = float(image.text(0x00281050)), float(image.text(0x00281051))
        slope, intercept = float(image.text(0x00281053) or 1), float(image.text(0x00281052) or 0)
        ends = sorted((centre + side * width / 2 - intercept) / slope for side in (-1, 1))
    except (ValueError, ZeroDivisionError, OverflowError):
        return None
    return (ends[0], ends[1]) if all(map(math.isfinite, ends)) and ends[1] > ends[0] else None


def _pdf(data: bytes) -> Read:
    try:
        document = pypdfium2.PdfDocument(data)
    except pypdfium2.PdfiumError as error:
        locked = getattr(error, "err_code", None) == pdfium.FPDF_ERR_PASSWORD
        raise RefusedError("encrypted" if locked else "broken") from error
    of = len(document)
    read = min(of, MAX_PAGES)
    pictures = [
        (number + 1, _reduced(picture, 2 * read)) for number in range(read) for picture in _pdf_page(document, number)
    ]
    return Read(tuple(pictures), of)


def _pdf_page(document: Any, number: int) -> Iterator[Picture]:
    """A page as it is printed, and the largest picture embedded in it where that is larger: 2 pictures at most."""
    page = document[number]
    width, height = page.get_size()
    if not (0 < width < math.inf and 0 < height < math.inf):
        raise RefusedError("broken")
    longer = max(width, height)
    rendered = page.render(scale=PDF_SIDE / longer, grayscale=True, may_draw_forms=False)
    yield _plane(rendered.to_numpy())
    embedded = _embedded(page)
    if embedded is not None and max(embedded.shape) > PDF_SIDE:
        yield embedded
    page.close()


def _embedded(page: Any) -> Picture | None:
    objects = islice(page.get_objects(filter=[pdfium.FPDF_PAGEOBJ_IMAGE], max_depth=4), _MAX_OBJECTS)
    largest = max(objects, key=_pixels, default=None)
    if largest is None or _pixels(largest) == 0:
        return None
    try:
        return _plane(largest.get_bitmap().to_numpy())
    except pdfium.PdfiumError:
        # The page shows what of it can be read.
        return None


def _pixels(embedded: Any) -> int:
    """Pixels of an embedded picture; none where it cannot be read or is beyond the limit: the page shows it all the same."""
    try:
        columns, rows = embedded.get_px_size()
    except pypdfium2.PdfiumError:
        return 0
    return rows * columns if 0 < rows * columns <= MAX_PIXELS else 0


def _plane(samples: NDArray[np.uint8]) -> Grey:
    """PDFium's bitmaps as grey: one plane, or blue, green, red and perhaps something fourth."""
    if samples.ndim == 2:
        return samples.copy()
    if samples.shape[2] < 3:
        return samples[:, :, 0].copy()
    return _eight(samples[:, :, :3].astype(np.float32) @ _LUMA[::-1])


def _eight(values: NDArray[Any]) -> Grey:
    rounded: Grey = np.rint(np.clip(values, 0, 255)).astype(np.uint8)
    return rounded


def _warm() -> None:
    """What libraries look up when they are first used."""
    one = Image.new("L", (1, 1))
    for name in _PILLOW.values():
        written = io.BytesIO()
        one.convert("RGB" if name == "AVIF" else "L").save(written, format=name)
        _pillow(written.getvalue(), name)
    for codec in ("packbits", "jpeg8", "jpegls", "jpeg2k"):
        # Each is a library of its own, loaded when its name is first asked for.
        getattr(imagecodecs, f"{codec}_decode")
    document = pypdfium2.PdfDocument.new()
    document.new_page(10, 10)
    written = io.BytesIO()
    document.save(written)
    _pdf(written.getvalue())


if __name__ == "__main__":
    serve(prepare)
