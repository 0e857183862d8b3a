"""Where the lungs and the heart are on a chest film, or an honest "not found".

``outlines`` finds them without a trained model, ``judge`` throws away what no chest looks like. Both would rather abstain
than guess: an abstained film has no masks and is covered or shown as a whole. Nothing here is a finding about a patient, and
the heart is a zone by geometry.
"""

from __future__ import annotations

from leadglass.anatomy.classical import outlines
from leadglass.anatomy.outline import Outlines, abstain, judge

__all__ = ["Outlines", "abstain", "judge", "outlines"]
