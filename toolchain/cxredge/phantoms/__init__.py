"""Synthetic chest radiographs, drawn from a seed with exact labels and masks."""
