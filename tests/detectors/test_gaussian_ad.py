"""Gaussian-AD's own parameters, and its scores against scikit-learn on features taken from the network by hand."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tifffile
from fitting import (
    SIDE,
    assert_identical,
    calibrate,
    fit,
    grids_of,
    normal_pictures,
    predict,
    scores_of,
    small,
    spoilt_pictures,
    update,
)
from pictures import save, textured
from PIL import Image
from scipy.stats import chi2, spearmanr
from sklearn.covariance import LedoitWolf

from ad_desktop.data.samples import Sample
from ad_desktop.detectors.base import Detector, State
from ad_desktop.detectors.gaussian.augment import augmented
from ad_desktop.detectors.gaussian.scores import RULES
from ad_desktop.detectors.gaussian_ad import GaussianAD
from ad_desktop.detectors.nets.backbones import find_backbone
from ad_desktop.detectors.nets.engines import make_engine
from ad_desktop.detectors.nets.weights import find_weights
from ad_desktop.detectors.params import make_params
from ad_desktop.detectors.upsample import upsample
from ad_desktop.errors import InputError, ModelFileError, UserError, WeightsError
from ad_desktop.task import Task
from ad_desktop.workflows.model import Calibration, FittedModel
from ad_desktop.workflows.store import load_model, save_model

LITE = find_backbone("efficientnet-lite0")


@pytest.fixture(scope="module", autouse=True)
def one_torch_thread() -> Iterator[None]:
    """Pictures here are tiny, and on a busy machine torch's threads wait for each other most of the time."""
    import torch

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return normal_pictures(tmp_path_factory.mktemp("normal"), 36)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    folder = tmp_path_factory.mktemp("new")
    return [*normal_pictures(folder, 3, 900), *spoilt_pictures(folder, 3)]


def made(**values: Any) -> GaussianAD:
    detector = small(GaussianAD, **values)
    assert isinstance(detector, GaussianAD)
    return detector


def network_maps(samples: Sequence[Sample], levels: tuple[int, ...] = (4, 5, 6, 7)) -> list[np.ndarray]:
    """The levels' maps of grey pictures, straight from the network, without anything of the detector."""
    engine = make_engine(LITE, find_weights(LITE), levels, SIDE, "cpu", "torch")
    squares = [Image.open(sample.path).resize((SIDE, SIDE), Image.Resampling.BILINEAR) for sample in samples]
    return engine.run(np.stack([np.asarray(square.convert("RGB")) for square in squares]))


def pooled(maps: Sequence[np.ndarray]) -> list[np.ndarray]:
    return [level.mean(axis=(2, 3), dtype=np.float64) for level in maps]


class TestPaperScores:
    """The rules of the paper, written out with scikit-learn."""

    @pytest.mark.parametrize("levels", [(7,), (4, 6), (4, 5, 6, 7), (9, 1)])
    def test_the_sum_of_distances_over_levels(
        self, normal: list[Sample], new: list[Sample], levels: tuple[int, ...]
    ) -> None:
        detector = made(score="sum", levels=levels, engine="torch")
        fit(detector, normal)
        expected = np.zeros(len(new))
        order = tuple(sorted(levels))
        for mine, theirs in zip(pooled(network_maps(normal, order)), pooled(network_maps(new, order)), strict=True):
            expected += np.sqrt(LedoitWolf().fit(mine).mahalanobis(theirs))
        found = predict(detector, new)
        np.testing.assert_allclose(scores_of(found), expected, rtol=1e-5)
        assert list(found[0].parts) == [f"level {level}" for level in order]

    def test_one_gaussian_over_all_levels(self, normal: list[Sample], new: list[Sample]) -> None:
        detector = made(score="global")
        fit(detector, normal)
        mine, theirs = (np.concatenate(pooled(network_maps(samples)), axis=1) for samples in (normal, new))
        expected = np.sqrt(LedoitWolf().fit(mine).mahalanobis(theirs))
        np.testing.assert_allclose(scores_of(predict(detector, new)), expected, rtol=1e-5)

    @pytest.mark.parametrize(
        ("values", "dof"),
        [
            ({"score": "global"}, 40 + 80 + 112 + 192),
            ({"score": "global", "levels": "5", "engine": "torch"}, 80),
            ({"score": "sum", "levels": "6", "engine": "torch"}, 112),
        ],
    )
    def test_its_threshold_is_that_of_chi_squared(self, normal: list[Sample], values: dict, dof: int) -> None:
        detector = made(**values)
        assert detector.has_theoretical_threshold
        fit(detector, normal[:6])
        for fpr in (0.5, 0.05, 1e-3, 1e-12):
            assert detector.theoretical_threshold(fpr) == pytest.approx(np.sqrt(chi2.isf(fpr, dof)), rel=1e-9)

    def test_its_threshold_counts_the_kept_components(self, normal: list[Sample]) -> None:
        detector = made(score="global", reduction="pca", variance=0.8)
        fit(detector, normal)
        mine = np.concatenate(pooled(network_maps(normal)), axis=1)
        variances = np.linalg.svd(mine - mine.mean(axis=0))[1] ** 2
        kept = int(np.argmax(np.cumsum(variances) / variances.sum() > 0.8)) + 1
        assert detector.theoretical_threshold(0.05) == pytest.approx(np.sqrt(chi2.isf(0.05, kept)))

    @pytest.mark.parametrize(
        "values",
        [{}, {"score": "local"}, {"score": "sum"}, {"score": "standardised-sum", "levels": "7", "engine": "torch"}],
    )
    def test_sums_have_no_threshold_in_theory(self, normal: list[Sample], values: dict) -> None:
        detector = made(**values)
        assert not detector.has_theoretical_threshold
        fit(detector, normal[:4])
        assert detector.theoretical_threshold(0.05) is None


@pytest.mark.parametrize("rule", RULES)
@pytest.mark.parametrize("reduction", ["none", "pca", "npca"])
class TestEveryRule:
    def test_fit_update_and_predict(
        self, normal: list[Sample], new: list[Sample], rule: str, reduction: str, tmp_path: Path
    ) -> None:
        detector, refit = (made(score=rule, reduction=reduction, variance=0.9) for _ in range(2))
        fit(detector, normal[:33])
        held_out = update(detector, normal[33:], normal[:2])
        expected = fit(refit, normal[2:])
        order = [detector.normal_set.keys.index(key) for key in refit.normal_set.keys]
        np.testing.assert_allclose(held_out.scores[order], expected.scores, rtol=1e-6, atol=1e-6)
        found = predict(detector, new)
        np.testing.assert_allclose(scores_of(found), scores_of(predict(refit, new)), rtol=1e-6, atol=1e-6)
        assert_identical([predict(detector, [sample])[0] for sample in new], found)
        assert_identical(detector.rescore([prediction.features for prediction in found]), found)
        path = tmp_path / "model.adm"
        groups = tuple(range(len(held_out.scores)))
        save_model(FittedModel(detector, Calibration(held_out.scores, groups, "", held_out.map_peaks)), path)
        assert_identical(predict(load_model(path, "cpu").detector, new), found)

    def test_held_out_scores_are_those_of_new_pictures_and_not_of_the_fit(
        self, normal: list[Sample], tmp_path: Path, rule: str, reduction: str
    ) -> None:
        detector = made(score=rule, reduction=reduction, variance=0.9)
        held_out = fit(detector, normal).scores
        fresh = scores_of(predict(detector, normal_pictures(tmp_path, 20, 2000)))
        assert np.percentile(held_out, 10) < np.median(fresh) < np.percentile(held_out, 95)
        if reduction == "none":
            trained = scores_of(predict(detector, normal))
            assert np.median(held_out) - np.median(trained) > 2 * abs(np.median(held_out) - np.median(fresh))

    def test_identical_pictures_are_refused(self, rule: str, reduction: str, tmp_path: Path) -> None:
        copies = [Sample(save(tmp_path / f"{i}.png", textured(0, 64))) for i in range(4)]
        other = Sample(save(tmp_path / "other.png", textured(1, 64)))
        with pytest.raises(UserError, match="look identical"):
            fit(made(score=rule, reduction=reduction), copies)
        detector = made(score=rule, reduction=reduction)
        fit(detector, [*copies, other, *normal_pictures(tmp_path, 2, 50)])
        with pytest.raises(UserError, match="look identical"):
            detector.update([], [other.key, *(str(tmp_path / f"n{i}.png") for i in (50, 51))], Task())
        assert len(detector.normal_set.keys) == 7

    @pytest.mark.parametrize("count", [2, 3, 4])
    def test_few_pictures(self, normal: list[Sample], new: list[Sample], rule: str, reduction: str, count: int) -> None:
        detector = made(score=rule, reduction=reduction, variance=0.5)
        if count == 2 and reduction != "none" and rule != "local":
            with pytest.raises(UserError, match="at least three normal pictures"):
                fit(detector, normal[:count])
            return
        assert np.isfinite(fit(detector, normal[:count]).scores).all()
        assert np.isfinite(scores_of(predict(detector, new))).all()
        if count > 2:
            assert np.isfinite(calibrate(detector, [0] * (count - 1) + [1]).scores).all()


def test_the_cut_of_npca_may_leave_nothing(normal: list[Sample], tmp_path: Path) -> None:
    # Five pictures of which three are the same have two directions, and the cut comes after them.
    copies = [Sample(save(tmp_path / f"{i}.png", textured(0, 64))) for i in range(3)]
    detector = made(score="global", reduction="npca", variance=1.0)
    with pytest.raises(UserError, match=r"NPCA keeps no component.*'variance'"):
        fit(detector, [*copies, *normal[1:3]])


def test_pictures_are_scored_by_map_alone_below_thirty(normal: list[Sample], new: list[Sample]) -> None:
    few, enough = made(), made()
    fit(few, normal[:29])
    fit(enough, normal[:30])
    assert all(prediction.parts["global"] == 0 for prediction in predict(few, new))
    assert all(prediction.parts["global"] != 0 for prediction in predict(enough, new))


class TestMap:
    def test_raw_and_z_are_two_views_of_the_same_fit(self, normal: list[Sample], new: list[Sample]) -> None:
        z, raw = made(), made(map="raw")
        held_out_z, held_out_raw = fit(z, normal), fit(raw, normal)
        assert np.array_equal(held_out_z.scores, held_out_raw.scores)
        found_z, found_raw = predict(z, new), predict(raw, new)
        assert scores_of(found_z).tolist() == scores_of(found_raw).tolist()
        assert grids_of(found_raw).min() > 0
        assert grids_of(found_z).min() < 0
        assert held_out_raw.map_peaks is not None
        assert not np.allclose(held_out_z.map_peaks, held_out_raw.map_peaks)
        other = GaussianAD(replace(z.params, map="raw"), "cpu")
        other.restore(z.state())
        assert np.array_equal(grids_of(predict(other, new)), grids_of(found_raw))

    @pytest.mark.parametrize("levels", [(1,), (9,), (2, 3, 8), (1, 2, 3, 4, 5, 6, 7, 8, 9)])
    def test_any_levels_make_a_map(self, normal: list[Sample], new: list[Sample], levels: tuple[int, ...]) -> None:
        detector = made(levels=levels, engine="torch")
        fit(detector, normal[:6])
        found = predict(detector, new)
        side = max(min(LITE.levels[level - 1].side(SIDE), 16) for level in levels)
        assert grids_of(found).shape == (6, side, side)
        assert scores_of(found)[3:].min() > np.median(scores_of(found)[:3])

    def test_levels_may_be_given_in_any_order(self, normal: list[Sample], new: list[Sample]) -> None:
        first, second = made(levels=(4, 6), engine="torch"), made(levels="6,4", engine="torch")
        fit(first, normal[:6])
        fit(second, normal[:6])
        assert_identical(predict(second, new), predict(first, new))

    def test_held_out_peaks_are_those_of_the_maps(self, normal: list[Sample]) -> None:
        detector = made()
        held_out = fit(detector, normal)
        distances = detector.pyramid_.held_out(detector.rows_, range(36), Task())
        grids = detector.pyramid_.standardise(distances, range(36))
        peaks = [upsample(grid, (96, 72), predict(detector, normal[:1])[0].smoothing).max() for grid in grids]
        np.testing.assert_allclose(held_out.map_peaks, peaks, rtol=0.03, atol=0.03)


class TestChoices:
    @pytest.mark.parametrize(
        ("values", "message"),
        [
            ({"levels": ()}, "at least one level"),
            ({"levels": (4, 4)}, "once only"),
            ({"backbone": "resnet18", "levels": "4-6"}, r"resnet18 has no level 6: choose among 1 to 5\."),
            ({"image_size": 20}, "input side of 20 pixels"),
            ({"value_range": "0"}, r"value_range=0: give two numbers such as 0,4095, or auto\."),
            ({"value_range": "a,b"}, "give two numbers"),
            ({"value_range": "0,1,2"}, "give two numbers"),
            ({"value_range": ""}, "give two numbers"),
            ({"value_range": "5,5"}, "first number has to be below the second"),
            ({"value_range": "9,1"}, "first number has to be below the second"),
            ({"value_range": "0,inf"}, "first number has to be below"),
            ({"value_range": "nan,1"}, "first number has to be below"),
            ({"score": "max"}, r"score=max: choose one of local\+global, local, global, sum, standardised-sum\."),
            ({"variance": "1.5"}, "at most 1"),
            ({"augmentations": "1000"}, "at most 200"),
        ],
    )
    def test_impossible_ones_are_refused_at_once(self, values: dict, message: str) -> None:
        with pytest.raises(UserError, match=message):
            made(**values)

    def test_the_networks_own_side_is_the_default(self) -> None:
        assert GaussianAD().side == 256
        assert GaussianAD(make_params(GaussianAD.Params, {"backbone": "efficientnet-b4"})).side == 380

    def test_torch_and_onnxruntime_agree(self, normal: list[Sample], new: list[Sample]) -> None:
        fast, slow = made(engine="onnxruntime"), made(engine="torch")
        fit(fast, normal[:32])
        fit(slow, normal[:32])
        assert (fast.describe()["engine"], slow.describe()["engine"]) == ("onnxruntime", "torch")
        found, expected = predict(fast, new), predict(slow, new)
        np.testing.assert_allclose(scores_of(found), scores_of(expected), rtol=1e-4, atol=1e-4)
        # A model fitted with one runs on the other.
        other = GaussianAD(replace(fast.params, engine="torch"), "cpu")
        other.restore(fast.state())
        np.testing.assert_allclose(scores_of(predict(other, new)), scores_of(found), rtol=1e-4, atol=1e-4)


@pytest.fixture(scope="module")
def random_weights(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights files of two torchvision networks: random, with statistics as after training."""
    import torch
    from torchvision.models import get_model

    folder = tmp_path_factory.mktemp("weights")
    for name in ("efficientnet-b0", "resnet18"):
        torch.manual_seed(0)
        state = get_model(name.replace("-", "_"), weights=None).state_dict()
        for key, tensor in state.items():
            if key.endswith("running_mean"):
                tensor.normal_(0, 0.1)
            elif key.endswith("running_var"):
                tensor.uniform_(0.5, 1.5)
        torch.save(state, folder / f"{name}.pth")
    return folder


class TestWeights:
    @pytest.mark.parametrize(("name", "levels"), [("efficientnet-b0", "6,7"), ("resnet18", "2-4")])
    def test_other_networks_with_a_file_of_weights(
        self, normal: list[Sample], new: list[Sample], random_weights: Path, name: str, levels: str
    ) -> None:
        path = random_weights / f"{name}.pth"
        detector = made(backbone=name, levels=levels, weights=str(path), engine="torch")
        task = Task()
        detector.load(task)
        assert any("does not hold the published weights" in note for note in task.notes)
        fit(detector, normal)
        found = predict(detector, new)
        assert np.isfinite(scores_of(found)).all()
        described = detector.describe()
        assert (described["backbone"], described["weights_sha256"]) == (name, find_weights_hash(path))
        assert described["preprocessing"]["mean"] == pytest.approx([123.675, 116.28, 103.53])

    def test_a_model_is_not_used_with_other_weights(
        self, normal: list[Sample], new: list[Sample], random_weights: Path, tmp_path: Path
    ) -> None:
        import torch

        mine = tmp_path / "mine.pth"
        mine.write_bytes((random_weights / "resnet18.pth").read_bytes())
        detector = made(backbone="resnet18", levels="3", weights=str(mine), engine="torch")
        held_out = fit(detector, normal[:4])
        calibration = Calibration(held_out.scores, (0, 1, 2, 3), "", held_out.map_peaks)
        save_model(FittedModel(detector, calibration), tmp_path / "model.adm")
        assert np.isfinite(scores_of(predict(load_model(tmp_path / "model.adm").detector, new))).all()

        state = torch.load(mine, weights_only=True)
        state["layer3.1.bn2.weight"] += 0.5
        torch.save(state, mine)
        loaded = load_model(tmp_path / "model.adm").detector
        with pytest.raises(ModelFileError, match=r"other weights of resnet18.*mine\.pth.*[Ff]it again"):
            loaded.load(Task())
        with pytest.raises(ModelFileError):
            predict(loaded, new)
        mine.unlink()
        with pytest.raises(WeightsError, match=r"mine\.pth"):
            load_model(tmp_path / "model.adm").detector.load(Task())


def find_weights_hash(path: Path) -> str:
    import hashlib

    return hashlib.sha256(path.read_bytes()).hexdigest()


class TestDeepPictures:
    """Pictures of 16 bits and of floats."""

    @staticmethod
    def deep(folder: Path, samples: Sequence[Sample], dtype: type, factor: float) -> list[Sample]:
        folder.mkdir()
        found = []
        for sample in samples:
            path = folder / sample.path.with_suffix(".tif").name
            pixels = np.asarray(Image.open(sample.path)).astype(np.float64)
            tifffile.imwrite(path, (pixels * factor).astype(dtype))
            found.append(Sample(path))
        return found

    @pytest.mark.parametrize(
        ("dtype", "factor", "value_range"), [(np.uint16, 257, "0,65535"), (np.float32, 1 / 255, "0,1")]
    )
    def test_with_the_range_told_they_score_as_with_8_bits(
        self, tmp_path: Path, dtype: type, factor: float, value_range: str
    ) -> None:
        # At the side of the network's input nothing is resized, which rounds 8-bit pictures to whole numbers.
        square = (SIDE, SIDE)
        normal = normal_pictures(tmp_path / "8", 12, size=square)
        new = [*normal_pictures(tmp_path / "8", 3, 900, square), *spoilt_pictures(tmp_path / "8", 3, size=square)]
        plain = made()
        expected = fit(plain, normal)
        detector = made(value_range=value_range)
        held_out = fit(detector, self.deep(tmp_path / "normal", normal, dtype, factor))
        np.testing.assert_allclose(held_out.scores, expected.scores, rtol=1e-3, atol=1e-3)
        found = predict(detector, self.deep(tmp_path / "new", new, dtype, factor))
        np.testing.assert_allclose(scores_of(found), scores_of(predict(plain, new)), rtol=1e-3, atol=1e-3)
        # The same pictures may be checked as 8 bits, in one batch with the others.
        mixed = predict(detector, [*new, *self.deep(tmp_path / "again", new, dtype, factor)])
        np.testing.assert_allclose(scores_of(mixed), np.tile(scores_of(found), 2), rtol=1e-3, atol=1e-3)

    def test_without_one_it_is_found_from_the_normal_pictures(
        self, normal: list[Sample], new: list[Sample], tmp_path: Path
    ) -> None:
        deep_normal = self.deep(tmp_path / "normal", normal, np.uint16, 16)
        deep_new = self.deep(tmp_path / "new", new, np.uint16, 16)
        detector = made()
        task = Task()
        detector.survey(deep_normal, task)
        [note] = task.notes
        assert "more than 8 bits" in note
        assert detector.value_range_ is not None
        values = np.stack([tifffile.imread(sample.path) for sample in deep_normal])
        low, high = detector.value_range_
        assert 0 <= low < np.percentile(values, 1)
        assert np.percentile(values, 99) < high < 65535
        held_out = fit(detector, deep_normal)
        found = predict(detector, deep_new)
        assert scores_of(found)[3:].min() > held_out.scores.max()
        # The range is part of the model.
        other = GaussianAD(detector.params, "cpu")
        other.restore(detector.state())
        assert other.value_range_ == detector.value_range_
        assert_identical(predict(other, deep_new), found)
        plain = made()
        fit(plain, normal)
        order = spearmanr(scores_of(found), scores_of(predict(plain, new))).statistic
        assert order > 0.8

    def test_a_model_of_8_bits_refuses_them(self, normal: list[Sample], tmp_path: Path) -> None:
        detector = made()
        fit(detector, normal[:4])
        [sample] = self.deep(tmp_path / "new", normal[:1], np.uint16, 257)
        with pytest.raises(InputError, match="value range"):
            detector.prepare(sample)


class TestAugmentation:
    def test_the_fit_does_not_depend_on_the_order(self, normal: list[Sample], new: list[Sample]) -> None:
        first, second = (made(score="global", augmentations=3) for _ in range(2))
        expected = fit(first, normal[:6])
        found = fit(second, normal[5::-1])
        np.testing.assert_allclose(found.scores[::-1], expected.scores, rtol=1e-9)
        np.testing.assert_allclose(scores_of(predict(second, new)), scores_of(predict(first, new)), rtol=1e-9)

    def test_copies_join_the_fit_of_the_whole_pictures_distance_only(
        self, normal: list[Sample], new: list[Sample]
    ) -> None:
        plain, varied = made(score="global"), made(score="global", augmentations=2)
        fit(plain, normal[:8])
        fit(varied, normal[:8])
        assert np.array_equal(grids_of(predict(varied, new)), grids_of(predict(plain, new)))
        vectors = []
        for sample in normal[:8]:
            prepared = varied.prepare(sample)
            copies = augmented(prepared.pixels, prepared.sha256, 2)
            maps = varied.engine.run(np.stack([prepared.pixels.astype(np.float32), *copies]))
            vectors.append(np.concatenate(pooled(maps), axis=1))
        rows = np.concatenate(vectors)
        reference = LedoitWolf().fit(rows)
        # Independent pictures count for the shrinkage: 8, not 24.
        rho = min(3 * reference.shrinkage_, 1)
        covariance = np.cov(rows.T, bias=True)
        covariance = (1 - rho) * covariance + rho * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
        offsets = np.concatenate(pooled(network_maps(new)), axis=1) - rows.mean(axis=0)
        expected = np.sqrt(np.einsum("ij,ij->i", offsets, np.linalg.solve(covariance, offsets.T).T))
        np.testing.assert_allclose(scores_of(predict(varied, new)), expected, rtol=1e-5)

    def test_an_update_equals_a_refit(self, normal: list[Sample], new: list[Sample]) -> None:
        detector, refit = (made(score="sum", augmentations=2) for _ in range(2))
        fit(detector, normal[:6])
        held_out = update(detector, normal[6:8], normal[:1])
        np.testing.assert_allclose(held_out.scores, fit(refit, normal[1:8]).scores, rtol=1e-6)
        np.testing.assert_allclose(scores_of(predict(detector, new)), scores_of(predict(refit, new)), rtol=1e-6)


class TestState:
    def test_what_does_not_fit_its_parameters_is_refused(self, normal: list[Sample]) -> None:
        detector = made()
        fit(detector, normal[:4])
        state = detector.state()
        for spoilt in (
            State({**state.tensors, "pooled": state.tensors["pooled"][:3]}, state.meta),
            State({**state.tensors, "pooled": state.tensors["pooled"][:, :, 1:]}, state.meta),
            State({name: t for name, t in state.tensors.items() if name != "local.1.scatter"}, state.meta),
            State(state.tensors, {**state.meta, "keys": state.meta["keys"][1:]}),
            State(state.tensors, {**state.meta, "sha256": state.meta["sha256"][1:]}),
            State(state.tensors, {**state.meta, "sizes": [3, 4]}),
            State(state.tensors, {name: value for name, value in state.meta.items() if name != "standards"}),
            State(state.tensors, {**state.meta, "standards": {"local": [1.0]}}),
            State({**state.tensors, "local.0.scatter": -state.tensors["local.0.scatter"]}, state.meta),
        ):
            with pytest.raises((ModelFileError, UserError)):
                made().restore(spoilt)
        with pytest.raises(ModelFileError, match="do not fit its parameters"):
            made(levels=(4, 5)).restore(state)

    def test_normal_pictures_are_kept_in_half_precision(self, normal: list[Sample]) -> None:
        detector: Detector = made()
        fit(detector, normal[:4])
        tensors = detector.state().tensors
        cells = sum(level.side(SIDE) ** 2 * level.channels for level in LITE.levels[3:7])
        assert tensors["rows"].shape == (4, cells)
        assert tensors["rows"].dtype == np.float16
        assert tensors["pooled"].shape == (4, 1, 424)

    def test_nearest_normal_pictures_come_first(self, normal: list[Sample], new: list[Sample]) -> None:
        detector = made()
        fit(detector, normal)
        vectors = np.concatenate(pooled(network_maps(normal)), axis=1)
        for sample, prediction in zip([*new[:2], normal[5]], predict(detector, [*new[:2], normal[5]]), strict=True):
            [own] = np.concatenate(pooled(network_maps([sample])), axis=1)
            distances = np.sqrt((((vectors - own) / vectors.std(axis=0)) ** 2).sum(axis=1))
            found = detector.nearest(prediction.features, 4)
            assert [near.key for near in found] == [normal[i].key for i in np.argsort(distances)[:4]]
            np.testing.assert_allclose([near.distance for near in found], np.sort(distances)[:4], rtol=1e-3, atol=1e-3)
        assert found[0].key == normal[5].key
        assert found[0].distance == 0
        for first, second in itertools.pairwise(found):
            assert first.distance <= second.distance
