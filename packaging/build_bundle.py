"""Makes the folder that is handed out: runs PyInstaller, trims, adds licences and installer, lists what is in it."""

from __future__ import annotations

import argparse
import compileall
import hashlib
import json
import os
import platform
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
from collections import Counter
from importlib.metadata import version
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

import licences  # noqa: E402

import ad_desktop  # noqa: E402

LIST = "FILES.sha256"
INSIDE = "_internal"
_STRIPPED = re.compile(r"(libtorch_|libpython3|_CharLS\.|_openjpeg\.|_imaging\.|_regex\.|_fmm_core\.|_yaml\.)")
"""Libraries whose symbols for debuggers take megabytes: torch's about a hundred. Others are stripped already, or were
moved about by the tools that make wheels, which strip does not understand."""
_LARGE_TABLE = 10_000_000
_SPRING_2026 = "1767225600"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, epilog="Takes minutes, and twice the bundle's size on disk.")
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder in which the bundle is made")
    parser.add_argument("--work", type=Path, default=ROOT / "build", help="folder for PyInstaller's own files")
    chosen = parser.parse_args()
    folder = chosen.out.absolute() / bundle_name()
    freeze(folder, chosen.work.absolute())
    drop_dangling(folder)
    link_window(folder)
    lay_open(folder / INSIDE / "shiboken6")
    write_tables(folder / INSIDE)
    compile_sources(folder / INSIDE / "shiboken6", folder / INSIDE)
    strip_symbols(folder / INSIDE)
    add_installer(folder)
    count = licences.collect(folder)
    write_list(folder)
    print_sizes(folder)
    print(f"licences of {count} packages in {folder / licences.FOLDER}")
    print(f"{folder}: {megabytes(size(folder)):,.0f} MB")
    return 0


def bundle_name() -> str:
    """Name of the folder: program, version, system, and what torch was built for."""
    import torch

    device = f"cuda{torch.version.cuda}" if torch.version.cuda else "cpu"
    return f"ad-desktop-{ad_desktop.__version__}-{sys.platform}-{platform.machine().lower()}-{device}"


def freeze(folder: Path, work: Path) -> None:
    """Run PyInstaller; with fixed seed and date, so that the same sources give the same files."""
    environment = {**os.environ, "PYTHONHASHSEED": "0", "SOURCE_DATE_EPOCH": _SPRING_2026,
                   "AD_DESKTOP_BUNDLE": folder.name, "QT_QPA_PLATFORM": "offscreen"}  # fmt: skip
    subprocess.run(
        [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN", "--distpath", str(folder.parent),
         "--workpath", str(work), str(ROOT / "packaging" / "ad_desktop.spec")],
        env=environment, cwd=ROOT, check=True,
    )  # fmt: skip


def drop_dangling(folder: Path) -> None:
    """Remove links that PyInstaller made to libraries that are left out."""
    for path in sorted(folder.rglob("*")):
        if path.is_symlink() and not path.exists():
            path.unlink()


def link_window(folder: Path) -> None:
    """The window's program, where one program serves for both: an archive of all modules is in each."""
    window = folder / "ad-desktop-window"
    if sys.platform not in ("win32", "darwin"):
        window.symlink_to("ad-desktop")


def lay_open(target: Path) -> None:
    """Put PySide's own modules there as files: those inside its library it would compile at every start.

    What writes stubs for editors is left empty: it is loaded at every start, too, and takes as long as all the others.
    """
    import shiboken6

    with tempfile.TemporaryDirectory() as name:
        copy = Path(name, "shiboken6")
        shutil.copytree(Path(shiboken6.__file__).parent, copy)
        subprocess.run(
            [sys.executable, "-c", "import shiboken6.Shiboken"], check=True,
            env={**os.environ, "PYTHONPATH": name, "SBK_EMBED": "0"},
        )  # fmt: skip
        shutil.copytree(copy / "files.dir", target / "files.dir", ignore=shutil.ignore_patterns("__pycache__"))
    (target / "files.dir" / "shibokensupport" / "signature" / "lib" / "pyi_generator.py").write_bytes(b"")


def compile_sources(folder: Path, inside: Path) -> None:
    """Compile the modules of ``folder``, to files that fit whatever time the copies have."""
    compileall.compile_dir(
        folder, quiet=2, maxlevels=99, stripdir=str(inside),
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )  # fmt: skip


def write_tables(inside: Path) -> None:
    """Write large tables without the spaces that nobody reads: of the DICOM standard's, these are a third."""
    for path in inside.rglob("*.json"):
        if path.stat().st_size > _LARGE_TABLE:
            table = json.loads(path.read_bytes())
            path.write_text(json.dumps(table, ensure_ascii=False, separators=(",", ":")), encoding="utf-8")


def strip_symbols(inside: Path) -> None:
    """Take the symbols for debuggers out of torch's own libraries, where the tool for it is there."""
    tool = shutil.which("strip")
    if tool is None or sys.platform != "linux":
        return
    for library in inside.rglob("*.so*"):
        wanted = _STRIPPED.match(library.name) or library.parent.name in ("imagecodecs", "lib-dynload")
        if wanted and not library.is_symlink():
            subprocess.run([tool, "--strip-unneeded", str(library)], check=True)


def add_installer(folder: Path) -> None:
    """What puts the program into the user's menu, and the licence."""
    shutil.copy2(ROOT / "LICENSE", folder / "LICENSE")
    if sys.platform != "linux":
        return
    share = folder / "share"
    share.mkdir()
    for name in ("ad-desktop.desktop", "org.example.ad_desktop.metainfo.xml"):
        shutil.copy2(ROOT / "packaging" / name, share / name)
    shutil.copy2(ROOT / "packaging" / "install.sh", folder / "install.sh")


def files(folder: Path) -> list[Path]:
    """Every file and link of the bundle, in the order of their names."""
    return sorted(path for path in folder.rglob("*") if path.is_file() or path.is_symlink())


def write_list(folder: Path) -> None:
    """All files with their hashes, to be checked with sha256sum --check."""
    (folder / LIST).unlink(missing_ok=True)
    lines = []
    for path in files(folder):
        with path.open("rb") as stream:
            lines.append(f"{hashlib.file_digest(stream, 'sha256').hexdigest()}  {path.relative_to(folder).as_posix()}")
    (folder / LIST).write_text("\n".join(lines) + "\n", encoding="utf-8", newline="\n")


def size(folder: Path) -> int:
    """Bytes of all files; a link takes none."""
    return sum(path.stat().st_size for path in files(folder) if not path.is_symlink())


def print_sizes(folder: Path) -> None:
    """Megabytes by package, the largest first."""
    sizes: Counter[str] = Counter()
    for path in files(folder):
        if not path.is_symlink():
            parts = path.relative_to(folder).parts
            top = parts[1] if parts[0] == INSIDE and len(parts) > 2 else "single files"
            sizes[top.removesuffix(".libs")] += path.stat().st_size
    for name, taken in sizes.most_common():
        if megabytes(taken) >= 1:
            print(f"{megabytes(taken):8.1f} MB  {name}")


def megabytes(count: int) -> float:
    return count / 1e6


if __name__ == "__main__":
    print(f"PyInstaller {version('pyinstaller')}, Python {platform.python_version()}")
    sys.exit(main())
