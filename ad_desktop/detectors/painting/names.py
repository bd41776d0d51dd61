"""Names of AutoPaint's stages and of ways to smooth, apart from their code so that a form needs no more than this."""

from __future__ import annotations

COMBINED, INPAINT, DENOISE, DOUBT, DISCS, Z = "combined", "inpaint", "denoise", "doubt", "discs", "z"
STAGES = (COMBINED, INPAINT, DENOISE, DOUBT, DISCS, Z)
GAUSSIAN, MEDIAN = "gaussian", "median"
SMOOTHINGS = (GAUSSIAN, MEDIAN)
