"""ONNX graphs kept on disk: made once per network, levels, side and weights, and checked when read."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from ad_desktop.data.atomic import atomic_path, remove_leftovers
from ad_desktop.detectors.nets.cache import cache_dir
from ad_desktop.errors import UserError

FORMAT = 1
"""Raised whenever a graph would come out differently from the same key."""


@dataclass(frozen=True)
class GraphKey:
    """All that a graph depends on; ``sha256`` is the hash of the weights file."""

    backbone: str
    sha256: str
    levels: tuple[int, ...]
    side: int
    format: int = FORMAT

    @property
    def path(self) -> Path:
        """Where the cache keeps this graph."""
        levels = ".".join(map(str, self.levels))
        name = f"{self.backbone}-{self.sha256[:16]}-levels{levels}-{self.side}px-v{self.format}.graph"
        return cache_dir() / "onnx" / name


def make_key(backbone: str, sha256: str, levels: Sequence[int], side: int) -> GraphKey:
    """The key of a graph made by this version."""
    return GraphKey(backbone, sha256, tuple(levels), side)


def read_graph(path: Path, key: GraphKey) -> bytes | None:
    """The ONNX bytes kept at ``path``; None if there is no such file, it is damaged, or not of ``key``."""
    try:
        with path.open("rb") as file:
            header = file.readline(1 << 16)
            graph = file.read()
    except OSError:
        return None
    return graph if header == _header(key, graph) else None


def write_graph(path: Path, key: GraphKey, graph: bytes) -> None:
    """Keep ``graph`` at ``path``, atomically; several processes may do so at once. ``UserError`` if it cannot be."""
    header = _header(key, graph)
    remove_leftovers(path)
    try:
        with atomic_path(path) as part, part.open("wb") as file:
            file.write(header)
            file.write(graph)
    except UserError:
        # Windows refuses to replace a file while another process reads it: that one made the same graph.
        if read_graph(path, key) is None:
            raise


def _header(key: GraphKey, graph: bytes) -> bytes:
    """One line of JSON before the ONNX bytes: the key, and the hash that shows damage."""
    facts = asdict(key) | {"graph_sha256": hashlib.sha256(graph).hexdigest()}
    return json.dumps(facts, sort_keys=True).encode() + b"\n"
