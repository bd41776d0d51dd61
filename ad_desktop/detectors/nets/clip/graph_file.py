"""Asks another process for AnomalyCLIP's ONNX graph. No torch here."""

from __future__ import annotations

import json
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ad_desktop.data.atomic import atomic_path, remove_leftovers
from ad_desktop.detectors.base import Array
from ad_desktop.detectors.nets.apart import ExportError, run_apart
from ad_desktop.detectors.nets.clip.params import AnomalyCLIPParams
from ad_desktop.detectors.rows import RowStore
from ad_desktop.errors import UserError
from ad_desktop.program import MAKE_CLIP_GRAPH
from ad_desktop.task import Task

_TOLD = ("weights_sha256", "backbone", "activation", "prompts", "prompts_sha256")


def write_apart(
    target: Path, weights: Path, params: AnomalyCLIPParams, text: Array, known: RowStore | None,
    facts: Mapping[str, Any], task: Task,
) -> dict[str, float]:  # fmt: skip
    """Write the graph to ``target``; the largest differences of score and map from torch's.

    ``text`` are the vectors 2×D, ``known`` the patches of normal samples, ``facts`` those of the fit. ``UserError``
    if there is no graph, or one that differs from torch.
    """
    from safetensors.numpy import save_file

    arrays = {"text": np.ascontiguousarray(text)}
    if known is not None:
        arrays["known"] = known.read(0, len(known))
    told: dict[str, Any] = {
        "weights": str(weights), "activation": params.activation, "side": int(facts["image_size"]),
        "second_path": params.second_path, "layers": params.layers,
        "smoothing": params.smoothing / float(facts["patch"]), "score": params.score, "top_share": params.top_share,
        "facts": {"score_rule": params.score, "memory": known is not None, **_chosen(facts)},
    }  # fmt: skip
    remove_leftovers(target)
    with (
        tempfile.TemporaryDirectory(prefix="ad-desktop-", ignore_cleanup_errors=True) as folder,
        atomic_path(target) as temporary,
    ):
        told |= {"arrays": str(Path(folder) / "arrays.safetensors"), "target": str(temporary)}
        save_file(arrays, told["arrays"])
        try:
            line = run_apart(MAKE_CLIP_GRAPH, told, "Writing the ONNX graph and comparing it with torch", task)
        except ExportError as error:
            raise UserError(f"The model could not be written as an ONNX graph: {error}.") from error
        return dict(json.loads(line))


def _chosen(facts: Mapping[str, Any]) -> dict[str, Any]:
    return {name: facts[name] for name in (*_TOLD, "threshold", "map_threshold", "calibrated") if name in facts}
