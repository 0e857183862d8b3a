"""The laws of shredding: what is held is never shredded, and nothing of what was shredded opens again."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from pathlib import Path

import pytest
from finding import Answering
from hypothesis import given, settings
from hypothesis import strategies as st
from world import PEOPLE, World, enrol, entries, quarters

from leadglass.assemble.site import create_site, open_site
from leadglass.dicom.source import BytesSource, chunks
from leadglass.errors import InputError, LeadglassError, RefusedError, SealBrokenError, ShreddedError, UnavailableError
from leadglass.flows import holds, vault
from leadglass.flows.approve import approve
from leadglass.flows.audit import audit
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.history import history
from leadglass.flows.indexing import findable, index_films
from leadglass.flows.ingest import Arrival, ingest
from leadglass.flows.lift import lift
from leadglass.flows.listing import listing
from leadglass.flows.maintain import maintain
from leadglass.flows.release import release, release_key_context
from leadglass.flows.restore import restore
from leadglass.flows.session import service
from leadglass.flows.shred import finish_all, replay, shred
from leadglass.flows.vault import fingerprint, sha256_of
from leadglass.mark.found import Samples
from leadglass.model.access import Action, Grant, Outcome, Purpose, SealProfile
from leadglass.model.instance import StoredInstance, Tier
from leadglass.ports import Keys, Transaction
from leadglass.site import Site
from leadglass.testing.faults import Faults, faulty
from leadglass.testing.films import small_film
from leadglass.testing.films.patients import MUELLER
from leadglass.testing.memory import MemoryOutlet, SetClock


def to_shred(world: World, instance: StoredInstance, *, purpose: Purpose = Purpose.LEGAL) -> Grant:
    """A grant to shred, after the officer and the head agreed."""
    return world.agreed("dr", instance, Action.SHRED, purpose)


def row(site: Site, instance: StoredInstance) -> StoredInstance:
    with site.database.begin() as transaction:
        found = transaction.instances.get(instance.id)
    assert found is not None
    return found


def opens(site: Site, instance: StoredInstance) -> bool:
    """Whether the received file comes back from what is stored now."""
    stored = row(site, instance)
    return stored.tier is not Tier.SHREDDED and sha256_of(chunks(vault.received(site, stored))) != ""


def check_gone(site: Site, before: StoredInstance, *, wrapped: list[tuple[bytes, str]], terms: list[str]) -> None:
    """Nothing of the instance, as it was, opens or is found."""
    after = row(site, before)
    assert after.tier is Tier.SHREDDED
    assert (after.parts, after.fingerprint, after.patient, after.accession, after.held) == ((), "", None, None, False)
    for sealed, context in wrapped:
        with pytest.raises(ShreddedError):
            site.keys.unwrap(before.id, sealed, context=context)
    with pytest.raises(ShreddedError):
        site.keys.create(before.id)
    stored = {blob for blob, _ in site.blobs.stored()}
    assert not stored & {part.blob for part in before.parts}
    with site.database.begin() as transaction:
        assert before.id not in transaction.fingerprints.known()
        assert all(before.id not in transaction.terms.find(term) for term in terms)  # type: ignore[arg-type]  # a Term
        assert all(not made.wrapped_key for made in transaction.releases.find(instance=before.id))


def wrapped_keys(site: Site, instance: StoredInstance) -> list[tuple[bytes, str]]:
    """Every wrapped key of an instance with its context: of its parts, and of its releases."""
    parts = [(part.wrapped_key, vault.part_context(instance.id, part.part)) for part in instance.parts]
    with site.database.begin() as transaction:
        releases = transaction.releases.find(instance=instance.id)
    return [*parts, *((made.wrapped_key, release_key_context(made.id)) for made in releases)]


@given(
    steps=st.lists(
        st.one_of(st.just("hold"), st.just("drop"), st.just("shred"), st.integers(1, 12).map(lambda at: f"crash {at}")),
        max_size=8,
    ),
    persisted=st.booleans(),
)
@settings(max_examples=40)
def test_a_held_instance_is_never_shredded(steps: list[str], persisted: bool) -> None:
    world = World()
    instance = world.ready()
    grants = [to_shred(world, instance) for step in steps if step not in ("hold", "drop")]
    site, officer = world.site, world.people["dso"]
    standing: list[str] = []
    for step in steps:
        shredded = row(site, instance).tier is Tier.SHREDDED
        if step == "hold":
            if shredded:
                with pytest.raises(ShreddedError):
                    holds.add(site, officer, instance.id, reason="a case")
            else:
                standing.append(holds.add(site, officer, instance.id, reason="a case").id)
        elif step == "drop":
            with suppress(InputError, ShreddedError):
                holds.drop(site, officer, instance.id, reason="it is over", hold=standing[-1] if standing else None)
                standing.pop()
        else:
            broken = faulty(site, Faults(int(step[6:]), persisted=persisted)) if step != "shred" else site
            with suppress(UnavailableError, RefusedError, ShreddedError):
                shred(broken, world.people["dr"], grants.pop().id)
        if standing:
            assert row(site, instance).held
            assert opens(site, instance)
    finish_all(site)
    assert opens(site, instance) or row(site, instance).parts == ()


def test_nothing_of_a_shredded_one_opens_again() -> None:
    world = World()
    instance, made = world.released("lungs")
    site, dr = world.site, world.people["dr"]
    index_films(site, Answering())
    beside = ingest(site, world.people["tech"], BytesSource(small_film(seed=7, patient=MUELLER))).instance
    late = {
        "release": world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH),
        "lift": world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=made.id),
        "restore": world.agreed("dr", instance, Action.RESTORE, Purpose.LEGAL),
        "shred": to_shred(world, instance),
    }
    stored, wrapped = row(site, instance), wrapped_keys(site, instance)
    assert stored.patient is not None
    terms = [stored.patient, *([stored.accession] if stored.accession else [])]
    grant = to_shred(world, instance)

    shred(site, dr, grant.id)

    check_gone(site, stored, wrapped=wrapped, terms=terms)
    uses: dict[str, Callable[[], object]] = {
        "release": lambda: release(site, dr, late["release"].id, world.outlet),
        "lift": lambda: lift(site, dr, late["lift"].id, world.outlet, name="key.json"),
        "restore": lambda: restore(site, dr, late["restore"].id, world.outlet, name="film.dcm"),
        "shred": lambda: shred(site, dr, late["shred"].id),
        "request": lambda: world.ask("dr", instance, Action.VIEW, Purpose.TREAT),
        "ingest": lambda: ingest(site, world.people["tech"], BytesSource(world.film)),
        "hold": lambda: holds.add(site, world.people["dso"], instance.id, reason="too late"),
    }
    for use in uses.values():
        with pytest.raises(ShreddedError):
            use()
    assert audit(site).ok
    assert opens(site, beside)
    assert ingest(site, world.people["tech"], BytesSource(small_film(seed=7, patient=MUELLER))).arrival is Arrival.KNOWN


def test_what_lay_under_a_mark_cannot_be_found_any_more() -> None:
    world = World()
    instance = world.ready()
    index_films(world.site, Answering())
    shred(world.site, world.people["dr"], to_shred(world, instance).id)
    indexed, rows = findable(world.site, Answering())
    assert (indexed.films, indexed.failed, rows) == (0, {}, ())


def test_a_shredded_film_is_listed_without_anybody() -> None:
    world = World()
    instance = world.ready()
    before = listing(world.site, world.people["dr"], identity=True)
    shred(world.site, world.people["dr"], to_shred(world, instance).id)
    (listed,) = listing(world.site, world.people["dr"], identity=True)
    assert before[0].patient is not None
    assert (listed.instance.tier, listed.patient) == (Tier.SHREDDED, None)
    assert listing(world.site, world.people["dso"], patient=world.patient.patient_id) == ()


def test_the_history_says_that_it_was_shredded_and_no_more_of_what_was_before() -> None:
    world = World()
    instance = world.ready()
    grant = to_shred(world, instance)
    shred(world.site, world.people["dr"], grant.id)
    lines = history(world.site, world.people["auditor"], instance.id)
    told = {line.action: line for line in lines}
    assert told["ingested"].detail is None
    assert told["shredded"].actor == "dr"
    assert told["shredded"].detail is not None
    assert told["shredded"].detail["grant"] == grant.id
    assert told["key-destroyed"].detail is not None
    # That it was read is on record as well, though its key is gone.
    assert history(world.site, world.people["auditor"], instance.id)[-1].action == "history read"


def test_what_is_out_of_reach_is_told() -> None:
    world = World()
    instance, made = world.released("lungs")
    site, dr = world.site, world.people["dr"]
    lift(site, dr, world.agreed("dr", instance, Action.LIFT, Purpose.RESEARCH, release=made.id).id, world.outlet, name="k")
    restore(site, dr, world.agreed("dr", instance, Action.RESTORE, Purpose.LEGAL).id, world.outlet, name="film.dcm")
    from leadglass.flows.record import record

    with site.database.begin() as transaction:
        backup = record(site, transaction.log, "backed-up", actor=service(site, "maintain").actor)
        record(site, transaction.log, "traced", actor=dr.actor, subject=instance.id, case="c-1")
    grant = to_shred(world, instance)

    told = shred(site, dr, grant.id).outliving

    assert [(key["release"], key["recipient"], key["seal"]) for key in told.exported_keys] == [(made.id, "dr", "shreddable")]
    assert set(told.exported_keys[0]["regions"]) == {"heart", "rest"}
    assert [(copy["release"], copy["recipient"]) for copy in told.copies] == [(made.id, "university"), (None, "dr")]
    assert [each["entry"] for each in told.backups] == [backup]
    assert told.cases == ("c-1",)
    assert shred(site, dr, grant.id).outliving == told


@pytest.mark.parametrize("seal", [SealProfile.PORTABLE, SealProfile.PS3_15])
def test_a_copy_that_is_sealed_for_somebodys_own_key_is_told_apart(seal: SealProfile) -> None:
    world = World()
    instance, made = world.released("lungs")
    with world.site.database.begin() as transaction:
        transaction.releases.swap(made, replace(made, seal=seal))

    told = shred(world.site, world.people["dr"], to_shred(world, instance).id).outliving

    (key,) = told.exported_keys
    assert (key["release"], key["recipient"], key["seal"], key["expires"]) == (made.id, "university", seal, None)
    assert key["regions"] == list(made.shown)
    assert told.copies[0]["shown"] == []


def test_the_words_in_which_people_asked_for_it_go_with_it_and_the_reason_for_the_shred_stays() -> None:
    world = World()
    instance = world.ready()
    asked = world.ask("dr", instance, Action.EXPORT, Purpose.RESEARCH, reason="Wang Xiaodong called")
    assert asked.ticket is not None
    approve(world.site, world.people["dso"], asked.ticket.id, note="so did Mrs Wang")
    world.agreed("dr", instance, Action.RESTORE, Purpose.LEGAL, reason="for Wang")
    grant = world.agreed("dr", instance, Action.SHRED, Purpose.LEGAL, reason="erasure was asked for")

    shred(world.site, world.people["dr"], grant.id)

    with world.site.database.begin() as transaction:
        rows = (*transaction.tickets.find(instance=instance.id), *transaction.grants.find(instance=instance.id))
    assert len(rows) == 5
    assert "Wang" not in repr(rows)
    assert repr(rows).count("erasure was asked for") == 2


def test_the_same_grant_tells_the_same_again_and_somebody_else_nothing() -> None:
    world = World()
    instance = world.ready()
    grant = to_shred(world, instance)
    done = shred(world.site, world.people["dr"], grant.id)
    on_record = len(list(entries(world.site)))
    assert shred(world.site, world.people["dr"], grant.id) == done
    assert len(list(entries(world.site))) == on_record
    with pytest.raises(ShreddedError):
        shred(world.site, world.people["dso"], grant.id)


@pytest.mark.parametrize("persisted", [False, True], ids=["not persisted", "persisted, reported failed"])
def test_a_restart_finishes_what_was_decided_at_whichever_write_it_ended(persisted: bool) -> None:
    ended = set()
    for at in range(1, 60):
        world = World()
        instance, _ = world.released("lungs")
        stored, wrapped = row(world.site, instance), wrapped_keys(world.site, instance)
        grant = to_shred(world, instance)
        faults = Faults(at, persisted=persisted)
        with suppress(UnavailableError):
            shred(faulty(world.site, faults), world.people["dr"], grant.id)
        if not faults.struck:
            break
        decided = row(world.site, instance).tier is Tier.SHREDDED
        ended.add(decided)

        done = maintain(world.site, service(world.site, "maintain")).shreds

        assert not done.failed
        if decided:
            check_gone(world.site, stored, wrapped=wrapped, terms=[stored.patient or ""])
            actions = [action for action, _, _ in entries(world.site)]
            assert (actions.count("shredded"), actions.count("key-destroyed")) == (1, 1)
        else:
            assert opens(world.site, instance)
        assert audit(world.site).ok
    assert ended == {False, True}


@dataclass
class Meanwhile:
    """A database in which something happens just before its transaction numbered ``at``."""

    site: Site
    at: int
    happen: Callable[[], None]
    begun: int = 0

    @contextmanager
    def begin(self) -> Iterator[Transaction]:
        self.begun += 1
        if self.begun == self.at:
            self.happen()
        with self.site.database.begin() as transaction:
            yield transaction

    def scrub(self) -> None:
        self.site.database.scrub()


def test_a_hold_that_was_placed_meanwhile_wins_wherever_it_comes_in() -> None:
    outcomes = set()
    for at in range(1, 20):
        world = World()
        instance = world.ready()
        grant = to_shred(world, instance)
        placed: list[bool] = []

        def hold(world: World = world, instance: StoredInstance = instance, placed: list[bool] = placed) -> None:
            try:
                holds.add(world.site, world.people["dso"], instance.id, reason="a court asks")
                placed.append(True)
            except ShreddedError:
                placed.append(False)

        between = Meanwhile(world.site, at, hold)
        with suppress(RefusedError):
            shred(replace(world.site, database=between), world.people["dr"], grant.id)
        if between.begun < at:
            break
        finish_all(world.site)
        assert opens(world.site, instance) is placed[0]
        outcomes.add(placed[0])
    assert outcomes == {True, False}


@pytest.mark.parametrize("persisted", [False, True], ids=["not persisted", "persisted, reported failed"])
def test_a_hold_after_a_crash_wins_unless_it_was_decided(persisted: bool) -> None:
    for at in range(1, 60):
        world = World()
        instance = world.ready()
        grant = to_shred(world, instance)
        faults = Faults(at, persisted=persisted)
        with suppress(UnavailableError):
            shred(faulty(world.site, faults), world.people["dr"], grant.id)
        if not faults.struck:
            break
        try:
            holds.add(world.site, world.people["dso"], instance.id, reason="a court asks")
            held = True
        except ShreddedError:
            held = False
        with suppress(RefusedError, ShreddedError):
            shred(world.site, world.people["dr"], grant.id)
        finish_all(world.site)
        assert opens(world.site, instance) is held


@contextmanager
def on_disk(folder: Path) -> Iterator[World]:
    """A world whose site lies on a disk."""
    create_site(folder, admin="founder", passphrase="a passphrase")
    with open_site(folder) as site:
        world = World.__new__(World)
        world.film, world.patient = small_film(), World.patient
        world.clock, world.outlet = SetClock(), MemoryOutlet()
        world.site = replace(site, text=None, reader=None, aligner=None, detector=quarters)
        world.people = {name: enrol(world.site, name, role) for name, role in PEOPLE.items()}
        yield world


def test_of_a_hold_and_a_shred_at_the_same_moment_one_wins(tmp_path: Path) -> None:
    won = set()
    with on_disk(tmp_path / "site") as world:
        site = world.site
        for number in range(12):
            world.film = small_film(seed=200 + number)
            instance = world.check(world.ingest())
            grant = to_shred(world, instance)
            start, outcome = threading.Barrier(2), dict[str, LeadglassError | None]()

            def run(
                name: str, what: Callable[[], object], start: threading.Barrier, outcome: dict[str, LeadglassError | None]
            ) -> None:
                start.wait()
                try:
                    what()
                    outcome[name] = None
                except LeadglassError as error:
                    outcome[name] = error

            flows: dict[str, Callable[[], object]] = {
                "shred": lambda grant=grant: shred(site, world.people["dr"], grant.id),  # type: ignore[misc]  # a default
                "hold": lambda instance=instance: holds.add(site, world.people["dso"], instance.id, reason="a court"),  # type: ignore[misc]
            }
            threads = [threading.Thread(target=run, args=(name, what, start, outcome)) for name, what in flows.items()]
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
            if outcome["hold"] is None:
                assert isinstance(outcome["shred"], RefusedError)
                assert opens(site, instance)
            else:
                assert isinstance(outcome["hold"], ShreddedError)
                assert outcome["shred"] is None
                assert not opens(site, instance)
            won.add(outcome["hold"] is None)
        checkpoint(site)
        assert audit(site).ok
    assert won


def test_a_hold_forbids_before_anybody_is_asked_to_approve() -> None:
    world = World()
    instance = world.ready()
    grant = to_shred(world, instance)
    hold = holds.add(world.site, world.people["dso"], instance.id, reason="a court asks")
    answer = world.ask("dr", instance, Action.SHRED, Purpose.LEGAL)
    assert (answer.decision.outcome, answer.ticket, answer.grant) == (Outcome.FORBID, None, None)
    with pytest.raises(RefusedError):
        shred(world.site, world.people["dr"], grant.id)
    assert [action for action, _, _ in entries(world.site)][-1] == "refused"

    holds.drop(world.site, world.people["dso"], instance.id, reason="the case is closed")
    # What was refused was not used up.
    shred(world.site, world.people["dr"], grant.id)
    assert row(world.site, instance).tier is Tier.SHREDDED
    assert hold.held


def test_of_several_holds_each_is_dropped_by_itself() -> None:
    world = World()
    instance, officer = world.ready(), world.people["dso"]
    first, second = (holds.add(world.site, officer, instance.id, reason=reason) for reason in ("a court", "an insurer"))
    with pytest.raises(InputError):
        holds.drop(world.site, officer, instance.id, reason="over")
    with pytest.raises(InputError):
        holds.drop(world.site, officer, instance.id, reason="over", hold="h-nobody")
    assert holds.drop(world.site, officer, instance.id, reason="over", hold=first.id).held
    assert holds.listed(world.site, officer) == (second,)
    assert row(world.site, instance).held
    assert not holds.drop(world.site, officer, instance.id, reason="over").held
    assert holds.listed(world.site, officer) == ()
    with pytest.raises(InputError):
        holds.drop(world.site, officer, instance.id, reason="over")


@pytest.mark.parametrize("person", ["dr", "tech", "head", "student", "admin"])
def test_holds_are_for_those_whom_policy_names(person: str) -> None:
    world = World()
    instance = world.ready()
    for use in (
        lambda: holds.add(world.site, world.people[person], instance.id, reason="mine"),
        lambda: holds.drop(world.site, world.people[person], instance.id, reason="mine"),
        lambda: holds.listed(world.site, world.people[person]),
    ):
        with pytest.raises(RefusedError):
            use()


def test_a_hold_needs_a_reason() -> None:
    world = World()
    instance = world.ready()
    with pytest.raises(InputError):
        holds.add(world.site, world.people["dso"], instance.id, reason="  ")


@pytest.mark.parametrize(("person", "purpose"), [("student", Purpose.LEGAL), ("ward", Purpose.RESEARCH)])
def test_whom_policy_does_not_permit_to_shred_gets_no_ticket(person: str, purpose: Purpose) -> None:
    world = World()
    answer = world.ask(person, world.ready(), Action.SHRED, purpose)
    assert (answer.decision.outcome, answer.ticket) == (Outcome.FORBID, None)


def test_a_film_that_nobody_has_looked_at_can_be_shredded() -> None:
    world = World()
    instance = world.ingest()
    shred(world.site, world.people["dr"], to_shred(world, instance, purpose=Purpose.PATIENT).id)
    assert not opens(world.site, instance)


def test_a_grant_for_something_else_shreds_nothing() -> None:
    world = World()
    instance = world.ready()
    grant = world.agreed("dr", instance, Action.EXPORT, Purpose.RESEARCH)
    with pytest.raises(InputError):
        shred(world.site, world.people["dr"], grant.id)
    with pytest.raises(InputError):
        release(world.site, world.people["dr"], to_shred(world, instance).id, world.outlet)


def test_a_fingerprint_that_was_made_while_the_film_was_shredded_is_not_kept() -> None:
    world = World()
    instance = world.ready()
    grant = to_shred(world, instance)

    class Slow(Answering):
        def fingerprint(self, samples: Samples) -> bytes:
            made = super().fingerprint(samples)
            with suppress(UnavailableError):
                shred(replace(world.site, keys=Standing(world.site.keys)), world.people["dr"], grant.id)  # type: ignore[arg-type]  # a Keys
            return made

    assert index_films(world.site, Slow()).films == 0
    assert row(world.site, instance).tier is Tier.SHREDDED
    with world.site.database.begin() as transaction:
        assert transaction.fingerprints.known() == frozenset()


class Standing:
    """Keys of which none is destroyed: the store does not answer."""

    def __init__(self, inner: Keys) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> object:
        return getattr(self._inner, name)

    def destroy(self, *names: str) -> None:
        raise UnavailableError(f"the store does not answer for {len(names)} keys")


def test_what_was_shredded_and_held_since_a_copy_was_made_is_so_again_when_the_copy_is_put_back() -> None:
    world = World()
    shredded = world.ready()
    held = ingest(world.site, world.people["tech"], BytesSource(small_film(seed=9))).instance
    holds.add(world.site, world.people["dso"], shredded.id, reason="dropped later")
    stored, wrapped = row(world.site, shredded), wrapped_keys(world.site, shredded)

    for _ in range(2):
        replay(world.site, shredded.id)
    holds.replay(world.site, held.id, reason="held when the copy was put back")
    holds.replay(world.site, shredded.id, reason="too late")

    check_gone(world.site, stored, wrapped=wrapped, terms=[stored.patient or ""])
    assert [hold.instance for hold in holds.listed(world.site, world.people["dso"])] == [held.id]
    assert fingerprint(world.site, "00") != row(world.site, held).fingerprint


def test_a_record_that_was_changed_keeps_a_hold_from_being_dropped() -> None:
    world = World()
    instance = world.ready()
    holds.add(world.site, world.people["dso"], instance.id, reason="a court")
    checkpoint(world.site)
    with world.site.database.begin() as transaction:
        (index,) = (place for action, _, place in entries_of(transaction) if action == "hold-added")
        (logged,) = transaction.log.read(index, index + 1)
        transaction.log.tamper(index, record=logged.record[:-1] + b"?")  # type: ignore[attr-defined]  # in memory
    with pytest.raises((LeadglassError, SealBrokenError)):
        holds.drop(world.site, world.people["dso"], instance.id, reason="over")
    assert row(world.site, instance).held


def entries_of(transaction: Transaction) -> Iterator[tuple[str, str | None, int]]:
    from leadglass.model.entry import Entry

    for index, each in enumerate(transaction.log.read(0, transaction.log.size())):
        entry = Entry.decode(each.entry)
        yield entry.action, entry.subject, index
