"""SUVbw by the rules of QIBA's profile, each on a small series whose answer is worked out by hand."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from dicom_files import image, save, values
from pydicom.dataset import Dataset

from ad_desktop.data.volumes.opening import find_volumes, load_volume
from ad_desktop.data.volumes.volume import Volume

HALF_LIFE = 6000.0
TRACER = {
    "RadiopharmaceuticalStartTime": "100000", "RadionuclideTotalDose": 350e6, "RadionuclideHalfLife": HALF_LIFE,
}  # fmt: skip
PET = {
    "Modality": "PT", "Units": "BQML", "CorrectedImage": ["DECY", "ATTN", "SCAT"], "DecayCorrection": "START",
    "PatientWeight": 70, "SeriesDate": "20200102", "SeriesTime": "110000", "AcquisitionDate": "20200102",
    "AcquisitionTime": "110000",
}  # fmt: skip
SLOPES = (0.5, 1.5)
STORED = values(2)
RESCALED = np.stack([stored * slope for stored, slope in zip(STORED, SLOPES, strict=True)])
HOUR = 70 * 1000 / (350e6 * 2 ** (-3600 / HALF_LIFE))
"""What turns Bq/ml into SUV an hour after the injection."""


def pet(
    folder: Path, tracer: dict[str, Any] | None = None, private: dict[int, tuple[str, Any]] | None = None, **tags: Any
) -> Volume:
    """A series of two slices with slopes of their own, read by the program; None removes an element."""
    dose = Dataset()
    for name, value in (TRACER | (tracer or {})).items():
        if value is not None:
            setattr(dose, name, value)
    own = {name: value for name, value in (PET | tags).items() if value is not None}
    for at in range(2):
        data = image(STORED[at], (0, 0, at), RescaleSlope=SLOPES[at], RescaleIntercept=0, **own)
        data.RadiopharmaceuticalInformationSequence = [dose]
        for tag, (vr, value) in (private or {}).items():
            data.add_new(tag, vr, value[at] if isinstance(value, list) else value)
        save(data, folder / f"{at}.dcm")
    (info,) = find_volumes([folder]).series
    volume = load_volume(info.sample)
    assert (info.unit, set(info.warnings) <= set(volume.warnings)) == (volume.unit, True)
    return volume


def is_suv(volume: Volume, factor: float) -> None:
    assert volume.unit == "SUVbw"
    np.testing.assert_allclose(volume.array, RESCALED * factor, rtol=1e-6)


def is_left(volume: Volume, unit: str, *words: str) -> None:
    """The values are as stored, in ``unit``, and a warning names the tag."""
    assert volume.unit == unit
    np.testing.assert_allclose(volume.array, RESCALED, rtol=1e-6)
    assert any(all(word in warning for word in ("no SUV", *words)) for warning in volume.warnings), volume.warnings


def test_activity_with_a_slope_for_each_slice(tmp_path):
    volume = pet(tmp_path)
    is_suv(volume, HOUR)
    assert volume.warnings == ()
    assert volume.facts["time since injection"] == "60.0 min"
    assert volume.facts["dose"] == "350 MBq"


def test_admin_takes_the_dose_without_decay(tmp_path):
    is_suv(pet(tmp_path, {"RadionuclideHalfLife": None}, DecayCorrection="ADMIN"), 70e3 / 350e6)


@pytest.mark.parametrize("word", ["NONE", None])
def test_without_decay_correction_there_is_no_suv(tmp_path, word):
    is_left(pet(tmp_path, DecayCorrection=word), "Bq/ml", "(0054,1102)", word or "missing", "stay in Bq/ml")


def test_grams_per_ml_are_suv_already(tmp_path):
    is_suv(pet(tmp_path, {"RadionuclideTotalDose": None}, Units="GML", PatientWeight=None), 1.0)


def test_suv_by_another_measure_is_not_called_body_weight(tmp_path):
    is_left(pet(tmp_path, Units="GML", SUVType="LBM"), "", "LBM", "(0054,1006)")


@pytest.mark.parametrize("vr", ["DS", "UN"])
def test_philips_counts_have_a_factor_to_suv(tmp_path, vr):
    private = {0x70531000: (vr, b"0.002" if vr == "UN" else "0.002"), 0x70531009: ("DS", "7")}
    volume = pet(tmp_path, private=private, Units="CNTS")
    is_suv(volume, 0.002)
    assert volume.facts["Philips SUV factor (7053,1000)"] == "0.002"


@pytest.mark.parametrize("suv", [None, "0"])
def test_philips_counts_may_have_a_factor_to_activity_only(tmp_path, suv):
    private = {0x70531009: ("DS", "7.5")} | ({} if suv is None else {0x70531000: ("DS", suv)})
    is_suv(pet(tmp_path, private=private, Units="CNTS"), 7.5 * HOUR)


def test_philips_activity_without_a_weight_stays_activity(tmp_path):
    volume = pet(tmp_path, private={0x70531009: ("DS", "7.5")}, Units="CNTS", PatientWeight=None)
    assert volume.unit == "Bq/ml"
    np.testing.assert_allclose(volume.array, RESCALED * 7.5, rtol=1e-6)
    assert "(0010,1030)" in volume.warnings[0]


def test_counts_without_factors_stay_counts(tmp_path):
    is_left(pet(tmp_path, Units="CNTS"), "", "(7053,1000)", "(7053,1009)")


def test_a_factor_that_changes_between_slices_is_refused(tmp_path):
    is_left(pet(tmp_path, private={0x70531000: ("DS", ["0.002", "0.003"])}, Units="CNTS"), "", "(7053,1000)")


@pytest.mark.parametrize("units", ["PROPCNTS", None])
def test_other_units_are_left(tmp_path, units):
    is_left(pet(tmp_path, Units=units), "", "(0054,1001)", units or "missing")


@pytest.mark.parametrize(
    "start", [{}, {"RadiopharmaceuticalStartDateTime": "20200101233000.000000"}, {"RadiopharmaceuticalStartTime": None}]
)
def test_a_scan_after_midnight_of_an_injection_before(tmp_path, start):
    tracer = {"RadiopharmaceuticalStartTime": "233000"} | start
    if tracer["RadiopharmaceuticalStartTime"] is None:
        tracer["RadiopharmaceuticalStartDateTime"] = "20200101233000+0100"
    late = {"SeriesTime": "003000", "AcquisitionTime": "003000"}
    volume = pet(tmp_path, tracer, **late)
    is_suv(volume, HOUR)
    assert volume.warnings == ()


def test_the_start_datetime_comes_before_the_start_time(tmp_path):
    volume = pet(tmp_path, {"RadiopharmaceuticalStartDateTime": "20200102090000", "RadionuclideHalfLife": 7200})
    is_suv(volume, 70e3 / (350e6 / 2))


def test_a_start_datetime_of_another_year_counts_by_its_time_of_day(tmp_path):
    volume = pet(tmp_path, {"RadiopharmaceuticalStartDateTime": "19990102100000"})
    is_suv(volume, HOUR)
    assert "(0018,1078)" in volume.warnings[0]


def test_a_long_lived_tracer_may_be_scanned_days_later(tmp_path):
    zirconium = {"RadionuclideHalfLife": 282276.0}
    volume = pet(tmp_path / "a", zirconium | {"RadiopharmaceuticalStartDateTime": "20191230110000"})
    is_suv(volume, 70e3 / (350e6 * 2 ** (-3 * 86400 / 282276)))
    assert volume.warnings == ()
    volume = pet(tmp_path / "b", zirconium)
    is_suv(volume, 70e3 / (350e6 * 2 ** (-3600 / 282276)))
    assert "(0018,1078)" in volume.warnings[0]


def test_a_dose_in_megabecquerel_is_told(tmp_path):
    volume = pet(tmp_path, {"RadionuclideTotalDose": 350})
    is_suv(volume, HOUR)
    assert "(0018,1074)" in volume.warnings[0]


@pytest.mark.parametrize(
    ("tag", "tags"),
    [
        ("(0010,1030)", {"PatientWeight": None}), ("(0010,1030)", {"PatientWeight": 0}),
        ("(0010,1030)", {"PatientWeight": 70000}), ("(0018,1074)", {"tracer": {"RadionuclideTotalDose": None}}),
        ("(0018,1075)", {"tracer": {"RadionuclideHalfLife": None}}),
        ("(0018,1072)", {"tracer": {"RadiopharmaceuticalStartTime": None}}),
        ("(0008,0031)", {"SeriesTime": None, "AcquisitionTime": None}),
        ("lacks ATTN", {"CorrectedImage": ["DECY"]}), ("lacks DECY", {"CorrectedImage": "ATTN"}),
        ("(0028,0051) lacks ATTN and DECY", {"CorrectedImage": None}),
    ],
)  # fmt: skip
def test_what_is_missing_is_named_and_the_activity_stays(tmp_path, tag, tags):
    is_left(pet(tmp_path, **tags), "Bq/ml", tag, "stay in Bq/ml")


def test_series_written_after_the_acquisition_count_from_the_acquisition(tmp_path):
    volume = pet(tmp_path, SeriesTime="150000")
    is_suv(volume, HOUR)
    assert volume.facts["scan time"] == "11:00:00 (earliest AcquisitionTime)"
    assert "SeriesTime" in volume.warnings[0]


@pytest.mark.parametrize("vr", ["DT", "UN"])
def test_ge_tells_the_time_of_the_scan_itself(tmp_path, vr):
    moment = b"20200102110000.00" if vr == "UN" else "20200102110000.00"
    late = {"SeriesTime": "150000", "AcquisitionTime": "110500"}
    volume = pet(tmp_path, private={0x0009100D: (vr, moment)}, **late)
    is_suv(volume, HOUR)
    assert (volume.facts["scan time"], volume.warnings) == ("11:00:00 (GE (0009,100d))", ())
