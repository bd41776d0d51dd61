"""What a user opens: one picture, or one page of a multi-page file, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from ad_desktop.data.images import Picture


class Label(StrEnum):
    """What the user says of a sample."""

    NORMAL = "normal"
    TO_CHECK = "to check"
    ANOMALOUS = "anomalous"


@dataclass(frozen=True)
class Sample:
    """One picture on disk.

    ``path`` is kept as the user gave it. ``page`` is the 0-based page of a multi-page file,
    None for a file with a single picture.
    """

    path: Path
    page: int | None = None

    @property
    def key(self) -> str:
        """Unique text of this sample: the absolute path, with ``#page`` (1-based) where there are several."""
        text = str(self.path.absolute())
        return text if self.page is None else f"{text}#{self.page + 1}"

    @property
    def name(self) -> str:
        """Short text for lists: the file name, with the page where there are several."""
        return self.path.name if self.page is None else f"{self.path.name} · page {self.page + 1}"


@dataclass(frozen=True)
class VolumeSample(Sample):
    """One scan on disk: a volume file, or one DICOM series in a folder.

    ``series`` is the SeriesInstanceUID where ``path`` is a folder of DICOM files (empty: a file that holds
    one volume; a multi-frame DICOM file is one). Where one series or file holds several volumes, ``part`` is
    the 0-based number of this one, in the order of their times or acquisitions. ``title`` is what the scan
    says of itself, for lists, and ``unit`` what the user says its values are (one of ``opening.UNITS``; empty:
    nothing was said), which counts where its file does not; they do not tell samples apart.
    """

    series: str = ""
    part: int | None = None
    title: str = field(default="", compare=False)
    unit: str = field(default="", compare=False)

    @property
    def key(self) -> str:
        """The absolute path, with ``#series`` and ``#part`` (1-based) where there are several."""
        pieces = [str(self.path.absolute()), self.series, "" if self.part is None else str(self.part + 1)]
        return "#".join(piece for piece in pieces if piece)

    @property
    def name(self) -> str:
        """The scan's own title where it has one, else the file name."""
        name = self.title or self.path.name
        return name if self.part is None else f"{name} · part {self.part + 1}"


@dataclass(frozen=True)
class SliceSample(Sample):
    """One slice of a scan, with its pixels at hand.

    ``path`` is the scan's key with ``#axis:number`` (1-based), so each slice has a path and a key of its own.
    ``value_range`` are the pixel values to be shown to a network as black and white. ``band`` is the number of the
    band of heights in the body that it is compared within (None: with all slices), ``gap`` the distance of the scan's
    slices in parts of a slice's side (0: not known).
    """

    picture: Picture | None = field(default=None, compare=False, repr=False)
    value_range: tuple[float, float] | None = field(default=None, compare=False)
    band: int | None = field(default=None, compare=False)
    gap: float = field(default=0.0, compare=False)


@dataclass(frozen=True)
class Failure:
    """An input that could not be used, and why."""

    path: str
    reason: str
