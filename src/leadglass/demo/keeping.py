"""The acts in which a film is sealed for one colleague, and another is held, shredded, and not brought back by a backup."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from leadglass.adapters.files import FileSource
from leadglass.adapters.system import SystemEntropy
from leadglass.assemble.backup import kept_root, write_backup
from leadglass.assemble.escrow import write_shares
from leadglass.assemble.restoring import restore_site
from leadglass.assemble.site import open_site
from leadglass.demo.pictures import Grey
from leadglass.demo.teller import Teller
from leadglass.dicom.frames import decode, significant
from leadglass.dicom.instance import Identified, scan
from leadglass.dicom.source import BytesSource
from leadglass.errors import LeadglassError, RefusedError, ShreddedError
from leadglass.flows import holds, vault
from leadglass.flows.approve import approve
from leadglass.flows.backup import back_up
from leadglass.flows.checkpoint import checkpoint
from leadglass.flows.look import contact_sheet, look
from leadglass.flows.open import open_sealed
from leadglass.flows.outlines import outlined
from leadglass.flows.request import request
from leadglass.flows.rotate import split_root
from leadglass.flows.seal import seal_film
from leadglass.flows.session import Session, login
from leadglass.flows.shred import shred
from leadglass.model.access import Action, Grant, Purpose, SealProfile
from leadglass.model.frame import Frame
from leadglass.model.instance import StoredInstance
from leadglass.ports import Detector
from leadglass.seal.public import SEED_SIZE, new_person_key
from leadglass.site import Site
from leadglass.testing.films import Film


@dataclass(frozen=True, eq=False)
class Alone:
    """The films as somebody sees them who may see the lungs, on one sheet, and how many of them have outlines."""

    sheet: Grey
    outlined: int
    films: int


def seal_alone(folder: Path, films: Sequence[Film], detector: Detector, teller: Teller, *, names: Sequence[bytes]) -> Alone:
    """Look at every film as it would be covered, and seal the first for one colleague, without a site.

    Raises:
        VerificationError: a claim does not hold.
    """
    teller.chapter("One film for one colleague, without a site", "没有站点：只给一位同事看一张胶片")
    folder.mkdir()
    pictures, drawn = [], 0
    for film in films:
        frame, header = _frame(film.path)
        found = outlined([frame], header, detector)
        pictures.append(look(frame, found, show=["lungs"], seed=bytes(32)).picture)
        drawn += not found.abstained
    teller.command(f"look {films[0].path.parent} --show lungs --png {folder / 'sheet.png'}")
    laterals = sum(film.view not in ("PA", "AP") for film in films)
    teller.claim(
        f"{drawn} films have outlines; {len(films) - drawn} are covered whole, the {laterals} laterals among them",
        0 < drawn <= len(films) - laterals,
    )
    sheet = contact_sheet(pictures)
    _seal(folder, films[0], detector, teller, names=names)
    return Alone(sheet, drawn, len(films))


def _seal(folder: Path, film: Film, detector: Detector, teller: Teller, *, names: Sequence[bytes]) -> None:
    mine, other = (new_person_key(seed=SystemEntropy().bytes(SEED_SIZE)) for _ in range(2))
    teller.command(f"seal {film.path} --show lungs --to colleague.pub.pem --out {folder / 'sealed.dcm'}")
    with FileSource(film.path) as source:
        made = seal_film(
            source,
            show=["lungs"],
            to=[mine.public],
            profile=SealProfile.PORTABLE,
            detector=detector,
            entropy=SystemEntropy(),
        )
        data = b"".join(made.rendition.chunks())
    (folder / "sealed.dcm").write_bytes(data)
    teller.claim(
        f"covered: {', '.join(made.covered)}; no value that names the patient is in the file",
        not any(name in data for name in names),
    )
    teller.command(f"open {folder / 'sealed.dcm'} --key colleague.pem --out {folder / 'film.dcm'}")
    opened = open_sealed(BytesSource(data), mine)
    (folder / "film.dcm").write_bytes(b"".join(opened.rendition.chunks()))
    (before, header), (after, again) = (_frame(path) for path in (film.path, folder / "film.dcm"))
    same = bool((before.samples == after.samples).all()) and header.value(0x00100010) == again.value(0x00100010)
    teller.claim("for the colleague every sample is back, and the patient's name", same and opened.identified)
    teller.claim("and nothing opens for anybody else's key", _fails(lambda: open_sealed(BytesSource(data), other)))


def shred_one(
    folder: Path,
    site: Site,
    sessions: Mapping[str, Session],
    teller: Teller,
    *,
    instance: StoredInstance,
    other: StoredInstance,
) -> None:
    """Back the site up and split its root key; hold ``instance``, shred it, and bring the backup back on an empty machine.

    Raises:
        VerificationError: a claim does not hold.
    """
    teller.chapter("Held, shredded, lost and found", "保全、销毁、灾难恢复")
    shares = write_shares(folder / "shares", split_root(site, sessions["dso.demo"], kept_root(site)))
    teller.command(f"--as dso.demo root split --out {folder / 'shares'}")
    backup = folder / "backup.tar"
    teller.command(f"--as admin.demo backup --out {backup}")
    back_up(site, sessions["admin.demo"], lambda: write_backup(site, folder / "site", backup))

    grant = _agreed(site, sessions, instance, teller)
    held = holds.add(site, sessions["dso.demo"], instance.id, reason="a court asks for it")
    teller.command(f"--as dso.demo legal-hold add {instance.id} --reason 'a court asks for it'")
    refused = _fails(lambda: shred(site, sessions["dr.demo"], grant.id), RefusedError)
    teller.claim("two people agreed to shred it, and a legal hold stands above them", refused)
    holds.drop(site, sessions["dso.demo"], instance.id, reason="the case is closed", hold=held.id)
    teller.command(f"--as dso.demo legal-hold drop {instance.id} --reason 'the case is closed'")

    wrapped = [part.wrapped_key for part in instance.parts]
    teller.command(f"--as dr.demo shred {grant.id}")
    done = shred(site, sessions["dr.demo"], grant.id)
    checkpoint(site)
    files = [path for path in (folder / "site").rglob("*") if path.is_file()]
    found = sum(key in path.read_bytes() for path in files for key in wrapped)
    teller.claim(f"none of its {len(wrapped)} wrapped keys is in any of the site's {len(files)} files any more", not found)
    gone = _fails(lambda: vault.open_film(site, instance), ShreddedError)
    teller.claim("nothing of it opens, and the others are as they were", gone and vault.comes_back(site, other))
    teller.claim("and what outlives it is told: the backup from before", len(done.outliving.backups) == 1)
    _come_back(folder, backup, shares, teller, instance=instance, other=other)


def _come_back(
    folder: Path, backup: Path, shares: Sequence[str], teller: Teller, *, instance: StoredInstance, other: StoredInstance
) -> None:
    """On an empty machine, with two of three shares, and then with what the lost site's log tells."""
    lines = [Path(share).read_text(encoding="utf-8") for share in shares]
    alone = _fails(lambda: restore_site(backup, folder / "again", shares=lines[:1]))
    teller.claim("a backup and one officer's share open nothing", alone and not (folder / "again").exists())
    log = folder / "site" / "log"
    teller.command(f"restore-site {backup} {folder / 'again'} --share {shares[0]} --share {shares[2]} --log {log}")
    restored = restore_site(backup, folder / "again", shares=[lines[0], lines[2]], log=log)
    with open_site(folder / "again") as again:
        login(again, "admin.demo", "example")
        back = vault.comes_back(again, other)
        gone = _fails(lambda: vault.open_film(again, instance), ShreddedError)
    teller.claim("with two shares the site is back on an empty machine, films bit for bit", back)
    teller.claim(
        "and what was shredded after the backup is shredded again, as the log tells",
        gone and list(restored.replayed.shredded) == [instance.id],
    )
    shutil.rmtree(folder / "again")


def _agreed(site: Site, sessions: Mapping[str, Session], instance: StoredInstance, teller: Teller) -> Grant:
    teller.command(f"--as dr.demo request {instance.id} --action shred --purpose LEGAL --reason 'retention ended'")
    answer = request(
        site,
        sessions["dr.demo"],
        instance.id,
        action=Action.SHRED,
        purpose=Purpose.LEGAL,
        regions=("all",),
        reason="retention ended",
    )
    ticket = answer.ticket
    teller.claim("to shred takes two other people", ticket is not None and answer.decision.approvals_needed == 2)
    assert ticket is not None  # noqa: S101 - claimed above
    approve(site, sessions["dso.demo"], ticket.id)
    grant = approve(site, sessions["head.demo"], ticket.id).grant
    assert grant is not None  # noqa: S101 - two approvals give one
    return grant


def _frame(path: Path) -> tuple[Frame, Identified]:
    with FileSource(path) as source:
        film = scan(source)
        frame = next(decode(film.layout, film.pixels, encapsulated=film.encapsulated, held=False))
        frame = significant(frame, high_bit=film.layout.high_bit)
        return frame.with_samples(np.array(frame.samples)), film


def _fails(act: Callable[[], object], kind: type[LeadglassError] = LeadglassError) -> bool:
    try:
        act()
    except kind:
        return True
    return False
