"""What torchvision publishes, remembered so that torchvision need not be imported again to know it."""

from __future__ import annotations

import contextlib
import json
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath

from ad_desktop.data.atomic import atomic_path
from ad_desktop.detectors.nets.backbones import HubWeights, backbone_names, find_backbone
from ad_desktop.detectors.nets.cache import cache_dir
from ad_desktop.errors import UserError, WeightsError


@dataclass(frozen=True)
class HubFile:
    """A file torchvision publishes; its name carries the first digits of its SHA-256."""

    url: str

    @property
    def name(self) -> str:
        """The file's name, which is also its name in torch's hub cache."""
        return PurePosixPath(self.url).name

    @property
    def sha256_prefix(self) -> str:
        """First digits of the SHA-256 of the file's bytes."""
        match = re.search(r"-([0-9a-f]{8,64})\.[a-z]+$", self.name)
        if match is None:
            raise WeightsError(f"The installed torchvision publishes {self.name} without a hash in its name.")
        return match.group(1)


def hub_file(source: HubWeights) -> HubFile:
    """The file behind ``source`` in the installed torchvision.

    The addresses are kept in the cache folder under torchvision's version; torchvision is imported
    only where they are not there yet. ``WeightsError`` if torchvision does not know ``source``.
    """
    from importlib.metadata import version as installed

    record = cache_dir() / "onnx" / "torchvision-weights.json"
    version = installed("torchvision")
    urls = _read(record, version)
    if _key(source) not in urls:
        urls = _ask_torchvision()
        # Without the record the next start asks torchvision again, and nothing else is lost.
        with contextlib.suppress(OSError, UserError):
            record.parent.mkdir(parents=True, exist_ok=True)
            with atomic_path(record) as part:
                part.write_text(json.dumps({"torchvision": version, "urls": urls}, indent=1), encoding="utf-8")
    if _key(source) not in urls:
        raise WeightsError(f"The installed torchvision {version} has no weights {_key(source)}.")
    return HubFile(urls[_key(source)])


def _key(source: HubWeights) -> str:
    return f"{source.builder}/{source.version}"


def _read(record: Path, version: str) -> dict[str, str]:
    try:
        found = json.loads(record.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or found.get("torchvision") != version or not isinstance(found.get("urls"), dict):
        return {}
    return {str(key): str(url) for key, url in found["urls"].items()}


def _ask_torchvision() -> dict[str, str]:
    from torchvision.models import get_model_weights

    urls = {}
    for name in backbone_names():
        source = find_backbone(name).weights
        if isinstance(source, HubWeights):
            published = get_model_weights(source.builder).__members__.get(source.version)
            if published is not None:
                urls[_key(source)] = published.url
    return urls
