"""Groups of normal samples: by rule, by table, and found by themselves."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from ad_desktop.errors import UserError
from ad_desktop.scoring import groups as groups_module
from ad_desktop.scoring.group_table import is_table
from ad_desktop.scoring.groups import assign_groups, check_spec, duplicate_ratio

KEYS = ["/data/p1/a_1.png", "/data/p1/a_2.png", "/data/p2/b_1.png", "/data/p3/b_2.png", "/data/p3/c.tif#2"]


def partition(labels: Sequence[object]) -> set[frozenset[int]]:
    return {frozenset(i for i, other in enumerate(labels) if other == label) for label in labels}


def keys_of(n: int) -> list[str]:
    return [f"/data/{number}.png" for number in range(n)]


def clusters(count: int, size: int, noise: float, dimensions: int = 60, seed: int = 0) -> np.ndarray:
    """``count`` clusters of ``size`` near-identical vectors, one cluster after another."""
    rng = np.random.default_rng(seed)
    centres = np.repeat(rng.standard_normal((count, dimensions)), size, axis=0)
    return centres + noise * rng.standard_normal(centres.shape)


@pytest.mark.parametrize(
    ("spec", "labels"),
    [
        ("none", "abcde"),
        ("folder", "aabcc"),
        (r"regex:/(p\d)/", "aabcc"),
        (r"regex:[abc]_", "aabbc"),
        (r"regex:(p)\d/.*(\.\w+)", "aaaab"),
        (r"regex:(?:p1)", "aabcd"),
    ],
)
def test_rules_by_path(spec: str, labels: str) -> None:
    grouping = assign_groups(spec, KEYS, None)
    assert partition(grouping.groups) == partition(labels)
    assert grouping.rule
    assert grouping.warnings == ()


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ("parts", "choose auto, none, folder"),
        ("", "choose auto"),
        ("regex:(", "not a regular expression"),
        ("nowhere/table.csv", "no such file"),
    ],
)
def test_rules_that_cannot_be(spec: str, said: str) -> None:
    with pytest.raises(UserError, match=said):
        check_spec(spec)
    with pytest.raises(UserError, match=said):
        assign_groups(spec, KEYS, None)


def test_a_pattern_that_matches_nothing_is_refused() -> None:
    with pytest.raises(UserError, match=r"matches none of the files, such as /data/p1/a_1\.png"):
        assign_groups("regex:xyz", KEYS, None)
    assert assign_groups("regex:xyz", [], None).groups == ()


def test_a_pattern_may_end_like_a_table() -> None:
    assert not is_table("regex:.csv")
    assert is_table("a/B.CSV")


@pytest.mark.parametrize("spec", ["folder", "regex:data"])
def test_a_single_group_is_taken_apart(spec: str) -> None:
    grouping = assign_groups(spec, ["/data/a.png", "/data/b.png", "/data/c.png"], None)
    assert grouping.groups == (0, 1, 2)
    assert "in one group" in grouping.warnings[0]


def table(path: Path, text: str, encoding: str = "utf-8") -> str:
    path.write_bytes(text.encode(encoding))
    return str(path)


ROWS = [("p1/a_1.png", "x"), ("p1/a_2.png", "x"), ("p2/b_1.png", "y"), ("p3/b_2.png", "z"), ("p3/c.tif", "z")]


@pytest.mark.parametrize(
    ("header", "form", "encoding"),
    [
        ("path,group", "{0},{1}", "utf-8"),
        ("path;group", "{0};{1}", "utf-8-sig"),
        ("Path\tGroup", "{0}\t{1}", "utf-8"),
        (" PATH , note, GROUP ", "{0}, , {1}", "utf-8"),
        ("group,path", "{1},/data/{0}", "utf-8"),
        ("path,group", "/elsewhere/{0},{1}", "utf-8"),
        ("path,group", "data/{0},{1}", "utf-8"),
        ("path,group", "./x/../{0},{1}", "utf-8"),
        ('"path","group"', '"{0}","{1}"', "utf-8"),
    ],
)
def test_tables_of_every_make(header: str, form: str, encoding: str, tmp_path: Path) -> None:
    spec = table(tmp_path / "t.csv", "\r\n".join([header, *(form.format(*row) for row in ROWS)]), encoding)
    assert partition(assign_groups(spec, KEYS, None).groups) == partition("aabcc")


def test_a_table_written_on_windows(tmp_path: Path) -> None:
    lines = [f"C:\\data\\{path.replace('/', chr(92))};{group}" for path, group in ROWS]
    spec = table(tmp_path / "t.csv", "\n".join(["path;group", *lines]))
    assert partition(assign_groups(spec, KEYS, None).groups) == partition("aabcc")


def test_paths_relative_to_the_table_come_before_names_alike(tmp_path: Path) -> None:
    keys = [str(tmp_path / folder / "a.png") for folder in ("one", "two", "three")]
    spec = table(tmp_path / "t.csv", "path,group\none/a.png,1\ntwo/a.png,2\nthree/a.png,1\n")
    assert partition(assign_groups(spec, keys, None).groups) == {frozenset({0, 2}), frozenset({1})}
    with pytest.raises(UserError, match=r"1 pictures have no group there, such as /elsewhere/a\.png"):
        assign_groups(spec, [*keys, "/elsewhere/a.png"], None)


def test_pages_have_groups_of_their_own_or_their_files(tmp_path: Path) -> None:
    keys = [f"{tmp_path}/a.tif#{page}" for page in (1, 2, 3)]
    spec = table(tmp_path / "t.csv", "path,group\na.tif,1\na.tif#2,2\n")
    assert partition(assign_groups(spec, keys, None).groups) == {frozenset({0, 2}), frozenset({1})}


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("", "columns path and group"),
        ("path,group\n", "columns path and group"),
        ("file,part\na_1.png,x\n", "columns path and group"),
        ("path,group\np1/a_1.png,x\n", r"4 pictures have no group there, such as /data/p1/a_2\.png"),
        ("path,group\np1/a_1.png,x\np1/a_2.png,\n", "4 pictures have no group"),
        ("path,group\np1/a_1.png,x\np1/a_1.png,y\n", r"p1/a_1\.png is in two groups"),
    ],
)
def test_tables_that_do_not_do(content: str, said: str, tmp_path: Path) -> None:
    spec = table(tmp_path / "t.csv", content)
    with pytest.raises(UserError, match=said) as caught:
        assign_groups(spec, KEYS, None)
    assert str(caught.value).startswith(spec)


def test_a_table_that_is_no_text_or_no_file(tmp_path: Path) -> None:
    spec = table(tmp_path / "t.csv", "path,group\nfrüh.png,x\n", "latin-1")
    with pytest.raises(UserError, match="UTF-8"):
        assign_groups(spec, KEYS, None)
    (tmp_path / "folder.csv").mkdir()
    with pytest.raises(UserError, match="no such file"):
        check_spec(str(tmp_path / "folder.csv"))


@pytest.mark.parametrize("noise", [0.01, 0.3])
@pytest.mark.parametrize("size", [2, 6])
def test_near_duplicates_are_found(noise: float, size: int) -> None:
    vectors = clusters(30, size, noise)
    truth = np.repeat(np.arange(30), size)
    grouping = assign_groups("auto", keys_of(len(vectors)), vectors)
    found = np.array(grouping.groups)
    pure = sum(Counter(truth[found == group]).most_common(1)[0][1] for group in set(found))
    assert pure == len(vectors)
    assert 30 <= len(set(found)) <= 30 * size / 2
    assert grouping.duplicate_ratio is not None
    assert grouping.duplicate_ratio > 1.5
    assert "Near-duplicates were found" in grouping.warnings[0]
    after = duplicate_ratio(vectors, grouping.groups)
    assert after is not None
    assert after < 1.15


@pytest.mark.parametrize("dimensions", [50, 424])
@pytest.mark.parametrize("n", [8, 40, 300])
def test_independent_vectors_are_left_alone(dimensions: int, n: int) -> None:
    for seed in range(3):
        vectors = np.random.default_rng(seed).standard_normal((n, dimensions))
        grouping = assign_groups("auto", keys_of(n), vectors)
        assert len(set(grouping.groups)) == n
        assert grouping.warnings == ()
        assert grouping.duplicate_ratio is None or 1.0 <= grouping.duplicate_ratio < 1.15


@pytest.mark.parametrize("n", [0, 1, 2, 3, 4])
@pytest.mark.parametrize("spec", ["auto", "none"])
def test_a_handful_is_not_accused(n: int, spec: str) -> None:
    vectors = np.random.default_rng(1).standard_normal((n, 60))
    grouping = assign_groups(spec, keys_of(n), vectors)
    assert grouping.groups == tuple(range(n))
    assert grouping.warnings == ()


@pytest.mark.parametrize("n", [3, 6, 40])
@pytest.mark.parametrize("spec", ["auto", "none"])
def test_copies_of_one_picture_are_named_as_such(n: int, spec: str) -> None:
    vectors = np.repeat(np.random.default_rng(0).standard_normal((1, 60)), n, axis=0)
    grouping = assign_groups(spec, keys_of(n), vectors)
    assert grouping.groups == tuple(range(n))
    assert grouping.duplicate_ratio == 100.0
    assert "near-duplicates" in grouping.warnings[0]


def test_copies_in_pairs_are_grouped() -> None:
    vectors = np.repeat(np.random.default_rng(0).standard_normal((20, 60)), 2, axis=0)
    grouping = assign_groups("auto", keys_of(40), vectors)
    assert partition(grouping.groups) == {frozenset({2 * i, 2 * i + 1}) for i in range(20)}
    assert grouping.duplicate_ratio == pytest.approx(100.0)


@pytest.mark.parametrize("noise", [0.0, 0.1, 5.0])
def test_the_order_of_samples_does_not_matter(noise: float) -> None:
    vectors = clusters(15, 4, noise, seed=3)
    order = np.random.default_rng(4).permutation(len(vectors))
    plain = assign_groups("auto", keys_of(60), vectors)
    mixed = assign_groups("auto", keys_of(60), vectors[order])
    assert mixed.duplicate_ratio == pytest.approx(plain.duplicate_ratio)
    found = partition([plain.groups[at] for at in order])
    assert partition(mixed.groups) == found


def test_the_block_size_does_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    vectors = clusters(12, 5, 0.2)
    whole = assign_groups("auto", keys_of(60), vectors)
    monkeypatch.setattr(groups_module, "BLOCK_VALUES", 7 * 60)
    assert partition(assign_groups("auto", keys_of(60), vectors).groups) == partition(whole.groups)
    monkeypatch.setattr(groups_module, "BLOCK_VALUES", 1)
    assert duplicate_ratio(vectors, range(60)) == pytest.approx(whole.duplicate_ratio)


def test_right_groups_silence_the_warning_and_wrong_ones_do_not() -> None:
    vectors = clusters(20, 3, 0.05)
    right = [f"/data/part{n // 3}/{n}.png" for n in range(60)]
    wrong = [f"/data/part{n % 20}/{n}.png" for n in range(60)]
    assert assign_groups("folder", right, vectors).warnings == ()
    grouping = assign_groups("folder", wrong, vectors)
    assert "near-duplicates across groups" in grouping.warnings[0]
    assert grouping.duplicate_ratio is not None
    assert grouping.duplicate_ratio > 2


def test_the_ratio_needs_three_groups() -> None:
    vectors = np.random.default_rng(0).standard_normal((6, 60))
    assert duplicate_ratio(vectors, [0, 0, 0, 1, 1, 1]) is None
    assert duplicate_ratio(vectors[:2], [0, 1]) is None


def slow_ratio(vectors: np.ndarray, groups: Sequence[int]) -> float | None:
    """The definition, sample by sample."""
    n = len(vectors)
    nearest: list[int] = []
    for i in range(n):
        others = [j for j in range(n) if groups[j] != groups[i]]
        nearest.append(min(others, key=lambda j: float(np.linalg.norm(vectors[i] - vectors[j]))))
    near = [{i, nearest[i]} for i in range(n)]
    for _ in range(n):
        near = [set().union(*(other for other in near if other & mine)) for mine in near]
    ratios = []
    for i in range(n):
        beyond = [j for j in range(n) if j not in near[i] and groups[j] != groups[i]]
        if beyond:
            closest = min(float(np.linalg.norm(vectors[i] - vectors[j])) for j in beyond)
            ratios.append(closest / float(np.linalg.norm(vectors[i] - vectors[nearest[i]])))
    return float(np.median(ratios)) if ratios else None


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(5, 14), st.integers(1, 3))
def test_the_ratio_is_its_definition(seed: int, n: int, size: int) -> None:
    vectors = clusters(n, size, 0.4, dimensions=8, seed=seed)
    groups = [number // 2 for number in range(len(vectors))]
    expected = slow_ratio(vectors, groups)
    found = duplicate_ratio(vectors, groups) if len(set(groups)) >= 3 else None
    assert found == (None if expected is None else pytest.approx(expected, rel=1e-6))


@settings(max_examples=50)
@given(n=st.integers(1, 40), data=st.data())
def test_joined_samples_are_components_as_scipy_finds_them(n: int, data) -> None:
    pairs = np.array(data.draw(st.lists(st.tuples(st.integers(0, n - 1), st.integers(0, n - 1)))), int).reshape(-1, 2)
    graph = coo_array((np.ones(len(pairs)), (pairs[:, 0], pairs[:, 1])), shape=(n, n))
    expected = connected_components(graph, directed=False)[1]
    assert groups_module._components(pairs[:, 0], pairs[:, 1], n) == expected.tolist()


def test_a_long_chain_is_one_component() -> None:
    order = np.random.default_rng(0).permutation(2000)
    assert set(groups_module._components(order[:-1], order[1:], 2000)) == {0}
