"""A fitted detector together with what makes its score mean something: calibration and threshold."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Sample
from ad_desktop.data.tiles import Tiling
from ad_desktop.data.volumes.patches import Patch
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.detectors.base import Detector, Prediction
from ad_desktop.detectors.tiled.detector import TiledDetector
from ad_desktop.errors import UserError
from ad_desktop.scoring.marking import Marking
from ad_desktop.scoring.thresholds import Threshold, conformal_threshold, percentile, uncalibrated_threshold
from ad_desktop.workflows.scans.settings import ScanView, SliceSettings

HELD_OUT = "held-out"
THEORY = "chi2"
RULES = (HELD_OUT, THEORY)
NO_THEORY = (
    "The χ² threshold holds for the distance to a single Gaussian only: choose the image score 'global', or the "
    "held-out threshold."
)


def check_fpr(fpr: float) -> None:
    """``UserError`` unless ``fpr`` is a rate that can be accepted."""
    if not 0 < fpr < 1:
        raise UserError(f"A false-positive rate of {fpr:g} is not possible: give one between 0 and 1, such as 0.05.")


@dataclass(frozen=True)
class SliceCalibration:
    """Held-out scores (n,) float64 of the slices of normal scans, and for each the number of its scan."""

    scores: NDArray[np.float64]
    volumes: tuple[int, ...]


@dataclass(frozen=True)
class Calibration:
    """Held-out scores of the normal samples, in the order of the detector's normal set.

    ``scores`` and ``map_peaks`` (n,) float64; ``groups`` one integer each: samples of one group
    were left out together. All are empty for a model that was fitted without normal samples. ``rule``
    says where the groups come from, ``duplicate_ratio`` how much closer samples are to their neighbours
    inside a group's block than outside it (1: not at all). For a model of scans all of this is per scan,
    and ``slices`` has the held-out scores of their slices. ``map_limit`` is the map value that the accepted share of
    healthy voxels exceeds, for methods that promise that rather than whole samples without any. Methods that keep
    some normal scans apart have scores of those only.
    """

    scores: NDArray[np.float64]
    groups: tuple[int, ...]
    rule: str
    map_peaks: NDArray[np.float64] | None = None
    duplicate_ratio: float | None = None
    warnings: tuple[str, ...] = ()
    slices: SliceCalibration | None = None
    map_limit: float | None = None


@dataclass(frozen=True)
class Judgement:
    """A score beside what it is to be compared with; ``percentile`` 0–100 among held-out normal scores (None: none).

    ``accept_threshold`` is where the borderline band below ``threshold`` begins; equal to it, there is none.
    """

    anomaly_score: float
    threshold: float
    accept_threshold: float
    percentile: float | None

    @property
    def pred_label(self) -> bool:
        """Whether the score is above the threshold."""
        return self.anomaly_score > self.threshold

    @property
    def verdict(self) -> str:
        """The judgement in a word: good, borderline or anomalous."""
        if self.pred_label:
            return "anomalous"
        return "borderline" if self.anomaly_score > self.accept_threshold else "good"


@dataclass
class FittedModel:
    """A detector, its calibration, and the threshold chosen from an accepted false-positive rate.

    ``fpr`` is the accepted share of normal pictures above the threshold; ``threshold_rule`` is
    ``held-out`` (conformal rank of held-out normal scores) or ``chi2`` (the Gaussian-AD paper's).
    ``borderline_fpr`` is a larger rate: scores between its threshold and the main one are borderline.
    Regions of the map with fewer than ``min_region`` pixels are not marked. ``scans`` says how scans are
    looked at (None: the model is of pictures). ``slices`` are the settings for scans of a fit on nothing.
    """

    detector: Detector
    calibration: Calibration
    fpr: float = 0.05
    threshold_rule: str = HELD_OUT
    group_spec: str = "auto"
    created: str = ""
    provenance: dict[str, str] = field(default_factory=dict)
    borderline_fpr: float | None = None
    min_region: int = 0
    scans: ScanView | None = None
    slices: SliceSettings | None = None

    @property
    def normal_keys(self) -> tuple[str, ...]:
        """The keys of the normal pictures, or of the normal scans, in the order they joined."""
        keys = self.detector.normal_set.keys
        return keys if self.scans is None else tuple(dict.fromkeys(key.rpartition("#")[0] for key in keys))

    @property
    def held_out_keys(self) -> tuple[str, ...]:
        """The keys of the normal samples that have held-out scores, in the order of the calibration."""
        return tuple(self.detector.held_out_scans) or self.normal_keys

    @property
    def marking(self) -> Marking:
        """Which regions of a scan's map are marked."""
        settings = self.scans.settings if self.scans else self.zero_shot_slices
        return settings.marking if settings else Marking()

    @property
    def slice_threshold(self) -> Threshold | None:
        """The score above which a slice of a scan counts as anomalous; None for a model of pictures."""
        slices = self.calibration.slices
        if slices is None:
            default = self.detector.default_threshold
            return uncalibrated_threshold(default, self.fpr) if self.zero_shot_slices else None
        return conformal_threshold(slices.scores, [self.calibration.groups[i] for i in slices.volumes], self.fpr)

    @property
    def zero_shot_slices(self) -> SliceSettings | None:
        """How scans are cut for a model that knows no normal sample, and so takes pictures and scans alike."""
        return None if self.calibrated else self.slices

    @property
    def scan_unit(self) -> str:
        """The unit of scans whose files name none."""
        settings = self.scans.settings if self.scans else self.zero_shot_slices
        return settings.unit if settings else ""

    @property
    def threshold(self) -> Threshold:
        """The score above which a picture counts as anomalous, with what is known of its promise."""
        return self._threshold_at(self.fpr)

    @property
    def accept_threshold(self) -> float:
        """The score above which a picture is at least borderline: the threshold itself where no band is set."""
        return self._threshold_at(max(self.fpr, self.borderline_fpr or 0.0)).value

    @property
    def calibrated(self) -> bool:
        """Whether there are normal scores for a threshold to rest on."""
        return len(self.calibration.scores) > 0

    def _threshold_at(self, fpr: float) -> Threshold:
        if not self.calibrated:
            return uncalibrated_threshold(self.detector.default_threshold, fpr)
        if self.threshold_rule == THEORY:
            return self._theory(fpr)
        return conformal_threshold(self.calibration.scores, self.calibration.groups, fpr)

    def _theory(self, fpr: float) -> Threshold:
        value = self.detector.theoretical_threshold(fpr)
        if value is None:
            raise UserError(NO_THEORY)
        nominal = conformal_threshold(self.calibration.scores, self.calibration.groups, fpr)
        return replace(nominal, value=value, rule="chi2", low=float("nan"), high=float("nan"))

    @property
    def map_threshold(self) -> float | None:
        """The map value that at most a share ``fpr`` of normal pictures exceeds anywhere, or the detector's default.

        For methods that promise a share of voxels it is their own.
        """
        if not self.calibrated:
            return self.detector.default_threshold
        if self.calibration.map_limit is not None:
            return self.calibration.map_limit
        peaks = self.calibration.map_peaks
        if peaks is None:
            return None
        return conformal_threshold(peaks, self.calibration.groups, self.fpr).value

    @property
    def map_range(self) -> tuple[float, float] | None:
        """Map values at the two ends of the colours: the typical normal peak at half, the threshold at two thirds."""
        peaks, threshold = self.calibration.map_peaks, self.map_threshold
        if not self.calibrated:
            return 0.0, 1.5 * self.detector.default_threshold
        if peaks is None or threshold is None:
            return None
        if self.calibration.map_limit is not None:
            return 0.0, 1.5 * threshold
        typical = float(np.median(peaks))
        span = max(threshold - typical, 1e-6 + 0.1 * abs(threshold))
        return typical - span, threshold + 2 * span

    @property
    def roi(self) -> RegionOfInterest:
        """Where pictures are examined; settled by the fit."""
        return self.detector.roi

    @property
    def tiling(self) -> Tiling:
        """How large pictures are cut; settled by the fit."""
        return self.detector.tiling if isinstance(self.detector, TiledDetector) else Tiling()

    @property
    def title(self) -> str:
        """The detector's name, for people and tables."""
        return self.detector.title

    def judge(self, anomaly_score: float) -> Judgement:
        """Compare a score with the threshold and with the normal samples' held-out scores."""
        return Judgement(
            anomaly_score,
            self.threshold.value,
            self.accept_threshold,
            percentile(anomaly_score, self.calibration.scores) if self.calibrated else None,
        )


@dataclass(frozen=True)
class Result:
    """What came of one input: a prediction, or the reason why there is none; ``volume`` is a scan's, if asked for.

    ``unsuited``: nothing is wrong with the input, but the model is not for its kind. ``patches`` were painted by hand
    over what the prediction holds of a scan's healthy version, the latest last.
    """

    sample: Sample
    prediction: Prediction | None = None
    error: str | None = None
    volume: Volume | None = None
    unsuited: bool = False
    patches: tuple[Patch, ...] = ()
