"""Model files: one safetensors file with JSON metadata, verified whole when it is opened."""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, replace
from functools import partial
from io import FileIO
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from ad_desktop import __version__
from ad_desktop.data.atomic import atomic_path, remove_leftovers
from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.tiles import Tiling
from ad_desktop.detectors.base import Array, State
from ad_desktop.detectors.params import make_params
from ad_desktop.detectors.registry import get_detector
from ad_desktop.detectors.rows import RowStore
from ad_desktop.detectors.tiled.detector import make_detector
from ad_desktop.errors import ModelFileError, UserError
from ad_desktop.imports import imported
from ad_desktop.task import Task
from ad_desktop.workflows.model import Calibration, FittedModel, SliceCalibration
from ad_desktop.workflows.scans.detector import by_height
from ad_desktop.workflows.scans.settings import ScanView, SliceSettings
from ad_desktop.workflows.suffix import SUFFIX

FORMAT = 1
REFERENCE = "scans.reference."
KEY, CHECK = "ad-desktop", "ad-desktop.sha256"
CHUNK = 1 << 22
MAX_HEADER = 100_000_000
_DTYPES = {"F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8"}
_NAMES = {np.dtype(value): key for key, value in _DTYPES.items()}


def save_model(model: FittedModel, path: Path) -> None:
    """Write a model to ``path``, whole or not at all; ``UserError`` with the reason if it cannot be.

    Written here and not by the safetensors package because that one holds everything in memory
    twice, and the normal samples' features lie on the disk; the package reads the result in the tests.
    """
    state = model.detector.state()
    calibration = model.calibration
    tensors: dict[str, Array | RowStore] = {f"detector.{name}": value for name, value in state.tensors.items()}
    tensors["calibration.scores"] = calibration.scores
    tensors["calibration.groups"] = np.asarray(calibration.groups, np.int64)
    if calibration.map_peaks is not None:
        tensors["calibration.map_peaks"] = calibration.map_peaks
    if calibration.slices is not None:
        tensors["calibration.slice_scores"] = calibration.slices.scores
        tensors["calibration.slice_volumes"] = np.asarray(calibration.slices.volumes, np.int64)
    if model.scans is not None and model.scans.reference is not None:
        tensors |= {f"{REFERENCE}{name}": value for name, value in model.scans.reference.tensors().items()}
    tensors = {name: _plain(value) for name, value in tensors.items()}
    header, end = _layout(tensors)
    told = _with_places(model, partial(_seen_from, path.absolute().parent))
    metadata = {**_metadata(told, state.meta), "content_sha256": "0" * 64, "content_bytes": end}
    remove_leftovers(path)
    with atomic_path(path) as temporary, temporary.open("wb", buffering=0) as file:
        _write_all(file, _header(metadata, header))
        content = hashlib.sha256()
        with ThreadPoolExecutor(1) as beside:
            for chunk in (chunk for name in header for chunk in _chunks(tensors[name])):
                hashed = beside.submit(content.update, chunk)
                _write_all(file, chunk)
                hashed.result()
        # Of the same length, so that what follows stays where it is.
        file.seek(0)
        _write_all(file, _header({**metadata, "content_sha256": content.hexdigest()}, header))


def _with_places(model: FittedModel, moved: Callable[[str], str]) -> FittedModel:
    """The model with the places of masks and lesions changed by ``moved``."""
    scans = model.scans and replace(model.scans, settings=model.scans.settings.with_places(moved))
    return replace(model, scans=scans, slices=model.slices and model.slices.with_places(moved))


def _seen_from(folder: Path, place: str) -> str:
    """A place as it is written in a model file: from its folder, so that both can move, and no home is told."""
    try:
        return Path(os.path.relpath(place, folder)).as_posix()
    except ValueError:
        # On another drive.
        return place


def _found_from(folder: Path, place: str) -> str:
    return os.path.normpath(folder / place)


def check_target(path: Path) -> None:
    """``UserError`` if a model cannot be saved to ``path``, said before the work and not after it."""
    if path.is_dir():
        raise UserError(f"{path} is a folder: name a file for the model, such as {path / ('model' + SUFFIX)}.")
    if not path.absolute().parent.is_dir():
        raise UserError(f"{path}: the folder {path.absolute().parent} does not exist. Make it first.")
    if not os.access(path.absolute().parent, os.W_OK):
        raise UserError(f"{path}: writing to {path.absolute().parent} is not allowed. Choose another folder.")
    if path.exists() and not path.is_file():
        # Such as /dev/null, which a saved model would replace.
        raise UserError(f"{path} is a device or a pipe: name a file for the model.")
    if path.is_file() and path.stat().st_size and not is_model(path):
        raise UserError(f"{path} exists and is no model: it would be lost. Choose another name, or delete it.")


def load_model(path: Path, device: str = "auto", task: Task | None = None, network: bool = False) -> FittedModel:
    """Open a model file and verify it; ``ModelFileError`` says what is wrong and what to do.

    The network is loaded and checked against the fitted weights at the first prediction, or with ``network``
    while the file is verified.
    """
    task = task or Task()
    task.report("Opening the model")
    with ThreadPoolExecutor(1) as beside:
        with _explained(path), path.open("rb") as file:
            metadata, header, start = _read_header(file)
            verified = beside.submit(_verify, path, start, metadata)
            try:
                tensors = {name: _read(file, path, start, entry) for name, entry in header.items()}
                model = _with_places(
                    _build(metadata, tensors, device, task), partial(_found_from, path.absolute().parent)
                )
            except Exception:
                # What is wrong with a damaged file is its damage, and not what that leads to.
                verified.result()
                raise
        if network:
            model.detector.load(task)
        with _explained(path):
            verified.result()
    return model


def is_model(path: Path) -> bool:
    """Whether a path looks like a model file, by its first bytes."""
    try:
        with path.open("rb") as file:
            head = file.read(256)
    except OSError:
        return False
    return len(head) > 16 and head[8:24] == b'{"__metadata__":'


def read_metadata(path: Path) -> dict[str, Any]:
    """The JSON metadata of a model file, without its arrays; ``ModelFileError`` if it is none."""
    with _explained(path), path.open("rb") as file:
        return _read_header(file)[0]


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    """Turn whatever is wrong with a model file into a ``ModelFileError`` that names it."""
    try:
        yield
    except UserError as error:
        raise ModelFileError(f"{path}: {error}") from error
    except OSError as error:
        raise ModelFileError(f"{path}: the model cannot be opened ({error.strerror or error}).") from error
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelFileError(f"{path}: the model file lacks or garbles {error}. Fit and save it again.") from error


def _metadata(model: FittedModel, meta: dict[str, Any]) -> dict[str, Any]:
    calibration, normal = model.calibration, model.detector.normal_set
    return {
        "format": FORMAT,
        "app_version": __version__,
        "versions": {"python": platform.python_version(), "numpy": np.__version__},
        "detector": model.detector.name,
        "params": asdict(model.detector.params),
        "roi": model.roi.to_json(),
        "tiling": model.tiling.to_json(),
        "min_region": model.min_region,
        "scans": model.scans and model.scans.to_json(),
        "slices": model.slices and asdict(model.slices),
        "detector_state": meta,
        "description": model.detector.describe(),
        "normal_set": {"count": len(normal.keys), "fingerprint": fingerprint(normal.sha256)},
        "threshold": {
            "fpr": model.fpr, "rule": model.threshold_rule, "borderline_fpr": model.borderline_fpr,
            "value": model.threshold.value, "map_value": model.map_threshold,
        },
        "calibration": {
            "group_spec": model.group_spec, "rule": calibration.rule, "groups": len(set(calibration.groups)),
            "duplicate_ratio": calibration.duplicate_ratio, "warnings": list(calibration.warnings),
            "map_limit": calibration.map_limit,
        },
        "created": model.created,
        "provenance": model.provenance,
    }  # fmt: skip


def fingerprint(hashes: tuple[str, ...]) -> str:
    """One SHA-256 for a set of files, whatever their order."""
    return hashlib.sha256("".join(sorted(hashes)).encode()).hexdigest()


def _layout(tensors: dict[str, Array | RowStore]) -> tuple[dict[str, Any], int]:
    header, position = {}, 0
    # Wide types first, so that every array is aligned.
    for name, tensor in sorted(tensors.items(), key=lambda item: (-item[1].dtype.itemsize, item[0])):
        size = int(np.prod(tensor.shape)) * tensor.dtype.itemsize
        header[name] = {
            "dtype": _NAMES[tensor.dtype], "shape": list(tensor.shape), "data_offsets": [position, position + size],
        }  # fmt: skip
        position += size
    return header, position


def _header(metadata: dict[str, Any], header: dict[str, Any]) -> bytes:
    """All that stands before the arrays, its length and its checksum included."""
    text = json.dumps(metadata)
    told = {KEY: text, CHECK: _header_sha256(text, header)}
    content = json.dumps({"__metadata__": told, **header}).encode()
    content += b" " * (-len(content) % 8)
    return len(content).to_bytes(8, "little") + content


def _write_all(file: FileIO, data: bytes | memoryview) -> None:
    left = memoryview(data)
    while left:
        left = left[file.write(left) :]


def _plain(tensor: Array | RowStore) -> Array | RowStore:
    return tensor if isinstance(tensor, RowStore) else np.ascontiguousarray(tensor)


def _chunks(tensor: Array | RowStore) -> Any:
    if isinstance(tensor, RowStore):
        for _, block in tensor.blocks(max(1, CHUNK // tensor.row_bytes)):
            yield block.data.cast("B")
    elif tensor.size:
        yield tensor.data.cast("B")


def _read_header(file: BinaryIO) -> tuple[dict[str, Any], dict[str, Any], int]:
    """The metadata, the description of each array, and where the arrays begin."""
    length = int.from_bytes(file.read(8), "little")
    total = os.fstat(file.fileno()).st_size
    if not 2 <= length <= min(MAX_HEADER, total - 8):
        raise ModelFileError("this is not a model file, or it is cut short. Choose a file saved by AD Desktop.")
    try:
        header = json.loads(file.read(length))
        told = header.pop("__metadata__")
        metadata = json.loads(told[KEY])
        version = metadata["format"]
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ModelFileError("this is not a model saved by AD Desktop, or it is damaged.") from error
    if version != FORMAT:
        raise ModelFileError(f"the model has format {version}; this version reads {FORMAT}. Update AD Desktop.")
    if told.get(CHECK) != _header_sha256(told[KEY], header):
        raise ModelFileError(
            "the model file is damaged or was edited (the checksum of its description differs). "
            "Copy it again, or fit anew."
        )
    return metadata, header, 8 + length


def _header_sha256(text: str, header: dict[str, Any]) -> str:
    """Checksum of the metadata and of where each array lies."""
    return hashlib.sha256(f"{text}\n{json.dumps(header, sort_keys=True)}".encode()).hexdigest()


def _verify(path: Path, start: int, metadata: dict[str, Any]) -> None:
    content, size = hashlib.sha256(), 0
    with path.open("rb", buffering=0) as file:
        file.seek(start)
        while chunk := file.read(CHUNK):
            content.update(chunk)
            size += len(chunk)
    if size != metadata["content_bytes"]:
        raise ModelFileError("the model file is cut short or has grown. Copy it again, or fit and save anew.")
    if content.hexdigest() != metadata["content_sha256"]:
        raise ModelFileError("the model file is damaged (its checksum differs). Copy it again, or fit anew.")


def _read(file: BinaryIO, path: Path, start: int, entry: dict[str, Any]) -> Array | RowStore:
    dtype, shape = np.dtype(_DTYPES[entry["dtype"]]), tuple(entry["shape"])
    begin, end = entry["data_offsets"]
    if int(np.prod(shape)) * dtype.itemsize != end - begin:
        raise ModelFileError("the model file contradicts itself. Fit and save it again.")
    if dtype == np.dtype("<f2") and len(shape) == 2:
        return RowStore.inside(path, start + begin, shape[0], shape[1:], "<f2")
    file.seek(start + begin)
    return np.frombuffer(file.read(end - begin), dtype).reshape(shape)


def _build(metadata: dict[str, Any], tensors: dict[str, Any], device: str, task: Task) -> FittedModel:
    kind = get_detector(metadata["detector"])
    imported(kind.libraries, task)
    roi = RegionOfInterest.from_json(metadata.get("roi") or {})
    view = ScanView.from_json(scans, _under(REFERENCE, tensors)) if (scans := metadata.get("scans")) else None
    detector = make_detector(
        kind, make_params(kind.Params, metadata["params"]), device, roi, Tiling.from_json(metadata.get("tiling"))
    )
    if view is not None:
        detector = by_height(detector, view)
    detector.restore(State(_under("detector.", tensors), metadata["detector_state"]))
    if metadata["normal_set"]["fingerprint"] != fingerprint(detector.normal_set.sha256):
        raise ModelFileError("The list of normal pictures does not match its fingerprint. Fit and save it again.")
    told = metadata["calibration"]
    calibration = Calibration(
        tensors["calibration.scores"], tuple(int(g) for g in tensors["calibration.groups"]), told["rule"],
        tensors.get("calibration.map_peaks"), told["duplicate_ratio"], tuple(told["warnings"]),
        _slices(tensors), told.get("map_limit"),
    )  # fmt: skip
    threshold = metadata["threshold"]
    return FittedModel(
        detector, calibration, threshold["fpr"], threshold["rule"], told["group_spec"], metadata["created"],
        metadata["provenance"], threshold.get("borderline_fpr"), int(metadata.get("min_region", 0)),
        view,
        make_params(SliceSettings, slices) if (slices := metadata.get("slices")) else None,
    )  # fmt: skip


def _under(prefix: str, tensors: dict[str, Any]) -> dict[str, Any]:
    return {name[len(prefix) :]: value for name, value in tensors.items() if name.startswith(prefix)}


def _slices(tensors: dict[str, Any]) -> SliceCalibration | None:
    scores = tensors.get("calibration.slice_scores")
    if scores is None:
        return None
    return SliceCalibration(scores, tuple(int(volume) for volume in tensors["calibration.slice_volumes"]))
