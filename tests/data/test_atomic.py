from __future__ import annotations

import errno
import os
import stat
import sys
import time
from pathlib import Path

import pytest

from ad_desktop.data.atomic import atomic_path, remove_leftovers
from ad_desktop.errors import Cancelled, UserError

posix = pytest.mark.skipif(sys.platform == "win32", reason="POSIX permissions and links")


def left(folder: Path) -> list[str]:
    return sorted(p.name for p in folder.iterdir())


def test_a_new_file_and_a_replaced_one(tmp_path: Path) -> None:
    target = tmp_path / "größe.bin"
    for content in (b"first", b"second"):
        with atomic_path(target) as temporary:
            assert temporary.parent == tmp_path
            assert temporary.suffix == ".bin"
            temporary.write_bytes(content)
            assert not target.exists() or target.read_bytes() == b"first"
        assert target.read_bytes() == content
        assert left(tmp_path) == ["größe.bin"]


@pytest.mark.parametrize("error", [Cancelled, KeyboardInterrupt, ValueError("x")])
def test_nothing_is_left_behind_after_a_failure(tmp_path: Path, error: BaseException) -> None:
    target = tmp_path / "a.bin"
    target.write_bytes(b"before")
    with pytest.raises(BaseException) as raised, atomic_path(target) as temporary:  # noqa: PT011, PT012
        temporary.write_bytes(b"half")
        raise error
    assert raised.value is error or raised.type is error
    assert left(tmp_path) == ["a.bin"]
    assert target.read_bytes() == b"before"


@pytest.mark.parametrize(
    ("number", "reason"),
    [(errno.ENOSPC, "the disk is full"), (errno.EACCES, "no permission"), (errno.EIO, "Input/output")],
)
def test_a_refusal_names_the_file_and_the_reason(tmp_path: Path, number: int, reason: str) -> None:
    target = tmp_path / "a.bin"
    with pytest.raises(UserError, match=f"a.bin cannot be written: {reason}"), atomic_path(target):
        raise OSError(number, os.strerror(number))
    assert left(tmp_path) == []


def test_a_disk_that_fills_while_flushing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(_: int) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    target = tmp_path / "a.bin"
    target.write_bytes(b"before")
    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(UserError, match="disk is full"), atomic_path(target) as temporary:
        temporary.write_bytes(b"after")
    assert left(tmp_path) == ["a.bin"]
    assert target.read_bytes() == b"before"


@posix
def test_a_file_larger_than_the_system_allows(tmp_path: Path) -> None:
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(UserError, match="larger than allowed"), atomic_path(tmp_path / "a.bin") as temporary:
            temporary.write_bytes(bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert left(tmp_path) == []


def test_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="its folder does not exist"), atomic_path(tmp_path / "none" / "a.bin"):
        pass


def test_a_file_where_a_folder_should_be(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with (
        pytest.raises(UserError, match=r"its folder is a file|does not exist"),
        atomic_path(tmp_path / "file" / "a.bin"),
    ):
        pass


def test_a_folder_where_the_file_should_be(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with pytest.raises(UserError, match="it is a folder"), atomic_path(tmp_path / "a"):
        pass
    assert left(tmp_path) == ["a"]


def test_a_name_that_is_too_long(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="cannot be written"), atomic_path(tmp_path / ("n" * 300 + ".bin")):
        pass
    assert left(tmp_path) == []


def test_errors_about_other_files_pass(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "a.bin"):
        (tmp_path / "input").read_bytes()
    assert left(tmp_path) == []


@posix
def test_permissions_as_of_any_new_file_and_kept_when_replacing(tmp_path: Path) -> None:
    plain, target = tmp_path / "plain", tmp_path / "target"
    plain.touch()
    with atomic_path(target):
        pass
    assert stat.S_IMODE(target.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)
    target.chmod(0o640)
    with atomic_path(target):
        pass
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


@posix
def test_a_link_is_written_through(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_text("before")
    link.symlink_to(real)
    with atomic_path(link) as temporary:
        temporary.write_text("after")
    assert link.is_symlink()
    assert real.read_text() == "after"


def test_what_a_killed_process_left_is_removed_after_a_day(tmp_path: Path) -> None:
    target = tmp_path / "model.onnx"
    writing = atomic_path(target)
    stays = [writing.__enter__(), tmp_path / ".tmp-notes", tmp_path / "0123456789abcdef.onnx"]
    goes = [tmp_path / ".tmp-0123456789abcdef.onnx", tmp_path / ".tmp-fedcba9876543210"]
    folder = tmp_path / ".tmp-0123456789abcdef.d"
    folder.mkdir()
    for path in (*goes, *stays[1:]):
        path.write_bytes(b"half")
        os.utime(path, (time.time() - 90_000,) * 2)
    remove_leftovers(target)
    assert left(tmp_path) == sorted(path.name for path in (*stays, folder))
    writing.__exit__(None, None, None)
    remove_leftovers(tmp_path / "none" / "model.onnx")
