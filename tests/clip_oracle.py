"""The oracle's arrays and files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np


class Oracle:
    """Files and arrays of one oracle folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.weights = folder / "clip_tiny_openai.safetensors.xz"
        self.prompts = folder / "prompt_learner.pth"
        self.pictures = [folder / "img0_normal.png", folder / "img1_abnormal.png"]

    def arrays(self, name: str) -> dict[str, Any]:
        """All arrays of ``name``.npz."""
        with np.load(self.folder / f"{name}.npz") as file:
            return dict(file)
