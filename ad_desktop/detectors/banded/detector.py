"""Any detector on slices of scans, each compared with normal slices of the same height in the body.

A neck differs more from the middle of a head than a lesion does from its surroundings: learned together, all heights
make a normality so wide that lesions fit in. Methods with statistics for places are fitted anew for each band of
heights; others learn all slices together. Where they tell their maps, what counts is how far a place stands out from
its surroundings in the scan (``contrast``), in map and score, and where more stands out all over a scan than in normal
ones, it has to stand out by as much more. The scores are standardised in each band by its held-out
normal ones, so that no height is more suspicious than another one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from ad_desktop.data.samples import Sample, SliceSample
from ad_desktop.detectors.banded.contrast import contrast, damped, slice_peaks, spread, thickness
from ad_desktop.detectors.banded.spool import Spool
from ad_desktop.detectors.banded.standard import BandStandard
from ad_desktop.detectors.base import Array, Detector, FloatArray, HeldOut, NormalSet, Prediction, Prepared, State
from ad_desktop.detectors.upsample import map_peak
from ad_desktop.errors import ModelFileError, UserError
from ad_desktop.task import Task

PREFIX = "band"


class BandedDetector(Detector):
    """Runs ``first``, and others like it, on one of ``bands`` bands each; all share one network."""

    def __init__(self, first: Detector, bands: int) -> None:
        super().__init__(first.params, first.device, first.roi)
        # Name, title and whatever else a class says of its method.
        vars(self).update({name: getattr(first, name) for name in Detector.__annotations__ if hasattr(first, name)})
        self.bands = bands
        more = bands - 1 if first.learns_places else 0
        self.inner = [first, *(type(first)(first.params, first.device, first.roi) for _ in range(more))]
        for detector in self.inner:
            detector.plain_scores = True
        self.bands_: dict[str, int] = {}
        self.gaps_: dict[str, float] = {}
        self.contrast_ = False
        self.spread_ = np.inf
        self.standard_ = BandStandard(np.zeros(bands), np.ones(bands))

    def load(self, task: Task) -> None:
        """Make the one network ready."""
        self.inner[0].load(task)
        for detector in self.inner[1:]:
            detector.share_network(self.inner[0])
            detector.load(task)

    def survey(self, samples: Sequence[Sample], task: Task) -> None:
        """Look at the normal slices as the method does."""
        for number, detector in enumerate(self.inner):
            detector.survey(samples, Task() if number else task)

    def prepare(self, sample: Sample) -> Prepared:
        """As the method does."""
        return self.inner[0].prepare(sample)

    def fit(self, prepared: Iterable[Prepared], task: Task) -> None:
        """Learn each band from its slices; ``UserError`` where one has too few."""
        spool = Spool()
        for item in prepared:
            spool.add(item)
        self.bands_ = {item.sample.key: self._band(item.sample) for item in spool.slices}
        self.gaps_ = {_scan(item.sample.key): _gap(item.sample) for item in spool.slices}
        of_slice = [self._learner(item.sample) for item in spool.slices]
        for number, detector in enumerate(self.inner):
            task.report("Learning heights in the body", number, len(self.inner))
            mine = [index for index, band in enumerate(of_slice) if band == number]
            try:
                detector.fit((spool.read(index) for index in mine), task)
            except UserError as error:
                raise UserError(self._where(number) + str(error)) from error

    def update(self, add: Iterable[Prepared], remove: Sequence[str], task: Task) -> None:
        """Let slices join and leave in their bands; an error changes nothing."""
        unknown = sorted(set(remove) - set(self.bands_))
        if unknown:
            raise UserError(f"{unknown[0]} is not among the normal slices of this model.")
        gone, spool = set(remove), Spool()
        for item in add:
            spool.add(item)
        added = spool.slices
        bands = {key: band for key, band in self.bands_.items() if key not in gone}
        bands |= {item.sample.key: self._band(item.sample) for item in added}
        before: list[tuple[Detector, State]] = []
        try:
            for number, detector in enumerate(self.inner):
                joining = [index for index, item in enumerate(added) if self._learner(item.sample) == number]
                leaving = [key for key in detector.normal_set.keys if key in gone]
                if joining or leaving:
                    before.append((detector, detector.state()))
                    detector.update((spool.read(index) for index in joining), leaving, task)
        except BaseException:
            for detector, state in before:
                detector.restore(state)
            self.load(task)
            raise
        self.bands_ = bands
        gaps = self.gaps_ | {_scan(item.sample.key): _gap(item.sample) for item in added}
        self.gaps_ = {scan: gaps[scan] for scan in dict.fromkeys(map(_scan, bands))}

    def _where(self, number: int) -> str:
        """What a message about one of several learners begins with."""
        return f"Height {number + 1} of {self.bands} in the body: " if len(self.inner) > 1 else ""

    def _band(self, sample: Sample) -> int:
        band = sample.band if isinstance(sample, SliceSample) else None
        return min(max(band or 0, 0), self.bands - 1)

    def _learner(self, sample: Sample) -> int:
        return self._band(sample) if len(self.inner) > 1 else 0

    def _order(self) -> list[tuple[int, int]]:
        """For each normal slice, in the order they joined, its learner and its place there."""
        places = {
            key: (number, place)
            for number, detector in enumerate(self.inner)
            for place, key in enumerate(detector.normal_set.keys)
        }
        return [places[key] for key in self.bands_]

    @property
    def normal_set(self) -> NormalSet:
        """The normal slices, in the order they joined."""
        sets = [detector.normal_set for detector in self.inner]
        order = self._order()
        return NormalSet(
            tuple(self.bands_),
            tuple(sets[number].sha256[place] for number, place in order),
            tuple(sets[number].sizes[place] for number, place in order),
        )

    def embeddings(self) -> Array | None:
        """One vector per slice, (n, d)."""
        vectors = [detector.embeddings() for detector in self.inner]
        known = [each for each in vectors if each is not None]
        return np.stack([known[n][place] for n, place in self._order()]) if len(known) == len(vectors) else None

    def calibrate(self, groups: Sequence[int], task: Task) -> HeldOut:
        """Held-out scores, standardised in each band by those of the other groups there."""
        order = self._order()
        scores, peaks = np.empty(len(order)), np.empty(len(order))
        with_map, smoothing = True, 0.0
        grids: dict[int, FloatArray] = {}
        for number, detector in enumerate(self.inner):
            task.report("Checking normal scans against each other", number, len(self.inner))
            mine = [(index, place) for index, (owner, place) in enumerate(order) if owner == number]
            mine.sort(key=lambda pair: pair[1])
            indices = [index for index, _ in mine]
            own = [groups[index] for index in indices]
            if len(set(own)) < 2:
                raise UserError(f"{self._where(number)}fewer than two groups of normal scans show it. Use wider bands.")
            found = detector.calibrate(own, task)
            scores[indices] = found.scores
            smoothing = found.smoothing
            grids |= {} if found.grids is None else zip(indices, found.grids, strict=True)
            if found.map_peaks is None:
                with_map = False
            else:
                peaks[indices] = found.map_peaks
        self.contrast_ = len(grids) == len(order) and all(self.gaps_[_scan(key)] > 0 for key in self.bands_)
        if self.contrast_:
            stand_out = self._contrasts([grids[index] for index in range(len(order))])
            scores = slice_peaks(stand_out)
            sizes = self.normal_set.sizes
            peaks = np.array([map_peak(grid, size, smoothing) for grid, size in zip(stand_out, sizes, strict=True)])
        bands = np.array(list(self.bands_.values()))
        self.standard_ = BandStandard.fit(scores, bands, self.bands)
        standardised = BandStandard.held_out(scores, bands, groups, self.bands)
        return HeldOut(standardised, peaks if with_map else None)

    def _contrasts(self, grids: Sequence[FloatArray]) -> FloatArray:
        """How far each normal slice's map stands out in its scan, (n, h, w), and the spread that is usual."""
        members: dict[str, list[tuple[int, int]]] = {}
        for index, key in enumerate(self.bands_):
            members.setdefault(_scan(key), []).append((_number(key), index))
        found = np.empty((len(grids), *grids[0].shape), np.float32)
        for scan, (gap, step) in self._steps().items():
            lined_up = [index for _, index in sorted(members[scan])]
            found[lined_up] = contrast(np.stack([grids[index] for index in lined_up]), gap * step)
        scans = [[index for _, index in own] for own in members.values()]
        self.spread_ = float(np.median([spread(found[own]) for own in scans]))
        for own in scans:
            found[own] = damped(found[own], self.spread_)
        return found

    def _steps(self) -> dict[str, tuple[float, float]]:
        """For each normal scan the distance of its slices, and one of how many of them was learned."""
        numbers: dict[str, list[int]] = {}
        for key in self.bands_:
            numbers.setdefault(_scan(key), []).append(_number(key))
        return {
            scan: (self.gaps_[scan], float(np.median(np.diff(sorted(own)))) if len(own) > 1 else 1.0)
            for scan, own in numbers.items()
        }

    def seen_together(self, samples: Sequence[Sample], found: list[Prediction]) -> list[Prediction]:
        """Maps that say how far each place stands out in the scan, and scores by the standard of each slice's band.

        Without maps each slice is scored by itself.
        """
        if not self.contrast_:
            return found
        # Maps that normal slices, learned in large steps, had no neighbours to be averaged with would be too smooth.
        learned = float(np.median([gap * step for gap, step in self._steps().values()]))
        maps = np.stack([prediction.grid for prediction in found])
        grids = damped(contrast(maps, _gap(samples[0]), thickness(learned)), self.spread_)
        scores = self.standard_.apply(slice_peaks(grids), np.array([self._band(sample) for sample in samples]))
        return [
            replace(prediction, anomaly_score=float(score), grid=grid)
            for prediction, score, grid in zip(found, scores, grids, strict=True)
        ]

    def in_units(self, samples: Sequence[Sample], grids: FloatArray) -> FloatArray | None:
        """Maps by the standard of each slice's band; None where slices are scored by themselves."""
        if not self.contrast_:
            return None
        bands = np.array([self._band(sample) for sample in samples])
        mean, deviation = (part[bands, None, None] for part in (self.standard_.mean, self.standard_.deviation))
        return np.asarray((grids - mean) / deviation, np.float32)

    def predict(self, batch: Sequence[Prepared]) -> list[Prediction]:
        """Look at slices, each by its own band; what stands out in their scan is told by ``seen_together``."""
        found: dict[int, Prediction] = {}
        for number, detector in enumerate(self.inner):
            mine = [index for index, item in enumerate(batch) if self._learner(item.sample) == number]
            if mine:
                found |= zip(mine, detector.predict([batch[index] for index in mine]), strict=True)
        if self.contrast_:
            return [found[index] for index in range(len(batch))]
        bands = np.array([self._band(item.sample) for item in batch])
        plain = np.array([found[index].anomaly_score for index in range(len(batch))])
        scores = self.standard_.apply(plain, bands)
        return [replace(found[index], anomaly_score=float(score)) for index, score in enumerate(scores)]

    def state(self) -> State:
        """The state of every learner, and which slice is in which band."""
        tensors: dict[str, Any] = {}
        meta = []
        for number, detector in enumerate(self.inner):
            state = detector.state()
            tensors |= {f"{PREFIX}{number}.{name}": value for name, value in state.tensors.items()}
            meta.append(state.meta)
        standards = [self.standard_.mean.tolist(), self.standard_.deviation.tolist()]
        told = {"slices": list(self.bands_.items()), "gaps": list(self.gaps_.items()), "contrast": self.contrast_}
        usual = self.spread_ if np.isfinite(self.spread_) else None
        return State(tensors, {"bands": meta, **told, "standards": standards, "spread": usual})

    def restore(self, state: State) -> None:
        """Take back a state; ``ModelFileError`` if bands and slices do not fit together."""
        told, bands = state.meta["bands"], {str(key): int(band) for key, band in state.meta["slices"]}
        mean, deviation = (np.asarray(row, np.float64) for row in state.meta["standards"])
        if len(told) != len(self.inner) or not mean.shape == deviation.shape == (self.bands,):
            raise ModelFileError("The model's bands do not fit its settings. Fit and save it again.")
        for number, (detector, meta) in enumerate(zip(self.inner, told, strict=True)):
            prefix = f"{PREFIX}{number}."
            mine = {name[len(prefix) :]: each for name, each in state.tensors.items() if name.startswith(prefix)}
            detector.restore(State(mine, meta))
        self.bands_, self.standard_ = bands, BandStandard(mean, deviation)
        # Earlier models score each slice by itself, or whatever the spread of its scan is.
        self.gaps_ = dict.fromkeys(map(_scan, bands), 0.0) | {str(k): float(v) for k, v in state.meta.get("gaps", ())}
        self.contrast_ = bool(state.meta.get("contrast"))
        usual = state.meta.get("spread")
        self.spread_ = np.inf if usual is None else float(usual)
        if sorted(key for detector in self.inner for key in detector.normal_set.keys) != sorted(bands):
            raise ModelFileError("The model's bands do not fit its list of normal slices. Fit and save it again.")

    @property
    def batch_size(self) -> int:
        """The method's own."""
        return self.inner[0].batch_size

    def describe(self) -> dict[str, Any]:
        """What the method says of itself, the number of bands, and what of a slice counts."""
        counts = "what stands out from its surroundings in the scan" if self.contrast_ else "each slice by itself"
        return {**self.inner[0].describe(), "bands": self.bands, "counts": counts}


def _scan(key: str) -> str:
    """The key of the scan that a slice belongs to."""
    return key.rpartition("#")[0]


def _number(key: str) -> int:
    """Which slice of its scan it is."""
    return int(key.rpartition(":")[2])


def _gap(sample: Sample) -> float:
    return sample.gap if isinstance(sample, SliceSample) else 0.0
