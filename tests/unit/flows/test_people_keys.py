"""Keys of people: key files sealed for one person, and copies that travel covered whole for their recipient's key."""

from __future__ import annotations

import io
import subprocess
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydicom import Dataset, dcmread
from world import World, entries, quarters

from leadglass.anatomy.outline import Outlines
from leadglass.dicom.frames import decode
from leadglass.dicom.instance import scan
from leadglass.dicom.sealed import ENCRYPTED_ATTRIBUTES, sealed_items
from leadglass.dicom.source import BytesSource
from leadglass.errors import ConflictError, InputError, RefusedError
from leadglass.flows import people, vault
from leadglass.flows.lift import lift
from leadglass.flows.open import open_release, open_sealed
from leadglass.flows.release import release
from leadglass.model.access import Action, Purpose, SealProfile
from leadglass.model.frame import Frame
from leadglass.model.instance import StoredInstance
from leadglass.model.region import RegionKind
from leadglass.model.release import Release
from leadglass.policy.decide import load, shipped
from leadglass.ports import Detector
from leadglass.seal.public import PrivateKey, new_person_key, read_private

MINE, OTHER = (new_person_key(seed=bytes([n]) * 96) for n in (1, 2))


@pytest.fixture(scope="module")
def rsa(tmp_path_factory: pytest.TempPathFactory) -> PrivateKey:
    path: Path = tmp_path_factory.mktemp("rsa") / "key.pem"
    command = ["openssl", "genpkey", "-algorithm", "RSA", "-pkeyopt", "rsa_keygen_bits:2048", "-out", str(path)]
    subprocess.run(command, check=True, capture_output=True)
    return read_private(path.read_bytes())


def world_sealing(profile: SealProfile) -> World:
    """A site whose policy has research exports sealed by ``profile``."""
    world = World()
    said = '@id("export-research")'
    files = {name: text.replace(said, f'{said}\n@seal("{profile}")') for name, text in shipped().items()}
    world.site = replace(world.site, policies=load(files))
    assert world.site.policies.problem is None
    return world


def exported(world: World, *, recipient: str = "ward", regions: str = "lungs") -> tuple[StoredInstance, Release, bytes]:
    instance = world.ready()
    grant = world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH, regions=(regions,), recipient=recipient)
    made = release(world.site, world.people["dr"], grant.id, world.outlet).release
    return instance, made, world.outlet.files[f"{made.id}.dcm"]


def pixels(data: bytes) -> np.ndarray[Any, Any]:
    film = scan(BytesSource(data))
    (frame,) = decode(film.layout, film.pixels, encapsulated=film.encapsulated)
    return frame.samples


def header(data: bytes) -> Dataset:
    return dcmread(io.BytesIO(data))


# A key, from new to revoked.


def test_a_person_registers_their_own_key_and_an_administrator_anybodys() -> None:
    world = World()
    people.register_key(world.site, world.people["ward"], "ward", MINE.public)
    people.register_key(world.site, world.people["admin"], "dr", OTHER.public)
    assert people.holder(world.site, world.people["ward"], "ward").sealing_key is not None
    for act in (people.revoke_key, people.holder):
        with pytest.raises(RefusedError):
            act(world.site, world.people["student"], "ward")
    with pytest.raises(RefusedError):
        people.register_key(world.site, world.people["student"], "head", MINE.public)


def test_a_key_is_replaced_only_after_it_was_revoked_and_all_of_it_is_on_record() -> None:
    world = World()
    ward = world.people["ward"]
    people.register_key(world.site, ward, "ward", MINE.public)
    with pytest.raises(ConflictError, match="a key already"):
        people.register_key(world.site, ward, "ward", OTHER.public)
    people.revoke_key(world.site, ward, "ward")
    with pytest.raises(InputError, match="no key"):
        people.revoke_key(world.site, ward, "ward")
    people.register_key(world.site, ward, "ward", OTHER.public)
    actions = [action for action, _, _ in entries(world.site)]
    assert actions.count("key registered") == 2
    assert actions.count("key revoked") == 1


# A key file for one person.


def lifted(world: World, instance: StoredInstance, made: Release, *, recipient: str = "ward") -> tuple[str | None, bytes]:
    asked = world.agreed(
        "dr", instance, Action.LIFT, Purpose.RESEARCH, regions=("heart",), release=made.id, recipient=recipient
    )
    file = lift(world.site, world.people["dr"], asked.id, world.outlet, name="heart.key")
    return file.sealed_for, world.outlet.files["heart.key"]


def test_a_key_file_is_sealed_for_the_recipients_key() -> None:
    world = World()
    people.register_key(world.site, world.people["ward"], "ward", MINE.public)
    instance, made, file = exported(world)
    sealed_for, key_file = lifted(world, instance, made)
    assert sealed_for == MINE.public.fingerprint
    assert b"kek" not in key_file
    opened = open_release(BytesSource(file), key_file, now=world.clock.now(), mine=MINE)
    assert opened.regions == (RegionKind.HEART,)
    with pytest.raises(InputError, match="sealed for one person"):
        open_release(BytesSource(file), key_file, now=world.clock.now())
    with pytest.raises(InputError, match="does not open"):
        open_release(BytesSource(file), key_file, now=world.clock.now(), mine=OTHER)


def test_a_key_file_of_one_release_is_nothing_to_another() -> None:
    world = World()
    people.register_key(world.site, world.people["ward"], "ward", MINE.public)
    instance, made, _ = exported(world)
    _, key_file = lifted(world, instance, made)
    grant = world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH, regions=("lungs",), recipient="ward")
    second = release(world.site, world.people["dr"], grant.id, world.outlet).release
    with pytest.raises(InputError, match="does not open"):
        open_release(BytesSource(world.outlet.files[f"{second.id}.dcm"]), key_file, now=world.clock.now(), mine=MINE)


def test_without_a_key_the_file_opens_to_whoever_has_it() -> None:
    world = World()
    instance, made, file = exported(world)
    sealed_for, key_file = lifted(world, instance, made)
    assert sealed_for is None
    assert open_release(BytesSource(file), key_file, now=world.clock.now()).regions == (RegionKind.HEART,)


# Copies for a recipient's own key.


@pytest.fixture(params=[SealProfile.PORTABLE, SealProfile.PS3_15])
def profile(request: pytest.FixtureRequest) -> SealProfile:
    made: SealProfile = request.param
    return made


@pytest.fixture
def keys(profile: SealProfile, rsa: PrivateKey) -> Mapping[str, PrivateKey]:
    return {"ward": MINE if profile is SealProfile.PORTABLE else rsa, "student": OTHER}


def test_the_copy_travels_covered_whole_and_the_recipients_key_opens_what_was_granted(
    profile: SealProfile, keys: Mapping[str, PrivateKey]
) -> None:
    world = world_sealing(profile)
    people.register_key(world.site, world.people["ward"], "ward", keys["ward"].public)
    instance, made, file = exported(world)
    assert made.seal is profile
    assert set(made.shown) == {RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT}
    assert np.unique(pixels(file)).size == 1
    assert header(file).PatientIdentityRemoved == "YES"

    opened = open_sealed(BytesSource(file), keys["ward"])
    assert set(opened.regions) == set(made.shown)
    assert not opened.identified
    assert opened.authenticated is (profile is SealProfile.PORTABLE)
    shown = vault.open_film(world.site, instance).partition.mask(made.shown)
    before, after = pixels(world.film), pixels(b"".join(opened.rendition.chunks()))
    assert np.abs(after[shown].astype(int) - before[shown]).max() <= 9
    assert (after[shown] != before[shown]).any(), "the copy that opens carries a mark"
    assert (after[~shown] != before[~shown]).mean() > 0.9
    with pytest.raises(InputError, match="opens nothing"):
        open_sealed(BytesSource(file), keys["student"])


def test_a_copy_that_is_covered_whole_does_not_tell_how_large_its_regions_are() -> None:
    def lengths(detector: Detector) -> list[int]:
        world = world_sealing(SealProfile.PORTABLE)
        world.site = replace(world.site, detector=detector)
        people.register_key(world.site, world.people["ward"], "ward", MINE.public)
        _, _, file = exported(world)
        film = scan(BytesSource(file))
        sealed = sealed_items(film.header, film.top[ENCRYPTED_ATTRIBUTES])
        assert open_sealed(BytesSource(file), MINE).regions
        # The first holds attributes; a UID in them is a number of some digits.
        return [round(len(content), -2) for _, content in sealed[1:]]

    assert lengths(quarters) == lengths(smaller)


def smaller(frame: Frame, *, view: str | None, modality: str | None) -> Outlines:
    """Lungs and heart of another patient."""
    found = quarters(frame, view=view, modality=modality)
    return replace(found, masks={kind: mask & np.roll(mask, frame.rows // 4, axis=0) for kind, mask in found.masks.items()})


@pytest.mark.parametrize("private_first", [True, False])
def test_what_was_not_granted_is_lifted_by_the_site_alone(
    profile: SealProfile, keys: Mapping[str, PrivateKey], private_first: bool
) -> None:
    world = world_sealing(profile)
    people.register_key(world.site, world.people["ward"], "ward", keys["ward"].public)
    instance, made, file = exported(world)
    sealed_for, key_file = lifted(world, instance, made)
    mine = keys["ward"] if sealed_for else None

    def by_file(data: bytes) -> bytes:
        opened = open_release(BytesSource(data), key_file, now=world.clock.now(), mine=mine)
        assert opened.regions == (RegionKind.HEART,)
        return b"".join(opened.rendition.chunks())

    def by_key(data: bytes) -> bytes:
        opened = open_sealed(BytesSource(data), keys["ward"])
        assert set(opened.regions) == set(made.shown)
        return b"".join(opened.rendition.chunks())

    if profile is SealProfile.PS3_15 and not private_first:
        with pytest.raises(InputError, match="already"):
            by_key(by_file(file))
        return
    both = by_file(by_key(file)) if private_first else by_key(by_file(file))
    shown = vault.open_film(world.site, instance).partition.mask((*made.shown, RegionKind.HEART))
    assert np.abs(pixels(both)[shown].astype(int) - pixels(world.film)[shown]).max() <= 9


def test_who_has_no_key_or_one_of_another_kind_gets_no_copy(profile: SealProfile, rsa: PrivateKey) -> None:
    world = world_sealing(profile)
    with pytest.raises(InputError, match="who has no key"):
        exported(world)
    wrong = rsa if profile is SealProfile.PORTABLE else MINE
    people.register_key(world.site, world.people["student"], "student", wrong.public)
    with world.site.database.begin() as transaction:
        (stored,) = transaction.instances.find()
    grant = world.agreed("dr", stored, Action.EXPORT, Purpose.RESEARCH, regions=("lungs",), recipient="student")
    with pytest.raises(InputError, match="kind"):
        release(world.site, world.people["dr"], grant.id, world.outlet)
    assert not world.outlet.files


def test_an_edited_policy_with_an_unknown_profile_closes_the_site() -> None:
    files = {
        name: text.replace('@id("export-research")', '@id("export-research")\n@seal("wax")')
        for name, text in shipped().items()
    }
    problem = load(files).problem
    assert problem is not None
    assert "@seal is one of" in problem


# Releases that are older than the regions of their film.


def test_what_was_found_in_a_film_later_is_not_lifted_from_an_older_release() -> None:
    """Text that was found since then lies in what the release called rest."""
    world = World()
    instance, made, _ = exported(world)
    grant = world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, regions=("rest",), release=made.id)
    with world.site.database.begin() as transaction:
        stored = transaction.instances.get(instance.id)
        assert stored is not None
        transaction.instances.swap(stored, replace(stored, kinds=(RegionKind.TEXT, *stored.kinds)))
    with pytest.raises(InputError, match="divided anew"):
        lift(world.site, world.people["dr"], grant.id, world.outlet, name="rest.key")
    assert "rest.key" not in world.outlet.files
