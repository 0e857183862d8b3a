"""The keys of marks: one a release of a film, made in this one place."""

from __future__ import annotations

from leadglass.mark.chips import FORMAT
from leadglass.model.entry import canonical
from leadglass.model.ids import InstanceId, ReleaseId
from leadglass.seal.keys import derive
from leadglass.site import Site


def mark_key(site: Site, *, instance: InstanceId, release: ReleaseId) -> bytes:
    """The 32-byte key of the mark in one release of one film.

    It follows from the site's secret, the film and the release, so that no key can be fitted to a picture afterwards, and
    what a person was given of many films cannot be averaged to find their mark.
    """
    context = canonical({"v": FORMAT, "origin": site.origin, "film": instance, "release": release})
    return derive(site.keys.secret("marks"), label="leadglass/mark key", context=context)
