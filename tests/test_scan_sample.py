"""The scan with lesions that comes with the program: whole, told where it is from, and made by its script."""

from __future__ import annotations

import importlib
import sys
from pathlib import Path

import nibabel
import numpy as np
import pytest
from scipy import ndimage

from ad_desktop.resources import resource
from ad_desktop.workflows.store import load_model

PACKAGING = Path(__file__).parents[1] / "packaging"
SCAN, MASK = "brain-two-lesions.nii.gz", "brain-two-lesions_mask.nii.gz"


def values(image: nibabel.Nifti1Image) -> np.ndarray:
    return np.asarray(image.dataobj)


def test_it_is_small_and_says_where_it_is_from():
    assert resource("scans", SCAN).stat().st_size < 500_000
    text = resource("scans", "README.md").read_text(encoding="utf-8")
    assert "CC BY-SA 3.0" in text
    assert "IXI213-HH-1642" in text
    assert (PACKAGING / "make_scan_sample.py").is_file()
    assert "IXI213" in str(nibabel.load(resource("scans", SCAN)).header["descrip"])


def test_the_model_beside_it_never_saw_it():
    model = load_model(resource("models", "brain-t1.adm"), "cpu")
    assert not [key for key in model.normal_keys if "IXI213" in key]


def test_its_mask_has_two_lesions_inside_the_brain():
    scan, mask = nibabel.load(resource("scans", SCAN)), nibabel.load(resource("scans", MASK))
    np.testing.assert_array_equal(scan.affine, mask.affine)
    labels, count = ndimage.label(values(mask))
    assert count == 2
    assert (values(scan)[values(mask) > 0] > 0).all()
    millilitres = np.bincount(labels.ravel())[1:] * abs(np.linalg.det(scan.affine[:3, :3])) / 1000
    assert sorted(millilitres) == pytest.approx([1.7, 3.3], abs=0.05)


def test_the_script_makes_it_again(shared):
    sys.path.insert(0, str(PACKAGING))
    try:
        script = importlib.import_module("make_scan_sample")
    finally:
        sys.path.remove(str(PACKAGING))
    for made, name in zip(script.make(shared / "data" / "ixi_t1_2mm" / "validation"), (SCAN, MASK), strict=True):
        there = nibabel.load(resource("scans", name))
        np.testing.assert_array_equal(values(made), values(there))
        np.testing.assert_allclose(made.affine, there.affine, atol=1e-4)
