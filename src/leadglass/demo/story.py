"""The story: what happens to the films, one step after the other, on a real site. Nothing here is staged."""

from __future__ import annotations

import hashlib
import shutil
import sqlite3
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from leadglass.adapters.files import FileSource, FolderOutlet, write_new
from leadglass.anatomy.outline import Outlines
from leadglass.assemble.site import (
    BLOBS,
    DATABASE,
    EXAMPLE_ADMIN,
    EXAMPLE_PASSPHRASE,
    EXAMPLE_PEOPLE,
    KEYS,
    LOG,
    ROOT_KEY,
    TEMPORARY,
    create_site,
    open_site,
)
from leadglass.demo.export import send_a_folder
from leadglass.demo.keeping import Alone, seal_alone, shred_one
from leadglass.demo.leak import Leaked, pictures_turn_up
from leadglass.demo.teller import Teller
from leadglass.dicom.frames import decode, significant
from leadglass.dicom.instance import Identified, scan
from leadglass.dicom.source import BytesSource, Source, chunks
from leadglass.errors import InputError, LeadglassError, RefusedError, VerificationError
from leadglass.flows import orders, people, vault
from leadglass.flows.approve import approve
from leadglass.flows.audit import audit
from leadglass.flows.check import check
from leadglass.flows.checkpoint import CHECKPOINT_FILE, VKEY_FILE, checkpoint
from leadglass.flows.ingest import Arrival, ingest
from leadglass.flows.lift import lift
from leadglass.flows.listing import listing
from leadglass.flows.open import open_release
from leadglass.flows.receipt import check as check_receipt
from leadglass.flows.record import read_record
from leadglass.flows.release import release
from leadglass.flows.request import Answer, request
from leadglass.flows.restore import restore
from leadglass.flows.session import Session, login
from leadglass.ledger.tile import WIDTH, bundle_path
from leadglass.model.access import (
    Action,
    Approval,
    Decision,
    Grant,
    Outcome,
    PixelState,
    Purpose,
    Request,
    Role,
    Strength,
    Ticket,
)
from leadglass.model.frame import Frame
from leadglass.model.instance import Part, StoredInstance
from leadglass.model.region import Partition, RegionKind
from leadglass.model.release import Release
from leadglass.site import Site
from leadglass.testing.films import Film, planted

CHIEF = "chief.demo"
COMPANY = "Example Imaging AI Ltd"
LUNGS = (RegionKind.LUNG_RIGHT, RegionKind.LUNG_LEFT)


@dataclass(frozen=True, eq=False)
class Taken:
    """One film that was taken in: bytes as received, bytes as stored, seconds between them."""

    film: Film
    instance: StoredInstance
    size: int
    at_rest: int
    seconds: float


@dataclass(frozen=True, eq=False)
class Picture:
    """A DICOM file as somebody holds it: its header, and its one frame with nothing but stored values."""

    header: Identified
    frame: Frame


@dataclass(frozen=True, eq=False)
class Copy:
    """A released file and what its holder was given."""

    holder: str
    release: Release
    picture: Picture
    index: int
    """The place of its entry in the log, from its receipt."""


@dataclass(frozen=True)
class Asked:
    """One request, the answer, and what other people said to it."""

    who: str
    request: Request
    decision: Decision
    approvals: tuple[Approval, ...]


@dataclass(frozen=True)
class Line:
    """One entry of the log with its record, which only the site can read."""

    index: int
    time: datetime
    action: str
    actor: str
    subject: str | None
    detail: Mapping[str, Any]


@dataclass(frozen=True)
class Tampering:
    """What was changed, and what the audit said to it."""

    what: str
    where: tuple[str, ...]


@dataclass(frozen=True, eq=False)
class Story:
    """All that the report tells."""

    taken: tuple[Taken, ...]
    received: Picture
    outlines: Outlines
    partition: Partition
    at_rest: Picture
    reader: Copy
    ward: Copy
    company: Copy
    lifted: Picture
    lifted_kinds: tuple[RegionKind, ...]
    restored: Picture
    sha256: str
    leaked: tuple[Leaked, ...]
    alone: Alone
    asked: tuple[Asked, ...]
    timeline: tuple[Line, ...]
    checkpoint: str
    tampering: tuple[Tampering, ...]
    claims: tuple[str, ...]
    seconds: float


@dataclass(frozen=True, eq=False)
class _Scene:
    """Where the story plays: the open site, who is signed in, and the requests so far with their tickets."""

    folder: Path
    site: Site
    sessions: Mapping[str, Session]
    teller: Teller
    asked: list[tuple[str, Request, Answer]]

    @property
    def out(self) -> Path:
        return self.folder / "out"


def live(folder: Path, films: Sequence[Film], teller: Teller) -> Story:
    """Make a site in ``folder``/site and live the whole story there; copies go to ``folder``/out.

    The first film is the one that is followed; it has to be frontal, with outlines found.

    Raises:
        VerificationError: a claim does not hold.
        LeadglassError: a step was not possible.
    """
    began = time.perf_counter()
    _make_site(folder / "site", teller)
    with open_site(folder / "site") as site:
        scene = _Scene(folder, site, _sign_in(site, teller), teller, [])
        taken = _take_in(scene, films)
        first = taken[0]
        received = read_picture(FileSource(first.film.path))
        stored = vault.open_film(site, first.instance)
        found = site.detector(received.frame, view=first.film.view, modality=first.instance.modality)
        at_rest = _look_at_rest(scene, taken)

        reader = _primary_read(scene, first, received, stored.partition)
        _refusals(scene, first)
        ward = _ward(scene, first, received, stored.partition)
        company = _company(scene, first, received, stored.partition)
        lifted, kinds = _lift(scene, company, ward, received, stored.partition)
        restored, sha256 = _restore(scene, first)
        leaked = pictures_turn_up(
            folder / "found",
            site,
            scene.sessions,
            teller,
            ward=(ward.release, ward.picture.frame),
            company=(company.release, company.picture.frame),
        )
        shred_one(folder, site, scene.sessions, teller, instance=taken[-1].instance, other=first.instance)
        alone = seal_alone(folder / "alone", films, site.detector, teller, names=_patterns(first.film))
        tampering = _log(scene, company)
        note = (site.tiles.read(CHECKPOINT_FILE) or b"").decode()
        timeline, asked = _timeline(site), _answered(scene)
    send_a_folder(folder / "deid", films, teller, patterns=_all_patterns(taken))
    return Story(
        taken=taken,
        received=received,
        outlines=found,
        partition=stored.partition,
        at_rest=at_rest,
        reader=reader,
        ward=ward,
        company=company,
        lifted=lifted,
        lifted_kinds=kinds,
        restored=restored,
        sha256=sha256,
        leaked=leaked,
        alone=alone,
        asked=asked,
        timeline=timeline,
        checkpoint=note,
        tampering=tampering,
        claims=tuple(teller.claims),
        seconds=time.perf_counter() - began,
    )


def _make_site(folder: Path, teller: Teller) -> None:
    teller.chapter("A site", "建一个站点")
    teller.command("init", str(folder), "--example")
    create_site(folder, admin=EXAMPLE_ADMIN, passphrase=EXAMPLE_PASSPHRASE, example=True)
    made = all((folder / name).exists() for name in (DATABASE, KEYS, f"{LOG}/{CHECKPOINT_FILE}"))
    rights = (folder / ROOT_KEY).stat().st_mode & 0o777
    teller.claim("keys, database and a signed log are there; the root key is its owner's alone", made and rights == 0o600)


def _sign_in(site: Site, teller: Teller) -> Mapping[str, Session]:
    admin = login(site, EXAMPLE_ADMIN, EXAMPLE_PASSPHRASE)
    teller.command("--as", EXAMPLE_ADMIN, f"people add {CHIEF} --role radiologist --role department_head")
    roles = [Role.RADIOLOGIST, Role.DEPARTMENT_HEAD]
    people.add(site, admin, CHIEF, roles=roles, department="radiology", passphrase=EXAMPLE_PASSPHRASE)
    names = (*(name for name, _, _ in EXAMPLE_PEOPLE), CHIEF)
    sessions = {EXAMPLE_ADMIN: admin} | {name: login(site, name, EXAMPLE_PASSPHRASE) for name in names}
    keys = {session.seed for session in sessions.values()}
    teller.claim(f"{len(sessions)} people sign in, each with a signing key of their own", len(keys) == len(names) + 1)
    wrong = _refusal(lambda: login(site, "dr.demo", "a guess"))
    with site.database.begin() as transaction:
        noted = any(b'"sign-in refused"' in each.entry for each in transaction.log.queued(len(names) + 2))
    teller.claim(f"a wrong passphrase is refused, and on record: {wrong.message}", noted)
    return sessions


def _take_in(scene: _Scene, films: Sequence[Film]) -> tuple[Taken, ...]:
    scene.teller.chapter("Films come in", "胶片入库")
    scene.teller.command("--as tech.demo ingest", str(films[0].path.parent))
    tech = scene.sessions["tech.demo"]
    taken = tuple(_taken(scene, tech, film) for film in scene.teller.track(films, total=len(films), what="taking films in"))
    outlined = sum(RegionKind.HEART in each.instance.kinds for each in taken)
    covered = all(
        set(each.instance.kinds) == {RegionKind.REST} for each in taken if RegionKind.HEART not in each.instance.kinds
    )
    scene.teller.claim(
        f"{len(taken)} films, {_megabytes(sum(each.size for each in taken))} in, "
        f"{_megabytes(sum(each.at_rest for each in taken))} sealed at rest",
        len({each.instance.id for each in taken}) == len(films),
    )
    abstained = len(taken) - outlined
    scene.teller.claim(
        f"lungs and heart outlined on {outlined}; on {abstained} the software abstained: one region, all of it sealed",
        covered and outlined >= 1,
    )
    with FileSource(films[0].path) as again:
        known = ingest(scene.site, tech, again)
    scene.teller.claim("the same bytes again are known, and nothing is stored twice", known.arrival is Arrival.KNOWN)
    return taken


def _taken(scene: _Scene, tech: Session, film: Film) -> Taken:
    began = time.perf_counter()
    with FileSource(film.path) as source:
        done = ingest(scene.site, tech, source)
        size = source.size
    seconds = time.perf_counter() - began
    return Taken(film, done.instance, size, sum(part.size for part in done.instance.parts), seconds)


def _look_at_rest(scene: _Scene, taken: Sequence[Taken]) -> Picture:
    """What lies in the site, read by whoever has its keys: no name in it, and no picture."""
    scene.teller.chapter("What a thief would find", "被偷走会看到什么")
    values = _all_patterns(taken)
    checkpoint(scene.site)
    kept = [
        path.read_bytes()
        for path in sorted((scene.folder / "site").rglob("*"))
        if path.is_file() and BLOBS not in path.parts
    ]
    scene.teller.claim(
        f"{len(values)} spellings of names, numbers and addresses looked for in database, log and keys: none is there",
        not any(value in data for data in kept for value in values),
    )
    clean = [_whole(vault.open_part(scene.site, each.instance, Part.CLEAN)) for each in taken]
    scene.teller.claim(
        "nor in any cleaned film, once unsealed", not any(value in data for data in clean for value in values)
    )
    at_rest = read_picture(BytesSource(clean[0]))
    scene.teller.claim("the pixels of a cleaned film are one grey", len(np.unique(at_rest.frame.samples)) == 1)
    return at_rest


def _primary_read(scene: _Scene, first: Taken, received: Picture, partition: Partition) -> Copy:
    scene.teller.chapter("The treating reader waits for nobody", "阅片医生不受阻碍")
    accession = first.film.patient.accession
    placed = f"--accession {accession} --procedure 'Chest PA' --reader dr.demo --referrer ward.demo"
    scene.teller.command("--as tech.demo order add", placed)
    orders.add(
        scene.site,
        scene.sessions["tech.demo"],
        accession=accession,
        procedure="Chest PA",
        reader="dr.demo",
        referrer="ward.demo",
    )
    name = first.film.patient.name.partition("=")[2].replace("^", "") or first.film.patient.name.replace("^", " ")
    scene.teller.command(f"--as dr.demo list --patient '{name}' --identity")
    hits = listing(scene.site, scene.sessions["dr.demo"], patient=name, identity=True)
    scene.teller.claim(
        f"a search by name finds {len(hits)} film(s) through keyed terms, and names the patient to the reader of the order",
        first.instance.id
        in {hit.instance.id for hit in hits if hit.patient and hit.patient.id == first.film.patient.patient_id},
    )
    answer = _ask(scene, "dr.demo", first, action=Action.VIEW, purpose=Purpose.TREAT, identity=True)
    copy = _release(scene, "dr.demo", answer.grant, holder="dr.demo")
    scene.teller.claim(
        "whole film, every sample as received, and the name",
        copy.picture.frame.same_as(received.frame) and _named(copy, received),
    )
    _check_shown(scene, copy, received, partition)
    return copy


def _refusals(scene: _Scene, first: Taken) -> None:
    scene.teller.chapter("What policy forbids", "策略禁止的")
    early = _ask(scene, CHIEF, first, action=Action.EXPORT, purpose=Purpose.RESEARCH, recipient="Example University")
    _claim_forbidden(scene, "an export while nobody has looked for text in the pixels", early)
    scene.teller.command(f"--as tech.demo check {first.instance.id} --pixels checked --note '...'")
    note = "looked at the film in the PACS: side marker only, no text"
    checked = check(scene.site, scene.sessions["tech.demo"], first.instance.id, pixels=PixelState.CHECKED, note=note)
    scene.teller.claim("a person looked and said so, on record", checked.pixels is PixelState.CHECKED)
    _claim_forbidden(
        scene,
        "a look by the administrator",
        _ask(scene, EXAMPLE_ADMIN, first, action=Action.VIEW, purpose=Purpose.TREAT),
    )
    _claim_forbidden(
        scene,
        "a student's look as if treating",
        _ask(scene, "student.demo", first, action=Action.VIEW, purpose=Purpose.TREAT),
    )


def _ward(scene: _Scene, first: Taken, received: Picture, partition: Partition) -> Copy:
    scene.teller.chapter("The ward sees what it asked for", "病房：只看所需")
    answer = _ask(
        scene,
        "ward.demo",
        first,
        action=Action.VIEW,
        purpose=Purpose.TREAT,
        regions=("lungs", "heart"),
        identity=True,
    )
    copy = _release(scene, "ward.demo", answer.grant, holder="ward.demo")
    scene.teller.claim(
        "lungs and heart sample by sample, the rest covered and sealed inside the file, and the name",
        set(copy.release.shown) == {*LUNGS, RegionKind.HEART} and _named(copy, received),
    )
    _check_shown(scene, copy, received, partition)
    return copy


def _company(scene: _Scene, first: Taken, received: Picture, partition: Partition) -> Copy:
    scene.teller.chapter("A company gets lungs, after two people agreed", "外部公司：两人同意，只给肺野")
    answer = _ask(
        scene,
        CHIEF,
        first,
        action=Action.EXPORT,
        purpose=Purpose.VENDOR,
        identity=True,
        recipient=COMPANY,
        reason="to try their lung software",
    )
    decision = answer.decision
    scene.teller.claim(
        f"asked for everything; promised are the lungs, no name, and only once {decision.approvals_needed} others agree",
        decision.outcome is Outcome.NEEDS_APPROVAL and set(decision.shown) == set(LUNGS) and not decision.identity,
    )
    grant = _two_people(scene, _ticket(answer), own=CHIEF)
    copy = _release(scene, CHIEF, grant, holder=COMPANY)
    scene.teller.claim(
        "the file shows the lungs and nothing else", set(copy.release.shown) == set(LUNGS) and not copy.release.identity
    )
    _check_shown(scene, copy, received, partition)
    file = _whole(copy.picture.header.source)
    scene.teller.claim("none of the patient's values is in it", not any(value in file for value in _patterns(first.film)))
    return copy


def _two_people(scene: _Scene, ticket: Ticket, *, own: str | None) -> Grant:
    """The grant of a ticket that a security officer and a department head approve, one after the other."""
    if own is not None:
        scene.teller.command(f"--as {own} approve {ticket.id}")
        refused = _refusal(lambda: approve(scene.site, scene.sessions[own], ticket.id))
        scene.teller.claim(f"refused to {own}, who heads a department: {refused.message}", "own request" in refused.message)
    scene.teller.command(f"--as dso.demo approve {ticket.id} --note '...'")
    first = approve(scene.site, scene.sessions["dso.demo"], ticket.id, note="agreement and purpose are in order")
    scene.teller.claim("one signature is not enough: still no grant", first.grant is None)
    again = _refusal(lambda: approve(scene.site, scene.sessions["dso.demo"], ticket.id))
    scene.teller.claim(f"and nobody counts twice: {again.message}", True)
    scene.teller.command(f"--as head.demo approve {ticket.id} --note '...'")
    second = approve(scene.site, scene.sessions["head.demo"], ticket.id, note="the department agrees")
    scene.teller.claim(
        "the second signature makes a grant, good once", second.grant is not None and second.grant.uses_left == 1
    )
    assert second.grant is not None  # noqa: S101 - claimed in the line above
    return second.grant


def _lift(
    scene: _Scene, company: Copy, ward: Copy, received: Picture, partition: Partition
) -> tuple[Picture, tuple[RegionKind, ...]]:
    scene.teller.chapter("A sealed region is opened for the one who may", "为有权者揭开一处")
    made = company.release
    asking: dict[str, Any] = {"action": Action.LIFT, "regions": ("heart",), "release": made.id}
    refused = _ask(scene, "vendor.demo", made, purpose=Purpose.VENDOR, **asking)
    _claim_forbidden(scene, "lifting the heart for the vendor", refused)
    answer = _ask(scene, "dr.demo", made, purpose=Purpose.TREAT, **asking)
    grant = _granted(answer)
    scene.teller.command(f"--as dr.demo key {grant.id} --out {scene.out / 'heart.key'}")
    key = lift(scene.site, scene.sessions["dr.demo"], grant.id, FolderOutlet(scene.out), name="heart.key")
    secret = Path(key.path).read_bytes()
    source = company.picture.header.source
    scene.teller.command(f"open {scene.out / f'{made.id}.dcm'} --key {key.path} --out {scene.out / 'lifted.dcm'}")
    now = scene.site.clock.now()
    opened = open_release(source, secret, now=now)
    slot = FolderOutlet(scene.out).reserve("lifted.dcm", opened.rendition.size)
    lifted = read_picture(FileSource(Path(slot.deliver(opened.rendition.chunks()))))
    heart, rest = partition.mask([RegionKind.HEART]), partition.mask([RegionKind.REST])
    scene.teller.claim(
        f"without site or network, {int(heart.sum()):,} samples of the heart are back, with the company's mark in them",
        _marked(lifted.frame.samples[heart], received.frame.samples[heart], bits=received.frame.bits_stored),
    )
    scene.teller.claim(
        "what has no key stays covered", np.array_equal(lifted.frame.samples[rest], company.picture.frame.samples[rest])
    )
    other = _refusal(lambda: open_release(ward.picture.header.source, secret, now=now), InputError)
    scene.teller.claim(f"the key is for one release: in the ward's file, {other.message}", True)
    late = _refusal(lambda: open_release(source, secret, now=key.expires))
    scene.teller.claim(f"and for a time: tomorrow {late.message}", True)
    return lifted, opened.regions


def _restore(scene: _Scene, first: Taken) -> tuple[Picture, str]:
    scene.teller.chapter("The received file comes back", "原始文件，逐位还原")
    answer = _ask(
        scene,
        "dr.demo",
        first,
        action=Action.RESTORE,
        purpose=Purpose.LEGAL,
        identity=True,
        reason="a court asks for the original",
    )
    grant = _two_people(scene, _ticket(answer), own=None)
    scene.teller.command(f"--as dr.demo restore {grant.id} --out {scene.out / 'restored.dcm'}")
    done = restore(scene.site, scene.sessions["dr.demo"], grant.id, FolderOutlet(scene.out), name="restored.dcm")
    with first.film.path.open("rb") as file:
        original = hashlib.file_digest(file, "sha256").hexdigest()
    with Path(done.path).open("rb") as file:
        written = hashlib.file_digest(file, "sha256").hexdigest()
    scene.teller.claim(f"SHA-256 of what was received and of what was restored: {written[:16]}... both", original == written)
    used = _refusal(
        lambda: restore(scene.site, scene.sessions["dr.demo"], grant.id, FolderOutlet(scene.out), name="twice.dcm")
    )
    scene.teller.claim(f"a second time it is refused: {used.message}", True)
    return read_picture(FileSource(Path(done.path))), written


def _log(scene: _Scene, company: Copy) -> tuple[Tampering, ...]:
    scene.teller.chapter("The log cannot be quietly rewritten", "日志无法被悄悄改写")
    signed = checkpoint(scene.site)
    scene.teller.command("--as auditor.demo log verify")
    scene.teller.claim(f"{signed.size} entries give the signed root {signed.root.hex()[:16]}...", audit(scene.site).ok)
    receipt = scene.out / f"{company.release.id}.receipt"
    key = (scene.folder / "site" / LOG / VKEY_FILE).read_text(encoding="utf-8")
    scene.teller.command(f"log check {receipt} --vkey '{key.strip()}'")
    held = check_receipt(receipt.read_bytes(), vkey=key)
    scene.teller.claim(
        f"the company's receipt proves entry {held.index}, {held.entry.action}, to anybody who has the log's public key",
        held.entry.id == company.release.entry,
    )
    bad = _refusal(lambda: check_receipt(_flipped(receipt.read_bytes()), vkey=key), LeadglassError)
    scene.teller.claim(f"with one byte changed it proves nothing: {bad.message}", True)
    tampering = (_flip_file(scene, signed.size), _flip_row(scene, company.index))
    for each, sign in zip(tampering, ("tile/entries/", f"entry {company.index}:"), strict=True):
        scene.teller.claim(
            f"{each.what}, and noticed: {''.join(each.where[:1])}", any(place.startswith(sign) for place in each.where)
        )
    scene.teller.claim("put back, all is well again", audit(scene.site).ok)
    return tampering


def _flip_file(scene: _Scene, size: int) -> Tampering:
    """Change one byte of the newest published entries, look, and put it back."""
    index = (size - 1) // WIDTH
    path = scene.folder / "site" / LOG / bundle_path(index, size - index * WIDTH)
    data = path.read_bytes()
    path.write_bytes(_flipped(data))
    try:
        found = audit(scene.site)
    finally:
        path.write_bytes(data)
    return Tampering("one byte of a published file flipped", found.where)


def _flip_row(scene: _Scene, index: int) -> Tampering:
    """Change one byte of an entry in a copy of the site, as somebody who owns the database could, and look."""
    site = scene.folder / "site"
    with tempfile.TemporaryDirectory(dir=scene.folder, prefix=".copy-") as scratch:
        copy = Path(scratch) / "site"
        shutil.copytree(site, copy, ignore=shutil.ignore_patterns(BLOBS, TEMPORARY, f"{DATABASE}*"))
        for empty in (BLOBS, TEMPORARY):
            (copy / empty).mkdir(mode=0o700)
        write_new(copy / DATABASE, b"")
        with closing(sqlite3.connect(site / DATABASE)) as source, closing(sqlite3.connect(copy / DATABASE)) as database:
            source.backup(database)
            (entry,) = database.execute("SELECT entry FROM entries WHERE place = ?", (index,)).fetchone()
            database.execute("UPDATE entries SET entry = ? WHERE place = ?", (_flipped(entry), index))
            database.commit()
        with open_site(copy) as changed:
            return Tampering(f"one byte of entry {index} flipped in a copy of the database", audit(changed).where)


def _timeline(site: Site) -> tuple[Line, ...]:
    with site.database.begin() as transaction:
        logged = transaction.log.read(0, transaction.log.size())
    lines = []
    for index, each in enumerate(logged):
        entry, fields = read_record(site, each)
        known = fields or {}
        detail = {name: value for name, value in known.items() if name not in ("actor", "roles")}
        lines.append(Line(index, entry.time, entry.action, known.get("actor", ""), entry.subject, detail))
    return tuple(lines)


def _answered(scene: _Scene) -> tuple[Asked, ...]:
    with scene.site.database.begin() as transaction:
        tickets = {ticket.id: ticket for ticket in transaction.tickets.find()}
    return tuple(
        Asked(who, asked, answer.decision, tickets[answer.ticket.id].approvals if answer.ticket else ())
        for who, asked, answer in scene.asked
    )


def _ask(
    scene: _Scene,
    who: str,
    about: Taken | Release,
    *,
    action: Action,
    purpose: Purpose,
    regions: tuple[str, ...] = ("all",),
    identity: bool = False,
    recipient: str | None = None,
    release: str | None = None,
    reason: str | None = None,
) -> Answer:
    instance = about.instance.id if isinstance(about, Taken) else about.instance
    options = {
        "--regions": ",".join(regions) if regions != ("all",) else None,
        "--release": release,
        "--recipient": recipient and f"'{recipient}'",
        "--reason": reason and f"'{reason}'",
    }
    words = [f"{name} {value}" for name, value in options.items() if value] + ["--identity"] * identity
    scene.teller.command(f"--as {who} request {instance} --action {action} --purpose {purpose}", *words)
    answer = request(
        scene.site,
        scene.sessions[who],
        instance,
        action=action,
        purpose=purpose,
        regions=regions,
        identity=identity,
        recipient=recipient,
        release=release,
        reason=reason,
    )
    asked = Request(
        instance=instance,
        action=action,
        purpose=purpose,
        regions=tuple(kind for kind in RegionKind if kind in answer.decision.regions),
        identity=identity,
        recipient=recipient or who,
        reason=reason,
    )
    scene.asked.append((who, replace(asked, regions=_wanted(regions, asked.regions)), answer))
    return answer


def _wanted(names: tuple[str, ...], present: tuple[RegionKind, ...]) -> tuple[RegionKind, ...]:
    spelled = {kind for name in names for kind in (LUNGS if name == "lungs" else (name,))}
    return present if "all" in names else tuple(kind for kind in present if kind in spelled)


def _claim_forbidden(scene: _Scene, what: str, answer: Answer) -> None:
    reasons = "; ".join(answer.decision.reasons)
    scene.teller.claim(f"{what} is refused: {reasons}", answer.decision.outcome is Outcome.FORBID and answer.grant is None)


def _granted(answer: Answer) -> Grant:
    if answer.grant is None:
        raise RefusedError("this was to be permitted at once", reasons=answer.decision.reasons)
    return answer.grant


def _ticket(answer: Answer) -> Ticket:
    if answer.ticket is None:
        raise RefusedError("this was to wait for other people", reasons=answer.decision.reasons)
    return answer.ticket


def _release(scene: _Scene, who: str, grant: Grant | None, *, holder: str) -> Copy:
    if grant is None:
        raise RefusedError(f"the request of {who} was to be permitted at once")
    scene.teller.command(f"--as {who} release {grant.id} --out {scene.out}")
    done = release(scene.site, scene.sessions[who], grant.id, FolderOutlet(scene.out))
    key = (scene.site.tiles.read(VKEY_FILE) or b"").decode()
    held = check_receipt(Path(done.receipt).read_bytes(), vkey=key)
    delivered = hashlib.sha256(Path(done.path).read_bytes()).hexdigest()
    if (held.entry.id, delivered) != (done.release.entry, done.release.digest):
        raise VerificationError(f"the receipt or the file of release {done.release.id} is not what went on record")
    return Copy(holder, done.release, read_picture(FileSource(Path(done.path))), held.index)


def _check_shown(scene: _Scene, copy: Copy, received: Picture, partition: Partition) -> None:
    """That a copy's pixels are what its release says: shown as received but for the mark, covered not."""
    shown, covered = partition.mask(copy.release.shown), partition.mask(copy.release.covered)
    before, after = received.frame.samples, copy.picture.frame.samples
    unmarked = copy.release.mark is Strength.OFF
    exact = np.array_equal(before[shown], after[shown])
    fine = exact if unmarked else _marked(after[shown], before[shown], bits=received.frame.bits_stored)
    changed = not covered.any() or float((before[covered] != after[covered]).mean()) > 0.9
    share = float(shown.mean())
    scene.teller.claim(
        f"compared: {share:.0%} of the pixels are shown, each as received{'' if unmarked else ' but for the mark'}, "
        f"{1 - share:.0%} covered",
        fine and changed,
    )


def _marked(seen: NDArray[Any], received: NDArray[Any], *, bits: int) -> bool:
    """Whether samples moved by what a mark may move them, 9 of 4096 levels, and some did."""
    moved = np.abs(seen.astype(np.int64) - received.astype(np.int64))
    return bool(moved.max() <= max(1, 9 * (1 << bits) / 4096) and moved.any())


def _named(copy: Copy, received: Picture) -> bool:
    """Whether the copy says who it is, as the received file did."""
    return all(copy.picture.header.value(tag) == received.header.value(tag) for tag in (0x00100010, 0x00100020))


def read_picture(source: Source) -> Picture:
    """A DICOM file of one frame."""
    header = scan(source)
    (frame,) = decode(header.layout, header.pixels, encapsulated=header.encapsulated)
    return Picture(header, significant(frame, high_bit=header.layout.high_bit))


def _patterns(film: Film) -> tuple[bytes, ...]:
    """What would name the film's patient, in the encodings that it could be written in.

    Shorter than six bytes a value may turn up in ciphertext by chance.
    """
    found = set()
    for value in planted(film.patient):
        for codec in ("utf-8", "gb18030", "latin-1", "utf-16-le"):
            encoded = value.encode(codec, errors="ignore")
            if len(encoded) >= 6 and encoded.decode(codec) == value:
                found.add(encoded)
    return tuple(sorted(found))


def _all_patterns(taken: Sequence[Taken]) -> list[bytes]:
    visits = {each.film.patient.accession: each.film for each in taken}
    return [pattern for film in visits.values() for pattern in _patterns(film)]


def _refusal(step: Callable[[], object], kind: type[LeadglassError] = RefusedError) -> LeadglassError:
    """The error that ``step`` has to raise.

    Raises:
        RefusedError: it raised none.
    """
    try:
        step()
    except kind as error:
        return error
    raise RefusedError("this was to be refused and was not")


def _flipped(data: bytes) -> bytes:
    """The data with the lowest bit of its middle byte flipped."""
    middle = len(data) // 2
    return data[:middle] + bytes([data[middle] ^ 1]) + data[middle + 1 :]


def _whole(source: Source) -> bytes:
    return b"".join(chunks(source))


def _megabytes(count: int) -> str:
    return f"{count / 1e6:.1f} MB"
