"""The parameters of Gaussian-AD."""

from __future__ import annotations

from dataclasses import dataclass

from ad_desktop.detectors.gaussian.scores import RULES
from ad_desktop.detectors.nets.backbones import backbone_names
from ad_desktop.detectors.nets.engines import ENGINES
from ad_desktop.detectors.params import param


@dataclass(frozen=True)
class GaussianADParams:
    """Parameters of Gaussian-AD."""

    backbone: str = param(
        "efficientnet-lite0", "Pretrained network whose features are compared", choices=backbone_names()
    )
    weights: str = param("", "File with the network's weights; empty: the installed or cached ones", path=True)
    image_size: int = param(
        0,
        "Side of the square that pictures are resized to, in pixels; 0: the network's own",
        minimum=0,
        maximum=2048,
        zero="Default",
    )
    levels: tuple[int, ...] = param(
        (4, 5, 6, 7), "Levels of the network whose features are used: early ones see texture, late ones shape",
        minimum=1, maximum=9,
    )  # fmt: skip
    score: str = param(
        "local+global",
        "How a picture's score is made: the map's highest cells and the distance of the whole picture, either alone, "
        "or the paper's sum of distances over levels, plain or standardised",
        label="Image score", choices=RULES,
    )  # fmt: skip
    map: str = param(
        "z", "Anomaly map in standard deviations of normal pictures at that place (z), or in plain distances (raw)",
        label="Anomaly map", choices=("z", "raw"),
    )  # fmt: skip
    reduction: str = param(
        "none", "Principal components kept for the whole picture's distance: leading (pca) or trailing (npca) ones",
        choices=("none", "pca", "npca"), advanced=True,
    )  # fmt: skip
    variance: float = param(
        0.99, "Share of the variance at which principal components are cut", minimum=0.0, maximum=1.0, advanced=True
    )
    augmentations: int = param(
        0, "Augmented copies of every normal picture for the distance of the whole picture (the paper uses 100)",
        minimum=0, maximum=200, advanced=True,
    )  # fmt: skip
    value_range: str = param(
        "auto", "Black and white of 16-bit and float pictures, as LOW,HIGH; auto: found from the normal pictures. "
        "8-bit pictures keep 0,255",
        advanced=True,
    )  # fmt: skip
    engine: str = param(
        "auto", "What runs the network: onnxruntime is the faster one on a CPU", choices=ENGINES, advanced=True
    )
    mixed_precision: bool = param(
        False, "Half precision on a GPU: faster, scores differ in the third digit", advanced=True
    )
