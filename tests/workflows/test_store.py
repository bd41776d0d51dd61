"""Model files: what goes in comes out, and whatever is wrong with one is said."""

from __future__ import annotations

import errno
import json
import os
import pickle
import shutil
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors import safe_open
from world import Fit

from ad_desktop.data.folders import scan
from ad_desktop.data.samples import Sample
from ad_desktop.errors import ModelFileError, UserError
from ad_desktop.task import Task
from ad_desktop.workflows import store
from ad_desktop.workflows.model import FittedModel
from ad_desktop.workflows.predict import predict
from ad_desktop.workflows.store import check_target, is_model, load_model, read_metadata, save_model
from ad_desktop.workflows.update import update


@pytest.fixture
def own(model_file: Path, tmp_path: Path) -> Path:
    """A copy of the model to be spoilt."""
    return Path(shutil.copy(model_file, tmp_path / "own.adm"))


@pytest.fixture
def samples(world: Path) -> list[Sample]:
    return scan([world / "check"]).samples


def scores(model: FittedModel, samples: list[Sample]) -> list[float]:
    found = [result.prediction for result in predict(model, samples, Task())]
    return [prediction.anomaly_score for prediction in found if prediction is not None]


def resign(path: Path, change: Callable[[dict[str, Any], dict[str, Any]], None]) -> None:
    """Change metadata and array descriptions of a model file as somebody would who knows how to sign them."""
    content = path.read_bytes()
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    told = header.pop("__metadata__")
    metadata = json.loads(told[store.KEY])
    change(metadata, header)
    text = json.dumps(metadata)
    signed = {store.KEY: text, store.CHECK: store._header_sha256(text, header)}
    new = json.dumps({"__metadata__": signed, **header}).encode()
    path.write_bytes(len(new).to_bytes(8, "little") + new + content[8 + length :])


def test_a_model_comes_back_whole(good: list[Sample], fitted: Fit, samples: list[Sample], tmp_path: Path) -> None:
    outcome = fitted(good, groups="folder", score="standardised-sum")
    outcome.model.borderline_fpr = 0.2
    outcome.model.provenance = {"line": "3 – früh"}
    before = scores(outcome.model, samples)
    save_model(outcome.model, tmp_path / "a.adm")
    after = load_model(tmp_path / "a.adm")
    assert scores(after, samples) == before
    assert after.detector.params == outcome.model.detector.params
    assert after.detector.normal_set == outcome.model.detector.normal_set
    for field in ("threshold", "accept_threshold", "map_threshold", "map_range", "group_spec", "created", "provenance"):
        assert getattr(after, field) == getattr(outcome.model, field)
    np.testing.assert_array_equal(after.calibration.scores, outcome.model.calibration.scores)
    assert after.calibration.groups == outcome.model.calibration.groups
    save_model(after, tmp_path / "b.adm")
    assert (tmp_path / "b.adm").read_bytes() == (tmp_path / "a.adm").read_bytes()


def test_a_model_can_be_saved_over_the_file_it_came_from(own: Path, samples: list[Sample]) -> None:
    content = own.read_bytes()
    model = load_model(own)
    save_model(model, own)
    assert own.read_bytes() == content
    assert scores(load_model(own), samples) == scores(model, samples)


def test_the_safetensors_package_reads_the_same(model_file: Path) -> None:
    model = load_model(model_file)
    state = model.detector.state()
    with safe_open(model_file, "numpy") as file:
        assert set(file.keys()) == {f"detector.{name}" for name in state.tensors} | {
            "calibration.scores", "calibration.groups", "calibration.map_peaks",
        }  # fmt: skip
        for name, value in state.tensors.items():
            rows = value if isinstance(value, np.ndarray) else value.read(0, len(value))
            found = file.get_tensor(f"detector.{name}")
            assert found.dtype == rows.dtype
            np.testing.assert_array_equal(found, rows)
        np.testing.assert_array_equal(file.get_tensor("calibration.scores"), model.calibration.scores)
        assert json.loads(file.metadata()[store.KEY]) == read_metadata(model_file)


def test_the_metadata_says_what_the_model_is(model_file: Path, good: list[Sample]) -> None:
    told = read_metadata(model_file)
    assert told["detector"] == "gaussian-ad"
    assert told["params"]["image_size"] == 64
    assert told["normal_set"]["count"] == len(good)
    assert told["description"]["backbone"] == "efficientnet-lite0"
    assert len(told["description"]["weights_sha256"]) == 64
    assert told["description"]["engine"] == "onnxruntime"
    assert told["threshold"]["value"] == load_model(model_file).threshold.value
    assert told["versions"]["numpy"] == np.__version__


def test_the_fingerprint_does_not_depend_on_order() -> None:
    assert store.fingerprint(("a", "b")) == store.fingerprint(("b", "a")) != store.fingerprint(("a", "a"))


@pytest.mark.parametrize("share", [0.0, 1e-5, 0.001, 0.3, 0.9, 0.9999])
def test_a_cut_file_is_refused(share: float, own: Path) -> None:
    content = own.read_bytes()
    own.write_bytes(content[: int(len(content) * share)])
    with pytest.raises(ModelFileError, match=r"cut short|damaged"):
        load_model(own)


def test_a_file_that_has_grown_is_refused(own: Path) -> None:
    with own.open("ab") as file:
        file.write(b"more")
    with pytest.raises(ModelFileError, match="cut short or has grown"):
        load_model(own)


def header_length(path: Path) -> int:
    return int.from_bytes(path.read_bytes()[:8], "little")


def test_any_flipped_byte_is_found(own: Path) -> None:
    content = own.read_bytes()
    length = header_length(own)
    rng = np.random.default_rng(0)
    places = [*range(12), 8 + length - 1, 8 + length, len(content) - 1]
    places += [int(at) for at in rng.integers(8, 8 + length, 60)] + [
        int(at) for at in rng.integers(0, len(content), 20)
    ]
    for at in places:
        spoilt = bytearray(content)
        spoilt[at] ^= 0x11
        own.write_bytes(spoilt)
        with pytest.raises(ModelFileError) as caught:
            load_model(own)
        assert str(caught.value).startswith(f"{own}: "), at
    own.write_bytes(content)
    load_model(own)


@pytest.mark.parametrize("length", [0, 1, 2**63 - 1, 100 * 2**30, 2**64 - 1])
def test_an_absurd_header_length_costs_no_memory(length: int, own: Path) -> None:
    own.write_bytes(length.to_bytes(8, "little") + own.read_bytes()[8:])
    with pytest.raises(ModelFileError, match="not a model file"):
        load_model(own)


@pytest.mark.parametrize(
    "content",
    [
        b"", b"a", b"PK\3\4" + bytes(500), b"\x89PNG\r\n\x1a\n" + bytes(100), bytes(64),
        (2).to_bytes(8, "little") + b"{}", (2).to_bytes(8, "little") + b"[]",
        (5).to_bytes(8, "little") + b"{{{{{", (200_000).to_bytes(8, "little") + b"[" * 200_000,
        (24).to_bytes(8, "little") + b'{"__metadata__":{"a":1}}',
        (39).to_bytes(8, "little") + b'{"__metadata__":{"ad-desktop":"[1, 2]"}}',
        pickle.dumps({"a": 1}),
    ],
)  # fmt: skip
def test_what_is_no_model_is_refused(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.adm"
    path.write_bytes(content)
    for read in (load_model, read_metadata):
        with pytest.raises(ModelFileError, match="not a model"):
            read(path)


def test_what_cannot_be_opened_is_refused(tmp_path: Path) -> None:
    for path in (tmp_path / "none.adm", tmp_path):
        with pytest.raises(ModelFileError, match="cannot be opened"):
            load_model(path)
        assert not is_model(path)


def test_a_plain_edit_is_found(own: Path) -> None:
    content = own.read_bytes()
    assert content.count(rb"\"fpr\": 0.05") == 1
    own.write_bytes(content.replace(rb"\"fpr\": 0.05", rb"\"fpr\": 0.25"))
    with pytest.raises(ModelFileError, match="edited"):
        load_model(own)


def set_version(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    metadata["format"] = 99


def set_detector(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    metadata["detector"] = "magic"


def set_levels(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    metadata["params"]["levels"] = [4, 5]


def set_size(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    metadata["params"]["image_size"] = 256


def set_nonsense(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    metadata["params"]["nonsense"] = 1


def drop_params(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    del metadata["params"]


def drop_rows(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    del header["detector.rows"]


def drop_scores(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    del header["calibration.scores"]


def other_hash(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    metadata["detector_state"]["sha256"][0] = "0" * 64


def fewer_keys(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    metadata["detector_state"]["keys"].pop()


def other_shape(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    header["detector.pooled"]["shape"] = [2**40, 2**40]


def other_place(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    first, last = header["detector.pooled"]["data_offsets"]
    header["detector.pooled"]["data_offsets"] = [first + 10**9, last + 10**9]


def other_type(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    header["detector.pooled"]["dtype"] = "BOOL"


def no_description(metadata: dict[str, Any], header: dict[str, Any]) -> None:
    header["detector.pooled"] = 7


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (set_version, "format 99"),
        (set_detector, "Unknown detector 'magic'"),
        (set_levels, "do not fit its parameters"),
        (set_size, "do not fit its parameters"),
        (set_nonsense, "Unknown parameter 'nonsense'"),
        (drop_params, "lacks or garbles"),
        (drop_rows, "do not fit its parameters"),
        (drop_scores, "lacks or garbles"),
        (other_hash, "fingerprint"),
        (fewer_keys, "do not fit its parameters"),
        (other_shape, "contradicts itself|lacks or garbles"),
        (other_place, "lacks or garbles"),
        (other_type, "lacks or garbles"),
        (no_description, "lacks or garbles"),
    ],
)
def test_a_signed_file_that_contradicts_itself_is_refused(
    change: Callable[[dict[str, Any], dict[str, Any]], None], said: str, own: Path
) -> None:
    resign(own, change)
    with pytest.raises(ModelFileError, match=said) as caught:
        load_model(own)
    assert str(caught.value).startswith(f"{own}: ")


def test_other_weights_than_at_the_fit_are_refused(own: Path, samples: list[Sample]) -> None:
    def other_weights(metadata: dict[str, Any], header: dict[str, Any]) -> None:
        metadata["detector_state"]["weights_sha256"] = "0123456789abcdef" * 4

    resign(own, other_weights)
    model = load_model(own)
    with pytest.raises(ModelFileError, match=r"other weights of efficientnet-lite0 .*0123456789ab…"):
        list(predict(model, samples, Task()))


def failing_chunks(after: int) -> Callable[[Any], Iterator[Any]]:
    whole, seen = store._chunks, 0

    def chunks(tensor: Any) -> Iterator[Any]:
        nonlocal seen
        for chunk in whole(tensor):
            seen += 1
            if seen > after:
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            yield chunk

    return chunks


def test_a_failed_save_leaves_the_old_file_and_nothing_else(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    model = load_model(own)
    content = own.read_bytes()
    total = 0

    def counting(tensor: Any) -> Iterator[Any]:
        nonlocal total
        for chunk in whole(tensor):
            total += 1
            yield chunk

    whole = store._chunks
    monkeypatch.setattr(store, "_chunks", counting)
    save_model(model, own.with_name("other.adm"))
    own.with_name("other.adm").unlink()
    monkeypatch.setattr(store, "_chunks", whole)
    # Halfway through the second pass, which writes the arrays.
    monkeypatch.setattr(store, "_chunks", failing_chunks(total * 3 // 4))
    with pytest.raises(UserError, match="the disk is full"):
        save_model(model, own)
    assert own.read_bytes() == content
    assert [path.name for path in own.parent.iterdir()] == ["own.adm"]


@pytest.mark.parametrize("fate", ["deleted", "replaced", "shortened"])
def test_a_file_that_changes_under_an_open_model_is_noticed(
    fate: str, own: Path, samples: list[Sample], good: list[Sample]
) -> None:
    model = load_model(own)
    before = scores(model, samples)
    if fate == "deleted":
        own.unlink()
    elif fate == "replaced":
        own.write_bytes(b"something else" * 1000)
    else:
        os.truncate(own, 1000)
    assert scores(model, samples) == before
    with pytest.raises(ModelFileError, match="Open the model again"):
        update(model, [], [good[0].key], Task())


_watching: list[str] = []


def _watch(event: str, arguments: tuple[Any, ...]) -> None:
    if _watching and event == "pickle.find_class":
        _watching.append(str(arguments))


sys.addaudithook(_watch)


def test_opening_and_using_a_model_unpickles_nothing(own: Path, samples: list[Sample]) -> None:
    _watching.append("on")
    try:
        scores(load_model(own), samples)
        assert _watching == ["on"]
    finally:
        _watching.clear()


def test_names_that_are_no_text_survive(own: Path) -> None:
    odd = "/somewhere/odd\udcff – é.png"

    def rename(metadata: dict[str, Any], header: dict[str, Any]) -> None:
        metadata["detector_state"]["keys"][0] = odd

    resign(own, rename)
    model = load_model(own)
    save_model(model, own)
    assert load_model(own).detector.normal_set.keys[0] == odd
    with safe_open(own, "numpy") as file:
        assert json.loads(file.metadata()[store.KEY])["detector_state"]["keys"][0] == odd


def test_targets_are_checked_before_the_work(own: Path, tmp_path: Path) -> None:
    check_target(own)
    check_target(tmp_path / "new.adm")
    (tmp_path / "reserved.adm").touch()
    check_target(tmp_path / "reserved.adm")
    (tmp_path / "notes.txt").write_text("mine, and longer than any magic number could be")
    for path, said in (
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "a.adm", "does not exist"),
        (own / "a.adm", "does not exist"),
        (tmp_path / "notes.txt", "is no model"),
    ):
        with pytest.raises(UserError, match=said):
            check_target(path)
