"""What listing a folder of 10,000 DICOM files takes: processor, wall, memory, a second look, and a cancel midway.

Run ``python tests/benchmarks/bench_scan_folder.py [FILES]`` on an idle machine; no shared data is needed. The files
are made in a temporary folder: series of 100 slices of 16 × 16 pixels, with strays among them. What it is set
against is pydicom reading the same headers in this process, every value of them, each file once.
"""

from __future__ import annotations

import resource
import sys
import tempfile
import threading
import time
from pathlib import Path

from common import MIB, Report, cost

SLICES = 100
WAIT = 1.0
"""Most seconds from a cancel to its effect."""
OVERHEAD = 3.0
"""Most processor time, both processes together, as a multiple of pydicom's alone."""


def write_files(folder: Path, count: int) -> None:
    """Series in folders of their own: one file is encoded, and only its numbers change from file to file."""
    from pydicom.dataset import Dataset, FileMetaDataset
    from pydicom.filewriter import dcmwrite
    from pydicom.uid import CTImageStorage, ExplicitVRLittleEndian

    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.file_meta.MediaStorageSOPClassUID = data.SOPClassUID = CTImageStorage
    data.file_meta.MediaStorageSOPInstanceUID = data.SOPInstanceUID = "1.2.9000001.9000002"
    data.SeriesInstanceUID, data.StudyInstanceUID, data.FrameOfReferenceUID = "1.3.9000001", "1.2", "1.9"
    data.Modality, data.SeriesDescription, data.PatientName, data.InstanceNumber = "CT", "Test", "Nobody", 1
    data.Rows = data.Columns = 16
    data.PixelSpacing, data.SliceThickness = ["0.5", "0.5"], "1"
    data.ImagePositionPatient, data.ImageOrientationPatient = ["0", "0", "9000003"], ["1", "0", "0", "0", "1", "0"]
    data.RescaleSlope, data.RescaleIntercept = "1", "-1024"
    data.SamplesPerPixel, data.PhotometricInterpretation, data.PixelRepresentation = 1, "MONOCHROME2", 0
    data.BitsAllocated, data.BitsStored, data.HighBit = 16, 16, 15
    data.PixelData = bytes(512)
    data["PixelData"].VR = "OW"
    pattern = folder / "pattern"
    dcmwrite(pattern, data, enforce_file_format=True)
    whole = pattern.read_bytes()
    pattern.unlink()
    for number in range(count):
        series, at = divmod(number, SLICES)
        home = folder / f"series {series:04d}"
        if at == 0:
            home.mkdir()
            (home / "notes.txt").write_text("not a scan")
        told = whole.replace(b"9000001", b"%07d" % (series + 1000000)).replace(b"9000002", b"%07d" % (at + 1000000))
        (home / f"{at:03d}.dcm").write_bytes(told.replace(b"9000003", b"%07d" % at))


def read_plainly(files: list[Path]) -> None:
    """Every value of the headers, one file after the other."""
    import pydicom

    for file in files:
        for item in pydicom.dcmread(file, stop_before_pixels=True):
            item.value  # noqa: B018 - it is converted when it is asked for


def cancel_midway(folder: Path, count: int) -> float:
    """Seconds from a cancel in the middle of a listing to its end."""
    from ad_desktop.data.volumes.index import headers
    from ad_desktop.data.volumes.opening import find_volumes
    from ad_desktop.errors import Cancelled
    from ad_desktop.task import Task

    headers.cache_clear()
    asked, task = 0.0, Task()

    def cancel() -> None:
        nonlocal asked
        while task.progress.done < count // 2:
            time.sleep(0.01)
        asked = time.perf_counter()
        task.cancel()

    thread = threading.Thread(target=cancel, daemon=True)
    thread.start()
    try:
        find_volumes([folder], task)
    except Cancelled:
        thread.join()
        return time.perf_counter() - asked
    sys.exit("the listing was not cancelled")


def main(count: int) -> int:
    """Make the files, list them, and print the figures."""
    from ad_desktop.data.volumes.opening import find_volumes
    from ad_desktop.data.volumes.worker import reading_pool

    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_files(folder, count)
        files = sorted(folder.rglob("*.dcm"))
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        listing = None

        def look() -> None:
            nonlocal listing
            listing = find_volumes([folder])

        first = cost(look)
        assert listing is not None
        assert len(listing.series) == -(-count // SLICES)
        assert not listing.failures
        again = cost(look)
        own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        reading_pool().close()
        reader = resource.getrusage(resource.RUSAGE_CHILDREN)
        plain = cost(lambda: read_plainly(files))  # after the memory was measured
        waited = cancel_midway(folder, count)
    read = reader.ru_utime + reader.ru_stime
    report = Report(f"Listing {count:,} DICOM files in {len(listing.series)} series")
    report.milliseconds("pydicom alone, a file", plain, count)
    report.milliseconds("this process, a file", first, count)
    report.figure("reading process, a file", f"{read / count * 1e3:9.2f} ms CPU")
    report.figure("all of it", f"{first.cpu + read:9.2f} s CPU {first.wall:9.2f} s wall")
    report.milliseconds("the second look, a file", again, count)
    report.figure("memory on top, this process", f"{(own - before) * 1024 / MIB:9.1f} MiB")
    report.figure("peak memory, reading process", f"{reader.ru_maxrss * 1024 / MIB:9.1f} MiB")
    report.bar("processor time over pydicom's", (first.cpu + read) / plain.cpu, OVERHEAD)
    report.bar("seconds from cancel to end", waited, WAIT)
    return report.finish()


if __name__ == "__main__":
    raise SystemExit(main(int(sys.argv[1]) if len(sys.argv) > 1 else 10_000))
