from __future__ import annotations

import io
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from marked import differ_by_a_mark
from pydicom import dcmread
from pydicom.uid import CTImageStorage, SecondaryCaptureImageStorage, UltrasoundMultiFrameImageStorage
from stripes import SAYS, Stripes, smooth
from world import World, entries

from leadglass.deid.pixels import Located, Picture
from leadglass.errors import ConflictError, RefusedError, SealBrokenError
from leadglass.flows import vault
from leadglass.flows.check import check
from leadglass.flows.examine import examine, examine_all
from leadglass.flows.history import Line, history
from leadglass.flows.maintain import UNNAMED_FOR, maintain
from leadglass.flows.release import release
from leadglass.flows.session import service
from leadglass.model.access import Action, PixelState, Purpose
from leadglass.model.ids import InstanceId
from leadglass.model.instance import Part, StoredInstance
from leadglass.model.region import RegionKind
from leadglass.policy.decide import load, shipped
from leadglass.ports import TextEngine
from leadglass.testing.films import small_film

TOP_LEFT = (4, 8)
WRITTEN = smooth(lines=[TOP_LEFT])
CLEAN = smooth()


def world(film: bytes, *, engine: TextEngine | None = None) -> World:
    """A world whose site reads stripes, with one ingested film."""
    made = World(film=film)
    made.site = replace(made.site, text=engine or Stripes())
    made.ingest()
    return made


def stored(made: World) -> StoredInstance:
    with made.site.database.begin() as transaction:
        (instance,) = transaction.instances.find()
    return instance


def examined(film: bytes) -> World:
    made = world(film)
    assert not examine_all(made.site).failed
    return made


def told(made: World) -> Line:
    """What the log says of the examination."""
    lines = history(made.site, made.people["auditor"], stored(made).id)
    (found,) = [line for line in lines if line.action == "examined"]
    return found


def detail(made: World) -> Mapping[str, Any]:
    return dict(told(made).detail or {})


def changed(film: bytes, **attributes: object) -> bytes:
    dataset = dcmread(io.BytesIO(film))
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.MediaStorageSOPClassUID = dataset.SOPClassUID
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


def shown(made: World, person: str, purpose: Purpose) -> np.ndarray[Any, Any]:
    """The pixels that somebody sees who asks for all of the film."""
    made.order()
    grant = made.ask(person, stored(made), Action.VIEW, purpose).grant
    assert grant is not None
    delivered = release(made.site, made.people[person], grant.id, made.outlet)
    pixels: np.ndarray[Any, Any] = dcmread(io.BytesIO(made.outlet.files[delivered.path])).pixel_array
    return pixels


def samples(film: bytes) -> np.ndarray[Any, Any]:
    pixels: np.ndarray[Any, Any] = dcmread(io.BytesIO(film)).pixel_array
    return pixels


def stripes_of(pixels: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    top, left = TOP_LEFT
    return pixels[..., top : top + 8, left : left + 40]


def test_a_film_without_text_is_checked_and_stays_as_it_is() -> None:
    made = world(CLEAN)
    before = stored(made)
    examine_all(made.site)
    assert stored(made) == replace(before, pixels=PixelState.CHECKED)


def test_text_becomes_a_region_of_its_own_and_the_film_is_checked() -> None:
    made = examined(WRITTEN)
    instance = stored(made)
    assert instance.pixels is PixelState.CHECKED
    assert instance.kinds[0] is RegionKind.TEXT
    text = vault.open_film(made.site, instance).partition.mask([RegionKind.TEXT])
    assert stripes_of(text).all()
    assert text.sum() < 0.1 * text.size


def test_who_may_not_see_text_sees_none() -> None:
    pixels = shown(examined(WRITTEN), "ward", Purpose.TREAT)
    assert np.ptp(stripes_of(pixels)) < np.ptp(stripes_of(samples(WRITTEN))) // 4
    assert differ_by_a_mark(pixels[100:], samples(WRITTEN)[100:], bits=12)


def test_the_treating_reader_sees_the_whole_film_as_received() -> None:
    assert np.array_equal(shown(examined(WRITTEN), "dr", Purpose.TREAT), samples(WRITTEN))


def test_the_received_file_comes_back_after_its_patches_were_taken_anew() -> None:
    made = examined(WRITTEN)
    assert vault.comes_back(made.site, stored(made))


def test_patches_that_were_replaced_are_swept_and_nothing_else_is() -> None:
    made = examined(WRITTEN)
    made.clock.move(2 * UNNAMED_FOR)
    maintain(made.site, service(made.site, "maintain"))
    assert {blob for blob, _ in made.site.blobs.stored()} == {part.blob for part in stored(made).parts}


COLOUR = {
    "SamplesPerPixel": 3,
    "PhotometricInterpretation": "RGB",
    "PlanarConfiguration": 0,
    "BitsAllocated": 8,
    "BitsStored": 8,
    "HighBit": 7,
}


@pytest.mark.parametrize("frames", [1, 3])
def test_text_is_found_in_every_frame_and_in_colour(frames: int) -> None:
    ultrasound = {"SOPClassUID": UltrasoundMultiFrameImageStorage, "Modality": "US", "ImageType": ["ORIGINAL", "PRIMARY"]}
    film = small_film(rows=200, columns=160)
    made = examined(changed(film, **ultrasound, **COLOUR, NumberOfFrames=frames, PixelData=coloured(frames)))
    assert stored(made).kinds == (RegionKind.TEXT, RegionKind.REST)
    mask = vault.open_film(made.site, stored(made)).partition.mask([RegionKind.TEXT])
    assert stripes_of(mask).all()
    assert vault.comes_back(made.site, stored(made))


def coloured(frames: int) -> bytes:
    """A grey slope in colour; the last frame is written on."""
    slope = (np.add.outer(np.arange(200), np.arange(160)) // 4 + 60).astype(np.uint8)
    pixels = np.repeat(np.repeat(slope[None, :, :, None], 3, axis=3), frames, axis=0)
    top, left = TOP_LEFT
    pixels[-1, top : top + 8, left : left + 40] = np.where(np.arange(40) % 8 < 4, 255, 0)[:, None]
    return pixels.tobytes()


def test_what_is_doubtful_is_for_a_person_and_its_text_is_a_region_all_the_same() -> None:
    across_the_middle = smooth(lines=[(96, 8), (96, 48), (96, 88)])
    made = examined(across_the_middle)
    assert stored(made).pixels is PixelState.REVIEW
    assert RegionKind.TEXT in stored(made).kinds


def test_a_reader_that_fails_leaves_the_film_to_a_person() -> None:
    made = world(CLEAN, engine=Stripes(answers=1))
    assert examine_all(made.site).states == {PixelState.REVIEW: 1}


def test_a_reader_that_never_answers_changes_nothing() -> None:
    made = world(CLEAN, engine=Stripes(answers=0))
    done = examine_all(made.site)
    assert (done.waiting, done.error is not None) == (1, True)
    assert stored(made).pixels is PixelState.UNCHECKED


def test_a_site_without_a_reader_changes_nothing_and_says_how_many_wait() -> None:
    made = world(CLEAN)
    made.site = replace(made.site, text=None)
    before = list(entries(made.site))
    done = examine_all(made.site)
    assert (done.waiting, done.error) == (1, None)
    assert list(entries(made.site)) == before


def test_a_policy_may_leave_checking_to_people() -> None:
    made = world(CLEAN)
    files = {
        name: text.replace('Action::"check", Action::"checkpoint"', 'Action::"checkpoint"')
        for name, text in shipped().items()
    }
    made.site = replace(made.site, policies=load(files))
    assert examine_all(made.site).waiting == 1
    assert stored(made).pixels is PixelState.UNCHECKED


def test_nobody_else_examines() -> None:
    made = world(CLEAN)
    assert made.site.text is not None
    with pytest.raises(RefusedError):
        examine(made.site, made.people["dr"], made.site.text, stored(made).id)


@pytest.mark.parametrize("state", [PixelState.CHECKED, PixelState.REVIEW])
def test_a_film_that_a_person_looked_at_is_not_read(state: PixelState) -> None:
    engine = Stripes()
    made = world(WRITTEN, engine=engine)
    check(made.site, made.people["tech"], stored(made).id, pixels=state, note="looked")
    examine_all(made.site)
    assert engine.asked == 0
    assert stored(made).pixels is state


def test_a_person_has_the_last_word() -> None:
    made = examined(CLEAN)
    check(made.site, made.people["tech"], stored(made).id, pixels=PixelState.REVIEW, note="a name behind the marker")
    examine_all(made.site)
    assert stored(made).pixels is PixelState.REVIEW


class Slow(Stripes):
    """A reader during whose work something happens."""

    def __init__(self, meanwhile: Callable[[], object]) -> None:
        super().__init__()
        self.meanwhile = meanwhile

    def locate(self, pictures: Sequence[Picture]) -> tuple[tuple[Located, ...], ...]:
        if self.asked == 1:
            self.meanwhile()
        return super().locate(pictures)


def test_who_looks_while_a_film_is_read_is_not_overruled() -> None:
    made = world(
        WRITTEN, engine=Slow(lambda: check(made.site, made.people["tech"], stored(made).id, pixels=state, note="!"))
    )
    state = PixelState.REVIEW
    assert examine_all(made.site).later == 1
    assert (stored(made).pixels, RegionKind.TEXT in stored(made).kinds) == (state, False)
    assert {blob for blob, _ in made.site.blobs.stored()} == {part.blob for part in stored(made).parts}


def test_a_film_that_its_reader_is_about_to_open_keeps_its_regions_until_then() -> None:
    made = world(WRITTEN)
    made.order()
    grant = made.ask("dr", stored(made), Action.VIEW, Purpose.TREAT).grant
    assert grant is not None
    assert examine_all(made.site).later == 1
    delivered = release(made.site, made.people["dr"], grant.id, made.outlet)
    assert np.array_equal(samples(made.outlet.files[delivered.path]), samples(WRITTEN))
    assert examine_all(made.site).states == {PixelState.CHECKED: 1}


def test_two_who_read_the_same_film_leave_one_finding() -> None:
    made = world(WRITTEN)
    assert made.site.text is not None
    slow = Slow(lambda: examine(made.site, service(made.site, "check"), Stripes(), stored(made).id))
    slow.asked = 1
    with pytest.raises(ConflictError):
        examine(made.site, service(made.site, "check"), slow, stored(made).id)
    assert [action for action, _, _ in entries(made.site)].count("examined") == 1


def test_reading_again_finds_nothing_to_do() -> None:
    made = examined(WRITTEN)
    before = list(entries(made.site))
    assert examine_all(made.site).states == {}
    assert list(entries(made.site)) == before


def test_the_log_says_who_read_and_how_much_was_found_and_not_what() -> None:
    made = examined(WRITTEN)
    said = detail(made)
    assert (told(made).actor, said["pixels"], said["engine"]) == ("service.check", "checked", "stripes 1")
    assert "region" in said["why"]
    assert said["boxes"] > 0
    assert sum(said["found"].values()) > 0
    assert not any(word in str(said) for word in SAYS.split())


AXIAL = {"SOPClassUID": CTImageStorage, "Modality": "CT", "ImageType": ["ORIGINAL", "PRIMARY", "AXIAL"]}


def test_slices_that_hold_no_text_are_checked_unread() -> None:
    made = examined(changed(WRITTEN, **AXIAL, BodyPartExamined="CHEST"))
    assert (stored(made).pixels, detail(made)["engine"]) == (PixelState.CHECKED, None)


@pytest.mark.parametrize(
    "attributes",
    [
        AXIAL | {"BodyPartExamined": "HEAD"},
        AXIAL | {"SeriesDescription": "头颅平扫", "SpecificCharacterSet": "GB18030"},
        {"SOPClassUID": SecondaryCaptureImageStorage, "Modality": "XC"},
    ],
    ids=["head", "head by its series", "visible light"],
)
def test_faces_are_for_a_person_to_look_at(attributes: Mapping[str, object]) -> None:
    made = examined(changed(CLEAN, **attributes))
    assert (stored(made).pixels, detail(made)["engine"]) == (PixelState.REVIEW, None)


def test_a_film_that_is_a_photograph_is_for_a_person_to_look_at() -> None:
    pixels = np.zeros((200, 160, 3), np.uint8)
    pixels[...] = (180, 120, 90)
    photograph = changed(small_film(rows=200, columns=160), **COLOUR, PixelData=pixels.tobytes())
    made = examined(photograph)
    assert (stored(made).pixels, detail(made)["engine"]) == (PixelState.REVIEW, None)


def test_one_damaged_film_does_not_keep_the_others_waiting() -> None:
    made = world(WRITTEN)
    broken = stored(made)
    made.film = small_film(rows=200, columns=160, seed=5)
    other = made.ingest()
    blobs = made.site.blobs._blobs  # type: ignore[attr-defined]  # the memory adapter's own
    blob = broken.part(Part.patch(RegionKind.REST)).blob
    data, time = blobs[blob]
    blobs[blob] = (data[:-1] + bytes([data[-1] ^ 1]), time)
    done = examine_all(made.site)
    assert [type(error) for error in done.failed] == [SealBrokenError]
    with made.site.database.begin() as transaction:
        states = {each.id: each.pixels for each in transaction.instances.find()}
    assert states[broken.id] is PixelState.UNCHECKED
    assert states[other.id] is not PixelState.UNCHECKED


def test_maintain_examines_and_puts_it_on_record() -> None:
    made = world(CLEAN)
    seen: list[str] = []

    def watched(instances: Sequence[InstanceId], what: str) -> Iterator[InstanceId]:
        assert what == "pixels"
        for each in instances:
            seen.append(each)
            yield each

    done = maintain(made.site, service(made.site, "maintain"), progress=watched)
    assert (done.pixels.states, seen) == ({PixelState.CHECKED: 1}, [stored(made).id])
    assert all(index is not None for _, _, index in entries(made.site))
