"""Jobs, and the processes that do them side by side."""
