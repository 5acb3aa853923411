"""Statistics on arrays: ranking, calibration, operating points, and the bootstrap. Knows nothing of films or models."""
