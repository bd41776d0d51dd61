"""Take the pictures of scans for the README from the program itself.

Run ``python packaging/make_scan_screenshots.py DATA`` after the viewer of scans has changed. DATA is a folder with

- ``dicom/pet_fdg_STS_001_wholebody`` and ``dicom/petct_crop_STS_001``: patient STS_001 of Soft-tissue-Sarcoma (TCIA),
- ``ixi_t1_2mm``: healthy brains (IXI), of which nothing is shown,
- ``ms_lesions_mni``: brains with multiple sclerosis (Lesjak et al.), into one of which a lesion is painted: their own
  ones, a few millimetres large, are not told from what is healthy on T1.

None of it is part of the program; the pictures name their sources in the README. The picture ``autopaint`` shows the
sample scan that comes with the program (see resources/scans/README.md), and needs no DATA: any folder does. Needs Xvfb
(Debian: ``xvfb``).
"""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from make_screenshots import Photographer, on_own_display

if TYPE_CHECKING:
    from ad_desktop.data.samples import VolumeSample
    from ad_desktop.ui.items import Item
    from ad_desktop.workflows.scans.settings import SliceSettings

SLAB = 8
"""Slices of each piece of the healthy leg."""
BRAINS, STEP = 40, 3
_COLUMNS_WITH_RESIDUAL = 8
PAINTED, RADIUS = (95, 120, 60), 16
"""Voxel (z, y, x) and millimetres."""


def main() -> None:
    """Take all pictures, or those whose names follow the folder."""
    on_own_display(__file__, lambda words: ScanPhotographer(Path(words[0]), words[1:]).run())


class ScanPhotographer(Photographer):
    """Fits on what is healthy, opens what is not, and takes its picture."""

    def __init__(self, data: Path, only: list[str]) -> None:
        super().__init__([*(f"screenshots/{name}" for name in only), "guide/scan"] if only else [])
        self._data = data
        self._names = only or ["petct", "brain", "autopaint"]

    def run(self) -> None:
        """Take all pictures."""
        self.theme.set_appearance(self.appearances.DARK)
        self.window.setGeometry(0, 0, 1440, 900)
        self.window.show()
        with tempfile.TemporaryDirectory() as folder:
            if "petct" in self._names:
                self._take_petct(Path(folder))
            if "brain" in self._names:
                self._take_brain(Path(folder))
        if "autopaint" in self._names:
            self._take_autopaint()
        self.runner.shutdown()

    def _take_petct(self, folder: Path) -> None:
        """A sarcoma of the left thigh, found by what the right thigh looks like."""
        from ad_desktop.workflows.scans.settings import SliceSettings

        crop = self._data / "dicom" / "petct_crop_STS_001"
        self._fit(
            self._healthy_leg(folder, crop),
            SliceSettings(window="0,10", bands="none", min_ml=1.0),
            folder / "right thigh.adm",
        )
        pet, ct = (
            self._add(crop / name / "dicom" / "image", f"STS_001 · {name}", crop / name / "dicom" / "mask" / "RS.dcm")
            for name in ("PET", "CT")
        )
        self.until(lambda: pet.prediction is not None and not self.runner.active, 600)
        self._show(ct)
        controls = self.window.scan_viewer.controls
        controls.opacity.setValue(0)  # the line around what was found is enough over two scans
        box = controls.fusion
        box.setCurrentIndex(box.findData(pet.key))
        box.activated.emit(box.currentIndex())
        self.until(lambda: self.window.scan_viewer.fusion.scan is not None, 120)
        controls.fused.high.setValue(6)
        self.until(lambda: bool(self.window.scan_viewer.regions.regions), 120)
        self._go_to_largest()
        self.shoot("screenshots/petct")

    def _take_brain(self, folder: Path) -> None:
        """A lesion painted into a brain, found by what healthy brains look like."""
        from ad_desktop.workflows.scans.settings import SliceSettings

        self.window.session.remove(list(self.window.session.items.values()))
        brains = folder / "brains"
        brains.mkdir()
        shown = [self._add(path, text, mask) for path, text, mask in self._painted(brains)]
        for item in reversed(shown):
            self._show(item)
        self._fit(self._healthy_brains(folder), SliceSettings(step=STEP), folder / "healthy brains.adm")
        self.until(lambda: not self.runner.active and all(item.score is not None for item in shown), 1200)
        self.window.scan_viewer.controls.opacity.setValue(60)
        self.until(lambda: bool(self.window.scan_viewer.regions.regions), 120)
        self._go_to_largest()
        self.shoot("screenshots/brain")

    def _take_autopaint(self) -> None:
        """Original, pseudo-healthy version, residual and lesions of the sample scan, by the model beside it."""
        window, viewer = self.window, self.window.scan_viewer
        window.session.remove(list(window.session.items.values()))
        window.actions_.open_scan.trigger()
        self.until(lambda: viewer.regions.table.columnCount() == _COLUMNS_WITH_RESIDUAL, 600)
        self.until(lambda: any(layer.title == "Known" for layer in viewer.scene.layers), 120)
        viewer.controls.opacity.setValue(75)
        self.wait(1.5)
        self.shoot("screenshots/autopaint", colours=0)
        self.theme.set_appearance(self.appearances.LIGHT)
        self.wait(1)
        self.shoot("guide/scan", viewer, colours=0)

    def _painted(self, folder: Path) -> list[tuple[Path, str, Path | None]]:
        """A brain with a painted ball, bright outside and dark inside, its mask, and the brain as it is."""
        import numpy as np

        from ad_desktop.data.samples import VolumeSample
        from ad_desktop.data.volumes.opening import load_volume
        from ad_desktop.export.nifti import write_nifti

        source = self._data / "ms_lesions_mni" / "patient07" / "T1.nii.gz"
        brain = load_volume(VolumeSample(source))
        values = brain.array.astype(np.float32)
        white = np.percentile(values[values > 0], 98)
        distance = np.linalg.norm(np.indices(values.shape) - np.reshape(PAINTED, (3, 1, 1, 1)), axis=0)
        share = np.clip((RADIUS + 1.5 - distance) / 3, 0, 1)
        lesion = np.where(distance > RADIUS - 5, 1.3, 0.2) * white
        painted = np.where(values > 0, values * (1 - share) + share * lesion, 0).astype(np.float32)
        target, mask = folder / "painted lesion.nii.gz", folder / "mask.nii.gz"
        write_nifti(painted, brain, target, "painted")
        write_nifti(((share > 0.5) & (values > 0)).astype(np.uint8), brain, mask, "mask")
        plain = folder / "as it is.nii.gz"
        write_nifti(values, brain, plain, "plain")
        return [(target, "patient07", mask), (plain, "patient07", None)]

    def _healthy_leg(self, folder: Path, crop: Path) -> list[VolumeSample]:
        """The other thigh of the same patient in the mirror, in pieces."""
        import numpy as np

        from ad_desktop.data.samples import VolumeSample
        from ad_desktop.data.volumes.opening import find_volumes, load_volume
        from ad_desktop.data.volumes.volume import Volume
        from ad_desktop.export.nifti import write_nifti

        whole, part = (
            load_volume(find_volumes([path]).series[0].sample)
            for path in (
                self._data / "dicom" / "pet_fdg_STS_001_wholebody" / "image",
                crop / "PET" / "dicom" / "image",
            )
        )
        x, y, z = np.rint(whole.index(part.position((0, 0, 0)))).astype(int)
        height, rows, columns = part.shape
        other = whole.array[z : z + height, y : y + rows, ::-1][:, :, x : x + columns]
        samples = []
        for first in range(0, height - SLAB // 2, SLAB):
            affine = part.affine.copy()
            affine[:3, 3] = part.position((0, 0, first))
            piece = Volume(np.array(other[first : first + SLAB], np.float32), affine, whole.unit, whole.modality)
            path = folder / f"thigh {first}.nii.gz"
            write_nifti(piece.array, piece, path, "healthy side")
            samples.append(VolumeSample(path, unit=whole.unit))
        return samples

    def _healthy_brains(self, folder: Path) -> list[VolumeSample]:
        """Healthy heads without all but the brain, as the ones with lesions were published."""
        import numpy as np

        from ad_desktop.data.samples import VolumeSample
        from ad_desktop.data.volumes.opening import load_volume
        from ad_desktop.export.nifti import write_nifti

        samples = []
        source = self._data / "ixi_t1_2mm"
        for path in sorted((source / "train" / "t1").iterdir())[:BRAINS]:
            head = load_volume(VolumeSample(path))
            (labels,) = (source / "train" / "labels").glob(f"{path.name.split('.')[0]}*")
            brain = load_volume(VolumeSample(labels)).array > 0
            target = folder / path.name
            write_nifti(np.where(brain, head.array, 0).astype(np.float32), head, target, "brain")
            samples.append(VolumeSample(target, unit="none"))
        return samples

    def _fit(self, samples: list[VolumeSample], slices: SliceSettings, path: Path) -> None:
        """Fit, and open the model from its file, as only what was checked is to be seen."""
        from ad_desktop.task import Task
        from ad_desktop.workflows.fit import FitOptions, fit
        from ad_desktop.workflows.store import save_model

        save_model(fit(samples, FitOptions(slices=slices), Task()).model, path)
        self.window.fitting.open(path)
        self.until(lambda: self.window.fitting.job is None, 120)

    def _add(self, path: Path, folder: str, mask: Path | None = None) -> Item:
        from ad_desktop.data.samples import Label
        from ad_desktop.data.volumes.opening import find_volumes
        from ad_desktop.ui.items import Item

        sample = find_volumes([path]).series[0].sample
        return self.window.session.add([Item.of(sample, Label.TO_CHECK, folder, mask=mask)])[0]

    def _show(self, item: Item) -> None:
        viewer = self.window.scan_viewer
        self.window.session.set_current(item)
        self.until(lambda: viewer.scene.volume is not None and not self.runner.active, 120)
        if viewer.unit_question.isVisible():
            viewer.unit_question.use.click()

    def _go_to_largest(self) -> None:
        """Look at the largest region, with the crosshair on its peak, once all that lies over the scan is there."""
        viewer, item = self.window.scan_viewer, self.window.session.current
        known = item is not None and item.mask is not None
        self.until(lambda: not known or any(layer.title == "Known" for layer in viewer.scene.layers), 120)
        table = viewer.regions.table
        volumes = [region.volume_ml for region in viewer.regions.regions]
        line = table.topLevelItem(volumes.index(max(volumes)))
        table.setCurrentItem(line)
        table.itemClicked.emit(line, 0)
        self.wait(1.5)


if __name__ == "__main__":
    main()
