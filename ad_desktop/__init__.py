"""AD Desktop: learn what is normal from pictures and scans, and show what is not."""

__version__ = "0.1.0"
