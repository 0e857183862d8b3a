"""The log that nobody can quietly rewrite: an RFC 6962 tree in the formats of C2SP.

* ``tree`` hashes entries into one root and carries it forward in a compact frontier;
* ``tile`` says which static files show the tree to the world (tlog-tiles), and proves from them;
* ``note`` signs text (signed-note), ``checkpoint`` is the text that says size and root (tlog-checkpoint);
* ``proof`` shows that an entry is in the log and that the log only grew, and packs the first as a receipt (tlog-proof).

Everything here is a function over bytes. Who keeps the entries, and when a checkpoint is due, is for the flows to say.
"""
