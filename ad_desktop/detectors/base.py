"""The contract every detector keeps: prepare, fit, update, predict, state in and out."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

from ad_desktop.data.roi import RegionOfInterest
from ad_desktop.data.samples import Failure, Sample, VolumeSample
from ad_desktop.data.volumes.volume import Volume
from ad_desktop.task import Task

Array = NDArray[Any]
FloatArray = NDArray[np.float32]


@dataclass(frozen=True)
class Prepared:
    """One decoded and resized input, ready for the network.

    ``pixels`` is what the detector's ``prepare`` made of the sample (its own layout), ``size`` the
    height and width of the picture as shown, ``sha256`` the hash of the file's bytes. ``examined`` is
    true where the map's grid is in the region of interest (None: everywhere).
    """

    sample: Sample
    pixels: Array
    size: tuple[int, int]
    sha256: str
    examined: Array | None = None


@dataclass
class Prediction:
    """What a detector says of one input; higher is more anomalous.

    ``grid`` is the anomaly map at the detector's own resolution; ``anomaly_map`` gives it at the
    input's size, blurred by ``smoothing`` cells, the edges repeated or ``mirrored``. ``parts`` holds the
    named summands of the score. ``features`` is whatever ``rescore`` needs to score this input again after
    the model changed (None: not supported). ``examined`` gives the region of interest, H×W, where there is one.
    ``remark`` is what a user should know of the input before they rely on any of this.
    """

    anomaly_score: float
    grid: FloatArray
    size: tuple[int, int]
    parts: Mapping[str, float] = field(default_factory=dict)
    features: Any = None
    smoothing: float = 0.0
    examined: Callable[[], Array | None] | None = None
    mirrored: bool = False
    remark: str = ""

    @property
    def anomaly_map(self) -> FloatArray:
        """The anomaly map, float32, H×W of the input, computed anew on each access; 0 where nothing was examined."""
        found = self.map_at(self.size)
        mask = self.examined() if self.examined else None
        return found if mask is None else np.where(mask, found, np.float32(0))

    def map_at(self, size: tuple[int, int]) -> FloatArray:
        """The whole map at another ``size`` (H, W), whatever was examined."""
        from ad_desktop.detectors.upsample import upsample

        return upsample(self.grid, size, self.smoothing, self.mirrored)


class NormalSet(NamedTuple):
    """The normal samples a detector was fitted on, in a fixed order."""

    keys: tuple[str, ...]
    sha256: tuple[str, ...]
    sizes: tuple[tuple[int, int], ...]


class HeldOut(NamedTuple):
    """What the model says of its own normal samples when their whole group is left out of the fit.

    ``scores`` (n,) float64 are anomaly scores; ``map_peaks`` (n,) float64 the largest value of each
    anomaly map (None where the method makes no map). ``grids`` (n, h, w) float32 are the maps at the detector's own
    resolution, as in ``Prediction``, from methods that were asked for ``plain_scores`` and can tell them.
    """

    scores: Array
    map_peaks: Array | None
    grids: FloatArray | None = None
    smoothing: float = 0.0


class Neighbour(NamedTuple):
    """A normal sample (by its key) and how far in feature space it is from the input."""

    key: str
    distance: float


class NormalScan(NamedTuple):
    """A normal scan and where it is looked at, bool (z, y, x); None: everywhere."""

    sample: VolumeSample
    volume: Volume
    examined: Array | None


class State(NamedTuple):
    """All a detector learned: named arrays (or ``RowStore``s, where they are many), and JSON-able values."""

    tensors: dict[str, Any]
    meta: dict[str, Any]


class Detector(ABC):
    """One anomaly detection method.

    The constructor stores hyper-parameters only; ``fit`` learns; learned attributes end in ``_``.
    ``prepare`` is pure and may run in several threads at once; everything else runs in one thread.
    """

    name: ClassVar[str]
    """Identifier on the command line and in model files, such as ``gaussian-ad``."""
    title: ClassVar[str]
    """Name shown to people."""
    summary: ClassVar[str]
    """One sentence for the chooser."""
    volumetric: ClassVar[bool] = False
    """Whether the method takes whole scans (``predict_volume``); others see them slice by slice."""
    paints: ClassVar[bool] = False
    """Whether the method can paint healthy appearance into a region of a scan (``paint_over``)."""
    learns_places: ClassVar[bool] = False
    """Whether the method learns what is normal at each place of a picture, and so gains from slices of one height."""
    Params: ClassVar[type]
    """Frozen dataclass; each field's metadata comes from ``params.param``."""
    most_ahead: int = 1 << 30
    """How many inputs may be prepared before they are used; their number is bounded in any case."""
    plain_scores: bool = False
    """Whether scores stay in units of their own, for a caller that standardises those of several detectors, and who
    wants held-out maps with them."""
    needs_normal_samples: ClassVar[bool] = True
    """Whether a fit needs normal samples; if not, a model fitted without any is not calibrated."""
    libraries: ClassVar[tuple[str, ...]] = ()
    """Modules that ``restore`` needs and that take seconds to import: see ``imported``."""
    default_threshold: ClassVar[float] = 0.5
    """Score, and value of the map, above which an uncalibrated model calls something anomalous."""

    def __init__(self, params: Any = None, device: str = "auto", roi: RegionOfInterest | None = None) -> None:
        self.params = self.Params() if params is None else params
        self.device = device
        self.roi = roi or RegionOfInterest()

    @abstractmethod
    def load(self, task: Task) -> None:
        """Make the network ready (weights, engine); ``WeightsError`` if it cannot be. Idempotent."""

    def share_network(self, other: Self) -> None:
        """Take over the network that ``other``, of the same parameters, has loaded, instead of loading it again."""
        return

    def survey(self, samples: Sequence[Sample], task: Task) -> None:
        """Look at the normal samples before a fit, to settle what ``prepare`` needs (such as the value range)."""
        return

    @abstractmethod
    def prepare(self, sample: Sample) -> Prepared:
        """Decode and resize one sample; ``InputError`` if it cannot be used."""

    @abstractmethod
    def fit(self, prepared: Iterable[Prepared], task: Task) -> None:
        """Learn from normal samples, consumed one by one; ``UserError`` if there are too few."""

    @abstractmethod
    def update(self, add: Iterable[Prepared], remove: Sequence[str], task: Task) -> None:
        """Change the normal set as a refit on it would; ``remove`` holds sample keys."""

    @property
    @abstractmethod
    def normal_set(self) -> NormalSet:
        """The normal samples of the fit; every per-sample array is in this order."""

    @abstractmethod
    def embeddings(self) -> Array | None:
        """One vector per normal sample, (n, d) float, Euclidean distance meaningful; None if there is none."""

    @abstractmethod
    def calibrate(self, groups: Sequence[int], task: Task) -> HeldOut:
        """Set the score's normalisation and return each normal sample's held-out score.

        ``groups`` gives one integer per normal sample; the score of a sample comes from the model
        without its whole group. Called once after each fit or update.
        """

    @abstractmethod
    def predict(self, batch: Sequence[Prepared]) -> list[Prediction]:
        """Score a batch; the result does not depend on how inputs are batched beyond rounding."""

    @property
    def learns_parts(self) -> bool:
        """Whether parts of scans do for whole ones, since nothing is learned of places in the body."""
        return False

    def fit_volumes(
        self, scans: Iterable[NormalScan], task: Task, window: tuple[float, float] | None = None
    ) -> list[Failure]:
        """Learn from whole scans, gone through more than once, for volumetric methods only.

        ``window`` are the values, in the scans' unit, that a user wants for black and white (None: what suits them).
        Scans that cannot be used are left out and returned; ``UserError`` if too few are left.
        """
        raise NotImplementedError(f"{self.name} is not volumetric")

    @property
    def held_out_scans(self) -> Sequence[str]:
        """The keys of the normal scans that ``fit_volumes`` kept apart, for the thresholds to rest on."""
        return ()

    @property
    def voxel_rate(self) -> float | None:
        """The share of healthy voxels that may lie above the map's threshold.

        None: the threshold is the one that hardly any healthy sample exceeds anywhere.
        """
        return None

    def predict_volume(self, volume: Volume, examined: Array | None, task: Task) -> Prediction:
        """Score a whole scan, for volumetric methods only; ``examined`` (z, y, x) is true where to look.

        The score is that of the highest slice; a model of scans puts its own rule in its place.
        """
        raise NotImplementedError(f"{self.name} is not volumetric")

    def seen_together(self, samples: Sequence[Sample], found: list[Prediction]) -> list[Prediction]:
        """What is said of the slices of one scan, in order, now that ``predict`` has ``found`` something in each.

        Here it stays as it is; methods that compare a slice with its neighbours change score and map.
        """
        return found

    def in_units(self, samples: Sequence[Sample], grids: FloatArray) -> FloatArray | None:
        """The maps (k, h, w) of slices in units of their scores, which are then their highest values.

        None where scores are not those of maps.
        """
        return None

    def paint_over(self, volume: Volume, examined: Array | None, region: Array, task: Task) -> FloatArray:
        """What a scan differs in from healthy appearance, painted where ``region`` (z, y, x) hides it; 0 elsewhere.

        In the scan's unit, for methods that paint only; ``examined`` (z, y, x) is true where to look.
        """
        raise NotImplementedError(f"{self.name} does not paint")

    def rescore(self, features: Sequence[Any]) -> Sequence[Prediction | None] | None:
        """Score again from ``Prediction.features`` without pixels; None where unsupported, or for single ones."""
        return None

    @property
    def has_theoretical_threshold(self) -> bool:
        """Whether there is a ``theoretical_threshold`` with these parameters; known before the fit."""
        return False

    def nearest(self, features: Any, count: int) -> list[Neighbour]:
        """The normal samples closest to ``Prediction.features``, nearest first; none where unsupported."""
        return []

    def theoretical_threshold(self, fpr: float) -> float | None:
        """The method's own threshold for a false-positive rate, where it has one (None otherwise)."""
        return None

    @abstractmethod
    def state(self) -> State:
        """All that was learned."""

    @abstractmethod
    def restore(self, state: State) -> None:
        """Take back what ``state`` gave; ``ModelFileError`` if it does not fit."""

    @property
    @abstractmethod
    def batch_size(self) -> int:
        """How many inputs ``predict`` likes at a time on the chosen device."""

    @abstractmethod
    def describe(self) -> dict[str, Any]:
        """JSON-able facts for ``info`` and the model file: backbone, weight hash, engine, preprocessing."""
