"""Tests a frozen bundle as somebody without Python would use it, against the program it was made from.

    python packaging/smoke_test.py dist/FOLDER

Each command runs twice: frozen, with nothing in its environment, no Python on its path, an empty home, read-only data
and (for root) another user's rights; and unfrozen with this Python. Output, messages and scores must be the same.
Exit code 0: all passed; 1: something failed, and was named.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import stat
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nibabel
import numpy as np
import pydicom
import smoke_data
from smoke_window import Display, run_offscreen, run_window

ROOT = Path(__file__).resolve().parents[1]
NOBODY = 65534
TOLERANCE = 1e-6
SCAN_OPTIONS = ("--axis", "axial", "--step", "2", "--set", "image_size=64")
PAINT_OPTIONS = ("--detector", "autopaint", "--set", "steps=3", "--set", "spacing=4")


@dataclass
class Answer:
    """What one call gave."""

    code: int
    out: str
    err: str
    seconds: float


class Program:
    """One way to start the program, in a home and a working directory of its own."""

    def __init__(self, command: list[str], folder: Path, environment: dict[str, str], user: int | None) -> None:
        self.command = command
        self.user = user
        self.home, self.cwd = folder / "home", folder / "work"
        for place in (self.home, self.cwd):
            place.mkdir(parents=True)
            if user is not None:
                os.chown(place, user, user)
        self.environment = {**environment, "HOME": str(self.home)}

    def run(self, *arguments: object, limit: float = 600) -> Answer:
        started = time.monotonic()
        done = subprocess.run(
            [*self.command, *map(str, arguments)], env=self.environment, cwd=self.cwd, user=self.user,
            group=self.user, extra_groups=None if self.user is None else [],
            stdin=subprocess.DEVNULL, capture_output=True, timeout=limit, check=False,
        )  # fmt: skip
        return Answer(done.returncode, done.stdout.decode(), done.stderr.decode(), time.monotonic() - started)


class Smoke:
    """The checks, in order; a later one may use what an earlier one made."""

    def __init__(self, bundle: Path, folder: Path, pictures: Path) -> None:
        suffix = ".exe" if sys.platform == "win32" else ""
        self.bundle, self.pictures = bundle, pictures
        self.window_program = bundle / f"ad-desktop-window{suffix}"
        self.data = folder / "data"
        self.empty = folder / "nothing"
        self.empty.mkdir()
        as_nobody = NOBODY if sys.platform != "win32" and os.geteuid() == 0 else None
        windows = {name: os.environ[name] for name in ("SYSTEMROOT", "TEMP") if name in os.environ}
        self.frozen = Program(
            [str(bundle / f"ad-desktop{suffix}")], folder / "frozen", {"PATH": str(self.empty), **windows}, as_nobody
        )
        own = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8"}
        for name in [name for name in own if name.startswith(("XDG_", "AD_DESKTOP_", "QT_"))]:
            del own[name]
        self.unfrozen = Program([sys.executable, "-m", "ad_desktop"], folder / "unfrozen", own, None)
        self._make_data()
        self.before = _states(self.data) | _states(bundle)

    def _make_data(self) -> None:
        self.data.mkdir()
        smoke_data.write_pictures(self.data / "kinds")
        smoke_data.write_scans(self.data / "scans")
        sample = self.bundle / "_internal" / "resources" / "sample"
        shutil.copytree(sample, self.data / "sample")
        for path in [self.data, *self.data.rglob("*")]:
            path.chmod(path.stat().st_mode & ~(stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH))

    def same(self, *arguments: object, code: int = 0) -> str:
        """Both programs do the same and end with ``code``; what the frozen one said."""
        frozen, unfrozen = self.frozen.run(*arguments), self.unfrozen.run(*arguments)
        _expect(unfrozen.code == code, f"unfrozen, exit code {unfrozen.code}: {unfrozen.err}")
        _expect(frozen.code == code, f"exit code {frozen.code}: {frozen.err}")
        _expect(frozen.err == unfrozen.err, f"standard error\n{frozen.err}\ninstead of\n{unfrozen.err}")
        difference = _difference(frozen.out, unfrozen.out)
        _expect(difference <= TOLERANCE, f"standard output differs by {difference:g}\n{frozen.out}\n{unfrozen.out}")
        self.worst = max(getattr(self, "worst", 0.0), difference)
        return frozen.out

    def score(self, model: str | Path, scan: Path, *more: str) -> float:
        """The scan's score, the same from both programs."""
        return float(json.loads(self.same("predict", model, scan, "--json", *more))["anomaly_score"])

    def check_version(self) -> str:
        return self.same("--version").strip()

    def check_info(self) -> str:
        told, wanted = (json.loads(p.run("info", "--json").out) for p in (self.frozen, self.unfrozen))
        for name in ("version", "packages", "detectors"):
            _expect(told[name] == wanted[name], f"{name}: {told[name]} instead of {wanted[name]}")
        _expect(all(told["packages"].values()), f"a package is missing: {told['packages']}")
        _expect(told["weights"]["efficientnet-lite0"] == "installed", "its weights are missing")
        for name in told["detectors"]:
            self.same("info", "--detector", name)
        return f"detectors {', '.join(told['detectors'])}; torch {told['packages']['torch']}"

    def check_sample(self) -> str:
        """Fit and predict on the sample, with files written; the scores are the unfrozen ones."""
        sample = self.data / "sample"
        self.same("fit", sample / "train" / "good", "--out", "parts.adm", "--json")
        said = self.same("predict", "parts.adm", sample / "test", "--out", "results", "--json")
        scores = [json.loads(line)["anomaly_score"] for line in said.splitlines()]
        _expect(len(scores) == 45, f"{len(scores)} pictures")
        names = [sorted(str(p.relative_to(q.cwd)) for p in (q.cwd / "results").rglob("*")) for q in self._both()]
        _expect(names[0] == names[1] and len(names[0]) > 90, "other files were written")
        return f"{len(scores)} scores from {min(scores):.3f} to {max(scores):.3f}"

    def check_engine(self) -> str:
        """torch itself runs the network."""
        sample = self.data / "sample"
        options = ("--set", "engine=torch", "--set", "image_size=64")
        self.same("fit", sample / "train" / "good", "--out", "torch.adm", "--json", *options)
        self.same("predict", "torch.adm", sample / "test" / "dent", "--json")
        return "engine=torch"

    def check_model_file(self) -> str:
        self.same("update", "parts.adm", "--add", self.data / "sample" / "test" / "good" / "000.jpg")
        self.same("predict", "parts.adm", self.data / "sample" / "test" / "hole", "--json")
        self.same("evaluate", "parts.adm", self.data / "sample", "--json")
        for reader, writer in (self._both(), self._both()[::-1]):
            told = reader.run("info", writer.cwd / "parts.adm", "--json")
            _expect(told.code == 0 and json.loads(told.out)["kind"] == "model", told.err)
        return "updated, evaluated, and read by the other program"

    def check_kinds(self) -> str:
        """Every kind is read; 16-bit and floating-point pictures do not fit a model of 8-bit ones, and are told so."""
        said = self.same("predict", "parts.adm", self.data / "kinds", "--json", code=1).splitlines()
        scored = [told for told in map(json.loads, said) if not told["error"]]
        _expect(len(scored) == len(said) - 2 == 10, f"{len(scored)} of {len(said)} pictures were scored")
        self.same("info", *sorted((self.data / "kinds").iterdir()), "--json")
        return f"{len(said)} kinds of picture"

    def check_zero_shot(self) -> str:
        """AnomalyCLIP on a small random network and few pictures, with open_clip's own vocabulary."""
        sys.path.insert(0, str(ROOT / "tests"))
        from tiny_clip import tiny_weights

        weights = self.data.with_name("clip.safetensors")
        shutil.copyfile(tiny_weights(), weights)  # not its rights: nobody has to read it
        chosen = ("--detector", "anomalyclip", "--set", f"weights={weights}")
        self.same("fit", self.data / "sample" / "test" / "hole", *chosen, "--out", "zero.adm")
        self.same("predict", "zero.adm", self.data / "sample" / "test" / "dent", "--json")
        return "anomalyclip"

    def check_nifti(self) -> str:
        scans = self.data / "scans"
        self.same("info", scans / "lesion.nii", "--json")
        self.same("fit", scans / "healthy", "--out", "scans.adm", "--json", *SCAN_OPTIONS)
        self.same("predict", "scans.adm", scans / "lesion.nii", "--out", "nifti", "--json")
        maps = [nibabel.load(path) for p in self._both() for path in (p.cwd / "nifti").rglob("anomaly_map.nii.gz")]
        values = [np.asarray(image.dataobj) for image in maps]
        _expect(values[0].shape == smoke_data.SHAPE[::-1], f"a map of {values[0].shape}")
        _expect(float(np.abs(values[0] - values[1]).max()) <= TOLERANCE, "the maps differ")
        return f"map of {values[0].shape}"

    def check_nrrd_and_metaimage(self) -> str:
        """What is converted holds the voxels that were written, in the same places, and gets the NIfTI's score."""
        wanted, files = smoke_data.head(9, lesion=True), sorted((self.data / "scans" / "itk").glob("lesion*.[nm]*"))
        for path in files:
            self.same("info", path, "--json")
            self.same("convert", path, "--out", f"{path.name}.nii.gz")
            image = nibabel.as_closest_canonical(nibabel.load(self.frozen.cwd / f"{path.name}.nii.gz"))
            found = np.asarray(image.dataobj)[::-1, ::-1].transpose(2, 1, 0)
            _expect(np.array_equal(found, wanted), f"{path.name}: other values than were written")
            spacing = tuple(map(float, image.header.get_zooms()[::-1]))
            _expect(np.allclose(spacing, smoke_data.SPACING), f"{path.name}: {spacing} mm")
        scores = [self.score("scans.adm", path) for path in (self.data / "scans" / "lesion.nii", *files)]
        # NIfTI keeps places and distances with 32 bits.
        _expect(np.ptp(scores[1:]) <= TOLERANCE and np.allclose(scores, scores[0], rtol=1e-5), f"scores {scores}")
        return f"{', '.join(path.suffix for path in files)}, score {scores[0]:.3f} as from NIfTI"

    def check_autopaint(self) -> str:
        """A network is trained for a few steps, and the ready-made model finds the lesions of the sample scan."""
        scans, resources = self.data / "scans", self.bundle / "_internal" / "resources"
        self.same("fit", scans / "healthy", "--out", "paint.adm", "--json", *PAINT_OPTIONS)
        fitted = self.score("paint.adm", scans / "lesion.nii")
        sample = resources / "scans" / "brain-two-lesions.nii.gz"
        ready = self.score(resources / "models" / "brain-t1.adm", sample, "--out", "brain")
        maps = [nibabel.load(path) for p in self._both() for path in (p.cwd / "brain").rglob("anomaly_map.nii.gz")]
        values = [np.asarray(image.dataobj) for image in maps]
        _expect(float(np.abs(values[0] - values[1]).max()) <= TOLERANCE, "the maps differ")
        return f"fitted for 3 steps: score {fitted:.3f}; ready-made model on the sample scan: {ready:.3f}"

    def check_dicom(self) -> str:
        """Series in every transfer syntax are converted; a DICOM SEG is written."""
        wanted = smoke_data.head(9, lesion=True).transpose(2, 1, 0)
        for syntax in smoke_data.SYNTAXES:
            series = self.data / "scans" / "dicom" / syntax
            self.same("convert", series, "--out", f"{syntax}.nii.gz")
            image = nibabel.as_closest_canonical(nibabel.load(self.frozen.cwd / f"{syntax}.nii.gz"))
            found = np.asarray(image.dataobj)[::-1, ::-1]
            _expect(np.array_equal(found, wanted.clip(-1024)), f"{syntax}: other values than were written")
        self.same(
            "predict", "scans.adm", self.data / "scans" / "dicom" / "plain", "--out", "seg", "--dicom-seg", "--json"
        )
        segs = [path for path in (self.frozen.cwd / "seg").rglob("*.dcm") if pydicom.dcmread(path).Modality == "SEG"]
        _expect(len(segs) == 1, f"{len(segs)} DICOM SEG")
        return f"{', '.join(smoke_data.SYNTAXES)}; SEG of {segs[0].stat().st_size:,} bytes"

    def check_window(self) -> str:
        with Display() as display:
            return run_window(self.window_program, self.frozen, display, self.pictures)

    def check_offscreen(self) -> str:
        return run_offscreen(self.window_program, self.frozen)

    def check_home(self) -> str:
        """What it keeps lies in folders of its own; none of its libraries keeps anything elsewhere."""
        kept = [path.relative_to(self.frozen.home) for path in self.frozen.home.rglob("*") if path.is_file()]
        foreign = [str(path) for path in kept if not {"ad-desktop", "AD Desktop"} & set(path.parts)]
        _expect(not foreign, f"in its home: {foreign}")
        return f"{len(kept)} files in its home, all in its own folders"

    def check_nothing_changed(self) -> str:
        _expect(_states(self.data) | _states(self.bundle) == self.before, "data or bundle were changed")
        return "data and bundle are as before"

    def check_no_network_or_python(self) -> str:
        """What is loaded comes from the bundle or is the system's: no module of another Python."""
        said = self.frozen.run("info", "--json")
        _expect("site-packages" not in said.out + said.err, "it looks into another Python")
        return "nothing of another Python"

    def _both(self) -> list[Program]:
        return [self.frozen, self.unfrozen]


def _expect(true: bool, otherwise: str) -> None:
    if not true:
        raise AssertionError(otherwise)


def _states(folder: Path) -> dict[str, tuple[int, int]]:
    return {str(p): (p.stat().st_size, p.stat().st_mtime_ns) for p in folder.rglob("*") if p.is_file()}


def _difference(first: str, second: str) -> float:
    """Largest difference of numbers in two texts, JSON line by line; infinite where anything else differs."""
    if first == second:
        return 0.0
    try:
        pairs = [(json.loads(a), json.loads(b)) for a, b in zip(first.splitlines(), second.splitlines(), strict=True)]
    except ValueError:
        return float("inf")
    return max((_apart(a, b) for a, b in pairs), default=0.0)


def _apart(a: Any, b: Any) -> float:
    if isinstance(a, dict) and isinstance(b, dict) and a.keys() == b.keys():
        return max((_apart(a[key], b[key]) for key in a if key not in ("seconds", "created")), default=0.0)
    if isinstance(a, list) and isinstance(b, list) and len(a) == len(b):
        return max((_apart(x, y) for x, y in zip(a, b, strict=True)), default=0.0)
    if isinstance(a, float | int) and isinstance(b, float | int):
        return abs(a - b)
    return 0.0 if a == b else float("inf")


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("bundle", type=Path)
    parser.add_argument("--pictures", type=Path, default=Path(tempfile.gettempdir()), help="folder for screenshots")
    parser.add_argument("--only", nargs="*", default=[], metavar="CHECK", help="names of checks, such as dicom")
    chosen = parser.parse_args()
    chosen.pictures.mkdir(parents=True, exist_ok=True)
    failed = 0
    with tempfile.TemporaryDirectory(prefix="ad-desktop-smoke-", ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o755)
        smoke = Smoke(chosen.bundle.resolve(), Path(name), chosen.pictures.absolute())
        checks = [(n.removeprefix("check_"), getattr(smoke, n)) for n in vars(Smoke) if n.startswith("check_")]
        for title, check in checks:
            if not chosen.only or title in chosen.only:
                failed += not _passes(title, check)
        print(f"largest difference of a number from the unfrozen program: {getattr(smoke, 'worst', 0.0):g}")
    print("all passed" if not failed else f"{failed} failed")
    return min(failed, 1)


def _passes(title: str, check: Callable[[], str]) -> bool:
    started = time.monotonic()
    try:
        said = check()
    except Exception as error:
        print(f"FAILED {title}: {type(error).__name__}: {error}", flush=True)
        return False
    print(f"ok     {title} ({time.monotonic() - started:.0f} s): {said}", flush=True)
    return True


if __name__ == "__main__":
    sys.exit(main())
