"""Who asks is proved: sign-in gives a Session, an actor and the ability to sign as that actor."""

from __future__ import annotations

from dataclasses import dataclass, field

from leadglass.errors import RefusedError
from leadglass.flows.record import record
from leadglass.model.access import Actor, Role
from leadglass.model.ids import PersonName
from leadglass.seal.person import Identity, decoy, sign, unlock
from leadglass.site import Site


@dataclass(frozen=True)
class Session:
    """An actor whose passphrase or key was presented."""

    actor: Actor
    seed: bytes = field(repr=False)

    def sign(self, message: bytes, *, context: str) -> bytes:
        """An Ed25519 signature over ``message`` for one ``context``."""
        return sign(self.seed, message=message, context=context)


def login(site: Site, name: str, passphrase: str) -> Session:
    """Sign somebody in. An unknown name, a disabled account and a wrong passphrase take the same time and words.

    Raises:
        RefusedError: the name or the passphrase is not right; on record.
    """
    with site.database.begin() as transaction:
        account = transaction.people.get(name)
    if account is not None and account.active:
        identity = Identity(account.public_key, account.salt, account.sealed_key, account.parameters)
    else:
        identity = decoy(site.keys.secret("decoy")[:16])
    try:
        seed = unlock(identity, passphrase=passphrase)
    except RefusedError as error:
        with site.database.begin() as transaction:
            nobody = Actor(name=PersonName(name if account else "unknown"), roles=frozenset())
            record(site, transaction.log, "sign-in refused", actor=nobody)
        raise RefusedError("name or passphrase is not right", hint="ask an administrator of the site") from error
    assert account is not None  # noqa: S101 - a decoy never unlocks
    return Session(account.actor, seed)


def service(site: Site, duty: str) -> Session:
    """The session of one of the site's own services (``checkpoint``, ``maintain``); its key follows from the root key."""
    actor = Actor(name=PersonName(f"service.{duty}"), roles=frozenset({Role.SERVICE}))
    return Session(actor, site.keys.secret(f"service/{duty}"))
