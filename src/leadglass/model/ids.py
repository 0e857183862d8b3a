"""One type per kind of id, so that none is handed in for another. All are opaque text."""

from __future__ import annotations

from typing import NewType

InstanceId = NewType("InstanceId", str)
"""Keyed from the SOP Instance UID: equal in any process of a site, meaningless outside it."""

StudyId = NewType("StudyId", str)
SeriesId = NewType("SeriesId", str)
OrderId = NewType("OrderId", str)
TicketId = NewType("TicketId", str)
GrantId = NewType("GrantId", str)
ReleaseId = NewType("ReleaseId", str)
EntryId = NewType("EntryId", str)

PersonName = NewType("PersonName", str)
"""The account name of a member of staff or a service (not DICOM's PN)."""

BlobId = NewType("BlobId", str)
"""SHA-256 of the stored (sealed) bytes, lower-case hex."""

Term = NewType("Term", str)
"""A keyed search term: equality to the holder of the index key, noise to anybody else."""
