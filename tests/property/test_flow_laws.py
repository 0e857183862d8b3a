"""The laws that hold across rooms: every write may crash, no change without its entry, nothing leaves unrecorded."""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from finding import Answering, OnePicture
from hypothesis import given, settings
from hypothesis import strategies as st
from marked import differ_by_a_mark
from numpy.typing import NDArray
from pydicom import dcmread
from pydicom.uid import DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian
from stripes import Stripes, smooth
from world import PEOPLE, World, enrol, entries

from leadglass.dicom.frames import decode
from leadglass.dicom.instance import compose_rendition, scan
from leadglass.dicom.sealed import ENCRYPTED_ATTRIBUTES
from leadglass.dicom.source import BytesSource, chunks
from leadglass.errors import (
    ConflictError,
    GrantExpiredError,
    InputError,
    ProofError,
    RefusedError,
    SealBrokenError,
    ShreddedError,
    UnavailableError,
    VerificationError,
)
from leadglass.flows import holds, orders, people, vault
from leadglass.flows.approve import approve
from leadglass.flows.audit import audit
from leadglass.flows.check import check
from leadglass.flows.checkpoint import CHECKPOINT_FILE, checkpoint, signed_checkpoint
from leadglass.flows.history import history
from leadglass.flows.indexing import index_films
from leadglass.flows.ingest import ingest
from leadglass.flows.lift import lift
from leadglass.flows.listing import listing
from leadglass.flows.maintain import maintain
from leadglass.flows.marks import mark_key
from leadglass.flows.open import open_release
from leadglass.flows.prove import prove
from leadglass.flows.receipt import check as check_receipt
from leadglass.flows.record import read_record
from leadglass.flows.release import release
from leadglass.flows.request import request
from leadglass.flows.restore import restore
from leadglass.flows.session import login, service
from leadglass.flows.shred import shred
from leadglass.flows.trace import prepare, trace
from leadglass.flows.vault import fingerprint, sha256_of
from leadglass.ledger.proof import check_consistency, prove_consistency
from leadglass.ledger.tile import Edge, grow
from leadglass.ledger.tree import leaf_hash
from leadglass.mark.chips import chips
from leadglass.model.access import Action, PixelState, Purpose, Role, Strength
from leadglass.model.ids import BlobId
from leadglass.model.instance import StoredInstance, Tier
from leadglass.model.region import RegionKind
from leadglass.ports import Outlet, Tiles, Transaction
from leadglass.site import Site
from leadglass.testing.faults import Faults, FaultyOutlet, InjectedError, faulty
from leadglass.testing.films import small_film
from leadglass.testing.memory import MemoryTiles

Flow = Callable[[World, Site, Outlet], object]
"""A flow under test: the prepared world, then the site and outlet to use, which may be faulty."""


def _ingest(_world: World) -> Flow:
    return lambda w, site, _: ingest(site, w.people["tech"], BytesSource(w.film))


def _ingest_compressed(world: World) -> Flow:
    world.film = small_film(transfer_syntax="1.2.840.10008.1.2.4.80")
    return _ingest(world)


def _ingest_deflated(world: World) -> Flow:
    world.film = rewritten(world.film, syntax=DeflatedExplicitVRLittleEndian)
    return _ingest(world)


def _order(_world: World) -> Flow:
    return lambda w, site, _: orders.add(
        site, w.people["tech"], accession=w.patient.accession, procedure="chest PA", reader="dr"
    )


def _close(world: World) -> Flow:
    world.order()
    (order,) = orders.listed(world.site, world.people["tech"])
    return lambda w, site, _: orders.close(site, w.people["tech"], order.id)


def _check(world: World) -> Flow:
    instance = world.ingest()
    return lambda w, site, _: check(site, w.people["tech"], instance.id, pixels=PixelState.CHECKED, note="looked")


def _request(world: World) -> Flow:
    instance = world.ready()
    return lambda w, site, _: request(
        site, w.people["dr"], instance.id, action=Action.VIEW, purpose=Purpose.TREAT, identity=True
    )


def _request_and_wait(world: World) -> Flow:
    instance = world.ready()
    return lambda w, site, _: request(site, w.people["dr"], instance.id, action=Action.EXPORT, purpose=Purpose.RESEARCH)


def _approve_first(world: World) -> Flow:
    ticket = world.ask("dr", world.ready(), Action.EXPORT, Purpose.RESEARCH).ticket
    assert ticket is not None
    return lambda w, site, _: approve(site, w.people["dso"], ticket.id)


def _approve_last(world: World) -> Flow:
    ticket = world.ask("dr", world.ready(), Action.EXPORT, Purpose.RESEARCH).ticket
    assert ticket is not None
    approve(world.site, world.people["dso"], ticket.id)
    return lambda w, site, _: approve(site, w.people["head"], ticket.id)


def _release(world: World) -> Flow:
    grant = world.agreed("dr", world.ready(), Action.EXPORT, Purpose.RESEARCH, regions=["lungs"])
    return lambda w, site, outlet: release(site, w.people["dr"], grant.id, outlet)


def _lift(world: World) -> Flow:
    instance, made = world.released("lungs")
    grant = world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=made.id)
    return lambda w, site, outlet: lift(site, w.people["dr"], grant.id, outlet, name="key.json")


def _restore(world: World) -> Flow:
    grant = world.agreed("dr", world.ready(), Action.RESTORE, Purpose.LEGAL)
    return lambda w, site, outlet: restore(site, w.people["dr"], grant.id, outlet, name="film.dcm")


def _checkpoint(world: World) -> Flow:
    world.ready()
    return lambda _w, site, _o: checkpoint(site)


def _prove(world: World) -> Flow:
    _, made = world.released("lungs")
    return lambda w, site, _: prove(site, w.people["dr"], made.id)


def _list(world: World) -> Flow:
    world.ready()
    return lambda w, site, _: listing(site, w.people["dr"], identity=True)


def _history(world: World) -> Flow:
    instance = world.ready()
    return lambda w, site, _: history(site, w.people["auditor"], instance.id)


def _disable(_world: World) -> Flow:
    return lambda w, site, _: people.disable(site, w.people["admin"], "student")


def _add(_world: World) -> Flow:
    return lambda w, site, _: people.add(
        site, w.people["admin"], "new", roles=[Role.STUDENT], department=None, passphrase="secret enough"
    )


def _passphrase(_world: World) -> Flow:
    return lambda w, site, _: people.change_passphrase(site, w.people["student"], "mine alone")


def _maintain(world: World) -> Flow:
    world.ready()
    world.site.blobs.put([b"nobody names this"])
    world.clock.move(timedelta(hours=2))
    return lambda _w, site, _o: maintain(site, service(site, "maintain"))


def _examine(world: World) -> Flow:
    world.film = smooth(film=small_film(rows=64, columns=64), lines=[(4, 8)])
    world.site = replace(world.site, text=Stripes())
    world.ingest()
    return lambda _w, site, _o: maintain(site, service(site, "maintain"))


def _index_films(world: World) -> Flow:
    world.ready()
    return lambda _w, site, _o: index_films(site, Answering())


def _trace(world: World) -> Flow:
    instance, made = world.released("lungs")
    key = mark_key(world.site, instance=instance.id, release=made.id)
    frame = vault.open_film(world.site, instance).frames[0]
    mark = chips(key, frame.rows, frame.columns)
    noise = np.random.default_rng(3).normal(0, 3, mark.size)
    aligner = Answering(coefficients=np.stack([noise + mark, noise]).astype(np.float32))
    world.site = replace(world.site, reader=OnePicture(), aligner=aligner)

    def flow(w: World, site: Site, _: Outlet) -> object:
        search = prepare(site, w.people["dso"])
        return trace(site, w.people["dso"], search, BytesSource(b"a picture"), name="found.png")

    return flow


def _shred(world: World) -> Flow:
    instance, _ = world.released("lungs")
    index_films(world.site, Answering())
    grant = world.agreed("dr", instance, Action.SHRED, Purpose.LEGAL)
    return lambda w, site, _: shred(site, w.people["dr"], grant.id)


def _hold(world: World) -> Flow:
    instance = world.ready()
    return lambda w, site, _: holds.add(site, w.people["dso"], instance.id, reason="a court asks")


def _drop_hold(world: World) -> Flow:
    instance = world.ready()
    hold = holds.add(world.site, world.people["dso"], instance.id, reason="a court asks")
    return lambda w, site, _: holds.drop(site, w.people["dso"], instance.id, reason="it is over", hold=hold.id)


FLOWS = (
    _ingest,
    _ingest_compressed,
    _ingest_deflated,
    _order,
    _close,
    _check,
    _request,
    _request_and_wait,
    _approve_first,
    _approve_last,
    _release,
    _lift,
    _restore,
    _checkpoint,
    _prove,
    _list,
    _history,
    _disable,
    _add,
    _passphrase,
    _maintain,
    _examine,
    _index_films,
    _trace,
    _shred,
    _hold,
    _drop_hold,
)


def rewritten(film: bytes, *, syntax: str, **attributes: object) -> bytes:
    """The film in another transfer syntax of the same byte order, with other attributes where given."""
    dataset = dcmread(io.BytesIO(film))
    for keyword, value in attributes.items():
        setattr(dataset, keyword, value)
    dataset.file_meta.TransferSyntaxUID = syntax
    out = io.BytesIO()
    dataset.save_as(out, enforce_file_format=True)
    return out.getvalue()


@dataclass
class State:
    """What is on record: entries by their action, and how many grants were used."""

    actions: Counter[str]
    spent: int


def check_laws(world: World) -> State:
    """Everything that has to be true of a site at rest, whatever happened to it."""
    site = world.site
    checkpoint(site)
    found = audit(site)
    assert found.ok, found.where
    with site.database.begin() as transaction:
        instances = transaction.instances.find()
        releases = transaction.releases.find()
        grants = transaction.grants.find()
        tickets = transaction.tickets.find()
        persons = transaction.people.find()
        orders_ = transaction.orders.find()
    on_record = [action for action, _, _ in entries(site)]

    # No change without its entry, no entry without its change.
    assert on_record.count("ingested") == len(instances)
    assert on_record.count("released") == len(releases)
    assert on_record.count("ordered") == len(orders_)
    assert on_record.count("person added") == len(persons) - len(PEOPLE)
    assert on_record.count("person disabled") == sum(not person.active for person in persons)
    assert on_record.count("order closed") == sum(not order.active for order in orders_)
    looked_at = {subject for action, subject, _ in entries(site) if action in ("checked", "examined")}
    assert looked_at == {each.id for each in instances if each.pixels is not PixelState.UNCHECKED}
    assert on_record.count("approved") == sum(len(ticket.approvals) for ticket in tickets)
    spent = sum(grant.uses_left == 0 for grant in grants)
    assert spent == sum(on_record.count(action) for action in ("released", "lifted", "restored", "shredded"))
    _check_holds(site, instances)
    _check_shreds(site, instances)
    _check_traces(world)

    # No row names a missing blob, and what was received can be given back bit for bit.
    for instance in instances:
        if instance.tier is not Tier.SHREDDED:
            restored = vault.received(site, instance)
            assert fingerprint(site, sha256_of(chunks(restored))) == instance.fingerprint

    # Nothing left before it was on record.
    digests = {each.digest for each in releases}
    for name, data in world.outlet.files.items():
        if name.endswith(".dcm") and name != "film.dcm":
            assert sha256_of([data]) in digests
        elif name.endswith(".receipt"):
            check_receipt(data, vkey=site.tiles.read("vkey").decode())  # type: ignore[union-attr]  # it was published
        elif name == "key.json":
            assert "lifted" in on_record
        else:
            assert "restored" in on_record
    return State(Counter(on_record), spent)


def _check_holds(site: Site, instances: Iterable[StoredInstance]) -> None:
    """A row says that it is held where a hold was added and not dropped."""
    changes = [(action, subject) for action, subject, _ in entries(site)]
    for instance in instances:
        standing = changes.count(("hold-added", instance.id)) - changes.count(("hold-dropped", instance.id))
        assert instance.held is (standing > 0 and instance.tier is not Tier.SHREDDED)


def _check_shreds(site: Site, instances: Iterable[StoredInstance]) -> None:
    """What was decided is on record; where it was done nothing opens, and until then ``maintain`` knows what is left."""
    changes = [(action, subject) for action, subject, _ in entries(site)]
    stored = {blob for blob, _ in site.blobs.stored()}
    with site.database.begin() as transaction:
        indexed = transaction.fingerprints.known()
    for instance in instances:
        shredded = instance.tier is Tier.SHREDDED
        assert changes.count(("shredded", instance.id)) == shredded
        assert changes.count(("key-destroyed", instance.id)) == (shredded and not instance.parts)
        if shredded:
            assert not any(part.wrapped_key for part in instance.parts)
            assert instance.id not in indexed
        if shredded and not instance.parts:
            with pytest.raises(ShreddedError):
                site.keys.create(instance.id)
    assert {part.blob for each in instances for part in each.parts if each.tier is not Tier.SHREDDED} <= stored


def _check_traces(world: World) -> None:
    """No trace on record without its case, no fingerprint that nobody put on record."""
    site = world.site
    assert isinstance(site.cases, MemoryTiles)
    cases = {path.split("/")[0] for path in site.cases.files if path.endswith("/evidence.json")}
    with site.database.begin() as transaction:
        logged = transaction.log.read(0, transaction.log.size())
        known = transaction.fingerprints.known()
    told = [(entry.action, fields or {}) for entry, fields in (read_record(site, each) for each in logged)]
    assert {fields["case"] for action, fields in told if action == "traced" and fields} <= cases
    assert len(known) <= sum(fields["films"] for action, fields in told if action == "indexed")


@pytest.mark.parametrize("persisted", [False, True], ids=["not persisted", "persisted, reported failed"])
@pytest.mark.parametrize("prepared", FLOWS, ids=lambda prepared: prepared.__name__.strip("_"))
def test_after_a_crash_at_every_single_write_every_law_still_holds(
    prepared: Callable[[World], Flow], persisted: bool
) -> None:
    unharmed = World()
    prepared(unharmed)(unharmed, unharmed.site, unharmed.outlet)
    wanted = check_laws(unharmed)
    struck = 0
    for at in range(1, 200):
        world = World()
        flow = prepared(world)
        faults = Faults(at, persisted=persisted)
        with suppress(UnavailableError):
            flow(world, faulty(world.site, faults), FaultyOutlet(world.outlet, faults))
        if not faults.struck:
            break
        struck += 1
        # The restart: the same stores, no fault. What was begun is finished or done again, once.
        check_laws(world)
        _again(world, flow)
        after = check_laws(world)
        # Nothing is stuck: what was wanted is there, a film or a right not twice.
        assert after.actions >= wanted.actions
        assert (after.actions["ingested"], after.spent) == (wanted.actions["ingested"], wanted.spent)
    assert struck > 0


def _again(world: World, flow: Flow) -> None:
    """Do it again, as a person would who saw it fail."""
    before = dict(world.outlet.files)
    world.outlet.files.clear()
    # It may have happened: a right that serves once is not served twice, and a name is not given twice.
    with suppress(ConflictError, InputError, RefusedError):
        flow(world, world.site, world.outlet)
    world.outlet.files.update(before)


@given(data=st.data())
def test_any_flipped_bit_of_the_log_is_noticed_and_named(data: st.DataObject) -> None:
    world = World()
    world.released("lungs")
    tiles = world.site.tiles.files  # type: ignore[attr-defined]  # the memory adapter's own
    path = data.draw(st.sampled_from(_published(world)))
    content = tiles[path]
    at = data.draw(st.integers(0, len(content) * 8 - 1))
    tiles[path] = _flipped(content, at)
    found = audit(world.site)
    assert not found.ok
    assert any(path in where for where in found.where)


@given(data=st.data())
def test_any_flipped_bit_of_an_entry_or_its_record_is_noticed_and_named(data: st.DataObject) -> None:
    world = World()
    world.released("lungs")
    with world.site.database.begin() as transaction:
        index = data.draw(st.integers(0, transaction.log.size() - 1))
        (logged,) = transaction.log.read(index, index + 1)
        field = data.draw(st.sampled_from(["entry", "record"]))
        content = getattr(logged, field)
        at = data.draw(st.integers(0, len(content) * 8 - 1))
        transaction.log.tamper(index, **{field: _flipped(content, at)})  # type: ignore[attr-defined]  # in memory
    found = audit(world.site)
    assert not found.ok
    assert any(where.startswith(f"entry {index}:") or "root" in where for where in found.where)


class _Recording:
    """Tiles that keep every checkpoint that was ever shown to anybody."""

    def __init__(self, inner: Tiles) -> None:
        self._inner = inner
        self.shown: list[str] = []

    def write(self, path: str, data: bytes) -> None:
        if path == CHECKPOINT_FILE:
            self.shown.append(data.decode())
        self._inner.write(path, data)

    def read(self, path: str) -> bytes | None:
        return self._inner.read(path)

    def discard(self, folder: str) -> None:
        self._inner.discard(folder)


@given(crashes=st.lists(st.tuples(st.integers(1, 12), st.booleans()), max_size=6))
def test_no_two_signed_checkpoints_disagree(crashes: list[tuple[int, bool]]) -> None:
    world = World()
    tiles = _Recording(world.site.tiles)
    site = replace(world.site, tiles=tiles)
    instance = ingest(site, world.people["tech"], BytesSource(world.film)).instance
    for at, persisted in crashes:
        with suppress(InjectedError):
            broken = faulty(site, Faults(at, persisted=persisted))
            check(broken, world.people["tech"], instance.id, pixels=PixelState.CHECKED, note="looked")
            checkpoint(broken)
    checkpoint(site)
    signed = [signed_checkpoint(site, note) for note in tiles.shown]
    with site.database.begin() as transaction:
        leaves = [leaf_hash(each.entry) for each in transaction.log.read(0, transaction.log.size())]
    assert signed[-1].size == len(leaves)
    assert [each.size for each in signed] == sorted(each.size for each in signed)
    for older, newer in pairwise(signed):
        check_consistency(
            old_size=older.size,
            new_size=newer.size,
            old_root=older.root,
            new_root=newer.root,
            proof=prove_consistency(leaves[: newer.size], older.size),
        )


@given(shown=st.sets(st.sampled_from(["heart", "lung_right", "lung_left", "rest"]), min_size=1, max_size=3))
def test_shown_pixels_differ_from_the_original_by_the_mark_alone_and_lifted_ones_do_too(shown: set[str]) -> None:
    world = World()
    instance, made = world.released(*shown)
    original = _samples(world.film)
    file = world.outlet.files[f"{made.id}.dcm"]
    with_cover = _samples(file)
    partition = vault.open_film(world.site, instance).partition
    mask = partition.mask([RegionKind(kind) for kind in shown])
    assert differ_by_a_mark(with_cover[mask], original[mask], bits=12)

    grant = world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=made.id)
    lift(world.site, world.people["dr"], grant.id, world.outlet, name="key.json")
    opened = open_release(BytesSource(file), world.outlet.files["key.json"], now=world.clock.now())
    whole = _samples(b"".join(opened.rendition.chunks()))
    assert differ_by_a_mark(whole, original, bits=12)
    assert np.array_equal(whole[mask], with_cover[mask])


@settings(max_examples=6)
@given(st.sets(st.sampled_from(["heart", "lung_right", "lung_left", "rest"]), min_size=1))
def test_the_keys_of_every_region_take_the_mark_off_a_reversible_copy(shown: set[str]) -> None:
    world = World()
    instance = world.ready()
    asked = world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH, regions=tuple(shown))
    made = release(world.site, world.people["dr"], asked.id, world.outlet, reversible=True).release
    file = world.outlet.files[f"{made.id}.dcm"]
    grant = world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=made.id)
    lift(world.site, world.people["dr"], grant.id, world.outlet, name="key.json")

    opened = open_release(BytesSource(file), world.outlet.files["key.json"], now=world.clock.now())

    assert opened.unmarked
    assert np.array_equal(_samples(b"".join(opened.rendition.chunks())), _samples(world.film))
    assert ENCRYPTED_ATTRIBUTES not in scan(opened.rendition.source).top


def test_the_keys_of_some_regions_leave_the_mark_on() -> None:
    world = World()
    instance = world.ready()
    asked = world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH, regions=("lungs",))
    made = release(world.site, world.people["dr"], asked.id, world.outlet, reversible=True).release
    grant = world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=made.id, regions=("heart", "rest"))
    lift(world.site, world.people["dr"], grant.id, world.outlet, name="key.json")
    file = world.outlet.files[f"{made.id}.dcm"]

    opened = open_release(BytesSource(file), world.outlet.files["key.json"], now=world.clock.now())

    assert not opened.unmarked
    assert differ_by_a_mark(_samples(b"".join(opened.rendition.chunks())), _samples(world.film), bits=12)


def test_a_mark_that_was_moved_or_a_film_that_was_changed_is_noticed() -> None:
    world = World()
    instance = world.ready()
    asked = world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH)
    made = release(world.site, world.people["dr"], asked.id, world.outlet, reversible=True).release
    grant = world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=made.id)
    lift(world.site, world.people["dr"], grant.id, world.outlet, name="key.json")
    file = bytearray(world.outlet.files[f"{made.id}.dcm"])
    file[scan(BytesSource(bytes(file))).pixel_value[0] + 1000] ^= 1

    with pytest.raises(VerificationError):
        open_release(BytesSource(bytes(file)), world.outlet.files["key.json"], now=world.clock.now())


def test_an_unmarked_copy_is_not_reversible() -> None:
    world = World()
    instance = world.ready()
    answer = world.ask("dr", instance, Action.VIEW, Purpose.TREAT)
    assert answer.grant is not None
    assert answer.grant.mark is Strength.OFF
    with pytest.raises(InputError):
        release(world.site, world.people["dr"], answer.grant.id, world.outlet, reversible=True)
    primary = release(world.site, world.people["dr"], answer.grant.id, world.outlet).release
    assert np.array_equal(_samples(world.outlet.files[f"{primary.id}.dcm"]), _samples(world.film))


def test_two_copies_of_one_film_carry_different_marks() -> None:
    world = World()
    instance = world.ready()
    grants = [world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH, recipient=to) for to in ("a lab", "a firm")]
    copies = [release(world.site, world.people["dr"], grant.id, world.outlet).release.id for grant in grants]
    one, other = (_samples(world.outlet.files[f"{copy}.dcm"]).astype(int) - _samples(world.film) for copy in copies)
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.1


def test_what_one_was_given_opens_nothing_in_the_file_of_another() -> None:
    world = World()
    instance, mine = world.released("lungs")
    other = world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH, regions=["lungs"], recipient="somebody else")
    theirs = release(world.site, world.people["dr"], other.id, world.outlet).release
    grant = world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=mine.id)
    lift(world.site, world.people["dr"], grant.id, world.outlet, name="key.json")
    file = BytesSource(world.outlet.files[f"{theirs.id}.dcm"])
    with pytest.raises(InputError):
        open_release(file, world.outlet.files["key.json"], now=world.clock.now())


def test_a_key_opens_nothing_after_it_expired() -> None:
    world = World()
    instance, made = world.released("lungs")
    grant = world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=made.id)
    lift(world.site, world.people["dr"], grant.id, world.outlet, name="key.json")
    file = BytesSource(world.outlet.files[f"{made.id}.dcm"])
    with pytest.raises(GrantExpiredError):
        open_release(file, world.outlet.files["key.json"], now=grant.expires)


def test_nothing_of_a_film_can_be_seen_at_rest() -> None:
    world = World()
    instance = world.ingest()
    clean = scan(vault.open_part(world.site, instance, "clean"))
    (frame,) = decode(clean.layout, clean.pixels, encapsulated=clean.encapsulated)
    assert len(np.unique(frame.samples)) == 1


@pytest.mark.parametrize(
    "film",
    [
        {"photometric": "MONOCHROME1", "bits": 16},
        {"frames": 3, "transfer_syntax": "1.2.840.10008.1.2.5"},
        {"samples": 3, "bits": 8, "photometric": "RGB"},
        {"signed": True},
        {"bits": 8},
        *({"transfer_syntax": uid} for uid in ("1.2.840.10008.1.2", *(f"1.2.840.10008.1.2.4.{n}" for n in (70, 80, 90)))),
    ],
    ids=str,
)
def test_the_received_file_comes_back_bit_for_bit(film: dict[str, object]) -> None:
    world = World(film=small_film(**film))  # type: ignore[arg-type]  # the keywords of small_film
    instance = world.ready()
    grant = world.agreed("dr", instance, Action.RESTORE, Purpose.LEGAL)
    restore(world.site, world.people["dr"], grant.id, world.outlet, name="film.dcm")
    assert world.outlet.files["film.dcm"] == world.film


def _published(world: World) -> list[str]:
    """The files that the newest checkpoint stands on."""
    site = world.site
    with site.database.begin() as transaction:
        entries_ = [each.entry for each in transaction.log.read(0, transaction.log.size())]
    return ["checkpoint", *(tile.path for tile in grow(Edge(), entries_)[1])]


def _flipped(content: bytes, at: int) -> bytes:
    return content[: at // 8] + bytes([content[at // 8] ^ 1 << at % 8]) + content[at // 8 + 1 :]


def _samples(file: bytes) -> NDArray[Any]:
    identified = scan(BytesSource(file))
    (frame,) = decode(identified.layout, identified.pixels, encapsulated=identified.encapsulated)
    return frame.samples


def test_a_database_that_was_put_back_signs_nothing() -> None:
    world = World()
    world.ingest()
    checkpoint(world.site)
    yesterday = world.site.database._state  # type: ignore[attr-defined]  # the memory adapter's own
    world.order()
    newest = checkpoint(world.site)
    world.site.database._state = yesterday  # type: ignore[attr-defined]
    with pytest.raises(ProofError):
        checkpoint(world.site)
    people.disable(world.site, world.people["admin"], "student")
    with pytest.raises(ProofError):
        checkpoint(world.site)
    assert signed_checkpoint(world.site, world.site.tiles.read("checkpoint").decode()) == newest  # type: ignore[union-attr]
    assert not audit(world.site).ok


def test_a_look_for_somebody_else_needs_two_people() -> None:
    world = World()
    instance = world.ready()
    own = world.ask("dr", instance, Action.VIEW, Purpose.TREAT, identity=True)
    other = world.ask("dr", instance, Action.VIEW, Purpose.TREAT, identity=True, recipient="a newspaper")
    assert own.grant is not None
    assert (other.grant, other.decision.approvals_needed) == (None, 2)


@pytest.mark.parametrize("role", ["reader", "referrer"])
def test_nobody_gives_a_right_to_themselves_by_an_order(role: str) -> None:
    world = World()
    world.ingest()
    placing = enrol(world.site, "both", Role.TECHNOLOGIST, Role.RADIOLOGIST, Role.REFERRER)
    with pytest.raises(RefusedError):
        orders.add(world.site, placing, accession=world.patient.accession, procedure="chest", **{role: "both"})
    assert [action for action, _, _ in entries(world.site)][-1] == "refused"


def test_a_grant_is_worth_nothing_once_its_order_is_closed() -> None:
    world = World()
    instance = world.ready()
    grant = world.ask("dr", instance, Action.VIEW, Purpose.TREAT, identity=True).grant
    assert grant is not None
    (order,) = orders.listed(world.site, world.people["tech"])
    orders.close(world.site, world.people["tech"], order.id)
    with pytest.raises(RefusedError):
        release(world.site, world.people["dr"], grant.id, world.outlet)
    assert not world.outlet.files


def test_a_grant_is_worth_nothing_once_the_pixels_need_review() -> None:
    world = World()
    instance = world.ready()
    grant = world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH)
    check(world.site, world.people["tech"], instance.id, pixels=PixelState.REVIEW, note="a name is burnt in")
    with pytest.raises(RefusedError):
        release(world.site, world.people["dr"], grant.id, world.outlet)


@pytest.mark.parametrize("gone", ["dr", "dso"])
def test_a_grant_is_worth_nothing_once_requester_or_approver_is_gone(gone: str) -> None:
    world = World()
    grant = world.agreed("dr", world.ready(), Action.EXPORT, Purpose.RESEARCH)
    people.disable(world.site, world.people["admin"], gone)
    with pytest.raises(RefusedError):
        release(world.site, world.people["dr"], grant.id, world.outlet)


def test_a_blob_that_was_swept_under_a_slow_ingest_is_noticed_before_the_row() -> None:
    world = World()

    class Sweeping:
        """The blob store of a site whose maintenance runs while an ingest is under way."""

        def __getattr__(self, name: str) -> object:
            return getattr(world.site.blobs, name)

        def put(self, chunks_: Iterable[bytes]) -> BlobId:
            blob = world.site.blobs.put(chunks_)
            self.last = blob
            return blob

    sweeping = Sweeping()
    site = replace(world.site, blobs=sweeping, database=_Before(world.site, lambda: world.site.blobs.discard(sweeping.last)))  # type: ignore[arg-type]
    with pytest.raises(UnavailableError):
        ingest(site, world.people["tech"], BytesSource(world.film))
    with world.site.database.begin() as transaction:
        assert transaction.instances.find() == ()


class _Before:
    """A database that lets something happen just before a row is added."""

    def __init__(self, site: Site, happen: Callable[[], None]) -> None:
        self._site = site
        self._happen = happen

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        with suppress(AttributeError):
            self._happen()
        with self._site.database.begin() as transaction:
            yield transaction


def test_a_file_that_changes_while_it_is_read_is_refused() -> None:
    world = World()
    other = bytearray(world.film)
    other[-1] ^= 1

    class Changing:
        """A file that is another one after it was read whole once."""

        size = len(world.film)
        data = world.film

        def read(self, offset: int, length: int) -> bytes:
            data, self.data = self.data, bytes(other) if length >= self.size else self.data
            return data[offset : offset + length]

    with pytest.raises(InputError):
        ingest(world.site, world.people["tech"], Changing())
    assert list(world.site.blobs.stored()) == []


def test_a_sealed_item_in_another_file_does_not_open() -> None:
    world = World()
    instance, mine = world.released("lungs")
    other = world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH, regions=["lungs"], recipient="somebody else")
    theirs = release(world.site, world.people["dr"], other.id, world.outlet).release
    grant = world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=mine.id)
    lift(world.site, world.people["dr"], grant.id, world.outlet, name="key.json")
    mine_, theirs_ = (scan(BytesSource(world.outlet.files[f"{each.id}.dcm"])) for each in (mine, theirs))
    sealed = mine_.top[ENCRYPTED_ATTRIBUTES]
    chimera = compose_rendition(
        theirs_.source,
        frames=theirs_.pixels.read(0, theirs_.pixels.size),
        layout=theirs_.layout,
        sop_instance_uid=theirs_.sop_instance_uid,
        set_elements={},
        remove=(),
        sealed=mine_.header.read(sealed.offset, sealed.end - sealed.offset),
    )
    with pytest.raises(SealBrokenError):
        open_release(chimera.source, world.outlet.files["key.json"], now=world.clock.now())


def test_regions_can_be_opened_one_after_the_other() -> None:
    world = World()
    instance, made = world.released("lungs")
    data = world.outlet.files[f"{made.id}.dcm"]
    uids = {scan(BytesSource(data)).sop_instance_uid}
    for number, kind in enumerate(("heart", "rest")):
        grant = world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=made.id, regions=[kind])
        lift(world.site, world.people["dr"], grant.id, world.outlet, name=f"{number}.json")
        opened = open_release(BytesSource(data), world.outlet.files[f"{number}.json"], now=world.clock.now())
        data = b"".join(opened.rendition.chunks())
        uids.add(scan(BytesSource(data)).sop_instance_uid)
    assert differ_by_a_mark(_samples(data), _samples(world.film), bits=12)
    assert len(uids) == 3
    assert ENCRYPTED_ATTRIBUTES not in scan(BytesSource(data)).top


def test_a_changed_passphrase_signs_in_and_the_old_one_does_not() -> None:
    world = World()
    created = people.add(
        world.site, world.people["admin"], "new", roles=[Role.SECURITY_OFFICER], department=None, passphrase="first one"
    )
    session = login(world.site, "new", "first one")
    changed = people.change_passphrase(world.site, session, "mine alone")
    assert changed.public_key != created.public_key
    assert login(world.site, "new", "mine alone").actor == session.actor
    with pytest.raises(RefusedError):
        login(world.site, "new", "first one")


def test_the_last_administrator_stays() -> None:
    world = World()
    with pytest.raises(InputError):
        people.disable(world.site, world.people["admin"], "admin")


def test_a_name_in_an_unknown_character_set_is_listed_all_the_same() -> None:
    world = World(film=small_film().replace(b"GB18030", b"GB1803X"))
    world.ready()
    (listed,) = listing(world.site, world.people["dr"], identity=True)
    assert listed.patient is not None
    assert listed.patient.id == world.patient.patient_id
    assert (listed.patient.name or "").startswith("Wang^Xiaodong")


@pytest.mark.parametrize("action", ["release", "lift", "restore", "list"])
def test_nothing_leaves_a_site_whose_database_was_put_back(action: str) -> None:
    world = World()
    instance, made = world.released("lungs")
    site, dr = world.site, world.people["dr"]
    grants = {
        "release": world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH),
        "lift": world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=made.id),
        "restore": world.agreed("dr", instance, Action.RESTORE, Purpose.LEGAL),
    }
    uses: dict[str, Callable[[], object]] = {
        "release": lambda: release(site, dr, grants["release"].id, world.outlet),
        "lift": lambda: lift(site, dr, grants["lift"].id, world.outlet, name="key.json"),
        "restore": lambda: restore(site, dr, grants["restore"].id, world.outlet, name="film.dcm"),
        "list": lambda: listing(site, dr, identity=True),
    }
    checkpoint(site)
    yesterday = site.database._state  # type: ignore[attr-defined]  # the memory adapter's own
    uses[action]()
    checkpoint(site)
    world.outlet.files.clear()
    site.database._state = yesterday  # type: ignore[attr-defined]
    with pytest.raises(ProofError):
        uses[action]()
    assert not world.outlet.files
    with site.database.begin() as transaction:
        assert all(transaction.grants.get(each.id).uses_left == 1 for each in grants.values())  # type: ignore[union-attr]


@given(data=st.data())
def test_a_deflated_or_big_endian_file_shows_its_pixels_and_comes_back_bit_for_bit(data: st.DataObject) -> None:
    syntax = data.draw(st.sampled_from([DeflatedExplicitVRLittleEndian, ExplicitVRBigEndian]))
    rows, columns, frames = (data.draw(st.integers(1, most)) for most in (9, 9, 3))
    bits = data.draw(st.sampled_from([8, 16, 32]))
    order = ">" if syntax == ExplicitVRBigEndian else "<"
    size = rows * columns * frames
    value = data.draw(st.binary(min_size=size * bits // 8, max_size=size * bits // 8))
    samples = np.frombuffer(value, f"{order}u{bits // 8}").reshape(frames, rows, columns)
    film = rewritten(
        small_film(transfer_syntax=ExplicitVRBigEndian) if order == ">" else small_film(),
        syntax=syntax,
        Rows=rows,
        Columns=columns,
        NumberOfFrames=frames,
        BitsAllocated=bits,
        BitsStored=bits,
        HighBit=bits - 1,
        PixelData=_in_words(value + bytes(len(value) % 2), bits=bits, order=order),
    )
    world = World(film=film + data.draw(st.binary(max_size=3)))
    instance = world.ready()
    assert b"".join(chunks(vault.received(world.site, instance))) == world.film
    shown = vault.open_film(world.site, instance).frames
    assert np.array_equal(np.stack([frame.samples for frame in shown]), samples)
    grant = world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH)
    released = release(world.site, world.people["dr"], grant.id, world.outlet)
    picture = scan(BytesSource(world.outlet.files[released.path]))
    seen = np.stack([f.samples for f in decode(picture.layout, picture.pixels, encapsulated=False)])
    assert np.array_equal(seen, samples) or (bits < 32 and differ_by_a_mark(seen, samples, bits=bits))


def _in_words(value: bytes, *, bits: int, order: str) -> bytes:
    """The value of an OW: where the file is big endian, bytes that are samples by themselves change places in twos."""
    return np.frombuffer(value, "<u2").astype(">u2").tobytes() if bits == 8 and order == ">" else value


@settings(max_examples=15)  # each reads several views of a film
@given(
    places=st.lists(st.tuples(st.integers(0, 190), st.integers(0, 120)), min_size=1, max_size=3), grid=st.integers(1, 200)
)
def test_each_pixel_of_found_text_is_in_the_region_of_text_and_each_other_stays_where_it_was_or_goes_to_it(
    places: list[tuple[int, int]], grid: int
) -> None:
    world = World(film=smooth(lines=places))
    world.site = replace(world.site, text=Stripes(), grid=grid)
    before = vault.open_film(world.site, world.ingest()).partition
    maintain(world.site, service(world.site, "maintain"))
    with world.site.database.begin() as transaction:
        (instance,) = transaction.instances.find()
    film = vault.open_film(world.site, instance)
    text = film.partition.mask([RegionKind.TEXT])
    assert text.any() or instance.pixels is PixelState.REVIEW
    for region in before.regions:
        mask = region.mask(before.rows, before.columns)
        assert np.array_equal(film.partition.mask([region.kind]), mask & ~text)
    assert np.array_equal(film.frames[0].samples, _samples(world.film))
    assert vault.comes_back(world.site, instance)
