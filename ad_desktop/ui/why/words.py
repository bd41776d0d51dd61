"""What the parts of a score mean, in plain sentences."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from ad_desktop.detectors.base import Prediction
from ad_desktop.detectors.tiled.prediction import TiledPrediction
from ad_desktop.ui.items import Item
from ad_desktop.ui.library.rows import format_score

_NORMAL = "normal pictures"
_SENTENCES = {
    "local": "The strangest spots, each compared with the same place on normal pictures.",
    "global": "The picture as a whole, compared with normal pictures as a whole, weighted as it counts.",
}
# Scores of these rules are summed from parts that were brought to the spread of normal pictures first.
_STANDARDISED = ("local+global", "local", "standardised-sum")


def part_title(name: str) -> str:
    """The name of a part for people."""
    return name[:1].upper() + name[1:]


def part_sentence(name: str, tiled: bool = False) -> str:
    """One sentence on what a part looks at, in a picture or in one of its tiles; empty for parts that are not known."""
    if re.fullmatch(r"level \d+", name):
        return "The distance on this level of the network: early ones see texture, late ones shape."
    text = _SENTENCES.get(name, "")
    return text.replace("The picture as", "The tile as").replace(_NORMAL, f"tiles of {_NORMAL}") if tiled else text


def tile_sentence(prediction: Prediction) -> str:
    """Which tile the parts of a score are of; empty where the picture was looked at whole."""
    if not isinstance(prediction, TiledPrediction) or len(prediction.tiles) < 2:
        return ""
    scores = [said.anomaly_score for _, said in prediction.tiles]
    highest = scores.index(max(scores))
    tile = prediction.tiles[highest][0]
    return (
        f"This is the highest of {len(scores):,} tiles, number {highest + 1:,}: {tile.width} × {tile.height} px from "
        f"x {tile.left:,}, y {tile.top:,}."
    )


def in_deviations(detector: Any) -> bool:
    """Whether the parts are in standard deviations of normal pictures, rather than plain distances."""
    rule = getattr(detector.params, "score", None)
    return rule is None or rule in _STANDARDISED


def total_sentence(parts: Mapping[str, float], score: float, deviations: bool) -> str:
    """How the score comes about from its parts."""
    total = sum(parts.values())
    unit = " standard deviations above the mean of normal pictures" if deviations else ""
    if len(parts) == 1:
        start = f"It is {format_score(total)}{unit}"
    else:
        start = f"Together they are {format_score(total)}{unit}"
    if abs(total - score) <= 1e-6 * max(1.0, abs(score)):
        return f"{start}: the score."
    return f"{start}. Beside the totals of held-out normal pictures that is a score of {format_score(score)}."


def held_out_sentence(item: Item) -> str:
    """What to say of a picture that the model was fitted on; empty for others."""
    if item.held_out is None:
        return ""
    return (
        f"This is one of the normal pictures. Its score in the list, {format_score(item.held_out)}, is from a model "
        "without its group; the parts here are from the whole model."
    )
