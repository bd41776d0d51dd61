"""What goes into the bundle and what stays out, without building one."""

from __future__ import annotations

import importlib
import sys
import tomllib
from pathlib import Path
from types import ModuleType

import pytest

PACKAGING = Path(__file__).parents[2] / "packaging"


@pytest.fixture(scope="module")
def bundle() -> ModuleType:
    return load("bundle")


def load(name: str) -> ModuleType:
    sys.path.insert(0, str(PACKAGING))
    try:
        return importlib.import_module(name)
    finally:
        sys.path.remove(str(PACKAGING))


KEPT = [
    "torch/cuda/__init__.py",
    "torch/_inductor/codegen/cuda/cuda_env.py",
    "torch/_inductor/fx_passes/post_grad.py",
    "torch/testing/_internal/logging_tensor.py",
    "torch/testing/_internal/distributed/fake_pg.py",
    "torch/bin/torch_shm_manager",
    "torch/lib/libtorch_cpu.so",
    "torch/_native/ops/triton/kernel.py",
    "PySide6/Qt/plugins/platforms/libqxcb.so",
    "PySide6/Qt/plugins/iconengines/libqsvgicon.so",
    "_gdcm/gdcmswig.py",
    "qtawesome/fonts/materialdesignicons6-webfont-6.9.96.ttf",
    "resources/sample/test/good/000.jpg",
]
DROPPED = [
    "torch/include/ATen/ATen.h",
    "torch/bin/protoc",
    "torch/lib/libjitbackend_test.so",
    "triton/_C/libtriton.so",
    "PySide6/Qt/plugins/platforms/libqvnc.so",
    "PySide6/Qt/plugins/sqldrivers/libqsqlite.so",
    "PySide6/Qt/translations/qt_de.qm",
    "_gdcm/gdcmconv",
    "qtawesome/fonts/fontawesome5-solid-webfont-5.15.4.ttf",
    "sklearn/datasets/data/iris.csv",
]


def test_files_stay_out_by_their_whole_path(bundle):
    entries = [(name, f"/somewhere/{name}", "DATA") for name in (*DROPPED, *KEPT)]
    assert [name for name, _, _ in bundle.trimmed(entries)] == sorted(KEPT)


def test_it_is_built_on_what_the_project_names_and_no_tools(bundle):
    names = [bundle.canonicalize_name(dist.metadata["Name"]) for dist in bundle.distributions()]
    project = tomllib.loads((PACKAGING.parent / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    wanted = {bundle.canonicalize_name(bundle.Requirement(text).name) for text in project["dependencies"]}
    assert wanted <= set(names)
    assert names == sorted(names)
    assert not {"pytest", "mypy", "ruff", "pyinstaller", "triton", "setuptools"} & set(names)


def test_metadata_that_packages_find_their_parts_by_is_taken_along(bundle):
    files = {Path(source).name + " " + target.partition("-")[0] for source, target in bundle.metadata()}
    assert {"METADATA torch", "METADATA numpy", "entry_points.txt pylibjpeg_openjpeg"} <= files


def test_codecs_of_tiff_files_are_kept(bundle):
    names = [f"imagecodecs._{name}" for name in ("tiff", "imcd", "zstd", "jpeg2k", "webp", "png", "blosc", "avif")]
    assert bundle.codecs(names) == names[:6]


def test_every_package_has_its_licence_in_the_table(bundle, tmp_path):
    licences = load("licences")
    (tmp_path / "_internal").mkdir()
    count = licences.collect(tmp_path)
    table = (tmp_path / licences.FOLDER / "PACKAGES.txt").read_text(encoding="utf-8").splitlines()
    rows = {line.split("\t")[0]: line.split("\t")[2] for line in table}
    assert len(rows) == count == len(bundle.distributions()) + 1
    assert all(rows.values())
    assert "LGPL" in rows["PySide6_Essentials"]
    [qt] = (tmp_path / licences.FOLDER).glob("PySide6*")
    assert "GNU LESSER GENERAL PUBLIC LICENSE" in (qt / "LGPL-3.0.txt").read_text()
    assert list((tmp_path / licences.FOLDER).glob("numpy-*/*LICENSE*"))
