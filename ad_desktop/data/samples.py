"""What a user opens: one picture, or one page of a multi-page file, and what is known of it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path


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
class Failure:
    """An input that could not be used, and why."""

    path: str
    reason: str
