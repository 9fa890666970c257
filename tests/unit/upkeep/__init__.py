"""Rotation of the sealing key, renamed and removed accounts."""
