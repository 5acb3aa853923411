"""CXR Edge: from a distilled chest-X-ray student to verified phone models."""

import os

__version__ = "0.1.0"

# Nothing is sent anywhere. ONNX Runtime has telemetry of its own: it keeps an identity below the user's folder, and
# reports to its makers. It asks for this variable once, when it is loaded, and no later call keeps it from that first
# report. This file is imported before any other of the package, and processes that we start inherit the variable.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"
