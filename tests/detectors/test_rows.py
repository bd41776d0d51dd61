"""Rows on disk: what goes in comes out, and what goes wrong is said and leaves the rest alone."""

from __future__ import annotations

import gc
import os
import tempfile
import weakref
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ad_desktop.detectors.rows import COPIED_AT_ONCE, RowStore
from ad_desktop.errors import ModelFileError, UserError


def values(n: int, shape: tuple[int, ...] = (5,), seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).normal(size=(n, *shape)).astype(np.float16)


def store_of(rows: np.ndarray) -> RowStore:
    store = RowStore(rows.shape[1:], "<f2")
    for row in rows:
        store.append(row)
    return store


def contents(store: RowStore) -> np.ndarray:
    return store.read(0, len(store))


@pytest.mark.parametrize("shape", [(5,), (2, 3), (1,)])
def test_rows_come_back_as_they_went_in(shape: tuple[int, ...]) -> None:
    rows = values(11, shape)
    store = store_of(rows)
    assert len(store) == 11
    assert store.shape == (11, *shape)
    assert store.dtype == np.float16
    assert store.row_bytes == rows[0].nbytes
    assert np.array_equal(contents(store), rows)
    assert np.array_equal(store.read(3, 7), rows[3:7])
    assert np.array_equal(store.read(9, 100), rows[9:])
    assert store.read(11, 20).shape == store.read(4, 4).shape == (0, *shape)
    assert np.array_equal(store.take([10, 0, 3, 3]), rows[[10, 0, 3, 3]])
    assert store.take([]).shape == (0, *shape)
    blocks = list(store.blocks(4))
    assert [start for start, _ in blocks] == [0, 4, 8]
    assert np.array_equal(np.concatenate([block for _, block in blocks]), rows)


def test_an_empty_store() -> None:
    store = RowStore((5,), "<f2")
    assert contents(store).shape == store.shape == (0, 5)
    assert list(store.blocks(3)) == []
    assert len(store.without([])) == 0
    with pytest.raises(IndexError):
        store.take([0])


def test_other_types_are_converted_and_other_shapes_refused() -> None:
    store = RowStore((4,), "<f4")
    store.append(np.arange(4, dtype=np.float64)[::-1])
    store.extend(np.arange(16).reshape(4, 4).T)
    assert store.dtype == contents(store).dtype == np.float32
    assert contents(store).tolist() == [[3, 2, 1, 0], [0, 4, 8, 12], [1, 5, 9, 13], [2, 6, 10, 14], [3, 7, 11, 15]]
    with pytest.raises(ValueError, match="do not fit"):
        store.append(np.zeros(5))
    assert len(store) == 5


@given(n=st.integers(0, 12), data=st.data())
def test_rows_left_out(n: int, data) -> None:
    gone = data.draw(st.lists(st.integers(0, n - 1), max_size=n + 2) if n else st.just([]))
    rows = values(n)
    store = store_of(rows)
    kept = store.without(gone)
    assert np.array_equal(contents(kept), np.delete(rows, gone, axis=0))
    assert np.array_equal(contents(store), rows)
    kept.append(values(1, seed=1)[0])
    assert len(store) == n


def test_rows_larger_than_what_is_copied_at_once() -> None:
    rows = values(5, (COPIED_AT_ONCE // 4 + 17,))
    store = store_of(rows)
    assert np.array_equal(contents(store.without([1])), rows[[0, 2, 3, 4]])


class TestSnapshot:
    def test_it_does_not_see_what_is_added_to_the_store(self) -> None:
        rows = values(6)
        store = store_of(rows[:3])
        snapshot = store.snapshot()
        store.append(rows[3])
        assert np.array_equal(contents(snapshot), rows[:3])
        assert np.array_equal(contents(store), rows[:4])

    def test_either_may_go_on_by_itself(self) -> None:
        rows = values(6)
        store = store_of(rows[:3])
        first, second = store.snapshot(), store.snapshot().snapshot()
        first.append(rows[3])
        store.append(rows[4])
        second.append(rows[5])
        assert np.array_equal(contents(first), rows[[0, 1, 2, 3]])
        assert np.array_equal(contents(store), rows[[0, 1, 2, 4]])
        assert np.array_equal(contents(second), rows[[0, 1, 2, 5]])
        first.append(rows[0])
        assert np.array_equal(contents(first), rows[[0, 1, 2, 3, 0]])

    def test_rows_that_nobody_reads_any_more_are_written_over(self) -> None:
        rows = values(6)
        store = store_of(rows[:3])
        snapshot = store.snapshot()
        store.append(rows[3])
        file = snapshot._file
        del store
        snapshot.append(rows[4])
        assert snapshot._file is file
        assert np.array_equal(contents(snapshot), rows[[0, 1, 2, 4]])

    def test_it_outlives_the_store(self) -> None:
        rows = values(3)
        store = store_of(rows)
        snapshot = store.snapshot()
        del store
        gc.collect()
        assert np.array_equal(contents(snapshot), rows)


class TestInsideAFile:
    @pytest.fixture
    def path(self, tmp_path: Path) -> Path:
        path = tmp_path / "mödel.adm"
        path.write_bytes(b"head" + values(4).tobytes() + b"and a tail that is no row")
        return path

    @staticmethod
    def opened(path: Path) -> RowStore:
        return RowStore.inside(path, 4, 4, (5,), "<f2")

    def test_rows_are_read_from_it(self, path: Path) -> None:
        store = self.opened(path)
        assert store.shape == (4, 5)
        assert np.array_equal(store.read(1, 3), values(4)[1:3])
        assert np.array_equal(contents(store), values(4))

    def test_rows_added_go_elsewhere(self, path: Path) -> None:
        before = path.read_bytes()
        store = self.opened(path)
        store.append(values(1, seed=1)[0])
        assert np.array_equal(contents(store), np.concatenate([values(4), values(1, seed=1)]))
        assert path.read_bytes() == before

    def test_once_read_the_file_is_needed_no_more(self, path: Path) -> None:
        store = self.opened(path)
        store.read(0, 1)
        path.unlink()
        assert np.array_equal(contents(store), values(4))

    def test_a_snapshot_reads_for_itself(self, path: Path) -> None:
        store = self.opened(path)
        snapshot = store.snapshot()
        store.append(values(1, seed=1)[0])
        assert np.array_equal(contents(snapshot), values(4))
        path.write_bytes(b"")
        with pytest.raises(ModelFileError):
            self.opened(path).snapshot().read(0, 1)

    def test_a_file_written_to_since_is_named(self, path: Path) -> None:
        store = self.opened(path)
        path.write_bytes(b"head" + values(40, seed=2).tobytes())
        with pytest.raises(ModelFileError, match=r"mödel\.adm was changed since it was opened\. Open the model again"):
            store.read(0, 1)

    def test_a_file_replaced_by_one_of_the_same_size_and_time_is_noticed(self, path: Path) -> None:
        store, status = self.opened(path), path.stat()
        other = path.with_name("other")
        other.write_bytes(path.read_bytes()[::-1])
        os.utime(other, ns=(status.st_atime_ns, status.st_mtime_ns))
        other.replace(path)
        with pytest.raises(ModelFileError, match="was changed"):
            store.append(values(1)[0])

    def test_a_file_removed_since_is_named(self, path: Path) -> None:
        store = self.opened(path)
        path.unlink()
        with pytest.raises(ModelFileError, match=r"mödel\.adm cannot be read any more \(No such file"):
            store.read(0, 1)

    def test_a_failed_copy_is_taken_up_from_the_start(self, path: Path) -> None:
        store = self.opened(path)
        with full_disk(13), pytest.raises(UserError, match="Free some space"):
            store.read(0, 1)
        assert np.array_equal(contents(store), values(4))

    def test_fewer_rows_than_promised(self, path: Path) -> None:
        with pytest.raises(ModelFileError, match="cut short"):
            RowStore.inside(path, 4, 400, (5,), "<f2").read(0, 1)


@contextmanager
def full_disk(free: int) -> Iterator[None]:
    """No file of this process may grow beyond ``free`` bytes."""
    resource = pytest.importorskip("resource")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_named_and_harms_no_row() -> None:
    rows = values(6)
    store = store_of(rows[:3])
    with full_disk(3 * store.row_bytes + 3):
        with pytest.raises(UserError, match=f"Cannot write working data to {tempfile.gettempdir()}: .*Free some space"):
            store.append(rows[3])
        assert np.array_equal(contents(store), rows[:3])
        with pytest.raises(UserError):
            store.extend(rows[3:])
        with pytest.raises(UserError):
            store.snapshot().append(rows[3])
    assert len(store) == 3
    store.append(rows[5])
    assert np.array_equal(contents(store), rows[[0, 1, 2, 5]])


def test_no_room_for_a_copy_leaves_the_store_as_it_was() -> None:
    store = store_of(values(6))
    with full_disk(2 * store.row_bytes), pytest.raises(UserError):
        store.without([0])
    assert np.array_equal(contents(store), values(6))


def test_a_temporary_folder_that_is_gone_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "gone"))
    with pytest.raises(UserError, match=r"Cannot write working data to .*gone: No such file"):
        RowStore((5,), "<f2")


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    store = store_of(values(3))
    snapshot, kept = store.snapshot(), store.without([1])
    files = [weakref.ref(one._file) for one in (store, snapshot, kept)]
    raws = {file()._raw for file in files}
    del store, snapshot, kept
    gc.collect()
    assert all(file() is None for file in files)
    assert all(raw.closed for raw in raws)
    assert list(tmp_path.iterdir()) == []
