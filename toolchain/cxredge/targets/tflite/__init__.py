"""The target TFLite: lowering, INT8, running, tracing and reading its files."""
