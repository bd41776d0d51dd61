"""What every detector promises, whatever its method: the parametrised test that each registered one passes."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fitting import (
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
from pictures import save, textured, write_bad_files
from scipy.stats import ks_2samp

from ad_desktop.data.samples import Sample
from ad_desktop.detectors import registry
from ad_desktop.detectors.base import Detector, HeldOut, Prediction
from ad_desktop.errors import InputError, UserError
from ad_desktop.task import Task
from ad_desktop.workflows.model import Calibration, FittedModel
from ad_desktop.workflows.store import load_model, save_model

TOLERANCE = 1e-6

pytestmark = pytest.mark.parametrize("kind", registry.detectors().values(), ids=registry.detectors())


@pytest.fixture(scope="module")
def normal(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    return normal_pictures(tmp_path_factory.mktemp("normal"), 14)


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Enough for what a method leaves out where there are few."""
    return normal_pictures(tmp_path_factory.mktemp("many"), 34)


@pytest.fixture(scope="module")
def new(tmp_path_factory: pytest.TempPathFactory) -> list[Sample]:
    """Pictures to check: of several sizes, grey and coloured, some with defects."""
    folder = tmp_path_factory.mktemp("new")
    coloured = Sample(save(folder / "colour.png", textured(901, (50, 130), 3)))
    wide = normal_pictures(folder / "wide", 2, 910, (64, 200))
    return [*normal_pictures(folder, 2, 900), coloured, *wide, *spoilt_pictures(folder, 2)]


def model_of(detector: Detector, held_out: HeldOut) -> FittedModel:
    count = len(held_out.scores)
    calibration = Calibration(held_out.scores, tuple(range(count)), "every picture by itself", held_out.map_peaks)
    return FittedModel(detector, calibration)


def restored(detector: Detector) -> Detector:
    twin = type(detector)(detector.params, "cpu")
    twin.restore(detector.state())
    return twin


def assert_same_model(
    found: tuple[Detector, HeldOut], expected: tuple[Detector, HeldOut], new: Sequence[Sample]
) -> None:
    """Two ways to the same normal set: equal scores and held-out scores, whatever the order of the samples."""
    keys = found[0].normal_set.keys
    place = [keys.index(key) for key in expected[0].normal_set.keys]
    np.testing.assert_allclose(found[1].scores[place], expected[1].scores, rtol=TOLERANCE, atol=TOLERANCE)
    if expected[1].map_peaks is not None:
        assert found[1].map_peaks is not None
        np.testing.assert_allclose(found[1].map_peaks[place], expected[1].map_peaks, rtol=TOLERANCE, atol=TOLERANCE)
    mine, theirs = predict(found[0], new), predict(expected[0], new)
    np.testing.assert_allclose(scores_of(mine), scores_of(theirs), rtol=TOLERANCE, atol=TOLERANCE)
    scale = float(np.abs(grids_of(theirs)).max())
    np.testing.assert_allclose(grids_of(mine), grids_of(theirs), rtol=TOLERANCE, atol=TOLERANCE * scale)


def test_a_restored_state_predicts_the_same_to_the_last_bit(
    kind: type[Detector], many: list[Sample], new: list[Sample]
) -> None:
    detector = small(kind)
    held_out = fit(detector, many)
    expected = predict(detector, new)
    twin = restored(detector)
    assert twin.normal_set == detector.normal_set
    assert_identical(predict(twin, new), expected)
    again = calibrate(twin)
    assert np.array_equal(again.scores, held_out.scores)


def test_a_saved_model_predicts_the_same_to_the_last_bit(
    kind: type[Detector], many: list[Sample], new: list[Sample], tmp_path: Path
) -> None:
    detector = small(kind)
    held_out = fit(detector, many[:32])
    expected = predict(detector, new)
    path = tmp_path / "modèle.adm"
    save_model(model_of(detector, held_out), path)
    loaded = load_model(path, "cpu")
    assert loaded.detector.normal_set == detector.normal_set
    assert np.array_equal(loaded.calibration.scores, held_out.scores)
    assert_identical(predict(loaded.detector, new), expected)
    # Once more after a change, over the very file that was opened.
    held_out = update(loaded.detector, many[32:], many[:2])
    expected = predict(loaded.detector, new)
    save_model(model_of(loaded.detector, held_out), path)
    assert_identical(predict(load_model(path, "cpu").detector, new), expected)
    assert_identical(predict(loaded.detector, new), expected)


def test_two_fits_are_identical(kind: type[Detector], normal: list[Sample], new: list[Sample]) -> None:
    first, second = small(kind), small(kind)
    assert np.array_equal(fit(first, normal).scores, fit(second, normal).scores)
    assert_identical(predict(first, new), predict(second, new))
    # A detector that was fitted before starts anew.
    fit(second, normal[:5])
    fit(second, normal)
    assert_identical(predict(second, new), predict(first, new))


def test_predictions_do_not_change_the_model(kind: type[Detector], normal: list[Sample], new: list[Sample]) -> None:
    detector = small(kind)
    fit(detector, normal)
    assert_identical(predict(detector, new), predict(detector, new))


def test_the_map_has_the_size_of_the_picture(kind: type[Detector], normal: list[Sample], new: list[Sample]) -> None:
    detector = small(kind)
    fit(detector, normal)
    for prediction, size in zip(
        predict(detector, new), [(96, 72)] * 2 + [(50, 130)] + [(64, 200)] * 2 + [(96, 72)] * 2, strict=True
    ):
        assert prediction.size == prediction.anomaly_map.shape == size
        assert prediction.anomaly_map.dtype == prediction.grid.dtype == np.float32
        assert np.isfinite(prediction.anomaly_map).all()
        assert isinstance(prediction.anomaly_score, float)
        assert np.isfinite(prediction.anomaly_score)
        assert all(np.isfinite(part) for part in prediction.parts.values())


def test_defects_score_higher_than_anything_normal(kind: type[Detector], tmp_path: Path) -> None:
    detector = small(kind)
    held_out = fit(detector, normal_pictures(tmp_path, 40))
    good = scores_of(predict(detector, normal_pictures(tmp_path, 12, 500)))
    bad = predict(detector, spoilt_pictures(tmp_path, 12))
    assert scores_of(bad).min() > max(good.max(), held_out.scores.max())


def test_the_map_is_highest_where_the_defect_is(kind: type[Detector], tmp_path: Path) -> None:
    detector = small(kind)
    fit(detector, normal_pictures(tmp_path, 40, size=(128, 96)))
    for row, column in ((30, 24), (90, 60), (64, 70)):
        pixels = textured(7000 + row, (128, 96))
        pixels[row - 8 : row + 8, column - 8 : column + 8] = 250
        [prediction] = predict(detector, [Sample(save(tmp_path / f"at{row}.png", pixels))])
        peak = np.unravel_index(prediction.anomaly_map.argmax(), prediction.size)
        assert abs(peak[0] - row) <= 16
        assert abs(peak[1] - column) <= 16


def test_a_picture_scores_the_same_alone_and_in_a_batch(
    kind: type[Detector], many: list[Sample], new: list[Sample]
) -> None:
    detector = small(kind)
    fit(detector, many)
    together = predict(detector, [*new, *many])
    alone = [predict(detector, [sample])[0] for sample in [*new, *many]]
    assert_identical(alone, together)
    assert_identical(predict(detector, [*many, *new][::-1])[::-1], [*together[len(new) :], *together[: len(new)]])


class TestUpdate:
    def test_adding_equals_a_refit(self, kind: type[Detector], normal: list[Sample], new: list[Sample]) -> None:
        detector, refit = small(kind), small(kind)
        fit(detector, normal[:10])
        changed = update(detector, normal[10:])
        assert_same_model((detector, changed), (refit, fit(refit, normal)), new)

    def test_removing_equals_a_refit(self, kind: type[Detector], normal: list[Sample], new: list[Sample]) -> None:
        detector, refit = small(kind), small(kind)
        fit(detector, normal)
        changed = update(detector, remove=[normal[0], normal[7], normal[13]])
        assert detector.normal_set.keys == tuple(s.key for s in [*normal[1:7], *normal[8:13]])
        assert_same_model((detector, changed), (refit, fit(refit, [*normal[1:7], *normal[8:13]])), new)

    def test_adding_then_removing_takes_back(
        self, kind: type[Detector], normal: list[Sample], new: list[Sample]
    ) -> None:
        detector, refit = small(kind), small(kind)
        expected = fit(refit, normal)
        fit(detector, normal)
        # Pictures unlike the normal ones, which move the statistics far.
        update(detector, new)
        assert_same_model((detector, update(detector, remove=new)), (refit, expected), new)

    def test_both_at_once_and_all_at_once(self, kind: type[Detector], normal: list[Sample], new: list[Sample]) -> None:
        detector, refit = small(kind), small(kind)
        fit(detector, normal[:9])
        changed = update(detector, normal[9:], normal[:4])
        assert_same_model((detector, changed), (refit, fit(refit, normal[4:])), new)
        # Every picture replaced, by new ones and by itself.
        changed = update(detector, normal[:4], normal[4:])
        assert_same_model((detector, changed), (refit, fit(refit, normal[:4])), new)
        changed = update(detector, normal[:4], normal[:4])
        assert_same_model((detector, changed), (refit, fit(refit, normal[:4])), new)

    def test_most_leave(self, kind: type[Detector], normal: list[Sample], new: list[Sample]) -> None:
        detector, refit = small(kind), small(kind)
        fit(detector, [*normal, *new])
        changed = update(detector, remove=[*new, *normal[3:]])
        assert_same_model((detector, changed), (refit, fit(refit, normal[:3])), new)

    def test_one_by_one(self, kind: type[Detector], normal: list[Sample], new: list[Sample]) -> None:
        detector, refit = small(kind), small(kind)
        fit(detector, normal[:2])
        for sample in normal[2:8]:
            update(detector, [sample])
        for sample in (normal[0], normal[3]):
            changed = update(detector, remove=[sample])
        kept = [normal[i] for i in (1, 2, 4, 5, 6, 7)]
        assert_same_model((detector, changed), (refit, fit(refit, kept)), new)

    def test_the_order_of_samples_does_not_matter(
        self, kind: type[Detector], normal: list[Sample], new: list[Sample]
    ) -> None:
        first, second = small(kind), small(kind)
        order = np.random.default_rng(0).permutation(len(normal))
        mixed = fit(second, [normal[i] for i in order])
        assert_same_model((second, mixed), (first, fit(first, normal)), new)

    def test_a_loaded_model_can_be_updated(
        self, kind: type[Detector], normal: list[Sample], new: list[Sample], tmp_path: Path
    ) -> None:
        detector, refit = small(kind), small(kind)
        save_model(model_of(detector, fit(detector, normal[:8])), tmp_path / "a.adm")
        loaded = load_model(tmp_path / "a.adm", "cpu").detector
        changed = update(loaded, normal[8:], [normal[2]])
        expected = fit(refit, [*normal[:2], *normal[3:]])
        assert_same_model((loaded, changed), (refit, expected), new)

    def test_what_cannot_be_done_leaves_the_model_as_it_was(
        self, kind: type[Detector], normal: list[Sample], new: list[Sample], tmp_path: Path
    ) -> None:
        detector = small(kind)
        fit(detector, normal[:4])
        expected, members = predict(detector, new), detector.normal_set
        copies = [Sample(save(tmp_path / f"copy{i}.png", textured(3, 64))) for i in range(3)]
        for add, remove, message in (
            ([], [Sample(tmp_path / "nobody.png")], r"nobody\.png is not among the normal pictures"),
            (normal[4:6], [normal[0], Sample(tmp_path / "nobody.png")], "not among"),
            ([], normal[:3], r"[Tt]wo normal pictures"),
            ([], normal[:4], r"[Tt]wo normal pictures"),
            (copies, normal[:4], "identical"),
            ([normal[1]], [], "already"),
            ([normal[5], normal[5]], [], "already"),
        ):
            prepared = [detector.prepare(sample) for sample in add]
            with pytest.raises(UserError, match=message):
                detector.update(prepared, [sample.key for sample in remove], Task())
            assert detector.normal_set == members
            assert_identical(predict(detector, new), expected)
        # And it can still be changed.
        refit = small(kind)
        changed = update(detector, normal[4:6], normal[:1])
        assert_same_model((detector, changed), (refit, fit(refit, normal[1:6])), new)

    def test_what_remains_may_not_be_identical(
        self, kind: type[Detector], normal: list[Sample], new: list[Sample], tmp_path: Path
    ) -> None:
        copies = [Sample(save(tmp_path / f"copy{i}.png", textured(3, 64))) for i in range(4)]
        detector = small(kind)
        fit(detector, [*copies, normal[0], normal[1]])
        expected = predict(detector, new)
        with pytest.raises(UserError, match="look identical"):
            update(detector, remove=normal[:2])
        assert_identical(predict(detector, new), expected)

    def test_a_state_does_not_follow_the_detector_it_was_taken_from(
        self, kind: type[Detector], normal: list[Sample], new: list[Sample]
    ) -> None:
        detector = small(kind)
        fit(detector, normal[:8])
        expected, state = predict(detector, new), detector.state()
        update(detector, normal[8:11])
        update(detector, normal[11:], normal[:2])
        after = predict(detector, new)
        first, second = (kind(detector.params, "cpu") for _ in range(2))
        first.restore(state)
        second.restore(state)
        assert_identical(predict(first, new), expected)
        update(first, normal[8:10])
        assert_identical(predict(second, new), expected)
        update(second, normal[10:12])
        assert_identical(predict(detector, new), after)
        again = kind(detector.params, "cpu")
        again.restore(state)
        assert_identical(predict(again, new), expected)
        assert np.isfinite(calibrate(first).scores).all()


class TestRescore:
    def test_features_give_the_same_prediction(
        self, kind: type[Detector], many: list[Sample], new: list[Sample]
    ) -> None:
        detector = small(kind)
        fit(detector, many)
        seen = predict(detector, [*new, *many, *new])
        again = detector.rescore([prediction.features for prediction in seen])
        if again is None:
            pytest.skip("this detector does not rescore")
        assert_identical(again, seen)
        assert detector.rescore([]) == []

    def test_features_follow_an_update(self, kind: type[Detector], normal: list[Sample], new: list[Sample]) -> None:
        detector = small(kind)
        fit(detector, normal[:8])
        seen = predict(detector, new)
        update(detector, normal[8:], normal[:3])
        again = detector.rescore([prediction.features for prediction in seen])
        if again is None:
            pytest.skip("this detector does not rescore")
        assert_identical(again, predict(detector, new))
        assert not np.allclose(scores_of(again), scores_of(seen), rtol=1e-3)


class TestFewNormals:
    @pytest.mark.parametrize("count", [0, 1])
    def test_fewer_than_two_are_too_few(self, kind: type[Detector], normal: list[Sample], count: int) -> None:
        if not count and not kind.needs_normal_samples:
            pytest.skip("this detector can do without")
        with pytest.raises(UserError, match=r"[Aa]t least two normal pictures"):
            fit(small(kind), normal[:count])

    def test_none_at_all_make_an_uncalibrated_model(
        self, kind: type[Detector], new: list[Sample], tmp_path: Path
    ) -> None:
        if kind.needs_normal_samples:
            pytest.skip("this detector needs normal pictures")
        detector = small(kind)
        detector.load(Task())
        detector.fit((), Task())
        model = FittedModel(detector, Calibration(np.empty(0), (), ""))
        expected = predict(detector, new)
        assert all(0 <= score <= 1 for score in scores_of(expected))
        save_model(model, tmp_path / "none.adm")
        loaded = load_model(tmp_path / "none.adm", "cpu")
        assert_identical(predict(loaded.detector, new), expected)
        assert not loaded.calibrated
        assert loaded.threshold.rule == "uncalibrated"
        assert loaded.threshold.value == loaded.map_threshold == kind.default_threshold
        assert loaded.judge(0.7).percentile is None
        assert loaded.judge(0.7).pred_label

    @pytest.mark.parametrize("count", [2, 3, 5])
    def test_two_and_more_work(self, kind: type[Detector], normal: list[Sample], new: list[Sample], count: int) -> None:
        detector = small(kind)
        held_out = fit(detector, normal[:count])
        assert held_out.scores.shape == (count,)
        assert held_out.scores.dtype == np.float64
        assert np.isfinite(held_out.scores).all()
        assert held_out.map_peaks is None or np.isfinite(held_out.map_peaks).all()
        found = predict(detector, [*new, *normal])
        assert np.isfinite(scores_of(found)).all()
        assert np.isfinite(grids_of(found)).all()
        assert len(set(scores_of(found))) == len(found)
        assert_identical(predict(restored(detector), [*new, *normal]), found)

    @pytest.mark.parametrize("count", [2, 3, 8])
    def test_identical_ones_are_refused_in_words(self, kind: type[Detector], tmp_path: Path, count: int) -> None:
        pixels = textured(0, 80)
        samples = [Sample(save(tmp_path / f"{i}.png", pixels)) for i in range(count)]
        with pytest.raises(UserError, match=r"normal pictures look identical.*Add pictures that differ"):
            fit(small(kind), samples)

    def test_copies_among_others_are_no_obstacle(
        self, kind: type[Detector], normal: list[Sample], new: list[Sample], tmp_path: Path
    ) -> None:
        copies = [Sample(save(tmp_path / f"{i}.png", textured(0, (96, 72)))) for i in range(5)]
        detector = small(kind)
        held_out = fit(detector, [*copies, normal[1]])
        assert np.isfinite(held_out.scores).all()
        assert np.isfinite(scores_of(predict(detector, new))).all()

    def test_flat_pictures_that_differ_in_brightness(self, kind: type[Detector], tmp_path: Path) -> None:
        samples = [Sample(save(tmp_path / f"{i}.png", np.full((70, 90), 100 + 3 * i, np.uint8))) for i in range(6)]
        detector = small(kind)
        assert np.isfinite(fit(detector, samples).scores).all()
        assert np.isfinite(scores_of(predict(detector, samples))).all()


class TestHeldOut:
    def test_held_out_scores_are_distributed_as_those_of_new_pictures(
        self, kind: type[Detector], tmp_path: Path
    ) -> None:
        detector = small(kind)
        held_out = fit(detector, normal_pictures(tmp_path, 70))
        fresh = predict(detector, normal_pictures(tmp_path, 70, 2000))
        assert ks_2samp(held_out.scores, scores_of(fresh)).pvalue > 0.02
        if held_out.map_peaks is not None:
            peaks = [float(prediction.anomaly_map.max()) for prediction in fresh]
            assert ks_2samp(held_out.map_peaks, peaks).pvalue > 0.02

    def test_a_whole_group_is_left_out(self, kind: type[Detector], normal: list[Sample], tmp_path: Path) -> None:
        # Each picture twice: alone, its double gives it away.
        doubles = [Sample(save(tmp_path / f"{i}.png", textured(i, (96, 72)))) for i in range(len(normal))]
        detector = small(kind)
        alone = fit(detector, [*normal, *doubles])
        together = calibrate(detector, [*range(14), *range(14)])
        assert together.scores.shape == alone.scores.shape == (28,)
        np.testing.assert_allclose(together.scores[:14], together.scores[14:], rtol=1e-5, atol=1e-5)
        single = small(kind)
        by_itself = fit(single, normal)
        order = np.argsort(by_itself.scores)
        # Without the doubles it is the same model but for the amount of shrinkage.
        assert np.corrcoef(together.scores[:14], by_itself.scores)[0, 1] > 0.9
        assert order[-1] == np.argmax(together.scores[:14])

    def test_groups_of_any_size(self, kind: type[Detector], normal: list[Sample], new: list[Sample]) -> None:
        detector = small(kind)
        found = []
        fit(detector, normal)
        for groups in (range(14), [i // 2 for i in range(14)], [i % 2 for i in range(14)], [0] * 13 + [7]):
            held_out = calibrate(detector, groups)
            assert held_out.scores.shape == (14,)
            assert np.isfinite(held_out.scores).all()
            assert np.isfinite(scores_of(predict(detector, new))).all()
            found.append(held_out.scores)
        assert not any(np.allclose(a, b) for i, a in enumerate(found) for b in found[:i])
        # The numbers themselves mean nothing.
        assert np.array_equal(calibrate(detector, [100 - i // 2 for i in range(14)]).scores, found[1])

    @pytest.mark.parametrize("groups", [[0] * 14, list(range(13)), []])
    def test_groups_that_leave_nothing_or_do_not_fit(
        self, kind: type[Detector], normal: list[Sample], groups: list[int]
    ) -> None:
        detector = small(kind)
        fit(detector, normal)
        with pytest.raises(ValueError, match="groups"):
            detector.calibrate(groups, Task())


class TestPrepare:
    def test_it_is_pure_and_may_run_in_threads(self, kind: type[Detector], normal: list[Sample]) -> None:
        detector = small(kind)
        detector.survey(normal, Task())
        one_by_one = [detector.prepare(sample) for sample in normal]
        with ThreadPoolExecutor(4) as pool:
            for _ in range(3):
                for found, expected in zip(pool.map(detector.prepare, normal), one_by_one, strict=True):
                    assert found.sample == expected.sample
                    assert found.size == expected.size == (96, 72)
                    assert found.sha256 == expected.sha256
                    assert np.array_equal(found.pixels, expected.pixels)

    def test_a_file_that_cannot_be_used_is_named(self, kind: type[Detector], tmp_path: Path) -> None:
        detector = small(kind)
        for path in write_bad_files(tmp_path).values():
            with pytest.raises(InputError) as caught:
                detector.prepare(Sample(path))
            assert caught.value.path == str(path)

    def test_the_normal_set_names_files_hashes_and_sizes(self, kind: type[Detector], normal: list[Sample]) -> None:
        detector = small(kind)
        fit(detector, normal)
        keys, sha256, sizes = detector.normal_set
        assert keys == tuple(sample.key for sample in normal)
        assert sha256 == tuple(hashlib.sha256(sample.path.read_bytes()).hexdigest() for sample in normal)
        assert sizes == ((96, 72),) * 14


def test_what_it_tells_of_itself_can_be_written_as_json(kind: type[Detector], normal: list[Sample]) -> None:
    detector = small(kind)
    fit(detector, normal)
    described: dict[str, Any] = json.loads(json.dumps(detector.describe(), allow_nan=False))
    assert described
    assert json.loads(json.dumps(detector.state().meta, allow_nan=False))
    assert detector.batch_size >= 1
    embeddings = detector.embeddings()
    if embeddings is not None:
        assert embeddings.shape[0] == 14
        assert np.isfinite(embeddings).all()


def test_a_theoretical_threshold_falls_with_the_rate(kind: type[Detector], normal: list[Sample]) -> None:
    detector = small(kind)
    fit(detector, normal)
    thresholds = [detector.theoretical_threshold(fpr) for fpr in (0.001, 0.01, 0.1, 0.5)]
    if None in thresholds:
        assert thresholds == [None] * 4
    else:
        assert sorted(thresholds, reverse=True) == thresholds


def test_predictions_are_in_the_order_of_the_batch(
    kind: type[Detector], normal: list[Sample], new: list[Sample]
) -> None:
    detector = small(kind)
    fit(detector, normal)
    found: list[Prediction] = predict(detector, new)
    assert len(found) == len(new)
    assert_identical(predict(detector, new[::-1]), found[::-1])
