"""From dropped paths to items: folders are read in the background, their layout decides the labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, QTimer, Signal

from ad_desktop.data.samples import Failure, Label, VolumeSample
from ad_desktop.jobs import Job, JobRunner, LaneName
from ad_desktop.task import Task
from ad_desktop.ui.commands import Edits
from ad_desktop.ui.items import Item
from ad_desktop.ui.problems import ProblemList
from ad_desktop.workflows.suffix import SUFFIX

if TYPE_CHECKING:
    from ad_desktop.data.datasets import MvtecDataset, TestItem
    from ad_desktop.data.volumes.opening import SeriesInfo

MODEL_SUFFIX = SUFFIX
MODEL_SUFFIXES = (MODEL_SUFFIX, ".safetensors")
"""A model is a safetensors file and may be called one, as earlier versions of the window did."""


@dataclass
class Found:
    """What was found under some paths; ``unclear`` are those whose label the user must tell."""

    items: list[Item] = field(default_factory=list)
    unclear: list[Item] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    series: list[SeriesInfo] = field(default_factory=list)


class ImportFlow(QObject):
    """Adds what is dropped or chosen; ``unclear`` asks for a label, ``model_given`` passes a model file on.

    ``several`` carries what is known of new DICOM series and parts of scans (``SeriesInfo``) where there is more than
    one.
    """

    added = Signal(list)
    unclear = Signal(list, str)
    model_given = Signal(Path)
    several = Signal(list)

    def __init__(self, runner: JobRunner, edits: Edits, problems: ProblemList, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._runner = runner
        self._edits = edits
        self._problems = problems

    def open(self, paths: Sequence[Path], label: Label | None = None) -> Job | None:
        """Add pictures and folders (all as ``label`` if it is given); the job, or None where only models were given."""
        models = [path for path in paths if path.suffix.lower() in MODEL_SUFFIXES]
        for path in models[:1]:
            self.model_given.emit(path)
        rest = [path for path in paths if path not in models]
        if not rest:
            return None
        job = self._runner.submit("Reading folders", lambda task: find(rest, label, task), LaneName.FILES)
        job.succeeded.connect(lambda found: self._take(found, rest))
        job.failed.connect(lambda error: self._problems.error("Adding pictures", error))
        return job

    def _take(self, found: Found, paths: Sequence[Path]) -> None:
        self._problems.failures(found.failures)
        self._problems.notes("Adding pictures", found.notes)
        added = self._edits.add(found.items)
        new = {item.key for item in added}
        unclear = [item for item in found.unclear if item.key in new]
        if added:
            # After what the list makes of them: both at once would be felt.
            QTimer.singleShot(0, self, lambda: self.added.emit(added))
        elif not found.failures:
            what = "These are in the library already." if found.items else "No pictures or scans were found."
            self._problems.notes(", ".join(path.name or str(path) for path in paths), [what])
        series = [info for info in found.series if _one_of_several(info.sample) and info.sample.key in new]
        if len(series) > 1:
            self.several.emit(series)
        if unclear:
            self.unclear.emit(unclear, paths[0].name if len(paths) == 1 and paths[0].is_dir() else "")


def find(paths: Sequence[Path], label: Label | None, task: Task) -> Found:
    """Look through paths; runs off the main thread."""
    from ad_desktop.data.datasets import find_mvtec

    found = Found()
    files: list[Path] = []
    for path in paths:
        if not path.is_dir():
            files.append(path)
            continue
        dataset = find_mvtec(path, task) if label is None else None
        if dataset is not None:
            _add_dataset(found, dataset)
        else:
            _add_scan(found, [path], _label_of(path) if label is None else label, task)
    if files:
        _add_scan(found, files, label, task)
    return found


def _label_of(folder: Path) -> Label | None:
    from ad_desktop.data.datasets import NORMAL_NAMES

    return Label.NORMAL if folder.name.casefold() in NORMAL_NAMES else None


def _add_scan(found: Found, paths: list[Path], label: Label | None, task: Task) -> None:
    from ad_desktop.data.folders import scan

    result = scan(paths, task)
    root = paths[0].parent if paths[0].is_dir() else None
    drawn = {info.sample.key: info.outlines for info in result.series if info.outlines}
    items = [
        Item.of(s, label or Label.TO_CHECK, _folder(s.path, root), mask=drawn.get(s.key, (None,))[0])
        for s in result.samples
    ]
    found.items += items
    if label is None:
        found.unclear += items
    found.failures += result.failures
    found.series += result.series
    found.notes += [_drawn(info) for info in result.series if info.outlines]


def _one_of_several(sample: VolumeSample) -> bool:
    """Whether a file's name does not tell the scan: it is a series of a folder, or a part of a 4-D file."""
    return bool(sample.series) or sample.part is not None


def _drawn(info: SeriesInfo) -> str:
    shown, *others = (path.name for path in info.outlines)
    more = f" ({', '.join(others)} beside it {'is' if len(others) == 1 else 'are'} not)" if others else ""
    return f"{shown} was drawn on {info.sample.name}, and is shown as its known outline{more}."


def _add_dataset(found: Found, dataset: MvtecDataset) -> None:
    root = dataset.folder.parent
    items = [Item.of(sample, Label.NORMAL, _folder(sample.path, root)) for sample in dataset.normal]
    items += [
        Item.of(t.sample, _truth(t, dataset), _folder(t.sample.path, root), t.defect or "", t.mask)
        for t in dataset.test
    ]
    found.items += items
    found.failures += dataset.failures
    normal = sum(item.label is Label.NORMAL for item in items)
    found.notes.append(
        f"{dataset.folder.name} is laid out as a data set: {normal:,} normal pictures to learn from, "
        f"{len(items) - normal:,} to check" + (", known defects outlined." if dataset.has_masks else ".")
    )


def _truth(test: TestItem, dataset: MvtecDataset) -> Label:
    """Test pictures are to be checked; a folder of good beside one of bad is something to learn from."""
    pair = not dataset.normal and test.sample.path.parent.parent == dataset.folder
    return Label.NORMAL if pair and not test.is_anomalous else Label.TO_CHECK


def _folder(path: Path, root: Path | None) -> str:
    """The text under an item's name: its folder as seen from where the user took it."""
    parent = path.parent
    # A scan that is the folder itself lies directly in what the user took it from.
    if root is not None and parent != root and parent.is_relative_to(root):
        return parent.relative_to(root).as_posix()
    return parent.name
