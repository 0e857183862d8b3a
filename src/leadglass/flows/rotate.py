"""The root key: exchanged for a new one, and given into the hands of officers of whom two together can bring it back."""

from __future__ import annotations

from typing import Protocol

from leadglass.flows.record import allow, record
from leadglass.flows.session import Session
from leadglass.model.access import Duty
from leadglass.site import Site

ROTATING, ROTATED, SPLIT = "root-rotating", "root-rotated", "root-split"


class Root(Protocol):
    """The root key of a site. It does not leave but in shares."""

    def rotate_root(self) -> int:
        """Exchange it; what it wraps is wrapped anew, data is not touched. Gives the generation of the new one.

        A crash leaves a site that opens. What was copied before opens with the old root key alone.

        Raises:
            ConfigError: it is not kept where it can be exchanged.
        """
        ...

    def split_root(self, origin: str) -> tuple[str, ...]:
        """Three shares for the site ``origin``, lines of text, any two of which give it back (``seal.escrow``)."""
        ...


def rotate_root(site: Site, session: Session, root: Root) -> int:
    """Exchange the root key; gives its generation. Shares and copies of the old one open nothing of the site any more.

    That it is about to happen is on record first: a machine that stops in between may have either key.

    Raises:
        RefusedError: the session may not; on record.
        ConfigError: the root key is not kept where it can be exchanged.
    """
    allow(site, session.actor, Duty.KEEP_KEYS)
    with site.database.begin() as transaction:
        record(site, transaction.log, ROTATING, actor=session.actor)
    generation = root.rotate_root()
    with site.database.begin() as transaction:
        record(site, transaction.log, ROTATED, actor=session.actor, generation=generation)
    return generation


def split_root(site: Site, session: Session, root: Root) -> tuple[str, ...]:
    """The root key in three shares, one for each of three officers. That there are such shares is on record first.

    Raises:
        RefusedError: the session may not; on record.
    """
    allow(site, session.actor, Duty.KEEP_KEYS)
    shares = root.split_root(site.origin)
    with site.database.begin() as transaction:
        record(site, transaction.log, SPLIT, actor=session.actor, shares=len(shares))
    return shares
