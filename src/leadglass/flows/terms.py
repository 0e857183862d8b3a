"""Search over what is sealed: values become keyed terms, at ingest and when somebody searches."""

from __future__ import annotations

from collections.abc import Iterable

from leadglass.deid.terms import normalise
from leadglass.model.ids import Term
from leadglass.seal.keys import keyed
from leadglass.site import Site


def term(site: Site, kind: str, value: str) -> Term:
    """The keyed term of one value: equal however it was written (width, case, surrounding spaces)."""
    return Term(keyed(site.keys.secret("index"), kind=kind, value=normalise(value)))


def patient_terms(site: Site, text: str) -> Iterable[Term]:
    """The terms under which somebody who typed ``text`` may find a patient: as an id, and as a name."""
    return (term(site, "patient_id", text), term(site, "name", text))
