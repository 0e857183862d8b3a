"""Run one Python peer over a folder, in the peer's own environment: ``python peer.py PEER SOURCE OUT``.

Prints one JSON object: for each file why it failed (null where it did not), and the processor seconds of the loop. Each peer
is used as its documentation begins: with its defaults. This lies in a folder of its own because Python looks for imports
beside a script, and a benchmark of ours has the name of a peer.
"""

from __future__ import annotations

import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from pathlib import Path

Treat = Callable[[Path, Path], object]


def dicom_anonymizer() -> Treat:
    from dicomanonymizer import anonymize_dicom_file

    return lambda source, out: anonymize_dicom_file(str(source), str(out))


def dicognito() -> Treat:
    import pydicom
    from dicognito.anonymizer import Anonymizer

    anonymizer = Anonymizer(seed="bench")

    def treat(source: Path, out: Path) -> None:
        with source.open("rb") as file:
            dataset = pydicom.dcmread(file)
            anonymizer.anonymize(dataset)
            dataset.save_as(out)

    return treat


def deid() -> Treat:
    from deid.config import DeidRecipe
    from deid.dicom import replace_identifiers

    recipe = DeidRecipe()

    def treat(source: Path, out: Path) -> None:
        folder = str(out.parent)
        replace_identifiers(dicom_files=[str(source)], deid=recipe, save=True, overwrite=True, output_folder=folder)

    return treat


def pydicom() -> Treat:
    from pydicom import dcmread

    return lambda source, out: dcmread(source).save_as(out)


PEERS = {"dicom-anonymizer": dicom_anonymizer, "dicognito": dicognito, "deid": deid, "pydicom read and save": pydicom}


def main(peer: str, source: str, out: str) -> None:
    warnings.simplefilter("ignore")
    logging.disable(logging.CRITICAL)
    treat = PEERS[peer]()
    failed: dict[str, str | None] = {}
    files = sorted(path for path in Path(source).iterdir() if path.is_file())
    said, sys.stdout = sys.stdout, sys.stderr
    before = time.process_time()
    for path in files:
        try:
            treat(path, Path(out) / path.name)
            failed[path.name] = None
        except Exception as error:  # whatever a peer raises, its next file is another matter
            failed[path.name] = type(error).__name__
    spent = time.process_time() - before
    sys.stdout = said
    print(json.dumps({"failed": failed, "cpu": spent}))


if __name__ == "__main__":
    main(*sys.argv[1:])
