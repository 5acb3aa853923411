"""The target Core ML: lowering, INT8, running, tracing and reading its files."""
