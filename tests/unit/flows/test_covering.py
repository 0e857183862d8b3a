"""How a film is covered: whole where nothing is outlined, by a person's outlines, in a policy's style and shape."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.filebase import DicomBytesIO
from world import PEOPLE, World, quarters

from leadglass.anatomy.outline import Outlines, abstain
from leadglass.dicom.frames import png
from leadglass.dicom.source import BytesSource
from leadglass.errors import ConflictError, InputError, RefusedError
from leadglass.flows import orders, vault
from leadglass.flows.check import draw, read_outline
from leadglass.flows.history import history
from leadglass.flows.ingest import ingest
from leadglass.flows.outlines import kept, shaped
from leadglass.flows.release import release
from leadglass.flows.request import request
from leadglass.model.access import Action, CoverShape, CoverStyle, Outcome, Purpose
from leadglass.model.frame import Frame
from leadglass.model.instance import Part, StoredInstance
from leadglass.model.region import Mask, RegionKind
from leadglass.model.release import Release
from leadglass.policy.decide import load, shipped
from leadglass.testing.films import small_film
from leadglass.veil.style import COARSE_LINKAGE

HEART, RIGHT, LEFT, REST = RegionKind.HEART, RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT, RegionKind.REST
OUTLINED = (HEART, RIGHT, LEFT)
NEEDED_ALONE = """
permit (principal, action in Action::"film_action", resource is Film);
permit (principal, action in Action::"film_action", resource is Region) when { context.needed.contains(resource) };
"""


def nothing(frame: Frame, *, view: str | None, modality: str | None) -> Outlines:
    del frame, view, modality
    return abstain("the lungs are not side by side")


def world(*, detector: Any = quarters, policy: str | None = None, film: bytes | None = None) -> World:
    made = World(film=film or small_film())
    policies = load(shipped() if policy is None else {"site.cedar": policy})
    assert policies.problem is None
    made.site = replace(made.site, detector=detector, policies=policies)
    return made


def permit(annotations: str) -> str:
    return f'@mark("off") {annotations} permit (principal, action, resource);'


def told(made: World, instance: StoredInstance, action: str) -> str:
    """What the log says of what was done."""
    lines = history(made.site, made.people["auditor"], instance.id)
    return str(next(line for line in lines if line.action == action).detail)


def masks(*kinds: RegionKind) -> dict[RegionKind, Mask]:
    found = quarters(Frame(np.zeros((96, 80), np.uint16), "MONOCHROME2", 12), view=None, modality=None).masks
    return {kind: found[kind] for kind in kinds}


def copied(made: World, instance: StoredInstance, *show: str, person: str = "dr") -> tuple[Release, NDArray[Any]]:
    """A copy for oneself that shows some regions, and its pixels."""
    answer = request(made.site, made.people[person], instance.id, action=Action.VIEW, purpose=Purpose.TREAT, regions=show)
    assert answer.grant is not None, answer.decision.reasons
    done = release(made.site, made.people[person], answer.grant.id, made.outlet)
    return done.release, dcmread(DicomBytesIO(made.outlet.files[done.path])).pixel_array


# Covered whole


def test_a_film_without_outlines_says_why_to_whoever_brings_it_and_in_the_log() -> None:
    made = world(detector=nothing)
    done = ingest(made.site, made.people["tech"], BytesSource(made.film))
    assert done.whole == "the lungs are not side by side"
    assert done.instance.kinds == (REST,)
    assert kept(made.site, done.instance) == {}
    assert "the lungs are not side by side" in told(made, done.instance, "ingested")


def test_a_film_with_outlines_keeps_them_as_they_were_found() -> None:
    made = world()
    done = ingest(made.site, made.people["tech"], BytesSource(made.film))
    assert done.whole == ""
    exact = kept(made.site, done.instance)
    assert list(exact) == list(OUTLINED)
    assert all(np.array_equal(exact[kind], mask) for kind, mask in masks(*OUTLINED).items())


@pytest.mark.parametrize(
    ("film", "why"),
    [(small_film(frames=2), "several frames"), (small_film(samples=3, bits=8, photometric="RGB"), "in colour")],
)
def test_what_no_detector_is_asked_of_is_covered_whole(film: bytes, why: str) -> None:
    made = world(film=film)
    done = ingest(made.site, made.people["tech"], BytesSource(film))
    assert why in done.whole
    assert done.instance.kinds == (REST,)


# Drawn by a person


def test_a_person_draws_what_was_not_found_and_stands_for_it() -> None:
    made = world(detector=nothing)
    instance = made.ready()
    drawn = draw(made.site, made.people["tech"], instance.id, outlines=masks(*OUTLINED), note="by eye")
    assert drawn.kinds == (HEART, RIGHT, LEFT, REST)
    assert vault.comes_back(made.site, drawn)
    detail = told(made, drawn, "outlined")
    assert "by eye" in detail
    assert all(kind in detail for kind in OUTLINED)
    made_copy, pixels = copied(made, drawn, "lungs")
    assert made_copy.covered == (HEART, REST)
    whole = dcmread(DicomBytesIO(made.film)).pixel_array
    mask = vault.open_film(made.site, drawn).partition.mask([RIGHT, LEFT])
    assert np.array_equal(pixels[mask], whole[mask])


def test_what_a_person_leaves_out_keeps_the_outline_it_has() -> None:
    made = world()
    instance = made.ready()
    heart = np.roll(masks(HEART)[HEART], 10, axis=0)
    drawn = draw(made.site, made.people["tech"], instance.id, outlines={HEART: heart}, note="lower")
    exact = kept(made.site, drawn)
    assert np.array_equal(exact[HEART], heart)
    assert np.array_equal(exact[RIGHT], masks(RIGHT)[RIGHT])
    assert len([part for part in drawn.parts if part.part == Part.OUTLINES]) == 1
    assert set(drawn.parts).isdisjoint(part for part in instance.parts if part.part.startswith("patch."))


@pytest.mark.parametrize(
    ("outlines", "says"),
    [
        ({RIGHT: masks(LEFT)[LEFT], LEFT: masks(RIGHT)[RIGHT]}, "exchanged"),
        ({LEFT: masks(RIGHT)[RIGHT]}, "exchanged"),
        ({HEART: np.ones((95, 80), np.bool_)}, "95 x 80 pixels, the film 96 x 80"),
        ({HEART: np.zeros((96, 80), np.bool_)}, "empty"),
        ({HEART: np.ones((96, 80), np.bool_)}, "nearly the whole film"),
        ({RegionKind.TEXT: masks(HEART)[HEART]}, "a person outlines heart"),
        ({REST: masks(HEART)[HEART]}, "a person outlines heart"),
    ],
)
def test_what_can_be_no_outline_is_refused(outlines: dict[RegionKind, Mask], says: str) -> None:
    made = world()
    instance = made.ready()
    with pytest.raises(InputError, match=says):
        draw(made.site, made.people["tech"], instance.id, outlines=outlines, note="by eye")
    with made.site.database.begin() as transaction:
        assert transaction.instances.get(instance.id) == instance


def test_a_film_of_several_frames_is_not_drawn_on() -> None:
    made = world(film=small_film(frames=2))
    with pytest.raises(InputError, match="several frames"):
        draw(made.site, made.people["tech"], made.ready().id, outlines=masks(HEART), note="by eye")


def test_drawing_takes_a_note() -> None:
    made = world()
    with pytest.raises(InputError, match="note"):
        draw(made.site, made.people["tech"], made.ready().id, outlines=masks(HEART), note=" ")


@pytest.mark.parametrize("person", sorted(set(PEOPLE) - {"tech", "dso"}))
def test_only_who_may_check_may_draw(person: str) -> None:
    made = world()
    with pytest.raises(RefusedError):
        draw(made.site, made.people[person], made.ready().id, outlines=masks(HEART), note="by eye")


def test_nobody_draws_under_a_grant_that_waits() -> None:
    made = world()
    instance = made.ready()
    made.ask("dr", instance, Action.VIEW, Purpose.TREAT)
    with pytest.raises(ConflictError, match="unused grant"):
        draw(made.site, made.people["tech"], instance.id, outlines=masks(HEART), note="by eye")
    assert {part.blob for part in instance.parts} == {blob for blob, _ in made.site.blobs.stored()}


def test_a_picture_is_read_as_outline_writes_it() -> None:
    mask = masks(HEART)[HEART]
    assert np.array_equal(read_outline(png(mask.astype("u1") * 255), HEART), mask)
    with pytest.raises(InputError, match="0 and 255"):
        read_outline(png(mask.astype("u1")), HEART)
    with pytest.raises(InputError):
        read_outline(b"no picture", HEART)


# Style and shape


@pytest.mark.parametrize("style", list(CoverStyle))
def test_a_copy_is_covered_in_the_style_that_policy_says(style: CoverStyle) -> None:
    made = world(policy=permit(f'@style("{style}")'))
    instance = made.ready()
    copy, pixels = copied(made, instance, "rest")
    whole = dcmread(DicomBytesIO(made.film)).pixel_array
    parts = vault.open_film(made.site, instance).partition
    assert (copy.style, copy.shape) == (style, CoverShape.GRID)
    assert np.array_equal(pixels[parts.mask([REST])], whole[parts.mask([REST])])
    assert not np.array_equal(pixels[parts.mask(OUTLINED)], whole[parts.mask(OUTLINED)])
    if style is CoverStyle.SOLID:
        assert np.unique(pixels[parts.mask(OUTLINED)]).size == 1
    assert f"{style}" in told(made, instance, "released")


def test_whoever_takes_means_of_what_is_covered_has_it_on_record_what_they_tell() -> None:
    made = world(policy=permit('@style("coarse")'))
    instance = made.ready()
    copied(made, instance, "rest")
    assert COARSE_LINKAGE in told(made, instance, "released")


@pytest.mark.parametrize(("style", "show"), [("mosaic", "rest"), ("coarse", "all")])
def test_a_copy_that_shows_no_means_says_nothing_of_them(style: str, show: str) -> None:
    made = world(policy=permit(f'@style("{style}")'))
    instance = made.ready()
    copied(made, instance, show)
    assert COARSE_LINKAGE not in told(made, instance, "released")


def test_an_exact_shape_covers_the_outline_and_the_margin_of_the_heart_alone() -> None:
    made = world(policy=permit('@shape("outline")'))
    instance = made.ready()
    copy, pixels = copied(made, instance, "rest")
    whole = dcmread(DicomBytesIO(made.film)).pixel_array
    exact = np.logical_or.reduce(list(Outlines(masks(*OUTLINED), 1.0, "").for_cover().values()))
    grid = vault.open_film(made.site, instance).partition.mask(OUTLINED)
    assert copy.shape is CoverShape.OUTLINE
    assert copy.covered == OUTLINED
    assert np.array_equal(pixels[~exact], whole[~exact])
    assert (pixels != whole)[exact].mean() > 0.9
    assert (grid & ~exact).any()


def test_a_film_without_outlines_stays_on_the_grid_and_says_so() -> None:
    made = world(policy=permit('@shape("outline")'), detector=nothing)
    instance = made.ready()
    copy, _ = copied(made, instance, "all")
    assert copy.shape is CoverShape.GRID
    assert shaped(made.site, instance, vault.open_film(made.site, instance), CoverShape.OUTLINE)[1] is CoverShape.GRID


# Need


def test_the_ward_sees_what_its_order_needs_and_the_reader_everything() -> None:
    made = world()
    instance = made.check(made.ingest())
    orders.add(
        made.site,
        made.people["tech"],
        accession=made.patient.accession,
        procedure="chest PA",
        indication="heart size",
        reader="dr",
        referrer="ward",
    )
    assert made.ask("ward", instance, Action.VIEW, Purpose.TREAT).decision.shown == OUTLINED
    assert made.ask("dr", instance, Action.VIEW, Purpose.TREAT).decision.shown == (*OUTLINED, REST)
    copy, _ = copied(made, instance, "all", person="ward")
    more = made.ask("ward", instance, Action.LIFT, Purpose.TREAT, release=copy.id)
    assert more.decision.outcome is Outcome.NEEDS_APPROVAL
    assert more.decision.approvals_needed == 1


def test_an_order_of_other_people_says_nothing_of_what_one_needs() -> None:
    made = world()
    instance = made.ready()
    made.site = replace(made.site, policies=load({"site.cedar": NEEDED_ALONE}))
    assert made.ask("dr", instance, Action.VIEW, Purpose.TREAT).decision.outcome is Outcome.PERMIT
    assert made.ask("student", instance, Action.VIEW, Purpose.TREAT).decision.outcome is Outcome.FORBID
