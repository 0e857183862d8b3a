"""Where the lungs, the heart, the ribs and the body are on a chest film, or an honest "not found".

``prepare`` makes the small picture that a model looks at, ``draw`` turns its answer into outlines of the film's own size,
and ``judge`` throws away what no chest looks like, whoever drew it. All would rather abstain than guess: an abstained film
has no regions and is covered or shown as a whole. The model itself is run by whoever holds it, and nothing here is a finding
about a patient.
"""

from __future__ import annotations

from leadglass.anatomy.draw import draw, refusal, undrawn
from leadglass.anatomy.outline import Outlines, Structure, abstain, judge
from leadglass.anatomy.prepare import prepare

__all__ = ["Outlines", "Structure", "abstain", "draw", "judge", "prepare", "refusal", "undrawn"]
