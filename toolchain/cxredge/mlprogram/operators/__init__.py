"""MIL operators by family. torch stands at module scope here: ``registry.operators`` imports these when asked."""
