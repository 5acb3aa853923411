"""Devices: the logs that come back from them."""
