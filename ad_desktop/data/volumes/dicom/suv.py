"""SUVbw of PET images, by the rules of QIBA's profile and of the vendors' private values."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from ad_desktop.data.volumes.volume import BECQUEREL_PER_ML, SUV, UNKNOWN_UNIT

MOST_MBQ = 1e5
"""Doses below this many Bq cannot be meant: they are in MBq."""
HEAVIEST_KG = 400.0
_DAY = timedelta(days=1)
_HALF_LIVES = 8.0
"""After so many nobody scans: an injection longer ago, and more than a day, has a wrong date."""
_PHILIPS = {"philips_suv": "(7053,1000)", "philips_activity": "(7053,1009)"}


@dataclass
class PetScale:
    """``factor`` turns rescaled numbers into ``unit``; ``facts`` say what was used, ``warnings`` what is missing."""

    factor: float = 1.0
    unit: str = UNKNOWN_UNIT
    facts: dict[str, str] = field(default_factory=dict)
    warnings: list[str] = field(default_factory=list)


class _MissingError(Exception):
    """Why there is no SUV."""


def pet_scale(slices: Sequence[Mapping[str, Any]]) -> PetScale:
    """How the slices (``Frame.pet``) of one PET series become SUVbw, or a warning why they stay what they are."""
    first = slices[0]
    units = str(first.get("Units", "")).upper()
    found = PetScale(facts={"stored units (0054,1001)": units or "missing"})
    try:
        if units == "GML":
            kind = str(first.get("SUVType", "BW")).upper()
            if kind != "BW":
                raise _MissingError(f"it is SUV by {kind} (0054,1006), not by body weight")
            found.unit = SUV
        elif units == "CNTS":
            _counts(found, slices)
        elif units == "BQML":
            found.unit = BECQUEREL_PER_ML
            _from_activity(found, slices)
        else:
            raise _MissingError(f"its units (0054,1001) are {units or 'missing'}")
    except _MissingError as reason:
        left = f"the values stay in {found.unit}" if found.unit else "the values keep the file's own unit"
        found.warnings.append(f"no SUV: {reason}; {left}")
    return found


def _counts(found: PetScale, slices: Sequence[Mapping[str, Any]]) -> None:
    """Philips: counts with a factor to SUV, or one to Bq/ml."""
    suv, activity = (_factor(slices, name, tag) for name, tag in _PHILIPS.items())
    if suv:
        found.factor, found.unit = float(suv), SUV
        found.facts["Philips SUV factor (7053,1000)"] = f"{suv:g}"
    elif activity:
        found.factor, found.unit = float(activity), BECQUEREL_PER_ML
        found.facts["Philips activity factor (7053,1009)"] = f"{activity:g}"
        _from_activity(found, slices)
    else:
        raise _MissingError("its units are counts, and Philips' factors (7053,1000) and (7053,1009) are missing")


def _factor(slices: Sequence[Mapping[str, Any]], name: str, tag: str) -> float:
    """A private factor, 0 where it is missing or no factor; it has to be the same in all slices."""
    values = {told.get(name) or 0.0 for told in slices}
    if len(values) > 1:
        raise _MissingError(f"Philips' factor {tag} differs from slice to slice")
    return max(0.0, float(values.pop()))


def _from_activity(found: PetScale, slices: Sequence[Mapping[str, Any]]) -> None:
    """Body weight over the dose that is left at the time of the scan; ``found`` changes once all is known."""
    first = slices[0]
    corrections = first.get("CorrectedImage", [])
    done = {str(word).upper() for word in ([corrections] if isinstance(corrections, str) else corrections)}
    lacking = {"ATTN", "DECY"} - done
    if lacking:
        raise _MissingError(f"CorrectedImage (0028,0051) lacks {' and '.join(sorted(lacking))}")
    decay = str(first.get("DecayCorrection", "")).upper()
    if decay not in ("START", "ADMIN"):
        raise _MissingError(f"DecayCorrection (0054,1102) is {decay or 'missing'}")
    weight = _positive(first, "PatientWeight", "the patient's weight (0010,1030)")
    if weight > HEAVIEST_KG:
        raise _MissingError(f"the patient's weight (0010,1030) is {weight:g} kg")
    dose = _positive(first, "RadionuclideTotalDose", "the dose (0018,1074)")
    facts, warnings = {"weight": f"{weight:g} kg", "DecayCorrection (0054,1102)": decay}, []
    if dose < MOST_MBQ:
        warnings.append(f"the dose (0018,1074) is {dose:g}, which cannot be Bq: it was taken as MBq")
        dose *= 1e6
    facts["dose"] = f"{dose / 1e6:.6g} MBq"
    left = dose
    if decay == "START":
        half_life = _positive(first, "RadionuclideHalfLife", "the half-life (0018,1075)")
        scan, how = _scan_time(slices, warnings)
        passed = _since_injection(first, scan, half_life, warnings)
        left = dose * 2.0 ** (-passed / half_life)
        facts |= {
            "half-life": f"{half_life:g} s", "scan time": f"{scan:%H:%M:%S} ({how})",
            "time since injection": f"{passed / 60:.1f} min", "dose at the scan": f"{left / 1e6:.6g} MBq",
        }  # fmt: skip
    found.factor *= weight * 1000.0 / left
    found.unit = SUV
    found.facts |= facts
    found.warnings += warnings


def _scan_time(slices: Sequence[Mapping[str, Any]], warnings: list[str]) -> tuple[datetime, str]:
    """To when the images are decay-corrected: the series' time unless it lies after the acquisition."""
    first = slices[0]
    acquired = [moment for told in slices if (moment := _moment(told, "AcquisitionDate", "AcquisitionTime"))]
    series = _moment(first, "SeriesDate", "SeriesTime")
    if series is not None and (not acquired or series <= min(acquired)):
        return series, "SeriesTime"
    vendor = _parse(str(first.get("ge_scan_time", "")))
    if vendor is not None:
        return vendor, "GE (0009,100d)"
    if not acquired:
        raise _MissingError("the time of the scan (0008,0031) is missing")
    warnings.append(
        "SeriesTime lies after the acquisition or is missing: the earliest AcquisitionTime was used for SUV"
    )
    return min(acquired), "earliest AcquisitionTime"


def _since_injection(first: Mapping[str, Any], scan: datetime, half_life: float, warnings: list[str]) -> float:
    """Seconds from injection to scan; only the time of day counts where the dates make no sense."""
    started = _parse(str(first.get("RadiopharmaceuticalStartDateTime", "")))
    longest = max(_DAY, timedelta(seconds=_HALF_LIVES * min(half_life, 1e7)))  # zirconium-89 is scanned after days
    if started is not None and timedelta() <= scan - started < longest:
        return (scan - started).total_seconds()
    clock = _parse(f"{scan:%Y%m%d}{first.get('RadiopharmaceuticalStartTime', '')}") if first.get(
        "RadiopharmaceuticalStartTime"
    ) else None  # fmt: skip
    if started is not None:
        warnings.append("the date of the injection (0018,1078) does not fit the scan's: only its time of day was used")
        clock = datetime.combine(scan.date(), started.time())
    if clock is None:
        raise _MissingError("the time of the injection (0018,1072) is missing")
    passed = scan - clock
    if started is None and longest > _DAY:
        warnings.append(
            "the date of the injection (0018,1078) is missing, and the tracer lives for days: "
            "it was taken as less than a day before the scan"
        )
    return (passed if passed >= timedelta() else passed + _DAY).total_seconds()  # injected before midnight


def _moment(told: Mapping[str, Any], date: str, time: str) -> datetime | None:
    if not told.get(time):
        return None
    return _parse(f"{told.get(date) or told.get('SeriesDate') or '19000101'}{told[time]}")


def _parse(text: str) -> datetime | None:
    """DICOM's YYYYMMDDHHMMSS.FFFFFF; the offset from UTC is left out, as both times carry the same."""
    digits = text.replace(":", "").replace("-", "+").split("+")[0].split(".")[0].strip()
    if len(digits) < 10 or not digits.isdigit():
        return None
    fraction = text.partition(".")[2][:6]
    try:
        moment = datetime.strptime(digits[:14].ljust(14, "0"), "%Y%m%d%H%M%S")
    except ValueError:
        return None
    return moment + timedelta(seconds=float(f"0.{fraction}")) if fraction.isdigit() else moment


def _positive(told: Mapping[str, Any], name: str, words: str) -> float:
    try:
        value = float(told.get(name, 0))
    except (TypeError, ValueError):
        value = 0.0
    if not 0 < value < math.inf:
        raise _MissingError(f"{words} is missing or not above zero")
    return value
