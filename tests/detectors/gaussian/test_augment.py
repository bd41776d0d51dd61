from __future__ import annotations

import hashlib

import numpy as np
import pytest
from pictures import textured
from scipy.ndimage import rotate

from ad_desktop.detectors.gaussian.augment import augmented

SHA = hashlib.sha256(b"a").hexdigest()


def test_copies_are_the_same_for_the_same_file_and_differ_between_files() -> None:
    pixels = textured(0, 32, 3)
    first, again = augmented(pixels, SHA, 4), augmented(pixels.copy(), SHA, 4)
    assert all(np.array_equal(a, b) for a, b in zip(first, again, strict=True))
    assert all(np.array_equal(a, b) for a, b in zip(first[:2], augmented(pixels, SHA, 2), strict=True))
    assert not np.array_equal(first[0], first[1])
    assert not np.array_equal(first[0], augmented(pixels, hashlib.sha256(b"b").hexdigest(), 1)[0])
    assert augmented(pixels, SHA, 0) == []


@pytest.mark.parametrize("dtype", [np.uint8, np.float32])
def test_copies_are_pictures_of_the_same_kind(dtype: type) -> None:
    pixels = textured(0, 32, 3).astype(dtype)
    for copy in augmented(pixels, SHA, 20):
        assert copy.shape == pixels.shape
        assert copy.dtype == np.float32
        assert copy.min() >= 0
        assert copy.max() <= 255
        # No empty corners: what lies outside is mirrored in.
        assert abs(copy.mean() / pixels.mean() - 1) < 0.15


def test_a_copy_is_the_picture_mirrored_turned_and_brightened() -> None:
    rows, columns = np.mgrid[:64, :64] / 63
    smooth = np.stack([60 + 80 * rows, 60 + 80 * columns, 100 + 40 * rows * columns], axis=2).astype(np.float32)
    inner = slice(16, 48)
    for copy in augmented(smooth, SHA, 6):
        best = np.inf
        for flipped in (smooth, smooth[::-1], smooth[:, ::-1], smooth[::-1, ::-1]):
            for angle in np.arange(-15, 15.01, 0.5):
                turned = rotate(flipped, angle, reshape=False, order=1, mode="mirror")[inner, inner]
                scale = (copy[inner, inner] * turned).sum() / (turned**2).sum()
                if 0.9 <= scale <= 1.1:
                    best = min(best, float(np.abs(copy[inner, inner] / scale - turned).max()))
        assert best < 1
