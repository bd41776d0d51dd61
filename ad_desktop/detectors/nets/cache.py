"""Folders for what outlives a run: exported networks and downloaded weights."""

from __future__ import annotations

import hashlib
import os
import sys
from pathlib import Path


def cache_dir() -> Path:
    """Folder for what can be made again: ``$AD_DESKTOP_CACHE``, or the system's cache folder of the user."""
    given = os.environ.get("AD_DESKTOP_CACHE")
    if given:
        return Path(given).expanduser()
    from platformdirs import user_cache_dir

    return Path(user_cache_dir("ad-desktop", appauthor=False))


def hub_dir() -> Path:
    """Torch's folder of downloaded weights, found as torch does but without importing it."""
    torch = sys.modules.get("torch")
    if torch is not None and getattr(torch.hub, "_hub_dir", None):
        return Path(torch.hub.get_dir()) / "checkpoints"
    caches = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    home = os.environ.get("TORCH_HOME", str(Path(caches) / "torch"))
    return Path(home).expanduser() / "hub" / "checkpoints"


def file_sha256(path: Path) -> str:
    """SHA-256 of a file's bytes, in hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
