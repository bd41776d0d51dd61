"""Scans in the window: three linked planes and what lies over them."""
