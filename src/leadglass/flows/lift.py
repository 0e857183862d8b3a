"""Hand out the keys of sealed regions in one release: offline, its holder sees what lies under the cover.

Where the recipient has a key of their own, the key file is sealed for it: whoever else finds it has nothing.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from leadglass.errors import ConflictError, InputError
from leadglass.flows.grants import spending, usable
from leadglass.flows.open import KEY_FORMAT, MARK, key_file_context
from leadglass.flows.record import record
from leadglass.flows.release import region_context, release_key_context, release_uid
from leadglass.flows.session import Session
from leadglass.model.access import Action, Strength
from leadglass.model.entry import canonical, timestamp
from leadglass.model.ids import ReleaseId
from leadglass.model.instance import StoredInstance
from leadglass.model.region import RegionKind
from leadglass.model.release import Release
from leadglass.ports import Outlet
from leadglass.seal.hpke import seal_for
from leadglass.seal.keys import region_key
from leadglass.seal.public import KeyKind, read_public
from leadglass.site import Site


@dataclass(frozen=True)
class KeyFile:
    release: ReleaseId
    regions: tuple[RegionKind, ...]
    path: str
    expires: datetime
    sealed_for: str | None
    """Fingerprint of the recipient's key; None where they have none."""


def lift(site: Site, session: Session, grant_id: str, outlet: Outlet, *, name: str) -> KeyFile:
    """Write the key file that a lift grant gives.

    Raises:
        RefusedError, GrantExpiredError: as for any grant; on record.
        InputError: no such grant, it is for something else, or the film was divided anew after the release.
        UnavailableError: no room for the file; no key was handed out.
    """
    grant, instance = usable(site, session, grant_id, (Action.LIFT,))
    with site.database.begin() as transaction:
        release = transaction.releases.get(grant.request.release or "")
        account = transaction.people.get(grant.request.recipient)
    if release is None:
        raise ConflictError(f"the release {grant.request.release} is gone")
    key = site.keys.unwrap(instance.id, release.wrapped_key, context=release_key_context(release.id))
    kinds = tuple(kind for kind in release.covered if kind in grant.regions)
    _check_undivided(release, instance, grant.regions)
    # That a mark may come off is said by the permit of the lift, which others agreed to, not by whoever took the copy.
    whole = release.reversible and grant.mark is Strength.OFF and set(instance.kinds) <= set(grant.regions)
    secrets = (*kinds, MARK) if whole else kinds
    content = canonical(
        {
            "v": KEY_FORMAT,
            "release": release.id,
            "recipient": grant.request.recipient,
            "purpose": grant.request.purpose,
            "expires": timestamp(grant.expires),
            "regions": [_region(site, release.id, kind, key=key, purpose=release.purpose) for kind in secrets],
        }
    )
    public = read_public(account.sealing_key) if account is not None and account.sealing_key else None
    sealed_for = public.fingerprint if public is not None and public.kind is KeyKind.PERSON else None
    if public is not None and sealed_for is not None:
        instance_uid = release_uid(key, release=release.id)
        content = seal_for(content, to=public, context=key_file_context(instance_uid))
    slot = outlet.reserve(name, len(content))
    try:
        with spending(site, session, grant) as transaction:
            record(
                site,
                transaction.log,
                "lifted",
                actor=session.actor,
                subject=instance.id,
                release=release.id,
                recipient=grant.request.recipient,
                purpose=grant.request.purpose,
                regions=list(kinds),
                unmarked=whole,
                sealed_for=sealed_for,
                expires=timestamp(grant.expires),
            )
        return KeyFile(release.id, kinds, slot.deliver((content,)), grant.expires, sealed_for)
    finally:
        slot.abandon()


def _check_undivided(release: Release, instance: StoredInstance, regions: Collection[RegionKind]) -> None:
    """Return where the regions of a release are those of the film still, or all of them may be lifted.

    Text that was found since then lies in what was called otherwise: who may not see text would see it.

    Raises:
        InputError: the film was divided anew after the release.
    """
    if {*release.shown, *release.covered} != set(instance.kinds) and not set(instance.kinds) <= set(regions):
        raise InputError(
            "the film was divided anew after this release, and only all of its regions can be lifted together",
            hint="ask for all of them, or for a new release",
        )


def _region(site: Site, release: ReleaseId, kind: str, *, key: bytes, purpose: str) -> dict[str, str]:
    context = region_context(
        origin=site.origin,
        release=release,
        instance=release_uid(key, release=release),
        region=kind,
        purpose=purpose,
    )
    made = region_key(key, context=context)
    return {"region": kind, "kek": made.kek.hex(), "id": made.kek_id.hex(), "context": context.decode()}
