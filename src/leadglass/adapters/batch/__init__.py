"""Work over folders of millions of files: finding them, sharing the work out, remembering what is done.

Nothing here knows what is done to a file. ``walk`` streams a tree in sorted order, an engine runs chunks of it in worker
processes, the ``Journal`` is the truth of what is done, ``Staging`` puts outputs in their place, and ``ResidueFile`` keeps
what gives the received files back.
"""
