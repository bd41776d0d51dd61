from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from ad_desktop.detectors.nets.graphs import make_key, read_graph, write_graph

KEY = make_key("efficientnet-lite0", "a" * 64, (4, 5), 256)
GRAPH = bytes(range(256)) * 1000


def test_a_graph_is_kept_below_the_cache_folder(tmp_path: Path) -> None:
    assert KEY.path.parent == tmp_path / "cache" / "onnx"
    KEY.path.parent.mkdir(parents=True)
    assert read_graph(KEY.path, KEY) is None
    write_graph(KEY.path, KEY, GRAPH)
    assert read_graph(KEY.path, KEY) == GRAPH


@pytest.mark.parametrize(
    "change",
    [{"backbone": "resnet18"}, {"sha256": "a" * 63 + "b"}, {"levels": (4, 6)}, {"side": 224}, {"format": 0}],
)
def test_another_keys_graph_is_not_taken(tmp_path: Path, change: dict[str, object]) -> None:
    write_graph(tmp_path / "graph", KEY, GRAPH)
    assert read_graph(tmp_path / "graph", replace(KEY, **change)) is None  # type: ignore[arg-type]


@pytest.mark.parametrize("where", [0, 40, 600, -1])
def test_a_flipped_bit_shows(tmp_path: Path, where: int) -> None:
    write_graph(tmp_path / "graph", KEY, GRAPH)
    content = bytearray((tmp_path / "graph").read_bytes())
    content[where] ^= 1
    (tmp_path / "graph").write_bytes(content)
    assert read_graph(tmp_path / "graph", KEY) is None


@pytest.mark.parametrize("size", [0, 10, 1000])
def test_a_cut_file_shows(tmp_path: Path, size: int) -> None:
    write_graph(tmp_path / "graph", KEY, GRAPH)
    (tmp_path / "graph").write_bytes((tmp_path / "graph").read_bytes()[:size])
    assert read_graph(tmp_path / "graph", KEY) is None


def test_many_writers_and_readers_never_see_a_part(tmp_path: Path) -> None:
    write_graph(tmp_path / "graph", KEY, GRAPH)
    with ThreadPoolExecutor(8) as pool:
        writes = [pool.submit(write_graph, tmp_path / "graph", KEY, GRAPH) for _ in range(40)]
        reads = [pool.submit(read_graph, tmp_path / "graph", KEY) for _ in range(40)]
        assert all(read.result() == GRAPH for read in reads)
        assert all(write.result() is None for write in writes)
    assert [path.name for path in tmp_path.iterdir()] == ["graph"]
