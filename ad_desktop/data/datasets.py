"""Folders laid out as a data set: normal pictures to learn from, and labelled ones to test on."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.folders import natural_key, scan
from ad_desktop.data.images import load
from ad_desktop.data.readers import reader_by_name
from ad_desktop.data.samples import Failure, Sample, VolumeSample
from ad_desktop.data.volumes.candidates import DICOM_SUFFIXES
from ad_desktop.data.volumes.readers import reader_by_name as volume_reader_by_name
from ad_desktop.errors import InputError
from ad_desktop.task import Task

NORMAL_NAMES = frozenset({"good", "ok", "normal"})
"""Folder names, in any case, that mean "without a defect"."""
ANOMALOUS_NAMES = frozenset(
    {"bad", "ng", "nok", "not_good", "defect", "defects", "defective", "faulty", "abnormal", "anomalous", "anomaly",
     "anomalies"}
)  # fmt: skip
"""Folder names, in any case, that mean "with a defect" beside a folder of normal pictures."""
_TRAIN, _TEST, _MASKS = "train", "test", "ground_truth"


@dataclass(frozen=True)
class TestItem:
    """A picture or scan whose truth is known: the type of its ``defect`` (None: good), and where it is, if drawn."""

    __test__ = False  # not a test case for pytest

    sample: Sample
    defect: str | None = None
    mask: Path | None = None

    @property
    def is_anomalous(self) -> bool:
        """Whether the picture shows a defect."""
        return self.defect is not None


@dataclass
class MvtecDataset:
    """A data set in the layout of MVTec AD; either of ``normal`` and ``test`` may be empty."""

    folder: Path
    normal: list[Sample] = field(default_factory=list)
    test: list[TestItem] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)

    @property
    def has_masks(self) -> bool:
        """Whether any defect is drawn."""
        return any(item.mask is not None for item in self.test)


def find_mvtec(folder: Path, task: Task | None = None) -> MvtecDataset | None:
    """Recognise a data set; None if the folder is not laid out as one.

    Known are ``train/{good,ok,normal}``, ``test/{good,ok,normal,<defect>}`` and
    ``ground_truth/<defect>/<name>_mask.png`` (or ``<name>.png``, any picture format; for scans any volume format,
    or an RTSTRUCT ``<name>.dcm``, where a DICOM series has the name of its folder), where train or
    test may be missing, and a folder of normal beside one of anomalous pictures (good and bad, ok and
    ng, normal and abnormal, …), which gives a test set only. Names count in any case.
    """
    parts = _subfolders(folder)
    train = _subfolders(parts[_TRAIN]) if _TRAIN in parts else {}
    test = _subfolders(parts[_TEST]) if _TEST in parts else {}
    normal = [path for name, path in train.items() if name in NORMAL_NAMES]
    if not normal and not test:
        pair = {name: path for name, path in parts.items() if name in NORMAL_NAMES | ANOMALOUS_NAMES}
        if not (pair.keys() & NORMAL_NAMES and pair.keys() & ANOMALOUS_NAMES):
            return None
        test = pair
    dataset = MvtecDataset(folder)
    found = scan(normal, task)
    dataset.normal += found.samples
    dataset.failures += found.failures
    masks = _subfolders(parts[_MASKS]) if _MASKS in parts else {}
    for name, path in test.items():
        _add_test_folder(dataset, path, masks.get(name), task)
    return dataset if dataset.normal or dataset.test else None


def masks_folder(folder: Path) -> Path | None:
    """The folder of masks of a data set, where ``folder`` has one beside its test pictures; no picture is looked at."""
    parts = _subfolders(folder)
    return parts.get(_MASKS) if _TEST in parts else None


def load_mask(path: Path, size: tuple[int, int]) -> NDArray[np.bool_]:
    """Read where a defect is, as H×W of the given size: every pixel that is not black.

    A mask whose sides differ by a single pixel (pictures are scaled and rounded) is stretched
    without interpolation; ``InputError`` for any other size.
    """
    pixels = load(Sample(path)).pixels
    drawn = pixels.any(axis=2) if pixels.ndim == 3 else pixels != 0
    if drawn.shape == tuple(size):
        return np.asarray(drawn, dtype=np.bool_)
    if max(abs(drawn.shape[0] - size[0]), abs(drawn.shape[1] - size[1])) > 1:
        raise InputError(
            path,
            f"the mask has {drawn.shape[1]} × {drawn.shape[0]} pixels and its picture {size[1]} × {size[0]}: "
            "draw it at the size of the picture",
        )
    from PIL import Image

    image = Image.fromarray(drawn.astype(np.uint8)).resize((size[1], size[0]), Image.Resampling.NEAREST)
    return np.asarray(image, dtype=np.bool_)


def _add_test_folder(dataset: MvtecDataset, folder: Path, masks: Path | None, task: Task | None) -> None:
    defect = None if folder.name.casefold() in NORMAL_NAMES else folder.name
    by_stem = _masks_by_stem(masks) if masks is not None and defect is not None else {}
    found = scan([folder], task)
    dataset.failures += found.failures
    sharing = Counter(sample.path for sample in found.samples)
    for sample in found.samples:
        of_scan = isinstance(sample, VolumeSample)
        stem = _stem(sample.path, of_scan)
        mask = by_stem.get((of_scan, f"{stem}_mask"), by_stem.get((of_scan, stem)))
        # A mask is of one picture or scan: it cannot say which page of a file, or series of a folder, it belongs to.
        dataset.test.append(TestItem(sample, defect, mask if sharing[sample.path] == 1 else None))


def scan_mask(folder: Path, scan_path: Path) -> Path | None:
    """The mask of a scan in a folder of masks: it has the scan's name, with or without ``_mask``."""
    by_stem, stem = _masks_by_stem(folder), _stem(scan_path, True)
    return by_stem.get((True, f"{stem}_mask"), by_stem.get((True, stem)))


def _masks_by_stem(folder: Path) -> dict[tuple[bool, str], Path]:
    """The masks of scans (True) and of pictures, by stem."""
    found = {}
    for path in sorted(folder.iterdir()):
        if reader_by_name(path) is not None:
            found[False, _stem(path, False)] = path
        elif volume_reader_by_name(path) is not None or path.suffix.lower() in DICOM_SUFFIXES:
            found[True, _stem(path, True)] = path
    return found


def _stem(path: Path, of_scan: bool) -> str:
    """The case-folded name without its suffix; ``.nii.gz`` is one suffix, and a series' folder has none."""
    if not of_scan:
        return path.stem.casefold()
    name, reader = path.name.casefold(), volume_reader_by_name(path)
    if reader is None:
        return path.stem.casefold() if path.suffix.lower() in DICOM_SUFFIXES else name
    return name.removesuffix(max((suffix for suffix in reader.suffixes if name.endswith(suffix)), key=len))


def _subfolders(folder: Path) -> dict[str, Path]:
    """The folders inside one, by case-folded name, in natural order."""
    try:
        paths = [path for path in folder.iterdir() if not path.name.startswith(".") and path.is_dir()]
    except OSError:
        return {}
    return {path.name.casefold(): path for path in sorted(paths, key=lambda path: natural_key(path.name))}
