"""Scans: volumes with their place in the patient."""
