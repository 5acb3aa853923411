"""Distillation: a teacher and its student are trained, measured and given operating points; writes the recipe."""
