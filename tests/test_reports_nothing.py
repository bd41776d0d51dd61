"""What the program is built on reports nothing to anybody."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

_LOAD = "import onnxruntime, time; time.sleep(0.5)"


def files_after(code: str, home: Path) -> list[str]:
    home.mkdir()
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("XDG_", "ORT_"))}
    subprocess.run(
        [sys.executable, "-c", code], env={**kept, "HOME": str(home), "USERPROFILE": str(home)}, check=True, timeout=120
    )
    return [path.name for path in home.rglob("*") if path.is_file()]


@pytest.mark.skipif(sys.platform != "linux", reason="where its files lie is known for Linux")
def test_onnxruntime_keeps_no_number_of_the_machine(tmp_path):
    if "deviceid" not in files_after(_LOAD, tmp_path / "alone"):
        pytest.skip("this onnxruntime does not report")
    assert files_after(f"import ad_desktop; {_LOAD}", tmp_path / "ours") == []
