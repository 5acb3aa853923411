"""The target ExecuTorch: lowering, INT8, running, tracing and reading its files."""
