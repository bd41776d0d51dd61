"""What a network can run on, found without importing torch where there is no NVIDIA driver."""

from __future__ import annotations

import contextlib
import ctypes
import ctypes.util
import os
import platform
import re
import shutil
import sys
import warnings
from dataclasses import dataclass
from pathlib import Path

from ad_desktop.errors import UserError


@dataclass(frozen=True)
class DeviceInfo:
    """A device: ``id`` is cpu or cuda:N; memory in bytes, 0 where the system does not tell."""

    id: str
    name: str
    memory_total: int
    memory_free: int


def devices() -> list[DeviceInfo]:
    """The CPU, then the CUDA devices that torch can use; torch is imported only if there is a driver."""
    total, free = _system_memory()
    return [DeviceInfo("cpu", _cpu_name(), total, free), *_cuda_devices()]


def resolve_device(device: str) -> str:
    """Turn auto, cpu, cuda or cuda:N into cpu or cuda:N; ``UserError`` for a device that is not there."""
    wanted = device.strip().lower()
    if wanted == "cpu":
        return "cpu"
    match = re.fullmatch(r"auto|cuda(?::(\d+))?", wanted)
    if match is None:
        raise UserError(f"Unknown device {device!r}: choose auto, cpu, cuda or cuda:N.")
    count = cuda_count()
    if wanted == "auto":
        return "cuda:0" if count else "cpu"
    index = int(match[1] or 0)
    if not count:
        raise UserError(
            f"There is no CUDA device for device={device}: torch finds no usable NVIDIA card and driver. "
            "Choose auto or cpu."
        )
    if index >= count:
        raise UserError(f"There is no device cuda:{index}: the last one is cuda:{count - 1}.")
    return f"cuda:{index}"


def cuda_count() -> int:
    """Number of CUDA devices torch can use; 0, without importing torch, where no NVIDIA driver is."""
    if not has_nvidia_driver():
        return 0
    import torch

    with warnings.catch_warnings():
        # A driver that is too old makes torch warn; for us it is simply no device.
        warnings.simplefilter("ignore")
        return int(torch.cuda.device_count()) if torch.cuda.is_available() else 0


def has_nvidia_driver() -> bool:
    """Whether an NVIDIA driver seems to be installed."""
    if sys.platform == "darwin":
        return False
    if sys.platform == "win32":
        return ctypes.util.find_library("nvcuda") is not None
    if Path("/proc/driver/nvidia/version").exists() or shutil.which("nvidia-smi"):
        return True
    with contextlib.suppress(OSError):
        ctypes.CDLL("libcuda.so.1")
        return True
    return False


def worker_count() -> int:
    """Number of physical cores that this process may use: hyper-threads do not speed up convolutions."""
    if not hasattr(os, "sched_getaffinity"):
        return os.cpu_count() or 1
    cpus = os.sched_getaffinity(0)
    siblings = set()
    for cpu in cpus:
        try:
            text = Path(f"/sys/devices/system/cpu/cpu{cpu}/topology/thread_siblings_list").read_text()
        except OSError:
            text = str(cpu)
        siblings.add(text.strip())
    return max(1, min(len(siblings), _cpu_quota() or len(siblings)))


def _cpu_quota() -> int:
    """Cores that a container grants, rounded up; 0 without a limit."""
    try:
        quota, period = Path("/sys/fs/cgroup/cpu.max").read_text().split()
        return -(-int(quota) // int(period))
    except (OSError, ValueError):
        return 0


def _cuda_devices() -> list[DeviceInfo]:
    found = []
    for index in range(cuda_count()):
        import torch

        free, total = torch.cuda.mem_get_info(index)
        found.append(DeviceInfo(f"cuda:{index}", torch.cuda.get_device_name(index), total, free))
    return found


def _cpu_name() -> str:
    with contextlib.suppress(OSError):
        match = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
        if match:
            return match[1].strip()
    return platform.processor() or platform.machine() or "CPU"


def _system_memory() -> tuple[int, int]:
    """Total and available memory in bytes; 0 for what the system does not tell."""
    with contextlib.suppress(OSError):
        lines = Path("/proc/meminfo").read_text().splitlines()
        values = {name: int(rest.split()[0]) * 1024 for name, _, rest in (line.partition(":") for line in lines)}
        return values.get("MemTotal", 0), values.get("MemAvailable", 0)
    if sys.platform == "win32":
        return _windows_memory()
    with contextlib.suppress(OSError, ValueError):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"), 0
    return 0, 0


def _windows_memory() -> tuple[int, int]:
    class MemoryStatus(ctypes.Structure):
        _fields_ = [
            ("length", ctypes.c_uint32),
            ("load", ctypes.c_uint32),
            *((name, ctypes.c_uint64) for name in ("total", "free", "page_total", "page_free", "virtual", "unused")),
            ("extended", ctypes.c_uint64),
        ]

    status = MemoryStatus(length=ctypes.sizeof(MemoryStatus))
    ctypes.windll.kernel32.GlobalMemoryStatusEx(ctypes.byref(status))  # type: ignore[attr-defined]
    return int(status.total), int(status.free)
