"""AD Desktop: learn what is normal from pictures and scans, and show what is not."""

import os

__version__ = "0.1.0"

# Before it is loaded: else onnxruntime keeps a number of this machine in the user's cache and reports to its maker.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
