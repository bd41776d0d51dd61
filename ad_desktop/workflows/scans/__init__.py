"""Scans in a detector: slice by slice for most methods, and put together again."""
