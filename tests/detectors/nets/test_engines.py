from __future__ import annotations

import subprocess
import sys
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from ad_desktop.detectors.nets import apart, devices, engines
from ad_desktop.detectors.nets.apart import ExportError
from ad_desktop.detectors.nets.backbones import find_backbone
from ad_desktop.detectors.nets.engines import Engine, make_engine
from ad_desktop.detectors.nets.export import check_equal, export_apart
from ad_desktop.detectors.nets.graphs import make_key, read_graph
from ad_desktop.detectors.nets.onnx_engine import OnnxEngine
from ad_desktop.detectors.nets.weights import Weights
from ad_desktop.errors import Cancelled, UserError, WeightsError
from ad_desktop.task import Task

SIDE = 64
LITE = find_backbone("efficientnet-lite0")
LEVELS = (4, 5, 6, 7)
EXPORTED = [(LITE.name, LEVELS), (LITE.name, (9, 1)), ("efficientnet-b0", (1, 2, 4)), ("resnet18", (1, 3, 5))]


def pixels(count: int, side: int = SIDE) -> np.ndarray:
    return np.random.default_rng(1).integers(0, 256, (count, side, side, 3), dtype=np.uint8)


def cached(spec_name: str, weights: Weights, levels: tuple[int, ...], **options: object) -> Engine:
    return make_engine(find_backbone(spec_name), weights, levels, SIDE, "cpu", **options)  # type: ignore[arg-type]


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize(("name", "levels"), EXPORTED)
def test_onnxruntime_equals_torch(weights_of: dict[str, Weights], name: str, levels: tuple[int, ...]) -> None:
    spec = find_backbone(name)
    fast = cached(name, weights_of[name], levels)
    slow = cached(name, weights_of[name], levels, engine="torch")
    assert (fast.name, fast.device, slow.name, slow.device) == ("onnxruntime", "cpu", "torch", "cpu")
    for level, got, expected in zip(levels, fast.run(pixels(3)), slow.run(pixels(3)), strict=True):
        side = spec.levels[level - 1].side(SIDE)
        assert got.shape == expected.shape == (3, spec.levels[level - 1].channels, side, side)
        assert got.dtype == expected.dtype == np.float32
        assert np.abs(got - expected).max() <= 1e-4 * np.abs(expected).max()


@pytest.mark.usefixtures("cache")
@pytest.mark.parametrize("threads", [1, 2, 5])
def test_a_result_does_not_depend_on_its_batch_or_type(weights_of: dict[str, Weights], threads: int) -> None:
    engine = cached(LITE.name, weights_of[LITE.name], LEVELS, threads=threads)
    images = pixels(5)
    together = engine.run(images)
    for index in range(len(images)):
        alone = engine.run(images[index : index + 1].astype(np.float32))
        assert all(np.array_equal(a[0], b[index]) for a, b in zip(alone, together, strict=True))
    assert engine.batch_size % threads == 0


@pytest.mark.usefixtures("cache")
def test_memory_limits_how_many_inputs_run_at_once(weights_of: dict[str, Weights]) -> None:
    key = make_key(LITE.name, weights_of[LITE.name].sha256, LEVELS, SIDE)
    graph = read_graph(key.path, key)
    assert graph is not None
    assert OnnxEngine(graph, LITE, 256, threads=64).batch_size == 28  # 18 MiB each
    assert OnnxEngine(graph, find_backbone("efficientnet-b7"), 600, threads=64).batch_size == 4  # 2 at once


_PREDICT = """
import sys
import numpy as np
from ad_desktop.detectors.nets.backbones import find_backbone
from ad_desktop.detectors.nets.devices import devices
from ad_desktop.detectors.nets.engines import make_engine
from ad_desktop.detectors.nets.weights import find_weights
name, weights, levels = sys.argv[1], sys.argv[2], tuple(map(int, sys.argv[3].split(",")))
spec = find_backbone(name)
engine = make_engine(spec, find_weights(spec, weights), levels, 64, "cpu")
maps = engine.run(np.zeros((2, 64, 64, 3), np.uint8))
assert engine.name == "onnxruntime" and len(maps) == len(levels)
print(sorted({"torch", "torchvision", "timm", "onnx", "onnxscript"} & set(sys.modules)))
"""


@pytest.mark.parametrize(("name", "levels"), [(LITE.name, "4,5,6,7"), ("resnet18", "1,3,5")])
def test_with_a_cached_graph_neither_torch_nor_onnx_is_imported(
    cache: Path, weights_of: dict[str, Weights], python_env: dict[str, str], name: str, levels: str
) -> None:
    if name == "resnet18":
        engines_hub_record(cache)
    path = "" if name == LITE.name else str(weights_of[name].path)
    command = [sys.executable, "-W", "error", "-c", _PREDICT, name, path, levels]
    done = subprocess.run(command, capture_output=True, text=True, env=python_env, check=False)
    assert (done.stdout.strip(), done.stderr) == ("[]", "")


def engines_hub_record(cache: Path) -> None:
    from ad_desktop.detectors.nets.backbones import HubWeights
    from ad_desktop.detectors.nets.hub import hub_file

    source = find_backbone("resnet18").weights
    assert isinstance(source, HubWeights)
    hub_file(source)
    assert (cache / "onnx" / "torchvision-weights.json").is_file()


def test_a_damaged_graph_is_made_again_quietly(
    weights_of: dict[str, Weights], capfd: pytest.CaptureFixture[str]
) -> None:
    key = make_key(LITE.name, weights_of[LITE.name].sha256, (2,), SIDE)
    key.path.parent.mkdir(parents=True)
    key.path.write_bytes(b"damaged")
    task = Task()
    engine = cached(LITE.name, weights_of[LITE.name], (2,), task=task)
    assert engine.name == "onnxruntime"
    assert engine.run(pixels(1))[0].shape == (1, 16, 32, 32)
    assert read_graph(key.path, key) is not None
    assert [path.name for path in key.path.parent.iterdir()] == [key.path.name]
    assert task.notes == ()
    assert task.progress.message == "Preparing the network (once on this machine)"
    assert capfd.readouterr() == ("", "")


def failing(*arguments: object) -> None:
    raise ExportError("the exporter said no")


def test_torch_takes_over_where_export_fails(weights_of: dict[str, Weights], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(engines, "export_apart", failing)
    task = Task()
    assert cached(LITE.name, weights_of[LITE.name], (3,), task=task).name == "torch"
    (note,) = task.notes
    assert "the exporter said no" in note
    assert "torch runs it" in note


def test_onnxruntime_asked_for_by_name_is_not_replaced(
    weights_of: dict[str, Weights], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "export_apart", failing)
    with pytest.raises(UserError, match=r"the exporter said no.*engine=torch"):
        cached(LITE.name, weights_of[LITE.name], (3,), engine="onnxruntime")


@pytest.mark.usefixtures("cache")
def test_a_graph_that_onnxruntime_refuses_is_run_by_torch(
    weights_of: dict[str, Weights], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "read_graph", lambda path, key: b"no graph")
    task = Task()
    assert cached(LITE.name, weights_of[LITE.name], LEVELS, task=task).name == "torch"
    assert len(task.notes) == 1


def test_what_ends_the_exporter_is_told(
    tmp_path: Path, weights_of: dict[str, Weights], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "broken" / "ad_desktop").mkdir(parents=True)
    (tmp_path / "broken" / "ad_desktop" / "__init__.py").write_text("raise RuntimeError('no space left')")
    environment = {**apart.helper_environment(), "PYTHONPATH": str(tmp_path / "broken")}
    monkeypatch.setattr(apart, "helper_environment", lambda: environment)
    key = make_key(LITE.name, weights_of[LITE.name].sha256, (2,), SIDE)
    with pytest.raises(ExportError, match=r"^RuntimeError: no space left$"):
        export_apart(LITE, weights_of[LITE.name].path, key, tmp_path / "graph", Task())


def test_weights_that_do_not_fit_are_told_as_such(weights_of: dict[str, Weights]) -> None:
    with pytest.raises(WeightsError, match=r"has no tensor .*does not hold weights of resnet18"):
        cached("resnet18", weights_of["efficientnet-b0"], (1,))


def test_cancel_ends_the_exporter_at_once(weights_of: dict[str, Weights]) -> None:
    task = Task()
    timer = threading.Timer(0.3, task.cancel)
    timer.start()
    started = time.monotonic()
    with pytest.raises(Cancelled):
        cached(LITE.name, weights_of[LITE.name], (8,), task=task)
    assert time.monotonic() - started < 3
    timer.join()


def test_a_cache_folder_that_cannot_be_written_costs_only_time(
    tmp_path: Path, weights_of: dict[str, Weights], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_bytes(b"")
    monkeypatch.setenv("AD_DESKTOP_CACHE", str(tmp_path / "file"))
    asked: list[Path] = []

    def export_nothing(spec: object, weights: object, key: object, path: Path, task: object) -> None:
        asked.append(path)
        raise ExportError("seen")

    monkeypatch.setattr(engines, "export_apart", export_nothing)
    task = Task()
    assert cached(LITE.name, weights_of[LITE.name], (1,), task=task).name == "torch"
    assert tmp_path not in asked[0].parents
    assert not asked[0].parent.exists()
    assert "cannot be written" in task.notes[0]


def test_maps_that_differ_are_not_accepted() -> None:
    maps = np.ones((2, 3, 3), np.float32)
    check_equal((5,), [maps * 1.00009], [maps])
    with pytest.raises(ExportError, match=r"level 5 differs from torch by 2\.0e-04"):
        check_equal((5,), [maps * 1.0002], [maps])
    with pytest.raises(ExportError, match="nan"):
        check_equal((5,), [maps * np.nan], [maps])


def test_impossible_choices_are_refused(weights_of: dict[str, Weights], monkeypatch: pytest.MonkeyPatch) -> None:
    weights = weights_of[LITE.name]
    with pytest.raises(UserError, match="Unknown engine 'tensorrt'"):
        cached(LITE.name, weights, (4,), engine="tensorrt")
    with pytest.raises(UserError, match="no level 12"):
        cached(LITE.name, weights, (12,))
    monkeypatch.setattr(devices, "cuda_count", lambda: 1)
    with pytest.raises(UserError, match="onnxruntime runs on the CPU"):
        make_engine(LITE, weights, (4,), SIDE, "cuda", "onnxruntime")
