"""The database over SQLite: explicit tables, no ORM.

Indexed columns hold opaque ids, keyed terms and states; a record itself is sealed, so that the file tells a thief
nothing. Serialisable because every transaction is ``BEGIN IMMEDIATE``: one writer at a time, readers included.
"""
