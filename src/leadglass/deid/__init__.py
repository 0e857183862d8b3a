"""What identifies in a header, and what to do about it (PS3.15 annex E).

``profile`` answers for any attribute at any depth, from the table of the standard; ``pseudonym`` makes keyed UIDs, ids and
names that are equal in any process and meaningless without the key; ``clean`` turns a received header into a plan, a list
of findings without values, and the terms by which the instance can be found again.
"""
