"""Films in every form that they are received in: covered, released, lifted and restored, exactly.

A case follows from its number. ``LEADGLASS_PIXEL_FORMS`` says how many are tried; without it some hundred are.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread, dcmwrite
from pydicom.dataset import Dataset
from pydicom.uid import (
    DeflatedExplicitVRLittleEndian,
    ExplicitVRBigEndian,
    ExplicitVRLittleEndian,
    ImplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    JPEGLSLossless,
    RLELossless,
)

from leadglass.anatomy.outline import Outlines
from leadglass.dicom.frames import decode, significant
from leadglass.dicom.instance import scan
from leadglass.dicom.source import BytesSource, Source
from leadglass.flows import vault
from leadglass.flows.check import draw
from leadglass.flows.ingest import ingest
from leadglass.flows.lift import lift
from leadglass.flows.open import open_release
from leadglass.flows.outlines import shaped
from leadglass.flows.record import SITE_KEY
from leadglass.flows.release import release
from leadglass.flows.request import request
from leadglass.flows.restore import restore
from leadglass.flows.session import Session
from leadglass.model.access import Account, Action, Actor, CoverShape, CoverStyle, Purpose, Role
from leadglass.model.frame import Frame
from leadglass.model.ids import PersonName
from leadglass.model.instance import StoredInstance
from leadglass.model.region import Mask, RegionKind
from leadglass.policy.decide import load
from leadglass.seal.person import public_key
from leadglass.site import Site
from leadglass.testing.films.instance import digital_x_ray
from leadglass.testing.films.patients import WANG
from leadglass.testing.memory import MemoryOutlet, SetClock, memory_site

CASES = int(os.environ.get("LEADGLASS_PIXEL_FORMS", "160"))
NATIVE = (ExplicitVRLittleEndian, ImplicitVRLittleEndian, ExplicitVRBigEndian, DeflatedExplicitVRLittleEndian)
LOSSLESS = (RLELossless, JPEGLSLossless, JPEG2000Lossless, JPEGLosslessSV1)
KINDS = (RegionKind.HEART, RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT)


@dataclass(frozen=True, eq=False)
class Case:
    """A received file, and its stored values: (frames, rows, columns) or (frames, rows, columns, 3)."""

    form: str
    file: bytes
    stored: NDArray[Any]
    random: np.random.Generator


def case(number: int) -> Case:
    random = np.random.default_rng([number, 71])
    form = str(random.choice(["grey", "grey", "grey", "signed", "frames", "RGB", "RGB planes", "YBR_FULL", "PALETTE COLOR"]))
    colour = form in ("RGB", "RGB planes", "YBR_FULL")
    bits = 8 if colour or form == "PALETTE COLOR" else int(random.choice([8, 10, 12, 16]))
    syntaxes = NATIVE if form in ("RGB planes", "PALETTE COLOR") else (*NATIVE, *LOSSLESS)
    syntax = str(random.choice(syntaxes))
    if form == "signed" and syntax == JPEGLSLossless:
        bits = 16  # the encoder states whole bytes, and below that precision a sign cannot be told
    frames = int(random.integers(2, 4)) if form == "frames" else 1
    rows, columns = (int(n) for n in random.integers(9, 70, 2))
    low = -(2 ** (bits - 1)) if form == "signed" else 0
    container = np.dtype(f"{'i' if low else 'u'}{1 if bits == 8 else 2}")
    shape = (frames, rows, columns, 3) if colour else (frames, rows, columns)
    # Smooth in some cases and noise in others: codecs take other ways through them. The encoder of JPEG-LS has no room for
    # what grows under it, as small noise does.
    noise = random.integers(low, low + 2**bits, shape)
    steps = np.broadcast_to(np.linspace(low, low + 2**bits - 1, columns).astype(np.int64)[:, None], (columns, 3))
    stored = (
        noise
        if syntax != JPEGLSLossless and random.random() < 0.5
        else np.broadcast_to(steps if colour else steps[:, 0], shape).copy()
    )
    stored = stored.astype(container)
    mono = f"MONOCHROME{1 + number % 2}"
    photometric = form.removesuffix(" planes") if colour or form == "PALETTE COLOR" else mono
    made = digital_x_ray(
        stored if frames > 1 else stored[0],
        WANG,
        view="PA",
        bits=bits,
        photometric=photometric,
        transfer_syntax=syntax if syntax not in (ImplicitVRLittleEndian, DeflatedExplicitVRLittleEndian) else NATIVE[0],
        pitch=0.148,
        sop_uid=WANG.uid("pixel form", str(number)),
    )
    return Case(f"{form}, {bits} bits, {rows} x {columns}, {syntax}", rewritten(made, form, stored, syntax), stored, random)


def rewritten(film: bytes, form: str, stored: NDArray[Any], syntax: str) -> bytes:
    """The file in another syntax, its colours by plane or by palette."""
    dataset = dcmread(BytesIO(film))
    if form == "RGB planes":
        dataset.PlanarConfiguration = 1
        value = np.moveaxis(stored, 3, 1).tobytes()
        dataset.PixelData = value + bytes(len(value) % 2)
    if form == "PALETTE COLOR":
        palette(dataset)
    if syntax == dataset.file_meta.TransferSyntaxUID and form not in ("RGB planes", "PALETTE COLOR"):
        return film
    dataset.file_meta.TransferSyntaxUID = syntax
    out = BytesIO()
    if syntax == ExplicitVRBigEndian:
        dcmwrite(out, dataset, implicit_vr=False, little_endian=False, force_encoding=True)
    else:
        dcmwrite(out, dataset, implicit_vr=syntax == ImplicitVRLittleEndian, little_endian=True, force_encoding=True)
    return out.getvalue()


def palette(dataset: Dataset) -> None:
    """Three tables of 256 entries (PS3.3 C.7.6.3.1.5, 6)."""
    for plane in range(3):
        dataset.add_new(0x00281101 + plane, "US", [256, 0, 16])
        dataset.add_new(0x00281201 + plane, "OW", np.arange(256, dtype="<u2").tobytes())


def boxes(rows: int, columns: int) -> dict[RegionKind, Mask]:
    """A heart and two lungs by parts of the picture."""
    y, x = np.mgrid[0:rows, 0:columns] / np.array([rows, columns]).reshape(2, 1, 1)
    lung = (y > 0.2) & (y < 0.8)
    return {
        RegionKind.HEART: (y > 0.5) & (y < 0.8) & (x > 0.4) & (x < 0.7),
        RegionKind.LUNG_RIGHT: lung & (x > 0.1) & (x < 0.45),
        RegionKind.LUNG_LEFT: lung & (x > 0.55) & (x < 0.9),
    }


def found(frame: Frame, *, view: str | None, modality: str | None) -> Outlines:
    del view, modality
    return Outlines(boxes(frame.rows, frame.columns), 1.0, "")


class House:
    """A site that permits one person everything, unmarked, in one style and shape."""

    def __init__(self, style: CoverStyle, shape: CoverShape) -> None:
        permit = f'@mark("off") @style("{style}") @shape("{shape}") permit (principal, action, resource);'
        policies = load({"site.cedar": permit})
        assert policies.problem is None
        self.site: Site = memory_site(clock=SetClock(), policies=policies, detector=found)
        self.site.keys.create(SITE_KEY)
        self.outlet = MemoryOutlet()
        actor = Actor(PersonName("all"), frozenset(Role) - {Role.SERVICE})
        seed = bytes(32)
        with self.site.database.begin() as transaction:
            transaction.people.add(Account(actor, True, public_key(seed), b"", b"", "none"))
        self.person = Session(actor, seed)

    def grant(self, instance: StoredInstance, action: Action, **more: Any) -> str:
        answer = request(self.site, self.person, instance.id, action=action, purpose=Purpose.LEGAL, **more)
        assert answer.grant is not None, answer.decision.reasons
        return answer.grant.id


@pytest.fixture(scope="module")
def houses() -> list[House]:
    return [House(style, shape) for style in CoverStyle for shape in CoverShape]


def shown_values(source: Source) -> NDArray[Any]:
    film = scan(source)
    frames = decode(film.layout, film.pixels, encapsulated=film.encapsulated)
    return np.stack([significant(frame, high_bit=film.layout.high_bit).samples for frame in frames])


@pytest.mark.parametrize("first", range(0, CASES, 20))
def test_a_film_in_any_form_is_covered_lifted_and_restored_exactly(houses: list[House], first: int) -> None:
    for number in range(first, min(first + 20, CASES)):
        made = case(number)
        try:
            goes_round(houses[number % len(houses)], made)
        except Exception as error:
            raise AssertionError(f"case {number}: {made.form}") from error


def goes_round(house: House, made: Case) -> None:
    site, person = house.site, house.person
    instance = ingest(site, person, BytesSource(made.file)).instance
    if made.stored.ndim == 4 and len(made.stored) == 1:
        # What no detector outlines a person may.
        masks = boxes(*made.stored.shape[1:3])
        instance = draw(site, person, instance.id, outlines=masks, note="drawn")
    count = int(made.random.integers(1, len(instance.kinds) + 1))
    shown = tuple(str(kind) for kind in made.random.choice([*instance.kinds], count, replace=False))
    copy = release(site, person, house.grant(instance, Action.VIEW, regions=shown), house.outlet)

    seen = shown_values(BytesSource(house.outlet.files[copy.path]))
    parts = shaped(site, instance, vault.open_film(site, instance), copy.release.shape)[0].partition
    open_mask = parts.mask([RegionKind(kind) for kind in shown])
    assert (seen.dtype, seen.shape) == (made.stored.dtype, made.stored.shape)
    assert np.array_equal(seen[:, open_mask], made.stored[:, open_mask])

    if copy.release.covered:
        key = house.grant(instance, Action.LIFT, release=copy.release.id)
        name = f"{copy.release.id}.json"
        lift(site, person, key, house.outlet, name=name)
        lifted = open_release(BytesSource(house.outlet.files[copy.path]), house.outlet.files[name], now=site.clock.now())
        assert np.array_equal(shown_values(BytesSource(b"".join(lifted.rendition.chunks()))), made.stored)

    back = restore(site, person, house.grant(instance, Action.RESTORE), house.outlet, name=f"{instance.id}.dcm")
    assert house.outlet.files[back.path] == made.file


def test_the_cases_have_every_form(houses: list[House]) -> None:
    """What the cases are said to be: each form, each syntax, odd sizes."""
    forms = [case(number) for number in range(max(CASES, 160))]
    for word in (
        "grey",
        "signed",
        "frames",
        "RGB,",
        "RGB planes",
        "YBR_FULL",
        "PALETTE",
        *(f" {b} bits" for b in (8, 10, 12, 16)),
    ):
        assert any(word in each.form for each in forms), word
    for syntax in (*NATIVE, *LOSSLESS):
        assert any(each.form.endswith(f", {syntax}") for each in forms), syntax
    assert any(each.stored.shape[1] % 2 and each.stored.shape[2] % 2 for each in forms)
    assert len(houses) == len(CoverStyle) * len(CoverShape)
