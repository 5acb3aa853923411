"""Baselines: a student beside other ways to make its teacher small, on the same films, by the same training."""
