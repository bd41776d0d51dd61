"""Collects the licences of everything in the bundle into one folder, with a table of what is under which."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import sysconfig
from importlib.metadata import Distribution
from pathlib import Path

import bundle

FOLDER = "licences"
_IS_LICENCE = re.compile(r"(?i)(licen[cs]e|copying|notice|thirdparty|third_party|copyright)")
_CODE = {".py", ".pyc", ".so", ".pyd", ".pyi", ".h", ".dll", ".json"}
_KNOWN = {
    "cuda-toolkit": "NVIDIA's terms, as for the nvidia packages it stands for",
    "flatbuffers": "Apache-2.0",
    "pyjpegls": "MIT; CharLS: BSD-3-Clause",
    "pyside6-essentials": "LGPL-3.0-only (chosen here); the libraries can be replaced by your own in PySide6/Qt/lib",
    "shiboken6": "LGPL-3.0-only (chosen here)",
}
"""What packages say only on their pages, not in their files."""
_SHARED_TEXTS = {"pyside6-essentials": ("LGPL-3.0.txt", "GPL-3.0.txt"), "shiboken6": ("LGPL-3.0.txt", "GPL-3.0.txt")}
_TEXTS = Path(__file__).with_name("licence-texts")


def collect(folder: Path) -> int:
    """Fill ``folder/licences``; how many packages are in it."""
    target = folder / FOLDER
    shutil.rmtree(target, ignore_errors=True)
    target.mkdir()
    rows = [_python(target)]
    rows += [_package(dist, target) for dist in bundle.distributions()]
    rows += _system_libraries(folder, target)
    lines = [f"{name}\t{version}\t{licence}" for name, version, licence in rows]
    (target / "PACKAGES.txt").write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")
    return len(rows)


def _python(target: Path) -> tuple[str, str, str]:
    for place in (Path(sysconfig.get_path("stdlib"), "LICENSE.txt"), Path(sys.base_prefix, "LICENSE.txt")):
        if place.is_file():
            (target / "python").mkdir()
            shutil.copy(place, target / "python" / "LICENSE.txt")
            break
    return "Python", sys.version.split()[0], "PSF-2.0"


def _package(dist: Distribution, target: Path) -> tuple[str, str, str]:
    name = dist.metadata["Name"]
    place = target / f"{name}-{dist.version}"
    for path in dist.files or []:
        if _IS_LICENCE.search(path.name) and path.suffix.lower() not in _CODE:
            source = Path(str(dist.locate_file(path)))
            if source.is_file():
                # Packages keep several of one name: the folder tells them apart.
                kept = place / "_".join(part for part in path.parts if part not in ("..", "licenses"))
                place.mkdir(exist_ok=True)
                shutil.copy(source, kept)
    for text in _SHARED_TEXTS.get(bundle.canonicalize_name(name), ()):
        place.mkdir(exist_ok=True)
        shutil.copy(_TEXTS / text, place / text)
    return name, dist.version, _licence(dist)


def _licence(dist: Distribution) -> str:
    known = _KNOWN.get(bundle.canonicalize_name(dist.metadata["Name"]))
    if known:
        return known
    for field in ("License-Expression", "License"):
        text = " ".join((dist.metadata.get(field) or "").split())
        if text and text != "UNKNOWN" and len(text) < 100:
            return text
    named = [text.rpartition(":: ")[2] for text in dist.metadata.get_all("Classifier") or () if "License ::" in text]
    return "; ".join(named) or "see its files"


def _system_libraries(folder: Path, target: Path) -> list[tuple[str, str, str]]:
    """Libraries of the system that PyInstaller took along, by the Debian package that they came from."""
    rows: dict[str, tuple[str, str, str]] = {}
    if not shutil.which("dpkg-query"):
        return []
    for library in sorted(folder.joinpath("_internal").glob("*.so*")):
        found = subprocess.run(["dpkg-query", "-S", f"*/{library.name}"], capture_output=True, text=True, check=False)
        package = found.stdout.partition("\n")[0].partition(":")[0]
        source = Path("/usr/share/doc", package, "copyright")
        if not package or not source.is_file() or package in rows:
            continue
        (target / f"debian-{package}").mkdir()
        shutil.copy(source, target / f"debian-{package}" / "copyright")
        shown = subprocess.run(
            ["dpkg-query", "-W", "-f", "${Version}", package], capture_output=True, text=True, check=True
        )
        rows[package] = (f"{package} (Debian)", shown.stdout, "see its copyright file")
    return [rows[name] for name in sorted(rows)]
