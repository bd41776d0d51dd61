"""CLIP through open_clip, run as AnomalyCLIP runs it."""
