"""What INT8 needs of a student whatever runs it: calibration films, ranges, rounding, fusion units, a simulation."""
