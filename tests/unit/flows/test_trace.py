"""Tracing with a reader and an aligner that answer what a test wants; what they really answer is tested end to end."""

from __future__ import annotations

import json
import re
from base64 import b64decode
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import imagecodecs
import numpy as np
import pytest
from finding import PICTURE, Answering, OnePicture
from numpy.typing import NDArray
from world import World

from leadglass.dicom.source import BytesSource
from leadglass.errors import RefusedError, UnavailableError
from leadglass.flows import vault
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.ingest import ingest
from leadglass.flows.marks import mark_key
from leadglass.flows.release import release
from leadglass.flows.trace import Search, Traced, prepare, trace
from leadglass.mark.accuse import Verdict
from leadglass.mark.chips import chips
from leadglass.mark.found import Box
from leadglass.model.access import Action, Purpose, Strength
from leadglass.model.instance import StoredInstance
from leadglass.model.region import RegionKind
from leadglass.model.release import Release
from leadglass.testing.films import small_film
from leadglass.testing.memory import MemoryTiles


@dataclass
class Hall:
    """A site with a film of which ``releases`` went out, and what it takes to trace."""

    world: World
    instance: StoredInstance
    releases: list[Release]
    aligner: Answering

    def search(self) -> Search:
        return prepare(self.world.site, self.world.people["dso"])

    def traced(self, *, marks: Sequence[int]) -> Traced:
        """The one answer to a picture that holds the marks of these releases."""
        count = self.chips(0).size
        noise = np.random.default_rng(3).normal(0, 3, count)
        signal = sum((self.chips(mark) for mark in marks), np.zeros(count))
        self.aligner.coefficients = np.stack([noise + signal, noise]).astype(np.float32)
        (answer,) = trace(
            self.world.site, self.world.people["dso"], self.search(), BytesSource(b"a picture"), name="found.png"
        )
        return answer

    def chips(self, mark: int) -> NDArray[Any]:
        key = mark_key(self.world.site, instance=self.instance.id, release=self.releases[mark].id)
        return chips(key, 96, 80)

    def files(self) -> dict[str, bytes]:
        cases = self.world.site.cases
        assert isinstance(cases, MemoryTiles)
        return cases.files


@pytest.fixture
def hall() -> Hall:
    world = World()
    aligner = Answering()
    world.site = replace(world.site, reader=OnePicture(), aligner=aligner, cases=MemoryTiles())
    instance = world.ready()
    releases = []
    for to in ("a lab", "a firm", "a friend"):
        grant = world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH, regions=("lungs",), recipient=to)
        releases.append(release(world.site, world.people["dr"], grant.id, world.outlet).release)
    return Hall(world, instance, releases, aligner)


def test_one_release_is_named_with_the_tests_that_were_made(hall: Hall) -> None:
    answer = hall.traced(marks=[1])

    assert answer.verdict is Verdict.RELEASE
    assert [named.release for named in answer.named] == [hall.releases[1]]
    assert answer.releases_tried == 3
    evidence = json.loads(hall.files()[f"{answer.case}/evidence.json"])
    assert evidence["accusation"]["tests"] == 6


def test_several_are_named_together(hall: Hall) -> None:
    answer = hall.traced(marks=[0, 2])

    assert answer.verdict is Verdict.SEVERAL
    assert {named.release.id for named in answer.named} == {hall.releases[0].id, hall.releases[2].id}


def test_without_a_mark_it_is_ours_and_nobodys(hall: Hall) -> None:
    answer = hall.traced(marks=[])

    assert (answer.verdict, answer.named) == (Verdict.OURS, ())
    assert answer.z is not None
    assert answer.z < 5


def lungs(hall: Hall) -> NDArray[np.bool_]:
    return vault.open_film(hall.world.site, hall.instance).partition.mask([RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT])


def test_what_the_named_copy_covers_itself_was_not_altered(hall: Hall) -> None:
    mask = lungs(hall)
    places = np.argwhere(mask)
    row, column = (places[len(places) // 2] * np.array(PICTURE.shape) / mask.shape).astype(int).tolist()
    covered, shown = Box(0, 0, 8, 8), Box(column - 2, row - 2, column + 3, row + 3)
    hall.aligner.altered = (covered, shown)

    hall.aligner.difference[shown.top : shown.bottom, shown.left : shown.right] = 200
    hall.aligner.difference[:8, :8] = 255
    (altered,) = hall.traced(marks=[1]).altered
    assert abs(altered.left - shown.left) + abs(altered.top - shown.top) <= 4
    assert abs(altered.right - shown.right) + abs(altered.bottom - shown.bottom) <= 4


def test_no_more_of_the_original_is_shown_than_the_copy_shows(hall: Hall) -> None:
    """Security officers trace, and see no films."""
    answer = hall.traced(marks=[1])

    page = hall.files()[f"{answer.case}/evidence.html"].decode()
    pictures = [imagecodecs.png_decode(b64decode(data)) for data in re.findall(r"data:image/png;base64,([^\"')]+)", page)]
    originals = [p for p in pictures if p.shape[:2] == PICTURE.shape and (p == 200).any()]
    assert originals
    share = lungs(hall).mean()
    assert all((p == 200).mean() < share + 0.05 for p in originals)


def test_where_nobody_is_named_no_more_is_shown_than_every_copy_shows(hall: Hall) -> None:
    answer = hall.traced(marks=[])

    assert answer.verdict is Verdict.OURS
    page = hall.files()[f"{answer.case}/evidence.html"].decode()
    pictures = [imagecodecs.png_decode(b64decode(data)) for data in re.findall(r"data:image/png;base64,([^\"')]+)", page)]
    originals = [p for p in pictures if p.shape[:2] == PICTURE.shape and (p == 200).any()]
    assert all((p == 200).mean() < lungs(hall).mean() + 0.05 for p in originals)


def test_of_a_film_that_nobody_has_a_copy_of_nothing_is_shown(hall: Hall) -> None:
    with hall.world.site.database.begin() as transaction:
        for made in hall.releases:
            transaction.releases.swap(made, replace(made, mark=Strength.OFF))
    answer = hall.traced(marks=[])

    assert (answer.verdict, answer.releases_tried) == (Verdict.OURS, 0)
    page = hall.files()[f"{answer.case}/evidence.html"].decode()
    pictures = [imagecodecs.png_decode(b64decode(data)) for data in re.findall(r"data:image/png;base64,([^\"')]+)", page)]
    assert not any((p == 200).any() for p in pictures if p.shape[:2] == PICTURE.shape)


def test_a_film_that_hardly_agrees_is_called_ours_only_with_a_name(hall: Hall) -> None:
    hall.aligner.inliers = 30

    assert hall.traced(marks=[]).verdict is Verdict.UNKNOWN
    assert hall.traced(marks=[1]).verdict is Verdict.RELEASE


def test_every_trace_is_on_record_and_a_refusal_too(hall: Hall) -> None:
    with pytest.raises(RefusedError):
        prepare(hall.world.site, hall.world.people["dr"])
    answer = hall.traced(marks=[1])
    checkpoint(hall.world.site)

    with hall.world.site.database.begin() as transaction:
        entries = [each.entry for each in transaction.log.read(0, transaction.log.size())]
    assert sum(b'"refused"' in entry for entry in entries) == 1
    (traced,) = [entry for entry in entries if b'"traced"' in entry]
    assert hall.instance.id.encode() in traced
    assert f"{answer.case}/{hall.releases[1].id}.receipt" in hall.files()


def test_a_film_is_fingerprinted_once_and_its_row_is_sealed(hall: Hall) -> None:
    hall.search()
    hall.search()

    assert hall.aligner.made == 1
    (row,) = hall.aligner.loaded
    with hall.world.site.database.begin() as transaction:
        ((instance, sealed),) = transaction.fingerprints.each()
    assert instance == hall.instance.id
    assert row not in sealed


def test_a_shredded_film_is_not_found_any_more(hall: Hall) -> None:
    hall.search()
    hall.world.site.keys.destroy(hall.instance.id)

    assert hall.search().films == ()
    assert hall.aligner.loaded == []


def test_a_row_that_was_exchanged_is_made_again_and_that_is_told(hall: Hall) -> None:
    hall.search()
    with hall.world.site.database.begin() as transaction:
        transaction.fingerprints.put(hall.instance.id, b"leadglass/wrap@v1\n" + bytes(64))
    loaded = hall.aligner.loaded

    search = hall.search()

    assert (search.indexed.remade, search.indexed.failed) == ((hall.instance.id,), {})
    assert search.films == (hall.instance.id,)
    assert hall.aligner.loaded == loaded
    assert hall.search().indexed.remade == ()


def test_a_row_that_cannot_be_made_again_keeps_no_other_film_from_being_found(hall: Hall) -> None:
    other = ingest(hall.world.site, hall.world.people["tech"], BytesSource(small_film(seed=8))).instance
    hall.search()
    with hall.world.site.database.begin() as transaction:
        transaction.fingerprints.put(hall.instance.id, b"leadglass/wrap@v1\n" + bytes(64))
    hall.world.site.blobs.discard(hall.instance.parts[0].blob)

    search = hall.search()

    assert search.films == (other.id,)
    assert search.indexed.remade == ()
    assert [type(error) for error in search.indexed.failed.values()] == [UnavailableError]
    assert list(search.indexed.failed) == [hall.instance.id]


def test_without_the_extra_it_says_what_to_install(hall: Hall) -> None:
    site = replace(hall.world.site, aligner=None)

    with pytest.raises(UnavailableError) as caught:
        prepare(site, hall.world.people["dso"])

    assert "leadglass[trace]" in str(caught.value.hint)
