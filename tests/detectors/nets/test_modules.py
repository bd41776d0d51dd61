from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from ad_desktop.detectors.nets.backbones import Backbone, find_backbone
from ad_desktop.detectors.nets.modules import build
from ad_desktop.detectors.nets.state_dicts import read_tensors, rename_lite
from ad_desktop.detectors.nets.weights import Weights
from ad_desktop.errors import UserError, WeightsError

LITE = find_backbone("efficientnet-lite0")
RESNET = find_backbone("resnet18")


def pixels(side: int = 64, count: int = 2) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(0).integers(0, 256, (count, side, side, 3), dtype=np.uint8))


@pytest.mark.parametrize(("name", "count"), [("efficientnet-lite0", 9), ("efficientnet-b0", 9), ("resnet18", 5)])
def test_levels_have_the_stated_shapes(weights_of: dict[str, Weights], name: str, count: int) -> None:
    spec = find_backbone(name)
    module = build(spec, weights_of[name].path, range(1, count + 1))
    with torch.inference_mode():
        maps = module(pixels(96))
    assert [tuple(m.shape) for m in maps] == [(2, lv.channels, lv.side(96), lv.side(96)) for lv in spec.levels]


def test_levels_come_in_the_order_asked_for_and_later_ones_are_cut_off(weights_of: dict[str, Weights]) -> None:
    module = build(LITE, weights_of[LITE.name].path, (6, 2))
    with torch.inference_mode():
        maps = module(pixels())
    assert [m.shape[1] for m in maps] == [112, 16]
    assert len(module.stages) == 6


def test_lite_names_are_mapped_by_table_and_in_order(weights_of: dict[str, Weights]) -> None:
    import timm

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False)
    tensors = read_tensors(weights_of[LITE.name].path)
    renamed = rename_lite(tensors, [len(stage) for stage in network.blocks])
    wanted = network.state_dict()
    assert len(renamed) == 296
    assert list(renamed) == list(wanted)
    assert [t.shape for t in renamed.values()] == [t.shape for t in wanted.values()]
    assert rename_lite(renamed, [len(stage) for stage in network.blocks]).keys() == wanted.keys()


def test_lite_is_timms_network_on_normalised_input(weights_of: dict[str, Weights]) -> None:
    import timm

    network = timm.create_model("tf_efficientnet_lite0", pretrained=False).eval()
    tensors = read_tensors(weights_of[LITE.name].path)
    network.load_state_dict(dict(zip(network.state_dict(), tensors.values(), strict=True)))
    with torch.inference_mode():
        expected = network.forward_features((pixels().permute(0, 3, 1, 2).float() - 127) / 128)
        (head,) = build(LITE, weights_of[LITE.name].path, (9,))(pixels())
    torch.testing.assert_close(head, expected)


def test_resnet_is_torchvisions_network_on_imagenet_input(weights_of: dict[str, Weights]) -> None:
    from torchvision.models import resnet18

    network = resnet18(weights=None).eval()
    network.load_state_dict(read_tensors(weights_of["resnet18"].path))
    x = pixels().permute(0, 3, 1, 2) / 255
    x = (x - torch.tensor([0.485, 0.456, 0.406]).view(1, 3, 1, 1)) / torch.tensor([0.229, 0.224, 0.225]).view(
        1, 3, 1, 1
    )
    with torch.inference_mode():
        stem = network.relu(network.bn1(network.conv1(x)))
        last = network.layer4(network.layer3(network.layer2(network.layer1(network.maxpool(stem)))))
        got_stem, got_last = build(RESNET, weights_of["resnet18"].path, (1, 5))(pixels())
    torch.testing.assert_close(got_stem, stem, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(got_last, last, rtol=1e-4, atol=1e-4)


def test_a_missing_level_is_refused(weights_of: dict[str, Weights]) -> None:
    with pytest.raises(UserError, match="no level 6: choose among 1 to 5"):
        build(RESNET, weights_of["resnet18"].path, (6,))


def saved(tmp_path: Path, value: object, name: str = "weights.pth") -> Path:
    torch.save(value, tmp_path / name)
    return tmp_path / name


def refused(path: Path, spec: Backbone = RESNET) -> str:
    with pytest.raises(WeightsError) as caught:
        build(spec, path, (1, 2))
    assert str(path) in str(caught.value)
    return str(caught.value)


def test_safetensors_without_head_or_counters_are_as_good(weights_of: dict[str, Weights], tmp_path: Path) -> None:
    from safetensors.torch import save_file

    tensors = read_tensors(weights_of["resnet18"].path)
    kept = {k: t for k, t in tensors.items() if not k.startswith("fc.") and not k.endswith("num_batches_tracked")}
    save_file(kept, tmp_path / "weights.safetensors")
    with torch.inference_mode():
        (expected,) = build(RESNET, weights_of["resnet18"].path, (3,))(pixels())
        (got,) = build(RESNET, tmp_path / "weights.safetensors", (3,))(pixels())
    assert torch.equal(got, expected)


def test_half_precision_weights_run_in_float32(weights_of: dict[str, Weights], tmp_path: Path) -> None:
    halved = {k: t.half() if t.is_floating_point() else t for k, t in read_tensors(weights_of["resnet18"].path).items()}
    with torch.inference_mode():
        (maps,) = build(RESNET, saved(tmp_path, halved), (2,))(pixels())
    assert maps.dtype == torch.float32


def test_wrong_shapes_are_named(weights_of: dict[str, Weights], tmp_path: Path) -> None:
    tensors = read_tensors(weights_of["resnet18"].path)
    tensors["layer1.0.conv1.weight"] = torch.zeros(64, 64, 1, 1)
    message = refused(saved(tmp_path, tensors))
    assert "layer1.0.conv1.weight is 64×64×1×1 instead of 64×64×3×3" in message
    assert "does not hold weights of resnet18" in message


def test_another_networks_weights_are_refused(weights_of: dict[str, Weights]) -> None:
    assert "has no tensor" in refused(weights_of["efficientnet-b0"].path)
    assert "has no tensor" in refused(weights_of["resnet18"].path, LITE)


def test_a_deeper_networks_weights_are_refused(weights_of: dict[str, Weights], tmp_path: Path) -> None:
    tensors = read_tensors(weights_of["resnet18"].path) | {"layer1.2.conv1.weight": torch.zeros(64, 64, 3, 3)}
    assert "has a tensor layer1.2.conv1.weight that resnet18 does not have" in refused(saved(tmp_path, tensors))


def test_values_that_are_not_finite_are_refused(weights_of: dict[str, Weights], tmp_path: Path) -> None:
    tensors = read_tensors(weights_of["resnet18"].path)
    tensors["bn1.weight"] = torch.full((64,), torch.nan)
    assert "bn1.weight holds values that are not finite" in refused(saved(tmp_path, tensors))


@pytest.mark.parametrize("share", [0.0, 0.01, 0.5, 0.999])
def test_a_truncated_file_is_refused(weights_of: dict[str, Weights], tmp_path: Path, share: float) -> None:
    whole = weights_of["resnet18"].path.read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: int(len(whole) * share)])
    assert "damaged or incomplete" in refused(tmp_path / "cut.pth")


def test_a_truncated_file_in_the_old_format_is_refused(weights_of: dict[str, Weights], tmp_path: Path) -> None:
    whole = weights_of[LITE.name].path.read_bytes()
    (tmp_path / "cut.pth").write_bytes(whole[: len(whole) // 2])
    assert "damaged or incomplete" in refused(tmp_path / "cut.pth", LITE)


@pytest.mark.parametrize("content", [b"no weights at all", b"\x80\x02}q\x00.", b"PK\x03\x04"])
def test_a_file_of_something_else_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "other.pt").write_bytes(content)
    refused(tmp_path / "other.pt")


@pytest.mark.parametrize("value", [[1, 2], {"epoch": 3}, {}, torch.zeros(3), {"state_dict": {"a": torch.zeros(1)}}])
def test_a_pickle_that_is_no_state_dict_is_refused(tmp_path: Path, value: object) -> None:
    assert "is not a state dict" in refused(saved(tmp_path, value))


class Payload:
    def __reduce__(self) -> tuple[object, tuple[str]]:
        return (print, ("executed",))


def test_code_in_a_pickle_is_not_run(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "no file of tensors" in refused(saved(tmp_path, {"a": Payload()}))
    assert "executed" not in capsys.readouterr().out


@pytest.mark.parametrize("content", [b"", b"12345678901234567890", b"\x08\0\0\0\0\0\0\0{}      "])
def test_a_damaged_safetensors_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "w.safetensors").write_bytes(content)
    refused(tmp_path / "w.safetensors")
