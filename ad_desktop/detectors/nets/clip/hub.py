"""Where CLIP weights come from: the user's file, or the Hugging Face cache and hub. No torch here."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from ad_desktop.detectors.nets.cache import file_sha256
from ad_desktop.errors import Cancelled, WeightsError
from ad_desktop.task import Task

MODELS = {
    "ViT-L-14-336": "timm/vit_large_patch14_clip_336.openai",
    "ViT-L-14": "timm/vit_large_patch14_clip_224.openai",
    "ViT-B-16": "timm/vit_base_patch16_clip_224.openai",
    "ViT-B-32": "timm/vit_base_patch32_clip_224.openai",
}
"""OpenAI's weights, and the repositories from which open_clip takes them."""
FILE = "open_clip_model.safetensors"


def find_clip(name: str, user_path: str, allow_download: bool, task: Task) -> tuple[Path, str]:
    """The weights file and its SHA-256; ``WeightsError`` says what is missing and what to do."""
    path = Path(user_path).expanduser() if user_path else _from_hub(name, allow_download, task)
    try:
        task.report("Reading the weights")
        return path, file_sha256(path)
    except OSError as error:
        raise WeightsError(f"{path}: the weights file cannot be read ({error.strerror or error}).") from error


def _from_hub(name: str, allow_download: bool, task: Task) -> Path:
    from huggingface_hub import try_to_load_from_cache

    repository = MODELS[name]
    cached = try_to_load_from_cache(repository, FILE)
    if isinstance(cached, str):
        return Path(cached)
    mend = (
        f"Fetch {FILE} from https://huggingface.co/{repository} on a machine with network and name it as "
        "weights (--set weights=FILE; OpenAI's own .pt does as well)"
    )
    missing = f"The weights of {name} by OpenAI are not on this machine"
    from ad_desktop.detectors.nets.download import is_offline

    if is_offline():
        raise WeightsError(f"{missing}, and the network is declared off by HF_HUB_OFFLINE. {mend}.")
    if not allow_download:
        raise WeightsError(f"{missing}. {mend}, or allow the download (--set download=true).")
    return _download(repository, missing, mend, task)


def _download(repository: str, missing: str, mend: str, task: Task) -> Path:
    from huggingface_hub import hf_hub_download
    from tqdm import tqdm  # type: ignore[import-untyped]

    class Shown(tqdm):  # type: ignore[misc]
        """Hands progress to the task, whose cancelling stops the download."""

        def __init__(self, *arguments: Any, **named: Any) -> None:
            super().__init__(*arguments, **{**named, "disable": True})
            self._got, self._whole = int(named.get("initial") or 0), int(named.get("total") or 0)

        def update(self, n: float | None = 1) -> bool | None:
            self._got += int(n or 0)
            task.report(f"Downloading {FILE}", min(self._got, self._whole), self._whole)
            return None

    try:
        with _plain_transfer():
            return Path(hf_hub_download(repository, FILE, tqdm_class=Shown))
    except Cancelled:
        raise
    except Exception as error:  # those of the hub's client have no common base
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise WeightsError(f"{missing} and were not downloaded: {reason}. {mend}.") from error


@contextmanager
def _plain_transfer() -> Iterator[None]:
    """Leave the hub's own Xet transfer out: it works in threads of its own, which a cancelled task does not stop."""
    from huggingface_hub import constants

    before = constants.HF_HUB_DISABLE_XET
    constants.HF_HUB_DISABLE_XET = True
    try:
        yield
    finally:
        constants.HF_HUB_DISABLE_XET = before
