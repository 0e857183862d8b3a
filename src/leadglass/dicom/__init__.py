"""Bytes to instances and back.

``scan`` reads a file without decoding what nobody asked for; an edit is a ``Plan`` of copies and inserts, and a plan has
an inverse. The state of the data is its type: an ``Identified`` may name a patient, a ``Clean`` comes out of ``compose``
and nowhere else, a ``Rendition`` was made for one recipient.

* ``source``: ranged bytes; ``header``: the walk over encoded elements (PS3.5 section 7);
* ``plan``: copies, inserts, and how to undo them; ``instance``: the three states of an instance;
* ``frames``: pixel data to frames and back; ``uids``: unique identifiers (PS3.5 section 9).
"""
