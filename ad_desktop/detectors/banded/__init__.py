"""Detectors for slices of scans, which compare each with normal slices of the same height in the body."""
