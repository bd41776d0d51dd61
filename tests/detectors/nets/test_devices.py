from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from ad_desktop.detectors.nets import devices as module
from ad_desktop.detectors.nets.devices import devices, resolve_device, worker_count
from ad_desktop.errors import UserError


@pytest.mark.parametrize(
    ("device", "count", "expected"),
    [
        ("cpu", 2, "cpu"),
        ("auto", 0, "cpu"),
        ("auto", 2, "cuda:0"),
        ("cuda", 1, "cuda:0"),
        ("cuda:1", 2, "cuda:1"),
        (" CUDA:1 ", 2, "cuda:1"),
    ],
)
def test_devices_that_are_there(monkeypatch: pytest.MonkeyPatch, device: str, count: int, expected: str) -> None:
    monkeypatch.setattr(module, "cuda_count", lambda: count)
    assert resolve_device(device) == expected


@pytest.mark.parametrize(
    ("device", "count", "message"),
    [
        ("cuda", 0, "There is no CUDA device"),
        ("cuda:2", 0, "There is no CUDA device"),
        ("cuda:2", 2, "no device cuda:2: the last one is cuda:1"),
        ("mps", 0, "Unknown device 'mps': choose auto, cpu, cuda or cuda:N"),
        ("cuda:", 1, "Unknown device"),
        ("", 1, "Unknown device"),
    ],
)
def test_devices_that_are_not(monkeypatch: pytest.MonkeyPatch, device: str, count: int, message: str) -> None:
    monkeypatch.setattr(module, "cuda_count", lambda: count)
    with pytest.raises(UserError, match=message):
        resolve_device(device)


def test_the_cpu_is_listed_with_its_memory() -> None:
    first = devices()[0]
    assert first.id == "cpu"
    assert first.name
    if sys.platform == "linux":
        assert 0 < first.memory_free <= first.memory_total


def test_without_a_driver_torch_is_not_imported(python_env: dict[str, str]) -> None:
    code = (
        "import sys\nfrom ad_desktop.detectors.nets import devices as d\n"
        "d.has_nvidia_driver = lambda: False\n"
        "assert d.resolve_device('auto') == 'cpu' and [x.id for x in d.devices()] == ['cpu']\n"
        "print('torch' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=python_env, check=True)
    assert done.stdout.strip() == "False"


def test_a_driver_without_a_usable_card_is_no_device(monkeypatch: pytest.MonkeyPatch) -> None:
    import torch

    monkeypatch.setattr(module, "has_nvidia_driver", lambda: True)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert module.cuda_count() == 0
    assert resolve_device("auto") == "cpu"


@pytest.mark.skipif(sys.platform != "linux", reason="the kernel's list of cores")
def test_hyper_threads_count_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module.os, "sched_getaffinity", lambda pid: {0, 1, 2, 3})
    read = Path.read_text
    cores = {"cpu0": "0,2", "cpu1": "1,3", "cpu2": "0,2", "cpu3": "1,3"}

    def read_text(path: Path, *args: str, **options: str) -> str:
        return cores[path.parts[5]] if "topology" in path.parts else read(path, *args, **options)

    monkeypatch.setattr(Path, "read_text", read_text)
    monkeypatch.setattr(module, "_cpu_quota", lambda: 0)
    assert worker_count() == 2
    monkeypatch.setattr(module, "_cpu_quota", lambda: 1)
    assert worker_count() == 1
