"""What one DICOM image says of itself, as far as building volumes needs it."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

Triple = tuple[float, float, float]


@dataclass(frozen=True)
class Frame:
    """One image: a file, or one frame of a multi-frame file; JSON-able.

    ``index`` is the 0-based frame of a multi-frame file. ``spacing`` is (between rows, between columns) in mm;
    ``position`` and ``orientation`` are DICOM's, LPS. ``times`` holds what may tell images at one place apart, by
    name. ``pet`` holds what SUV needs, as texts and numbers. ``doubt`` says what of the header was not believed.
    """

    path: str
    index: int | None
    uid: str
    series: str
    study: str
    patient: str
    modality: str
    description: str
    date: str
    frame_of_reference: str
    rows: int
    columns: int
    bytes_each: int
    samples: int
    photometric: str
    image_type: tuple[str, ...]
    instance: int
    spacing: tuple[float, float] | None = None
    position: Triple | None = None
    orientation: tuple[float, ...] | None = None
    slope: float = 1.0
    intercept: float = 0.0
    thickness: float | None = None
    distance: float | None = None
    padding: float | None = None
    doubt: str = ""
    times: dict[str, Any] = field(default_factory=dict, hash=False)
    pet: dict[str, Any] = field(default_factory=dict, hash=False)

    @classmethod
    def from_json(cls, told: dict[str, Any]) -> Frame:
        """The frame that ``dataclasses.asdict`` and JSON made lists of."""
        plain: dict[str, Any] = {name: tuple(item) if isinstance(item, list) else item for name, item in told.items()}
        return cls(**plain)
