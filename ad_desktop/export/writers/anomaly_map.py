"""The raw anomaly map: 32-bit float TIFF at the picture's size, uncompressed so that every reader takes it.

The description tag holds a JSON object with the scores and thresholds.
"""

from __future__ import annotations

import json
from pathlib import Path

from ad_desktop import __version__
from ad_desktop.export.record import ExportRecord, row_of
from ad_desktop.export.registry import SampleExporter


def _write(record: ExportRecord, path: Path) -> None:
    import tifffile

    facts = {**row_of(record).json_object(), "map_threshold": record.map_threshold, "model": record.model}
    tifffile.imwrite(
        path,
        record.anomaly_map.astype("float32", copy=False),
        photometric="minisblack",
        # The tag is ASCII by the format's definition; JSON escapes the rest.
        description=json.dumps(facts),
        metadata=None,
        software=f"AD Desktop {__version__}",
    )


EXPORTER = SampleExporter("map", "Anomaly maps (32-bit TIFF)", "anomaly_maps", ".tiff", _write)
