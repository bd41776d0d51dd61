"""The parameters of AnomalyCLIP."""

from __future__ import annotations

from dataclasses import dataclass

from ad_desktop.detectors.nets.clip.hub import MODELS
from ad_desktop.detectors.params import param

SCORES = ("image", "map-max", "map-top", "mean")


@dataclass(frozen=True)
class AnomalyCLIPParams:
    """Parameters of AnomalyCLIP."""

    model: str = param(
        "ViT-L-14-336",
        "CLIP to use where no weights file is named; the first is the published one",
        choices=tuple(MODELS),
    )
    weights: str = param(
        "", "File with the weights of any ViT CLIP; empty: those of the model, from the Hugging Face cache", path=True
    )
    prompts: str = param(
        "", "File with learned prompts, published ones or your own; empty: plain texts on damaged objects", path=True
    )
    download: bool = param(False, "Allow to fetch missing weights (350 to 1,700 MB) from the Hugging Face hub")
    image_size: int = param(
        518, "Side of the square that pictures are resized to, in pixels, rounded to whole patches", minimum=14,
        maximum=2044,
    )  # fmt: skip
    score: str = param(
        "image", "How a picture's score is made: from the whole picture, the map's largest value, the mean of its "
        "largest values, or the mean of the first two",
        label="Image score", choices=SCORES,
    )  # fmt: skip
    memory: bool = param(
        False, "Compare patches with those of the normal pictures as well: for a few of them, say 1 to 50"
    )
    train_on: str = param(
        "", "Data set of other objects, with defects in the layout of MVTec AD, or a folder of several, to learn "
        "prompts from", label="Learn prompts on", path=True, folder=True,
    )  # fmt: skip
    epochs: int = param(15, "How many times the data set is gone through", minimum=1, maximum=1000, advanced=True)
    train_batch: int = param(8, "Pictures in one step of learning", minimum=1, maximum=256, advanced=True)
    learning_rate: float = param(0.001, "Step width of learning", minimum=0.0, maximum=1.0, advanced=True)
    seed: int = param(0, "Seed of new prompts and of the order of pictures", minimum=0, advanced=True)
    checkpoint: str = param(
        "", "File that keeps the prompts while they are learned; learning goes on from it", path=True, advanced=True
    )
    top_share: float = param(
        0.01, "Share of the map that counts for the score map-top", minimum=0.0, maximum=1.0, advanced=True
    )
    layers: tuple[int, ...] = param(
        (0,), "Blocks after which patches are looked at, their maps averaged; 0: the last one", minimum=0, maximum=100,
        advanced=True,
    )  # fmt: skip
    second_path: int = param(
        0, "Last blocks with v-v attention; 0: as published, 19 of 24", minimum=0, maximum=100, advanced=True
    )
    activation: str = param(
        "auto", "Activation of the CLIP; auto: QuickGELU for weights by OpenAI", choices=("auto", "quickgelu", "gelu"),
        advanced=True,
    )  # fmt: skip
    half_prompts: bool = param(True, "Round deep prompts to half precision, as the published code does", advanced=True)
    smoothing: float = param(
        4.0, "Blur of the map, standard deviation in pixels of the resized picture", minimum=0.0, maximum=100.0,
        advanced=True,
    )  # fmt: skip
    value_range: str = param(
        "auto", "Black and white of 16-bit and float pictures, as LOW,HIGH; auto: from the normal pictures, or each "
        "picture's own where there are none",
        advanced=True,
    )  # fmt: skip
    mixed_precision: bool = param(
        False, "Half precision, faster on a GPU; used only where it changes the probabilities of a trial picture by "
        "less than 0.01",
        advanced=True,
    )  # fmt: skip
