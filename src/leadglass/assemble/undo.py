"""The way back: an output of a run, its residue and the key give the received file."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

from leadglass.adapters.batch.residue import find_residue
from leadglass.adapters.copies import ReadAhead, room, sha256, spool, tree_digest
from leadglass.adapters.files import FolderOutlet
from leadglass.assemble.desk import undo
from leadglass.dicom.header import walk
from leadglass.dicom.instance import received
from leadglass.dicom.kept import kept_pixels
from leadglass.dicom.plan import Copy


def undo_file(output: Path, *, residue: Path, key: bytes, out: Path) -> str:
    """Write to ``out`` what ``output`` was made of; gives its SHA-256 in hex.

    Raises:
        InputError: a file cannot be read, or the residue holds nothing for this output.
        SealBrokenError: the key is not the one of the run, or the residue was changed.
        ConflictError: ``out`` is there already.
    """
    with ReadAhead(output, room()) as written:
        digest = written_digest(written)
        sealed = find_residue(residue, bytes.fromhex(digest))
        whole = hashlib.sha256()

        def hashed(chunks: Iterator[bytes]) -> Iterator[bytes]:
            for chunk in chunks:
                whole.update(chunk)
                yield chunk

        chunks = undo(written, sealed, key=key, digest=digest)
        FolderOutlet(out.parent).reserve(out.name, 0).deliver(hashed(chunks))
    return whole.hexdigest()


def written_digest(written: ReadAhead) -> str:
    """The tree digest of an output, as the desk gave it when it wrote it."""
    with spool(written.size) as keep:
        object_ = received(walk(written, spool=keep))
        pixels = kept_pixels(object_)
        offset, length = pixels.span if pixels else (written.size, 0)
        spans = ((0, offset), (offset, length), (offset + length, written.size - offset - length))
        return tree_digest(*(sha256((Copy(at, size),), (written,)) for at, size in spans))
