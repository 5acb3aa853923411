"""Stages: one file each for what a workflow may want made."""
