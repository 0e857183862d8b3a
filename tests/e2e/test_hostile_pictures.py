"""Pictures made to do harm: each costs its reader the life at most, never the site, and the next honest picture is read."""

from __future__ import annotations

import io
import os
import random
import struct
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from leadglass.adapters.files import FileSource
from leadglass.adapters.tracing.reader import ConfinedReader
from leadglass.dicom.source import BytesSource, Source
from leadglass.errors import InputError
from leadglass.testing.films.instance import small_film

pytestmark = pytest.mark.skipif(
    find_spec("PIL") is None or find_spec("pypdfium2") is None, reason="needs pip install 'leadglass[trace]'"
)

GROWTH = 200 << 20
"""Bytes that reading one file may add to what this process ever held."""

WALL = 40.0
"""Seconds, of a machine that others use as well."""

FORMATS = ("PNG", "JPEG", "WEBP", "TIFF", "BMP", "GIF", "AVIF", "PDF")


def picture(rows: int = 64, columns: int = 48) -> Any:
    from PIL import Image

    return Image.fromarray(np.random.default_rng(5).integers(0, 255, (rows, columns, 3), np.uint8))


def written(kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    picture().save(file, format=kind, **options)
    return file.getvalue()


def dicom() -> bytes:
    return small_film()


def chunk(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(columns: int, rows: int, idat: bytes, *more: bytes) -> bytes:
    header = struct.pack(">IIBBBBB", columns, rows, 8, 0, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + b"".join(more) + chunk(b"IDAT", idat) + chunk(b"IEND", b"")


def zeros(count: int) -> bytes:
    """So many zeros, deflated."""
    packer = zlib.compressobj(9)
    piece = bytes(1 << 20)
    parts = [packer.compress(piece) for _ in range(count >> 20)]
    return b"".join([*parts, packer.flush()])


def gif_bomb() -> bytes:
    honest = bytearray(written("GIF"))
    honest[6:10] = struct.pack("<HH", 65535, 65535)
    return bytes(honest)


def tiff(entries: Mapping[int, tuple[int, int, int]], data: bytes = b"", *, after: int = 0) -> bytes:
    """One directory at 8: tag -> (type, count, value), then data."""
    listed = b"".join(struct.pack("<HHII", tag, *entries[tag]) for tag in sorted(entries))
    return b"II*\x00" + struct.pack("<IH", 8, len(entries)) + listed + struct.pack("<I", after) + data


def tiff_entries(rows: int, columns: int, *, bits: int, compression: int, start: int, length: int) -> dict[int, Any]:
    return {
        256: (4, 1, columns),
        257: (4, 1, rows),
        258: (3, 1, bits),
        259: (3, 1, compression),
        262: (3, 1, 1),
        273: (4, 1, start),
        277: (3, 1, 1),
        278: (4, 1, rows),
        279: (4, 1, length),
    }


def tiff_bomb() -> bytes:
    data = zeros(144 << 20)
    return tiff(tiff_entries(12000, 12000, bits=8, compression=8, start=8 + 2 + 9 * 12 + 4, length=len(data)), data)


def tiff_loop() -> bytes:
    """A directory that says it is its own successor."""
    data = bytes(16)
    return tiff(tiff_entries(4, 4, bits=8, compression=1, start=8 + 2 + 9 * 12 + 4, length=16), data, after=8)


def tiff_floats(values: list[float]) -> bytes:
    data = struct.pack(f"<{len(values)}f", *values)
    entries = tiff_entries(1, len(values), bits=32, compression=1, start=8 + 2 + 10 * 12 + 4, length=len(data))
    return tiff({**entries, 339: (3, 1, 3)}, data)


def webp_bomb() -> bytes:
    """A lossless WebP of the largest size there is, and nothing behind it."""
    stream = b"\x2f" + struct.pack("<I", (16383) | (16383 << 14)) + bytes(64)
    return b"RIFF" + struct.pack("<I", 12 + len(stream)) + b"WEBPVP8L" + struct.pack("<I", len(stream)) + stream


def jpeg_of_absurd_size() -> bytes:
    honest = bytearray(written("JPEG"))
    at = honest.index(b"\xff\xc0")
    honest[at + 5 : at + 9] = struct.pack(">HH", 65500, 65500)
    return bytes(honest)


def jpeg_of_many_scans() -> bytes:
    """A progressive picture of 16 megapixels whose last scan is repeated: each of them goes over every block."""
    file = io.BytesIO()
    picture().convert("L").resize((4000, 4000)).save(file, format="JPEG", progressive=True, quality=5)
    whole = file.getvalue()
    scan = whole[whole.rindex(b"\xff\xda") : -2]
    return whole[:-2] + scan * min(2000, (200 << 20) // len(scan)) + whole[-2:]


def pdf(*objects: bytes) -> bytes:
    """Objects 1, 2, ... with a table; the first one is the catalogue."""
    out, places = b"%PDF-1.7\n", []
    for number, content in enumerate(objects, start=1):
        places.append(len(out))
        out += b"%d 0 obj\n" % number + content + b"\nendobj\n"
    table = b"".join(b"%010d 00000 n \n" % place for place in places)
    end = b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1) + table
    return out + end + b"trailer << /Size %d /Root 1 0 R >>\nstartxref\n%d\n%%%%EOF" % (len(objects) + 1, len(out))


def stream(data: bytes, more: bytes = b"") -> bytes:
    return b"<< /Length %d %s >>\nstream\n" % (len(data), more) + data + b"\nendstream"


CATALOGUE = b"<< /Type /Catalog /Pages 2 0 R >>"
PAGES = b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>"


def page(box: bytes = b"0 0 200 200", more: bytes = b"") -> bytes:
    return b"<< /Type /Page /Parent 2 0 R /MediaBox [" + box + b"] /Contents 4 0 R " + more + b" >>"


def pdf_image(columns: int, rows: int, data: bytes) -> bytes:
    image = b"/Type /XObject /Subtype /Image /Width %d /Height %d /ColorSpace /DeviceGray /BitsPerComponent 8 " % (
        columns,
        rows,
    )
    drawn = page(more=b"/Resources << /XObject << /I 5 0 R >> >>")
    return pdf(CATALOGUE, PAGES, drawn, stream(b"200 0 0 200 0 0 cm /I Do"), stream(data, image + b"/Filter /FlateDecode"))


def pdf_form_loop() -> bytes:
    """A form that draws itself, many times."""
    form = b"/Type /XObject /Subtype /Form /BBox [0 0 200 200] /Resources << /XObject << /F 5 0 R >> >>"
    drawn = page(more=b"/Resources << /XObject << /F 5 0 R >> >>")
    return pdf(CATALOGUE, PAGES, drawn, stream(b"/F Do " * 100), stream(b"/F Do " * 100, form))


def pdf_forms_of_forms() -> bytes:
    """Twelve forms that draw the next one forty times each: 40^12 in all."""
    forms = []
    for number in range(5, 17):
        inner = b"/Resources << /XObject << /F %d 0 R >> >>" % (number + 1)
        forms.append(stream(b"/F Do " * 40, b"/Type /XObject /Subtype /Form /BBox [0 0 200 200] " + inner))
    last = stream(b"0 0 100 100 re f", b"/Type /XObject /Subtype /Form /BBox [0 0 200 200]")
    drawn = page(more=b"/Resources << /XObject << /F 5 0 R >> >>")
    return pdf(CATALOGUE, PAGES, drawn, stream(b"/F Do " * 40), *forms, last)


def pdf_page_loop() -> bytes:
    return pdf(CATALOGUE, b"<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1000000 >>")


def pdf_many_pages() -> bytes:
    kids = b" ".join([b"3 0 R"] * 5000)
    return pdf(CATALOGUE, b"<< /Type /Pages /Count 5000 /Kids [" + kids + b"] >>", page(), stream(b"0 0 9 9 re f"))


def dicom_with(tag: bytes, value: bytes) -> bytes:
    """An honest object in which the first value of a tag of two bytes says something else."""
    whole = bytearray(dicom())
    at = whole.index(tag) + 8
    whole[at : at + len(value)] = value
    return bytes(whole)


def nested_dicom() -> bytes:
    whole = dicom()
    at = whole.index(b"\x28\x00\x02\x00")
    return whole[:at] + (b"\x28\x00\x00\x31SQ\x00\x00\xff\xff\xff\xff" + b"\xfe\xff\x00\xe0\xff\xff\xff\xff") * 5000


HOSTILE: Mapping[str, Callable[[], bytes]] = {
    "nothing at all": lambda: b"",
    "one byte": lambda: b"\x89",
    "text": lambda: b"a letter to the hospital\n" * 100,
    "a PNG of 100 megapixels of zeros": lambda: png(10_000, 10_000, zeros(101 << 20)),
    "a PNG within the limit with a gigabyte behind it": lambda: png(1000, 1000, zeros(1 << 30)),
    "a PNG of 64 megapixels": lambda: png(8000, 8000, zeros(62 << 20)),
    "a PNG with a text of a gigabyte": lambda: png(
        8, 8, zlib.compress(bytes(72)), chunk(b"zTXt", b"a\0\0" + zeros(1 << 30))
    ),
    "a PNG with a profile of a gigabyte": lambda: png(
        8, 8, zlib.compress(bytes(72)), chunk(b"iCCP", b"a\0\0" + zeros(1 << 30))
    ),
    "a PNG of no width": lambda: png(0, 10, zlib.compress(b"")),
    "a PNG of negative size": lambda: png(0xFFFFFFFF, 0xFFFFFFFF, zlib.compress(bytes(100))),
    "a GIF that says 65,535 squared": gif_bomb,
    "a TIFF of 144 megapixels": tiff_bomb,
    "a TIFF without end": tiff_loop,
    "a TIFF of NaN and infinities": lambda: tiff_floats(
        [float("nan"), float("inf"), float("-inf"), 1.0, 2.0, -3e38, 3e38, 0.0]
    ),
    "a TIFF of nothing but NaN": lambda: tiff_floats([float("nan")] * 8),
    "a WebP of the largest size": webp_bomb,
    "a JPEG that says 65,500 squared": jpeg_of_absurd_size,
    "a JPEG of many scans": jpeg_of_many_scans,
    "a PDF with a picture that says 100,000 squared": lambda: pdf_image(100_000, 100_000, zlib.compress(bytes(100))),
    "a PDF with a gigabyte in its picture": lambda: pdf_image(3000, 3000, zeros(1 << 30)),
    "a PDF with a gigabyte in its page": lambda: pdf(
        CATALOGUE, PAGES, page(), stream(zeros(1 << 30), b"/Filter /FlateDecode")
    ),
    "a PDF deflated a hundred times over": lambda: pdf(
        CATALOGUE, PAGES, page(), stream(zeros(1 << 20), b"/Filter [" + b"/FlateDecode " * 100 + b"]")
    ),
    "a PDF with a form that draws itself": pdf_form_loop,
    "a PDF with forms of forms": pdf_forms_of_forms,
    "a PDF whose pages are their own parents": pdf_page_loop,
    "a PDF of 5,000 pages": pdf_many_pages,
    "a PDF with a page of a light year": lambda: pdf(CATALOGUE, PAGES, page(b"0 0 1e30 1e30"), stream(b"")),
    "a PDF with a page of no height": lambda: pdf(CATALOGUE, PAGES, page(b"0 0 200 0"), stream(b"")),
    "a PDF with a page like a thread": lambda: pdf(CATALOGUE, PAGES, page(b"0 0 100000 0.001"), stream(b"")),
    "a PDF with lists in lists": lambda: pdf(CATALOGUE, PAGES, page(more=b"/A " + b"[" * 100_000), stream(b"")),
    "a PDF that goes on in lists": lambda: b"%PDF-1.7\n" + b"<<" * 500_000,
    "a DICOM that says 65,535 rows": lambda: dicom_with(b"\x28\x00\x10\x00", b"\xff\xff"),
    "a DICOM that says 65,535 rows and columns": lambda: dicom_with(b"\x28\x00\x10\x00", b"\xff\xff").replace(
        b"\x28\x00\x11\x00US\x02\x00", b"\x28\x00\x11\x00US\x02\x00\xff\xff"
    ),
    "a DICOM of 12 bits in 64": lambda: dicom_with(b"\x28\x00\x00\x01", b"\x40\x00"),
    "a DICOM of sequences in sequences": nested_dicom,
    "an HEIC": lambda: b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100),
    **{
        f"noise that says it is {name}": lambda start=start: start + random.Random(7).randbytes(200_000)  # noqa: S311 - no secret
        for name, start in {
            "a PNG": b"\x89PNG\r\n\x1a\n",
            "a JPEG": b"\xff\xd8\xff\xe0",
            "a GIF": b"GIF89a",
            "a BMP": b"BM",
            "a TIFF": b"II*\x00\x08\x00\x00\x00",
            "a WebP": b"RIFF\x00\x10\x00\x00WEBPVP8 ",
            "an AVIF": b"\x00\x00\x00\x18ftypavif\x00\x00\x00\x00mif1avif",
            "a PDF": b"%PDF-1.7\n",
            "a DICOM": bytes(128) + b"DICM",
        }.items()
    },
    **{
        f"{kind}, {part} of it": lambda kind=kind, share=share: (lambda whole: whole[: int(len(whole) * share)])(
            dicom() if kind == "DICOM" else written(kind)
        )
        for kind in (*FORMATS, "DICOM")
        for part, share in (("a tenth", 0.1), ("half", 0.5), ("nearly all", 0.98))
    },
}


@pytest.fixture(scope="module")
def reader() -> ConfinedReader:
    return ConfinedReader()


def attempt(reader: ConfinedReader, source: Source) -> str:
    """What became of a file: its kind, or the refusal; anything but a refusal fails the test."""
    try:
        pages = reader.read(source, name="found")
    except InputError as refusal:
        return str(refusal)
    for each in pages:
        assert each.picture.ndim == 2
        assert max(each.picture.shape) <= 4096
    return pages[0].kind


class Growth:
    """How much more this process held at once than it did at first; 0 where the system does not tell."""

    def __init__(self) -> None:
        self._first = 0
        with suppress(OSError):
            # The peak so far is forgotten (proc(5), clear_refs).
            Path("/proc/self/clear_refs").write_text("5")
            self._first = self._peak()

    def bytes(self) -> int:
        return self._peak() - self._first if self._first else 0

    def _peak(self) -> int:
        status = Path("/proc/self/status").read_text()
        return int(status.partition("VmHWM:")[2].split()[0]) << 10


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_picture_costs_its_reader_at_most(reader: ConfinedReader, name: str) -> None:
    source = BytesSource(HOSTILE[name]())
    growth, started = Growth(), time.monotonic()
    attempt(reader, source)
    assert time.monotonic() - started < WALL
    assert growth.bytes() < GROWTH
    (honest,) = reader.read(BytesSource(written("PNG")), name="honest")
    np.testing.assert_array_equal(honest.picture, np.asarray(picture().convert("L")))


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a PNG of 100 megapixels of zeros", "64 megapixels"),
        ("a TIFF of 144 megapixels", "64 megapixels"),
        ("a GIF that says 65,535 squared", "64 megapixels"),
        ("a JPEG that says 65,500 squared", "64 megapixels"),
        ("a DICOM of sequences in sequences", "broken"),
        ("an HEIC", "HEIC"),
        ("text", "no format that is read"),
        ("nothing at all", "no format that is read"),
    ],
)
def test_the_refusal_says_why(reader: ConfinedReader, name: str, reason: str) -> None:
    with pytest.raises(InputError, match=reason):
        reader.read(BytesSource(HOSTILE[name]()), name="found")


def test_a_picture_of_64_megapixels_is_read(reader: ConfinedReader) -> None:
    (only,) = reader.read(BytesSource(png(8000, 8000, zeros(62 << 20))), name="large")
    assert only.picture.shape == (4096, 4096)


def test_a_file_of_300_megabytes_is_not_even_sent(reader: ConfinedReader, tmp_path: Path) -> None:
    with (tmp_path / "sparse.png").open("wb") as file:
        file.write(written("PNG"))
        file.truncate(300 << 20)
    growth = Growth()
    with pytest.raises(InputError, match="256 MiB"):
        reader.read(FileSource(tmp_path / "sparse.png"), name="sparse.png")
    assert growth.bytes() < 16 << 20


def test_a_file_of_250_megabytes_is_not_held_on_this_side(reader: ConfinedReader, tmp_path: Path) -> None:
    with (tmp_path / "sparse.png").open("wb") as file:
        file.write(written("PNG"))
        file.truncate(250 << 20)
    growth = Growth()
    assert attempt(reader, FileSource(tmp_path / "sparse.png")) == "png"
    assert growth.bytes() < GROWTH


def test_mutants_of_honest_pictures_end_in_a_result_or_a_refusal(reader: ConfinedReader) -> None:
    """60 of them, the same every time; MUTANTS=2000 for a long run."""
    chance = random.Random(1)  # noqa: S311 - no secret
    honest = [*(written(kind) for kind in FORMATS), written("TIFF", compression="tiff_lzw"), dicom()]
    for number in range(int(os.environ.get("MUTANTS", "60"))):
        whole = bytearray(honest[number % len(honest)])
        for _ in range(chance.choice((1, 3, 20))):
            at = chance.randrange(len(whole))
            if chance.random() < 0.5:
                whole[at] = chance.randrange(256)
            else:
                whole[at : at + 4] = chance.choice((b"\xff\xff\xff\xff", bytes(4), b"\x7f\xff\xff\xff", b"\x80\0\0\0"))
        attempt(reader, BytesSource(bytes(whole)))
    assert attempt(reader, BytesSource(honest[0])) == "png"
