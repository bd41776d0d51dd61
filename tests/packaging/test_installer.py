"""The installer, on a folder that looks like a bundle; the version in all places; AppStream's own check."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

import ad_desktop

ROOT = Path(__file__).parents[2]
PACKAGING = ROOT / "packaging"
METAINFO = PACKAGING / "org.example.ad_desktop.metainfo.xml"

linux = pytest.mark.skipif(sys.platform != "linux", reason="the installer is for Linux")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A bundle with a script in place of the program."""
    made = tmp_path / "given folder"
    shutil.copytree(ROOT / "resources" / "icons", made / "_internal" / "resources" / "icons")
    (made / "share").mkdir()
    for name in ("ad-desktop.desktop", METAINFO.name):
        shutil.copy(PACKAGING / name, made / "share")
    shutil.copy(PACKAGING / "install.sh", made)
    (made / "ad-desktop").write_text('#!/bin/sh\necho "ran $0 $*"\n')
    (made / "ad-desktop").chmod(0o755)
    (made / "ad-desktop-window").symlink_to("ad-desktop")
    lines = [
        f"{hashlib.sha256(p.read_bytes()).hexdigest()}  {p.relative_to(made)}" for p in made.rglob("*") if p.is_file()
    ]
    (made / "FILES.sha256").write_text("\n".join(sorted(lines)) + "\n")
    return made


def run(folder: Path, home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    home.mkdir(exist_ok=True)
    environment = {k: v for k, v in os.environ.items() if not k.startswith("XDG_")} | {"HOME": str(home)}
    return subprocess.run(
        ["bash", folder / "install.sh", *arguments], env=environment, capture_output=True, text=True, check=False
    )


@linux
def test_it_installs_for_one_user_and_removes_all_of_it(folder, tmp_path):
    home = tmp_path / 'home "of" $me'
    for _ in range(2):  # the second time over the first
        done = run(folder, home)
        assert (done.returncode, done.stderr) == (0, "")
    command = home / ".local" / "bin" / "ad-desktop"
    said = subprocess.run([command, "a b"], capture_output=True, text=True, check=True).stdout
    assert said == f"ran {command} a b\n"
    data = home / ".local" / "share"
    entry = (data / "applications" / "ad-desktop.desktop").read_text()
    path = f"{data}/ad-desktop/ad-desktop-window".replace('"', r"\\" + '"').replace("$", r"\\$")
    assert f'\nExec="{path}" %F\n' in entry
    assert len(list((data / "icons").rglob("ad-desktop.*"))) == 9
    assert (data / "metainfo" / METAINFO.name).is_file()
    shutil.rmtree(folder)  # it needs the folder it came from no more
    (home / ".config").mkdir()
    removed = run(data / "ad-desktop", home, "--uninstall")
    assert (removed.returncode, removed.stderr) == (0, "")
    # The desktop's own list of entries is kept up to date, not removed.
    assert [p.name for p in home.rglob("*") if not p.is_dir() and p.name != "mimeinfo.cache"] == []
    assert (home / ".config").is_dir()


@linux
def test_it_leaves_alone_what_is_not_its_own(folder, tmp_path):
    home = tmp_path / "home"
    mine = home / ".local" / "bin" / "ad-desktop"
    mine.parent.mkdir(parents=True)
    mine.write_text("mine")
    (home / ".local" / "share" / "ad-desktop").mkdir(parents=True)
    (home / ".local" / "share" / "ad-desktop" / "notes").write_text("mine")
    for arguments in ([], ["--uninstall"]):
        done = run(folder, home, *arguments)
        assert done.returncode == 1
        assert "AD Desktop: " in done.stderr
    assert mine.read_text() == "mine"
    shutil.rmtree(home / ".local" / "share" / "ad-desktop")
    assert "is kept" in run(folder, home).stderr
    assert run(folder, home, "--uninstall").returncode == 0
    assert mine.read_text() == "mine"


@linux
def test_a_damaged_copy_is_refused(folder, tmp_path):
    (folder / "ad-desktop").write_text("half")
    done = run(folder, tmp_path / "home")
    assert done.returncode == 1
    assert "copy the folder again" in done.stderr
    assert not (tmp_path / "home" / ".local").exists()


def test_the_version_is_in_one_place():
    release = ET.parse(METAINFO).getroot().find("releases/release")  # noqa: S314 - our own file
    assert release is not None
    assert release.get("version") == ad_desktop.__version__
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    assert project["tool"]["hatch"]["version"]["path"] == "ad_desktop/__init__.py"
    assert "version" in project["project"]["dynamic"]
    others = [path for path in PACKAGING.iterdir() if path.suffix in (".py", ".spec", ".sh", "") and path.is_file()]
    number = re.compile(rf"(?<![\d.]){re.escape(ad_desktop.__version__)}(?![\d.])")
    assert not [path.name for path in others if number.search(path.read_text(encoding="utf-8"))]


def test_desktop_entry_and_metadata_name_what_there_is():
    root = ET.parse(METAINFO).getroot()  # noqa: S314 - our own file
    assert root.findtext("launchable") == "ad-desktop.desktop"
    entry = dict(
        line.split("=", 1) for line in (PACKAGING / "ad-desktop.desktop").read_text().splitlines() if "=" in line
    )
    assert entry["Icon"] == "ad-desktop"
    assert [f"{c.text};" for c in root.findall("categories/category")] == [
        f"{c};" for c in entry["Categories"].split(";") if c
    ]
    scripts = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    assert {b.text for b in root.findall("provides/binary")} == {*scripts["scripts"], *scripts["gui-scripts"]}


def test_the_desktop_accepts_the_entry():
    tool = shutil.which("desktop-file-validate")
    if tool is None:
        pytest.skip("desktop-file-validate is not installed")
    done = subprocess.run([tool, PACKAGING / "ad-desktop.desktop"], capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout) == (0, "")


def test_appstream_accepts_the_metadata():
    tool = shutil.which("appstreamcli")
    if tool is None:
        pytest.skip("appstreamcli is not installed")
    done = subprocess.run(
        [tool, "validate", "--no-net", "--pedantic", METAINFO], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
