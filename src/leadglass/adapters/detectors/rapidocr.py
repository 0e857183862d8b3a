"""RapidOCR as a site runs it: a reader that can say what it is."""

from __future__ import annotations

import hashlib
from functools import cached_property
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path

from leadglass.adapters.detectors.text import TextReader


class RapidOcr(TextReader):
    """A ``TextReader`` with a name for the log."""

    @cached_property
    def name(self) -> str:
        """Product, version, and the first 16 digits of a SHA-256 over the digests of its models in order of their names."""
        spec = find_spec("rapidocr")
        folders = [Path(each) for each in (spec.submodule_search_locations or ())] if spec else []
        models = sorted(model for folder in folders for model in folder.rglob("*.onnx"))
        digests = b"".join(hashlib.sha256(model.read_bytes()).digest() for model in models)
        return f"rapidocr {version('rapidocr')}, models {hashlib.sha256(digests).hexdigest()[:16]}"
