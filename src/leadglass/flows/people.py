"""Accounts: the people of a site, managed by an administrator who sees no pixels."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from leadglass.errors import ConflictError, InputError, RefusedError
from leadglass.flows.record import SITE_KEY, allow, record
from leadglass.flows.session import Session
from leadglass.model.access import Account, Actor, Duty, Role
from leadglass.model.ids import PersonName
from leadglass.seal.person import new_identity
from leadglass.seal.public import PublicKey, read_public, write_public
from leadglass.site import Site

PERSONAL_ROLES = tuple(role for role in Role if role is not Role.SERVICE)


def found(site: Site, name: str, passphrase: str) -> Account:
    """Make the first administrator of a new site.

    Raises:
        ConflictError: the site has people already.
    """
    account = _account(site, name, (Role.ADMINISTRATOR,), None, passphrase)
    site.keys.create(SITE_KEY)
    with site.database.begin() as transaction:
        if transaction.people.find():
            raise ConflictError("the site has people already", hint="an administrator adds more: leadglass people add")
        transaction.people.add(account)
        record(
            site,
            transaction.log,
            "site founded",
            actor=account.actor,
            policies=site.policies.digest,
            public_key=account.public_key.hex(),
        )
    return account


def add(
    site: Site, session: Session, name: str, *, roles: Collection[Role], department: str | None, passphrase: str
) -> Account:
    """Add a person; whoever knows ``passphrase`` can sign as them until they change it (``change_passphrase``).

    Raises:
        RefusedError: the session may not manage people.
        InputError: the name or the roles cannot be used.
        ConflictError: the name is taken.
    """
    allow(site, session.actor, Duty.MANAGE_PEOPLE)
    account = _account(site, name, roles, department, passphrase)
    with site.database.begin() as transaction:
        transaction.people.add(account)
        record(
            site,
            transaction.log,
            "person added",
            actor=session.actor,
            person=name,
            person_roles=sorted(roles),
            department=department,
            public_key=account.public_key.hex(),
        )
    return account


def change_passphrase(site: Site, session: Session, passphrase: str) -> Account:
    """Give the session's own person a passphrase that nobody else knows, and a new signing key under it.

    Raises:
        InputError: the passphrase is empty.
        RefusedError: the account was closed meanwhile.
        ConflictError: it was changed meanwhile.
    """
    with site.database.begin() as transaction:
        account = transaction.people.get(session.actor.name)
    if account is None or not account.active:
        raise RefusedError("this account is closed")
    made = _account(site, account.actor.name, account.actor.roles, account.actor.department, passphrase)
    made = replace(made, sealing_key=account.sealing_key)
    with site.database.begin() as transaction:
        transaction.people.swap(account, made)
        record(site, transaction.log, "passphrase changed", actor=session.actor, public_key=made.public_key.hex())
    return made


def disable(site: Site, session: Session, name: str) -> Account:
    """Close an account: it signs in no more, and its approvals no longer count.

    Raises:
        RefusedError: the session may not manage people.
        InputError: there is no such person, or nobody would be left to manage people.
        ConflictError: the account is closed already.
    """
    allow(site, session.actor, Duty.MANAGE_PEOPLE)
    with site.database.begin() as transaction:
        account = transaction.people.get(name)
        if account is None:
            raise InputError(f"there is no person {name!r}", hint="leadglass people list")
        if not account.active:
            raise ConflictError(f"{name} is disabled already")
        if not any(_manages(each) for each in transaction.people.find() if each.actor.name != name):
            raise InputError(f"{name} is the last administrator", hint="add another one first: leadglass people add")
        disabled = replace(account, active=False)
        transaction.people.swap(account, disabled)
        record(site, transaction.log, "person disabled", actor=session.actor, person=name)
    return disabled


def register_key(site: Site, session: Session, name: str, public: PublicKey) -> Account:
    """From now on what is sealed for this person is sealed for ``public``; what was sealed before is not touched.

    A person does this for themselves, an administrator for anybody.

    Raises:
        RefusedError: the session may not.
        InputError: there is no such person.
        ConflictError: they have a key, or the account is closed.
    """
    return _change_key(site, session, name, public)


def revoke_key(site: Site, session: Session, name: str) -> Account:
    """Nothing more is sealed for this person's key. What was sealed for it before, its holder can open.

    Raises:
        RefusedError: the session may not.
        InputError: there is no such person, or they have no key.
        ConflictError: the account was changed meanwhile.
    """
    return _change_key(site, session, name, None)


def holder(site: Site, session: Session, name: str) -> Account:
    """The account of a person, for themselves or for who manages people.

    Raises:
        RefusedError: the session may not.
        InputError: there is no such person.
    """
    if session.actor.name != name:
        allow(site, session.actor, Duty.MANAGE_PEOPLE)
    with site.database.begin() as transaction:
        account = transaction.people.get(name)
    if account is None:
        raise InputError(f"there is no person {name!r}", hint="leadglass people list")
    return account


def may_change_key(site: Site, session: Session, name: str) -> None:
    """Return where ``register_key`` would register a key for this person.

    Raises:
        RefusedError, InputError, ConflictError: as ``register_key``.
    """
    _check_free(holder(site, session, name))


def _check_free(account: Account) -> None:
    if account.sealing_key is not None:
        raise ConflictError(f"{account.actor.name} has a key already", hint="leadglass people key revoke NAME first")
    if not account.active:
        raise ConflictError(f"{account.actor.name} is disabled")


def _change_key(site: Site, session: Session, name: str, public: PublicKey | None) -> Account:
    account = holder(site, session, name)
    if public is None and account.sealing_key is None:
        raise InputError(f"{name} has no key", hint="leadglass people key new NAME")
    if public is not None:
        _check_free(account)
    changed = replace(account, sealing_key=None if public is None else write_public(public))
    key = public or read_public(account.sealing_key or b"")
    with site.database.begin() as transaction:
        transaction.people.swap(account, changed)
        record(
            site,
            transaction.log,
            "key registered" if public is not None else "key revoked",
            actor=session.actor,
            person=name,
            key=key.fingerprint,
            kind=key.kind,
        )
    return changed


def everybody(site: Site, session: Session) -> tuple[Account, ...]:
    """All accounts, disabled ones too.

    Raises:
        RefusedError: the session may not manage people.
    """
    allow(site, session.actor, Duty.MANAGE_PEOPLE)
    with site.database.begin() as transaction:
        return transaction.people.find()


def _manages(account: Account) -> bool:
    return account.active and Role.ADMINISTRATOR in account.actor.roles


def _account(site: Site, name: str, roles: Collection[Role], department: str | None, passphrase: str) -> Account:
    if not name or len(name) > 64 or not name.isprintable() or any(c.isspace() for c in name) or "/" in name:
        raise InputError("a name is 1 to 64 printable characters without spaces or slashes")
    if name.startswith("service."):
        raise InputError("names that begin with service. belong to the site itself")
    if not roles or not set(roles) <= set(PERSONAL_ROLES):
        raise InputError("a person has at least one role", hint=f"roles: {', '.join(PERSONAL_ROLES)}")
    if not passphrase:
        raise InputError("a passphrase must not be empty")
    identity = new_identity(
        passphrase=passphrase,
        seed=site.entropy.bytes(32),
        salt=site.entropy.bytes(16),
        nonce=site.entropy.bytes(12),
    )
    actor = Actor(name=PersonName(name), roles=frozenset(roles), department=department)
    return Account(
        actor=actor,
        active=True,
        public_key=identity.public_key,
        salt=identity.salt,
        sealed_key=identity.sealed_key,
        parameters=identity.parameters,
    )
