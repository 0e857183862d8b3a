"""The evidence page: what was found out about one picture, for a judge, a security officer and an engineer.

``exhibit`` is what there is to show, ``pages`` makes of it two pages, Chinese and English, and one file of numbers. A page
needs nothing beside it: pictures are inside, there is no script, and nothing is fetched. It is printed on A4.
"""

from leadglass.flows.evidence.exhibit import Exhibit, NamedRelease
from leadglass.flows.evidence.page import pages

__all__ = ["Exhibit", "NamedRelease", "pages"]
