"""The target ONNX: lowering, INT8, running, tracing and reading its files."""
