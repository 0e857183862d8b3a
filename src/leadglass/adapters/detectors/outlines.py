"""Outlines by the shipped model, on the processor.

onnxruntime parses the model file, which is ours and checked by its digest, and computes on one picture of a fixed size. What
a stranger's file holds has been decoded before and reaches it as numbers.
"""

from __future__ import annotations

import hashlib
from functools import cache
from importlib import import_module
from importlib.resources import files
from typing import Any

import numpy as np

from leadglass.anatomy.belief import Answer, limits
from leadglass.anatomy.draw import draw, refusal, undrawn
from leadglass.anatomy.outline import Outlines
from leadglass.anatomy.prepare import SIDE, Picture, prepare
from leadglass.errors import ConfigError, UnavailableError
from leadglass.model.frame import Frame


class OnnxOutlines:
    """Lungs, heart, posterior ribs, clavicle zones and body of a PA or AP chest film, or an abstention.

    It implements the port ``Detector``. The model is loaded when a film is first looked at and shared by the whole process,
    threads included.
    """

    @property
    def name(self) -> str:
        """The model and the first 16 digits of its file's SHA-256: what the log says about who looked."""
        return f"leadglass outlines, model {limits().sha256[:16]}"

    def __call__(self, frame: Frame, *, view: str | None, modality: str | None) -> Outlines:
        """The outlines of ``frame``; masks of shape (rows, columns). An abstention has the structure ``body`` alone.

        ``view`` is View Position (0018,5101) and ``modality`` Modality (0008,0060); null where the header does not say, and
        then the picture alone decides.

        Raises:
            ConfigError: the model file is not the one that its limits belong to.
            UnavailableError: onnxruntime does not start.
        """
        picture, placed = prepare(frame)
        refused = refusal(frame, view=view, modality=modality)
        if refused:
            return undrawn(refused, picture, placed)
        return draw(ask(picture), picture, placed, limits())


def ask(picture: Picture) -> Answer:
    """The model's answer to a prepared picture, shape (SIDE, SIDE).

    Raises:
        ConfigError, UnavailableError: as for ``OnnxOutlines``.
    """
    chances, pose = _session().run(["outlines", "pose"], {"picture": picture[np.newaxis, np.newaxis]})
    return Answer(chances.reshape(4, SIDE, SIDE), pose.reshape(-1))


@cache
def _session() -> Any:  # onnxruntime has no complete types
    model = files("leadglass.anatomy").joinpath("model", "outlines.onnx").read_bytes()
    if hashlib.sha256(model).hexdigest() != limits().sha256:
        raise ConfigError("the outline model is not the one that was checked", hint="install leadglass anew")
    try:
        onnxruntime = import_module("onnxruntime")
    except ImportError as error:
        raise UnavailableError("onnxruntime does not start", hint="pip install onnxruntime") from error
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
