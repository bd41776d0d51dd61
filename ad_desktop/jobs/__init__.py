"""Background work: one serial lane for the detector, a small pool for files; results arrive on the main thread."""

from ad_desktop.jobs.job import Job, Publish
from ad_desktop.jobs.runner import JobRunner, LaneName

__all__ = ["Job", "JobRunner", "LaneName", "Publish"]
