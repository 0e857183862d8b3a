"""Pictures of every format read in one process, and compared with originals in another."""

from __future__ import annotations

import io
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom.data import get_testdata_file

from leadglass.adapters.confined import Answer
from leadglass.adapters.tracing import aligner as aligner_module
from leadglass.adapters.tracing import reader as reader_module
from leadglass.adapters.tracing.aligner import ConfinedAligner
from leadglass.adapters.tracing.reader import ConfinedReader
from leadglass.dicom.source import BytesSource
from leadglass.errors import InputError, UnavailableError
from leadglass.mark import chips
from leadglass.mark.found import Alignment, Page
from leadglass.mark.resample import across, cubic, down
from leadglass.mark.spread import original, reduced
from leadglass.model.frame import Frame
from leadglass.ports import Aligner, PictureReader
from leadglass.testing.films.instance import small_film, small_samples

installed = pytest.mark.skipif(
    any(find_spec(name) is None for name in ("PIL", "pypdfium2", "cv2", "faiss")),
    reason="needs pip install 'leadglass[trace]'",
)

SHOWN = np.add.outer(np.arange(60), np.arange(40)).astype(np.uint8)
"""Light to the lower right: neither its mirror nor its turned self."""


def written(image: Any, kind: str, **options: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, format=kind, **options)
    return file.getvalue()


def shown(mode: str = "L") -> Any:
    from PIL import Image

    return Image.fromarray(SHOWN).convert(mode)


def read(data: bytes) -> tuple[Page, ...]:
    reader: PictureReader = ConfinedReader()
    return reader.read(BytesSource(data), name="found")


@installed
@pytest.mark.parametrize(
    ("kind", "apart"), [("PNG", 0), ("JPEG", 3), ("WEBP", 6), ("TIFF", 0), ("BMP", 0), ("GIF", 0), ("AVIF", 4)]
)
def test_a_format_is_told_by_its_content(kind: str, apart: int) -> None:
    (page,) = read(written(shown(), kind))
    assert (page.kind, page.number, page.of, page.picture.dtype) == (kind.lower(), 1, 1, np.uint8)
    assert np.abs(page.picture.astype(int) - SHOWN).max() <= apart


@installed
@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_picture_is_upright_as_its_camera_says(orientation: int) -> None:
    from PIL import Image, ImageOps

    exif = Image.Exif()
    exif[0x0112] = orientation
    data = written(shown(), "PNG", exif=exif)
    upright = np.asarray(ImageOps.exif_transpose(Image.open(io.BytesIO(data))))
    np.testing.assert_array_equal(read(data)[0].picture, upright)


@installed
def test_sixteen_bits_stay_sixteen_bits() -> None:
    from PIL import Image

    deep = SHOWN.astype(np.uint16) * 257 + np.arange(40, dtype=np.uint16)
    for kind in ("PNG", "TIFF"):
        (page,) = read(written(Image.fromarray(deep), kind))
        np.testing.assert_array_equal(page.picture, deep)
        assert page.picture.dtype == np.uint16


@installed
def test_what_is_clear_is_white_and_a_palette_is_looked_up() -> None:
    from PIL import Image

    half = Image.merge("LA", (shown(), Image.fromarray(np.where(SHOWN > 50, 255, 0).astype(np.uint8))))
    np.testing.assert_array_equal(read(written(half, "PNG"))[0].picture, np.where(SHOWN > 50, SHOWN, 255))
    turned = shown("P")
    turned.putpalette([255 - each // 3 for each in range(768)])
    assert np.abs(read(written(turned, "PNG"))[0].picture.astype(int) - (255 - SHOWN.astype(int))).max() <= 1


@installed
def test_colour_is_read_as_luma() -> None:
    from PIL import Image

    for colour, luma in (((255, 0, 0), 76), ((0, 255, 0), 150), ((0, 0, 255), 29)):
        assert read(written(Image.new("RGB", (8, 8), colour), "PNG"))[0].picture.tolist() == [[luma] * 8] * 8


@installed
def test_a_large_picture_is_reduced_by_area() -> None:
    from PIL import Image

    fine = np.tile(np.array([[0, 200], [200, 0]], np.uint8), (100, 4096))
    (page,) = read(written(Image.fromarray(fine), "PNG"))
    assert page.picture.shape == (100, 4096)
    assert np.unique(page.picture).tolist() == [100]


@installed
def test_pages_are_counted_and_no_more_than_twenty_read() -> None:
    frames = [shown().point(lambda value, n=n: value // 2 + n) for n in range(23)]
    pages = read(written(frames[0], "TIFF", save_all=True, append_images=frames[1:]))
    assert [page.number for page in pages] == list(range(1, 21))
    assert [int(page.picture[0, 0]) for page in pages] == list(range(20))
    assert pages[0].of == 21, "counted no further than one more than is read"


@installed
def test_a_pdf_is_rendered_and_a_larger_picture_in_it_taken_out() -> None:
    from PIL import Image

    rng = np.random.default_rng(2)
    film = Image.fromarray(rng.integers(0, 255, (30, 40), np.uint8)).resize((2400, 1800), Image.Resampling.BICUBIC)
    pages = read(written(film, "PDF", save_all=True, append_images=[shown()]))
    assert [(page.number, page.of, page.kind) for page in pages] == [(1, 2, "pdf"), (1, 2, "pdf"), (2, 2, "pdf")]
    assert [page.picture.shape for page in pages[:2]] == [(1500, 2000), (1800, 2400)]
    assert np.abs(pages[1].picture.astype(int) - np.asarray(film)).mean() < 3


@installed
def test_a_pdf_that_is_locked_says_so() -> None:
    from PIL import Image

    whole = written(Image.new("L", (8, 8)), "PDF")
    locked = whole.replace(b"/Root", b"/Encrypt << /Filter /Standard /V 1 /R 2 /O (" + b"x" * 32 + b") /U (" + b"x" * 32
                           + b") /P -1 >> /ID [(a) (a)] /Root")  # fmt: skip
    with pytest.raises(InputError, match=r"encrypted|broken"):
        read(locked)


@installed
@pytest.mark.parametrize("photometric", ["MONOCHROME1", "MONOCHROME2"])
def test_a_dicom_is_shown_light_on_dark(photometric: str) -> None:
    (page,) = read(small_film(photometric=photometric))
    stored = small_samples(rows=96, columns=80, bits=12)
    assert (page.kind, page.picture.dtype, page.picture.shape) == ("dicom", np.uint16, (96, 80))
    related = np.corrcoef(page.picture.ravel(), stored.ravel())[0, 1]
    assert related > 0.9 if photometric == "MONOCHROME2" else related < -0.9


@installed
def test_frames_of_a_dicom_are_pages() -> None:
    assert [(page.number, page.of) for page in read(small_film(frames=3))] == [(1, 3), (2, 3), (3, 3)]


@installed
@pytest.mark.parametrize(
    "name",
    [
        "CT_small.dcm",  # its preamble is the beginning of a TIFF
        "JPEG2000.dcm",
        "JPEG-lossy.dcm",
        "MR_small_RLE.dcm",
        "MR_small_bigendian.dcm",
        "MR_small_jpeg_ls_lossless.dcm",
        "SC_rgb_jpeg_gdcm.dcm",
        "image_dfl.dcm",
    ],
)
def test_every_codec_was_loaded_before_the_process_was_shut_in(name: str) -> None:
    path = get_testdata_file(name, download=False)
    assert path is not None, f"the pydicom wheel has no {name}"
    assert read(Path(str(path)).read_bytes())[0].kind == "dicom"


@installed
@pytest.mark.parametrize("mode", ["1", "LA", "P", "RGBA", "CMYK", "YCbCr", "I", "F", "PA"])
def test_pictures_of_every_mode_are_read(mode: str) -> None:
    image = shown("RGB").convert(mode)
    (page,) = read(written(image, "TIFF", **({"compression": "tiff_lzw"} if mode == "RGBA" else {})))
    if mode in {"I", "F"}:
        assert np.corrcoef(page.picture.ravel(), SHOWN.ravel())[0, 1] > 0.999
    else:
        seen = np.asarray(image.convert("RGB").convert("L")).astype(int)
        assert np.abs(page.picture - seen).max() <= 1


@installed
def test_text_of_a_pdf_is_drawn_without_any_file_of_the_machine() -> None:
    font = b"/Resources << /Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >> >>"
    text = b"BT /F 40 Tf 10 100 Td (Hello) Tj ET"
    body = (
        b"<< /Type /Catalog /Pages 2 0 R >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        (b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 200 200] /Contents 4 0 R " + font + b" >>"),
        b"<< /Length %d >>\nstream\n" % len(text) + text + b"\nendstream",
    )
    objects = b"".join(b"%d 0 obj\n" % number + each + b"\nendobj\n" for number, each in enumerate(body, start=1))
    (page,) = read(b"%PDF-1.7\n" + objects + b"trailer << /Size 5 /Root 1 0 R >>\n%%EOF")
    assert 10_000 < np.count_nonzero(page.picture < 128) < page.picture.size // 4


@installed
def test_heic_is_refused_with_what_to_do() -> None:
    with pytest.raises(InputError, match="HEIC") as caught:
        read(b"\x00\x00\x00\x18ftypheic\x00\x00\x00\x00mif1heic" + bytes(100))
    assert caught.value.hint == "convert to JPEG"


@installed
def test_a_reader_that_ends_is_an_input_error_and_takes_nothing_along() -> None:
    with pytest.raises(InputError, match="found: the picture cannot be read: the reader ended"):
        # No time at all, for a picture of 32 megapixels.
        ConfinedReader(seconds=0).read(BytesSource(written(shown().resize((8000, 4000)), "BMP")), name="found")
    assert read(written(shown(), "PNG"))[0].kind == "png"


@installed
def test_a_reader_without_memory_says_so() -> None:
    with pytest.raises(InputError, match="more memory"):
        # The libraries fit into so much, and no picture of 32 megapixels.
        ConfinedReader(memory=300 << 20).read(BytesSource(written(shown().resize((8000, 4000)), "BMP")), name="found")


def test_without_the_libraries_the_error_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reader_module, "find_spec", {}.get)
    monkeypatch.setattr(aligner_module, "find_spec", {}.get)
    with pytest.raises(UnavailableError) as caught:
        ConfinedReader().read(BytesSource(b""), name="found")
    assert "leadglass[trace]" in (caught.value.hint or "")
    with pytest.raises(UnavailableError) as caught:
        ConfinedAligner().fingerprint(np.zeros((9, 9), np.uint16))
    assert "leadglass[trace]" in (caught.value.hint or "")


def test_the_process_with_the_keys_has_no_library_for_pictures() -> None:
    # pydicom loads Pillow where that is installed, and none of what parses a format.
    code = """
import sys
import leadglass.cli.main, leadglass.assemble.site, leadglass.flows.ingest, leadglass.flows.release
import leadglass.adapters.tracing.reader, leadglass.adapters.tracing.aligner
import leadglass.mark.accuse, leadglass.mark.chips, leadglass.mark.found, leadglass.mark.spread
print(*{"cv2", "faiss", "pypdfium2", "onnxruntime", "PIL.JpegImagePlugin", "PIL.TiffImagePlugin"} & set(sys.modules))
"""
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert loaded.split() == []


def film(seed: int, rows: int = 900, columns: int = 760) -> Frame:
    """Blobs of many sizes under noise, unlike those of any other seed."""
    rng = np.random.default_rng(seed)
    samples = np.full((rows, columns), 2048, np.float32)
    for cells in (6, 12, 24, 48, 96):
        blobs = rng.normal(size=(cells, cells)).astype(np.float32)
        samples += across(down(blobs, cubic(cells, rows)), cubic(cells, columns)) * np.float32(2300 / cells**0.5)
    samples += rng.normal(size=samples.shape).astype(np.float32) * 8
    return Frame(np.clip(samples, 0, 4095).astype(np.uint16), "MONOCHROME2", 12)


@pytest.fixture(scope="module")
def aligner() -> Iterator[ConfinedAligner]:
    with ConfinedAligner() as aligner:
        yield aligner


@pytest.fixture(scope="module")
def films() -> list[Frame]:
    return [film(seed) for seed in range(3)]


@pytest.fixture(scope="module")
def loaded(aligner: ConfinedAligner, films: list[Frame]) -> ConfinedAligner:
    aligner.load((10 + number, aligner.fingerprint(reduced(each))) for number, each in enumerate(films))
    return aligner


def crop(frame: Frame) -> np.ndarray[Any, np.dtype[np.uint8]]:
    return (frame.samples[90:800, 60:700] >> 4).astype(np.uint8)


@installed
def test_a_picture_is_found_and_brought_back(loaded: ConfinedAligner, films: list[Frame]) -> None:
    port: Aligner = loaded
    picture = crop(films[1])
    assert port.find(picture)[0].film == 11
    aligned = port.align(picture, original(films[1]))
    assert aligned is not None
    assert aligned.coefficients.shape[1] == chips.count(900, 760)
    np.testing.assert_allclose(aligned.homography @ [60, 90, 1], [0, 0, 1], atol=1)
    assert port.align(picture, original(films[2])) is None


@installed
def test_an_aligner_that_ended_has_its_films_again(loaded: ConfinedAligner, films: list[Frame]) -> None:
    loaded.close()
    assert loaded.find(crop(films[2]))[0].film == 12


@installed
def test_what_was_loaded_last_is_all_that_is_known(films: list[Frame]) -> None:
    with ConfinedAligner() as fresh:
        assert fresh.find(crop(films[0])) == ()
        row = fresh.fingerprint(reduced(films[0]))
        assert 0 < len(row) <= 4096
        fresh.load([(3, row)])
        fresh.load([(4, row)])
        assert [each.film for each in fresh.find(crop(films[0]))] == [4]


@installed
def test_an_aligner_has_room_for_as_many_films_as_it_is_given(films: list[Frame]) -> None:
    with ConfinedAligner(memory=1 << 30) as small:
        row = small.fingerprint(reduced(films[0]))
        small.load((number, row) for number in range(60_000))
        assert small.find(crop(films[0]), most=1)


@installed
def test_a_broken_row_ends_the_aligner_and_nothing_else(films: list[Frame]) -> None:
    with ConfinedAligner() as fresh:
        with pytest.raises(UnavailableError):
            fresh.load([(1, b"\x01\xff\xff no row")])
        fresh.load([])
        assert fresh.fingerprint(reduced(films[0]))


def answer(**changes: Any) -> Answer:
    count = chips.count(64, 64)
    arrays = {
        "coefficients": np.zeros((2, count), np.float32),
        "homography": np.eye(3),
        "outline": np.zeros((4, 2)),
        "found": np.zeros((8, 8), np.uint8),
        "expected": np.zeros((8, 8), np.uint8),
        "valid": np.zeros((8, 8), np.bool_),
        "difference": np.zeros((8, 8), np.uint8),
    }
    fields: dict[str, Any] = {
        "aligned": True,
        "inliers": 30,
        "mirrored": False,
        "inverted": False,
        "altered": [[0, 0, 2, 3]],
    }
    for name, value in changes.items():
        (arrays if name in arrays else fields)[name] = value
    return Answer(fields, tuple(arrays.values()))


def parsed(given: Answer) -> Alignment | None:
    frame = Frame(np.zeros((64, 64), np.uint16), "MONOCHROME2", 12)
    stated = replace(original(frame), rows=64, columns=64)
    return aligner_module._alignment(given, np.zeros((5, 4), np.uint8), stated)


def test_an_alignment_is_believed_as_stated() -> None:
    aligned = parsed(answer())
    assert aligned is not None
    assert (aligned.inliers, len(aligned.altered), aligned.altered[0].bottom) == (30, 1, 3)
    assert parsed(answer(aligned=False)) is None


@pytest.mark.parametrize(
    "changes",
    [
        {"coefficients": np.zeros((2, 5), np.float32)},
        {"coefficients": np.zeros((0, chips.count(64, 64)), np.float32)},
        {"coefficients": np.full((1, chips.count(64, 64)), np.nan, np.float32)},
        {"coefficients": np.zeros((1, chips.count(64, 64)))},
        {"homography": np.full((3, 3), np.inf)},
        {"outline": np.zeros((5, 2))},
        {"found": np.zeros((8, 9), np.uint8)},
        {"valid": np.zeros((8, 8), np.uint8)},
        {"inliers": -1},
        {"inliers": 3.5},
        {"mirrored": 1},
        {"altered": [[0, 0, 5, 3]]},
        {"altered": [[2, 0, 2, 3]]},
        {"altered": [[-1, 0, 2, 3]]},
        {"altered": [[0, 0, 2, 3]] * 1001},
        {"altered": None},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_an_alignment_that_is_none_is_not_believed(changes: dict[str, Any]) -> None:
    with pytest.raises((ValueError, TypeError)):
        parsed(answer(**changes))


@installed
def test_neither_process_has_the_folder_that_we_run_in(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "PIL.py").write_text("raise SystemExit")
    monkeypatch.chdir(tmp_path)
    assert read(written(shown(), "PNG"))[0].kind == "png"
