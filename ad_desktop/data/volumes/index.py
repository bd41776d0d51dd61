"""Headers of scan files, read in the reading process and remembered as long as the files do not change."""

from __future__ import annotations

import os
import threading
from collections import OrderedDict
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

from ad_desktop.data.samples import Failure
from ad_desktop.data.volumes.dicom.drawings import Drawing
from ad_desktop.data.volumes.dicom.frames import Frame
from ad_desktop.data.volumes.readers.base import VolumeHeader
from ad_desktop.data.volumes.worker import Message, ReaderDied, reading_pool
from ad_desktop.task import Task

REMEMBERED = 50_000
"""Most files whose headers are remembered."""
_BATCH = 500

_Stamp = tuple[str, int, int]


@dataclass
class Told:
    """What files said: volumes by file, DICOM images and outlines, and the files that cannot be used."""

    volumes: list[tuple[Path, VolumeHeader]] = field(default_factory=list)
    frames: list[Frame] = field(default_factory=list)
    drawings: list[Drawing] = field(default_factory=list)
    failures: list[Failure] = field(default_factory=list)


class Headers:
    """Remembers headers by path, size and time of change; safe from any thread."""

    Compare = Callable[[Frame, Frame], bool]

    def __init__(self) -> None:
        self._known: OrderedDict[_Stamp, Any] = OrderedDict()
        self._lock = threading.Lock()

    def all(self, files: Sequence[Path], task: Task | None = None) -> Told:
        """What each file's header says. A file that kills its reader fails, and the others go on."""
        told = Told()
        stamps = {path: _stamp(path) for path in files}
        fresh = [path for path, stamp in stamps.items() if stamp is None or self._get(stamp) is None]
        answers = self._describe(fresh, task)
        for path, stamp in stamps.items():
            answer = answers.get(path)
            if answer is None:
                answer = self._get(stamp) if stamp is not None else Failure(str(path), "it cannot be read")
            elif stamp is not None:
                self._remember(stamp, answer)
            if isinstance(answer, VolumeHeader):
                told.volumes.append((path, answer))
            elif isinstance(answer, Failure):
                told.failures.append(answer)
            elif isinstance(answer, Drawing):
                told.drawings.append(answer)
            elif answer is not None:
                told.frames += answer
        return told

    def frames(self, files: Sequence[Path], task: Task | None = None) -> Told:
        """As ``all``, for DICOM files."""
        return self.all(files, task)

    def digest(self, frame: Frame, task: Task | None = None) -> str:
        """A hash of one image's values; unlike any other if it cannot be read."""
        request = {"do": "digest", "frames": [{**asdict(frame), "pet": {}, "times": {}}]}
        found = f"{frame.path}#{frame.index}"
        try:
            for message in reading_pool().ask(request, task):
                if message["is"] == "digest":
                    found = str(message["sha256"])
        except ReaderDied:
            pass
        return found

    def _describe(self, files: Sequence[Path], task: Task | None) -> dict[Path, Any]:
        answers: dict[Path, Any] = {}
        at = 0
        while at < len(files):
            batch = files[at : at + _BATCH]
            number = 0
            try:
                request: Message = {"do": "describe", "paths": [str(path) for path in batch]}
                for message in reading_pool().ask(request, task):
                    if number < len(batch) and message["is"] in ("volume", "dicom", "failed"):
                        answers[batch[number]] = _answer(batch[number], message)
                        number += 1
                        if task is not None and number % 50 == 0:
                            task.report("Reading headers", at + number, len(files))
            except ReaderDied as error:
                if number < len(batch):
                    reason = f"{error}: the file is damaged; copy or export it again"
                    answers[batch[number]] = Failure(str(batch[number]), reason)
                    number += 1
            at += max(1, number)
        return answers

    def _get(self, stamp: _Stamp) -> Any:
        with self._lock:
            found = self._known.get(stamp)
            if found is not None:
                self._known.move_to_end(stamp)
            return found

    def _remember(self, stamp: _Stamp, answer: Any) -> None:
        with self._lock:
            self._known[stamp] = answer
            while len(self._known) > REMEMBERED:
                self._known.popitem(last=False)


@cache
def headers() -> Headers:
    """The program's memory of headers."""
    return Headers()


def _answer(path: Path, message: Message) -> Any:
    if message["is"] == "failed":
        return Failure(str(path), message["reason"])
    if message["is"] == "dicom" and message["drawing"]:
        return Drawing.from_json(message["drawing"])
    if message["is"] == "dicom":
        return [Frame.from_json(told) for told in message["frames"]]
    told: dict[str, Any] = {
        name: tuple(item) if isinstance(item, list) else item for name, item in message["header"].items()
    }
    return VolumeHeader(**told)


def _stamp(path: Path) -> _Stamp | None:
    try:
        status = os.stat(path)  # noqa: PTH116 - once for each of ten thousand files
    except (OSError, ValueError):
        return None
    return os.path.abspath(path), status.st_size, status.st_mtime_ns  # noqa: PTH100 - resolve() follows links
