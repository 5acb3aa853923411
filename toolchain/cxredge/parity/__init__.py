"""Parity: the evidence that an artifact agrees with the reference. Judges outputs files; runs nothing."""
