"""Listing what the user named."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest
import tifffile
from hypothesis import given
from hypothesis import strategies as st
from pictures import encoded, textured, write_bad_files

from ad_desktop.data.folders import natural_key, scan
from ad_desktop.data.samples import Sample
from ad_desktop.errors import Cancelled
from ad_desktop.task import Task

PNG = encoded(textured(0, 8), "PNG")


def touch(folder: Path, *names: str, content: bytes = PNG) -> list[Path]:
    paths = [folder / name for name in names]
    for path in paths:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return paths


def found(*paths: Path) -> list[str]:
    """Names of the samples below the first path; there must be no failure."""
    result = scan(paths)
    assert result.failures == []
    return [str(sample.path.relative_to(paths[0])) for sample in result.samples]


def test_natural_order_files_before_sub_folders(tmp_path: Path) -> None:
    names = ["part 10.png", "part 2.PNG", "Part 1.jpg", "b/2.png", "b/10.png", "a10/x.png", "a9/x.png", "a9/c/1.bmp"]
    touch(tmp_path, *names)
    assert found(tmp_path) == ["Part 1.jpg", "part 2.PNG", "part 10.png", "a9/x.png", "a9/c/1.bmp", "a10/x.png",
                               "b/2.png", "b/10.png"]  # fmt: skip


@given(st.lists(st.text(max_size=12), max_size=8))
def test_natural_key_sorts_any_names_the_same_way(names: list[str]) -> None:
    backwards = names[::-1]
    assert sorted(names, key=natural_key) == sorted(backwards, key=natural_key)


@given(st.integers(0, 10**9), st.integers(0, 10**9))
def test_natural_key_counts(first: int, second: int) -> None:
    assert (natural_key(f"img_{first}.png") < natural_key(f"img_{second}.png")) == (first < second)


def test_what_is_no_picture_is_passed_over_in_folders(tmp_path: Path) -> None:
    touch(tmp_path, "a.png", "._a.png", ".hidden/b.png", "__MACOSX/a.png", "@eaDir/a.jpg", "Thumbs.db", "notes.txt",
          "$RECYCLE.BIN/x.png", "noname")  # fmt: skip
    assert found(tmp_path) == ["a.png"]


def test_a_hidden_folder_named_by_the_user_is_opened(tmp_path: Path) -> None:
    touch(tmp_path, ".hidden/a.png")
    assert found(tmp_path / ".hidden") == ["a.png"]


def test_files_keep_the_users_order_and_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "b.png", "a.png", "c/d.png")
    monkeypatch.chdir(tmp_path)
    result = scan([Path("b.png"), Path("c"), Path("a.png")])
    assert result.samples == [Sample(Path("b.png")), Sample(Path("c/d.png")), Sample(Path("a.png"))]


def test_a_file_reached_twice_is_one_sample(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a.png", "b/c.png")
    monkeypatch.chdir(tmp_path)
    paths = [
        tmp_path / "a.png",
        Path("a.png"),
        tmp_path,
        tmp_path / "b",
        tmp_path / "b" / ".." / "b" / "c.png",
        tmp_path,
    ]
    result = scan(paths)
    assert [sample.path for sample in result.samples] == [tmp_path / "a.png", tmp_path / "b" / "c.png"]
    assert result.failures == []


def test_links(tmp_path: Path) -> None:
    touch(tmp_path, "x/a.png", "z/b.png", "elsewhere/c.png")
    top = tmp_path / "x"
    (top / "circle").symlink_to(tmp_path / "x", target_is_directory=True)
    (top / "self.png").symlink_to(top / "self.png")
    (top / "twin.png").symlink_to(top / "a.png")
    (top / "other").symlink_to(tmp_path / "z", target_is_directory=True)
    (top / "linked.png").symlink_to(tmp_path / "elsewhere" / "c.png")
    assert found(top) == ["a.png", "linked.png", "self.png", "other/b.png"]


def test_files_named_by_themselves_fail_with_their_reason(tmp_path: Path) -> None:
    bad = write_bad_files(tmp_path)
    (text,) = touch(tmp_path, "notes.txt", content=b"hello")
    named = [bad[name] for name in ("empty.png", "text.png", "missing.png", "folder.png")]
    result = scan([*named, text])
    assert result.samples == []
    assert [failure.path for failure in result.failures] == [str(path) for path in (*named, text)]
    reasons = [failure.reason for failure in result.failures]
    for reason, words in zip(reasons, ("empty", "holds no picture", "does not exist", "the folder holds no pictures",
                                       "no picture of a known format"), strict=True):  # fmt: skip
        assert words in reason


def test_a_picture_without_a_suffix_counts_when_named(tmp_path: Path) -> None:
    paths = touch(tmp_path, "photo", "photo.dat")
    assert [sample.path for sample in scan(paths).samples] == paths


def test_damaged_files_in_folders_are_listed_so_that_they_are_seen(tmp_path: Path) -> None:
    write_bad_files(tmp_path)
    touch(tmp_path, "empty.tif", content=b"")
    result = scan([tmp_path])
    names = [sample.name for sample in result.samples]
    assert names == ["bomb.png", "empty.png", "empty.tif", "text.png", "truncated.jpg"]
    assert result.failures == []


@pytest.mark.parametrize("names", [(), ("readme.txt", "sub/Thumbs.db"), (".a.png",)])
def test_a_folder_without_pictures_says_so_once(tmp_path: Path, names: tuple[str, ...]) -> None:
    touch(tmp_path, *names)
    result = scan([tmp_path])
    assert [failure.path for failure in result.failures] == [str(tmp_path)]
    assert "the folder holds no pictures: files of BMP, JPEG, PNG, TIFF or WebP are needed" in result.failures[0].reason


def test_a_folder_that_cannot_be_opened(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    touch(tmp_path, "a/1.png", "locked/1.png", "z/1.png")
    original = os.scandir

    def refuse(path: str | os.PathLike[str]) -> object:
        if Path(path).name == "locked":
            raise PermissionError(13, "Permission denied")
        return original(path)

    monkeypatch.setattr(os, "scandir", refuse)
    result = scan([tmp_path])
    assert [sample.path.parent.name for sample in result.samples] == ["a", "z"]
    assert [(failure.path, failure.reason) for failure in result.failures] == [
        (str(tmp_path / "locked"), "the folder cannot be opened: Permission denied")
    ]


def test_pages_become_samples(tmp_path: Path) -> None:
    tifffile.imwrite(tmp_path / "b.TIF", np.zeros((3, 8, 9), np.uint8), photometric="minisblack")
    tifffile.imwrite(tmp_path / "c.tif", np.zeros((8, 9), np.uint8))
    touch(tmp_path, "a.png", "broken.tiff", content=b"II*\0junk")
    touch(tmp_path, "a.png")
    stack = tmp_path / "b.TIF"
    wanted = [Sample(tmp_path / "a.png"), *(Sample(stack, page) for page in range(3)), Sample(tmp_path / "broken.tiff"),
              Sample(tmp_path / "c.tif")]  # fmt: skip
    assert scan([tmp_path]).samples == wanted
    assert scan([stack]).samples == wanted[1:4]
    stack.rename(tmp_path / "stack")
    assert len(scan([tmp_path / "stack"]).samples) == 3


def test_ten_thousand_files_are_listed_fast_and_can_be_cancelled(tmp_path: Path) -> None:
    for number in range(10_000):
        (tmp_path / f"{number}.png").touch()
    task = Task()
    start = time.thread_time()
    result = scan([tmp_path], task)
    assert time.thread_time() - start < 2
    assert [sample.name for sample in result.samples] == [f"{number}.png" for number in range(10_000)]
    assert task.progress.done > 9_000
    task.cancel()
    with pytest.raises(Cancelled):
        scan([tmp_path], task)


def test_nothing_named_gives_nothing() -> None:
    result = scan([])
    assert (result.samples, result.failures) == ([], [])
