"""Bundles: a selection of artifacts that is complete in itself, with manifest, self-test and model card."""
