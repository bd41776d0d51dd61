"""Scores and regions of a scan as a JSON object, UTF-8; positions are LPS in mm."""

from __future__ import annotations

import json
from pathlib import Path

from ad_desktop.export.registry import VolumeExporter
from ad_desktop.export.volume_record import VolumeRecord


def _write(record: VolumeRecord, path: Path) -> None:
    told = {**record.facts(), "regions": [region.json_object() for region in record.regions]}
    text = json.dumps(told, ensure_ascii=False, allow_nan=False, indent=1)
    path.write_text(text + "\n", encoding="utf-8", errors="backslashreplace", newline="\n")


EXPORTER = VolumeExporter("json", "Regions (JSON)", "regions.json", _write)
