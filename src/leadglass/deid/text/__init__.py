"""Text that the header betrays: Clean Descriptors (PS3.15 section E.3.5) for prose and short values, Chinese and English.

``cleaner(known)`` gives a ``TextCleaner`` for the texts of one file. It hides what the header of that file knows in every
notation there is for it (``known``), what a site's list denies, and what identifies by its form (``rules``, ``dates``); it
says how many pieces of each kind it hid and never what they were.

Rules miss what nothing announces: a relative's given name, a nickname of a hospital, "the day after Thanksgiving". What goes
to the public needs a gate for whole sentences behind this, a function ``str -> Cleaned`` that lets through what consists of
known words; it composes with ``TextCleaner.clean``.
"""

from leadglass.deid.text.cleaning import Cleaned, TextCleaner, cleaner
from leadglass.deid.text.kinds import Kind, Span
from leadglass.deid.text.known import Known

__all__ = ["Cleaned", "Kind", "Known", "Span", "TextCleaner", "cleaner"]
